//! Compressed replies of Source servers: a length, a checksum, and bzip2.

use crate::protocol::games::fields::Fields;

/// The maximum length of a packet after decompression, in bytes: more than any real one has.
#[cfg(feature = "bzip2")]
const MAX_PACKET: u32 = 64 << 10;

/// Returns whether `content` starts like a compressed packet.
pub(super) fn claims(content: &[u8]) -> bool {
    content.get(8..11) == Some(b"BZh")
}

/// Decompresses a packet, and checks its length and its checksum.
#[cfg(feature = "bzip2")]
pub(super) fn decompress(content: &[u8]) -> Result<Vec<u8>, &'static str> {
    use std::io::Read;

    let mut fields = Fields::new(content);
    let (len, checksum) = (fields.u32_le()?, fields.u32_le()?);
    if len > MAX_PACKET {
        return Err("a compressed reply is too long");
    }
    let mut packet = Vec::with_capacity(len as usize);
    let mut decoder = bzip2::read::BzDecoder::new(fields.rest()).take(u64::from(len) + 1);
    decoder.read_to_end(&mut packet).map_err(|_| "a compressed reply is broken")?;
    if packet.len() != len as usize || crc32(&packet) != checksum {
        return Err("a compressed reply does not match its checksum");
    }
    Ok(packet)
}

/// Returns the reason why a packet cannot be decompressed.
#[cfg(not(feature = "bzip2"))]
pub(super) fn decompress(content: &[u8]) -> Result<Vec<u8>, &'static str> {
    let mut fields = Fields::new(content);
    fields.bytes(8)?;
    Err("a compressed reply needs the feature bzip2")
}

/// Returns the CRC-32 of IEEE 802.3, as in zlib.
#[cfg(feature = "bzip2")]
pub(crate) fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |crc, &byte| {
        (0..8).fold(crc ^ u32::from(byte), |crc, _| crc >> 1 ^ (0xedb8_8320 & (crc & 1).wrapping_neg()))
    })
}

#[cfg(feature = "bzip2")]
#[cfg(test)]
pub(super) mod tests {
    use std::io::Read;

    use super::*;

    /// Returns a compressed packet that claims this length and checksum.
    pub(in super::super) fn compress(packet: &[u8], len: u32, checksum: u32) -> Vec<u8> {
        let mut content = [len.to_le_bytes(), checksum.to_le_bytes()].concat();
        bzip2::read::BzEncoder::new(packet, bzip2::Compression::best()).read_to_end(&mut content).unwrap();
        content
    }

    #[test]
    fn the_checksum_is_that_of_zlib() {
        assert_eq!(crc32(b"123456789"), 0xcbf4_3926);
        assert_eq!(crc32(b""), 0);
    }

    #[test]
    fn length_and_checksum_must_match() {
        let packet = b"a packet".repeat(50);
        let (len, checksum) = (packet.len() as u32, crc32(&packet));
        let content = compress(&packet, len, checksum);
        assert!(claims(&content));
        assert_eq!(decompress(&content), Ok(packet.clone()));
        let mismatch = Err("a compressed reply does not match its checksum");
        assert_eq!(decompress(&compress(&packet, len, checksum ^ 1)), mismatch);
        assert_eq!(decompress(&compress(&packet, len - 1, checksum)), mismatch);
        assert_eq!(decompress(&compress(&packet, len + 1, checksum)), mismatch);
        assert_eq!(decompress(&content[..content.len() - 9]), Err("a compressed reply is broken"));
        for len in 0..content.len() {
            assert!(decompress(&content[..len]).is_err());
        }
    }

    #[test]
    fn a_small_reply_never_becomes_a_huge_one() {
        let zeros = vec![0; 10 << 20];
        assert_eq!(
            decompress(&compress(&zeros, 10 << 20, crc32(&zeros))),
            Err("a compressed reply is too long")
        );
        let liar = compress(&zeros, 100, crc32(&zeros[..100]));
        assert_eq!(decompress(&liar), Err("a compressed reply does not match its checksum"));
    }
}
