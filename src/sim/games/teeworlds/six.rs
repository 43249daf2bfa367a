//! Servers of version 0.6: plain ones, DDNet's, and old ones with room for 64 players.

use super::{HEAD, is_playing, master};
use crate::protocol::games::write_integer;
use crate::sim::dice::Dice;
use crate::sim::games::server::{SimulatedPlayer, SimulatedServer};
use crate::sim::games::texts::write_texts;
use crate::sim::listed::Listed;
use crate::sim::plan::Plan;
use crate::sim::simulated_host::{HostContext, Reaction, SimulatedHost, write_altered};

/// The maximum number of players in a plain reply.
const PLAIN_PLAYERS: usize = 16;
/// The number of players in a datagram of an old server with 64 slots.
const LEGACY_PLAYERS: usize = 24;
/// The size in bytes above which DDNet's servers begin another datagram. The real one is 1,376; this is less, so that
/// ten players suffice.
const SPLIT_ABOVE: usize = 400;

/// The fault of servers that are queried too often: they omit their players.
pub(crate) const NO_PLAYERS: &str = "no-players";

/// All servers of a fleet, and their master.
#[derive(Debug)]
pub(crate) struct TeeworldsServers {
    listed: Listed,
}

/// The kinds of servers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum SixProgram {
    Plain,
    Ddnet,
    Legacy64,
}

/// A request to a server, with the number that it returns.
#[derive(Clone, Copy, Debug)]
enum SixQuestion {
    /// `gie3` with `xe` in its envelope, and 24 bits.
    Extended(u32),
    /// `gie3`, and eight bits.
    Plain(u8),
    /// `fstd`, and eight bits.
    Legacy64(u8),
}

impl SixQuestion {
    fn parse(request: &[u8]) -> Option<SixQuestion> {
        let (envelope, text) = request.split_at_checked(6)?;
        let (question, token) = (text.get(..8)?, *text.get(8)?);
        match (envelope, question) {
            ([b'x', b'e', high, low, ..], b"\xff\xff\xff\xffgie3") => {
                Some(SixQuestion::Extended(u32::from_be_bytes([0, *high, *low, token])))
            }
            (_, b"\xff\xff\xff\xffgie3") => Some(SixQuestion::Plain(token)),
            (_, b"\xff\xff\xff\xfffstd") => Some(SixQuestion::Legacy64(token)),
            _ => None,
        }
    }
}

impl TeeworldsServers {
    pub(crate) fn new(plan: &Plan) -> TeeworldsServers {
        TeeworldsServers { listed: Listed::new(plan) }
    }
}

impl SimulatedHost for TeeworldsServers {
    /// Keeps only the request, since a reply may have several datagrams.
    fn answer(&mut self, context: &HostContext, request: &[u8], kept: &mut Vec<u8>) -> Reaction {
        if reply_to(context, request).is_empty() {
            return Reaction::Ignored;
        }
        kept.extend_from_slice(request);
        Reaction::Replied
    }

    fn garbage(&mut self, context: &HostContext, request: &[u8], kept: &mut Vec<u8>) -> Reaction {
        self.answer(context, request, kept)
    }

    fn parts(&self, context: &HostContext, kept: &[u8]) -> u32 {
        (reply_to(context, kept).len() as u32).max(1)
    }

    fn finish(&mut self, context: &HostContext, kept: &[u8], part: u32, out: &mut Vec<u8>) {
        let reply = reply_to(context, kept);
        let Some(datagram) = reply.get(part as usize) else { return };
        // A broken reply ends within the version, which follows the number.
        let number_end = HEAD.len() + 4 + datagram[HEAD.len() + 4..].iter().take_while(|&&b| b != 0).count();
        let len = if context.garbage { number_end + 3 } else { datagram.len() };
        out.extend_from_slice(&datagram[..len.min(datagram.len())]);
    }

    fn forge(&mut self, context: &HostContext, request: &[u8], dice: &mut Dice, out: &mut Vec<u8>) {
        let mut altered = request.to_vec();
        if let Some(number) = altered.get_mut(14) {
            *number ^= 1 + dice.below(255) as u8;
        }
        if request.starts_with(b"xe") {
            altered.iter_mut().skip(2).take(2).for_each(|byte| *byte ^= 1 + dice.below(255) as u8);
        }
        match reply_to(context, &altered).first() {
            Some(datagram) => out.extend_from_slice(datagram),
            None => write_altered(request, dice, out),
        }
    }

    fn lists(&self, request: &[u8]) -> u32 {
        request.strip_prefix(HEAD).map_or(0, |question| master::datagrams(&self.listed, question))
    }

    fn write_list(&self, request: &[u8], number: u32, out: &mut Vec<u8>) {
        if let Some(question) = request.strip_prefix(HEAD) {
            out.extend_from_slice(HEAD);
            master::write(&self.listed, question, number, out);
        }
    }
}

