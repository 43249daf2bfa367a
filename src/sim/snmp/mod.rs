//! SNMP agents: requests of v1, v2c and v3 in, replies out.
//!
//! `Agents` datagrams → `usm` what secures those of v3 → `agent` what is answered to a PDU → `mib` which objects
//! there are, and in which order → `values` what they hold; `faults` what agents get wrong, `memory` what they
//! remember for that.

mod agent;
mod faults;
mod memory;
mod mib;
#[cfg(feature = "usm")]
mod usm;
mod values;

use std::collections::HashMap;
#[cfg(feature = "usm")]
use std::net::Ipv4Addr;

use agent::{Agent, Responder, Terms};
pub use faults::SnmpFault;
use memory::Memory;
use values::Moment;

use super::dice::Dice;
use super::echo;
use super::plan::Plan;
use crate::engine::Time;
use crate::protocol::snmp::ber::Writer;
#[cfg(feature = "usm")]
use crate::protocol::snmp::message::V3Message;
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

/// All agents of a fleet.
#[derive(Debug)]
pub(super) struct Agents {
    seed: u64,
    responder: Responder,
    writer: Writer,
    /// Only of agents that need one.
    memories: HashMap<u32, Memory>,
    reply: Vec<u8>,
    /// Where the hosts begin, of which engine IDs are made.
    #[cfg(feature = "usm")]
    base: Ipv4Addr,
    #[cfg(feature = "usm")]
    usm: usm::Usm,
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

/// What a reply is.
#[derive(Clone, Copy, Debug)]
struct Said {
    /// It is no report.
    is_understood: bool,
    is_to_bulk: bool,
}

impl Agents {
    pub(super) fn new(plan: &Plan) -> Agents {
        Agents {
            seed: plan.seed,
            responder: Responder::new(plan.interfaces),
            writer: Writer::default(),
            memories: HashMap::new(),
            reply: Vec::new(),
            #[cfg(feature = "usm")]
            base: plan.base,
            #[cfg(feature = "usm")]
            usm: usm::Usm::default(),
        }
    }

    /// Makes the reply to a request, for [`reply`](Agents::reply) and
    /// [`stale_reply`](Agents::stale_reply).
    pub(super) fn answer(&mut self, asked: Asked, request: &[u8]) -> Reaction {
        let Some(message) = read(request) else { return Reaction::Ignores };
        if Memory::is_needed(asked.fault) {
            self.memories.entry(asked.host).or_default().hear(asked, id(&message));
        }
        let Some(said) = self.write(asked, request, message, id(&message)) else { return Reaction::Ignores };
        if let Some(memory) = self.memories.get_mut(&asked.host).filter(|_| said.is_understood) {
            memory.has_understood();
        }
        if asked.fault == Some(SnmpFault::SlowBulk) && said.is_to_bulk && self.reply.len() > LARGEST_BULK {
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
        let message = read(request)?;
        let stale = self.memories.get(&asked.host)?.stale_id(id(&message));
        self.write(asked, request, message, stale)?;
        Some(&self.reply)
    }

    /// Appends a forgery: what the agent could have answered to a request of another id.
    pub(super) fn write_forgery(&mut self, asked: Asked, request: &[u8], dice: &mut Dice, out: &mut Vec<u8>) {
        let wrong = dice.below((1 << 31) - 1) as i64 + 1;
        let forged = read(request).and_then(|message| {
            let wrong = if wrong == id(&message) { wrong ^ 1 } else { wrong };
            self.write(asked, request, message, wrong)
        });
        if forged.is_some() {
            out.extend_from_slice(&self.reply);
        } else {
            echo::write_forgery(request, dice, out);
        }
    }

    /// Makes the reply to a message that was parsed from `request`, with this id; `None` when there is none.
    fn write(&mut self, asked: Asked, request: &[u8], message: Message<'_>, id: i64) -> Option<Said> {
        let _ = request;
        self.writer.clear();
        self.reply.clear();
        match message {
            Message::Community(mut message) => {
                message.pdu.request_id = id;
                self.write_plain(asked, message)
            }
            #[cfg(feature = "usm")]
            Message::V3(message) => self.write_secured(asked, request, &message, id),
            #[cfg(not(feature = "usm"))]
            Message::V3(_) => None,
        }
    }

    fn write_plain(&mut self, asked: Asked, message: CommunityMessage<'_>) -> Option<Said> {
        let agent = self.agent(asked);
        let terms = Terms { version: message.version, room: LARGEST - AROUND };
        if !self.responder.answer(&agent, terms, &message.pdu, &mut self.writer) {
            return None;
        }
        message::wrap_community(message.version, message.community, 0, &mut self.writer);
        self.writer.append_to(&mut self.reply);
        if asked.fault == Some(SnmpFault::OddBer) {
            faults::lengthen(&mut self.reply);
        }
        Some(Said { is_understood: true, is_to_bulk: message.pdu.tag == pdu_tag::GET_BULK })
    }

    #[cfg(feature = "usm")]
    fn write_secured(
        &mut self,
        asked: Asked,
        datagram: &[u8],
        message: &V3Message<'_>,
        id: i64,
    ) -> Option<Said> {
        let (agent, memory) = (self.agent(asked), self.memory(asked));
        let engine = usm::Engine::new(self.base, self.seed, asked, memory);
        let heard = usm::Heard { datagram, message, reply_id: u32::try_from(id).ok()? };
        self.usm.answer(&engine, &agent, heard, &mut self.responder, &mut self.writer, &mut self.reply)
    }

    fn agent(&self, asked: Asked) -> Agent {
        let uptime = self.memory(asked).uptime(self.seed, asked);
        let moment = Moment { seed: self.seed, host: asked.host, uptime: (uptime.as_millis() / 10) as u64 };
        Agent { moment, fault: asked.fault, garbage: asked.garbage }
    }

    fn memory(&self, asked: Asked) -> Memory {
        let known = self.memories.get(&asked.host).filter(|_| Memory::is_needed(asked.fault));
        known.copied().unwrap_or_default()
    }
}

/// The message, if it is one that agents heed: of v1 or v2c with the right community, or of v3.
fn read(request: &[u8]) -> Option<Message<'_>> {
    let message = Message::parse(request).ok()?;
    let is_heeded = match &message {
        Message::Community(message) => message.community == COMMUNITY,
        #[cfg(feature = "usm")]
        Message::V3(message) => usm::level_of(message).is_some(),
        #[cfg(not(feature = "usm"))]
        Message::V3(_) => false,
    };
    is_heeded.then_some(message)
}

/// What ties the reply to it.
fn id(message: &Message<'_>) -> i64 {
    match message {
        Message::Community(message) => message.pdu.request_id,
        Message::V3(message) => message.msg_id,
    }
}

#[cfg(test)]
mod tests;
