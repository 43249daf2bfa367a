//! Encryption: DES (RFC 3414, section 8) and AES (RFC 3826, section 3).

use aes::{Aes128, Aes192, Aes256};
use cbc::cipher::array::Array;
use cbc::cipher::{BlockModeDecrypt, BlockModeEncrypt, KeyIvInit};
use des::Des;

use super::PrivProtocol;
use super::keys::PrivKey;

/// Bytes of a block of DES.
const DES_BLOCK: usize = 8;

/// What makes two encryptions of one text different: msgAuthoritativeEngineBoots and Time, and
/// msgPrivacyParameters.
#[derive(Clone, Copy)]
pub(super) struct Freshness {
    pub boots: u32,
    pub time: u32,
    pub salt: [u8; 8],
}

impl PrivKey {
    /// The salt of a message: `counter`; for DES only its low half, behind the boots (RFC 3414, section 8.1.1.1).
    pub(super) fn salt(&self, boots: u32, counter: u64) -> [u8; 8] {
        match self.protocol {
            PrivProtocol::Des => (u64::from(boots) << 32 | counter & 0xffff_ffff).to_be_bytes(),
            _ => counter.to_be_bytes(),
        }
    }

    /// Encrypts everything from `start` on. DES makes it longer by up to 7 bytes.
    pub(super) fn encrypt(&self, freshness: Freshness, data: &mut Vec<u8>, start: usize) {
        if self.protocol == PrivProtocol::Des {
            data.resize(start + (data.len() - start).next_multiple_of(DES_BLOCK), 0);
        }
        let (data, iv) = (&mut data[start..], self.aes_iv(freshness));
        match self.protocol {
            PrivProtocol::Des => {
                let (blocks, _) = Array::slice_as_chunks_mut(data);
                let iv = self.des_iv(freshness);
                cbc::Encryptor::<Des>::new(&self.secret.array::<8>(0).into(), &iv.into())
                    .encrypt_blocks(blocks);
            }
            PrivProtocol::Aes128 => {
                cfb_mode::Encryptor::<Aes128>::new(&self.secret.array::<16>(0).into(), &iv.into())
                    .encrypt(data);
            }
            PrivProtocol::Aes192(_) => {
                cfb_mode::Encryptor::<Aes192>::new(&self.secret.array::<24>(0).into(), &iv.into())
                    .encrypt(data);
            }
            PrivProtocol::Aes256(_) => {
                cfb_mode::Encryptor::<Aes256>::new(&self.secret.array::<32>(0).into(), &iv.into())
                    .encrypt(data);
            }
        }
    }

    /// Decrypts what [`encrypt`](PrivKey::encrypt) wrote; with another key, into noise.
    ///
    /// # Errors
    /// For DES, the data are not whole blocks (RFC 3414, section 8.3.2).
    pub(super) fn decrypt(&self, freshness: Freshness, data: &mut [u8]) -> Result<(), &'static str> {
        let iv = self.aes_iv(freshness);
        match self.protocol {
            PrivProtocol::Des => {
                let (blocks, rest) = Array::slice_as_chunks_mut(data);
                if !rest.is_empty() {
                    return Err("what is encrypted with DES is not a multiple of 8 bytes");
                }
                let iv = self.des_iv(freshness);
                cbc::Decryptor::<Des>::new(&self.secret.array::<8>(0).into(), &iv.into())
                    .decrypt_blocks(blocks);
            }
            PrivProtocol::Aes128 => {
                cfb_mode::Decryptor::<Aes128>::new(&self.secret.array::<16>(0).into(), &iv.into())
                    .decrypt(data);
            }
            PrivProtocol::Aes192(_) => {
                cfb_mode::Decryptor::<Aes192>::new(&self.secret.array::<24>(0).into(), &iv.into())
                    .decrypt(data);
            }
            PrivProtocol::Aes256(_) => {
                cfb_mode::Decryptor::<Aes256>::new(&self.secret.array::<32>(0).into(), &iv.into())
                    .decrypt(data);
            }
        }
        Ok(())
    }

    /// The salt xor the pre-IV, which is the second half of the key (RFC 3414, section 8.1.1.1).
    fn des_iv(&self, freshness: Freshness) -> [u8; 8] {
        (u64::from_be_bytes(self.secret.array(8)) ^ u64::from_be_bytes(freshness.salt)).to_be_bytes()
    }

    /// Boots, time and salt (RFC 3826, section 3.1.2.1).
    fn aes_iv(&self, freshness: Freshness) -> [u8; 16] {
        let stamp = u64::from(freshness.boots) << 32 | u64::from(freshness.time);
        (u128::from(stamp) << 64 | u128::from(u64::from_be_bytes(freshness.salt))).to_be_bytes()
    }
}
