//! Names and other texts: bytes in an unknown encoding, with colour codes in between.
//!
//! A colour code is `^` and one character that is not `^` (`Q_IsColorString` in `q_shared.h`);
//! DarkPlaces also has `^x` and three hexadecimal digits (`STRING_COLOR_RGB_TAG_CHAR` in `draw.h`).
//! Bytes that are valid UTF-8 are decoded as such, all others as Latin-1.

use std::str::Utf8Chunks;

/// How to read the texts of a game.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TextRules {
    /// The colour codes in its texts.
    pub colors: Colors,
    /// The characters that its bytes stand for.
    pub charset: Charset,
}

/// The colour codes of a game.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Colors {
    /// None: all characters are text.
    None,
    /// `^` and one character. `^x` is a colour like any other: in `^xAce`, the player is called Ace.
    Indexed,
    /// `^` and one character, and `^xRGB` with three hexadecimal digits.
    Rgb,
    /// `§` and one character: a colour or, for characters other than hexadecimal digits, another style.
    Minecraft,
}

/// The characters that the bytes of a text stand for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Charset {
    /// UTF-8 where the bytes are valid UTF-8, otherwise Latin-1.
    Unknown,
}

/// A colour: red, green, blue.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Rgb(pub u8, pub u8, pub u8);

/// A stretch of text in one colour.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Span {
    /// The text without colour codes and control characters; never empty.
    pub text: String,
    /// Its colour; `None` before the first colour code.
    pub color: Option<Rgb>,
}

impl Colors {
    /// Returns the character that begins a colour code; one that no text contains if there are none.
    fn mark(self) -> char {
        match self {
            Colors::None => char::MAX,
            Colors::Indexed | Colors::Rgb => '^',
            Colors::Minecraft => '\u{a7}',
        }
    }
}

impl TextRules {
    /// Creates the rules of games with these colour codes and an unknown charset.
    pub const fn new(colors: Colors) -> TextRules {
        TextRules { colors, charset: Charset::Unknown }
    }

    /// Returns the text without colour codes, and without characters that a terminal would interpret (control characters,
    /// and marks that reverse the direction of writing).
    pub fn clean(self, text: &[u8]) -> String {
        let mut out = String::with_capacity(text.len());
        for piece in pieces(text, self) {
            if let Piece::Char(c) = piece {
                out.push(c);
            }
        }
        out
    }

    /// Returns the same text as [`clean`](TextRules::clean), split at colour changes.
    pub fn spans(self, text: &[u8]) -> Vec<Span> {
        let mut spans: Vec<Span> = Vec::new();
        let mut color = None;
        for piece in pieces(text, self) {
            match (piece, spans.last_mut()) {
                (Piece::Color(next), _) => color = Some(next),
                (Piece::Char(c), Some(span)) if span.color == color => span.text.push(c),
                (Piece::Char(c), _) => spans.push(Span { text: c.into(), color }),
            }
        }
        spans
    }
}

/// Returns the text as sent, colour codes and control characters included.
pub fn raw_text(text: &[u8]) -> String {
    let mut out = String::with_capacity(text.len());
    out.extend(Decoded::new(text));
    out
}

enum Piece {
    Char(char),
    Color(Rgb),
}

fn pieces(text: &[u8], rules: TextRules) -> impl Iterator<Item = Piece> {
    let mut rest = Decoded::new(text);
    std::iter::from_fn(move || {
        loop {
            let c = rest.next()?;
            if c == rules.colors.mark()
                && let Some((color, after)) = color_code(rest.clone(), rules.colors)
            {
                rest = after;
                return Some(Piece::Color(color));
            }
            // Most characters are printable ASCII, which needs no further check.
            if matches!(c, ' '..='~') || !is_command(c) {
                return Some(Piece::Char(c));
            }
        }
    })
}

