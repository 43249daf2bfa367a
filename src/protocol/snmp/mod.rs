//! SNMP: v1, v2c and v3, from one socket to any number of agents, in as many steps as it takes.
//!
//! | | |
//! |---|---|
//! | [`ber`], [`Oid`], [`Value`], [`Varbind`] | bytes, borrowed and lenient |
//! | [`message`] | what stands around them |
//! | [`Request`] | what is asked: names, or subtrees |
//! | `get`, `walk` | how far that has come with one agent |
//! | [`Conversation`], [`Answer`] | all that is asked of one agent, and what it answered |
//! | `usm` | the security of v3; needs the feature `usm` |
//!
//! What ties a reply to its request is the request-id of v1 and v2c (RFC 3416, section 3), and the msgID of v3
//! (RFC 3412, section 7.2): 31 unpredictable bits, fresh for each attempt.

mod answer;
pub mod ber;
mod conversation;
mod gathered;
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

pub use answer::{Answer, ErrorStatus, Incomplete, Refused};
use ber::Writer;
pub use conversation::Conversation;
pub use gathered::went_back;
use message::Message;
pub use message::Version;
pub(crate) use oid::push_arc;
pub use oid::{Oid, OidError, OidRef};
pub use request::{Operation, Request};
pub use value::{Value, Varbind, Varbinds, tag};

use super::{Attempt, Defaults, ForeignSource, Proof, Protocol, Reply, ReplySize, Step, Token};

/// The port of agents (RFC 3417).
pub const PORT: u16 = 161;

/// Asks agents.
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
/// engine.poll_transmit(Time::ZERO, &mut request).expect("it may leave at once");
/// assert!(request.windows(6).any(|bytes| bytes == b"public"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Snmp {
    credentials: Vec<Known>,
    foreign_source: ForeignSource,
    writer: Writer,
    #[cfg(feature = "usm")]
    usm: usm::Usm,
    /// Where messages are decrypted.
    #[cfg(feature = "usm")]
    scratch: Vec<u8>,
}

/// What an agent accepts requests with.
#[derive(Clone)]
pub enum Credentials {
    /// A community, of v1 or v2c.
    Community {
        /// Which of the two.
        version: Version,
        /// The community: a password, sent in the clear.
        community: Box<[u8]>,
    },
    /// A user of v3.
    #[cfg(feature = "usm")]
    User(usm::User),
}

/// Credentials that a [`Snmp`] was given.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct CredentialsId(u32);

/// What to ask an agent, and with which credentials.
#[derive(Clone, Debug)]
pub struct Question {
    /// The credentials to ask with.
    pub credentials: CredentialsId,
    /// What to ask for.
    pub request: Arc<Request>,
}

/// Credentials, as they are used.
enum Known {
    Community {
        version: Version,
        community: Box<[u8]>,
    },
    #[cfg(feature = "usm")]
    User(usm::UserId),
}

impl Credentials {
    /// A community, of v1 or v2c.
    pub fn community(version: Version, community: &[u8]) -> Credentials {
        Credentials::Community { version, community: community.into() }
    }
}

impl Snmp {
    /// Asks nobody yet. `seed` is an unpredictable number, from which the salts of encrypted messages are made.
    pub fn new(seed: u64) -> Snmp {
        let _ = seed;
        Snmp {
            credentials: Vec::new(),
            foreign_source: ForeignSource::Reported,
            writer: Writer::default(),
            #[cfg(feature = "usm")]
            usm: usm::Usm::new(seed),
            #[cfg(feature = "usm")]
            scratch: Vec::new(),
        }
    }

    /// Takes an answer from another address than the one that was asked, if it has the right number, and as one from
    /// the right address if it has the right community or digest, too. Without this it is a stranger's; the
    /// completion names the address all the same.
    ///
    /// Reports of v3 that have no digest count, too, as they do from the right address: an agent that answers from
    /// elsewhere could not be discovered otherwise. They can end a query as rejected, but give no values.
    pub fn accept_any_source(mut self) -> Snmp {
        self.foreign_source = ForeignSource::Accepted;
        self
    }

    /// Adds credentials, to ask with.
    pub fn add_credentials(&mut self, credentials: Credentials) -> CredentialsId {
        self.credentials.push(match credentials {
            Credentials::Community { version, community } => Known::Community { version, community },
            #[cfg(feature = "usm")]
            Credentials::User(user) => Known::User(self.usm.add_user(user)),
        });
        CredentialsId(self.credentials.len() as u32 - 1)
    }

    /// The engines that are known.
    #[cfg(feature = "usm")]
    pub fn usm(&self) -> &usm::Usm {
        &self.usm
    }

