//! The exchange of tokens of version 0.7, and a conversation with such a server.
//!
//! A host replies only to packets with the token that it gave to their source address (`CNetTokenManager`). It is valid
//! for 16 to 32 seconds. To get it, a client sends its own token, in a packet of 520 bytes, so that the reply is much
//! smaller (`NET_TOKENREQUEST_DATASIZE`). All replies return our token.

use super::info::{self, InfoLayout};
use super::{MAX_PACKET, OUT_OF_BAND, integers};
use crate::protocol::games::fields::Fields;
use crate::protocol::games::servers::ServerSet;
use crate::protocol::games::wire::Dialogue;
use crate::protocol::games::{Game, GameAnswer, ServerInfo};
use crate::protocol::{Attempt, Proof, Reply, ReplySize, Step, Token, bytes_at};

/// The beginning of a packet that exchanges tokens: flags, no acknowledgement, no chunks.
const CONTROL: &[u8] = b"\x04\0\0";
/// The message in such a packet.
const TOKEN_MESSAGE: u8 = 5;
/// The token of a packet to a host whose token is unknown.
const NO_TOKEN: [u8; 4] = [0xff; 4];
/// The zeros after our token in a request for theirs.
const PADDING: usize = 508;
/// The beginning of any other packet: flags and version.
const CONNECTIONLESS: u8 = 0x21;

/// Our side of the exchange of tokens.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Handshake {
    theirs: Option<[u8; 4]>,
}

impl Handshake {
    /// Returns the proof of every reply: our token.
    pub const PROOF: Proof = Proof::Token { bits: 32 };
    /// The size of the reply to a request for their token.
    pub const REPLY_SIZE: ReplySize = ReplySize::one(12);

    /// Returns whether their token is known.
    pub fn is_done(self) -> bool {
        self.theirs.is_some()
    }

    /// Appends a packet: the request for their token or, if that is known, what `write` appends.
    pub fn write_packet(self, ours: Token, out: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>)) {
        let ours = (ours.0 as u32).to_be_bytes();
        if let Some(theirs) = self.theirs {
            out.push(CONNECTIONLESS);
            out.extend_from_slice(&theirs);
            out.extend_from_slice(&ours);
            out.extend_from_slice(OUT_OF_BAND);
            write(out);
        } else {
            out.extend_from_slice(CONTROL);
            out.extend_from_slice(&NO_TOKEN);
            out.push(TOKEN_MESSAGE);
            out.extend_from_slice(&ours);
            out.resize(out.len() + PADDING, 0);
        }
    }

    /// Keeps the token in a reply to the request for it. Returns whether `reply` is such a reply, and the first one.
    pub fn take_token(&mut self, reply: &[u8]) -> bool {
        let is_new = self.theirs.is_none() && our_token_in_control(reply).is_some();
        if is_new {
            self.theirs = bytes_at(reply, 8);
        }
        is_new
    }
}

/// Returns the four letters of a reply other than a token, and what follows them.
pub(super) fn message(reply: &[u8]) -> Option<(&[u8], &[u8])> {
    let is_connectionless = reply.first() == Some(&CONNECTIONLESS);
    reply.get(9..).filter(|_| is_connectionless)?.strip_prefix(OUT_OF_BAND)?.split_at_checked(4)
}

/// Returns our token in a reply that has theirs, too.
fn our_token_in_control(reply: &[u8]) -> Option<[u8; 4]> {
    let is_exchange = reply.starts_with(CONTROL) && reply.len() == 12 && reply[7] == TOKEN_MESSAGE;
    bytes_at(reply, 3).filter(|_| is_exchange)
}

pub(super) fn read_token(reply: &[u8]) -> Option<Token> {
    let is_reply = || matches!(message(reply), Some((b"inf3" | b"lis2" | b"siz2", _)));
    let ours = our_token_in_control(reply).or_else(|| bytes_at(reply, 1).filter(|_| is_reply()))?;
    token(ours)
}

