//! The credentials of an agent: from the command line, from a file of secrets, and from the line of a target.

use std::fmt;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use allears::protocol::snmp::usm::{AuthProtocol, Level, PrivProtocol, User, UserError};
use allears::protocol::snmp::{Credentials, Version};
use anyhow::{Context, Result};

use super::args::CredentialsArgs;
use crate::cli::exit::Usage;
use crate::cli::inputs::Checker;

/// Settings for credentials. Each unset one is taken from the next more general source.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Settings {
    version: Option<SnmpVersion>,
    community: Option<String>,
    user: Option<String>,
    level: Option<Level>,
    auth: Option<AuthProtocol>,
    auth_password: Option<String>,
    privacy: Option<PrivProtocol>,
    priv_password: Option<String>,
    context: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum SnmpVersion {
    Community(Version),
    V3,
}

const KEYS: &str = "version, community, user, level, auth, auth-password, priv, priv-password and context";

impl Settings {
    /// Combines the command line with the file of secrets. The command line has precedence.
    ///
    /// # Errors
    /// A setting is wrong ([`Usage`]), or the file cannot be read.
    pub fn of_arguments(args: &CredentialsArgs) -> Result<Settings> {
        let mut typed = Settings::default();
        for (key, value) in [
            ("version", &args.version),
            ("community", &args.community),
            ("user", &args.user),
            ("level", &args.level),
            ("auth", &args.auth),
            ("auth-password", &args.auth_password),
            ("priv", &args.privacy),
            ("priv-password", &args.priv_password),
            ("context", &args.context),
        ] {
            if let Some(value) = value {
                typed.set(key, value).map_err(Usage)?;
            }
        }
        if let Some(path) = &args.secrets {
            // A user implies version 3, regardless of the file.
            typed.version = typed.version.or(typed.user.as_ref().map(|_| SnmpVersion::V3));
            typed = typed.over(&Settings::of_file(path)?);
        }
        typed.check_together().map_err(Usage)?;
        Ok(typed)
    }

    /// Returns whether there are passwords but no user. Then they are useless unless a target specifies a user.
    pub fn lacks_user(&self) -> bool {
        let has_passwords = self.auth_password.is_some() || self.priv_password.is_some();
        has_passwords && self.user.is_none() && self.version.is_none() && self.community.is_none()
    }

    fn of_file(path: &Path) -> Result<Settings> {
        let name = path.display();
        let text = fs::read_to_string(path).with_context(|| format!("cannot read {name}"))?;
        let mut settings = Settings::default();
        for (number, line) in (1..).zip(text.lines()) {
            let line = line.trim();
            if !line.is_empty() && !line.starts_with('#') {
                let said = Settings::parse(line).map_err(|why| Usage(format!("{name}:{number}: {why}")))?;
                settings = said.over(&settings);
            }
        }
        settings.check_together().map_err(|why| Usage(format!("{name}: {why}")))?;
        Ok(settings)
    }

    /// Parses `community=public version=1`. A value with blanks, or an empty one, needs double quotes; a comment begins
    /// with a `#` after a blank.
    ///
    /// # Errors
    /// Returns the reason, without secrets.
    pub fn parse(text: &str) -> Result<Settings, String> {
        let mut settings = Settings::default();
        let mut rest = text.trim_start();
        while !rest.is_empty() && !rest.starts_with('#') {
            let (key, behind) = rest.split_once('=').ok_or("a setting has the form KEY=VALUE")?;
            let (value, left) = match behind.strip_prefix('"') {
                Some(quoted) => quoted.split_once('"').ok_or("`\"` is missing at the end of a value")?,
                None => behind.split_at(behind.find(char::is_whitespace).unwrap_or(behind.len())),
            };
            settings.set(key, value)?;
            rest = left.trim_start();
        }
        settings.check_together()?;
        Ok(settings)
    }

    /// Refuses a user in a version without users: the request would be sent in the clear.
    fn check_together(&self) -> Result<(), String> {
        match (self.version, &self.user) {
            (Some(SnmpVersion::Community(_)), Some(_)) => Err("only version 3 has users".into()),
            _ => Ok(()),
        }
    }

    fn set(&mut self, key: &str, value: &str) -> Result<(), String> {
        let text = || Some(value.to_owned());
        match key {
            "version" => self.version = Some(version(value)?),
            "community" => self.community = text(),
            "user" => self.user = text(),
            "level" => self.level = Some(level(value)?),
            "auth" => self.auth = Some(value.parse().map_err(|error| format!("{error}"))?),
            "auth-password" => self.auth_password = text(),
            "priv" => self.privacy = Some(value.parse().map_err(|error| format!("{error}"))?),
            "priv-password" => self.priv_password = text(),
            "context" => self.context = text(),
            // The unknown key may be a secret.
            _ => return Err(format!("unknown setting; the settings are {KEYS}")),
        }
        Ok(())
    }

