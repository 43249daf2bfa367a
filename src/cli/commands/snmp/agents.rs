//! The job of `snmp`: polls agents when there is room or when they are due, and writes their answers.

use std::io;
use std::net::SocketAddr;
use std::ops::ControlFlow::{self, Break, Continue};
use std::sync::Arc;
use std::time::Duration;

use allears::engine::{Completion, Engine, Outcome, Time};
use allears::net;
use allears::protocol::snmp::{Answer, Conversation, CredentialsId, Incomplete, Question, Request, Snmp};
use anyhow::{Error, Result};

use super::credentials::CredentialsCache;
use super::engines::{EngineCache, print_notices};
use super::parts::{AgentsInFlight, Part, Whole};
use super::polling::{Polling, Reading};
use super::writer::AnswerWriter;
use crate::cli::console::Console;
use crate::cli::duplicates::{Duplicates, DuplicatesArgs};
use crate::cli::inputs::{Inputs, Next, Unresolved};
use crate::cli::output::record::Record;
use crate::cli::reasons::HostTally;
use crate::cli::stats::seconds;
use crate::cli::sweep::{Flow, Job, More};

/// The maximum number of agents added to the schedule in one turn.
const AT_ONCE: usize = 1024;
/// The maximum number of users created in one turn: while passwords are hashed, nothing is received.
const USERS_AT_ONCE: usize = 2;

/// All agents, and the output for their answers.
pub struct Agents {
    inputs: Inputs,
    credentials: CredentialsCache,
    /// The parts of the request, one for each conversation with an agent.
    parts: Vec<Arc<Request>>,
    asked: AgentsInFlight,
    /// The lines of the agents in flight; without `--every`.
    duplicates: Duplicates<(SocketAddr, CredentialsId)>,
    /// With `--every`.
    polling: Option<Polling>,
    writer: AnswerWriter,
    /// True to run the next turn without sleeping.
    run_again_now: bool,
    /// Counts of agents; with `--every`, of all polls.
    tally: HostTally,
    /// Agents whose answer is incomplete.
    in_part: u64,
    /// Polls skipped because the agent was still busy.
    left_out: u64,
    /// The cache that keeps the engines of v3 agents for the next run.
    cache: Option<EngineCache>,
}

impl Agents {
    pub fn new(
        inputs: Inputs,
        credentials: CredentialsCache,
        parts: Vec<Arc<Request>>,
        duplicates: DuplicatesArgs,
        polling: Option<Polling>,
        writer: AnswerWriter,
        cache: Option<EngineCache>,
    ) -> Agents {
        Agents {
            inputs,
            credentials,
            parts,
            asked: AgentsInFlight::default(),
            duplicates: Duplicates::new(duplicates),
            polling,
            writer,
            run_again_now: false,
            tally: HostTally::default(),
            in_part: 0,
            left_out: 0,
            cache,
        }
    }

    /// Returns the next agent of the list and its credentials. If there is none, returns whether more may follow.
    fn next_agent(
        &mut self,
        snmp: &mut Snmp,
        console: &Console,
    ) -> io::Result<ControlFlow<More, (SocketAddr, CredentialsId)>> {
        loop {
            let target = match self.inputs.next(console) {
                Next::Target(target) => target,
                Next::Unresolved(unresolved) => {
                    self.write_unresolved(unresolved)?;
                    continue;
                }
                Next::Waiting => return Ok(Break(More::Yes)),
                Next::End => return Ok(Break(More::No)),
            };
            match self.credentials.of(self.inputs.settings(), snmp) {
                Ok(credentials) => return Ok(Continue((target, credentials))),
                Err(reason) => console.warn_bad_line(format_args!("{target}: {reason}")),
            }
        }
    }

    /// Polls each agent once, when there is room.
    fn ask_once(&mut self, engine: &mut Engine<Snmp, u64>, console: &Console) -> io::Result<More> {
        let most_users = self.credentials.users() + USERS_AT_ONCE;
        self.run_again_now = false;
        while engine.room() >= self.parts.len() {
            if self.credentials.users() >= most_users {
                self.run_again_now = true;
                break;
            }
            match self.next_agent(engine.protocol_mut(), console)? {
                Continue((target, credentials)) => {
                    self.tally.targets += 1;
                    if self.duplicates.add((target, credentials), self.inputs.name()) {
                        begin(&mut self.asked, &self.parts, engine, target, credentials, 0);
                    }
                }
                Break(more) => return Ok(more),
            }
        }
        Ok(More::Yes)
    }

