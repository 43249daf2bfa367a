//! Encodings other than UTF-8 and Latin-1: by name, or detected.
//!
//! Names are short, so a detector is often wrong about them. Its guess counts only if a text confirms it, with several
//! letters of that script in a row.

use std::borrow::Cow;
use std::fmt;

use encoding_rs::{
    EUC_JP, EUC_KR, GB18030, GBK, KOI8_R, SHIFT_JIS, WINDOWS_1250, WINDOWS_1251, WINDOWS_1252,
};

use super::charset::is_utf8;

/// An encoding of the WHATWG's Encoding Standard.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Encoding(&'static encoding_rs::Encoding);

/// The encodings that a name is read in when a player is searched for.
const PLAUSIBLE: [&encoding_rs::Encoding; 9] =
    [WINDOWS_1252, WINDOWS_1251, WINDOWS_1250, KOI8_R, GBK, encoding_rs::BIG5, SHIFT_JIS, EUC_KR, EUC_JP];

/// The kind of letters that an encoding adds to ASCII.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Script {
    Latin,
    /// Cyrillic, Greek, Hebrew, Arabic…: letters that do not occur in one word with Latin ones.
    Alphabet,
    EastAsian,
}

impl Encoding {
    /// Returns the encoding with this name: `windows-1251`, `gbk`, `latin1`…, ignoring case.
    pub fn find(name: &str) -> Option<Encoding> {
        let known = encoding_rs::Encoding::for_label(name.as_bytes());
        known.filter(|encoding| encoding.is_ascii_compatible()).map(Encoding)
    }

    /// Returns its name.
    pub fn name(self) -> &'static str {
        self.0.name()
    }

    /// Decodes a text. What is invalid becomes U+FFFD.
    pub(super) fn decode(self, text: &[u8]) -> Cow<'_, str> {
        self.0.decode_without_bom_handling(text).0
    }

    /// Decodes a text that may be in this encoding; `None` if it is invalid, or does not look like a text in this
    /// encoding.
    pub(super) fn decode_plausible(self, text: &[u8]) -> Option<Cow<'_, str>> {
        let decoded = self.0.decode_without_bom_handling_and_without_replacement(text)?;
        let is_plausible = match self.script() {
            Script::Latin => true,
            Script::Alphabet => !mixes_scripts(&decoded),
            Script::EastAsian => longest_run(&decoded, is_east_asian) >= 2,
        };
        is_plausible.then_some(decoded)
    }

    /// Returns the encodings that `text` may be in, if it is not UTF-8.
    pub(super) fn plausible(text: &[u8]) -> impl Iterator<Item = Encoding> {
        let is_utf8 = is_utf8(text);
        let encodings = PLAUSIBLE.into_iter().filter(move |_| !is_utf8).map(Encoding);
        encodings
            .filter(|encoding| encoding.0.decode_without_bom_handling_and_without_replacement(text).is_some())
    }

    /// Detects the encoding of those texts that are not UTF-8; `None` if it cannot be detected.
    pub(super) fn detect<'a>(texts: impl Iterator<Item = &'a [u8]> + Clone) -> Option<Encoding> {
        let mut texts = texts.filter(|text| !is_utf8(text)).peekable();
        texts.peek()?;
        let mut detector = chardetng::EncodingDetector::new();
        for text in texts.clone() {
            detector.feed(&without_codes(text), false);
            detector.feed(b"\n", false);
        }
        let guess = Encoding(detector.guess(None, false));
        if texts.clone().any(|text| guess.is_confirmed_by(text)) {
            return Some(guess);
        }
        // Latin-1 has no characters from 0x80 to 0x9f.
        texts
            .any(|text| text.iter().any(|byte| (0x80..0xa0).contains(byte)))
            .then_some(Encoding(WINDOWS_1252))
    }

    fn is_confirmed_by(self, text: &[u8]) -> bool {
        let text = without_codes(text);
        let Some(decoded) = self.decode_plausible(&text) else { return false };
        match self.script() {
            Script::Latin => self.0 == WINDOWS_1250 && other_letters(&text, &decoded) >= 2,
            Script::Alphabet => longest_run(&decoded, is_of_another_alphabet) >= 3,
            Script::EastAsian => true,
        }
    }

    fn script(self) -> Script {
        const EAST_ASIAN: [&encoding_rs::Encoding; 6] =
            [GBK, GB18030, encoding_rs::BIG5, SHIFT_JIS, EUC_JP, EUC_KR];
        // A letter of each encoding's own script, if it has one.
        let (letter, _) = self.0.decode_without_bom_handling(b"\xe1\xf0\xc1");
        if EAST_ASIAN.contains(&self.0) {
            Script::EastAsian
        } else if letter.chars().any(is_of_another_alphabet) {
            Script::Alphabet
        } else {
            Script::Latin
        }
    }
}

impl fmt::Debug for Encoding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Returns a text without codes of two ASCII characters that begin with `^`: most colours.
fn without_codes(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text.iter();
    while let Some(&byte) = rest.next() {
        match rest.as_slice().first() {
            Some(next) if byte == b'^' && next.is_ascii() => _ = rest.next(),
            _ => out.push(byte),
        }
    }
    out
}

