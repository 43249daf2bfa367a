//! Names that are asked for themselves: GET, GETNEXT and a single GETBULK.
//!
//! Agents that find a reply too big get the names in halves; a name that an agent refuses is left out, and the
//! others are asked again.

use super::answer::{Answer, ErrorStatus, Incomplete};
use super::ber::Writer;
use super::message::{Pdu, PduHead, Version, pdu_tag};
use super::oid::{Oid, OidRef};
use super::request::{BEFORE_UPTIME, Operation, UPTIME};

/// Names in one request at most: their values mostly fit an Ethernet frame.
const AT_ONCE: usize = 40;

/// How far a list of names has come.
#[derive(Clone, Debug, Default)]
pub struct Get {
    /// Names before this one are done with.
    next: usize,
    /// How many are asked for at once; 0 = as many as may be.
    at_once: usize,
    /// Of those, the ones that the agent refused.
    left_out: Vec<usize>,
    /// The agent refuses even sysUpTime.
    no_uptime: bool,
    /// How often a single GETBULK's repetitions were halved.
    halvings: u32,
}

/// What a reply was good for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// There is more to ask.
    AskNext,
    /// That is all.
    Done,
}

/// What is asked by [`Get`]: part of a request.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    pub operation: Operation,
    pub oids: &'a [Oid],
    pub with_uptime: bool,
}

impl Get {
    /// The names that are asked for now.
    fn names<'a>(&'a self, oids: &'a [Oid]) -> impl DoubleEndedIterator<Item = (usize, OidRef<'a>)> {
        let end = self.end(oids);
        (self.next.min(end)..end)
            .filter(|index| !self.left_out.contains(index))
            .map(|index| (index, oids[index].as_oid()))
    }

    fn end(&self, oids: &[Oid]) -> usize {
        let at_once = if self.at_once == 0 { AT_ONCE } else { self.at_once };
        oids.len().min(self.next + at_once)
    }

    fn uptime(&self, asked: &Asked<'_>) -> Option<OidRef<'static>> {
        let name = if asked.operation == Operation::Get { UPTIME } else { BEFORE_UPTIME };
        (asked.with_uptime && !self.no_uptime).then_some(name)
    }

    /// Variable bindings that the reply may have.
    pub fn expected(&self, asked: &Asked<'_>) -> u32 {
        let names = self.end(asked.oids).saturating_sub(self.next) as u32;
        let names = match asked.operation {
            Operation::GetBulk { non_repeaters, max_repetitions } => {
                let once = non_repeaters.saturating_sub(self.next as u32).min(names);
                once.saturating_add((names - once).saturating_mul(max_repetitions >> self.halvings.min(31)))
            }
            _ => names,
        };
        names.saturating_add(asked.with_uptime.into())
    }

    /// Writes the next request.
    pub fn write(&self, asked: &Asked<'_>, version: Option<Version>, request_id: u32, writer: &mut Writer) {
        let names = self.names(asked.oids).map(|(_, name)| name);
        let uptime = self.uptime(asked);
        let head = |tag, first, second| PduHead { tag, request_id, first, second };
        let head = match asked.operation {
            Operation::Get => head(pdu_tag::GET, 0, 0),
            Operation::GetBulk { non_repeaters, max_repetitions } if version != Some(Version::V1) => {
                let once = self.names(asked.oids).take_while(|(index, _)| *index < non_repeaters as usize);
                let non_repeaters = once.count() as u32 + u32::from(uptime.is_some());
                let max_repetitions = max_repetitions.min(i32::MAX as u32) >> self.halvings.min(31);
                head(pdu_tag::GET_BULK, non_repeaters, max_repetitions)
            }
            _ => head(pdu_tag::GET_NEXT, 0, 0),
        };
        head.write_request(uptime.into_iter().chain(names), writer);
    }

    /// Takes in a reply.
    pub fn hear(&mut self, asked: &Asked<'_>, pdu: &Pdu<'_>, answer: &mut Answer) -> Progress {
        match ErrorStatus(pdu.error_status) {
            ErrorStatus::NO_ERROR => self.take(asked, pdu, answer),
            ErrorStatus::TOO_BIG => self.ask_for_less(asked, answer),
            status => self.leave_out(asked, status, pdu.error_index, answer),
        }
    }

    fn take(&mut self, asked: &Asked<'_>, pdu: &Pdu<'_>, answer: &mut Answer) -> Progress {
        let wanted = self.names(asked.oids).count();
        let mut varbinds = pdu.varbinds();
        let mut first = self.uptime(asked).is_some();
        let mut count = 0;
        while let Some((varbind, bytes)) = varbinds.next_with_bytes() {
            // Its place tells, not its name: an agent that does not show sysUpTime has something else there.
            if std::mem::take(&mut first) {
                answer.note_uptime(&varbind);
            } else {
                answer.push(bytes);
                count += 1;
            }
        }
        if let Some(reason) = varbinds.broken().or(pdu.cut) {
            answer.lacks(Incomplete::Broken(reason));
        } else if count < wanted && !matches!(asked.operation, Operation::GetBulk { .. }) {
            answer.lacks(Incomplete::Broken("it has fewer variable bindings than names were asked for"));
        }
        self.go_on(asked)
    }

    /// To the names behind these.
    fn go_on(&mut self, asked: &Asked<'_>) -> Progress {
        self.next = self.end(asked.oids);
        // Those behind have been refused, too.
        self.left_out.retain(|&index| index >= self.next);
        if self.next < asked.oids.len() { Progress::AskNext } else { Progress::Done }
    }

    fn ask_for_less(&mut self, asked: &Asked<'_>, answer: &mut Answer) -> Progress {
        let names = self.names(asked.oids).count();
        if let Operation::GetBulk { max_repetitions, .. } = asked.operation
            && max_repetitions >> self.halvings.min(31) > 1
        {
            self.halvings += 1;
            return Progress::AskNext;
        }
        if names > 1 {
            self.at_once = (self.end(asked.oids) - self.next).div_ceil(2);
            return Progress::AskNext;
        }
        self.names(asked.oids).for_each(|(_, name)| answer.refuse(name, ErrorStatus::TOO_BIG));
        self.go_on(asked)
    }

    /// The agent blames a name, counted from 1; or none, and thereby all.
    fn leave_out(
        &mut self,
        asked: &Asked<'_>,
        status: ErrorStatus,
        index: i64,
        answer: &mut Answer,
    ) -> Progress {
        let uptime = usize::from(self.uptime(asked).is_some());
        let Some(place) = usize::try_from(index).ok().and_then(|index| index.checked_sub(1)) else {
            return self.leave_all_out(asked, status, answer);
        };
        if place < uptime {
            self.no_uptime = true;
            return Progress::AskNext;
        }
        let Some((blamed, name)) = self.names(asked.oids).nth(place - uptime) else {
            return self.leave_all_out(asked, status, answer);
        };
        answer.refuse(name, status);
        self.left_out.push(blamed);
        if self.names(asked.oids).next().is_some() { Progress::AskNext } else { self.go_on(asked) }
    }

    fn leave_all_out(&mut self, asked: &Asked<'_>, status: ErrorStatus, answer: &mut Answer) -> Progress {
        self.names(asked.oids).for_each(|(_, name)| answer.refuse(name, status));
        answer.lacks(Incomplete::Error(status));
        self.go_on(asked)
    }
}