    /// Polls the agents that are due. One that has not answered yet is skipped.
    fn poll_due(&mut self, engine: &mut Engine<Snmp, u64>, now: Time, console: &Console) -> io::Result<More> {
        self.read_agents(engine.protocol_mut(), now, console)?;
        let Some(polling) = &mut self.polling else { return Ok(More::No) };
        if polling.reading == Reading::Over && polling.hosts.is_empty() {
            return Ok(More::No);
        }
        polling.ring_is_full = true;
        while engine.room() >= self.parts.len() {
            let Some((number, passed)) = polling.schedule.pop(now) else {
                polling.ring_is_full = false;
                break;
            };
            let host = &mut polling.hosts[number as usize];
            let skipped = passed + u32::from(host.is_busy);
            host.left_out += skipped;
            self.left_out += u64::from(skipped);
            if host.is_busy {
                console.remark(format_args!("{}: still busy, poll skipped", host.target));
                continue;
            }
            host.is_busy = true;
            begin(&mut self.asked, &self.parts, engine, host.target, host.credentials, number);
        }
        Ok(More::Yes)
    }

    /// Adds agents of the list to the schedule, some in each turn, so that no turn takes long.
    fn read_agents(&mut self, snmp: &mut Snmp, now: Time, console: &Console) -> io::Result<()> {
        let most_users = self.credentials.users() + USERS_AT_ONCE;
        for _ in 0..AT_ONCE {
            let has_time = self.credentials.users() < most_users;
            if !has_time || self.polling.as_ref().is_none_or(|polling| polling.reading == Reading::Over) {
                return Ok(());
            }
            let next = self.next_agent(snmp, console)?;
            let parts = self.parts.len();
            let Some(polling) = &mut self.polling else { return Ok(()) };
            match next {
                Continue((target, credentials)) => {
                    let is_new = polling.add(target, credentials, self.inputs.name(), now);
                    self.tally.targets += u64::from(is_new);
                }
                Break(More::Yes) => {
                    polling.reading = Reading::Waits;
                    return Ok(());
                }
                Break(More::No) => {
                    polling.end_reading(self.inputs.failure.is_none());
                    polling.warn_of_too_many(parts, console);
                }
            }
        }
        Ok(())
    }

    /// Writes a target whose name does not resolve. The console has already been told why.
    fn write_unresolved(&mut self, unresolved: Unresolved) -> io::Result<()> {
        let mut record = Record::unresolved(unresolved);
        record.at = self.polling.as_ref().map(|_| seconds(net::wall_clock()));
        self.tally.targets += 1;
        self.tally.count_unanswered(&record);
        if self.writer.lists_every_host() { self.writer.unanswered(&record, |_| {}) } else { Ok(()) }
    }

    /// Counts an agent. One that only returned errors has answered, unless they are about the whole request.
    fn count(&mut self, record: &Record, answer: &Answer) {
        let Answer { incomplete, refused, .. } = answer;
        if record.outcome != "answered" {
            return self.tally.count_unanswered(record);
        }
        if !answer.is_empty() || incomplete.is_none() {
            self.tally.answered += 1;
            self.in_part += u64::from(incomplete.is_some());
        }
        match (incomplete, refused.first()) {
            (Some(why), _) if answer.is_empty() => self.tally.reasons.count("refused", &cause(why)),
            (Some(why), _) => self.tally.reasons.count("incomplete", &cause(why)),
            (None, Some(first)) if answer.is_empty() => {
                self.tally.reasons.count("refused", &first.status.to_string());
            }
            _ => {}
        }
    }

    /// Writes the result for one agent, once for each of its lines.
    fn write(&mut self, mut whole: Whole, console: &Console) -> io::Result<()> {
        let at = net::wall_clock();
        let mut changes = vec![];
        let mut names: Vec<_> = self.duplicates.end((whole.target, whole.credentials)).collect();
        if let Some(polling) = &mut self.polling {
            whole.record.at = Some(seconds(at));
            let host = &mut polling.hosts[whole.host as usize];
            host.is_busy = false;
            whole.record.left_out = std::mem::take(&mut host.left_out);
            names = vec![host.name.clone()];
            changes = host.compare(&whole.parts);
        }
        let (mut record, answer) = whole.into_answer();
        let has_answered = record.outcome == "answered" || !answer.is_empty();
        let is_shown = self.writer.lists_every_host();
        for name in names {
            record.input = name;
            self.count(&record, &answer);
            if has_answered {
                self.writer.answer(&record, &answer, &changes, at)?;
                self.writer.remark(&record, &answer, |remark| console.remark(remark));
            } else if is_shown {
                self.writer.unanswered(&record, |remark| console.remark(remark))?;
            }
        }
        Ok(())
    }
}

