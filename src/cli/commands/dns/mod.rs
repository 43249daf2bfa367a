//! `dns`: resolves names in bulk.
//!
//! `args` the arguments · `servers` the servers · `line` the questions of a line · `names` lines from arguments, files and
//! standard input · `verdict` the meaning of an answer · `writer` the results, in `json` or as `lines` · `tally` the
//! summary · `server_stats` the counts of each server.

mod args;
mod json;
mod line;
mod lines;
mod names;
mod server_stats;
mod servers;
mod tally;
#[cfg(test)]
mod tests;
mod verdict;
mod writer;

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use allears::engine::{Completion, Engine, Outcome, Protocol, Time};
use allears::net;
use allears::protocol::dns::{Answer, Conversation, Dns, Name, Question, Rcode};
use anyhow::{Context, Error, Result};

pub use args::{DnsArgs, EXAMPLES};
use names::{NameInputs, NextName};
use tally::NameTally;
use verdict::DnsVerdict;
use writer::{AnswerWriter, NameResult};

use crate::cli::console::Console;
use crate::cli::exit::Exit;
use crate::cli::output::Out;
use crate::cli::output::record::Record;
use crate::cli::sweep::{Flow, Job, More, Sweep};

/// The name as typed, if it is printed in another way.
type Typed = Option<Box<str>>;

/// `allears dns`.
pub fn run(args: &DnsArgs) -> Result<Exit> {
    let (settings, asking) = (args.sweep_settings()?, args.protocol_settings()?);
    let stats = args.server_stats.as_deref().map(|path| Out::open(Some(path))).transpose()?;
    let all = settings.all;
    let mut sweep = Sweep::open(settings)?;
    let servers = servers::list(args, &sweep.console)?;
    let key = net::random_key().context("cannot get random numbers from the system")?;
    let mut protocol = Dns::new(asking, servers, key);
    let waker = sweep.net.waker();
    let names = NameInputs::open(args.sources(), move || drop(waker.wake()))?;
    let writer = AnswerWriter::open(sweep.results()?, args.output, all || !args.rcodes.is_empty())
        .context("cannot write results")?;
    let typical = {
        let nobody = SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0));
        let server = protocol.next_server().unwrap_or(nobody);
        protocol.begin(server, Question::new(&Name::root(), args.first_type(), args.class))
    };
    let filter = ResultFilter { rcodes: args.rcodes.clone(), only_answers: args.only_answers };
    let mut lookup = Lookup { names, writer, filter, tally: NameTally::default(), stats };
    sweep.conduct(protocol, &typical, &mut lookup).map(|swept| swept.exit)
}

/// The results that are written.
struct ResultFilter {
    /// These response codes; all if empty.
    rcodes: Vec<Rcode>,
    /// Only with the records that were asked for.
    only_answers: bool,
}

impl ResultFilter {
    fn takes(&self, result: &NameResult<'_>) -> bool {
        let rcode = result.answer.map(|answer| answer.message.rcode());
        let is_code = self.rcodes.is_empty() || rcode.is_some_and(|rcode| self.rcodes.contains(&rcode));
        is_code && (!self.only_answers || result.verdict == Some(DnsVerdict::Found))
    }
}

/// The state of the command.
struct Lookup {
    names: NameInputs,
    writer: AnswerWriter,
    filter: ResultFilter,
    tally: NameTally,
    /// The destination of `--server-stats`.
    stats: Option<Out>,
}

impl Job<Dns, Typed> for Lookup {
    fn ask(&mut self, engine: &mut Engine<Dns, Typed>, _: Time, console: &Console) -> io::Result<More> {
        while engine.room() > 0 {
            match self.names.next(console) {
                NextName::Asked(asked) => {
                    // There is a server, and there is room.
                    let Some(server) = engine.protocol_mut().next_server() else { return Ok(More::No) };
                    self.tally.questions += 1;
                    self.tally.names += u64::from(asked.is_first);
                    let _ = engine.ask(server, asked.question, asked.typed);
                }
                NextName::Waiting => return Ok(More::Yes),
                NextName::End => return Ok(More::No),
            }
        }
        Ok(More::Yes)
    }

    fn conclude(
        &mut self,
        completion: Completion<Conversation, Answer, Typed>,
        _: Time,
        _: &Console,
    ) -> io::Result<Flow> {
        let record = Record::new(&completion);
        let answer = match &completion.outcome {
            Outcome::Answered(answer) => Some(answer),
            _ => None,
        };
        let question = completion.conversation.question();
        let result = NameResult::new(&record, question, completion.tag.as_deref(), answer);
        match result.verdict {
            Some(verdict) => self.tally.count(verdict),
            None => self.tally.count_unanswered(&record),
        }
        if self.filter.takes(&result) {
            self.writer.write(&result)?;
        }
        Ok(Flow::GoOn)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.writer.flush()
    }

    fn has_unflushed(&self) -> bool {
        self.writer.has_unflushed()
    }

    fn save(&mut self, protocol: &Dns, _: Time) -> Result<()> {
        let Some(mut out) = self.stats.take() else { return Ok(()) };
        server_stats::write(protocol.servers(), &mut out).context("cannot write the servers' statistics")
    }

    fn input_failure(&mut self) -> Option<Error> {
        self.names.failure.take()
    }

    fn targets(&self) -> u64 {
        self.tally.questions
    }

    fn answered(&self) -> u64 {
        self.tally.answered()
    }

    fn print_summary(&self, elapsed: Duration, console: &Console) {
        self.tally.print(elapsed, console);
    }
}
