//! A conversation of version 3 or 4: a handshake that yields a challenge, then the status.
//!
//! The layout is that of GameSpy's library, as `gs3.c` of qstat and `gamespy3.js` of node-gamedig read it. Version 4 is
//! version 3 with the handshake. A challenge of 0 means that the server does not require one.

use std::time::Duration;

use super::super::fields::CUT_OFF;
use super::super::servers::ServerSet;
use super::super::wire::{Dialogue, WireProtocol};
use super::super::{Game, GameAnswer, ServerInfo};
use super::games;
use super::sections::Parts;
use super::session::{Session, Width, read_request_token, read_token};
use crate::protocol::{Attempt, Proof, Quiet, Reply, ReplySize, Step};

/// The beginning of each request.
pub(super) const MAGIC: &[u8] = b"\xfe\xfd";
/// The first byte of a handshake, and of its reply.
pub(super) const CHALLENGE: u8 = 9;
/// The first byte of a request for the status, and of its reply.
pub(super) const STATUS: u8 = 0;
/// The bytes before the number of a part.
const SPLITNUM: &[u8] = b"splitnum\0";

/// The maximum number of challenges in one conversation. A lost reply to the status costs another one, because a server may
/// keep only the latest.
const MAX_CHALLENGES: u8 = 4;
/// The time without a datagram after which a status is over. Servers send all parts at once.
const BETWEEN_PARTS: Duration = Duration::from_millis(300);

/// The variants of the protocol.
#[derive(Debug)]
pub(super) struct Variant {
    /// True if a handshake precedes the request for the status.
    pub has_handshake: bool,
    pub width: Width,
    /// The end of the request for the status.
    pub ask: &'static [u8],
    /// Reads a status that is a single datagram; `None` if a status has numbered parts.
    pub read_single: Option<ReadSingle>,
}

