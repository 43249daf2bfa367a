//! Mumble: the ping of its servers over UDP.
//!
//! The layout is the older one in Mumble's `MumbleProtocol.cpp`, which newer servers still support: a number that the
//! server returns, its version, and three counts. There are no names, neither of the server nor of its users.

use super::fields::Fields;
use super::one_reply::OneReply;
use super::text::{Colors, TextRules};
use super::wire::WireProtocol;
use super::{Game, ServerInfo};
use crate::protocol::{Proof, Step, Token, bytes_at};

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
    server: |question| UDP_PING.begin(question),
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

static UDP_PING: OneReply = OneReply {
    // The number of the ping, which the server returns.
    proof: Proof::Token { bits: 64 },
    write_request,
    read: |reply, game| parse(reply, game).map_or_else(Step::Malformed, Step::Done),
    size: PONG_LENGTH as u32,
};

fn write_request(_: &Game, token: Token, out: &mut Vec<u8>) {
    out.extend_from_slice(PING);
    out.extend_from_slice(&token.0.to_be_bytes());
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
        write_request(&GAMES[0], NUMBER, &mut request);
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