    /// Completes the settings of one target from `general`. Its own community implies a version with communities, and
    /// its own user a version with users.
    pub fn of_target(self, general: &Settings) -> Settings {
        let version = self.version.or(match (&self.community, &self.user) {
            (Some(_), None) => general.version.filter(|version| *version != SnmpVersion::V3).or(Some(V2C)),
            (_, Some(_)) => Some(SnmpVersion::V3),
            // A general user must not cause requests in the clear.
            _ => Some(general.version()),
        });
        Settings { version, ..self }.over(general)
    }

    /// Fills unset settings from `general`.
    fn over(self, general: &Settings) -> Settings {
        let general = general.clone();
        Settings {
            version: self.version.or(general.version),
            community: self.community.or(general.community),
            user: self.user.or(general.user),
            level: self.level.or(general.level),
            auth: self.auth.or(general.auth),
            auth_password: self.auth_password.or(general.auth_password),
            privacy: self.privacy.or(general.privacy),
            priv_password: self.priv_password.or(general.priv_password),
            context: self.context.or(general.context),
        }
    }

    fn version(&self) -> SnmpVersion {
        let by_user = if self.user.is_some() { SnmpVersion::V3 } else { V2C };
        self.version.unwrap_or(by_user)
    }

    /// Returns the highest level that the given passwords allow, unless set explicitly.
    fn level(&self) -> Level {
        let by_passwords = match (&self.auth_password, &self.priv_password) {
            (None, _) => Level::NoAuthNoPriv,
            (Some(_), None) => Level::AuthNoPriv,
            (Some(_), Some(_)) => Level::AuthPriv,
        };
        self.level.unwrap_or(by_passwords)
    }

    /// Checks that the settings are complete and valid, without hashing: there may be a million of them.
    ///
    /// # Errors
    /// The settings are incomplete or wrong.
    pub fn check(&self) -> Result<(), String> {
        if self.version() != SnmpVersion::V3 {
            let is_secure = self.level.is_some_and(|level| level > Level::NoAuthNoPriv);
            return match self.user {
                None if is_secure => Err("this level needs a user: -u NAME, or user=NAME".into()),
                _ => Ok(()),
            };
        }
        let user = self.user.as_deref().ok_or("version 3 needs a user: -u NAME, or user=NAME")?;
        if user.is_empty() || user.len() > 32 {
            return Err("a user name has 1 to 32 bytes".into());
        }
        if self.level.is_none() && self.auth_password.is_none() && self.priv_password.is_some() {
            return Err("a priv-password (-X) needs an auth-password (-A), or level=noAuthNoPriv".into());
        }
        let level = self.level();
        for (needed, password, what) in [
            (Level::AuthNoPriv, &self.auth_password, "auth-password (-A)"),
            (Level::AuthPriv, &self.priv_password, "priv-password (-X)"),
        ] {
            match password {
                _ if level < needed => {}
                None => return Err(format!("this level needs {what}")),
                Some(password) if password.len() < 8 => {
                    return Err(format!("{what} has fewer than 8 bytes (RFC 3414, section 11.2)"));
                }
                Some(_) => {}
            }
        }
        Ok(())
    }

    /// Returns a function that checks settings completed from these.
    pub fn checker(&self) -> Checker {
        let general = self.clone();
        Arc::new(move |own| Settings::parse(own)?.of_target(&general).check())
    }

    /// Creates the credentials. This takes some milliseconds for a user with a password.
    ///
    /// # Errors
    /// The settings are incomplete or wrong.
    pub fn credentials(&self) -> Result<Credentials, String> {
        self.check()?;
        if let SnmpVersion::Community(version) = self.version() {
            let community = self.community.as_deref().unwrap_or("public");
            return Ok(Credentials::community(version, community.as_bytes()));
        }
        let name = self.user.as_deref().unwrap_or_default();
        let level = self.level();
        let user = || -> Result<User, UserError> {
            let mut user = User::new(name.as_bytes())?;
            if let (true, Some(password)) = (level >= Level::AuthNoPriv, &self.auth_password) {
                user = user.with_auth(self.auth.unwrap_or(AuthProtocol::Sha1), password.as_bytes())?;
            }
            if let (true, Some(password)) = (level >= Level::AuthPriv, &self.priv_password) {
                user = user.with_priv(self.privacy.unwrap_or(PrivProtocol::Aes128), password.as_bytes())?;
            }
            Ok(match &self.context {
                Some(context) => user.with_context(context.as_bytes()),
                None => user,
            })
        };
        user().map(Credentials::User).map_err(|error| error.to_string())
    }
}

const V2C: SnmpVersion = SnmpVersion::Community(Version::V2c);

