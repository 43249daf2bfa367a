//! Variable bindings: pairs of a name and a value.

use super::ber::{self, Element, Reader, Writer};
use super::oid::OidRef;

/// A value (RFC 2578, section 7; RFC 3416, section 3).
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Value<'a> {
    /// INTEGER or Integer32.
    Integer(i64),
    /// OCTET STRING or BITS.
    OctetString(&'a [u8]),
    /// NULL.
    Null,
    /// OBJECT IDENTIFIER.
    ObjectId(OidRef<'a>),
    /// IpAddress, four bytes.
    IpAddress([u8; 4]),
    /// Counter32.
    Counter32(u32),
    /// Gauge32 or Unsigned32.
    Gauge32(u32),
    /// TimeTicks: hundredths of a second.
    TimeTicks(u32),
    /// Opaque with any content except the two below.
    Opaque(&'a [u8]),
    /// A float in an Opaque (net-snmp's extension, `9f 78 04`).
    OpaqueFloat(f32),
    /// A double in an Opaque (net-snmp's extension, `9f 79 08`).
    OpaqueDouble(f64),
    /// Counter64.
    Counter64(u64),
    /// The agent does not have the object.
    NoSuchObject,
    /// The agent has the object, but not this instance.
    NoSuchInstance,
    /// There is no object after the requested name.
    EndOfMibView,
    /// A type that SNMP does not have, or a value that is invalid for its type.
    Unknown {
        /// The first byte of the tag.
        tag: u8,
        /// The content.
        content: &'a [u8],
    },
}

/// Tags of the application types (RFC 2578) and of the exceptions (RFC 3416, section 3).
pub mod tag {
    /// IpAddress.
    pub const IP_ADDRESS: u8 = 0x40;
    /// Counter32.
    pub const COUNTER32: u8 = 0x41;
    /// Gauge32 and Unsigned32.
    pub const GAUGE32: u8 = 0x42;
    /// TimeTicks.
    pub const TIME_TICKS: u8 = 0x43;
    /// Opaque.
    pub const OPAQUE: u8 = 0x44;
    /// Counter64.
    pub const COUNTER64: u8 = 0x46;
    /// UInteger32 of RFC 1442, which some agents still send.
    pub const UINTEGER32: u8 = 0x47;
    /// noSuchObject.
    pub const NO_SUCH_OBJECT: u8 = 0x80;
    /// noSuchInstance.
    pub const NO_SUCH_INSTANCE: u8 = 0x81;
    /// endOfMibView.
    pub const END_OF_MIB_VIEW: u8 = 0x82;
}

/// The headers of net-snmp's float and double in an Opaque (`snmplib/asn1.c`).
const OPAQUE_FLOAT: [u8; 3] = [0x9f, 0x78, 4];
const OPAQUE_DOUBLE: [u8; 3] = [0x9f, 0x79, 8];

/// One variable binding, borrowed from a datagram.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Varbind<'a> {
    /// The name.
    pub oid: OidRef<'a>,
    /// The first byte of the value's tag.
    pub tag: u8,
    /// The encoded content of the value.
    pub content: &'a [u8],
    /// The value.
    pub value: Value<'a>,
    /// The flaw in the encoding, if there is one; `value` is then what the agent probably meant.
    pub odd: Option<&'static str>,
}

impl<'a> Varbind<'a> {
    /// Returns whether there is an exception in place of a value (RFC 3416, section 3).
    pub fn is_exception(&self) -> bool {
        matches!(self.value, Value::NoSuchObject | Value::NoSuchInstance | Value::EndOfMibView)
    }

    /// Reads the next variable binding from `reader`.
    ///
    /// # Errors
    /// The reason why the next element is not a variable binding.
    pub fn read(reader: &mut Reader<'a>) -> Result<Varbind<'a>, &'static str> {
        let whole = reader.element()?;
        if whole.tag != ber::SEQUENCE {
            return Err("a variable binding is not a sequence");
        }
        let mut inner = Reader::new(whole.content);
        let name = inner.element()?;
        if name.tag != ber::OBJECT_ID {
            return Err("a variable binding has no name");
        }
        if inner.is_empty() {
            let odd = Some("it has no value");
            let oid = OidRef::from_ber(name.content);
            return Ok(Varbind { oid, tag: ber::NULL, content: &[], value: Value::Null, odd });
        }
        let element = inner.element()?;
        let (value, mut odd) = decode(element);
        if !inner.is_empty() {
            odd = odd.or(Some("there are bytes after the value"));
        } else if whole.is_long || name.is_long || element.is_long {
            odd = odd.or(Some("a length takes more bytes than necessary"));
        }
        if name.content.is_empty() {
            odd = odd.or(Some("its name is empty"));
        } else if name.content.last().is_some_and(|&byte| byte >= 0x80) {
            odd = odd.or(Some("its name is truncated"));
        }
        let oid = OidRef::from_ber(name.content);
        Ok(Varbind { oid, tag: element.tag, content: element.content, value, odd })
    }

    /// Writes a variable binding.
    pub fn write(oid: OidRef<'_>, value: &Value<'_>, writer: &mut Writer) {
        let end = writer.len();
        value.write(writer);
        writer.element(ber::OBJECT_ID, oid.as_ber());
        writer.wrap(ber::SEQUENCE, end);
    }
}

/// Decodes an element: returns the value, and the flaw in its encoding, if there is one.
fn decode(element: Element<'_>) -> (Value<'_>, Option<&'static str>) {
    let Element { tag, content, .. } = element;
    let unknown = |why| (Value::Unknown { tag, content }, Some(why));
    match tag {
        ber::INTEGER => match ber::integer(content) {
            Some(value) if content.is_empty() => (Value::Integer(value), Some("the number has no digits")),
            Some(value) if i32::try_from(value).is_err() => {
                (Value::Integer(value), Some("the number has more than 32 bits"))
            }
            Some(value) => (Value::Integer(value), None),
            None => unknown("the number has more than 64 bits"),
        },
        ber::OCTET_STRING => (Value::OctetString(content), None),
        ber::NULL => (Value::Null, (!content.is_empty()).then_some("a null has content")),
        ber::OBJECT_ID => {
            let odd = content.is_empty().then_some("the identifier is empty");
            (Value::ObjectId(OidRef::from_ber(content)), odd)
        }
        tag::IP_ADDRESS => match *content {
            [a, b, c, d] => (Value::IpAddress([a, b, c, d]), None),
            _ => unknown("the address does not have four bytes"),
        },
        tag::COUNTER32 | tag::GAUGE32 | tag::TIME_TICKS | tag::UINTEGER32 => {
            let Some((number, odd)) = unsigned(content, 4) else {
                return unknown("the number has more than 32 bits");
            };
            let number = number as u32;
            let value = match tag {
                tag::COUNTER32 => Value::Counter32(number),
                tag::TIME_TICKS => Value::TimeTicks(number),
                _ => Value::Gauge32(number),
            };
            (value, odd.or((tag == tag::UINTEGER32).then_some("UInteger32 is obsolete")))
        }
        tag::COUNTER64 => match unsigned(content, 8) {
            Some((number, odd)) => (Value::Counter64(number), odd),
            None => unknown("the number has more than 64 bits"),
        },
        tag::OPAQUE => (opaque(content), None),
        tag::NO_SUCH_OBJECT => (Value::NoSuchObject, None),
        tag::NO_SUCH_INSTANCE => (Value::NoSuchInstance, None),
        tag::END_OF_MIB_VIEW => (Value::EndOfMibView, None),
        _ => unknown("the type does not exist in SNMP"),
    }
}

/// Decodes an unsigned number of up to `width` bytes: returns the number, and the flaw in its encoding, if there is one.
///
/// A number whose high bit is set should have a leading zero byte. Without it, the number still counts as unsigned, as
/// in net-snmp since 5.8.
fn unsigned(content: &[u8], width: usize) -> Option<(u64, Option<&'static str>)> {
    let zeros = content.iter().take_while(|&&byte| byte == 0).count();
    let digits = &content[zeros..];
    if digits.len() > width {
        return None;
    }
    let value = digits.iter().fold(0, |value, &byte| value << 8 | u64::from(byte));
    let odd = match content.first() {
        None => Some("the number has no digits"),
        Some(0x80..) => Some("the number lacks its leading zero byte"),
        Some(_) => None,
    };
    Some((value, odd))
}

fn opaque(content: &[u8]) -> Value<'_> {
    match (content.first_chunk(), content.get(3..)) {
        (Some(&OPAQUE_FLOAT), Some(&[a, b, c, d])) => Value::OpaqueFloat(f32::from_be_bytes([a, b, c, d])),
        (Some(&OPAQUE_DOUBLE), Some(&[a, b, c, d, e, f, g, h])) => {
            Value::OpaqueDouble(f64::from_be_bytes([a, b, c, d, e, f, g, h]))
        }
        _ => Value::Opaque(content),
    }
}

