//! The credentials of each agent.

use std::collections::HashMap;
use std::sync::Arc;

use allears::protocol::snmp::{Identity, IdentityId, Snmp};
use anyhow::Result;

use super::settings::Settings;
use crate::cli::exit::Usage;

/// The credentials in use: one identity for each distinct set of settings.
pub struct Identities {
    settings: Settings,
    general: IdentityId,
    others: HashMap<Arc<str>, IdentityId>,
    users: usize,
}

impl Identities {
    /// # Errors
    /// The general settings are incomplete, as [`Usage`].
    pub fn new(settings: Settings, snmp: &mut Snmp) -> Result<Identities> {
        let general = snmp.add_identity(settings.identity().map_err(Usage)?);
        Ok(Identities { settings, general, others: HashMap::new(), users: 0 })
    }

    pub fn general(&self) -> IdentityId {
        self.general
    }

    /// Returns the number of users created for settings of targets. Each takes milliseconds: passwords are hashed.
    pub fn users(&self) -> usize {
        self.users
    }

    /// Returns the identity for the settings of a target.
    ///
    /// # Errors
    /// The settings are incomplete or wrong.
    pub fn of(&mut self, own: Option<&Arc<str>>, snmp: &mut Snmp) -> Result<IdentityId, String> {
        let Some(own) = own else { return Ok(self.general) };
        if let Some(known) = self.others.get(own) {
            return Ok(*known);
        }
        let identity = Settings::parse(own)?.of_target(&self.settings).identity()?;
        self.users += usize::from(matches!(identity, Identity::User(_)));
        let identity = snmp.add_identity(identity);
        self.others.insert(own.clone(), identity);
        Ok(identity)
    }
}
