//! A server's answer, independent of its wire protocol. Fields that the protocol or the server does not provide are
//! `None`.

use std::borrow::Cow;

use super::Game;
use super::text::{TextRules, is_utf8};

/// The remark about a reply without a list of players.
pub(super) const NO_LIST: &str = "the reply ends within the server's settings";

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
    /// True if players are missing from the list, or a part of the answer is.
    pub truncated: bool,
    /// Remarks about oddities of the answer, in English.
    pub remarks: Vec<String>,
    /// The texts of [`TextField`]s as sent, if they are not UTF-8, until their encoding is known.
    pub(super) sent: Vec<(TextField, Box<[u8]>)>,
}

/// A text of a server besides its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TextField {
    Map,
    Mod,
    GameType,
    Version,
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
    /// The team's name as sent, if it is not UTF-8, until its encoding is known.
    pub(super) team_sent: Option<Box<[u8]>>,
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
            sent: Vec::new(),
        }
    }

    /// Sets the name as the server sent it.
    pub(super) fn set_name(&mut self, sent: &[u8]) {
        (self.name, self.name_raw) = (Some(self.text.clean(sent)), Some(sent.into()));
    }

    /// Sets a text as the server sent it.
    pub(super) fn set_text(&mut self, field: TextField, sent: &[u8]) {
        *self.text_of(field) = Some(self.text.clean(sent));
        self.sent.retain(|(other, _)| *other != field);
        if !is_utf8(sent) {
            self.sent.push((field, sent.into()));
        }
    }

    /// Sets a text to the first of these rules that is there and not empty; if there is none, the text is unknown.
    pub(super) fn set_text_by_rules(&mut self, field: TextField, keys: &[&str]) {
        let rules = std::mem::take(&mut self.rules);
        match keys.iter().filter_map(|key| rules.get(key)).find(|value| !value.is_empty()) {
            Some(value) => self.set_text(field, value),
            None => *self.text_of(field) = None,
        }
        self.rules = rules;
    }

    fn text_of(&mut self, field: TextField) -> &mut Option<String> {
        match field {
            TextField::Map => &mut self.map,
            TextField::Mod => &mut self.mod_name,
            TextField::GameType => &mut self.game_type,
            TextField::Version => &mut self.version,
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

    /// Sets whether players are missing from the list, with a remark if so.
    pub(super) fn note_unlisted(&mut self) {
        let listed = self.player_list.len();
        self.truncated = listed < self.players as usize;
        if self.truncated {
            self.remarks.push(format!("{listed} of {} players are listed", self.players));
        }
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

    /// Reads the names once all are known: in the encoding that they show to have, as all other texts, and without spaces
    /// around them, since some games pad them.
    pub(super) fn read_names(&mut self) {
        let players = self.player_list.iter().map(|player| &*player.name_raw);
        if let Some(text) = self.text.detected(self.name_raw.as_deref().into_iter().chain(players)) {
            self.text = text;
            self.read_again();
        }
        self.trim_names();
    }

    /// Reads the texts that are not UTF-8 in the encoding that was detected.
    fn read_again(&mut self) {
        let text = self.text;
        if let (Some(name), Some(raw)) =
            (&mut self.name, self.name_raw.as_deref().filter(|raw| !is_utf8(raw)))
        {
            *name = text.clean(raw);
        }
        for (field, sent) in std::mem::take(&mut self.sent) {
            *self.text_of(field) = Some(text.clean(&sent));
        }
        for player in &mut self.player_list {
            if !is_utf8(&player.name_raw) {
                player.name = text.clean(&player.name_raw);
            }
            if let Some(sent) = player.team_sent.take() {
                player.team_name = Some(Cow::Owned(text.clean(&sent)));
            }
        }
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

impl PlayerInfo {
    /// Creates a player with the name that a server of this game sent; all other fields are unknown.
    pub(super) fn named(game: &Game, sent: &[u8]) -> PlayerInfo {
        PlayerInfo { name: game.text.clean(sent), name_raw: sent.into(), ..PlayerInfo::default() }
    }

    /// Sets the name of the team as the server of this game sent it; none if it is empty.
    pub(super) fn set_team_name(&mut self, game: &Game, sent: &[u8]) {
        self.team_name = (!sent.is_empty()).then(|| game.text.clean(sent).into());
        self.team_sent = (!is_utf8(sent)).then(|| sent.into());
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

    #[cfg(feature = "charsets")]
    #[test]
    fn all_texts_are_read_in_the_encoding_of_the_names() {
        let hello = b"\xcf\xf0\xe8\xe2\xe5\xf2";
        let mut info = ServerInfo::new(Game::find("q3").unwrap());
        info.name_raw = Some(hello.as_slice().into());
        info.name = Some(info.text.clean(hello));
        let all = [TextField::Map, TextField::Mod, TextField::GameType, TextField::Version];
        all.iter().for_each(|&field| info.set_text(field, hello));
        info.set_text(TextField::Version, "Привет 1".as_bytes());
        let mut ann = PlayerInfo { name_raw: b"Ann".as_slice().into(), ..PlayerInfo::default() };
        ann.set_team_name(info.game, hello);
        info.player_list.push(ann);
        assert_eq!(info.map.as_deref(), Some("Ïðèâåò"), "nothing is detected yet");
        info.read_names();
        let texts = [&info.name, &info.map, &info.mod_name, &info.game_type].map(|text| text.as_deref());
        assert_eq!(texts, [Some("Привет"); 4]);
        assert_eq!(info.version.as_deref(), Some("Привет 1"));
        assert_eq!(info.player_list[0].team_name.as_deref(), Some("Привет"));
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
