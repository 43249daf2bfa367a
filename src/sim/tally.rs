//! The counters of a fleet.

/// Counts every request to a fleet by its outcome, and every datagram from it.
///
/// Two equations hold at any time, where `waiting` is the number of replies that are not due yet
/// ([`Fleet::waiting`](super::Fleet::waiting)):
///
/// - `received - master_received` is `(answered - master_answered - further_parts) + lost_by_plan +
///   replies_lost_by_plan + dead + limited + ignored + waiting`
/// - the datagrams sent are `answered + duplicated + forged`
///
/// Connections have counters of their own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Requests, including those to the master.
    pub received: u64,
    /// Datagrams of replies, including those of the master's lists, without copies and forgeries.
    pub answered: u64,
    /// Datagrams of hosts' replies after the first one of each, which `answered` and `replies_lost_by_plan` include.
    pub further_parts: u64,
    /// Requests lost on the way to a host.
    pub lost_by_plan: u64,
    /// Replies lost on the way back, including those lost by a fault of the host.
    pub replies_lost_by_plan: u64,
    /// Requests that reached a dead host.
    pub dead: u64,
    /// Requests that a host's rate limit dropped.
    pub limited: u64,
    /// Requests that a living host did not understand, or that were sent to an address without a host.
    pub ignored: u64,
    /// Second copies of replies, and stale replies that a fault of the host adds.
    pub duplicated: u64,
    /// Forged replies.
    pub forged: u64,
    /// Requests to the master, which `received` includes.
    pub master_received: u64,
    /// Datagrams of the master's lists, which `answered` includes.
    pub master_answered: u64,
    /// Connections that hosts accepted.
    pub stream_connections: u64,
    /// Requests on connections, which `received` does not include.
    pub stream_received: u64,
    /// Requests on connections that got a complete reply, which `answered` does not include.
    pub stream_answered: u64,
    /// Hosts that received at least one request.
    pub hosts_asked: u64,
    /// The maximum number of requests to one host within any two seconds.
    pub max_per_host_2s: u64,
}
