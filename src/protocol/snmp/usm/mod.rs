//! The User-based Security Model of SNMPv3 (RFC 3414): who asks, who answers, and what of it is proven and secret.
//!
//! | | |
//! |---|---|
//! | [`User`], [`AuthProtocol`], [`PrivProtocol`] | a name, and keys from passwords |
//! | [`Keys`], [`seal()`], [`is_proven`], [`scoped_pdu`] | messages, of either side |
//! | [`Report`] | why an agent does not process one |
//! | [`Usm`] | the engines that are asked: their IDs, clocks and keys |
//!
//! An agent is asked for its engine ID first (discovery: RFC 3414, section 4), by a request without security. What it
//! answers, and any other report without a digest, could come from whoever can read our requests: it counts as a hint
//! for what to ask next, never as the truth. Only messages with the right digest move an engine's clock, and only
//! those with all the security that was asked for are replies.

mod algorithm;
mod cipher;
mod clock;
mod engines;
mod keys;
mod level;
mod mac;
mod notice;
mod open;
mod report;
mod seal;
#[cfg(test)]
mod tests;
mod user;

use std::net::SocketAddr;

use super::ber::Writer;
use super::message::{Pdu, PduHead, Scoped, ScopedData, V3Message, pdu_tag};
use crate::engine::Time;

pub use algorithm::{AuthProtocol, KeyExtension, PrivProtocol};
use clock::Reading;
pub use clock::{MOST_BOOTS, WINDOW};
use engines::Engines;
pub use engines::{EngineRecord, EngineRef};
pub use keys::{AuthKey, Keys, PrivKey};
pub use level::Level;
pub use notice::Notice;
pub use open::{is_proven, scoped_pdu};
pub use report::Report;
pub use seal::{Envelope, seal};
pub use user::{User, UserError};

/// The number of this security model (RFC 3411, section 5: SnmpSecurityModel).
pub const MODEL: i64 = 3;

const BOOTS_USED_UP: &str = "the engine has used up its boots (2147483647): nothing that it says is timely, until it \
     is given a new engine ID (RFC 3414, section 2.2.2)";

/// What all conversations of v3 share: users, and the engines that they ask.
#[derive(Debug)]
pub struct Usm {
    users: Vec<User>,
    engines: Engines,
    /// The salt of the next message. Each is given once.
    salt: u64,
}

/// A user of one [`Usm`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct UserId(u32);

