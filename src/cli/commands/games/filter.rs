//! `--where`: conditions on the servers to list.

use std::str::FromStr;

use allears::protocol::games::ServerInfo;
use regex::{Regex, RegexBuilder};

use super::columns::ServerColumn;
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
    Number(ServerColumn, Order, f64),
    Same(ServerColumn, String),
    Matches(ServerColumn, Regex),
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
        let unknown = || format!("unknown field `{field}`: {USAGE}");
        let column = field.parse().ok().filter(|column: &ServerColumn| column.name() == field);
        let column = column.ok_or_else(unknown)?;
        let test = match column {
            ServerColumn::Players
            | ServerColumn::Humans
            | ServerColumn::Bots
            | ServerColumn::Free
            | ServerColumn::Max => number(column, operator, value)?,
            ServerColumn::Ping => number(column, operator, value.trim_end_matches("ms"))?,
            // With `=`, `!=` and `~`, a rule is compared as a text.
            ServerColumn::Rule(_) if operator.starts_with(['<', '>']) => number(column, operator, value)?,
            ServerColumn::Game if matches!(operator, "=" | "!=") => Test::Game(value.to_owned()),
            ServerColumn::Password | ServerColumn::Address => return Err(unknown()),
            _ => words(column, operator, value)?,
        };
        Ok(Condition { negated: operator == "!=", test })
    }
}

fn number(column: ServerColumn, operator: &str, value: &str) -> Result<Test, String> {
    let order = match operator {
        "<" => Order::Less,
        "<=" => Order::AtMost,
        "=" | "!=" => Order::Equal,
        ">=" => Order::AtLeast,
        ">" => Order::More,
        _ => return Err(USAGE.into()),
    };
    let value: f64 = value.parse().map_err(|_| format!("`{value}` is not a number"))?;
    Ok(Test::Number(column, order, value))
}

fn words(column: ServerColumn, operator: &str, value: &str) -> Result<Test, String> {
    match operator {
        "=" | "!=" => Ok(Test::Same(column, folded(value.trim()))),
        "~" => regex(value).map(|regex| Test::Matches(column, regex)),
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
        match &self.test {
            Test::Number(column, ..) | Test::Same(column, _) | Test::Matches(column, _) => {
                matches!(column, ServerColumn::Rule(_))
            }
            Test::Full | Test::Empty | Test::Password | Test::Game(_) => false,
        }
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
            Test::Number(column, order, value) => match number_of(column, server, info) {
                Some(number) => order.holds(number, *value),
                None => return false,
            },
            Test::Same(column, value) => match text_of(column, server, info) {
                Some(text) => folded(&text) == *value,
                None => return false,
            },
            Test::Matches(column, regex) => match text_of(column, server, info) {
                Some(text) => regex.is_match(&text),
                None => return false,
            },
        };
        holds != self.negated
    }
}

/// Returns a number of a server; `None` if it is unknown, or a rule is no number.
fn number_of(column: &ServerColumn, server: &Server, info: &ServerInfo) -> Option<f64> {
    match column {
        ServerColumn::Ping => server.ping.map(|ping| ping.as_secs_f64() * 1e3),
        ServerColumn::Rule(_) => text_of(column, server, info)?.parse().ok(),
        _ => column.count(server)?.map(f64::from),
    }
}

/// Returns a text of a server; `None` if it has no such rule.
fn text_of(column: &ServerColumn, server: &Server, info: &ServerInfo) -> Option<String> {
    match column {
        ServerColumn::Rule(key) => info.rules.get(key).map(|value| info.text.clean(value)),
        _ => Some(column.text(server)),
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
