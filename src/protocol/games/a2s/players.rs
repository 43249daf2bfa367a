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

/// The maximum number of players that are read: more than any server has.
const MAX_PLAYERS: usize = 1024;

/// A list of players, as sent.
#[derive(Debug)]
pub(super) struct PlayerList<'a> {
    /// The number of players that the server announces.
    announced: u8,
    entries: Vec<PlayerEntry<'a>>,
    /// True if the last entry is cut off.
    is_cut: bool,
    /// True if entries beyond [`MAX_PLAYERS`] were not read.
    is_too_long: bool,
    /// The data after the entries in The Ship: deaths and money of each player.
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
        let mut list = PlayerList {
            announced: fields.u8()?,
            entries: vec![],
            is_cut: false,
            is_too_long: false,
            of_the_ship: &[],
        };
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
            list.is_too_long = list.entries.len() > MAX_PLAYERS;
            list.entries.truncate(MAX_PLAYERS);
        }
        Ok(list)
    }

    /// Adds the players to a server, and a remark if some are missing.
    pub(super) fn add_to(&self, server: &mut Described) {
        let Described { info, app, bots, .. } = server;
        let is_player = |entry: &&PlayerEntry<'_>| *app != COUNTER_STRIKE || entry.name != NOT_A_PLAYER;
        let players = self.entries.iter().filter(is_player);
        let counted = info.bots.map(|_| (*bots, info.players));
        // More players than the server counted have joined since, or are counted in another way.
        let counted = counted.filter(|&(_, count)| players.clone().count() <= count as usize);
        info.player_list = players.map(|entry| entry.to_player(info.game, counted)).collect();
        info.players = info.players.max(info.player_list.len() as u32);
        let marked = info.player_list.iter().filter(|player| player.bot == Some(true)).count() as u32;
        info.bots = info.bots.map(|bots| bots.max(marked));
        for (at, of_player) in self.of_the_ship.chunks_exact(8).take(info.player_list.len()).enumerate() {
            for (key, number) in ["deaths", "money"].into_iter().zip(of_player.as_chunks::<4>().0) {
                info.push_of_player(at, key, i32::from_le_bytes(*number).to_string().as_bytes());
            }
        }
        let (listed, hidden) = (info.player_list.len(), self.entries.len() - info.player_list.len());
        let expected = usize::from(self.announced).max(info.players as usize);
        if hidden > 0 {
            info.remarks.push("the server hides its players".to_owned());
        } else if self.is_too_long {
            info.remarks.push(format!("only {listed} entries of the player list were read"));
        } else if self.announced == 0 && listed == 0 && expected > 0 {
            info.remarks.push("the player list is empty".to_owned());
        } else if self.is_cut || listed < expected {
            info.remarks.push(format!("{listed} of {expected} players are listed"));
        }
        info.truncated = self.is_cut || self.is_too_long || listed < expected;
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

    /// Converts the entry. Entries do not say whether they are bots; `counted` is the server's count of bots and players, if
    /// it fits the list.
    fn to_player(&self, game: &Game, counted: Option<(u32, u32)>) -> PlayerInfo {
        let bot = match counted {
            Some((0, _)) => Some(false),
            Some((bots, players)) if bots == players || self.seconds == TIME_OF_BOT => Some(true),
            _ => None,
        };
        PlayerInfo {
            score: Some(self.score.into()),
            seconds: Some(f64::from(self.seconds)).filter(|seconds| seconds.is_finite() && *seconds >= 0.0),
            bot,
            ..PlayerInfo::named(game, self.name)
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
        Described { info, app, bots, datagram: Box::default() }
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
    fn people_are_not_taken_for_bots_if_the_counts_do_not_fit() {
        let list = |counted: (u32, u32), listed: u8| {
            let mut server = server(240, counted.0, counted.1);
            server.info.bots = Some(counted.1).filter(|bots| *bots <= counted.0);
            let entries: Vec<u8> = (0..listed).flat_map(|_| entry("a", 1, 5.0)).collect();
            PlayerList::read(&[&[listed], &entries[..]].concat(), false).unwrap().add_to(&mut server);
            let ServerInfo { players, bots, player_list, truncated, .. } = server.info;
            assert!(player_list.iter().all(|player| player.bot == player_list[0].bot));
            (players, bots, player_list[0].bot, truncated)
        };
        assert_eq!(list((5, 8), 5), (5, None, None, false), "more bots than players");
        assert_eq!(list((1, 1), 3), (3, Some(1), None, false), "others joined");
        assert_eq!(list((1, 0), 3), (3, Some(0), None, false), "others joined");
        assert_eq!(list((3, 3), 2), (3, Some(3), Some(true), true), "one left");
    }

    #[test]
    fn a_list_has_a_maximum_length() {
        let entries: Vec<u8> = (0..5900).flat_map(|_| entry("", 0, 1.0)).collect();
        let mut server = server(240, 12, 0);
        PlayerList::read(&[&[255], &entries[..]].concat(), false).unwrap().add_to(&mut server);
        let info = server.info;
        assert_eq!((info.player_list.len(), info.players, info.truncated), (1024, 1024, true));
        assert_eq!(info.remarks, ["only 1024 entries of the player list were read"]);
    }

    #[test]
    fn missing_players_are_remarked() {
        let body = [&[3], &entry("a", 1, 5.0)[..], &entry("b", 1, 5.0)].concat();
        let (names, truncated, remarks) = add(server(240, 3, 0), &body);
        assert_eq!((names.len(), truncated, &remarks[0][..]), (2, true, "2 of 3 players are listed"));
        let (names, truncated, remarks) = add(server(240, 4, 0), &[&[2], &body[1..]].concat());
        let remark = "2 of 4 players are listed";
        assert_eq!((names.len(), truncated, &remarks[0][..]), (2, true, remark), "others left");
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