/// What a datagram says.
#[derive(Debug)]
pub enum Heard<'b> {
    /// A response, with all the security that was asked for.
    Reply(Pdu<'b>),
    /// The engine was discovered, or its time learnt: the same request once more.
    AskAgain,
    /// The agent does not process what is asked, and nothing will help: why, by the name of its counter.
    Rejected(&'static str),
    /// Anybody could have sent it: why.
    Unproven(&'static str),
    /// It is the agent's, as far as that can be proven, and makes no sense: why.
    Broken(&'static str),
}

impl Usm {
    /// Without users and engines. Salts begin at `seed`, which has to be random: after a restart they must not be
    /// those from before (RFC 3414, section 8.1.1.1; RFC 3826, section 3.1.2.1).
    pub fn new(seed: u64) -> Usm {
        Usm { users: Vec::new(), engines: Engines::default(), salt: seed }
    }

    /// Adds a user.
    pub fn add_user(&mut self, user: User) -> UserId {
        self.users.push(user);
        UserId(self.users.len() as u32 - 1)
    }

    /// The engine at `address`, which nothing has to be known of yet.
    pub fn engine(&mut self, address: SocketAddr) -> EngineRef {
        self.engines.entry(address)
    }

    /// Whether the engine has to be discovered before it can be asked anything.
    ///
    /// # Panics
    /// `engine` is of another `Usm`.
    pub fn is_unknown(&self, engine: EngineRef) -> bool {
        self.engines.get(engine).is_unknown()
    }

    /// Appends to `out` the request whose PDU has been written to `pdu`, which must hold nothing else. While it is
    /// not known who is at the address, the discovery is appended instead; its PDU's request-id is `msg_id`, too.
    ///
    /// `msg_id` is 1 to 2³¹ - 1, unpredictable, and a new one each time. What is in `pdu` afterwards is of no use.
    ///
    /// # Panics
    /// `engine` or `user` is of another `Usm`.
    pub fn write(
        &mut self,
        now: Time,
        engine: EngineRef,
        user: UserId,
        msg_id: u32,
        pdu: &mut Writer,
        out: &mut Vec<u8>,
    ) {
        let (id, user) = (user, &self.users[user.0 as usize]);
        let known = self.engines.with_keys(engine, id, user).filter(|(engine, _)| !engine.is_unknown());
        let Some((engine, keys)) = known else {
            return write_discovery(msg_id, pdu, out);
        };
        let (boots, time) = engine.clock(now);
        let (engine_id, user, context) = (engine.id(), user.name(), user.context());
        let envelope = Envelope { msg_id, is_reportable: true, engine_id, boots, time, user, context };
        seal(&envelope, keys, self.salt, pdu, out);
        self.salt = self.salt.wrapping_add(1);
    }

    /// What `datagram` says, which came from that engine, for a request of that user, and was parsed as `message`.
    /// What is encrypted in it is decrypted into `scratch`.
    ///
    /// That the msgID is one of ours is for the caller to see; so is that the request-id is the request's.
    ///
    /// # Panics
    /// `engine` or `user` is of another `Usm`.
    pub fn read<'b>(
        &mut self,
        now: Time,
        engine: EngineRef,
        user: UserId,
        datagram: &'b [u8],
        message: &V3Message<'b>,
        scratch: &'b mut Vec<u8>,
    ) -> Heard<'b> {
        if message.security_model != MODEL {
            return Heard::Unproven("its security is not that of a user");
        }
        let Some(level) = Level::of(message) else {
            return Heard::Unproven("its flags say other than what it is");
        };
        if let Some(report) = plain_report(level, message) {
            return self.hear_report(now, engine, message, Report::of(&report), false);
        }
        let (asked, scoped) = match self.prove(now, engine, user, level, datagram, message) {
            Ok(keys) => (keys.level(), scoped_pdu(message, keys, scratch)),
            Err(heard) => return heard,
        };
        let Scoped { engine_id, context, pdu } = match scoped {
            Ok(scoped) => scoped,
            Err(reason) => return Heard::Broken(reason),
        };
        match pdu.tag {
            // RFC 3412, section 7.2: both have to be the request's.
            pdu_tag::RESPONSE if engine_id != message.security.engine_id => {
                Heard::Unproven("it is about another engine")
            }
            pdu_tag::RESPONSE if context != self.users[user.0 as usize].context() => {
                Heard::Unproven("it is of another context")
            }
            pdu_tag::RESPONSE if level == asked => {
                self.engines.get_mut(engine).has_answered();
                Heard::Reply(pdu)
            }
            pdu_tag::RESPONSE => Heard::Unproven("it is less secure than what was asked"),
            pdu_tag::REPORT => self.hear_report(now, engine, message, Report::of(&pdu), true),
            _ => Heard::Broken("it is neither a response nor a report"),
        }
    }

    /// Whether a message is of the user and the engine that were asked, and timely (RFC 3414, section 3.2(3) to
    /// (7)). The user's keys there, if so; all that a user without secrets can have is the right names.
    fn prove(
        &mut self,
        now: Time,
        engine: EngineRef,
        user: UserId,
        level: Level,
        datagram: &[u8],
        message: &V3Message<'_>,
    ) -> Result<&Keys, Heard<'static>> {
        let (id, user, security) = (user, &self.users[user.0 as usize], &message.security);
        let Some((engine, keys)) = self.engines.with_keys(engine, id, user) else {
            return Err(Heard::Unproven("nothing was asked there but who it is"));
        };
        if security.engine_id != engine.id() {
            return Err(Heard::Unproven("its engine ID is another's"));
        }
        if security.user != user.name() {
            return Err(Heard::Unproven("its user is another"));
        }
        if level > keys.level() {
            return Err(Heard::Unproven("it is more secure than what was asked"));
        }
        let Some(key) = keys.auth() else { return Ok(keys) };
        if level == Level::NoAuthNoPriv {
            return Err(Heard::Unproven("it has no digest"));
        }
        if !is_proven(datagram, message, key) {
            return Err(Heard::Unproven("its digest is not of the user's key"));
        }
        let heard = Reading::of(security, now).ok_or(Heard::Broken("its boots or time are no numbers"))?;
        match engine.hear_proven(heard) {
            Ok(()) => Ok(keys),
            Err(_) if heard.boots == MOST_BOOTS => Err(Heard::Rejected(BOOTS_USED_UP)),
            Err(reason) => Err(Heard::Unproven(reason)),
        }
    }

    /// What to do about a report. One that is not proven is a hint that anybody on the way could have given; but
    /// whoever did has seen our request, and an agent that refuses it has no other way to say so.
    fn hear_report(
        &mut self,
        now: Time,
        engine: EngineRef,
        message: &V3Message<'_>,
        report: Option<Report>,
        is_proven: bool,
    ) -> Heard<'static> {
        let heard = Reading::of(&message.security, now);
        let text = report.map_or("a report of no kind that there is", Report::text);
        let (id, entry) = (message.security.engine_id, self.engines.get_mut(engine));
        match report {
            Some(report) if !report.is_of_usm() => return Heard::Rejected(text),
            // Whatever it complains about: it says who it is.
            _ if entry.is_unknown() => {
                if let Err(reason) = self.engines.learn(engine, id, heard) {
                    return Heard::Unproven(reason);
                }
            }
            // The ID that we know by now: this is about a request from before.
            Some(Report::UnknownEngineIds) if entry.has_id(id) => {}
            Some(Report::UnknownEngineIds) => entry.doubt(),
            Some(Report::NotInTimeWindows) if is_proven => {}
            Some(Report::NotInTimeWindows) if !entry.has_id(id) => {
                return Heard::Unproven("its engine ID is another's");
            }
            Some(Report::NotInTimeWindows) => match heard {
                Some(heard) if heard.boots == MOST_BOOTS => return Heard::Rejected(BOOTS_USED_UP),
                Some(heard) if entry.hear_hint(heard) => {}
                _ => return Heard::Rejected(text),
            },
            _ => return Heard::Rejected(text),
        }
        if self.engines.get_mut(engine).may_ask_again() { Heard::AskAgain } else { Heard::Rejected(text) }
    }

    /// The next thing that is odd about an engine.
    pub fn take_notice(&mut self) -> Option<Notice> {
        self.engines.notices.take()
    }

    /// Notices that were not kept, since 1,024 waited to be taken already.
    pub fn notices_lost(&self) -> u64 {
        self.engines.notices.lost
    }

    /// The engines that are known, with their clocks as of `now`: to be [remembered](Usm::remember) in another run.
    pub fn engines(&self, now: Time) -> impl Iterator<Item = EngineRecord> {
        self.engines.records(now)
    }

    /// Saves a discovery, by a record whose time is as of `now`. It may be wrong: then it costs what it would have
    /// saved. A record of an engine that is known already, or with numbers or an ID that no engine has, is ignored.
    pub fn remember(&mut self, now: Time, record: EngineRecord) {
        self.engines.remember(now, &record);
    }
}

/// The report that a message without security may be.
fn plain_report<'b>(level: Level, message: &V3Message<'b>) -> Option<Pdu<'b>> {
    let ScopedData::Plain(content) = message.data else { return None };
    let scoped = Scoped::parse(content).ok().filter(|_| level == Level::NoAuthNoPriv)?;
    (scoped.pdu.tag == pdu_tag::REPORT).then_some(scoped.pdu)
}

/// Appends the question who is there (RFC 3414, section 4): a request for nothing, without security.
fn write_discovery(msg_id: u32, pdu: &mut Writer, out: &mut Vec<u8>) {
    pdu.clear();
    PduHead { tag: pdu_tag::GET, request_id: msg_id, first: 0, second: 0 }.wrap(0, pdu);
    let envelope = Envelope { msg_id, is_reportable: true, ..Envelope::default() };
    seal(&envelope, &Keys::None, 0, pdu, out);
}
