//! The characters that the bytes of a text stand for.

use std::borrow::Cow;

#[cfg(feature = "charsets")]
use super::encoding::Encoding;
use super::font;

/// The characters that the bytes of a text stand for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Charset {
    /// UTF-8 where the bytes are valid UTF-8, otherwise Latin-1. A last character that is cut off is left out.
    Unknown,
    /// UTF-8 if the text is UTF-8, perhaps with a few other bytes, or with its last character cut off; otherwise this
    /// encoding or, where it makes no sense, Latin-1.
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
            Charset::Unknown => utf8_or_latin1(text),
            #[cfg(feature = "charsets")]
            Charset::Utf8Or(encoding) => {
                let decoded = if is_utf8(text) { None } else { encoding.decode_plausible(text) };
                decoded.unwrap_or_else(|| utf8_or_latin1(text))
            }
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

/// Returns whether a text is UTF-8. Games limit names in bytes, so the last character may be cut off; and a few bytes
/// beside several characters of UTF-8 are damage, not another encoding: in one, hardly any bytes form such characters.
pub(in super::super) fn is_utf8(text: &[u8]) -> bool {
    if std::str::from_utf8(text).is_ok() {
        return true;
    }
    let (mut chars, mut encoded, mut others) = (0, 0, 0);
    for chunk in without_cut_character(text).utf8_chunks() {
        for c in chunk.valid().chars().filter(|c| !c.is_ascii()) {
            (chars, encoded) = (chars + 1, encoded + c.len_utf8());
        }
        others += chunk.invalid().len();
    }
    chars > 0 && (others == 0 || chars > 1 && encoded >= 3 * others)
}

/// Removes a last character of UTF-8 whose end is missing.
fn without_cut_character(text: &[u8]) -> &[u8] {
    let is_cut = |rest: &[u8]| {
        std::str::from_utf8(rest).is_err_and(|error| error.valid_up_to() == 0 && error.error_len().is_none())
    };
    let starts = (text.len().saturating_sub(3)..text.len()).map(|start| text.split_at(start));
    starts.into_iter().find(|(_, rest)| is_cut(rest)).map_or(text, |(whole, _)| whole)
}

fn utf8_or_latin1(text: &[u8]) -> Cow<'_, str> {
    utf8_or(if is_utf8(text) { without_cut_character(text) } else { text }, char::from)
}

/// Decodes UTF-8, and with `other` the bytes that are none.
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
