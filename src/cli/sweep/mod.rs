//! The sweep: the canonical loop over engine and net, with targets pulled lazily and results taken
//! out as they happen.

mod args;

use std::io;
use std::time::Duration;

use allears::engine::{Completion, Config, Engine, Protocol, Time, reply_cost};
use allears::net::{self, Net};
use anyhow::{Context, Error, Result};

use crate::cli::console::Console;
use crate::cli::exit::{Exit, Usage};
use crate::cli::inputs::{Inputs, Sources, refuse_to_write_over};
use crate::cli::output::{Backlog, Out};
use crate::cli::signals::Stop;
use crate::cli::stats::{Circumstances, Stats};

pub use args::{ListArgs, SocketArgs, SweepArgs, TARGETS};

/// From one picture of the progress to the next.
const PROGRESS_EVERY: Duration = Duration::from_millis(100);

/// What is asked, and what becomes of the answers.
pub trait Job<P: Protocol, T = ()> {
    /// Asks as many targets as the engine has room for, and the time `now`. Whether there will be more.
    fn ask(&mut self, engine: &mut Engine<P, T>, now: Time, console: &Console) -> More;

    /// When there will be more, if it is a matter of time.
    fn due(&self) -> Option<Time> {
        None
    }

    /// Takes the end of one conversation, at the time `now`. An error is one of writing results.
    fn conclude(
        &mut self,
        completion: Completion<P::Conversation, P::Answer, T>,
        now: Time,
        console: &Console,
    ) -> io::Result<Flow>;

    /// Brings everything that was written so far to where it is read.
    fn flush(&mut self) -> io::Result<()>;

    /// Whether something waits to be flushed to a terminal.
    fn is_unshown(&self) -> bool;

    /// Targets that were taken in.
    fn targets(&self) -> u64;

