//! QuakeWorld: the status of servers, and lists of servers from masters.
//!
//! A server gets one request, `status` and a number that says what to list. Its reply is text, which mvdsv splits when
//! it gets too long for one datagram (`SV_AddToRedirect` in `sv_send.c`): the parts have neither numbers nor an end
//! mark.
//!
//! | file | |
//! |---|---|
//! | `mod.rs` | a conversation with a server: the request, and its reply in several datagrams |
//! | `status.rs` | a reply as a [`ServerInfo`](super::ServerInfo) |
//! | `master.rs` | the lists of masters |

mod master;
mod status;

use std::time::Duration;

use super::servers::ServerSet;
use super::text::{Charset, Colors, TextRules};
use super::wire::{Dialogue, WireProtocol};
use super::{Game, GameAnswer};
use crate::protocol::{Attempt, Proof, Quiet, Reply, ReplySize, Step};

/// The header of a reply: `A2C_PRINT` (`protocol.h`).
const PRINT: &[u8] = b"\xff\xff\xff\xffn";
/// The request. The number is the sum of what mvdsv (`SVC_Status`, `sv_main.c`) is to list: 1 settings, 2 players, 4
/// spectators, 16 teams, 32 streams of QTV, 64 flags, 128 bots. (8 would hide the marks of spectators.) Other servers
/// ignore what they do not know.
const STATUS: &[u8] = b"\xff\xff\xff\xffstatus 247\n";
/// The time without a datagram after which a reply is over.
const PART_GAP: Duration = Duration::from_millis(300);
/// The lengths of a datagram that may not be the last one. mvdsv begins another one instead of exceeding 1,350 bytes
/// (1,450 in older versions), and adds fewer than 160 bytes at a time.
const MAY_GO_ON: std::ops::Range<usize> = 1180..1460;
/// The maximum total length of the datagrams after the first one, in bytes: more than a full server needs.
const MAX_REST: usize = 16 * 1024;

pub(super) static WIRE_PROTOCOL: WireProtocol = WireProtocol {
    name: "quakeworld",
    lists_players: true,
    games: || GAMES,
    server: |question| Box::new(StatusText::new(question.game)),
    master: Some(|game, _| Box::new(master::query(game))),
    read_token: |_| None,
    read_request_token: |_| None,
};

static GAMES: &[Game] = &[Game {
    id: "quakeworld",
    aliases: &["qw"],
    name: "QuakeWorld",
    master_port: 27000,
    // qw-tools/servers, README.md.
    masters: &[
        "master.quakeworld.nu:27000",
        "master.quakeservers.net:27000",
        "qwmaster.ocrana.de:27000",
        "qwmaster.fodquake.net:27000",
    ],
    text: TextRules::new(Colors::None).with_charset(Charset::QuakeWorld),
    ..Game::of(&WIRE_PROTOCOL, 27500)
}];

/// A conversation with a server: one request, and the text of its reply as received so far.
#[derive(Debug)]
struct StatusText {
    game: &'static Game,
    /// The text of the first datagram, which begins with the settings; empty until it arrives.
    head: Vec<u8>,
    /// The text of the other datagrams, in order of arrival.
    rest: Vec<u8>,
    /// True if the request has been repeated because the rest was missing.
    is_repeated: bool,
}

impl StatusText {
    fn new(game: &'static Game) -> StatusText {
        StatusText { game, head: Vec::new(), rest: Vec::new(), is_repeated: false }
    }

    /// Returns the answer from the text received so far; `None` if it does not have the settings.
    fn answer(&self) -> Option<GameAnswer> {
        let text = [&self.head[..], &self.rest].concat();
        let info = status::parse(&text, self.game).ok()?;
        Some(GameAnswer::server(info, &[PRINT, &text].concat()))
    }

    fn is_head(text: &[u8]) -> bool {
        text.starts_with(b"\\")
    }

    /// Returns whether a text may continue a status, at the start of a line or within one.
    fn continues(text: &[u8]) -> bool {
        matches!(text, [b' ' | b'"' | b'-' | b'0'..=b'9' | b'\n', ..]) || text.starts_with(b"qtv ")
    }
}

impl Dialogue for StatusText {
    /// Returns proof by content: a status begins with the settings, and nothing else that a server prints does.
    fn proof(&self) -> Proof {
        Proof::Content
    }

    fn write_request(&mut self, _: Attempt, out: &mut Vec<u8>) {
        out.extend_from_slice(STATUS);
    }

    fn step(&mut self, _: &mut ServerSet, reply: &Reply<'_>) -> Step<GameAnswer> {
        let Some(text) = reply.bytes.strip_prefix(PRINT) else { return Step::NotMine };
        let text = text.strip_suffix(b"\0").unwrap_or(text);
        let is_last = !MAY_GO_ON.contains(&reply.bytes.len());
        if StatusText::is_head(text) {
            if let Err(reason) = status::parse(text, self.game) {
                return Step::Unproven(reason);
            }
            self.head = text.to_vec();
        } else if StatusText::continues(text) && self.rest.len() + text.len() <= MAX_REST {
            self.rest.extend_from_slice(text);
        } else {
            return Step::NotMine;
        }
        let is_complete = is_last && !self.head.is_empty();
        let answer = if is_complete { self.answer() } else { None };
        answer.map_or(Step::More { quiet: PART_GAP }, Step::Done)
    }

