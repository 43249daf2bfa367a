//! SNMP agents: requests of v1, v2c and v3 in, replies out.
//!
//! `Agents` datagrams → `usm` the security of v3 → `agent` the response to a PDU → `mib` the objects and their order →
//! `values` their values; `faults` the faults of agents, `memory` the state that these need.

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
pub(super) use faults::FAULTS;
use faults::SnmpFault;
use memory::Memory;
use values::Moment;

use super::dice::Dice;
use super::plan::Plan;
use super::simulated_host::{HostContext, Reaction, SimulatedHost, write_altered};
use crate::engine::Time;
use crate::protocol::snmp::ber::Writer;
#[cfg(feature = "usm")]
use crate::protocol::snmp::message::V3Message;
use crate::protocol::snmp::message::{self, CommunityMessage, Message, pdu_tag};

/// The community of all agents; they ignore any other.
const COMMUNITY: &[u8] = b"public";
/// The largest reply, in bytes.
const LARGEST: usize = 1400;
/// The maximum size of a v1 or v2c message without its variable bindings: three headers of up to five bytes, the
/// version, the community, an id of up to ten bytes, the error's status and index.
const AROUND: usize = 3 * 5 + 3 + 2 + COMMUNITY.len() + 10 + 3 + 5;
/// The largest reply to a GETBULK that is not lost with [`SnmpFault::SlowBulk`].
const LARGEST_BULK: usize = 600;

/// All agents of a fleet.
#[derive(Debug)]
pub(super) struct Agents {
    seed: u64,
    responder: Responder,
    writer: Writer,
    /// The memories of the agents that need one.
    memories: HashMap<u32, Memory>,
    reply: Vec<u8>,
    /// The address of the first host, which is part of each engine ID.
    #[cfg(feature = "usm")]
    base: Ipv4Addr,
    #[cfg(feature = "usm")]
    usm: usm::Usm,
}

/// The agent that receives a request, and the time.
#[derive(Clone, Copy, Debug)]
struct AgentContext {
    now: Time,
    host: u32,
    fault: Option<SnmpFault>,
    garbage: bool,
}

/// The kind of a reply.
#[derive(Clone, Copy, Debug)]
struct ReplyKind {
    is_report: bool,
    is_to_bulk: bool,
}

impl From<&HostContext> for AgentContext {
    fn from(context: &HostContext) -> AgentContext {
        let &HostContext { now, host, garbage, .. } = context;
        AgentContext { now, host, garbage, fault: context.fault.and_then(SnmpFault::named) }
    }
}

impl SimulatedHost for Agents {
    /// Makes the reply at once: it holds the values at the time of the request.
    fn answer(&mut self, context: &HostContext, request: &[u8], reply: &mut Vec<u8>) -> Reaction {
        let reaction = self.respond(context.into(), request);
        reply.extend_from_slice(&self.reply);
        reaction
    }

    fn garbage(&mut self, context: &HostContext, request: &[u8], reply: &mut Vec<u8>) -> Reaction {
        self.answer(context, request, reply)
    }

    fn forge(&mut self, context: &HostContext, request: &[u8], dice: &mut Dice, out: &mut Vec<u8>) {
        self.respond_forged(context.into(), request, dice, out);
    }

    fn stale_reply(&mut self, context: &HostContext, request: &[u8], reply: &mut Vec<u8>) -> bool {
        let stale = self.respond_stale(context.into(), request);
        reply.extend_from_slice(stale.unwrap_or_default());
        stale.is_some()
    }
}

impl Agents {
    pub(super) fn new(plan: &Plan) -> Agents {
        Agents {
            seed: plan.seed,
            responder: Responder::new(plan.rows),
            writer: Writer::default(),
            memories: HashMap::new(),
            reply: Vec::new(),
            #[cfg(feature = "usm")]
            base: plan.base,
            #[cfg(feature = "usm")]
            usm: usm::Usm::default(),
        }
    }

    /// Makes the reply to a request, for [`reply`](Agents::reply).
    fn respond(&mut self, context: AgentContext, request: &[u8]) -> Reaction {
        let Some(message) = parse_accepted(request) else { return Reaction::Ignored };
        if Memory::is_needed(context.fault) {
            self.memories.entry(context.host).or_default().receive(context, id(&message));
        }
        let Some(kind) = self.write(context, request, message, id(&message)) else {
            return Reaction::Ignored;
        };
        if let Some(memory) = self.memories.get_mut(&context.host).filter(|_| !kind.is_report) {
            memory.count_response();
        }
        if context.fault == Some(SnmpFault::SlowBulk) && kind.is_to_bulk && self.reply.len() > LARGEST_BULK {
            return Reaction::Lost;
        }
        Reaction::Replied
    }

