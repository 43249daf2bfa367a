//! An agent's answer, collected from one reply or many.

use std::fmt;
use std::sync::Arc;

use super::ber::Writer;
use super::budget::{Budget, Held};
use super::oid::{Oid, OidRef};
use super::request::UPTIME;
use super::value::{Value, Varbind, Varbinds};

/// The answer of one agent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answer {
    /// The encoded variable bindings, in the order of arrival.
    pub(super) varbinds: Vec<u8>,
    /// The number of variable bindings.
    pub(super) count: u32,
    /// Their bytes.
    pub(super) held: Held,
    /// Names for which the agent returned an error.
    pub refused: Vec<Refused>,
    /// The reason why the answer is incomplete; `None` if it is complete.
    pub incomplete: Option<Incomplete>,
    /// The agent's sysUpTime in hundredths of a second, if the request included it.
    pub uptime: Option<u32>,
}

/// A name for which the agent returned an error instead of a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// The requested name.
    pub oid: Oid,
    /// The error.
    pub status: ErrorStatus,
}

/// The reason why an answer is incomplete.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Incomplete {
    /// The name that follows this one is not greater, so the walk would loop (RFC 3416, section 4.2.2).
    NotIncreasing(Oid),
    /// The agent returned an error for the request (RFC 3416, section 3).
    Error(ErrorStatus),
    /// The walk reached the caller's row limit.
    RowLimit,
    /// All answers together reached the memory limit ([`Snmp::with_memory`](super::Snmp::with_memory)).
    MemoryLimit,
    /// The reply is malformed. The variable bindings before the defect are kept.
    Broken(&'static str),
    /// The agent restarted during the walk: some of the values are from before the restart.
    Restarted,
    /// A request timed out, or the sweep was stopped, before the agent had returned everything.
    Unfinished,
    /// The agent rejects our messages: usmStats (RFC 3414, section 5) or snmpMPDStats (RFC 3412, section 5).
    Rejected(&'static str),
}

impl fmt::Display for Incomplete {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Incomplete::NotIncreasing(oid) => {
                write!(f, "the agent loops: the name after {oid} is not greater")
            }
            Incomplete::Error(status) => write!(f, "the agent returned {status}"),
            Incomplete::RowLimit => f.write_str("the row limit was reached"),
            Incomplete::MemoryLimit => f.write_str("the memory limit was reached"),
            Incomplete::Broken(reason) => write!(f, "the reply is malformed: {reason}"),
            Incomplete::Restarted => f.write_str("the agent restarted during the walk"),
            Incomplete::Unfinished => f.write_str("a request got no reply"),
            Incomplete::Rejected(reason) => write!(f, "the agent rejects the request: {reason}"),
        }
    }
}

/// An error-status (RFC 3416, section 3), displayed by its name in the RFC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ErrorStatus(pub i64);

impl ErrorStatus {
    /// No error.
    pub const NO_ERROR: ErrorStatus = ErrorStatus(0);
    /// The reply would be too big for one message.
    pub const TOO_BIG: ErrorStatus = ErrorStatus(1);
    /// The v1 error for a missing object, or for no object after the name.
    pub const NO_SUCH_NAME: ErrorStatus = ErrorStatus(2);
}

impl fmt::Display for ErrorStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const NAMES: [&str; 19] = [
            "noError",
            "tooBig",
            "noSuchName",
            "badValue",
            "readOnly",
            "genErr",
            "noAccess",
            "wrongType",
            "wrongLength",
            "wrongEncoding",
            "wrongValue",
            "noCreation",
            "inconsistentValue",
            "resourceUnavailable",
            "commitFailed",
            "undoFailed",
            "authorizationError",
            "notWritable",
            "inconsistentName",
        ];
        let name = usize::try_from(self.0).ok().and_then(|number| NAMES.get(number));
        match name {
            Some(name) => f.write_str(name),
            None => write!(f, "error {}", self.0),
        }
    }
}

impl Answer {
    /// Returns the variable bindings, in the order of arrival.
    pub fn varbinds(&self) -> Varbinds<'_> {
        Varbinds::new(&self.varbinds)
    }

    /// Returns the encoded variable bindings, for [`Varbinds::new`].
    pub fn as_ber(&self) -> &[u8] {
        &self.varbinds
    }

    /// Appends another answer of the same agent.
    pub fn append(&mut self, other: Answer) {
        self.held.grow(other.varbinds.len());
        self.varbinds.extend_from_slice(&other.varbinds);
        self.count += other.count;
        self.refused.extend(other.refused);
        self.incomplete = self.incomplete.take().or(other.incomplete);
        self.uptime = other.uptime.or(self.uptime);
    }

    /// Returns the number of variable bindings.
    pub fn len(&self) -> usize {
        self.count as usize
    }

    /// Returns whether there are no variable bindings.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Builds an answer from variable bindings.
    pub fn of<'a>(varbinds: impl IntoIterator<Item = (OidRef<'a>, Value<'a>)>) -> Answer {
        let (mut answer, mut writer) = (Answer::default(), Writer::default());
        for (oid, value) in varbinds {
            writer.clear();
            Varbind::write(oid, &value, &mut writer);
            writer.append_to(&mut answer.varbinds);
            answer.count += 1;
        }
        answer
    }

    /// Starts an answer whose bytes count towards a budget.
    pub(super) fn within(budget: &Arc<Budget>) -> Answer {
        Answer { held: Held::of(budget), ..Answer::default() }
    }

    /// Appends an encoded variable binding.
    pub(super) fn push(&mut self, bytes: &[u8]) {
        self.held.grow(bytes.len());
        self.varbinds.extend_from_slice(bytes);
        self.count += 1;
    }

    /// Records that the agent returned an error for a name.
    pub(super) fn refuse(&mut self, oid: OidRef<'_>, status: ErrorStatus) {
        self.refused.push(Refused { oid: oid.to_oid(), status });
    }

    /// Marks the answer as incomplete. The first reason is kept.
    pub(super) fn mark_incomplete(&mut self, reason: Incomplete) {
        self.incomplete.get_or_insert(reason);
    }

    /// Records sysUpTime, unless the agent sent something else in its place.
    pub(super) fn record_uptime(&mut self, varbind: &Varbind<'_>) {
        let Value::TimeTicks(uptime) = varbind.value else { return };
        if varbind.oid != UPTIME {
            return;
        }
        if self.uptime.is_some_and(|before| went_back(before, uptime)) {
            self.mark_incomplete(Incomplete::Restarted);
        }
        self.uptime = Some(uptime);
    }
}

/// A day in hundredths of a second, the longest time expected between two readings of a clock.
const DAY: u32 = 24 * 3600 * 100;

/// Returns whether a 32-bit clock was reset between two readings, rather than wrapped.
///
/// The clock wraps every 497 days. A smaller reading counts as a wrap only if the clock advanced by at most a day in
/// between. The usual limit of half the range would mistake restarts for wraps, because many agents are up for that
/// long.
pub fn went_back(before: u32, now: u32) -> bool {
    now < before && now.wrapping_sub(before) > DAY
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_wraps_was_not_reset() {
        assert!(went_back(5_000, 4_999) && went_back(1 << 30, 0));
        assert!(went_back(300 * DAY, 6_000) && went_back(495 * DAY, 6_000), "restarted after a long uptime");
        assert!(!went_back(5_000, 5_000) && !went_back(5_000, 5_001));
        assert!(!went_back(u32::MAX - 10, 20));
    }
}
