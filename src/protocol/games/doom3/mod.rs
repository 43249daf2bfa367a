//! Doom 3 and its descendants: Quake 4, Prey, Enemy Territory: Quake Wars.
//!
//! A server gets one request, and returns its challenge: `ProcessGetInfoMessage` in Doom 3's `AsyncServer.cpp`. Quake
//! Wars also knows `getInfoEx`: its reply is longer, and returns two numbers, a task and the challenge.
//!
//! | file | |
//! |---|---|
//! | `mod.rs` | a conversation with a server, and the games |
//! | `info.rs` | a reply as a `ServerInfo` |
//! | `master.rs` | the lists of masters |

mod info;
mod master;

use super::one_reply::OneReply;
use super::text::{Colors, TextRules};
use super::wire::WireProtocol;
use super::{Game, ServerInfo};
use crate::protocol::{Proof, Step, Token};

const GET_INFO: &[u8] = b"\xff\xffgetInfo\0";
const GET_INFO_EX: &[u8] = b"\xff\xffgetInfoEx\0";
const INFO: &[u8] = b"\xff\xffinfoResponse\0";
const INFO_EX: &[u8] = b"\xff\xffinfoExResponse\0";

/// The major version of the protocol of Quake Wars.
const QUAKE_WARS: u32 = 10;

pub(super) static WIRE_PROTOCOL: WireProtocol = WireProtocol {
    name: "doom3",
    lists_players: true,
    games: || GAMES,
    server: |question| INFO_REPLY.begin(question),
    master: Some(|game, _| Box::new(master::query(game))),
    read_token,
    read_request_token,
};

/// The values that most games share. No public master is known to exist any more.
const BASE: Game =
    Game { master_port: 27650, text: TextRules::new(Colors::Indexed), ..Game::of(&WIRE_PROTOCOL, 27666) };

/// A protocol number has the major version in its upper half, and the minor one in its lower half.
static GAMES: &[Game] = &[
    Game { id: "doom3", name: "Doom 3", list_protocol: version(1, 41), ..BASE },
    Game {
        id: "quake4",
        aliases: &["q4"],
        name: "Quake 4",
        server_port: 28004,
        list_protocol: version(2, 85),
        text: TextRules::new(Colors::Quake4),
        ..BASE
    },
    Game { id: "prey", name: "Prey", server_port: 27719, ..BASE },
    Game {
        id: "etqw",
        aliases: &["quakewars"],
        name: "Enemy Territory: Quake Wars",
        // Players connect to 3074.
        server_port: 27733,
        list_protocol: version(QUAKE_WARS, 21),
        ..BASE
    },
];

const fn version(major: u32, minor: u32) -> u32 {
    major << 16 | minor
}

static INFO_REPLY: OneReply = OneReply {
    // A server returns the challenge.
    proof: Proof::Token { bits: 32 },
    write_request,
    read,
    // Quake Wars with 24 players sends some 2,000 bytes.
    size: 2200,
};

fn write_request(game: &Game, token: Token, out: &mut Vec<u8>) {
    let challenge = (token.0 as u32).to_le_bytes();
    if game.list_protocol >> 16 == QUAKE_WARS {
        // The task comes first, and is returned, too.
        out.extend_from_slice(GET_INFO_EX);
        out.extend_from_slice(&challenge);
    } else {
        out.extend_from_slice(GET_INFO);
    }
    out.extend_from_slice(&challenge);
}

fn read(reply: &[u8], game: &'static Game) -> Step<ServerInfo> {
    let info = match (reply.strip_prefix(INFO), reply.strip_prefix(INFO_EX)) {
        (Some(body), _) => info::parse(body, game),
        (_, Some(body)) => info::parse_ex(body, game),
        (None, None) => return Step::NotMine,
    };
    info.map_or_else(Step::Malformed, Step::Done)
}

fn read_token(reply: &[u8]) -> Option<Token> {
    match reply.strip_prefix(INFO) {
        Some(body) => number(body),
        None => number(reply.strip_prefix(INFO_EX)?.get(4..)?),
    }
}

fn read_request_token(request: &[u8]) -> Option<Token> {
    number(request.strip_prefix(GET_INFO).or_else(|| request.strip_prefix(GET_INFO_EX))?)
}

fn number(bytes: &[u8]) -> Option<Token> {
    Some(Token(u32::from_le_bytes(*bytes.first_chunk()?).into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(id: &str) -> Vec<u8> {
        let mut out = Vec::new();
        write_request(Game::find(id).unwrap(), Token(0x0102_0304), &mut out);
        out
    }

    #[test]
    fn a_reply_returns_the_challenge_of_its_request() {
        assert_eq!(request("doom3"), b"\xff\xffgetInfo\0\x04\x03\x02\x01");
        assert_eq!(request("etqw"), b"\xff\xffgetInfoEx\0\x04\x03\x02\x01\x04\x03\x02\x01");
        for id in ["doom3", "etqw"] {
            assert_eq!(read_request_token(&request(id)), Some(Token(0x0102_0304)), "{id}");
            assert_eq!(read_token(&request(id)), None, "{id}");
        }
        assert_eq!(read_token(b"\xff\xffinfoResponse\0\x04\x03\x02\x01"), Some(Token(0x0102_0304)));
        assert_eq!(read_token(b"\xff\xffinfoExResponse\0abcd\x04\x03\x02\x01"), Some(Token(0x0102_0304)));
        for other in [
            &b"\xff\xffinfoResponse\0\x04\x03\x02"[..],
            b"\xff\xffinfoExResponse\0abcd\x04",
            b"\xff\xffinfo",
            b"",
        ] {
            assert_eq!(read_token(other), None, "{}", other.escape_ascii());
        }
        assert_eq!(read_token(b"\xff\xff\xff\xffinfoResponse\n\\challenge\\x"), None);
    }
}
