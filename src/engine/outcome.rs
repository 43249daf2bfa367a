//! Completions: the ends of conversations.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use super::Proof;

/// The end of one conversation. Every accepted [`Engine::ask`](super::Engine::ask) has exactly one.
#[derive(Debug)]
pub struct Completion<C, A, T> {
    /// The target passed to `ask`, or the one that the protocol moved on to.
    pub target: SocketAddr,
    /// The tag passed to `ask`.
    pub tag: T,
    /// The final state of the conversation.
    pub conversation: C,
    /// The class of the completion, with the answer if there is one.
    pub outcome: Outcome<A>,
    /// The number of attempts of the conversation's last query that were sent.
    pub attempts: u32,
    /// The time from sending the attempt that was answered to its reply (the first datagram of the reply to the
    /// conversation's last query). `None` unless answered, and where replies carry no token and several attempts were
    /// made, since it is unknown which one was answered. After a slow send
    /// ([`handle_slow_send`](super::Engine::handle_slow_send)) it is a lower bound.
    pub rtt: Option<Duration>,
    /// The proof that ties the answer to the last query. Without an answer, the proof that its reply would have had.
    pub proof: Proof,
    /// The address of a reply to the conversation's last query that came from a foreign source: see
    /// [`ForeignSource`](super::ForeignSource).
    pub foreign_source: Option<SocketAddr>,
}

/// The class of a completion. [`Ledger`](super::Ledger) counts each class.
///
/// No class will be added, so a `match` needs no wildcard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome<A> {
    /// The host answered.
    Answered(A),
    /// All tries were sent, and no reply arrived.
    Silent,
    /// The network reported that the host cannot be reached.
    Unreachable(Unreachable),
    /// This machine cannot send to that address. The value is the operating system's error number.
    SendFailed(i32),
    /// The reply cannot be parsed. The value is the reason.
    Malformed(&'static str),
    /// The sweep was stopped before the query ended.
    Interrupted,
}

/// The network's report about a request that it did not deliver.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unreachable {
    /// Type and code of the ICMP (RFC 792) or ICMPv6 (RFC 4443) message; `None` if this machine itself reported the
    /// error.
    pub icmp: Option<(u8, u8)>,
    /// The sender of the message: the host itself, or a router on the way.
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

/// The error of [`Engine::ask`](super::Engine::ask), with the question and tag passed to it.
#[non_exhaustive]
pub struct Refused<Q, T> {
    /// The reason.
    pub reason: RefusedReason,
    /// The question, to try again later.
    pub question: Q,
    /// The tag.
    pub tag: T,
}

/// The reason why [`Engine::ask`](super::Engine::ask) did not accept a target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RefusedReason {
    /// The ring is full; room appears once something is sent.
    RingFull,
    /// The engine was stopped.
    Stopped,
}

impl fmt::Display for RefusedReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            RefusedReason::RingFull => "the ring is full",
            RefusedReason::Stopped => "the engine was stopped",
        })
    }
}

impl<Q, T> fmt::Debug for Refused<Q, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Refused").field("reason", &self.reason).finish_non_exhaustive()
    }
}

impl<Q, T> fmt::Display for Refused<Q, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cannot accept another target: {}", self.reason)
    }
}

impl<Q, T> std::error::Error for Refused<Q, T> {}
