//! DNS servers: recursive resolvers as a client sees them, with one zone that holds every name.
//!
//! `DnsServers` messages → `request` a question → `zone` the rules of names → `reply` the records; `faults` the faults of
//! servers.

mod faults;
mod reply;
mod request;
mod zone;

use std::collections::HashMap;
use std::net::IpAddr;
use std::ops::Range;
use std::time::Duration;

use faults::DnsFault;
pub(super) use faults::FAULTS;
use reply::{ReplyTerms, write_header, write_reply};
use request::{DnsRejection, DnsRequest, HEADER};
pub use zone::{a_record, aaaa_record, name_hash};

use super::dice::Dice;
use super::simulated_host::{HostContext, Reaction, SimulatedHost, StreamReaction, write_altered};
use crate::engine::Time;
use crate::protocol::dns::Rcode;

/// The number of replies to one client within [`SLIP_SPAN`] that a server with [`DnsFault::Slip`] does not limit.
const SLIP_LIMIT: u32 = 100;
const SLIP_SPAN: Duration = Duration::from_secs(1);

/// All servers of a fleet.
#[derive(Debug, Default)]
pub(super) struct DnsServers {
    /// The recent replies of hosts with [`DnsFault::Slip`], by client.
    slips: HashMap<(u32, IpAddr), Recent>,
}

/// The replies to one client in the current span.
#[derive(Debug)]
struct Recent {
    since: Time,
    replies: u32,
}

impl SimulatedHost for DnsServers {
    fn answer(&mut self, context: &HostContext, request: &[u8], reply: &mut Vec<u8>) -> Reaction {
        let Some(terms) = self.write(context, request, false, reply) else { return Reaction::Ignored };
        if is_odd(context.host) {
            spoil(context, request, reply);
        }
        if terms == Slip::Dropped { Reaction::Lost } else { Reaction::Replied }
    }

    /// The id.
    fn token(&self) -> Range<usize> {
        0..2
    }

    /// Keeps id and question, and cuts the reply within the first record.
    fn garbage(&mut self, context: &HostContext, request: &[u8], reply: &mut Vec<u8>) -> Reaction {
        let reaction = self.answer(context, request, reply);
        cut(context, request, reply);
        reaction
    }

    /// Appends an answer to the right question, with a wrong id and wrong addresses.
    fn forge(&mut self, context: &HostContext, request: &[u8], dice: &mut Dice, out: &mut Vec<u8>) {
        let Ok(parsed) = DnsRequest::parse(request) else { return write_altered(request, dice, out) };
        let start = out.len();
        let terms = ReplyTerms { salt: dice.next() | 1, ..proper_terms(context, &parsed, false) };
        write_reply(&parsed, &terms, out);
        let wrong = (1 + dice.below(0xffff) as u16).to_be_bytes();
        out[start] ^= wrong[0];
        out[start + 1] ^= wrong[1];
    }

    fn stale_reply(&mut self, context: &HostContext, request: &[u8], reply: &mut Vec<u8>) -> bool {
        let is_preceded = matches!(fault(context), Some(DnsFault::WrongId | DnsFault::WrongQuestion));
        if !is_preceded || is_odd(context.host) {
            return false;
        }
        let written = self.write(context, request, false, reply).is_some();
        if written {
            spoil(context, request, reply);
        }
        written
    }

    fn accepts_streams(&self, context: &HostContext) -> bool {
        fault(context) != Some(DnsFault::NoTcp)
    }

    fn answer_stream(
        &mut self,
        context: &HostContext,
        request: &[u8],
        reply: &mut Vec<u8>,
    ) -> StreamReaction {
        match fault(context) {
            Some(DnsFault::NoTcp) => return StreamReaction::Refused,
            Some(DnsFault::StallTcp) => return StreamReaction::Silent,
            _ => {}
        }
        if self.write(context, request, true, reply).is_none() {
            return StreamReaction::Refused;
        }
        if is_odd(context.host) {
            spoil(context, request, reply);
        }
        if context.garbage {
            cut(context, request, reply);
        }
        match fault(context) {
            Some(DnsFault::HalfFrame) => StreamReaction::HalfThenClosed,
            Some(DnsFault::CloseTcp) => StreamReaction::RepliedThenClosed,
            _ => StreamReaction::Replied,
        }
    }
}

/// The effect of [`DnsFault::Slip`] on a reply.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Slip {
    Sent,
    Dropped,
    Truncated,
}

impl DnsServers {
    /// Appends the reply to a request. Returns `None` if there is none.
    fn write(
        &mut self,
        context: &HostContext,
        request: &[u8],
        is_stream: bool,
        out: &mut Vec<u8>,
    ) -> Option<Slip> {
        let parsed = match DnsRequest::parse(request) {
            Ok(parsed) => parsed,
            Err(DnsRejection::NoRequest) => return None,
            Err(DnsRejection::Code(code)) => {
                write_header(request, code, out);
                return Some(Slip::Sent);
            }
        };
        let mut terms = proper_terms(context, &parsed, is_stream);
        apply(context, &parsed, &mut terms);
        let slip = if fault(context) == Some(DnsFault::Slip) && !is_stream {
            self.slip(context)
        } else {
            Slip::Sent
        };
        terms.is_truncated |= slip == Slip::Truncated;
        write_reply(&parsed, &terms, out);
        Some(slip)
    }

