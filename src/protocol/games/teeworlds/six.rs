//! A conversation with a server of version 0.6 or of DDNet.
//!
//! The request is DDNet's, with `xe` in the envelope, and 24 bits that the reply returns. DDNet replies with `iext` and
//! any number of `iex+`, each with as many players as fit. Servers that do not know this request ignore the envelope
//! (`CNetBase::UnpackPacket`), and reply with `inf3`, which returns eight of these bits and lists up to 16 players. Old
//! servers with 64 slots say so in their names (`[30/64]`), and list all players in reply to `fstd`.

use std::collections::BTreeMap;
use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

use super::info::{self, InfoLayout, ListedPlayers, ServerDescription};
use super::{ENVELOPE, MAX_PACKET, OUT_OF_BAND};
use crate::protocol::games::fields::Fields;
use crate::protocol::games::servers::ServerSet;
use crate::protocol::games::wire::{Dialogue, ServerQuestion};
use crate::protocol::games::{Game, GameAnswer, ServerInfo};
use crate::protocol::{Attempt, Proof, Reply, ReplySize, Step, Token};

/// The time without a datagram after which the rest of a reply counts as missing. Servers send all of it at once.
const PART_GAP: Duration = Duration::from_millis(300);
/// The maximum number of datagrams of one reply: DDNet has up to 128 players, about 25 in each.
const MAX_PARTS: u32 = 32;

/// A conversation with one server.
#[derive(Debug)]
pub(super) struct SixConversation {
    game: &'static Game,
    /// The upper 16 of the 24 bits that DDNet returns. They are the same for all attempts.
    extra: u16,
    asking: SixRequest,
    /// The server's latest description, and its players by the position of their datagram in the list.
    description: Option<ServerDescription>,
    parts: BTreeMap<u32, ListedPlayers>,
    /// The reply of an old server with room for 64 players, which lists only some of them.
    short: Option<ServerInfo>,
}

/// The kind of the next request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum SixRequest {
    Info,
    Legacy64,
}

/// The kind of a reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum PacketKind {
    /// The first datagram: the server, and some of its players.
    Head(InfoLayout),
    /// More players: `iex+`.
    MorePlayers,
}

impl SixConversation {
    pub(super) fn new(question: &ServerQuestion) -> SixConversation {
        SixConversation {
            game: question.game,
            // `RandomState` is seeded by the operating system, so nobody can predict these bits.
            extra: RandomState::new().hash_one(question.target) as u16,
            asking: SixRequest::Info,
            description: None,
            parts: BTreeMap::new(),
            short: None,
        }
    }

    /// Processes one datagram of a reply.
    fn read(
        &mut self,
        kind: PacketKind,
        mut fields: Fields<'_>,
        reply: &[u8],
    ) -> Result<Step<GameAnswer>, &'static str> {
        let (number, layout) = match kind {
            PacketKind::Head(layout) => {
                let description = layout.read_server(&mut fields, self.game)?;
                let number = description.offset;
                self.description = Some(description);
                (number, layout)
            }
            PacketKind::MorePlayers => {
                let number = std::str::from_utf8(fields.text()?).ok().and_then(|text| text.parse().ok());
                fields.text()?;
                (number.filter(|number| *number > 0).ok_or("a datagram has no number")?, InfoLayout::Extended)
            }
        };
        if self.parts.len() as u32 == MAX_PARTS && !self.parts.contains_key(&number) {
            return Err("the list of players has too many parts");
        }
        self.parts.insert(number, layout.read_players(&mut fields, self.game));
        Ok(self.judge(layout, reply))
    }

    /// Decides whether the reply is complete.
    fn judge(&mut self, layout: InfoLayout, reply: &[u8]) -> Step<GameAnswer> {
        let listed: usize = self.parts.values().map(|part| part.players.len()).sum();
        let Some(description) = &self.description else { return Step::More { quiet: PART_GAP } };
        if listed < description.clients as usize && layout != InfoLayout::Plain {
            return Step::More { quiet: PART_GAP };
        }
        let Some(info) = self.take_info() else { return Step::NotMine };
        match info::counts_in_name(&info) {
            Some((players, slots)) if layout == InfoLayout::Plain && Some(slots) > info.max_players => {
                self.asking = SixRequest::Legacy64;
                self.short = Some(info::with_more_players(info, players));
                Step::AskNext
            }
            _ => Step::Done(GameAnswer::server(info, reply)),
        }
    }

    /// Removes what has been received, and returns it as a server.
    fn take_info(&mut self) -> Option<ServerInfo> {
        let mut all = ListedPlayers::default();
        for part in std::mem::take(&mut self.parts).into_values() {
            all.players.extend(part.players);
            all.is_cut |= part.is_cut;
        }
        self.description.take().map(|description| description.with_players(all))
    }
}

