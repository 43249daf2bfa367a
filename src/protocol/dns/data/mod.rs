//! The data of records, in presentation format, as `dig +short` of BIND 9.18 prints it.
//!
//! dig splits base64 and hexadecimal digits into words of 56 characters, except in the salt and the hash of NSEC3, in
//! service parameters and in EUI addresses. Types that are unknown here, and data that does not fit its type, have the
//! form of unknown types: `\# 4 01020304` (RFC 3597, section 5).
//!
//! `fields` reads fields and writes them · `encodings` hexadecimal digits, base64 and base32 · `security` records of DNSSEC
//! · `service` SVCB and HTTPS · `location` LOC.

mod encodings;
mod fields;
mod location;
mod security;
mod service;

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::{Class, NameView, RecordType};
use encodings::{Spacing, write_hex};
use fields::Fields;

/// The data of a record. Names in it may point to earlier parts of the message.
#[derive(Clone, Copy)]
pub struct RecordData<'a> {
    /// The message, up to the end of the data.
    message: &'a [u8],
    start: usize,
    record_type: RecordType,
    class: Class,
}

impl<'a> RecordData<'a> {
    /// Creates the data that a message, cut at its end, has from `start` on.
    pub(super) fn new(
        message: &'a [u8],
        start: usize,
        record_type: RecordType,
        class: Class,
    ) -> RecordData<'a> {
        RecordData { message, start, record_type, class }
    }

    /// Returns the type of the record.
    pub fn record_type(&self) -> RecordType {
        self.record_type
    }

    /// Returns the bytes. Names in them may be compressed.
    pub fn as_bytes(&self) -> &'a [u8] {
        self.message.get(self.start..).unwrap_or_default()
    }

    /// Returns the address of an A or AAAA record.
    pub fn address(&self) -> Option<IpAddr> {
        match (self.class, self.record_type) {
            (Class::IN, RecordType::A) => Some(<[u8; 4]>::try_from(self.as_bytes()).ok()?.into()),
            (Class::IN, RecordType::AAAA) => Some(<[u8; 16]>::try_from(self.as_bytes()).ok()?.into()),
            _ => None,
        }
    }

    /// Returns the name of a record whose data is a name: CNAME, DNAME, NS or PTR.
    pub fn name(&self) -> Option<NameView<'a>> {
        let has_name = matches!(
            self.record_type,
            RecordType::CNAME | RecordType::DNAME | RecordType::NS | RecordType::PTR
        );
        let (name, end) = has_name.then(|| NameView::parse(self.message, self.start).ok()).flatten()?;
        (end == self.message.len()).then_some(name)
    }

    /// Writes the data in the format of its type; fails if it does not fit.
    fn write(&self, out: &mut dyn fmt::Write) -> fmt::Result {
        let mut fields = Fields::new(self.message, self.start, out);
        self.write_fields(&mut fields)?;
        fields.end()
    }

    fn write_fields(&self, fields: &mut Fields<'_, '_>) -> fmt::Result {
        match self.record_type.0 {
            // NS MD MF CNAME MB MG MR PTR DNAME
            2..=5 | 7..=9 | 12 | 39 => fields.name(),
            6 => write_soa(fields),
            // HINFO
            13 => fields.spaced(&[Fields::text, Fields::text]),
            // MINFO RP
            14 | 17 => fields.spaced(&[Fields::name, Fields::name]),
            // MX AFSDB RT LP
            15 | 18 | 21 | 107 => fields.spaced(&[Fields::u16, Fields::name]),
            // KX
            36 if self.class == Class::IN => fields.spaced(&[Fields::u16, Fields::name]),
            // TXT NINFO SPF AVC RESINFO WALLET
            16 | 56 | 99 | 258 | 261 | 262 => write_texts(fields),
            29 => location::write(fields),
            33 if self.class == Class::IN => {
                fields.spaced(&[Fields::u16, Fields::u16, Fields::u16, Fields::name])
            }
            // NAPTR
            35 => fields.spaced(&[
                Fields::u16,
                Fields::u16,
                Fields::text,
                Fields::text,
                Fields::text,
                Fields::name,
            ]),
            // SSHFP
            44 => fields.spaced(&[Fields::u8, Fields::u8, Fields::hex]),
            // TLSA SMIMEA
            52 | 53 => fields.spaced(&[Fields::u8, Fields::u8, Fields::u8, Fields::hex]),
            // OPENPGPKEY
            61 => fields.base64(),
            64 | 65 if self.class == Class::IN => service::write(fields),
            // EUI48 EUI64
            108 => write_eui(fields, 6),
            109 => write_eui(fields, 8),
            // URI
            256 => fields.spaced(&[Fields::u16, Fields::u16, Fields::rest_as_text]),
            257 => write_caa(fields),
            _ => security::write(self.record_type, fields),
        }
    }
}

