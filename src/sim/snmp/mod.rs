//! SNMP agents: requests of v1 and v2c in, replies out.
//!
//! `Agents` datagrams → `agent` what is answered to a PDU → `mib` which objects there are, and in which order →
//! `values` what they hold; `faults` what agents get wrong.

mod agent;
mod faults;
mod mib;
mod values;

use std::collections::HashMap;
use std::time::Duration;

use agent::{Agent, Responder, Terms};
pub use faults::SnmpFault;
use values::Moment;

use super::dice::{Dice, Purpose, part_of, roll};
use super::echo;
use super::plan::Plan;
use crate::engine::Time;
use crate::protocol::snmp::ber::Writer;
use crate::protocol::snmp::message::{self, CommunityMessage, Message, pdu_tag};

/// What all agents answer to; other communities they ignore.
const COMMUNITY: &[u8] = b"public";
/// The largest reply, bytes.
const LARGEST: usize = 1400;
/// What stands around the variable bindings of v1 and v2c, at most: three headers of up to five bytes, the version,
/// the community, an id of up to ten bytes, the error's status and index.
const AROUND: usize = 3 * 5 + 3 + 2 + COMMUNITY.len() + 10 + 3 + 5;
/// The largest reply to a GETBULK that an agent with [`SnmpFault::SlowBulk`] gets through.
const LARGEST_BULK: usize = 600;
/// Requests after which an agent with [`SnmpFault::Restart`] is started anew.
const REQUESTS_OF_A_LIFE: u32 = 7;
/// How long an agent can have been up when the fleet starts.
const LONGEST_UPTIME: Duration = Duration::from_secs(100 * 24 * 3600);

/// All agents of a fleet.
#[derive(Debug)]
pub(super) struct Agents {
    seed: u64,
    responder: Responder,
    writer: Writer,
    /// Only of agents that need one.
    memories: HashMap<u32, Memory>,
    reply: Vec<u8>,
}

/// Who is asked, and when.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asked {
    pub(super) now: Time,
    pub(super) host: u32,
    pub(super) fault: Option<SnmpFault>,
    pub(super) garbage: bool,
}

/// What an agent does about a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reaction {
    Ignores,
    /// The reply gets lost.
    AnswersInVain,
    Answers,
}

/// What an agent remembers from one request to the next.
#[derive(Clone, Copy, Debug, Default)]
struct Memory {
    /// Requests that it has answered.
    requests: u32,
    started: Option<Time>,
    /// The ids of the last request, and of the one before.
    id: Option<i64>,
    id_before: Option<i64>,
}

impl Agents {
    pub(super) fn new(plan: &Plan) -> Agents {
        Agents {
            seed: plan.seed,
            responder: Responder::new(plan.interfaces),
            writer: Writer::default(),
            memories: HashMap::new(),
            reply: Vec::new(),
        }
    }

    /// Makes the reply to a request, for [`reply`](Agents::reply) and
    /// [`stale_reply`](Agents::stale_reply).
    pub(super) fn answer(&mut self, asked: Asked, request: &[u8]) -> Reaction {
        let Some(message) = understand(request) else { return Reaction::Ignores };
        let memory = self.remember(asked, message.pdu.request_id);
        if !self.write(asked, memory, message) {
            return Reaction::Ignores;
        }
        let is_bulk = message.pdu.tag == pdu_tag::GET_BULK;
        if asked.fault == Some(SnmpFault::SlowBulk) && is_bulk && self.reply.len() > LARGEST_BULK {
            return Reaction::AnswersInVain;
        }
        Reaction::Answers
    }

    /// The last reply that was made.
    pub(super) fn reply(&self) -> &[u8] {
        &self.reply
    }

    /// What is said before the reply to this request, which was just made: the same with the id of the request
    /// before. Takes the place of the reply.
    pub(super) fn stale_reply(&mut self, asked: Asked, request: &[u8]) -> Option<&[u8]> {
        if asked.fault != Some(SnmpFault::StaleId) {
            return None;
        }
        let mut message = understand(request)?;
        let memory = self.memories.get(&asked.host).copied()?;
        let id = message.pdu.request_id;
        let before = memory.id_before.filter(|before| *before != id);
        message.pdu.request_id = before.unwrap_or((id - 1).rem_euclid(1 << 31));
        self.write(asked, memory, message).then_some(&self.reply)
    }

    /// Appends a forgery: what the agent could have answered to a request of another id.
    pub(super) fn write_forgery(&mut self, asked: Asked, request: &[u8], dice: &mut Dice, out: &mut Vec<u8>) {
        let wrong = dice.below((1 << 31) - 1) as i64 + 1;
        let forged = understand(request).is_some_and(|mut message| {
            message.pdu.request_id = if wrong == message.pdu.request_id { wrong ^ 1 } else { wrong };
            self.write(asked, Memory::default(), message)
        });
        if forged {
            out.extend_from_slice(&self.reply);
        } else {
            echo::write_forgery(request, dice, out);
        }
    }

    /// Takes note of a request, and starts the agent anew if it is time to.
    fn remember(&mut self, asked: Asked, id: i64) -> Memory {
        if !matches!(asked.fault, Some(SnmpFault::StaleId | SnmpFault::Restart)) {
            return Memory::default();
        }
        let memory = self.memories.entry(asked.host).or_default();
        let has_lived = memory.requests > 0 && memory.requests.is_multiple_of(REQUESTS_OF_A_LIFE);
        if asked.fault == Some(SnmpFault::Restart) && has_lived {
            memory.started = Some(asked.now);
        }
        memory.requests = memory.requests.wrapping_add(1);
        (memory.id_before, memory.id) = (memory.id, Some(id));
        *memory
    }

    /// Makes the reply; false when there is none.
    fn write(&mut self, asked: Asked, memory: Memory, message: CommunityMessage<'_>) -> bool {
        let moment = Moment { seed: self.seed, host: asked.host, uptime: self.uptime(asked, memory) };
        let agent = Agent { moment, fault: asked.fault, garbage: asked.garbage };
        let terms = Terms { version: message.version, room: LARGEST - AROUND };
        self.writer.clear();
        if !self.responder.answer(&agent, terms, &message.pdu, &mut self.writer) {
            return false;
        }
        message::wrap_community(message.version, message.community, 0, &mut self.writer);
        self.reply.clear();
        self.writer.append_to(&mut self.reply);
        if asked.fault == Some(SnmpFault::OddBer) {
            faults::lengthen(&mut self.reply);
        }
        true
    }

    /// Hundredths of a second since the agent was started.
    fn uptime(&self, asked: Asked, memory: Memory) -> u64 {
        let up = match memory.started {
            Some(started) => asked.now - started,
            None => {
                let before = roll(self.seed, Purpose::Uptime, asked.host, 0);
                asked.now - Time::ZERO + part_of(before, LONGEST_UPTIME)
            }
        };
        (up.as_millis() / 10) as u64
    }
}

/// The request, if it is one of v1 or v2c with the right community.
fn understand(request: &[u8]) -> Option<CommunityMessage<'_>> {
    match Message::parse(request) {
        Ok(Message::Community(message)) if message.community == COMMUNITY => Some(message),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