/// A function that reads a status, from after its session number.
type ReadSingle = fn(&'static Game, &[u8]) -> Result<ServerInfo, &'static str>;

/// All sections: `ff` for the server, the players and the teams; the last byte requests numbered parts.
const ALL_SECTIONS: &[u8] = b"\xff\xff\xff\x01";

/// The wire protocol of games whose servers require a challenge.
pub(in super::super) static WITH_CHALLENGE: WireProtocol = WireProtocol {
    name: "gamespy3",
    lists_players: true,
    games: || games::WITH_CHALLENGE,
    server: |question| StatusDialogue::begin(question.game, &CHALLENGED),
    master: None,
    read_token,
    read_request_token,
};

/// The wire protocol of games whose servers need no challenge.
pub(in super::super) static WITHOUT_CHALLENGE: WireProtocol = WireProtocol {
    games: || games::WITHOUT_CHALLENGE,
    server: |question| StatusDialogue::begin(question.game, &DIRECT),
    ..WITH_CHALLENGE
};

const CHALLENGED: Variant =
    Variant { has_handshake: true, width: Width::Wide, ask: ALL_SECTIONS, read_single: None };
const DIRECT: Variant = Variant { has_handshake: false, ..CHALLENGED };

/// A conversation with a server.
#[derive(Debug)]
pub(super) struct StatusDialogue {
    game: &'static Game,
    variant: &'static Variant,
    stage: Stage,
    challenges: u8,
    parts: Parts,
    /// The latest part.
    latest: Box<[u8]>,
}

#[derive(Clone, Copy, Debug)]
enum Stage {
    /// The first request has not been answered.
    First,
    /// The server has sent a challenge.
    Status {
        session: Session,
        challenge: Option<i32>,
        /// True if the handshake has been repeated since.
        is_repeated: bool,
    },
}

impl StatusDialogue {
    pub fn begin(game: &'static Game, variant: &'static Variant) -> Box<dyn Dialogue> {
        Box::new(StatusDialogue {
            game,
            variant,
            stage: Stage::First,
            challenges: 0,
            parts: Parts::default(),
            latest: Box::default(),
        })
    }

    /// Processes the reply to a handshake: the challenge as a decimal number.
    fn take_challenge(&mut self, from: Session, text: &[u8]) -> Step<GameAnswer> {
        if let Stage::Status { session, is_repeated, .. } = self.stage
            && (!is_repeated || !from.is_same(session))
        {
            return Step::NotMine;
        }
        let text = text.split(|&byte| byte == 0).next().unwrap_or_default();
        let Some(number) = super::number::<i64>(text) else {
            return Step::Malformed("the challenge is not a number");
        };
        let session = if self.variant.has_handshake { from } else { from.by_content() };
        // Some servers write it as a signed number, others as an unsigned one.
        let challenge = Some(number as i32).filter(|&challenge| challenge != 0);
        self.stage = Stage::Status { session, challenge, is_repeated: false };
        self.challenges += 1;
        Step::AskNext
    }

    fn take_status(&mut self, from: Session, reply: &[u8], body: &[u8]) -> Step<GameAnswer> {
        if matches!(self.stage, Stage::Status { session, .. } if !from.is_same(session)) {
            return Step::NotMine;
        }
        if let Some(read) = self.variant.read_single {
            return GameAnswer::step(read(self.game, body), reply);
        }
        // Another header has the same length, and belongs to a status that is not split.
        let whole;
        let part = match body.strip_prefix(SPLITNUM) {
            Some(part) => part,
            None => {
                let Some(rest) = body.get(SPLITNUM.len() + 1..) else { return Step::Malformed(CUT_OFF) };
                whole = [&[0x80], rest].concat();
                &whole
            }
        };
        if let Err(reason) = self.parts.add(part) {
            return Step::Malformed(reason);
        }
        self.latest = reply.into();
        if !self.parts.is_complete() {
            return Step::More { quiet: BETWEEN_PARTS };
        }
        GameAnswer::step(self.parts.describe(self.game), reply)
    }
}

impl Dialogue for StatusDialogue {
    fn proof(&self) -> Proof {
        match self.stage {
            Stage::First => Proof::Token { bits: self.variant.width.token_bits() },
            Stage::Status { .. } => Proof::Content,
        }
    }

    /// Repeats the handshake before a retry of the status request, because a later challenge may have replaced this
    /// one.
    fn write_request(&mut self, attempt: Attempt, out: &mut Vec<u8>) {
        let may_repeat = attempt.number > 1 && self.challenges < MAX_CHALLENGES && self.parts.is_empty();
        let (kind, session, challenge) = match &mut self.stage {
            Stage::First if self.variant.has_handshake => {
                (CHALLENGE, Session::handshake(self.variant.width, attempt.token), None)
            }
            Stage::First => (STATUS, Session::direct(attempt.token), None),
            Stage::Status { session, is_repeated, .. } if may_repeat => {
                *is_repeated = true;
                (CHALLENGE, session.by_content(), None)
            }
            Stage::Status { session, challenge, .. } => (STATUS, *session, *challenge),
        };
        out.extend_from_slice(MAGIC);
        out.push(kind);
        out.extend_from_slice(&session.to_bytes());
        if let Some(challenge) = challenge {
            out.extend_from_slice(&challenge.to_be_bytes());
        }
        if kind == STATUS {
            out.extend_from_slice(self.variant.ask);
        }
    }

    fn step(&mut self, _: &mut ServerSet, reply: &Reply<'_>) -> Step<GameAnswer> {
        let (Some(session), Some((_, body))) =
            (Session::of_reply(reply.bytes), reply.bytes.split_at_checked(5))
        else {
            return Step::Unproven(CUT_OFF);
        };
        match reply.bytes[0] {
            CHALLENGE => self.take_challenge(session, body),
            STATUS => self.take_status(session, reply.bytes, body),
            _ => Step::NotMine,
        }
    }

    fn quiet(&mut self, tries_left: u32) -> Quiet<GameAnswer> {
        match self.parts.describe(self.game) {
            Ok(info) if tries_left == 0 || !info.truncated => {
                Quiet::Done(GameAnswer::server(info, &self.latest))
            }
            _ => Quiet::Retry,
        }
    }

    fn partial_answer(&mut self) -> Option<GameAnswer> {
        let info = self.parts.describe(self.game).ok()?;
        Some(GameAnswer::server(info, &self.latest))
    }

    fn reply_size(&self) -> ReplySize {
        match self.stage {
            Stage::First if self.variant.has_handshake => ReplySize::one(32),
            _ if self.variant.read_single.is_some() => ReplySize::one(4096),
            _ => ReplySize { datagrams: 4, bytes: 1400 },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::talk::Talk;
    use super::*;

    fn status(session: &[u8], part: &[u8]) -> Vec<u8> {
        [&[STATUS], session, SPLITNUM, part].concat()
    }

    const WHOLE: &[u8] = b"\x80\0hostname\0A\0numplayers\x000\0\0\x01\0\x02\0";

    #[test]
    fn the_challenge_of_the_handshake_goes_into_the_request_for_the_status() {
        for (text, challenge) in [
            (&b"-1\0"[..], &b"\xff\xff\xff\xff"[..]),
            (b"4294967295", b"\xff\xff\xff\xff"),
            (b"0\0", b""),
            (b" 16\0", b"\0\0\0\x10"),
        ] {
            let mut talk = Talk::with("crysis");
            assert_eq!(talk.proof(), Proof::Token { bits: 30 });
            assert_eq!(talk.request(1), b"\xfe\xfd\x09\x80\0\x12\x34");
            assert_eq!(talk.step(&[b"\x09\x80\0\x12\x34", text].concat()), Step::AskNext);
            assert_eq!(talk.proof(), Proof::Content);
            assert_eq!(talk.request(1), [b"\xfe\xfd\0\x80\0\x12\x34", challenge, ALL_SECTIONS].concat());
            assert_eq!(talk.step(&status(b"\x80\0\x12\x35", WHOLE)), Step::NotMine);
            assert_eq!(talk.answer(&status(b"\x80\0\x12\x34", WHOLE)).name.as_deref(), Some("A"));
        }
    }

    #[test]
    fn a_lost_status_costs_another_handshake_because_the_challenge_may_be_outdated() {
        let mut talk = Talk::with("minecraft");
        assert_eq!(talk.request(1), b"\xfe\xfd\x09\x09\x02\x03\x04");
        assert_eq!(talk.step(b"\x09\x09\x02\x03\x047\0"), Step::AskNext);
        assert_eq!(talk.request(1), b"\xfe\xfd\0\x09\x02\x03\x04\0\0\0\x07\0\0\0\0");
        assert_eq!(talk.step(b"\x09\x09\x02\x03\x048\0"), Step::NotMine, "it was not requested again");
        assert_eq!(talk.request(2), b"\xfe\xfd\x09\x01\x02\x03\x04");
        assert_eq!(talk.step(b"\x09\x01\x02\x03\x058\0"), Step::NotMine);
        assert_eq!(talk.step(b"\x09\x01\x02\x03\x048\0"), Step::AskNext);
        assert_eq!(talk.request(1), b"\xfe\xfd\0\x01\x02\x03\x04\0\0\0\x08\0\0\0\0");
    }

    #[test]
    fn the_number_of_challenges_is_bounded() {
        let mut talk = Talk::with("crysis");
        talk.request(1);
        let challenge = |kind: u8| [CHALLENGE, kind, 0, 0x12, 0x34, b'1', 0];
        assert_eq!(talk.step(&challenge(0x80)), Step::AskNext);
        for _ in 1..MAX_CHALLENGES {
            talk.request(1);
            assert_eq!(talk.request(2)[2], CHALLENGE);
            assert_eq!(talk.step(&challenge(0x40)), Step::AskNext);
        }
        talk.request(1);
        assert_eq!(talk.request(2)[2], STATUS);
        assert_eq!(talk.step(&challenge(0x40)), Step::NotMine);
    }

    #[test]
    fn games_without_a_handshake_may_still_require_a_challenge() {
        let mut talk = Talk::with("bf2");
        assert_eq!(talk.request(1), b"\xfe\xfd\0\xc0\0\x12\x34\xff\xff\xff\x01");
        assert_eq!(talk.answer(&status(b"\xc0\0\x12\x34", WHOLE)).players, 0);
        let mut talk = Talk::with("bf2");
        talk.request(1);
        assert_eq!(talk.step(b"\x09\xc0\0\x12\x345\0"), Step::AskNext);
        assert_eq!(talk.request(1), b"\xfe\xfd\0\x40\0\x12\x34\0\0\0\x05\xff\xff\xff\x01");
        assert_eq!(talk.answer(&status(b"\x40\0\x12\x34", WHOLE)).players, 0);
    }

    #[test]
    fn missing_parts_are_requested_again_and_then_given_up() {
        let mut talk = Talk::with("bf2");
        talk.request(1);
        let first = b"\x00\0hostname\0A\0numplayers\x002\0\0\x01player_\0\0Ann\0Bo\0";
        assert_eq!(talk.step(&status(b"\xc0\0\x12\x34", first)), Step::More { quiet: BETWEEN_PARTS });
        assert!(talk.quiet(1).is_none());
        let partial = talk.partial().unwrap();
        assert_eq!((partial.players, partial.player_list.len(), partial.truncated), (2, 1, true));
        assert_eq!(talk.quiet(0).unwrap().players, 2);
        assert_eq!(talk.request(2)[2], STATUS);
        let last = b"\x81\x01player_\0\x01Bob\0\0\0\x02\0";
        let whole = talk.answer(&status(b"\xc0\0\x12\x34", last));
        assert_eq!((whole.player_list.len(), whole.truncated, whole.remarks.len()), (2, false, 0));
    }

    #[test]
    fn a_lost_last_part_is_asked_for_even_if_all_players_are_named() {
        let first = b"\x00\0hostname\0A\0numplayers\x002\0\0\x01player_\0\0Ann\0Bob\0\0";
        let mut talk = Talk::with("bf2");
        talk.request(1);
        assert_eq!(talk.step(&status(b"\xc0\0\x12\x34", first)), Step::More { quiet: BETWEEN_PARTS });
        assert!(talk.quiet(2).is_none());
        let cut = talk.quiet(0).unwrap();
        assert_eq!((cut.player_list.len(), cut.bots, cut.truncated), (2, None, true));
        assert_eq!(cut.remarks, ["part of the reply is missing"]);
        let last = b"\x81\x01ping_\0\x0020\x0030\0\0AIBot_\0\x000\x001\0\0\0\x02\0";
        let whole = talk.answer(&status(b"\xc0\0\x12\x34", last));
        assert_eq!((whole.player_list[1].ping, whole.bots, whole.truncated), (Some(30), Some(1), false));
    }

    #[test]
    fn a_header_of_another_kind_belongs_to_a_whole_status() {
        let mut talk = Talk::with("bf2");
        talk.request(1);
        let reply = b"\0\xc0\0\x12\x34GeyserMC\0\x80\0hostname\0A\0\0";
        assert_eq!(talk.answer(reply).name.as_deref(), Some("A"));
        assert_eq!(talk.step(b"\0\xc0\0\x12\x34short"), Step::Malformed(CUT_OFF));
        assert!(matches!(talk.step(b"\x09\xc0\0\x12\x34x1"), Step::Malformed(_)));
    }
}