fn version(text: &str) -> Result<SnmpVersion, String> {
    match text {
        "1" => Ok(SnmpVersion::Community(Version::V1)),
        "2c" | "2" => Ok(V2C),
        "3" => Ok(SnmpVersion::V3),
        _ => Err("the version must be 1, 2c or 3".into()),
    }
}

fn level(text: &str) -> Result<Level, String> {
    match text.to_ascii_lowercase().as_str() {
        "noauthnopriv" => Ok(Level::NoAuthNoPriv),
        "authnopriv" => Ok(Level::AuthNoPriv),
        "authpriv" => Ok(Level::AuthPriv),
        _ => Err("the level must be noAuthNoPriv, authNoPriv or authPriv".into()),
    }
}

/// Hides secrets.
impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings")
            .field("version", &self.version)
            .field("user", &self.user)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Settings {
        Settings::parse(text).expect(text)
    }

    fn credentials(settings: &Settings) -> String {
        match settings.credentials() {
            Ok(Credentials::Community { version, community }) => {
                format!("{version:?} {}", String::from_utf8_lossy(&community))
            }
            Ok(Credentials::User(_)) => "user".into(),
            Err(reason) => reason,
        }
    }

    #[test]
    fn settings_consist_of_keys_and_values() {
        assert_eq!(credentials(&Settings::default()), "V2c public");
        assert_eq!(credentials(&parsed("version=1")), "V1 public");
        assert_eq!(credentials(&parsed("community=a#b=c")), "V2c a#b=c");
        assert_eq!(credentials(&parsed(r#" community="two words"  version=2c # a remark"#)), "V2c two words");
        assert_eq!(credentials(&parsed("user=u")), "user");
        for wrong in [
            "community",
            "version=4",
            "community=\"a",
            "colour=red",
            "level=high",
            "auth=ROT13",
            "version=2c user=u",
        ] {
            assert!(Settings::parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn unset_settings_are_taken_from_the_more_general_source() {
        let general = parsed("community=general version=1");
        assert_eq!(credentials(&parsed("").of_target(&general)), "V1 general");
        assert_eq!(credentials(&parsed("version=2c").of_target(&general)), "V2c general");
        assert_eq!(credentials(&parsed("community=own").of_target(&general)), "V1 own");
        assert_eq!(credentials(&parsed("user=u").of_target(&general)), "user");
        assert_eq!(credentials(&parsed("community=own").of_target(&parsed("user=u"))), "V2c own");
        assert_eq!(credentials(&parsed("context=c").of_target(&parsed("user=u community=c"))), "user");
    }

    #[test]
    fn a_user_or_level_excludes_requests_in_the_clear() {
        for text in ["user=u version=1", "version=2c user=u"] {
            assert!(Settings::parse(text).is_err(), "{text}");
        }
        let own = parsed("community=c user=u auth-password=12345678");
        assert_eq!(credentials(&own.of_target(&parsed("version=2c"))), "user");
        assert!(parsed("level=authPriv auth-password=12345678").check().is_err());
        let own = parsed("level=authNoPriv").of_target(&parsed("user=u auth-password=12345678"));
        assert_eq!(credentials(&own), "user");
        assert!(parsed("auth-password=12345678").lacks_user());
        assert!(!parsed("auth-password=12345678 community=c").lacks_user());
    }

    #[test]
    fn a_community_in_the_environment_does_not_change_a_v3_user_to_v2c() {
        for file in ["version=3 user=u", "user=u", "user=u auth-password=12345678"] {
            assert_eq!(credentials(&parsed("community=typed").over(&parsed(file))), "user", "{file}");
        }
    }

    #[test]
    fn a_level_needs_its_passwords() {
        let reason = |text: &str| parsed(text).credentials().err();
        assert_eq!(reason("user=u auth-password=12345678"), None);
        assert_eq!(reason("user=u auth-password=12345678 priv-password=12345678"), None);
        assert_eq!(reason("user=u level=noAuthNoPriv auth-password=short"), None);
        for (text, word) in [
            ("version=3", "user"),
            ("user=u level=authNoPriv", "auth-password"),
            ("user=u level=authPriv auth-password=12345678", "priv-password"),
            ("user=u auth-password=1234567", "8 bytes"),
            ("user=u priv-password=12345678", "auth-password"),
        ] {
            assert!(reason(text).is_some_and(|reason| reason.contains(word)), "{text}");
        }
    }

    #[test]
    fn secrets_are_not_in_messages() {
        for text in ["hush", "hush=hush", "version=hush", "auth=hush", "priv=hush", "level=hush", "a=\"hush"]
        {
            let reason = Settings::parse(text).expect_err("wrong");
            assert!(!reason.contains("hush"), "{reason}");
        }
        let shown = format!("{:?}", parsed("community=hush auth-password=hushhush user=u"));
        assert!(!shown.contains("hush"), "{shown}");
    }
}
