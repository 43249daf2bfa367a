//! Keys: derived from a password, and localized for an engine (RFC 3414, section 2.6 and appendix A; RFC 3826, section
//! 1.2).

use std::fmt;
use std::iter;

use md5::Md5;
use sha1::Sha1;
use sha2::{Digest, Sha224, Sha256, Sha384, Sha512};

use super::{AuthProtocol, KeyExtension, Level, PrivProtocol};

/// The length to which a password is repeated before hashing, in bytes (RFC 3414, section A.2).
const EXPANDED_LEN: usize = 1 << 20;

/// The bytes of a key, omitted from `Debug` output.
#[derive(Clone, Copy)]
pub(super) struct Secret {
    bytes: [u8; 64],
    len: u8,
}

/// A user's localized keys, which authenticate and encrypt messages of one engine.
#[derive(Clone, Debug)]
pub enum Keys {
    /// noAuthNoPriv.
    None,
    /// authNoPriv.
    Auth(AuthKey),
    /// authPriv.
    AuthPriv(AuthKey, PrivKey),
}

/// A localized authentication key.
#[derive(Clone, Debug)]
pub struct AuthKey {
    pub(super) protocol: AuthProtocol,
    pub(super) secret: Secret,
}

/// A localized privacy key.
#[derive(Clone, Debug)]
pub struct PrivKey {
    pub(super) protocol: PrivProtocol,
    pub(super) secret: Secret,
}

impl Keys {
    /// Returns the security level that the keys provide.
    pub const fn level(&self) -> Level {
        match self {
            Keys::None => Level::NoAuthNoPriv,
            Keys::Auth(_) => Level::AuthNoPriv,
            Keys::AuthPriv(..) => Level::AuthPriv,
        }
    }

    /// Returns the keys for a message of at most `level`. Agents need it for notInTimeWindows reports, which are
    /// authenticated but never encrypted.
    pub fn up_to(&self, level: Level) -> Keys {
        match (self, level) {
            (_, Level::NoAuthNoPriv) => Keys::None,
            (Keys::AuthPriv(auth, _), Level::AuthNoPriv) => Keys::Auth(auth.clone()),
            (keys, _) => keys.clone(),
        }
    }

    /// Returns the authentication key.
    pub const fn auth(&self) -> Option<&AuthKey> {
        match self {
            Keys::None => None,
            Keys::Auth(key) | Keys::AuthPriv(key, _) => Some(key),
        }
    }

    /// Returns the privacy key.
    pub const fn privacy(&self) -> Option<&PrivKey> {
        match self {
            Keys::None | Keys::Auth(_) => None,
            Keys::AuthPriv(_, key) => Some(key),
        }
    }
}

impl AuthKey {
    pub(super) fn localized(protocol: AuthProtocol, master: &Secret, engine_id: &[u8]) -> AuthKey {
        AuthKey { protocol, secret: localize(protocol, master, engine_id) }
    }
}

impl PrivKey {
    /// Localizes a key with the hash of the user's authentication protocol (RFC 3414, section 2.6), and extends or
    /// truncates it to the length that `protocol` needs.
    pub(super) fn localized(
        protocol: PrivProtocol,
        hash: AuthProtocol,
        master: &Secret,
        engine_id: &[u8],
    ) -> PrivKey {
        let mut secret = localize(hash, master, engine_id);
        if secret.as_slice().len() < protocol.key_len() {
            // One extension is enough: the shortest hash has 16 bytes, the longest key 32.
            match protocol.extension() {
                Some(KeyExtension::Blumenthal) => secret.push(&digest(hash, [secret.as_slice()])),
                Some(KeyExtension::Reeder) => {
                    secret.push(&localize(hash, &expand(hash, secret.as_slice()), engine_id));
                }
                None => {}
            }
        }
        secret.truncate(protocol.key_len());
        PrivKey { protocol, secret }
    }
}

/// Returns the master key Ku: the hash of the password repeated to one MiB (RFC 3414, section A.2).
pub(super) fn expand(hash: AuthProtocol, password: &[u8]) -> Secret {
    // Hash in pieces of about 1 KiB: feeding the hash many short pieces would take longer than the hashing itself.
    let piece = password.repeat(1024usize.div_ceil(password.len().max(1)));
    let pieces = EXPANDED_LEN.checked_div(piece.len()).unwrap_or(0);
    let last = &piece[..EXPANDED_LEN.checked_rem(piece.len()).unwrap_or(0)];
    digest(hash, iter::repeat_n(&piece[..], pieces).chain([last]))
}

/// Returns the localized key Kul for an engine (RFC 3414, section 2.6).
fn localize(hash: AuthProtocol, master: &Secret, engine_id: &[u8]) -> Secret {
    digest(hash, [master.as_slice(), engine_id, master.as_slice()])
}

fn digest<'p>(hash: AuthProtocol, parts: impl IntoIterator<Item = &'p [u8]>) -> Secret {
    fn of<'p, D: Digest>(parts: impl IntoIterator<Item = &'p [u8]>) -> Secret {
        let mut hash = D::new();
        parts.into_iter().for_each(|part| hash.update(part));
        Secret::new(&hash.finalize())
    }
    match hash {
        AuthProtocol::Md5 => of::<Md5>(parts),
        AuthProtocol::Sha1 => of::<Sha1>(parts),
        AuthProtocol::Sha224 => of::<Sha224>(parts),
        AuthProtocol::Sha256 => of::<Sha256>(parts),
        AuthProtocol::Sha384 => of::<Sha384>(parts),
        AuthProtocol::Sha512 => of::<Sha512>(parts),
    }
}

