//! Names and other texts: bytes in some encoding, with colour codes in between.
//!
//! | | file |
//! |---|---|
//! | [`Colors`] | `colors.rs` |
//! | [`Charset`] | `charset.rs`, `font.rs` for Quake's, and `encoding.rs` for those of other scripts |

mod charset;
mod colors;
#[cfg(feature = "charsets")]
mod encoding;
mod font;

pub use charset::Charset;
pub(super) use charset::is_utf8;
use colors::Code;
pub use colors::{Colors, Rgb};
#[cfg(feature = "charsets")]
pub use encoding::Encoding;

/// The rules for reading the texts of a game.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TextRules {
    /// The colour codes in its texts.
    pub colors: Colors,
    /// The characters that its bytes stand for.
    pub charset: Charset,
}

/// A stretch of text in one colour.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Span {
    /// The text without colour codes and control characters; never empty.
    pub text: String,
    /// Its colour; `None` before the first colour code, and after one that ends a colour.
    pub color: Option<Rgb>,
}

impl TextRules {
    /// Creates the rules of games with these colour codes and an unknown charset.
    pub const fn new(colors: Colors) -> TextRules {
        TextRules { colors, charset: Charset::Unknown }
    }

    /// Sets the charset.
    #[must_use]
    pub const fn with_charset(self, charset: Charset) -> TextRules {
        TextRules { charset, ..self }
    }

    /// Returns the text without colour codes, and without characters that a terminal would interpret (control characters,
    /// and marks that reverse the direction of writing).
    pub fn clean(self, text: &[u8]) -> String {
        let mut out = String::with_capacity(text.len());
        self.read(text, |piece| {
            if let Piece::Char(c) = piece {
                out.push(c);
            }
        });
        out
    }

    /// Returns the same text as [`clean`](TextRules::clean), split at colour changes.
    pub fn spans(self, text: &[u8]) -> Vec<Span> {
        let mut spans: Vec<Span> = Vec::new();
        let mut color = None;
        self.read(text, |piece| match (piece, spans.last_mut()) {
            (Piece::Color(next), _) => color = next,
            (Piece::Char(c), Some(span)) if span.color == color => span.text.push(c),
            (Piece::Char(c), _) => spans.push(Span { text: c.into(), color }),
        });
        spans
    }

    /// Returns the text with its colour codes and control characters, in the encoding that was named or detected; else
    /// as [`raw_text`] does.
    pub fn with_codes(self, text: &[u8]) -> String {
        match self.charset {
            #[cfg(feature = "charsets")]
            Charset::Utf8Or(_) | Charset::Named(_) => self.charset.decode(text).into_owned(),
            _ => raw_text(text),
        }
    }

    /// Returns the clean text in each plausible encoding, if the encoding is unknown.
    #[cfg(feature = "charsets")]
    pub fn readings(self, text: &[u8]) -> impl Iterator<Item = String> {
        let is_unknown = matches!(self.charset, Charset::Unknown | Charset::Utf8Or(_));
        let encodings = is_unknown.then(|| Encoding::plausible(text)).into_iter().flatten();
        encodings.map(move |encoding| self.with_charset(Charset::Named(encoding)).clean(text))
    }

    /// Returns the rules with the encoding detected in these texts; `None` if it was known, or cannot be detected.
    pub(super) fn detected<'a>(self, texts: impl Iterator<Item = &'a [u8]> + Clone) -> Option<TextRules> {
        #[cfg(feature = "charsets")]
        if self.charset == Charset::Unknown {
            return Encoding::detect(texts).map(|encoding| self.with_charset(Charset::Utf8Or(encoding)));
        }
        let _ = texts;
        None
    }

    /// Passes each visible character and each change of colour to `piece`.
    fn read(self, text: &[u8], mut piece: impl FnMut(Piece)) {
        let decoded = self.charset.decode(text);
        let (mark, mut rest) = (self.colors.mark(), decoded.chars());
        while let Some(mut c) = rest.next() {
            if c == mark {
                match self.colors.code(rest.clone()) {
                    Some(Code::Color(color, after)) => {
                        rest = after;
                        piece(Piece::Color(color));
                        continue;
                    }
                    Some(Code::Mark(after)) => rest = after,
                    None => {}
                }
            }
            // Most characters are printable ASCII, which needs no further check.
            if !matches!(c, ' '..='~') {
                c = self.charset.shown(c);
                if is_command(c) {
                    continue;
                }
            }
            piece(Piece::Char(c));
        }
    }
}

/// Returns the text as sent, colour codes and control characters included: UTF-8, or else Latin-1.
pub fn raw_text(text: &[u8]) -> String {
    charset::utf8_or(text, char::from).into_owned()
}

enum Piece {
    Char(char),
    Color(Option<Rgb>),
}

