//! Multi Theft Auto servers, which speak the protocol of the All-Seeing Eye (`ASE.cpp` of mtasa-blue).

use std::ops::Range;

use super::SimulatedServer;
use crate::sim::simulated_host::{HostContext, Reaction, SimulatedHost};

/// The bits of all fields of a player. Team, skin and time are sent, but empty.
const ALL_FIELDS: u8 = 0x3f;

/// All servers of a fleet.
#[derive(Debug)]
pub(crate) struct MtaServers;

impl SimulatedHost for MtaServers {
    fn answer(&mut self, context: &HostContext, request: &[u8], reply: &mut Vec<u8>) -> Reaction {
        if request.first() != Some(&b's') {
            return Reaction::Ignored;
        }
        let server = SimulatedServer::new(context);
        let (players, slots) = (server.players.len().to_string(), server.max_players.to_string());
        let password = server.password_flag();
        reply.extend_from_slice(b"EYE1");
        for text in ["mta", "22003", &server.name, "MTA:SA", server.map, "1.6", password, &players, &slots] {
            write_text(text, reply);
        }
        for text in ["gravity", "0.008", ""] {
            write_text(text, reply);
        }
        for player in &server.players {
            reply.push(ALL_FIELDS);
            let (score, ping) = (player.score.to_string(), player.ping.to_string());
            for text in [player.name.as_str(), "", "", &score, &ping, ""] {
                write_text(text, reply);
            }
        }
        Reaction::Replied
    }

    /// Returns the range of the header: nothing else identifies a reply.
    fn token(&self) -> Range<usize> {
        0..4
    }
}

/// Appends a text of at most 254 bytes, after its length, which counts itself.
fn write_text(text: &str, out: &mut Vec<u8>) {
    let text = &text.as_bytes()[..text.len().min(254)];
    out.push(text.len() as u8 + 1);
    out.extend_from_slice(text);
}
