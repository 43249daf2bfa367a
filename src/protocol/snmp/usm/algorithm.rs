//! The authentication and privacy protocols, and their names.

use std::fmt;
use std::str::FromStr;

use super::UserError;

/// An authentication protocol: an HMAC with a hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum AuthProtocol {
    /// HMAC-MD5-96 (RFC 3414, section 6).
    Md5,
    /// HMAC-SHA-96 (RFC 3414, section 7).
    Sha1,
    /// HMAC-128-SHA-224 (RFC 7860).
    Sha224,
    /// HMAC-192-SHA-256 (RFC 7860).
    Sha256,
    /// HMAC-256-SHA-384 (RFC 7860).
    Sha384,
    /// HMAC-384-SHA-512 (RFC 7860).
    Sha512,
}

/// A privacy protocol: the cipher that encrypts messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum PrivProtocol {
    /// CBC-DES (RFC 3414, section 8).
    Des,
    /// CFB128-AES-128 (RFC 3826).
    Aes128,
    /// AES-192 in the same mode, which is not in any RFC.
    Aes192(KeyExtension),
    /// AES-256 in the same mode, which is not in any RFC.
    Aes256(KeyExtension),
}

/// The method to extend a key beyond the length of the hash it comes from.
///
/// Agents implement one or the other; neither became an RFC. They differ only if the hash is too short for the cipher:
/// MD5 for AES-192, and also SHA-1 and SHA-224 for AES-256.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum KeyExtension {
    /// Appends the hash of the key (draft-blumenthal-aes-usm-04): net-snmp's `AES-192`.
    Blumenthal,
    /// Uses the key as a password for another key (draft-reeder-snmpv3-usm-3desede-00): Cisco's, and net-snmp's
    /// `AES-192-C`. Takes milliseconds for each engine, like hashing a password.
    Reeder,
}

impl AuthProtocol {
    /// All protocols.
    pub const ALL: [AuthProtocol; 6] = [
        AuthProtocol::Md5,
        AuthProtocol::Sha1,
        AuthProtocol::Sha224,
        AuthProtocol::Sha256,
        AuthProtocol::Sha384,
        AuthProtocol::Sha512,
    ];

    /// Returns the length of the truncated digest in a message, in bytes (RFC 3414, sections 6.3 and 7.3; RFC 7860,
    /// section 4.1).
    pub const fn digest_len(self) -> usize {
        match self {
            AuthProtocol::Md5 | AuthProtocol::Sha1 => 12,
            AuthProtocol::Sha224 => 16,
            AuthProtocol::Sha256 => 24,
            AuthProtocol::Sha384 => 32,
            AuthProtocol::Sha512 => 48,
        }
    }
}

impl PrivProtocol {
    /// All protocols.
    pub const ALL: [PrivProtocol; 6] = [
        PrivProtocol::Des,
        PrivProtocol::Aes128,
        PrivProtocol::Aes192(KeyExtension::Blumenthal),
        PrivProtocol::Aes256(KeyExtension::Blumenthal),
        PrivProtocol::Aes192(KeyExtension::Reeder),
        PrivProtocol::Aes256(KeyExtension::Reeder),
    ];

    /// Returns the length of the localized key, in bytes. For DES, the first half is the key and the second the pre-IV.
    pub(super) const fn key_len(self) -> usize {
        match self {
            PrivProtocol::Des | PrivProtocol::Aes128 => 16,
            PrivProtocol::Aes192(_) => 24,
            PrivProtocol::Aes256(_) => 32,
        }
    }

    /// Returns the method to extend a short key; `None` if the key is never too short.
    pub(super) const fn extension(self) -> Option<KeyExtension> {
        match self {
            PrivProtocol::Des | PrivProtocol::Aes128 => None,
            PrivProtocol::Aes192(extension) | PrivProtocol::Aes256(extension) => Some(extension),
        }
    }
}

/// Parses net-snmp's names, case-insensitively and with or without hyphens: MD5, SHA or SHA-1, SHA-224, SHA-256,
/// SHA-384, SHA-512.
impl FromStr for AuthProtocol {
    type Err = UserError;