    /// The engines, to remember some from before, and to take what is noteworthy about them.
    #[cfg(feature = "usm")]
    pub fn usm_mut(&mut self) -> &mut usm::Usm {
        &mut self.usm
    }
}

impl Protocol for Snmp {
    type Question = Question;
    type Conversation = Conversation;
    type Answer = Answer;

    /// Port 161. A conversation waits for each reply before it sends the next request: an agent needs no other gap.
    fn defaults(&self) -> Defaults {
        Defaults::default().with_port(PORT).with_host_gap(Duration::ZERO)
    }

    fn begin(&mut self, agent: SocketAddr, question: Question) -> Conversation {
        #[cfg_attr(not(feature = "usm"), expect(unused_mut, reason = "only v3 has engines"))]
        let mut conversation = Conversation::new(question);
        #[cfg(feature = "usm")]
        if let Some(Known::User(_)) = self.credentials.get(conversation.credentials.0 as usize) {
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
            Some(Known::Community { version, community }) => {
                conversation.write(Some(*version), id, writer);
                message::wrap_community(*version, community, 0, writer);
                writer.append_to(out);
            }
            #[cfg(feature = "usm")]
            Some(Known::User(user)) => {
                let Some(engine) = conversation.engine else { return };
                conversation.write(None, id, writer);
                self.usm.write(attempt.at, engine, *user, id, writer, out);
            }
            // Credentials of another `Snmp`: there is nothing to ask with.
            None => {}
        }
    }

    fn read_token(&self, datagram: &[u8]) -> Option<Token> {
        message::read_id(datagram).map(|id| Token(id.into()))
    }

    fn step(&mut self, conversation: &mut Conversation, reply: &Reply<'_>) -> Step<Answer> {
        let datagram = reply.bytes;
        let known = self.credentials.get(conversation.credentials.0 as usize);
        match (known, Message::parse(datagram)) {
            (Some(Known::Community { version, community }), Ok(Message::Community(message))) => {
                if message.version != *version {
                    return Step::Unproven("the reply is of another version");
                }
                if message.community != &**community {
                    return Step::Unproven("the reply has another community");
                }
                conversation.hear(&message.pdu, datagram.len())
            }
            #[cfg(feature = "usm")]
            (Some(Known::User(user)), Ok(Message::V3(message))) => {
                let Some(engine) = conversation.engine else {
                    return Step::Unproven("the reply is of another version");
                };
                let heard = self.usm.read(reply.at, engine, *user, datagram, &message, &mut self.scratch);
                if matches!(&heard, usm::Heard::Reply(pdu) if pdu.request_id != message.msg_id) {
                    return Step::Unproven("the reply has another request-id than its message");
                }
                conversation.hear_secured(heard, datagram.len())
            }
            (_, Err(reason)) => Step::Unproven(reason),
            (_, Ok(_)) => Step::Unproven("the reply is of another version"),
        }
    }

    fn retry(&mut self, conversation: &mut Conversation, attempts: u32) -> Option<SocketAddr> {
        #[cfg(feature = "usm")]
        if conversation.engine.is_some_and(|engine| self.usm.is_unknown(engine)) {
            // The lost request was a discovery, whose reply is small.
            return None;
        }
        conversation.retry(attempts);
        None
    }

    /// [`ForeignSource::Reported`], unless any source is accepted.
    fn foreign_source(&self) -> ForeignSource {
        self.foreign_source
    }

    /// 100 bytes for each variable binding, or as many as the largest reply of the same walk had, and 256 for the
    /// message. A reply with long texts may take more than that.
    fn reply_size(&self, conversation: &Conversation) -> ReplySize {
        conversation.reply_size()
    }
}

/// The last message, which is in `writer` and `scratch`, is not shown: a community is in it, or what was encrypted.
impl std::fmt::Debug for Snmp {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut shown = f.debug_struct("Snmp");
        shown.field("credentials", &self.credentials).field("foreign_source", &self.foreign_source);
        #[cfg(feature = "usm")]
        shown.field("usm", &self.usm);
        shown.finish_non_exhaustive()
    }
}

/// Secrets are not shown.
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

impl std::fmt::Debug for Known {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Known::Community { version, .. } => write!(f, "{version:?}"),
            #[cfg(feature = "usm")]
            Known::User(user) => user.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_community_is_not_shown_even_after_it_was_sent() {
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
    fn a_lost_discovery_is_no_large_reply() {
        let (mut snmp, agent) = (Snmp::new(1), ([127, 0, 0, 1], PORT).into());
        let user = snmp.add_credentials(Credentials::User(usm::User::new(b"u").expect("a name")));
        let operation = Operation::Walk { max_repetitions: Some(40), most_rows: 100 };
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
