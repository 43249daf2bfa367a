//! The protocol: a question to one server, then to others if need be.

use std::net::SocketAddr;
use std::time::Duration;

use siphasher::sip::SipHasher13;

use super::servers::{CLIENT_COOKIE, Servers};
use super::{DnsSettings, Message, NameServer, PORT, Question, Rcode, RecordType, Tcp};
use crate::protocol::{
    Attempt, Defaults, ForeignSource, Proof, Protocol, Reply, ReplySize, Step, Token, Transport, bytes_at,
};

/// The queries per second to one server unless set: trusted public resolvers take more, but not much more.
const RATE: f64 = 500.0;
/// The queries in flight to one server unless set. More only wait in the server's receive buffer: on loopback, 150 suffice
/// for its full speed, and at 500 per second 1,000 last for a round trip of two seconds.
const IN_FLIGHT: u32 = 1000;
/// The bytes of a header (RFC 1035, section 4.1.1).
const HEADER: usize = 12;
/// The bits of an ID.
const ID_BITS: u32 = 16;
/// The options of EDNS (RFC 5001, RFC 7873).
const NSID: u16 = 3;
const COOKIE: u16 = 10;
/// The bytes that replies with addresses rarely exceed.
const ADDRESS_REPLY: u32 = 300;
/// The maximum number of queries that one question takes, besides repetitions.
const MOST_STEPS: u8 = 16;

/// Asks servers questions.
///
/// A reply belongs to its query if it comes from the server's address, has its ID, and repeats its question. All three
/// are part of the engine's index, so that more than 65,536 queries may be in flight to one server.
#[derive(Clone, Debug)]
pub struct Dns {
    settings: DnsSettings,
    servers: Servers,
    key: [u8; 16],
}

/// The state of one question.
#[derive(Clone, Debug)]
pub struct Conversation {
    question: Question,
    /// The answers of servers that did not suffice.
    tried: Option<Box<Tried>>,
    /// The number of the server that is asked.
    server: u32,
    steps: u8,
    has_edns: bool,
    is_stream: bool,
}

impl Conversation {
    /// Returns the question.
    pub fn question(&self) -> &Question {
        &self.question
    }

    /// Returns the number that decides in which order servers are asked.
    fn seed(&self) -> u64 {
        fold(self.question.as_wire())
    }

    fn may_be_asked(&self, server: SocketAddr) -> bool {
        !self.tried.as_ref().is_some_and(|tried| tried.has_refused(server))
    }
}

#[derive(Clone, Debug)]
struct Tried {
    refusals: Vec<ServerRefusal>,
    /// The latest answer.
    message: Message,
    transport: Transport,
}

impl Tried {
    fn has_refused(&self, server: SocketAddr) -> bool {
        self.refusals.iter().any(|refusal| refusal.server == server)
    }
}

/// A response code for which another server was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ServerRefusal {
    /// The server.
    pub server: SocketAddr,
    /// Its answer.
    pub rcode: Rcode,
}

/// The answer to a question.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Answer {
    /// The message as received. Its response code may say that there is no such name, or that the server failed.
    pub message: Message,
    /// The way it was received.
    pub transport: Transport,
    /// The refusals of other servers before, and of this one if no server had anything better.
    pub refusals: Vec<ServerRefusal>,
}

impl Answer {
    /// Creates an answer of the first server that was asked.
    pub fn new(message: Message, transport: Transport) -> Answer {
        Answer { message, transport, refusals: vec![] }
    }
}

impl Dns {
    /// Creates the protocol for these servers. `key` makes cookies and the case of letters unpredictable
    /// (`net::random_key`).
    pub fn new(settings: DnsSettings, servers: impl IntoIterator<Item = SocketAddr>, key: [u8; 16]) -> Dns {
        let mut known = Servers::new(key);
        for server in servers {
            known.add(server);
        }
        Dns { settings, servers: known, key }
    }

    /// Adds a server, unless it is known.
    pub fn add_server(&mut self, server: SocketAddr) {
        self.servers.add(server);
    }

    /// Returns the server to ask the next question: each in turn, those that fail more rarely. `None` if there are no
    /// servers.
    pub fn next_server(&mut self) -> Option<SocketAddr> {
        self.servers.next()
    }

    /// Returns the servers with what they have answered.
    pub fn servers(&self) -> &[NameServer] {
        self.servers.list()
    }

