//! The reply to RULES.

use crate::protocol::games::ServerInfo;
use crate::protocol::games::fields::Fields;

/// Reads the rules after the kind of the packet, and adds them to a server.
///
/// Arma 3 and DayZ send binary data (their mods) in pages: the key of a page has two bytes, its number and the number
/// of pages, and in its value `01 01` stands for 01, `01 02` for 00, and `01 03` for ff. Together they become the rule
/// `binary`, in hexadecimal.
pub(super) fn read(body: &[u8], info: &mut ServerInfo) -> Result<(), &'static str> {
    let mut fields = Fields::new(body);
    let count = fields.u16_le()?;
    let (mut pages, mut binary) = (0, vec![]);
    let mut is_cut = false;
    for number in 1..=count {
        let (Ok(key), Ok(value)) = (fields.text(), fields.text()) else {
            is_cut = true;
            break;
        };
        if is_page(key, number) {
            pages += 1;
            unescape(value, &mut binary);
        } else {
            info.rules.push(key, value);
        }
    }
    if is_cut {
        info.remarks.push("the rules are cut off".to_owned());
    }
    if pages > 0 {
        let digits: String = binary.iter().map(|byte| format!("{byte:02x}")).collect();
        info.rules.push(b"binary", digits.as_bytes());
        info.remarks.push("some rules are binary: see the rule \"binary\"".to_owned());
    }
    Ok(())
}

/// Returns whether the rule with this key and number, from 1, is a page. All pages come first, and in order.
fn is_page(key: &[u8], number: u16) -> bool {
    matches!(key, [page, pages] if u16::from(*page) == number && page <= pages)
}

fn unescape(value: &[u8], out: &mut Vec<u8>) {
    let mut bytes = value.iter().copied();
    while let Some(byte) = bytes.next() {
        out.push(match byte {
            1 => match bytes.next() {
                Some(2) => 0,
                Some(3) => 0xff,
                Some(other) => other,
                None => 1,
            },
            _ => byte,
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::games::Game;

    fn rules(body: &[u8]) -> (Vec<(String, String)>, Vec<String>) {
        let mut info = ServerInfo::new(Game::find("arma3").unwrap());
        read(body, &mut info).unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let rules = info.rules.iter().map(|(key, value)| (text(key), text(value))).collect();
        (rules, info.remarks)
    }

    fn pair(key: &str, value: &str) -> (String, String) {
        (key.to_owned(), value.to_owned())
    }

    #[test]
    fn rules_are_read_as_far_as_they_go() {
        let body = b"\x02\0a\x001\0b\0\0rest";
        assert_eq!(rules(body), (vec![pair("a", "1"), pair("b", "")], vec![]));
        assert_eq!(rules(b"\0\0"), (vec![], vec![]));
        let cut = vec!["the rules are cut off".to_owned()];
        assert_eq!(rules(&body[..7]), (vec![pair("a", "1")], cut));
        assert!(read(b"\x01", &mut ServerInfo::new(Game::find("arma3").unwrap())).is_err());
    }

    #[test]
    fn pages_are_joined_and_unescaped() {
        let body = b"\x03\0\x01\x02\0\x03\x01\x02\x01\x01\0\x02\x02\0\x01\x03A\x01\0k\0v\0";
        let (rules, remarks) = rules(body);
        assert_eq!(rules, [pair("k", "v"), pair("binary", "030001ff4101")]);
        assert_eq!(remarks.len(), 1);
    }

    #[test]
    fn short_keys_are_not_pages() {
        assert_eq!(rules(b"\x02\0ab\0v\0\x01\x01\0w\0").0, [pair("ab", "v"), pair("\u{1}\u{1}", "w")]);
    }
}
