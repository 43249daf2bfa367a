//! The sweep: agents are asked as there is room, or as they are due; what they say is written.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use allears::engine::{Completion, Engine, Outcome, Time};
use allears::net;
use allears::protocol::snmp::{Answer, Conversation, CredentialsId, Question, Request, Snmp};
use anyhow::{Error, Result};

use super::again::{Again, Reading};
use super::credentials::CredentialsCache;
use super::engines::{EngineCache, tell_notices};
use super::parts::{Asked, Part, Whole};
use super::writer::AnswerWriter;
use crate::cli::console::Console;
use crate::cli::inputs::{Inputs, Next};
use crate::cli::output::record::Record;
use crate::cli::sweep::{Flow, Job, More};

/// Agents that are taken into the schedule in one turn.
const AT_ONCE: usize = 1024;
/// Users that are made in one turn: while their passwords are hashed, nobody hears answers.
const USERS_AT_ONCE: usize = 2;

/// The agents, and where what they say is written.
pub struct Agents {
    inputs: Inputs,
    credentials: CredentialsCache,
    /// What each of them is asked, in as many conversations.
    parts: Vec<Arc<Request>>,
    asked: Asked,
    /// Again and again.
    again: Option<Again>,
    writer: AnswerWriter,
    /// Write also who did not answer.
    all: bool,
    /// Run the next turn without sleeping.
    run_again_now: bool,
    targets: u64,
    answered: u64,
    /// Of those, the ones that did not give all.
    in_part: u64,
    /// Polls that were skipped, because their agents were still busy.
    left_out: u64,
    /// Where the engines of v3 agents are kept for the next run.
    cache: Option<EngineCache>,
}

impl Agents {
    pub fn new(
        inputs: Inputs,
        credentials: CredentialsCache,
        parts: Vec<Arc<Request>>,
        again: Option<Again>,
        writer: AnswerWriter,
        all: bool,
        cache: Option<EngineCache>,
    ) -> Agents {
        Agents {
            inputs,
            credentials,
            parts,
            asked: Asked::default(),
            again,
            writer,
            all,
            run_again_now: false,
            targets: 0,
            answered: 0,
            in_part: 0,
            left_out: 0,
            cache,
        }
    }

    /// Returns the next agent of the list and its credentials; without one, whether there will be more.
    fn next_agent(
        &mut self,
        snmp: &mut Snmp,
        console: &Console,
    ) -> Result<(SocketAddr, CredentialsId), More> {
        loop {
            let target = match self.inputs.next(console) {
                Next::Target(target) => target,
                Next::Waiting => return Err(More::Yes),
                Next::End => return Err(More::No),
            };
            match self.credentials.of(self.inputs.settings(), snmp) {
                Ok(credentials) => {
                    self.targets += 1;
                    return Ok((target, credentials));
                }
                Err(reason) => console.warn_bad_line(format_args!("{target}: {reason}")),
            }
        }
    }

    /// Asks each once, as there is room.
    fn ask_once(&mut self, engine: &mut Engine<Snmp, u64>, console: &Console) -> More {
        let most_users = self.credentials.users() + USERS_AT_ONCE;
        self.run_again_now = false;
        while engine.room() >= self.parts.len() {
            if self.credentials.users() >= most_users {
                self.run_again_now = true;
                break;
            }
            match self.next_agent(engine.protocol_mut(), console) {
                Ok((target, credentials)) => {
                    begin(&mut self.asked, &self.parts, engine, target, credentials, 0)
                }
                Err(more) => return more,
            }
        }
        More::Yes
    }

    /// Asks those that are due. Who has not answered yet is left out.
    fn ask_again(&mut self, engine: &mut Engine<Snmp, u64>, now: Time, console: &Console) -> More {
        self.read_agents(engine.protocol_mut(), now, console);
        let Some(again) = &mut self.again else { return More::No };
        if again.reading == Reading::Over && again.hosts.is_empty() {
            return More::No;
        }
        again.is_held_up = true;
        while engine.room() >= self.parts.len() {
            let Some(number) = again.schedule.pop(now) else {
                again.is_held_up = false;
                break;
            };
            let host = &mut again.hosts[number as usize];
            if host.is_busy {
                host.left_out += 1;
                self.left_out += 1;
                console.remark(format_args!("{}: still busy, this poll is left out", host.target));
                continue;
            }
            host.is_busy = true;
            begin(&mut self.asked, &self.parts, engine, host.target, host.credentials, number);
        }
        More::Yes
    }

