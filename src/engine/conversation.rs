//! What the engine needs to know of a protocol: the one trait that a new protocol implements.

use std::time::Duration;

use super::Time;

/// What ties a reply to one attempt: an unpredictable number, fresh for every attempt, which the
/// request carries and the reply gives back.
///
/// Never zero, except for a protocol whose replies carry nothing back
/// ([`Protocol::token_bits`] = 0); then it always is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Token(pub u64);

impl Token {
    /// The token of a request whose reply is known by its source address alone.
    pub const NONE: Token = Token(0);
}

/// A protocol: turns bytes into steps of a conversation, and steps into bytes.
///
/// It is pure: no clock, no socket. What all conversations share (a set of servers already known, a
/// cache of engine IDs) lives in `self`; what one of them needs lives in
/// [`Protocol::Conversation`], together with whatever the caller wants back with the outcome.
pub trait Protocol {
    /// The state of one conversation: all steps with one target. Kept once for each query in
    /// flight, so it should be small.
    type Conversation;

    /// What a conversation that was answered to its end yields.
    type Answer;

    /// How many low bits of a [`Token`] this conversation's next reply gives back: 1 to 64, or 0
    /// when a reply is known by its source address and port alone. At 0, only one query to that
    /// address is in flight at a time; others wait, also until each of its attempts was answered, or
    /// [`Config::linger`](super::Config::linger) after its end: a late reply would be taken for theirs.
    fn token_bits(&self, conversation: &Self::Conversation) -> u32;

    /// Appends the conversation's next request, which leaves at `now`, to `out`, carrying `token`. Called
    /// once for every attempt; a retransmission gets a fresh token.
    fn write_request(
        &mut self,
        conversation: &Self::Conversation,
        token: Token,
        now: Time,
        out: &mut Vec<u8>,
    );

    /// The token that `datagram` claims to answer; `None` when it carries none (the engine then
    /// looks for a conversation with `token_bits` = 0 at its source). Must not believe anything:
    /// the datagram is from anybody.
    fn read_token(&self, datagram: &[u8]) -> Option<Token>;

    /// The token of a request of ours, as an ICMP error quotes it: perhaps cut short. `None` when it is
    /// not in there (the engine then looks for a conversation with `token_bits` = 0). The default is
    /// for requests that carry it where replies do.
    fn read_request(&self, request: &[u8]) -> Option<Token> {
        self.read_token(request)
    }

    /// Takes one datagram that belongs to this conversation, and came in at `now`: its source and token fit
    /// a request of ours.
    fn step(
        &mut self,
        conversation: &mut Self::Conversation,
        datagram: &[u8],
        now: Time,
    ) -> Step<Self::Answer>;

    /// Called before a request that was not answered in time is made once more, after `attempts` of them.
    /// The default asks the same again.
    fn retry(&mut self, conversation: &mut Self::Conversation, attempts: u32) {
        let _ = (conversation, attempts);
    }

    /// What becomes of a reply that has a request's token and comes from another address than the one that
    /// was asked. The same for as long as the engine lives. The default knows replies by both.
    fn elsewhere(&self) -> Elsewhere {
        Elsewhere::Unknown
    }

    /// Called when a conversation that had answered [`Step::More`] fell silent: its quiet gap
    /// passed, or its last attempt ran out. `tries_left` attempts remain.
    ///
    /// The default asks again while it can, and at the end books the reply as malformed.
    fn quiet(&mut self, conversation: &mut Self::Conversation, tries_left: u32) -> Quiet<Self::Answer> {
        let _ = (conversation, tries_left);
        Quiet::AskAgain
    }

    /// How many bytes of payload the replies to the next request may have in all, and in how many
    /// datagrams: what the window reserves of the receive buffer. An honest upper estimate.
    fn reply_size(&self, conversation: &Self::Conversation) -> ReplySize;

    /// The least time between two packets to one target that this protocol's servers tolerate. The
    /// greater of this and [`Config::host_gap`](super::Config::host_gap) holds.
    fn host_gap(&self, conversation: &Self::Conversation) -> Duration {
        let _ = conversation;
        Duration::ZERO
    }
}

/// What a datagram means to its conversation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step<A> {
    /// The conversation is complete.
    Done(A),
    /// This query is answered; the conversation has another one to ask.
    AskNext,
    /// Part of an answer in several datagrams. When none follows for `quiet`,
    /// [`Protocol::quiet`] decides.
    More {
        /// How long a gap after this datagram means that no more will come.
        quiet: Duration,
    },
    /// Fits the address, and the token if there is one, but answers something else. Counted as a
    /// stranger.
    NotMine,
    /// Meant for this query, and broken.
    ///
    /// With a token it is the host's own word, and ends the query. Without one it is as
    /// [`Unproven`](Step::Unproven).
    Malformed(&'static str),
    /// Says that it answers this query, but anybody may have sent it. Counted as broken; the query goes on,
    /// and ends as malformed only if nothing better comes.
    Unproven(&'static str),
}

/// What becomes of a reply from another address than the one that was asked. Hosts with several addresses
/// send such replies, though they should not (RFC 1122, section 4.1.3.5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Elsewhere {
    /// Nobody knows it: a stranger. Tokens need to be unique only at one address.
    Unknown,
    /// It is a stranger, but the query's conclusion names the address.
    Noted,
    /// It is a reply, and the query's conclusion names the address. The token alone ties it to its query.
    Accepted,
}

/// What to do with a conversation that had part of an answer and then fell silent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Quiet<A> {
    /// That was all of it, or all there will be.
    Done(A),
    /// Something is missing: ask again. Without tries left the query ends as malformed.
    AskAgain,
}

/// How much the replies to one request may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReplySize {
    /// Datagrams, at least 1.
    pub datagrams: u32,
    /// Payload bytes of each.
    pub bytes: u32,
}
