//! EDNS: the part of a message in the pseudo-record OPT (RFC 6891, section 6.1).

use super::Record;

/// The option that names the server (RFC 5001).
const NSID: u16 = 3;
/// The option with cookies (RFC 7873).
const COOKIE: u16 = 10;
/// The option that explains a response code (RFC 8914).
const EXTENDED_ERROR: u16 = 15;

/// The extensions of a message (RFC 6891).
#[derive(Clone, Copy, Debug)]
pub struct Edns<'a>(Record<'a>);

impl<'a> Edns<'a> {
    /// Creates it from a record of type OPT: its class and its TTL have other meanings than those of other records.
    pub(super) fn new(opt: Record<'a>) -> Edns<'a> {
        Edns(opt)
    }

    /// Returns how many bytes of UDP payload the sender can receive.
    pub fn udp_size(&self) -> u16 {
        self.0.class().0
    }

    /// Returns the upper eight bits of the response code.
    pub(super) fn upper_rcode(&self) -> u8 {
        self.0.ttl().to_be_bytes()[0]
    }

    /// Returns the version: 0.
    pub fn version(&self) -> u8 {
        self.0.ttl().to_be_bytes()[1]
    }

    /// Returns whether records of DNSSEC are welcome (RFC 3225).
    pub fn is_dnssec_ok(&self) -> bool {
        self.0.ttl() & 1 << 15 != 0
    }

    /// Returns the codes and values of the options, up to the first one that is cut.
    pub fn options(&self) -> impl Iterator<Item = (u16, &'a [u8])> {
        let mut rest = self.0.data().as_bytes();
        std::iter::from_fn(move || {
            let (&[a, b, c, d], after) = rest.split_first_chunk()?;
            let (value, after) = after.split_at_checked(usize::from(u16::from_be_bytes([c, d])))?;
            rest = after;
            Some((u16::from_be_bytes([a, b]), value))
        })
    }

    /// Returns the value of the first option of this kind.
    pub fn option(&self, code: u16) -> Option<&'a [u8]> {
        self.options().find(|(other, _)| *other == code).map(|(_, value)| value)
    }

    /// Returns the name that the server gives itself: any bytes.
    pub fn nsid(&self) -> Option<&'a [u8]> {
        self.option(NSID)
    }

    /// Returns the cookies: the eight bytes of the client, and those of the server.
    pub fn cookie(&self) -> Option<&'a [u8]> {
        self.option(COOKIE)
    }

    /// Returns the codes and texts that explain the response code; the texts may be empty.
    pub fn extended_errors(&self) -> impl Iterator<Item = (u16, &'a [u8])> {
        let errors = self.options().filter(|(code, _)| *code == EXTENDED_ERROR);
        errors.filter_map(|(_, value)| {
            let (code, text) = value.split_first_chunk()?;
            Some((u16::from_be_bytes(*code), text))
        })
    }
}
