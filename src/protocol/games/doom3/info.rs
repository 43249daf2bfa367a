//! A reply: the version of the protocol, the settings, the players, and numbers that depend on the game.
//!
//! The layout comes from Doom 3 (`ProcessInfoResponseMessage` in `AsyncClient.cpp`); for the other games from qstat
//! (`doom3.c`), and for Quake Wars' longer reply from GameQ (`Etqw.php`).

use super::QUAKE_WARS;
use crate::protocol::games::fields::Fields;
use crate::protocol::games::status_text::{count, raw, text};
use crate::protocol::games::{Game, PlayerInfo, ServerInfo, TextField};

/// The player number that ends the list of players: `MAX_ASYNC_CLIENTS`.
const NO_PLAYER: u8 = 32;
/// The major version of the protocol of Quake 4. Its highest bit is a flag.
pub(super) const QUAKE_4: u32 = 2;
/// The challenge in Quake Wars' reply to a request with only one number, which it takes for the task. In that reply, a
/// size follows the version, as in the longer one (`tests/etqw_1.4_test1` of qstat).
const NO_CHALLENGE: u32 = u32::MAX;
const NO_FLAG: u32 = 0x7fff;

/// Parses the reply to `getInfo`, after its header.
pub(super) fn parse(body: &[u8], game: &'static Game) -> Result<ServerInfo, &'static str> {
    let mut fields = Fields::new(body);
    fields.u32_le()?;
    let mut protocol = fields.u32_le()?;
    if protocol == NO_CHALLENGE {
        protocol = fields.u32_le()?;
        fields.u32_le()?;
    }
    let layout = PlayerLayout::new(protocol);
    let mut reading = Reading { info: ServerInfo::new(game), has_settings: false, fields, ids: Vec::new() };
    let end = reading
        .settings(layout.protocol)
        .and_then(|()| reading.players(layout))
        .and_then(|()| reading.number("osmask", 4));
    reading.finish(end, layout)
}

/// Parses the reply to `getInfoEx`, after its header: the same layout with a task before the challenge, and more fields
/// at the end.
pub(super) fn parse_ex(body: &[u8], game: &'static Game) -> Result<ServerInfo, &'static str> {
    let mut fields = Fields::new(body);
    fields.bytes(8)?;
    let layout = PlayerLayout::new(fields.u32_le()?);
    fields.u32_le()?;
    let mut reading = Reading { info: ServerInfo::new(game), has_settings: false, fields, ids: Vec::new() };
    let end = reading.settings(layout.protocol).and_then(|()| reading.players(layout));
    let end = end.and_then(|()| reading.quake_wars_state());
    let end = end.and_then(|()| reading.quake_wars_players());
    reading.finish(end, layout)
}

/// The fields that a player has.
#[derive(Clone, Copy)]
struct PlayerLayout {
    protocol: u32,
    has_rate: bool,
    has_clan: bool,
    /// True if a byte before the clan says on which side of the name it is shown.
    has_clan_place: bool,
    has_bot: bool,
}

impl PlayerLayout {
    fn new(protocol: u32) -> PlayerLayout {
        let (major, minor) = (protocol >> 16 & NO_FLAG, protocol & 0xffff);
        let is_quake_wars = major == QUAKE_WARS;
        PlayerLayout {
            protocol,
            has_rate: !is_quake_wars || minor < 19,
            has_clan: major == QUAKE_4 || (is_quake_wars && minor >= 17),
            has_clan_place: is_quake_wars,
            has_bot: is_quake_wars,
        }
    }
}

/// The rest of a reply, and what has been read of it.
struct Reading<'a> {
    info: ServerInfo,
    /// True once all settings have been read.
    has_settings: bool,
    fields: Fields<'a>,
    /// The numbers of the players, in the order of the list.
    ids: Vec<u8>,
}

impl Reading<'_> {
    /// Reads keys and values up to an empty pair.
    fn settings(&mut self, protocol: u32) -> Result<(), &'static str> {
        let rules = &mut self.info.rules;
        rules.push(b"protocol", format!("{}.{}", protocol >> 16 & NO_FLAG, protocol & 0xffff).as_bytes());
        loop {
            match (self.fields.text()?, self.fields.text()?) {
                (b"", b"") => {
                    self.has_settings = true;
                    return Ok(());
                }
                (key, value) => rules.push(key, value),
            }
        }
    }

    fn players(&mut self, layout: PlayerLayout) -> Result<(), &'static str> {
        loop {
            let id = self.fields.u8()?;
            if id >= NO_PLAYER {
                return Ok(());
            }
            self.player(id, layout)?;
        }
    }

    fn player(&mut self, id: u8, layout: PlayerLayout) -> Result<(), &'static str> {
        let fields = &mut self.fields;
        let ping = fields.u16_le()?;
        let rate = if layout.has_rate { Some(fields.u32_le()?) } else { None };
        let name = fields.text()?;
        if layout.has_clan_place && layout.has_clan {
            fields.u8()?;
        }
        let clan = if layout.has_clan { fields.text()? } else { b"" };
        let bot = if layout.has_bot { Some(fields.u8()? != 0) } else { None };

        let at = self.info.player_list.len();
        if let Some(rate) = rate {
            self.info.push_of_player(at, "rate", rate.to_string().as_bytes());
        }
        self.info.push_of_player(at, "clan", clan);
        self.ids.push(id);
        let named = PlayerInfo::named(self.info.game, name);
        self.info.player_list.push(PlayerInfo { ping: Some(ping.into()), bot, ..named });
        Ok(())
    }

    /// Reads a little-endian number of this many bytes, and adds it to the rules.
    fn number(&mut self, key: &str, bytes: usize) -> Result<(), &'static str> {
        let number =
            self.fields.bytes(bytes)?.iter().rfold(0u64, |number, byte| number << 8 | u64::from(*byte));
        self.info.rules.push(key.as_bytes(), number.to_string().as_bytes());
        Ok(())
    }

    fn quake_wars_state(&mut self) -> Result<(), &'static str> {
        for (key, bytes) in
            [("osmask", 4), ("ranked", 1), ("timeleft", 4), ("gamestate", 1), ("servertype", 1)]
        {
            self.number(key, bytes)?;
        }
        // A TV server sends its counts of viewers here.
        if raw(&self.info, &["servertype"]) == Some(b"0") {
            return self.number("interested_clients", 1);
        }
        self.number("connected_clients", 4)?;
        self.number("max_clients", 4)
    }

    /// Reads experience, team, kills and deaths of the players, who may be in another order than in the list.
    fn quake_wars_players(&mut self) -> Result<(), &'static str> {
        loop {
            let id = self.fields.u8()?;
            if id >= NO_PLAYER {
                return Ok(());
            }
            let (experience, team) = (self.fields.f32_le()?, self.fields.text()?);
            let [kills, deaths] = [self.fields.i32_le()?, self.fields.i32_le()?];
            let Some(at) = self.ids.iter().position(|&known| known == id) else { continue };
            let player = &mut self.info.player_list[at];
            player.score = Some(f64::from(experience)).filter(|score| score.is_finite());
            player.set_team_name(self.info.game, team);
            self.info.push_of_player(at, "kills", kills.to_string().as_bytes());
            self.info.push_of_player(at, "deaths", deaths.to_string().as_bytes());
        }
    }

    /// Assigns the settings that have a field. `end` is an error if the reply was cut off: within the settings, it still has to
    /// name the server or its map.
    fn finish(self, end: Result<(), &'static str>, layout: PlayerLayout) -> Result<ServerInfo, &'static str> {
        let mut info = self.info;
        info.name_raw = raw(&info, &["si_name"]).map(Box::from);
        info.name = text(&info, &["si_name"]);
        if let Some(map) = raw(&info, &["si_map"]).map(<[u8]>::to_vec) {
            info.set_text(TextField::Map, if layout.has_bot { map_name(&map) } else { &map });
        }
        info.set_text_by_rules(TextField::Mod, &["fs_game", "gamename"]);
        info.set_text_by_rules(TextField::GameType, &["si_gameType", "si_rules"]);
        info.set_text_by_rules(TextField::Version, &["si_version"]);
        info.max_players = count(&info, &["si_maxPlayers"]);
        info.private_slots = count(&info, &["si_privateClients", "si_privatePlayers"]);
        info.password = count(&info, &["si_usepass", "si_needPass"]).map(|flag| flag != 0);
        info.players = info.player_list.len() as u32;
        info.count_bots();
        if let Err(reason) = end {
            if !self.has_settings && info.name.is_none() && info.map.is_none() {
                return Err(reason);
            }
            let what = if self.has_settings { "" } else { " within the server's settings" };
            info.truncated = true;
            info.remarks.push(format!("{reason}{what}"));
        }
        Ok(info)
    }
}

