//! Valve's server queries, A2S: servers of Source and GoldSrc, and of many games on other engines.
//!
//! A server gets up to three requests: INFO, PLAYER, and RULES if the caller wants rules. To each, it may reply with a
//! challenge instead; the request is then repeated with it. Most servers take three packets: INFO, INFO with the
//! challenge, PLAYER with the same challenge. An empty server is not sent PLAYER.
//!
//! The layouts are those of Valve's wiki (`Server_queries`, `Master_Server_Query_Protocol`) and of node-gamedig's
//! `valve.js`.
//!
//! | file | |
//! |---|---|
//! | `mod.rs` | a conversation with a server: which reply answers which request |
//! | `info.rs`, `players.rs`, `rules.rs` | the replies |
//! | `split.rs`, `compressed.rs` | replies in several datagrams |
//! | `games.rs` | the games |
//! | `master.rs` | a conversation with a master |

mod compressed;
mod games;
mod info;
mod master;
mod players;
mod rules;
mod split;

#[cfg(test)]
mod tests;

use std::time::Duration;

#[cfg(feature = "bzip2")]
pub(crate) use compressed::crc32;
use info::Described;
use players::PlayerList;
use split::{Joined, Parts};

use super::servers::ServerSet;
use super::wire::{Dialogue, WireProtocol};
use super::{Game, GameAnswer};
use crate::protocol::{Attempt, Proof, Reply, ReplySize, Step};

/// The start of a datagram that is a whole packet.
const WHOLE: &[u8] = b"\xff\xff\xff\xff";
/// The request INFO, without a challenge.
const INFO_REQUEST: &[u8] = b"\xff\xff\xff\xffTSource Engine Query\0";
const PLAYER_REQUEST: &[u8] = b"\xff\xff\xff\xffU";
const RULES_REQUEST: &[u8] = b"\xff\xff\xff\xffV";
/// The challenge that a client without one sends, to make the server send one.
const NO_CHALLENGE: [u8; 4] = [0xff; 4];

// The kinds of replies, in the byte after the four `ff`.
const CHALLENGE: u8 = 0x41;
const PLAYERS: u8 = 0x44;
const RULES: u8 = 0x45;
const SOURCE_INFO: u8 = 0x49;
const GOLDSRC_INFO: u8 = 0x6d;

/// The maximum number of challenges for one request.
const MAX_CHALLENGES: u32 = 3;
/// The time without a part after which a split reply counts as incomplete. Servers send all parts at once.
const PART_GAP: Duration = Duration::from_millis(500);

pub(super) static WIRE_PROTOCOL: WireProtocol = WireProtocol {
    name: "a2s",
    lists_players: true,
    games: || games::GAMES,
    server: |question| Box::new(ServerQuery::new(question.game, question.with_rules)),
    master: Some(|game, _| Box::new(master::MasterQuery::new(game))),
    read_token: master::read_token,
    read_request_token: master::read_request_token,
};

/// A conversation with a server.
#[derive(Debug)]
struct ServerQuery {
    game: &'static Game,
    with_rules: bool,
    asked: Requested,
    /// The server's last challenge.
    challenge: Option<[u8; 4]>,
    /// The number of challenges received for the current request.
    challenges: u32,
    parts: Parts,
    /// The server's description, once it has been received.
    server: Option<Box<Described>>,
    /// The reason why the last unusable reply was rejected.
    flaw: Option<&'static str>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Requested {
    Info,
    Players,
    Rules,
}

impl ServerQuery {
    fn new(game: &'static Game, with_rules: bool) -> ServerQuery {
        ServerQuery {
            game,
            with_rules,
            asked: Requested::Info,
            challenge: None,
            challenges: 0,
            parts: Parts::default(),
            server: None,
            flaw: None,
        }
    }

    /// Processes a whole packet, which `datagram` completed. Its kind shows which request it answers.
    fn receive(&mut self, packet: &[u8], datagram: &[u8]) -> Step<GameAnswer> {
        let Some((&kind, body)) = packet.strip_prefix(WHOLE).and_then(<[u8]>::split_first) else {
            return Step::NotMine;
        };
        match (self.asked, kind) {
            (_, CHALLENGE) => self.take_challenge(body),
            (Requested::Info, SOURCE_INFO | GOLDSRC_INFO) => self.take_info(kind, body, datagram),
            (Requested::Players, PLAYERS) => match PlayerList::read(body, self.is_the_ship()) {
                Ok(list) => self.take_players(&list, datagram),
                Err(reason) => self.refuse(reason),
            },
            // Some servers reply to any request with an empty list of rules rather than with a challenge.
            (Requested::Players, RULES) if body == [0, 0] => {
                self.remark("the server does not list its players");
                self.next(datagram)
            }
            (Requested::Rules, RULES) => self.take_rules(body, datagram),
            _ => Step::NotMine,
        }
    }

    /// Repeats the request with the challenge. The same challenge again is a reply to an earlier attempt.
    fn take_challenge(&mut self, body: &[u8]) -> Step<GameAnswer> {
        let Some(challenge) = body.first_chunk() else { return self.refuse("the challenge is cut off") };
        if self.challenge == Some(*challenge) {
            return Step::NotMine;
        }
        if self.challenges == MAX_CHALLENGES {
            return self.refuse("the server keeps sending new challenges");
        }
        (self.challenge, self.challenges) = (Some(*challenge), self.challenges + 1);
        Step::AskNext
    }

