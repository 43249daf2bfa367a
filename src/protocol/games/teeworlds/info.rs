//! The fields of a server and of its players, in the order of `CServer::CacheServerInfo` (ddnet) and
//! `CServer::GenerateServerInfo` (teeworlds 0.7).

use super::integers;
use crate::protocol::games::fields::{Fields, number};
use crate::protocol::games::{Game, PlayerInfo, ServerInfo, TextField};

/// The kinds of replies. Most fields are the same in all of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum InfoLayout {
    /// `inf3` of version 0.6: up to 16 players.
    Plain,
    /// `dtsf`: up to 24 players in each datagram, with the number of players in earlier ones.
    Legacy64,
    /// `iext` of DDNet: adds the checksum and the size of the map, and texts reserved for later versions.
    Extended,
    /// `inf3` of version 0.7: adds a host name, a skill level and the kind of each player. Its integers are binary.
    Seven,
}

/// A server, and what the reply says about the length of its list of players.
#[derive(Debug)]
pub(super) struct ServerDescription {
    layout: InfoLayout,
    pub info: ServerInfo,
    /// The number of players and spectators.
    pub clients: u32,
    /// The number of players in earlier datagrams; 0 unless the layout has it.
    pub offset: u32,
}

/// A player, and the fields that [`PlayerInfo`] does not have.
#[derive(Debug)]
pub(super) struct Tee {
    player: PlayerInfo,
    clan: Box<[u8]>,
    /// The number of the country in ISO 3166-1; -1 for none.
    country: Option<i32>,
}

/// Some players, in the server's order.
#[derive(Debug, Default)]
pub(super) struct ListedPlayers {
    pub players: Vec<Tee>,
    /// True if the datagram ends in the middle of a player.
    pub is_cut: bool,
}

/// The flag of a server that needs a password.
const PASSWORD: i32 = 1;
/// The flags of a player in version 0.7.
const SPECTATOR: i32 = 1;
const BOT: i32 = 2;
/// The maximum number of players read from one datagram.
const MAX_LISTED: usize = 1400;

impl InfoLayout {
    /// Reads an integer; `None` if it is a text that is not a number.
    fn number(self, fields: &mut Fields<'_>) -> Result<Option<i32>, &'static str> {
        if self == InfoLayout::Seven {
            return integers::read(fields).map(Some);
        }
        fields.text().map(number)
    }

    /// Reads a server.
    pub fn read_server(
        self,
        fields: &mut Fields<'_>,
        game: &'static Game,
    ) -> Result<ServerDescription, &'static str> {
        let mut info = ServerInfo::new(game);
        let version = fields.text()?;
        let name = fields.text()?;
        if self == InfoLayout::Seven {
            info.rules.push(b"hostname", fields.text()?);
        }
        let map = fields.text()?;
        if self == InfoLayout::Extended {
            info.rules.push(b"map_crc", fields.text()?);
            info.rules.push(b"map_size", fields.text()?);
        }
        let game_type = fields.text()?;
        let flags = self.kept_number(b"flags", fields, &mut info)?;
        if self == InfoLayout::Seven {
            self.kept_number(b"skill_level", fields, &mut info)?;
        }
        self.kept_number(b"num_players", fields, &mut info)?;
        self.kept_number(b"max_players", fields, &mut info)?;
        let clients = self.kept_number(b"num_clients", fields, &mut info)?.and_then(natural);
        let max_clients = self.kept_number(b"max_clients", fields, &mut info)?.and_then(natural);
        let mut offset = 0;
        match self {
            InfoLayout::Legacy64 => offset = natural(integers::read(fields)?).unwrap_or(0),
            InfoLayout::Extended => drop(fields.text()?),
            InfoLayout::Plain | InfoLayout::Seven => {}
        }
        info.set_name(name);
        info.max_players = max_clients;
        info.set_text(TextField::Map, map);
        info.set_text(TextField::GameType, game_type);
        info.set_text(TextField::Version, version);
        info.password = flags.map(|flags| flags & PASSWORD != 0);
        Ok(ServerDescription { layout: self, info, clients: clients.unwrap_or(0), offset })
    }

