//! The part of the Basic Encoding Rules (X.690) that SNMP uses (RFC 3417, section 8).
//!
//! The reader borrows, and is lenient: a reply that it rejected would look like a lost one. The writer goes backwards,
//! from the last byte to the first, because a length comes before the content that it counts.

/// INTEGER.
pub const INTEGER: u8 = 0x02;
/// OCTET STRING.
pub const OCTET_STRING: u8 = 0x04;
/// NULL.
pub const NULL: u8 = 0x05;
/// OBJECT IDENTIFIER.
pub const OBJECT_ID: u8 = 0x06;
/// SEQUENCE.
pub const SEQUENCE: u8 = 0x30;

/// Reads one element after another from a slice.
#[derive(Clone, Copy, Debug)]
pub struct Reader<'a> {
    rest: &'a [u8],
}

/// One element: a tag and its content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Element<'a> {
    /// The first byte of the tag. It ends in five ones if the tag has more bytes.
    pub tag: u8,
    /// The content.
    pub content: &'a [u8],
    /// True if the length or the tag takes more bytes than necessary.
    pub is_long: bool,
}

impl<'a> Reader<'a> {
    /// Creates a reader of `bytes`.
    pub const fn new(bytes: &'a [u8]) -> Reader<'a> {
        Reader { rest: bytes }
    }

    /// Returns the bytes that have not been read.
    pub const fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// Returns whether everything has been read.
    pub const fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// Reads the next element, whatever its tag.
    ///
    /// # Errors
    /// The element is truncated, or its length has the indefinite form, which SNMP does not allow.
    pub fn element(&mut self) -> Result<Element<'a>, &'static str> {
        // Nearly all elements have a tag and a length of one byte each.
        let (tag, len, header, is_long) = match *self.rest {
            [tag, len @ ..0x80, ..] if tag & 0x1f != 0x1f => (tag, usize::from(len), 2, false),
            _ => long_header(self.rest)?,
        };
        let content = self.rest.get(header..header + len).ok_or("an element is truncated")?;
        self.rest = &self.rest[header + len..];
        Ok(Element { tag, content, is_long })
    }

    /// Reads the next element, which must have `tag`, and returns its content.
    ///
    /// # Errors
    /// The element has another tag, or cannot be [read](Reader::element).
    pub fn expect(&mut self, tag: u8) -> Result<&'a [u8], &'static str> {
        let element = self.element()?;
        if element.tag == tag { Ok(element.content) } else { Err("an element has an unexpected type") }
    }

    /// Reads the next element as an integer.
    ///
    /// # Errors
    /// The element has another tag or more than 64 bits, or cannot be [read](Reader::element).
    pub fn integer(&mut self) -> Result<i64, &'static str> {
        let content = self.expect(INTEGER)?;
        integer(content).ok_or("an integer has more than 64 bits")
    }
}

/// Reads a header of more than two bytes: returns the tag, the length, the size of the header, and whether that is more
/// than necessary.
#[cold]
fn long_header(bytes: &[u8]) -> Result<(u8, usize, usize, bool), &'static str> {
    const CUT: &str = "the header of an element is truncated";
    let &tag = bytes.first().ok_or(CUT)?;
    let mut at = 1;
    if tag & 0x1f == 0x1f {
        at += bytes[1..].iter().position(|&byte| byte < 0x80).ok_or(CUT)? + 1;
    }
    let &first = bytes.get(at).ok_or(CUT)?;
    at += 1;
    if first < 0x80 {
        return Ok((tag, first.into(), at, false));
    }
    if first == 0x80 {
        return Err("an element has no definite length");
    }
    let digits = bytes.get(at..at + usize::from(first & 0x7f)).ok_or(CUT)?;
    let len = digits.iter().try_fold(0usize, |len, &digit| {
        // A length of 2^24 or more exceeds any datagram.
        (len < 1 << 16).then_some(len << 8 | usize::from(digit))
    });
    let len = len.ok_or("an element is truncated")?;
    let needed = if len < 0x80 { 0 } else { (usize::BITS - len.leading_zeros()).div_ceil(8) as usize };
    Ok((tag, len, at + digits.len(), digits.len() > needed))
}

/// Decodes the content of an integer, in two's complement; no content is 0. Returns `None` if the integer does not fit
/// in 64 bits.
pub fn integer(content: &[u8]) -> Option<i64> {
    let negative = content.first().is_some_and(|byte| byte & 0x80 != 0);
    let fill = if negative { 0xff } else { 0 };
    let beyond = content.len().saturating_sub(8);
    let (beyond, digits) = content.split_at(beyond);
    if beyond.iter().any(|&byte| byte != fill) {
        return None;
    }
    let start = if negative { -1i64 } else { 0 };
    let value = digits.iter().fold(start, |value, &byte| value << 8 | i64::from(byte));
    (beyond.is_empty() || (value < 0) == negative).then_some(value)
}

/// Writes elements from the last to the first. The content of a constructed element is written before its header.
///
/// ```
/// use allears::protocol::snmp::ber::{self, Writer};
///
/// let mut writer = Writer::default();
/// let end = writer.len();
/// writer.integer(ber::INTEGER, 300);
/// writer.element(ber::OCTET_STRING, b"hi");
/// writer.wrap(ber::SEQUENCE, end);
/// let mut bytes = Vec::new();
/// writer.append_to(&mut bytes);
/// assert_eq!(bytes, b"\x30\x08\x04\x02hi\x02\x02\x01\x2c");
/// ```
#[derive(Clone, Debug, Default)]
pub struct Writer {
    /// The bytes written so far, the last one first.
    reversed: Vec<u8>,
}

