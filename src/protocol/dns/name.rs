//! Names, as text (RFC 1035, section 5.1) and on the wire (section 3.1).

use std::error::Error;
use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use super::name_view::{LONGEST_LABEL, LONGEST_NAME, write_label};
use super::{MessageError, NameView};

/// A name in its wire format: labels, each after its length, up to that of the root, which is empty. At most 255 bytes.
///
/// Equality and hashes distinguish upper and lower case; [`eq_ignore_case`](Name::eq_ignore_case) does not.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Name(Box<[u8]>);

impl Name {
    /// Returns the root, the name without labels.
    pub fn root() -> Name {
        Name(Box::new([0]))
    }

    /// Returns the name under which the PTR records of an address are: in `in-addr.arpa` (RFC 1035, section 3.5) or in
    /// `ip6.arpa` (RFC 3596, section 2.5).
    pub fn reverse(address: IpAddr) -> Name {
        let mut name = Builder::new();
        match address {
            IpAddr::V4(address) => {
                for byte in address.octets().into_iter().rev() {
                    let digits = [b'0' + byte / 100, b'0' + byte / 10 % 10, b'0' + byte % 10];
                    let zeros = if byte < 10 { 2 } else { usize::from(byte < 100) };
                    name.push_short(&digits[zeros..]);
                }
                name.push_short(b"in-addr");
            }
            IpAddr::V6(address) => {
                for byte in address.octets().into_iter().rev() {
                    for nibble in [byte & 15, byte >> 4] {
                        name.push_short(&[b"0123456789abcdef"[usize::from(nibble)]]);
                    }
                }
                name.push_short(b"ip6");
            }
        }
        name.push_short(b"arpa");
        name.finish()
    }

    /// Reads the name at this offset of a message, and returns it with the offset of what follows it. Pointers to
    /// earlier parts of the message are followed (RFC 1035, section 4.1.4).
    pub fn from_message(message: &[u8], offset: usize) -> Result<(Name, usize), MessageError> {
        let (name, next) = NameView::parse(message, offset)?;
        Ok((name.to_name(), next))
    }

    /// Creates a name of labels that fit.
    pub(super) fn from_labels<'a>(labels: impl Iterator<Item = &'a [u8]>) -> Name {
        let mut name = Builder::new();
        labels.for_each(|label| name.push_short(label));
        name.finish()
    }

    /// Returns the wire format.
    pub fn as_wire(&self) -> &[u8] {
        &self.0
    }

    /// Returns whether this is the root.
    pub fn is_root(&self) -> bool {
        self.0.len() == 1
    }

    /// Returns the labels, from the first to that below the root.
    pub fn labels(&self) -> impl Iterator<Item = &[u8]> {
        let mut rest: &[u8] = &self.0;
        std::iter::from_fn(move || {
            let (&length, after) = rest.split_first().filter(|(length, _)| **length > 0)?;
            let (label, after) = after.split_at_checked(usize::from(length))?;
            rest = after;
            Some(label)
        })
    }

    /// Returns the name without its first label, or `None` for the root.
    pub fn parent(&self) -> Option<Name> {
        let first = self.labels().next()?;
        Some(Name(self.0[1 + first.len()..].into()))
    }

    /// Returns the name with one more label at its front.
    pub fn child(&self, label: &[u8]) -> Result<Name, NameError> {
        let mut name = Builder::new();
        for label in std::iter::once(label).chain(self.labels()) {
            label.iter().try_for_each(|byte| name.push(*byte))?;
            name.end_label()?;
        }
        Ok(name.finish())
    }

    /// Returns whether the names are equal if upper and lower case are not distinguished (RFC 4343).
    pub fn eq_ignore_case(&self, other: &Name) -> bool {
        // Lengths are below 64, and letters are not.
        self.0.eq_ignore_ascii_case(&other.0)
    }

    /// Returns the name with its letters in lower case.
    pub fn to_lower_case(&self) -> Name {
        Name(self.0.to_ascii_lowercase().into_boxed_slice())
    }
}

impl FromStr for Name {
    type Err = NameError;

    /// Parses a name, with or without the final dot. `\.` is a dot in a label, `\\` a backslash, and `\` with three
    /// decimal digits the byte of that value. Other names than ASCII have to be converted first (IDNA).
    fn from_str(text: &str) -> Result<Name, NameError> {
        let mut rest = text.as_bytes();
        match rest {
            [] => return Err(NameError::Empty),
            b"." => return Ok(Name::root()),
            _ => {}
        }
        let mut name = Builder::new();
        while let Some((&byte, after)) = rest.split_first() {
            rest = after;
            match byte {
                b'.' => name.end_label()?,
                b'\\' => {
                    let (byte, after) = unescape(rest)?;
                    name.push(byte)?;
                    rest = after;
                }
                0..=0x7f => name.push(byte)?,
                _ => return Err(NameError::NotAscii),
            }
        }
        if !name.is_between_labels() {
            name.end_label()?;
        }
        Ok(name.finish())
    }
}

