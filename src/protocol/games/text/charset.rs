//! The characters that the bytes of a text stand for.

use std::borrow::Cow;

#[cfg(feature = "charsets")]
use super::encoding::Encoding;
use super::font;

/// The characters that the bytes of a text stand for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Charset {
    /// UTF-8 where the bytes are valid UTF-8, otherwise Latin-1.
    Unknown,
    /// UTF-8 if the whole text is valid UTF-8; otherwise this encoding or, where it makes no sense, Latin-1.
    #[cfg(feature = "charsets")]
    Utf8Or(Encoding),
    /// This encoding.
    #[cfg(feature = "charsets")]
    Named(Encoding),
    /// UTF-8 where the bytes are valid UTF-8; all other bytes, and U+E000 to U+E0FF, are glyphs of Quake's font.
    DarkPlaces,
    /// Each byte is a glyph of Quake's font. Coloured letters become plain ones.
    QuakeWorld,
    /// Each byte is a glyph of Quake II's font. Coloured letters become plain ones.
    Quake2,
}

impl Charset {
    /// Returns the characters of a text. Glyphs that are not ASCII are characters of the private use area: see
    /// [`shown`](Charset::shown).
    pub(super) fn decode(self, text: &[u8]) -> Cow<'_, str> {
        match self {
            Charset::Unknown => utf8_or(text, char::from),
            #[cfg(feature = "charsets")]
            Charset::Utf8Or(encoding) => match std::str::from_utf8(text) {
                Ok(text) => text.into(),
                Err(_) => encoding.decode_plausible(text).unwrap_or_else(|| utf8_or(text, char::from)),
            },
            #[cfg(feature = "charsets")]
            Charset::Named(encoding) => encoding.decode(text),
            Charset::DarkPlaces => utf8_or(text, font::of_byte),
            Charset::QuakeWorld | Charset::Quake2 => text.iter().map(|&byte| font::of_byte(byte)).collect(),
        }
    }

    /// Returns the character to show for one that was decoded.
    pub(super) fn shown(self, c: char) -> char {
        let show = match self {
            Charset::Unknown => return c,
            #[cfg(feature = "charsets")]
            Charset::Utf8Or(_) | Charset::Named(_) => return c,
            Charset::DarkPlaces | Charset::QuakeWorld => font::quake,
            Charset::Quake2 => font::quake2,
        };
        font::glyph(c).map_or(c, show)
    }
}

/// Decodes UTF-8. `other` decodes the bytes that are not valid.
pub(super) fn utf8_or(text: &[u8], other: fn(u8) -> char) -> Cow<'_, str> {
    if let Ok(text) = std::str::from_utf8(text) {
        return text.into();
    }
    let mut decoded = String::with_capacity(text.len() * 2);
    for chunk in text.utf8_chunks() {
        decoded.push_str(chunk.valid());
        decoded.extend(chunk.invalid().iter().map(|&byte| other(byte)));
    }
    decoded.into()
}
