//! The masters, which list servers.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, Sender};

use allears::engine::{Completion, Outcome};
use allears::protocol::games::{Game, GameAnswer, GameConversation};

use crate::cli::console::Console;
use crate::cli::output::record::Record;
use crate::cli::resolvers::Resolvers;
use crate::cli::targets::{self, Span};

/// A name that the user gave, and its addresses or the reason why it has none.
type Resolved = (String, Result<Span, String>);

/// The masters of one sweep: each queried as soon as its name is resolved.
#[derive(Debug)]
pub struct Masters {
    /// Receives names as they are resolved.
    resolved: Receiver<Resolved>,
    unresolved: usize,
    /// Their addresses, and the names that the user gave.
    named: Vec<(SocketAddr, String)>,
    /// The number of masters that the user named, or that the game has.
    asked: usize,
    queried: usize,
    ended: usize,
    answered: usize,
}

impl Masters {
    /// Starts to resolve the names. Other threads call `wake` after each of them.
    pub fn resolve(names: &[String], game: &Game, wake: impl Fn() + Send + Sync + 'static) -> Masters {
        let ((results, resolved), wake) = (mpsc::channel(), Arc::new(wake));
        let mut resolvers = Resolvers::default();
        for name in names {
            resolve(name.clone(), game, results.clone(), wake.clone(), &mut resolvers);
        }
        let asked = names.len();
        Masters { resolved, unresolved: asked, named: vec![], asked, queried: 0, ended: 0, answered: 0 }
    }

    /// Returns the next master to query. Warns about names that do not resolve.
    pub fn next(&mut self, console: &Console) -> Option<SocketAddr> {
        while let Ok((name, result)) = self.resolved.try_recv() {
            self.unresolved -= 1;
            match result.map(Vec::from_iter).as_deref() {
                Ok([address]) => {
                    if self.named.iter().all(|(known, _)| known != address) {
                        self.named.push((*address, name));
                    }
                }
                Ok(_) => console.warn(format_args!("master {name}: it must be one address, not a range")),
                Err(reason) => console.warn(format_args!("master {name}: {reason}")),
            }
        }
        let (address, _) = self.named.get(self.queried)?;
        self.queried += 1;
        Some(*address)
    }

    /// Starts to query all masters again, unless some are still open.
    pub fn query_again(&mut self) {
        if !self.are_open() {
            (self.queried, self.ended) = (0, 0);
        }
    }

    /// Returns whether more lists may follow.
    pub fn are_open(&self) -> bool {
        self.unresolved > 0 || self.ended < self.named.len()
    }

    /// Returns whether there are no masters.
    pub fn is_empty(&self) -> bool {
        self.asked == 0
    }

    /// Returns whether there are masters, and none answered.
    pub fn have_failed(&self) -> bool {
        self.answered == 0 && self.asked > 0
    }

    /// Handles the completion of a master, and warns if it failed.
    pub fn conclude<T>(
        &mut self,
        completion: &Completion<GameConversation, GameAnswer, T>,
        console: &Console,
    ) {
        self.ended += 1;
        let master = completion.target;
        let known = self.named.iter().find(|(address, _)| *address == master);
        let name = known.map_or_else(|| master.to_string(), |(_, name)| name.clone());
        match &completion.outcome {
            Outcome::Answered(GameAnswer::List { listed, complete, is_cut, rejected }) => {
                self.answered += 1;
                let warn = |what: fmt::Arguments<'_>| console.warn(format_args!("master {name}: {what}"));
                if *is_cut {
                    warn(format_args!(
                        "its list is too long: the rest after {} entries was not read",
                        listed + rejected.total()
                    ));
                } else if !complete {
                    warn(format_args!("its list may be incomplete; {listed} servers were received"));
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

/// Sends the addresses of a name to `results`, at once or when another thread has resolved it.
fn resolve(
    name: String,
    game: &Game,
    results: Sender<Resolved>,
    wake: Arc<impl Fn() + Send + Sync + 'static>,
    resolvers: &mut Resolvers,
) {
    let parsed = targets::parse(&name, Some(game.master_port));
    let task = move || {
        // Nothing receives it once the sweep has ended.
        let _ = results.send((name, parsed.and_then(targets::resolved)));
        wake();
        Ok(())
    };
    // The sweep has not started.
    let _ = resolvers.run(Box::new(task));
}
