//! Users: a name, and the secrets for authentication and privacy.

use std::fmt;

use super::keys::{AuthKey, Keys, PrivKey, Secret, expand};
use super::{AuthProtocol, PrivProtocol};

/// The maximum length of a name, in bytes (RFC 3414, section 5: usmUserName).
const MAX_NAME: usize = 32;
/// The minimum length of a password, in bytes (RFC 3414, section 11.2). Agents refuse shorter ones, too.
const MIN_PASSWORD: usize = 8;

/// A user of v3, known to agents by name.
///
/// ```
/// use allears::protocol::snmp::usm::{AuthProtocol, PrivProtocol, User};
///
/// let user = User::new(b"monitor")?
///     .with_auth(AuthProtocol::Sha256, b"a long password")?
///     .with_priv(PrivProtocol::Aes128, b"another password")?;
/// assert_eq!(user.name(), b"monitor");
/// assert!(!format!("{user:?}").contains("password"));
/// # Ok::<(), allears::protocol::snmp::usm::UserError>(())
/// ```
#[derive(Clone, Debug)]
pub struct User {
    name: Box<[u8]>,
    context: Box<[u8]>,
    secrets: Secrets,
}

/// The master keys: derived from passwords, and not yet localized for an engine (RFC 3414, section 2.6).
#[derive(Clone, Debug)]
enum Secrets {
    None,
    Auth(AuthProtocol, Secret),
    AuthPriv(AuthProtocol, Secret, PrivProtocol, Secret),
}

/// The reason why a user is invalid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum UserError {
    /// The name does not have 1 to 32 bytes.
    Name,
    /// The password has fewer than 8 bytes.
    ShortPassword,
    /// Privacy requires authentication (RFC 3414, section 1.4.3).
    PrivacyWithoutAuthentication,
    /// The authentication protocol does not exist.
    NoSuchAuthProtocol,
    /// The privacy protocol does not exist.
    NoSuchPrivProtocol,
}

impl fmt::Display for UserError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            UserError::Name => "a user name has 1 to 32 bytes",
            UserError::ShortPassword => "a password has at least 8 bytes",
            UserError::PrivacyWithoutAuthentication => "privacy requires authentication",
            UserError::NoSuchAuthProtocol => {
                "the authentication protocols are MD5, SHA, SHA-224, SHA-256, SHA-384 and SHA-512"
            }
            UserError::NoSuchPrivProtocol => {
                "the privacy protocols are DES, AES, AES-192, AES-256, AES-192-C and AES-256-C"
            }
        })
    }
}

impl std::error::Error for UserError {}

impl User {
    /// Creates a user without secrets (noAuthNoPriv), in the default context.
    ///
    /// # Errors
    /// The name is empty, or longer than 32 bytes.
    pub fn new(name: &[u8]) -> Result<User, UserError> {
        if name.is_empty() || name.len() > MAX_NAME {
            return Err(UserError::Name);
        }
        Ok(User { name: name.into(), context: Box::default(), secrets: Secrets::None })
    }

    /// Adds authentication with a password (authNoPriv).
    ///
    /// Deriving the key takes milliseconds, by design (RFC 3414, section A.2). Removes privacy, if set before, because
    /// its key depends on the authentication protocol.
    ///
    /// # Errors
    /// The password is shorter than 8 bytes.
    pub fn with_auth(mut self, protocol: AuthProtocol, password: &[u8]) -> Result<User, UserError> {
        self.secrets = Secrets::Auth(protocol, master_key(protocol, password)?);
        Ok(self)
    }

