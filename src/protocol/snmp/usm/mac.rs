//! The digest that proves a message (RFC 3414, sections 6.3 and 7.3; RFC 7860, section 4.2).

use hmac::digest::common::Key;
use hmac::{Hmac, KeyInit, Mac};
use md5::Md5;
use sha1::Sha1;
use sha2::{Sha224, Sha256, Sha384, Sha512};

use super::AuthProtocol;
use super::keys::AuthKey;

impl AuthKey {
    /// Writes the digest of `message` where its zeros stand: from `at` on.
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

    /// Whether `digest` is that of a message with zeros between these two parts. Takes as long whether it is or not.
    pub(super) fn has_signed(&self, before: &[u8], digest: &[u8], behind: &[u8]) -> bool {
        let parts = [before, digest, behind];
        match self.protocol {
            AuthProtocol::Md5 => self.has_signed_with::<Hmac<Md5>>(parts),
            AuthProtocol::Sha1 => self.has_signed_with::<Hmac<Sha1>>(parts),
            AuthProtocol::Sha224 => self.has_signed_with::<Hmac<Sha224>>(parts),
            AuthProtocol::Sha256 => self.has_signed_with::<Hmac<Sha256>>(parts),
            AuthProtocol::Sha384 => self.has_signed_with::<Hmac<Sha384>>(parts),
            AuthProtocol::Sha512 => self.has_signed_with::<Hmac<Sha512>>(parts),
        }
    }

    fn has_signed_with<M: Mac + KeyInit>(&self, [before, digest, behind]: [&[u8]; 3]) -> bool {
        let Some(zeros) =
            [0; 48].get(..self.protocol.digest_len()).filter(|zeros| zeros.len() == digest.len())
        else {
            return false;
        };
        let mac = self.start::<M>().chain_update(before).chain_update(zeros).chain_update(behind);
        mac.verify_truncated_left(digest).is_ok()
    }

    fn start<M: Mac + KeyInit>(&self) -> M {
        // A block of the hash, filled up with zeros, is what HMAC makes of any shorter key.
        let mut block = Key::<M>::default();
        block.iter_mut().zip(self.secret.as_slice()).for_each(|(to, from)| *to = *from);
        M::new(&block)
    }
}
