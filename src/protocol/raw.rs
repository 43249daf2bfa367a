//! Any payload, and the single datagram that is sent back: `allears probe`, and the fleet's `echo`.

use std::fmt;
use std::net::SocketAddr;

use super::{Attempt, Proof, Protocol, Reply, ReplySize, Step, Token};

/// The largest UDP payload over IPv4: 65,535 less 20 bytes of IP and 8 of UDP (RFC 768, RFC 791).
pub const MAX_PAYLOAD: usize = 65_507;

/// A protocol of one request and one reply: sends a payload, either the same to all targets or a different one to each.
/// The first datagram that matches is the answer.
///
/// ```
/// use allears::protocol::raw::{Payload, Raw};
/// use allears::protocol::{Attempt, Protocol, Token};
///
/// // The last four bytes are a transaction number, which the host returns.
/// let mut ping = Raw::new(b"ping????".to_vec())?.with_token_at(4)?;
/// let mut request = Vec::new();
/// ping.write_request(&mut Payload::default(), Attempt::first(Token(0xa1b2_c3d4)), &mut request);
/// assert_eq!(request, b"ping\xa1\xb2\xc3\xd4");
/// assert_eq!(ping.read_token(b"pong\xa1\xb2\xc3\xd4"), Some(Token(0xa1b2_c3d4)));
/// # Ok::<(), allears::protocol::raw::RawError>(())
/// ```
#[derive(Clone)]
pub struct Raw {
    payload: Vec<u8>,
    expect_prefix: Vec<u8>,
    token: Option<TokenField>,
    /// The size of the largest reply, if the caller knows it.
    reply_size: Option<u32>,
}

/// The payload for one target: the one that the [`Raw`] sends to all (the default), or a different one
/// ([`Raw::payload`]).
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Payload(Option<Box<[u8]>>);

/// The position of the token, in the request and in the reply.
#[derive(Clone, Copy, Debug)]
struct TokenField {
    offset: usize,
    /// The length, 1 to 8 bytes; the token is big endian.
    len: usize,
}

/// The reason why the settings of a [`Raw`] are invalid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RawError {
    /// The payload has this many bytes, more than [`MAX_PAYLOAD`].
    PayloadTooLong(usize),
    /// The expected prefix has this many bytes, more than [`MAX_PAYLOAD`].
    PrefixTooLong(usize),
    /// The token is not entirely within the payload, or not 1 to 8 bytes long.
    TokenOutside {
        /// The offset of the token.
        offset: usize,
        /// The length of the payload in bytes.
        payload: usize,
    },
    /// The token overlaps the expected prefix.
    TokenInPrefix,
}

impl fmt::Display for RawError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RawError::PayloadTooLong(len) => {
                write!(f, "the payload has {len} bytes; a datagram holds at most {MAX_PAYLOAD}")
            }
            RawError::PrefixTooLong(len) => {
                write!(f, "the expected prefix has {len} bytes; a datagram holds at most {MAX_PAYLOAD}")
            }
            RawError::TokenOutside { offset, payload } => {
                write!(
                    f,
                    "a token of 1 to 8 bytes at offset {offset} does not fit in a payload of {payload} bytes"
                )
            }
            RawError::TokenInPrefix => {
                f.write_str("the token changes with every attempt and cannot be part of the expected prefix")
            }
        }
    }
}

impl std::error::Error for RawError {}

impl Raw {
    /// Creates a protocol that sends `payload`, 0 to [`MAX_PAYLOAD`] bytes. Without a token, a reply is matched by its
    /// address alone: a duplicate made by the network, or a reply that is later than
    /// [`Config::linger`](crate::engine::Config::linger), counts as the reply to the next query to the same host.
    ///
    /// # Errors
    /// [`RawError::PayloadTooLong`].
    pub fn new(payload: Vec<u8>) -> Result<Raw, RawError> {
        if payload.len() > MAX_PAYLOAD {
            return Err(RawError::PayloadTooLong(payload.len()));
        }
        Ok(Raw { payload, expect_prefix: Vec::new(), token: None, reply_size: None })
    }

    /// Accepts only replies that begin with `prefix`; others are malformed.
    ///
    /// # Errors
    /// [`RawError::PrefixTooLong`], or [`RawError::TokenInPrefix`].
    pub fn with_expected_prefix(mut self, prefix: Vec<u8>) -> Result<Raw, RawError> {
        if prefix.len() > MAX_PAYLOAD {
            return Err(RawError::PrefixTooLong(prefix.len()));
        }
        self.expect_prefix = prefix;
        self.check_overlap()
    }

