//! `--where`: conditions on the servers to list.

use std::borrow::Cow;
use std::str::FromStr;

use allears::protocol::games::ServerInfo;
use regex::{Regex, RegexBuilder};

use super::folded::folded;
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
    Password,
    /// An id or an alias.
    Game(String),
    Number(Quantity, Order, f64),
    RuleNumber(String, Order, f64),
    Same(Text, String),
    Matches(Text, Regex),
}

#[derive(Clone, Copy, Debug)]
enum Quantity {
    Players,
    Humans,
    Bots,
    Free,
    Max,
    Ping,
}

#[derive(Clone, Debug)]
enum Text {
    Name,
    Map,
    Mod,
    Game,
    Type,
    Version,
    Rule(String),
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
const OPERATORS: [&str; 8] = ["!=", "<=", ">=", "==", "=", "<", ">", "~"];

const USAGE: &str = "a condition is full, empty, password, !full, !empty, !password, \
                     players|humans|bots|free|max|ping with < <= = != >= >, \
                     name|map|mod|game|type|version with = != ~, or rule.KEY with any of these";

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
            "password" => return flag(false, Test::Password),
            "!password" => return flag(true, Test::Password),
            _ => {}
        }
        let at = text.find(['!', '<', '>', '=', '~']).ok_or(USAGE)?;
        let operator =
            OPERATORS.into_iter().find(|operator| text[at..].starts_with(operator)).ok_or(USAGE)?;
        let (field, value) = (text[..at].trim(), text[at + operator.len()..].trim());
        let operator = if operator == "==" { "=" } else { operator };
        let test = match field {
            "players" => number(Quantity::Players, operator, value)?,
            "humans" => number(Quantity::Humans, operator, value)?,
            "bots" => number(Quantity::Bots, operator, value)?,
            "free" => number(Quantity::Free, operator, value)?,
            "max" => number(Quantity::Max, operator, value)?,
            "ping" => number(Quantity::Ping, operator, value.trim_end_matches("ms"))?,
            "name" => words(Text::Name, operator, value)?,
            "map" => words(Text::Map, operator, value)?,
            "mod" => words(Text::Mod, operator, value)?,
            "game" if matches!(operator, "=" | "!=") => Test::Game(value.to_owned()),
            "game" => words(Text::Game, operator, value)?,
            "type" => words(Text::Type, operator, value)?,
            "version" => words(Text::Version, operator, value)?,
            rule if rule.strip_prefix("rule.").is_some_and(|key| !key.is_empty()) => {
                self::rule(&rule["rule.".len()..], operator, value)?
            }
            _ => return Err(format!("unknown field `{field}`: {USAGE}")),
        };
        Ok(Condition { negated: operator == "!=", test })
    }
}

fn number(quantity: Quantity, operator: &str, value: &str) -> Result<Test, String> {
    let (order, value) = compared(operator, value)?;
    Ok(Test::Number(quantity, order, value))
}

/// Parses a condition on a rule: it is compared as a number with `<` and `>`, otherwise as a text.
fn rule(key: &str, operator: &str, value: &str) -> Result<Test, String> {
    if operator.starts_with(['<', '>']) {
        let (order, value) = compared(operator, value)?;
        return Ok(Test::RuleNumber(key.to_owned(), order, value));
    }
    words(Text::Rule(key.to_owned()), operator, value)
}

fn compared(operator: &str, value: &str) -> Result<(Order, f64), String> {
    let order = match operator {
        "<" => Order::Less,
        "<=" => Order::AtMost,
        "=" | "!=" => Order::Equal,
        ">=" => Order::AtLeast,
        ">" => Order::More,
        _ => return Err(USAGE.into()),
    };
    let value: f64 = value.parse().map_err(|_| format!("`{value}` is not a number"))?;
    Ok((order, value))
}

