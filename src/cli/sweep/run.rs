//! The loop of a sweep: the canonical loop over engine and net, with targets pulled when there is room and results
//! handled as they arrive.

use std::io;
use std::time::Duration;

use allears::engine::{Completion, Engine, Protocol, Time};
use anyhow::Error;

use super::{Flow, Job, More, Sweep};
use crate::cli::exit::{Exit, in_words};
use crate::cli::output;

/// The time without a packet sent after which an outage is reported.
const OUTAGE: Duration = Duration::from_secs(1);

/// The time between two updates of the progress line.
const PROGRESS_EVERY: Duration = Duration::from_millis(100);

/// The time after which results are flushed, however busy the sweep is.
const FLUSH_WITHIN: Duration = Duration::from_millis(100);

/// The way in which a sweep ended.
#[derive(Debug)]
pub struct Ending {
    /// True if a signal ended it.
    interrupted: bool,
    /// True if the reader of the results has closed the pipe.
    pub closed: bool,
    /// True if results cannot be written.
    unwritable: bool,
    /// The first system error.
    pub failure: Option<Error>,
    /// The destination of results, for messages.
    destination: String,
}

impl Ending {
    /// Returns the exit code of a sweep: `exit`, unless it was interrupted.
    pub fn exit(&self, exit: Exit) -> Exit {
        match self {
            Ending { interrupted: true, .. } => Exit::Interrupted,
            Ending { closed: true, .. } => Exit::Success,
            _ => exit,
        }
    }

    /// Records the result of writing. A closed pipe is not a failure.
    pub fn wrote(&mut self, result: io::Result<()>) {
        match result {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => self.closed = true,
            Err(error) => {
                self.unwritable = true;
                let what = format!("cannot write {}", self.destination);
                self.failure.get_or_insert(Error::new(error).context(what));
            }
        }
    }
}

/// The state of the loop.
pub struct Run<'a, P: Protocol, T, J> {
    sweep: &'a mut Sweep,
    engine: &'a mut Engine<P, T>,
    job: &'a mut J,
    ending: Ending,
    asking: bool,
    /// True if an outage of the network was reported.
    has_reported_outage: bool,
    deadline: Option<Time>,
    next_progress: Time,
    /// True if results were written since the last flush; and the time of that flush.
    has_written: bool,
    flushed_at: Time,
}

