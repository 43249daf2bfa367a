//! A server's status as JSON.

use std::collections::HashSet;

use allears::protocol::quake3::text::raw_text;
use allears::protocol::quake3::{Game, Player, Status};
use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

use super::server::cleaned;

/// `"answer"` of a server.
#[derive(Serialize)]
pub struct Answer<'a> {
    name: String,
    name_raw: String,
    map: String,
    game: String,
    players: usize,
    bots: Option<usize>,
    max_players: Option<u32>,
    player_list: Vec<Listed>,
    rules: Rules<'a>,
    truncated: bool,
}

#[derive(Serialize)]
struct Listed {
    name: String,
    name_raw: String,
    score: Option<Score>,
    ping: Option<i32>,
    team: Option<Team>,
}

/// Whole wherever it is whole.
#[derive(Serialize)]
#[serde(untagged)]
enum Score {
    Whole(i64),
    Fraction(f64),
}

/// The game's name for it, else its number.
#[derive(Serialize)]
#[serde(untagged)]
enum Team {
    Name(&'static str),
    Number(u8),
}

struct Rules<'a>(Status<'a>);

impl<'a> Answer<'a> {
    pub fn new(status: &Status<'a>, game: &Game) -> Answer<'a> {
        Answer {
            name: cleaned(status.name(), game.colors),
            name_raw: raw_text(status.name().unwrap_or_default()),
            map: cleaned(status.map(), game.colors),
            game: cleaned(status.game(), game.colors),
            players: status.player_count(),
            bots: status.bots(),
            max_players: status.max_players(),
            player_list: status.players().map(|player| Listed::new(&player, game)).collect(),
            rules: Rules(*status),
            truncated: status.truncated(),
        }
    }
}

impl Listed {
    fn new(player: &Player<'_>, game: &Game) -> Listed {
        let team = |team| game.team_name(team).map_or(Team::Number(team), Team::Name);
        Listed {
            name: cleaned(Some(player.name), game.colors),
            name_raw: raw_text(player.name),
            score: player.score.map(Score::new),
            ping: player.ping,
            team: player.team.map(team),
        }
    }
}

impl Score {
    fn new(score: f64) -> Score {
        // Up to 2^53 every whole number is exact in both.
        if score.fract() == 0.0 && score.abs() <= 9.0e15 {
            Score::Whole(score as i64)
        } else {
            Score::Fraction(score)
        }
    }
}

impl Serialize for Rules<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        let mut seen = HashSet::new();
        for (key, value) in self.0.rules() {
            // A key that comes twice would be no proper JSON; games take the first.
            if seen.insert(key) {
                map.serialize_entry(&raw_text(key), &raw_text(value))?;
            }
        }
        map.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_keys_and_their_order_are_the_contracts() {
        let datagram = b"\xff\xff\xff\xffstatusResponse\n\
            \\sv_hostname\\^1H\xf6me\\mapname\\oasis\\gamename\\etpro\\sv_maxclients\\24\\P\\-12\\mapname\\x\n\
            12 48 \"^2Ann\"\n-3 0 \"Bot\"\n";
        let game = Game::find("et").expect("a game");
        let status = Status::parse(datagram).expect("a status").with_bots_at_ping_zero(true);
        assert_eq!(
            serde_json::to_string(&Answer::new(&status, game)).expect("text and numbers"),
            concat!(
                r#"{"name":"Höme","name_raw":"^1Höme","map":"oasis","game":"etpro","players":2,"bots":1,"#,
                r#""max_players":24,"player_list":[{"name":"Ann","name_raw":"^2Ann","score":12,"ping":48,"team":"axis"},"#,
                r#"{"name":"Bot","name_raw":"Bot","score":-3,"ping":0,"team":"allies"}],"#,
                r#""rules":{"sv_hostname":"^1Höme","mapname":"oasis","gamename":"etpro","sv_maxclients":"24","P":"-12"},"#,
                r#""truncated":false}"#
            )
        );
    }
}
