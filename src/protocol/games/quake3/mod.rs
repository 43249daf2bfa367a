//! The Quake 3 family: the status of servers, and lists of servers from masters.
//!
//! A server gets one request, `getstatus`: the reply also has its players, and many servers count `getinfo` against the
//! same rate limit. `getinfo` is sent where it is the only request that works, or adds something: see [`GetInfo`]. A
//! master gets `getservers` or `getserversExt`, and replies with several datagrams.
//!
//! | file | |
//! |---|---|
//! | `mod.rs` | the challenge, which is the token |
//! | `server.rs` | a conversation with a server |
//! | `status.rs`, `players.rs`, `slots.rs` | [`Status`]: a server's reply to `getstatus`, read in place |
//! | `reply.rs` | its reply to `getinfo` |
//! | `info_string.rs` | [`InfoString`]: the settings in both |
//! | `counts.rs` | how many people, bots and slots a server has |
//! | `info.rs` | a reply as a [`ServerInfo`](super::ServerInfo) |
//! | `games.rs` | the games |
//! | `master.rs` | the lists of masters: a list in several datagrams |
//! | `list.rs` | [`ServerList`]: one of these, read in place |
//!
//! The borrowing types are public for tests, benchmarks and fuzzing, and for programs that receive datagrams in other
//! ways.

mod counts;
mod games;
mod info;
mod info_string;
mod list;
mod master;
mod players;
mod reply;
mod server;
mod slots;
mod status;

pub use info_string::InfoString;
pub(super) use info_string::number;
pub use list::ServerList;
pub use players::{Player, Players};
pub use status::Status;

use super::wire::WireProtocol;
use crate::protocol::Token;

/// The prefix of every packet that belongs to no connection.
const OUT_OF_BAND: &[u8] = b"\xff\xff\xff\xff";
/// The requests to a server, up to the challenge.
const GETSTATUS: &[u8] = b"\xff\xff\xff\xffgetstatus ";
const GETINFO: &[u8] = b"\xff\xff\xff\xffgetinfo ";

/// The occasions on which a game's servers are sent `getinfo`, whose reply has counts, but no players.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum GetInfo {
    /// After a status whose list of players is cut off, and that does not say how many there are.
    IfCut,
    /// After each status, since only this reply counts the bots.
    Also,
    /// Instead of `getstatus`, which its servers do not answer. They return at most eight characters of the challenge.
    Instead,
}

pub(super) static WIRE_PROTOCOL: WireProtocol = WireProtocol {
    name: "quake3",
    lists_players: true,
    games: || games::GAMES,
    server: |question| Box::new(server::ServerQuery::new(question.game)),
    master: Some(|game, with_ipv6| Box::new(master::query(game, with_ipv6))),
    read_token,
    read_request_token,
};

/// Returns the challenge in a server's reply as a token; `None` unless it has the form of ours.
fn read_token(reply: &[u8]) -> Option<Token> {
    token(challenge_of(reply)?)
}

fn read_request_token(request: &[u8]) -> Option<Token> {
    token(request.strip_prefix(GETSTATUS).or_else(|| request.strip_prefix(GETINFO))?)
}

/// Returns the challenge in a server's reply, whatever its form.
fn challenge_of(reply: &[u8]) -> Option<&[u8]> {
    status::challenge(reply).or_else(|| reply::challenge(reply))
}

/// The digits of a long challenge (64 bits) and of a short one (32 bits). Letters and digits pass every server's
/// filter. The two sets differ, so that a part of a long challenge is not mistaken for a short one.
const LONG: &[u8; 16] = b"0123456789abcdef";
const SHORT: &[u8; 16] = b"ghijklmnopqrstuv";

/// Writes a token as a challenge of 64 bits, or its low 32 bits as a short one.
fn write_challenge(token: Token, bits: u32, out: &mut Vec<u8>) {
    let digits = if bits == 64 { LONG } else { SHORT };
    out.extend((0..bits / 4).rev().map(|at| digits[(token.0 >> (4 * at) & 15) as usize]));
}

/// Reads a challenge that [`write_challenge`] wrote.
fn token(challenge: &[u8]) -> Option<Token> {
    let first = match challenge.len() {
        8 => SHORT[0],
        16 => LONG[0],
        _ => return None,
    };
    let value = |digit: &u8| match *digit {
        b'a'..=b'f' if first == LONG[0] => Some(*digit - b'a' + 10),
        digit => digit.checked_sub(first).filter(|value| *value < if first == LONG[0] { 10 } else { 16 }),
    };
    challenge.iter().try_fold(0, |number, digit| Some(number << 4 | u64::from(value(digit)?))).map(Token)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reply_belongs_to_the_challenge_it_returns() {
        for (number, bits) in [(1, 64), (0xdead_beef, 64), (u64::MAX, 64), (0xdead_beef, 32), (7, 32)] {
            let mut challenge = Vec::new();
            write_challenge(Token(number), bits, &mut challenge);
            assert_eq!(challenge.len(), bits as usize / 4);
            for request in [GETSTATUS, GETINFO] {
                assert_eq!(read_request_token(&[request, &challenge].concat()), Some(Token(number)));
            }
            for head in ["statusResponse", "infoResponse"] {
                let head = format!("{head}\n\\a\\b\\challenge\\");
                let reply = [OUT_OF_BAND, head.as_bytes(), &challenge, b"\n"].concat();
                assert_eq!(read_token(&reply), Some(Token(number)));
            }
        }
        for strange in [
            "\\challenge\\",
            "\\challenge\\123",
            "\\challenge\\0123456789ABCDEF",
            "\\challenge\\01234567",
            "\\a\\b",
        ] {
            let reply = format!("statusResponse\n{strange}\n");
            assert_eq!(read_token(&[OUT_OF_BAND, reply.as_bytes()].concat()), None, "{strange}");
        }
        assert_eq!(read_token(b"\xff\xff\xff\xffgetserversResponse\\\x0a\0\0\x01\x6d\x38"), None);
    }
}
