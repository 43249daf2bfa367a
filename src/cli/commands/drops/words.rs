//! Formats numbers for people.

/// Formats a whole number with commas: `1,234,567`; a small fraction with two decimal places.
pub fn whole(number: f64) -> String {
    if number < 10.0 && number.fract() != 0.0 {
        return format!("{number:.2}");
    }
    let digits = format!("{number:.0}");
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Formats a percentage, with enough digits to distinguish it from zero: `0 %`, `0.004 %`, `3.02 %`, `100 %`.
pub fn percent(percent: f64) -> String {
    format!("{} %", digits(percent))
}

/// Formats a percentage without its unit.
pub fn digits(percent: f64) -> String {
    let text = if percent >= 0.1 { format!("{percent:.2}") } else { format!("{percent:.4}") };
    match text.trim_end_matches('0').trim_end_matches('.') {
        "0" if percent > 0.0 => "<0.0001".into(),
        short => short.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures() {
        for (number, expected) in
            [(0.0, "0"), (999.0, "999"), (1000.0, "1,000"), (1_234_567.4, "1,234,567"), (0.5, "0.50")]
        {
            assert_eq!(whole(number), expected);
        }
        for (number, expected) in [
            (0.0, "0 %"),
            (1e-7, "<0.0001 %"),
            (0.004, "0.004 %"),
            (3.02, "3.02 %"),
            (100.0, "100 %"),
            (10.0, "10 %"),
        ] {
            assert_eq!(percent(number), expected);
        }
    }
}
