//! Hosts that return what they receive (RFC 862).

use super::simulated_host::{HostContext, Reaction, SimulatedHost};

/// All hosts of a fleet. Any part of a request can be its token, so a broken reply has extra bytes after the request.
#[derive(Debug)]
pub(super) struct Echo;

impl SimulatedHost for Echo {
    fn answer(&mut self, _: &HostContext, request: &[u8], reply: &mut Vec<u8>) -> Reaction {
        reply.extend_from_slice(request);
        Reaction::Replied
    }
}
