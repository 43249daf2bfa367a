//! Messages on a TCP connection, each after its length in two bytes (RFC 1035, section 4.2.2).

/// The bytes of a length.
const LENGTH: usize = 2;

/// Returns the first message of `bytes`, and the bytes after it; `None` if it is incomplete.
pub fn split_frame(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = bytes.split_first_chunk::<LENGTH>()?;
    rest.split_at_checked(u16::from_be_bytes(*length).into())
}

/// Writes the length of a message of at most 65,535 bytes over the two bytes in front of it, with which `frame` begins.
/// Does nothing if they are missing.
pub fn write_length(frame: &mut [u8]) {
    if let Some((length, message)) = frame.split_first_chunk_mut::<LENGTH>() {
        *length = (message.len() as u16).to_be_bytes();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_is_a_length_and_as_many_bytes() {
        let two = b"\0\x02ab\0\0\0\x01";
        assert_eq!(split_frame(two), Some((&b"ab"[..], &b"\0\0\0\x01"[..])));
        assert_eq!(split_frame(&two[4..]), Some((&b""[..], &b"\0\x01"[..])));
        assert_eq!(split_frame(&two[6..]), None);
        (0..4).for_each(|len| assert_eq!(split_frame(&two[..len]), None));
        assert_eq!(split_frame(b"\x00\x03abcde"), Some((&b"abc"[..], &b"de"[..])));
        assert_eq!(split_frame(b"\x00\x00"), Some((&b""[..], &b""[..])));
        for incomplete in [&b""[..], b"\x00", b"\x00\x03ab", b"\x01\x00ab"] {
            assert_eq!(split_frame(incomplete), None);
        }
    }

    #[test]
    fn the_length_is_written_in_front() {
        let mut frame = b"\0\0abc".to_vec();
        write_length(&mut frame);
        assert_eq!(frame, b"\x00\x03abc");
        write_length(&mut frame[..1]);
        assert_eq!(frame, b"\x00\x03abc");
    }
}
