//! The Quake 3 family: the status of servers, and lists of servers from masters.
//!
//! A server gets one request, `getstatus`: the reply also has its players, and many servers count `getinfo` against the
//! same rate limit. A master gets `getservers` or `getserversExt`, and replies with several datagrams.
//!
//! | file | |
//! |---|---|
//! | `mod.rs` | a conversation with a server: the request, and the token in it |
//! | `status.rs`, `players.rs` | [`Status`]: a server's reply, read in place |
//! | `games.rs` | the games |
//! | `info.rs` | a status as a [`ServerInfo`](super::ServerInfo) |
//! | `master.rs` | the lists of masters: a list in several datagrams |
//! | `list.rs` | [`ServerList`]: one of these, read in place |
//!
//! The borrowing types are public for tests, benchmarks and fuzzing, and for programs that receive datagrams in other
//! ways.

mod games;
mod info;
mod list;
mod master;
mod players;
mod status;

use std::time::Duration;

pub use list::ServerList;
pub use players::{Player, Players};
pub(super) use status::number;
pub use status::{InfoString, Status};

use super::servers::ServerSet;
use super::wire::{Dialogue, WireProtocol};
use super::{Game, GameAnswer};
use crate::protocol::{Attempt, Proof, Reply, ReplySize, Step, Token};

/// The prefix of every packet that belongs to no connection.
const OUT_OF_BAND: &[u8] = b"\xff\xff\xff\xff";
/// The request to a server, up to the challenge.
const GETSTATUS: &[u8] = b"\xff\xff\xff\xffgetstatus ";

pub(super) static WIRE_PROTOCOL: WireProtocol = WireProtocol {
    name: "quake3",
    lists_players: true,
    games: || games::GAMES,
    server: |question| Box::new(StatusQuery { game: question.game }),
    master: Some(|game, with_ipv6| Box::new(master::query(game, with_ipv6))),
    read_token,
    read_request_token,
};

/// A conversation with a server: one request, one reply.
#[derive(Debug)]
struct StatusQuery {
    game: &'static Game,
}

impl Dialogue for StatusQuery {
    /// Returns proof by token: a server returns the challenge.
    fn proof(&self) -> Proof {
        Proof::Token { bits: 64 }
    }

    fn write_request(&mut self, attempt: Attempt, out: &mut Vec<u8>) {
        out.extend_from_slice(GETSTATUS);
        out.extend_from_slice(&challenge(attempt.token));
    }

    fn step(&mut self, _: &mut ServerSet, reply: &Reply<'_>) -> Step<GameAnswer> {
        match Status::parse(reply.bytes) {
            Ok(status) => Step::Done(GameAnswer::server(status.to_info(self.game), reply.bytes)),
            Err(reason) => Step::Malformed(reason),
        }
    }

    /// Returns an upper bound: the longest real status captured has 1,814 bytes.
    fn reply_size(&self) -> ReplySize {
        ReplySize::one(2000)
    }

    fn host_gap(&self) -> Duration {
        self.game.host_gap
    }
}

/// Returns the challenge of a status. A status without a challenge of ours matches no request.
fn read_token(reply: &[u8]) -> Option<Token> {
    token(status::challenge(reply)?)
}

fn read_request_token(request: &[u8]) -> Option<Token> {
    token(request.strip_prefix(GETSTATUS)?)
}

/// Writes a token as a challenge: 16 hexadecimal digits, which pass every server's filter.
fn challenge(token: Token) -> [u8; 16] {
    std::array::from_fn(|i| b"0123456789abcdef"[(token.0 >> (60 - 4 * i) & 15) as usize])
}

/// Reads a challenge that [`challenge`] wrote.
fn token(challenge: &[u8]) -> Option<Token> {
    let digits: &[u8; 16] = challenge.try_into().ok()?;
    digits
        .iter()
        .try_fold(0, |number, digit| match digit {
            b'0'..=b'9' => Some(number << 4 | u64::from(digit - b'0')),
            b'a'..=b'f' => Some(number << 4 | u64::from(digit - b'a' + 10)),
            _ => None,
        })
        .map(Token)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_belongs_to_the_challenge_it_returns() {
        let mut query = StatusQuery { game: Game::find("et").unwrap() };
        for number in [1, 0xdead_beef, u64::MAX] {
            let mut out = Vec::new();
            query.write_request(Attempt::first(Token(number)), &mut out);
            assert_eq!(read_request_token(&out), Some(Token(number)));
            let challenge = out.strip_prefix(b"\xff\xff\xff\xffgetstatus ").unwrap();
            assert_eq!(challenge.len(), 16);
            let reply = [b"\xff\xff\xff\xffstatusResponse\n\\challenge\\", challenge, b"\n"].concat();
            assert_eq!(read_token(&reply), Some(Token(number)));
        }
        for strange in ["\\challenge\\", "\\challenge\\123", "\\challenge\\0123456789ABCDEF", "\\a\\b"] {
            let reply = format!("statusResponse\n{strange}\n");
            assert_eq!(read_token(&[b"\xff\xff\xff\xff", reply.as_bytes()].concat()), None, "{strange}");
        }
        assert_eq!(read_token(b"\xff\xff\xff\xffgetserversResponse\\\x0a\0\0\x01\x6d\x38"), None);
    }
}