    /// Targets that answered.
    fn answered(&self) -> u64;
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum More {
    /// There may be more targets.
    Yes,
    /// All have been asked.
    No,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flow {
    GoOn,
    /// What was wanted has been found.
    Enough,
}

/// How a sweep ended.
#[derive(Debug, Default)]
pub struct Ending {
    /// By Ctrl-C or SIGTERM.
    pub interrupted: bool,
    /// Nobody reads the results any more.
    pub closed: bool,
    /// What the system failed at.
    pub failure: Option<Error>,
    /// Where results go, for messages.
    results: String,
}

impl Ending {
    fn of(results: &str) -> Ending {
        Ending { results: results.to_owned(), ..Ending::default() }
    }

    /// The exit code of a sweep that has, or has not, `found` what it was for.
    pub fn exit(&self, found: bool) -> Exit {
        match self {
            Ending { interrupted: true, .. } => Exit::Interrupted,
            Ending { closed: true, .. } => Exit::Success,
            _ if found => Exit::Success,
            _ => Exit::Nothing,
        }
    }

    /// Takes note of how writing went: a reader who has gone is no failure.
    pub fn wrote(&mut self, result: io::Result<()>) {
        match result {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => self.closed = true,
            Err(error) => {
                let what = format!("cannot write {}", self.results);
                self.failure.get_or_insert(Error::new(error).context(what));
            }
        }
    }
}

/// Everything a sweep needs besides its job.
pub struct Sweep {
    pub net: Net,
    pub console: Console,
    pub stop: Stop,
    pub config: Config,
    stats: Option<Out>,
    deadline: Option<Duration>,
    /// Results that wait to be written.
    backlog: Backlog,
    /// Where results go, for messages.
    results: String,
}

impl Sweep {
    /// Opens the sockets and the `--stats` file, and listens for signals.
    ///
    /// # Errors
    /// What the system refuses; settings out of range, as [`Usage`].
    pub fn new(args: &SweepArgs) -> Result<Sweep> {
        refuse_to_write_over(&args.lists.input, [&args.to, &args.stats])?;
        let stats = args.stats.as_deref().map(|path| Out::open(Some(path))).transpose()?;
        let net = Net::open(&args.socket.into())?;
        let config = config(args);
        config.validate().map_err(|error| {
            Usage(format!("--{} must be {}", error.field.replace('_', "-"), error.expected))
        })?;
        let waker = net.waker();
        let stop = Stop::listen(move || drop(waker.wake()))?;
        let results = args.to.as_ref().map_or("standard output".into(), |path| path.display().to_string());
        let console = Console::new(args.quiet);
        let backlog = Backlog::default();
        Ok(Sweep { net, console, stop, config, stats, deadline: args.deadline, backlog, results })
    }

    /// Where results are written, without ever stopping the sweep.
    ///
    /// # Errors
    /// See [`Out::queued`].
    pub fn results(&mut self, args: &SweepArgs) -> Result<Out> {
        let waker = self.net.waker();
        let (out, backlog) = Out::queued(args.to.as_deref(), move || drop(waker.wake()))?;
        self.backlog = backlog;
        Ok(out)
    }

    /// The targets of the arguments and of `-i`.
    ///
    /// # Errors
    /// See [`Inputs::open`].
    pub fn inputs(&self, args: &SweepArgs, targets: &[String], default_port: Option<u16>) -> Result<Inputs> {
        self.open(Sources {
            arguments: targets.to_vec(),
            files: args.lists.input.clone(),
            default_port,
            strict: args.lists.strict,
            settings: None,
        })
    }

    /// The targets of these sources.
    ///
    /// # Errors
    /// See [`Inputs::open`].
    pub fn open(&self, sources: Sources) -> Result<Inputs> {
        let waker = self.net.waker();
        Inputs::open(sources, move || drop(waker.wake()))
    }

    /// An engine for this protocol. `typical` is a conversation like most of them.
    pub fn engine<P: Protocol, T>(&self, protocol: P, typical: &P::Conversation) -> Result<Engine<P, T>> {
        let safe = self.safe_window(&protocol, typical);
        if let Some(window) = self.config.window.filter(|&window| u64::from(window) > safe) {
            self.console.warn(format_args!(
                "--window {window} is more than the {safe} queries whose answers the receive buffer is sure to hold"
            ));
        }
        let key = net::random_key().context("the system has no random numbers")?;
        Ok(Engine::new(protocol, self.config.clone(), key).map_err(|error| Usage(error.to_string()))?)
    }

    /// How many queries may be in flight without any answer being lost in the receive buffer.
    fn safe_window<P: Protocol>(&self, protocol: &P, typical: &P::Conversation) -> u64 {
        let cost = reply_cost(protocol.reply_size(typical));
        (self.net.reply_credit() / u64::from(cost)).max(1)
    }

    /// Runs `job` to its end, whatever end that is. All that was asked has been concluded then.
    pub fn run<P: Protocol, T>(&mut self, engine: &mut Engine<P, T>, job: &mut impl Job<P, T>) -> Ending {
        self.stop.arm();
        let ending = Ending::of(&self.results);
        let deadline = self.deadline.map(|deadline| self.net.now() + deadline);
        let mut run = Run { ending, asking: true, enough: false, deadline, next_progress: Time::ZERO };
        loop {
            run.check_limits(self, engine);
            // Who does not read results gets no more of them; but what answers is heard all the same.
            let held = self.backlog.is_full();
            engine.hold(held);
            if !held {
                run.take_results(self, engine, job);
            }
            let more = if run.asking { job.ask(engine, self.net.now(), &self.console) } else { More::No };
            if more == More::No && engine.is_idle() {
                break;
            }
            run.show_progress(self, engine, job);
            let progress = self.console.is_watched().then_some(run.next_progress);
            let due = job.due().filter(|_| run.asking);
            let until = run.deadline.into_iter().chain(progress).chain(due).min();
            if let Err(error) = self.net.turn(engine, until) {
                run.fail(Error::new(error).context("the socket failed"));
                engine.abort(self.net.now());
            }
        }
        run.take_results(self, engine, job);
        run.ending
    }

    /// Waits until all results are written.
    pub fn settle(&self, ending: &mut Ending) {
        ending.wrote(self.backlog.wait());
    }

    /// Writes the ledger where `--stats` says, and warns of what the user should know.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn finish<P: Protocol, T>(
        &mut self,
        engine: &Engine<P, T>,
        job: &impl Job<P, T>,
        typical: &P::Conversation,
    ) -> Result<()> {
        let local_drops = self.net.local_drops();
        if let Some(drops) = local_drops.filter(|&drops| drops > 0) {
            self.console
                .warn(format_args!("{drops} datagrams were lost in this machine's own receive buffer"));
        }
        let safe = self.safe_window(engine.protocol(), typical);
        if self.config.window.is_none() && engine.ledger().max_in_flight >= safe {
            self.say_what_would_be_faster(safe);
        }
        let Some(mut out) = self.stats.take() else { return Ok(()) };
        let around = Circumstances {
            targets: job.targets(),
            bad_lines: self.console.bad_lines() as u64,
            local_drops,
            elapsed: self.duration(),
            rcvbuf: self.net.receive_buffer(),
            window: self.config.window.map_or(safe, u64::from),
            cpu: net::cpu_time(),
            max_rss: net::max_rss(),
        };
        out.write_line(&Stats::new(engine.ledger(), &around)).context("cannot write the ledger")
    }

    /// The window was full: says why, and how to make it larger.
    fn say_what_would_be_faster(&self, window: u64) {
        let kib = self.net.receive_buffer() >> 10;
        self.console.say(format_args!(
            "the window was full: {window} queries, whose answers the receive buffer of {kib} KiB is sure to hold"
        ));
        if self.net.receive_buffer() < net::LARGEST_BUFFER {
            let half = net::LARGEST_BUFFER / 2;
            self.console
                .say(format_args!("for a larger one: sysctl -w net.core.rmem_max={half}, or run as root"));
        }
    }

    /// Since the sockets were opened.
    pub fn duration(&self) -> Duration {
        self.net.now() - Time::ZERO
    }
}

/// The state of the loop.
struct Run {
    ending: Ending,
    asking: bool,
    /// What was wanted has been found: what else comes is not shown.
    enough: bool,
    deadline: Option<Time>,
    next_progress: Time,
}

impl Run {
    fn check_limits<P: Protocol, T>(&mut self, sweep: &Sweep, engine: &mut Engine<P, T>) {
        if sweep.stop.requested() && !self.ending.interrupted {
            self.ending.interrupted = true;
            self.asking = false;
            engine.stop_sending(sweep.net.now());
            sweep.console.warn(format_args!(
                "interrupted: waiting for the {} queries in flight; Ctrl-C again quits at once",
                engine.in_flight(),
            ));
        }
        if self.deadline.is_some_and(|deadline| deadline <= sweep.net.now()) {
            self.deadline = None;
            self.asking = false;
            engine.abort(sweep.net.now());
            sweep.console.warn("the deadline has come: what is still open is interrupted");
        }
    }

