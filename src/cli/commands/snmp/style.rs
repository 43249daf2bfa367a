//! `-O`: net-snmp's letters for the format of a line.

/// The format of a line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Style {
    pub names: Names,
    /// Omits the types of values.
    pub quick: bool,
    /// Writes ` = ` between name and value even without types.
    pub equals: bool,
    /// Omits the names of values.
    pub bare: bool,
    /// Writes TimeTicks as plain numbers.
    pub ticks: bool,
}

/// The format of a name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Names {
    /// `IF-MIB::ifDescr.1`.
    #[default]
    Full,
    /// `ifDescr.1`.
    Short,
    /// `.1.3.6.1.2.1.2.2.1.2.1`.
    Numeric,
}

impl Style {
    /// Parses letters such as `nQ`. As with net-snmp, a letter given twice is cancelled, and of `n` and `s` the last one
    /// counts.
    ///
    /// # Errors
    /// A letter is unknown; the message lists the known ones.
    pub fn parse(letters: &str) -> Result<Style, String> {
        let mut style = Style::default();
        for letter in letters.chars() {
            match letter {
                'n' => style.names = Names::Numeric,
                's' => style.names = Names::Short,
                'q' => style.quick ^= true,
                'Q' => (style.quick, style.equals) = (!style.quick, true),
                'v' => style.bare ^= true,
                't' => style.ticks ^= true,
                'S' => style.names = Names::Full,
                // Accepted without effect: without MIB files there are no labels, units or textual indexes to omit.
                'e' | 'U' | 'b' => {}
                _ => {
                    return Err(format!(
                        "unknown letter `{}`; the letters are n (numbers for names), s (names without modules), S (with), \
                         q (no types), Q (no types, but =), v (only values), t (TimeTicks as numbers), \
                         and e, U and b (no labels, no units, indexes as numbers: as they always are)",
                        letter.escape_debug()
                    ));
                }
            }
        }
        Ok(style)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_combine_as_in_net_snmp() {
        let numeric = Style { names: Names::Numeric, ..Style::default() };
        assert_eq!(Style::parse(""), Ok(Style::default()));
        assert_eq!(Style::parse("n"), Ok(numeric));
        assert_eq!(Style::parse("sne"), Ok(numeric));
        assert_eq!(Style::parse("nqq"), Ok(numeric));
        assert_eq!(Style::parse("nQ"), Ok(Style { quick: true, equals: true, ..numeric }));
        // The types are shown again, and so is the equals sign.
        assert_eq!(Style::parse("nqQ"), Ok(Style { equals: true, ..numeric }));
        let values = Style { quick: true, equals: true, bare: true, ticks: true, ..Style::default() };
        assert_eq!(Style::parse("Qvt"), Ok(values));
    }

    #[test]
    fn an_unknown_letter_is_reported_with_the_known_ones() {
        let error = Style::parse("nX").expect_err("none");
        assert!(error.starts_with("unknown letter `X`; the letters are n (numbers for names)"), "{error}");
        for letter in ["s", "S", "q", "Q", "v", "t", "e", "U", "b"] {
            assert!(error.contains(&format!(" {letter}")) && Style::parse(letter).is_ok());
        }
    }
}