    fn hash(&self, bytes: &[u8]) -> u64 {
        SipHasher13::new_with_key(&self.key).hash(bytes)
    }

    /// Changes the case of each letter in a name as the token decides.
    fn mix_case(&self, token: Token, name: &mut [u8]) {
        let bits = self.hash(&token.0.to_le_bytes());
        for (at, byte) in name.iter_mut().enumerate().filter(|(_, byte)| byte.is_ascii_alphabetic()) {
            *byte = (*byte & !0x20) | ((bits >> (at % 64)) as u8 & 1) << 5;
        }
    }

    fn write_edns(&self, server: &NameServer, size: u16, out: &mut Vec<u8>) {
        let do_bit = if self.settings.dnssec { 0x80 } else { 0 };
        out.extend_from_slice(&[0, 0, 41]);
        out.extend_from_slice(&size.to_be_bytes());
        out.extend_from_slice(&[0, 0, do_bit, 0]);
        let length_at = out.len();
        out.extend_from_slice(&[0, 0]);
        if self.settings.nsid {
            out.extend_from_slice(&[(NSID >> 8) as u8, NSID as u8, 0, 0]);
        }
        if self.settings.cookies {
            let theirs = server.cookie.as_deref().unwrap_or_default();
            out.extend_from_slice(&COOKIE.to_be_bytes());
            out.extend_from_slice(&((CLIENT_COOKIE + theirs.len()) as u16).to_be_bytes());
            out.extend_from_slice(&server.our_cookie);
            out.extend_from_slice(theirs);
        }
        let length = (out.len() - length_at - 2) as u16;
        out[length_at..length_at + 2].copy_from_slice(&length.to_be_bytes());
    }

    /// Returns whether a reply repeats the question of its request.
    fn repeats_question(&self, conversation: &Conversation, reply: &[u8]) -> bool {
        let question = conversation.question.as_wire();
        let Some(repeated) = reply.get(HEADER..HEADER + question.len()) else { return false };
        if bytes_at(reply, 4) != Some([0, 1]) || !repeated.eq_ignore_ascii_case(question) {
            return false;
        }
        let (name, ends) = repeated.split_at(question.len() - 4);
        if ends != &question[name.len()..] {
            return false;
        }
        if !self.settings.mixed_case {
            return true;
        }
        let mut sent = name.to_vec();
        self.read_token(reply).inspect(|token| self.mix_case(*token, &mut sent));
        sent == name
    }

    /// Learns a server's cookie. Returns false if the reply lacks ours, although the server has shown that it returns it.
    fn check_cookie(&mut self, server: u32, message: &Message) -> bool {
        let NameServer { our_cookie: ours, cookie: known, .. } = self.servers.get_mut(server);
        let cookie = message.edns().and_then(|edns| edns.cookie());
        let theirs = cookie.and_then(|cookie| cookie.strip_prefix(&ours[..]));
        match theirs {
            Some(theirs) if (8..=32).contains(&theirs.len()) => {
                if known.as_deref() != Some(theirs) {
                    *known = Some(theirs.into());
                }
                true
            }
            Some(_) => true,
            None => known.is_none(),
        }
    }

    /// Decides about an answer that belongs to its question.
    fn judge(
        &mut self,
        conversation: &mut Conversation,
        server: u32,
        reply: &Reply<'_>,
        message: Message,
    ) -> Step<Answer> {
        let rcode = message.rcode();
        conversation.steps = conversation.steps.saturating_add(1);
        let may_ask = conversation.steps < MOST_STEPS;
        let is_failure = self.settings.retry_on.contains(&rcode);
        let rtt = reply.rtt.filter(|_| !conversation.is_stream);
        self.servers.get_mut(server).count(rcode, rtt, is_failure);
        let lacks_edns = matches!(rcode, Rcode::FORMERR | Rcode::NOTIMP | Rcode::BADVERS);
        if conversation.has_edns && lacks_edns && may_ask {
            self.servers.get_mut(server).forget_edns(reply.at);
            return self.ask_again(conversation, server);
        }
        if rcode == Rcode::BADCOOKIE && may_ask && conversation.steps <= 2 {
            return self.ask_again(conversation, server);
        }
        let wants_stream = message.is_truncated() || rcode == Rcode::BADCOOKIE;
        if wants_stream && !conversation.is_stream && self.settings.tcp != Tcp::Never && may_ask {
            conversation.is_stream = true;
            return self.ask_again(conversation, server);
        }
        let transport = if conversation.is_stream { Transport::Stream } else { Transport::Datagram };
        if !is_failure {
            let refusals = conversation.tried.take().map_or(vec![], |tried| tried.refusals);
            return Step::Done(Answer { message, transport, refusals });
        }
        self.ask_elsewhere(conversation, server, message, transport)
    }