    fn take_results<P: Protocol, T>(
        &mut self,
        sweep: &Sweep,
        engine: &mut Engine<P, T>,
        job: &mut impl Job<P, T>,
    ) {
        let (mut any, now) = (false, sweep.net.now());
        while let Some(completion) = engine.poll_completion() {
            any = true;
            self.take(completion, now, sweep, engine, job);
            if job.is_unshown() {
                sweep.console.suspend(|| self.flush(sweep, engine, job));
            }
        }
        if any {
            self.flush(sweep, engine, job);
        }
    }

    fn flush<P: Protocol, T>(&mut self, sweep: &Sweep, engine: &mut Engine<P, T>, job: &mut impl Job<P, T>) {
        if self.can_write()
            && let Err(error) = job.flush()
        {
            self.cannot_write(error, sweep, engine);
        }
    }

    fn take<P: Protocol, T>(
        &mut self,
        completion: Completion<P::Conversation, P::Answer, T>,
        now: Time,
        sweep: &Sweep,
        engine: &mut Engine<P, T>,
        job: &mut impl Job<P, T>,
    ) {
        if self.enough || !self.can_write() {
            return;
        }
        match job.conclude(completion, now, &sweep.console) {
            Ok(Flow::GoOn) => {}
            Ok(Flow::Enough) => {
                self.asking = false;
                self.enough = true;
                engine.abort(sweep.net.now());
            }
            Err(error) => self.cannot_write(error, sweep, engine),
        }
    }

    fn can_write(&self) -> bool {
        !self.ending.closed && self.ending.failure.is_none()
    }

    fn cannot_write<P: Protocol, T>(&mut self, error: io::Error, sweep: &Sweep, engine: &mut Engine<P, T>) {
        self.asking = false;
        engine.abort(sweep.net.now());
        self.ending.wrote(Err(error));
    }

    fn fail(&mut self, error: Error) {
        self.asking = false;
        self.ending.failure.get_or_insert(error);
    }

    fn show_progress<P: Protocol, T>(&mut self, sweep: &Sweep, engine: &Engine<P, T>, job: &impl Job<P, T>) {
        let now = sweep.net.now();
        if !sweep.console.is_watched() || now < self.next_progress {
            return;
        }
        self.next_progress = now + PROGRESS_EVERY;
        let seconds = (now - Time::ZERO).as_secs_f64();
        let rate = engine.ledger().datagrams_sent as f64 / seconds.max(0.001);
        sweep.console.progress(format_args!(
            "{} targets · {} answered · {} in flight · {rate:.0} packets/s · {seconds:.1} s",
            job.targets(),
            job.answered(),
            engine.in_flight(),
        ));
    }
}

fn config(args: &SweepArgs) -> Config {
    let default = Config::default();
    Config {
        rate: args.rate.0,
        burst: args.burst,
        window: args.window.0,
        host_gap: args.host_gap,
        prefix_rate: args.prefix_rate.0,
        timeout: args.timeout,
        tries: args.tries,
        ..default
    }
}
