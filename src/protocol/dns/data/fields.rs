//! The fields of data: each is read, and written as text.

use std::fmt;

use super::super::NameView;
use super::super::text::write_escaped;
use super::encodings::{Spacing, write_base64, write_hex};

/// The characters that BIND escapes in texts between quotes.
const SPECIAL: &[u8] = b"\"\\";

/// The fields of data, which are read from its start to its end, and written. All fail if the data ends too early.
pub(super) struct Fields<'a, 'o> {
    /// The message, up to the end of the data.
    message: &'a [u8],
    at: usize,
    out: &'o mut dyn fmt::Write,
}

/// Reads a field and writes it.
type Field<'a, 'o> = fn(&mut Fields<'a, 'o>) -> fmt::Result;

impl<'a, 'o> Fields<'a, 'o> {
    pub(super) fn new(message: &'a [u8], at: usize, out: &'o mut dyn fmt::Write) -> Fields<'a, 'o> {
        Fields { message, at, out }
    }

    /// Fails unless all fields have been read.
    pub(super) fn end(&self) -> fmt::Result {
        if self.is_at_end() { Ok(()) } else { Err(fmt::Error) }
    }

    pub(super) fn is_at_end(&self) -> bool {
        self.at >= self.message.len()
    }

    /// Reads bytes, without writing them.
    pub(super) fn take(&mut self, length: usize) -> Result<&'a [u8], fmt::Error> {
        let bytes = self.message.get(self.at..self.at + length).ok_or(fmt::Error)?;
        self.at += length;
        Ok(bytes)
    }

    /// Reads all that is left, without writing it.
    pub(super) fn rest(&mut self) -> &'a [u8] {
        let bytes = self.message.get(self.at..).unwrap_or_default();
        self.at = self.message.len();
        bytes
    }

    fn read<const N: usize>(&mut self) -> Result<[u8; N], fmt::Error> {
        self.take(N)?.try_into().map_err(|_| fmt::Error)
    }

    pub(super) fn read_u8(&mut self) -> Result<u8, fmt::Error> {
        Ok(u8::from_be_bytes(self.read()?))
    }

    pub(super) fn read_u16(&mut self) -> Result<u16, fmt::Error> {
        Ok(u16::from_be_bytes(self.read()?))
    }

    pub(super) fn read_u32(&mut self) -> Result<u32, fmt::Error> {
        Ok(u32::from_be_bytes(self.read()?))
    }

    pub(super) fn out(&mut self) -> &mut dyn fmt::Write {
        self.out
    }

    pub(super) fn put(&mut self, text: &str) -> fmt::Result {
        self.out.write_str(text)
    }

    pub(super) fn put_args(&mut self, arguments: fmt::Arguments<'_>) -> fmt::Result {
        self.out.write_fmt(arguments)
    }

    /// Writes fields with a space between two.
    pub(super) fn spaced(&mut self, fields: &[Field<'a, 'o>]) -> fmt::Result {
        for (at, field) in fields.iter().enumerate() {
            if at > 0 {
                self.put(" ")?;
            }
            field(self)?;
        }
        Ok(())
    }

    pub(super) fn u8(&mut self) -> fmt::Result {
        let number = self.read_u8()?;
        write!(self.out, "{number}")
    }

    pub(super) fn u16(&mut self) -> fmt::Result {
        let number = self.read_u16()?;
        write!(self.out, "{number}")
    }

    pub(super) fn u32(&mut self) -> fmt::Result {
        let number = self.read_u32()?;
        write!(self.out, "{number}")
    }

    pub(super) fn name(&mut self) -> fmt::Result {
        let (name, next) = NameView::parse(self.message, self.at).map_err(|_| fmt::Error)?;
        self.at = next;
        write!(self.out, "{name}")
    }

    /// Writes a text with its length before it, between quotes.
    pub(super) fn text(&mut self) -> fmt::Result {
        let length = self.read_u8()?;
        let bytes = self.take(usize::from(length))?;
        self.quoted(bytes)
    }

    /// Writes all that is left as one text, between quotes.
    pub(super) fn rest_as_text(&mut self) -> fmt::Result {
        let bytes = self.rest();
        self.quoted(bytes)
    }

    pub(super) fn quoted(&mut self, bytes: &[u8]) -> fmt::Result {
        let mut out = &mut *self.out;
        out.write_str("\"")?;
        write_escaped(&mut out, bytes, 0x20, SPECIAL)?;
        out.write_str("\"")
    }

    /// Writes all that is left in hexadecimal digits.
    pub(super) fn hex(&mut self) -> fmt::Result {
        let bytes = self.rest();
        write_hex(self.out, bytes, Spacing::Words)
    }

    /// Writes all that is left in base64.
    pub(super) fn base64(&mut self) -> fmt::Result {
        let bytes = self.rest();
        write_base64(self.out, bytes, Spacing::Words)
    }
}
