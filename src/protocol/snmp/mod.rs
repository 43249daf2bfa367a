//! SNMP v1, v2c and v3: queries any number of agents from one socket, each in one or more steps.
//!
//! | | |
//! |---|---|
//! | [`ber`], [`Oid`], [`Value`], [`Varbind`] | encodings: borrowed, and parsed leniently |
//! | [`message`] | messages and PDUs |
//! | [`Request`] | a request for names or subtrees |
//! | `get`, `walk` | the progress of a request with one agent |
//! | [`Conversation`], [`Answer`] | everything requested from one agent, and its answer |
//! | `usm` | the security of v3; needs the feature `usm` |
//!
//! The request-id of v1 and v2c (RFC 3416, section 3) or the msgID of v3 (RFC 3412, section 7.2) matches a reply to its
//! request: 31 unpredictable bits, fresh for each attempt.

mod answer;
pub mod ber;
mod budget;
mod conversation;
mod get;
pub mod message;
pub mod names;
mod oid;
mod request;
#[cfg(feature = "usm")]
pub mod usm;
mod value;
mod walk;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

pub use answer::{Answer, ErrorStatus, Incomplete, Refused, went_back};
use ber::Writer;
use budget::Budget;
pub use conversation::Conversation;
use message::Message;
pub use message::Version;
pub(crate) use oid::push_arc;
pub use oid::{Oid, OidError, OidRef};
pub use request::{Operation, Request};
pub use value::{Value, Varbind, Varbinds, tag};

use super::{Attempt, Defaults, ForeignSource, Proof, Protocol, Reply, ReplySize, Step, Token};

/// The default port of agents (RFC 3417).
pub const PORT: u16 = 161;

/// The protocol SNMP.
///
/// ```
/// use std::sync::Arc;
/// use allears::engine::{Config, Engine, Outcome, Time};
/// use allears::protocol::snmp::{Credentials, Operation, Question, Request, Snmp, Version};
///
/// let mut snmp = Snmp::new(1);
/// let public = snmp.add_credentials(Credentials::community(Version::V2c, b"public"));
/// let name = Request { operation: Operation::Get, oids: vec!["1.3.6.1.2.1.1.5.0".parse()?], with_uptime: false };
/// let question = Question { credentials: public, request: Arc::new(name) };
///
/// let mut engine = Engine::new(snmp, Config::default(), [7; 16])?;
/// engine.ask("127.0.0.1:161".parse()?, question, ())?;
/// let mut request = Vec::new();
/// engine.poll_transmit(Time::ZERO, &mut request).expect("nothing delays the first packet");
/// assert!(request.windows(6).any(|bytes| bytes == b"public"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Snmp {
    credentials: Vec<StoredCredentials>,
    foreign_source: ForeignSource,
    writer: Writer,
    budget: Arc<Budget>,
    #[cfg(feature = "usm")]
    usm: usm::Usm,
    /// The buffer for decrypted messages.
    #[cfg(feature = "usm")]
    scratch: Vec<u8>,
}

/// The credentials for an agent.
#[derive(Clone)]
pub enum Credentials {
    /// A community of v1 or v2c.
    Community {
        /// The version.
        version: Version,
        /// The community: a password, sent in the clear.
        community: Box<[u8]>,
    },
    /// A user of v3.
    #[cfg(feature = "usm")]
    User(usm::User),
}

/// A handle of credentials that were added to a [`Snmp`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct CredentialsId(u32);

/// A question to an agent.
#[derive(Clone, Debug)]
pub struct Question {
    /// The credentials to use.
    pub credentials: CredentialsId,
    /// The request, which may be shared by many questions.
    pub request: Arc<Request>,
}

/// Credentials that were added to a [`Snmp`].
enum StoredCredentials {
    Community {
        version: Version,
        community: Box<[u8]>,
    },
    #[cfg(feature = "usm")]
    User(usm::UserId),
}

impl Credentials {
    /// Returns the credentials of a community, for v1 or v2c.
    pub fn community(version: Version, community: &[u8]) -> Credentials {
        Credentials::Community { version, community: community.into() }
    }
}

impl Snmp {
    /// Creates the protocol, without credentials.
    ///
    /// The salts of encrypted messages count up from `seed`, which must be unpredictable.
    pub fn new(seed: u64) -> Snmp {
        let _ = seed;
        Snmp {
            credentials: Vec::new(),
            foreign_source: ForeignSource::Reported,
            writer: Writer::default(),
            budget: Budget::new(usize::MAX),
            #[cfg(feature = "usm")]
            usm: usm::Usm::new(seed),
            #[cfg(feature = "usm")]
            scratch: Vec::new(),
        }
    }

