//! What is asked of an agent.

use super::oid::{Oid, OidRef};

/// sysUpTime.0 (RFC 3418).
pub(super) const UPTIME: OidRef<'static> = OidRef::from_ber(&[0x2b, 6, 1, 2, 1, 1, 3, 0]);
/// The name before it: sysUpTime itself.
pub(super) const BEFORE_UPTIME: OidRef<'static> = OidRef::from_ber(&[0x2b, 6, 1, 2, 1, 1, 3]);

/// What is asked of an agent: one for all agents that are asked the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// How.
    pub operation: Operation,
    /// The names; of a walk, the roots of the subtrees.
    pub oids: Vec<Oid>,
    /// Whether sysUpTime is asked for with each request, to tell restarts.
    pub with_uptime: bool,
}

impl Operation {
    /// Repetitions of a GETBULK unless somebody says how many: what `snmpbulkget` asks for.
    pub const DEFAULT_REPETITIONS: u32 = 10;
    /// Variable bindings of one agent in a walk, unless somebody says how many.
    pub const DEFAULT_MOST_ROWS: u32 = 100_000;
}

/// How an agent is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// The values of these names; several requests if there are more than 40 of them.
    Get,
    /// What follows each name.
    GetNext,
    /// One GetBulkRequest (RFC 3416, section 4.2.3). An agent of v1 has no such request, and gets a
    /// GetNextRequest.
    GetBulk {
        /// Names at the beginning of which only the next one is wanted.
        non_repeaters: u32,
        /// How many are wanted behind each of the others; fewer if they are too big.
        max_repetitions: u32,
    },
    /// Everything in the subtrees, by as many GetBulkRequests as it takes; of v1, GetNextRequests.
    Walk {
        /// Repetitions to begin with; `None` = a few. They grow while replies stay within a packet, and
        /// shrink when replies are too big or get lost.
        max_repetitions: Option<u32>,
        /// Variable bindings of one agent at most, and 256 bytes for each of them.
        most_rows: u32,
    },
}
