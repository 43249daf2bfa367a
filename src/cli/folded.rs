//! Texts for comparison: without case and accents, in plain letters.

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

/// Returns a text in lower case, without accents, and with plain letters for those that only look different (`é`, `Ｆ`,
/// `𝓐`, `ø`), so that people can type a name as they read it.
pub fn folded(text: &str) -> String {
    if text.is_ascii() {
        return text.to_ascii_lowercase();
    }
    // The compatibility form may have capitals again.
    let plain: String = text.nfkd().filter(|c| !is_combining_mark(*c)).flat_map(char::to_lowercase).collect();
    let mut folded = String::with_capacity(plain.len());
    for c in plain.nfkd().filter(|c| !is_combining_mark(*c)) {
        match c {
            'ß' => folded.push_str("ss"),
            'æ' => folded.push_str("ae"),
            'œ' => folded.push_str("oe"),
            'þ' => folded.push_str("th"),
            'ø' => folded.push('o'),
            'đ' | 'ð' => folded.push('d'),
            'ł' => folded.push('l'),
            'ı' => folded.push('i'),
            'ς' => folded.push('σ'),
            c => folded.push(c),
        }
    }
    folded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn case_accents_and_forms_of_letters_do_not_matter() {
        for (text, wanted) in [
            ("José", "jose"),
            ("JOSE\u{301}", "jose"),
            ("Straße", "strasse"),
            ("Ｆｏｏ", "foo"),
            ("𝓐𝓬𝓮", "ace"),
            ("øGhostØ", "oghosto"),
            ("ŁUKASZ", "lukasz"),
            ("İstanbul", "istanbul"),
            ("Пётр", "петр"),
            ("ΝΊΚΟΣ", "νικοσ"),
            ("Νίκος", "νικοσ"),
            ("[XYZ] ^1", "[xyz] ^1"),
        ] {
            assert_eq!(folded(text), wanted);
            assert_eq!(folded(&folded(text)), wanted);
        }
    }
}
