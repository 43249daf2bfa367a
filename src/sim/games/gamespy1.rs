//! Servers with version 1 of GameSpy's protocol: keys and values between backslashes, in numbered parts.

use super::SimulatedServer;
use crate::sim::dice::Dice;
use crate::sim::simulated_host::{HostContext, Reaction, SimulatedHost};

/// The faults of servers.
pub(crate) const FAULTS: [&str; 5] =
    ["reversed-parts", "no-queryid", "no-final", "stale-players", "hidden-players"];

const REQUEST: &[u8] = b"\\status\\";
/// The maximum sizes of parts in bytes; each server has one of them.
const SIZES: [usize; 3] = [350, 500, 1300];

/// All servers of a fleet.
#[derive(Debug)]
pub(crate) struct GameSpy1Servers;

impl SimulatedHost for GameSpy1Servers {
    /// Keeps only the number of the reply.
    fn answer(&mut self, context: &HostContext, request: &[u8], kept: &mut Vec<u8>) -> Reaction {
        if !request.starts_with(REQUEST) {
            return Reaction::Ignored;
        }
        let id = Dice::new(context.seed ^ context.now.as_nanos()).below(10_000) as u16;
        kept.extend_from_slice(&id.to_be_bytes());
        Reaction::Replied
    }

    fn garbage(&mut self, context: &HostContext, request: &[u8], kept: &mut Vec<u8>) -> Reaction {
        self.answer(context, request, kept)
    }

    fn parts(&self, context: &HostContext, kept: &[u8]) -> u32 {
        let &[high, low] = kept else { return 1 };
        if context.garbage { 1 } else { status(context, u16::from_be_bytes([high, low])).len() as u32 }
    }

    fn finish(&mut self, context: &HostContext, kept: &[u8], part: u32, out: &mut Vec<u8>) {
        let &[high, low] = kept else { return };
        let mut parts = status(context, u16::from_be_bytes([high, low]));
        let part = parts.swap_remove(part as usize);
        // Without its backslash, it is not a status.
        out.extend_from_slice(if context.garbage { &part[1..40] } else { &part });
    }
}

/// Returns the parts of a status. `id` is the server's number for it.
fn status(context: &HostContext, id: u16) -> Vec<Vec<u8>> {
    let server = SimulatedServer::new(context);
    let size = Dice::new(context.seed ^ 1).pick(&SIZES);
    let mut fields = vec![format!(
        "\\gamename\\simulated\\gamever\\1.2\\hostname\\{}\\mapname\\{}\\gametype\\ctf\\numplayers\\{}\
         \\maxplayers\\{}\\password\\{}\\timelimit\\15",
        server.name,
        server.map,
        server.players.len(),
        server.max_players,
        server.password_flag(),
    )];
    let stale = if context.fault == Some("stale-players") { 2 } else { 0 };
    let listed = if context.fault == Some("hidden-players") { 0 } else { server.players.len() };
    for (at, player) in server.players.iter().take(listed).enumerate() {
        fields.push(format!(
            "\\player_{at}\\{}\\frags_{at}\\{}\\ping_{at}\\ {}\\team_{at}\\{}",
            player.name,
            player.score,
            player.ping,
            at % 2
        ));
    }
    for at in listed..listed + stale {
        fields.push(format!("\\player_{at}\\Gone{at}\\frags_{at}\\0\\ping_{at}\\0\\team_{at}\\0"));
    }
    let mut parts = vec![String::new()];
    for field in fields {
        let last = parts.len() - 1;
        if parts[last].len() + field.len() > size {
            parts.push(field);
        } else {
            parts[last].push_str(&field);
        }
    }
    finish(parts, id, context)
}

/// Numbers the parts, and marks the last one.
fn finish(parts: Vec<String>, id: u16, context: &HostContext) -> Vec<Vec<u8>> {
    let count = parts.len();
    let number = |(at, mut part): (usize, String)| {
        let is_last = at + 1 == count && context.fault != Some("no-final");
        // Battlefield 1942 has `final` before the number, Unreal Tournament after it.
        let is_before = context.seed.is_multiple_of(2);
        if is_last && is_before {
            part.push_str("\\final\\");
        }
        if context.fault != Some("no-queryid") {
            part.push_str(&format!("\\queryid\\{id}.{}", at + 1));
        }
        if is_last && !is_before {
            part.push_str("\\final\\");
        }
        part.into_bytes()
    };
    let mut parts: Vec<_> = parts.into_iter().enumerate().map(number).collect();
    if context.fault == Some("reversed-parts") {
        parts.reverse();
    }
    parts
}
