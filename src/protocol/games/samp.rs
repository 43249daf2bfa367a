//! San Andreas Multiplayer and open.mp: information, players and rules, with a request for each.
//!
//! A request has the server's address and port, and a letter for what is asked; the reply begins with all of that again.
//! Servers copy the address without reading it (`query.cpp` of open.mp), but filters in front of them may read it, so it
//! is not used for a token. Players with their pings come with `d`, which open.mp does not know; without their pings
//! with `c`. Neither is answered by a server with more than 100 players. So a request for players is `d` and `c` in turn,
//! and every third one is for the rules, if they are wanted: once they are there, the players get all tries again.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use super::fields::Fields;
use super::servers::ServerSet;
use super::wire::{Dialogue, ServerQuestion, WireProtocol};
use super::{Game, GameAnswer, PlayerInfo, ServerInfo, TextField};
use crate::protocol::{Attempt, Proof, Reply, ReplySize, Step};

/// The beginning of every datagram.
const MAGIC: &[u8] = b"SAMP";
/// The size of the header, which a reply repeats: the magic, the address and port, and the letter.
const HEADER: usize = 11;
/// The maximum number of players that a server lists.
const MAX_PLAYERS: u32 = 100;

pub(super) static WIRE_PROTOCOL: WireProtocol = WireProtocol {
    name: "samp",
    lists_players: true,
    games: || GAMES,
    server: |question| Box::new(SampConversation::new(question)),
    master: None,
    read_token: |_| None,
    read_request_token: |_| None,
};

static GAMES: &[Game] = &[Game {
    id: "samp",
    aliases: &["openmp", "omp", "gtasamp"],
    name: "San Andreas Multiplayer (SA-MP, open.mp)",
    ..Game::of(&WIRE_PROTOCOL, 7777)
}];

/// A conversation with one server.
#[derive(Debug)]
struct SampConversation {
    game: &'static Game,
    with_rules: bool,
    header: [u8; HEADER - 1],
    missing: Missing,
    has_rules: bool,
    /// The server, as far as it has described itself.
    info: Option<ServerInfo>,
}

/// The kind of the next request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Missing {
    Info,
    Players,
    Rules,
}

impl SampConversation {
    fn new(question: &ServerQuestion) -> SampConversation {
        let &ServerQuestion { game, target, with_rules } = question;
        let header = header(target);
        SampConversation { game, with_rules, header, missing: Missing::Info, has_rules: false, info: None }
    }

    /// Returns the letter of the request in attempt `number`. A server that does not answer `d` may answer `c`, which every
    /// server knows; one that answers neither may still tell its rules.
    fn letter(&self, number: u32) -> u8 {
        match self.missing {
            Missing::Info => b'i',
            Missing::Rules => b'r',
            Missing::Players if self.lacks_rules() => [b'd', b'c', b'r'][(number as usize - 1) % 3],
            Missing::Players => {
                if (number % 2 == 1) == self.has_rules {
                    b'c'
                } else {
                    b'd'
                }
            }
        }
    }

    fn lacks_rules(&self) -> bool {
        self.with_rules && !self.has_rules
    }

    /// Processes a reply, and returns what is asked next.
    fn read(&mut self, letter: u8, fields: Fields<'_>) -> Result<Option<Missing>, &'static str> {
        let rules = self.lacks_rules().then_some(Missing::Rules);
        match (&mut self.info, letter) {
            (None, _) => {
                let info = self.info.insert(read_info(fields, self.game)?);
                let has_list = (1..=MAX_PLAYERS).contains(&info.players);
                Ok(if has_list { Some(Missing::Players) } else { rules })
            }
            (Some(info), b'r') => {
                read_rules(fields, info);
                self.has_rules = true;
                Ok(Some(Missing::Players).filter(|missing| *missing == self.missing))
            }
            (Some(info), _) => {
                read_players(fields, letter == b'd', info);
                Ok(rules)
            }
        }
    }
}

impl Dialogue for SampConversation {
    /// Returns proof by content: a reply repeats the address, the port and the letter of its request.
    fn proof(&self) -> Proof {
        Proof::Content
    }

