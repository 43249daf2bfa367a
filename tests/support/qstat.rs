//! qstat, another client for many games: what it reads in servers.
#![allow(dead_code, reason = "each test file uses a part of it")]

use std::process::Command;

use serde_json::Value;

use super::have;

const QSTAT: &str = "/usr/bin/quakestat";

/// The fields that qstat reads in a server's reply.
#[derive(Debug)]
pub struct Seen {
    pub address: String,
    name: String,
    map: String,
    /// The number of players, spectators included.
    players: u64,
    max_players: u64,
    /// The names and scores of the listed ones.
    list: Vec<(String, i64)>,
}

/// Returns whether qstat is installed.
pub fn installed() -> bool {
    have(QSTAT, "qstat")
}

/// Queries servers as those of the type that `-default` takes, or the servers that masters list. Returns the ones that
/// answered.
pub fn ask(kind: &str, hosts: &[String]) -> Vec<Seen> {
    let options = ["-xml", "-P", "-R", "-retry", "5", "-carets", "-default", kind];
    let output = Command::new(QSTAT).args(options).args(hosts).output().expect("qstat starts");
    // It writes the bytes of texts as they are.
    let text: String = output.stdout.iter().map(|&byte| char::from(byte)).collect();
    assert!(output.status.success() && text.ends_with("</qstat>\n"), "{text}");
    text.split("<server ").filter(|server| server.contains("status=\"UP\"")).filter_map(read).collect()
}

/// Reads the description of a server; `None` for that of a master.
fn read(server: &str) -> Option<Seen> {
    let number = |tag| field(server, tag).and_then(|count| count.parse::<u64>().ok());
    let mut list: Vec<_> = server
        .split("<player")
        .skip(2)
        .map(|player| {
            let score = field(player, "score").and_then(|score| score.parse().ok());
            (field(player, "name").unwrap_or_default(), score.unwrap_or(0))
        })
        .collect();
    list.sort();
    Some(Seen {
        address: field(server, "hostname")?,
        name: field(server, "name")?,
        map: field(server, "map")?,
        players: number("numplayers")? + number("numspectators")?,
        max_players: number("maxplayers")?,
        list,
    })
}

/// Returns the text of the first element with this tag.
fn field(xml: &str, tag: &str) -> Option<String> {
    let (_, after) = xml.split_once(&format!("<{tag}>"))?;
    let (text, _) = after.split_once(&format!("</{tag}>"))?;
    let escapes = [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&apos;", "'"), ("&amp;", "&")];
    Some(escapes.iter().fold(text.to_owned(), |text, (escape, c)| text.replace(escape, c)))
}

/// Returns a name as qstat shows it: without the highest bit of its bytes.
fn seven_bits(name: &str) -> String {
    name.chars().map(|c| if c <= '\u{ff}' { char::from(c as u8 & 0x7f) } else { c }).collect()
}

/// Returns a name without Unreal's colour codes, and without the character behind each, which qstat drops, too.
fn without_unreal_colors(name: &str) -> String {
    let (mut chars, mut out) = (name.chars(), String::new());
    while let Some(c) = chars.next() {
        if c == '\u{1b}' {
            chars.nth(3);
        } else {
            out.push(c);
        }
    }
    out
}

/// Panics unless qstat reads the same in a server as we do, in the fields that its protocol has, and in the scores if it
/// reads them.
#[track_caller]
pub fn compare(ours: &Value, theirs: &Seen, has_scores: bool) {
    let shown = format!("\n{ours}\n{theirs:?}");
    let answer = &ours["answer"];
    if let Some(name) = answer["name_raw"].as_str() {
        // It leaves out the other characters of a server's name.
        let name: String = without_unreal_colors(name).chars().filter(char::is_ascii).collect();
        assert_eq!(name.trim(), theirs.name.trim(), "{shown}");
    }
    if let Some(map) = answer["map"].as_str() {
        assert_eq!(map, theirs.map, "{shown}");
    }
    assert_eq!(
        (answer["players"].as_u64(), answer["max_players"].as_u64()),
        (Some(theirs.players), Some(theirs.max_players)),
        "{shown}"
    );
    let Some(list) = answer["player_list"].as_array() else { return };
    let mut list: Vec<_> = list
        .iter()
        .map(|player| {
            let raw = player["name_raw"].as_str().unwrap_or_default();
            (seven_bits(raw), player["score"].as_f64().map(|score| score as i64))
        })
        .collect();
    list.sort();
    let names: Vec<_> = list.iter().map(|(name, _)| name).collect();
    assert_eq!(names, theirs.list.iter().map(|(name, _)| name).collect::<Vec<_>>(), "{shown}");
    for ((_, ours), (_, theirs)) in list.iter().zip(&theirs.list).filter(|_| has_scores) {
        assert!(ours.is_none_or(|score| score == *theirs), "{shown}");
    }
}
