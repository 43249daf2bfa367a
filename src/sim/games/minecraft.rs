//! Minecraft servers that answer queries, as the game's own server does (`QueryThreadGs4`): a challenge belongs to an
//! address and port, each handshake replaces it, and the status returns the session number of the latest handshake.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::ops::Range;

use super::SimulatedServer;
use super::texts::write_texts;
use crate::sim::dice::Dice;
use crate::sim::simulated_host::{HostContext, Reaction, SimulatedHost};

/// The faults of servers: Geyser's header and order of keys; zeros in the message of the day; a hidden player list.
pub(crate) const FAULTS: [&str; 3] = ["geyser", "zeros-in-name", "hidden-players"];

/// The bits of a session number that are kept.
const KEPT: u32 = 0x0f0f_0f0f;

/// All servers of a fleet.
#[derive(Debug, Default)]
pub(crate) struct MinecraftServers {
    /// The latest session number and challenge of each client of a host.
    clients: HashMap<(u32, SocketAddr), (u32, i32)>,
}

impl SimulatedHost for MinecraftServers {
    fn answer(&mut self, context: &HostContext, request: &[u8], reply: &mut Vec<u8>) -> Reaction {
        let client = (context.host, context.from);
        match *request {
            [0xfe, 0xfd, 9, a, b, c, d, ..] => {
                let session = u32::from_be_bytes([a, b, c, d]) & KEPT;
                let nanos = context.now.as_nanos();
                let challenge = Dice::new(context.seed ^ nanos).below(1 << 24) as i32;
                self.clients.insert(client, (session, challenge));
                reply.push(9);
                reply.extend_from_slice(&session.to_be_bytes());
                write_texts(&[&challenge.to_string()], reply);
            }
            // Real servers also answer a shorter request, with a shorter reply. Clients do not use it.
            [0xfe, 0xfd, 0, _, _, _, _, a, b, c, d, _, _, _, _] => {
                let challenge = i32::from_be_bytes([a, b, c, d]);
                match self.clients.get(&client) {
                    Some(&(session, given)) if given == challenge => write_status(context, session, reply),
                    _ => return Reaction::Ignored,
                }
            }
            _ => return Reaction::Ignored,
        }
        Reaction::Replied
    }

    fn token(&self) -> Range<usize> {
        1..5
    }
}

fn write_status(context: &HostContext, session: u32, reply: &mut Vec<u8>) {
    let server = SimulatedServer::new(context);
    let is_geyser = context.fault == Some("geyser");
    let name = match context.fault {
        Some("zeros-in-name") => format!("\0*{}\0", server.name),
        _ => format!("\u{a7}2{}", server.name),
    };
    let (players, slots) = (server.players.len().to_string(), server.max_players.to_string());
    let mut pairs = [
        ("hostname", name.as_str()),
        ("gametype", "SMP"),
        ("game_id", "MINECRAFT"),
        ("version", "1.21.4"),
        ("plugins", "Paper on 1.21.4: WorldEdit 7.3.9; Vault 1.7.3"),
        ("map", server.map),
        ("numplayers", &players),
        ("maxplayers", &slots),
        ("hostport", "25565"),
        ("hostip", "127.0.0.1"),
    ];
    if is_geyser {
        pairs[1..].reverse();
    }
    reply.push(0);
    reply.extend_from_slice(&session.to_be_bytes());
    reply.extend_from_slice(if is_geyser { b"GeyserMC\0\x80\0" } else { b"splitnum\0\x80\0" });
    for (key, value) in pairs {
        write_texts(&[key], reply);
        // Latin-1, as the game sends it.
        reply.extend(value.chars().map(|c| c as u8));
        reply.push(0);
    }
    reply.extend_from_slice(b"\0\x01player_\0\0");
    let listed = server.players.iter().filter(|_| context.fault != Some("hidden-players"));
    for player in listed {
        write_texts(&[&player.name], reply);
    }
    reply.push(0);
}