    /// Accepts replies from another address than the request was sent to.
    ///
    /// Such a reply needs the right request-id or msgID, and the right community or digest. By default it is unmatched;
    /// the completion names its source address in either case.
    ///
    /// v3 reports without a digest are accepted, too, because agents that reply from another address could not be
    /// discovered otherwise. Such a report can end a query as rejected, but gives no values.
    pub fn accept_any_source(mut self) -> Snmp {
        self.foreign_source = ForeignSource::Accepted;
        self
    }

    /// Limits the memory of all answers together, from their first value until they are dropped, to about `bytes`, and at
    /// most twice that; by default there is no limit. At the limit, walks that have more than an equal share of it end
    /// with [`Incomplete::MemoryLimit`], and the others go on.
    pub fn with_memory(mut self, bytes: usize) -> Snmp {
        self.budget = Budget::new(bytes);
        self
    }

    /// Adds credentials, for use in questions.
    pub fn add_credentials(&mut self, credentials: Credentials) -> CredentialsId {
        self.credentials.push(match credentials {
            Credentials::Community { version, community } => {
                StoredCredentials::Community { version, community }
            }
            #[cfg(feature = "usm")]
            Credentials::User(user) => StoredCredentials::User(self.usm.add_user(user)),
        });
        CredentialsId(self.credentials.len() as u32 - 1)
    }

    /// Returns the users and engines of v3.
    #[cfg(feature = "usm")]
    pub fn usm(&self) -> &usm::Usm {
        &self.usm
    }

    /// Returns the users and engines of v3, to restore engines from an earlier run or to take notices.
    #[cfg(feature = "usm")]
    pub fn usm_mut(&mut self) -> &mut usm::Usm {
        &mut self.usm
    }
}

impl Protocol for Snmp {
    type Question = Question;
    type Conversation = Conversation;
    type Answer = Answer;

    /// Returns port 161 and no host gap: a conversation waits for each reply before it sends the next request.
    fn defaults(&self) -> Defaults {
        // A conversation waits for each reply before it sends its next request.
        Defaults::default().with_port(PORT).with_host_gap(Duration::ZERO).with_host_rate(f64::INFINITY)
    }

    fn begin(&mut self, agent: SocketAddr, question: Question) -> Conversation {
        #[cfg_attr(not(feature = "usm"), expect(unused_mut, reason = "only v3 has engines"))]
        let mut conversation = Conversation::new(question, &self.budget);
        #[cfg(feature = "usm")]
        if let Some(StoredCredentials::User(_)) = self.credentials.get(conversation.credentials.0 as usize) {
            conversation.engine = Some(self.usm.engine(agent));
        }
        let _ = agent;
        conversation
    }

    fn proof(&self, _: &Conversation) -> Proof {
        Proof::Token { bits: 31 }
    }

    fn write_request(&mut self, conversation: &mut Conversation, attempt: Attempt, out: &mut Vec<u8>) {
        let (id, writer) = (attempt.token.0 as u32, &mut self.writer);
        writer.clear();
        match self.credentials.get(conversation.credentials.0 as usize) {
            Some(StoredCredentials::Community { version, community }) => {
                conversation.write(Some(*version), id, writer);
                message::wrap_community(*version, community, 0, writer);
                writer.append_to(out);
            }
            #[cfg(feature = "usm")]
            Some(StoredCredentials::User(user)) => {
                let Some(engine) = conversation.engine else { return };
                conversation.write(None, id, writer);
                self.usm.write(attempt.at, engine, *user, id, writer, out);
            }
            // These credentials belong to another `Snmp`.
            None => {}
        }
    }

    fn read_token(&self, datagram: &[u8]) -> Option<Token> {
        message::read_id(datagram).map(|id| Token(id.into()))
    }

