//! What is kept of a server that answered, to list it at the end.

use std::net::SocketAddr;
use std::time::Duration;

use allears::protocol::quake3::text::{self, Colors};
use allears::protocol::quake3::{Game, Status};

/// A row of the table.
#[derive(Clone, Debug)]
pub struct Server {
    pub address: SocketAddr,
    pub ping: Duration,
    /// Clean, for people.
    pub name: Box<str>,
    /// As it was sent.
    pub name_raw: Box<[u8]>,
    pub map: Box<str>,
    /// The modification being played.
    pub game: Box<str>,
    pub players: u32,
    /// `None` where they cannot be told from humans.
    pub bots: Option<u32>,
    pub max_players: Option<u32>,
}

impl Server {
    pub fn new(address: SocketAddr, ping: Duration, status: &Status<'_>, game: &Game) -> Server {
        let clean = |text: Option<&[u8]>| cleaned(text, game.colors).into_boxed_str();
        Server {
            address,
            ping,
            name: clean(status.name()),
            name_raw: status.name().unwrap_or_default().into(),
            map: clean(status.map()),
            game: clean(status.game()),
            players: status.player_count() as u32,
            bots: status.bots().map(|bots| bots as u32),
            max_players: status.max_players(),
        }
    }

    /// Players who are no bots, as far as one can know.
    pub fn humans(&self) -> u32 {
        self.players - self.bots.unwrap_or(0).min(self.players)
    }

    pub fn is_full(&self) -> bool {
        self.max_players.is_some_and(|most| self.players >= most)
    }
}

/// Text for people; empty when the server does not say.
pub fn cleaned(text: Option<&[u8]>, colors: Colors) -> String {
    text::clean(text.unwrap_or_default(), colors)
}

#[cfg(test)]
pub fn sample(name: &str, map: &str, game: &str, players: (u32, Option<u32>, u32), ping_ms: f64) -> Server {
    Server {
        address: "127.1.0.1:27960".parse().expect("an address"),
        ping: Duration::from_secs_f64(ping_ms / 1e3),
        name: text::clean(name.as_bytes(), Colors::Indexed).into(),
        name_raw: name.as_bytes().into(),
        map: map.into(),
        game: game.into(),
        players: players.0,
        bots: players.1,
        max_players: Some(players.2),
    }
}
