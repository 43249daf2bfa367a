//! The games, as data.
//!
//! Each wire protocol has a table of its own games (`games.rs` beside it). Ports, protocol numbers and masters come
//! from the games' own sources and from qstat's `qstat.cfg`. A game without a master that is known for certain has none
//! here; users name one.

use std::fmt;
use std::time::Duration;

use super::quake3::GetInfo;
use super::text::{Colors, TextRules};
use super::wire::{WIRE_PROTOCOLS, WireProtocol};

/// A game: the ports and masters of its servers, and the way to query them.
///
/// A program makes a game that is not in the catalogue, or one with other settings, from a clone:
///
/// ```
/// use allears::protocol::games::{Game, Games};
///
/// let mut mine = Game::find("q3").ok_or("no such game")?.clone();
/// (mine.id, mine.name) = ("mine", "My mod");
/// mine.list_protocol = 71;
/// let games = Games::new(Box::leak(Box::new(mine)));
/// assert_eq!(games.default_game().list_protocol, 71);
/// # Ok::<(), &'static str>(())
/// ```
#[derive(Clone)]
#[non_exhaustive]
pub struct Game {
    /// The id that a user types: `et`, `q3`…
    pub id: &'static str,
    /// Other ids for it.
    pub aliases: &'static [&'static str],
    /// The full name.
    pub name: &'static str,
    /// The protocol of its servers and masters.
    pub wire: &'static WireProtocol,
    /// The default port of servers: the one that answers queries.
    pub server_port: u16,
    /// The default port of masters; 0 if there are none.
    pub master_port: u16,
    /// The public masters, `HOST:PORT`; may be empty.
    pub masters: &'static [&'static str],
    /// The protocol number of the current version, by which masters select servers; 0 if the game's masters do not.
    pub list_protocol: u32,
    /// The name by which masters select servers, before the protocol number in `getservers`; `None` if they need none.
    pub list_name: Option<&'static str>,
    /// The name in `getserversExt`; `None` if the game's masters do not know that request.
    pub ext_name: Option<&'static str>,
    /// The application ID on Steam; 0 if the game has none.
    pub steam_app: u32,
    /// The minimum time between two packets to one server.
    pub host_gap: Duration,
    /// The occasions on which its servers are sent `getinfo`, if it is of the Quake 3 family.
    pub getinfo: GetInfo,
    /// The rules for reading its texts.
    pub text: TextRules,
    /// True if its servers report ping 0 for bots and for no one else (except a player on the same machine).
    pub bots_have_ping_zero: bool,
    /// The score by which its servers mark spectators.
    pub spectator_score: Option<i32>,
    /// The names of its teams, by number.
    pub teams: &'static [&'static str],
    /// The names that its servers use for the game without a modification, in addition to its full name.
    pub base_mods: &'static [&'static str],
}

impl Game {
    /// Returns the values that most games of a wire protocol share: a base for its table, not a game itself.
    pub(super) const fn of(wire: &'static WireProtocol, server_port: u16) -> Game {
        Game {
            id: "",
            aliases: &[],
            name: "",
            wire,
            server_port,
            master_port: 0,
            masters: &[],
            list_protocol: 0,
            list_name: None,
            ext_name: None,
            steam_app: 0,
            host_gap: Duration::from_millis(100),
            getinfo: GetInfo::IfCut,
            text: TextRules::new(Colors::None),
            bots_have_ping_zero: false,
            spectator_score: None,
            teams: &[],
            base_mods: &[],
        }
    }

    /// Returns all games of the catalogue.
    pub fn all() -> impl Iterator<Item = &'static Game> {
        WIRE_PROTOCOLS.iter().flat_map(|wire| (wire.games)())
    }

    /// Returns the game with this `id` or alias, ignoring case.
    pub fn find(id: &str) -> Option<&'static Game> {
        Game::all().find(|game| game.is_called(id))
    }

    /// Returns whether `id` is the id or an alias of the game, ignoring case.
    pub fn is_called(&self, id: &str) -> bool {
        [self.id].iter().chain(self.aliases).any(|name| name.eq_ignore_ascii_case(id))
    }

    /// Returns whether its servers send the names of their players over UDP.
    pub fn lists_players(&self) -> bool {
        self.wire.lists_players && self.getinfo != GetInfo::Instead
    }

    /// Returns the name of team number `team`; `None` if the game has no such team.
    pub fn team_name(&self, team: u8) -> Option<&'static str> {
        self.teams.get(usize::from(team)).copied()
    }
}

/// Writes a short form: the ID identifies the game.
impl fmt::Debug for Game {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Game({})", self.id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_game_is_found_once_and_is_complete() {
        for game in Game::all() {
            for id in [game.id].iter().chain(game.aliases) {
                assert!(std::ptr::eq(Game::find(&id.to_uppercase()).unwrap(), game), "{id}");
                assert!(id.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit()), "{id}");
            }
            assert!(!game.name.is_empty() && game.server_port >= 1024, "{game:?}");
            assert!((game.wire.games)().iter().any(|of_wire| std::ptr::eq(of_wire, game)), "{game:?}");
            for master in game.masters {
                let (host, port) = master.rsplit_once(':').unwrap();
                assert!(host.contains('.') && port.parse::<u16>().is_ok_and(|port| port > 0), "{master}");
                assert!(game.master_port > 0 && game.wire.has_masters(), "{game:?}");
            }
        }
        assert!(Game::find("").is_none() && Game::find("quake").is_none());
    }

    #[test]
    fn teams_have_names() {
        let et = Game::find("et").unwrap();
        assert_eq!((et.team_name(1), et.team_name(2), et.team_name(4)), (Some("axis"), Some("allies"), None));
    }
}
