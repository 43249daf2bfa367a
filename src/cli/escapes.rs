//! Parses and formats payloads: hexadecimal digits, and text with escapes.

use std::fmt::Write;

/// Parses hexadecimal digits; whitespace and colons between them are skipped.
pub fn hex(digits: &str) -> Result<Vec<u8>, String> {
    let digits: Vec<char> = digits.chars().filter(|c| !c.is_whitespace() && *c != ':').collect();
    if digits.len() % 2 == 1 {
        return Err("an odd number of hexadecimal digits".into());
    }
    digits.chunks_exact(2).map(|pair| byte(pair[0], pair[1])).collect()
}

/// Parses text with the escapes `\n \r \t \0 \\ \xFF`.
pub fn text(typed: &str) -> Result<Vec<u8>, String> {
    let (mut bytes, mut chars) = (vec![], typed.chars());
    while let Some(c) = chars.next() {
        if c != '\\' {
            bytes.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
            continue;
        }
        bytes.push(match chars.next() {
            Some('n') => b'\n',
            Some('r') => b'\r',
            Some('t') => b'\t',
            Some('0') => 0,
            Some('\\') => b'\\',
            Some('x') => match (chars.next(), chars.next()) {
                (Some(high), Some(low)) => byte(high, low)?,
                _ => return Err("\\x needs two hexadecimal digits".into()),
            },
            _ => return Err("unknown escape: use \\n \\r \\t \\0 \\\\ \\xFF".into()),
        });
    }
    Ok(bytes)
}

fn byte(high: char, low: char) -> Result<u8, String> {
    match (high.to_digit(16), low.to_digit(16)) {
        (Some(high), Some(low)) => Ok((high << 4 | low) as u8),
        _ => Err(format!("`{}{}` is not a hexadecimal number", high.escape_debug(), low.escape_debug())),
    }
}

/// Formats bytes as two hexadecimal digits each.
pub fn to_hex(bytes: &[u8]) -> String {
    let mut digits = String::with_capacity(2 * bytes.len());
    for byte in bytes {
        // Writing to a string cannot fail.
        let _ = write!(digits, "{byte:02x}");
    }
    digits
}

/// Formats bytes such that [`text`] can parse them: printable ASCII unchanged, everything else as escapes.
pub fn to_text(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    for &byte in bytes {
        match byte {
            b'\n' => text.push_str("\\n"),
            b'\r' => text.push_str("\\r"),
            b'\t' => text.push_str("\\t"),
            b'\\' => text.push_str("\\\\"),
            b' '..=b'~' => text.push(char::from(byte)),
            _ => drop(write!(text, "\\x{byte:02x}")),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits() {
        assert_eq!(hex("ff:FF 00\t7f"), Ok(vec![255, 255, 0, 127]));
        assert_eq!(hex(""), Ok(vec![]));
        assert!(hex("f").is_err() && hex("fg").is_err() && hex("é0").is_err());
    }

    #[test]
    fn formatted_bytes_can_be_parsed() {
        let all: Vec<u8> = (0..=255).collect();
        assert_eq!(text(&to_text(&all)), Ok(all.clone()));
        assert_eq!(hex(&to_hex(&all)), Ok(all));
        assert_eq!(text(r"\xff\xFFget\n\0é\\"), Ok(b"\xff\xffget\n\0\xc3\xa9\\".to_vec()));
        for wrong in [r"\", r"\q", r"\x", r"\x1", r"\xgg"] {
            assert!(text(wrong).is_err(), "{wrong}");
        }
    }
}
