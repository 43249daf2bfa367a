//! Records of DNSSEC (RFC 4034, RFC 5155) and those that look like them.

use std::fmt;

use super::super::RecordType;
use super::Fields;
use super::encodings::{Spacing, write_base32hex, write_hex};

/// Writes the data of a record of this type; fails if the type is unknown.
pub(super) fn write(of: RecordType, fields: &mut Fields<'_, '_>) -> fmt::Result {
    match of.0 {
        // DS CDS TA DLV
        43 | 59 | 32768 | 32769 => fields.spaced(&[Fields::u16, Fields::u8, Fields::u8, Fields::hex]),
        // KEY DNSKEY RKEY CDNSKEY
        25 | 48 | 57 | 60 => write_key(fields),
        46 => write_signature(fields),
        47 => {
            fields.name()?;
            write_types(fields)
        }
        50 => write_nsec3(fields),
        51 => fields.spaced(&[Fields::u8, Fields::u8, Fields::u16, Fields::salt]),
        // CSYNC
        62 => {
            fields.spaced(&[Fields::u32, Fields::u16])?;
            write_types(fields)
        }
        // ZONEMD
        63 => fields.spaced(&[Fields::u32, Fields::u8, Fields::u8, Fields::hex]),
        _ => Err(fmt::Error),
    }
}

/// Writes a key: its flags, which may say that there is none, its protocol, its algorithm, and itself.
fn write_key(fields: &mut Fields<'_, '_>) -> fmt::Result {
    const NO_KEY: u16 = 0xc000;
    let flags = fields.read_u16()?;
    fields.put_args(format_args!("{flags} "))?;
    fields.spaced(&[Fields::u8, Fields::u8])?;
    if flags & NO_KEY == NO_KEY && fields.is_at_end() {
        return Ok(());
    }
    fields.put(" ")?;
    fields.base64()
}

fn write_signature(fields: &mut Fields<'_, '_>) -> fmt::Result {
    let covered = RecordType(fields.read_u16()?);
    fields.put_args(format_args!("{covered} "))?;
    fields.spaced(&[
        Fields::u8,
        Fields::u8,
        Fields::u32,
        Fields::date,
        Fields::date,
        Fields::u16,
        Fields::name,
    ])?;
    fields.put(" ")?;
    fields.base64()
}

fn write_nsec3(fields: &mut Fields<'_, '_>) -> fmt::Result {
    fields.spaced(&[Fields::u8, Fields::u8, Fields::u16, Fields::salt])?;
    fields.put(" ")?;
    let length = fields.read_u8()?;
    let hash = fields.take(usize::from(length))?;
    write_base32hex(fields.out(), hash)?;
    write_types(fields)
}

/// Writes types, each after a space, from a bitmap in windows of 256 types (RFC 4034, section 4.1.2).
fn write_types(fields: &mut Fields<'_, '_>) -> fmt::Result {
    let mut least = 0;
    while !fields.is_at_end() {
        let (window, length) = (fields.read_u8()?, fields.read_u8()?);
        if u16::from(window) < least || !(1..=32).contains(&length) {
            return Err(fmt::Error);
        }
        least = u16::from(window) + 1;
        for (at, byte) in (0..).zip(fields.take(usize::from(length))?) {
            for bit in (0..8).filter(|bit| byte & 0x80 >> bit != 0) {
                let of = RecordType(u16::from(window) << 8 | at << 3 | bit);
                fields.put_args(format_args!(" {of}"))?;
            }
        }
    }
    Ok(())
}

impl Fields<'_, '_> {
    /// Writes a salt with its length before it, in hexadecimal digits; an empty one is a dash.
    fn salt(&mut self) -> fmt::Result {
        let length = self.read_u8()?;
        match self.take(usize::from(length))? {
            [] => self.put("-"),
            salt => write_hex(self.out(), salt, Spacing::None),
        }
    }

    /// Writes a time as year, month, day, hour, minute and second, in UTC. The wire has seconds since 1970, and says nothing of
    /// which of the eras of 136 years they are in: here the first one, in dig the one that is nearest to now.
    fn date(&mut self) -> fmt::Result {
        let seconds = self.read_u32()?;
        let (days, rest) = (seconds / 86_400, seconds % 86_400);
        // Years that begin in March have the leap day at their end. 719,468 days are from March of the year 0 to 1970.
        let days = days + 719_468;
        let (era, day_of_era) = (days / 146_097, days % 146_097);
        let year_of_era =
            (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let from_march = (5 * day_of_year + 2) / 153;
        let day = day_of_year - (153 * from_march + 2) / 5 + 1;
        let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
        let year = era * 400 + year_of_era + u32::from(month <= 2);
        let (hour, minute, second) = (rest / 3600, rest / 60 % 60, rest % 60);
        self.put_args(format_args!("{year:04}{month:02}{day:02}{hour:02}{minute:02}{second:02}"))
    }
}
