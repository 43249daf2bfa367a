//! The font of Quake as text: 256 glyphs, of which most look like an ASCII character.
//!
//! Glyphs 32 to 126 are ASCII. The upper half repeats the lower half in another colour. DarkPlaces writes glyph *n* as
//! U+E000 + *n* (`console.c`), and so do we.

/// The first of the characters that stand for glyphs.
const FIRST: u32 = 0xe000;

/// Returns the character that stands for the glyph of a byte: ASCII itself, or one of the private use area.
pub(super) fn of_byte(byte: u8) -> char {
    match byte {
        b' '..=b'~' => char::from(byte),
        _ => char::from_u32(FIRST + u32::from(byte)).unwrap_or(char::REPLACEMENT_CHARACTER),
    }
}

/// Returns the glyph that a character stands for.
pub(super) fn glyph(c: char) -> Option<u8> {
    u8::try_from((c as u32).wrapping_sub(FIRST)).ok()
}

/// Returns the ASCII character that looks like a glyph of Quake, as in the table `qfont_table` of QuakeWorld and
/// DarkPlaces (`sys_linux.c`, `console.c`). Line ends and tabs stay as they are.
pub(super) fn quake(glyph: u8) -> char {
    match glyph {
        0x00 | b'\t' | b'\n' | b'\r' => char::from(glyph),
        0x80 => '<',
        0x81 => '=',
        0x82 => '>',
        0x8d => '>',
        0x0c | 0x8a | 0x8c => ' ',
        _ => match glyph & 0x7f {
            0x05 | 0x0e | 0x0f | 0x1c => '.',
            0x10 => '[',
            0x11 => ']',
            0x12..=0x1b => char::from(b'0' + (glyph & 0x7f) - 0x12),
            0x1d | 0x7f => '<',
            0x1e => '=',
            0x1f => '>',
            ascii @ b' '..=b'~' => char::from(ascii),
            _ => '#',
        },
    }
}

/// Returns the ASCII character that looks like a glyph of Quake II, as `Q_charascii` of Q2PRO (`shared.h`) does.
pub(super) fn quake2(glyph: u8) -> char {
    match glyph & 0x7f {
        _ if glyph.is_ascii_whitespace() => char::from(glyph),
        0x10 => '[',
        0x11 => ']',
        ascii @ b' '..=b'~' => char::from(ascii),
        _ => '.',
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_has_a_glyph_and_a_character() {
        for byte in 0..=u8::MAX {
            let c = of_byte(byte);
            assert_eq!(glyph(c), (!(b' '..=b'~').contains(&byte)).then_some(byte));
            for shown in [quake(byte), quake2(byte)] {
                assert!(shown.is_ascii() && (!shown.is_control() || shown as u8 == byte), "{byte}");
            }
        }
        assert_eq!([glyph('\u{d7ff}'), glyph('\u{e100}')], [None; 2]);
    }

    #[test]
    fn coloured_letters_brackets_and_digits_look_like_ascii() {
        let text =
            |bytes: &[u8], show: fn(u8) -> char| bytes.iter().map(|&byte| show(byte)).collect::<String>();
        assert_eq!(text(b"\xd6\xc9\xd0 \x10\x12\x1b\x11\x90\x92\x9b\x91", quake), "VIP [09][09]");
        assert_eq!(text(b"\x80\x81\x82\x1d\x1e\x1f\x8d\x0e\x85\x01", quake), "<=><=>>..#");
        assert_eq!(text(b"\xd6\xc9\xd0 \x10\x91\x05", quake2), "VIP [].");
    }
}