    /// Adds privacy with a password (authPriv). Takes as long as [`with_auth`](User::with_auth).
    ///
    /// With the wrong password, an agent decrypts noise. Many agents, including net-snmp's, then send no reply.
    ///
    /// # Errors
    /// The user has no authentication, or the password is shorter than 8 bytes.
    pub fn with_priv(mut self, protocol: PrivProtocol, password: &[u8]) -> Result<User, UserError> {
        let (Secrets::Auth(auth, key) | Secrets::AuthPriv(auth, key, ..)) = self.secrets else {
            return Err(UserError::PrivacyWithoutAuthentication);
        };
        self.secrets = Secrets::AuthPriv(auth, key, protocol, master_key(auth, password)?);
        Ok(self)
    }

    /// Sets the context (contextName: RFC 3411, section 3.3.3). The default context is empty.
    pub fn with_context(mut self, context: &[u8]) -> User {
        self.context = context.into();
        self
    }

    /// Returns the name.
    pub fn name(&self) -> &[u8] {
        &self.name
    }

    /// Returns the context.
    pub fn context(&self) -> &[u8] {
        &self.context
    }

    /// Localizes the user's keys for an engine (RFC 3414, section 2.6). This takes a few hashes, or milliseconds if
    /// [`KeyExtension::Reeder`](super::KeyExtension::Reeder) has to extend a key.
    pub fn keys(&self, engine_id: &[u8]) -> Keys {
        match &self.secrets {
            Secrets::None => Keys::None,
            Secrets::Auth(auth, master) => Keys::Auth(AuthKey::localized(*auth, master, engine_id)),
            Secrets::AuthPriv(auth, auth_master, privacy, priv_master) => Keys::AuthPriv(
                AuthKey::localized(*auth, auth_master, engine_id),
                PrivKey::localized(*privacy, *auth, priv_master, engine_id),
            ),
        }
    }
}

fn master_key(protocol: AuthProtocol, password: &[u8]) -> Result<Secret, UserError> {
    if password.len() < MIN_PASSWORD {
        return Err(UserError::ShortPassword);
    }
    Ok(expand(protocol, password))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::snmp::usm::Level;

    #[test]
    fn the_secrets_determine_the_security_level() {
        let user = User::new(b"u").expect("a name");
        assert_eq!(user.keys(b"engine").level(), Level::NoAuthNoPriv);
        let user = user.with_auth(AuthProtocol::Md5, b"12345678").expect("long enough");
        assert_eq!(user.keys(b"engine").level(), Level::AuthNoPriv);
        let user = user.with_priv(PrivProtocol::Des, b"12345678").expect("long enough");
        assert_eq!(user.keys(b"engine").level(), Level::AuthPriv);
        let user = user.with_auth(AuthProtocol::Sha1, b"12345678").expect("long enough");
        assert_eq!(user.keys(b"engine").level(), Level::AuthNoPriv);
    }

    #[test]
    fn invalid_names_and_passwords_are_refused() {
        assert_eq!(User::new(b"").err(), Some(UserError::Name));
        assert_eq!(User::new(&[b'u'; 33]).err(), Some(UserError::Name));
        let user = User::new(&[b'u'; 32]).expect("a name");
        let short = user.clone().with_auth(AuthProtocol::Sha1, b"1234567");
        assert_eq!(short.err(), Some(UserError::ShortPassword));
        let privacy = user.with_priv(PrivProtocol::Aes128, b"12345678");
        assert_eq!(privacy.err(), Some(UserError::PrivacyWithoutAuthentication));
    }

    #[test]
    fn secrets_are_not_shown() {
        let user = User::new(b"u").expect("a name");
        let user = user.with_auth(AuthProtocol::Sha1, b"maplesyrup").expect("long enough");
        let user = user.with_priv(PrivProtocol::Des, b"maplesyrup").expect("long enough");
        let shown = format!("{user:?} {:?}", user.keys(b"engine"));
        // The master key of RFC 3414, section A.3.2, begins with 9f b5 cc, which is 159, 181, 204 in decimal.
        assert!(!shown.contains("159") && !shown.contains("9f") && !shown.contains("maple"), "{shown}");
        assert!(shown.contains("Secret(..)"), "{shown}");
    }
}
