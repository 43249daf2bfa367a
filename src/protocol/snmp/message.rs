//! Messages and PDUs.
//!
//! A message of v1 or v2c has a version and a community (RFC 3417, RFC 1901); one of v3 has a header and security
//! parameters (RFC 3412, section 6; RFC 3414, section 2.4).

use std::fmt;

use super::ber::{self, Reader, Writer};
use super::oid::OidRef;
use super::value::Varbinds;

/// The version of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    /// SNMPv1 (RFC 1157).
    V1,
    /// Community-based SNMPv2 (RFC 1901).
    V2c,
}

/// Tags of the protocol data units (RFC 3416, section 3).
pub mod pdu_tag {
    /// GetRequest.
    pub const GET: u8 = 0xa0;
    /// GetNextRequest.
    pub const GET_NEXT: u8 = 0xa1;
    /// Response; in v1, GetResponse.
    pub const RESPONSE: u8 = 0xa2;
    /// GetBulkRequest.
    pub const GET_BULK: u8 = 0xa5;
    /// Report (RFC 3412).
    pub const REPORT: u8 = 0xa8;
}

/// A protocol data unit, borrowed from a datagram.
#[derive(Clone, Copy, Debug)]
pub struct Pdu<'a> {
    /// The kind of PDU: see [`pdu_tag`].
    pub tag: u8,
    /// The number that matches a reply to its request.
    pub request_id: i64,
    /// The error-status; in a GetBulkRequest, the non-repeaters.
    pub error_status: i64,
    /// The variable binding that caused the error, counted from 1; in a GetBulkRequest, the max-repetitions.
    pub error_index: i64,
    /// The encoded variable bindings.
    pub varbinds: &'a [u8],
    /// The reason why the list of variable bindings is truncated, if it is.
    pub cut: Option<&'static str>,
}

/// A message, borrowed from a datagram.
#[derive(Clone, Copy, Debug)]
pub enum Message<'a> {
    /// A message of v1 or v2c.
    Community(CommunityMessage<'a>),
    /// A message of v3.
    V3(V3Message<'a>),
}

/// A message of v1 or v2c.
#[derive(Clone, Copy)]
pub struct CommunityMessage<'a> {
    /// The version.
    pub version: Version,
    /// The community.
    pub community: &'a [u8],
    /// The PDU.
    pub pdu: Pdu<'a>,
}

/// Omits the community.
impl fmt::Debug for CommunityMessage<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("CommunityMessage");
        shown.field("version", &self.version).field("pdu", &self.pdu).finish_non_exhaustive()
    }
}

/// A message of v3, neither authenticated nor decrypted.
#[derive(Clone, Copy, Debug)]
pub struct V3Message<'a> {
    /// The number that matches a reply to its request (RFC 3412, section 7.2).
    pub msg_id: i64,
    /// The largest message that the sender accepts, in bytes.
    pub max_size: i64,
    /// authFlag, privFlag and reportableFlag: see [`flag`].
    pub flags: u8,
    /// The security model; 3 is the User-based Security Model.
    pub security_model: i64,
    /// The parameters of the security model.
    pub security: SecurityParameters<'a>,
    /// The scoped PDU, possibly encrypted.
    pub data: ScopedData<'a>,
}

/// Bits of msgFlags (RFC 3412, section 6.4).
pub mod flag {
    /// The message is authenticated.
    pub const AUTH: u8 = 1;
    /// The message is encrypted.
    pub const PRIV: u8 = 2;
    /// The receiver may send a report if it cannot process the message.
    pub const REPORTABLE: u8 = 4;
}

/// msgSecurityParameters of the User-based Security Model (RFC 3414, section 2.4).
#[derive(Clone, Copy, Debug, Default)]
pub struct SecurityParameters<'a> {
    /// msgAuthoritativeEngineID.
    pub engine_id: &'a [u8],
    /// msgAuthoritativeEngineBoots.
    pub boots: i64,
    /// msgAuthoritativeEngineTime, seconds.
    pub time: i64,
    /// msgUserName.
    pub user: &'a [u8],
    /// msgAuthenticationParameters: the truncated digest.
    pub digest: &'a [u8],
    /// msgPrivacyParameters: the salt.
    pub salt: &'a [u8],
}