    fn write_request(&mut self, attempt: Attempt, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.header);
        out.push(self.letter(attempt.number));
    }

    fn step(&mut self, _: &mut ServerSet, reply: &Reply<'_>) -> Step<GameAnswer> {
        let Some((&letter, body)) = reply.bytes.strip_prefix(&self.header).and_then(<[u8]>::split_first)
        else {
            return Step::NotMine;
        };
        let is_asked = match self.missing {
            Missing::Info => letter == b'i',
            Missing::Players => matches!(letter, b'c' | b'd') || (letter == b'r' && self.lacks_rules()),
            Missing::Rules => letter == b'r',
        };
        if !is_asked {
            return Step::NotMine;
        }
        match self.read(letter, Fields::new(body)) {
            Ok(Some(missing)) => {
                self.missing = missing;
                Step::AskNext
            }
            Ok(None) => self
                .info
                .take()
                .map_or(Step::NotMine, |info| Step::Done(GameAnswer::server(info, reply.bytes))),
            Err(reason) => Step::Malformed(reason),
        }
    }

    fn partial_answer(&mut self) -> Option<GameAnswer> {
        let mut info = self.info.take()?;
        match self.missing {
            Missing::Players => note_missing_players(&mut info),
            Missing::Rules => info.remarks.push("the rules are missing".into()),
            Missing::Info => {}
        }
        Some(GameAnswer::server(info, &[]))
    }

    /// Returns the size of a list of 100 players.
    fn reply_size(&self) -> ReplySize {
        ReplySize::one(if self.missing == Missing::Players { 3500 } else { 1000 })
    }
}

/// Returns the beginning of all requests to a server. There is no IPv6 version of it.
fn header(target: SocketAddr) -> [u8; HEADER - 1] {
    let ip = match target.ip().to_canonical() {
        IpAddr::V4(v4) => v4,
        IpAddr::V6(_) => Ipv4Addr::UNSPECIFIED,
    };
    let mut header = [0; HEADER - 1];
    header[..4].copy_from_slice(MAGIC);
    header[4..8].copy_from_slice(&ip.octets());
    header[8..].copy_from_slice(&target.port().to_le_bytes());
    header
}

/// Reads a server. Where versions before 0.3.7 have the map, later ones have the language.
fn read_info(mut fields: Fields<'_>, game: &'static Game) -> Result<ServerInfo, &'static str> {
    let mut info = ServerInfo::new(game);
    info.password = Some(fields.u8()? != 0);
    info.players = fields.u16_le()?.into();
    info.max_players = Some(fields.u16_le()?.into());
    let name = long_text(&mut fields)?;
    info.set_name(name);
    match (long_text(&mut fields), long_text(&mut fields)) {
        (Ok(mode), Ok(language)) => {
            info.set_text(TextField::GameType, mode);
            info.rules.push(b"language", language);
        }
        _ => info.remarks.push("the description is cut off".into()),
    }
    if info.players > MAX_PLAYERS {
        info.truncated = true;
        info.remarks.push(format!("a server with more than {MAX_PLAYERS} players does not list them"));
    }
    Ok(info)
}

/// Reads the players, with IDs and pings or without.
fn read_players(mut fields: Fields<'_>, with_pings: bool, info: &mut ServerInfo) {
    let count = fields.u16_le().unwrap_or(0);
    for _ in 0..count {
        let Ok(player) = read_player(&mut fields, with_pings, info.game) else { break };
        info.player_list.push(player);
    }
    info.players = info.players.max(count.into());
    info.note_unlisted();
}

fn read_player(
    fields: &mut Fields<'_>,
    with_ping: bool,
    game: &'static Game,
) -> Result<PlayerInfo, &'static str> {
    if with_ping {
        let _id = fields.u8()?;
    }
    let name = short_text(fields)?;
    let score = fields.i32_le()?;
    let ping = if with_ping { i32::try_from(fields.u32_le()?).ok() } else { None };
    Ok(PlayerInfo { score: Some(score.into()), ping, ..PlayerInfo::named(game, name) })
}

