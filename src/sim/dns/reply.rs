//! Replies: the header, the question, the records of the zone, and EDNS.

use super::request::{COOKIE, DnsRequest, HEADER, LONGEST_NAME, OPT};
use super::zone::{Rule, ZoneName, a_data, aaaa_data};
use crate::protocol::dns::{Class, Rcode, RecordType};

/// The time to live of all records, in seconds.
const TTL: u32 = 300;
/// The largest datagram that a server sends and accepts (RFC 9715, section 3).
pub(super) const LARGEST_DATAGRAM: u16 = 1232;
/// The largest datagram without EDNS (RFC 1035, section 4.2.1).
const LARGEST_PLAIN: usize = 512;
/// A reference to the name of the question, which follows the header.
const QUESTION: u16 = 0xc000 | HEADER as u16;

/// The parts of a reply besides the zone's answer.
#[derive(Clone, Copy, Debug)]
pub(super) struct ReplyTerms {
    /// The response code of a reply without records; `None` for the zone's answer.
    pub(super) code: Option<Rcode>,
    pub(super) has_question: bool,
    pub(super) has_edns: bool,
    /// Replies with the question in lower case.
    pub(super) is_lower_case: bool,
    /// Replies without records, truncated.
    pub(super) is_truncated: bool,
    pub(super) is_stream: bool,
    /// The client's cookie and the server's.
    pub(super) cookie: Option<[u8; 16]>,
    /// The number of the host, which is in its identity.
    pub(super) host: u32,
    /// Changes the addresses and texts of a forgery.
    pub(super) salt: u64,
}

/// Appends the reply to `request`, which is a message on its own, to `out`.
pub(super) fn write_reply(request: &DnsRequest<'_>, terms: &ReplyTerms, out: &mut Vec<u8>) {
    let start = out.len();
    let limit = match request.edns {
        _ if terms.is_stream => usize::from(u16::MAX),
        Some(edns) => usize::from(edns.size.min(LARGEST_DATAGRAM)).max(LARGEST_PLAIN),
        None => LARGEST_PLAIN,
    };
    write_head(request, terms, out);
    let body = out.len();
    let mut records = Records { start, out, counts: [0; 3], class: request.class, salt: terms.salt };
    let mut code = match terms.code {
        Some(code) => code,
        None => records.write_answer(request, terms.host),
    };
    let mut counts = records.counts;
    let opt = if terms.has_edns { 11 + terms.cookie.map_or(0, |cookie| 4 + cookie.len()) } else { 0 };
    if terms.is_truncated || out.len() - start + opt > limit {
        out.truncate(body);
        counts = [0; 3];
        out[start + 2] |= 2;
        code = if terms.is_truncated { terms.code.unwrap_or(Rcode::NOERROR) } else { code };
    }
    if terms.has_edns {
        counts[2] += 1;
        write_opt(code, terms.cookie, out);
    }
    out[start + 3] |= code.0 as u8 & 15;
    for (i, count) in counts.into_iter().enumerate() {
        out[start + 6 + 2 * i..][..2].copy_from_slice(&u16::to_be_bytes(count));
    }
}

/// Appends a header without records to `out`, for a request that could not be parsed.
pub(super) fn write_header(request: &[u8], code: Rcode, out: &mut Vec<u8>) {
    out.extend_from_slice(&request[..2]);
    out.extend_from_slice(&[0x80 | request[2] & 0x79, 0x80 | code.0 as u8 & 15]);
    out.extend_from_slice(&[0; 8]);
}

/// Appends header and question: the id, opcode and RD of the request, recursion available, and CD.
fn write_head(request: &DnsRequest<'_>, terms: &ReplyTerms, out: &mut Vec<u8>) {
    let start = out.len();
    let head = if terms.has_question { request.head } else { &request.head[..HEADER] };
    out.extend_from_slice(head);
    out[start + 2] = 0x80 | request.head[2] & 0x79;
    out[start + 3] = 0x80 | request.head[3] & 0x10;
    out[start + 5] = u8::from(terms.has_question);
    out[start + 6..start + HEADER].fill(0);
    if terms.is_lower_case && terms.has_question {
        // The lengths of labels are below the letters.
        out[start + HEADER..][..request.name.len()].make_ascii_lowercase();
    }
}

