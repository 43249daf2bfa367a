//! How questions are asked.

use super::Rcode;
use crate::setters::setters;

/// The settings of [`Dns`](super::Dns).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct DnsSettings {
    /// True to ask the server to resolve the name: the flag `rd`.
    pub recursion: bool,
    /// True to accept data that failed DNSSEC validation: the flag `cd`.
    pub checking_disabled: bool,
    /// The size of the largest reply by UDP in bytes, 512 to 4,096, which EDNS announces (RFC 6891); `None` for queries
    /// without EDNS, whose replies by UDP have at most 512 bytes.
    pub edns: Option<u16>,
    /// True to ask for DNSSEC records: the flag `do`. Needs EDNS.
    pub dnssec: bool,
    /// True to ask for the ID of the server (RFC 5001). Needs EDNS.
    pub nsid: bool,
    /// True to exchange cookies with servers (RFC 7873). Needs EDNS.
    pub cookies: bool,
    /// True to write each name in random upper and lower case, and to require the reply to repeat it
    /// (draft-vixie-dnsext-dns0x20): about one more bit per letter that a forger has to guess.
    pub mixed_case: bool,
    /// When to use TCP.
    pub tcp: Tcp,
    /// True to repeat a question at the same server; otherwise it goes to the next one.
    pub sticky: bool,
    /// The response codes for which another server is asked.
    pub retry_on: Vec<Rcode>,
    /// True to hand queries to the system in bulk: see [`Protocol::is_bulk`](crate::engine::Protocol::is_bulk). False
    /// to measure a network, which needs packets that are lost one by one.
    pub bulk: bool,
}

/// When to use TCP (RFC 7766).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Tcp {
    /// If an answer by UDP is truncated.
    Auto,
    /// Always.
    Only,
    /// Never: truncated answers are final.
    Never,
}

impl Default for DnsSettings {
    fn default() -> DnsSettings {
        DnsSettings {
            recursion: true,
            checking_disabled: false,
            edns: Some(1232),
            dnssec: false,
            nsid: false,
            cookies: true,
            mixed_case: false,
            tcp: Tcp::Auto,
            sticky: false,
            retry_on: vec![Rcode::SERVFAIL, Rcode::REFUSED, Rcode::NOTIMP, Rcode::FORMERR],
            bulk: true,
        }
    }
}

setters!(DnsSettings {
    with_recursion sets recursion: bool,
    with_checking_disabled sets checking_disabled: bool,
    with_edns sets edns: Option<u16>,
    with_dnssec sets dnssec: bool,
    with_nsid sets nsid: bool,
    with_cookies sets cookies: bool,
    with_mixed_case sets mixed_case: bool,
    with_tcp sets tcp: Tcp,
    with_sticky sets sticky: bool,
    with_retry_on sets retry_on: Vec<Rcode>,
    with_bulk sets bulk: bool,
});