/// Reads the rules, and sets map and version from them.
fn read_rules(mut fields: Fields<'_>, info: &mut ServerInfo) {
    let count = fields.u16_le().unwrap_or(0);
    let mut read = 0;
    while read < count
        && let (Ok(key), Ok(value)) = (short_text(&mut fields), short_text(&mut fields))
    {
        info.rules.push(key, value);
        read += 1;
    }
    if read < count {
        info.remarks.push(format!("{read} of {count} rules are listed"));
    }
    for (field, key) in [(TextField::Map, "mapname"), (TextField::Version, "version")] {
        if let Some(value) = info.rules.get(key).map(<[u8]>::to_vec) {
            info.set_text(field, &value);
        }
    }
}

fn note_missing_players(info: &mut ServerInfo) {
    info.truncated = true;
    info.remarks.push("the player list is missing".into());
}

fn long_text<'a>(fields: &mut Fields<'a>) -> Result<&'a [u8], &'static str> {
    let len = fields.u32_le()?;
    fields.bytes(len as usize)
}

fn short_text<'a>(fields: &mut Fields<'a>) -> Result<&'a [u8], &'static str> {
    let len = fields.u8()?;
    fields.bytes(len.into())
}

#[cfg(test)]
mod tests {
    use super::super::fields::CUT_OFF;
    use super::super::talk::{done, server};
    use super::*;
    use crate::protocol::Token;

    const HEAD: &[u8] = b"SAMP\x7f\0\0\x01\x61\x1e";
    const INFO: &[u8] = b"\x01\x02\0\x32\0\x05\0\0\0Gr\xfcn!\x02\0\0\0DM\x02\0\0\0de";
    const DETAILS: &[u8] = b"\x02\0\x04\x03Ann\x07\0\0\0\x30\0\0\0\x05\x03Bob\xff\xff\xff\xff\0\0\0\0";
    const CLIENTS: &[u8] = b"\x02\0\x03Ann\x07\0\0\0\x03Bob\xff\xff\xff\xff";
    const RULES: &[u8] = b"\x02\0\x07mapname\x02LS\x07version\x03omp";

    fn conversation(with_rules: bool) -> SampConversation {
        let target = ([127, 0, 0, 1], 7777).into();
        SampConversation::new(&ServerQuestion { game: &GAMES[0], target, with_rules })
    }

    fn letters(conversation: &mut SampConversation, attempts: std::ops::RangeInclusive<u32>) -> String {
        let letter = |number| {
            let mut out = Vec::new();
            conversation.write_request(Attempt { number, ..Attempt::first(Token::NONE) }, &mut out);
            assert_eq!((&out[..10], out.len()), (HEAD, 11));
            char::from(out[10])
        };
        attempts.map(letter).collect()
    }

    fn step(conversation: &mut SampConversation, letter: u8, body: &[u8]) -> Step<ServerInfo> {
        let datagram = [HEAD, &[letter], body].concat();
        let reply = Reply::to_first(([127, 0, 0, 1], 7777).into(), &datagram);
        conversation.step(&mut ServerSet::default(), &reply).map(server)
    }

    #[test]
    fn every_field_is_assigned() {
        let mut samp = conversation(true);
        assert_eq!(letters(&mut samp, 1..=2), "ii");
        assert_eq!(step(&mut samp, b'i', INFO).map(drop), Step::AskNext);
        assert_eq!(letters(&mut samp, 1..=1), "d");
        assert_eq!(step(&mut samp, b'd', DETAILS).map(drop), Step::AskNext);
        assert_eq!(letters(&mut samp, 1..=1), "r");
        let info = done(step(&mut samp, b'r', RULES));
        assert_eq!((info.name.as_deref(), info.map.as_deref()), (Some("Gr\u{fc}n!"), Some("LS")));
        assert_eq!((info.game_type.as_deref(), info.version.as_deref()), (Some("DM"), Some("omp")));
        assert_eq!((info.players, info.bots, info.max_players), (2, None, Some(50)));
        assert_eq!((info.password, info.truncated, info.remarks.len()), (Some(true), false, 0));
        assert_eq!(info.rules.get("language"), Some(&b"de"[..]));
        let list: Vec<_> = info.player_list.iter().map(|p| (&*p.name, p.score, p.ping)).collect();
        assert_eq!(list, [("Ann", Some(7.0), Some(48)), ("Bob", Some(-1.0), Some(0))]);
    }

