//! Security levels of messages.

use crate::protocol::snmp::message::{ScopedData, V3Message, flag};

/// The two flags for the security level.
const AUTH_PRIV: u8 = flag::AUTH | flag::PRIV;

/// A security level (RFC 3411, section 3.4.3), ordered from weak to strong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Neither authenticated nor encrypted.
    NoAuthNoPriv,
    /// Authenticated.
    AuthNoPriv,
    /// Authenticated and encrypted.
    AuthPriv,
}

impl Level {
    /// Returns the level of a message; `None` if its flags contradict its content (RFC 3412, section 7.2).
    pub const fn of(message: &V3Message<'_>) -> Option<Level> {
        match (message.flags & AUTH_PRIV, &message.data) {
            (0, ScopedData::Plain(_)) => Some(Level::NoAuthNoPriv),
            (flag::AUTH, ScopedData::Plain(_)) => Some(Level::AuthNoPriv),
            (AUTH_PRIV, ScopedData::Encrypted(_)) => Some(Level::AuthPriv),
            _ => None,
        }
    }

    /// Returns the bits of the level in msgFlags (RFC 3412, section 6.4).
    pub(super) const fn flags(self) -> u8 {
        match self {
            Level::NoAuthNoPriv => 0,
            Level::AuthNoPriv => flag::AUTH,
            Level::AuthPriv => AUTH_PRIV,
        }
    }
}