impl Value<'_> {
    /// Writes the value as an element.
    pub fn write(&self, writer: &mut Writer) {
        match *self {
            Value::Integer(number) => writer.integer(ber::INTEGER, number),
            Value::OctetString(bytes) => writer.element(ber::OCTET_STRING, bytes),
            Value::Null => writer.element(ber::NULL, &[]),
            Value::ObjectId(oid) => writer.element(ber::OBJECT_ID, oid.as_ber()),
            Value::IpAddress(bytes) => writer.element(tag::IP_ADDRESS, &bytes),
            Value::Counter32(number) => writer.unsigned(tag::COUNTER32, number.into()),
            Value::Gauge32(number) => writer.unsigned(tag::GAUGE32, number.into()),
            Value::TimeTicks(number) => writer.unsigned(tag::TIME_TICKS, number.into()),
            Value::Opaque(bytes) => writer.element(tag::OPAQUE, bytes),
            Value::OpaqueFloat(number) => {
                writer.element(tag::OPAQUE, &[&OPAQUE_FLOAT[..], &number.to_be_bytes()].concat());
            }
            Value::OpaqueDouble(number) => {
                writer.element(tag::OPAQUE, &[&OPAQUE_DOUBLE[..], &number.to_be_bytes()].concat());
            }
            Value::Counter64(number) => writer.unsigned(tag::COUNTER64, number),
            Value::NoSuchObject => writer.element(tag::NO_SUCH_OBJECT, &[]),
            Value::NoSuchInstance => writer.element(tag::NO_SUCH_INSTANCE, &[]),
            Value::EndOfMibView => writer.element(tag::END_OF_MIB_VIEW, &[]),
            Value::Unknown { tag, content } => writer.element(tag, content),
        }
    }
}