    fn ask_again(&mut self, conversation: &mut Conversation, server: u32) -> Step<Answer> {
        conversation.server = server;
        Step::AskAt(self.servers.get(server).address)
    }

    /// Lets another server have a question: one that has not refused it, and that does not fail unless all others do.
    /// Returns `None` if there is no other.
    fn move_elsewhere(&mut self, conversation: &mut Conversation, may_fail: bool) -> Option<SocketAddr> {
        let next = self
            .servers
            .other(conversation.server, conversation.seed(), |other| conversation.may_be_asked(other))?;
        let server = self.servers.get(next);
        if self.settings.sticky || (server.is_failing() && !may_fail) {
            return None;
        }
        conversation.server = next;
        Some(server.address)
    }

    /// Asks a server that was not asked yet; without one, the answer is the best there is.
    fn ask_elsewhere(
        &mut self,
        conversation: &mut Conversation,
        server: u32,
        message: Message,
        transport: Transport,
    ) -> Step<Answer> {
        let refusal = ServerRefusal { server: self.servers.get(server).address, rcode: message.rcode() };
        let mut refusals = conversation.tried.take().map_or(vec![], |tried| tried.refusals);
        refusals.push(refusal);
        let tried = Box::new(Tried { refusals, message, transport });
        let is_last = self.settings.sticky || conversation.steps >= MOST_STEPS;
        let next = self
            .servers
            .other(server, conversation.seed(), |other| !tried.has_refused(other))
            .filter(|_| !is_last);
        let Some(next) = next else {
            let Tried { refusals, message, transport } = *tried;
            return Step::Done(Answer { message, transport, refusals });
        };
        conversation.tried = Some(tried);
        conversation.is_stream = self.settings.tcp == Tcp::Only;
        self.ask_again(conversation, next)
    }
}

impl Protocol for Dns {
    type Question = Question;
    type Conversation = Conversation;
    type Answer = Answer;

    fn defaults(&self) -> Defaults {
        let defaults = Defaults::default().with_port(PORT).with_in_flight_per_host(IN_FLIGHT);
        defaults.with_host_gap(Duration::ZERO).with_host_rate(RATE)
    }

    fn begin(&mut self, target: SocketAddr, question: Question) -> Conversation {
        let server = self.servers.find(target).unwrap_or_else(|| self.servers.add(target));
        let is_stream = self.settings.tcp == Tcp::Only;
        Conversation { question, tried: None, server, steps: 0, has_edns: false, is_stream }
    }

    fn proof(&self, _: &Conversation) -> Proof {
        Proof::Token { bits: ID_BITS }
    }

    fn transport(&self, conversation: &Conversation) -> Transport {
        if conversation.is_stream { Transport::Stream } else { Transport::Datagram }
    }

    fn token_prefix(&self, conversation: &Conversation) -> u64 {
        fold(conversation.question.as_wire())
    }

    fn write_request(&mut self, conversation: &mut Conversation, attempt: Attempt, out: &mut Vec<u8>) {
        let DnsSettings { recursion, checking_disabled, edns, mixed_case, .. } = self.settings;
        let server = self.servers.get_mut(conversation.server);
        server.sent += 1;
        let size = edns.filter(|_| server.knows_edns(attempt.at));
        conversation.has_edns = size.is_some();
        let [high, low] = id_of(attempt.token).to_be_bytes();
        let flags = [u8::from(recursion), u8::from(checking_disabled) << 4];
        out.extend_from_slice(&[
            high,
            low,
            flags[0],
            flags[1],
            0,
            1,
            0,
            0,
            0,
            0,
            0,
            u8::from(size.is_some()),
        ]);
        let start = out.len();
        out.extend_from_slice(conversation.question.as_wire());
        if mixed_case {
            let end = out.len() - 4;
            self.mix_case(attempt.token, &mut out[start..end]);
        }
        if let Some(size) = size {
            self.write_edns(self.servers.get(conversation.server), size, out);
        }
    }