impl Dialogue for SixConversation {
    /// Returns proof by token: eight bits. DDNet returns 16 more.
    fn proof(&self) -> Proof {
        Proof::Token { bits: 8 }
    }

    fn write_request(&mut self, attempt: Attempt, out: &mut Vec<u8>) {
        match self.asking {
            SixRequest::Info => {
                out.extend_from_slice(b"xe");
                out.extend_from_slice(&self.extra.to_be_bytes());
                out.extend_from_slice(b"\0\0\xff\xff\xff\xffgie3");
            }
            SixRequest::Legacy64 => {
                out.extend_from_slice(ENVELOPE);
                out.extend_from_slice(b"\xff\xff\xff\xfffstd");
            }
        }
        out.push(attempt.token.0 as u8);
    }

    fn step(&mut self, _: &mut ServerSet, reply: &Reply<'_>) -> Step<GameAnswer> {
        let Some((kind, number, fields)) = header(reply.bytes) else { return Step::NotMine };
        let is_extended = matches!(kind, PacketKind::Head(InfoLayout::Extended) | PacketKind::MorePlayers);
        let is_asked =
            (kind == PacketKind::Head(InfoLayout::Legacy64)) == (self.asking == SixRequest::Legacy64);
        if !is_asked || (is_extended && number >> 8 != u32::from(self.extra)) {
            return Step::NotMine;
        }
        if reply.bytes.len() > MAX_PACKET {
            return Step::Malformed("the reply is longer than any packet");
        }
        self.read(kind, fields, reply.bytes).unwrap_or_else(Step::Malformed)
    }

    /// Returns the server with the players received so far. One that is queried too often replies without its players.
    fn partial_answer(&mut self) -> Option<GameAnswer> {
        let info = self.take_info().or_else(|| self.short.take())?;
        Some(GameAnswer::server(info, &[]))
    }

    /// Returns the size of a reply with 64 players.
    fn reply_size(&self) -> ReplySize {
        ReplySize { datagrams: 3, bytes: MAX_PACKET as u32 }
    }
}

/// Returns the kind of a reply, the number that it returns, and the fields after that.
fn header(reply: &[u8]) -> Option<(PacketKind, u32, Fields<'_>)> {
    let text = reply.strip_prefix(ENVELOPE)?.strip_prefix(OUT_OF_BAND)?;
    let (kind, text) = text.split_at_checked(4)?;
    let kind = match kind {
        b"inf3" => PacketKind::Head(InfoLayout::Plain),
        b"dtsf" => PacketKind::Head(InfoLayout::Legacy64),
        b"iext" => PacketKind::Head(InfoLayout::Extended),
        b"iex+" => PacketKind::MorePlayers,
        _ => return None,
    };
    let mut fields = Fields::new(text);
    let digits = fields.text().ok()?;
    let is_number = (1..=8).contains(&digits.len()) && digits.iter().all(u8::is_ascii_digit);
    let number = std::str::from_utf8(digits).ok().filter(|_| is_number)?.parse().ok()?;
    Some((kind, number, fields))
}

/// Returns the eight bits that every server returns.
pub(super) fn read_token(reply: &[u8]) -> Option<Token> {
    header(reply).map(|(_, number, _)| Token(u64::from(number & 0xff))).filter(|token| *token != Token::NONE)
}

