//! The User-based Security Model of SNMPv3 (RFC 3414): authentication and privacy of messages.
//!
//! | | |
//! |---|---|
//! | [`User`], [`AuthProtocol`], [`PrivProtocol`] | a name, and keys from passwords |
//! | [`Keys`], [`seal()`], [`is_authentic`], [`scoped_pdu`] | messages, for managers and agents |
//! | [`ReportKind`] | the reason why an agent does not process a message |
//! | [`Usm`] | the agents' engines: their IDs, clocks and keys |
//!
//! The first request to an agent discovers its engine ID (RFC 3414, section 4), without security. The reply, and any
//! other report without a digest, may be forged by anyone who can read our requests. Therefore it is only a hint for
//! the next request. Only messages with the right digest update an engine's clock, and only those with the full
//! security level of the request are replies.

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

use std::fmt;
use std::net::SocketAddr;

use super::ber::Writer;
use super::message::{Pdu, PduHead, ScopedData, ScopedPdu, V3Message, pdu_tag};
use crate::engine::Time;

pub use algorithm::{AuthProtocol, KeyExtension, PrivProtocol};
use clock::ClockReading;
pub use clock::{MAX_BOOTS, WINDOW};
use engines::Engines;
pub use engines::{EngineRecord, EngineRef};
pub use keys::{AuthKey, Keys, PrivKey};
pub use level::Level;
pub use notice::Notice;
pub use open::{is_authentic, scoped_pdu};
pub use report::ReportKind;
pub use seal::{Envelope, seal};
pub use user::{User, UserError};

/// The number of this security model (RFC 3411, section 5: SnmpSecurityModel).
pub const MODEL: i64 = 3;

const BOOTS_EXHAUSTED: &str = "the engine's boot counter is exhausted (2147483647): none of its messages is timely \
     until it gets a new engine ID (RFC 3414, section 2.2.2)";

/// The state that all v3 conversations share: users and engines.
pub struct Usm {
    users: Vec<User>,
    engines: Engines,
    /// The salt of the next message. No salt is used twice.
    salt: u64,
}

/// Writes the numbers of users and engines.
impl fmt::Debug for Usm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("Usm");
        shown.field("users", &self.users.len()).field("engines", &self.engines.len());
        shown.finish_non_exhaustive()
    }
}

/// A user of one [`Usm`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct UserId(u32);

