//! What an agent answered, in one reply or in many.

use std::fmt;

use super::oid::Oid;
use super::value::Varbinds;

/// What one agent answered.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answer {
    /// The variable bindings as they came, one after the other.
    pub(super) varbinds: Vec<u8>,
    /// How many they are.
    pub(super) count: u32,
    /// Names that the agent refused to answer for.
    pub refused: Vec<Refused>,
    /// Why this is not all that was asked for; `None` = it is.
    pub incomplete: Option<Incomplete>,
    /// The agent's sysUpTime in hundredths of a second, where it was asked for with the rest.
    pub uptime: Option<u32>,
}

/// A name for which the agent gave an error instead of a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// The name that was asked.
    pub oid: Oid,
    /// The error.
    pub status: ErrorStatus,
}

/// Why an answer is not all that was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Incomplete {
    /// An agent that goes in circles: after this name came one that is not greater (RFC 3416, section 4.2.2).
    NotIncreasing(Oid),
    /// The agent says so (RFC 3416, section 3).
    Error(ErrorStatus),
    /// There is more than the caller wanted.
    RowLimit,
    /// The reply is broken in its middle; what stood before that is here.
    Broken(&'static str),
    /// The agent was restarted while it was walked: parts of the answer are from before.
    Restarted,
    /// The agent fell silent, or the sweep was stopped, before it was asked for everything.
    Unfinished,
    /// The agent does not process our messages: usmStats (RFC 3414, section 5) or snmpMPDStats (RFC 3412,
    /// section 5).
    Rejected(&'static str),
}

impl fmt::Display for Incomplete {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Incomplete::NotIncreasing(oid) => {
                write!(f, "the agent goes in circles: what follows {oid} is not greater")
            }
            Incomplete::Error(status) => write!(f, "the agent says {status}"),
            Incomplete::RowLimit => f.write_str("there is more than was wanted"),
            Incomplete::Broken(reason) => write!(f, "the reply is broken: {reason}"),
            Incomplete::Restarted => f.write_str("the agent was restarted in between"),
            Incomplete::Unfinished => f.write_str("a request was not answered"),
            Incomplete::Rejected(reason) => write!(f, "the agent rejects the request: {reason}"),
        }
    }
}

/// An error-status (RFC 3416, section 3). [`fmt::Display`] gives its name there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ErrorStatus(pub i64);

impl ErrorStatus {
    /// All is well.
    pub const NO_ERROR: ErrorStatus = ErrorStatus(0);
    /// The reply would not fit.
    pub const TOO_BIG: ErrorStatus = ErrorStatus(1);
    /// v1: no such object, or none behind it.
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
    /// The variable bindings in the order in which they came.
    pub fn varbinds(&self) -> Varbinds<'_> {
        Varbinds::new(&self.varbinds)
    }

    /// Their bytes, one after the other, for [`Varbinds::new`].
    pub fn as_ber(&self) -> &[u8] {
        &self.varbinds
    }

    /// Puts another answer of the same agent behind this one.
    pub fn append(&mut self, other: Answer) {
        self.varbinds.extend_from_slice(&other.varbinds);
        self.count += other.count;
        self.refused.extend(other.refused);
        self.incomplete = self.incomplete.take().or(other.incomplete);
        self.uptime = other.uptime.or(self.uptime);
    }

    /// How many variable bindings there are.
    pub fn len(&self) -> usize {
        self.count as usize
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }
}
