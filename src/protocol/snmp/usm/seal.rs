//! Seals a PDU: encrypts it, and turns it into a message with a digest.

use super::cipher::IvInputs;
use super::{Keys, Level, MODEL};
use crate::protocol::snmp::ber::{self, Writer};
use crate::protocol::snmp::message::flag;

/// The largest message that we accept: the maximum payload of a UDP datagram over IPv4 (RFC 3412, section 6.3).
const MAX_SIZE: u64 = 65_507;
/// The value of msgVersion for v3 (RFC 3412, section 6.1).
const VERSION: u64 = 3;

/// The fields of a message around its PDU: of a request, a response or a report.
#[derive(Clone, Copy, Debug, Default)]
pub struct Envelope<'a> {
    /// msgID, 1 to 2³¹ - 1; a reply has the msgID of its request.
    pub msg_id: u32,
    /// True if the receiver may report why it cannot process the message, as for requests (RFC 3412, section 6.4).
    pub is_reportable: bool,
    /// msgAuthoritativeEngineID and contextEngineID: the agent's engine ID, in messages of both sides.
    pub engine_id: &'a [u8],
    /// msgAuthoritativeEngineBoots of the agent, 0 to 2³¹ - 1.
    pub boots: u32,
    /// msgAuthoritativeEngineTime of the agent in seconds, 0 to 2³¹ - 1.
    pub time: u32,
    /// msgUserName.
    pub user: &'a [u8],
    /// contextName.
    pub context: &'a [u8],
}

/// Appends the message with the PDU in `pdu` to `out`, at the security level of `keys` (RFC 3414, section 3.1).
///
/// `pdu` must hold nothing but the PDU; its content afterwards is unspecified. With a privacy key, never use the same
/// `salt` twice; DES uses only its low 32 bits.
pub fn seal(envelope: &Envelope<'_>, keys: &Keys, salt: u64, pdu: &mut Writer, out: &mut Vec<u8>) {
    pdu.element(ber::OCTET_STRING, envelope.context);
    pdu.element(ber::OCTET_STRING, envelope.engine_id);
    pdu.wrap(ber::SEQUENCE, 0);
    let start = out.len();
    let salt = keys.privacy().map(|key| {
        let Envelope { boots, time, .. } = *envelope;
        let salt = key.salt(boots, salt);
        pdu.append_to(out);
        key.encrypt(IvInputs { boots, time, salt }, out, start);
        pdu.clear();
        pdu.element(ber::OCTET_STRING, &out[start..]);
        out.truncate(start);
        salt
    });
    let behind_digest = write_security(envelope, keys, salt.as_ref().map_or(&[], |salt| salt), pdu);
    write_header(envelope, keys.level(), pdu);
    pdu.unsigned(ber::INTEGER, VERSION);
    pdu.wrap(ber::SEQUENCE, 0);
    pdu.append_to(out);
    if let Some(key) = keys.auth() {
        let message = &mut out[start..];
        key.sign(message, message.len() - behind_digest - key.protocol.digest_len());
    }
}

/// Writes msgSecurityParameters (RFC 3414, section 2.4) with zeros for the digest. Returns the number of bytes after the
/// digest.
fn write_security(envelope: &Envelope<'_>, keys: &Keys, salt: &[u8], writer: &mut Writer) -> usize {
    let zeros = &[0; 48][..keys.auth().map_or(0, |key| key.protocol.digest_len())];
    let end = writer.len();
    writer.element(ber::OCTET_STRING, salt);
    let behind_digest = writer.len();
    writer.element(ber::OCTET_STRING, zeros);
    writer.element(ber::OCTET_STRING, envelope.user);
    writer.unsigned(ber::INTEGER, envelope.time.into());
    writer.unsigned(ber::INTEGER, envelope.boots.into());
    writer.element(ber::OCTET_STRING, envelope.engine_id);
    writer.wrap(ber::SEQUENCE, end);
    writer.wrap(ber::OCTET_STRING, end);
    behind_digest
}

/// Writes msgGlobalData (RFC 3412, section 6).
fn write_header(envelope: &Envelope<'_>, level: Level, writer: &mut Writer) {
    let reportable = if envelope.is_reportable { flag::REPORTABLE } else { 0 };
    let end = writer.len();
    writer.unsigned(ber::INTEGER, MODEL as u64);
    writer.element(ber::OCTET_STRING, &[level.flags() | reportable]);
    writer.unsigned(ber::INTEGER, MAX_SIZE);
    writer.unsigned(ber::INTEGER, envelope.msg_id.into());
    writer.wrap(ber::SEQUENCE, end);
}