/// Returns the datagrams of a reply; none if the server ignores the request.
fn reply_to(context: &HostContext, request: &[u8]) -> Vec<Vec<u8>> {
    let mut server = SimulatedServer::new(context);
    let program = match server.max_players > PLAIN_PLAYERS {
        true if context.seed.is_multiple_of(2) => SixProgram::Legacy64,
        false if context.seed.is_multiple_of(2) => SixProgram::Plain,
        _ => SixProgram::Ddnet,
    };
    let clients = server.players.len();
    if context.fault == Some(NO_PLAYERS) {
        server.players.clear();
    }
    match (SixQuestion::parse(request), program) {
        (Some(SixQuestion::Extended(number)), SixProgram::Ddnet) => extended(&server, clients, number),
        // A server that does not know the envelope ignores it.
        (Some(SixQuestion::Extended(number)), _) => plain(&server, clients, number as u8),
        (Some(SixQuestion::Plain(number)), _) => plain(&server, clients, number),
        (Some(SixQuestion::Legacy64(number)), SixProgram::Ddnet | SixProgram::Legacy64) => {
            legacy(&server, clients, number)
        }
        (Some(SixQuestion::Legacy64(_)), SixProgram::Plain) | (None, _) => vec![],
    }
}

/// Returns the beginning of a datagram.
fn head(kind: &[u8; 4], number: u32) -> Vec<u8> {
    let mut out = [&HEAD[..], kind].concat();
    write_texts(&[&number.to_string()], &mut out);
    out
}

/// Appends the server, with these counts: players, and slots.
fn write_server(server: &SimulatedServer, name: &str, kind: &[u8; 4], counts: [usize; 2], out: &mut Vec<u8>) {
    let is_extended = kind == b"iext";
    write_texts(&[if is_extended { "0.6.4, 16.4" } else { "0.6.4" }, name, server.map], out);
    if is_extended {
        write_texts(&["-1057230911", "1345"], out);
    }
    write_texts(&["CTF", server.password_flag()], out);
    for count in counts.into_iter().chain(counts) {
        write_texts(&[&count.to_string()], out);
    }
    if is_extended {
        write_texts(&[""], out);
    }
}

fn write_player(player: &SimulatedPlayer, is_extended: bool, out: &mut Vec<u8>) {
    let score = player.score.to_string();
    let playing = if is_playing(player) { "1" } else { "0" };
    write_texts(&[&player.name, "Clan", "-1", &score, playing], out);
    if is_extended {
        write_texts(&[""], out);
    }
}

/// Returns a plain reply with at most 16 players. A server with more slots says so in its name
/// (`CServer::CacheServerInfo` of ddnet).
fn plain(server: &SimulatedServer, clients: usize, number: u8) -> Vec<Vec<u8>> {
    let (mut name, mut counts) = (server.name.clone(), [clients, server.max_players]);
    if server.max_players > PLAIN_PLAYERS {
        name = format!("{name} [{clients}/{}]", server.max_players);
        counts = [clients.min(PLAIN_PLAYERS - 1), PLAIN_PLAYERS];
    }
    let mut out = head(b"inf3", number.into());
    write_server(server, &name, b"inf3", counts, &mut out);
    server.players.iter().take(PLAIN_PLAYERS).for_each(|player| write_player(player, false, &mut out));
    vec![out]
}

/// Returns a reply with 24 players in each datagram, and the number of players in earlier ones.
fn legacy(server: &SimulatedServer, clients: usize, number: u8) -> Vec<Vec<u8>> {
    let mut datagrams = Vec::new();
    for offset in (0..server.players.len().max(1)).step_by(LEGACY_PLAYERS) {
        let mut out = head(b"dtsf", number.into());
        write_server(server, &server.name, b"dtsf", [clients, server.max_players], &mut out);
        write_integer(offset as i32, &mut out);
        let players = server.players.iter().skip(offset).take(LEGACY_PLAYERS);
        players.for_each(|player| write_player(player, false, &mut out));
        datagrams.push(out);
    }
    datagrams
}

/// Returns DDNet's reply: as many players in each datagram as fit.
fn extended(server: &SimulatedServer, clients: usize, number: u32) -> Vec<Vec<u8>> {
    let mut datagrams = Vec::new();
    let mut out = head(b"iext", number);
    write_server(server, &server.name, b"iext", [clients, server.max_players], &mut out);
    for player in &server.players {
        if out.len() > SPLIT_ABOVE {
            datagrams.push(std::mem::replace(&mut out, head(b"iex+", number)));
            write_texts(&[&datagrams.len().to_string(), ""], &mut out);
        }
        write_player(player, true, &mut out);
    }
    datagrams.push(out);
    datagrams
}
