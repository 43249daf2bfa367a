//! Names in messages, where the end of a name may be a pointer to an earlier one (RFC 1035, section 4.1.4).

use std::fmt;

use super::text::write_escaped;
use super::{MessageError, Name};
use crate::protocol::bytes_at;

/// The maximum number of bytes of a label (RFC 1035, section 2.3.4).
pub(super) const LONGEST_LABEL: usize = 63;
/// The maximum number of bytes of a name on the wire, lengths and root included.
pub(super) const LONGEST_NAME: usize = 255;
/// The maximum number of pointers in a name: one for each label that it may have. Without a limit, a message of 64 KiB
/// could have thousands of names with thousands of pointers each.
const MOST_POINTERS: usize = LONGEST_NAME / 2;

/// The characters that BIND escapes in names, besides those that are not printable (`lib/dns/name.c`).
const SPECIAL: &[u8] = b"\"().;\\@$";

/// Writes a label with its escapes, and the dot after it.
pub(super) fn write_label(out: &mut impl fmt::Write, label: &[u8]) -> fmt::Result {
    write_escaped(out, label, 0x21, SPECIAL)?;
    out.write_char('.')
}

/// A name in a message, which has been checked. It borrows the message, and is read where it is.
#[derive(Clone, Copy)]
pub struct NameView<'a> {
    message: &'a [u8],
    offset: usize,
}

impl<'a> NameView<'a> {
    /// Checks the name at this offset, and returns it with the offset of what follows it. Pointers must lead to earlier
    /// bytes than any before, which ends every loop.
    pub fn parse(message: &'a [u8], offset: usize) -> Result<(NameView<'a>, usize), MessageError> {
        let (mut at, mut earliest, mut length) = (offset, offset, 1);
        let (mut next, mut pointers) = (None, 0);
        loop {
            match (*message.get(at).ok_or(MessageError::Truncated)?, message.get(at + 1)) {
                (0, _) => return Ok((NameView { message, offset }, next.unwrap_or(at + 1))),
                (count @ 1..=63, _) => {
                    at += 1 + usize::from(count);
                    length += 1 + usize::from(count);
                    if length > LONGEST_NAME {
                        return Err(MessageError::LongName);
                    }
                }
                (0xc0.., None) => return Err(MessageError::Truncated),
                (high @ 0xc0.., Some(&low)) => {
                    next = next.or(Some(at + 2));
                    at = pointed(high, low);
                    pointers += 1;
                    if at >= earliest {
                        return Err(MessageError::BadPointer);
                    }
                    if pointers > MOST_POINTERS {
                        return Err(MessageError::ManyPointers);
                    }
                    earliest = at;
                }
                _ => return Err(MessageError::BadLabel),
            }
        }
    }

    /// Returns the name with which `wire` begins, which was checked and has no pointers.
    pub(super) fn uncompressed(wire: &'a [u8]) -> NameView<'a> {
        NameView { message: wire, offset: 0 }
    }

    /// Returns the labels, from the first to that below the root.
    pub fn labels(self) -> impl Iterator<Item = &'a [u8]> {
        let NameView { message, offset: mut at } = self;
        std::iter::from_fn(move || {
            while let high @ 0xc0.. = *message.get(at)? {
                at = pointed(high, *message.get(at + 1)?);
            }
            let count = usize::from(*message.get(at)?);
            let label = message.get(at + 1..at + 1 + count).filter(|label| !label.is_empty())?;
            at += 1 + count;
            Some(label)
        })
    }

    /// Copies the name.
    pub fn to_name(self) -> Name {
        Name::from_labels(self.labels())
    }

    /// Returns whether the names are equal if upper and lower case are not distinguished.
    pub fn eq_ignore_case(self, other: NameView<'_>) -> bool {
        self.is_same_place(other) || same_labels(self.labels(), other.labels())
    }

    /// Returns whether both are the same bytes of one message. They often are: servers compress names with pointers.
    fn is_same_place(self, other: NameView<'_>) -> bool {
        self.message.as_ptr() == other.message.as_ptr() && self.start() == other.start()
    }

    /// Returns the offset of its first label, or of the byte that ends it.
    fn start(self) -> usize {
        let mut at = self.offset;
        while let Some([high @ 0xc0..=0xff, low]) = bytes_at(self.message, at) {
            at = pointed(high, low);
        }
        at
    }

    /// Returns whether this is `name` if upper and lower case are not distinguished.
    pub fn is(self, name: &Name) -> bool {
        same_labels(self.labels(), name.labels())
    }
}

