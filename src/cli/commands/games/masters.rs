//! The masters that are asked for servers.

use std::net::SocketAddr;

use allears::engine::Outcome;
use allears::protocol::quake3::{Answer, Game};

use crate::cli::console::Console;
use crate::cli::targets;

/// Masters of one sweep: asked at its start, all at once.
#[derive(Debug, Default)]
pub struct Masters {
    /// With the names that the user knows them by.
    named: Vec<(SocketAddr, String)>,
    asked: usize,
    ended: usize,
    answered: usize,
}

impl Masters {
    /// Resolves the names; what is no address, and has none, is a warning.
    pub fn resolve(names: &[String], game: &Game, console: &Console) -> Masters {
        let mut masters = Masters::default();
        for name in names {
            let resolved = targets::parse(name, Some(game.master_port)).and_then(targets::resolved);
            match resolved.map(Vec::from_iter).as_deref() {
                Ok([address]) => {
                    if masters.named.iter().all(|(known, _)| known != address) {
                        masters.named.push((*address, name.clone()));
                    }
                }
                Ok(_) => console.warn(format_args!("master {name}: not one address")),
                Err(reason) => console.warn(format_args!("master {name}: {reason}")),
            }
        }
        masters
    }

    /// The next master to ask.
    pub fn next(&mut self) -> Option<SocketAddr> {
        let (address, _) = self.named.get(self.asked)?;
        self.asked += 1;
        Some(*address)
    }

    /// Whether lists may still come.
    pub fn are_open(&self) -> bool {
        self.ended < self.named.len()
    }

    pub fn is_empty(&self) -> bool {
        self.named.is_empty()
    }

    pub fn answered(&self) -> usize {
        self.answered
    }

    /// Takes the end of the conversation with a master, and says what is wrong with it.
    pub fn conclude(&mut self, master: SocketAddr, outcome: &Outcome<Answer>, console: &Console) {
        self.ended += 1;
        let known = self.named.iter().find(|(address, _)| *address == master);
        let name = known.map_or_else(|| master.to_string(), |(_, name)| name.clone());
        match outcome {
            Outcome::Answered(Answer::Servers { heard, complete }) => {
                self.answered += 1;
                if !complete {
                    console.warn(format_args!(
                        "master {name}: the end of its list is missing; {heard} servers were heard"
                    ));
                } else if *heard == 0 {
                    console.warn(format_args!("master {name}: lists no server"));
                }
            }
            Outcome::Interrupted => {}
            Outcome::Malformed(reason) => console.warn(format_args!("master {name}: {reason}")),
            Outcome::Unreachable(report) => {
                console.warn(format_args!("master {name}: cannot be reached: {report}"))
            }
            Outcome::SendFailed(_) => console.warn(format_args!("master {name}: cannot be sent to")),
            Outcome::Silent | Outcome::Answered(_) => {
                console.warn(format_args!("master {name}: did not answer"))
            }
        }
    }
}
