//! The masters, which list servers.

use std::fmt;
use std::net::SocketAddr;

use allears::engine::{Completion, Outcome};
use allears::protocol::games::{Game, GameAnswer, GameConversation, MAX_LISTED};

use crate::cli::console::Console;
use crate::cli::output::record::Record;
use crate::cli::targets;

/// The masters of one sweep: all queried at its start.
#[derive(Debug, Default)]
pub struct Masters {
    /// Their addresses, and the names that the user gave.
    named: Vec<(SocketAddr, String)>,
    /// How many the user named, or the game has.
    asked: usize,
    queried: usize,
    ended: usize,
    answered: usize,
}

impl Masters {
    /// Resolves the names. Warns about a name that does not resolve.
    pub fn resolve(names: &[String], game: &Game, console: &Console) -> Masters {
        let mut masters = Masters { asked: names.len(), ..Masters::default() };
        for name in names {
            let resolved = targets::parse(name, Some(game.master_port)).and_then(targets::resolved);
            match resolved.map(Vec::from_iter).as_deref() {
                Ok([address]) => {
                    if masters.named.iter().all(|(known, _)| known != address) {
                        masters.named.push((*address, name.clone()));
                    }
                }
                Ok(_) => console.warn(format_args!("master {name}: not a single address")),
                Err(reason) => console.warn(format_args!("master {name}: {reason}")),
            }
        }
        masters
    }

    /// Returns the next master to query.
    pub fn next(&mut self) -> Option<SocketAddr> {
        let (address, _) = self.named.get(self.queried)?;
        self.queried += 1;
        Some(*address)
    }

    /// Returns whether more lists may follow.
    pub fn are_open(&self) -> bool {
        self.ended < self.named.len()
    }

    pub fn is_empty(&self) -> bool {
        self.named.is_empty()
    }

    /// Returns whether there are masters, and none answered.
    pub fn have_failed(&self) -> bool {
        self.answered == 0 && self.asked > 0
    }

    /// Handles the completion of a master, and warns if it failed.
    pub fn conclude(&mut self, completion: &Completion<GameConversation, GameAnswer, ()>, console: &Console) {
        self.ended += 1;
        let master = completion.target;
        let known = self.named.iter().find(|(address, _)| *address == master);
        let name = known.map_or_else(|| master.to_string(), |(_, name)| name.clone());
        match &completion.outcome {
            Outcome::Answered(GameAnswer::List { listed, complete, is_cut, rejected }) => {
                self.answered += 1;
                let warn = |what: fmt::Arguments<'_>| console.warn(format_args!("master {name}: {what}"));
                if *is_cut {
                    warn(format_args!("its list has more than {MAX_LISTED} entries: the rest was not read"));
                } else if !complete {
                    warn(format_args!("the end of its list is missing; {listed} servers were received"));
                } else if listed + rejected.total() == 0 {
                    warn(format_args!("lists no servers"));
                }
                if rejected.total() > 0 {
                    let (total, entries) = (rejected.total(), listed + rejected.total());
                    let hint =
                        if rejected.reserved + rejected.own > 0 { " (see --allow-reserved)" } else { "" };
                    warn(format_args!(
                        "{total} of {entries} listed servers are not queried: {rejected}{hint}"
                    ));
                }
            }
            Outcome::Interrupted => {}
            _ => {
                let Record { outcome, reason, .. } = Record::new(completion);
                console.warn(format_args!("master {name}: {outcome}: {}", reason.unwrap_or_default()));
            }
        }
    }
}
