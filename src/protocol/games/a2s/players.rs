//! The reply to PLAYER.

use super::info::Described;
use crate::protocol::games::fields::Fields;
use crate::protocol::games::{Game, PlayerInfo};

/// The name of the single entry that Counter-Strike: Global Offensive and Counter-Strike 2 send instead of their
/// players (`host_players_show`); its score is the number of slots.
const NOT_A_PLAYER: &[u8] = b"Max Players";
/// The application ID of both.
const COUNTER_STRIKE: u32 = 730;
/// The play time that Xash3D sends for a bot (`sv_query.c`).
const TIME_OF_BOT: f32 = -1.0;

/// A list of players, as sent.
#[derive(Debug)]
pub(super) struct PlayerList<'a> {
    /// The number of players that the server announces.
    announced: u8,
    entries: Vec<PlayerEntry<'a>>,
    /// True if the last entry is cut off.
    is_cut: bool,
    /// In The Ship, the bytes after the entries: deaths and money of each player.
    of_the_ship: &'a [u8],
}

#[derive(Debug)]
struct PlayerEntry<'a> {
    name: &'a [u8],
    score: i32,
    seconds: f32,
}

impl<'a> PlayerList<'a> {
    /// Reads the list, from after the packet's kind byte. Entries beyond the announced number are read, too, since that
    /// number has only one byte; but not in The Ship, where other data follows.
    pub(super) fn read(body: &'a [u8], is_the_ship: bool) -> Result<PlayerList<'a>, &'static str> {
        let mut fields = Fields::new(body);
        let mut list =
            PlayerList { announced: fields.u8()?, entries: vec![], is_cut: false, of_the_ship: &[] };
        while !fields.is_empty() && list.entries.len() < list.announced.into() {
            match PlayerEntry::read(&mut fields) {
                Ok(entry) => list.entries.push(entry),
                Err(_) => {
                    list.is_cut = true;
                    return Ok(list);
                }
            }
        }
        if is_the_ship {
            list.of_the_ship = fields.rest();
        } else {
            list.entries.extend(further(fields).unwrap_or_default());
        }
        Ok(list)
    }

    /// Adds the players to a server, and a remark if some are missing.
    pub(super) fn add_to(&self, server: &mut Described) {
        let Described { info, app, .. } = server;
        let is_player = |entry: &&PlayerEntry<'_>| *app != COUNTER_STRIKE || entry.name != NOT_A_PLAYER;
        let players = self.entries.iter().filter(is_player);
        let bots = info.bots.filter(|_| info.players > 0).map(|bots| (bots, info.players));
        info.player_list = players.map(|entry| entry.to_player(info.game, bots)).collect();
        for (at, of_player) in self.of_the_ship.chunks_exact(8).take(info.player_list.len()).enumerate() {
            for (key, number) in ["deaths", "money"].into_iter().zip(of_player.as_chunks::<4>().0) {
                info.push_of_player(at, key, i32::from_le_bytes(*number).to_string().as_bytes());
            }
        }
        let (listed, hidden) = (info.player_list.len(), self.entries.len() - info.player_list.len());
        if hidden > 0 {
            info.remarks.push("the server hides its players".to_owned());
        } else if self.is_cut || listed < self.announced.into() {
            info.remarks.push(format!("{listed} of {} players are listed", self.announced));
        } else if listed == 0 && info.players > 0 {
            info.remarks.push("the player list is empty".to_owned());
        }
        info.truncated = self.is_cut || listed < info.players as usize || listed < self.announced.into();
    }
}

