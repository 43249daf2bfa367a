//! GET, GETNEXT and a single GETBULK of a list of names.
//!
//! If the agent returns tooBig, the next request has half of the names. If the agent refuses a name, the next request
//! omits it.

use super::answer::{Answer, ErrorStatus, Incomplete};
use super::ber::Writer;
use super::message::{Pdu, PduHead, Version, pdu_tag};
use super::oid::{Oid, OidRef};
use super::request::{Operation, UPTIME, UPTIME_OBJECT};

/// The maximum number of names in a request. Their values usually fit in an Ethernet frame.
const MAX_NAMES: usize = 40;

/// The progress through a list of names.
#[derive(Clone, Debug, Default)]
pub struct Get {
    /// The first name that is not done.
    next: usize,
    /// The number of names in the next request; 0 for the maximum.
    per_request: usize,
    /// The names from `next` on that the agent refused.
    refused: Vec<usize>,
    /// True if the agent refused sysUpTime.
    uptime_refused: bool,
    /// The number of times that the repetitions of a GETBULK were halved.
    halvings: u32,
}

/// The next step after a reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// Another request.
    AskNext,
    /// Nothing: the list or the walk is complete.
    Done,
}

/// The part of a [`Request`](super::Request) that a [`Get`] sends.
#[derive(Clone, Copy, Debug)]
pub struct GetRequest<'a> {
    pub operation: Operation,
    pub oids: &'a [Oid],
    pub with_uptime: bool,
}

impl Get {
    /// Returns the names in the next request.
    fn names<'a>(&'a self, oids: &'a [Oid]) -> impl DoubleEndedIterator<Item = (usize, OidRef<'a>)> {
        let end = self.end(oids);
        (self.next.min(end)..end)
            .filter(|index| !self.refused.contains(index))
            .map(|index| (index, oids[index].as_oid()))
    }

    fn end(&self, oids: &[Oid]) -> usize {
        let per_request = if self.per_request == 0 { MAX_NAMES } else { self.per_request };
        oids.len().min(self.next + per_request)
    }

    fn uptime(&self, request: &GetRequest<'_>) -> Option<OidRef<'static>> {
        let name = if request.operation == Operation::Get { UPTIME } else { UPTIME_OBJECT };
        (request.with_uptime && !self.uptime_refused).then_some(name)
    }

    /// Returns the number of variable bindings expected in the reply.
    pub fn expected_varbinds(&self, request: &GetRequest<'_>) -> u32 {
        let names = self.end(request.oids).saturating_sub(self.next) as u32;
        let names = match request.operation {
            Operation::GetBulk { non_repeaters, max_repetitions } => {
                let once = non_repeaters.saturating_sub(self.next as u32).min(names);
                once.saturating_add((names - once).saturating_mul(max_repetitions >> self.halvings.min(31)))
            }
            _ => names,
        };
        names.saturating_add(request.with_uptime.into())
    }

    /// Writes the next request.
    pub fn write(
        &self,
        request: &GetRequest<'_>,
        version: Option<Version>,
        request_id: u32,
        writer: &mut Writer,
    ) {
        let names = self.names(request.oids).map(|(_, name)| name);
        let uptime = self.uptime(request);
        let head = |tag, first, second| PduHead { tag, request_id, first, second };
        let head = match request.operation {
            Operation::Get => head(pdu_tag::GET, 0, 0),
            Operation::GetBulk { non_repeaters, max_repetitions } if version != Some(Version::V1) => {
                let once = self.names(request.oids).take_while(|(index, _)| *index < non_repeaters as usize);
                let non_repeaters = once.count() as u32 + u32::from(uptime.is_some());
                let max_repetitions = max_repetitions.min(i32::MAX as u32) >> self.halvings.min(31);
                head(pdu_tag::GET_BULK, non_repeaters, max_repetitions)
            }
            _ => head(pdu_tag::GET_NEXT, 0, 0),
        };
        head.write_request(uptime.into_iter().chain(names), writer);
    }

    /// Processes a reply.
    pub fn handle_response(
        &mut self,
        request: &GetRequest<'_>,
        pdu: &Pdu<'_>,
        answer: &mut Answer,
    ) -> Progress {
        match ErrorStatus(pdu.error_status) {
            ErrorStatus::NO_ERROR => self.take_varbinds(request, pdu, answer),
            ErrorStatus::TOO_BIG => self.shrink(request, answer),
            status => self.handle_error(request, status, pdu.error_index, answer),
        }
    }

    fn take_varbinds(&mut self, request: &GetRequest<'_>, pdu: &Pdu<'_>, answer: &mut Answer) -> Progress {
        let wanted = self.names(request.oids).count();
        let mut varbinds = pdu.varbinds();
        let mut first = self.uptime(request).is_some();
        let mut count = 0;
        while let Some((varbind, bytes)) = varbinds.next_with_bytes() {
            // Skip by position, not by name: an agent that hides sysUpTime returns another object here.
            if std::mem::take(&mut first) {
                answer.record_uptime(&varbind);
            } else {
                answer.push(bytes);
                count += 1;
            }
        }
        if let Some(reason) = varbinds.broken().or(pdu.cut) {
            answer.mark_incomplete(Incomplete::Broken(reason));
        } else if count < wanted && !matches!(request.operation, Operation::GetBulk { .. }) {
            answer.mark_incomplete(Incomplete::Broken("it has fewer variable bindings than the request"));
        }
        self.advance(request)
    }

    /// Moves on to the names after those in the request.
    fn advance(&mut self, request: &GetRequest<'_>) -> Progress {
        self.next = self.end(request.oids);
        // After a halved request, names after `next` may have been refused, too.
        self.refused.retain(|&index| index >= self.next);
        if self.next < request.oids.len() { Progress::AskNext } else { Progress::Done }
    }

    fn shrink(&mut self, request: &GetRequest<'_>, answer: &mut Answer) -> Progress {
        let names = self.names(request.oids).count();
        if let Operation::GetBulk { max_repetitions, .. } = request.operation
            && max_repetitions >> self.halvings.min(31) > 1
        {
            self.halvings += 1;
            return Progress::AskNext;
        }
        if names > 1 {
            self.per_request = (self.end(request.oids) - self.next).div_ceil(2);
            return Progress::AskNext;
        }
        self.names(request.oids).for_each(|(_, name)| answer.refuse(name, ErrorStatus::TOO_BIG));
        self.advance(request)
    }

    /// Leaves out the name at the error-index, counted from 1; or all names if the index is invalid.
    fn handle_error(
        &mut self,
        request: &GetRequest<'_>,
        status: ErrorStatus,
        index: i64,
        answer: &mut Answer,
    ) -> Progress {
        let uptime = usize::from(self.uptime(request).is_some());
        let Some(place) = usize::try_from(index).ok().and_then(|index| index.checked_sub(1)) else {
            return self.refuse_all(request, status, answer);
        };
        if place < uptime {
            self.uptime_refused = true;
            return Progress::AskNext;
        }
        let Some((blamed, name)) = self.names(request.oids).nth(place - uptime) else {
            return self.refuse_all(request, status, answer);
        };
        answer.refuse(name, status);
        self.refused.push(blamed);
        if self.names(request.oids).next().is_some() { Progress::AskNext } else { self.advance(request) }
    }

    fn refuse_all(&mut self, request: &GetRequest<'_>, status: ErrorStatus, answer: &mut Answer) -> Progress {
        self.names(request.oids).for_each(|(_, name)| answer.refuse(name, status));
        answer.mark_incomplete(Incomplete::Error(status));
        self.advance(request)
    }
}
