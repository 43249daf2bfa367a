//! Requests: the header, one question, and EDNS (RFC 1035, section 4.1; RFC 6891, section 6.1.2).

use crate::protocol::dns::{Class, Rcode, RecordType};

/// The length of a header.
pub(super) const HEADER: usize = 12;
/// The type of the record that carries EDNS.
pub(super) const OPT: u16 = 41;
/// The option that carries a cookie (RFC 7873, section 4).
pub(super) const COOKIE: u16 = 10;
/// The maximum length of a name (RFC 1035, section 2.3.4).
pub(super) const LONGEST_NAME: usize = 255;

/// A request that a server understands.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct DnsRequest<'a> {
    /// The header and the question.
    pub(super) head: &'a [u8],
    /// The name of the question, in its wire format.
    pub(super) name: &'a [u8],
    pub(super) of: RecordType,
    pub(super) class: Class,
    pub(super) edns: Option<Edns<'a>>,
}

/// The content of a request's OPT record.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Edns<'a> {
    /// The largest datagram that the client accepts.
    pub(super) size: u16,
    pub(super) version: u8,
    pub(super) cookie: Option<&'a [u8]>,
}

/// The reason why a datagram is not processed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum DnsRejection {
    /// It is not a request: there is no reply.
    NoRequest,
    /// The reply is a header with this response code.
    Code(Rcode),
}

impl<'a> DnsRequest<'a> {
    /// Parses a datagram, or a message of a stream.
    pub(super) fn parse(message: &'a [u8]) -> Result<DnsRequest<'a>, DnsRejection> {
        let header = message.get(..HEADER).ok_or(DnsRejection::NoRequest)?;
        if header[2] & 0x80 != 0 {
            return Err(DnsRejection::NoRequest);
        }
        if header[2] & 0x78 != 0 {
            return Err(DnsRejection::Code(Rcode::NOTIMP));
        }
        let malformed = DnsRejection::Code(Rcode::FORMERR);
        // One question, and neither answers nor authorities.
        if header[4..10] != [0, 1, 0, 0, 0, 0] {
            return Err(malformed);
        }
        let name = name_at(message, HEADER).ok_or(malformed)?;
        let end = HEADER + name.len() + 4;
        let head = message.get(..end).ok_or(malformed)?;
        let (of, class) = (RecordType(word(head, end - 4)), Class(word(head, end - 2)));
        let edns = find_edns(&message[end..], word(header, 10)).ok_or(malformed)?;
        Ok(DnsRequest { head, name, of, class, edns })
    }
}

/// Returns the name at `start`, which is not compressed: a request has nothing to refer to.
fn name_at(message: &[u8], start: usize) -> Option<&[u8]> {
    let mut at = start;
    loop {
        let label = usize::from(*message.get(at)?);
        if label > 63 || at + 1 + label - start > LONGEST_NAME {
            return None;
        }
        at += 1 + label;
        if label == 0 {
            return message.get(start..at);
        }
    }
}

/// Finds the OPT record among `count` additional records. Returns `None` if a record is malformed.
fn find_edns(mut rest: &[u8], count: u16) -> Option<Option<Edns<'_>>> {
    let mut edns = None;
    for _ in 0..count {
        let name = name_at(rest, 0)?.len();
        let fixed = rest.get(name..name + 10)?;
        let end = name + 10 + usize::from(word(fixed, 8));
        let data = rest.get(name + 10..end)?;
        if word(fixed, 0) == OPT {
            let cookie = find_cookie(data)?;
            edns = Some(Edns { size: word(fixed, 2), version: fixed[5], cookie });
        }
        rest = &rest[end..];
    }
    Some(edns)
}

/// Finds the cookie among the options. Returns `None` if an option is malformed.
fn find_cookie(mut options: &[u8]) -> Option<Option<&[u8]>> {
    while !options.is_empty() {
        let head = options.get(..4)?;
        let end = 4 + usize::from(word(head, 2));
        let data = options.get(4..end)?;
        if word(head, 0) == COOKIE {
            return Some(Some(data));
        }
        options = &options[end..];
    }
    Some(None)
}

fn word(bytes: &[u8], at: usize) -> u16 {
    u16::from_be_bytes([bytes[at], bytes[at + 1]])
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: &[u8] = b"\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x01a\x04test\x00\x00\x1c\x00\x01";

    fn with_opt(options: &[u8]) -> Vec<u8> {
        let mut request = PLAIN.to_vec();
        request[11] = 1;
        request.extend_from_slice(b"\0\x00\x29\x04\xd0\0\x01\0\0\0");
        request.push(options.len() as u8);
        request.extend_from_slice(options);
        request
    }

    #[test]
    fn the_question_and_edns_are_found() {
        let request = DnsRequest::parse(PLAIN).expect("a request");
        assert_eq!(
            (request.name, request.of, request.class),
            (&b"\x01a\x04test\0"[..], RecordType::AAAA, Class::IN)
        );
        assert_eq!((request.head, request.edns), (PLAIN, None));
        let cookie = b"\x00\x03\x00\x00\x00\x0a\x00\x08abcdefgh";
        for (options, expected) in [(&b""[..], None), (cookie, Some(&b"abcdefgh"[..]))] {
            let request = with_opt(options);
            let edns = DnsRequest::parse(&request).expect("a request").edns.expect("an OPT record");
            assert_eq!((edns.size, edns.version, edns.cookie), (1232, 1, expected));
        }
    }

    #[test]
    fn whatever_is_not_a_request_is_rejected() {
        let altered = |at: usize, byte: u8| {
            let mut request = PLAIN.to_vec();
            request[at] = byte;
            DnsRequest::parse(&request).map(|_| ())
        };
        assert_eq!(altered(2, 0x81), Err(DnsRejection::NoRequest), "a reply");
        assert_eq!(altered(2, 0x29), Err(DnsRejection::Code(Rcode::NOTIMP)), "an update");
        for (at, byte) in [(5, 2), (5, 0), (7, 1), (9, 1), (11, 1), (12, 0xc0), (12, 63)] {
            assert_eq!(altered(at, byte), Err(DnsRejection::Code(Rcode::FORMERR)), "byte {at}");
        }
        let request = with_opt(b"\x00\x0a\x00\x09abcdefgh");
        assert_eq!(DnsRequest::parse(&request), Err(DnsRejection::Code(Rcode::FORMERR)));
        for len in 0..PLAIN.len() {
            assert!(DnsRequest::parse(&PLAIN[..len]).is_err(), "{len} bytes");
        }
    }

    #[test]
    fn a_name_has_at_most_255_bytes() {
        let name = |last: usize| {
            let mut request = PLAIN[..HEADER].to_vec();
            for length in [63, 63, 63, last] {
                request.push(length as u8);
                request.resize(request.len() + length, b'a');
            }
            request.extend_from_slice(b"\0\0\x01\0\x01");
            request
        };
        assert!(DnsRequest::parse(&name(61)).is_ok());
        assert_eq!(DnsRequest::parse(&name(62)), Err(DnsRejection::Code(Rcode::FORMERR)));
    }
}