pub(super) fn read_request_token(request: &[u8]) -> Option<Token> {
    let is_extended = request.starts_with(b"xe");
    let text = request.get(6..)?.strip_prefix(OUT_OF_BAND)?;
    let token = match text {
        [b'g', b'i', b'e', b'3', token, ..] if is_extended => *token,
        [b'f', b's', b't', b'd', token, ..] if request.starts_with(ENVELOPE) => *token,
        _ => return None,
    };
    Some(Token(u64::from(token))).filter(|token| *token != Token::NONE)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::Quiet;
    use crate::protocol::games::talk::{done, server};

    const HEAD: &str = "16.4|Amber|canyon|";

    fn conversation() -> SixConversation {
        let game = Game::find("teeworlds").unwrap();
        let target = ([127, 0, 0, 1], 8303).into();
        SixConversation::new(&ServerQuestion { game, target, with_rules: false })
    }

    /// Returns a packet with a zero byte for each `|`.
    fn packet(kind: &str, number: u32, text: &str) -> Vec<u8> {
        let text = format!("{number}|{text}").replace('|', "\0");
        [ENVELOPE, OUT_OF_BAND, kind.as_bytes(), text.as_bytes()].concat()
    }

    fn players(names: std::ops::Range<u32>, end: &str) -> String {
        names.map(|at| format!("p{at}|clan|-1|{at}|1|{end}")).collect()
    }

    fn step(conversation: &mut SixConversation, datagram: &[u8]) -> Step<ServerInfo> {
        let reply = Reply::to_first(([127, 0, 0, 1], 8303).into(), datagram);
        conversation.step(&mut ServerSet::default(), &reply).map(server)
    }

    #[test]
    fn a_request_is_ddnets_and_its_number_comes_back() {
        let mut tee = conversation();
        let mut out = Vec::new();
        tee.write_request(Attempt::first(Token(0x2a)), &mut out);
        assert_eq!((out.len(), &out[..2], &out[4..]), (15, &b"xe"[..], &b"\0\0\xff\xff\xff\xffgie3\x2a"[..]));
        assert_eq!(read_request_token(&out), Some(Token(0x2a)));
        assert_eq!(read_request_token(&out[..14]), None);
        assert_eq!(read_token(&out), None);
        assert_eq!(read_token(&packet("inf3", 0x2a, "")), Some(Token(0x2a)));
        assert_eq!(read_token(&packet("iext", 0xbeef2a, "")), Some(Token(0x2a)));
        for none in [packet("inf3", 256, ""), packet("inf2", 5, ""), packet("inf3", 1_000_000_000, "")] {
            assert_eq!(read_token(&none), None);
        }
        assert_eq!(read_token(b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xffinf3-5\0"), None);
    }

    #[test]
    fn a_plain_server_answers_with_one_datagram() {
        let text = "0.6.4|My \u{e9}|dm1|DM|1|1|8|2|16|Ann||276|-7|1|Bob|x|-1|0|0|";
        let info = done(step(&mut conversation(), &packet("inf3", 5, text)));
        assert_eq!((info.name.as_deref(), info.map.as_deref()), (Some("My \u{e9}"), Some("dm1")));
        assert_eq!((info.version.as_deref(), info.game_type.as_deref()), (Some("0.6.4"), Some("DM")));
        assert_eq!((info.players, info.bots, info.max_players), (2, None, Some(16)));
        assert_eq!((info.password, info.truncated, info.remarks.len()), (Some(true), false, 0));
        assert_eq!(info.rules.get("max_players"), Some(&b"8"[..]));
        let list: Vec<_> =
            info.player_list.iter().map(|p| (&*p.name, p.score, p.team_name.as_deref())).collect();
        assert_eq!(list, [("Ann", Some(-7.0), None), ("Bob", Some(0.0), Some("spectator"))]);
        let rule = |key| info.rules.get(key);
        assert_eq!((rule("country_0"), rule("clan_0")), (Some(&b"276"[..]), None));
        assert_eq!((rule("country_1"), rule("clan_1")), (None, Some(&b"x"[..])));
    }

    #[test]
    fn an_extended_answer_is_complete_when_all_players_are_there() {
        let mut tee = conversation();
        let number = u32::from(tee.extra) << 8 | 7;
        let head = format!("{HEAD}9|8|Race|0|3|64|5|64||{}", players(0..2, "|"));
        let [head, one, two] = [
            packet("iext", number, &head),
            packet("iex+", number, &format!("1||{}", players(2..4, "|"))),
            packet("iex+", number, &format!("2||{}", players(4..5, "|"))),
        ];
        let more = Step::More { quiet: PART_GAP };
        for part in [&two, &one, &one] {
            assert_eq!(step(&mut tee, part).map(drop), more, "the order does not matter");
        }
        let info = done(step(&mut tee, &head));
        let names: Vec<_> = info.player_list.iter().map(|player| &*player.name).collect();
        assert_eq!((info.players, info.truncated, names), (5, false, vec!["p0", "p1", "p2", "p3", "p4"]));
        assert_eq!(info.rules.get("map_size"), Some(&b"8"[..]));

        let mut tee = SixConversation { extra: tee.extra, ..conversation() };
        step(&mut tee, &head);
        step(&mut tee, &two);
        assert!(matches!(tee.quiet(1), Quiet::Retry));
        let Quiet::Done(answer) = tee.quiet(0) else { panic!("it has described itself") };
        let info = server(answer);
        assert_eq!((info.players, info.player_list.len(), info.truncated), (5, 3, true));
        assert_eq!(info.remarks, ["3 of 5 players are listed"]);
    }

    #[test]
    fn extended_answers_return_all_bits() {
        let mut tee = conversation();
        let wrong = u32::from(!tee.extra) << 8 | 7;
        let head = format!("{HEAD}9|8|Race|0|0|64|0|64||");
        assert_eq!(step(&mut tee, &packet("iext", wrong, &head)).map(drop), Step::NotMine);
        assert_eq!(step(&mut tee, &packet("iex+", wrong, "1||")).map(drop), Step::NotMine);
        assert_eq!(step(&mut tee, &packet("dtsf", 7, &head)).map(drop), Step::NotMine, "not requested");
    }

    #[test]
    fn all_players_are_requested_from_an_old_server_with_64_slots() {
        let mut tee = conversation();
        let plain = format!("0.6|Old [30/64]|canyon|DM|0|15|16|15|16|{}", players(0..16, ""));
        assert_eq!(step(&mut tee, &packet("inf3", 5, &plain)).map(drop), Step::AskNext);
        let mut out = Vec::new();
        tee.write_request(Attempt::first(Token(6)), &mut out);
        assert_eq!(out, b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xfffstd\x06");
        assert_eq!(read_request_token(&out), Some(Token(6)));
        let part = |offset: &str, names| {
            let head = "0.6|Old|canyon|DM|0|30|64|30|64|";
            packet("dtsf", 6, &format!("{head}{offset}{}", players(names, "")))
        };
        assert_eq!(step(&mut tee, &part("\x18", 24..30)).map(drop), Step::More { quiet: PART_GAP });
        let info = done(step(&mut tee, &part("\0", 0..24)));
        assert_eq!((info.players, info.player_list.len(), info.max_players), (30, 30, Some(64)));
        assert!(!info.truncated && info.player_list[29].name == "p29");

        let mut tee = conversation();
        step(&mut tee, &packet("inf3", 5, &plain));
        let info = server(tee.partial_answer().expect("it has described itself"));
        assert_eq!((info.players, info.player_list.len(), info.truncated), (30, 16, true));
    }

    #[test]
    fn odd_fields_do_not_hide_a_server_and_endless_parts_end() {
        let info = done(step(
            &mut conversation(),
            &packet("inf3", 5, &format!("{HEAD}DM|?|x||-4|many|Ann|||x|1|Bo")),
        ));
        assert_eq!((info.password, info.players, info.max_players), (None, 1, None));
        assert_eq!((info.player_list[0].score, info.truncated), (None, true));
        assert!(matches!(step(&mut conversation(), &packet("inf3", 5, HEAD)), Step::Malformed(_)));

        let mut tee = conversation();
        let number = u32::from(tee.extra) << 8 | 7;
        for at in 1..=MAX_PARTS {
            let part = packet("iex+", number, &format!("{at}||"));
            assert!(matches!(step(&mut tee, &part), Step::More { .. }));
        }
        assert!(matches!(step(&mut tee, &packet("iex+", number, "99||")), Step::Malformed(_)));
        let long = packet("iex+", number, &format!("1||{}", "x".repeat(1400)));
        assert!(matches!(step(&mut tee, &long), Step::Malformed(_)));
        assert!(tee.partial_answer().is_none(), "the server has not described itself");
    }
}