pub(super) fn read_request_token(request: &[u8]) -> Option<Token> {
    let is_exchange = request.starts_with(CONTROL) && request.get(7) == Some(&TOKEN_MESSAGE);
    let is_request = || matches!(message(request), Some((b"gie3" | b"req2" | b"cou2", _)));
    let ours = bytes_at(request, 8).filter(|_| is_exchange);
    token(ours.or_else(|| bytes_at(request, 5).filter(|_| is_request()))?)
}

fn token(bytes: [u8; 4]) -> Option<Token> {
    Some(Token(u32::from_be_bytes(bytes).into())).filter(|token| *token != Token::NONE)
}

/// A conversation with one server: the exchange of tokens, and one reply.
#[derive(Debug)]
pub(super) struct SevenConversation {
    game: &'static Game,
    handshake: Handshake,
}

impl SevenConversation {
    pub(super) fn new(game: &'static Game) -> SevenConversation {
        SevenConversation { game, handshake: Handshake::default() }
    }

    /// Reads a server, after the number that it repeats from the request.
    fn read(&self, text: &[u8]) -> Result<ServerInfo, &'static str> {
        let mut fields = Fields::new(text);
        integers::read(&mut fields)?;
        let description = InfoLayout::Seven.read_server(&mut fields, self.game)?;
        let listed = InfoLayout::Seven.read_players(&mut fields, self.game);
        let info = description.with_players(listed);
        // DDNet leaves out players that do not fit, and lowers the count to match.
        Ok(match info::counts_in_name(&info) {
            Some((players, _)) => info::with_more_players(info, players),
            None => info,
        })
    }
}

impl Dialogue for SevenConversation {
    fn proof(&self) -> Proof {
        Handshake::PROOF
    }

    fn write_request(&mut self, attempt: Attempt, out: &mut Vec<u8>) {
        self.handshake.write_packet(attempt.token, out, |out| {
            out.extend_from_slice(b"gie3");
            // A number that the reply repeats. It is not needed, since the packet has our token.
            integers::write(0, out);
        });
    }

    fn step(&mut self, _: &mut ServerSet, reply: &Reply<'_>) -> Step<GameAnswer> {
        if self.handshake.take_token(reply.bytes) {
            return Step::AskNext;
        }
        match message(reply.bytes) {
            Some((b"inf3", text)) if self.handshake.is_done() => {
                GameAnswer::step(self.read(text), reply.bytes)
            }
            _ => Step::NotMine,
        }
    }

