//! The masters, which list servers.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, Sender};

use allears::engine::{Completion, Outcome};
use allears::protocol::games::{Game, GameAnswer, GameConversation};

use crate::cli::console::Console;
use crate::cli::names::{NameRules, Resolver};
use crate::cli::output::record::Record;
use crate::cli::targets::{self, Target};

/// A name that the user gave, and its address or the reason why it has none.
type ResolvedMaster = (String, Result<SocketAddr, String>);

/// The masters of one sweep: each queried as soon as its name is resolved.
#[derive(Debug)]
pub struct Masters {
    /// Receives names as they are resolved.
    resolved: Receiver<ResolvedMaster>,
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
    pub fn resolve(
        names: &[String],
        game: &Game,
        rules: NameRules,
        wake: impl Fn() + Send + Sync + 'static,
    ) -> Masters {
        let ((results, resolved), wake) = (mpsc::channel(), Arc::new(wake));
        // One address is enough.
        let mut resolver = Resolver::new(NameRules { all: false, ..rules });
        for name in names {
            resolve(name.clone(), game, results.clone(), wake.clone(), &mut resolver);
        }
        let asked = names.len();
        Masters { resolved, unresolved: asked, named: vec![], asked, queried: 0, ended: 0, answered: 0 }
    }

    /// Returns the next master to query. Warns about names that do not resolve.
    pub fn next(&mut self, console: &Console) -> Option<SocketAddr> {
        while let Ok((name, result)) = self.resolved.try_recv() {
            self.unresolved -= 1;
            match result {
                Ok(address) => {
                    if self.named.iter().all(|(known, _)| *known != address) {
                        self.named.push((address, name));
                    }
                }
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

/// Sends the address of a name to `results`, at once or when another thread has resolved it.
fn resolve(
    name: String,
    game: &Game,
    results: Sender<ResolvedMaster>,
    wake: Arc<impl Fn() + Send + Sync + 'static>,
    resolver: &mut Resolver,
) {
    let target = targets::parse(&name, Some(game.master_port));
    let deliver = move |found: Result<Vec<SocketAddr>, String>| {
        let address = found.and_then(|found| match found[..] {
            [address] => Ok(address),
            _ => Err("it must be one address, not a range".into()),
        });
        // Nothing receives it once the sweep has ended.
        let _ = results.send((name, address));
        wake();
        Ok(())
    };
    // The sweep has not started: nothing has stopped it.
    let _ = match target {
        Ok(Target::Name(name)) => resolver.resolve(
            name,
            Box::new(move |found| {
                deliver(found.map_err(|cause| format!("cannot resolve the name: {cause}")))
            }),
        ),
        Ok(Target::Span(span)) => deliver(Ok(span.take(2).collect())),
        Err(reason) => deliver(Err(reason)),
    };
}
