//! The parts of a variable binding in all formats except net-snmp's: its type, its value, its bytes.

use std::fmt;

use allears::protocol::snmp::{Value, Varbind};
use serde::{Serialize, Serializer};

use super::text::push_hex;

/// The name of a value's type.
#[derive(Clone, Copy, Debug)]
pub struct TypeName<'a>(pub &'a Varbind<'a>);

impl fmt::Display for TypeName<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0.value {
            Value::Integer(_) => "Integer",
            Value::OctetString(_) => "OctetString",
            Value::Null => "Null",
            Value::ObjectId(_) => "ObjectId",
            Value::IpAddress(_) => "IpAddress",
            Value::Counter32(_) => "Counter32",
            Value::Gauge32(_) => "Gauge32",
            Value::TimeTicks(_) => "TimeTicks",
            Value::Opaque(_) => "Opaque",
            Value::OpaqueFloat(_) => "OpaqueFloat",
            Value::OpaqueDouble(_) => "OpaqueDouble",
            Value::Counter64(_) => "Counter64",
            Value::NoSuchObject => "NoSuchObject",
            Value::NoSuchInstance => "NoSuchInstance",
            Value::EndOfMibView => "EndOfMibView",
            Value::Unknown { tag, .. } => return write!(f, "Unknown(0x{tag:02x})"),
        })
    }
}

/// A value in the types of other programs.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Plain<'a> {
    Signed(i64),
    Unsigned(u64),
    /// A float, kept single: as a double it would show digits that were never sent.
    Single(f32),
    Float(f64),
    Text(&'a str),
    /// An object identifier or an address, in dotted notation.
    Dotted(Value<'a>),
    /// No value, or one that only its bytes represent.
    None,
}

impl<'a> Plain<'a> {
    pub fn of(value: &Value<'a>) -> Plain<'a> {
        match *value {
            Value::Integer(number) => Plain::Signed(number),
            Value::Counter32(number) | Value::Gauge32(number) | Value::TimeTicks(number) => {
                Plain::Unsigned(number.into())
            }
            Value::Counter64(number) => Plain::Unsigned(number),
            Value::OpaqueFloat(number) => Plain::Single(number),
            Value::OpaqueDouble(number) => Plain::Float(number),
            Value::OctetString(bytes) => printable(bytes).map_or(Plain::None, Plain::Text),
            Value::ObjectId(_) | Value::IpAddress(_) => Plain::Dotted(*value),
            Value::Null
            | Value::Opaque(_)
            | Value::NoSuchObject
            | Value::NoSuchInstance
            | Value::EndOfMibView
            | Value::Unknown { .. } => Plain::None,
        }
    }
}

impl fmt::Display for Plain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Plain::Signed(number) => number.fmt(f),
            Plain::Unsigned(number) => number.fmt(f),
            Plain::Single(number) => number.fmt(f),
            Plain::Float(number) => number.fmt(f),
            Plain::Text(text) => f.write_str(text),
            Plain::Dotted(Value::ObjectId(oid)) => oid.fmt(f),
            Plain::Dotted(Value::IpAddress([a, b, c, d])) => write!(f, "{a}.{b}.{c}.{d}"),
            Plain::Dotted(_) | Plain::None => Ok(()),
        }
    }
}

impl Serialize for Plain<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match *self {
            Plain::Signed(number) => serializer.serialize_i64(number),
            Plain::Unsigned(number) => serializer.serialize_u64(number),
            Plain::Single(number) => serializer.serialize_f32(number),
            Plain::Float(number) => serializer.serialize_f64(number),
            Plain::Text(text) => serializer.serialize_str(text),
            Plain::Dotted(_) => serializer.collect_str(self),
            Plain::None => serializer.serialize_none(),
        }
    }
}

/// Returns the text if it is UTF-8 without control characters other than white space.
fn printable(bytes: &[u8]) -> Option<&str> {
    let is_control = |c: char| c.is_control() && !matches!(c, '\t' | '\n' | '\r');
    std::str::from_utf8(bytes).ok().filter(|text| !text.contains(is_control))
}

/// Returns the bytes of texts, opaque and odd values; `None` for other values.
pub fn bytes<'a>(varbind: &Varbind<'a>) -> Option<Hex<'a>> {
    let tells = matches!(varbind.value, Value::OctetString(_) | Value::Opaque(_) | Value::Unknown { .. });
    let is_float = matches!(varbind.value, Value::OpaqueFloat(_) | Value::OpaqueDouble(_));
    (tells || is_float || varbind.odd.is_some()).then_some(Hex(varbind.content))
}

/// Bytes, formatted as two hexadecimal digits each.
#[derive(Clone, Copy, Debug)]
pub struct Hex<'a>(&'a [u8]);

impl fmt::Display for Hex<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut digits = Vec::with_capacity(2 * self.0.len());
        push_hex(self.0, &mut digits);
        // Hexadecimal digits are valid UTF-8.
        f.write_str(std::str::from_utf8(&digits).unwrap_or_default())
    }
}

impl Serialize for Hex<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut digits = Vec::with_capacity(2 * self.0.len());
        push_hex(self.0, &mut digits);
        serializer.serialize_str(std::str::from_utf8(&digits).unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use allears::protocol::snmp::OidRef;

    #[test]
    fn values_are_numbers_texts_or_null() {
        let oid = OidRef::from_ber(&[0x2b, 6]);
        for (value, shown) in [
            (Value::Integer(-5), "-5"),
            (Value::Counter64(u64::MAX), "18446744073709551615"),
            (Value::OctetString("Gerät\t1".as_bytes()), "Gerät\t1"),
            (Value::OctetString(b"\xff\xfe"), ""),
            (Value::OctetString(b"a\0"), ""),
            (Value::ObjectId(oid), "1.3.6"),
            (Value::IpAddress([192, 0, 2, 7]), "192.0.2.7"),
            (Value::OpaqueFloat(0.1), "0.1"),
            (Value::NoSuchObject, ""),
        ] {
            assert_eq!(Plain::of(&value).to_string(), shown, "{value:?}");
        }
    }
}