/// The payload of a v3 message.
#[derive(Clone, Copy, Debug)]
pub enum ScopedData<'a> {
    /// The content of the scoped PDU, not encrypted.
    Plain(&'a [u8]),
    /// The encrypted scoped PDU.
    Encrypted(&'a [u8]),
}

/// A scoped PDU (RFC 3412, section 6.8).
#[derive(Clone, Copy, Debug)]
pub struct ScopedPdu<'a> {
    /// contextEngineID.
    pub engine_id: &'a [u8],
    /// contextName.
    pub context: &'a [u8],
    /// The PDU.
    pub pdu: Pdu<'a>,
}

impl<'a> Message<'a> {
    /// Parses a datagram.
    ///
    /// # Errors
    /// The reason why the datagram is not an SNMP message.
    pub fn parse(datagram: &'a [u8]) -> Result<Message<'a>, &'static str> {
        let mut reader = Reader::new(datagram);
        // Ignore bytes after the message.
        let mut message = Reader::new(reader.expect(ber::SEQUENCE)?);
        match message.integer()? {
            0 => CommunityMessage::parse(Version::V1, message).map(Message::Community),
            1 => CommunityMessage::parse(Version::V2c, message).map(Message::Community),
            3 => V3Message::parse(message).map(Message::V3),
            _ => Err("the message has an unknown version"),
        }
    }
}

/// Returns the number that matches a reply to its request: the request-id of v1 and v2c, the msgID of v3.
/// `None` if the datagram is not a message, or the number is outside the range that we use, 1 to 2³¹ - 1.
pub fn read_id(datagram: &[u8]) -> Option<u32> {
    // Parse only up to the number: an ICMP error may quote less than the message.
    let mut message = Reader::new(unwrapped(datagram)?);
    let id = match message.integer().ok()? {
        0 | 1 => {
            message.expect(ber::OCTET_STRING).ok()?;
            Reader::new(unwrapped(message.rest())?).integer().ok()?
        }
        3 => Reader::new(unwrapped(message.rest())?).integer().ok()?,
        _ => return None,
    };
    u32::try_from(id).ok().filter(|id| (1..1 << 31).contains(id))
}

/// Returns the content of a constructed element, even if it is truncated.
fn unwrapped(bytes: &[u8]) -> Option<&[u8]> {
    let (&[tag, len], rest) = bytes.split_first_chunk()?;
    let more = usize::from(if len > 0x80 { len & 0x7f } else { 0 });
    (tag & 0x20 != 0).then(|| rest.get(more..))?
}

impl<'a> CommunityMessage<'a> {
    fn parse(version: Version, mut message: Reader<'a>) -> Result<CommunityMessage<'a>, &'static str> {
        let community = message.expect(ber::OCTET_STRING)?;
        Ok(CommunityMessage { version, community, pdu: Pdu::read(&mut message)? })
    }
}

impl<'a> V3Message<'a> {
    fn parse(mut message: Reader<'a>) -> Result<V3Message<'a>, &'static str> {
        let mut header = Reader::new(message.expect(ber::SEQUENCE)?);
        let (msg_id, max_size) = (header.integer()?, header.integer()?);
        let &[flags] = header.expect(ber::OCTET_STRING)? else { return Err("the flags are not one byte") };
        let security_model = header.integer()?;
        let security = SecurityParameters::parse(message.expect(ber::OCTET_STRING)?)?;
        let data = message.element()?;
        let data = match data.tag {
            ber::SEQUENCE => ScopedData::Plain(data.content),
            ber::OCTET_STRING => ScopedData::Encrypted(data.content),
            _ => return Err("the scoped PDU is neither plain nor encrypted"),
        };
        Ok(V3Message { msg_id, max_size, flags, security_model, security, data })
    }
}