/// Reads what is after a backslash, and returns the byte and the rest.
fn unescape(text: &[u8]) -> Result<(u8, &[u8]), NameError> {
    match text {
        [a @ b'0'..=b'9', b @ b'0'..=b'9', c @ b'0'..=b'9', rest @ ..] => {
            let value = [a, b, c].iter().fold(0, |value, digit| value * 10 + u16::from(**digit - b'0'));
            Ok((u8::try_from(value).map_err(|_| NameError::BadEscape)?, rest))
        }
        [] | [b'0'..=b'9', ..] => Err(NameError::BadEscape),
        [byte @ 0..=0x7f, rest @ ..] => Ok((*byte, rest)),
        _ => Err(NameError::NotAscii),
    }
}

impl fmt::Display for Name {
    /// Writes the name with its final dot, escaped as BIND does.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_root() {
            return f.write_str(".");
        }
        self.labels().try_for_each(|label| write_label(f, label))
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Name({self})")
    }
}

/// A name that is being written, without an allocation.
struct Builder {
    wire: [u8; LONGEST_NAME],
    /// The offset of the length of the current label.
    label: usize,
    /// The offset of the next byte.
    end: usize,
}

impl Builder {
    fn new() -> Builder {
        Builder { wire: [0; LONGEST_NAME], label: 0, end: 1 }
    }

    fn is_between_labels(&self) -> bool {
        self.end == self.label + 1
    }

    /// Appends a byte to the current label. One byte remains free for the root.
    fn push(&mut self, byte: u8) -> Result<(), NameError> {
        if self.end - self.label > LONGEST_LABEL {
            return Err(NameError::LongLabel);
        }
        if self.end + 1 >= LONGEST_NAME {
            return Err(NameError::LongName);
        }
        self.wire[self.end] = byte;
        self.end += 1;
        Ok(())
    }

    fn end_label(&mut self) -> Result<(), NameError> {
        if self.is_between_labels() {
            return Err(NameError::EmptyLabel);
        }
        self.wire[self.label] = (self.end - self.label - 1) as u8;
        self.label = self.end;
        self.end += 1;
        Ok(())
    }

    /// Appends a label of a name that fits.
    fn push_short(&mut self, label: &[u8]) {
        let fits = label.iter().try_for_each(|byte| self.push(*byte)).and_then(|()| self.end_label());
        debug_assert_eq!(fits, Ok(()));
    }

    /// Returns the name, after the end of its last label.
    fn finish(&self) -> Name {
        Name(self.wire[..=self.label].into())
    }
}

/// The reason why a text is not a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum NameError {
    /// There is no text; the root is a dot.
    Empty,
    /// A label between two dots, or before the first one, is empty.
    EmptyLabel,
    /// A label has more than 63 bytes.
    LongLabel,
    /// The name has more than 255 bytes on the wire.
    LongName,
    /// A backslash has nothing after it, or a number that is not three digits from 000 to 255.
    BadEscape,
    /// The text is not ASCII.
    NotAscii,
}

impl fmt::Display for NameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            NameError::Empty => "the name is empty",
            NameError::EmptyLabel => "a label is empty",
            NameError::LongLabel => "a label is longer than 63 bytes",
            NameError::LongName => "the name is longer than 255 bytes",
            NameError::BadEscape => {
                "a backslash needs a character, or three digits from 000 to 255, after it"
            }
            NameError::NotAscii => "a character is not ASCII",
        })
    }
}

