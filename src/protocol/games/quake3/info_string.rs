//! Info strings: `\key\value…`, and the numbers in them.

/// The keys and values of an info string.
#[derive(Clone, Debug)]
pub struct InfoString<'a> {
    pub(super) rest: &'a [u8],
}

impl<'a> InfoString<'a> {
    /// Reads `\key\value…` up to a line feed.
    pub(in crate::protocol::games) fn new(text: &'a [u8]) -> InfoString<'a> {
        InfoString { rest: text }
    }

    /// Returns what has not been read.
    pub(in crate::protocol::games) fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// Returns the value of the first rule `challenge`.
    pub(super) fn challenge(mut self) -> Option<&'a [u8]> {
        self.find(|(key, _)| *key == b"challenge").map(|(_, value)| value)
    }

    fn field(&mut self) -> Option<&'a [u8]> {
        let field = self.rest.strip_prefix(b"\\")?;
        let end = field.iter().position(|byte| matches!(byte, b'\\' | b'\n')).unwrap_or(field.len());
        let (field, rest) = field.split_at(end);
        self.rest = rest;
        Some(field)
    }
}

impl<'a> Iterator for InfoString<'a> {
    type Item = (&'a [u8], &'a [u8]);

    fn next(&mut self) -> Option<(&'a [u8], &'a [u8])> {
        let key = self.field()?;
        Some((key, self.field().unwrap_or_default()))
    }
}

/// Parses a decimal number of at most 18 digits, with or without a sign.
pub(in crate::protocol::games) fn number(text: &[u8]) -> Option<i64> {
    let (negative, digits) = match text {
        [b'-', digits @ ..] => (true, digits),
        [b'+', digits @ ..] => (false, digits),
        digits => (false, digits),
    };
    if digits.is_empty() || digits.len() > 18 || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let value = digits.iter().fold(0, |value, digit| value * 10 + i64::from(digit - b'0'));
    Some(if negative { -value } else { value })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_decimal_and_bounded() {
        assert_eq!(
            [&b"0"[..], b"-9999", b"+7", b"999999999999999999"].map(number),
            [Some(0), Some(-9999), Some(7), Some(999_999_999_999_999_999)]
        );
        assert_eq!([&b""[..], b"-", b"1x", b"1.5", b"9999999999999999999"].map(number), [None; 5]);
    }
}
