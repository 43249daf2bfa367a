//! A message becomes a PDU: its digest is verified, its secrets are decrypted.

use super::cipher::Freshness;
use super::{AuthKey, Keys};
use crate::protocol::snmp::ber::{self, Reader};
use crate::protocol::snmp::message::{Scoped, ScopedData, V3Message};

/// Whether the digest of `message` was made with `key` (RFC 3414, sections 6.3.2 and 7.3.2). `message` must have
/// been parsed from `datagram` itself: of a copy, nothing is proven.
pub fn is_proven(datagram: &[u8], message: &V3Message<'_>, key: &AuthKey) -> bool {
    let mut reader = Reader::new(datagram);
    if reader.element().is_err() {
        return false;
    }
    // Bytes behind the message are no part of it.
    let whole = &datagram[..datagram.len() - reader.rest().len()];
    let digest = message.security.digest;
    let at = digest.as_ptr().addr().wrapping_sub(whole.as_ptr().addr());
    let Some((before, rest)) = whole.split_at_checked(at) else { return false };
    let Some((found, behind)) = rest.split_at_checked(digest.len()) else { return false };
    std::ptr::eq(found, digest) && key.has_signed(before, digest, behind)
}

/// The scoped PDU of a message, decrypted into `scratch` where it has to be. Of a message that is not
/// [proven](is_proven) it may be anything.
///
/// # Errors
/// It is encrypted and there is no key, the salt has not 8 bytes, or what comes out is no scoped PDU, as with
/// another key. An agent calls all of that a decryptionError (RFC 3414, section 3.2(8)).
pub fn scoped_pdu<'b>(
    message: &V3Message<'b>,
    keys: &Keys,
    scratch: &'b mut Vec<u8>,
) -> Result<Scoped<'b>, &'static str> {
    let encrypted = match message.data {
        ScopedData::Plain(content) => return Scoped::parse(content),
        ScopedData::Encrypted(bytes) => bytes,
    };
    let key = keys.privacy().ok_or("it is encrypted, and there is no key")?;
    let security = &message.security;
    let number = |number| u32::try_from(number).map_err(|_| "the engine's boots or time are no numbers");
    let freshness = Freshness {
        boots: number(security.boots)?,
        time: number(security.time)?,
        salt: security.salt.try_into().map_err(|_| "the salt does not have 8 bytes")?,
    };
    scratch.clear();
    scratch.extend_from_slice(encrypted);
    key.decrypt(freshness, scratch)?;
    // Padding may stand behind it.
    let content =
        Reader::new(scratch).expect(ber::SEQUENCE).map_err(|_| "what was encrypted is no scoped PDU")?;
    Scoped::parse(content)
}
