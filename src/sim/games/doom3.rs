//! Doom 3 servers (`ProcessGetInfoMessage` in `AsyncServer.cpp`). They reply to the request of Quake Wars as its
//! servers do.

use std::ops::Range;

use super::SimulatedServer;
use super::server::SimulatedPlayer;
use super::texts::write_texts;
use crate::sim::simulated_host::{HostContext, Reaction, SimulatedHost};

const INFO: &[u8] = b"\xff\xffinfoResponse\0";
const INFO_EX: &[u8] = b"\xff\xffinfoExResponse\0";
/// The player number that ends the list of players.
const NO_PLAYER: u8 = 32;
/// The operating systems of clients that may connect: Windows, Mac, Linux.
const OS_MASK: [u8; 4] = [7, 0, 0, 0];

/// The faults of servers: other games, whose replies to Doom 3's request differ.
pub(in crate::sim) const DOOM3_FAULTS: [&str; 2] = ["quake4", "quake-wars"];

/// All servers of a fleet.
#[derive(Debug)]
pub(crate) struct Doom3Servers;

/// The game of a server.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Doom3Kind {
    Doom3,
    Quake4,
    QuakeWars,
}

impl Doom3Kind {
    fn protocol(self) -> u32 {
        match self {
            Doom3Kind::Doom3 => 1 << 16 | 41,
            Doom3Kind::Quake4 => 2 << 16 | 85,
            Doom3Kind::QuakeWars => 10 << 16 | 21,
        }
    }
}

impl SimulatedHost for Doom3Servers {
    fn answer(&mut self, context: &HostContext, request: &[u8], reply: &mut Vec<u8>) -> Reaction {
        let (short, long) =
            (request.strip_prefix(b"\xff\xffgetInfo\0"), request.strip_prefix(b"\xff\xffgetInfoEx\0"));
        let Some(numbers) = short.or(long) else { return Reaction::Ignored };
        let kind = match context.fault {
            _ if long.is_some() => Doom3Kind::QuakeWars,
            Some("quake-wars") => Doom3Kind::QuakeWars,
            Some("quake4") => Doom3Kind::Quake4,
            _ => Doom3Kind::Doom3,
        };
        reply.extend_from_slice(if long.is_some() { INFO_EX } else { INFO });
        // A number that the request lacks reads as -1.
        let count = if kind == Doom3Kind::QuakeWars { 2 } else { 1 };
        reply.extend_from_slice(&[numbers, &[0xff; 8]].concat()[..4 * count]);
        let server = SimulatedServer::new(context);
        write_info(&server, kind, reply);
        if long.is_some() {
            write_achievements(&server, reply);
        }
        Reaction::Replied
    }

    /// Returns the range of the challenge in the reply to `getInfo`. In the other reply, this is a part of the header,
    /// so a change is noticed, too.
    fn token(&self) -> Range<usize> {
        INFO.len()..INFO.len() + 4
    }

    fn garbage(&mut self, context: &HostContext, request: &[u8], reply: &mut Vec<u8>) -> Reaction {
        let reaction = self.answer(context, request, reply);
        reply.truncate(INFO_EX.len() + 14);
        reaction
    }
}

fn write_info(server: &SimulatedServer, kind: Doom3Kind, out: &mut Vec<u8>) {
    let is_quake_wars = kind == Doom3Kind::QuakeWars;
    out.extend_from_slice(&kind.protocol().to_le_bytes());
    if is_quake_wars {
        out.extend_from_slice(&1000u32.to_le_bytes());
    }
    let (map, password) = match kind {
        Doom3Kind::QuakeWars => (format!("maps/{}.entities", server.map), "si_needPass"),
        _ => (format!("game/mp/{}", server.map), "si_usepass"),
    };
    let most = server.max_players.to_string();
    for (key, value) in [
        ("si_version", "1.3.1.1304 linux-x86"),
        ("fs_game", ""),
        ("si_maxPlayers", &most),
        ("si_map", &map),
        ("si_gameType", "deathmatch"),
        ("si_name", &server.name),
        (password, server.password_flag()),
        ("gamename", "base"),
        ("", ""),
    ] {
        write_texts(&[key, value], out);
    }
    for (id, player) in listed(server) {
        out.push(id);
        out.extend_from_slice(&player.ping.to_le_bytes());
        if !is_quake_wars {
            out.extend_from_slice(&25_600u32.to_le_bytes());
        }
        write_texts(&[&player.name], out);
        match kind {
            Doom3Kind::Doom3 => {}
            Doom3Kind::Quake4 => out.extend_from_slice(b"Clan\0"),
            Doom3Kind::QuakeWars => out.extend_from_slice(&[0, b'C', 0, player.is_bot.into()]),
        }
    }
    out.push(NO_PLAYER);
    out.extend_from_slice(&OS_MASK);
    if is_quake_wars {
        // Not ranked, the time left, the state of the game, a regular server, interested clients.
        out.extend_from_slice(&[0, 0x10, 0x27, 0, 0, 2, 0, 1]);
    }
}

/// Appends experience, team, kills and deaths of the players of Quake Wars.
fn write_achievements(server: &SimulatedServer, out: &mut Vec<u8>) {
    for (id, player) in listed(server) {
        out.push(id);
        out.extend_from_slice(&(player.score as f32).to_le_bytes());
        out.extend_from_slice(if id.is_multiple_of(2) { b"gdf\0" } else { b"strogg\0" });
        out.extend_from_slice(&[3, 0, 0, 0, 2, 0, 0, 0]);
    }
    out.push(NO_PLAYER);
}

/// Returns the players with their numbers, at most 32.
fn listed(server: &SimulatedServer) -> impl Iterator<Item = (u8, &SimulatedPlayer)> {
    (0..NO_PLAYER).zip(&server.players)
}
