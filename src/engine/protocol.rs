//! The trait that a protocol implements, and the types in its methods.

use std::net::SocketAddr;
use std::time::Duration;

use super::Time;
use crate::setters::setters;

/// An unpredictable number that a request carries and its reply returns.
///
/// It is fresh for each attempt, and never zero. [`Token::NONE`] stands for "no token".
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Token(pub u64);

impl Token {
    /// The token of a request whose reply returns none.
    pub const NONE: Token = Token(0);
}

/// A protocol: turns questions into requests, and replies into answers.
///
/// An implementation is pure: it has no socket and reads no clock. State that all conversations share (servers already
/// known, a cache of engine IDs) lives in `self`; state of one conversation in [`Protocol::Conversation`]. A value that
/// the caller wants back with the answer is not part of the protocol: it is the tag of
/// [`Engine::ask`](super::Engine::ask).
pub trait Protocol {
    /// The caller's question to one target.
    type Question;

    /// The state of one conversation: all steps with one target. Kept once for each query in flight, so it
    /// should be small.
    type Conversation;

    /// The result of a completed conversation.
    type Answer;

    /// Returns the defaults for all targets, which the caller may override: port, gap per host, in-flight cap per host.
    fn defaults(&self) -> Defaults {
        Defaults::default()
    }

    /// Begins a conversation with `target`. Called by [`Engine::ask`](super::Engine::ask), once it has room.
    fn begin(&mut self, target: SocketAddr, question: Self::Question) -> Self::Conversation;

    /// Returns the proof that ties the next reply to its request.
    fn proof(&self, conversation: &Self::Conversation) -> Proof;

    /// Returns the way in which the next request and its reply are sent.
    ///
    /// The default is [`Transport::Datagram`].
    fn transport(&self, conversation: &Self::Conversation) -> Transport {
        let _ = conversation;
        Transport::Datagram
    }

    /// Returns the bits of the next request's [`Token`] above those of [`Proof::Token`]: a number that follows from what
    /// the reply repeats, such as a hash of the question. [`read_token`](Protocol::read_token) has to find it in the
    /// reply. With it, many more queries can be in flight to one host than a short token alone could distinguish.
    ///
    /// The default is 0.
    fn token_prefix(&self, conversation: &Self::Conversation) -> u64 {
        let _ = conversation;
        0
    }

    /// Appends the conversation's next request to `out`. Called exactly once for every attempt.
    fn write_request(&mut self, conversation: &mut Self::Conversation, attempt: Attempt, out: &mut Vec<u8>);

    /// Returns the token in `reply`. `None` means that it has none; then it is matched by its source address.
    ///
    /// Must not trust the datagram, which may come from anyone.
    fn read_token(&self, reply: &[u8]) -> Option<Token>;

    /// Returns the token of one of our own requests, which an ICMP error quotes and may have truncated.
    ///
    /// The default reads it at the same offset as in a reply.
    fn read_request_token(&self, request: &[u8]) -> Option<Token> {
        self.read_token(request)
    }

