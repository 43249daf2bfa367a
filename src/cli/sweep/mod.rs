//! A sweep: sends to all targets when there is room, writes results as they arrive, and ends with an exit code.
//!
//! `args` the arguments → `settings` the validated arguments → [`Sweep`] → `run` the loop over engine and net, with a
//! [`Job`] that sends the questions and shows the answers.

mod args;
mod job;
mod run;
mod settings;

use std::time::Duration;

use allears::engine::{Engine, Ledger, Protocol, Time, reply_cost};
use allears::net::{self, Net};
use anyhow::{Context, Result};

pub use args::{ListArgs, SocketArgs, SweepArgs, TARGETS, some_target};
pub use job::{Flow, Job, More};
pub use settings::SweepSettings;

use crate::cli::console::Console;
use crate::cli::exit::{Exit, Usage};
use crate::cli::inputs::Inputs;
use crate::cli::memory::Memory;
use crate::cli::output::{Backlog, Out};
use crate::cli::signals::Stop;
use crate::cli::stats::{Circumstances, Stats};
use run::Run;

/// A sweep without its job.
pub struct Sweep {
    pub net: Net,
    pub console: Console,
    settings: SweepSettings,
    stop: Stop,
    stats: Option<Out>,
    /// Results that wait to be written.
    backlog: Backlog,
}

/// The result of a sweep.
#[derive(Debug)]
pub struct Swept {
    pub exit: Exit,
    pub ledger: Ledger,
    pub local_drops: Option<u64>,
    pub elapsed: Duration,
}

impl Sweep {
    /// Opens the sockets and the `--stats` file, and listens for signals.
    ///
    /// # Errors
    /// A file or a socket cannot be opened.
    pub fn open(settings: SweepSettings) -> Result<Sweep> {
        let stats = settings.stats.as_deref().map(|path| Out::open(Some(path))).transpose()?;
        let net = Net::open(&settings.sockets)?;
        let waker = net.waker();
        let stop = Stop::listen(move || drop(waker.wake()))?;
        let (console, backlog) = (Console::new(settings.quiet), Backlog::default());
        Ok(Sweep { net, console, settings, stop, stats, backlog })
    }

    /// Returns how much memory may be used.
    pub fn memory(&self) -> Memory {
        self.settings.memory
    }

    /// Starts to read the targets.
    ///
    /// # Errors
    /// See [`Inputs::open`].
    pub fn inputs(&self) -> Result<Inputs> {
        let waker = self.net.waker();
        Inputs::open(self.settings.sources.clone(), move || drop(waker.wake()))
    }

    /// Starts to read the targets once more.
    ///
    /// # Errors
    /// See [`Inputs::open`]; standard input can be read only once.
    fn reread(&self) -> Result<Inputs> {
        if self.settings.sources.files.iter().any(|path| path.as_os_str() == "-") {
            return Err(Usage("standard input can be read only once".into()).into());
        }
        self.inputs()
    }

    /// Opens the destination of results. Writing to it never blocks the sweep.
    ///
    /// # Errors
    /// See [`Out::queued`].
    pub fn results(&mut self) -> Result<Out> {
        let waker = self.net.waker();
        let (out, backlog) =
            Out::queued(self.settings.results.as_deref(), self.memory().results(), move || {
                drop(waker.wake())
            })?;
        self.backlog = backlog;
        Ok(out)
    }

    /// Runs `job` from its first query to the exit code: sends and receives until all conversations have ended, writes
    /// the results and the ledger, and prints the summary. `typical` is a conversation like most of the job's.
    ///
    /// # Errors
    /// The socket, the output of results, an input, or saving for the next run failed. The first error is returned.
    pub fn conduct<P: Protocol, T>(
        mut self,
        protocol: P,
        typical: &P::Conversation,
        job: &mut impl Job<P, T>,
    ) -> Result<Swept> {
        let safe = self.safe_window(&protocol, typical);
        self.warn_of_little_memory(safe);
        let mut engine = self.engine(protocol, safe)?;
        let mut ending = Run::new(&mut self, &mut engine, job).run();
        let elapsed = self.net.now() - Time::ZERO;
        self.console.finish();
        ending.wrote(job.finish());
        ending.wrote(self.backlog.wait());
        let saved = job.save(engine.protocol(), self.net.now());
        let local_drops = self.net.local_drops();
        self.warn_of_limits(engine.ledger(), local_drops, safe);
        let counted = self.write_stats(engine.ledger(), job, local_drops, safe);
        let failure = ending.failure.take().or_else(|| job.input_failure());
        let failure = failure.or(saved.err()).or(counted.err());
        if !ending.closed && !failure.as_ref().is_some_and(|failure| failure.is::<Usage>()) {
            job.print_summary(elapsed, &self.console);
        }
        match failure {
            Some(failure) => Err(failure),
            None => Ok(Swept {
                exit: ending.exit(job.exit()),
                ledger: engine.ledger().clone(),
                local_drops,
                elapsed,
            }),
        }
    }

