//! How a conversation ended.

use std::net::SocketAddr;
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
    /// From the sending of the very attempt that was answered to its answer (the last datagram of
    /// the conversation's last query); `None` unless answered.
    pub rtt: Option<Duration>,
}

/// The class of a query's end. Exactly one for each query; [`Ledger`](super::Ledger) counts them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome<A> {
    /// The host answered.
    Answered(A),
    /// All tries were sent, and nothing came.
    Silent,
    /// The network says that the host cannot be reached.
    Unreachable,
    /// This machine cannot send to that address: the operating system's error number.
    SendFailed(i32),
    /// The host's answer makes no sense: why.
    Malformed(&'static str),
    /// The sweep was stopped before this query had its end.
    Interrupted,
}