    /// Completes a reply after a pause. A reply without its first datagram is requested again; so is one that may lack
    /// its last datagrams, but only once.
    fn quiet(&mut self, tries_left: u32) -> Quiet<GameAnswer> {
        let may_lack_more = self.rest.is_empty() && !std::mem::replace(&mut self.is_repeated, true);
        match self.answer() {
            Some(answer) if tries_left == 0 || !may_lack_more => Quiet::Done(answer),
            _ => Quiet::Retry,
        }
    }

    fn partial_answer(&mut self) -> Option<GameAnswer> {
        self.answer()
    }

    /// Returns two datagrams of mvdsv's maximum length.
    fn reply_size(&self) -> ReplySize {
        ReplySize { datagrams: 2, bytes: 1460 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::Token;
    use crate::protocol::games::talk::server;

    fn part(text: &str) -> Vec<u8> {
        [PRINT, text.as_bytes(), b"\0"].concat()
    }

    fn player(id: usize) -> String {
        format!("{id} {id} 5 40 \"player {id}\" \"base\" 4 4 \"red\"\n")
    }

    /// Returns a whole reply in two datagrams, the first of which is full, and the number of its players.
    fn two_parts() -> ([Vec<u8>; 2], u32) {
        let mut head = "\\hostname\\Full\\map\\dm6\n".to_owned();
        let mut players = 0;
        while head.len() < 1340 - player(99).len() {
            head += &player(players);
            players += 1;
        }
        let rest = format!("{}{}", player(players), player(players + 1));
        ([part(&head), part(&rest)], players as u32 + 2)
    }

    fn step(query: &mut StatusText, datagram: &[u8]) -> Step<GameAnswer> {
        query.step(&mut ServerSet::default(), &Reply::to_first(([127, 0, 0, 1], 27500).into(), datagram))
    }

    fn query() -> StatusText {
        StatusText::new(&GAMES[0])
    }

    #[test]
    fn a_short_reply_is_complete() {
        let mut request = Vec::new();
        query().write_request(Attempt::first(Token::NONE), &mut request);
        assert_eq!(request, b"\xff\xff\xff\xffstatus 247\n");
        let reply = part(&format!("\\hostname\\Home\n{}", player(7)));
        let Step::Done(answer) = step(&mut query(), &reply) else { panic!("complete") };
        assert_eq!(server(answer).players, 1);
    }

    #[test]
    fn the_datagrams_of_a_long_reply_are_joined_in_any_order() {
        let ([head, rest], players) = two_parts();
        let mut query = query();
        assert!(matches!(step(&mut query, &head), Step::More { .. }));
        let Step::Done(answer) = step(&mut query, &rest) else { panic!("complete") };
        assert_eq!(server(answer).players, players);

        let mut query = StatusText::new(&GAMES[0]);
        for datagram in [&rest, &head, &head] {
            assert!(matches!(step(&mut query, datagram), Step::More { .. }));
        }
        let Quiet::Done(answer) = query.quiet(2) else { panic!("complete") };
        assert_eq!(server(answer).players, players);
    }

    #[test]
    fn a_missing_datagram_is_requested_again() {
        let ([head, rest], _) = two_parts();
        let mut lacks_head = query();
        assert!(matches!(step(&mut lacks_head, &rest), Step::More { .. }));
        assert!(matches!(lacks_head.quiet(0), Quiet::Retry) && lacks_head.partial_answer().is_none());

        let mut lacks_rest = query();
        assert!(matches!(step(&mut lacks_rest, &head), Step::More { .. }));
        assert!(matches!(lacks_rest.quiet(1), Quiet::Retry), "once");
        assert!(matches!(step(&mut lacks_rest, &head), Step::More { .. }));
        assert!(matches!(lacks_rest.quiet(1), Quiet::Done(_)), "there is no more");
    }

    #[test]
    fn other_prints_and_endless_ones_are_not_taken() {
        for other in
            [&b"\xff\xff\xff\xffnbad rcon_password\n\0"[..], b"\xff\xff\xff\xffl", b"\xff\xff\xff\xffn", b""]
        {
            assert!(matches!(step(&mut query(), other), Step::NotMine), "{}", other.escape_ascii());
        }
        let broken = step(&mut query(), b"\xff\xff\xff\xffn\\hostname\\a");
        assert!(matches!(broken, Step::Unproven("the end of the settings is missing")), "{broken:?}");
        let mut endless = query();
        let taken =
            (0..1000).filter(|_| !matches!(step(&mut endless, &part(&player(1).repeat(20))), Step::NotMine));
        assert!(taken.count() < 30);
    }
}
