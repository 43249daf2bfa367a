//! How secure a message is.

use crate::protocol::snmp::message::{ScopedData, V3Message, flag};

/// Both flags that say how secure a message is.
const SECURE: u8 = flag::AUTH | flag::PRIV;

/// A security level (RFC 3411, section 3.4.3); the later ones are stronger.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Neither proven nor secret.
    NoAuthNoPriv,
    /// Proven.
    AuthNoPriv,
    /// Proven and secret.
    AuthPriv,
}

impl Level {
    /// What a message claims to be; `None` when it contradicts itself (RFC 3412, section 7.2).
    pub const fn of(message: &V3Message<'_>) -> Option<Level> {
        match (message.flags & SECURE, &message.data) {
            (0, ScopedData::Plain(_)) => Some(Level::NoAuthNoPriv),
            (flag::AUTH, ScopedData::Plain(_)) => Some(Level::AuthNoPriv),
            (SECURE, ScopedData::Encrypted(_)) => Some(Level::AuthPriv),
            _ => None,
        }
    }

    /// Its msgFlags (RFC 3412, section 6.4).
    pub(super) const fn flags(self) -> u8 {
        match self {
            Level::NoAuthNoPriv => 0,
            Level::AuthNoPriv => flag::AUTH,
            Level::AuthPriv => SECURE,
        }
    }
}
