//! The oddities of real servers.

use crate::sim::fault_names::{fault_named, fault_names};

/// The names of all faults.
pub(crate) const FAULTS: [&str; A2sFault::ALL.len()] = fault_names(A2sFault::ALL);

/// The oddity of a server that is otherwise normal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum A2sFault {
    /// GoldSrc: INFO without a challenge, and split replies in its own layout.
    GoldSrc,
    /// The same with dproto: INFO is answered twice, in the old layout and in the new one, and PLAYER twice.
    Double,
    /// Split replies are compressed.
    #[cfg(feature = "bzip2")]
    Bzip2,
    /// PLAYER gets no reply.
    NoPlayers,
    /// PLAYER and RULES without a valid challenge get an empty list of rules rather than a challenge; INFO needs none.
    ShortChallenge,
    /// The list of players ends in the middle of the last one.
    TruncatedList,
}

impl A2sFault {
    /// All faults, with their names.
    pub(super) const ALL: &[(&str, A2sFault)] = &[
        ("goldsrc", A2sFault::GoldSrc),
        ("double", A2sFault::Double),
        #[cfg(feature = "bzip2")]
        ("bzip2", A2sFault::Bzip2),
        ("no-players", A2sFault::NoPlayers),
        ("short-challenge", A2sFault::ShortChallenge),
        ("truncated-list", A2sFault::TruncatedList),
    ];

    /// Returns the fault with this name.
    pub(super) fn named(name: &str) -> Option<A2sFault> {
        fault_named(name, A2sFault::ALL)
    }
}