impl Writer {
    /// Discards everything written, and keeps the memory.
    pub fn clear(&mut self) {
        self.reversed.clear();
    }

    /// Returns the number of bytes written so far, for [`wrap`](Writer::wrap).
    pub fn len(&self) -> usize {
        self.reversed.len()
    }

    /// Returns whether no bytes have been written.
    pub fn is_empty(&self) -> bool {
        self.reversed.is_empty()
    }

    /// Writes bytes unchanged.
    pub fn bytes(&mut self, bytes: &[u8]) {
        self.reversed.extend(bytes.iter().rev());
    }

    /// Writes an element.
    pub fn element(&mut self, tag: u8, content: &[u8]) {
        let end = self.len();
        self.bytes(content);
        self.wrap(tag, end);
    }

    /// Turns everything written since `end` into the content of an element.
    pub fn wrap(&mut self, tag: u8, end: usize) {
        let len = self.len() - end;
        if len < 0x80 {
            self.reversed.push(len as u8);
        } else {
            let mut rest = len;
            let start = self.len();
            while rest > 0 {
                self.reversed.push(rest as u8);
                rest >>= 8;
            }
            self.reversed.push(0x80 | (self.len() - start) as u8);
        }
        self.reversed.push(tag);
    }

    /// Writes a signed number in the fewest possible bytes.
    pub fn integer(&mut self, tag: u8, value: i64) {
        let end = self.len();
        let mut rest = value;
        loop {
            self.reversed.push(rest as u8);
            let sign = rest as u8 & 0x80 != 0;
            rest >>= 8;
            if (rest == 0 && !sign) || (rest == -1 && sign) {
                break;
            }
        }
        self.wrap(tag, end);
    }

    /// Writes an unsigned number in the fewest possible bytes.
    pub fn unsigned(&mut self, tag: u8, value: u64) {
        if let Ok(value) = i64::try_from(value) {
            return self.integer(tag, value);
        }
        // Without a leading zero byte, the high bit would make the number negative.
        let end = self.len();
        self.bytes(&value.to_be_bytes());
        self.reversed.push(0);
        self.wrap(tag, end);
    }

    /// Appends everything written to `out`, in the right order.
    pub fn append_to(&self, out: &mut Vec<u8>) {
        out.extend(self.reversed.iter().rev());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(write: impl Fn(&mut Writer)) -> Vec<u8> {
        let (mut writer, mut out) = (Writer::default(), Vec::new());
        write(&mut writer);
        writer.append_to(&mut out);
        out
    }

    #[test]
    fn numbers_are_written_in_the_fewest_bytes_and_read_back() {
        for (value, bytes) in [
            (0, &[2, 1, 0][..]),
            (127, &[2, 1, 0x7f]),
            (128, &[2, 2, 0, 0x80]),
            (-1, &[2, 1, 0xff]),
            (-128, &[2, 1, 0x80]),
            (-129, &[2, 2, 0xff, 0x7f]),
            (i64::MIN, &[2, 8, 0x80, 0, 0, 0, 0, 0, 0, 0]),
        ] {
            assert_eq!(written(|writer| writer.integer(INTEGER, value)), bytes);
            assert_eq!(Reader::new(bytes).integer(), Ok(value));
        }
        assert_eq!(
            written(|writer| writer.unsigned(0x41, 0xffff_ffff)),
            [0x41, 5, 0, 0xff, 0xff, 0xff, 0xff]
        );
        assert_eq!(written(|writer| writer.unsigned(0x46, u64::MAX))[..3], [0x46, 9, 0]);
    }

    #[test]
    fn lengths_of_every_form_are_read() {
        for (bytes, len, is_long) in [
            (&[4, 2, 7, 7][..], 2, false),
            (&[4, 0x81, 2, 7, 7], 2, true),
            (&[4, 0x84, 0, 0, 0, 2, 7, 7], 2, true),
            (&[0x1f, 0x81, 0x01, 1, 7], 1, false),
            (&[4, 0], 0, false),
        ] {
            let element = Reader::new(bytes).element().expect("whole");
            assert_eq!((element.content.len(), element.is_long), (len, is_long), "{bytes:?}");
        }
        for len in [0x7f, 0x80, 0xff, 0x100, 0xffff, 0x1_0000] {
            let bytes = written(|writer| writer.element(OCTET_STRING, &vec![7; len]));
            let element = Reader::new(&bytes).element().expect("whole");
            assert_eq!((element.content.len(), element.is_long), (len, false));
        }
    }

    #[test]
    fn truncated_elements_are_errors() {
        let whole = [0x30, 0x82, 0, 3, 2, 1, 5];
        for len in 0..whole.len() {
            assert!(Reader::new(&whole[..len]).element().is_err(), "{len}");
        }
        for broken in
            [&[0x30, 0x80, 0, 0][..], &[4, 0x89, 1, 1, 1, 1, 1, 1, 1, 1, 1], &[0x1f, 0xff], &[4, 0xff, 1]]
        {
            assert!(Reader::new(broken).element().is_err(), "{broken:?}");
        }
    }

    #[test]
    fn integers_of_any_length() {
        assert_eq!(integer(&[]), Some(0));
        assert_eq!(integer(&[0, 0, 0, 0, 0, 0, 0, 0, 5]), Some(5));
        assert_eq!(integer(&[0xff; 12]), Some(-1));
        assert_eq!(integer(&[0, 0x80, 0, 0, 0, 0, 0, 0, 0]), None);
        assert_eq!(integer(&[1, 0, 0, 0, 0, 0, 0, 0, 0]), None);
    }
}
