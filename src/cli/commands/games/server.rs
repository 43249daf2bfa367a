//! The data of a server that is kept for the table at the end.

use std::net::SocketAddr;
use std::time::Duration;

use allears::protocol::games::{Game, ServerInfo};

/// A row of the table.
#[derive(Clone, Debug)]
pub struct Server {
    pub game: &'static Game,
    pub address: SocketAddr,
    pub ping: Duration,
    /// The name without colour codes and control characters.
    pub name: Box<str>,
    /// As sent.
    pub name_raw: Box<[u8]>,
    pub map: Box<str>,
    pub mod_name: Box<str>,
    pub players: u32,
    /// The number of bots; `None` if they cannot be distinguished from people.
    pub bots: Option<u32>,
    pub max_players: Option<u32>,
}

impl Server {
    pub fn new(address: SocketAddr, ping: Duration, info: &ServerInfo) -> Server {
        let or_empty = |text: &Option<String>| text.as_deref().unwrap_or_default().into();
        Server {
            game: info.game,
            address,
            ping,
            name: or_empty(&info.name),
            name_raw: info.name_raw.clone().unwrap_or_default(),
            map: or_empty(&info.map),
            mod_name: or_empty(&info.mod_name),
            players: info.players,
            bots: info.bots,
            max_players: info.max_players,
        }
    }

    /// Returns the memory that it takes.
    pub fn bytes(&self) -> usize {
        size_of::<Server>() + self.name.len() + self.name_raw.len() + self.map.len() + self.mod_name.len()
    }

    /// Returns the number of players who are not bots, as far as known.
    pub fn humans(&self) -> u32 {
        self.players - self.bots.unwrap_or(0).min(self.players)
    }

    pub fn is_full(&self) -> bool {
        self.max_players.is_some_and(|most| self.players >= most)
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
    use allears::protocol::games::text::{Colors, TextRules};
    Server {
        game: Game::find("et").expect("a game"),
        address: "127.1.0.1:27960".parse().expect("an address"),
        ping: Duration::from_secs_f64(ping_ms / 1e3),
        name: TextRules::new(Colors::Indexed).clean(name.as_bytes()).into(),
        name_raw: name.as_bytes().into(),
        map: map.into(),
        mod_name: mod_name.into(),
        players: players.0,
        bots: players.1,
        max_players: Some(players.2),
    }
}

/// Returns a server of Enemy Territory, parsed from the text of its status.
#[cfg(test)]
pub fn parsed(text: &[u8]) -> ServerInfo {
    use allears::protocol::games::quake3::Status;
    let datagram = [b"\xff\xff\xff\xffstatusResponse\n", text].concat();
    Status::parse(&datagram).expect("a status").to_info(Game::find("et").expect("a game"))
}
