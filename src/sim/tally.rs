//! The account of a fleet.

/// Where every request to a fleet and every datagram from it went.
///
/// Three sums hold at any time. Of the hosts' requests (`received - master_received`), with
/// `waiting` replies whose time has not come ([`Fleet::waiting`](super::Fleet::waiting)):
///
/// - `received = answered + lost_by_plan + replies_lost_by_plan + dead + limited + ignored + waiting`
///
/// where `answered` is without `master_answered`; and of the datagrams:
///
/// - put on the wire = `answered + duplicated + forged`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Requests, the master's included.
    pub received: u64,
    /// Replies, each list of the master included; without copies and forgeries.
    pub answered: u64,
    /// Requests lost on the way to a host.
    pub lost_by_plan: u64,
    /// Replies lost on the way back, also those that [`SlowBulk`](super::SnmpFault::SlowBulk) loses.
    pub replies_lost_by_plan: u64,
    /// Requests that reached a dead host.
    pub dead: u64,
    /// Requests that a host's rate limit dropped.
    pub limited: u64,
    /// Requests that a living host or the master did not understand, or that came to nobody's address.
    pub ignored: u64,
    /// Second copies of replies, and those with the id of another request
    /// ([`StaleId`](super::SnmpFault::StaleId)).
    pub duplicated: u64,
    /// Forged replies.
    pub forged: u64,
    /// Of `received`, the requests to the master.
    pub master_received: u64,
    /// Of `answered`, the lists of the master.
    pub master_answered: u64,
    /// Hosts that were sent at least one request.
    pub hosts_asked: u64,
    /// The most requests that were sent to one host within any two seconds.
    pub max_per_host_2s: u64,
}
