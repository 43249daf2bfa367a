//! Text that hosts, users and files choose, made harmless to terminals and spreadsheets.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::io::{self, Write};

use serde::Serialize;
use serde_json::ser::{CompactFormatter, Formatter, Serializer};

/// Returns whether a character must not be written as it is: because a terminal would obey it, or because it is
/// invisible or changes the direction of writing, and could make one text look like another.
fn is_harmful(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
        || matches!(c, '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
        || matches!(c, '\u{115f}' | '\u{1160}' | '\u{3164}' | '\u{ffa0}')
}

fn is_harmless(text: &str) -> bool {
    let is_plain = |byte| matches!(byte, b' '..=b'~');
    text.bytes().all(is_plain) || !text.contains(is_harmful)
}

/// Removes harmful characters.
pub fn harmless(text: &str) -> String {
    text.chars().filter(|c| !is_harmful(*c)).collect()
}

/// Escapes harmful characters as JSON does: `\n`, `\u001b`.
pub fn escaped(text: &str) -> Cow<'_, str> {
    replaced(text, |c, out| match c {
        '\n' => out.push_str("\\n"),
        '\r' => out.push_str("\\r"),
        '\t' => out.push_str("\\t"),
        _ => push_escape(c, out),
    })
}

/// Escapes harmful characters in lines of text. Line ends and tabs stay.
pub fn escaped_lines(text: &str) -> Cow<'_, str> {
    replaced(text, |c, out| match c {
        '\n' | '\t' => out.push(c),
        _ => push_escape(c, out),
    })
}

/// Replaces each harmful character by what `replace` appends for it.
fn replaced(text: &str, replace: impl Fn(char, &mut String)) -> Cow<'_, str> {
    if is_harmless(text) {
        return text.into();
    }
    let mut out = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        if is_harmful(c) { replace(c, &mut out) } else { out.push(c) }
    }
    out.into()
}

/// Returns a cell of CSV: with escapes, on one line. Text that a spreadsheet would run as a formula gets an apostrophe in
/// front (OWASP, CSV Injection); numbers stay.
pub fn csv_cell(text: &str) -> Cow<'_, str> {
    let text = escaped(text);
    if text.starts_with(['=', '+', '-', '@', '＝', '＋', '－', '＠']) && text.parse::<f64>().is_err() {
        format!("'{text}").into()
    } else {
        text
    }
}

/// Writes a value as JSON, in which harmful characters are escaped. It decodes to the same text.
pub fn write_json(out: impl Write, value: &(impl Serialize + ?Sized)) -> io::Result<()> {
    Ok(value.serialize(&mut Serializer::with_formatter(out, HarmlessJson))?)
}

/// Writes a value as one line of JSON, like [`write_json`].
pub fn write_json_line(mut out: impl Write, value: &(impl Serialize + ?Sized)) -> io::Result<()> {
    write_json(&mut out, value)?;
    out.write_all(b"\n")
}

struct HarmlessJson;

impl Formatter for HarmlessJson {
    fn write_string_fragment<W: ?Sized + Write>(&mut self, out: &mut W, fragment: &str) -> io::Result<()> {
        CompactFormatter.write_string_fragment(out, &escaped(fragment))
    }
}

/// Appends the UTF-16 code units of a character, as `\u001b`.
fn push_escape(c: char, out: &mut String) {
    for unit in c.encode_utf16(&mut [0; 2]) {
        // Writing to a string cannot fail.
        let _ = write!(out, "\\u{unit:04x}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOSTILE: &str = "a\"\\\x1b[31m\u{9b}2J\0\x07\x7f\u{85}\u{2028}\u{202e}\u{e0041}\r\n\té日";

    fn json(text: &str) -> String {
        let mut out = vec![];
        write_json(&mut out, text).expect("memory");
        String::from_utf8(out).expect("JSON is UTF-8")
    }

    #[test]
    fn json_is_harmless_and_decodes_to_the_same_text() {
        let line = json(HOSTILE);
        assert!(is_harmless(&line), "{line}");
        assert_eq!(serde_json::from_str::<String>(&line).expect("valid"), HOSTILE);
        assert!(line.contains(r"\u009b2J") && line.contains(r"\udb40\udc41"), "{line}");
        assert_eq!(json("plain \"é\" 日本"), "\"plain \\\"é\\\" 日本\"");
    }

    #[test]
    fn keys_of_json_are_harmless_too() {
        let mut out = vec![];
        write_json(&mut out, &std::collections::BTreeMap::from([("\u{9b}", 1)])).expect("memory");
        assert_eq!(String::from_utf8(out).expect("JSON is UTF-8"), r#"{"\u009b":1}"#);
    }

    #[test]
    fn what_is_harmful_is_escaped_or_removed() {
        assert_eq!(escaped("a\x1b[31m\u{9b}\u{202e}\r\n"), r"a\u001b[31m\u009b\u202e\r\n");
        assert_eq!(escaped_lines("a\r\n\tb"), "a\\u000d\n\tb");
        assert_eq!(harmless("a\x1b[2J\u{9b}\r\n\u{202e}b"), "a[2Jb");
        for plain in ["", "abc", "é日本", "a, \"b\""] {
            assert!(matches!(escaped(plain), Cow::Borrowed(text) if text == plain));
        }
    }

    #[test]
    fn a_formula_in_csv_is_text_and_a_number_a_number() {
        for formula in ["=1+1", "+cmd", "-2+3", "@SUM(A1)", "=", "-", "+1 234", "--1"] {
            assert_eq!(csv_cell(formula), format!("'{formula}"));
        }
        for plain in ["-1", "-0.5", "+3", "-1e-5", "1=1", "a@b", "'=1", "", "127.0.0.1:5"] {
            assert_eq!(csv_cell(plain), plain);
        }
        assert_eq!(csv_cell("\t=1\r"), r"\t=1\r");
    }
}