    fn reply_size(&self) -> ReplySize {
        if self.handshake.is_done() { ReplySize::one(MAX_PACKET as u32) } else { Handshake::REPLY_SIZE }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::games::talk::{done, server};

    const THEIRS: &[u8] = b"\xca\xfe\xba\xbe";

    fn conversation() -> SevenConversation {
        SevenConversation::new(Game::find("teeworlds7").unwrap())
    }

    fn step(conversation: &mut SevenConversation, datagram: &[u8]) -> Step<ServerInfo> {
        let reply = Reply::to_first(([127, 0, 0, 1], 8303).into(), datagram);
        conversation.step(&mut ServerSet::default(), &reply).map(server)
    }

    fn request(conversation: &mut SevenConversation, token: u64) -> Vec<u8> {
        let mut out = Vec::new();
        conversation.write_request(Attempt::first(Token(token)), &mut out);
        assert_eq!(read_request_token(&out), Some(Token(token)));
        out
    }

    /// Returns a reply with the players' names and kinds.
    fn info(count: i32, players: &[(&str, i32)]) -> Vec<u8> {
        let mut out = [b"\x21\0\0\0\x09", THEIRS, b"\xff\xff\xff\xffinf3\0"].concat();
        out.extend_from_slice(b"0.7.5\0Amber\0host.example\0dm1\0DM\0");
        for number in [3, 2, 1, 8, count, 16] {
            integers::write(number, &mut out);
        }
        for (name, kind) in players {
            out.extend_from_slice(format!("{name}\0clan\0").as_bytes());
            for number in [-1, -9999, *kind] {
                integers::write(number, &mut out);
            }
        }
        out
    }

    #[test]
    fn tokens_are_exchanged_before_the_question() {
        let mut tee = conversation();
        let first = request(&mut tee, 0x0102_0304);
        assert_eq!(
            (first.len(), &first[..13]),
            (520, &b"\x04\0\0\xff\xff\xff\xff\x05\x01\x02\x03\x04\0"[..])
        );
        assert!(matches!(step(&mut tee, &info(0, &[])), Step::NotMine), "not requested");

        let reply = [b"\x04\0\0\x01\x02\x03\x04\x05", THEIRS].concat();
        assert_eq!(read_token(&reply), Some(Token(0x0102_0304)));
        assert!(matches!(step(&mut tee, &reply), Step::AskNext));
        assert!(matches!(step(&mut tee, &reply), Step::NotMine), "a copy");
        let second = request(&mut tee, 9);
        assert_eq!(second, [b"\x21", THEIRS, b"\0\0\0\x09\xff\xff\xff\xffgie3\0"].concat());
        assert_eq!(read_token(&info(0, &[])), Some(Token(9)));
        let info = done(step(&mut tee, &info(0, &[])));
        assert_eq!((info.players, info.bots, info.truncated), (0, Some(0), false));
    }

    #[test]
    fn only_whole_packets_of_this_version_have_tokens() {
        for none in [
            &b"\x04\0\0\x01\x02\x03\x04\x05\xca\xfe\xba"[..],
            b"\x04\0\0\x01\x02\x03\x04\x04\xca\xfe\xba\xbe",
            b"\x04\0\0\0\0\0\0\x05\xca\xfe\xba\xbe",
            b"\x21\0\0\0\x09\xca\xfe\xba\xbe\xff\xff\xff\xffgie3\0",
            b"\x20\0\0\0\x09\xca\xfe\xba\xbe\xff\xff\xff\xffinf3\0",
            b"\x21\0\0\0\x09",
        ] {
            assert_eq!(read_token(none), None, "{none:x?}");
        }
        assert_eq!(read_request_token(&request(&mut conversation(), 7)[..12]), Some(Token(7)), "cut");
    }

    #[test]
    fn a_server_says_who_is_a_bot() {
        let mut tee = conversation();
        tee.handshake.theirs = Some([1; 4]);
        let players = [("Ann", 0), ("Bob", 1), ("Dot", 2)];
        let info = done(step(&mut tee, &info(3, &players)));
        assert_eq!((info.name.as_deref(), info.map.as_deref()), (Some("Amber"), Some("dm1")));
        assert_eq!((info.players, info.bots, info.max_players), (3, Some(1), Some(16)));
        assert_eq!((info.password, info.game_type.as_deref()), (Some(true), Some("DM")));
        assert_eq!(info.rules.get("hostname"), Some(&b"host.example"[..]));
        assert_eq!(info.rules.get("skill_level"), Some(&b"2"[..]));
        assert_eq!(info.player_list[1].team_name.as_deref(), Some("spectator"));
        assert_eq!(info.player_list[2].score, Some(-9999.0));
    }

    #[test]
    fn a_name_with_counts_tells_how_many_players_did_not_fit() {
        let mut tee = conversation();
        tee.handshake.theirs = Some([1; 4]);
        let whole = info(1, &[("Ann", 0)]);
        let at = whole.windows(5).position(|part| part == b"Amber").unwrap() + 5;
        let info = done(step(&mut tee, &[&whole[..at], b" [60/64]", &whole[at..]].concat()));
        assert_eq!((info.players, info.player_list.len(), info.truncated, info.bots), (60, 1, true, None));
        assert_eq!(info.remarks, ["1 of 60 players are listed"]);
    }

    #[test]
    fn players_that_are_cut_off_are_counted_as_missing() {
        let mut tee = conversation();
        tee.handshake.theirs = Some([1; 4]);
        let whole = info(2, &[("Ann", 0), ("Bob", 0)]);
        let info = done(step(&mut tee, &whole[..whole.len() - 1]));
        assert_eq!((info.players, info.player_list.len(), info.truncated, info.bots), (2, 1, true, None));
        assert!(matches!(step(&mut tee, &whole[..30]), Step::Malformed(_)));
    }
}
