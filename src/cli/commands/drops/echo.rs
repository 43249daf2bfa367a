//! Echo, with a token (RFC 862).

use std::net::SocketAddr;

use allears::protocol::{Attempt, Defaults, Proof, Protocol, Reply, ReplySize, Step, Token};

/// The port of hosts (RFC 862).
const PORT: u16 = 7;
/// The bytes after the token, by which administrators can recognize the queries in a log.
const TEXT: &[u8] = b" allears drops";

/// Sends each host a token and a short text, which it has to return unchanged.
pub struct Echo;

impl Protocol for Echo {
    type Question = ();
    type Conversation = ();
    type Answer = ();

    fn defaults(&self) -> Defaults {
        Defaults::default().with_port(PORT)
    }

    fn begin(&mut self, _: SocketAddr, (): ()) {}

    fn proof(&self, (): &()) -> Proof {
        Proof::Token { bits: 64 }
    }

    fn write_request(&mut self, (): &mut (), attempt: Attempt, out: &mut Vec<u8>) {
        out.extend_from_slice(&attempt.token.0.to_be_bytes());
        out.extend_from_slice(TEXT);
    }

    fn read_token(&self, reply: &[u8]) -> Option<Token> {
        reply.first_chunk().map(|token| Token(u64::from_be_bytes(*token)))
    }

    fn step(&mut self, (): &mut (), reply: &Reply<'_>) -> Step<()> {
        if reply.bytes.get(8..) == Some(TEXT) {
            Step::Done(())
        } else {
            Step::Malformed("the echo differs from the request")
        }
    }

    fn reply_size(&self, (): &()) -> ReplySize {
        ReplySize::one(self.largest_reply())
    }

    fn largest_reply(&self) -> u32 {
        8 + TEXT.len() as u32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_echo_must_equal_the_request() {
        let mut request = vec![];
        let attempt = Attempt::first(Token(0x0102_0304_0506_0708));
        Echo.write_request(&mut (), attempt, &mut request);
        let from = ([127, 0, 0, 1], PORT).into();
        let step = |bytes: &[u8]| Echo.step(&mut (), &Reply::to_first(from, bytes));
        assert_eq!(Echo.read_token(&request), Some(attempt.token));
        assert_eq!(step(&request), Step::Done(()));
        assert_eq!(request.len(), Echo.reply_size(&()).bytes as usize);

        request.push(b'!');
        assert!(matches!(step(&request), Step::Malformed(_)));
        assert!(matches!(step(&request[..9]), Step::Malformed(_)));
        assert_eq!(Echo.read_token(&request[..7]), None);
    }
}
