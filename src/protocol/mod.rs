//! Protocols: bytes to steps of a conversation, and steps to bytes.
//!
//! | protocol | file | shape |
//! |---|---|---|
//! | any payload, one reply | [`raw`] | one datagram each way, a token at a fixed place or none |
//! | NTP, client mode | [`ntp`] | one datagram each way; the token stands elsewhere in the reply |
//! | SNMP | [`snmp`] | one question or a walk of many, an id in each; of v3, who is there first |
//! | games | [`games`] | lists in several datagrams from masters, then a query for each server; a file for each wire protocol |
//!
//! A new protocol: docs/design.md says how, with [`ntp`] as the model. Copy `games/quake3/` instead if an answer has
//! several datagrams, `snmp/` if a conversation has several steps. A protocol of game servers goes into [`games`], which
//! says how.

pub mod games;
pub mod ntp;
pub mod raw;
pub mod snmp;

use std::net::{IpAddr, SocketAddr};

pub use crate::engine::{
    Attempt, Defaults, ForeignSource, Proof, Protocol, Quiet, Reply, ReplySize, Step, Time, Token,
};

/// Returns the `N` bytes of a datagram from offset `at` on, if it has them.
pub(crate) fn bytes_at<const N: usize>(datagram: &[u8], at: usize) -> Option<[u8; N]> {
    datagram.get(at..)?.first_chunk().copied()
}

/// An IPv4 address in IPv6 notation is the same host.
pub(crate) fn canonical(address: SocketAddr) -> SocketAddr {
    match address.ip().to_canonical() {
        ip @ IpAddr::V4(_) => SocketAddr::new(ip, address.port()),
        IpAddr::V6(_) => address,
    }
}
