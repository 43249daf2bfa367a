//! The faults of real servers, of what is between them and a client, and of forgers.

use crate::sim::fault_names::{fault_named, fault_names};

/// The names of all faults.
pub(in crate::sim) const FAULTS: [&str; DnsFault::ALL.len()] = fault_names(&DnsFault::ALL);

/// The fault of a server that is otherwise normal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum DnsFault {
    /// FORMERR without EDNS to each request with EDNS; without the question from hosts with odd numbers.
    NoEdns,
    /// The question is returned in lower case.
    Lowercase,
    /// An answer for another name with the right id: before the proper reply, or from hosts with odd numbers instead.
    WrongQuestion,
    /// A reply with another id: before the proper reply, or from hosts with odd numbers instead.
    WrongId,
    /// SERVFAIL to every request.
    ServFail,
    /// REFUSED to every request.
    Refused,
    /// REFUSED to half of the names.
    RefuseEven,
    /// A rate limit for each client, with slip: half of the excess replies are dropped, and half are empty and truncated.
    Slip,
    /// Every datagram is truncated.
    Truncate,
    /// No streams.
    NoTcp,
    /// No answers on streams.
    StallTcp,
    /// Half of each answer on a stream, which then ends.
    HalfFrame,
    /// Streams end after each answer.
    CloseTcp,
    /// Cookies (RFC 7873): BADCOOKIE to each datagram whose cookie is not one of the server's.
    Cookies,
    /// BADVERS to each request with EDNS.
    BadVers,
}

impl DnsFault {
    /// All faults, with their names.
    pub(super) const ALL: [(&str, DnsFault); 15] = [
        ("no-edns", DnsFault::NoEdns),
        ("lowercase", DnsFault::Lowercase),
        ("wrong-question", DnsFault::WrongQuestion),
        ("wrong-id", DnsFault::WrongId),
        ("servfail", DnsFault::ServFail),
        ("refused", DnsFault::Refused),
        ("refuse-even", DnsFault::RefuseEven),
        ("slip", DnsFault::Slip),
        ("truncate", DnsFault::Truncate),
        ("no-tcp", DnsFault::NoTcp),
        ("stall-tcp", DnsFault::StallTcp),
        ("half-frame", DnsFault::HalfFrame),
        ("close-tcp", DnsFault::CloseTcp),
        ("cookies", DnsFault::Cookies),
        ("badvers", DnsFault::BadVers),
    ];

    /// Returns the fault with this name.
    pub(super) fn named(name: &str) -> Option<DnsFault> {
        fault_named(name, &DnsFault::ALL)
    }
}