/// Returns the colour after a `^`, and the rest after its code; `None` if the `^` is an ordinary character.
fn color_code(mut rest: Decoded<'_>, colors: Colors) -> Option<(Rgb, Decoded<'_>)> {
    let code = rest.next().filter(|&c| c != colors.mark())?;
    if code == 'x' && colors == Colors::Rgb {
        let mut digits = rest.clone();
        let mut digit = || digits.next()?.to_digit(16).map(|value| value as u8 * 0x11);
        if let (Some(red), Some(green), Some(blue)) = (digit(), digit(), digit()) {
            return Some((Rgb(red, green, blue), digits));
        }
    }
    if colors == Colors::Minecraft {
        return Some((code.to_digit(16).map_or(MINECRAFT[15], |digit| MINECRAFT[digit as usize]), rest));
    }
    let index = (code as u32).wrapping_sub('0' as u32) & 31;
    Some((PALETTE[index as usize], rest))
}

/// Returns whether a terminal interprets this character instead of showing it, or the character is invisible, so that
/// two different names could look alike.
fn is_command(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{ad}' | '\u{61c}' | '\u{feff}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}')
        || matches!(c, '\u{2060}'..='\u{206f}' | '\u{e0000}'..='\u{e007f}')
}

/// The colours of ET, index `(character - '0') & 31`, as in `g_color_table` of its `q_math.c`. The other games have
/// only the first eight, which are the same.
const PALETTE: [Rgb; 32] = [
    Rgb(0, 0, 0),
    Rgb(255, 0, 0),
    Rgb(0, 255, 0),
    Rgb(255, 255, 0),
    Rgb(0, 0, 255),
    Rgb(0, 255, 255),
    Rgb(255, 0, 255),
    Rgb(255, 255, 255),
    Rgb(255, 128, 0),
    Rgb(128, 128, 128),
    Rgb(191, 191, 191),
    Rgb(191, 191, 191),
    Rgb(0, 128, 0),
    Rgb(128, 128, 0),
    Rgb(0, 0, 128),
    Rgb(128, 0, 0),
    Rgb(128, 64, 0),
    Rgb(255, 153, 26),
    Rgb(0, 128, 128),
    Rgb(128, 0, 128),
    Rgb(0, 128, 255),
    Rgb(128, 0, 255),
    Rgb(51, 153, 204),
    Rgb(204, 255, 204),
    Rgb(0, 102, 51),
    Rgb(255, 0, 51),
    Rgb(179, 26, 26),
    Rgb(153, 51, 0),
    Rgb(204, 153, 51),
    Rgb(153, 153, 51),
    Rgb(255, 255, 191),
    Rgb(255, 255, 128),
];

/// The colours of Minecraft, from `§0` to `§f` (`ChatFormatting`).
const MINECRAFT: [Rgb; 16] = [
    Rgb(0, 0, 0),
    Rgb(0, 0, 170),
    Rgb(0, 170, 0),
    Rgb(0, 170, 170),
    Rgb(170, 0, 0),
    Rgb(170, 0, 170),
    Rgb(255, 170, 0),
    Rgb(170, 170, 170),
    Rgb(85, 85, 85),
    Rgb(85, 85, 255),
    Rgb(85, 255, 85),
    Rgb(85, 255, 255),
    Rgb(255, 85, 85),
    Rgb(255, 85, 255),
    Rgb(255, 255, 85),
    Rgb(255, 255, 255),
];

/// An iterator over the characters of bytes in an unknown encoding.
#[derive(Clone)]
struct Decoded<'a> {
    chunks: Utf8Chunks<'a>,
    valid: std::str::Chars<'a>,
    invalid: &'a [u8],
}

impl<'a> Decoded<'a> {
    fn new(text: &'a [u8]) -> Decoded<'a> {
        Decoded { chunks: text.utf8_chunks(), valid: "".chars(), invalid: &[] }
    }
}

impl Iterator for Decoded<'_> {
    type Item = char;

