//! The protocol of the All-Seeing Eye: Multi Theft Auto, and some games of 2002 to 2006.
//!
//! The request is one letter, and the reply one datagram; with 200 players, it has 5,000 bytes or more. The byte before
//! a text has its length plus one (`ASE.cpp` of mtasa-blue). The query port is usually the game's port plus 123.

use std::time::Duration;

use super::fields::{Fields, number};
use super::one_reply::OneReply;
use super::wire::WireProtocol;
use super::{Game, PlayerInfo, ServerInfo, TextField};
use crate::protocol::{Proof, Step};

const REQUEST: &[u8] = b"s";
const HEADER: &[u8] = b"EYE1";

/// The bits of the fields that a player has. The fields follow in this order.
const NAME: u8 = 1;
const TEAM: u8 = 2;
const SKIN: u8 = 4;
const SCORE: u8 = 8;
const PING: u8 = 16;
const TIME: u8 = 32;
const ALL_FIELDS: u8 = NAME | TEAM | SKIN | SCORE | PING | TIME;
/// The maximum number of players read; MTA has room for 4,096.
const MAX_PLAYERS: usize = 4096;

pub(super) static WIRE_PROTOCOL: WireProtocol = WireProtocol {
    name: "ase",
    lists_players: true,
    games: || GAMES,
    server: |question| EYE.begin(question),
    master: None,
    read_token: |_| None,
    read_request_token: |_| None,
};

/// Returns a game whose servers answer queries at `port`, as in node-gamedig's `games.js`.
const fn game(id: &'static str, name: &'static str, port: u16) -> Game {
    Game { id, name, ..Game::of(&WIRE_PROTOCOL, port) }
}

static GAMES: &[Game] = &[
    Game {
        aliases: &["mtasa", "gtasamta"],
        // A sender of more than 5 requests in 6 seconds is ignored for 7 seconds.
        host_gap: Duration::from_millis(1300),
        ..game("mta", "Multi Theft Auto: San Andreas", 22126)
    },
    game("mtavc", "Multi Theft Auto: Vice City", 22126),
    Game { aliases: &["coj"], ..game("callofjuarez", "Call of Juarez", 26000) },
    game("chaser", "Chaser", 3123),
    game("chrome", "Chrome", 27138),
    game("farcry", "Far Cry", 49124),
    game("painkiller", "Painkiller", 3578),
    game("xpandrally", "Xpand Rally", 28138),
];

static EYE: OneReply = OneReply {
    // There is only one kind of reply.
    proof: Proof::Content,
    write_request: |_, _, out| out.extend_from_slice(REQUEST),
    read,
    size: 5000,
};

fn read(reply: &[u8], game: &'static Game) -> Step<ServerInfo> {
    let Some(text) = reply.strip_prefix(HEADER) else { return Step::NotMine };
    read_server(Fields::new(text), game).map_or_else(Step::Malformed, Step::Done)
}

/// Reads a server, its rules and its players. If the reply is cut off, everything before the cut is kept.
fn read_server(mut fields: Fields<'_>, game: &'static Game) -> Result<ServerInfo, &'static str> {
    let mut info = ServerInfo::new(game);
    info.rules.push(b"game", text(&mut fields)?);
    info.rules.push(b"port", text(&mut fields)?);
    let name = text(&mut fields)?;
    let [game_type, map, version] = [text(&mut fields)?, text(&mut fields)?, text(&mut fields)?];
    let (password, players) = (text(&mut fields)?, number(text(&mut fields)?));
    info.max_players = number(text(&mut fields)?);
    info.set_name(name);
    info.set_text(TextField::GameType, game_type);
    info.set_text(TextField::Map, map);
    info.set_text(TextField::Version, version);
    info.password = number(password).map(|flag: u32| flag != 0);
    let is_whole =
        read_rules(&mut fields, &mut info).and_then(|()| read_players(&mut fields, &mut info)).is_ok();
    info.players = players.unwrap_or(0).max(info.player_list.len() as u32);
    if !is_whole {
        info.remarks.push("the reply is cut off or malformed".into());
    }
    info.note_unlisted();
    Ok(info)
}

