//! The data of a server for the table, which is written at the end.

use std::net::SocketAddr;
use std::time::Duration;

use allears::protocol::games::text::TextRules;
use allears::protocol::games::{Game, ServerInfo};

/// A row of the table.
#[derive(Clone, Debug)]
pub struct Server {
    pub game: &'static Game,
    /// The rules for reading its texts.
    pub text: TextRules,
    pub address: SocketAddr,
    /// The round trip, if it is known.
    pub ping: Option<Duration>,
    /// The name without colour codes and control characters.
    pub name: Box<str>,
    /// As sent.
    pub name_raw: Box<[u8]>,
    pub map: Box<str>,
    pub mod_name: Box<str>,
    pub game_type: Box<str>,
    pub version: Box<str>,
    pub players: u32,
    /// The number of bots; `None` if they cannot be distinguished from people.
    pub bots: Option<u32>,
    pub max_players: Option<u32>,
    /// The number of free slots that need no password.
    pub free: Option<u32>,
    pub password: Option<bool>,
    /// The rules that columns show, with their values.
    rules: Box<[(Box<str>, Box<str>)]>,
}

impl Server {
    /// Creates a row. `rules` are the keys that columns show.
    pub fn new(address: SocketAddr, ping: Option<Duration>, info: &ServerInfo, rules: &[String]) -> Server {
        let or_empty = |text: &Option<String>| text.as_deref().unwrap_or_default().into();
        let rule = |key: &String| {
            let value = info.rules.get(key).map(|value| info.text.with_codes(value));
            (key.as_str().into(), value.unwrap_or_default().into())
        };
        Server {
            game: info.game,
            text: info.text,
            address,
            ping,
            name: or_empty(&info.name),
            name_raw: info.name_raw.clone().unwrap_or_default(),
            map: or_empty(&info.map),
            mod_name: or_empty(&info.mod_name),
            game_type: or_empty(&info.game_type),
            version: or_empty(&info.version),
            players: info.players,
            bots: info.bots,
            max_players: info.max_players,
            free: info.free_slots(),
            password: info.password,
            rules: rules.iter().map(rule).collect(),
        }
    }

    /// Returns the memory that it takes.
    pub fn bytes(&self) -> usize {
        let rules: usize =
            self.rules.iter().map(|(key, value)| size_of_val(key) * 2 + key.len() + value.len()).sum();
        let texts = [&self.name, &self.map, &self.mod_name, &self.game_type, &self.version];
        let texts: usize = texts.iter().map(|text| text.len()).sum();
        size_of::<Server>() + texts + self.name_raw.len() + rules
    }

    /// Returns the number of players who are not bots, as far as known.
    pub fn humans(&self) -> u32 {
        self.players - self.bots.unwrap_or(0).min(self.players)
    }

    pub fn is_full(&self) -> bool {
        self.free == Some(0)
    }

    /// Returns the value of a rule that a column shows.
    pub fn rule(&self, key: &str) -> &str {
        self.rules.iter().find(|(name, _)| **name == *key).map_or("", |(_, value)| value)
    }
}

#[cfg(test)]
pub fn sample(
    name: &str,
    map: &str,
    mod_name: &str,
    players: (u32, Option<u32>, u32),
    ping_ms: f64,
) -> Server {
    let mut info = parsed(b"\\\\\n");
    (info.players, info.bots, info.max_players) = (players.0, players.1, Some(players.2));
    info.name = Some(info.game.text.clean(name.as_bytes()));
    info.name_raw = Some(name.as_bytes().into());
    (info.map, info.mod_name) = (Some(map.into()), Some(mod_name.into()));
    let address = "127.1.0.1:27960".parse().expect("an address");
    Server::new(address, Some(Duration::from_secs_f64(ping_ms / 1e3)), &info, &[])
}

/// Returns a server of Enemy Territory, parsed from the text of its status.
#[cfg(test)]
pub fn parsed(text: &[u8]) -> ServerInfo {
    use allears::protocol::games::quake3::Status;
    let datagram = [b"\xff\xff\xff\xffstatusResponse\n", text].concat();
    Status::parse(&datagram).expect("a status").to_info(Game::find("et").expect("a game"))
}