    fn next(&mut self) -> Option<char> {
        loop {
            if let Some(c) = self.valid.next() {
                return Some(c);
            }
            if let Some((&byte, rest)) = self.invalid.split_first() {
                self.invalid = rest;
                return Some(char::from(byte));
            }
            let chunk = self.chunks.next()?;
            (self.valid, self.invalid) = (chunk.valid().chars(), chunk.invalid());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn indexed(text: &[u8]) -> String {
        TextRules::new(Colors::Indexed).clean(text)
    }

    #[test]
    fn colour_codes_are_removed_and_other_carets_are_kept() {
        assert_eq!(indexed(b"^8Ragaa^9El^hGedawy"), "RagaaElGedawy");
        assert_eq!(indexed(b"^^1^1a^"), "^a^");
        assert_eq!(indexed(b"^^^^"), "^^^^");
        assert_eq!(indexed(b"{^0S^7pace^"), "{Space^");
        assert_eq!(indexed("^éa".as_bytes()), "a");
        assert_eq!(indexed(b""), "");
    }

    #[test]
    fn rgb_codes_are_parsed_only_if_the_game_has_them() {
        assert_eq!(TextRules::new(Colors::Rgb).clean(b"^7Test ^xF0FServer"), "Test Server");
        assert_eq!(indexed(b"^xAce"), "Ace");
        assert_eq!(TextRules::new(Colors::Rgb).clean(b"^xAceHigh^xF0"), "HighF0");
    }

    #[test]
    fn codes_of_minecraft_begin_with_a_section_sign() {
        let rules = TextRules::new(Colors::Minecraft);
        assert_eq!(rules.clean("\u{a7}l\u{a7}aWild\u{a7}r ^1\u{a7}".as_bytes()), "Wild ^1\u{a7}");
        let colors: Vec<_> = rules.spans("a\u{a7}cb".as_bytes()).into_iter().map(|span| span.color).collect();
        assert_eq!(colors, [None, Some(Rgb(255, 85, 85))]);
        assert_eq!(TextRules::new(Colors::None).clean(b"^1a"), "^1a");
    }

    #[test]
    fn bytes_are_decoded_as_utf8_or_else_as_latin_1() {
        assert_eq!(indexed(b"PsY\xa9h0"), "PsY©h0");
        assert_eq!(indexed("Zażółć \u{1f600}".as_bytes()), "Zażółć \u{1f600}");
        assert_eq!(raw_text(b"^1\xdfl\xc3\xa9\xc3"), "^1ßléÃ");
    }

    #[test]
    fn no_characters_that_a_terminal_interprets_are_left() {
        assert_eq!(indexed(b"\x1b[31mred\x07\r\n\x7f\x9b2J"), "[31mred2J");
        assert_eq!(indexed("a\u{202e}b\u{85}c\u{2066}".as_bytes()), "abc");
        assert_eq!(raw_text(b"\x1b[31m"), "\x1b[31m");
        let shown: String =
            TextRules::new(Colors::Indexed).spans(b"^1\x1b[0m^2\x1b").into_iter().map(|s| s.text).collect();
        assert_eq!(shown, "[0m");
    }

    #[test]
    fn spans_have_the_colours_of_their_game() {
        let span = |text: &str, color| Span { text: text.into(), color };
        assert_eq!(
            TextRules::new(Colors::Rgb).spans(b"a^1b^xF80c^?d^1^2"),
            [
                span("a", None),
                span("b", Some(Rgb(255, 0, 0))),
                span("c", Some(Rgb(255, 136, 0))),
                span("d", Some(Rgb(128, 0, 0))),
            ]
        );
        // 'x' - '0' = 72, and 72 & 31 = 8: orange.
        assert_eq!(TextRules::new(Colors::Indexed).spans(b"^xF80"), [span("F80", Some(Rgb(255, 128, 0)))]);
        assert_eq!(TextRules::new(Colors::Indexed).spans(b"^1a^1b"), [span("ab", Some(Rgb(255, 0, 0)))]);
    }
}
