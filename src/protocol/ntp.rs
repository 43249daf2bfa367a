//! NTP in client mode: one request to a server for its time (RFC 5905).

use std::net::SocketAddr;
use std::time::Duration;

use super::{Attempt, Defaults, Proof, Protocol, Reply, ReplySize, Step, Time, Token, bytes_at};

/// The port of servers (RFC 5905, section 7.2).
pub const PORT: u16 = 123;

/// The length of a packet without extensions, in bytes (RFC 5905, section 7.3).
const PACKET: usize = 48;
/// The first byte of a request: version 4, mode 3 (client).
const CLIENT: u8 = 4 << 3 | 3;
/// The mode of a server's reply.
const SERVER: u8 = 4;
/// The offsets of the timestamps in a packet.
const ORIGIN: usize = 24;
const RECEIVE: usize = 32;
const TRANSMIT: usize = 40;

/// Sends each server one request.
///
/// The request's transmit timestamp carries the token instead of a time. Servers return it unchanged in the origin
/// timestamp. So the request does not disclose our clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct Ntp;

/// The reply of a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ServerTime {
    /// The leap indicator: 0 to 2, or 3 if the server is not synchronized.
    pub leap: u8,
    /// The distance from a reference clock: 1 has one itself, 16 is not synchronized, 0 is a kiss-o'-death.
    pub stratum: u8,
    /// The reference: four letters for stratum 0 and 1, otherwise the IPv4 address of the server's own source, or a
    /// hash of its IPv6 address.
    pub reference: [u8; 4],
    /// The round trip from the server to its reference clock.
    pub root_delay: Duration,
    /// The maximum error of the server relative to its reference clock.
    pub root_dispersion: Duration,
    /// The time when the server received the request, by its own clock.
    pub received: Timestamp,
    /// The time when the server sent the reply, by its own clock.
    pub sent: Timestamp,
    /// The time when the reply arrived, by the clock of the engine.
    pub arrived: Time,
    /// The round trip from the request to the reply.
    pub rtt: Duration,
}

/// A point in time by a server's clock: 32 bits of seconds since 1900, 32 bits of fraction (RFC 5905, section 6).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timestamp(pub u64);

impl ServerTime {
    /// Returns the code of a kiss-o'-death, by which a server refuses to give its time (RFC 5905, section 7.4):
    /// `RATE`, `DENY`, `RSTR` and others.
    pub fn kiss(&self) -> Option<String> {
        (self.stratum == 0).then(|| self.reference_text())
    }

    /// Returns the reference as text: letters, with an escape such as `\x9b` for each other byte, or an address.
    pub fn reference_text(&self) -> String {
        let [a, b, c, d] = self.reference;
        let end = self.reference.iter().rposition(|&byte| byte != 0).map_or(0, |last| last + 1);
        match self.stratum {
            2..16 => format!("{a}.{b}.{c}.{d}"),
            _ => self.reference[..end].escape_ascii().to_string(),
        }
    }

    /// Returns whether the server is synchronized to a reference clock. If not, its time is meaningless.
    pub fn is_synchronized(&self) -> bool {
        self.leap != 3 && (1..16).contains(&self.stratum)
    }

    /// Returns the offset of the server's clock from ours in seconds, positive if it is ahead (RFC 5905, section 8).
    /// `arrived` is [`ServerTime::arrived`] by our wall clock, since 1970. `None` if the server returned no valid time:
    /// it is not synchronized, or its processing time is negative or longer than the round trip.
    pub fn offset(&self, arrived: Duration) -> Option<f64> {
        let left = arrived.saturating_sub(self.rtt);
        self.has_time().then(|| (self.received.ahead_of(left) + self.sent.ahead_of(arrived)) / 2.0)
    }

    /// Returns the round trip without the processing time of the server, in seconds. `None` if
    /// [`offset`](ServerTime::offset) is `None`.
    pub fn delay(&self) -> Option<f64> {
        self.has_time().then(|| self.rtt.as_secs_f64() - self.sent.minus(self.received))
    }

    fn has_time(&self) -> bool {
        let held = self.sent.minus(self.received);
        self.is_synchronized() && self.received.0 != 0 && (0.0..=self.rtt.as_secs_f64()).contains(&held)
    }
}