    /// Processes a datagram whose source and token match a request of this conversation.
    fn step(&mut self, conversation: &mut Self::Conversation, reply: &Reply<'_>) -> Step<Self::Answer>;

    /// Returns the answer of a conversation that ends without its last reply, if what it has received suffices for one.
    /// The completion is then answered; the ledger counts the last query in its own class: silent, interrupted…
    ///
    /// The default returns `None`.
    fn partial_answer(&mut self, conversation: &mut Self::Conversation) -> Option<Self::Answer> {
        let _ = conversation;
        None
    }

    /// Prepares the conversation for another attempt, after `attempts` attempts have timed out. Returns the address to
    /// send it to, or `None` for the same address. Replies to the earlier attempts still count.
    ///
    /// The default repeats the request at the same address.
    fn retry(&mut self, conversation: &mut Self::Conversation, attempts: u32) -> Option<SocketAddr> {
        let _ = (conversation, attempts);
        None
    }

    /// Chooses another address for a request that was never sent, since the host has as many queries in flight as it may
    /// have. Returns `None` if it has to wait for that host.
    ///
    /// The default is to wait.
    fn while_host_is_busy(&mut self, conversation: &mut Self::Conversation) -> Option<SocketAddr> {
        let _ = conversation;
        None
    }

    /// Returns whether [`retry`](Protocol::retry) chooses another address. If so, the report that a host cannot be reached
    /// only ends the attempt, and the query as unreachable only after the last one.
    ///
    /// The default is false: the report ends the query.
    fn retries_elsewhere(&self, conversation: &Self::Conversation) -> bool {
        let _ = conversation;
        false
    }

    /// Returns whether the next request may be handed to the system together with others to the same host, as one
    /// message that is split on its way out. That takes a quarter of the time. But an ICMP error may then be reported
    /// for only one of them, and a full queue may drop them all. Retries are always sent alone.
    ///
    /// The default is false.
    fn is_bulk(&self, conversation: &Self::Conversation) -> bool {
        let _ = conversation;
        false
    }

    /// Decides how a conversation continues: after [`Step::More`], once its quiet gap has passed or the attempt has
    /// timed out without another reply; after [`Step::Provisional`], once the attempt has timed out. `tries_left`
    /// attempts remain.
    ///
    /// The default retries while it can; after the last try the query ends as malformed.
    fn quiet(&mut self, conversation: &mut Self::Conversation, tries_left: u32) -> Quiet<Self::Answer> {
        let _ = (conversation, tries_left);
        Quiet::Retry
    }

    /// Returns an upper bound on the size of the replies to the next request. The window reserves that much of the
    /// receive buffer.
    fn reply_size(&self, conversation: &Self::Conversation) -> ReplySize;

    /// Returns the size of the largest reply in bytes, 1 to 65,507. Until the first replies show how large they are,
    /// the window reserves that much for each. After that it reserves more than [`reply_size`](Protocol::reply_size)
    /// only if replies are larger.
    ///
    /// The default is the largest datagram. A protocol whose replies never exceed `reply_size` should return that here:
    /// then its sweeps start at full speed even with a small receive buffer.
    fn largest_reply(&self) -> u32 {
        65_507
    }

    /// Returns the minimum time between two packets to this conversation's host.
    /// [`Config::host_gap`](super::Config::host_gap) overrides it.
    ///
    /// The default is the gap of [`defaults`](Protocol::defaults).
    fn host_gap(&self, conversation: &Self::Conversation) -> Duration {
        let _ = conversation;
        self.defaults().host_gap
    }

    /// Returns how to treat a reply that has a request's token but another source address. Must stay the same
    /// for the lifetime of an engine.
    ///
    /// The default is [`ForeignSource::Unmatched`].
    fn foreign_source(&self) -> ForeignSource {
        ForeignSource::Unmatched
    }

    /// Returns whether [`step`](Protocol::step) also gets replies without a token that come from the address of a query
    /// with [`Proof::Token`]: [`Reply::has_token`] is false for them. Must stay the same for the lifetime of an engine.
    ///
    /// The default is false: such replies are unmatched.
    fn takes_replies_without_token(&self) -> bool {
        false
    }
}

/// The defaults for all targets of a protocol, which the caller may override.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct Defaults {
    /// The port of targets that specify none; `None` if the protocol has no default port.
    pub port: Option<u16>,
    /// The minimum time between two packets to one host (address and port); 100 ms unless set.
    pub host_gap: Duration,
    /// The maximum number of packets per second to one address, across all its ports: more than 0, or infinity for no
    /// limit; 20 unless set.
    pub host_rate: f64,
    /// The maximum number of queries in flight to one host (address and port); `None` for no maximum.
    pub in_flight_per_host: Option<u32>,
}

impl Default for Defaults {
    fn default() -> Defaults {
        Defaults {
            port: None,
            host_gap: Duration::from_millis(100),
            host_rate: 20.0,
            in_flight_per_host: None,
        }
    }
}

impl Defaults {
    /// Sets [`Defaults::port`].
    #[must_use]
    pub fn with_port(self, port: u16) -> Defaults {
        Defaults { port: Some(port), ..self }
    }

    /// Sets [`Defaults::in_flight_per_host`], at least 1.
    #[must_use]
    pub fn with_in_flight_per_host(self, queries: u32) -> Defaults {
        Defaults { in_flight_per_host: Some(queries.max(1)), ..self }
    }
}

setters!(Defaults {
    with_host_gap sets host_gap: Duration,
    with_host_rate sets host_rate: f64,
});

/// The way in which a request and its reply are sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Transport {
    /// As UDP datagrams.
    #[default]
    Datagram,
    /// Over a TCP connection to the same address and port, each message after its length in two bytes (RFC 7766,
    /// section 8). Many queries share a connection.
    Stream,
}

/// The means by which a reply is tied to its request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Proof {
    /// The reply returns the low `bits` bits of the request's [`Token`], 1 to 64, which are random. Those above are the
    /// [`token_prefix`](Protocol::token_prefix).
    Token {
        /// The number of bits.
        bits: u32,
    },
    /// The reply has no token, but [`Protocol::step`] recognizes from its content which step it answers, and returns
    /// [`Step::NotMine`] for any other step.
    ///
    /// One conversation at a time is open with such a host. Its steps follow each other at once, even if replies to
    /// retries of an earlier step are still in flight.
    Content,
    /// Nothing but the source address and port ties a reply to its request.
    ///
    /// One query at a time is open with such a host. The next one waits until each earlier attempt has been answered,
    /// or [`Config::linger`](super::Config::linger) after the end, because it would take a late reply for its own.
    Address,
}

