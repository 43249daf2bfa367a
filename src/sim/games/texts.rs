//! Texts that end with a zero byte.

/// Appends texts, each with a zero byte at its end.
pub(super) fn write_texts(texts: &[&str], out: &mut Vec<u8>) {
    for text in texts {
        out.extend_from_slice(text.as_bytes());
        out.push(0);
    }
}
