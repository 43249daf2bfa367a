//! Conditions on results, the language of `--where`: `players>3,name~^fun`. Each command has its own fields.

use regex::{Regex, RegexBuilder};

use super::folded::folded;

/// A comparison with a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operator {
    Less,
    AtMost,
    Equal,
    Unequal,
    AtLeast,
    More,
    Matches,
}

/// The operators, longer ones first, so that `>=` is not parsed as `>`.
const OPERATORS: [(&str, Operator); 8] = [
    ("!=", Operator::Unequal),
    ("<=", Operator::AtMost),
    (">=", Operator::AtLeast),
    ("==", Operator::Equal),
    ("=", Operator::Equal),
    ("<", Operator::Less),
    (">", Operator::More),
    ("~", Operator::Matches),
];

/// Parses conditions separated by commas, all of which must hold. Commas within brackets are part of a regular
/// expression. `parse` parses one condition.
///
/// # Errors
/// The first condition that `parse` refuses, with its place.
pub fn parse_each<T>(text: &str, parse: impl Fn(&str) -> Result<T, String>) -> Result<Vec<T>, String> {
    let mut depth = 0i32;
    let separates = |c: char| {
        depth += i32::from(matches!(c, '(' | '[' | '{')) - i32::from(matches!(c, ')' | ']' | '}'));
        c == ',' && depth == 0
    };
    let mut place = 1;
    let parse_at_place = |condition: &str| {
        let at = place;
        place += condition.chars().count() + 1;
        parse(condition).map_err(|reason| format!("cannot parse `{condition}` at character {at}: {reason}"))
    };
    text.split(separates).map(parse_at_place).collect()
}

/// Splits a condition into its field, operator and value; `None` if it has no operator.
pub fn split(condition: &str) -> Option<(&str, Operator, &str)> {
    let at = condition.find(['!', '<', '>', '=', '~'])?;
    let (field, rest) = condition.split_at(at);
    let (sign, operator) = OPERATORS.into_iter().find(|(sign, _)| rest.starts_with(sign))?;
    Some((field.trim(), operator, rest[sign.len()..].trim()))
}

/// A comparison of numbers.
#[derive(Clone, Copy, Debug)]
pub struct NumberTest {
    operator: Operator,
    value: f64,
}

impl NumberTest {
    /// Parses the value; `None` if the operator does not apply to numbers.
    pub fn parse(operator: Operator, value: &str) -> Option<Result<NumberTest, String>> {
        if operator == Operator::Matches {
            return None;
        }
        let value = value.parse().map_err(|_| format!("`{value}` is not a number"));
        Some(value.map(|value| NumberTest { operator, value }))
    }

    pub fn holds(self, number: f64) -> bool {
        match self.operator {
            Operator::Less => number < self.value,
            Operator::AtMost => number <= self.value,
            Operator::Equal => number == self.value,
            Operator::Unequal | Operator::Matches => number != self.value,
            Operator::AtLeast => number >= self.value,
            Operator::More => number > self.value,
        }
    }
}

/// A comparison of texts, which ignores case.
#[derive(Clone, Debug)]
pub enum TextTest {
    /// Also ignores accents.
    Is(String),
    IsNot(String),
    Matches(Regex),
}

impl TextTest {
    /// Parses the value; `None` if the operator does not apply to texts.
    pub fn parse(operator: Operator, value: &str) -> Option<Result<TextTest, String>> {
        match operator {
            Operator::Equal => Some(Ok(TextTest::Is(folded(value)))),
            Operator::Unequal => Some(Ok(TextTest::IsNot(folded(value)))),
            Operator::Matches => Some(regex(value).map(TextTest::Matches)),
            Operator::Less | Operator::AtMost | Operator::AtLeast | Operator::More => None,
        }
    }

    pub fn holds(&self, text: &str) -> bool {
        match self {
            TextTest::Is(value) => folded(text) == *value,
            TextTest::IsNot(value) => folded(text) != *value,
            TextTest::Matches(regex) => regex.is_match(text),
        }
    }
}

/// Compiles a regular expression that ignores case.
pub fn regex(pattern: &str) -> Result<Regex, String> {
    let built = RegexBuilder::new(pattern).case_insensitive(true).size_limit(1 << 20).build();
    // The reason is the last line; the lines before it show the pattern.
    built.map_err(|error| {
        let text = error.to_string();
        let reason = text.lines().last().unwrap_or_default().trim_start_matches("error: ");
        format!("`{pattern}` is not a regular expression: {reason}")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_condition_has_three_parts() {
        assert_eq!(split("ttl >= 60"), Some(("ttl", Operator::AtLeast, "60")));
        assert_eq!(split("a!=b=c"), Some(("a", Operator::Unequal, "b=c")));
        assert_eq!(split("a==b"), Some(("a", Operator::Equal, "b")));
        assert_eq!(split("data~^a<b"), Some(("data", Operator::Matches, "^a<b")));
        assert_eq!(split("full"), None);
        assert_eq!(split("a!b"), None);
    }

    #[test]
    fn commas_separate_conditions_but_not_in_brackets() {
        let each = |text| parse_each(text, |condition| Ok(condition.to_owned())).expect("parsed");
        assert_eq!(each("a=1,b~x{1,2}[,](,),c"), ["a=1", "b~x{1,2}[,](,)", "c"]);
        let refused = parse_each("ä=1,b=2", |condition| match condition {
            "b=2" => Err("no".to_owned()),
            _ => Ok(()),
        });
        assert_eq!(refused, Err("cannot parse `b=2` at character 5: no".into()));
    }

    #[test]
    fn numbers_and_texts_are_compared() {
        let number = |operator, value| NumberTest::parse(operator, value).expect("a number").expect("parsed");
        assert!(number(Operator::AtMost, "60").holds(60.0) && !number(Operator::Less, "60").holds(60.0));
        assert!(number(Operator::Unequal, "1").holds(2.0));
        assert!(NumberTest::parse(Operator::Matches, "1").is_none());
        assert!(NumberTest::parse(Operator::More, "x").expect("an operator of numbers").is_err());
        let text = |operator, value| TextTest::parse(operator, value).expect("a text").expect("parsed");
        assert!(text(Operator::Equal, "jose").holds("José") && text(Operator::Unequal, "a").holds("b"));
        assert!(
            text(Operator::Matches, "^fun").holds("FUN") && !text(Operator::Matches, "^fun").holds("a fun")
        );
        assert!(TextTest::parse(Operator::Less, "a").is_none());
        assert!(TextTest::parse(Operator::Matches, "(").expect("an operator of texts").is_err());
    }
}