    /// Reads an integer, and adds it to the rules.
    fn kept_number(
        self,
        key: &[u8],
        fields: &mut Fields<'_>,
        info: &mut ServerInfo,
    ) -> Result<Option<i32>, &'static str> {
        let number = self.number(fields)?;
        let text = number.map(|number| number.to_string()).unwrap_or_default();
        info.rules.push(key, text.as_bytes());
        Ok(number)
    }

    /// Reads players up to the end.
    pub fn read_players(self, fields: &mut Fields<'_>, game: &'static Game) -> ListedPlayers {
        let mut listed = ListedPlayers::default();
        while !fields.is_empty() && listed.players.len() < MAX_LISTED {
            match self.read_player(fields, game) {
                Ok(player) => listed.players.push(player),
                Err(_) => {
                    listed.is_cut = true;
                    break;
                }
            }
        }
        listed
    }

    fn read_player(self, fields: &mut Fields<'_>, game: &'static Game) -> Result<Tee, &'static str> {
        let name = fields.text()?;
        let clan = fields.text()?;
        let country = self.number(fields)?;
        let score = self.number(fields)?;
        let kind = self.number(fields)?;
        if self == InfoLayout::Extended {
            fields.text()?;
        }
        let (is_spectator, bot) = match self {
            InfoLayout::Seven => {
                (kind.map(|flags| flags & SPECTATOR != 0), kind.map(|flags| flags & BOT != 0))
            }
            // Here, 1 stands for a player, and 0 for a spectator.
            _ => (kind.map(|is_player| is_player == 0), None),
        };
        let player = PlayerInfo {
            score: score.map(f64::from),
            team_name: is_spectator.filter(|is| *is).map(|_| "spectator".into()),
            bot,
            ..PlayerInfo::named(game, name)
        };
        Ok(Tee { player, clan: clan.into(), country })
    }
}

impl ServerDescription {
    /// Adds the players to the server, and a remark if some are missing.
    pub fn with_players(self, listed: ListedPlayers) -> ServerInfo {
        let ServerDescription { layout, mut info, clients, .. } = self;
        let count = listed.players.len() as u32;
        info.players = clients.max(count);
        info.truncated = listed.is_cut || count < clients;
        if info.truncated {
            info.remarks.push(missing_remark(count, info.players));
        }
        for (at, Tee { player, clan, country }) in listed.players.into_iter().enumerate() {
            info.player_list.push(player);
            info.push_of_player(at, "clan", &clan);
            if let Some(country) = country.filter(|country| *country != -1) {
                info.push_of_player(at, "country", country.to_string().as_bytes());
            }
        }
        if layout == InfoLayout::Seven && !info.truncated {
            info.count_bots();
        }
        info
    }
}

/// Returns the numbers of players and slots that a server appends to its name if the players do not fit in the reply:
/// `Name [30/64]`.
pub(super) fn counts_in_name(info: &ServerInfo) -> Option<(u32, u32)> {
    let (_, counts) = info.name.as_deref()?.trim_end().strip_suffix(']')?.rsplit_once('[')?;
    let (players, slots) = counts.split_once('/')?;
    let counts = (players.trim().parse().ok()?, slots.trim().parse().ok()?);
    Some(counts).filter(|(players, slots)| players <= slots)
}

/// Raises the number of players to `players`, if the reply has a lower one.
pub(super) fn with_more_players(mut info: ServerInfo, players: u32) -> ServerInfo {
    let listed = info.player_list.len() as u32;
    info.players = info.players.max(players);
    if listed < info.players {
        info.truncated = true;
        info.bots = None;
        info.remarks = vec![missing_remark(listed, info.players)];
    }
    info
}

fn missing_remark(listed: u32, players: u32) -> String {
    format!("{listed} of {players} players are listed")
}

/// Returns a count; `None` if it is negative.
fn natural(number: i32) -> Option<u32> {
    u32::try_from(number).ok()
}