    /// Counts a reply to a client, and decides about it.
    fn slip(&mut self, context: &HostContext) -> Slip {
        let empty = Recent { since: context.now, replies: 0 };
        let recent = self.slips.entry((context.host, context.from.ip())).or_insert(empty);
        if context.now - recent.since >= SLIP_SPAN {
            *recent = Recent { since: context.now, replies: 0 };
        }
        recent.replies += 1;
        match recent.replies.checked_sub(SLIP_LIMIT + 1) {
            None => Slip::Sent,
            Some(excess) if excess % 2 == 0 => Slip::Dropped,
            Some(_) => Slip::Truncated,
        }
    }
}

/// Returns the terms of a server without faults.
fn proper_terms(context: &HostContext, request: &DnsRequest<'_>, is_stream: bool) -> ReplyTerms {
    // Only version 0 of EDNS exists (RFC 6891, section 6.1.3).
    let is_too_new = request.edns.is_some_and(|edns| edns.version > 0);
    ReplyTerms {
        code: is_too_new.then_some(Rcode::BADVERS),
        has_question: true,
        has_edns: request.edns.is_some(),
        is_lower_case: false,
        is_truncated: false,
        is_stream,
        cookie: None,
        host: context.host,
        salt: 0,
    }
}

/// Applies the fault of the host to the terms of its reply.
fn apply(context: &HostContext, request: &DnsRequest<'_>, terms: &mut ReplyTerms) {
    let has_edns = request.edns.is_some();
    match fault(context) {
        Some(DnsFault::NoEdns) if has_edns => {
            terms.code = Some(Rcode::FORMERR);
            terms.has_edns = false;
            terms.has_question = !is_odd(context.host);
        }
        Some(DnsFault::BadVers) if has_edns => terms.code = Some(Rcode::BADVERS),
        Some(DnsFault::Lowercase) => terms.is_lower_case = true,
        Some(DnsFault::ServFail) => terms.code = Some(Rcode::SERVFAIL),
        Some(DnsFault::Refused) => terms.code = Some(Rcode::REFUSED),
        // The type 0 stands for all types of the name.
        Some(DnsFault::RefuseEven) if name_hash(request.name, 0).is_multiple_of(2) => {
            terms.code = Some(Rcode::REFUSED);
        }
        Some(DnsFault::Truncate) => terms.is_truncated = !terms.is_stream,
        Some(DnsFault::Cookies) => check_cookie(context, request, terms),
        _ => {}
    }
}

/// Processes a cookie as RFC 7873, section 5.2, requires of servers that enforce them.
fn check_cookie(context: &HostContext, request: &DnsRequest<'_>, terms: &mut ReplyTerms) {
    let Some(cookie) = request.edns.and_then(|edns| edns.cookie) else { return };
    let (Some(client), true) = (cookie.first_chunk::<8>(), matches!(cookie.len(), 8 | 16..=40)) else {
        terms.code = Some(Rcode::FORMERR);
        return;
    };
    let from = match context.from.ip() {
        IpAddr::V4(v4) => u64::from(v4.to_bits()),
        IpAddr::V6(v6) => v6.to_bits() as u64,
    };
    let server = Dice::new(context.seed ^ u64::from_be_bytes(*client) ^ from.rotate_left(17)).next();
    let mut both = [0; 16];
    both[..8].copy_from_slice(client);
    both[8..].copy_from_slice(&server.to_be_bytes());
    terms.cookie = Some(both);
    // A stream proves the address of the client.
    if cookie != both && !terms.is_stream {
        terms.code = Some(Rcode::BADCOOKIE);
    }
}

/// Alters the id or the question of a reply, if that is the fault of the host.
fn spoil(context: &HostContext, request: &[u8], reply: &mut [u8]) {
    match fault(context) {
        Some(DnsFault::WrongId) => reply[..2].iter_mut().for_each(|byte| *byte ^= 0x5a),
        Some(DnsFault::WrongQuestion) if reply.len() > HEADER + 1 && request[HEADER] > 0 => {
            let first = &mut reply[HEADER + 1];
            *first = if first.eq_ignore_ascii_case(&b'z') { b'y' } else { b'z' };
        }
        _ => {}
    }
}

/// Cuts a reply within its first record.
fn cut(context: &HostContext, request: &[u8], reply: &mut Vec<u8>) {
    let question = DnsRequest::parse(request).map_or(HEADER, |parsed| parsed.head.len());
    if reply.len() < HEADER {
        return;
    }
    let mut dice = Dice::new(context.seed);
    reply.truncate(question);
    // One answer, of which too few bytes follow.
    reply[6..HEADER].copy_from_slice(&[0, 1, 0, 0, 0, 0]);
    reply.extend_from_slice(&dice.next().to_le_bytes()[..1 + dice.below(7)]);
}

fn fault(context: &HostContext) -> Option<DnsFault> {
    context.fault.and_then(DnsFault::named)
}

fn is_odd(host: u32) -> bool {
    host % 2 == 1
}

#[cfg(test)]
mod tests;
