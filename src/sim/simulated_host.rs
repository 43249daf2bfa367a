//! The trait of a simulated host, and the types in its methods.

use std::fmt;
use std::net::SocketAddr;
use std::ops::Range;
use std::sync::Arc;

use super::dice::Dice;
use crate::engine::Time;

/// The hosts' side of a protocol. One value simulates all hosts of a fleet.
///
/// A simple protocol implements [`answer`](SimulatedHost::answer), and [`token`](SimulatedHost::token) if its replies
/// have the token at a fixed place. It needs a line in [`PROTOCOLS`](super::PROTOCOLS).
pub(super) trait SimulatedHost: fmt::Debug + Send + Sync {
    /// Processes a request that arrives at a host, and appends the reply to `reply`, which is empty.
    fn answer(&mut self, context: &HostContext, request: &[u8], reply: &mut Vec<u8>) -> Reaction;

    /// Returns the range of the token in a reply. The default is the whole reply.
    fn token(&self) -> Range<usize> {
        0..usize::MAX
    }

    /// Does what [`answer`](SimulatedHost::answer) does, for a host whose replies are broken after the token.
    ///
    /// The default cuts the reply there and appends one to seven random bytes.
    fn garbage(&mut self, context: &HostContext, request: &[u8], reply: &mut Vec<u8>) -> Reaction {
        let reaction = self.answer(context, request, reply);
        let mut dice = Dice::new(context.seed);
        reply.truncate(self.token().end);
        reply.extend_from_slice(&dice.next().to_le_bytes()[..1 + dice.below(7)]);
        reaction
    }

    /// Appends a forged reply to `request`, with a wrong token, to `out`.
    ///
    /// The default alters each byte of the token in a proper reply; for a request without a reply, it appends the
    /// request with every byte altered.
    fn forge(&mut self, context: &HostContext, request: &[u8], dice: &mut Dice, out: &mut Vec<u8>) {
        let mut reply = Vec::new();
        if self.answer(context, request, &mut reply) == Reaction::Ignored {
            return write_altered(request, dice, out);
        }
        let end = self.token().end.min(reply.len());
        let (head, tail) = (self.token().start.min(end), &reply[end..]);
        out.extend_from_slice(&reply[..head]);
        write_altered(&reply[head..end], dice, out);
        out.extend_from_slice(tail);
    }

    /// Returns the number of datagrams of a reply, at least 1, given what `answer` or `garbage` appended to `reply`.
    ///
    /// The default is 1.
    fn parts(&self, context: &HostContext, reply: &[u8]) -> u32 {
        let _ = (context, reply);
        1
    }

    /// Appends datagram `part` of a reply, the first being 0, to `out`, given what `answer` or `garbage` appended to
    /// `reply`.
    ///
    /// The default is the same bytes. A protocol with long replies that do not depend on time stores only the request
    /// until then.
    fn finish(&mut self, context: &HostContext, reply: &[u8], part: u32, out: &mut Vec<u8>) {
        let _ = (context, part);
        out.extend_from_slice(reply);
    }

    /// Appends a stale reply, which is sent just before the one that `answer` made for this request. Returns false if
    /// there is none, which is the default.
    fn stale_reply(&mut self, context: &HostContext, request: &[u8], reply: &mut Vec<u8>) -> bool {
        let _ = (context, request, reply);
        false
    }

    /// Returns whether a host accepts connections. The default is false.
    fn accepts_streams(&self, context: &HostContext) -> bool {
        let _ = context;
        false
    }

    /// Processes a request that arrives on a connection, and appends the reply to `reply`, which is empty.
    ///
    /// The default refuses it.
    fn answer_stream(
        &mut self,
        context: &HostContext,
        request: &[u8],
        reply: &mut Vec<u8>,
    ) -> StreamReaction {
        let _ = (context, request, reply);
        StreamReaction::Refused
    }

    /// Returns how many datagrams the master's reply to `request` has; 0 if the master ignores it.
    ///
    /// The default ignores everything.
    fn lists(&self, request: &[u8]) -> u32 {
        let _ = request;
        0
    }

    /// Appends datagram `number` of the master's reply to `out`, the first being 0.
    fn write_list(&self, request: &[u8], number: u32, out: &mut Vec<u8>) {
        let _ = (request, number, out);
    }
}

/// The host that processes a request, and the time.
#[derive(Clone, Debug)]
pub(super) struct HostContext {
    /// The time when the request arrives; in [`SimulatedHost::finish`], when the reply is sent.
    pub(super) now: Time,
    /// The source address of the request.
    pub(super) from: SocketAddr,
    /// The number of the host in the fleet.
    pub(super) host: u32,
    /// The seed of this host's replies.
    pub(super) seed: u64,
    /// The fault of this host: one of the protocol's [`faults`](super::HostProtocol::faults).
    pub(super) fault: Option<&'static str>,
    /// True if its replies are broken after the token.
    pub(super) garbage: bool,
    /// The name of the wanted player, if that player is on this host.
    pub(super) wanted: Option<Arc<str>>,
}

/// The outcome of a request that reached a host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reaction {
    /// The host drops the request.
    Ignored,
    /// The host replies, and the reply is lost.
    Lost,
    /// The host replies.
    Replied,
}

/// The outcome of a request that reached a host on a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StreamReaction {
    /// The host resets the connection.
    Refused,
    /// The host replies.
    Replied,
    /// The host does not reply, and the connection remains.
    Silent,
    /// The host sends the first half of its reply, with the length of the whole, and closes the connection.
    HalfThenClosed,
    /// The host replies, and closes the connection.
    RepliedThenClosed,
}

/// Appends `bytes`, each of them altered.
pub(super) fn write_altered(bytes: &[u8], dice: &mut Dice, out: &mut Vec<u8>) {
    out.extend(bytes.iter().map(|byte| byte ^ (1 + dice.below(255) as u8)));
}
