//! Bytes as text with escapes (RFC 1035, section 5.1).

use std::fmt;

/// Writes `bytes` as ASCII: those of `special` after a backslash, and those below `least` or above `~` as a backslash and
/// three decimal digits.
pub(super) fn write_escaped(
    out: &mut impl fmt::Write,
    bytes: &[u8],
    least: u8,
    special: &[u8],
) -> fmt::Result {
    let is_printable = |byte: u8| (least..0x7f).contains(&byte);
    let mut rest = bytes;
    loop {
        let is_escaped = |&byte: &u8| !is_printable(byte) || special.contains(&byte);
        let (plain, escaped) = rest.split_at(rest.iter().position(is_escaped).unwrap_or(rest.len()));
        out.write_str(std::str::from_utf8(plain).unwrap_or_default())?;
        let Some((&byte, after)) = escaped.split_first() else { return Ok(()) };
        if is_printable(byte) {
            write!(out, "\\{}", char::from(byte))?;
        } else {
            write!(out, "\\{byte:03}")?;
        }
        rest = after;
    }
}

#[cfg(test)]
mod tests {
    use super::write_escaped;

    #[test]
    fn bytes_are_escaped() {
        let escaped = |bytes: &[u8], least, special: &[u8]| {
            let mut text = String::new();
            write_escaped(&mut text, bytes, least, special).unwrap();
            text
        };
        assert_eq!(escaped(b"", 0x20, b""), "");
        assert_eq!(escaped(b"plain", 0x20, b""), "plain");
        assert_eq!(escaped(b"a b\"\\\0\x7f\xff", 0x20, b"\"\\"), "a b\\\"\\\\\\000\\127\\255");
        assert_eq!(escaped(b"a b.c", 0x21, b"."), "a\\032b\\.c");
    }
}
