//! `--where`: conditions on the servers to list.

use std::str::FromStr;

use allears::protocol::games::ServerInfo;

use super::columns::ServerColumn;
use super::server::Server;
use crate::cli::conditions::{self, NumberTest, Operator, TextTest};

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
    Number(ServerColumn, NumberTest),
    Text(ServerColumn, TextTest),
}

const USAGE: &str = "a condition is full, empty, password, !full, !empty, !password, \
                     players|humans|bots|free|max|ping with < <= = != >= >, \
                     name|map|mod|game|type|version with = != ~, or rule.KEY with any of these";

/// Parses conditions separated by commas, all of which must hold.
pub fn conditions(text: &str) -> Result<Vec<Condition>, String> {
    conditions::parse_each(text, str::parse)
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
        let (field, operator, value) = conditions::split(text).ok_or(USAGE)?;
        let unknown = || format!("unknown field `{field}`: {USAGE}");
        let column = field.parse().ok().filter(|column: &ServerColumn| column.name() == field);
        let column = column.ok_or_else(unknown)?;
        let is_order = !matches!(operator, Operator::Equal | Operator::Unequal | Operator::Matches);
        match column {
            ServerColumn::Players
            | ServerColumn::Humans
            | ServerColumn::Bots
            | ServerColumn::Free
            | ServerColumn::Max => number(column, operator, value),
            ServerColumn::Ping => number(column, operator, value.trim_end_matches("ms")),
            // With `=`, `!=` and `~`, a rule is compared as a text.
            ServerColumn::Rule(_) if is_order => number(column, operator, value),
            ServerColumn::Game if operator == Operator::Equal => flag(false, Test::Game(value.into())),
            ServerColumn::Game if operator == Operator::Unequal => flag(true, Test::Game(value.into())),
            ServerColumn::Password | ServerColumn::Address => Err(unknown()),
            _ => words(column, operator, value),
        }
    }
}

fn number(column: ServerColumn, operator: Operator, value: &str) -> Result<Condition, String> {
    let test = NumberTest::parse(operator, value).ok_or(USAGE)??;
    Ok(Condition { negated: false, test: Test::Number(column, test) })
}

fn words(column: ServerColumn, operator: Operator, value: &str) -> Result<Condition, String> {
    let test = TextTest::parse(operator, value).ok_or(USAGE)??;
    Ok(Condition { negated: false, test: Test::Text(column, test) })
}

impl Condition {
    /// Returns whether the condition is on a rule, which may have to be requested.
    pub fn needs_rules(&self) -> bool {
        match &self.test {
            Test::Number(column, _) | Test::Text(column, _) => matches!(column, ServerColumn::Rule(_)),
            Test::Full | Test::Empty | Test::Password | Test::Game(_) => false,
        }
    }

    /// Returns whether the condition holds. A condition on something unknown never holds.
    pub fn holds(&self, server: &Server, info: &ServerInfo) -> bool {
        let holds = match &self.test {
            Test::Full => Some(server.is_full()),
            Test::Empty => Some(server.players == 0),
            Test::Password => server.password,
            Test::Game(id) => Some(server.game.is_called(id)),
            Test::Number(column, test) => number_of(column, server, info).map(|number| test.holds(number)),
            Test::Text(column, test) => text_of(column, server, info).map(|text| test.holds(&text)),
        };
        holds.is_some_and(|holds| holds != self.negated)
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