impl<'a> SecurityParameters<'a> {
    fn parse(bytes: &'a [u8]) -> Result<SecurityParameters<'a>, &'static str> {
        let mut fields = Reader::new(Reader::new(bytes).expect(ber::SEQUENCE)?);
        Ok(SecurityParameters {
            engine_id: fields.expect(ber::OCTET_STRING)?,
            boots: fields.integer()?,
            time: fields.integer()?,
            user: fields.expect(ber::OCTET_STRING)?,
            digest: fields.expect(ber::OCTET_STRING)?,
            salt: fields.expect(ber::OCTET_STRING)?,
        })
    }
}

impl<'a> ScopedPdu<'a> {
    /// Parses the content of a scoped PDU, after decryption if it was encrypted.
    ///
    /// # Errors
    /// The reason why the content is not a scoped PDU.
    pub fn parse(content: &'a [u8]) -> Result<ScopedPdu<'a>, &'static str> {
        let mut fields = Reader::new(content);
        let engine_id = fields.expect(ber::OCTET_STRING)?;
        let context = fields.expect(ber::OCTET_STRING)?;
        Ok(ScopedPdu { engine_id, context, pdu: Pdu::read(&mut fields)? })
    }
}

impl<'a> Pdu<'a> {
    /// Reads the next PDU from `reader`.
    ///
    /// # Errors
    /// The reason why the next element is not a PDU.
    pub fn read(reader: &mut Reader<'a>) -> Result<Pdu<'a>, &'static str> {
        let element = reader.element()?;
        let mut fields = Reader::new(element.content);
        let request_id = fields.integer()?;
        let (error_status, error_index) = (fields.integer()?, fields.integer()?);
        // Accept a list that is truncated or missing: the part that is there is still useful.
        let (varbinds, cut) = match fields.element() {
            Ok(list) if list.tag == ber::SEQUENCE => (list.content, None),
            Ok(_) => return Err("the variable bindings are not a sequence"),
            Err(_) if fields.is_empty() => (&[][..], None),
            Err(reason) => (unwrapped(fields.rest()).unwrap_or_default(), Some(reason)),
        };
        Ok(Pdu { tag: element.tag, request_id, error_status, error_index, varbinds, cut })
    }

    /// Returns an iterator over the variable bindings.
    pub fn varbinds(&self) -> Varbinds<'a> {
        Varbinds::new(self.varbinds)
    }
}

/// The fields before the variable bindings of a PDU, to write one.
#[derive(Clone, Copy, Debug)]
pub struct PduHead {
    /// The kind of PDU: see [`pdu_tag`].
    pub tag: u8,
    /// The number that matches a reply to its request, 1 to 2³¹ - 1.
    pub request_id: u32,
    /// The error-status of a response, the non-repeaters of a GetBulkRequest; otherwise 0.
    pub first: u32,
    /// The error-index of a response, the max-repetitions of a GetBulkRequest; otherwise 0.
    pub second: u32,
}

impl PduHead {
    /// Turns everything written since `end` into the variable bindings of a PDU.
    pub fn wrap(&self, end: usize, writer: &mut Writer) {
        writer.wrap(ber::SEQUENCE, end);
        writer.unsigned(ber::INTEGER, self.second.into());
        writer.unsigned(ber::INTEGER, self.first.into());
        writer.unsigned(ber::INTEGER, self.request_id.into());
        writer.wrap(self.tag, end);
    }

    /// Writes a request for `names`.
    pub fn write_request<'o>(&self, names: impl DoubleEndedIterator<Item = OidRef<'o>>, writer: &mut Writer) {
        let end = writer.len();
        for name in names.rev() {
            let end = writer.len();
            writer.element(ber::NULL, &[]);
            writer.element(ber::OBJECT_ID, name.as_ber());
            writer.wrap(ber::SEQUENCE, end);
        }
        self.wrap(end, writer);
    }
}

