//! Servers that speak A2S, and a master of Xash3D's kind.

mod faults;
mod master;
mod replies;

use faults::A2sFault;
pub(crate) use faults::FAULTS;
use master::ListRequest;
use replies::Replies;

use crate::sim::dice::Dice;
use crate::sim::listed::Listed;
use crate::sim::plan::Plan;
use crate::sim::simulated_host::{HostContext, Reaction, SimulatedHost, write_altered};

/// The start of a datagram that is a whole packet.
const WHOLE: [u8; 4] = [0xff; 4];

/// All servers of a fleet, and their master.
#[derive(Debug)]
pub(crate) struct A2sServers {
    listed: Listed,
}

impl A2sServers {
    pub(crate) fn new(plan: &Plan) -> A2sServers {
        A2sServers { listed: Listed::new(plan) }
    }
}

/// A client's request.
#[derive(Clone, Copy, Debug, PartialEq)]
enum ClientRequest {
    Info,
    Players,
    Rules,
}

impl ClientRequest {
    /// Parses a request and its challenge. Returns `None` for everything that a server drops.
    fn parse(datagram: &[u8]) -> Option<(ClientRequest, Option<[u8; 4]>)> {
        let (&kind, rest) = datagram.strip_prefix(&WHOLE)?.split_first()?;
        let (request, challenge) = match kind {
            b'T' => (ClientRequest::Info, rest.strip_prefix(b"Source Engine Query\0")?),
            b'U' => (ClientRequest::Players, rest),
            b'V' => (ClientRequest::Rules, rest),
            _ => return None,
        };
        match challenge {
            [] if request == ClientRequest::Info => Some((request, None)),
            _ => Some((request, Some(challenge.try_into().ok()?))),
        }
    }
}

impl SimulatedHost for A2sServers {
    /// Keeps all datagrams of the reply, each after its length.
    fn answer(&mut self, context: &HostContext, request: &[u8], kept: &mut Vec<u8>) -> Reaction {
        let Some((request, challenge)) = ClientRequest::parse(request) else { return Reaction::Ignored };
        let fault = context.fault.and_then(A2sFault::named);
        if request == ClientRequest::Players && fault == Some(A2sFault::NoPlayers) {
            return Reaction::Ignored;
        }
        let replies = Replies { context, fault };
        for datagram in replies.to(request, challenge) {
            kept.extend_from_slice(&(datagram.len() as u16).to_le_bytes());
            kept.extend_from_slice(&datagram);
        }
        Reaction::Replied
    }

    /// Keeps the first datagram of the reply, cut off after eight bytes. A challenge is too short for that, and stays
    /// whole.
    fn garbage(&mut self, context: &HostContext, request: &[u8], kept: &mut Vec<u8>) -> Reaction {
        let reaction = self.answer(context, request, kept);
        if datagrams(kept).next().is_some_and(|datagram| datagram.len() > 9) {
            kept.truncate(2 + 8);
            kept[..2].copy_from_slice(&8u16.to_le_bytes());
        }
        reaction
    }

    fn parts(&self, _: &HostContext, kept: &[u8]) -> u32 {
        datagrams(kept).count().max(1) as u32
    }

    fn finish(&mut self, _: &HostContext, kept: &[u8], number: u32, out: &mut Vec<u8>) {
        out.extend_from_slice(datagrams(kept).nth(number as usize).unwrap_or_default());
    }

    fn forge(&mut self, context: &HostContext, request: &[u8], dice: &mut Dice, out: &mut Vec<u8>) {
        let mut kept = Vec::new();
        self.answer(context, request, &mut kept);
        write_altered(datagrams(&kept).next().unwrap_or(request), dice, out);
    }

    fn lists(&self, request: &[u8]) -> u32 {
        ListRequest::parse(request).map_or(0, |_| master::datagrams(&self.listed))
    }

    fn write_list(&self, request: &[u8], number: u32, out: &mut Vec<u8>) {
        if let Some(request) = ListRequest::parse(request) {
            request.write(&self.listed, number, out);
        }
    }
}

/// Returns the datagrams that were kept.
fn datagrams(kept: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = kept;
    std::iter::from_fn(move || {
        let (len, after) = rest.split_first_chunk()?;
        let (datagram, after) = after.split_at_checked(u16::from_le_bytes(*len).into())?;
        rest = after;
        Some(datagram)
    })
}
