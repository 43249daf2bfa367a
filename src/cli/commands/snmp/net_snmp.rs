//! Formats one variable binding as net-snmp does: with `-On`, byte for byte as its commands do without MIB files.
//!
//! Otherwise an identifier is written with the longest matching built-in name, as it is when MIB files are loaded.
//! Values have no names of enumerations, display hints or units, which only MIB files define. If a value is
//! [odd](Varbind::odd), net-snmp may print something else, or drop the whole reply.

use allears::protocol::snmp::{OidRef, Value, Varbind, ber, names, tag};

use super::style::{Names, Style};
use super::text::{push_arcs, push_number, push_oid, push_signed};

/// The number of bytes on one line of hexadecimal digits.
const HEX_BYTES: usize = 16;
/// The maximum length of a float: net-snmp's buffer has one more byte.
const MOST_OF_A_FLOAT: usize = 127;
/// A type of 1988 that only net-snmp still prints, and only in replies.
const BIT_STRING: u8 = 3;

/// Appends a line, without its end.
pub fn push(varbind: &Varbind<'_>, style: Style, line: &mut Vec<u8>) {
    if !style.bare {
        push_name(varbind.oid, style.names, line);
        line.extend_from_slice(if style.quick && !style.equals { b" " } else { b" = " });
    }
    push_value(varbind, style, line);
}

/// Appends an identifier.
pub fn push_name(oid: OidRef<'_>, names: Names, line: &mut Vec<u8>) {
    // net-snmp writes an empty one as one number, which all others read as two.
    let is_empty = oid.as_ber().is_empty();
    if names == Names::Numeric {
        line.push(b'.');
        if is_empty {
            line.push(b'0')
        } else {
            push_oid(oid, line)
        }
        return;
    }
    match names::name_of(oid) {
        Some(named) => {
            if names == Names::Full {
                line.extend_from_slice(named.object.module.as_bytes());
                line.extend_from_slice(b"::");
            }
            line.extend_from_slice(named.object.name.as_bytes());
            push_arcs(named.instance(), line);
        }
        None => {
            let (root, arcs) = names::root_of(oid);
            line.extend_from_slice(root.as_bytes());
            push_arcs(arcs.skip(usize::from(is_empty)), line);
        }
    }
}

fn push_value(varbind: &Varbind<'_>, style: Style, line: &mut Vec<u8>) {
    match varbind.value {
        Value::Integer(number) => {
            push_type("INTEGER: ", style, line);
            push_signed(number, line);
        }
        Value::OctetString(bytes) => push_string(bytes, style, line),
        Value::Null => line.extend_from_slice(b"NULL"),
        Value::ObjectId(oid) => {
            push_type("OID: ", style, line);
            push_name(oid, style.names, line);
        }
        Value::IpAddress([a, b, c, d]) => {
            push_type("IpAddress: ", style, line);
            push_number(a.into(), line);
            push_arcs([b, c, d].into_iter().map(u32::from), line);
        }
        Value::Counter32(number) => {
            push_type("Counter32: ", style, line);
            push_number(number.into(), line);
        }
        Value::Gauge32(number) => {
            if varbind.tag != tag::UINTEGER32 {
                push_type("Gauge32: ", style, line);
            }
            push_number(number.into(), line);
        }
        Value::TimeTicks(ticks) => push_ticks(ticks, style, line),
        Value::Opaque(bytes) => push_opaque(bytes, style, line),
        Value::OpaqueFloat(number) => push_float(number.into(), style, line),
        Value::OpaqueDouble(number) => push_float(number, style, line),
        Value::Counter64(number) => {
            push_type("Counter64: ", style, line);
            push_number(number, line);
        }
        Value::NoSuchObject => line.extend_from_slice(b"No Such Object available on this agent at this OID"),
        Value::NoSuchInstance => line.extend_from_slice(b"No Such Instance currently exists at this OID"),
        Value::EndOfMibView => line.extend_from_slice(
            b"No more variables left in this MIB View (It is past the end of the MIB tree)",
        ),
        Value::Unknown { tag: BIT_STRING, content } => push_bits(content, style, line),
        Value::Unknown { .. } => line.extend_from_slice(b"Variable has bad type"),
    }
}