    /// Takes agents of the list into the schedule: some in each turn, so that none takes long.
    fn read_agents(&mut self, snmp: &mut Snmp, now: Time, console: &Console) {
        let most_users = self.credentials.users() + USERS_AT_ONCE;
        for _ in 0..AT_ONCE {
            let has_time = self.credentials.users() < most_users;
            if !has_time || self.again.as_ref().is_none_or(|again| again.reading == Reading::Over) {
                return;
            }
            let next = self.next_agent(snmp, console);
            let parts = self.parts.len();
            let Some(again) = &mut self.again else { return };
            match next {
                Ok((target, credentials)) => again.add(target, credentials, now),
                Err(More::Yes) => return again.reading = Reading::Waits,
                Err(More::No) => {
                    again.reading = Reading::Over;
                    again.warn_of_too_many(parts, console);
                }
            }
        }
    }

    /// All that came of one agent.
    fn write(&mut self, mut whole: Whole, console: &Console) -> io::Result<()> {
        let at = net::wall_clock();
        let mut changes = vec![];
        if let Some(again) = &mut self.again {
            whole.record.at = Some((at.as_secs_f64() * 1e3).round() / 1e3);
            let host = &mut again.hosts[whole.host as usize];
            host.is_busy = false;
            whole.record.left_out = std::mem::take(&mut host.left_out);
            changes = host.compare(&whole.parts);
        }
        let (record, answer) = whole.into_answer();
        if record.outcome == "answered" && (!answer.is_empty() || answer.incomplete.is_none()) {
            self.answered += 1;
            self.in_part += u64::from(answer.incomplete.is_some());
        }
        if record.outcome == "answered" || !answer.is_empty() {
            self.writer.answer(&record, &answer, &changes, at)?;
            self.writer.remark(&record, &answer, |remark| console.remark(remark));
            Ok(())
        } else if self.all || self.writer.lists_every_host() {
            self.writer.unanswered(&record, |remark| console.remark(remark))
        } else {
            Ok(())
        }
    }
}

/// Asks an agent, in all parts at once. There is room for them.
fn begin(
    asked: &mut Asked,
    parts: &[Arc<Request>],
    engine: &mut Engine<Snmp, u64>,
    target: SocketAddr,
    credentials: CredentialsId,
    host: u32,
) {
    let tag = asked.begin(target, host, parts.len());
    for (tag, part) in (tag..).zip(parts) {
        // The ring was seen to have room for all of them.
        let _ = engine.ask(target, Question { credentials, request: part.clone() }, tag);
    }
}

impl Job<Snmp, u64> for Agents {
    fn ask(&mut self, engine: &mut Engine<Snmp, u64>, now: Time, console: &Console) -> More {
        tell_notices(engine.protocol_mut(), console);
        if self.again.is_some() {
            self.ask_again(engine, now, console)
        } else {
            self.ask_once(engine, console)
        }
    }

    fn due(&self) -> Option<Time> {
        match &self.again {
            None => self.run_again_now.then_some(Time::ZERO),
            Some(again) => again.due(),
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
                "; it told its engine ID: agents are silent at a wrong privacy password or context",
            );
        }
        let answer = match completion.outcome {
            Outcome::Answered(answer) => answer,
            _ => completion.conversation.into_answer(),
        };
        if let ("interrupted", false) = (record.outcome, answer.is_empty()) {
            record.reason = Some("stopped before it was asked for everything".into());
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

    fn input_failure(&mut self) -> Option<Error> {
        self.inputs.failure.take()
    }

    fn targets(&self) -> u64 {
        self.targets
    }

    fn answered(&self) -> u64 {
        self.answered
    }

    fn print_summary(&self, elapsed: Duration, console: &Console) {
        let Agents { targets, answered, left_out, .. } = self;
        let in_part = match self.in_part {
            0 => String::new(),
            count => format!(" ({count} only in part)"),
        };
        let seconds = elapsed.as_secs_f64();
        match self.again {
            _ if *targets == 0 => console.error("no targets: nothing was sent"),
            None => console
                .say(format_args!("{answered} of {targets} agents answered{in_part} in {seconds:.1} s")),
            Some(_) => console.say(format_args!(
                "{answered} answers{in_part} from {targets} agents in {seconds:.1} s; {left_out} polls skipped"
            )),
        }
    }
}
