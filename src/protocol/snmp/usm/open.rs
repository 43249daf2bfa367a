//! Opens a message: verifies the digest, and decrypts the PDU.

use super::cipher::IvInputs;
use super::{AuthKey, Keys};
use crate::protocol::snmp::ber::{self, Reader};
use crate::protocol::snmp::message::{ScopedData, ScopedPdu, V3Message};

/// Returns whether the digest of `message` was made with `key` (RFC 3414, sections 6.3.2 and 7.3.2).
///
/// `message` must borrow from `datagram` itself: for a message parsed from a copy, this returns false.
pub fn is_authentic(datagram: &[u8], message: &V3Message<'_>, key: &AuthKey) -> bool {
    let mut reader = Reader::new(datagram);
    if reader.element().is_err() {
        return false;
    }
    // The digest does not cover bytes after the message.
    let whole = &datagram[..datagram.len() - reader.rest().len()];
    let digest = message.security.digest;
    let at = digest.as_ptr().addr().wrapping_sub(whole.as_ptr().addr());
    let Some((before, rest)) = whole.split_at_checked(at) else { return false };
    let Some((found, behind)) = rest.split_at_checked(digest.len()) else { return false };
    std::ptr::eq(found, digest) && key.verifies(before, digest, behind)
}

/// Returns the scoped PDU of a message, decrypted into `scratch` if necessary. Do not trust it unless the message
/// [is authentic](is_authentic).
///
/// # Errors
/// There is no key for an encrypted message, the salt does not have 8 bytes, or the result is not a scoped PDU, as after
/// decryption with the wrong key. Agents report all of these as a decryptionError (RFC 3414, section 3.2(8)).
pub fn scoped_pdu<'b>(
    message: &V3Message<'b>,
    keys: &Keys,
    scratch: &'b mut Vec<u8>,
) -> Result<ScopedPdu<'b>, &'static str> {
    let encrypted = match message.data {
        ScopedData::Plain(content) => return ScopedPdu::parse(content),
        ScopedData::Encrypted(bytes) => bytes,
    };
    let key = keys.privacy().ok_or("the message is encrypted, and there is no key")?;
    let security = &message.security;
    let number = |number| u32::try_from(number).map_err(|_| "the engine's boots or time are out of range");
    let iv_inputs = IvInputs {
        boots: number(security.boots)?,
        time: number(security.time)?,
        salt: security.salt.try_into().map_err(|_| "the salt does not have 8 bytes")?,
    };
    scratch.clear();
    scratch.extend_from_slice(encrypted);
    key.decrypt(iv_inputs, scratch)?;
    // Ignore padding after the element.
    let content =
        Reader::new(scratch).expect(ber::SEQUENCE).map_err(|_| "the decrypted data is not a scoped PDU")?;
    ScopedPdu::parse(content)
}
