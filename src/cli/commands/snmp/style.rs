//! `-O`: net-snmp's letters for the format of a line.

/// The format of a line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Style {
    pub names: Names,
    /// Values without their types.
    pub quick: bool,
    /// ` = ` between name and value even without types.
    pub equals: bool,
    /// Values without their names.
    pub bare: bool,
    /// TimeTicks as plain numbers.
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
    /// An unknown letter, with those that are known.
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
                // Without MIB files there are no labels, units or indexes in words to leave out.
                'e' | 'U' | 'b' => {}
                _ => {
                    return Err(format!(
                        "no letter `{}`; there are n (numbers for names), s (names without modules), S (with), \
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
    fn letters_add_up_as_those_of_net_snmp() {
        let numeric = Style { names: Names::Numeric, ..Style::default() };
        assert_eq!(Style::parse(""), Ok(Style::default()));
        assert_eq!(Style::parse("n"), Ok(numeric));
        assert_eq!(Style::parse("sne"), Ok(numeric));
        assert_eq!(Style::parse("nqq"), Ok(numeric));
        assert_eq!(Style::parse("nQ"), Ok(Style { quick: true, equals: true, ..numeric }));
        // The types are back, and so is the sign between.
        assert_eq!(Style::parse("nqQ"), Ok(Style { equals: true, ..numeric }));
        let values = Style { quick: true, equals: true, bare: true, ticks: true, ..Style::default() };
        assert_eq!(Style::parse("Qvt"), Ok(values));
    }

    #[test]
    fn a_letter_that_is_none_is_answered_with_those_that_are() {
        let error = Style::parse("nX").expect_err("none");
        assert!(error.starts_with("no letter `X`; there are n (numbers for names)"), "{error}");
        for letter in ["s", "S", "q", "Q", "v", "t", "e", "U", "b"] {
            assert!(error.contains(&format!(" {letter}")) && Style::parse(letter).is_ok());
        }
    }
}