fn push_type(name: &str, style: Style, line: &mut Vec<u8>) {
    if !style.quick {
        line.extend_from_slice(name.as_bytes());
    }
}

/// Appends a string: as text if all of it is printable ASCII or white space, otherwise as hexadecimal digits.
fn push_string(bytes: &[u8], style: Style, line: &mut Vec<u8>) {
    if bytes.is_empty() {
        line.extend_from_slice(b"\"\"");
    } else if bytes.iter().all(|byte| matches!(byte, b' '..=b'~' | b'\t'..=b'\r')) {
        push_type("STRING: ", style, line);
        line.push(b'"');
        for &byte in bytes {
            if matches!(byte, b'"' | b'\\') {
                line.push(b'\\');
            }
            line.push(byte);
        }
        line.push(b'"');
    } else if style.quick {
        push_quoted_hex(bytes, line);
    } else {
        line.extend_from_slice(b"Hex-STRING: ");
        push_hex(bytes, line);
    }
}

fn push_quoted_hex(bytes: &[u8], line: &mut Vec<u8>) {
    line.push(b'"');
    push_hex(bytes, line);
    line.push(b'"');
}

/// Appends hexadecimal digits, with a space after every byte, even at the end of a line.
fn push_hex(bytes: &[u8], line: &mut Vec<u8>) {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    for (at, chunk) in bytes.chunks(HEX_BYTES).enumerate() {
        if at > 0 {
            line.push(b'\n');
        }
        for byte in chunk {
            line.push(DIGITS[usize::from(byte >> 4)]);
            line.push(DIGITS[usize::from(byte & 15)]);
            line.push(b' ');
        }
    }
}

/// Appends the bytes, and then the numbers of the bits that are set.
fn push_bits(bytes: &[u8], style: Style, line: &mut Vec<u8>) {
    if style.quick {
        return push_quoted_hex(bytes, line);
    }
    line.extend_from_slice(b"BITS: ");
    push_hex(bytes, line);
    for (at, byte) in bytes.iter().enumerate() {
        for bit in (0..8).filter(|bit| byte & 0x80 >> bit != 0) {
            push_number(8 * at as u64 + bit, line);
            line.push(b' ');
        }
    }
}

fn push_ticks(ticks: u32, style: Style, line: &mut Vec<u8>) {
    if style.ticks {
        return push_number(ticks.into(), line);
    }
    let (seconds, hundredths) = (ticks / 100, ticks % 100);
    let (days, hours) = (seconds / 86_400, seconds / 3600 % 24);
    let time = format!("{:02}:{:02}.{hundredths:02}", seconds / 60 % 60, seconds % 60);
    let text = match days {
        _ if style.quick => format!("{days}:{hours}:{time}"),
        0 => format!("Timeticks: ({ticks}) {hours}:{time}"),
        1 => format!("Timeticks: ({ticks}) 1 day, {hours}:{time}"),
        _ => format!("Timeticks: ({ticks}) {days} days, {hours}:{time}"),
    };
    line.extend_from_slice(text.as_bytes());
}

/// Appends a float. net-snmp labels doubles as floats, too.
fn push_float(number: f64, style: Style, line: &mut Vec<u8>) {
    push_type("Opaque: Float: ", style, line);
    let text = match number {
        _ if number.is_nan() && number.is_sign_negative() => "-nan".into(),
        _ if number.is_nan() => "nan".into(),
        _ => format!("{number:.6}"),
    };
    line.extend(text.bytes().take(MOST_OF_A_FLOAT));
}

/// Appends an Opaque, in which net-snmp encodes three 64-bit types (`snmplib/asn1.c`).
fn push_opaque(bytes: &[u8], style: Style, line: &mut Vec<u8>) {
    let inner = match *bytes {
        [0x9f, kind, len, ref digits @ ..] if digits.len() == usize::from(len) => Some((kind, digits)),
        _ => None,
    };
    match inner.map(|(kind, digits)| (kind, unsigned(digits), ber::integer(digits))) {
        Some((0x76, Some(number), _)) => {
            push_type("Opaque: Counter64: ", style, line);
            push_number(number, line);
        }
        Some((0x7b, Some(number), _)) => {
            push_type("Opaque: UInt64: ", style, line);
            push_number(number, line);
        }
        Some((0x7a, _, Some(number))) => {
            push_type("Opaque: Int64: ", style, line);
            push_signed(number, line);
        }
        _ => {
            push_type("OPAQUE: ", style, line);
            push_hex(bytes, line);
        }
    }
}