/// An iterator over the variable bindings of a reply, or of a whole walk.
///
/// It ends at the first one that cannot be read; [`broken`](Varbinds::broken) then returns the reason.
#[derive(Clone, Copy, Debug)]
pub struct Varbinds<'a> {
    reader: Reader<'a>,
    broken: Option<&'static str>,
}

impl<'a> Varbinds<'a> {
    /// Creates an iterator over `bytes`, the content of a list of variable bindings.
    pub const fn new(bytes: &'a [u8]) -> Varbinds<'a> {
        Varbinds { reader: Reader::new(bytes), broken: None }
    }

    /// Returns the reason why the iteration ended before the end of the list; `None` if it did not.
    pub const fn broken(&self) -> Option<&'static str> {
        self.broken
    }

    /// Returns the bytes that have not been read.
    pub const fn rest(&self) -> &'a [u8] {
        self.reader.rest()
    }

    /// Returns the next variable binding and its encoding.
    pub fn next_with_bytes(&mut self) -> Option<(Varbind<'a>, &'a [u8])> {
        if self.reader.is_empty() || self.broken.is_some() {
            return None;
        }
        let before = self.reader;
        match Varbind::read(&mut self.reader) {
            Ok(varbind) => {
                let len = before.rest().len() - self.reader.rest().len();
                Some((varbind, &before.rest()[..len]))
            }
            Err(reason) => {
                (self.reader, self.broken) = (before, Some(reason));
                None
            }
        }
    }
}

impl<'a> Iterator for Varbinds<'a> {
    type Item = Varbind<'a>;

    fn next(&mut self) -> Option<Varbind<'a>> {
        self.next_with_bytes().map(|(varbind, _)| varbind)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Decodes an element with this tag and content.
    fn read(tag: u8, content: &[u8]) -> (Value<'_>, Option<&'static str>) {
        decode(Element { tag, content, is_long: false })
    }

