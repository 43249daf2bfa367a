//! Servers with Unreal Engine 2: a description, rules and players, the latter two in datagrams without numbers.

use super::SimulatedServer;
use super::server::SimulatedPlayer;
use crate::sim::simulated_host::{HostContext, Reaction, SimulatedHost};

/// The faults of servers: texts in UCS-2; datagrams in reverse order; bots that are not counted; a player that is not
/// listed; no reply to requests for the players.
pub(crate) const FAULTS: [&str; 5] =
    ["wide-texts", "reversed-parts", "uncounted-bots", "hidden-players", "no-players"];

const DETAILS: u8 = 0;
const RULES: u8 = 1;
const PLAYERS: u8 = 2;
/// Rules and players together, as qstat requests them.
const RULES_AND_PLAYERS: u8 = 3;
/// The maximum size of a datagram in bytes, like that of real servers.
const SIZE: usize = 450;

/// All servers of a fleet.
#[derive(Debug)]
pub(crate) struct Unreal2Servers;

impl SimulatedHost for Unreal2Servers {
    /// Keeps only the number of the requested section.
    fn answer(&mut self, context: &HostContext, request: &[u8], kept: &mut Vec<u8>) -> Reaction {
        let &[0x77..=0x80, 0, 0, 0, question @ DETAILS..=RULES_AND_PLAYERS] = request else {
            return Reaction::Ignored;
        };
        if question == PLAYERS && context.fault == Some("no-players") {
            return Reaction::Ignored;
        }
        kept.push(question);
        Reaction::Replied
    }

    fn garbage(&mut self, context: &HostContext, request: &[u8], kept: &mut Vec<u8>) -> Reaction {
        self.answer(context, request, kept)
    }

    fn parts(&self, context: &HostContext, kept: &[u8]) -> u32 {
        let &[question] = kept else { return 1 };
        if context.garbage { 1 } else { reply_to(context, question).len() as u32 }
    }

    fn finish(&mut self, context: &HostContext, kept: &[u8], part: u32, out: &mut Vec<u8>) {
        let &[question] = kept else { return };
        let mut parts = reply_to(context, question);
        let part = parts.swap_remove(part as usize);
        out.extend_from_slice(if context.garbage { &part[..5] } else { &part });
    }
}

/// Returns the datagrams of the reply to a question.
fn reply_to(context: &HostContext, question: u8) -> Vec<Vec<u8>> {
    if question == RULES_AND_PLAYERS {
        return [reply_to(context, RULES), reply_to(context, PLAYERS)].concat();
    }
    let server = SimulatedServer::new(context);
    let is_wide = context.fault == Some("wide-texts");
    let entries = match question {
        DETAILS => vec![details(context, &server, is_wide)],
        RULES => rules(is_wide),
        _ => {
            let hidden = usize::from(context.fault == Some("hidden-players"));
            let listed = server.players.iter().skip(hidden).enumerate();
            listed.map(|(at, player)| entry(at, player, is_wide)).collect()
        }
    };
    let head = [0x80, 0, 0, 0, question];
    let mut parts = vec![head.to_vec()];
    for entry in entries {
        let last = parts.len() - 1;
        if parts[last].len() + entry.len() > SIZE && parts[last].len() > head.len() {
            parts.push([&head[..], &entry].concat());
        } else {
            parts[last].extend_from_slice(&entry);
        }
    }
    if context.fault == Some("reversed-parts") {
        parts.reverse();
    }
    parts
}

fn details(context: &HostContext, server: &SimulatedServer, is_wide: bool) -> Vec<u8> {
    let uncounted = if context.fault == Some("uncounted-bots") { server.bots() } else { 0 };
    let mut out = vec![0; 4];
    out.extend(text("", false));
    out.extend(7777u32.to_le_bytes());
    out.extend([0; 4]);
    let name = format!("\u{1b}\u{f8}\u{40}\u{40}{}", server.name);
    for field in [name.as_str(), server.map, "xDeathMatch"] {
        out.extend(text(field, is_wide));
    }
    out.extend(((server.players.len() - uncounted) as u32).to_le_bytes());
    out.extend((server.max_players as u32).to_le_bytes());
    // The ping and the flags.
    out.extend([0; 8]);
    out.extend(text("2", is_wide));
    out.extend([0; 2]);
    out
}

fn rules(is_wide: bool) -> Vec<Vec<u8>> {
    let mut rules = vec![("ServerMode", "dedicated"), ("ServerVersion", "3369"), ("GamePassword", "false")];
    rules.extend(
        ["MutLowGrav", "MutZoomMod", "KillingFloorMut", "DMMutator"]
            .repeat(6)
            .iter()
            .map(|name| ("Mutator", *name)),
    );
    rules.iter().map(|(key, value)| [text(key, is_wide), text(value, is_wide)].concat()).collect()
}

fn entry(at: usize, player: &SimulatedPlayer, is_wide: bool) -> Vec<u8> {
    let team = 1u32 << (29 + at % 2);
    [
        &(at as u32 + 1).to_le_bytes()[..],
        &text(&player.name, is_wide),
        &u32::from(player.ping).to_le_bytes(),
        &player.score.to_le_bytes(),
        &team.to_le_bytes(),
    ]
    .concat()
}

/// Encodes a text and its terminating zero, after the number of characters as a compact index. An empty text has no
/// zero.
fn text(text: &str, is_wide: bool) -> Vec<u8> {
    if text.is_empty() {
        return vec![0];
    }
    let length = text.chars().count() + 1;
    let mut out = vec![(length & 0x3f) as u8 | if is_wide { 0x80 } else { 0 }];
    if length > 0x3f {
        out[0] |= 0x40;
        out.push((length >> 6) as u8);
    }
    for c in text.chars().chain(['\0']) {
        out.push(c as u8);
        out.extend(is_wide.then_some((c as u32 >> 8) as u8));
    }
    out
}
