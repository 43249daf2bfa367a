//! Servers with version 3 of GameSpy's protocol: a handshake, and a status in numbered parts, in which values are cut.
//!
//! They also answer at once, without a handshake, as Battlefield 2 does.

use std::ops::Range;

use super::SimulatedServer;
use super::split_parts::PartWriter;
use super::texts::write_texts;
use crate::sim::dice::Dice;
use crate::sim::simulated_host::{HostContext, Reaction, SimulatedHost};

/// The faults of servers.
pub(crate) const FAULTS: [&str; 3] = ["reversed-parts", "no-challenge", "hidden-players"];

/// The maximum sizes of parts in bytes; each server has one of them.
const SIZES: [usize; 3] = [300, 700, 1400];

/// All servers of a fleet.
#[derive(Debug)]
pub(crate) struct GameSpy3Servers;

impl SimulatedHost for GameSpy3Servers {
    /// Keeps the reply to a handshake; for a status, which is long, only its request.
    fn answer(&mut self, context: &HostContext, request: &[u8], kept: &mut Vec<u8>) -> Reaction {
        let challenge = (Dice::new(context.seed ^ u64::from(context.from.port())).next() as i32) | 1;
        match request {
            [0xfe, 0xfd, 9, session @ ..] if session.len() >= 4 => {
                let challenge = if context.fault == Some("no-challenge") { 0 } else { challenge };
                kept.push(9);
                kept.extend_from_slice(&session[..4]);
                write_texts(&[&challenge.to_string()], kept);
                Reaction::Replied
            }
            [0xfe, 0xfd, 0, rest @ ..] if matches!(rest.len(), 8 | 12) => {
                if rest.len() == 12 && rest[4..8] != challenge.to_be_bytes() {
                    return Reaction::Ignored;
                }
                kept.extend_from_slice(request);
                Reaction::Replied
            }
            _ => Reaction::Ignored,
        }
    }

    fn token(&self) -> Range<usize> {
        1..5
    }

    fn garbage(&mut self, context: &HostContext, request: &[u8], kept: &mut Vec<u8>) -> Reaction {
        self.answer(context, request, kept)
    }

    fn forge(&mut self, context: &HostContext, request: &[u8], dice: &mut Dice, out: &mut Vec<u8>) {
        let mut kept = Vec::new();
        self.answer(context, request, &mut kept);
        let mut forged = Vec::new();
        if kept.is_empty() {
            forged.extend_from_slice(request);
        } else {
            self.finish(context, &kept, 0, &mut forged);
        }
        if let Some(session) = forged.get_mut(1..5) {
            session.iter_mut().for_each(|byte| *byte ^= 1 + dice.below(255) as u8);
        }
        out.extend_from_slice(&forged);
    }

    fn parts(&self, context: &HostContext, kept: &[u8]) -> u32 {
        let is_status = kept.first() == Some(&0xfe) && !context.garbage;
        if is_status { status(context, kept).len() as u32 } else { 1 }
    }

    fn finish(&mut self, context: &HostContext, kept: &[u8], part: u32, out: &mut Vec<u8>) {
        if kept.first() != Some(&0xfe) {
            let end = if context.garbage { 5 } else { kept.len() };
            return out.extend_from_slice(&kept[..end]);
        }
        let mut parts = status(context, kept);
        let part = parts.swap_remove(part as usize);
        out.extend_from_slice(if context.garbage { &part[..8] } else { &part });
    }
}

/// Returns the parts of the status that was requested.
fn status(context: &HostContext, request: &[u8]) -> Vec<Vec<u8>> {
    let server = SimulatedServer::new(context);
    let size = Dice::new(context.seed ^ 3).pick(&SIZES);
    let head = [&[0][..], &request[3..7], b"splitnum\0"].concat();
    let mut parts = PartWriter::new(head, size);
    for (key, value) in [
        ("hostname", server.name.as_str()),
        ("gamename", "simulated"),
        ("gamever", "1.1.1"),
        ("mapname", server.map),
        ("gametype", "conquest"),
        ("numplayers", &server.players.len().to_string()),
        ("maxplayers", &server.max_players.to_string()),
        ("password", server.password_flag()),
        ("timelimit", "20"),
    ] {
        parts.pair(key, value);
    }
    parts.end_pairs();
    let listed = if context.fault == Some("hidden-players") { &[] } else { &server.players[..] };
    parts.section(1);
    for column in ["player_", "score_", "ping_", "team_", "AIBot_"] {
        let values = listed.iter().enumerate().map(|(at, player)| match column {
            "player_" => player.name.clone(),
            "score_" => player.score.to_string(),
            "ping_" => player.ping.to_string(),
            "team_" => (1 + at % 2).to_string(),
            _ => u8::from(player.is_bot).to_string(),
        });
        parts.column(column, values);
    }
    parts.section(2);
    parts.column("team_t", ["red", "blue"].map(String::from).into_iter());
    let mut parts = parts.finish();
    if context.fault == Some("reversed-parts") {
        parts.reverse();
    }
    parts
}
