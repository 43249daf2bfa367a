//! Minecraft servers of the Bedrock edition: replies to RakNet's unconnected ping.

use std::ops::Range;

use super::SimulatedServer;
use crate::sim::simulated_host::{HostContext, Reaction, SimulatedHost};

/// All servers of a fleet.
#[derive(Debug)]
pub(crate) struct BedrockServers;

impl SimulatedHost for BedrockServers {
    fn answer(&mut self, context: &HostContext, request: &[u8], reply: &mut Vec<u8>) -> Reaction {
        let (Some(number), Some(magic)) = (request.get(1..9), request.get(9..25)) else {
            return Reaction::Ignored;
        };
        if request[0] != 1 {
            return Reaction::Ignored;
        }
        let server = SimulatedServer::new(context);
        let text = format!(
            "MCPE;{};685;1.21.2;{};{};{};{};Survival;1;19132;19133;",
            server.name,
            server.players.len(),
            server.max_players,
            context.seed,
            server.map
        );
        reply.push(0x1c);
        reply.extend_from_slice(number);
        reply.extend_from_slice(&context.seed.to_be_bytes());
        reply.extend_from_slice(magic);
        reply.extend_from_slice(&(text.len() as u16).to_be_bytes());
        reply.extend_from_slice(text.as_bytes());
        Reaction::Replied
    }

    /// Returns the range of the ping's number.
    fn token(&self) -> Range<usize> {
        1..9
    }

    /// Cuts the reply off after the magic, without which it would not be a pong.
    fn garbage(&mut self, context: &HostContext, request: &[u8], reply: &mut Vec<u8>) -> Reaction {
        let reaction = self.answer(context, request, reply);
        reply.truncate(36);
        reaction
    }
}