/// The verdict on a datagram.
#[derive(Debug)]
pub enum Verdict<'b> {
    /// A response with the full security level of the request.
    Reply(Pdu<'b>),
    /// A report with the engine's ID or time: repeat the request.
    Repeat,
    /// A report after which repeating the request is useless: the counter and its meaning.
    Rejected(&'static str),
    /// A message that anyone could have sent, and the reason.
    Unproven(&'static str),
    /// A malformed message that has passed authentication, if the user has any, and the reason.
    Broken(&'static str),
}

impl Usm {
    /// Creates a model without users and engines.
    ///
    /// Salts count up from `seed`, which must be random, so that they do not repeat after a restart (RFC 3414, section
    /// 8.1.1.1; RFC 3826, section 3.1.2.1).
    pub fn new(seed: u64) -> Usm {
        Usm { users: Vec::new(), engines: Engines::default(), salt: seed }
    }

    /// Adds a user.
    pub fn add_user(&mut self, user: User) -> UserId {
        self.users.push(user);
        UserId(self.users.len() as u32 - 1)
    }

    /// Returns the engine at `address`, known or not.
    pub fn engine(&mut self, address: SocketAddr) -> EngineRef {
        self.engines.entry(address)
    }

    /// Returns whether the next request to the engine must be a discovery.
    ///
    /// # Panics
    /// If `engine` belongs to another `Usm`.
    pub fn is_unknown(&self, engine: EngineRef) -> bool {
        self.engines.get(engine).is_unknown()
    }

    /// Appends the message with the PDU in `pdu` to `out`; or a discovery, while the engine is unknown.
    ///
    /// `pdu` must hold nothing but the PDU; its content afterwards is unspecified. `msg_id` must be unpredictable, fresh
    /// for each message, and from 1 to 2³¹ - 1. It is also the request-id of a discovery.
    ///
    /// # Panics
    /// If `engine` or `user` belongs to another `Usm`.
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

    /// Authenticates and decrypts a reply of `engine` to a request of `user`.
    ///
    /// `message` must have been parsed from `datagram`; it is decrypted into `scratch`. The caller must check that the
    /// msgID and the request-id are those of the request.
    ///
    /// # Panics
    /// If `engine` or `user` belongs to another `Usm`.
    pub fn read<'b>(
        &mut self,
        now: Time,
        engine: EngineRef,
        user: UserId,
        datagram: &'b [u8],
        message: &V3Message<'b>,
        scratch: &'b mut Vec<u8>,
    ) -> Verdict<'b> {
        if message.security_model != MODEL {
            return Verdict::Unproven("the reply has another security model");
        }
        let Some(level) = Level::of(message) else {
            return Verdict::Unproven("the flags of the reply contradict its content");
        };
        if let Some(report) = plain_report(level, message) {
            return self.handle_report(now, engine, message, ReportKind::of(&report), false);
        }
        let (requested, scoped) = match self.authenticate(now, engine, user, level, datagram, message) {
            Ok(keys) => (keys.level(), scoped_pdu(message, keys, scratch)),
            Err(reading) => return reading,
        };
        let ScopedPdu { engine_id, context, pdu } = match scoped {
            Ok(scoped) => scoped,
            Err(reason) => return Verdict::Broken(reason),
        };
        match pdu.tag {
            // Both must be those of the request (RFC 3412, section 7.2).
            pdu_tag::RESPONSE if engine_id != message.security.engine_id => {
                Verdict::Unproven("the reply has another contextEngineID")
            }
            pdu_tag::RESPONSE if context != self.users[user.0 as usize].context() => {
                Verdict::Unproven("the reply has another contextName")
            }
            pdu_tag::RESPONSE if level == requested => {
                self.engines.get_mut(engine).reset_repeats();
                Verdict::Reply(pdu)
            }
            pdu_tag::RESPONSE => Verdict::Unproven("the reply has a lower security level than the request"),
            pdu_tag::REPORT => self.handle_report(now, engine, message, ReportKind::of(&pdu), true),
            _ => Verdict::Broken("the reply is neither a response nor a report"),
        }
    }

    /// Checks that a message has the right engine ID and user, an authentic digest, and is timely (RFC 3414, section
    /// 3.2(3) to (7)), and returns the user's keys. For a user without secrets, only the engine ID and name are checked.
    fn authenticate(
        &mut self,
        now: Time,
        engine: EngineRef,
        user: UserId,
        level: Level,
        datagram: &[u8],
        message: &V3Message<'_>,
    ) -> Result<&Keys, Verdict<'static>> {
        let (id, user, security) = (user, &self.users[user.0 as usize], &message.security);
        let Some((engine, keys)) = self.engines.with_keys(engine, id, user) else {
            return Err(Verdict::Unproven("the engine has not been discovered"));
        };
        if security.engine_id != engine.id() {
            return Err(Verdict::Unproven("the reply has another engine ID"));
        }
        if security.user != user.name() {
            return Err(Verdict::Unproven("the reply has another user"));
        }
        if level > keys.level() {
            return Err(Verdict::Unproven("the reply has a higher security level than the request"));
        }
        let Some(key) = keys.auth() else { return Ok(keys) };
        if level == Level::NoAuthNoPriv {
            return Err(Verdict::Unproven("the reply has no digest"));
        }
        if !is_authentic(datagram, message, key) {
            return Err(Verdict::Unproven("the digest of the reply is wrong"));
        }
        let reading = ClockReading::of(security, now)
            .ok_or(Verdict::Broken("the engine's boots or time are out of range"))?;
        match engine.accept_authenticated(reading) {
            Ok(()) => Ok(keys),
            Err(_) if reading.boots == MAX_BOOTS => Err(Verdict::Rejected(BOOTS_EXHAUSTED)),
            Err(reason) => Err(Verdict::Unproven(reason)),
        }
    }

    /// Handles a report. Anyone who sees our request can forge a report without a digest. It is used nevertheless,
    /// because an agent has no other way to report that it rejects a request.
    fn handle_report(
        &mut self,
        now: Time,
        engine: EngineRef,
        message: &V3Message<'_>,
        report: Option<ReportKind>,
        is_authentic: bool,
    ) -> Verdict<'static> {
        let reading = ClockReading::of(&message.security, now);
        let text = report.map_or("the agent sent an unknown report", ReportKind::text);
        let (id, entry) = (message.security.engine_id, self.engines.get_mut(engine));
        match report {
            Some(report) if !report.is_of_usm() => return Verdict::Rejected(text),
            // Any report reveals the engine ID.
            _ if entry.is_unknown() => {
                if let Err(reason) = self.engines.learn(engine, id, reading) {
                    return Verdict::Unproven(reason);
                }
            }
            // The report has the ID that is already known, so it is about an earlier request.
            Some(ReportKind::UnknownEngineIds) if entry.has_id(id) => {}
            Some(ReportKind::UnknownEngineIds) => entry.doubt(),
            Some(ReportKind::NotInTimeWindows) if is_authentic => {}
            Some(ReportKind::NotInTimeWindows) if !entry.has_id(id) => {
                return Verdict::Unproven("the report has another engine ID");
            }
            Some(ReportKind::NotInTimeWindows) => match reading {
                Some(reading) if reading.boots == MAX_BOOTS => return Verdict::Rejected(BOOTS_EXHAUSTED),
                Some(reading) if entry.accept_hint(reading) => {}
                _ => return Verdict::Rejected(text),
            },
            _ => return Verdict::Rejected(text),
        }
        if self.engines.get_mut(engine).may_repeat() { Verdict::Repeat } else { Verdict::Rejected(text) }
    }

    /// Removes and returns the oldest notice about an engine.
    pub fn take_notice(&mut self) -> Option<Notice> {
        self.engines.notices.take()
    }

    /// Returns the number of notices dropped because 1,024 were already waiting.
    pub fn notices_lost(&self) -> u64 {
        self.engines.notices.lost
    }

    /// Returns records of the known engines, with their clocks at `now`, for [`remember`](Usm::remember) in another run.
    pub fn engines(&self, now: Time) -> impl Iterator<Item = EngineRecord> {
        self.engines.records(now)
    }

    /// Restores an engine from a record, whose time is as of `now`, and thereby saves a discovery.
    ///
    /// A wrong record costs an extra request. A record is ignored if its engine is already known, or if its numbers or
    /// its ID are out of range.
    pub fn remember(&mut self, now: Time, record: EngineRecord) {
        self.engines.remember(now, &record);
    }
}

/// Returns the report in a message without security, if it has one.
fn plain_report<'b>(level: Level, message: &V3Message<'b>) -> Option<Pdu<'b>> {
    let ScopedData::Plain(content) = message.data else { return None };
    let scoped = ScopedPdu::parse(content).ok().filter(|_| level == Level::NoAuthNoPriv)?;
    (scoped.pdu.tag == pdu_tag::REPORT).then_some(scoped.pdu)
}

/// Appends a discovery (RFC 3414, section 4): a request without names and without security.
fn write_discovery(msg_id: u32, pdu: &mut Writer, out: &mut Vec<u8>) {
    pdu.clear();
    PduHead { tag: pdu_tag::GET, request_id: msg_id, first: 0, second: 0 }.wrap(0, pdu);
    let envelope = Envelope { msg_id, is_reportable: true, ..Envelope::default() };
    seal(&envelope, &Keys::None, 0, pdu, out);
}
