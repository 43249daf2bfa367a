//! Quake II servers (`SV_StatusString` in `sv_main.c`), and their master.

use std::fmt::Write;

use super::SimulatedServer;
use crate::sim::listed::{Listed, write_entry};
use crate::sim::plan::Plan;
use crate::sim::simulated_host::{HostContext, Reaction, SimulatedHost};

const HEADER: &str = "print\n";
/// The maximum length of a status in bytes: `MAX_MSGLEN` less 16. A server leaves out the players that do not fit.
const LONGEST: usize = 1384;

/// The faults of servers, which differ from Quake II's own: a message before the settings; bots that are counted and
/// not listed; an address after each name.
pub(in crate::sim) const QUAKE2_FAULTS: [&str; 3] = ["preface", "hidden-bots", "addresses"];

/// All servers of a fleet.
#[derive(Debug)]
pub(crate) struct Quake2Servers {
    listed: Listed,
}

impl Quake2Servers {
    pub(crate) fn new(plan: &Plan) -> Quake2Servers {
        Quake2Servers { listed: Listed::new(plan) }
    }
}

impl SimulatedHost for Quake2Servers {
    fn answer(&mut self, context: &HostContext, request: &[u8], reply: &mut Vec<u8>) -> Reaction {
        if !request.starts_with(b"\xff\xff\xff\xffstatus") {
            return Reaction::Ignored;
        }
        let server = SimulatedServer::new(context);
        reply.extend_from_slice(&[0xff; 4]);
        reply.extend_from_slice(HEADER.as_bytes());
        reply.extend_from_slice(status(&server, context.fault).as_bytes());
        Reaction::Replied
    }

    /// Cuts the settings off before their end.
    fn garbage(&mut self, context: &HostContext, request: &[u8], reply: &mut Vec<u8>) -> Reaction {
        let reaction = self.answer(context, request, reply);
        reply.truncate(4 + HEADER.len() + 12);
        reaction
    }

    fn lists(&self, request: &[u8]) -> u32 {
        u32::from(request.starts_with(b"query"))
    }

    fn write_list(&self, _: &[u8], _: u32, out: &mut Vec<u8>) {
        out.extend_from_slice(b"\xff\xff\xff\xffservers ");
        self.listed.page(0, self.listed.hosts).for_each(|server| write_entry(server, out));
    }
}

fn status(server: &SimulatedServer, fault: Option<&str>) -> String {
    let SimulatedServer { name, map, max_players, has_password, players } = server;
    let (needpass, hidden) = (u8::from(*has_password), fault == Some("hidden-bots"));
    let mut text = String::new();
    if fault == Some("preface") {
        text += "Server is up to date.\n";
    }
    // Writing to a text cannot fail, here and below.
    let _ = write!(
        text,
        "\\mapname\\{map}\\gamename\\baseq2\\gamedate\\Jan  1 2024\\cheats\\0\\timelimit\\20\\fraglimit\\30\
         \\dmflags\\16\\deathmatch\\1\\needpass\\{needpass}\\version\\R1Q2 b8012 x86_64\\hostname\\{name}\\maxclients\\{max_players}"
    );
    if hidden {
        let _ = write!(text, "\\bots\\{}", server.bots());
    }
    text.push('\n');
    for player in players.iter().filter(|player| !(hidden && player.is_bot)) {
        let address = if fault == Some("addresses") { " \"127.0.0.1\"" } else { "" };
        let line = format!("{} {} \"{}\"{address}\n", player.score, player.ping, player.name);
        if text.len() + line.len() < LONGEST {
            text += &line;
        }
    }
    text
}
