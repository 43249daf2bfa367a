//! San Andreas Multiplayer servers, a third of them open.mp's, which do not know the request for details.

use std::ops::Range;

use super::SimulatedServer;
use crate::sim::simulated_host::{HostContext, Reaction, SimulatedHost};

/// The fault of servers that list no players, like those with more than 100.
pub(crate) const NO_LIST: &str = "no-list";

/// All servers of a fleet.
#[derive(Debug)]
pub(crate) struct SampServers;

impl SimulatedHost for SampServers {
    fn answer(&mut self, context: &HostContext, request: &[u8], reply: &mut Vec<u8>) -> Reaction {
        let Some(letter) = request.get(10).filter(|_| request.len() == 11 && request.starts_with(b"SAMP"))
        else {
            return Reaction::Ignored;
        };
        let server = SimulatedServer::new(context);
        let has_list = context.fault != Some(NO_LIST);
        let is_open_mp = context.seed.is_multiple_of(3);
        reply.extend_from_slice(request);
        match letter {
            b'i' => write_info(&server, reply),
            b'd' if !is_open_mp && has_list => write_players(&server, true, reply),
            b'c' if has_list => write_players(&server, false, reply),
            b'r' => write_rules(&server, is_open_mp, reply),
            _ => return Reaction::Ignored,
        }
        Reaction::Replied
    }

    /// Returns the range that a reply repeats from its request.
    fn token(&self) -> Range<usize> {
        0..11
    }
}

fn write_info(server: &SimulatedServer, out: &mut Vec<u8>) {
    out.push(server.has_password.into());
    for count in [server.players.len(), server.max_players] {
        out.extend_from_slice(&(count as u16).to_le_bytes());
    }
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

/// Appends a text of at most 255 bytes, after its length.
fn write_text(text: &str, out: &mut Vec<u8>) {
    let text = &text.as_bytes()[..text.len().min(255)];
    out.push(text.len() as u8);
    out.extend_from_slice(text);
}