/// Reads the rules: keys and values up to an empty key.
fn read_rules(fields: &mut Fields<'_>, info: &mut ServerInfo) -> Result<(), &'static str> {
    loop {
        match text(fields)? {
            [] => return Ok(()),
            key => info.rules.push(key, text(fields)?),
        }
    }
}

/// Reads players up to the end.
fn read_players(fields: &mut Fields<'_>, info: &mut ServerInfo) -> Result<(), &'static str> {
    while !fields.is_empty() {
        let flags = fields.u8()?;
        if flags & ALL_FIELDS == 0 || info.player_list.len() == MAX_PLAYERS {
            return Err("what follows is not a player");
        }
        let mut field = |bit| if flags & bit == 0 { Ok(&[][..]) } else { text(fields) };
        let (name, team, skin) = (field(NAME)?, field(TEAM)?, field(SKIN)?);
        let (score, ping, time) = (field(SCORE)?, field(PING)?, field(TIME)?);
        let at = info.player_list.len();
        let mut player = PlayerInfo {
            score: number(score).map(|score: i32| score.into()),
            ping: number(ping),
            ..PlayerInfo::named(info.game, name)
        };
        player.set_team_name(info.game, team);
        info.player_list.push(player);
        info.push_of_player(at, "skin", skin);
        // Its unit differs between games.
        info.push_of_player(at, "time", time);
    }
    Ok(())
}

/// Reads a text. Its length byte counts itself.
fn text<'a>(fields: &mut Fields<'a>) -> Result<&'a [u8], &'static str> {
    let len = fields.u8()?.checked_sub(1).ok_or("a text has no length")?;
    fields.bytes(len.into())
}

#[cfg(test)]
mod tests {
    use super::super::talk::Talk;
    use super::*;

    const SERVER: [&str; 9] = ["mta", "22003", "My \u{e9}", "Freeroam", "LS", "1.6", "1", "2", "32"];

    fn reply(server: &[&str], rest: &[&str], players: &[u8]) -> Vec<u8> {
        let mut out = HEADER.to_vec();
        for text in server.iter().chain(rest) {
            out.push(text.len() as u8 + 1);
            out.extend_from_slice(text.as_bytes());
        }
        [&out[..], players].concat()
    }

    fn step(datagram: &[u8]) -> Step<ServerInfo> {
        Talk::with("mta").take(datagram)
    }

    fn read(datagram: &[u8]) -> ServerInfo {
        Talk::with("mta").answer(datagram)
    }

    #[test]
    fn every_field_is_assigned() {
        let players = b"\x3f\x04Ann\x01\x05wolf\x0312\x0348\x01\x09\x04Bob\x03-1";
        let info = read(&reply(&SERVER, &["lang", "de", ""], players));
        assert_eq!((info.name.as_deref(), info.map.as_deref()), (Some("My \u{e9}"), Some("LS")));
        assert_eq!((info.game_type.as_deref(), info.version.as_deref()), (Some("Freeroam"), Some("1.6")));
        assert_eq!((info.players, info.bots, info.max_players), (2, None, Some(32)));
        assert_eq!((info.password, info.truncated, info.remarks.len()), (Some(true), false, 0));
        assert_eq!(
            (info.rules.get("lang"), info.rules.get("skin_0")),
            (Some(&b"de"[..]), Some(&b"wolf"[..]))
        );
        let list: Vec<_> = info.player_list.iter().map(|p| (&*p.name, p.score, p.ping)).collect();
        assert_eq!(list, [("Ann", Some(12.0), Some(48)), ("Bob", Some(-1.0), None)]);
    }

    #[test]
    fn a_reply_that_is_cut_off_keeps_what_is_there() {
        let whole = reply(&SERVER, &["lang", "de", ""], b"\x01\x04Ann\x01\x04Bob");
        for len in 0..whole.len() {
            match step(&whole[..len]) {
                Step::Done(info) => {
                    assert!(info.truncated && info.player_list.len() < 2, "{len}");
                    assert!(info.remarks.len() == 2 || whole[len] == 1, "{len}");
                }
                other => assert!(len < 50 && matches!(other, Step::NotMine | Step::Malformed(_)), "{len}"),
            }
        }
        assert!(!read(&whole).truncated);
    }

    #[test]
    fn odd_fields_do_not_hide_a_server() {
        let odd = ["mta", "", "", "", "", "", "yes", "many", "-5"];
        let info = read(&reply(&odd, &[""], b"\x09\x01\x03?!\0"));
        assert_eq!((info.password, info.players, info.max_players), (None, 1, None));
        assert_eq!((info.player_list[0].score, info.truncated, info.remarks.len()), (None, false, 1));
        let endless = read(&reply(&SERVER, &[""], &[1].repeat(65_000)));
        assert_eq!(endless.player_list.len(), MAX_PLAYERS);
        assert!(matches!(step(b"EYE1\0"), Step::Malformed("a text has no length")));
        assert!(matches!(step(b"EYE2\x04mta"), Step::NotMine));
    }
}
