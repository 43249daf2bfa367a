//! The job of `games` and `find`: asks masters and servers in one sweep, and lists those that fit.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use allears::engine::{Completion, Engine, Outcome, Time};
use allears::protocol::quake3::{Answer, Conversation, Game, Quake3, Question, StatusReply};

use super::filter::Condition;
use super::masters::Masters;
use super::report::Report;
use super::server::Server;
use super::wanted::Wanted;
use crate::cli::console::Console;
use crate::cli::inputs::{Inputs, Next};
use crate::cli::output::record::Record;
use crate::cli::sweep::{Flow, Job, More};

/// What is asked, what of it is listed, and how much that was.
pub struct Listing {
    pub game: &'static Game,
    pub inputs: Inputs,
    pub masters: Masters,
    pub conditions: Vec<Condition>,
    /// Players that are searched for, and whether the first one is enough.
    pub wanted: Option<Wanted>,
    pub first: bool,
    /// Also the servers that did not answer.
    pub all: bool,
    pub report: Report,
    pub counts: Counts,
}

/// How many servers…
#[derive(Clone, Copy, Debug, Default)]
pub struct Counts {
    /// … were taken in,
    pub targets: u64,
    /// … answered,
    pub answered: u64,
    /// … and fitted.
    pub listed: u64,
    /// How many players were found.
    pub found: u64,
}

impl Listing {
    fn ask_server(&mut self, engine: &mut Engine<Quake3>, server: SocketAddr) {
        if engine.ask(server, Question::Server, ()).is_ok() {
            self.counts.targets += 1;
        }
    }

    fn answered(&mut self, record: &Record, rtt: Duration, reply: &StatusReply) -> io::Result<Flow> {
        self.counts.answered += 1;
        let status = reply.view();
        let server = Server::new(record.target, rtt, &status, self.game);
        if !self.conditions.iter().all(|condition| condition.holds(&server)) {
            return Ok(Flow::GoOn);
        }
        let mut found = self.wanted.as_ref().map(|wanted| wanted.among(&status)).unwrap_or_default();
        if self.wanted.is_some() && found.is_empty() {
            return Ok(Flow::GoOn);
        }
        if self.first {
            found.truncate(1);
        }
        self.counts.listed += 1;
        self.counts.found += found.len() as u64;
        self.report.server(record, &status, server, &found)?;
        Ok(if self.first && self.wanted.is_some() { Flow::Enough } else { Flow::GoOn })
    }

    fn unheard(&mut self, record: Record) -> io::Result<Flow> {
        // Where servers are selected, one that did not answer is not among them.
        let selects = self.wanted.is_some() || !self.conditions.is_empty();
        if self.all || (self.report.has_all() && !selects) {
            self.report.unheard(record)?;
        }
        Ok(Flow::GoOn)
    }
}

impl Job<Quake3> for Listing {
    fn ask(&mut self, engine: &mut Engine<Quake3>, _: Time, console: &Console) -> More {
        while engine.room() > 0 {
            if let Some(master) = self.masters.next() {
                // A master that is asked over IPv6 is asked for servers of both families; the older
                // request, for IPv4 alone, is the one that every master knows.
                let _ = engine.ask(master, Question::Master { ext: master.is_ipv6() }, ());
                continue;
            }
            let next = self.inputs.next(console);
            if let Next::Target(server) = next {
                // A list may name it as well.
                if self.masters.is_empty() || engine.protocol_mut().know(server) {
                    self.ask_server(engine, server);
                }
                continue;
            }
            match engine.protocol_mut().take_server() {
                Some(server) => self.ask_server(engine, server),
                None if next == Next::Waiting || self.masters.are_open() => return More::Yes,
                None => return More::No,
            }
        }
        More::Yes
    }

    fn conclude(
        &mut self,
        completion: Completion<Conversation, Answer, ()>,
        _: Time,
        console: &Console,
    ) -> io::Result<Flow> {
        if let Conversation::Master(_) = completion.conversation {
            self.masters.conclude(completion.target, &completion.outcome, console);
            return Ok(Flow::GoOn);
        }
        let record = Record::new(&completion);
        match (completion.outcome, completion.rtt) {
            (Outcome::Answered(Answer::Status(reply)), Some(rtt)) => self.answered(&record, rtt, &reply),
            _ => self.unheard(record),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        self.report.flush()
    }

    fn is_unshown(&self) -> bool {
        self.report.is_unshown()
    }

    fn targets(&self) -> u64 {
        self.counts.targets
    }

    fn answered(&self) -> u64 {
        self.counts.answered
    }
}