impl fmt::Display for RecordData<'_> {
    /// Writes the data in presentation format.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.address() {
            Some(IpAddr::V4(address)) => return write_v4(f, address),
            Some(IpAddr::V6(address)) => return write_v6(f, address),
            None => {}
        }
        // Writes nowhere at first, to learn whether the data fits its type.
        if self.write(&mut Nowhere).is_ok() {
            return self.write(f);
        }
        let bytes = self.as_bytes();
        write!(f, "\\# {}", bytes.len())?;
        if bytes.is_empty() {
            return Ok(());
        }
        f.write_str(" ")?;
        write_hex(f, bytes, Spacing::Words)
    }
}

impl fmt::Debug for RecordData<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RecordData({} {self})", self.record_type)
    }
}

/// Discards what is written.
struct Nowhere;

impl fmt::Write for Nowhere {
    fn write_str(&mut self, _: &str) -> fmt::Result {
        Ok(())
    }
}

fn write_v4(out: &mut dyn fmt::Write, address: Ipv4Addr) -> fmt::Result {
    let [a, b, c, d] = address.octets();
    write!(out, "{a}.{b}.{c}.{d}")
}

/// Writes an IPv6 address as inet_ntop(3) does: unlike the standard library, it ends addresses that begin with 96 zero bits
/// like an IPv4 address.
fn write_v6(out: &mut dyn fmt::Write, address: Ipv6Addr) -> fmt::Result {
    match address.segments() {
        [0, 0, 0, 0, 0, 0, high, _] if high > 0 => {
            let [.., a, b, c, d] = address.octets();
            write!(out, "::{a}.{b}.{c}.{d}")
        }
        _ => write!(out, "{address}"),
    }
}

fn write_soa(fields: &mut Fields<'_, '_>) -> fmt::Result {
    fields.spaced(&[
        Fields::name,
        Fields::name,
        Fields::u32,
        Fields::u32,
        Fields::u32,
        Fields::u32,
        Fields::u32,
    ])
}

fn write_texts(fields: &mut Fields<'_, '_>) -> fmt::Result {
    fields.text()?;
    while !fields.is_at_end() {
        fields.put(" ")?;
        fields.text()?;
    }
    Ok(())
}

/// Writes a CAA record (RFC 8659, section 4.1): its tag is a word, and its value extends to the end.
fn write_caa(fields: &mut Fields<'_, '_>) -> fmt::Result {
    fields.u8()?;
    fields.put(" ")?;
    let length = fields.read_u8()?;
    let tag = fields.take(usize::from(length))?;
    let is_word = !tag.is_empty() && tag.iter().all(u8::is_ascii_alphanumeric);
    fields.put(std::str::from_utf8(tag).ok().filter(|_| is_word).ok_or(fmt::Error)?)?;
    fields.put(" ")?;
    fields.rest_as_text()
}

fn write_eui(fields: &mut Fields<'_, '_>, length: usize) -> fmt::Result {
    for (at, byte) in fields.take(length)?.iter().enumerate() {
        let separator = if at == 0 { "" } else { "-" };
        fields.put_args(format_args!("{separator}{byte:02x}"))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests;
