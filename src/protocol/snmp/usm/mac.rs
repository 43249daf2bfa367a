//! The digest that authenticates a message (RFC 3414, sections 6.3 and 7.3; RFC 7860, section 4.2).

use hmac::digest::common::Key;
use hmac::{Hmac, KeyInit, Mac};
use md5::Md5;
use sha1::Sha1;
use sha2::{Sha224, Sha256, Sha384, Sha512};

use super::AuthProtocol;
use super::keys::AuthKey;

impl AuthKey {
    /// Writes the digest of `message` over its zeros, from `at` on.
    pub(super) fn sign(&self, message: &mut [u8], at: usize) {
        match self.protocol {
            AuthProtocol::Md5 => self.sign_with::<Hmac<Md5>>(message, at),
            AuthProtocol::Sha1 => self.sign_with::<Hmac<Sha1>>(message, at),
            AuthProtocol::Sha224 => self.sign_with::<Hmac<Sha224>>(message, at),
            AuthProtocol::Sha256 => self.sign_with::<Hmac<Sha256>>(message, at),
            AuthProtocol::Sha384 => self.sign_with::<Hmac<Sha384>>(message, at),
            AuthProtocol::Sha512 => self.sign_with::<Hmac<Sha512>>(message, at),
        }
    }

    fn sign_with<M: Mac + KeyInit>(&self, message: &mut [u8], at: usize) {
        let digest = self.start::<M>().chain_update(&*message).finalize().into_bytes();
        message[at..]
            .iter_mut()
            .zip(&digest[..self.protocol.digest_len()])
            .for_each(|(to, from)| *to = *from);
    }

    /// Returns, in constant time, whether `digest` is that of the message that consists of `before`, zeros, and
    /// `behind`.
    pub(super) fn verifies(&self, before: &[u8], digest: &[u8], behind: &[u8]) -> bool {
        let parts = [before, digest, behind];
        match self.protocol {
            AuthProtocol::Md5 => self.verifies_with::<Hmac<Md5>>(parts),
            AuthProtocol::Sha1 => self.verifies_with::<Hmac<Sha1>>(parts),
            AuthProtocol::Sha224 => self.verifies_with::<Hmac<Sha224>>(parts),
            AuthProtocol::Sha256 => self.verifies_with::<Hmac<Sha256>>(parts),
            AuthProtocol::Sha384 => self.verifies_with::<Hmac<Sha384>>(parts),
            AuthProtocol::Sha512 => self.verifies_with::<Hmac<Sha512>>(parts),
        }
    }

    fn verifies_with<M: Mac + KeyInit>(&self, [before, digest, behind]: [&[u8]; 3]) -> bool {
        let Some(zeros) =
            [0; 48].get(..self.protocol.digest_len()).filter(|zeros| zeros.len() == digest.len())
        else {
            return false;
        };
        let mac = self.start::<M>().chain_update(before).chain_update(zeros).chain_update(behind);
        mac.verify_truncated_left(digest).is_ok()
    }

    fn start<M: Mac + KeyInit>(&self) -> M {
        // HMAC pads a short key with zeros to a block of the hash.
        let mut block = Key::<M>::default();
        block.iter_mut().zip(self.secret.as_slice()).for_each(|(to, from)| *to = *from);
        M::new(&block)
    }
}
