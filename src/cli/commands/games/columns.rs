//! The columns of servers: what is shown, and in which order.

use std::cmp::{Ordering, Reverse};
use std::str::FromStr;

use super::server::Server;
use crate::cli::output::record::shown_millis;
use crate::cli::output::table::{Cell, Column, Style};

/// A column of servers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ServerColumn {
    Players,
    Humans,
    Bots,
    Free,
    Max,
    Ping,
    Name,
    Map,
    Mod,
    Game,
    Type,
    Version,
    Password,
    Address,
    Rule(String),
}

/// The names of the columns, as `--columns` and `--sort` accept them.
const NAMES: [(&str, ServerColumn); 14] = [
    ("players", ServerColumn::Players),
    ("humans", ServerColumn::Humans),
    ("bots", ServerColumn::Bots),
    ("free", ServerColumn::Free),
    ("max", ServerColumn::Max),
    ("ping", ServerColumn::Ping),
    ("name", ServerColumn::Name),
    ("map", ServerColumn::Map),
    ("mod", ServerColumn::Mod),
    ("game", ServerColumn::Game),
    ("type", ServerColumn::Type),
    ("version", ServerColumn::Version),
    ("password", ServerColumn::Password),
    ("address", ServerColumn::Address),
];

/// The columns of a table, unless the user chooses others.
pub const USUAL: [ServerColumn; 6] = [
    ServerColumn::Players,
    ServerColumn::Ping,
    ServerColumn::Name,
    ServerColumn::Map,
    ServerColumn::Mod,
    ServerColumn::Address,
];

impl FromStr for ServerColumn {
    type Err = String;

    fn from_str(text: &str) -> Result<ServerColumn, String> {
        if let Some(key) = text.strip_prefix("rule.").filter(|key| !key.is_empty()) {
            return Ok(ServerColumn::Rule(key.to_owned()));
        }
        let known = NAMES.into_iter().find(|(name, _)| name.eq_ignore_ascii_case(text));
        known.map(|(_, column)| column).ok_or_else(|| {
            let names: Vec<_> = NAMES.iter().map(|(name, _)| *name).collect();
            format!("a column is {}, or rule.KEY", names.join(", "))
        })
    }
}

impl ServerColumn {
    /// Returns the name, as it is typed.
    pub fn name(&self) -> String {
        match self {
            ServerColumn::Rule(key) => format!("rule.{key}"),
            known => NAMES
                .iter()
                .find(|(_, column)| column == known)
                .map_or_else(String::new, |(name, _)| (*name).into()),
        }
    }

    /// Returns the column of a table.
    pub fn column(&self) -> Column {
        // A table lives as long as the program, and has a few columns.
        let title = self.name().to_uppercase().leak();
        match self {
            ServerColumn::Name => Column::left(title).shrinking_to(8),
            ServerColumn::Map | ServerColumn::Mod | ServerColumn::Version | ServerColumn::Rule(_) => {
                Column::left(title).shrinking_to(0)
            }
            ServerColumn::Game | ServerColumn::Type | ServerColumn::Password | ServerColumn::Address => {
                Column::left(title)
            }
            _ => Column::right(title),
        }
    }

    /// Returns a server's cell in a table.
    pub fn cell(&self, server: &Server) -> Cell {
        match self {
            ServerColumn::Players => players_cell(server),
            ServerColumn::Ping => Cell::plain(server.ping.map(shown_millis).unwrap_or_default()),
            ServerColumn::Name => super::report::coloured(&server.name_raw, server.text),
            ServerColumn::Password => Cell::plain(if server.password == Some(true) { "yes" } else { "" }),
            other => Cell::plain(other.text(server)),
        }
    }

    /// Returns a server's value as text, for CSV.
    pub fn text(&self, server: &Server) -> String {
        match self {
            ServerColumn::Players
            | ServerColumn::Humans
            | ServerColumn::Bots
            | ServerColumn::Free
            | ServerColumn::Max => {
                self.count(server).flatten().map(|count| count.to_string()).unwrap_or_default()
            }
            ServerColumn::Ping => {
                server.ping.map(|ping| format!("{:.3}", ping.as_secs_f64() * 1e3)).unwrap_or_default()
            }
            ServerColumn::Name => server.name.to_string(),
            ServerColumn::Map => server.map.to_string(),
            ServerColumn::Mod => server.mod_name.to_string(),
            ServerColumn::Game => server.game.id.to_owned(),
            ServerColumn::Type => server.game_type.to_string(),
            ServerColumn::Version => server.version.to_string(),
            ServerColumn::Password => server.password.map(|needed| needed.to_string()).unwrap_or_default(),
            ServerColumn::Address => server.address.to_string(),
            ServerColumn::Rule(key) => server.rule(key).to_owned(),
        }
    }