    /// Returns the ID and a hash of the question. A reply without a question has none.
    fn read_token(&self, reply: &[u8]) -> Option<Token> {
        let id = u16::from_be_bytes(bytes_at(reply, 0)?);
        if bytes_at(reply, 4)? != [0, 1] {
            return None;
        }
        let mut end = HEADER;
        while let length @ 1..64 = *reply.get(end)? {
            end += 1 + usize::from(length);
        }
        let question = reply.get(HEADER..end + 5).filter(|question| question[end - HEADER] == 0)?;
        Some(Token(fold(question) << ID_BITS | u64::from(id)))
    }

    fn step(&mut self, conversation: &mut Conversation, reply: &Reply<'_>) -> Step<Answer> {
        let [flags, codes] = bytes_at(reply.bytes, 2).unwrap_or_default();
        let is_response = flags & 0xf8 == 0x80;
        let is_question_gone = bytes_at(reply.bytes, 4) == Some([0, 0]);
        // Some servers repeat no question in an error.
        let is_bare_error = is_question_gone
            && codes & 15 != 0
            && bytes_at(reply.bytes, 0) == Some(id_of(reply.token).to_be_bytes());
        let is_mine =
            if reply.has_token { self.repeats_question(conversation, reply.bytes) } else { is_bare_error };
        let server = self.servers.find(reply.from).filter(|_| is_response && is_mine);
        let Some(server) = server else { return Step::NotMine };
        let message = match Message::new(reply.bytes) {
            Ok(message) => message,
            Err(error) => return Step::Unproven(error.reason()),
        };
        let checks_cookie = conversation.has_edns && self.settings.cookies;
        if checks_cookie && !self.check_cookie(server, &message) && !conversation.is_stream && !is_bare_error
        {
            return Step::NotMine;
        }
        self.judge(conversation, server, reply, message)
    }

    fn partial_answer(&mut self, conversation: &mut Conversation) -> Option<Answer> {
        let Tried { refusals, message, transport } = *conversation.tried.take()?;
        Some(Answer { message, transport, refusals })
    }

    fn retry(&mut self, conversation: &mut Conversation, _: u32) -> Option<SocketAddr> {
        self.servers.get_mut(conversation.server).count_lost();
        self.move_elsewhere(conversation, true)
    }

    fn while_host_is_busy(&mut self, conversation: &mut Conversation) -> Option<SocketAddr> {
        self.move_elsewhere(conversation, false)
    }

    fn retries_elsewhere(&self, conversation: &Conversation) -> bool {
        let may_be_asked = |other| conversation.may_be_asked(other);
        !self.settings.sticky && self.servers.has_other(conversation.server, may_be_asked)
    }

    /// Sends in bulk once the server answers: before, each query has to learn if nothing listens there.
    fn is_bulk(&self, conversation: &Conversation) -> bool {
        self.settings.bulk && self.servers.get(conversation.server).answers()
    }

    fn reply_size(&self, conversation: &Conversation) -> ReplySize {
        let of = conversation.question.record_type();
        let is_address = matches!(of, RecordType::A | RecordType::AAAA | RecordType::PTR);
        ReplySize::one(if is_address { ADDRESS_REPLY } else { self.largest_reply() })
    }

    fn largest_reply(&self) -> u32 {
        self.settings.edns.unwrap_or(512).max(512).into()
    }

    fn foreign_source(&self) -> ForeignSource {
        ForeignSource::Reported
    }

    fn takes_replies_without_token(&self) -> bool {
        true
    }
}

/// Returns the ID of the query with this token.
fn id_of(token: Token) -> u16 {
    token.0 as u16
}

/// Returns a hash of 48 bits of a question, regardless of the case of its letters. It is only an index: the question
/// itself is compared, too.
fn fold(question: &[u8]) -> u64 {
    const FACTOR: u64 = 0x9E37_79B9_7F4A_7C15;
    const CASE: u64 = 0x2020_2020_2020_2020;
    let mut hash = question.len() as u64;
    let (chunks, rest) = question.as_chunks::<8>();
    for chunk in chunks {
        hash = (hash.rotate_left(23) ^ (u64::from_le_bytes(*chunk) | CASE)).wrapping_mul(FACTOR);
    }
    let mut last = [0; 8];
    last[..rest.len()].copy_from_slice(rest);
    hash = (hash.rotate_left(23) ^ (u64::from_le_bytes(last) | CASE)).wrapping_mul(FACTOR);
    (hash ^ hash >> 32).wrapping_mul(FACTOR) >> ID_BITS
}

#[cfg(test)]
mod tests;
