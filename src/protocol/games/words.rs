//! The words of a line of text, some of them in quotes: `12 48 "Ann"`.

use super::quake3::number;

/// The rest of a line. Each method removes a word from its start.
#[derive(Clone, Copy, Debug)]
pub(super) struct Words<'a> {
    rest: &'a [u8],
}

impl<'a> Words<'a> {
    pub(super) fn new(line: &'a [u8]) -> Words<'a> {
        Words { rest: line.trim_ascii() }
    }

    /// Reads a whole number.
    pub(super) fn number(&mut self) -> Option<i32> {
        let is_end = |byte: &u8| byte.is_ascii_whitespace() || *byte == b'"';
        let end = self.rest.iter().position(is_end).unwrap_or(self.rest.len());
        let (word, rest) = self.rest.split_at(end);
        let number = i32::try_from(number(word)?).ok()?;
        self.rest = rest.trim_ascii_start();
        Some(number)
    }

    /// Reads a text in quotes.
    pub(super) fn quoted(&mut self) -> Option<&'a [u8]> {
        let text = self.rest.strip_prefix(b"\"")?;
        let end = text.iter().position(|&byte| byte == b'"')?;
        self.rest = text[end + 1..].trim_ascii_start();
        Some(&text[..end])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_read_from_left_to_right() {
        let mut words = Words::new(b" -12 48  \"Ann \\ B\" \"\" 7 ");
        assert_eq!((words.number(), words.number(), words.number()), (Some(-12), Some(48), None));
        assert_eq!(
            (words.quoted(), words.quoted(), words.quoted()),
            (Some(&b"Ann \\ B"[..]), Some(&b""[..]), None)
        );
        assert_eq!((words.number(), words.rest, words.number()), (Some(7), &b""[..], None));
    }

    #[test]
    fn what_cannot_be_read_stays() {
        let mut words = Words::new(b"12x \"open");
        assert_eq!((words.number(), words.quoted(), words.rest), (None, None, &b"12x \"open"[..]));
        assert_eq!(Words::new(b"\"open").quoted(), None);
        assert_eq!(Words::new(b"9999999999").number(), None);
    }
}
