//! Unreal Engine 2: Unreal Tournament 2003 and 2004, Killing Floor, Red Orchestra. `read.rs` reads the replies.
//!
//! A server gets requests for its description, its players and, if wanted, its rules. Players and rules may take
//! several datagrams, which have neither numbers nor an end mark, so they are complete once no further datagram
//! arrives. The layout is that of `deal_with_ut2003_packet` in `qstat.c` and of `unreal2.js` of node-gamedig.

mod read;

use std::time::Duration;

use read::{read_details, read_players, read_rules};

use super::fields::{CUT_OFF, Fields};
use super::servers::ServerSet;
use super::text::{Colors, TextRules};
use super::wire::{Dialogue, ServerQuestion, WireProtocol};
use super::{Game, GameAnswer, PlayerInfo, ServerInfo};
use crate::protocol::{Attempt, Proof, Quiet, Reply, ReplySize, Step};

const REQUEST: &[u8] = b"\x79\0\0\0";
/// The numbers with which replies of the various games begin (`qstat.c`): from Pariah's to that of Unreal Tournament 2004.
const REPLIES: std::ops::RangeInclusive<u32> = 0x77..=0x80;

/// The time without a datagram after which players or rules are complete. Servers send all datagrams at once.
const BETWEEN_PARTS: Duration = Duration::from_millis(250);
/// The maximum size of all datagrams together, in bytes. The largest servers send 4 KB.
const MAX_BYTES: usize = 64 * 1024;
/// The maximum number of datagrams of one conversation.
const MAX_DATAGRAMS: usize = 128;

pub(super) static WIRE_PROTOCOL: WireProtocol = WireProtocol {
    name: "unreal2",
    lists_players: true,
    games: || GAMES,
    server: |question| Box::new(Unreal2Dialogue::new(question)),
    master: None,
    read_token: |_| None,
    read_request_token: |_| None,
};

/// The ports are the ones that answer queries: usually the game's port plus one.
static GAMES: &[Game] = &[
    game("darkesthour", &["dhe4445"], "Darkest Hour: Europe '44-'45", 7758),
    game("devastation", &[], "Devastation", 7778),
    game("killingfloor", &["kf"], "Killing Floor", 7708),
    game("redorchestra", &["ro"], "Red Orchestra: Ostfront 41-45", 7759),
    game("unreal2xmp", &["u2tax", "xmp"], "Unreal 2: The Awakening - XMP", 7778),
    tournament("ut2003", &["unrealtournament2003", "ut2s"], "Unreal Tournament 2003", 7758),
    tournament("ut2004", &["unrealtournament2004", "ut2004s"], "Unreal Tournament 2004", 7778),
];

const fn game(id: &'static str, aliases: &'static [&'static str], name: &'static str, port: u16) -> Game {
    let text = TextRules::new(Colors::Unreal);
    Game { id, aliases, name, text, bots_have_ping_zero: true, ..Game::of(&WIRE_PROTOCOL, port) }
}

const fn tournament(
    id: &'static str,
    aliases: &'static [&'static str],
    name: &'static str,
    port: u16,
) -> Game {
    Game { teams: &["red", "blue"], ..game(id, aliases, name, port) }
}

/// The part of a server's data that a request selects and a reply contains.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Section {
    Details = 0,
    Rules = 1,
    Players = 2,
}

/// A conversation with a server.
#[derive(Debug)]
struct Unreal2Dialogue {
    game: &'static Game,
    with_rules: bool,
    section: Section,
    /// The server, once it has described itself.
    info: Option<ServerInfo>,
    /// The players so far, each with its ID.
    players: Vec<(u32, PlayerInfo)>,
    /// All datagrams with players and rules, so that copies are recognized.
    datagrams: Vec<Box<[u8]>>,
    bytes: usize,
    /// The number of players known after the previous attempt.
    listed: Option<usize>,
    latest: Box<[u8]>,
}

