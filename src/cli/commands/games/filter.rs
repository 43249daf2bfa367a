//! `--where`: conditions on the servers to list.

use std::str::FromStr;

use regex::{Regex, RegexBuilder};

use super::server::Server;

/// One condition: `map=oasis`, `players>3`, `ping<80`, `name~regex`, `full`, `!empty`.
#[derive(Clone, Debug)]
pub struct Condition {
    negated: bool,
    test: Test,
}

#[derive(Clone, Debug)]
enum Test {
    Full,
    Empty,
    Number(Quantity, Order, f64),
    Same(Text, String),
    Matches(Text, Regex),
}

#[derive(Clone, Copy, Debug)]
enum Quantity {
    Players,
    Humans,
    Bots,
    Ping,
}

#[derive(Clone, Copy, Debug)]
enum Text {
    Name,
    Map,
    Mod,
}

#[derive(Clone, Copy, Debug)]
enum Order {
    Less,
    AtMost,
    Equal,
    AtLeast,
    More,
}

/// The operators, longer ones first, so that `>=` is not parsed as `>`.
const OPERATORS: [&str; 7] = ["!=", "<=", ">=", "=", "<", ">", "~"];

const USAGE: &str = "a condition is full, empty, !full, !empty, \
                     players|humans|bots|ping with < <= = != >= >, or map|mod|name with = != ~";

/// Parses conditions separated by commas, all of which must hold. Commas within brackets are part of a regular
/// expression.
pub fn conditions(text: &str) -> Result<Vec<Condition>, String> {
    let mut depth = 0i32;
    let separates = |c: char| {
        depth += i32::from(matches!(c, '(' | '[' | '{')) - i32::from(matches!(c, ')' | ']' | '}'));
        c == ',' && depth == 0
    };
    text.split(separates).map(str::parse).collect()
}

impl FromStr for Condition {
    type Err = String;

    fn from_str(text: &str) -> Result<Condition, String> {
        let flag = |negated, test| Ok(Condition { negated, test });
        match text.trim() {
            "full" => return flag(false, Test::Full),
            "!full" => return flag(true, Test::Full),
            "empty" => return flag(false, Test::Empty),
            "!empty" => return flag(true, Test::Empty),
            _ => {}
        }
        let at = text.find(['!', '<', '>', '=', '~']).ok_or(USAGE)?;
        let operator =
            OPERATORS.into_iter().find(|operator| text[at..].starts_with(operator)).ok_or(USAGE)?;
        let (field, value) = (text[..at].trim(), text[at + operator.len()..].trim());
        let test = match field {
            "players" => number(Quantity::Players, operator, value)?,
            "humans" => number(Quantity::Humans, operator, value)?,
            "bots" => number(Quantity::Bots, operator, value)?,
            "ping" => number(Quantity::Ping, operator, value.trim_end_matches("ms"))?,
            "name" => words(Text::Name, operator, value)?,
            "map" => words(Text::Map, operator, value)?,
            "mod" => words(Text::Mod, operator, value)?,
            _ => return Err(format!("unknown field `{field}`: {USAGE}")),
        };
        Ok(Condition { negated: operator == "!=", test })
    }
}

fn number(quantity: Quantity, operator: &str, value: &str) -> Result<Test, String> {
    let order = match operator {
        "<" => Order::Less,
        "<=" => Order::AtMost,
        "=" | "!=" => Order::Equal,
        ">=" => Order::AtLeast,
        ">" => Order::More,
        _ => return Err(USAGE.into()),
    };
    let value: f64 = value.parse().map_err(|_| format!("`{value}` is not a number"))?;
    Ok(Test::Number(quantity, order, value))
}

fn words(text: Text, operator: &str, value: &str) -> Result<Test, String> {
    match operator {
        "=" | "!=" => Ok(Test::Same(text, value.to_lowercase())),
        "~" => regex(value).map(|regex| Test::Matches(text, regex)),
        _ => Err(USAGE.into()),
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

impl Condition {
    /// Returns whether the condition holds. A condition on an unknown number never holds.
    pub fn holds(&self, server: &Server) -> bool {
        let holds = match &self.test {
            Test::Full => server.is_full(),
            Test::Empty => server.players == 0,
            Test::Number(quantity, order, value) => match quantity.of(server) {
                Some(number) => order.holds(number, *value),
                None => return false,
            },
            Test::Same(text, value) => text.of(server).to_lowercase() == *value,
            Test::Matches(text, regex) => regex.is_match(text.of(server)),
        };
        holds != self.negated
    }
}

impl Quantity {
    fn of(self, server: &Server) -> Option<f64> {
        match self {
            Quantity::Players => Some(f64::from(server.players)),
            Quantity::Humans => Some(f64::from(server.humans())),
            Quantity::Bots => server.bots.map(f64::from),
            Quantity::Ping => Some(server.ping.as_secs_f64() * 1e3),
        }
    }
}

impl Text {
    fn of(self, server: &Server) -> &str {
        match self {
            Text::Name => &server.name,
            Text::Map => &server.map,
            Text::Mod => &server.mod_name,
        }
    }
}

impl Order {
    fn holds(self, number: f64, value: f64) -> bool {
        match self {
            Order::Less => number < value,
            Order::AtMost => number <= value,
            Order::Equal => number == value,
            Order::AtLeast => number >= value,
            Order::More => number > value,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::commands::games::server::sample;

    fn holds(text: &str) -> bool {
        let server = sample("^1Fun ^7Oasis", "Oasis", "jaymod", (5, Some(2), 24), 66.8);
        let conditions = conditions(text).unwrap_or_else(|error| panic!("{text}: {error}"));
        conditions.iter().all(|condition| condition.holds(&server))
    }

    #[test]
    fn conditions_that_hold_and_that_do_not() {
        for yes in [
            "map=oasis",
            "mod=JAYMOD",
            "players>3",
            "players=5",
            "humans=3",
            "humans>=1",
            "bots=2",
            "!full",
            "!empty",
            "ping<80",
            "ping<80ms",
            "ping>=66.8",
            "name~^fun.*OASIS$",
            "map!=goldrush",
            "map=oasis,players>3",
            "players!=4",
        ] {
            assert!(holds(yes), "{yes}");
        }
        for no in
            ["map=oas", "players>5", "humans>3", "full", "empty", "ping>80", "name~^1", "map=oasis,full"]
        {
            assert!(!holds(no), "{no}");
        }
    }

    #[test]
    fn an_unknown_number_of_bots_matches_no_condition() {
        let server = sample("a", "b", "c", (5, None, 24), 1.0);
        for text in ["bots=0", "bots!=0"] {
            let condition: Condition = text.parse().expect("a condition");
            assert!(!condition.holds(&server), "{text}");
        }
    }

    #[test]
    fn invalid_conditions_are_refused() {
        for wrong in [
            "",
            "foo",
            "foo=1",
            "players",
            "players~3",
            "players>x",
            "map>3",
            "name~(",
            "!map=x",
            "map!oasis",
        ] {
            assert!(conditions(wrong).is_err(), "{wrong}");
        }
    }
}