impl Timestamp {
    /// Returns the seconds from a time since 1970 to this one, in the era in which they are less than 68 years apart.
    fn ahead_of(self, since_1970: Duration) -> f64 {
        const FROM_1900_TO_1970: u64 = 2_208_988_800;
        let fraction = (u64::from(since_1970.subsec_nanos()) << 32) / 1_000_000_000;
        let seconds = since_1970.as_secs().wrapping_add(FROM_1900_TO_1970);
        self.minus(Timestamp((seconds << 32).wrapping_add(fraction)))
    }

    fn minus(self, earlier: Timestamp) -> f64 {
        self.0.wrapping_sub(earlier.0) as i64 as f64 / (1u64 << 32) as f64
    }
}

impl Protocol for Ntp {
    type Question = ();
    type Conversation = ();
    type Answer = ServerTime;

    fn defaults(&self) -> Defaults {
        Defaults::default().with_port(PORT)
    }

    fn begin(&mut self, _: SocketAddr, (): ()) {}

    fn proof(&self, (): &()) -> Proof {
        Proof::Token { bits: 64 }
    }

    fn write_request(&mut self, (): &mut (), attempt: Attempt, out: &mut Vec<u8>) {
        let start = out.len();
        out.resize(start + PACKET, 0);
        out[start] = CLIENT;
        out[start + TRANSMIT..].copy_from_slice(&attempt.token.0.to_be_bytes());
    }

    fn read_token(&self, reply: &[u8]) -> Option<Token> {
        bytes_at(reply, ORIGIN).map(|bytes| Token(u64::from_be_bytes(bytes)))
    }

    fn read_request_token(&self, request: &[u8]) -> Option<Token> {
        bytes_at(request, TRANSMIT).map(|bytes| Token(u64::from_be_bytes(bytes)))
    }

    fn step(&mut self, (): &mut (), reply: &Reply<'_>) -> Step<ServerTime> {
        parse(reply).map_or_else(Step::Malformed, Step::Done)
    }

    /// Returns the size of a packet and of an authenticator, which some servers append.
    fn reply_size(&self, (): &()) -> ReplySize {
        ReplySize::one(PACKET as u32 + 24)
    }
}

