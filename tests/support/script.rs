//! A scripted protocol, and an engine driven by hand, a millisecond at a time.
#![allow(dead_code, reason = "each test file uses a part of it")]

use std::net::SocketAddr;
use std::time::Duration;

use allears::engine::{
    Attempt, Completion, Config, Defaults, Engine, ForeignSource, Proof, Protocol, Quiet, Reply, ReplySize,
    Step, Time, Timeout, Token, Transmit,
};

pub const TOKEN: Proof = Proof::Token { bits: 64 };

/// Requests are `token`, replies `token` and a verb; or, without a token, only a verb.
pub struct Script {
    pub proof: Proof,
    pub foreign_source: ForeignSource,
    pub defaults: Defaults,
    /// True if replies without the token are read, too.
    pub without_token: bool,
}

impl Default for Script {
    fn default() -> Script {
        let (foreign_source, defaults) = (ForeignSource::Unmatched, Defaults::default());
        Script { proof: TOKEN, foreign_source, defaults, without_token: false }
    }
}

/// The answer of a conversation that has only a reply without the token.
pub const PROVISIONAL: u32 = 1000;

/// The remaining steps of a conversation, and what it has received.
#[derive(Debug, Default, PartialEq)]
pub struct Talk {
    pub steps: u32,
    pub parts: u32,
    /// The parts of earlier steps.
    pub parts_before: u32,
    /// The number of attempts that had timed out before each retry.
    pub missed: Vec<u32>,
    /// The destination of its retries.
    pub elsewhere: Option<SocketAddr>,
    /// The round trip and the attempt of each reply.
    pub replies: Vec<(Option<Duration>, u32)>,
    /// The number of times that a request was written.
    pub written: u32,
    /// True if it has a reply without the token, and none with it.
    pub provisional: bool,
    /// True if such a reply does not suffice while tries are left.
    pub insists: bool,
}

impl Protocol for Script {
    type Question = Talk;
    type Conversation = Talk;
    type Answer = u32;

    fn defaults(&self) -> Defaults {
        self.defaults
    }

    fn begin(&mut self, _: SocketAddr, talk: Talk) -> Talk {
        talk
    }

    fn proof(&self, _: &Talk) -> Proof {
        self.proof
    }

    fn write_request(&mut self, talk: &mut Talk, attempt: Attempt, out: &mut Vec<u8>) {
        talk.written += 1;
        out.extend_from_slice(&attempt.token.0.to_be_bytes());
    }

    fn read_token(&self, datagram: &[u8]) -> Option<Token> {
        let bytes = datagram.get(..8)?;
        Some(Token(u64::from_be_bytes(bytes.try_into().unwrap())))
    }

    fn step(&mut self, talk: &mut Talk, reply: &Reply<'_>) -> Step<u32> {
        talk.replies.push((reply.rtt, reply.attempt));
        if self.without_token {
            talk.provisional &= !reply.has_token || reply.bytes.ends_with(b"else");
        }
        match &reply.bytes[reply.bytes.len() - 4..] {
            b"next" => Step::AskNext,
            b"move" => Step::AskAt(SocketAddr::new(reply.from.ip(), reply.from.port() + 1)),
            b"done" if talk.steps > 0 => {
                talk.steps -= 1;
                talk.parts_before = talk.parts;
                Step::AskNext
            }
            b"done" => Step::Done(talk.parts),
            b"more" => {
                talk.parts += 1;
                Step::More { quiet: Duration::from_millis(50) }
            }
            b"weak" => {
                talk.provisional = talk.parts == talk.parts_before;
                Step::Provisional
            }
            b"else" => Step::NotMine,
            b"fake" => Step::Unproven("no proof"),
            _ => Step::Malformed("no verb"),
        }
    }

    fn retry(&mut self, talk: &mut Talk, attempts: u32) -> Option<SocketAddr> {
        talk.missed.push(attempts);
        talk.elsewhere
    }

    fn foreign_source(&self) -> ForeignSource {
        self.foreign_source
    }

    fn takes_replies_without_token(&self) -> bool {
        self.without_token
    }

    fn partial_answer(&mut self, talk: &mut Talk) -> Option<u32> {
        talk.provisional.then_some(PROVISIONAL)
    }

    fn quiet(&mut self, talk: &mut Talk, tries_left: u32) -> Quiet<u32> {
        if talk.provisional && (tries_left == 0 || !talk.insists) {
            return Quiet::Done(PROVISIONAL);
        }
        if talk.parts >= 2 || tries_left == 0 { Quiet::Done(talk.parts) } else { Quiet::Retry }
    }

    fn largest_reply(&self) -> u32 {
        12
    }

    fn reply_size(&self, talk: &Talk) -> ReplySize {
        ReplySize { datagrams: if talk.steps == 1000 { 20 } else { 1 }, bytes: 12 }
    }
}

pub fn config() -> Config {
    Config::unlimited().with_timeout(Timeout::Fixed(Duration::from_millis(100))).with_tries(3)
}

pub fn engine() -> Engine<Script> {
    Engine::new(Script { proof: TOKEN, ..Script::default() }, config(), [1; 16]).unwrap()
}

pub fn host(last: u8) -> SocketAddr {
    SocketAddr::from(([127, 1, 0, last], 1000))
}

pub fn ms(millis: u64) -> Time {
    Time::from_millis(millis)
}

/// Returns the next request, if any: its bytes are the token alone.
pub fn request(engine: &mut Engine<Script>, now: Time) -> Option<(Transmit, Vec<u8>)> {
    let mut out = Vec::new();
    engine.poll_transmit(now, &mut out).map(|transmit| (transmit, out))
}

pub fn receive(engine: &mut Engine<Script>, now: Time, from: SocketAddr, token: &[u8], verb: &str) {
    engine.handle_datagram(now, from, &[token, verb.as_bytes()].concat());
}

pub fn end(engine: &mut Engine<Script>) -> Completion<Talk, u32, ()> {
    let completion = engine.poll_completion().expect("a conversation has ended");
    assert!(engine.poll_completion().is_none(), "and only one");
    completion
}

/// Advances the time from one event to the next until no query is open.
pub fn run_out(engine: &mut Engine<Script>) -> Time {
    let mut now = Time::ZERO;
    while !engine.is_idle() {
        while request(engine, now).is_some() {}
        now = engine.poll_timeout().expect("something is open").max(now);
        engine.handle_timeout(now);
    }
    now
}