impl Secret {
    /// Copies up to 64 bytes, the maximum length of hashes and keys.
    fn new(bytes: &[u8]) -> Secret {
        let mut secret = Secret { bytes: [0; 64], len: 0 };
        secret.append(bytes);
        secret
    }

    pub(super) fn as_slice(&self) -> &[u8] {
        &self.bytes[..usize::from(self.len)]
    }

    /// Returns `N` bytes from `at` on, padded with zeros.
    pub(super) fn array<const N: usize>(&self, at: usize) -> [u8; N] {
        std::array::from_fn(|i| self.as_slice().get(at + i).copied().unwrap_or(0))
    }

    fn push(&mut self, more: &Secret) {
        self.append(more.as_slice());
    }

    fn append(&mut self, more: &[u8]) {
        let room = &mut self.bytes[usize::from(self.len)..];
        let len = more.len().min(room.len());
        room[..len].copy_from_slice(&more[..len]);
        self.len += len as u8;
    }

    fn truncate(&mut self, len: usize) {
        self.bytes.iter_mut().skip(len).for_each(|byte| *byte = 0);
        self.len = self.len.min(len as u8);
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The engine of RFC 3414, section A.3.
    const ENGINE: &[u8] = &[0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2];

    fn hex(secret: &Secret) -> String {
        secret.as_slice().iter().map(|byte| format!("{byte:02x}")).collect()
    }

    fn privacy(protocol: PrivProtocol, hash: AuthProtocol) -> String {
        hex(&PrivKey::localized(protocol, hash, &expand(hash, b"maplesyrup"), ENGINE).secret)
    }

    #[test]
    fn a_password_gives_the_keys_of_rfc_3414() {
        for (hash, master, localized) in [
            (AuthProtocol::Md5, "9faf3283884e92834ebc9847d8edd963", "526f5eed9fcce26f8964c2930787d82b"),
            (
                AuthProtocol::Sha1,
                "9fb5cc0381497b3793528939ff788d5d79145211",
                "6695febc9288e36282235fc7151f128497b38f3f",
            ),
        ] {
            let key = expand(hash, b"maplesyrup");
            assert_eq!(hex(&key), master);
            assert_eq!(hex(&localize(hash, &key, ENGINE)), localized);
        }
    }

    #[test]
    fn a_key_for_des_and_aes_128_is_the_first_16_bytes() {
        let sha = "6695febc9288e36282235fc7151f1284";
        assert_eq!(privacy(PrivProtocol::Des, AuthProtocol::Sha1), sha);
        assert_eq!(privacy(PrivProtocol::Aes128, AuthProtocol::Sha1), sha);
        assert_eq!(privacy(PrivProtocol::Des, AuthProtocol::Md5), "526f5eed9fcce26f8964c2930787d82b");
    }

    /// RFC 7860 has no test vectors; these come from Python's hashlib.
    #[test]
    fn sha_2_keys_match_reference_vectors() {
        for (hash, localized) in [
            (AuthProtocol::Sha224, "0bd8827c6e29f8065e08e09237f177e410f69b90e1782be682075674"),
            (AuthProtocol::Sha256, "8982e0e549e866db361a6b625d84cccc11162d453ee8ce3a6445c2d6776f0f8b"),
            (
                AuthProtocol::Sha384,
                "3b298f16164a11184279d5432bf169e2d2a48307de02b3d3f7e2b4f36eb6f0455a53689a3937eea07319a633d2ccba78",
            ),
            (
                AuthProtocol::Sha512,
                "22a5a36cedfcc085807a128d7bc6c2382167ad6c0dbc5fdff856740f3d84c099\
                 ad1ea87a8db096714d9788bd544047c9021e4229ce27e4c0a69250adfcffbb0b",
            ),
        ] {
            assert_eq!(hex(&localize(hash, &expand(hash, b"maplesyrup"), ENGINE)), localized);
        }
    }

    #[test]
    fn a_key_that_is_long_enough_is_truncated_with_either_extension() {
        let sha = "8982e0e549e866db361a6b625d84cccc11162d453ee8ce3a6445c2d6776f0f8b";
        for extension in [KeyExtension::Blumenthal, KeyExtension::Reeder] {
            assert_eq!(privacy(PrivProtocol::Aes192(extension), AuthProtocol::Sha256), sha[..48]);
            assert_eq!(privacy(PrivProtocol::Aes256(extension), AuthProtocol::Sha256), sha);
        }
    }

    /// The vectors come from Python's hashlib; net-snmp's agent accepts such keys, too.
    #[test]
    fn a_key_that_is_too_short_is_extended_as_in_the_drafts() {
        for (hash, extension, key) in [
            (
                AuthProtocol::Md5,
                KeyExtension::Reeder,
                "526f5eed9fcce26f8964c2930787d82b79eff44a90650ee0a3a40abfac5acc12",
            ),
            (
                AuthProtocol::Sha1,
                KeyExtension::Reeder,
                "6695febc9288e36282235fc7151f128497b38f3f9b8b6d78936ba6e7d19dfd9c",
            ),
            (
                AuthProtocol::Md5,
                KeyExtension::Blumenthal,
                "526f5eed9fcce26f8964c2930787d82bfa24a92467426c2f4b09192be10dfaec",
            ),
            (
                AuthProtocol::Sha1,
                KeyExtension::Blumenthal,
                "6695febc9288e36282235fc7151f128497b38f3f505e07eb9af25568fa1f5dbe",
            ),
        ] {
            assert_eq!(privacy(PrivProtocol::Aes256(extension), hash), key);
            assert_eq!(privacy(PrivProtocol::Aes192(extension), hash), key[..48]);
        }
    }
}
