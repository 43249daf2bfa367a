//! The servers to query: those that the user names, and those that masters list.

use std::hash::{Hash, Hasher};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use allears::engine::{Completion, Engine};
use allears::protocol::games::{Game, GameAnswer, GameConversation, GameQuestion, Games};

use super::catalogue::Catalogue;
use super::masters::Masters;
use crate::cli::console::Console;
use crate::cli::inputs::{Inputs, Next, Unresolved};
use crate::cli::names::Family;
use crate::cli::output::record::Record;
use crate::cli::stats::millis;

/// The sources of servers.
pub struct Candidates {
    /// The game of targets that name none, and of masters.
    pub game: &'static Game,
    /// The games that targets may name.
    pub catalogue: Catalogue,
    pub inputs: Inputs,
    pub masters: Masters,
    /// The only family of servers that masters list, if there is one.
    pub family: Option<Family>,
    /// True to return a target that the user names even if a master has listed it.
    pub allow_duplicates: bool,
}

/// The result of [`Candidates::next`].
pub enum Candidate {
    /// A server to query.
    Server {
        asked: Asked,
        /// True if the user named it.
        is_named: bool,
        /// The target as typed, if that was a host name.
        name: Option<Arc<str>>,
    },
    /// A target whose name does not resolve, and its game.
    Unresolved(Unresolved, &'static Game),
    /// More servers may follow.
    Waiting,
    /// No more servers follow.
    End,
}

/// A host and the game that it is queried for. It is the tag of a conversation.
#[derive(Clone, Copy, Debug)]
pub struct Asked {
    pub address: SocketAddr,
    pub game: &'static Game,
}

impl Candidates {
    /// Queries the masters whose names are resolved, and returns the next server.
    pub fn next(&mut self, engine: &mut Engine<Games, Asked>, console: &Console) -> Candidate {
        while engine.room() > 0 {
            if let Some(master) = self.masters.next(console) {
                self.ask_master(engine, master);
                continue;
            }
            let next = self.inputs.next(console);
            match next {
                Next::Target(address) => {
                    // A master may list it, too: then it is in the set of all servers.
                    if self.masters.is_empty() || engine.protocol_mut().know(address) || self.allow_duplicates
                    {
                        let asked = Asked { address, game: self.named_game() };
                        return Candidate::Server { asked, is_named: true, name: self.inputs.name() };
                    }
                    continue;
                }
                Next::Unresolved(unresolved) => return Candidate::Unresolved(unresolved, self.named_game()),
                Next::Waiting | Next::End => {}
            }
            return match self.listed(engine.protocol_mut()) {
                Some(asked) => Candidate::Server { asked, is_named: false, name: None },
                None if next == Next::Waiting || self.masters.are_open() => Candidate::Waiting,
                None => Candidate::End,
            };
        }
        Candidate::Waiting
    }

    /// Handles a completion: a master's, and returns `None`; or a server's, and returns its record and its ping.
    pub fn conclude(
        &mut self,
        completion: &Completion<GameConversation, GameAnswer, Asked>,
        console: &Console,
    ) -> Option<(Record, Option<Duration>)> {
        if completion.conversation.is_master() {
            self.masters.conclude(completion, console);
            return None;
        }
        let ping = completion.conversation.ping().or(completion.rtt);
        let mut record = Record::new(completion);
        record.rtt_ms = ping.map(millis).filter(|_| record.outcome == "answered");
        Some((record, ping))
    }

    fn ask_master(&self, engine: &mut Engine<Games, Asked>, master: SocketAddr) {
        // Request servers of both families from a master with an IPv6 address. All masters support the older request,
        // which is for IPv4 only.
        if let Some(question) = GameQuestion::master(self.game, master.is_ipv6()) {
            // There is room.
            let _ = engine.ask(master, question, Asked { address: master, game: self.game });
        }
    }

    /// Returns the next server that a master has listed.
    fn listed(&self, games: &mut Games) -> Option<Asked> {
        let mut listed = std::iter::from_fn(|| games.take_server());
        let (address, game) =
            listed.find(|(address, _)| self.family.is_none_or(|family| family.has(address)))?;
        Some(Asked { address, game })
    }

    /// Returns the game of the last target of the inputs.
    fn named_game(&self) -> &'static Game {
        // The label was checked when the line was read.
        let label = self.inputs.settings().and_then(|id| self.catalogue.find(id).ok());
        label.unwrap_or(self.game)
    }
}

impl Asked {
    /// Begins a conversation, which also requests the rules if `with_rules`. The caller has checked that there is room.
    pub fn ask(self, engine: &mut Engine<Games, Asked>, with_rules: bool) {
        let question = GameQuestion::server(self.game);
        let question = if with_rules { question.with_rules() } else { question };
        let _ = engine.ask(self.address, question, self);
    }
}

impl PartialEq for Asked {
    fn eq(&self, other: &Asked) -> bool {
        self.address == other.address && std::ptr::eq(self.game, other.game)
    }
}

impl Eq for Asked {}

impl Hash for Asked {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.address.hash(state);
    }
}