    fn take_info(&mut self, kind: u8, body: &[u8], datagram: &[u8]) -> Step<GameAnswer> {
        let read = if kind == SOURCE_INFO { info::read_source } else { info::read_goldsrc };
        match read(body, self.game) {
            Ok(server) => {
                self.server = Some(Box::new(server));
                self.next(datagram)
            }
            Err(reason) => self.refuse(reason),
        }
    }

    fn take_players(&mut self, list: &PlayerList<'_>, datagram: &[u8]) -> Step<GameAnswer> {
        if let Some(server) = self.server.as_deref_mut() {
            list.add_to(server);
        }
        self.next(datagram)
    }

    fn take_rules(&mut self, body: &[u8], datagram: &[u8]) -> Step<GameAnswer> {
        let Some(server) = self.server.as_deref_mut() else { return Step::NotMine };
        match rules::read(body, &mut server.info) {
            Ok(()) => self.next(datagram),
            Err(reason) => self.refuse(reason),
        }
    }

    /// Moves on to the next request for this server, or ends the conversation.
    fn next(&mut self, datagram: &[u8]) -> Step<GameAnswer> {
        let has_players = self.server.as_ref().is_some_and(|server| server.info.players > 0);
        self.asked = match self.asked {
            Requested::Info if has_players => Requested::Players,
            Requested::Info | Requested::Players if self.with_rules => Requested::Rules,
            _ => {
                let Some(server) = self.server.take() else { return Step::NotMine };
                return Step::Done(GameAnswer::server(server.info, datagram));
            }
        };
        (self.challenges, self.flaw) = (0, None);
        self.parts.forget();
        Step::AskNext
    }

    fn refuse(&mut self, reason: &'static str) -> Step<GameAnswer> {
        self.flaw = Some(reason);
        Step::Malformed(reason)
    }

    fn is_the_ship(&self) -> bool {
        self.server.as_ref().is_some_and(|server| server.app == info::THE_SHIP)
    }

    fn remark(&mut self, remark: &str) {
        if let Some(server) = self.server.as_deref_mut() {
            server.info.remarks.push(remark.to_owned());
            server.info.truncated |= self.asked == Requested::Players;
        }
    }
}

impl Dialogue for ServerQuery {
    /// Returns proof by content: each kind of reply answers one kind of request, and replies return nothing of the
    /// request.
    fn proof(&self) -> Proof {
        Proof::Content
    }

    fn write_request(&mut self, _: Attempt, out: &mut Vec<u8>) {
        let challenge = self.challenge.unwrap_or(NO_CHALLENGE);
        match self.asked {
            Requested::Info => {
                out.extend_from_slice(INFO_REQUEST);
                return out.extend_from_slice(self.challenge.as_ref().map_or(&[], |challenge| challenge));
            }
            Requested::Players => out.extend_from_slice(PLAYER_REQUEST),
            Requested::Rules => out.extend_from_slice(RULES_REQUEST),
        }
        out.extend_from_slice(&challenge);
    }

    fn step(&mut self, _: &mut ServerSet, reply: &Reply<'_>) -> Step<GameAnswer> {
        if !reply.bytes.starts_with(split::SPLIT) {
            return self.receive(reply.bytes, reply.bytes);
        }
        match self.parts.add(reply.bytes) {
            Joined::Whole(packet) => self.receive(&packet, reply.bytes),
            Joined::Missing => Step::More { quiet: PART_GAP },
            Joined::Known => Step::NotMine,
            Joined::Broken(reason) => self.refuse(reason),
        }
    }

    /// Returns what is known of a server that did not answer the last request in full. If its player list was split,
    /// the parts before the first missing one are used.
    fn partial_answer(&mut self) -> Option<GameAnswer> {
        self.server.as_ref()?;
        let what = match self.asked {
            Requested::Info => return None,
            Requested::Players => "the player list is missing",
            Requested::Rules => "the rules are missing",
        };
        let beginning = self.parts.beginning();
        if self.asked == Requested::Players
            && let Some(body) =
                beginning.strip_prefix(WHOLE).and_then(|packet| packet.strip_prefix(&[PLAYERS]))
            && let Ok(list) = PlayerList::read(body, self.is_the_ship())
            && let Some(server) = self.server.as_deref_mut()
        {
            list.add_to(server);
            self.remark("part of the player list is missing");
        } else {
            self.remark(&self.flaw.map_or(what.to_owned(), |flaw| format!("{what}: {flaw}")));
        }
        let server = self.server.take()?;
        Some(GameAnswer::server(server.info, &server.datagram))
    }

    /// Returns an upper bound for the current request. A player takes 10 bytes plus a name, usually of fewer than 22.
    fn reply_size(&self) -> ReplySize {
        let players = self.server.as_ref().map_or(0, |server| server.info.players);
        match self.asked {
            Requested::Info => ReplySize::one(512),
            Requested::Players => ReplySize { datagrams: 1 + (players * 32 / 1200).min(6), bytes: 1400 },
            Requested::Rules => ReplySize { datagrams: 4, bytes: 1400 },
        }
    }
}
