//! Replies of real game servers decode to what another reader, GameQ, read in them.
//!
//! The captures are test data of another project, and are read from `../shared/captures/games` if it exists.
#![cfg(feature = "games")]

#[path = "support/captured.rs"]
mod captured;

use std::net::SocketAddr;

use allears::protocol::games::{Game, GameAnswer, GameQuestion, Games, PlayerInfo, ServerInfo};
use allears::protocol::{Attempt, Protocol, Quiet, Reply, Step, Token};
use serde_json::Value;

/// The captures, each with the game that decodes it.
#[rustfmt::skip]
const CAPTURES: &[(&str, &str)] = &[
    ("bedrock-minecraftbe", "bedrock"),
    ("getinfo-gta5m", "fivem"),
    ("quake2-kingpin", "kingpin"),
    ("quake2-quake2", "q2"),
    ("ase-mta", "mta"),
    ("samp-samp", "samp"),
    ("teeworlds-teeworlds", "teeworlds"),
    ("a2s-arma3", "arma3"),
    ("a2s-conanexiles", "conanexiles"),
    ("a2s-cs15", "cs16"),
    ("a2s-cs16", "cs16"),
    ("a2s-csgo", "csgo"),
    ("a2s-css", "css"),
    ("a2s-dayz", "dayz"),
    ("a2s-gmod", "gmod"),
    ("a2s-hl1", "hl1"),
    ("a2s-l4d2", "l4d2"),
    ("a2s-quakelive", "quakelive"),
    ("a2s-rust", "rust"),
    ("a2s-sevendaystodie", "sevendaystodie"),
    ("a2s-ship", "theship"),
    ("a2s-squad", "squad"),
    ("a2s-tf2", "tf2"),
    ("a2s-unturned", "unturned"),
    ("a2s-valheim", "valheim"),
    ("gs1-bf1942", "bf1942"),
    ("gs1-mohaa", "mohaa"),
    ("gs1-ut", "ut"),
    ("gs2-arma", "arma"),
    ("gs2-had2", "had2"),
    ("gs2-halo", "halo"),
    ("gs2-swat4", "swat4"),
    ("gs3-bf2", "bf2"),
    ("gs3-crysis", "crysis"),
    ("gs3-justcause2", "jc2mp"),
    ("gs3-ut3", "ut3"),
    ("gs4-minecraft", "minecraft"),
    ("gs4-minecraftpe", "minecraftpe"),
    ("unreal2-killingfloor", "killingfloor"),
    ("unreal2-ut2004", "ut2004"),
    ("doom3-doom3", "doom3"),
    ("doom3-etqw", "etqw"),
    ("doom3-quake4", "quake4"),
];

/// The fields that GameQ reads differently, and why.
const DIFFERENCES: &[(&str, &str, &str)] = &[
    ("bedrock-minecraftbe", "name", "GameQ names the field `motd`"),
    ("getinfo-gta5m", "players", "GameQ does not read `clients`"),
    ("teeworlds-teeworlds", "password", "GameQ does not read the flags"),
    ("bedrock-minecraftbe", "map", "GameQ has no field for the name of the world"),
    ("doom3-doom3", "name", "GameQ names the field as the setting is named, without `si_`"),
    ("doom3-doom3", "map", "GameQ names the field as the setting is named, without `si_`"),
    ("doom3-doom3", "players", "GameQ has no count if nobody is there"),
    ("doom3-doom3", "max_players", "GameQ names the field as the setting is named, without `si_`"),
    ("doom3-doom3", "bots", "GameQ does not count bots; nobody is there, so no bot"),
    ("doom3-doom3", "password", "GameQ does not read `si_usePass`"),
    ("doom3-quake4", "name", "GameQ names the field as the setting is named, without `si_`"),
    ("doom3-quake4", "map", "GameQ names the field as the setting is named, without `si_`"),
    ("doom3-quake4", "max_players", "GameQ names the field as the setting is named, without `si_`"),
    ("doom3-quake4", "password", "GameQ does not read `si_usePass`"),
    ("doom3-etqw", "map", "GameQ has the name of its file"),
    ("doom3-etqw", "bots", "GameQ does not count bots"),
    ("doom3-etqw", "password", "GameQ does not read `si_needPass`"),
    ("doom3-etqw", "player scores", "GameQ rounds to 14 digits"),
    ("quake2-kingpin", "players", "GameQ counts only the players listed, and names the count `clients`"),
    ("quake2-kingpin", "password", "the server says nothing about a password"),
    ("quake2-quake2", "players", "GameQ names the count `clients`"),
    ("quake2-quake2", "password", "the server says nothing about a password"),
    ("gs1-bf1942", "players", "GameQ counts the names, of which one is of a player who has left"),
    ("gs1-bf1942", "player names", "GameQ leaves them in the field `playername`"),
    ("gs1-bf1942", "player scores", "GameQ keeps the player who has left"),
    ("gs1-mohaa", "players", "GameQ counts the fields named `playername`, and this server's are `player`"),
    ("gs1-ut", "players", "GameQ counts the fields named `playername`, and this server's are `player`"),
    ("gs1-ut", "password", "GameQ keeps the word False"),
    ("gs2-had2", "player names", "GameQ takes Windows-1252 for Latin-1, and drops the trade mark signs"),
    ("gs3-bf2", "bots", "GameQ does not count the column AIBot_"),
    ("gs3-justcause2", "map", "the server sends none; GameQ adds the name of the game's only world"),
    ("gs3-justcause2", "password", "GameQ keeps the word False"),
    ("unreal2-killingfloor", "bots", "GameQ does not count the players with ping 0"),
    (
        "unreal2-killingfloor",
        "player names",
        "GameQ takes a name of two bytes a character for a longer one of one byte",
    ),
    ("unreal2-killingfloor", "player scores", "GameQ loses the four players behind that name"),
    ("unreal2-ut2004", "bots", "GameQ does not count the players with ping 0"),
];