    /// Compares two servers by this column: counts from high to low, everything else from low to high; or the other way
    /// round. Servers without a value come last in both cases.
    pub fn order(&self, one: &Server, other: &Server, reverse: bool) -> Ordering {
        let is_unknown = |server| self.text(server).is_empty();
        is_unknown(one).cmp(&is_unknown(other)).then_with(|| {
            let order = self.order_of_known(one, other);
            if reverse { order.reverse() } else { order }
        })
    }

    /// If the servers are equal in this column, the shorter ping comes first, or the name.
    fn order_of_known(&self, one: &Server, other: &Server) -> Ordering {
        let by_name = || one.name.to_lowercase().cmp(&other.name.to_lowercase());
        match self.count(one).zip(self.count(other)) {
            Some((first, second)) => Reverse(first).cmp(&Reverse(second)).then(one.ping.cmp(&other.ping)),
            None if *self == ServerColumn::Ping => one.ping.cmp(&other.ping),
            None => natural(&self.text(one), &self.text(other)).then_with(by_name),
        }
    }

    /// Returns the value of a column with counts, which may be unknown; `None` if it has no counts.
    pub fn count(&self, server: &Server) -> Option<Option<u32>> {
        match self {
            ServerColumn::Players => Some(Some(server.players)),
            ServerColumn::Humans => Some(Some(server.humans())),
            ServerColumn::Bots => Some(server.bots),
            ServerColumn::Free => Some(server.free),
            ServerColumn::Max => Some(server.max_players),
            _ => None,
        }
    }
}

/// Compares numbers as numbers, and other texts without regard to case.
fn natural(one: &str, other: &str) -> Ordering {
    match (one.parse::<f64>(), other.parse::<f64>()) {
        (Ok(one), Ok(other)) => one.total_cmp(&other),
        _ => one.to_lowercase().cmp(&other.to_lowercase()),
    }
}

fn players_cell(server: &Server) -> Cell {
    let most = server.max_players.map_or("?".into(), |most| most.to_string());
    let style = if server.humans() == 0 { Style::Dim } else { Style::Plain };
    let mut players = Cell::styled(style, format!("{}/{most}", server.players));
    if let Some(bots) = server.bots.filter(|&bots| bots > 0) {
        players.push(Style::Dim, if bots == 1 { " (1 bot)".into() } else { format!(" ({bots} bots)") });
    }
    players
}

#[cfg(test)]
mod tests {
    use super::super::server::sample;
    use super::*;

    #[test]
    fn every_name_is_a_column() {
        for (name, column) in NAMES {
            assert_eq!(name.to_uppercase().parse(), Ok(column.clone()));
            assert_eq!(column.name(), name);
        }
        assert_eq!("rule.g_gametype".parse(), Ok(ServerColumn::Rule("g_gametype".into())));
        for wrong in ["", "rule.", "player"] {
            assert!(wrong.parse::<ServerColumn>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn counts_descend_texts_ascend_and_numbers_are_compared_as_numbers() {
        let servers = [
            sample("b", "m9", "x", (3, Some(1), 8), 20.0),
            sample("A", "m10", "x", (3, None, 4), 10.0),
            sample("c", "m10", "y", (7, Some(7), 9), 30.0),
        ];
        let ordered = |column: &str, reverse| {
            let column: ServerColumn = column.parse().expect("a column");
            let mut sorted: Vec<_> = servers.iter().collect();
            sorted.sort_by(|one, other| column.order(one, other, reverse));
            sorted.iter().map(|server| &*server.name).collect::<String>()
        };
        let sorted = |column: &str| ordered(column, false);
        assert_eq!(
            ["players", "humans", "bots", "free", "max"].map(sorted),
            ["cAb", "Abc", "cbA", "bcA", "cbA"]
        );
        assert_eq!(["ping", "name", "map", "mod"].map(sorted), ["Abc", "Abc", "Acb", "Abc"]);
        assert_eq!(
            ["bots", "map"].map(|column| ordered(column, true)),
            ["bcA", "bcA"],
            "unknown ones are last"
        );
        assert_eq!(natural("9", "10"), Ordering::Less);
        assert_eq!(natural("m9", "m10"), Ordering::Greater);
    }
}
