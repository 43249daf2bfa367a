//! One agent, several conversations: what is asked of it is spread over them, and what they bring is put together.

use std::net::SocketAddr;
use std::sync::Arc;

use allears::engine::Time;
use allears::protocol::snmp::{Answer, Operation, Request};
use slab::Slab;

use crate::cli::output::record::Record;

/// What is asked, in at most `most` parts of as many names each.
pub fn split(request: Request, most: usize) -> Vec<Arc<Request>> {
    let parts = most.clamp(1, request.oids.len().max(1));
    // Non-repeaters come before all others, so this request is one piece.
    if parts == 1 || matches!(request.operation, Operation::GetBulk { .. }) {
        return vec![Arc::new(request)];
    }
    let size = request.oids.len().div_ceil(parts);
    let part = |oids: &[_]| Arc::new(Request { oids: oids.to_vec(), ..request.clone() });
    request.oids.chunks(size).map(part).collect()
}

/// The agents that are being asked.
#[derive(Default)]
pub struct Asked(Slab<Agent>);

struct Agent {
    target: SocketAddr,
    /// The caller's number for it.
    host: u32,
    left: usize,
    record: Option<Record>,
    parts: Vec<Option<Part>>,
}

/// All that came of one agent.
pub struct Whole {
    pub host: u32,
    pub record: Record,
    pub parts: Vec<Part>,
}

/// What came of one conversation, and when. Each has the agent's uptime of its own: it may be restarted in between.
#[derive(Clone)]
pub struct Part {
    pub answer: Answer,
    pub at: Time,
}

impl Asked {
    /// An agent is going to be asked in so many parts. Yields the tag of the first part; the others follow it.
    pub fn begin(&mut self, target: SocketAddr, host: u32, parts: usize) -> u64 {
        let agent = Agent { target, host, left: parts, record: None, parts: vec![None; parts] };
        (self.0.insert(agent) as u64) << 8
    }

    /// A part has ended; when it was the last one, all parts come back.
    pub fn end(&mut self, tag: u64, record: Record, ended: Part) -> Option<Whole> {
        let (key, part) = ((tag >> 8) as usize, (tag & 0xff) as usize);
        let agent = self.0.get_mut(key)?;
        debug_assert_eq!(agent.target, record.target);
        agent.parts[part] = Some(ended);
        agent.left -= 1;
        agent.record = Some(match agent.record.take() {
            None => record,
            Some(before) => worse(before, record),
        });
        if agent.left > 0 {
            return None;
        }
        let Agent { host, record, parts, .. } = self.0.remove(key);
        Some(Whole { host, record: record?, parts: parts.into_iter().flatten().collect() })
    }
}

impl Whole {
    /// The parts put together.
    pub fn into_answer(self) -> (Record, Answer) {
        let mut answers = self.parts.into_iter().map(|part| part.answer);
        let mut answer = answers.next().unwrap_or_default();
        answers.for_each(|next| answer.append(next));
        (self.record, answer)
    }
}

/// An agent has answered when all its parts were answered; else it is what the first part is that was not.
fn worse(one: Record, other: Record) -> Record {
    let attempts = one.attempts.max(other.attempts);
    let from = one.from.or(other.from);
    let record = if one.outcome == "answered" { other } else { one };
    Record { attempts, from, ..record }
}
