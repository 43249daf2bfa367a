//! The ledger: counts of all queries and datagrams.

use super::Transport;
use super::histogram::Histogram;

/// Counts every query and every datagram by its outcome, since the engine was created.
///
/// Two equations hold at any time:
///
/// - queries: [`queries`](Ledger::queries) = `answered + silent + unreachable + send_failed +
///   malformed + interrupted` + those that have not ended yet;
/// - messages: `datagrams_received + stream_received = replies + broken + late + duplicates + unmatched`. Only protocols
///   with [`Transport::Stream`] have messages over streams.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Ledger {
    /// Queries accepted: one for each step of each conversation.
    pub queries: u64,
    /// Queries that ended with the host's answer.
    pub answered: u64,
    /// Queries that ended with all tries sent and no reply.
    pub silent: u64,
    /// Queries whose host the network reported as unreachable.
    pub unreachable: u64,
    /// Queries that this machine could not send.
    pub send_failed: u64,
    /// Queries whose reply could not be parsed.
    pub malformed: u64,
    /// Queries that ended because the sweep was stopped.
    pub interrupted: u64,

    /// Datagrams that the kernel accepted from us.
    pub datagrams_sent: u64,
    /// Requests given to a TCP connection.
    pub stream_sent: u64,
    /// Packets that the kernel did not accept at first because its send queue was full. They were sent later.
    pub deferred: u64,
    /// Sends that failed for a transient reason, and were retried: see
    /// [`handle_transient_send_failure`](super::Engine::handle_transient_send_failure).
    pub send_errors: u64,
    /// The second and later attempts of queries, which `datagrams_sent` includes.
    pub retransmissions: u64,
    /// Answered queries whose reply came after all tries had timed out.
    pub answered_late: u64,
    /// Answered queries that took more than one attempt: a datagram was lost or slow, on the way
    /// to or from a host that is alive.
    pub answered_after_retry: u64,
    /// Attempts repeated without counting as a try, because the previous reply may have been dropped in our own receive
    /// buffer.
    pub asked_again: u64,
    /// Answered queries whose reply answered an attempt before the last one: no packet was lost, but the host is slow.
    pub answered_by_earlier: u64,

    /// Datagrams that the kernel delivered to us.
    pub datagrams_received: u64,
    /// Messages that TCP connections delivered to us. The counts below include them.
    pub stream_received: u64,
    /// Datagrams that advanced a conversation, which `datagrams_received` includes.
    pub replies: u64,
    /// Datagrams that belong to an open query and cannot be parsed.
    pub broken: u64,
    /// First replies that came after the end of their query.
    pub late: u64,
    /// Further replies to a query that already had one.
    pub duplicates: u64,
    /// Datagrams that match no query: wrong source, wrong token, or not a reply to us.
    pub unmatched: u64,

    /// The maximum number of queries that were in flight at once.
    pub max_in_flight: u64,
    /// Round trips of answered queries.
    pub rtt: Histogram,
}

impl Ledger {
    /// Returns the number of queries that have ended, in all classes.
    pub fn ended(&self) -> u64 {
        self.answered + self.silent + self.unreachable + self.send_failed + self.malformed + self.interrupted
    }

    /// Returns the count of requests sent over this transport.
    pub(super) fn sent_mut(&mut self, transport: Transport) -> &mut u64 {
        match transport {
            Transport::Datagram => &mut self.datagrams_sent,
            Transport::Stream => &mut self.stream_sent,
        }
    }

    /// Returns whether both equations hold, given `open` queries that have not ended yet.
    pub fn adds_up(&self, open: u64) -> bool {
        self.queries == self.ended() + open
            && self.datagrams_received + self.stream_received
                == self.replies + self.broken + self.late + self.duplicates + self.unmatched
    }
}