/// Returns the name of a map of Quake Wars: `maps/valley.entities` is `valley`.
fn map_name(file: &[u8]) -> &[u8] {
    let name = file.strip_prefix(b"maps/").unwrap_or(file);
    name.strip_suffix(b".entities").unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SETTINGS: &[u8] =
        b"si_name\0^1Home\0si_map\0maps/valley.entities\0fs_game\0\0gamename\0base\0si_maxPlayers\x008\0\
        si_usePass\x001\0si_privateClients\x002\0si_version\x001.3\0si_gameType\0Tourney\0\0\0";

    fn body(protocol: u32, before: &[u8], players: &[u8]) -> Vec<u8> {
        [before, &protocol.to_le_bytes(), SETTINGS, players].concat()
    }

    fn read(id: &str, protocol: u32, players: &[u8]) -> ServerInfo {
        parse(&body(protocol, b"PiNG", players), Game::find(id).unwrap()).unwrap()
    }

    #[test]
    fn every_setting_is_assigned() {
        let info = read("doom3", 0x0001_0029, b"\x20\x07\0\0\0");
        let texts = [&info.name, &info.map, &info.mod_name, &info.game_type, &info.version]
            .map(|text| text.as_deref());
        assert_eq!(texts, ["Home", "maps/valley.entities", "base", "Tourney", "1.3"].map(Some));
        assert_eq!((info.max_players, info.private_slots, info.password), (Some(8), Some(2), Some(true)));
        assert_eq!((info.players, info.bots, info.truncated), (0, Some(0), false));
        assert_eq!(
            (info.rules.get("protocol"), info.rules.get("osmask")),
            (Some(&b"1.41"[..]), Some(&b"7"[..]))
        );
    }

    #[test]
    fn players_have_the_fields_of_their_game() {
        let doom3 =
            read("doom3", 0x0001_0029, b"\0\x30\0\0\x64\0\0^2Ann\0\x03\x10\x27\0\0\0\0Bo\0\x20\x07\0\0\0");
        let players: Vec<_> =
            doom3.player_list.iter().map(|player| (&player.name[..], player.ping, player.bot)).collect();
        assert_eq!(players, [("Ann", Some(48), None), ("Bo", Some(10_000), None)]);
        assert_eq!((doom3.bots, doom3.rules.get("rate_0")), (None, Some(&b"25600"[..])));

        for protocol in [0x0002_0055, 0x8002_0055] {
            let quake4 =
                read("quake4", protocol, b"\0\x30\0\0\x64\0\0^i123An^c900n\0^-C^+lan\0\x20\x07\0\0\0");
            assert_eq!(
                (&quake4.player_list[0].name[..], quake4.rules.get("clan_0")),
                ("Ann", Some(&b"^-C^+lan"[..]))
            );
            assert_eq!(quake4.rules.get("protocol"), Some(&b"2.85"[..]));
        }
    }

    #[test]
    fn quake_wars_says_what_players_have_achieved() {
        let listed = b"\0\x4c\0Ann\0\0[C]\0\0\x05\0\0Bot\0\0\0\x01\x20";
        let state = b"\x07\0\0\0\x01\x10\x27\0\0\x02\0\x03";
        let achieved =
            b"\x05\0\0\xc0\x3fgdf\0\x02\0\0\0\x09\0\0\0\0\0\0\xc0\x7fstrogg\0\x01\0\0\0\0\0\0\0\x20";
        let whole = [&listed[..], state, achieved].concat();
        let settings = [&0x000a_0015u32.to_le_bytes()[..], b"\xa7\x06\0\0", SETTINGS].concat();
        let game = Game::find("etqw").unwrap();
        let info = parse_ex(&[b"taskPiNG", &settings[..], &whole].concat(), game).unwrap();
        let [ann, bot] = &info.player_list[..] else { panic!("two") };
        assert_eq!(
            (ann.score, ann.team_name.as_deref(), ann.bot),
            (None, Some("strogg"), Some(false)),
            "not a number"
        );
        assert_eq!((bot.score, bot.team_name.as_deref(), bot.bot), (Some(1.5), Some("gdf"), Some(true)));
        assert_eq!((info.players, info.bots, info.map.as_deref()), (2, Some(1), Some("valley")));
        let rule = |key| info.rules.get(key).map(|value| String::from_utf8(value.to_vec()).unwrap());
        let wanted = [
            ("clan_0", "[C]"),
            ("kills_1", "2"),
            ("deaths_1", "9"),
            ("timeleft", "10000"),
            ("interested_clients", "3"),
        ];
        assert!(wanted.iter().all(|(key, value)| rule(key).as_deref() == Some(*value)), "{:?}", info.rules);

        for length in 0..whole.len() {
            let cut = parse_ex(&[b"taskPiNG", &settings[..], &whole[..length]].concat(), game).unwrap();
            assert!(
                cut.truncated
                    && cut.name.as_deref() == Some("Home")
                    && cut.remarks == ["the reply is cut off"]
            );
        }
    }

    #[test]
    fn quake_wars_also_answers_the_short_request() {
        let listed = b"\0\x4c\0Ann\0\0\0\0\x20\x07\0\0\0\0";
        let body = [b"PiNG\xff\xff\xff\xff\x13\0\x0a\0\xf5\x03\0\0", SETTINGS, listed].concat();
        let info = parse(&body, Game::find("doom3").unwrap()).unwrap();
        assert_eq!(
            (&info.player_list[0].name[..], info.bots, info.map.as_deref()),
            ("Ann", Some(0), Some("valley"))
        );
    }

    #[test]
    fn a_reply_that_ends_within_its_settings_needs_a_name() {
        let whole = body(0x0001_0029, b"PiNG", b"");
        let named = 8 + b"si_name\0^1Home\0".len();
        for length in 0..whole.len() {
            match parse(&whole[..length], Game::find("doom3").unwrap()) {
                Err(reason) => assert!(length < named && reason == "the reply is cut off", "{length}"),
                Ok(info) => {
                    assert!(length >= named && info.truncated && info.name.as_deref() == Some("Home"));
                    assert_eq!(info.remarks, ["the reply is cut off within the server's settings"]);
                    assert_eq!(info.map.is_some(), length >= named + b"si_map\0maps/valley.entities\0".len());
                }
            }
        }
    }
}
