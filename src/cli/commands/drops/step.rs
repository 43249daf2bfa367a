//! One step: one rate, kept as evenly as it goes, and every query asked once.

use std::time::Duration;

use allears::engine::{Config, Engine, Ledger, Protocol, Time, Timeout, reply_cost};
use allears::net::{self, Net};
use anyhow::{Context, Result};

use super::measured::{Circumstances, Ends, Measured, Way};
use super::question::Question;
use super::round::Round;
use crate::cli::console::Console;
use crate::cli::exit::Usage;
use crate::cli::signals::Stop;

/// Tokens that may be saved up, in seconds: what the system keeps us from for longer is not made good.
const CATCH_UP: f64 = 0.005;
/// The same while it is only a few packets.
const CATCH_UP_FEW: f64 = 0.02;
const FEW: f64 = 32.0;
/// Queries that wait to be sent.
const AHEAD: usize = 4096;
/// Ended queries that are remembered, so that late answers are known as such.
const MOST_REMEMBERED: f64 = 262_144.0;
/// From one look at the progress, and for Ctrl-C, to the next.
const TICK: Duration = Duration::from_millis(100);

/// What every step has in common.
pub struct Course<'a> {
    /// How long each rate is kept.
    pub length: Duration,
    /// How long an answer may take.
    pub timeout: Duration,
    /// Queries in flight; `None` = by the receive buffer.
    pub window: Option<u32>,
    pub sockets: net::Options,
    pub console: &'a Console,
    pub stop: &'a Stop,
}

/// How long an answer that is missing is listened for at least, once its query has timed out.
const LATE_WITHIN: Duration = Duration::from_secs(3);

impl Course<'_> {
    /// Queries that a step at `rate` asks when it keeps up.
    pub fn queries(&self, rate: f64) -> u64 {
        ((rate * self.length.as_secs_f64()).round() as u64).max(1)
    }

    /// The settings of a step: one try, and no limits but the rate.
    pub fn config(&self, rate: f64) -> Config {
        let burst = (rate * CATCH_UP).max((rate * CATCH_UP_FEW).min(FEW)).clamp(1.0, 1e6) as u32;
        let linger = (2 * self.timeout).max(LATE_WITHIN);
        let remembered = (rate * linger.as_secs_f64()).clamp(AHEAD as f64, MOST_REMEMBERED);
        Config {
            rate: Some(rate),
            burst,
            window: self.window,
            host_gap: Some(Duration::ZERO),
            prefix_rate: None,
            timeout: Timeout::Fixed(self.timeout),
            tries: 1,
            forgive_local_drops: false,
            ring: remembered as usize,
            linger,
            ..Config::default()
        }
    }

    /// Keeps `rate` for the length of a step.
    ///
    /// # Errors
    /// What the system fails at.
    pub fn run(&self, rate: f64, question: Question, round: &mut Round) -> Result<Measured> {
        let net = Net::open(&self.sockets)?;
        let config = self.config(rate);
        let cost = reply_cost(question.reply_size(&()));
        let window = config.window.map_or((net.reply_credit() / u64::from(cost)).max(1), u64::from);
        let mut step = Step {
            engine: new_engine(question, config)?,
            asking: Asking { round, left: self.queries(rate), ends: Ends::default() },
            net,
        };
        let asked = step.ask(self, rate)?;
        step.hear_the_rest(self)?;
        let around = Circumstances {
            way: Way::Allears,
            offered: rate,
            achieved: asked.achieved(self, rate, step.engine.ledger()),
            asking: asked.time,
            cpu: asked.cpu,
            kernel_drops: step.net.local_drops(),
            rcvbuf: Some(step.net.receive_buffer()).filter(|&bytes| bytes > 0),
            window: Some(window),
        };
        Ok(Measured::new(around, step.asking.ends, step.engine.ledger()))
    }

    /// Whether the asking of a step has to end for a reason of its own.
    pub fn is_over(&self, now: Time) -> bool {
        self.stop.requested() || now >= Time::ZERO + self.length
    }

    /// Ends the asking of a step.
    pub fn stop_asking(&self, engine: &mut Engine<Question, u32>, now: Time) {
        engine.stop_sending(now);
        if self.stop.requested() {
            self.console.warn(format_args!(
                "interrupted: waiting for the {} queries in flight; Ctrl-C again quits at once",
                engine.in_flight(),
            ));
        }
    }

    /// When a step whose asking ended at `now` ends whatever is still open: long after all deadlines.
    pub fn patience(&self, now: Time) -> Time {
        now + 2 * self.timeout + Duration::from_secs(1)
    }

    pub fn show_progress(&self, way: Way, rate: f64, engine: &Engine<Question, u32>) {
        if self.console.is_watched() {
            let ledger = engine.ledger();
            self.console.progress(format_args!(
                "{rate:.0}/s, {} · {} sent · {} answered · {} in flight",
                way.name(),
                ledger.datagrams_sent,
                ledger.answered,
                engine.in_flight(),
            ));
        }
    }
}

