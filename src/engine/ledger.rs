//! The account of every query and of every datagram, and their sums.

use super::histogram::Histogram;

/// Where every query and every datagram went. All counts are since the engine was made.
///
/// Two sums hold at any time:
///
/// - queries: [`queries`](Ledger::queries) = `answered + silent + unreachable + send_failed +
///   malformed + interrupted` + those that have not ended yet;
/// - datagrams: `datagrams_received = replies + broken + late + duplicates + strangers`.
#[derive(Clone, Debug, Default)]
pub struct Ledger {
    /// Queries taken in: one for each step of each conversation.
    pub queries: u64,
    /// Queries that ended with the host's answer.
    pub answered: u64,
    /// Queries that ended with all tries sent and nothing heard.
    pub silent: u64,
    /// Queries that the network said cannot reach their host.
    pub unreachable: u64,
    /// Queries that this machine could not send.
    pub send_failed: u64,
    /// Queries whose answer made no sense.
    pub malformed: u64,
    /// Queries that were stopped before their end.
    pub interrupted: u64,

    /// Datagrams that the kernel took from us.
    pub datagrams_sent: u64,
    /// Packets that the kernel did not take at first, its own queue being full; they were sent later.
    pub deferred: u64,
    /// Of the datagrams sent, the second and later attempts of a query.
    pub retransmissions: u64,
    /// Answered queries that took more than one attempt: a datagram was lost, or slow, on the way
    /// to or from a host that lives.
    pub answered_after_retry: u64,
    /// Attempts that were made again at no cost, because the first may have been answered and the answer
    /// lost in our own receive buffer.
    pub asked_again: u64,
    /// Answered queries whose answer came to an attempt before the last one: nothing was lost, the
    /// host is slow.
    pub answered_by_earlier: u64,

    /// Datagrams that the kernel handed to us.
    pub datagrams_received: u64,
    /// Of these, the ones that took a conversation a step on.
    pub replies: u64,
    /// Meant for a query in flight, and broken.
    pub broken: u64,
    /// First answers that came after their query's end.
    pub late: u64,
    /// Further answers to a query that had its answer.
    pub duplicates: u64,
    /// Datagrams that no query fits: wrong source, wrong token, or nothing of ours.
    pub strangers: u64,

    /// The most queries that were in flight at once.
    pub max_in_flight: u64,
    /// Round trips of answered queries.
    pub rtt: Histogram,
}

impl Ledger {
    /// Queries that have ended, in whichever class.
    pub fn ended(&self) -> u64 {
        self.answered + self.silent + self.unreachable + self.send_failed + self.malformed + self.interrupted
    }

    /// Whether both sums hold with `open` queries not ended yet.
    pub fn adds_up(&self, open: u64) -> bool {
        self.queries == self.ended() + open
            && self.datagrams_received
                == self.replies + self.broken + self.late + self.duplicates + self.strangers
    }
}