impl Error for NameError {}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::{Name, NameError};

    fn wire(text: &str) -> Result<Vec<u8>, NameError> {
        text.parse::<Name>().map(|name| name.as_wire().to_vec())
    }

    #[test]
    fn texts_become_labels() {
        assert_eq!(wire(".").unwrap(), b"\0");
        assert_eq!(wire("a").unwrap(), b"\x01a\0");
        assert_eq!(wire("www.Example.").unwrap(), b"\x03www\x07Example\0");
        assert_eq!(wire("*._x.-").unwrap(), b"\x01*\x02_x\x01-\0");
        assert_eq!(wire(r#"\"."#).unwrap(), b"\x01\"\0");
        assert_eq!(wire(r"\\.").unwrap(), b"\x01\\\0");
        assert_eq!(wire(r"\123.xxx").unwrap(), b"\x01{\x03xxx\0");
        assert_eq!(wire(r"exa\.mple.com").unwrap(), b"\x08exa.mple\x03com\0");
        assert_eq!(wire(r"\000\255").unwrap(), b"\x02\0\xff\0");
    }

    #[test]
    fn bad_texts_have_a_reason() {
        for text in ["\\", "a\\", "\\300", "x\\256y", "\\1", "\\12", "\\1a2"] {
            assert_eq!(wire(text), Err(NameError::BadEscape), "{text}");
        }
        for text in ["a..b", "..", ".a", "a.."] {
            assert_eq!(wire(text), Err(NameError::EmptyLabel), "{text}");
        }
        assert_eq!(wire(""), Err(NameError::Empty));
        for text in ["ä", "a.ö", "\\ä"] {
            assert_eq!(wire(text), Err(NameError::NotAscii), "{text}");
        }
    }

    #[test]
    fn lengths_are_limited() {
        let label = "x".repeat(63);
        assert_eq!(wire(&label).unwrap().len(), 65);
        assert_eq!(wire(&"x".repeat(64)), Err(NameError::LongLabel));
        let longest = [&label, &label, &label, &label[2..]].join(".");
        assert_eq!(wire(&longest).unwrap().len(), 255);
        assert_eq!(wire(&format!("{longest}.")).unwrap().len(), 255);
        assert_eq!(wire(&format!("{longest}x")), Err(NameError::LongName));
        assert_eq!(wire(&"a.".repeat(127)).unwrap().len(), 255);
        assert_eq!(wire(&"a.".repeat(128)), Err(NameError::LongName));
    }

    #[test]
    fn names_are_printed_with_escapes_and_the_final_dot() {
        for (text, printed) in [
            (".", "."),
            ("WWW.example", "WWW.example."),
            (r"exa\.mple.com", r"exa\.mple.com."),
            (r#"a\032b.\000\127\255\009"#, r"a\032b.\000\127\255\009."),
            (r#"\"\(\)\;\\\@\$"#, r#"\"\(\)\;\\\@\$."#),
            (r"*_-'!#%&+,/:<=>?[]^`{|}~", r"*_-'!#%&+,/:<=>?[]^`{|}~."),
        ] {
            assert_eq!(text.parse::<Name>().unwrap().to_string(), printed);
        }
    }

    #[test]
    fn addresses_have_names() {
        let reverse = |address: &str| Name::reverse(address.parse().unwrap()).to_string();
        assert_eq!(reverse("192.0.2.1"), "1.2.0.192.in-addr.arpa.");
        assert_eq!(reverse("10.200.99.100"), "100.99.200.10.in-addr.arpa.");
        let zeros = "0.".repeat(20);
        assert_eq!(
            reverse("2001:db8::2f0:1"),
            format!("1.0.0.0.0.f.2.0.{}8.b.d.0.1.0.0.2.ip6.arpa.", &zeros[8..])
        );
    }

    #[test]
    fn names_have_parents_and_children() {
        let name: Name = "a.B.c".parse().unwrap();
        assert_eq!(name.parent().unwrap().to_string(), "B.c.");
        assert_eq!(Name::root().parent(), None);
        assert_eq!(name.parent().unwrap().child(b"a").unwrap(), name);
        assert_eq!(name.child(b""), Err(NameError::EmptyLabel));
        assert_eq!(name.child(&[b'x'; 64]), Err(NameError::LongLabel));
        assert_eq!(Name::root().child(b"a.b").unwrap().to_string(), r"a\.b.");
        assert!(name.eq_ignore_case(&"A.b.C.".parse().unwrap()));
        assert!(!name.eq_ignore_case(&"a.b.d".parse().unwrap()));
        assert_eq!(name.to_lower_case().to_string(), "a.b.c.");
    }

    proptest! {
        #[test]
        fn names_survive_a_round_trip(labels in vec(vec(any::<u8>(), 1..=63), 0..6)) {
            let text = labels.iter().flatten().map(|byte| format!("\\{byte:03}")).collect::<String>();
            prop_assert_eq!(text.parse::<Name>().is_ok(), (1..=63).contains(&(text.len() / 4)));
            let name = labels.iter().rev().try_fold(Name::root(), |name, label| name.child(label));
            if let Ok(name) = name {
                prop_assert_eq!(name.to_string().parse::<Name>().unwrap(), name);
            }
        }

        #[test]
        fn no_text_panics(text in "[a-c0-9\\\\.\u{e4}]{0,300}") {
            if let Ok(name) = text.parse::<Name>() {
                prop_assert!(name.as_wire().len() <= 255);
                prop_assert_eq!(name.to_string().parse::<Name>().unwrap(), name);
            }
        }

        #[test]
        fn no_message_panics(message in vec(prop_oneof![any::<u8>(), 0u8..8, Just(0xc0)], 0..80), offset in 0usize..90) {
            if let Ok((name, next)) = Name::from_message(&message, offset) {
                prop_assert!(next <= message.len() && name.as_wire().len() <= 255);
            }
        }
    }
}