/// Returns why an answer is incomplete, without what differs from agent to agent.
fn cause(why: &Incomplete) -> String {
    match why {
        Incomplete::NotIncreasing(_) => "the agent goes in circles".into(),
        Incomplete::Error(status) => status.to_string(),
        Incomplete::Rejected(reason) => (*reason).into(),
        why => why.to_string(),
    }
}

/// Polls an agent with all parts at once. The caller checked that the ring has room.
fn begin(
    asked: &mut AgentsInFlight,
    parts: &[Arc<Request>],
    engine: &mut Engine<Snmp, u64>,
    target: SocketAddr,
    credentials: CredentialsId,
    host: u32,
) {
    let tag = asked.begin(target, credentials, host, parts.len());
    for (tag, part) in (tag..).zip(parts) {
        let _ = engine.ask(target, Question { credentials, request: part.clone() }, tag);
    }
}

impl Job<Snmp, u64> for Agents {
    fn ask(&mut self, engine: &mut Engine<Snmp, u64>, now: Time, console: &Console) -> io::Result<More> {
        print_notices(engine.protocol_mut(), console);
        if self.polling.is_some() {
            self.poll_due(engine, now, console)
        } else {
            self.ask_once(engine, console)
        }
    }

    fn due(&self) -> Option<Time> {
        match &self.polling {
            None => self.run_again_now.then_some(Time::ZERO),
            Some(polling) => polling.due(),
        }
    }

    fn conclude(
        &mut self,
        completion: Completion<Conversation, Answer, u64>,
        now: Time,
        console: &Console,
    ) -> io::Result<Flow> {
        let mut record = Record::new(&completion);
        let tag = completion.tag;
        if let (Some(from), Some(reason)) = (record.from, &mut record.reason) {
            *reason = format!("{reason}; {from} replied in its stead (see --source)");
        }
        if let (Outcome::Silent, true, Some(reason)) =
            (&completion.outcome, completion.conversation.was_only_discovered(), &mut record.reason)
        {
            reason.push_str(
                "; it reported its engine ID: agents do not reply if the privacy password or context is wrong",
            );
        }
        let answer = match completion.outcome {
            Outcome::Answered(answer) => answer,
            _ => completion.conversation.into_answer(),
        };
        if let ("interrupted", false) = (record.outcome, answer.is_empty()) {
            record.reason = Some("interrupted before all requests were sent".into());
        }
        if let Some(whole) = self.asked.end(tag, record, Part { answer, at: now }) {
            self.write(whole, console)?;
        }
        Ok(Flow::GoOn)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.writer.flush()
    }

    fn has_unflushed(&self) -> bool {
        self.writer.has_unflushed()
    }

    fn save(&mut self, snmp: &Snmp, now: Time) -> Result<()> {
        self.cache.as_ref().map_or(Ok(()), |cache| cache.save(snmp, now))
    }

    fn runs_long(&self) -> bool {
        self.polling.is_some()
    }

    fn reload(&mut self, inputs: Inputs) {
        self.inputs = inputs;
        if let Some(polling) = &mut self.polling {
            polling.reload();
        }
    }

    fn start_file(&mut self) -> io::Result<()> {
        self.writer.start_file()
    }

    fn input_failure(&mut self) -> Option<Error> {
        self.inputs.failure.take()
    }

    fn targets(&self) -> u64 {
        self.tally.targets
    }

    fn answered(&self) -> u64 {
        self.tally.answered
    }

    fn print_summary(&self, elapsed: Duration, console: &Console) {
        let Agents { tally, left_out, .. } = self;
        let in_part = match self.in_part {
            0 => String::new(),
            count => format!(" ({count} incomplete)"),
        };
        if tally.targets == 0 || self.polling.is_none() {
            return tally.print("agents", &in_part, elapsed, "", console);
        }
        tally.print_polls("agents", &in_part, elapsed, &format!("; {left_out} polls skipped"), console);
    }
}
