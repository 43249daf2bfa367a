//! The job of `games` and `find`: queries masters and servers in one sweep, and lists the matching servers.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use allears::engine::{Completion, Engine, Outcome, Time};
use allears::protocol::games::{Game, GameAnswer, GameConversation, Games, ServerInfo};
use anyhow::Error;

use super::candidates::{Asked, Candidate, Candidates};
use super::filter::Condition;
use super::report::Report;
use super::server::Server;
use super::wanted::Wanted;
use crate::cli::console::Console;
use crate::cli::duplicates::Duplicates;
use crate::cli::exit::Exit;
use crate::cli::output::record::Record;
use crate::cli::output::untrusted::harmless;
use crate::cli::reasons::HostTally;
use crate::cli::sweep::{Flow, Job, More};

/// The questions, the answers to list, and their counts.
pub struct Listing {
    pub candidates: Candidates,
    /// True if the user names no game for targets without one.
    pub is_default_game: bool,
    /// True to request rules, too.
    pub with_rules: bool,
    pub duplicates: Duplicates<Asked>,
    pub conditions: Vec<Condition>,
    /// The players to find, and whether to stop at the first.
    pub wanted: Option<Wanted>,
    pub first: bool,
    /// The player's name as typed.
    pub player: Option<String>,
    /// True to list servers that did not answer, too.
    pub all: bool,
    pub report: Report,
    pub counts: Counts,
}

/// Counts of servers and players.
#[derive(Clone, Debug, Default)]
pub struct Counts {
    pub tally: HostTally,
    /// The servers that were listed.
    pub listed: u64,
    /// The players found.
    pub found: u64,
    /// The servers that answered and do not list players.
    pub without_lists: u64,
}

impl Listing {
    fn answered(
        &mut self,
        record: &Record,
        address: SocketAddr,
        ping: Option<Duration>,
        info: &ServerInfo,
    ) -> io::Result<()> {
        self.counts.tally.answered += 1;
        if self.has_enough() {
            return Ok(());
        }
        let server = Server::new(address, ping, info, self.report.rules());
        if !self.conditions.iter().all(|condition| condition.holds(&server, info)) {
            return Ok(());
        }
        self.counts.without_lists += u64::from(!info.game.wire.lists_players);
        let mut found = self.wanted.as_ref().map(|wanted| wanted.among(info)).unwrap_or_default();
        if self.wanted.is_some() && found.is_empty() {
            return Ok(());
        }
        if self.first {
            found.truncate(1);
        }
        self.counts.listed += 1;
        self.counts.found += found.len() as u64;
        self.report.server(record, info, server, &found)
    }

    /// Returns whether `--first` has found its player, so that nothing more is listed.
    fn has_enough(&self) -> bool {
        self.first && self.counts.found > 0
    }

    fn unanswered(&mut self, record: &Record, game: &'static Game) -> io::Result<()> {
        self.counts.tally.count_unanswered(record);
        // A server that did not answer matches no condition.
        let selects = self.wanted.is_some() || !self.conditions.is_empty() || self.report.is_limited();
        if self.all || (self.report.lists_every_host() && !selects) {
            self.report.unanswered(record, game)?;
        }
        Ok(())
    }
}

impl Job<Games, Asked> for Listing {
    fn ask(&mut self, engine: &mut Engine<Games, Asked>, _: Time, console: &Console) -> io::Result<More> {
        while engine.room() > 0 {
            match self.candidates.next(engine, console) {
                Candidate::Server { asked, name, .. } => {
                    self.counts.tally.targets += 1;
                    if self.duplicates.add(asked, name) {
                        asked.ask(engine, self.with_rules);
                    }
                }
                Candidate::Unresolved(unresolved, game) => {
                    self.counts.tally.targets += 1;
                    self.unanswered(&Record::unresolved(unresolved), game)?;
                }
                Candidate::Waiting => return Ok(More::Yes),
                Candidate::End => return Ok(More::No),
            }
        }
        Ok(More::Yes)
    }

    fn conclude(
        &mut self,
        completion: Completion<GameConversation, GameAnswer, Asked>,
        _: Time,
        console: &Console,
    ) -> io::Result<Flow> {
        let Some((mut record, ping)) = self.candidates.conclude(&completion, console) else {
            return Ok(Flow::GoOn);
        };
        for name in self.duplicates.end(completion.tag) {
            record.input = name;
            match &completion.outcome {
                Outcome::Answered(GameAnswer::Server { info, .. }) => {
                    self.answered(&record, completion.target, ping, info)
                }
                _ => self.unanswered(&record, completion.tag.game),
            }?;
        }
        Ok(if self.has_enough() { Flow::Enough } else { Flow::GoOn })
    }

    fn flush(&mut self) -> io::Result<()> {
        self.report.flush()
    }

    fn has_unflushed(&self) -> bool {
        self.report.has_unflushed()
    }

    fn finish(&mut self) -> io::Result<()> {
        self.report.finish()
    }

    fn input_failure(&mut self) -> Option<Error> {
        self.candidates.inputs.failure.take()
    }

    fn targets(&self) -> u64 {
        self.counts.tally.targets
    }

    fn answered(&self) -> u64 {
        self.counts.tally.answered
    }

    fn exit(&self) -> Exit {
        match self.wanted {
            None if self.answered() > 0 => Exit::Success,
            Some(_) if self.counts.found > 0 => Exit::Success,
            // The player may be on a server that no master listed.
            Some(_) if self.candidates.masters.have_failed() => Exit::System,
            _ => Exit::Nothing,
        }
    }

    fn print_summary(&self, elapsed: Duration, console: &Console) {
        let Counts { tally, listed, found, without_lists } = &self.counts;
        if tally.targets == 0 && self.candidates.masters.have_failed() {
            return console
                .error("no master answered, and no targets were named: nothing was sent to any server");
        }
        if let parts @ 2.. = self.report.parts() {
            console
                .warn(format_args!("the table has {parts} parts, each sorted: see --memory, or use -o json"));
        }
        let found = match &self.player {
            Some(name) => {
                let players = if *found == 1 { "player" } else { "players" };
                let unknown = match without_lists {
                    0 => String::new(),
                    count => format!("; {count} of the servers do not list players"),
                };
                format!("; {found} {players} named \"{}\"{unknown}", harmless(name))
            }
            None if self.conditions.is_empty() => String::new(),
            None => format!("; {listed} of them match"),
        };
        if tally.answered == 0 && tally.targets > 0 && self.is_default_game {
            console.say(format_args!(
                "targets without a game are queried as {}: see --game",
                self.candidates.game.name
            ));
        }
        tally.print("servers", "", elapsed, &found, console);
    }
}
