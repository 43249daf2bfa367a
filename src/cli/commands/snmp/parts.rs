//! One agent in several conversations: the request is divided among them, and their answers are merged.

use std::net::SocketAddr;
use std::sync::Arc;

use allears::engine::Time;
use allears::protocol::snmp::{Answer, CredentialsId, Operation, Request};
use slab::Slab;

use crate::cli::output::record::Record;

/// Divides a request into at most `most` parts of equal size.
pub fn split(request: Request, most: usize) -> Vec<Arc<Request>> {
    let parts = most.clamp(1, request.oids.len().max(1));
    // A GETBULK starts with its non-repeaters and cannot be divided.
    if parts == 1 || matches!(request.operation, Operation::GetBulk { .. }) {
        return vec![Arc::new(request)];
    }
    let size = request.oids.len().div_ceil(parts);
    let part = |oids: &[_]| Arc::new(Request { oids: oids.to_vec(), ..request.clone() });
    request.oids.chunks(size).map(part).collect()
}

/// The agents with open conversations.
#[derive(Default)]
pub struct AgentsInFlight(Slab<OpenAgent>);

struct OpenAgent {
    target: SocketAddr,
    credentials: CredentialsId,
    /// The caller's number for the agent.
    host: u32,
    left: usize,
    record: Option<Record>,
    parts: Vec<Option<Part>>,
}

/// The result for one agent.
pub struct Whole {
    /// The target that was named, and its credentials.
    pub target: SocketAddr,
    pub credentials: CredentialsId,
    pub host: u32,
    pub record: Record,
    pub parts: Vec<Part>,
}

/// The result of one conversation, and its time. Each part has its own uptime, since the agent may restart in between.
#[derive(Clone)]
pub struct Part {
    pub answer: Answer,
    pub at: Time,
}

impl AgentsInFlight {
    /// Adds an agent with this number of parts. Returns the tag of the first part; the tags of the others follow it.
    pub fn begin(&mut self, target: SocketAddr, credentials: CredentialsId, host: u32, parts: usize) -> u64 {
        let (left, parts) = (parts, vec![None; parts]);
        let agent = OpenAgent { target, credentials, host, left, record: None, parts };
        (self.0.insert(agent) as u64) << 8
    }

    /// Handles the completion of a part. Returns all parts if it was the last one.
    pub fn end(&mut self, tag: u64, record: Record, ended: Part) -> Option<Whole> {
        let (key, part) = ((tag >> 8) as usize, (tag & 0xff) as usize);
        let agent = self.0.get_mut(key)?;
        debug_assert_eq!(Some(agent.target), record.target);
        agent.parts[part] = Some(ended);
        agent.left -= 1;
        agent.record = Some(match agent.record.take() {
            None => record,
            Some(before) => worse(before, record),
        });
        if agent.left > 0 {
            return None;
        }
        let OpenAgent { target, credentials, host, record, parts, .. } = self.0.remove(key);
        let parts = parts.into_iter().flatten().collect();
        Some(Whole { target, credentials, host, record: record?, parts })
    }
}

impl Whole {
    /// Merges the parts.
    pub fn into_answer(self) -> (Record, Answer) {
        let mut answers = self.parts.into_iter().map(|part| part.answer);
        let mut answer = answers.next().unwrap_or_default();
        answers.for_each(|next| answer.append(next));
        (self.record, answer)
    }
}

/// Returns the record of a part that was not answered, if any: an agent has answered only if all its parts were
/// answered.
fn worse(one: Record, other: Record) -> Record {
    let attempts = one.attempts.max(other.attempts);
    let from = one.from.or(other.from);
    let record = if one.outcome == "answered" { other } else { one };
    Record { attempts, from, ..record }
}
