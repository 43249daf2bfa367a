//! As whom each agent is asked.

use std::collections::HashMap;
use std::sync::Arc;

use allears::protocol::snmp::{Identity, IdentityId, Snmp};
use anyhow::Result;

use super::settings::Settings;
use crate::cli::exit::Usage;

/// As whom agents are asked: each kind of settings makes one identity.
pub struct Identities {
    settings: Settings,
    general: IdentityId,
    others: HashMap<Arc<str>, IdentityId>,
    users: usize,
}

impl Identities {
    /// # Errors
    /// The general settings are not enough, as [`Usage`].
    pub fn new(settings: Settings, snmp: &mut Snmp) -> Result<Identities> {
        let general = snmp.add_identity(settings.identity().map_err(Usage)?);
        Ok(Identities { settings, general, others: HashMap::new(), users: 0 })
    }

    pub fn general(&self) -> IdentityId {
        self.general
    }

    /// Users that were made for settings behind targets. Each takes milliseconds: its passwords are hashed.
    pub fn users(&self) -> usize {
        self.users
    }

    /// The identity for the settings behind a target.
    ///
    /// # Errors
    /// What is missing or wrong.
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
