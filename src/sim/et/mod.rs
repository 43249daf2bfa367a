//! Enemy Territory: `server` has the replies of a game server, `master` the list of all servers.

mod master;
mod server;

use master::ListRequest;
use server::{GameRequest, GameServer, write_forgery};

use super::dice::Dice;
use super::listed::Listed;
use super::plan::Plan;
use super::simulated_host::{HostContext, Reaction, SimulatedHost, write_altered};

/// The start of every datagram of the Quake 3 family that belongs to no connection.
const HEAD: [u8; 4] = [0xff; 4];

/// All game servers of a fleet, and their master.
#[derive(Debug)]
pub(super) struct GameServers {
    /// The wanted player's name, which no other player's name may contain.
    reserved: Option<String>,
    listed: Listed,
}

impl GameServers {
    pub(super) fn new(plan: &Plan) -> GameServers {
        GameServers { reserved: plan.wanted.clone(), listed: Listed::new(plan) }
    }
}

impl SimulatedHost for GameServers {
    /// Keeps only the request: a status has up to 1,400 bytes.
    fn answer(&mut self, _: &HostContext, request: &[u8], kept: &mut Vec<u8>) -> Reaction {
        if GameRequest::parse(request).is_none() {
            return Reaction::Ignored;
        }
        kept.extend_from_slice(request);
        Reaction::Replied
    }

    fn garbage(&mut self, context: &HostContext, request: &[u8], kept: &mut Vec<u8>) -> Reaction {
        self.answer(context, request, kept)
    }

    fn finish(&mut self, context: &HostContext, kept: &[u8], _: u32, out: &mut Vec<u8>) {
        let &HostContext { seed, host, .. } = context;
        // Only requests are kept.
        let Some(request) = GameRequest::parse(kept) else { return };
        let (wanted, reserved) = (context.wanted.as_deref(), self.reserved.as_deref());
        let server = GameServer { seed, host, wanted, reserved };
        if context.garbage { server.write_garbage(request, out) } else { server.write_reply(request, out) }
    }

    fn forge(&mut self, _: &HostContext, request: &[u8], dice: &mut Dice, out: &mut Vec<u8>) {
        match GameRequest::parse(request) {
            Some(request) => write_forgery(request, dice, out),
            None => write_altered(request, dice, out),
        }
    }

    fn lists(&self, request: &[u8]) -> u32 {
        ListRequest::parse(request).map_or(0, |request| request.datagrams(&self.listed))
    }

    fn write_list(&self, request: &[u8], number: u32, out: &mut Vec<u8>) {
        if let Some(request) = ListRequest::parse(request) {
            request.write(&self.listed, number, out);
        }
    }
}