/// Parses a reply (RFC 5905, section 7.3).
fn parse(reply: &Reply<'_>) -> Result<ServerTime, &'static str> {
    let short = "the reply is shorter than 48 bytes";
    let timestamp =
        |at| bytes_at(reply.bytes, at).map(|bytes| Timestamp(u64::from_be_bytes(bytes))).ok_or(short);
    let (received, sent) = (timestamp(RECEIVE)?, timestamp(TRANSMIT)?);
    let [flags, stratum, _, _] = bytes_at(reply.bytes, 0).ok_or(short)?;
    if flags & 7 != SERVER {
        return Err("the reply is not in server mode");
    }
    // 16 bits of seconds, 16 bits of fraction.
    let seconds = |at| {
        bytes_at(reply.bytes, at).map(|bytes| f64::from(u32::from_be_bytes(bytes)) / 65_536.0).ok_or(short)
    };
    Ok(ServerTime {
        leap: flags >> 6,
        stratum,
        reference: bytes_at(reply.bytes, 12).ok_or(short)?,
        root_delay: Duration::from_secs_f64(seconds(4)?),
        root_dispersion: Duration::from_secs_f64(seconds(8)?),
        received,
        sent,
        arrived: reply.at,
        rtt: reply.rtt.unwrap_or_default(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns a reply at one second past 2024-01-01 00:00 UTC, which took 20 ms, half of it at the server.
    fn packet(stratum: u8, reference: [u8; 4], shift: f64) -> Vec<u8> {
        let at = |seconds: f64| ((3_913_056_000.0 + 1.0 + shift + seconds) * 4_294_967_296.0) as u64;
        let mut packet = vec![4 << 3 | SERVER, stratum, 6, 0xec, 0, 0, 0x80, 0, 0, 1, 0, 0];
        packet.extend(reference);
        packet.extend([0; 8]);
        packet.extend(0x0102_0304_0506_0708u64.to_be_bytes());
        packet.extend(at(-0.015).to_be_bytes());
        packet.extend(at(-0.005).to_be_bytes());
        packet
    }

    fn step(bytes: &[u8]) -> Step<ServerTime> {
        let from = ([127, 0, 0, 1], PORT).into();
        Ntp.step(&mut (), &Reply { rtt: Some(Duration::from_millis(20)), ..Reply::to_first(from, bytes) })
    }

    fn answer(bytes: &[u8]) -> ServerTime {
        match step(bytes) {
            Step::Done(answer) => answer,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_reply_returns_the_transmit_timestamp_of_the_request_as_its_origin() {
        let mut request = vec![1, 2, 3];
        Ntp.write_request(&mut (), Attempt::first(Token(0x0102_0304_0506_0708)), &mut request);
        let request = &request[3..];
        assert_eq!((request.len(), request[0]), (48, 0x23));
        let token = Some(Token(0x0102_0304_0506_0708));
        assert_eq!(
            (Ntp.read_request_token(request), Ntp.read_token(&packet(2, [1; 4], 0.0))),
            (token, token)
        );
        assert_eq!(Ntp.read_token(&request[..31]), None);
    }

    #[test]
    fn offset_and_delay_are_as_in_rfc_5905() {
        let arrived = Duration::from_secs(1_704_067_200 + 1);
        for shift in [0.0, 2.5, -3600.0] {
            let answer = answer(&packet(2, [192, 0, 2, 1], shift));
            let offset = answer.offset(arrived).expect("it has a time");
            assert!((offset - shift).abs() < 1e-5, "{offset} for {shift}");
            assert!((answer.delay().expect("it has a time") - 0.010).abs() < 1e-5);
            assert_eq!(answer.reference_text(), "192.0.2.1");
            assert_eq!((answer.root_delay.as_millis(), answer.root_dispersion.as_secs()), (500, 1));
        }
    }

    #[test]
    fn the_next_era_is_supported() {
        let in_2040 = Duration::from_secs(2_208_988_800);
        let seconds = (2_208_988_800u64 + 2_208_988_800) << 32;
        assert_eq!(Timestamp(seconds).ahead_of(in_2040), 0.0);
    }

    #[test]
    fn a_kiss_is_an_answer_without_a_time() {
        let answer = answer(&packet(0, *b"RATE", 0.0));
        assert_eq!(
            (answer.kiss().as_deref(), answer.offset(Duration::ZERO), answer.delay()),
            (Some("RATE"), None, None)
        );
        let reference = |stratum, reference| self::answer(&packet(stratum, reference, 0.0)).reference_text();
        assert_eq!(reference(1, *b"GPS\0"), "GPS");
        assert_eq!(reference(0, *b"R\x9bT\0"), r"R\x9bT");
        assert_eq!(reference(16, *b"INIT"), "INIT");
    }

    #[test]
    fn an_unsynchronized_or_impossible_time_gives_no_offset() {
        let good = packet(2, [1; 4], 0.0);
        let change = |at: usize, bytes: &[u8]| {
            let mut packet = good.clone();
            packet[at..at + bytes.len()].copy_from_slice(bytes);
            let answer = answer(&packet);
            (answer.offset(Duration::from_secs(1_704_067_201)).is_some(), answer.delay().is_some())
        };
        assert_eq!(change(1, &[2]), (true, true));
        let unsynchronized = [(0, [0xe4]), (1, [16]), (1, [255])].map(|(at, byte)| change(at, &byte));
        assert_eq!(unsynchronized, [(false, false); 3]);
        // Sent before it was received, or later than it arrived.
        let sent = u64::from_be_bytes(good[40..48].try_into().expect("8 bytes"));
        for sent in [sent - (1 << 30), sent + (1 << 30)] {
            assert_eq!(change(40, &sent.to_be_bytes()), (false, false));
        }
    }

    #[test]
    fn an_invalid_reply_has_a_reason() {
        let whole = packet(2, [1; 4], 0.0);
        for len in 0..whole.len() {
            assert!(matches!(step(&whole[..len]), Step::Malformed(_)), "{len}");
        }
        let client = [&[0x23][..], &whole[1..]].concat();
        assert_eq!(step(&client), Step::Malformed("the reply is not in server mode"));
    }
}
