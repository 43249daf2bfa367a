//! Protocols: bytes to steps of a conversation, and steps to bytes.
//!
//! | protocol | file | shape |
//! |---|---|---|
//! | any payload, one reply | [`raw`] | one datagram each way, a token at a fixed place or none |
//! | NTP, client mode | [`ntp`] | one datagram each way; the token has another offset in the reply |
//! | DNS | `dns` | one question and its answer, if necessary from another server or by TCP |
//! | SNMP | [`snmp`] | one request or a walk of many, with an ID in each; in v3, after a discovery |
//! | games | [`games`] | lists in several datagrams from masters, then a query for each server; a file for each wire protocol |
//!
//! [`reserved`] has the addresses that no public host has, for protocols in which one host names others.
//!
//! docs/design.md describes how to add a protocol, with [`ntp`] as the example. Copy `games/quake3/` instead if an answer
//! has several datagrams, `snmp/` if a conversation has several steps. A protocol of game servers goes into [`games`],
//! which describes how to add it.

#[cfg(feature = "dns")]
pub mod dns;
pub mod games;
pub mod ntp;
pub mod raw;
pub mod reserved;
pub mod snmp;

use std::net::{IpAddr, SocketAddr};

pub use crate::engine::{
    Attempt, Defaults, ForeignSource, Proof, Protocol, Quiet, Reply, ReplySize, Step, Time, Token, Transport,
};

/// Returns the `N` bytes of a datagram from offset `at` on, if it has them.
pub(crate) fn bytes_at<const N: usize>(datagram: &[u8], at: usize) -> Option<[u8; N]> {
    datagram.get(at..)?.first_chunk().copied()
}

/// Converts an IPv4-mapped IPv6 address to the IPv4 address of the same host.
pub(crate) fn canonical(address: SocketAddr) -> SocketAddr {
    match address.ip().to_canonical() {
        ip @ IpAddr::V4(_) => SocketAddr::new(ip, address.port()),
        IpAddr::V6(_) => address,
    }
}
