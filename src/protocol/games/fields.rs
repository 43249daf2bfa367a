//! The fields of a binary datagram, read from left to right; and numbers as text.

use std::str::FromStr;

/// The rest of a datagram. Each method removes a field from its start; a field that is cut off is an error.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fields<'a> {
    rest: &'a [u8],
}

/// The reason why a field cannot be read.
pub(super) const CUT_OFF: &str = "the reply is cut off";

impl<'a> Fields<'a> {
    pub fn new(bytes: &'a [u8]) -> Fields<'a> {
        Fields { rest: bytes }
    }

    /// Returns what has not been read.
    pub fn rest(&self) -> &'a [u8] {
        self.rest
    }

    pub fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// Reads this many bytes.
    pub fn bytes(&mut self, count: usize) -> Result<&'a [u8], &'static str> {
        let (bytes, rest) = self.rest.split_at_checked(count).ok_or(CUT_OFF)?;
        self.rest = rest;
        Ok(bytes)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], &'static str> {
        let (bytes, rest) = self.rest.split_first_chunk().ok_or(CUT_OFF)?;
        self.rest = rest;
        Ok(*bytes)
    }

    pub fn u8(&mut self) -> Result<u8, &'static str> {
        self.array().map(u8::from_le_bytes)
    }

    pub fn u16_le(&mut self) -> Result<u16, &'static str> {
        self.array().map(u16::from_le_bytes)
    }

    pub fn u16_be(&mut self) -> Result<u16, &'static str> {
        self.array().map(u16::from_be_bytes)
    }

    pub fn u32_le(&mut self) -> Result<u32, &'static str> {
        self.array().map(u32::from_le_bytes)
    }

    pub fn u32_be(&mut self) -> Result<u32, &'static str> {
        self.array().map(u32::from_be_bytes)
    }

    pub fn i32_le(&mut self) -> Result<i32, &'static str> {
        self.array().map(i32::from_le_bytes)
    }

    pub fn u64_le(&mut self) -> Result<u64, &'static str> {
        self.array().map(u64::from_le_bytes)
    }

    pub fn u64_be(&mut self) -> Result<u64, &'static str> {
        self.array().map(u64::from_be_bytes)
    }

    pub fn f32_le(&mut self) -> Result<f32, &'static str> {
        self.array().map(f32::from_le_bytes)
    }

    /// Reads up to the byte `end`, which is removed and not returned.
    pub fn until(&mut self, end: u8) -> Result<&'a [u8], &'static str> {
        let at = self.rest.iter().position(|&byte| byte == end).ok_or(CUT_OFF)?;
        let text = self.bytes(at)?;
        self.rest = &self.rest[1..];
        Ok(text)
    }

    /// Reads a text that ends with a zero byte.
    pub fn text(&mut self) -> Result<&'a [u8], &'static str> {
        self.until(0)
    }
}

/// Parses a number that was sent as text, perhaps with spaces around it.
pub(super) fn number<T: FromStr>(text: &[u8]) -> Option<T> {
    std::str::from_utf8(text).ok()?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_read_from_left_to_right_until_one_is_cut_off() {
        let mut fields = Fields::new(b"\x01\x02\x03\x04\x05\x06\x07name\0\0ab;rest");
        assert_eq!((fields.u8(), fields.u16_le(), fields.u16_be()), (Ok(1), Ok(0x302), Ok(0x405)));
        assert_eq!(
            (fields.bytes(2), fields.text(), fields.text()),
            (Ok(&[6, 7][..]), Ok(&b"name"[..]), Ok(&b""[..]))
        );
        assert_eq!((fields.until(b';'), fields.rest()), (Ok(&b"ab"[..]), &b"rest"[..]));
        assert_eq!(
            (fields.u64_le(), fields.text(), fields.rest()),
            (Err(CUT_OFF), Err(CUT_OFF), &b"rest"[..])
        );
        assert_eq!((fields.u32_be(), fields.is_empty()), (Ok(0x7265_7374), true));
        assert_eq!(Fields::new(&1.5f32.to_le_bytes()).f32_le(), Ok(1.5));
    }
}