    /// Returns the last reply.
    #[cfg(test)]
    fn reply(&self) -> &[u8] {
        &self.reply
    }

    /// Makes the stale reply to a request that [`respond`](Agents::respond) has just replied to: the same with the ID
    /// of the previous request. It replaces that reply.
    fn respond_stale(&mut self, context: AgentContext, request: &[u8]) -> Option<&[u8]> {
        if context.fault != Some(SnmpFault::StaleId) {
            return None;
        }
        let message = parse_accepted(request)?;
        let stale = self.memories.get(&context.host)?.stale_id(id(&message));
        self.write(context, request, message, stale)?;
        Some(&self.reply)
    }

    /// Appends a forgery: a reply that the agent could have sent to a request with another id.
    fn respond_forged(&mut self, context: AgentContext, request: &[u8], dice: &mut Dice, out: &mut Vec<u8>) {
        let wrong = dice.below((1 << 31) - 1) as i64 + 1;
        let forged = parse_accepted(request).and_then(|message| {
            let wrong = if wrong == id(&message) { wrong ^ 1 } else { wrong };
            self.write(context, request, message, wrong)
        });
        if forged.is_some() {
            out.extend_from_slice(&self.reply);
        } else {
            write_altered(request, dice, out);
        }
    }

    /// Writes the reply to `request`, which was parsed as `message`, with this ID. Returns `None` if there is none.
    fn write(
        &mut self,
        context: AgentContext,
        request: &[u8],
        message: Message<'_>,
        id: i64,
    ) -> Option<ReplyKind> {
        #[cfg(not(feature = "usm"))]
        let _ = request;
        self.writer.clear();
        self.reply.clear();
        match message {
            Message::Community(mut message) => {
                message.pdu.request_id = id;
                self.write_plain(context, message)
            }
            #[cfg(feature = "usm")]
            Message::V3(message) => self.write_secured(context, request, &message, id),
            #[cfg(not(feature = "usm"))]
            Message::V3(_) => None,
        }
    }

    fn write_plain(&mut self, context: AgentContext, message: CommunityMessage<'_>) -> Option<ReplyKind> {
        let agent = self.agent(context);
        let terms = Terms { version: message.version, room: LARGEST - AROUND };
        if !self.responder.answer(&agent, terms, &message.pdu, &mut self.writer) {
            return None;
        }
        message::wrap_community(message.version, message.community, 0, &mut self.writer);
        self.writer.append_to(&mut self.reply);
        if context.fault == Some(SnmpFault::OddBer) {
            faults::lengthen(&mut self.reply);
        }
        Some(ReplyKind { is_report: false, is_to_bulk: message.pdu.tag == pdu_tag::GET_BULK })
    }

    #[cfg(feature = "usm")]
    fn write_secured(
        &mut self,
        context: AgentContext,
        datagram: &[u8],
        message: &V3Message<'_>,
        id: i64,
    ) -> Option<ReplyKind> {
        let (agent, memory) = (self.agent(context), self.memory(context));
        let engine = usm::AgentEngine::new(self.base, self.seed, context, memory);
        let request = usm::V3Request { datagram, message, reply_id: u32::try_from(id).ok()? };
        self.usm.answer(&engine, &agent, request, &mut self.responder, &mut self.writer, &mut self.reply)
    }

    fn agent(&self, context: AgentContext) -> Agent {
        let uptime = self.memory(context).uptime(self.seed, context);
        let moment = Moment { seed: self.seed, host: context.host, uptime: (uptime.as_millis() / 10) as u64 };
        Agent { moment, fault: context.fault, garbage: context.garbage }
    }

    fn memory(&self, context: AgentContext) -> Memory {
        let known = self.memories.get(&context.host).filter(|_| Memory::is_needed(context.fault));
        known.copied().unwrap_or_default()
    }
}

/// Parses a message that agents accept: v1 or v2c with the right community, or v3.
fn parse_accepted(request: &[u8]) -> Option<Message<'_>> {
    let message = Message::parse(request).ok()?;
    let is_accepted = match &message {
        Message::Community(message) => message.community == COMMUNITY,
        #[cfg(feature = "usm")]
        Message::V3(message) => usm::level_of(message).is_some(),
        #[cfg(not(feature = "usm"))]
        Message::V3(_) => false,
    };
    is_accepted.then_some(message)
}

/// Returns the ID that the reply must return.
fn id(message: &Message<'_>) -> i64 {
    match message {
        Message::Community(message) => message.pdu.request_id,
        Message::V3(message) => message.msg_id,
    }
}

#[cfg(test)]
mod tests;