    fn from_str(text: &str) -> Result<AuthProtocol, UserError> {
        Ok(match &*normalized(text) {
            "MD5" => AuthProtocol::Md5,
            "SHA" | "SHA1" => AuthProtocol::Sha1,
            "SHA224" => AuthProtocol::Sha224,
            "SHA256" => AuthProtocol::Sha256,
            "SHA384" => AuthProtocol::Sha384,
            "SHA512" => AuthProtocol::Sha512,
            _ => return Err(UserError::NoSuchAuthProtocol),
        })
    }
}

/// Parses net-snmp's names, case-insensitively and with or without hyphens: DES, AES or AES-128, AES-192, AES-256, and
/// with Cisco's key extension AES-192-C, AES-256-C.
impl FromStr for PrivProtocol {
    type Err = UserError;

    fn from_str(text: &str) -> Result<PrivProtocol, UserError> {
        Ok(match &*normalized(text) {
            "DES" => PrivProtocol::Des,
            "AES" | "AES128" => PrivProtocol::Aes128,
            "AES192" => PrivProtocol::Aes192(KeyExtension::Blumenthal),
            "AES256" => PrivProtocol::Aes256(KeyExtension::Blumenthal),
            "AES192C" => PrivProtocol::Aes192(KeyExtension::Reeder),
            "AES256C" => PrivProtocol::Aes256(KeyExtension::Reeder),
            _ => return Err(UserError::NoSuchPrivProtocol),
        })
    }
}

/// Returns the text in upper case and without hyphens.
fn normalized(text: &str) -> String {
    text.chars().filter(|&letter| letter != '-').map(|letter| letter.to_ascii_uppercase()).collect()
}

impl fmt::Display for AuthProtocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            AuthProtocol::Md5 => "MD5",
            AuthProtocol::Sha1 => "SHA",
            AuthProtocol::Sha224 => "SHA-224",
            AuthProtocol::Sha256 => "SHA-256",
            AuthProtocol::Sha384 => "SHA-384",
            AuthProtocol::Sha512 => "SHA-512",
        })
    }
}

impl fmt::Display for PrivProtocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            PrivProtocol::Des => "DES",
            PrivProtocol::Aes128 => "AES",
            PrivProtocol::Aes192(KeyExtension::Blumenthal) => "AES-192",
            PrivProtocol::Aes192(KeyExtension::Reeder) => "AES-192-C",
            PrivProtocol::Aes256(KeyExtension::Blumenthal) => "AES-256",
            PrivProtocol::Aes256(KeyExtension::Reeder) => "AES-256-C",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_protocol_is_parsed_from_its_name() {
        for protocol in AuthProtocol::ALL {
            assert_eq!(protocol.to_string().parse(), Ok(protocol));
        }
        for protocol in PrivProtocol::ALL {
            assert_eq!(protocol.to_string().to_lowercase().parse(), Ok(protocol));
        }
    }

    #[test]
    fn the_names_of_net_snmp_are_accepted() {
        for (text, protocol) in [
            ("sha", AuthProtocol::Sha1),
            ("SHA1", AuthProtocol::Sha1),
            ("SHA-1", AuthProtocol::Sha1),
            ("Sha512", AuthProtocol::Sha512),
        ] {
            assert_eq!(text.parse(), Ok(protocol));
        }
        for (text, protocol) in [
            ("AES128", PrivProtocol::Aes128),
            ("AES-128", PrivProtocol::Aes128),
            ("aes192c", PrivProtocol::Aes192(KeyExtension::Reeder)),
            ("AES256", PrivProtocol::Aes256(KeyExtension::Blumenthal)),
        ] {
            assert_eq!(text.parse(), Ok(protocol));
        }
        assert_eq!("SHA-3".parse::<AuthProtocol>(), Err(UserError::NoSuchAuthProtocol));
        assert_eq!("3DES".parse::<PrivProtocol>(), Err(UserError::NoSuchPrivProtocol));
    }
}
