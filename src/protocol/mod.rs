//! Protocols: bytes to steps of a conversation, and steps to bytes.
//!
//! | protocol | file | shape |
//! |---|---|---|
//! | any payload, one reply | [`raw`] | one datagram each way, a token at a fixed place or none |
//! | SNMP | [`snmp`] | one question or a walk of many, an id in each; of v3, who is there first |
//! | Quake 3 family | [`quake3`] | a list in several datagrams from a master, then one question a server |
//!
//! # A new protocol
//! 1. Copy `raw.rs` when the answer is one datagram, `quake3/mod.rs` when a conversation has several
//!    steps or an answer several datagrams. Declare it here.
//! 2. Decide what ties a reply to its request, and say so in [`token_bits`](Protocol::token_bits):
//!    a field that the server echoes (64 bits of it, or as many as fit), or 0 for none. Write it in
//!    `write_request`, find it again in `read_token`. `read_token` sees every datagram that anybody
//!    sends: read as little as possible, believe nothing.
//! 3. Parse into a view that borrows the datagram; only [`Protocol::Answer`] owns. A parser returns
//!    `Err(reason)`, never panics, and says in its documentation where the format is defined.
//! 4. In `step`: [`Step::Done`] with the answer, [`Step::AskNext`] after changing the conversation
//!    to what is to be asked next, [`Step::More`] while datagrams are missing, [`Step::NotMine`]
//!    for what answers another question, [`Step::Malformed`] for what is broken.
//! 5. Say honestly in `reply_size` how large a reply can be: the window reserves that much of the
//!    receive buffer. Too little, and the kernel may drop answers; too much, and sweeps are slow.
//! 6. Test: real datagrams in `tests/captures.rs`, mutations of them in `tests/parsers.rs`.

pub mod ntp;
pub mod quake3;
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