    #[test]
    fn values_are_read_as_they_were_written() {
        let oid = OidRef::from_ber(&[0x2b, 6, 1]);
        for value in [
            Value::Integer(-5),
            Value::OctetString(b"text"),
            Value::Null,
            Value::ObjectId(oid),
            Value::IpAddress([127, 0, 0, 1]),
            Value::Counter32(u32::MAX),
            Value::Gauge32(200),
            Value::TimeTicks(0),
            Value::Opaque(&[0x9f, 0x78, 4, 1]),
            Value::OpaqueFloat(1.5),
            Value::OpaqueDouble(-0.1),
            Value::Counter64(u64::MAX),
            Value::NoSuchObject,
            Value::NoSuchInstance,
            Value::EndOfMibView,
        ] {
            let (mut writer, mut bytes) = (Writer::default(), Vec::new());
            Varbind::write(oid, &value, &mut writer);
            writer.append_to(&mut bytes);
            let mut varbinds = Varbinds::new(&bytes);
            let varbind = varbinds.next().expect("one");
            assert_eq!((varbind.oid, varbind.value, varbind.odd), (oid, value, None));
            assert!(varbinds.next().is_none() && varbinds.broken().is_none());
        }
    }

    #[test]
    fn flawed_encodings_are_read_as_they_were_meant_and_marked() {
        for (tag, content, value) in [
            (tag::COUNTER32, &[0xff, 0xff, 0xff, 0xff][..], Value::Counter32(u32::MAX)),
            (tag::COUNTER64, &[0x80, 0, 0, 0, 0, 0, 0, 1], Value::Counter64((1 << 63) + 1)),
            (tag::GAUGE32, &[0xff], Value::Gauge32(255)),
            (tag::COUNTER64, &[0xff, 0xfe], Value::Counter64(0xfffe)),
            (tag::COUNTER32, &[], Value::Counter32(0)),
            (ber::INTEGER, &[], Value::Integer(0)),
            (ber::INTEGER, &[1, 0, 0, 0, 0], Value::Integer(1 << 32)),
            (tag::UINTEGER32, &[7], Value::Gauge32(7)),
            (0x45, b"nsap", Value::Unknown { tag: 0x45, content: b"nsap" }),
            (tag::IP_ADDRESS, &[1, 2, 3], Value::Unknown { tag: tag::IP_ADDRESS, content: &[1, 2, 3] }),
            (
                tag::COUNTER32,
                &[1, 0, 0, 0, 0],
                Value::Unknown { tag: tag::COUNTER32, content: &[1, 0, 0, 0, 0] },
            ),
        ] {
            let (read, odd) = read(tag, content);
            assert_eq!(read, value);
            assert!(odd.is_some(), "{value:?}");
        }
        assert_eq!(read(tag::COUNTER32, &[0, 0, 0, 0, 0, 0, 5]), (Value::Counter32(5), None));
    }

    #[test]
    fn flaws_of_a_whole_varbind_are_marked() {
        for (bytes, value) in [
            (&[0x30, 4, 6, 2, 0x2b, 6][..], Value::Null),
            (&[0x30, 9, 6, 2, 0x2b, 6, 2, 1, 5, 5, 0], Value::Integer(5)),
            (&[0x30, 0x81, 7, 6, 2, 0x2b, 6, 2, 1, 5], Value::Integer(5)),
            (&[0x30, 5, 6, 0, 2, 1, 5], Value::Integer(5)),
        ] {
            let varbind = Varbinds::new(bytes).next().expect("a lenient reader accepts it");
            assert!(varbind.value == value && varbind.odd.is_some(), "{varbind:?}");
        }
    }

    #[test]
    fn a_list_ends_at_an_unreadable_varbind_with_the_reason() {
        let bytes = [0x30, 7, 6, 2, 0x2b, 6, 2, 1, 5, 0x30, 9, 6, 2];
        let mut varbinds = Varbinds::new(&bytes);
        assert!(varbinds.next().is_some() && varbinds.next().is_none());
        assert!(varbinds.broken().is_some() && varbinds.rest() == &bytes[9..]);
    }
}
