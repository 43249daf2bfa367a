//! How a conversation ended.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

/// The end of one conversation: every target that was asked gets exactly one.
#[derive(Debug)]
pub struct Conclusion<C, A> {
    /// Who was asked.
    pub target: SocketAddr,
    /// The conversation as it stood at its end, with whatever the caller put into it.
    pub conversation: C,
    /// Its class, and the answer if there is one.
    pub outcome: Outcome<A>,
    /// Attempts of the conversation's last query that were sent.
    pub attempts: u32,
    /// From the sending of the very attempt that was answered to its answer (the first datagram of the
    /// answer to the conversation's last query). `None` unless answered, and where replies carry no token
    /// and several attempts were made: nobody knows then which one was answered.
    pub rtt: Option<Duration>,
    /// The other address from which a reply to the conversation's last query came: see
    /// [`Elsewhere`](super::Elsewhere).
    pub elsewhere: Option<SocketAddr>,
}

/// The class of a query's end. Exactly one for each query; [`Ledger`](super::Ledger) counts them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome<A> {
    /// The host answered.
    Answered(A),
    /// All tries were sent, and nothing came.
    Silent,
    /// The network says that the host cannot be reached.
    Unreachable(Unreachable),
    /// This machine cannot send to that address: the operating system's error number.
    SendFailed(i32),
    /// The host's answer makes no sense: why.
    Malformed(&'static str),
    /// The sweep was stopped before this query had its end.
    Interrupted,
}

/// What the network said of a request that it did not deliver.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unreachable {
    /// Type and code of the ICMP (RFC 792) or ICMPv6 (RFC 4443) message; `None` when this machine itself
    /// said so.
    pub icmp: Option<(u8, u8)>,
    /// Who said so: the host itself, or a router on the way.
    pub by: Option<IpAddr>,
    /// The operating system's error number for it.
    pub errno: i32,
}

impl fmt::Display for Unreachable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.icmp {
            Some((kind, code)) => write!(f, "ICMP type {kind} code {code}")?,
            None => write!(f, "error {}", self.errno)?,
        }
        self.by.map_or(Ok(()), |by| write!(f, " from {by}"))
    }
}
