//! SVCB and HTTPS: how a service is reached (RFC 9460).

use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};

use super::encodings::{Spacing, write_base64};
use super::{Fields, write_v4, write_v6};

/// The parameters that BIND prints by name, by their numbers (`lib/dns/rdata/in_1/svcb_64.c`).
const KEYS: [&str; 7] = ["mandatory", "alpn", "no-default-alpn", "port", "ipv4hint", "ech", "ipv6hint"];

/// Writes the priority, the target and the parameters, whose keys must ascend.
pub(super) fn write(fields: &mut Fields<'_, '_>) -> fmt::Result {
    fields.spaced(&[Fields::u16, Fields::name])?;
    let mut least = 0;
    while !fields.is_at_end() {
        let (key, length) = (fields.read_u16()?, fields.read_u16()?);
        let value = fields.take(usize::from(length))?;
        if u32::from(key) < least {
            return Err(fmt::Error);
        }
        least = u32::from(key) + 1;
        fields.put(" ")?;
        write_key(fields, key)?;
        if !value.is_empty() {
            fields.put("=")?;
        }
        write_value(fields, key, value)?;
    }
    Ok(())
}

fn write_key(fields: &mut Fields<'_, '_>, key: u16) -> fmt::Result {
    match KEYS.get(usize::from(key)) {
        Some(name) => fields.put(name),
        None => fields.put_args(format_args!("key{key}")),
    }
}

fn write_value(fields: &mut Fields<'_, '_>, key: u16, value: &[u8]) -> fmt::Result {
    match (key, value) {
        (0, [_, ..]) => {
            listed(fields, value, |fields, key: [u8; 2]| write_key(fields, u16::from_be_bytes(key)))
        }
        (1, [_, ..]) => write_protocols(fields, value),
        (2, []) => Ok(()),
        (3, &[high, low]) => fields.put_args(format_args!("{}", u16::from_be_bytes([high, low]))),
        (4, [_, ..]) => {
            listed(fields, value, |fields, address: [u8; 4]| write_v4(fields.out(), Ipv4Addr::from(address)))
        }
        (6, [_, ..]) => {
            listed(fields, value, |fields, address: [u8; 16]| write_v6(fields.out(), Ipv6Addr::from(address)))
        }
        (5, _) => write_base64(fields.out(), value, Spacing::None),
        (0..=6, _) => Err(fmt::Error),
        (_, []) => Ok(()),
        _ => fields.quoted(value),
    }
}

/// Writes values of `N` bytes each with commas between them.
fn listed<const N: usize>(
    fields: &mut Fields<'_, '_>,
    values: &[u8],
    write: impl Fn(&mut Fields<'_, '_>, [u8; N]) -> fmt::Result,
) -> fmt::Result {
    for (at, value) in values.chunks(N).enumerate() {
        if at > 0 {
            fields.put(",")?;
        }
        write(fields, value.try_into().map_err(|_| fmt::Error)?)?;
    }
    Ok(())
}

/// Writes names of protocols, each with its length before it. Commas and backslashes are escaped twice: in the list, and in
/// the text (RFC 9460, appendix A.1).
fn write_protocols(fields: &mut Fields<'_, '_>, mut names: &[u8]) -> fmt::Result {
    fields.put("\"")?;
    while let Some((&length, rest)) = names.split_first() {
        let (name, rest) = rest.split_at_checked(usize::from(length)).ok_or(fmt::Error)?;
        if name.is_empty() {
            return Err(fmt::Error);
        }
        for byte in name {
            match byte {
                b'"' => fields.put("\\\""),
                b'\\' => fields.put("\\\\\\\\"),
                b',' => fields.put("\\\\,"),
                0x21..0x7f => fields.put_args(format_args!("{}", char::from(*byte))),
                _ => fields.put_args(format_args!("\\{byte:03}")),
            }?;
        }
        if !rest.is_empty() {
            fields.put(",")?;
        }
        names = rest;
    }
    fields.put("\"")
}