fn pointed(high: u8, low: u8) -> usize {
    usize::from(u16::from_be_bytes([high & 0x3f, low]))
}

fn same_labels<'a, 'b>(
    mut one: impl Iterator<Item = &'a [u8]>,
    mut other: impl Iterator<Item = &'b [u8]>,
) -> bool {
    loop {
        match (one.next(), other.next()) {
            (None, None) => return true,
            (Some(one), Some(other)) if one.eq_ignore_ascii_case(other) => {}
            _ => return false,
        }
    }
}

impl fmt::Display for NameView<'_> {
    /// Writes the name as [`Name`] does.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut labels = self.labels().peekable();
        if labels.peek().is_none() {
            return f.write_str(".");
        }
        labels.try_for_each(|label| write_label(f, label))
    }
}

impl fmt::Debug for NameView<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "NameView({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::{MessageError, Name, NameView};

    #[test]
    fn pointers_are_followed_backwards() {
        let message = b"\x03com\0\x01a\xc0\x00\x01B\xc0\x05\xc0\x05";
        let read = |offset| Name::from_message(message, offset).map(|(name, next)| (name.to_string(), next));
        assert_eq!(read(0), Ok(("com.".to_owned(), 5)));
        assert_eq!(read(5), Ok(("a.com.".to_owned(), 9)));
        assert_eq!(read(9), Ok(("B.a.com.".to_owned(), 13)));
        assert_eq!(read(13), Ok(("a.com.".to_owned(), 15)));
        assert_eq!(read(4), Ok((".".to_owned(), 5)));
    }

    #[test]
    fn broken_names_have_a_reason() {
        let read = |message: &[u8], offset| NameView::parse(message, offset).map(|(_, next)| next);
        assert_eq!(read(b"", 0), Err(MessageError::Truncated));
        assert_eq!(read(b"\x01", 0), Err(MessageError::Truncated));
        assert_eq!(read(b"\x01a", 0), Err(MessageError::Truncated));
        assert_eq!(read(b"\xc0", 0), Err(MessageError::Truncated));
        assert_eq!(read(b"\xc0\x00", 0), Err(MessageError::BadPointer));
        assert_eq!(read(b"\x01a\xc0\x00", 0), Err(MessageError::BadPointer));
        assert_eq!(read(b"\x01a\xc0\x04\xc0\x02", 2), Err(MessageError::BadPointer));
        assert_eq!(read(b"\xc0\x01\xc0\x00", 2), Err(MessageError::BadPointer));
        assert_eq!(read(b"\x40", 0), Err(MessageError::BadLabel));
        assert_eq!(read(&[1; 300], 0), Err(MessageError::LongName));
        assert_eq!(read(b"a", usize::MAX - 1), Err(MessageError::Truncated));
    }

    #[test]
    fn a_name_has_as_many_pointers_as_labels_at_most() {
        // A root, and pointers that each lead to the one before.
        let chain = |pointers: u16| {
            let before = |number: u16| if number == 0 { 0 } else { 2 * number - 1 };
            let pointers = (0..pointers).flat_map(|number| (0xc000 | before(number)).to_be_bytes());
            [0].into_iter().chain(pointers).collect::<Vec<u8>>()
        };
        let read = |message: &[u8]| NameView::parse(message, message.len() - 2).map(|(_, next)| next);
        assert_eq!(read(&chain(127)), Ok(255));
        assert_eq!(read(&chain(128)), Err(MessageError::ManyPointers));

        // Each label behind a pointer.
        let mut message = b"\0".to_vec();
        let mut before = 0_u16;
        for _ in 0..127 {
            let at = message.len() as u16;
            message.extend(b"\x01a");
            message.extend((0xc000 | before).to_be_bytes());
            before = at;
        }
        let (name, _) = NameView::parse(&message, before.into()).expect("the longest name");
        assert_eq!(name.labels().count(), 127);
    }

    #[test]
    fn names_are_compared_without_case() {
        let message = b"\x03com\0\x01a\xc0\x00\x01A\x03COM\0";
        let at = |offset| NameView::parse(message, offset).unwrap().0;
        assert!(at(5).eq_ignore_case(at(9)));
        assert!(!at(0).eq_ignore_case(at(9)));
        assert!(at(9).is(&"a.Com".parse().unwrap()));
        assert!(!at(9).is(&"x.a.com".parse().unwrap()));
        assert!(!at(9).is(&Name::root()));
    }
}
