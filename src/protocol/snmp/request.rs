//! Requests to an agent.

use super::oid::{Oid, OidRef};

/// sysUpTime.0 (RFC 3418).
pub(super) const UPTIME: OidRef<'static> = OidRef::from_ber(&[0x2b, 6, 1, 2, 1, 1, 3, 0]);
/// sysUpTime without the instance. GETNEXT returns sysUpTime.0 after it.
pub(super) const UPTIME_OBJECT: OidRef<'static> = OidRef::from_ber(&[0x2b, 6, 1, 2, 1, 1, 3]);

/// A request for names or subtrees. Questions to several agents can share it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// The operation.
    pub operation: Operation,
    /// The names; for a walk, the roots of the subtrees.
    pub oids: Vec<Oid>,
    /// True if every request includes sysUpTime, to detect restarts.
    pub with_uptime: bool,
}

impl Operation {
    /// The default for the repetitions of a GETBULK, as in `snmpbulkget`.
    pub const DEFAULT_REPETITIONS: u32 = 10;
    /// The default for the maximum number of variable bindings that a walk keeps per agent.
    pub const DEFAULT_MAX_ROWS: u32 = 100_000;
}

/// An operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// Gets the values of the names, in several requests if there are more than 40.
    Get,
    /// Gets the object after each name.
    GetNext,
    /// Sends one GetBulkRequest (RFC 3416, section 4.2.3). A v1 agent gets a GetNextRequest instead.
    GetBulk {
        /// The number of names, from the first on, for which only the next object is requested.
        non_repeaters: u32,
        /// The number of objects requested after each of the other names. It is halved if the agent returns tooBig.
        max_repetitions: u32,
    },
    /// Gets everything in the subtrees, by GetBulkRequests; from v1 agents, by GetNextRequests.
    Walk {
        /// The repetitions of the first request; `None` for up to 10. They grow while replies fit in a packet, and
        /// shrink when the agent returns tooBig or replies are lost.
        max_repetitions: Option<u32>,
        /// The maximum number of variable bindings to keep per agent, at 256 bytes each on average.
        max_rows: u32,
    },
}