/// Returns the number of letters that would be other characters in the encoding of Western Europe.
fn other_letters(text: &[u8], decoded: &str) -> usize {
    let western = Encoding(WINDOWS_1252).decode(text);
    decoded.chars().zip(western.chars()).filter(|(c, western)| c.is_alphabetic() && c != western).count()
}

fn is_east_asian(c: char) -> bool {
    c.is_alphabetic() && c >= '\u{1100}'
}

fn is_of_another_alphabet(c: char) -> bool {
    c.is_alphabetic() && ('\u{370}'..'\u{1100}').contains(&c)
}

fn longest_run(text: &str, is: fn(char) -> bool) -> usize {
    text.split(|c| !is(c)).map(|run| run.chars().count()).max().unwrap_or(0)
}

/// Returns whether a word has letters of ASCII and of another alphabet. A character after a `^` belongs to no word.
fn mixes_scripts(text: &str) -> bool {
    let (mut before, mut word) = (' ', [false; 2]);
    for c in text.chars() {
        if before == '^' || !c.is_alphabetic() {
            word = [false; 2];
        } else {
            word[0] |= c.is_ascii();
            word[1] |= is_of_another_alphabet(c);
            if word == [true; 2] {
                return true;
            }
        }
        before = c;
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encode(encoding: &str, text: &str) -> Vec<u8> {
        Encoding::find(encoding).unwrap().0.encode(text).0.into_owned()
    }

    /// Returns the encoding that is detected for these names, which are encoded as `encoding`.
    fn detected(encoding: &str, names: &[&str]) -> Option<&'static str> {
        let names: Vec<Vec<u8>> = names.iter().map(|name| encode(encoding, name)).collect();
        Encoding::detect(names.iter().map(Vec::as_slice)).map(Encoding::name)
    }

    #[test]
    fn encodings_have_several_names() {
        for (name, wanted) in [
            ("latin1", "windows-1252"),
            ("ISO-8859-1", "windows-1252"),
            ("CP1251", "windows-1251"),
            ("utf8", "UTF-8"),
            ("gb2312", "GBK"),
            ("sjis", "Shift_JIS"),
        ] {
            assert_eq!(Encoding::find(name).map(Encoding::name), Some(wanted));
        }
        assert!(Encoding::find("utf-16").is_none() && Encoding::find("klingon").is_none());
    }

    #[test]
    fn names_of_several_letters_are_detected() {
        for (encoding, names) in [
            ("windows-1251", &["Вася"][..]),
            ("windows-1251", &["^1В^7ася", "José"][..]),
            ("windows-1251", &["[RU] Алкаш", "plain"]),
            ("windows-1253", &["Νίκος"]),
            ("windows-1250", &["Zażółć gęślą"]),
            ("GBK", &["中国战队服务器"]),
            ("Big5", &["台灣伺服器"]),
            ("Shift_JIS", &["プレイヤー"]),
            ("EUC-KR", &["안녕하세요"]),
        ] {
            assert_eq!(detected(encoding, names), Some(encoding), "{names:?}");
        }
    }

    #[test]
    fn names_with_some_strange_letters_are_latin() {
        for names in [["PsY©h0", "Grün"], ["ÐeathMaster", "José"], ["øGhostø", "µax"], ["«WSS»Bob", "þórr"]]
        {
            assert_eq!(detected("windows-1252", &names), None, "{names:?}");
        }
        assert_eq!(detected("windows-1252", &["®oger™"]), Some("windows-1252"));
        assert_eq!(detected("utf-8", &["Вася"]), None);
        let name = "Русский сервер выживания".as_bytes();
        assert_eq!(Encoding::detect(std::iter::once(&name[..name.len() - 1])), None);
        assert_eq!(Encoding::detect(std::iter::once(&b"\xe6\x97\xa5\xe6\x9c\xac\xff"[..])), None);
        assert_eq!(Encoding::detect(std::iter::empty()), None);
    }

    #[test]
    fn a_text_that_mixes_alphabets_is_in_another_encoding() {
        let cyrillic = Encoding::find("windows-1251").unwrap();
        let read = |text: &str| cyrillic.decode_plausible(&encode("windows-1252", text)).is_some();
        assert!(!read("Müller") && !read("^2Jos\u{e9}"));
        let read = |text: &str| cyrillic.decode_plausible(&encode("windows-1251", text)).is_some();
        assert!(read("Вася") && read("^oВася") && read("RU Вася-x"));
    }

    #[test]
    fn a_name_has_several_plausible_readings() {
        let names: Vec<_> = Encoding::plausible(b"\xc2\xe0\xf1\xff").map(Encoding::name).collect();
        assert!(names.starts_with(&["windows-1252", "windows-1251", "windows-1250", "KOI8-R"]), "{names:?}");
        assert_eq!(Encoding::plausible("Вася".as_bytes()).count(), 0);
    }
}
