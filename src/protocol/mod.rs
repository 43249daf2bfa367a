//! Protocols: bytes to steps of a conversation, and steps to bytes.
//!
//! | protocol | file | shape |
//! |---|---|---|
//! | any payload, one reply | [`raw`] | one datagram each way, a token at a fixed place or none |
//! | NTP, client mode | [`ntp`] | one datagram each way; the token stands elsewhere in the reply |
//! | SNMP | [`snmp`] | one question or a walk of many, an id in each; of v3, who is there first |
//! | games | [`games`] | lists in several datagrams from masters, then a query for each server; a file for each wire protocol |
//!
//! # A new protocol
//! 1. Copy `ntp.rs` if the answer is one datagram, `games/quake3/` if an answer has several datagrams, `snmp/` if a
//!    conversation has several steps. Declare it here. A protocol of game servers goes into [`games`], which says how.
//! 2. Decide what ties a reply to its request, and return it from [`proof`](Protocol::proof): preferably a token, a
//!    field that the server echoes (64 bits of it, or as many as fit). Write it in `write_request`, find it again in
//!    `read_token`. `read_token` sees every datagram that anybody sends: read as little as possible, trust nothing.
//! 3. Parse into a view that borrows the datagram; only [`Protocol::Answer`] owns. A parser returns `Err(reason)`, never
//!    panics, and names the definition of the format in its documentation.
//! 4. In `step`, return [`Step::Done`] with the answer, [`Step::AskNext`] after advancing the conversation to its next
//!    step, [`Step::More`] while datagrams are missing, [`Step::NotMine`] for the answer to another question,
//!    [`Step::Malformed`] for what cannot be parsed.
//! 5. Return an honest upper estimate from `reply_size`: the window reserves that much of the receive buffer. With too
//!    little, the kernel may drop replies; with too much, sweeps are slow.
//! 6. Test: real datagrams in `tests/captures.rs`, mutations of them in `tests/parsers.rs`.

pub mod games;
pub mod ntp;
pub mod raw;
pub mod snmp;

use std::net::{IpAddr, SocketAddr};

pub use crate::engine::{
    Attempt, Defaults, ForeignSource, Proof, Protocol, Quiet, Reply, ReplySize, Step, Time, Token,
};

/// An IPv4 address in IPv6 notation is the same host.
pub(crate) fn canonical(address: SocketAddr) -> SocketAddr {
    match address.ip().to_canonical() {
        ip @ IpAddr::V4(_) => SocketAddr::new(ip, address.port()),
        IpAddr::V6(_) => address,
    }
}