impl<'a, P: Protocol, T, J: Job<P, T>> Run<'a, P, T, J> {
    pub fn new(sweep: &'a mut Sweep, engine: &'a mut Engine<P, T>, job: &'a mut J) -> Run<'a, P, T, J> {
        let results = sweep.settings.results.as_ref();
        let destination = results.map_or("standard output".into(), |path| path.display().to_string());
        let deadline = sweep.settings.deadline.map(|deadline| sweep.net.now() + deadline);
        Run {
            sweep,
            engine,
            job,
            ending: Ending {
                interrupted: false,
                closed: false,
                unwritable: false,
                failure: None,
                destination,
            },
            asking: true,
            has_reported_outage: false,
            deadline,
            next_progress: Time::ZERO,
            has_written: false,
            flushed_at: Time::ZERO,
        }
    }

    /// Runs until every conversation has ended. After a system error they end as interrupted, and results that have
    /// arrived are still written.
    pub fn run(mut self) -> Ending {
        if self.job.runs_long() {
            self.sweep.stop.reload_on_hangup();
        }
        self.sweep.stop.arm();
        loop {
            self.check_limits();
            if self.asking && self.sweep.stop.take_reload() {
                self.reload();
            }
            // A slow reader of the results slows down sending, and receiving only if too many answers wait.
            let held = self.sweep.backlog.is_full();
            self.engine.hold(held);
            if !held || self.engine.waiting_completions() > self.sweep.memory().datagrams() {
                self.take_results();
                self.flush_results();
            }
            let more = if self.asking { self.ask() } else { More::No };
            if more == More::No && self.engine.is_idle() {
                break;
            }
            self.show_progress();
            self.report_outage();
            let until = self.wake_at();
            if let Err(error) = self.sweep.net.turn(self.engine, until) {
                self.ending.failure.get_or_insert(Error::new(error).context("cannot receive"));
                self.engine.abort(self.sweep.net.now());
                break;
            }
        }
        self.take_results();
        self.ending
    }

    /// Returns when the loop has something to do even if nothing arrives. Results that were not flushed must not wait
    /// for that: there may be nothing to read after all.
    fn wake_at(&self) -> Option<Time> {
        let may_flush = self.has_written && self.can_write() && !self.sweep.backlog.is_full();
        let flush = may_flush.then(|| self.flushed_at + FLUSH_WITHIN);
        let progress = self.sweep.console.is_watched().then_some(self.next_progress);
        let due = self.job.due().filter(|_| self.asking);
        self.deadline.into_iter().chain(progress).chain(due).chain(flush).min()
    }

    /// Warns once if no packet can be sent.
    fn report_outage(&mut self) {
        if self.has_reported_outage {
            return;
        }
        let Sweep { net, console, .. } = &*self.sweep;
        if let Some((_, error)) = net.outage().filter(|(since, _)| net.now() - *since >= OUTAGE) {
            let reason = in_words(&Error::new(error));
            console.warn(format_args!("cannot send: {reason}: packets are held back and retried"));
            self.has_reported_outage = true;
        }
    }

    fn check_limits(&mut self) {
        let Sweep { net, stop, console, .. } = &*self.sweep;
        if stop.requested() && !self.ending.interrupted {
            self.ending.interrupted = true;
            self.asking = false;
            self.engine.stop_sending(net.now());
            console.warn(format_args!(
                "interrupted: waiting for {} queries in flight; Ctrl-C again quits at once",
                self.engine.in_flight(),
            ));
        }
        if self.deadline.is_some_and(|deadline| deadline <= net.now()) {
            self.deadline = None;
            self.asking = false;
            self.engine.abort(net.now());
            console.warn("deadline reached: open queries are interrupted");
        }
    }

    /// Reads the targets again, and opens the file of results again.
    fn reload(&mut self) {
        match self.sweep.reread() {
            Ok(inputs) => self.job.reload(inputs),
            Err(error) => self.sweep.console.warn(format_args!("targets unchanged: {}", in_words(&error))),
        }
        let results = self.sweep.settings.results.as_ref();
        let Some(path) = results.filter(|path| !output::is_standard_output(path)) else { return };
        let (file, is_empty) = match output::reopen(path) {
            Ok(opened) => opened,
            Err(error) => {
                let reason = in_words(&Error::new(error));
                let path = path.display();
                return self
                    .sweep
                    .console
                    .warn(format_args!("cannot write {path}: {reason}: the old file stays open"));
            }
        };
        let reopened = self.job.flush().and_then(|()| {
            self.sweep.backlog.continue_in(Box::new(file))?;
            if is_empty { self.job.start_file() } else { Ok(()) }
        });
        self.check_written(reopened);
    }

    /// Begins conversations. The results of names that do not resolve are written at once.
    fn ask(&mut self) -> More {
        let Sweep { net, console, .. } = &*self.sweep;
        let before = console.unresolved();
        let asked = self.job.ask(self.engine, net.now(), console);
        let (more, written) = match asked {
            Ok(more) if console.unresolved() > before => (more, console.suspend(|| self.job.flush())),
            Ok(more) => (more, Ok(())),
            Err(error) => (More::No, Err(error)),
        };
        self.check_written(written);
        more
    }

    fn take_results(&mut self) {
        let now = self.sweep.net.now();
        while let Some(completion) = self.engine.poll_completion() {
            self.has_written = true;
            self.take(completion, now);
            if self.job.has_unflushed() {
                // The progress line must not mix with results on the same terminal.
                let flushed = self.can_write().then(|| self.sweep.console.suspend(|| self.job.flush()));
                self.check_written(flushed.unwrap_or(Ok(())));
            }
        }
    }

    /// Flushes the results if nothing is waiting to be read, so that a busy sweep writes many at once; but no later
    /// than [`FLUSH_WITHIN`] after the last flush.
    fn flush_results(&mut self) {
        let net = &self.sweep.net;
        let may_wait = net.is_readable() && net.now() - self.flushed_at < FLUSH_WITHIN;
        if !self.has_written || may_wait || !self.can_write() {
            return;
        }
        (self.has_written, self.flushed_at) = (false, net.now());
        let flushed = self.job.flush();
        self.check_written(flushed);
    }

    fn take(&mut self, completion: Completion<P::Conversation, P::Answer, T>, now: Time) {
        // If results cannot be written any more, they are still counted.
        let (could_write, concluded) =
            (self.can_write(), self.job.conclude(completion, now, &self.sweep.console));
        match concluded {
            Ok(Flow::GoOn) => {}
            Err(_) if !could_write => {}
            Ok(Flow::Enough) => {
                self.asking = false;
                self.engine.abort(self.sweep.net.now());
            }
            Err(error) => self.check_written(Err(error)),
        }
    }

    fn can_write(&self) -> bool {
        !self.ending.closed && !self.ending.unwritable
    }

    /// Ends the sweep if results cannot be written.
    fn check_written(&mut self, result: io::Result<()>) {
        if result.is_err() {
            self.asking = false;
            self.engine.abort(self.sweep.net.now());
        }
        self.ending.wrote(result);
    }

    fn show_progress(&mut self) {
        let Sweep { net, console, .. } = &*self.sweep;
        let now = net.now();
        if !console.is_watched() || now < self.next_progress {
            return;
        }
        self.next_progress = now + PROGRESS_EVERY;
        let seconds = (now - Time::ZERO).as_secs_f64();
        let rate = self.engine.ledger().datagrams_sent as f64 / seconds.max(0.001);
        console.progress(format_args!(
            "{} targets · {} answered · {} in flight · {rate:.0} packets/s · {seconds:.1} s",
            self.job.targets(),
            self.job.answered(),
            self.engine.in_flight(),
        ));
    }
}
