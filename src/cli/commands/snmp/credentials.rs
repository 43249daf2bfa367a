//! The credentials for each agent.

use std::collections::HashMap;
use std::sync::Arc;

use allears::protocol::snmp::{Credentials, CredentialsId, Snmp};
use anyhow::Result;

use super::settings::Settings;
use crate::cli::exit::Usage;

/// The credentials of all agents, created once for each distinct set of settings.
pub struct CredentialsCache {
    settings: Settings,
    general: CredentialsId,
    others: HashMap<Arc<str>, CredentialsId>,
    users: usize,
}

impl CredentialsCache {
    /// # Errors
    /// The general settings are incomplete, as [`Usage`].
    pub fn new(settings: Settings, snmp: &mut Snmp) -> Result<CredentialsCache> {
        let general = snmp.add_credentials(settings.credentials().map_err(Usage)?);
        Ok(CredentialsCache { settings, general, others: HashMap::new(), users: 0 })
    }

    pub fn general(&self) -> CredentialsId {
        self.general
    }

    /// Returns the number of users created for settings of targets. Each takes milliseconds, because passwords are
    /// hashed.
    pub fn users(&self) -> usize {
        self.users
    }

    /// Returns the credentials for the settings of a target.
    ///
    /// # Errors
    /// The settings are incomplete or wrong.
    pub fn of(&mut self, own: Option<&Arc<str>>, snmp: &mut Snmp) -> Result<CredentialsId, String> {
        let Some(own) = own else { return Ok(self.general) };
        if let Some(known) = self.others.get(own) {
            return Ok(*known);
        }
        let credentials = Settings::parse(own)?.of_target(&self.settings).credentials()?;
        self.users += usize::from(matches!(credentials, Credentials::User(_)));
        let credentials = snmp.add_credentials(credentials);
        self.others.insert(own.clone(), credentials);
        Ok(credentials)
    }
}