/// Returns the entries after the announced ones; `None` if the remaining bytes are something else.
fn further(mut fields: Fields<'_>) -> Option<Vec<PlayerEntry<'_>>> {
    let mut entries = vec![];
    while !fields.is_empty() {
        entries.push(PlayerEntry::read(&mut fields).ok()?);
    }
    Some(entries)
}

impl<'a> PlayerEntry<'a> {
    /// Reads an entry. Its first byte, an index, is 0 in most games.
    fn read(fields: &mut Fields<'a>) -> Result<PlayerEntry<'a>, &'static str> {
        fields.u8()?;
        Ok(PlayerEntry { name: fields.text()?, score: fields.i32_le()?, seconds: fields.f32_le()? })
    }

    /// Converts the entry. Entries do not mark bots; `bots` has the server's counts of bots and of players.
    fn to_player(&self, game: &Game, bots: Option<(u32, u32)>) -> PlayerInfo {
        let bot = match bots {
            Some((0, _)) => Some(false),
            Some((bots, players)) if bots == players || self.seconds == TIME_OF_BOT => Some(true),
            _ => None,
        };
        PlayerInfo {
            name: game.text.clean(self.name),
            name_raw: self.name.into(),
            score: Some(self.score.into()),
            seconds: Some(f64::from(self.seconds)).filter(|seconds| seconds.is_finite() && *seconds >= 0.0),
            bot,
            ..PlayerInfo::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::games::ServerInfo;

    fn entry(name: &str, score: i32, seconds: f32) -> Vec<u8> {
        [&[0], name.as_bytes(), &[0], &score.to_le_bytes(), &seconds.to_le_bytes()].concat()
    }

    fn server(app: u32, players: u32, bots: u32) -> Described {
        let mut info = ServerInfo::new(Game::find("css").unwrap());
        (info.players, info.bots) = (players, Some(bots));
        Described { info, app, datagram: Box::default() }
    }

    /// Adds the list to a server, and returns the names, whether players are missing, and the remarks.
    fn add(mut server: Described, body: &[u8]) -> (Vec<String>, bool, Vec<String>) {
        PlayerList::read(body, server.app == 2400).unwrap().add_to(&mut server);
        let ServerInfo { player_list, truncated, remarks, .. } = server.info;
        (player_list.into_iter().map(|player| player.name).collect(), truncated, remarks)
    }

    #[test]
    fn players_have_scores_and_times() {
        let mut server = server(240, 3, 1);
        let entries =
            [entry("Ann", -2, 61.5), entry("", i32::MAX, f32::NAN), entry("\u{fc}\x01b", 0, -1.0)].concat();
        PlayerList::read(&[&[3], &entries[..]].concat(), false).unwrap().add_to(&mut server);
        let list = &server.info.player_list;
        assert_eq!((list[0].score, list[0].seconds, list[0].bot), (Some(-2.0), Some(61.5), None));
        assert_eq!((list[1].score, list[1].seconds, &*list[1].name), (Some(2_147_483_647.0), None, ""));
        assert_eq!((&*list[2].name, list[2].seconds, list[2].bot), ("\u{fc}b", None, Some(true)));
        assert!(!server.info.truncated && server.info.remarks.is_empty());
    }

    #[test]
    fn bots_are_marked_if_all_players_are_bots_or_none() {
        for (bots, marked) in [(0, Some(false)), (2, Some(true)), (1, None)] {
            let mut server = server(240, 2, bots);
            let body = [&[2], &entry("a", 1, 5.0)[..], &entry("b", 1, 5.0)].concat();
            PlayerList::read(&body, false).unwrap().add_to(&mut server);
            assert!(server.info.player_list.iter().all(|player| player.bot == marked), "{bots}");
        }
    }

    #[test]
    fn missing_players_are_remarked() {
        let body = [&[3], &entry("a", 1, 5.0)[..], &entry("b", 1, 5.0)].concat();
        let (names, truncated, remarks) = add(server(240, 3, 0), &body);
        assert_eq!((names.len(), truncated, &remarks[0][..]), (2, true, "2 of 3 players are listed"));
        let (names, truncated, _) = add(server(240, 2, 0), &body[..body.len() - 1]);
        assert_eq!((names, truncated), (vec!["a".to_owned()], true), "the last one is cut off");
        let (names, truncated, remarks) = add(server(240, 5, 0), &[0]);
        assert_eq!((names.len(), truncated, &remarks[0][..]), (0, true, "the player list is empty"));
        assert_eq!(add(server(240, 0, 0), &[0]), (vec![], false, vec![]));
        assert!(PlayerList::read(&[], false).is_err());
    }

    #[test]
    fn more_players_than_one_byte_counts_are_read() {
        let entries: Vec<u8> = (0..300).flat_map(|number| entry(&number.to_string(), 0, 1.0)).collect();
        for count in [300 - 256, 0] {
            let (names, truncated, _) =
                add(server(252_490, 300, 0), &[&[count as u8], &entries[..]].concat());
            assert_eq!((names.len(), truncated), (300, false));
        }
        let (names, ..) = add(server(240, 1, 0), &[&[1], &entry("a", 0, 1.0)[..], b"more"].concat());
        assert_eq!(names, ["a"], "what follows is not a player");
    }

    #[test]
    fn in_the_ship_deaths_and_money_follow_the_list() {
        let numbers = [7_i32, 2500, -1, 0].map(i32::to_le_bytes).concat();
        let body = [&[2], &entry("a", 1, 5.0)[..], &entry("b", 1, 5.0), &numbers].concat();
        assert_eq!(add(server(2400, 2, 0), &body), (vec!["a".into(), "b".into()], false, vec![]));
        let mut server = server(2400, 2, 0);
        PlayerList::read(&body, true).unwrap().add_to(&mut server);
        let rules =
            ["deaths_0", "money_0", "deaths_1", "money_1"].map(|key| server.info.rules.get(key).unwrap());
        assert_eq!(rules, [&b"7"[..], b"2500", b"-1", b"0"]);
    }

    #[test]
    fn max_players_is_not_a_player_of_counter_strike() {
        let body = [&[1], &entry("Max Players", 12, 5.0)[..]].concat();
        let (names, truncated, remarks) = add(server(730, 4, 0), &body);
        assert_eq!((names.len(), truncated, &remarks[0][..]), (0, true, "the server hides its players"));
        assert_eq!(add(server(440, 1, 0), &body).0, ["Max Players"]);
    }
}
