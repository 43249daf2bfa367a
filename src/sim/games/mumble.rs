//! Mumble servers: replies to the ping over UDP. They do not name their users.

use std::ops::Range;

use super::SimulatedServer;
use crate::sim::simulated_host::{HostContext, Reaction, SimulatedHost};

/// All servers of a fleet.
#[derive(Debug)]
pub(crate) struct MumbleServers;

impl SimulatedHost for MumbleServers {
    fn answer(&mut self, context: &HostContext, request: &[u8], reply: &mut Vec<u8>) -> Reaction {
        let Some((&[0, 0, 0, 0], number)) = request.split_first_chunk().filter(|_| request.len() == 12)
        else {
            return Reaction::Ignored;
        };
        let server = SimulatedServer::new(context);
        reply.extend_from_slice(&[0, 1, 5, 3]);
        reply.extend_from_slice(number);
        for count in [server.players.len(), server.max_players, 72_000] {
            reply.extend_from_slice(&(count as u32).to_be_bytes());
        }
        Reaction::Replied
    }

    /// Returns the range of the ping's number.
    fn token(&self) -> Range<usize> {
        4..12
    }
}