fn unsigned(digits: &[u8]) -> Option<u64> {
    let zeros = digits.iter().take_while(|&&digit| digit == 0).count();
    let digits = &digits[zeros..];
    (digits.len() <= 8).then(|| digits.iter().fold(0, |number, &digit| number << 8 | u64::from(digit)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use allears::protocol::snmp::{Answer, Oid};

    /// Formats a line with these letters.
    fn line(letters: &str, name: &str, value: &Value<'_>) -> String {
        let oid: Oid = names::lookup(name).expect("a name");
        let answer = Answer::of([(oid.as_oid(), *value)]);
        let varbind = answer.varbinds().next().expect("one");
        let mut line = vec![];
        push(&varbind, Style::parse(letters).expect("letters"), &mut line);
        String::from_utf8(line).expect("UTF-8")
    }

    #[test]
    fn every_type_is_formatted_as_in_net_snmp() {
        let seventeen = [0xffu8; 17];
        for (value, full, quick) in [
            (Value::Integer(-42), "INTEGER: -42", "-42"),
            (Value::OctetString(b"text"), "STRING: \"text\"", "\"text\""),
            (Value::OctetString(b"a\"b\\\n"), "STRING: \"a\\\"b\\\\\n\"", "\"a\\\"b\\\\\n\""),
            (Value::OctetString(b""), "\"\"", "\"\""),
            (Value::OctetString(&[0, 0xff, 0x10]), "Hex-STRING: 00 FF 10 ", "\"00 FF 10 \""),
            (
                Value::OctetString(&seventeen),
                "Hex-STRING: FF FF FF FF FF FF FF FF FF FF FF FF FF FF FF FF \nFF ",
                "\"FF FF FF FF FF FF FF FF FF FF FF FF FF FF FF FF \nFF \"",
            ),
            (Value::Null, "NULL", "NULL"),
            (Value::IpAddress([192, 0, 2, 7]), "IpAddress: 192.0.2.7", "192.0.2.7"),
            (Value::Counter32(u32::MAX), "Counter32: 4294967295", "4294967295"),
            (Value::Gauge32(7), "Gauge32: 7", "7"),
            (Value::TimeTicks(0), "Timeticks: (0) 0:00:00.00", "0:0:00:00.00"),
            (Value::TimeTicks(8_640_000), "Timeticks: (8640000) 1 day, 0:00:00.00", "1:0:00:00.00"),
            (Value::TimeTicks(123_456_789), "Timeticks: (123456789) 14 days, 6:56:07.89", "14:6:56:07.89"),
            (Value::Counter64(u64::MAX), "Counter64: 18446744073709551615", "18446744073709551615"),
            (Value::OpaqueFloat(1.5), "Opaque: Float: 1.500000", "1.500000"),
            (
                Value::NoSuchObject,
                "No Such Object available on this agent at this OID",
                "No Such Object available on this agent at this OID",
            ),
        ] {
            assert_eq!(line("n", "sysDescr.0", &value), format!(".1.3.6.1.2.1.1.1.0 = {full}"));
            assert_eq!(line("nQ", "sysDescr.0", &value), format!(".1.3.6.1.2.1.1.1.0 = {quick}"));
            assert_eq!(line("nq", "sysDescr.0", &value), format!(".1.3.6.1.2.1.1.1.0 {quick}"));
            assert_eq!(line("nv", "sysDescr.0", &value), full);
        }
        assert_eq!(line("nt", "sysUpTime.0", &Value::TimeTicks(5)), ".1.3.6.1.2.1.1.3.0 = 5");
    }

    #[test]
    fn rare_types_are_formatted_as_in_net_snmp() {
        let opaque = |bytes: &'static [u8]| Value::Opaque(bytes);
        let unknown = |tag, content| Value::Unknown { tag, content };
        let large = "169999999999999993883079578865998174333346074304075874502773119193537729178160565864330091787584\
                     707988572262467983188919169916";
        for (value, full) in [
            (Value::OctetString(b"tab\tand\x0bvt\x0cff\r\n"), "STRING: \"tab\tand\x0bvt\x0cff\r\n\""),
            (Value::OctetString(b"esc \x1b"), "Hex-STRING: 65 73 63 20 1B "),
            (Value::OctetString("é".as_bytes()), "Hex-STRING: C3 A9 "),
            (Value::TimeTicks(u32::MAX), "Timeticks: (4294967295) 497 days, 2:27:52.95"),
            (Value::ObjectId(OidRef::from_ber(&[])), "OID: .0"),
            (Value::ObjectId(OidRef::from_ber(&[0x88, 0x37, 3])), "OID: .2.999.3"),
            (opaque(b""), "OPAQUE: "),
            (opaque(b"\x9f\x77\x01\x05"), "OPAQUE: 9F 77 01 05 "),
            (opaque(b"\x9f\x76\x05\x01\x02\x03\x04\x05"), "Opaque: Counter64: 4328719365"),
            (opaque(b"\x9f\x7b\x09\0\x80\0\0\0\0\0\0\0"), "Opaque: UInt64: 9223372036854775808"),
            (opaque(b"\x9f\x7b\x01\xff"), "Opaque: UInt64: 255"),
            (opaque(b"\x9f\x7a\x02\xff\xfe"), "Opaque: Int64: -2"),
            (Value::OpaqueFloat(f32::NAN), "Opaque: Float: nan"),
            (Value::OpaqueDouble(-f64::NAN), "Opaque: Float: -nan"),
            (Value::OpaqueDouble(f64::NEG_INFINITY), "Opaque: Float: -inf"),
            (Value::OpaqueDouble(-0.0), "Opaque: Float: -0.000000"),
            (Value::OpaqueDouble(2.5e-6), "Opaque: Float: 0.000003"),
            (Value::OpaqueDouble(-1.7e308), &format!("Opaque: Float: -{large}")),
            (unknown(3, &[0, 0xf0]), "BITS: 00 F0 8 9 10 11 "),
            (unknown(0x45, b"nsap"), "Variable has bad type"),
            (unknown(tag::UINTEGER32, &[5]), "5"),
            (Value::NoSuchInstance, "No Such Instance currently exists at this OID"),
            (
                Value::EndOfMibView,
                "No more variables left in this MIB View (It is past the end of the MIB tree)",
            ),
        ] {
            assert_eq!(line("nv", "sysDescr.0", &value), full, "{value:?}");
        }
        assert_eq!(line("nvQ", "sysDescr.0", &unknown(3, &[0, 0xf0])), "\"00 F0 \"");
        assert_eq!(line("nvt", "sysDescr.0", &Value::TimeTicks(8_640_001)), "8640001");
    }

    #[test]
    fn names_are_full_short_or_numeric() {
        let oid = OidRef::from_ber(&[0x2b, 6, 1, 2, 1, 2, 2, 1, 2, 1]);
        let value = Value::ObjectId(oid);
        assert_eq!(line("", "sysObjectID.0", &value), "SNMPv2-MIB::sysObjectID.0 = OID: IF-MIB::ifDescr.1");
        assert_eq!(line("s", "sysObjectID.0", &value), "sysObjectID.0 = OID: ifDescr.1");
        assert_eq!(line("n", "sysObjectID.0", &value), ".1.3.6.1.2.1.1.2.0 = OID: .1.3.6.1.2.1.2.2.1.2.1");
        assert_eq!(line("", "1.2.840.1", &Value::Null), "iso.2.840.1 = NULL");
        assert_eq!(line("", "0.1", &Value::Null), "ccitt.1 = NULL");
        assert_eq!(line("s", "2.5.3", &Value::Null), "joint-iso-ccitt.5.3 = NULL");
        assert_eq!(line("", "1.3.6.1.4.1.99999.1", &Value::Null), "SNMPv2-SMI::enterprises.99999.1 = NULL");
        let empty = Value::ObjectId(OidRef::from_ber(&[]));
        assert_eq!(line("v", "sysObjectID.0", &empty), "OID: ccitt");
    }
}
