//! A server's answer, independent of its wire protocol. Fields that the protocol or the server does not provide are
//! `None`.

use std::borrow::Cow;

use super::Game;
use super::text::TextRules;

/// The description of a game server.
///
/// Texts are clean: without colour codes and control characters (see [`text`](super::text)). Those named
/// `…_raw` are the bytes as sent.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ServerInfo {
    /// The game that the server was queried as.
    pub game: &'static Game,
    /// The rules for its texts: those of the game, with the encoding detected in its names.
    pub text: TextRules,
    /// The server's name.
    pub name: Option<String>,
    /// The server's name as sent.
    pub name_raw: Option<Box<[u8]>>,
    /// The map being played.
    pub map: Option<String>,
    /// The modification of the game that is being played, or the game itself.
    pub mod_name: Option<String>,
    /// The kind of match: a name, or a number whose meaning depends on the game.
    pub game_type: Option<String>,
    /// The number of players, bots included.
    pub players: u32,
    /// The number of bots among the players; `None` if they cannot be distinguished from people.
    pub bots: Option<u32>,
    /// The maximum number of players.
    pub max_players: Option<u32>,
    /// The number of slots reserved for players with a password.
    pub private_slots: Option<u32>,
    /// True if a password is needed to join.
    pub password: Option<bool>,
    /// The version of the server program or of the game.
    pub version: Option<String>,
    /// The players, bots included, in the server's order. May be shorter than [`players`](ServerInfo::players).
    pub player_list: Vec<PlayerInfo>,
    /// The server's settings.
    pub rules: Rules,
    /// True if players are missing from the list.
    pub truncated: bool,
    /// Remarks about oddities of the answer, in English.
    pub remarks: Vec<String>,
}

/// A player of a server.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct PlayerInfo {
    /// The name, clean.
    pub name: String,
    /// The name as sent.
    pub name_raw: Box<[u8]>,
    /// Frags, points or experience; finite.
    pub score: Option<f64>,
    /// The ping in milliseconds, as the server measures it.
    pub ping: Option<i32>,
    /// The team's number.
    pub team: Option<i32>,
    /// The team's name.
    pub team_name: Option<Cow<'static, str>>,
    /// True if it is a bot; `None` if unknown.
    pub bot: Option<bool>,
    /// The time since the player joined, in seconds; finite.
    pub seconds: Option<f64>,
}

/// The settings of a server: keys and values as sent, in the server's order. A key may occur twice; games then use its
/// first value.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rules {
    /// Keys and values, one after the other.
    bytes: Vec<u8>,
    /// The end of each key, and of its value.
    ends: Vec<(u32, u32)>,
}

impl ServerInfo {
    /// Creates a server of `game` with all fields unknown.
    pub(super) fn new(game: &'static Game) -> ServerInfo {
        ServerInfo {
            game,
            text: game.text,
            name: None,
            name_raw: None,
            map: None,
            mod_name: None,
            game_type: None,
            players: 0,
            bots: None,
            max_players: None,
            private_slots: None,
            password: None,
            version: None,
            player_list: Vec::new(),
            rules: Rules::default(),
            truncated: false,
            remarks: Vec::new(),
        }
    }

    /// Appends a value of player number `at` of the list that [`PlayerInfo`] has no field for, as the rule `KEY_AT`.
    /// Ignores an empty value.
    pub(super) fn push_of_player(&mut self, at: usize, key: &str, value: &[u8]) {
        if !value.is_empty() {
            self.rules.push(format!("{key}_{at}").as_bytes(), value);
        }
    }

    /// Counts the bots; the number stays unknown if a player may or may not be one.
    pub(super) fn count_bots(&mut self) {
        let known: Option<Vec<bool>> = self.player_list.iter().map(|player| player.bot).collect();
        self.bots = known.map(|bots| bots.into_iter().filter(|&is_bot| is_bot).count() as u32);
    }

    /// Adds a remark to a list that lacks players, if there is none yet.
    pub(super) fn explain_truncation(&mut self) {
        let listed = self.player_list.len();
        if self.truncated && self.remarks.is_empty() {
            self.remarks.push(match self.players as usize {
                players if players > listed => format!("the list of players has {listed} of {players}"),
                _ => "the player list is cut off".to_owned(),
            });
        }
    }