/// An engine with a key that nobody can guess.
pub fn new_engine(question: Question, config: Config) -> Result<Engine<Question, u32>> {
    let key = net::random_key().context("the system has no random numbers")?;
    Ok(Engine::new(question, config, key).map_err(|error| Usage(error.to_string()))?)
}

/// What is still to be asked, and what has ended.
pub struct Asking<'a> {
    pub round: &'a mut Round,
    pub left: u64,
    pub ends: Ends,
}

impl Asking<'_> {
    /// Asks the next ones, up to `most`.
    pub fn ask(&mut self, engine: &mut Engine<Question, u32>, most: usize) {
        for _ in 0..self.left.min(most as u64) {
            let Some((target, number)) = self.round.next() else { return };
            if engine.ask(target, (), number).is_err() {
                return;
            }
            self.left -= 1;
        }
    }

    pub fn take_results(&mut self, engine: &mut Engine<Question, u32>) {
        while let Some(completion) = engine.poll_completion() {
            self.ends.count(&completion);
            if completion.rtt.is_some() {
                self.round.hear(completion.tag);
            }
        }
    }
}

/// How long was asked, and what it took.
pub struct Asked {
    pub time: Duration,
    /// Part of one core.
    pub cpu: Option<f64>,
    /// All that the rate comes to was asked.
    pub complete: bool,
}

impl Asked {
    /// Of a step that has asked from the start of its clock until `now`, and the process had used `cpu`
    /// before.
    pub fn until(now: Time, cpu: Option<Duration>, complete: bool) -> Asked {
        let time = now - Time::ZERO;
        let used = net::cpu_time().zip(cpu).map(|(after, before)| after.saturating_sub(before));
        let part = used.map(|used| used.as_secs_f64() / time.as_secs_f64().max(1e-6));
        Asked { time, cpu: part, complete }
    }

    /// The rate at which queries were asked. Whoever has asked all of them before the time was over has
    /// kept the rate, no more: it began with a small burst.
    pub fn achieved(&self, course: &Course, rate: f64, ledger: &Ledger) -> f64 {
        let sent = ledger.datagrams_sent - ledger.retransmissions;
        let planned = course.queries(rate) as f64 / rate;
        let time = self.time.as_secs_f64();
        sent as f64 / if self.complete { time.max(planned) } else { time.max(1e-6) }
    }
}

struct Step<'a> {
    net: Net,
    engine: Engine<Question, u32>,
    asking: Asking<'a>,
}

impl Step<'_> {
    /// Asks until all is asked, or the time is over.
    fn ask(&mut self, course: &Course, rate: f64) -> Result<Asked> {
        let cpu = net::cpu_time();
        loop {
            let Step { net, engine, asking } = self;
            asking.take_results(engine);
            let now = net.now();
            let waiting = engine.open() - engine.in_flight();
            let complete = asking.left == 0 && waiting == 0;
            if complete || course.is_over(now) {
                course.stop_asking(engine, now);
                return Ok(Asked::until(now, cpu, complete));
            }
            asking.ask(engine, AHEAD.saturating_sub(waiting));
            course.show_progress(Way::Allears, rate, engine);
            let wake = (now + TICK).min(Time::ZERO + course.length);
            net.turn(engine, Some(wake)).context("the socket failed")?;
        }
    }

    /// Waits for what is in flight, and then for late answers if any are missing.
    fn hear_the_rest(&mut self, course: &Course) -> Result<()> {
        let Step { net, engine, asking } = self;
        let give_up = course.patience(net.now());
        while !engine.is_idle() {
            if net.now() >= give_up {
                engine.abort(net.now());
            }
            let wake = net.now() + TICK;
            net.turn(engine, Some(wake)).context("the socket failed")?;
            asking.take_results(engine);
        }
        asking.take_results(engine);
        let end = net.now() + course.timeout.max(LATE_WITHIN);
        while is_any_missing(engine, net.local_drops()) && net.now() < end && !course.stop.requested() {
            let wake = (net.now() + TICK).min(end);
            net.turn(engine, Some(wake)).context("the socket failed")?;
        }
        Ok(())
    }
}

/// Whether more queries went without an answer than are accounted for.
pub fn is_any_missing(engine: &Engine<Question, u32>, local_drops: Option<u64>) -> bool {
    let ledger = engine.ledger();
    ledger.silent > ledger.late + local_drops.unwrap_or(0)
}