/// One transmission of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// The token that the reply must return; [`Token::NONE`] unless the query has [`Proof::Token`].
    pub token: Token,
    /// 1 for the first attempt.
    pub number: u32,
    /// The time of sending.
    pub at: Time,
}

impl Attempt {
    /// Returns a first attempt at [`Time::ZERO`], to test a protocol.
    pub const fn first(token: Token) -> Attempt {
        Attempt { token, number: 1, at: Time::ZERO }
    }
}

/// A datagram that matches a request.
#[derive(Clone, Copy, Debug)]
pub struct Reply<'a> {
    /// The address it came from.
    pub from: SocketAddr,
    /// The time of arrival.
    pub at: Time,
    /// The time since the attempt that it answers was sent; `None` if several attempts were made and no token
    /// identifies the one that was answered.
    pub rtt: Option<Duration>,
    /// The attempt that it answers, 1 for the first; without a token, the latest one.
    pub attempt: u32,
    /// The token of that attempt.
    pub token: Token,
    /// True if it returns that token.
    pub has_token: bool,
    /// The payload.
    pub bytes: &'a [u8],
}

impl<'a> Reply<'a> {
    /// Returns a reply to a first attempt, at [`Time::ZERO`] and without a known round trip, to test a protocol. It has a
    /// token, and that of the attempt is [`Token::NONE`].
    pub const fn to_first(from: SocketAddr, bytes: &'a [u8]) -> Reply<'a> {
        Reply { from, at: Time::ZERO, rtt: None, attempt: 1, token: Token::NONE, has_token: true, bytes }
    }
}

/// The meaning of a reply for its conversation.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Step<A> {
    /// The conversation is complete.
    Done(A),
    /// This query is answered; the conversation continues with another query to the same host.
    AskNext,
    /// This query is answered; the conversation continues with another query to this address.
    AskAt(SocketAddr),
    /// Part of an answer that spans several datagrams. If no other follows within `quiet`, [`Protocol::quiet`] decides.
    More {
        /// The time to wait for the next datagram.
        quiet: Duration,
    },
    /// An answer that only its source address ties to the request, which has a token. The conversation keeps the first
    /// one; others count as duplicates. If a reply with the token arrives before the attempt times out, that one is the
    /// answer, and this datagram counts as unmatched; otherwise [`Protocol::quiet`] completes the conversation.
    Provisional,
    /// Matches the address, and the token if there is one, but answers something else. Counted as unmatched; or as
    /// a duplicate, if replies to an earlier step are still expected.
    NotMine,
    /// Belongs to this query, and cannot be parsed.
    ///
    /// With a token it certainly comes from the host, and ends the query. Without one it is treated as
    /// [`Unproven`](Step::Unproven).
    Malformed(&'static str),
    /// Claims to answer this query, but may come from anyone. Counted as broken; the query continues, and ends as
    /// malformed only if nothing better arrives.
    Unproven(&'static str),
}

impl<A> Step<A> {
    /// Converts the answer, if the step has one.
    pub fn map<B>(self, convert: impl FnOnce(A) -> B) -> Step<B> {
        match self {
            Step::Done(answer) => Step::Done(convert(answer)),
            Step::AskNext => Step::AskNext,
            Step::AskAt(address) => Step::AskAt(address),
            Step::More { quiet } => Step::More { quiet },
            Step::Provisional => Step::Provisional,
            Step::NotMine => Step::NotMine,
            Step::Malformed(reason) => Step::Malformed(reason),
            Step::Unproven(reason) => Step::Unproven(reason),
        }
    }
}

/// The treatment of a reply that has a request's token but another source address. Some hosts with several addresses
/// send such replies, against RFC 1122, section 4.1.3.5.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ForeignSource {
    /// It is unmatched. A token must be unique only per address.
    Unmatched,
    /// It is unmatched, but the query's completion names the address.
    Reported,
    /// It is a reply, and the query's completion names the address. The token alone identifies the query.
    Accepted,
}

/// The decision about a conversation that got part of an answer and then nothing more.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Quiet<A> {
    /// The answer is complete, or as complete as it will get.
    Done(A),
    /// Something is missing: retry. Without tries left the query ends as malformed.
    Retry,
}

/// An upper bound on the replies to one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReplySize {
    /// The number of datagrams, at least 1.
    pub datagrams: u32,
    /// The payload of each, in bytes.
    pub bytes: u32,
}

impl ReplySize {
    /// Returns the size of one datagram with a payload of at most `bytes` bytes.
    pub const fn one(bytes: u32) -> ReplySize {
        ReplySize { datagrams: 1, bytes }
    }
}
