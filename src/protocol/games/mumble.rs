//! Mumble: the ping of its servers over UDP.
//!
//! The layout is the older one in Mumble's `MumbleProtocol.cpp`, which newer servers still support: a number that the
//! server returns, its version, and three counts. There are no names, neither of the server nor of its users.

use super::fields::Fields;
use super::servers::ServerSet;
use super::text::{Colors, TextRules};
use super::wire::{Dialogue, WireProtocol};
use super::{Game, GameAnswer, ServerInfo};
use crate::protocol::{Attempt, Proof, Reply, ReplySize, Step, Token, bytes_at};

/// The type of the request, before the number.
const PING: &[u8] = &[0; 4];
/// The length of a request.
const PING_LENGTH: usize = 12;
/// The length of a reply: version, number, users, maximum, bandwidth.
const PONG_LENGTH: usize = 24;

pub(super) static WIRE_PROTOCOL: WireProtocol = WireProtocol {
    name: "mumble",
    lists_players: false,
    games: || GAMES,
    server: |question| Box::new(Ping { game: question.game }),
    master: None,
    read_token,
    read_request_token,
};

static GAMES: &[Game] = &[Game {
    id: "mumble",
    aliases: &["murmur"],
    name: "Mumble",
    text: TextRules::new(Colors::None),
    ..Game::of(&WIRE_PROTOCOL, 64738)
}];

/// A conversation with a server: one request, one reply.
#[derive(Debug)]
struct Ping {
    game: &'static Game,
}

impl Dialogue for Ping {
    /// Returns proof by token: the number of the ping, which the server returns.
    fn proof(&self) -> Proof {
        Proof::Token { bits: 64 }
    }

    fn write_request(&mut self, attempt: Attempt, out: &mut Vec<u8>) {
        out.extend_from_slice(PING);
        out.extend_from_slice(&attempt.token.0.to_be_bytes());
    }

    fn step(&mut self, _: &mut ServerSet, reply: &Reply<'_>) -> Step<GameAnswer> {
        GameAnswer::step(parse(reply.bytes, self.game), reply.bytes)
    }

    fn reply_size(&self) -> ReplySize {
        ReplySize::one(PONG_LENGTH as u32)
    }
}

/// Returns the number in a pong. A pong has no header, so everything else that is known about it is checked: its
/// length, and that the version and the counts are small enough for a real server.
fn read_token(reply: &[u8]) -> Option<Token> {
    let is_small = |at: usize| reply.get(at) == Some(&0);
    let is_pong = reply.len() == PONG_LENGTH && reply[1] < 10 && [0, 12, 16, 20].into_iter().all(is_small);
    number(reply).filter(|_| is_pong)
}

fn read_request_token(request: &[u8]) -> Option<Token> {
    number(request).filter(|_| request.len() == PING_LENGTH && request.starts_with(PING))
}

fn number(datagram: &[u8]) -> Option<Token> {
    bytes_at(datagram, 4).map(|bytes| Token(u64::from_be_bytes(bytes)))
}

fn parse(reply: &[u8], game: &'static Game) -> Result<ServerInfo, &'static str> {
    let mut fields = Fields::new(reply);
    let (major, minor, patch) = (fields.u16_be()?, fields.u8()?, fields.u8()?);
    fields.u64_be()?;
    let (users, most, bandwidth) = (fields.u32_be()?, fields.u32_be()?, fields.u32_be()?);
    let mut info = ServerInfo::new(game);
    info.version = Some(format!("{major}.{minor}.{patch}"));
    (info.players, info.max_players) = (users, Some(most));
    // The maximum for each user, in bits per second.
    info.rules.push(b"bandwidth", bandwidth.to_string().as_bytes());
    Ok(info)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PONG: &[u8] =
        b"\x00\x01\x05\x03\x01\x02\x03\x04\x05\x06\x07\x08\0\0\0\x05\0\0\0\x64\x00\x01\x11\x70";
    const NUMBER: Token = Token(0x0102_0304_0506_0708);

    #[test]
    fn a_pong_returns_the_number_of_its_ping() {
        let mut request = Vec::new();
        Ping { game: &GAMES[0] }.write_request(Attempt::first(NUMBER), &mut request);
        assert_eq!(request, b"\0\0\0\0\x01\x02\x03\x04\x05\x06\x07\x08");
        assert_eq!(read_request_token(&request), Some(NUMBER));
        assert_eq!((read_token(PONG), read_token(&request)), (Some(NUMBER), None));
    }

    #[test]
    fn every_field_is_assigned() {
        let info = parse(PONG, &GAMES[0]).unwrap();
        assert_eq!((info.players, info.max_players, info.bots), (5, Some(100), None));
        assert_eq!(
            (info.version.as_deref(), info.rules.get("bandwidth")),
            (Some("1.5.3"), Some(&b"70000"[..]))
        );
        assert_eq!((info.name, info.map, info.password), (None, None, None));
    }

    #[test]
    fn other_datagrams_of_the_same_length_are_not_pongs() {
        for at in [0, 1, 12, 16, 20] {
            let mut other = PONG.to_vec();
            other[at] = 0x80;
            assert_eq!(read_token(&other), None, "{at}");
        }
        assert_eq!(read_token(&[PONG, b"\0"].concat()), None);
        for length in 0..PONG.len() {
            assert_eq!(read_token(&PONG[..length]), None);
            assert!(parse(&PONG[..length], &GAMES[0]).is_err());
        }
    }
}
