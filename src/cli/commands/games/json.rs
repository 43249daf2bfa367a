//! A server as JSON.

use std::collections::HashSet;
use std::io::{self, Write};

use allears::protocol::games::text::{TextRules, raw_text};
use allears::protocol::games::{PlayerInfo, Rules, ServerInfo};
use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

use crate::cli::output::record::Record;
use crate::cli::output::untrusted::write_json_line;

/// The `"answer"` of a server. The names and order of its keys are a contract.
#[derive(Serialize)]
pub struct ServerJson<'a> {
    game: &'static str,
    protocol: &'static str,
    name: Option<&'a str>,
    name_raw: Option<String>,
    map: Option<&'a str>,
    r#mod: Option<&'a str>,
    game_type: Option<&'a str>,
    players: u32,
    bots: Option<u32>,
    max_players: Option<u32>,
    private_slots: Option<u32>,
    password: Option<bool>,
    version: Option<&'a str>,
    player_list: Option<Vec<PlayerJson<'a>>>,
    rules: RulesJson<'a>,
    truncated: bool,
    remarks: &'a [String],
}

/// The line of a server that did not answer: the keys of a result, and the game that it was queried for.
#[derive(Serialize)]
struct UnansweredJson<'a> {
    #[serde(flatten)]
    record: &'a Record,
    game: &'static str,
    reason: Option<&'a str>,
}

#[derive(Default, Serialize)]
pub struct PlayerJson<'a> {
    name: &'a str,
    name_raw: String,
    score: Option<Number>,
    ping: Option<i32>,
    team: Option<TeamJson<'a>>,
    bot: Option<bool>,
    seconds: Option<Number>,
}

/// A number, serialized as an integer if it is one.
#[derive(Serialize)]
#[serde(untagged)]
enum Number {
    Whole(i64),
    Fraction(f64),
}

/// The team's name if it has one, otherwise its number.
#[derive(Serialize)]
#[serde(untagged)]
enum TeamJson<'a> {
    Name(&'a str),
    Number(i32),
}

struct RulesJson<'a>(&'a Rules, TextRules);

impl<'a> ServerJson<'a> {
    pub fn new(info: &'a ServerInfo) -> ServerJson<'a> {
        ServerJson {
            game: info.game.id,
            protocol: info.game.wire.name,
            name: info.name.as_deref(),
            name_raw: info.name_raw.as_deref().map(raw_text),
            map: info.map.as_deref(),
            r#mod: info.mod_name.as_deref(),
            game_type: info.game_type.as_deref(),
            players: info.players,
            bots: info.bots,
            max_players: info.max_players,
            private_slots: info.private_slots,
            password: info.password,
            version: info.version.as_deref(),
            player_list: players(info),
            rules: RulesJson(&info.rules, info.text),
            truncated: info.truncated,
            remarks: &info.remarks,
        }
    }
}

/// Writes the line of a server that did not answer when it was queried for `game`.
pub fn write_unanswered(record: &Record, game: &'static str, out: &mut impl Write) -> io::Result<()> {
    write_json_line(out, &UnansweredJson { record, game, reason: record.reason.as_deref() })
}

/// Returns the list of players; `None` if the protocol has none.
fn players(info: &ServerInfo) -> Option<Vec<PlayerJson<'_>>> {
    let list = info.game.lists_players();
    list.then(|| info.player_list.iter().map(PlayerJson::new).collect())
}

impl<'a> PlayerJson<'a> {
    /// Returns a player of whom only the name is known.
    pub fn named(name: &'a str) -> PlayerJson<'a> {
        PlayerJson { name, name_raw: name.to_owned(), ..PlayerJson::default() }
    }

    pub fn new(player: &'a PlayerInfo) -> PlayerJson<'a> {
        PlayerJson {
            name: &player.name,
            name_raw: raw_text(&player.name_raw),
            score: player.score.map(Number::new),
            ping: player.ping,
            team: player.team_name.as_deref().map(TeamJson::Name).or(player.team.map(TeamJson::Number)),
            bot: player.bot,
            seconds: player.seconds.map(Number::new),
        }
    }
}

impl Number {
    fn new(number: f64) -> Number {
        // Up to 2^53, every integer is exact in both types.
        if number.fract() == 0.0 && number.abs() <= 9.0e15 {
            Number::Whole(number as i64)
        } else {
            Number::Fraction(number)
        }
    }
}

impl Serialize for RulesJson<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        let mut seen = HashSet::new();
        for (key, value) in self.0.iter() {
            // JSON objects have each key once; games use the first value.
            if seen.insert(key) {
                map.serialize_entry(&self.1.with_codes(key), &self.1.with_codes(value))?;
            }
        }
        map.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::games::server::parsed;

    #[test]
    fn the_keys_and_their_order_are_as_in_the_contract() {
        let info = parsed(
            b"\\sv_hostname\\^1H\xf6me\\mapname\\oasis\\gamename\\etpro\\sv_maxclients\\24\\P\\-12\\mapname\\x\n\
            12 48 \"^2Ann\"\n-3 0 \"Bot\"\n",
        );
        assert_eq!(
            serde_json::to_string(&ServerJson::new(&info)).expect("text and numbers"),
            concat!(
                r#"{"game":"et","protocol":"quake3","name":"Höme","name_raw":"^1Höme","map":"oasis","mod":"etpro","#,
                r#""game_type":null,"players":2,"bots":1,"max_players":24,"private_slots":null,"password":null,"#,
                r#""version":null,"player_list":[{"name":"Ann","name_raw":"^2Ann","score":12,"ping":48,"team":"axis","#,
                r#""bot":false,"seconds":null},{"name":"Bot","name_raw":"Bot","score":-3,"ping":0,"team":"allies","#,
                r#""bot":true,"seconds":null}],"rules":{"sv_hostname":"^1Höme","mapname":"oasis","gamename":"etpro","#,
                r#""sv_maxclients":"24","P":"-12"},"truncated":false,"remarks":[]}"#
            )
        );
    }

    #[test]
    fn missing_values_are_null_and_a_team_without_a_name_is_a_number() {
        let info = parsed(b"\n1.5 30 \"a\" 9\n");
        let json = serde_json::to_string(&ServerJson::new(&info)).expect("text and numbers");
        assert!(
            json.contains(r#""name":null,"name_raw":null,"map":null,"mod":null,"game_type":null"#),
            "{json}"
        );
        assert!(json.contains(r#""score":1.5,"ping":30,"team":9"#), "{json}");
    }
}
