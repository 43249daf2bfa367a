//! The session number of a request, which the reply returns.
//!
//! A reply to a handshake returns the number of the handshake. A reply to a status request returns the number of this
//! request (GameSpy's own library) or of the latest handshake (Minecraft's server, `getIdentBytes` in
//! `QueryThreadGs4`). So a status request repeats the number of its handshake, and its reply is recognized by content:
//! with a token, the engine would look for the handshake's query, which has ended.
//!
//! | the number begins with | in | the reply with the token is that to |
//! |---|---|---|
//! | bits 11 | a request without a handshake | this request |
//! | bits 10 | a handshake | the handshake |
//! | bits 01 | a repeated handshake | none: it is recognized by content |
//! | a zero and a digit from 8 to f; the other bytes begin with a zero, too | Minecraft's handshake | the handshake |
//! | a zero and a digit from 0 to 7, likewise | Minecraft's repeated handshake | none |

use crate::protocol::{Token, bytes_at};

const KIND: u32 = 0xc000_0000;
const DIRECT: u32 = 0xc000_0000;
const HANDSHAKE: u32 = 0x8000_0000;
const BY_CONTENT: u32 = 0x4000_0000;

/// The bits that Minecraft keeps: the low half of each byte.
const NARROW: u32 = 0x0f0f_0f0f;
/// The bit among these that is set in a first handshake, and not in a repeated one.
const NARROW_HANDSHAKE: u32 = 0x0800_0000;

/// The part of a session number that servers return.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Width {
    /// Servers return all bits.
    Wide,
    /// Servers return the low half of each byte.
    Narrow,
}

/// A session number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Session(u32);

impl Width {
    pub fn token_bits(self) -> u32 {
        match self {
            Width::Wide => 30,
            Width::Narrow => 15,
        }
    }
}

impl Session {
    /// Returns the number of a handshake.
    pub fn handshake(width: Width, token: Token) -> Session {
        let token = token.0 as u32;
        Session(match width {
            Width::Wide => HANDSHAKE | token & !KIND,
            Width::Narrow => NARROW_HANDSHAKE | spread(token),
        })
    }

    /// Returns the number of a request without a handshake.
    pub fn direct(token: Token) -> Session {
        Session(DIRECT | token.0 as u32 & !KIND)
    }

    /// Returns the number of a repeated handshake, whose reply the engine does not match by a token.
    pub fn by_content(self) -> Session {
        if self.is_narrow() {
            Session(self.0 & !NARROW_HANDSHAKE)
        } else {
            Session(BY_CONTENT | self.0 & !KIND)
        }
    }

    /// Reads the number from a reply, after its first byte.
    pub fn of_reply(reply: &[u8]) -> Option<Session> {
        bytes_at(reply, 1).map(|bytes| Session(u32::from_be_bytes(bytes)))
    }

    pub fn to_bytes(self) -> [u8; 4] {
        self.0.to_be_bytes()
    }

    /// Returns whether both belong to one conversation.
    pub fn is_same(self, other: Session) -> bool {
        self.by_content() == other.by_content()
    }

    fn is_narrow(self) -> bool {
        self.0 & !NARROW == 0
    }

    fn handshake_token(self) -> Option<Token> {
        if self.is_narrow() {
            return (self.0 & NARROW_HANDSHAKE != 0).then(|| gathered(self.0 & !NARROW_HANDSHAKE));
        }
        (self.0 & KIND == HANDSHAKE).then(|| Token(u64::from(self.0 & !KIND)))
    }

    fn direct_token(self) -> Option<Token> {
        (self.0 & KIND == DIRECT).then(|| Token(u64::from(self.0 & !KIND)))
    }
}

/// Returns the token of a reply of version 2 or 3.
pub(super) fn read_token(reply: &[u8]) -> Option<Token> {
    let session = Session::of_reply(reply)?;
    match reply[0] {
        super::v3::CHALLENGE => session.handshake_token().or(session.direct_token()),
        super::v3::STATUS => session.direct_token(),
        _ => None,
    }
    .filter(|&token| token != Token::NONE)
}

/// Returns the token of a request of version 2 or 3.
pub(super) fn read_request_token(request: &[u8]) -> Option<Token> {
    // After the two bytes of the magic, a request has the layout of a reply.
    read_token(request.strip_prefix(super::v3::MAGIC)?)
}

/// Distributes the 15 bits of a token over the low halves of four bytes.
fn spread(token: u32) -> u32 {
    (0..4).map(|digit| (token >> (4 * digit) & 0xf) << (8 * digit)).sum::<u32>() & !NARROW_HANDSHAKE
}

fn gathered(session: u32) -> Token {
    Token((0..4).map(|digit| u64::from(session >> (8 * digit) & 0xf) << (4 * digit)).sum())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reply(first: u8, session: Session) -> Vec<u8> {
        [&[first][..], &session.to_bytes(), b"rest"].concat()
    }

    #[test]
    fn each_reply_has_the_token_of_its_own_kind_of_request_only() {
        for token in [1, 0x7fff, 0x1234, 0x4abc] {
            let token = Token(token);
            for width in [Width::Wide, Width::Narrow] {
                let session = Session::handshake(width, token);
                assert_eq!(read_token(&reply(9, session)), Some(token), "{width:?}");
                assert_eq!(
                    read_token(&reply(0, session)),
                    None,
                    "the reply to the status is matched by content"
                );
                assert_eq!(read_token(&reply(9, session.by_content())), None);
                assert!(session.is_same(session.by_content()) && session != session.by_content());
                let request = [super::super::v3::MAGIC, &reply(9, session)].concat();
                assert_eq!(read_request_token(&request), Some(token));
                let request = [super::super::v3::MAGIC, &reply(0, session)].concat();
                assert_eq!(read_request_token(&request), None);
            }
            assert_eq!(read_token(&reply(0, Session::direct(token))), Some(token));
        }
        assert_eq!(read_token(&reply(0, Session(0xc000_0000))), None, "no token is zero");
        assert_eq!(read_token(&[9, 0x80, 0]), None);
        assert_eq!(read_token(&reply(1, Session(0x8000_0001))), None);
    }

    #[test]
    fn minecraft_keeps_all_bits_of_a_narrow_session() {
        for token in 1..1 << 15 {
            let session = Session::handshake(Width::Narrow, Token(token));
            assert_eq!(session.0 & !NARROW, 0, "{token:x}");
            assert_eq!(session.handshake_token(), Some(Token(token)));
        }
        // A wide one never looks like a narrow one.
        assert!(!Session::handshake(Width::Wide, Token(0x0f0f_0f0f)).by_content().is_narrow());
        assert!(
            !Session::handshake(Width::Wide, Token(1)).is_same(Session::handshake(Width::Wide, Token(2)))
        );
    }
}
