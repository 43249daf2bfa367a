//! GameSpy's query protocols: four versions, with the same keys.
//!
//! | file | |
//! |---|---|
//! | `mod.rs` | keys and values as a [`ServerInfo`], the same in all versions |
//! | `v1.rs`, `keys.rs` | version 1: a conversation, and its keys and values between backslashes |
//! | `v2.rs` | version 2: a conversation, and tables of players and teams |
//! | `v3.rs` | a conversation of version 3 or 4: a challenge, and a status in numbered parts |
//! | `sections.rs` | such a status: keys and values, columns of players and teams |
//! | `minecraft.rs`, `just_cause.rs` | two servers with layouts of their own |
//! | `session.rs` | the number in a request, and the token in it |
//! | `games.rs` | the games |
//!
//! There is no UDP master: GameSpy's lists came over TCP.

mod games;
mod just_cause;
mod keys;
mod minecraft;
mod sections;
mod session;
mod v1;
mod v2;
mod v3;

use super::fields::number;
use super::{Game, PlayerInfo, Rules, ServerInfo, TextField};
pub(super) use v1::VERSION_1;
pub(super) use v2::VERSION_2;
pub(super) use v3::{WITH_CHALLENGE, WITHOUT_CHALLENGE};
pub(super) use {just_cause::JUST_CAUSE, minecraft::MINECRAFT};

/// The reason why a reply is not an answer.
const NO_SERVER: &str = "the reply does not describe a server";

/// The keys of a server's name, map and so on, in order of preference: the first one with a value counts. Numeric keys
/// are Unreal Tournament 3's (`Ut3.php` of GameQ).
const NAME: &[&str] = &["hostname", "servername"];
const MAP: &[&str] = &["p1073741825", "mapname", "map"];
const GAME_TYPE: &[&str] = &["p1073741826", "gametype"];
const VERSION: &[&str] = &["gamever", "version", "EngineVersion"];
const PASSWORD: &[&str] = &["password", "s7"];
const MOD: &[&str] = &["gamevariant", "active_mods", "gameid", "mod"];
const TEXTS: [(TextField, &[&str]); 4] = [
    (TextField::Map, MAP),
    (TextField::GameType, GAME_TYPE),
    (TextField::Version, VERSION),
    (TextField::Mod, MOD),
];
const RESERVED: &[&str] = &["reservedslots", "bf2_reservedslots"];

