//! Encryption: DES (RFC 3414, section 8) and AES (RFC 3826, section 3).

use aes::{Aes128, Aes192, Aes256};
use cbc::cipher::array::Array;
use cbc::cipher::{BlockModeDecrypt, BlockModeEncrypt, KeyIvInit};
use des::Des;

use super::PrivProtocol;
use super::keys::PrivKey;

/// The block size of DES, in bytes.
const DES_BLOCK: usize = 8;

/// The values that determine the IV: msgAuthoritativeEngineBoots, msgAuthoritativeEngineTime and msgPrivacyParameters.
#[derive(Clone, Copy)]
pub(super) struct IvInputs {
    pub boots: u32,
    pub time: u32,
    pub salt: [u8; 8],
}

impl PrivKey {
    /// Returns the salt of a message: `counter`, or for DES the boots and the low half of `counter` (RFC 3414, section
    /// 8.1.1.1).
    pub(super) fn salt(&self, boots: u32, counter: u64) -> [u8; 8] {
        match self.protocol {
            PrivProtocol::Des => (u64::from(boots) << 32 | counter & 0xffff_ffff).to_be_bytes(),
            _ => counter.to_be_bytes(),
        }
    }

    /// Encrypts everything from `start` on. DES appends up to 7 bytes of padding.
    pub(super) fn encrypt(&self, iv_inputs: IvInputs, data: &mut Vec<u8>, start: usize) {
        if self.protocol == PrivProtocol::Des {
            data.resize(start + (data.len() - start).next_multiple_of(DES_BLOCK), 0);
        }
        let (data, iv) = (&mut data[start..], self.aes_iv(iv_inputs));
        match self.protocol {
            PrivProtocol::Des => {
                let (blocks, _) = Array::slice_as_chunks_mut(data);
                let iv = self.des_iv(iv_inputs);
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

    /// Decrypts the output of [`encrypt`](PrivKey::encrypt). With the wrong key, the result is noise.
    ///
    /// # Errors
    /// For DES, the length is not a multiple of the block size (RFC 3414, section 8.3.2).
    pub(super) fn decrypt(&self, iv_inputs: IvInputs, data: &mut [u8]) -> Result<(), &'static str> {
        let iv = self.aes_iv(iv_inputs);
        match self.protocol {
            PrivProtocol::Des => {
                let (blocks, rest) = Array::slice_as_chunks_mut(data);
                if !rest.is_empty() {
                    return Err("the length of the DES ciphertext is not a multiple of 8 bytes");
                }
                let iv = self.des_iv(iv_inputs);
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

    /// Returns the salt XOR the pre-IV, which is the second half of the key (RFC 3414, section 8.1.1.1).
    fn des_iv(&self, iv_inputs: IvInputs) -> [u8; 8] {
        (u64::from_be_bytes(self.secret.array(8)) ^ u64::from_be_bytes(iv_inputs.salt)).to_be_bytes()
    }

    /// Returns the concatenation of boots, time and salt (RFC 3826, section 3.1.2.1).
    fn aes_iv(&self, iv_inputs: IvInputs) -> [u8; 16] {
        let stamp = u64::from(iv_inputs.boots) << 32 | u64::from(iv_inputs.time);
        (u128::from(stamp) << 64 | u128::from(u64::from_be_bytes(iv_inputs.salt))).to_be_bytes()
    }
}