/// Turns the PDU written since `end` into a message of v1 or v2c.
pub fn wrap_community(version: Version, community: &[u8], end: usize, writer: &mut Writer) {
    writer.element(ber::OCTET_STRING, community);
    writer.unsigned(ber::INTEGER, if version == Version::V1 { 0 } else { 1 });
    writer.wrap(ber::SEQUENCE, end);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::snmp::oid::Oid;

    /// The `GET sysName.0` of `snmpget -v2c -c public`.
    const GET: &[u8] =
        b"\x30\x29\x02\x01\x01\x04\x06public\xa0\x1c\x02\x04\x23\x09\xd0\x3b\x02\x01\x00\x02\x01\x00\
                         \x30\x0e\x30\x0c\x06\x08\x2b\x06\x01\x02\x01\x01\x05\x00\x05\x00";

    fn name() -> Oid {
        "1.3.6.1.2.1.1.5.0".parse().expect("an identifier")
    }

    #[test]
    fn a_request_is_byte_for_byte_that_of_net_snmp() {
        let mut writer = Writer::default();
        let head = PduHead { tag: pdu_tag::GET, request_id: 0x2309_d03b, first: 0, second: 0 };
        head.write_request([name().as_oid()].into_iter(), &mut writer);
        wrap_community(Version::V2c, b"public", 0, &mut writer);
        let mut out = Vec::new();
        writer.append_to(&mut out);
        assert_eq!(out, GET);
    }

    #[test]
    fn a_message_is_parsed_down_to_its_names() {
        let Ok(Message::Community(message)) = Message::parse(GET) else { panic!("a message") };
        assert_eq!((message.version, message.community), (Version::V2c, &b"public"[..]));
        assert_eq!((message.pdu.tag, message.pdu.request_id), (pdu_tag::GET, 0x2309_d03b));
        let names: Vec<_> = message.pdu.varbinds().map(|varbind| varbind.oid.to_oid()).collect();
        assert_eq!(names, [name()]);
    }

    #[test]
    fn the_number_is_found_even_if_the_rest_is_truncated() {
        assert_eq!(read_id(GET), Some(0x2309_d03b));
        assert_eq!(read_id(&GET[..21]), Some(0x2309_d03b));
        for len in 0..=18 {
            assert_eq!(read_id(&GET[..len]), None, "{len}");
        }
        let v3 = b"\x30\x3d\x02\x01\x03\x30\x11\x02\x04\x37\x2a\x91\x2a\x02\x03\x00\xff\xe3";
        assert_eq!(read_id(v3), Some(0x372a_912a));
        assert_eq!(read_id(b"\x30\x0c\x02\x01\x02\x30\x07\x02\x01\x05\x02\x01\x05"), None);
        // Requests never have 0 or a negative number.
        assert_eq!(read_id(b"\x30\x0c\x02\x01\x01\x04\x00\xa2\x05\x02\x01\x00\x02\x01\x00"), None);
        assert_eq!(read_id(b"\x30\x0c\x02\x01\x01\x04\x00\xa2\x05\x02\x01\xff\x02\x01\x00"), None);
    }

    #[test]
    fn a_truncated_list_is_read_up_to_its_end() {
        let reply = b"\x30\x2f\x02\x01\x01\x04\x01p\xa2\x27\x02\x01\x07\x02\x01\x00\x02\x01\x00\x30\x7f\
            \x30\x07\x06\x02\x2b\x06\x02\x01\x05\x30\x07\x06\x02\x2b\x07\x02\x01\x05\x30\x09\x06\x02\x2b";
        let mut reply = reply.to_vec();
        (reply[1], reply[9]) = (reply.len() as u8 - 2, reply.len() as u8 - 10);
        let Ok(Message::Community(message)) = Message::parse(&reply) else { panic!("a message") };
        assert!(message.pdu.cut.is_some());
        assert_eq!(message.pdu.varbinds().count(), 2);
    }
}