/// Describes a server by its keys and values, without its players.
fn describe(game: &'static Game, rules: Rules) -> Result<ServerInfo, &'static str> {
    describe_beside(false, game, rules)
}

/// Describes a server by its keys and values. If players with names are listed beside them, nothing else need be there:
/// the part with the rest may be lost.
fn describe_beside(has_players: bool, game: &'static Game, rules: Rules) -> Result<ServerInfo, &'static str> {
    let info = assigned(game, rules);
    let has_count = info.rules.get("numplayers").and_then(count).or(info.max_players).is_some();
    if names_nothing(&info) && !has_count && !has_players { Err(NO_SERVER) } else { Ok(info) }
}

/// Returns whether neither the server's name nor its map is known.
fn names_nothing(info: &ServerInfo) -> bool {
    info.name.is_none() && info.map.is_none()
}

/// Assigns the keys and values that have a field.
fn assigned(game: &'static Game, rules: Rules) -> ServerInfo {
    let mut info = ServerInfo::new(game);
    let value = |keys: &[&str]| {
        keys.iter().find_map(|key| rules.get(key).filter(|value| !value.trim_ascii().is_empty()))
    };
    let players = value(&["numplayers"]).and_then(count);
    if let Some(name) = value(NAME) {
        info.set_name(name);
    }
    for (field, keys) in TEXTS {
        if let Some(sent) = value(keys) {
            info.set_text(field, sent);
        }
    }
    info.max_players = value(&["maxplayers"]).and_then(count);
    info.private_slots = value(RESERVED).and_then(count);
    info.password = value(PASSWORD).and_then(flag);
    if players.is_none() {
        info.remarks.push("the number of players is missing".into());
    }
    info.players = players.unwrap_or_default();
    info.rules = rules;
    info
}

/// Lists the players of a server. `teams` has the names of its teams.
fn list_players(info: &mut ServerInfo, mut players: Vec<PlayerInfo>, teams: &[&[u8]]) {
    name_teams(info.game, &mut players, teams);
    info.players = info.players.max(players.len() as u32);
    info.player_list = players;
    info.note_unlisted();
    if !info.truncated && !info.player_list.is_empty() {
        info.count_bots();
    }
}

/// Reads a player from its fields. `field` finds one by its name, without the number or suffix; `None` if there is no
/// name.
fn player<'a>(game: &Game, field: impl Fn(&str) -> Option<&'a [u8]>) -> Option<PlayerInfo> {
    let first = |names: &[&str]| names.iter().find_map(|name| field(name));
    let name = first(&["player", "playername", "name"])?;
    let team = field("team");
    let number = team.and_then(whole);
    let mut player = PlayerInfo {
        name: game.text.clean(name).trim().to_owned(),
        name_raw: name.into(),
        score: first(&["score", "frags", "kills"]).and_then(decimal),
        ping: field("ping").and_then(whole),
        team: number,
        bot: field("AIBot").map(|value| value == b"1"),
        ..PlayerInfo::default()
    };
    player.set_team_name(game, team.filter(|_| number.is_none()).unwrap_or_default());
    Some(player)
}

/// Returns whether a column of players (`score_`) or of teams (`score_t`) has this name, ignoring case.
fn is_column(column: &[u8], name: &str) -> bool {
    let bare = column.strip_suffix(b"_t").or(column.strip_suffix(b"_"));
    bare.is_some_and(|bare| bare.eq_ignore_ascii_case(name.as_bytes()))
}

/// Names the teams of players. Some games number their teams from 0, others from 1; if the players' numbers do not tell
/// which, the teams stay without names.
fn name_teams(game: &Game, players: &mut [PlayerInfo], teams: &[&[u8]]) {
    let has = |team: usize| players.iter().any(|player| player.team == i32::try_from(team).ok());
    let first = match teams.len() {
        0 => return,
        count if has(count) => 1,
        _ if has(0) => 0,
        _ => return,
    };
    for player in players {
        let index = player.team.and_then(|team| usize::try_from(team).ok()?.checked_sub(first));
        player.set_team_name(game, index.and_then(|index| teams.get(index)).copied().unwrap_or_default());
    }
}

fn count(value: &[u8]) -> Option<u32> {
    number(value)
}

fn whole(value: &[u8]) -> Option<i32> {
    number(value)
}

fn decimal(value: &[u8]) -> Option<f64> {
    number(value).filter(|number: &f64| number.is_finite())
}

fn flag(value: &[u8]) -> Option<bool> {
    match value.trim_ascii().to_ascii_lowercase().as_slice() {
        b"0" | b"false" | b"no" => Some(false),
        b"1" | b"true" | b"yes" => Some(true),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(pairs: &[(&str, &str)]) -> Rules {
        let mut rules = Rules::default();
        pairs.iter().for_each(|(key, value)| rules.push(key.as_bytes(), value.as_bytes()));
        rules
    }

    fn game() -> &'static Game {
        Game::find("bf2").expect("a game")
    }

    fn on_team(team: i32) -> PlayerInfo {
        PlayerInfo { team: Some(team), ..PlayerInfo::default() }
    }

    #[test]
    fn every_key_is_assigned() {
        let info = describe(
            game(),
            rules(&[
                ("HostName", "A"),
                ("mapname", "junk"),
                ("p1073741825", "b"),
                ("gametype", "c"),
                ("gamever", ""),
                ("EngineVersion", "9"),
                ("numplayers", " 3"),
                ("maxplayers", "8"),
                ("password", "False"),
                ("bf2_reservedslots", "2"),
                ("mod", "x"),
            ]),
        )
        .unwrap();
        assert_eq!((info.name.as_deref(), info.map.as_deref()), (Some("A"), Some("b")));
        assert_eq!((info.game_type.as_deref(), info.version.as_deref()), (Some("c"), Some("9")));
        assert_eq!((info.players, info.max_players, info.private_slots), (3, Some(8), Some(2)));
        assert_eq!((info.password, info.mod_name.as_deref()), (Some(false), Some("x")));
        assert_eq!(describe(game(), rules(&[("status", "")])).unwrap_err(), NO_SERVER);
        let odd =
            describe(game(), rules(&[("hostname", "x"), ("numplayers", "many"), ("password", "?")])).unwrap();
        assert_eq!((odd.players, odd.password, odd.remarks.len()), (0, None, 1));
    }

    #[test]
    fn players_have_the_fields_that_were_sent() {
        let fields =
            [("player", " [x] Ann"), ("score", "-3"), ("ping", " 152"), ("team", "red"), ("AIBot", "1")];
        let field =
            |name: &str| fields.iter().find(|(key, _)| *key == name).map(|(_, value)| value.as_bytes());
        let ann = player(game(), field).unwrap();
        assert_eq!((ann.name.as_str(), &*ann.name_raw), ("[x] Ann", &b" [x] Ann"[..]));
        assert_eq!((ann.score, ann.ping, ann.team, ann.bot), (Some(-3.0), Some(152), None, Some(true)));
        assert_eq!(ann.team_name.as_deref(), Some("red"));
        assert!(
            player(game(), |name| (name == "score").then_some(&b"1"[..])).is_none(),
            "a player needs a name"
        );
        let endless = |name: &str| Some(if name == "score" { &b"inf"[..] } else { b"x" });
        assert_eq!(player(game(), endless).unwrap().score, None);
    }

    #[test]
    fn teams_are_named_only_if_their_numbering_is_certain() {
        let teams = [&b"MEC"[..], b"US"];
        let named = |numbers: &[i32]| {
            let mut players: Vec<_> = numbers.iter().map(|&team| on_team(team)).collect();
            name_teams(game(), &mut players, &teams);
            players
                .into_iter()
                .map(|player| player.team_name.unwrap_or("-".into()))
                .collect::<Vec<_>>()
                .join(" ")
        };
        assert_eq!(named(&[1, 2, 0, 255, -1]), "MEC US - - -");
        assert_eq!(named(&[0, 1]), "MEC US");
        assert_eq!(named(&[1, 1]), "- -", "it may be either");
    }

    #[test]
    fn a_list_longer_or_shorter_than_the_number_of_players_is_noticed() {
        let listed = |players: &str, bots: &[Option<bool>]| {
            let mut info = describe(game(), rules(&[("numplayers", players)])).unwrap();
            let list = bots.iter().map(|&bot| PlayerInfo { bot, ..PlayerInfo::default() }).collect();
            list_players(&mut info, list, &[]);
            (info.players, info.bots, info.truncated, info.remarks.join("; "))
        };
        assert_eq!(listed("1", &[Some(true), Some(false)]), (2, Some(1), false, String::new()));
        assert_eq!(listed("3", &[Some(true)]), (3, None, true, "1 of 3 players are listed".into()));
        assert_eq!(listed("1", &[None]), (1, None, false, String::new()));
    }
}