/// Returns the datagrams of a capture, and what GameQ read in them; `None` if there is no such file.
fn read(name: &str) -> Option<(Vec<Vec<u8>>, Value)> {
    let text = captured::shared(&format!("captures/games/{name}.hex"))?;
    let wanted = text.lines().find_map(|line| line.strip_prefix("# read by GameQ as: "));
    Some((
        captured::replies(&text).collect(),
        serde_json::from_str(wanted.expect("what GameQ read")).expect("JSON"),
    ))
}

/// Returns the address of the server. Some replies repeat it.
fn host_of(datagram: &[u8], game: &Game) -> SocketAddr {
    match datagram {
        [b'S', b'A', b'M', b'P', a, b, c, d, low, high, ..] => {
            ([*a, *b, *c, *d], u16::from_le_bytes([*low, *high])).into()
        }
        _ => ([127, 0, 0, 1], game.server_port).into(),
    }
}

/// Passes the datagrams to a conversation, in their order, and returns its answer.
fn decode(game: &'static Game, datagrams: &[Vec<u8>]) -> Option<ServerInfo> {
    let mut games = Games::new(game);
    let host = host_of(&datagrams[0], game);
    let mut conversation = games.begin(host, GameQuestion::server(game).with_rules());
    let mut answer = None;
    games.write_request(&mut conversation, Attempt::first(Token(1)), &mut Vec::new());
    for datagram in datagrams {
        match games.step(&mut conversation, &Reply::to_first(host, datagram)) {
            Step::Done(done) => answer = Some(done),
            Step::AskNext => {
                games.write_request(&mut conversation, Attempt::first(Token(1)), &mut Vec::new());
            }
            Step::Malformed(reason) => panic!("{}: {reason}", game.id),
            _ => {}
        }
    }
    if answer.is_none()
        && let Quiet::Done(done) = games.quiet(&mut conversation, 0)
    {
        answer = Some(done);
    }
    match answer.or_else(|| games.partial_answer(&mut conversation)) {
        Some(GameAnswer::Server { info, .. }) => Some(*info),
        _ => None,
    }
}

/// Returns the value as text: GameQ has some numbers and flags as texts.
fn text(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::Bool(flag) => u8::from(*flag).to_string(),
        Value::String(text) => text.trim().to_owned(),
        other => other.to_string(),
    }
}

fn count(value: Option<u32>) -> String {
    value.map(|count| count.to_string()).unwrap_or_default()
}

fn clean(text: Option<&String>) -> String {
    text.map(|text| text.trim().to_owned()).unwrap_or_default()
}

fn score(player: &PlayerInfo) -> String {
    player.score.map(|score| score.to_string()).unwrap_or_default()
}

/// Returns the fields in which the two readings differ.
fn differences(info: &ServerInfo, wanted: &Value) -> Vec<(&'static str, String, String)> {
    let rules = info.game.text;
    let shown = |value: &Value| rules.clean(text(value).as_bytes()).trim().to_owned();
    let listed = wanted["player_list"].as_array().cloned().unwrap_or_default();
    let fields = [
        ("name", clean(info.name.as_ref()), shown(&wanted["name"])),
        ("map", clean(info.map.as_ref()), shown(&wanted["map"])),
        ("players", info.players.to_string(), text(&wanted["players"])),
        ("max_players", count(info.max_players), text(&wanted["max_players"])),
        ("bots", count(info.bots), text(&wanted["bots"])),
        ("password", count(info.password.map(u32::from)), text(&wanted["password"])),
        (
            "player names",
            info.player_list
                .iter()
                .map(|player| player.name.trim().to_owned())
                .collect::<Vec<_>>()
                .join("\n"),
            listed.iter().map(|player| shown(&player["name"])).collect::<Vec<_>>().join("\n"),
        ),
        (
            "player scores",
            info.player_list.iter().map(score).collect::<Vec<_>>().join(" "),
            listed.iter().map(|player| text(&player["score"])).collect::<Vec<_>>().join(" "),
        ),
    ];
    fields.into_iter().filter(|(_, ours, theirs)| ours != theirs).collect()
}

#[test]
fn each_capture_decodes_to_what_another_reader_saw() {
    let mut failures = vec![];
    for (name, id) in CAPTURES {
        let Some((datagrams, wanted)) = read(name) else { continue };
        let info = decode(Game::find(id).expect("a game"), &datagrams);
        let Some(info) = info else {
            failures.push(format!("{name}: no answer"));
            continue;
        };
        for (field, ours, theirs) in differences(&info, &wanted) {
            if !DIFFERENCES.iter().any(|(of, is, _)| of == name && *is == field) {
                failures.push(format!("{name}: {field}: {ours:?}, and GameQ read {theirs:?}"));
            }
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

#[test]
fn every_listed_difference_exists() {
    for (name, field, reason) in DIFFERENCES {
        let id = CAPTURES.iter().find(|(of, _)| of == name).expect("a capture").1;
        let Some((datagrams, wanted)) = read(name) else { continue };
        let info = decode(Game::find(id).expect("a game"), &datagrams).expect("an answer");
        let found = differences(&info, &wanted).iter().any(|(differs, _, _)| differs == field);
        assert!(found && !reason.is_empty(), "{name}: {field} is the same now");
    }
}
