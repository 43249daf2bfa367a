//! Servers with version 2 of GameSpy's protocol: one reply with the sections that a request names.

use std::ops::Range;

use super::SimulatedServer;
use super::server::SimulatedPlayer;
use super::texts::write_texts;
use crate::sim::simulated_host::{HostContext, Reaction, SimulatedHost};

/// The faults of servers: tables are sent only if they are requested alone; the numbers of rows are missing; the
/// players are hidden.
pub(crate) const FAULTS: [&str; 3] = ["one-section", "no-row-count", "hidden-players"];

/// All servers of a fleet.
#[derive(Debug)]
pub(crate) struct GameSpy2Servers;

impl SimulatedHost for GameSpy2Servers {
    fn answer(&mut self, context: &HostContext, request: &[u8], reply: &mut Vec<u8>) -> Reaction {
        let &[0xfe, 0xfd, 0, a, b, c, d, about, players, teams] = request else { return Reaction::Ignored };
        let server = SimulatedServer::new(context);
        reply.extend_from_slice(&[0, a, b, c, d]);
        if about == 0xff {
            write_server(&server, reply);
            if context.fault == Some("one-section") {
                reply.push(0);
                return Reaction::Replied;
            }
        }
        let is_hidden = context.fault == Some("hidden-players");
        let listed = if is_hidden { &[] } else { &server.players[..] };
        let count = |rows: usize| (context.fault != Some("no-row-count")).then_some(rows);
        if players == 0xff {
            let row = |(at, player): (usize, &SimulatedPlayer)| {
                let (score, ping) = (player.score.to_string(), player.ping.to_string());
                vec![player.name.clone(), score, ping, (at % 2).to_string()]
            };
            let rows: Vec<_> = listed.iter().enumerate().map(row).collect();
            write_table(&["player_", "score_", "ping_", "team_"], &rows, count(rows.len()), reply);
        }
        if teams == 0xff {
            let rows = ["Red", "Blue"].map(|name| vec![name.to_owned(), "0".to_owned()]);
            write_table(&["team_t", "score_t"], &rows, count(rows.len()), reply);
        }
        Reaction::Replied
    }

    fn token(&self) -> Range<usize> {
        1..5
    }
}

fn write_server(server: &SimulatedServer, reply: &mut Vec<u8>) {
    for (key, value) in [
        ("hostname", server.name.as_str()),
        ("gamever", "1.12"),
        ("mapname", server.map),
        ("gametype", "coop"),
        ("numplayers", &server.players.len().to_string()),
        ("maxplayers", &server.max_players.to_string()),
        ("password", server.password_flag()),
    ] {
        write_texts(&[key, value], reply);
    }
    reply.push(0);
}

/// Appends a table, with the number of its rows unless that is `None`.
fn write_table(fields: &[&str], rows: &[Vec<String>], count: Option<usize>, reply: &mut Vec<u8>) {
    reply.push(0);
    reply.extend(count.map(|count| count as u8));
    write_texts(fields, reply);
    reply.push(0);
    for text in rows.iter().flatten() {
        write_texts(&[text], reply);
    }
}
