//! `dns`: resolves names in bulk.
//!
//! `args` the arguments · `servers` the servers · `line` the questions of a line · `names` lines from arguments, files
//! and standard input · `verdict` the meaning of an answer · `row_filter` the rows that are wanted · `wildcards`
//! answers from wildcards, judged by what is known about `wildcard_parents` · `writer` the results, in `json` or as
//! `lines` · `tally` the summary · `server_stats` the counts of each server.

mod args;
mod json;
mod line;
mod lines;
mod names;
mod row_filter;
mod server_stats;
mod servers;
mod tally;
#[cfg(test)]
mod tests;
mod verdict;
mod wildcard_parents;
mod wildcards;
mod writer;

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use allears::engine::{Completion, Engine, Outcome, Protocol, Time};
use allears::net;
use allears::protocol::dns::{Answer, Conversation, Dns, Name, Question, Rcode};
use anyhow::{Context, Error, Result};

pub use args::{DnsArgs, EXAMPLES, adapt_help};
use names::{NameInputs, NextName};
use row_filter::RowCondition;
use tally::NameTally;
use verdict::DnsVerdict;
use wildcard_parents::WildcardMark;
use wildcards::{Concluded, WildcardCheck, is_probe};
use writer::{AnswerWriter, NameResult};

use crate::cli::console::Console;
use crate::cli::exit::Exit;
use crate::cli::output::Out;
use crate::cli::output::record::Record;
use crate::cli::sweep::{Flow, Job, More, Sweep};

/// The number of questions that may wait to be sent. Each has a server, which should not be one that turns out to be dead
/// while it waits; and random names wait behind them.
const MOST_WAITING: usize = 1024;

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
    let filter = ResultFilter::new(args);
    let (shows_failures, has_marks) = (all || filter.is_on_failure(), args.wildcards.is_some());
    let writer = AnswerWriter::open(sweep.results()?, args.output, shows_failures, has_marks)
        .context("cannot write results")?;
    // DNS does not need the memory for answers of several datagrams.
    let most = sweep.memory().answers() / 2;
    let wildcards = args.wildcards.map(|wanted| Box::new(WildcardCheck::new(wanted, key, most)));
    let typical = {
        let nobody = SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0));
        let server = protocol.next_server().unwrap_or(nobody);
        protocol.begin(server, Question::new(&Name::root(), args.first_type(), args.class))
    };
    let mut lookup = Lookup { names, writer, filter, wildcards, tally: NameTally::default(), stats };
    sweep.conduct(protocol, &typical, &mut lookup).map(|swept| swept.exit)
}

/// The results that are written.
struct ResultFilter {
    /// These response codes; all if empty.
    rcodes: Vec<Rcode>,
    /// Only with the records that were asked for.
    only_answers: bool,
    /// Conditions on rows: all of them hold for at least one row.
    conditions: Vec<RowCondition>,
}

impl ResultFilter {
    fn new(args: &DnsArgs) -> ResultFilter {
        let conditions = args.conditions.iter().flatten().cloned().collect();
        ResultFilter { rcodes: args.rcodes.clone(), only_answers: args.only_answers, conditions }
    }

    /// Returns whether questions without records are wanted.
    fn is_on_failure(&self) -> bool {
        !self.rcodes.is_empty() || self.conditions.iter().any(RowCondition::is_on_failure)
    }

    /// Returns the result of a question.
    fn result<'a>(&'a self, record: &'a Record, concluded: &'a Concluded) -> NameResult<'a> {
        let answer = match &concluded.outcome {
            Outcome::Answered(answer) => Some(answer),
            _ => None,
        };
        let question = concluded.conversation.question();
        let mut result = NameResult::new(record, question, concluded.tag.as_deref(), answer);
        result.conditions = &self.conditions;
        result
    }

    fn takes(&self, result: &NameResult<'_>) -> bool {
        let rcode = result.answer.map(|answer| answer.message.rcode());
        let is_code = self.rcodes.is_empty() || rcode.is_some_and(|rcode| self.rcodes.contains(&rcode));
        let is_found = !self.only_answers || result.verdict == Some(DnsVerdict::Found);
        is_code && is_found && result.is_wanted()
    }
}

/// The state of the command.
struct Lookup {
    names: NameInputs,
    writer: AnswerWriter,
    filter: ResultFilter,
    /// `None` without `--wildcards`.
    wildcards: Option<Box<WildcardCheck>>,
    tally: NameTally,
    /// The destination of `--server-stats`.
    stats: Option<Out>,
}

impl Lookup {
    /// Writes judged answers.
    fn write_judged(&mut self, judged: Vec<(Concluded, WildcardMark)>) -> io::Result<()> {
        judged.into_iter().try_for_each(|(concluded, mark)| self.write_marked(&concluded, Some(mark)))
    }

    /// Writes a result, unless its mark leaves it out.
    fn write_marked(&mut self, concluded: &Concluded, mark: Option<WildcardMark>) -> io::Result<()> {
        if let (Some(check), Some(mark)) = (&mut self.wildcards, mark)
            && !check.count(mark)
        {
            return Ok(());
        }
        let record = Record::new(concluded);
        let mut result = self.filter.result(&record, concluded);
        result.mark = mark;
        self.writer.write(&result)
    }
}

impl Job<Dns, Typed> for Lookup {
    fn ask(&mut self, engine: &mut Engine<Dns, Typed>, _: Time, console: &Console) -> io::Result<More> {
        if let Some(check) = &mut self.wildcards {
            check.ask(engine);
        }
        let is_busy = self.wildcards.as_ref().is_some_and(|check| check.is_busy(engine));
        let has_room = self.wildcards.as_ref().is_none_or(|check| check.has_room());
        while has_room && engine.unsent() < MOST_WAITING && engine.room() > 0 {
            match self.names.next(console) {
                NextName::Asked(asked) => {
                    // There is a server, and there is room.
                    let Some(server) = engine.protocol_mut().next_server() else { return Ok(More::No) };
                    self.tally.questions += 1;
                    self.tally.names += u64::from(asked.is_first);
                    let _ = engine.ask(server, asked.question, asked.typed);
                }
                NextName::Waiting => return Ok(More::Yes),
                NextName::End => return Ok(if is_busy { More::Yes } else { More::No }),
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
        if let Some(check) = self.wildcards.as_mut().filter(|_| is_probe(&completion.tag)) {
            let judged = check.learn(&completion);
            return self.write_judged(judged).map(|()| Flow::GoOn);
        }
        let record = Record::new(&completion);
        let result = self.filter.result(&record, &completion);
        match result.verdict {
            Some(verdict) => self.tally.count(verdict),
            None => self.tally.count_unanswered(&record),
        }
        if !self.filter.takes(&result) {
            return Ok(Flow::GoOn);
        }
        match &mut self.wildcards {
            None => self.writer.write(&result)?,
            Some(check) => {
                if let Some((concluded, mark)) = check.judge(completion) {
                    self.write_marked(&concluded, mark)?;
                }
            }
        }
        Ok(Flow::GoOn)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.writer.flush()
    }

    fn has_unflushed(&self) -> bool {
        self.writer.has_unflushed()
    }

    fn finish(&mut self) -> io::Result<()> {
        let unknown = self.wildcards.as_mut().map_or(vec![], |check| check.give_up());
        self.write_judged(unknown)?;
        self.tally.wildcards = self.wildcards.as_ref().map(|check| check.tally);
        self.flush()
    }

    fn probes(&self) -> Option<u64> {
        self.wildcards.as_ref().map(|check| check.tally.probes)
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