impl Unreal2Dialogue {
    fn new(question: &ServerQuestion) -> Unreal2Dialogue {
        Unreal2Dialogue {
            game: question.game,
            with_rules: question.with_rules,
            section: Section::Details,
            info: None,
            players: Vec::new(),
            datagrams: Vec::new(),
            bytes: 0,
            listed: None,
            latest: Box::default(),
        }
    }

    fn take_details(&mut self, reply: &[u8], body: Fields<'_>) -> Step<GameAnswer> {
        if self.section != Section::Details {
            return Step::NotMine;
        }
        let info = match read_details(self.game, body) {
            Ok(info) => info,
            Err(reason) => return Step::Malformed(reason),
        };
        // An empty server may not answer a request for its players.
        self.section = match info.players {
            0 if !self.with_rules => return Step::Done(GameAnswer::server(info, reply)),
            0 => Section::Rules,
            _ => Section::Players,
        };
        self.info = Some(info);
        Step::AskNext
    }

    /// Processes a datagram with players or rules. Late ones of an earlier section are used, too.
    fn take_more(&mut self, section: Section, reply: &[u8], body: Fields<'_>) -> Step<GameAnswer> {
        let Some(info) = &mut self.info else { return Step::NotMine };
        let is_new = !self.datagrams.iter().any(|datagram| **datagram == *reply);
        if is_new && (self.bytes + reply.len() > MAX_BYTES || self.datagrams.len() == MAX_DATAGRAMS) {
            return Step::Malformed("the reply is too large");
        }
        let is_empty = body.is_empty();
        if is_new {
            self.bytes += reply.len();
            self.datagrams.push(reply.into());
            match section {
                Section::Players => read_players(info, &mut self.players, body),
                _ => read_rules(info, body),
            }
        }
        if section != self.section {
            return Step::NotMine;
        }
        self.latest = reply.into();
        let has_all = self.players.len() >= info.players as usize;
        match section {
            Section::Players if self.with_rules && (has_all || is_empty) => {
                self.section = Section::Rules;
                Step::AskNext
            }
            _ if is_empty => self.answer().map_or(Step::NotMine, Step::Done),
            // Bots that are not counted may follow, and the number of rules is unknown.
            _ => Step::More { quiet: BETWEEN_PARTS },
        }
    }

    /// Returns what is known of the server.
    fn answer(&self) -> Option<GameAnswer> {
        let mut info = self.info.clone()?;
        let players = self.players.iter().map(|(_, player)| player.clone());
        info.player_list = players.collect();
        let listed = info.player_list.len();
        info.truncated = listed < info.players as usize;
        if info.truncated {
            info.remarks.push(format!("the list of players has {listed} of {}", info.players));
        }
        info.players = info.players.max(listed as u32);
        if !info.truncated {
            info.count_bots();
        }
        Some(GameAnswer::server(info, &self.latest))
    }
}

impl Dialogue for Unreal2Dialogue {
    fn proof(&self) -> Proof {
        Proof::Content
    }

    fn write_request(&mut self, _: Attempt, out: &mut Vec<u8>) {
        out.extend_from_slice(REQUEST);
        out.push(self.section as u8);
    }

    fn step(&mut self, _: &mut ServerSet, reply: &Reply<'_>) -> Step<GameAnswer> {
        let mut body = Fields::new(reply.bytes);
        let (Ok(number), Ok(section)) = (body.u32_le(), body.u8()) else { return Step::Malformed(CUT_OFF) };
        if !REPLIES.contains(&number) {
            return Step::NotMine;
        }
        match section {
            0 => self.take_details(reply.bytes, body),
            1 => self.take_more(Section::Rules, reply.bytes, body),
            2 => self.take_more(Section::Players, reply.bytes, body),
            _ => Step::NotMine,
        }
    }

    /// Retries while players are missing, until an attempt adds none: Unreal Tournament 2003 often omits some. Then
    /// another attempt requests the rules.
    fn quiet(&mut self, tries_left: u32) -> Quiet<GameAnswer> {
        let listed = self.players.len();
        let is_short = self.info.as_ref().is_some_and(|info| listed < info.players as usize);
        if self.section == Section::Players && tries_left > 0 {
            let asks_again = is_short && self.listed.replace(listed) != Some(listed);
            if !asks_again && self.with_rules {
                self.section = Section::Rules;
            }
            if asks_again || self.with_rules {
                return Quiet::Retry;
            }
        }
        self.answer().map_or(Quiet::Retry, Quiet::Done)
    }

