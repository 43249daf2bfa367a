//! Appends digits to a line: the standard formatter would take most of the time per line.

use allears::protocol::snmp::OidRef;

const DIGITS: &[u8; 16] = b"0123456789abcdef";

/// Appends a number.
pub fn push_number(number: u64, line: &mut Vec<u8>) {
    line.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
}

/// Appends a number that may be negative.
pub fn push_signed(number: i64, line: &mut Vec<u8>) {
    line.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
}

/// Appends the numbers of an identifier, with dots between them.
pub fn push_oid(oid: OidRef<'_>, line: &mut Vec<u8>) {
    for (at, arc) in oid.arcs().enumerate() {
        if at > 0 {
            line.push(b'.');
        }
        push_number(arc.into(), line);
    }
}

/// Appends numbers, with a dot before each.
pub fn push_arcs(arcs: impl Iterator<Item = u32>, line: &mut Vec<u8>) {
    for arc in arcs {
        line.push(b'.');
        push_number(arc.into(), line);
    }
}

/// Appends two digits per byte.
pub fn push_hex(bytes: &[u8], line: &mut Vec<u8>) {
    line.reserve(2 * bytes.len());
    line.extend(bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]).map(|digit| DIGITS[usize::from(digit)]));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(push: impl FnOnce(&mut Vec<u8>)) -> String {
        let mut line = Vec::new();
        push(&mut line);
        String::from_utf8(line).expect("digits")
    }

    #[test]
    fn digits_equal_those_of_the_standard_library() {
        for number in [0, 9, 10, 99, 100, u64::from(u32::MAX), u64::MAX] {
            assert_eq!(line(|line| push_number(number, line)), number.to_string());
        }
        for number in [0, -1, 5, i64::MIN, i64::MAX] {
            assert_eq!(line(|line| push_signed(number, line)), number.to_string());
        }
        let oid = OidRef::from_ber(&[0x2b, 6, 0x86, 0x8d, 0x1f]);
        assert_eq!(line(|line| push_oid(oid, line)), "1.3.6.99999");
        assert_eq!(line(|line| push_arcs([1, 20].into_iter(), line)), ".1.20");
        assert_eq!(line(|line| push_hex(&[0, 0x1f, 0xff], line)), "001fff");
    }
}