/// Returns whether a terminal interprets this character instead of showing it, or the character is invisible, so that
/// two different names could look alike.
fn is_command(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{ad}' | '\u{61c}' | '\u{feff}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}')
        || matches!(c, '\u{2060}'..='\u{206f}' | '\u{e0000}'..='\u{e007f}')
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
    fn codes_of_call_of_duty_are_digits_and_may_be_doubled() {
        let rules = TextRules::new(Colors::CallOfDuty);
        assert_eq!(rules.clean(b"^^00Night^^22|^1owl^^^11."), "Night|owl^.");
        assert_eq!(rules.clean(b"^xAce^ ^^1a^^^"), "^xAce^ ^a^^^");
        assert_eq!(rules.spans(b"^^12a")[0].color, Some(Rgb(0, 255, 0)));
    }

    #[test]
    fn codes_of_daemon_can_end_a_colour() {
        let rules = TextRules::new(Colors::Daemon);
        assert_eq!(rules.clean(b"^9a^xF80b^#00ff80c^*d^^1^x^"), "abcd^1^x^");
        let colors: Vec<_> = rules.spans(b"^#00ff80a^*b").into_iter().map(|span| span.color).collect();
        assert_eq!(colors, [Some(Rgb(0, 255, 128)), None]);
    }

    #[test]
    fn codes_of_quake_4_can_be_long() {
        let rules = TextRules::new(Colors::Quake4);
        assert_eq!(rules.clean(b"^ifve^3a^-b^+c^w^n9d^c014e^:^R^c01"), "abc^wde^c01");
        let colors: Vec<_> = rules.spans(b"^c900a^rb").into_iter().map(|span| span.color).collect();
        assert_eq!(colors, [Some(Rgb(252, 0, 0)), None]);
    }

    #[test]
    fn glyphs_of_quakes_font_become_ascii() {
        let text = |charset, text: &[u8]| TextRules::new(Colors::Rgb).with_charset(charset).clean(text);
        assert_eq!(text(Charset::QuakeWorld, b"\x10\xc1nn\x11 \x1d\x1f^1x\xde1"), "[Ann] <>x^1");
        assert_eq!(text(Charset::Quake2, b"\x10\xc1nn\x11\x02"), "[Ann].");
        let glyphs = "\u{e056}\u{e049}\u{e0d0}|^1é\u{e010}".as_bytes();
        assert_eq!(text(Charset::DarkPlaces, glyphs), "VIP|é[");
        assert_eq!(text(Charset::DarkPlaces, b"\xd6\xc9\xd0"), "VIP");
        assert_eq!(text(Charset::QuakeWorld, b"a\t\n\0\rb"), "ab");
    }

    #[test]
    fn codes_of_unreal_are_three_bytes_after_an_escape() {
        let rules = TextRules::new(Colors::Unreal);
        assert_eq!(rules.clean(b"\x1b\xf8@@-<\x1b@\xf8\xf8*>\x1b\x01\x01"), "-<*>");
        assert_eq!(rules.spans(b"\x1b\xf8@\x01a"), [Span { text: "a".into(), color: Some(Rgb(248, 64, 1)) }]);
    }

    #[test]
    fn bytes_are_decoded_as_utf8_or_else_as_latin_1() {
        assert_eq!(indexed(b"PsY\xa9h0"), "PsY©h0");
        assert_eq!(indexed("Zażółć \u{1f600}".as_bytes()), "Zażółć \u{1f600}");
        assert_eq!(raw_text(b"^1\xdfl\xc3\xa9\xc3"), "^1ßléÃ");
    }

    #[test]
    fn utf8_whose_last_character_is_cut_off_stays_utf8() {
        let name = "Русский сервер выживания".as_bytes();
        assert_eq!(indexed(&name[..name.len() - 1]), "Русский сервер выживани");
        let emoji = "日本\u{1f600}".as_bytes();
        for cut in 1..4 {
            assert_eq!(indexed(&emoji[..emoji.len() - cut]), "日本", "{cut}");
        }
        assert_eq!(indexed(b"M\xc3\xbcller Caf\xc3"), "Müller Caf");
        assert_eq!(indexed("日本".as_bytes()), "日本");
        assert_eq!(indexed(b"\xe6\x97\xa5\xe6\x9c\xac\xff"), "日本ÿ");
        for latin in [&b"Caf\xe9"[..], b"\xc3", b"\xdfl\xc3\xa9\xc3"] {
            assert!(!is_utf8(latin), "{latin:?}");
            assert_eq!(indexed(latin), raw_text(latin));
        }
        assert_eq!(raw_text(b"M\xc3\xbc\xc3"), "MüÃ", "all bytes as sent");
    }

    #[cfg(feature = "charsets")]
    #[test]
    fn a_named_encoding_is_used_for_all_bytes_and_a_detected_one_for_those_that_are_not_utf8() {
        let encoding = Encoding::find("windows-1251").unwrap();
        let (named, detected) = (Charset::Named(encoding), Charset::Utf8Or(encoding));
        let read = |charset, text: &[u8]| TextRules::new(Colors::Indexed).with_charset(charset).clean(text);
        assert_eq!(read(named, b"^1\xc2\xe0^2\xf1\xff"), "Вася");
        assert_eq!(read(detected, b"^1\xc2\xe0^2\xf1\xff"), "Вася");
        assert_eq!(read(detected, "Вася".as_bytes()), "Вася");
        assert_ne!(read(named, "Вася".as_bytes()), "Вася");
        assert_eq!(read(detected, b"M\xfcller"), "Müller");
        assert_eq!(read(detected, &"Вася".as_bytes()[..7]), "Вас");
        let rules = TextRules::new(Colors::Indexed);
        assert_eq!(rules.with_charset(named).with_codes(b"^1\xc2"), "^1В");
        let readings: Vec<_> = rules.readings(b"^1\xc2\xe0\xf1\xff").collect();
        assert!(readings.contains(&"Вася".to_owned()) && readings.contains(&"Âàñÿ".to_owned()));
        assert_eq!(rules.with_charset(named).readings(b"\xc2\xe0").count(), 0);
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
