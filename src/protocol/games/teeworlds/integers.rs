//! Integers of variable length (`CVariableInt` in `compression.cpp`): a sign and six bits in the first byte, seven in
//! each further one, least significant bits first. The highest bit of a byte says that another one follows.

use crate::protocol::games::fields::Fields;

/// Reads an integer, of at most five bytes.
pub(super) fn read(fields: &mut Fields<'_>) -> Result<i32, &'static str> {
    let first = fields.u8()?;
    let mut magnitude = u32::from(first & 0x3f);
    let mut has_more = first & 0x80 != 0;
    for shift in [6, 13, 20, 27] {
        if !has_more {
            break;
        }
        let byte = fields.u8()?;
        magnitude |= u32::from(byte & 0x7f) << shift;
        has_more = byte & 0x80 != 0;
    }
    let magnitude = (magnitude & 0x7fff_ffff) as i32;
    Ok(if first & 0x40 == 0 { magnitude } else { !magnitude })
}

/// Appends an integer.
pub(crate) fn write(number: i32, out: &mut Vec<u8>) {
    let mut magnitude = if number < 0 { !number } else { number };
    let sign = if number < 0 { 0x40 } else { 0 };
    let mut byte = sign | (magnitude & 0x3f) as u8;
    magnitude >>= 6;
    while magnitude > 0 {
        out.push(byte | 0x80);
        byte = (magnitude & 0x7f) as u8;
        magnitude >>= 7;
    }
    out.push(byte);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::games::fields::CUT_OFF;

    #[test]
    fn every_integer_that_is_written_is_read() {
        let edges = [0, 1, 63, 64, 8191, 8192, 1 << 20, (1 << 27) - 1, 1 << 27, i32::MAX];
        for number in edges.into_iter().flat_map(|edge| [edge, -edge, !edge]) {
            let mut bytes = Vec::new();
            write(number, &mut bytes);
            let mut fields = Fields::new(&bytes);
            assert_eq!((read(&mut fields), fields.is_empty()), (Ok(number), true), "{bytes:x?}");
            for len in 0..bytes.len() {
                assert_eq!(read(&mut Fields::new(&bytes[..len])), Err(CUT_OFF));
            }
        }
    }

    #[test]
    fn an_integer_has_at_most_five_bytes() {
        let mut fields = Fields::new(b"\xff\xff\xff\xff\xff\xff");
        assert_eq!((read(&mut fields), fields.rest().len()), (Ok(i32::MIN), 1));
    }
}
