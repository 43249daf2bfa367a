//! San Andreas Multiplayer servers, a third of them open.mp's, which do not know the request for details.

use std::ops::Range;

use super::SimulatedServer;
use crate::sim::plan::Plan;
use crate::sim::simulated_host::{HostContext, Reaction, SimulatedHost};

/// The fault of servers with so many players that they do not list them.
pub(crate) const CROWDED: &str = "crowded";

/// All servers of a fleet.
#[derive(Debug)]
pub(crate) struct SampServers {
    wanted: Option<String>,
}

impl SampServers {
    pub(crate) fn new(plan: &Plan) -> SampServers {
        SampServers { wanted: plan.wanted.clone() }
    }
}

impl SimulatedHost for SampServers {
    fn answer(&mut self, context: &HostContext, request: &[u8], reply: &mut Vec<u8>) -> Reaction {
        let Some(letter) = request.get(10).filter(|_| request.len() == 11 && request.starts_with(b"SAMP"))
        else {
            return Reaction::Ignored;
        };
        let server = SimulatedServer::new(context, self.wanted.as_deref());
        let is_crowded = context.fault == Some(CROWDED);
        let is_open_mp = context.seed.is_multiple_of(3);
        reply.extend_from_slice(request);
        match letter {
            b'i' => write_info(&server, is_crowded, reply),
            b'd' if !is_open_mp && !is_crowded => write_players(&server, true, reply),
            b'c' if !is_crowded => write_players(&server, false, reply),
            b'r' => write_rules(&server, is_open_mp, reply),
            _ => return Reaction::Ignored,
        }
        Reaction::Replied
    }

    /// What the reply repeats of the request.
    fn token(&self) -> Range<usize> {
        0..11
    }
}

fn write_info(server: &SimulatedServer, is_crowded: bool, out: &mut Vec<u8>) {
    let (players, slots) =
        if is_crowded { (150, 500) } else { (server.players.len() as u16, server.max_players as u16) };
    out.push(server.has_password.into());
    out.extend_from_slice(&players.to_le_bytes());
    out.extend_from_slice(&slots.to_le_bytes());
    for text in [server.name.as_str(), "Freeroam", "English"] {
        out.extend_from_slice(&(text.len() as u32).to_le_bytes());
        out.extend_from_slice(text.as_bytes());
    }
}

fn write_players(server: &SimulatedServer, with_details: bool, out: &mut Vec<u8>) {
    out.extend_from_slice(&(server.players.len() as u16).to_le_bytes());
    for (id, player) in server.players.iter().enumerate() {
        if with_details {
            out.push(id as u8);
        }
        write_text(&player.name, out);
        out.extend_from_slice(&player.score.to_le_bytes());
        if with_details {
            out.extend_from_slice(&u32::from(player.ping).to_le_bytes());
        }
    }
}

fn write_rules(server: &SimulatedServer, is_open_mp: bool, out: &mut Vec<u8>) {
    let version = if is_open_mp { "omp 1.2.0" } else { "0.3.7-R2" };
    let rules = [("mapname", server.map), ("version", version), ("weather", "10")];
    out.extend_from_slice(&(rules.len() as u16).to_le_bytes());
    for text in rules.into_iter().flat_map(|(key, value)| [key, value]) {
        write_text(text, out);
    }
}

/// Appends a text behind its length; a name is never longer than 255 bytes.
fn write_text(text: &str, out: &mut Vec<u8>) {
    let text = &text.as_bytes()[..text.len().min(255)];
    out.push(text.len() as u8);
    out.extend_from_slice(text);
}