    #[test]
    fn a_server_without_details_lists_its_players() {
        let mut samp = conversation(false);
        step(&mut samp, b'i', INFO);
        assert_eq!(letters(&mut samp, 1..=4), "dcdc");
        let info = done(step(&mut samp, b'c', CLIENTS));
        assert_eq!((info.player_list.len(), info.player_list[0].ping, info.truncated), (2, None, false));
    }

    #[test]
    fn without_a_list_the_server_and_its_rules_are_still_there() {
        let mut samp = conversation(true);
        step(&mut samp, b'i', INFO);
        assert_eq!(letters(&mut samp, 1..=7), "dcrdcrd");
        assert_eq!(step(&mut samp, b'r', RULES).map(drop), Step::AskNext);
        assert_eq!(letters(&mut samp, 1..=4), "cdcd");
        assert_eq!(step(&mut samp, b'r', RULES).map(drop), Step::NotMine, "a copy");
        let info = server(samp.partial_answer().expect("it has described itself"));
        assert_eq!((info.players, info.truncated, info.map.as_deref()), (2, true, Some("LS")));
        assert_eq!(info.remarks, ["the player list is missing"]);
        assert_eq!(info.rules.iter().filter(|(key, _)| *key == b"mapname").count(), 1);

        let mut samp = conversation(true);
        step(&mut samp, b'i', INFO);
        step(&mut samp, b'r', RULES);
        let info = done(step(&mut samp, b'c', CLIENTS));
        assert_eq!((info.player_list.len(), info.truncated, info.map.as_deref()), (2, false, Some("LS")));

        let mut samp = conversation(false);
        assert!(samp.partial_answer().is_none());
        step(&mut samp, b'i', INFO);
        let info = server(samp.partial_answer().expect("it has described itself"));
        assert_eq!((info.players, info.truncated), (2, true));
    }

    #[test]
    fn players_are_not_requested_from_empty_and_crowded_servers() {
        for (players, is_truncated) in [(0, false), (101, true)] {
            let info = [&[0, players], &INFO[2..]].concat();
            let info = done(step(&mut conversation(false), b'i', &info));
            assert_eq!((info.players, info.truncated), (players.into(), is_truncated));
            assert_eq!(info.remarks.len(), usize::from(is_truncated));
        }
    }

    #[test]
    fn replies_repeat_the_request() {
        let mut samp = conversation(false);
        for (letter, body) in [(b'd', DETAILS), (b'r', RULES), (b'p', b"1234"), (b'c', CLIENTS)] {
            assert_eq!(step(&mut samp, letter, body).map(drop), Step::NotMine);
        }
        for at in 0..10 {
            let mut datagram = [HEAD, b"i", INFO].concat();
            datagram[at] ^= 1;
            let reply = Reply::to_first(([127, 0, 0, 1], 7777).into(), &datagram);
            assert!(matches!(samp.step(&mut ServerSet::default(), &reply), Step::NotMine));
        }
        assert_eq!(step(&mut samp, b'i', &INFO[..9]).map(drop), Step::Malformed(CUT_OFF));
        step(&mut samp, b'i', INFO);
        assert_eq!(step(&mut samp, b'i', INFO).map(drop), Step::NotMine, "a copy");
        assert_eq!(step(&mut samp, b'r', RULES).map(drop), Step::NotMine, "not wanted");
    }

    #[test]
    fn lists_that_are_cut_off_keep_what_is_there() {
        let mut samp = conversation(true);
        step(&mut samp, b'i', &INFO[..INFO.len() - 1]);
        step(&mut samp, b'd', &DETAILS[..20]);
        let info = done(step(&mut samp, b'r', &RULES[..14]));
        assert_eq!((info.player_list.len(), info.truncated, info.map.as_deref()), (1, true, Some("LS")));
        let remarks = ["the description is cut off", "1 of 2 players are listed", "1 of 2 rules are listed"];
        assert_eq!(info.remarks, remarks);
    }
}
