//! The agents' side of the User-based Security Model: messages of v3 in, replies and reports out.
//!
//! `judge` checks whether to process a message, with the users' keys of `keyring` and the agent's `engine`.

mod engine;
mod judge;
mod keyring;
#[cfg(test)]
mod tests;

pub(super) use engine::AgentEngine;
pub(super) use judge::level_of;
use judge::{Accepted, Refusal, judge};
use keyring::Keyring;

use super::agent::{Agent, Responder, Terms};
use super::{LARGEST, ReplyKind, faults};
use crate::protocol::snmp::ber::{self, Writer};
use crate::protocol::snmp::message::{Message, V3Message, flag, pdu_tag};
use crate::protocol::snmp::usm::{Envelope, Keys, Level, ReportKind, seal};
use crate::protocol::snmp::{Value, Varbind, Version};
use crate::sim::dice::{Dice, Purpose, roll};

/// The maximum message size that every implementation must accept (RFC 3412, section 6.3).
const SMALLEST: usize = 484;
/// The maximum size of a message without its variable bindings: eight headers of up to five bytes; the version, two engine
/// IDs, a user, a digest of 24 bytes, a salt; ten numbers of up to ten bytes, headers included.
const AROUND: usize = 8 * 5 + 3 + 2 * 15 + 34 + 26 + 10 + 10 * 10;

/// The state that all agents of a fleet share.
#[derive(Debug, Default)]
pub(super) struct Usm {
    keyring: Keyring,
    /// The number of reports of the whole fleet so far, by kind.
    reports: [u32; ReportKind::ALL.len()],
    /// The salt of the last encrypted message. Each is used once, since engines may have the same keys.
    salt: u64,
    /// The buffer for decrypted requests.
    scratch: Vec<u8>,
}

/// A message of v3, parsed from `datagram`.
#[derive(Clone, Copy, Debug)]
pub(super) struct V3Request<'a> {
    pub(super) datagram: &'a [u8],
    pub(super) message: &'a V3Message<'a>,
    /// The msgID of the reply: that of the message, unless the reply is stale or forged.
    pub(super) reply_id: u32,
}

impl Usm {
    /// Appends the reply of `agent` with this engine to `out`; returns `None` if there is none. `writer` is empty.
    pub(super) fn answer(
        &mut self,
        engine: &AgentEngine,
        agent: &Agent,
        request: V3Request<'_>,
        responder: &mut Responder,
        writer: &mut Writer,
        out: &mut Vec<u8>,
    ) -> Option<ReplyKind> {
        let V3Request { datagram, message, reply_id } = request;
        let level = level_of(message)?;
        let refused;
        let judged = judge(engine, level, datagram, message, &mut self.keyring, &mut self.scratch);
        let (keys, kind) = match judged {
            Ok(Accepted { keys, pdu }) => {
                // If there is a digest, only the digest is broken.
                let agent = Agent { garbage: agent.garbage && keys.auth().is_none(), ..*agent };
                let terms = Terms { version: Version::V2c, room: room(message) };
                if !responder.answer(&agent, terms, &pdu, writer) {
                    return None;
                }
                (keys, ReplyKind { is_report: false, is_to_bulk: pdu.tag == pdu_tag::GET_BULK })
            }
            Err(_) if message.flags & flag::REPORTABLE == 0 => return None,
            Err(refusal) => {
                let count = &mut self.reports[refusal.report as usize];
                // Stale and forged reports are not counted.
                *count = count.wrapping_add((i64::from(reply_id) == message.msg_id).into());
                write_report(&refusal, *count, agent, writer);
                let known = self.keyring.find(engine.id, message.security.user);
                refused = known.map_or(Keys::None, |keys| keys.up_to(refusal.level));
                (&refused, ReplyKind { is_report: true, is_to_bulk: false })
            }
        };
        self.salt = self.salt.wrapping_add(1);
        let AgentEngine { id: engine_id, boots, time } = engine;
        let (boots, time, user) = (*boots, *time, message.security.user);
        let envelope = Envelope { msg_id: reply_id, engine_id, boots, time, user, ..Envelope::default() };
        seal(&envelope, keys, self.salt, writer, out);
        if agent.garbage {
            break_digest(out, &mut dice(agent));
        }
        Some(kind)
    }
}

/// Returns the number of bytes that the variable bindings may take, given the limits of both sides.
fn room(message: &V3Message<'_>) -> usize {
    usize::try_from(message.max_size).unwrap_or(LARGEST).clamp(SMALLEST, LARGEST) - AROUND
}

/// Writes the PDU of a report, whose counter is `count`.
fn write_report(refusal: &Refusal, count: u32, agent: &Agent, writer: &mut Writer) {
    Varbind::write(refusal.report.counter(), &Value::Counter32(count), writer);
    if agent.garbage && refusal.level == Level::NoAuthNoPriv {
        let mut list = Vec::new();
        writer.append_to(&mut list);
        faults::cut(&mut list, &mut dice(agent));
        writer.clear();
        writer.bytes(&list);
    }
    writer.wrap(ber::SEQUENCE, 0);
    writer.integer(ber::INTEGER, 0);
    writer.integer(ber::INTEGER, 0);
    writer.integer(ber::INTEGER, refusal.request_id);
    writer.wrap(pdu_tag::REPORT, 0);
}

/// Changes one bit of the digest, if there is one.
fn break_digest(message: &mut [u8], dice: &mut Dice) {
    let Ok(Message::V3(v3)) = Message::parse(message) else { return };
    let digest = v3.security.digest;
    let (at, len) = (digest.as_ptr().addr() - message.as_ptr().addr(), digest.len());
    if len > 0 {
        message[at + dice.below(len)] ^= 1 << dice.below(8);
    }
}

fn dice(agent: &Agent) -> Dice {
    Dice::new(roll(agent.moment.seed, Purpose::Content, agent.moment.host, 0))
}
