//! Bytes in hexadecimal digits, base64 and base32 (RFC 4648).

use std::fmt;

/// Whether a space follows each 56 characters.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Spacing {
    /// There are none.
    None,
    /// There are.
    Words,
}

impl Spacing {
    /// Splits bytes into those of one word each.
    fn words(self, bytes: &[u8], length: usize) -> impl Iterator<Item = (&'static str, &[u8])> {
        let length = if self == Spacing::Words { length } else { bytes.len().max(1) };
        bytes.chunks(length).enumerate().map(|(at, word)| (if at == 0 { "" } else { " " }, word))
    }
}

/// Writes bytes in hexadecimal digits, in upper case.
pub(super) fn write_hex(out: &mut dyn fmt::Write, bytes: &[u8], spacing: Spacing) -> fmt::Result {
    for (space, word) in spacing.words(bytes, 28) {
        out.write_str(space)?;
        word.iter().try_for_each(|byte| write!(out, "{byte:02X}"))?;
    }
    Ok(())
}

/// Writes bytes in base64, with padding.
pub(super) fn write_base64(out: &mut dyn fmt::Write, bytes: &[u8], spacing: Spacing) -> fmt::Result {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (space, word) in spacing.words(bytes, 42) {
        out.write_str(space)?;
        for group in word.chunks(3) {
            let mut padded = [0; 4];
            padded[1..=group.len()].copy_from_slice(group);
            let bits = u32::from_be_bytes(padded);
            for digit in 0..4 {
                let value = bits >> (18 - 6 * digit) & 63;
                let is_padding = digit > group.len();
                out.write_char(if is_padding { '=' } else { char::from(DIGITS[value as usize]) })?;
            }
        }
    }
    Ok(())
}

/// Writes bytes in base32 with the extended hexadecimal alphabet, without padding (RFC 5155, section 3.3).
pub(super) fn write_base32hex(out: &mut dyn fmt::Write, bytes: &[u8]) -> fmt::Result {
    const DIGITS: &[u8; 32] = b"0123456789ABCDEFGHIJKLMNOPQRSTUV";
    for group in bytes.chunks(5) {
        let mut padded = [0; 8];
        padded[3..3 + group.len()].copy_from_slice(group);
        let bits = u64::from_be_bytes(padded);
        for digit in 0..(group.len() * 8).div_ceil(5) {
            let value = bits >> (35 - 5 * digit) & 31;
            out.write_char(char::from(DIGITS[value as usize]))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{Spacing, write_base32hex, write_base64, write_hex};

    /// The vectors of RFC 4648, section 10.
    #[test]
    fn bytes_are_encoded() {
        for (text, base64, base32, hex) in [
            ("", "", "", ""),
            ("f", "Zg==", "CO", "66"),
            ("fo", "Zm8=", "CPNG", "666F"),
            ("foo", "Zm9v", "CPNMU", "666F6F"),
            ("foob", "Zm9vYg==", "CPNMUOG", "666F6F62"),
            ("fooba", "Zm9vYmE=", "CPNMUOJ1", "666F6F6261"),
            ("foobar", "Zm9vYmFy", "CPNMUOJ1E8", "666F6F626172"),
        ] {
            let mut encoded = [String::new(), String::new(), String::new()];
            write_base64(&mut encoded[0], text.as_bytes(), Spacing::None).unwrap();
            write_base32hex(&mut encoded[1], text.as_bytes()).unwrap();
            write_hex(&mut encoded[2], text.as_bytes(), Spacing::None).unwrap();
            assert_eq!(encoded, [base64, base32, hex]);
        }
    }

    #[test]
    fn words_have_56_characters() {
        let (mut hex, mut base64) = (String::new(), String::new());
        write_hex(&mut hex, &[0xab; 57], Spacing::Words).unwrap();
        write_base64(&mut base64, &[0; 43], Spacing::Words).unwrap();
        assert_eq!(hex, format!("{0} {0} AB", "AB".repeat(28)));
        assert_eq!(base64, format!("{} AA==", "A".repeat(56)));
    }
}