/// Appends the OPT record, with the upper bits of the response code.
fn write_opt(code: Rcode, cookie: Option<[u8; 16]>, out: &mut Vec<u8>) {
    let [size_high, size_low] = LARGEST_DATAGRAM.to_be_bytes();
    let len = cookie.map_or(0, |cookie| 4 + cookie.len() as u8);
    out.extend_from_slice(&[0, 0, OPT as u8, size_high, size_low, (code.0 >> 4) as u8, 0, 0, 0, 0, len]);
    if let Some(cookie) = cookie {
        out.extend_from_slice(&[0, COOKIE as u8, 0, cookie.len() as u8]);
        out.extend_from_slice(&cookie);
    }
}

/// The records of a reply.
#[derive(Debug)]
struct Records<'a> {
    /// The start of the message in `out`.
    start: usize,
    out: &'a mut Vec<u8>,
    /// Answers, authorities, additional records.
    counts: [u16; 3],
    class: Class,
    salt: u64,
}

/// A name that the message has: as a reference to it, and its length without compression.
#[derive(Clone, Copy, Debug)]
struct Owner {
    reference: u16,
    len: usize,
}

impl Records<'_> {
    /// Writes the zone's answer. Returns its response code.
    fn write_answer(&mut self, request: &DnsRequest<'_>, host: u32) -> Rcode {
        if request.class == Class::CH {
            return self.write_identity(request, host);
        }
        if !matches!(request.class, Class::IN | Class::ANY) {
            return Rcode::REFUSED;
        }
        self.class = Class::IN;
        let mut name = ZoneName::new(request.name);
        let mut owner = Owner { reference: QUESTION, len: request.name.len() };
        let parent = QUESTION + 1 + u16::from(request.name[0]);
        while name.rule() == Rule::Alias {
            if request.of == RecordType::ANY {
                self.write_any(owner);
                return Rcode::NOERROR;
            }
            let target = name.target();
            owner.reference = self.write_alias(owner, target.first.bytes(), parent);
            if name.is_loop() || request.of == RecordType::CNAME {
                return Rcode::NOERROR;
            }
            owner.len -= name.first.bytes().len() - target.first.bytes().len();
            name = target;
        }
        let before = self.counts[0];
        let code = match name.rule() {
            Rule::ServFail => return Rcode::SERVFAIL,
            Rule::Refused => return Rcode::REFUSED,
            Rule::NxDomain => Rcode::NXDOMAIN,
            Rule::Records => self.write_records(&name, request.of, owner),
            Rule::Many => self.write_many(&name, request.of, owner),
            Rule::NoData | Rule::Alias => Rcode::NOERROR,
        };
        if self.counts[0] == before {
            let apex = QUESTION + (request.name.len() - name.apex) as u16;
            self.write_soa(1, Owner { reference: apex, len: name.apex });
        }
        code
    }

    /// Writes the name or the version of a server (RFC 4892).
    fn write_identity(&mut self, request: &DnsRequest<'_>, host: u32) -> Rcode {
        let is = |name: &[u8]| request.name.eq_ignore_ascii_case(name);
        let text = if is(b"\x02id\x06server\0") || is(b"\x08hostname\x04bind\0") {
            format!("host-{host:06}")
        } else if is(b"\x07version\x04bind\0") || is(b"\x07version\x06server\0") {
            "allears fleet".to_owned()
        } else {
            return Rcode::REFUSED;
        };
        if request.of == RecordType::TXT {
            let len = [text.len() as u8];
            self.record(0, QUESTION, RecordType::TXT, &[&len, text.as_bytes()]);
        }
        Rcode::NOERROR
    }

    /// Writes the records of a name of this type, if it has any.
    fn write_records(&mut self, name: &ZoneName<'_>, of: RecordType, owner: Owner) -> Rcode {
        let hash = name.hash(of) ^ self.salt;
        match of {
            RecordType::A => self.record(0, owner.reference, of, &[&a_data(hash)]),
            RecordType::AAAA => self.record(0, owner.reference, of, &[&aaaa_data(hash)]),
            RecordType::TXT => self.record(0, owner.reference, of, &[b"\x12h=", &hex(hash)]),
            RecordType::MX => {
                let (label, mail) = below(b"\x04mail", owner);
                self.record(0, owner.reference, of, &[&[0, 10], label, &mail]);
            }
            RecordType::NS => {
                for server in [b"\x03ns1", b"\x03ns2"] {
                    let (label, parent) = below(server, owner);
                    self.record(0, owner.reference, of, &[label, &parent]);
                }
            }
            RecordType::SOA => self.write_soa(0, owner),
            RecordType::PTR => self.record(0, owner.reference, of, &[&host_name(hash)]),
            RecordType::SRV => {
                self.record(0, owner.reference, of, &[&[0, 0, 0, 5, 0x13, 0xc4], &host_name(hash)])
            }
            RecordType::CAA => self.record(0, owner.reference, of, &[b"\0\x05issueca.example"]),
            RecordType::HTTPS => {
                // Priority 1, the owner itself, alpn=h2 (RFC 9460, section 7.1).
                self.record(0, owner.reference, of, &[b"\0\x01\0\0\x01\0\x03\x02h2"]);
            }
            RecordType::ANY => self.write_any(owner),
            // Private use (RFC 6895, section 3.1).
            RecordType(0xff00..=0xfffe) => {
                self.record(0, owner.reference, of, &[&(hash as u32).to_be_bytes()])
            }
            _ => {}
        }
        Rcode::NOERROR
    }

    /// Writes more than a datagram has room for, if the type allows it.
    fn write_many(&mut self, name: &ZoneName<'_>, of: RecordType, owner: Owner) -> Rcode {
        let hash = name.hash(of) ^ self.salt;
        match of {
            RecordType::A => {
                (0..100).for_each(|i| self.record(0, owner.reference, of, &[&a_data(hash.wrapping_add(i))]))
            }
            RecordType::AAAA => {
                (0..60).for_each(|i| self.record(0, owner.reference, of, &[&aaaa_data(hash.wrapping_add(i))]))
            }
            RecordType::TXT => {
                for i in 0..8 {
                    self.record(0, owner.reference, of, &[&[255], &hex(hash.wrapping_add(i)), &[b'.'; 239]]);
                }
            }
            _ => return self.write_records(name, of, owner),
        }
        Rcode::NOERROR
    }

    /// Writes an alias. Returns a reference to its target.
    fn write_alias(&mut self, owner: Owner, label: &[u8], parent: u16) -> u16 {
        let target = 0xc000 | (self.out.len() - self.start + 12) as u16;
        self.record(
            0,
            owner.reference,
            RecordType::CNAME,
            &[&[label.len() as u8], label, &(parent).to_be_bytes()],
        );
        target
    }

    /// Writes the answer to a question for any type (RFC 8482, section 4.2).
    fn write_any(&mut self, owner: Owner) {
        self.record(0, owner.reference, RecordType::HINFO, &[b"\x07RFC8482\0"]);
    }

    /// Writes the SOA record of a zone to the answers or the authorities.
    fn write_soa(&mut self, section: usize, owner: Owner) {
        let (server, parent) = below(b"\x03ns1", owner);
        let (person, parent_of_person) = below(b"\x0ahostmaster", owner);
        // Serial, refresh, retry, expire, minimum.
        let numbers = [1, 3600, 900, 604_800, TTL].map(u32::to_be_bytes);
        self.record(
            section,
            owner.reference,
            RecordType::SOA,
            &[server, &parent, person, &parent_of_person, numbers.as_flattened()],
        );
    }

    fn record(&mut self, section: usize, owner: u16, of: RecordType, data: &[&[u8]]) {
        let len: usize = data.iter().map(|part| part.len()).sum();
        let [o1, o2] = owner.to_be_bytes();
        let [t1, t2] = of.0.to_be_bytes();
        let [c1, c2] = self.class.0.to_be_bytes();
        let [s1, s2, s3, s4] = TTL.to_be_bytes();
        let [l1, l2] = (len as u16).to_be_bytes();
        self.out.extend_from_slice(&[o1, o2, t1, t2, c1, c2, s1, s2, s3, s4, l1, l2]);
        data.iter().for_each(|part| self.out.extend_from_slice(part));
        self.counts[section] += 1;
    }
}

/// Returns the parts of the name with one more label; of the same name, if it has no room for the label.
fn below(label: &[u8], owner: Owner) -> (&[u8], [u8; 2]) {
    let label = if owner.len + label.len() <= LONGEST_NAME { label } else { &[] };
    (label, owner.reference.to_be_bytes())
}

/// Returns the name `host-` and eight digits under `example`.
fn host_name(hash: u64) -> [u8; 23] {
    let mut name = *b"\x0dhost-00000000\x07example\0";
    name[6..14].copy_from_slice(&hex(hash)[8..]);
    name
}

fn hex(number: u64) -> [u8; 16] {
    let mut digits = [0; 16];
    for (i, digit) in digits.iter_mut().enumerate() {
        *digit = b"0123456789abcdef"[(number >> (60 - 4 * i)) as usize & 15];
    }
    digits
}