    /// Creates an engine for this protocol, which may have `safe` queries in flight without loss.
    fn engine<P: Protocol, T>(&self, protocol: P, safe: u64) -> Result<Engine<P, T>> {
        let config = self.settings.engine.clone();
        if let Some(window) = config.window.filter(|&window| u64::from(window) > safe) {
            self.console.warn(format_args!(
                "--window {window} is more than the {safe} queries that the receive buffer can hold replies for"
            ));
        }
        let key = net::random_key().context("cannot get random numbers from the system")?;
        Ok(Engine::new(protocol, config, key).map_err(|error| Usage(error.to_string()))?)
    }

    /// Returns how many queries may be in flight without loss in the receive buffer.
    fn safe_window<P: Protocol>(&self, protocol: &P, typical: &P::Conversation) -> u64 {
        let cost = reply_cost(protocol.reply_size(typical));
        (self.net.reply_credit() / u64::from(cost)).max(1)
    }

    /// Returns whether memory, not the system, limits the receive buffer, and with it the queries in flight.
    fn is_memory_short(&self) -> bool {
        let (buffer, affordable) = (self.net.receive_buffer(), self.memory().receive_buffer());
        self.settings.sockets.rcvbuf == Some(affordable)
            && (affordable..net::LARGEST_BUFFER).contains(&buffer)
    }

    fn warn_of_little_memory(&self, safe: u64) {
        if self.settings.engine.window.is_some() || !self.is_memory_short() {
            return;
        }
        if let Some(bytes) = self.memory().usable {
            let mib = bytes >> 20;
            self.console.warn(format_args!("{mib} MiB of memory: at most {safe} queries in flight"));
        }
    }

    fn warn_of_limits(&self, ledger: &Ledger, local_drops: Option<u64>, safe: u64) {
        if let Some(drops) = local_drops.filter(|&drops| drops > 0) {
            self.console.warn(format_args!("{drops} datagrams lost: the local receive buffer was full"));
        }
        if ledger.send_errors > 0 {
            self.console.warn(format_args!(
                "{} sends failed and were retried: see send_errors in --stats",
                ledger.send_errors
            ));
        }
        if self.settings.engine.window.is_none() && ledger.max_in_flight >= safe {
            self.suggest_larger_window(safe);
        }
    }

    fn suggest_larger_window(&self, window: u64) {
        let buffer = self.net.receive_buffer();
        self.console.say(format_args!(
            "the window was full: the receive buffer of {} KiB can hold the replies to {window} queries",
            buffer >> 10
        ));
        if self.is_memory_short() {
            self.console.say("to enlarge it: --memory");
        } else if buffer < net::LARGEST_BUFFER {
            let half = net::LARGEST_BUFFER / 2;
            self.console
                .say(format_args!("to enlarge it: sysctl -w net.core.rmem_max={half}, or run as root"));
        }
    }

    /// Writes the ledger to the destination of `--stats`.
    fn write_stats<P: Protocol, T>(
        &mut self,
        ledger: &Ledger,
        job: &impl Job<P, T>,
        local_drops: Option<u64>,
        safe: u64,
    ) -> Result<()> {
        let Some(mut out) = self.stats.take() else { return Ok(()) };
        let circumstances = Circumstances {
            targets: job.targets(),
            probes: job.probes(),
            bad_lines: self.console.bad_lines() as u64,
            unresolved: self.console.unresolved() as u64,
            local_drops,
            elapsed: self.net.now() - Time::ZERO,
            rcvbuf: self.net.receive_buffer(),
            window: self.settings.engine.window.map_or(safe, u64::from),
            cpu: net::cpu_time(),
            max_rss: net::max_rss(),
        };
        out.write_line(&Stats::new(ledger, &circumstances)).context("cannot write the ledger")
    }
}
