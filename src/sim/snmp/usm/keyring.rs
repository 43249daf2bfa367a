//! The users of every agent, and their keys.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use super::engine::EngineId;
use crate::protocol::snmp::usm::{AuthProtocol, Keys, PrivProtocol, User, UserError};

/// A user of the fleet: see `docs/fleet.md`.
struct FleetUser {
    name: &'static [u8],
    auth: Option<(AuthProtocol, &'static [u8])>,
    privacy: Option<(PrivProtocol, &'static [u8])>,
}

const USERS: [FleetUser; 3] = [
    FleetUser { name: b"u0", auth: None, privacy: None },
    FleetUser {
        name: b"u1",
        auth: Some((AuthProtocol::Sha256, b"authpass123")),
        privacy: Some((PrivProtocol::Aes128, b"privpass123")),
    },
    FleetUser { name: b"u2", auth: Some((AuthProtocol::Sha1, b"authpass123")), privacy: None },
];

/// The keys of all users at all agents of a fleet. Keys are created on demand: hashing a password takes milliseconds,
/// and most fleets receive no request with a user.
#[derive(Debug, Default)]
pub(super) struct Keyring {
    users: [Option<User>; USERS.len()],
    keys: HashMap<(EngineId, usize), Keys>,
}

impl Keyring {
    /// Returns the keys of the user with this name at this engine; `None` if there is no such user.
    pub(super) fn find(&mut self, engine: EngineId, name: &[u8]) -> Option<&Keys> {
        let at = USERS.iter().position(|user| user.name == name)?;
        Some(match self.keys.entry((engine, at)) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(new) => {
                let user = match &mut self.users[at] {
                    Some(user) => user,
                    // All of these names and passwords are long enough.
                    none => none.insert(USERS[at].make().ok()?),
                };
                new.insert(user.keys(&engine))
            }
        })
    }
}

impl FleetUser {
    fn make(&self) -> Result<User, UserError> {
        let mut user = User::new(self.name)?;
        if let Some((protocol, password)) = self.auth {
            user = user.with_auth(protocol, password)?;
        }
        if let Some((protocol, password)) = self.privacy {
            user = user.with_priv(protocol, password)?;
        }
        Ok(user)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::snmp::usm::Level;

    #[test]
    fn keys_are_created_once_for_each_engine_and_user() {
        let mut keyring = Keyring::default();
        let (one, other) = ([1; 13], [2; 13]);
        for (name, level) in
            [(b"u0", Level::NoAuthNoPriv), (b"u1", Level::AuthPriv), (b"u2", Level::AuthNoPriv)]
        {
            for engine in [one, other, one] {
                assert_eq!(keyring.find(engine, name).expect("a user").level(), level);
            }
        }
        assert_eq!(keyring.keys.len(), 6);
        assert!(keyring.find(one, b"u3").is_none() && keyring.find(one, b"").is_none());
        assert_eq!(keyring.keys.len(), 6);
    }

    #[test]
    fn the_keys_of_a_hundred_thousand_agents_stay_small() {
        assert!(size_of::<((EngineId, usize), Keys)>() <= 160);
    }
}