    fn partial_answer(&mut self) -> Option<GameAnswer> {
        if let Some(info) = self.info.as_mut().filter(|_| self.section == Section::Rules) {
            info.remarks.push("the rules are missing".into());
        }
        self.answer()
    }

    fn reply_size(&self) -> ReplySize {
        match self.section {
            Section::Details => ReplySize::one(512),
            Section::Rules | Section::Players => ReplySize { datagrams: 4, bytes: 512 },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::talk::Talk;
    use super::*;

    fn text(text: &str) -> Vec<u8> {
        [&[text.len() as u8 + 1], text.as_bytes(), b"\0"].concat()
    }

    fn details(players: u32, rest: &[u8]) -> Vec<u8> {
        let mut reply = b"\x80\0\0\0\0\0\0\0\0\0\x61\x1e\0\0\0\0\0\0".to_vec();
        for field in ["\u{1b}\u{1}\u{1}\u{1}A", "DM-b", "xDeathMatch"] {
            reply.extend(text(field));
        }
        reply.extend(players.to_le_bytes());
        reply.extend(16u32.to_le_bytes());
        reply.extend(rest);
        reply
    }

    fn players(list: &[(u32, &str, u32, u32)]) -> Vec<u8> {
        let mut reply = b"\x80\0\0\0\x02".to_vec();
        for &(id, name, ping, flags) in list {
            reply.extend(id.to_le_bytes());
            reply.extend(text(name));
            [ping, 7, flags].iter().for_each(|field| reply.extend(field.to_le_bytes()));
        }
        reply
    }

    fn rules(list: &[(&str, &str)]) -> Vec<u8> {
        let pairs = list.iter().flat_map(|(key, value)| [text(key), text(value)]);
        pairs.fold(b"\x80\0\0\0\x01".to_vec(), |reply, pair| [reply, pair].concat())
    }

    fn names(info: &ServerInfo) -> Vec<&str> {
        info.player_list.iter().map(|player| player.name.as_str()).collect()
    }

    const MORE: Step<()> = Step::More { quiet: BETWEEN_PARTS };

    #[test]
    fn an_empty_server_gets_one_request() {
        let mut talk = Talk::with("ut2004");
        assert_eq!((talk.proof(), talk.request(1)), (Proof::Content, b"\x79\0\0\0\0".to_vec()));
        let info = talk.answer(&details(0, b""));
        assert_eq!((info.name.as_deref(), info.map.as_deref()), (Some("A"), Some("DM-b")));
        assert_eq!(
            (info.game_type.as_deref(), info.max_players, info.players),
            (Some("xDeathMatch"), Some(16), 0)
        );
        assert_eq!(info.rules.get("port"), Some(&b"7777"[..]));
    }

    #[test]
    fn players_come_in_several_datagrams_and_bots_may_follow() {
        let mut talk = Talk::with("ut2004");
        assert_eq!(talk.step(&details(2, b"")), Step::AskNext);
        assert_eq!(talk.request(1), b"\x79\0\0\0\x02");
        assert_eq!(talk.step(&players(&[(5, "Ann", 40, 1 << 29)])), MORE);
        assert_eq!(talk.step(&players(&[(5, "Ann", 40, 1 << 29)])), MORE, "a copy");
        assert!(talk.quiet(1).is_none(), "one is missing");
        assert_eq!(talk.step(&players(&[(6, "Bob", 30, 1 << 30), (0, "Red Team", 0, 0)])), MORE);
        assert_eq!(talk.step(&players(&[(7, "Bot", 0, 0)])), MORE);
        let info = talk.quiet(2).unwrap();
        assert_eq!((names(&info), info.players, info.bots), (vec!["Ann", "Bob", "Bot"], 3, Some(1)));
        assert_eq!(info.player_list[1].team_name.as_deref(), Some("blue"));
        assert_eq!((info.rules.get("Red Team"), info.truncated), (Some(&b"7"[..]), false));
    }

    #[test]
    fn a_list_that_stays_short_is_requested_twice() {
        let mut talk = Talk::with("ut2004");
        talk.step(&details(9, b""));
        talk.step(&players(&[(5, "Ann", 40, 0)]));
        assert!(talk.quiet(2).is_none());
        assert_eq!(talk.step(&players(&[(5, "Ann", 44, 0)])), MORE);
        let info = talk.quiet(1).unwrap();
        assert_eq!((names(&info), info.players, info.truncated), (vec!["Ann"], 9, true));
        assert_eq!(info.remarks, ["the list of players has 1 of 9"]);
        assert_eq!(info.player_list[0].ping, Some(44));
    }

    #[test]
    fn rules_follow_the_players_and_end_with_a_gap() {
        let mut talk = Talk::asking("killingfloor", true);
        assert_eq!(
            talk.step(&details(1, b"\x02\0\0\0\x0a\0\0\0\0\0\0\0\0\x02\0\0\x020\0\0\0")),
            Step::AskNext
        );
        assert_eq!(talk.step(&players(&[(5, "Ann", 40, 0)])), Step::AskNext);
        assert_eq!(talk.request(1), b"\x79\0\0\0\x01");
        assert_eq!(talk.step(&players(&[(6, "Late", 0, 0)])), Step::NotMine);
        assert_eq!(talk.step(&rules(&[("ServerVersion", "1064"), ("Mutator", "a")])), MORE);
        assert_eq!(talk.step(&rules(&[("Mutator", "b"), ("GamePassword", "true")])), MORE);
        let info = talk.quiet(2).unwrap();
        assert_eq!(
            (names(&info), info.version.as_deref(), info.password),
            (vec!["Ann", "Late"], Some("1064"), Some(true))
        );
        assert_eq!(
            (info.rules.get("wave"), info.rules.get("final_wave")),
            (Some(&b"2"[..]), Some(&b"10"[..]))
        );
        assert_eq!(info.rules.iter().filter(|(key, _)| *key == b"Mutator").count(), 2);
    }

    #[test]
    fn another_attempt_requests_the_rules_if_the_list_stays_short() {
        let mut talk = Talk::asking("ut2004", true);
        talk.step(&details(2, b"\0\0\0\0\x03\0\0\0\x022\0\0\0"));
        talk.step(&players(&[(5, "Ann", 40, 0)]));
        assert!(talk.quiet(2).is_none() && talk.request(2)[4] == 2);
        assert!(talk.quiet(1).is_none() && talk.request(3)[4] == 1);
        let partial = talk.partial().unwrap();
        assert_eq!((names(&partial), partial.truncated), (vec!["Ann"], true));
        assert_eq!(partial.remarks, ["the rules are missing", "the list of players has 1 of 2"]);
        assert_eq!(
            (partial.rules.get("flags"), partial.rules.get("skill")),
            (Some(&b"3"[..]), Some(&b"2"[..]))
        );
    }

    #[test]
    fn replies_that_were_not_requested_are_ignored() {
        let mut talk = Talk::with("ut2004");
        assert_eq!(talk.step(&players(&[(5, "Ann", 40, 0)])), Step::NotMine);
        assert_eq!(talk.step(b"\x81\0\0\0\0"), Step::NotMine);
        assert_eq!(talk.step(b"\x80\0\0\0\x07"), Step::NotMine);
        assert!(matches!(talk.step(b"\x80\0\0"), Step::Malformed(_)));
        assert!(matches!(talk.step(&details(0x10000, b"")), Step::Malformed(_)));
        assert!(talk.partial().is_none());
        talk.step(&details(200, b""));
        assert_eq!(talk.step(&details(1, b"")), Step::NotMine);
        let last = (1..=200).map(|id| talk.step(&players(&[(id, "x", 1, 0)]))).last();
        assert_eq!(last, Some(Step::Malformed("the reply is too large")));
    }
}
