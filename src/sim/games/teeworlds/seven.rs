//! Servers of version 0.7, which exchange tokens first (`network_token.cpp`).

use super::{is_playing, master};
use crate::protocol::games::write_integer;
use crate::sim::dice::Dice;
use crate::sim::games::server::SimulatedServer;
use crate::sim::games::texts::write_texts;
use crate::sim::listed::Listed;
use crate::sim::plan::Plan;
use crate::sim::simulated_host::{HostContext, Reaction, SimulatedHost, write_altered};

/// The size of a request for a token (`NET_TOKENREQUEST_DATASIZE`), with its header.
const TOKEN_REQUEST: usize = 7 + 512;
/// The master's token, the same for every client.
const MASTERS_TOKEN: [u8; 4] = *b"mast";

/// All servers of a fleet, and their master.
#[derive(Debug)]
pub(crate) struct Teeworlds7Servers {
    listed: Listed,
}

/// A packet that arrives at a host whose token is known.
enum SevenPacket<'a> {
    /// The request for that token, with the client's.
    TokenRequest([u8; 4]),
    /// A question with both tokens, of which the first field is the client's.
    Question([u8; 4], &'a [u8]),
}

impl SevenPacket<'_> {
    /// Parses a packet; `None` for all that a host with this token drops.
    fn parse(datagram: &[u8], token: [u8; 4]) -> Option<SevenPacket<'_>> {
        let field = |at: usize| datagram.get(at..)?.first_chunk::<4>().copied();
        match datagram {
            [4, 0, 0, 0xff, 0xff, 0xff, 0xff, 5, ..] if datagram.len() >= TOKEN_REQUEST => {
                field(8).map(SevenPacket::TokenRequest)
            }
            [0x21, _, _, _, _, _, _, _, _, 0xff, 0xff, 0xff, 0xff, question @ ..]
                if field(1) == Some(token) =>
            {
                field(5).map(|client| SevenPacket::Question(client, question))
            }
            _ => None,
        }
    }
}

/// Appends the beginning of a packet with both tokens.
fn write_head(client: [u8; 4], token: [u8; 4], out: &mut Vec<u8>) {
    out.push(0x21);
    out.extend_from_slice(&client);
    out.extend_from_slice(&token);
    out.extend_from_slice(&[0xff; 4]);
}

/// Appends the reply to a request for a token.
fn write_token(client: [u8; 4], token: [u8; 4], out: &mut Vec<u8>) {
    out.extend_from_slice(&[4, 0, 0]);
    out.extend_from_slice(&client);
    out.push(5);
    out.extend_from_slice(&token);
}

/// Returns the token that a host gives to the client of `context`.
fn token_of(context: &HostContext) -> [u8; 4] {
    let port = u64::from(context.from.port());
    ((context.seed ^ port) as u32 | 1).to_be_bytes()
}

impl Teeworlds7Servers {
    pub(crate) fn new(plan: &Plan) -> Teeworlds7Servers {
        Teeworlds7Servers { listed: Listed::new(plan) }
    }
}

impl SimulatedHost for Teeworlds7Servers {
    fn answer(&mut self, context: &HostContext, request: &[u8], reply: &mut Vec<u8>) -> Reaction {
        let token = token_of(context);
        match SevenPacket::parse(request, token) {
            Some(SevenPacket::TokenRequest(client)) => write_token(client, token, reply),
            Some(SevenPacket::Question(client, question))
                if question.len() > 4 && question.starts_with(b"gie3") =>
            {
                write_head(client, token, reply);
                reply.extend_from_slice(b"inf3");
                reply.extend_from_slice(&question[4..]);
                write_info(context, reply);
            }
            _ => return Reaction::Ignored,
        }
        Reaction::Replied
    }

    /// Cuts the reply off within the server's version.
    fn garbage(&mut self, context: &HostContext, request: &[u8], reply: &mut Vec<u8>) -> Reaction {
        let reaction = self.answer(context, request, reply);
        reply.truncate(20);
        reaction
    }

    fn forge(&mut self, context: &HostContext, request: &[u8], dice: &mut Dice, out: &mut Vec<u8>) {
        let mut reply = Vec::new();
        if self.answer(context, request, &mut reply) == Reaction::Ignored {
            return write_altered(request, dice, out);
        }
        let at = if reply[0] == 0x21 { 1 } else { 3 };
        out.extend_from_slice(&reply[..at]);
        write_altered(&reply[at..at + 4], dice, out);
        out.extend_from_slice(&reply[at + 4..]);
    }

    fn lists(&self, request: &[u8]) -> u32 {
        match SevenPacket::parse(request, MASTERS_TOKEN) {
            Some(SevenPacket::TokenRequest(_)) => 1,
            Some(SevenPacket::Question(_, question)) => master::datagrams(&self.listed, question),
            None => 0,
        }
    }

    fn write_list(&self, request: &[u8], number: u32, out: &mut Vec<u8>) {
        match SevenPacket::parse(request, MASTERS_TOKEN) {
            Some(SevenPacket::TokenRequest(client)) => write_token(client, MASTERS_TOKEN, out),
            Some(SevenPacket::Question(client, question)) => {
                write_head(client, MASTERS_TOKEN, out);
                master::write(&self.listed, question, number, out);
            }
            None => {}
        }
    }
}

/// Appends the server and its players.
fn write_info(context: &HostContext, out: &mut Vec<u8>) {
    let server = SimulatedServer::new(context);
    write_texts(&["0.7.5", &server.name, "", server.map, "CTF"], out);
    let playing = server.players.iter().filter(|player| is_playing(player)).count();
    let slots = server.max_players;
    for number in [usize::from(server.has_password), 1, playing, slots, server.players.len(), slots] {
        write_integer(number as i32, out);
    }
    for player in &server.players {
        write_texts(&[&player.name, "Clan"], out);
        let kind = i32::from(!is_playing(player)) | if player.is_bot { 2 } else { 0 };
        [-1, player.score, kind].into_iter().for_each(|number| write_integer(number, out));
    }
}