    /// Writes the token over the payload from `offset` on, and expects it at the same offset of the reply: 8 bytes, or as
    /// many as the payload has left, big endian.
    ///
    /// Fewer than 8 bytes hold the low bytes of the token. With each byte less, a forged reply is 256 times as likely
    /// to be accepted.
    ///
    /// # Errors
    /// [`RawError::TokenOutside`] or [`RawError::TokenInPrefix`].
    pub fn with_token_at(self, offset: usize) -> Result<Raw, RawError> {
        let left = self.payload.len().saturating_sub(offset);
        self.with_token(offset, left.min(8))
    }

    /// Like [`with_token_at`](Raw::with_token_at), with a token of `len` bytes, 1 to 8.
    ///
    /// # Errors
    /// [`RawError::TokenOutside`] or [`RawError::TokenInPrefix`].
    pub fn with_token(mut self, offset: usize, len: usize) -> Result<Raw, RawError> {
        let field = TokenField { offset, len };
        if !(1..=8).contains(&len) || !field.fits(&self.payload) {
            return Err(RawError::TokenOutside { offset, payload: self.payload.len() });
        }
        self.token = Some(field);
        self.check_overlap()
    }

    /// Reserves this much of the receive buffer for each reply, in bytes, 1 to 65,507 (others are clamped). Without it,
    /// 65,507 are reserved until the first replies show how large they are, so that none is lost.
    #[must_use]
    pub fn with_reply_size(mut self, bytes: u32) -> Raw {
        self.reply_size = Some(bytes.clamp(1, MAX_PAYLOAD as u32));
        self
    }

    /// Creates a payload for one target. The token has the same position as in all others.
    ///
    /// # Errors
    /// [`RawError::PayloadTooLong`], or [`RawError::TokenOutside`] if the token does not fit.
    pub fn payload(&self, bytes: &[u8]) -> Result<Payload, RawError> {
        if bytes.len() > MAX_PAYLOAD {
            return Err(RawError::PayloadTooLong(bytes.len()));
        }
        match self.token {
            Some(field) if !field.fits(bytes) => {
                Err(RawError::TokenOutside { offset: field.offset, payload: bytes.len() })
            }
            _ => Ok(Payload(Some(bytes.into()))),
        }
    }

    fn check_overlap(self) -> Result<Raw, RawError> {
        match self.token {
            Some(field) if field.offset < self.expect_prefix.len() => Err(RawError::TokenInPrefix),
            _ => Ok(self),
        }
    }
}

impl fmt::Debug for Raw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Raw")
            .field("payload_len", &self.payload.len())
            .field("token", &self.token)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Payload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let len = self.0.as_ref().map(|bytes| bytes.len());
        f.debug_struct("Payload").field("len", &len).finish_non_exhaustive()
    }
}

impl TokenField {
    fn fits(self, payload: &[u8]) -> bool {
        self.offset.checked_add(self.len).is_some_and(|end| end <= payload.len())
    }
}

impl Protocol for Raw {
    type Question = Payload;
    type Conversation = Payload;
    /// The payload of the reply.
    type Answer = Box<[u8]>;

    fn begin(&mut self, _: SocketAddr, payload: Payload) -> Payload {
        payload
    }

    fn proof(&self, _: &Payload) -> Proof {
        self.token.map_or(Proof::Address, |field| Proof::Token { bits: 8 * field.len as u32 })
    }

    fn write_request(&mut self, payload: &mut Payload, attempt: Attempt, out: &mut Vec<u8>) {
        let start = out.len();
        out.extend_from_slice(payload.0.as_deref().unwrap_or(&self.payload));
        if let Some(TokenField { offset, len }) = self.token {
            out[start + offset..][..len].copy_from_slice(&attempt.token.0.to_be_bytes()[8 - len..]);
        }
    }

    fn read_token(&self, reply: &[u8]) -> Option<Token> {
        let TokenField { offset, len } = self.token?;
        let field = reply.get(offset..)?.get(..len)?;
        Some(Token(field.iter().fold(0, |number, &byte| number << 8 | u64::from(byte))))
    }

    fn step(&mut self, _: &mut Payload, reply: &Reply<'_>) -> Step<Box<[u8]>> {
        if reply.bytes.starts_with(&self.expect_prefix) {
            Step::Done(reply.bytes.into())
        } else {
            Step::Malformed("the reply does not begin with the expected prefix")
        }
    }