    fn step(&mut self, conversation: &mut Conversation, reply: &Reply<'_>) -> Step<Answer> {
        let datagram = reply.bytes;
        let stored = self.credentials.get(conversation.credentials.0 as usize);
        match (stored, Message::parse(datagram)) {
            (Some(StoredCredentials::Community { version, community }), Ok(Message::Community(message))) => {
                if message.version != *version {
                    return Step::Unproven("the reply has another SNMP version");
                }
                if message.community != &**community {
                    return Step::Unproven("the reply has another community");
                }
                conversation.handle_response(&message.pdu, datagram.len())
            }
            #[cfg(feature = "usm")]
            (Some(StoredCredentials::User(user)), Ok(Message::V3(message))) => {
                let Some(engine) = conversation.engine else {
                    return Step::Unproven("the reply has another SNMP version");
                };
                let verdict = self.usm.read(reply.at, engine, *user, datagram, &message, &mut self.scratch);
                if matches!(&verdict, usm::Verdict::Reply(pdu) if pdu.request_id != message.msg_id) {
                    return Step::Unproven("the request-id and the msgID of the reply differ");
                }
                conversation.handle_verdict(verdict, datagram.len())
            }
            (_, Err(reason)) => Step::Unproven(reason),
            (_, Ok(_)) => Step::Unproven("the reply has another SNMP version"),
        }
    }

    fn retry(&mut self, conversation: &mut Conversation, attempts: u32) -> Option<SocketAddr> {
        #[cfg(feature = "usm")]
        if conversation.engine.is_some_and(|engine| self.usm.is_unknown(engine)) {
            // The request was a discovery, whose reply is small, so the next request need not be smaller.
            return None;
        }
        conversation.retry(attempts);
        None
    }

    /// Returns [`ForeignSource::Reported`], or [`ForeignSource::Accepted`] after
    /// [`accept_any_source`](Snmp::accept_any_source).
    fn foreign_source(&self) -> ForeignSource {
        self.foreign_source
    }

    /// Returns 256 bytes for the message, and for each variable binding 100 bytes, or more if earlier replies of the
    /// same walk had more. A reply with long texts may exceed that.
    fn reply_size(&self, conversation: &Conversation) -> ReplySize {
        conversation.reply_size()
    }
}

/// Omits `writer` and `scratch`, because they hold the community or the decrypted content of the last message.
impl std::fmt::Debug for Snmp {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut shown = f.debug_struct("Snmp");
        shown.field("credentials", &self.credentials).field("foreign_source", &self.foreign_source);
        #[cfg(feature = "usm")]
        shown.field("usm", &self.usm);
        shown.finish_non_exhaustive()
    }
}

/// Omits secrets.
impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Credentials::Community { version, .. } => {
                f.debug_struct("Community").field("version", version).finish()
            }
            #[cfg(feature = "usm")]
            Credentials::User(user) => user.fmt(f),
        }
    }
}

impl std::fmt::Debug for StoredCredentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            StoredCredentials::Community { version, .. } => write!(f, "{version:?}"),
            #[cfg(feature = "usm")]
            StoredCredentials::User(user) => user.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_output_has_no_community_even_after_it_was_sent() {
        let mut snmp = Snmp::new(1);
        let before = format!("{snmp:?}").len();
        let credentials = snmp.add_credentials(Credentials::community(Version::V2c, b"hush"));
        let request = Request { operation: Operation::Get, oids: vec![], with_uptime: true };
        let question = Question { credentials, request: Arc::new(request) };
        let mut conversation = snmp.begin(([127, 0, 0, 1], PORT).into(), question);
        snmp.write_request(&mut conversation, Attempt::first(Token(7)), &mut Vec::new());
        let shown = format!("{snmp:?}");
        assert_eq!(shown.len(), before + "V2c".len(), "{shown}");
    }

    #[cfg(feature = "usm")]
    #[test]
    fn a_lost_discovery_does_not_shrink_the_request() {
        let (mut snmp, agent) = (Snmp::new(1), ([127, 0, 0, 1], PORT).into());
        let user = snmp.add_credentials(Credentials::User(usm::User::new(b"u").expect("a name")));
        let operation = Operation::Walk { max_repetitions: Some(40), max_rows: 100 };
        let request = Request { operation, oids: vec!["1.3.6".parse().expect("a name")], with_uptime: false };
        let mut walk = snmp.begin(agent, Question { credentials: user, request: Arc::new(request) });
        let whole = snmp.reply_size(&walk);
        (1..3).for_each(|attempts| assert_eq!(snmp.retry(&mut walk, attempts), None));
        assert_eq!(snmp.reply_size(&walk), whole);
        let engine_id = Box::from(&b"engine"[..]);
        snmp.usm_mut().remember(
            crate::engine::Time::ZERO,
            usm::EngineRecord { address: agent, engine_id, boots: 1, time: 1 },
        );
        snmp.retry(&mut walk, 1);
        assert!(snmp.reply_size(&walk).bytes < whole.bytes);
    }
}
