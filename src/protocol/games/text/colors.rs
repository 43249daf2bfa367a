//! Colour codes within texts.
//!
//! | | codes | of |
//! |---|---|---|
//! | [`Colors::Indexed`] | `^` and one character that is not `^` | `Q_IsColorString` in id's `q_shared.h` |
//! | [`Colors::Rgb`] | the same, and `^xRGB` | DarkPlaces (`STRING_COLOR_RGB_TAG_CHAR` in `draw.h`) |
//! | [`Colors::CallOfDuty`] | `^` and a digit, or `^^` and two of them | `I_CleanStr` of its servers: it removes codes until none is left |
//! | [`Colors::Daemon`] | `^` and a digit or letter, `^xRGB`, `^#RRGGBB`, `^*`; `^^` is a `^` | Daemon, `Color.cpp` |
//! | [`Colors::Quake4`] | `^` and a digit, `:`, `+`, `-` or `r`; `^nN`, `^cRGB`, and `^iXYZ`, an icon | Quake 4, `idStr::IsEscape` in `Str.cpp` |
//! | [`Colors::Minecraft`] | `§` and one character | `ChatFormatting` |
//! | [`Colors::Unreal`] | ESC and three bytes: red, green, blue | Unreal Engine 2, `MakeColorCode` in `GameInfo.uc` |

use std::str::Chars;

/// The colour codes of a game.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Colors {
    /// None: all characters are text.
    None,
    /// `^` and one character. `^x` is a colour like any other: `^xAce` is the name Ace.
    Indexed,
    /// `^` and one character, and `^xRGB` with three hexadecimal digits.
    Rgb,
    /// `^` and a digit. Players also double them, as in `^^11`: chat and the list of kills remove the inner `^1`, so that
    /// the outer one remains.
    CallOfDuty,
    /// The codes of Unvanquished's engine, Daemon: `^` and a digit or letter up to `o`, `^xRGB`, `^#RRGGBB`, and `^*`,
    /// which ends a colour. `^^` stands for one `^`.
    Daemon,
    /// `^` and a digit or another mark, `^nN`, `^cRGB` with three decimal digits, and `^iXYZ`, the name of an icon. Before
    /// any other character, `^` is text.
    Quake4,
    /// `§` and one character: a colour or, for characters other than hexadecimal digits, another style.
    Minecraft,
    /// The escape character, and three characters whose numbers are red, green and blue.
    Unreal,
}

/// A colour: red, green, blue.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Rgb(pub u8, pub u8, pub u8);

/// The meaning of what follows a mark, and the text after it.
pub(super) enum Code<'a> {
    /// A colour; `None` ends one.
    Color(Option<Rgb>, Chars<'a>),
    /// The mark itself, as text.
    Mark(Chars<'a>),
}

impl Colors {
    /// Returns the character that begins a colour code; without colour codes, one that no text contains.
    pub(super) fn mark(self) -> char {
        match self {
            Colors::None => char::MAX,
            Colors::Minecraft => '\u{a7}',
            Colors::Unreal => '\u{1b}',
            Colors::Indexed | Colors::Rgb | Colors::CallOfDuty | Colors::Daemon | Colors::Quake4 => '^',
        }
    }

    /// Reads the code after a mark; `None` if the mark is an ordinary character.
    pub(super) fn code<'a>(self, rest: Chars<'a>) -> Option<Code<'a>> {
        let mut after = rest.clone();
        let code = after.next()?;
        match self {
            Colors::None => None,
            Colors::Minecraft => (code != self.mark()).then(|| {
                let style = code.to_digit(16).map_or(15, |digit| digit as usize);
                Code::Color(Some(MINECRAFT[style]), after)
            }),
            Colors::Unreal => {
                // The bytes from 0x80 to 0x9f may have been decoded to other characters.
                let component = |c: char| u8::try_from(c as u32).unwrap_or(0x90);
                let color = Rgb(component(code), component(after.next()?), component(after.next()?));
                Some(Code::Color(Some(color), after))
            }
            Colors::CallOfDuty => call_of_duty(rest),
            Colors::Daemon => daemon(code, after),
            Colors::Quake4 => quake4(code, after),
            Colors::Rgb if code == 'x' => hex(after.clone(), 1).or(Some(indexed(code, after))),
            Colors::Indexed | Colors::Rgb => (code != '^').then(|| indexed(code, after)),
        }
    }
}

fn indexed(code: char, after: Chars<'_>) -> Code<'_> {
    let index = (code as u32).wrapping_sub('0' as u32) & 31;
    Code::Color(Some(PALETTE[index as usize]), after)
}

/// Reads three colour components of this many hexadecimal digits each.
fn hex(mut rest: Chars<'_>, digits: u32) -> Option<Code<'_>> {
    let mut component = || {
        let first = rest.next()?.to_digit(16)?;
        let second = if digits == 1 { first } else { rest.next()?.to_digit(16)? };
        Some((first << 4 | second) as u8)
    };
    let color = Rgb(component()?, component()?, component()?);
    Some(Code::Color(Some(color), rest))
}

fn call_of_duty(rest: Chars<'_>) -> Option<Code<'_>> {
    let doubled = rest.as_str().strip_prefix('^').map(str::chars);
    let is_doubled = doubled.is_some();
    let mut after = doubled.unwrap_or(rest);
    let mut digit = || after.next().filter(char::is_ascii_digit);
    if is_doubled {
        digit()?;
    }
    Some(indexed(digit()?, after))
}

fn daemon(code: char, after: Chars<'_>) -> Option<Code<'_>> {
    match code.to_ascii_lowercase() {
        '^' => Some(Code::Mark(after)),
        '*' => Some(Code::Color(None, after)),
        'x' => hex(after, 1),
        '#' => hex(after, 2),
        '0'..='@' | 'a'..='o' => Some(indexed(code, after)),
        _ => None,
    }
}

fn quake4(code: char, mut after: Chars<'_>) -> Option<Code<'_>> {
    match code.to_ascii_lowercase() {
        '0'..=':' => Some(indexed(code, after)),
        '+' | '-' | 'r' => Some(Code::Color(None, after)),
        'n' => after.next().map(|_| Code::Color(None, after)),
        'c' => {
            let mut component = || Some(after.next()?.to_digit(10).unwrap_or(9) as u8 * 28);
            let color = Rgb(component()?, component()?, component()?);
            Some(Code::Color(Some(color), after))
        }
        'i' => after.nth(2).map(|_| Code::Color(None, after)),
        _ => None,
    }
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