    /// Returns the size of one datagram that fits an Ethernet frame unfragmented. A longer reply may take more of the
    /// receive buffer than was reserved.
    fn reply_size(&self, _: &Payload) -> ReplySize {
        ReplySize::one(self.reply_size.unwrap_or(1472))
    }

    fn largest_reply(&self) -> u32 {
        self.reply_size.unwrap_or(MAX_PAYLOAD as u32)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(raw: &mut Raw, token: u64) -> Vec<u8> {
        let mut out = b"before".to_vec();
        raw.write_request(&mut Payload::default(), Attempt::first(Token(token)), &mut out);
        out.split_off(6)
    }

    fn step(raw: &mut Raw, bytes: &[u8]) -> Step<Box<[u8]>> {
        raw.step(&mut Payload::default(), &Reply::to_first(([127, 0, 0, 1], 7).into(), bytes))
    }

    #[test]
    fn without_a_token_the_payload_is_sent_unchanged() {
        let mut raw = Raw::new(b"hello".to_vec()).unwrap();
        assert_eq!(request(&mut raw, 0), b"hello");
        assert_eq!((raw.proof(&Payload::default()), raw.read_token(b"hello")), (Proof::Address, None));
        assert_eq!(step(&mut raw, b""), Step::Done(Box::default()));
    }

    #[test]
    fn a_token_takes_eight_bytes_or_the_rest() {
        let token = 0x0102_0304_0506_0708;
        for (offset, bits, wanted, read) in [
            (0, 64, &b"\x01\x02\x03\x04\x05\x06\x07\x08ij"[..], token),
            (2, 64, b"ab\x01\x02\x03\x04\x05\x06\x07\x08", token),
            (7, 24, b"abcdefg\x06\x07\x08", 0x06_0708),
            (9, 8, b"abcdefghi\x08", 0x08),
        ] {
            let mut raw = Raw::new(b"abcdefghij".to_vec()).unwrap().with_token_at(offset).unwrap();
            let sent = request(&mut raw, token);
            assert_eq!(sent, wanted);
            assert_eq!(raw.proof(&Payload::default()), Proof::Token { bits });
            assert_eq!(raw.read_token(&sent), Some(Token(read)));
            assert_eq!(raw.read_token(&sent[..sent.len() - 1 - (2 * usize::from(offset == 0))]), None);
        }
    }

    #[test]
    fn invalid_settings_are_refused() {
        let raw = Raw::new(vec![0; 4]).unwrap();
        assert_eq!(
            raw.clone().with_token_at(4).unwrap_err(),
            RawError::TokenOutside { offset: 4, payload: 4 }
        );
        assert!(raw.clone().with_token_at(usize::MAX).is_err());
        assert_eq!(Raw::new(vec![0; 65_508]).unwrap_err(), RawError::PayloadTooLong(65_508));
        assert!(raw.clone().with_expected_prefix(vec![0; 65_508]).is_err());
        let prefixed = raw.with_expected_prefix(b"ab".to_vec()).unwrap();
        assert_eq!(prefixed.clone().with_token_at(1).unwrap_err(), RawError::TokenInPrefix);
        assert!(prefixed.with_token_at(2).is_ok());
    }

    #[test]
    fn a_target_can_have_its_own_payload() {
        let mut raw = Raw::new(b"??ping".to_vec()).unwrap().with_token(0, 2).unwrap();
        let mut own = raw.payload(b"??a longer one").unwrap();
        let mut out = Vec::new();
        raw.write_request(&mut own, Attempt::first(Token(0x4142)), &mut out);
        assert_eq!(out, b"ABa longer one");
        assert_eq!((raw.proof(&own), raw.read_token(&out)), (Proof::Token { bits: 16 }, Some(Token(0x4142))));
        assert_eq!(raw.payload(b"?"), Err(RawError::TokenOutside { offset: 0, payload: 1 }));
        assert_eq!(raw.payload(&[0; 65_508]), Err(RawError::PayloadTooLong(65_508)));
        for (offset, len) in [(0, 0), (0, 9), (5, 2), (usize::MAX, 2)] {
            assert!(raw.clone().with_token(offset, len).is_err(), "{offset} {len}");
        }
    }

    #[test]
    fn a_reply_without_the_prefix_is_malformed() {
        let mut raw = Raw::new(vec![]).unwrap().with_expected_prefix(b"ok".to_vec()).unwrap();
        assert_eq!(step(&mut raw, b"ok!"), Step::Done(Box::from(&b"ok!"[..])));
        assert!(matches!(step(&mut raw, b"o"), Step::Malformed(_)));
    }
}