    /// Returns the number of slots that are free for the public; `None` if the number of slots is unknown. Spectators and
    /// bots take slots, too; which players have the private ones is unknown, so all players count.
    pub fn free_slots(&self) -> Option<u32> {
        let public = self.max_players?.saturating_sub(self.private_slots.unwrap_or(0));
        Some(public.saturating_sub(self.players))
    }

    /// Decodes the names once all of them are known, in the encoding that is detected in them, and trims them, since
    /// some games pad names with spaces.
    pub(super) fn read_names(&mut self) {
        let players = self.player_list.iter().map(|player| &*player.name_raw);
        if let Some(text) = self.text.detected(self.name_raw.as_deref().into_iter().chain(players)) {
            self.text = text;
            let is_other = |raw: &[u8]| std::str::from_utf8(raw).is_err();
            if let (Some(name), Some(raw)) =
                (&mut self.name, self.name_raw.as_deref().filter(|raw| is_other(raw)))
            {
                *name = text.clean(raw);
            }
            for player in self.player_list.iter_mut().filter(|player| is_other(&player.name_raw)) {
                player.name = text.clean(&player.name_raw);
            }
        }
        self.trim_names();
    }

    fn trim_names(&mut self) {
        let players = self.player_list.iter_mut().map(|player| &mut player.name);
        for name in self.name.iter_mut().chain(players) {
            let trimmed = name.trim();
            if trimmed.len() < name.len() {
                *name = trimmed.to_owned();
            }
        }
    }
}

impl Rules {
    /// Appends a rule.
    pub(super) fn push(&mut self, key: &[u8], value: &[u8]) {
        self.bytes.extend_from_slice(key);
        let key_end = self.bytes.len() as u32;
        self.bytes.extend_from_slice(value);
        self.ends.push((key_end, self.bytes.len() as u32));
    }

    /// Returns keys and values in the server's order.
    pub fn iter(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        let mut start = 0;
        self.ends.iter().map(move |&(key_end, end)| {
            let (key_end, end) = (key_end as usize, end as usize);
            let rule = (&self.bytes[start..key_end], &self.bytes[key_end..end]);
            start = end;
            rule
        })
    }

    /// Returns the value of the first rule with this key, ignoring case.
    pub fn get(&self, key: &str) -> Option<&[u8]> {
        self.iter().find(|(name, _)| name.eq_ignore_ascii_case(key.as_bytes())).map(|(_, value)| value)
    }

    /// Returns the number of rules.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Returns whether there are no rules.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_are_returned_in_the_order_of_addition() {
        let mut rules = Rules::default();
        assert!(rules.is_empty() && rules.get("map").is_none());
        let added: [(&[u8], &[u8]); 4] =
            [(b"Map", b"oasis"), (b"", b"x"), (b"empty", b""), (b"map", b"\xff")];
        for (key, value) in added {
            rules.push(key, value);
        }
        assert_eq!(rules.iter().collect::<Vec<_>>(), added);
        assert_eq!(
            (rules.len(), rules.get("MAP"), rules.get("EMPTY")),
            (4, Some(&b"oasis"[..]), Some(&b""[..]))
        );
    }

    #[test]
    fn private_slots_are_not_free() {
        for (players, slots, private, free) in [
            (30, Some(32), Some(2), Some(0)),
            (29, Some(32), Some(2), Some(1)),
            (30, Some(32), None, Some(2)),
            (40, Some(32), Some(64), Some(0)),
            (5, None, Some(2), None),
        ] {
            let mut info = ServerInfo::new(Game::find("q3").unwrap());
            (info.players, info.max_players, info.private_slots) = (players, slots, private);
            assert_eq!(info.free_slots(), free, "{players} {slots:?} {private:?}");
        }
    }

    #[test]
    fn names_are_trimmed() {
        let mut info = ServerInfo::new(Game::find("cod2").unwrap());
        info.name = Some(" a b  ".into());
        info.player_list = vec![PlayerInfo { name: "NIGHTOWL    ".into(), ..PlayerInfo::default() }];
        info.trim_names();
        assert_eq!((info.name.as_deref(), info.player_list[0].name.as_str()), (Some("a b"), "NIGHTOWL"));
    }
}