fn words(text: Text, operator: &str, value: &str) -> Result<Test, String> {
    match operator {
        "=" | "!=" => Ok(Test::Same(text, folded(value.trim()))),
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
    /// Returns whether the condition is on a rule, which may have to be requested.
    pub fn needs_rules(&self) -> bool {
        matches!(
            self.test,
            Test::RuleNumber(..) | Test::Same(Text::Rule(_), _) | Test::Matches(Text::Rule(_), _)
        )
    }

    /// Returns whether the condition holds. A condition on something unknown never holds.
    pub fn holds(&self, server: &Server, info: &ServerInfo) -> bool {
        let holds = match &self.test {
            Test::Full => server.is_full(),
            Test::Empty => server.players == 0,
            Test::Password => match server.password {
                Some(is_needed) => is_needed,
                None => return false,
            },
            Test::Game(id) => server.game.is_called(id),
            Test::Number(quantity, order, value) => match quantity.of(server) {
                Some(number) => order.holds(number, *value),
                None => return false,
            },
            Test::RuleNumber(key, order, value) => {
                match rule_of(info, key).and_then(|rule| rule.parse().ok()) {
                    Some(number) => order.holds(number, *value),
                    None => return false,
                }
            }
            Test::Same(text, value) => match text.of(server, info) {
                Some(text) => folded(&text) == *value,
                None => return false,
            },
            Test::Matches(text, regex) => match text.of(server, info) {
                Some(text) => regex.is_match(&text),
                None => return false,
            },
        };
        holds != self.negated
    }
}

fn rule_of(info: &ServerInfo, key: &str) -> Option<String> {
    info.rules.get(key).map(|value| info.text.clean(value))
}

impl Quantity {
    fn of(self, server: &Server) -> Option<f64> {
        match self {
            Quantity::Players => Some(f64::from(server.players)),
            Quantity::Humans => Some(f64::from(server.humans())),
            Quantity::Bots => server.bots.map(f64::from),
            Quantity::Free => server.free.map(f64::from),
            Quantity::Max => server.max_players.map(f64::from),
            Quantity::Ping => server.ping.map(|ping| ping.as_secs_f64() * 1e3),
        }
    }
}

impl Text {
    /// Returns the text; `None` if the server has no such rule.
    fn of<'a>(&self, server: &'a Server, info: &ServerInfo) -> Option<Cow<'a, str>> {
        Some(match self {
            Text::Name => (&*server.name).into(),
            Text::Map => (&*server.map).into(),
            Text::Mod => (&*server.mod_name).into(),
            Text::Game => server.game.id.into(),
            Text::Type => (&*server.game_type).into(),
            Text::Version => (&*server.version).into(),
            Text::Rule(key) => rule_of(info, key)?.into(),
        })
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
    use crate::cli::commands::games::server::{parsed, sample};

    fn holds(text: &str) -> bool {
        let server = sample("^1Fun ^7Oasis", "Oasis", "jaymod", (5, Some(2), 24), 66.8);
        let info = parsed(b"\\g_gametype\\3\\sv_fps\\20\\note\\^1Hello\n");
        let conditions = conditions(text).unwrap_or_else(|error| panic!("{text}: {error}"));
        conditions.iter().all(|condition| condition.holds(&server, &info))
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
            "free=19",
            "max>=24",
            "game=ET",
            "game=enemyterritory",
            "players==5",
            "game~^e",
            "rule.g_gametype=3",
            "rule.sv_fps>9",
            "rule.sv_fps<100",
            "rule.NOTE~^hell",
            "rule.note!=bye",
        ] {
            assert!(holds(yes), "{yes}");
        }
        for no in [
            "map=oas",
            "players>5",
            "humans>3",
            "full",
            "empty",
            "ping>80",
            "name~^1",
            "map=oasis,full",
            "password",
            "rule.nosuch=1",
            "rule.nosuch!=1",
            "rule.sv_fps>20",
            "rule.note>1",
            "type=3",
        ] {
            assert!(!holds(no), "{no}");
        }
    }

    #[test]
    fn an_unknown_number_of_bots_matches_no_condition() {
        let server = sample("a", "b", "c", (5, None, 24), 1.0);
        for text in ["bots=0", "bots!=0"] {
            let condition: Condition = text.parse().expect("a condition");
            assert!(!condition.holds(&server, &parsed(b"\\\\\n")), "{text}");
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
            "rule.=1",
            "rule.a>x",
            "rule.a",
        ] {
            assert!(conditions(wrong).is_err(), "{wrong}");
        }
    }
}
