//! The replies of one server.

use super::{A2sFault, ClientRequest, WHOLE};
use crate::sim::dice::Dice;
use crate::sim::games::SimulatedServer;
use crate::sim::games::texts::write_texts;
use crate::sim::simulated_host::HostContext;

/// The number of bytes in a part. Real servers split packets of more than 1,200 bytes; the packets of simulated ones
/// are shorter.
const PART: usize = 240;

/// One server, and the client that it replies to.
#[derive(Debug)]
pub(super) struct Replies<'a> {
    pub(super) context: &'a HostContext,
    pub(super) fault: Option<A2sFault>,
}

impl Replies<'_> {
    /// Returns the datagrams of the reply.
    pub(super) fn to(&self, request: ClientRequest, challenge: Option<[u8; 4]>) -> Vec<Vec<u8>> {
        let is_challenged = challenge == Some(self.challenge())
            || (request == ClientRequest::Info && self.fault.is_some_and(A2sFault::has_open_info));
        if !is_challenged {
            return match self.fault {
                Some(A2sFault::ShortChallenge) => vec![packet(b'E', &[0, 0])],
                _ => vec![packet(b'A', &self.challenge())],
            };
        }
        let server = SimulatedServer::new(self.context);
        match request {
            ClientRequest::Info if self.fault == Some(A2sFault::Double) => {
                vec![packet(b'm', &old_info(&server)), packet(b'I', &self.info(&server))]
            }
            ClientRequest::Info => vec![packet(b'I', &self.info(&server))],
            ClientRequest::Players => {
                let list = self.split(packet(b'D', &self.players(&server)));
                if self.fault == Some(A2sFault::Double) { [list.clone(), list].concat() } else { list }
            }
            ClientRequest::Rules => self.split(packet(b'E', &rules(&server))),
        }
    }

    /// Returns the challenge of this client: the same each time.
    fn challenge(&self) -> [u8; 4] {
        let number = Dice::new(self.context.seed ^ u64::from(self.context.from.port())).next();
        (number as u32 & i32::MAX as u32).to_le_bytes()
    }

    fn is_goldsrc(&self) -> bool {
        matches!(self.fault, Some(A2sFault::GoldSrc | A2sFault::Double))
    }

    fn info(&self, server: &SimulatedServer) -> Vec<u8> {
        let (protocol, folder, game, app): (_, _, _, u16) = match self.is_goldsrc() {
            true => (48, "cstrike", "Counter-Strike", 10),
            false => (17, "cstrike", "Counter-Strike: Source", 240),
        };
        let mut out = vec![protocol];
        write_texts(&[&server.name, server.map, folder, game], &mut out);
        out.extend_from_slice(&app.to_le_bytes());
        let counts = [server.players.len(), server.max_players, server.bots()];
        out.extend(counts.map(|count| count as u8));
        out.extend_from_slice(&[b'd', b'l', server.has_password.into(), 1]);
        write_texts(&["1.40.2.1"], &mut out);
        // The port, the keywords and the game ID follow.
        out.push(0x80 | 0x20 | 0x01);
        out.extend_from_slice(&27015u16.to_le_bytes());
        write_texts(&["simulated,secure"], &mut out);
        out.extend_from_slice(&u64::from(app).to_le_bytes());
        out
    }

    fn players(&self, server: &SimulatedServer) -> Vec<u8> {
        let mut out = vec![server.players.len() as u8];
        for player in &server.players {
            out.push(0);
            write_texts(&[&player.name], &mut out);
            out.extend_from_slice(&player.score.to_le_bytes());
            out.extend_from_slice(&(player.seconds as f32).to_le_bytes());
        }
        if self.fault == Some(A2sFault::TruncatedList) && !server.players.is_empty() {
            out.truncate(out.len() - 6);
        }
        out
    }

    /// Splits a packet, unless it fits one datagram.
    fn split(&self, packet: Vec<u8>) -> Vec<Vec<u8>> {
        if packet.len() <= PART {
            return vec![packet];
        }
        let id = Dice::new(self.context.seed ^ self.context.now.as_nanos()).next() as u32 & 0x7fff;
        #[cfg(feature = "bzip2")]
        if self.fault == Some(A2sFault::Bzip2) {
            return self.parts(id | 1 << 31, &compress(&packet));
        }
        self.parts(id, &packet)
    }

    fn parts(&self, id: u32, content: &[u8]) -> Vec<Vec<u8>> {
        let total = content.len().div_ceil(PART) as u8;
        let header = |number: u8| match self.is_goldsrc() {
            true => vec![number << 4 | total],
            false => [&[total, number][..], &(PART as u16).to_le_bytes()].concat(),
        };
        let parts = content.chunks(PART).zip(0..);
        let id = id.to_le_bytes();
        parts.map(|(part, number)| [b"\xfe\xff\xff\xff", &id[..], &header(number), part].concat()).collect()
    }
}

impl A2sFault {
    /// Returns whether INFO needs no challenge.
    fn has_open_info(self) -> bool {
        matches!(self, A2sFault::GoldSrc | A2sFault::Double | A2sFault::ShortChallenge)
    }
}

fn packet(kind: u8, body: &[u8]) -> Vec<u8> {
    [&WHOLE, &[kind][..], body].concat()
}

/// Returns the old layout of GoldSrc.
fn old_info(server: &SimulatedServer) -> Vec<u8> {
    let mut out = Vec::new();
    write_texts(&["127.0.0.1:27015", &server.name, server.map, "cstrike", "Counter-Strike"], &mut out);
    out.extend_from_slice(&[server.players.len() as u8, server.max_players as u8, 47, b'd', b'l']);
    out.extend_from_slice(&[server.has_password.into(), 0, 1, server.bots() as u8]);
    out
}

fn rules(server: &SimulatedServer) -> Vec<u8> {
    let max_players = server.max_players.to_string();
    let rules = [
        ["deathmatch", "1"],
        ["mp_friendlyfire", "0"],
        ["mp_timelimit", "30"],
        ["sv_airaccelerate", "12"],
        ["sv_contact", "admin@example.org"],
        ["sv_gravity", "800"],
        ["sv_password", server.password_flag()],
        ["sv_tags", "simulated,secure"],
        ["sv_visiblemaxplayers", &max_players],
        ["tv_name", "A relay whose name is long enough that all of the rules need two parts"],
    ];
    let mut out = (rules.len() as u16).to_le_bytes().to_vec();
    write_texts(rules.as_flattened(), &mut out);
    out
}

/// Returns the length and the checksum of a packet, and the packet in bzip2.
#[cfg(feature = "bzip2")]
fn compress(packet: &[u8]) -> Vec<u8> {
    use std::io::Read;

    use crate::protocol::games::crc32;

    let mut content = [(packet.len() as u32).to_le_bytes(), crc32(packet).to_le_bytes()].concat();
    // Reading from memory does not fail.
    let _ = bzip2::read::BzEncoder::new(packet, bzip2::Compression::fast()).read_to_end(&mut content);
    content
}
