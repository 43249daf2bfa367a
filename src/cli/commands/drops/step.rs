//! One step: sends every query once at one rate, as evenly as possible.

use std::time::Duration;

use allears::engine::{Config, Engine, Ledger, Protocol, Time, Timeout, reply_cost};
use allears::net::{self, Net};
use anyhow::{Context, Result};

use super::measured::{Circumstances, Ends, Measured, Way};
use super::protocols::FixedQuestion;
use super::round::Round;
use crate::cli::console::Console;
use crate::cli::exit::Usage;
use crate::cli::signals::Stop;

/// The tokens that may accumulate, in seconds of the rate. Longer stalls are not compensated.
const CATCH_UP: f64 = 0.005;
/// The same for low rates, up to a few packets.
const CATCH_UP_FEW: f64 = 0.02;
const FEW: f64 = 32.0;
/// The maximum number of queries that wait to be sent.
const AHEAD: usize = 4096;
/// The maximum number of ended queries that are remembered, to recognize late replies.
const MOST_REMEMBERED: f64 = 262_144.0;
/// The time between two updates of the progress, and two checks for Ctrl-C.
const TICK: Duration = Duration::from_millis(100);

/// The settings shared by all steps.
pub struct Course<'a> {
    /// The duration of a step.
    pub length: Duration,
    /// The timeout of a reply.
    pub timeout: Duration,
    /// The maximum number of queries in flight; `None` for as many as the receive buffer can hold replies for.
    pub window: Option<u32>,
    pub sockets: net::Options,
    pub console: &'a Console,
    pub stop: &'a Stop,
}

/// The minimum time to wait for missing replies after the timeout.
const LATE_WITHIN: Duration = Duration::from_secs(3);

impl Course<'_> {
    /// Returns the number of queries of a step at `rate`.
    pub fn queries(&self, rate: f64) -> u64 {
        ((rate * self.length.as_secs_f64()).round() as u64).max(1)
    }

    /// Returns the engine's settings: one try, and no limit except the rate.
    pub fn config(&self, rate: f64) -> Config {
        let burst = (rate * CATCH_UP).max((rate * CATCH_UP_FEW).min(FEW)).clamp(1.0, 1e6) as u32;
        let linger = (2 * self.timeout).max(LATE_WITHIN);
        let remembered = (rate * linger.as_secs_f64()).clamp(AHEAD as f64, MOST_REMEMBERED);
        Config::unlimited()
            .with_rate(Some(rate))
            .with_burst(burst)
            .with_window(self.window)
            .with_timeout(Timeout::Fixed(self.timeout))
            .with_tries(1)
            .with_forgive_local_drops(false)
            .with_accept_late(false)
            .with_ring(remembered as usize)
            .with_linger(linger)
    }

    /// Sends at `rate` for the length of a step.
    ///
    /// # Errors
    /// A system error.
    pub fn run<P>(&self, rate: f64, fixed: FixedQuestion<P>, round: &mut Round) -> Result<Measured>
    where
        P: Protocol,
        P::Question: Clone,
    {
        let net = Net::open(&self.sockets)?;
        let config = self.config(rate);
        let cost = reply_cost(fixed.reply_size);
        let window = config.window.map_or((net.reply_credit() / u64::from(cost)).max(1), u64::from);
        let mut step = Step {
            engine: new_engine(fixed.protocol, config)?,
            asking: Asking::new(fixed.question, self.queries(rate), round),
            net,
        };
        let asked = step.ask(self, rate)?;
        step.receive_the_rest(self)?;
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

    /// Returns whether a step must stop sending.
    pub fn is_over(&self, now: Time) -> bool {
        self.stop.requested() || now >= Time::ZERO + self.length
    }

    /// Stops sending.
    pub fn stop_asking<P: Protocol>(&self, engine: &mut Engine<P, u32>, now: Time) {
        engine.stop_sending(now);
        if self.stop.requested() {
            self.console.warn(format_args!(
                "interrupted: waiting for {} queries in flight; Ctrl-C again quits at once",
                engine.in_flight(),
            ));
        }
    }

    /// Returns the time when a step that stopped sending at `now` aborts open queries: well after all deadlines.
    pub fn abort_time(&self, now: Time) -> Time {
        now + 2 * self.timeout + Duration::from_secs(1)
    }

    pub fn show_progress<P: Protocol>(&self, way: Way, rate: f64, engine: &Engine<P, u32>) {
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

/// Creates an engine with an unpredictable key.
pub fn new_engine<P: Protocol>(protocol: P, config: Config) -> Result<Engine<P, u32>> {
    let key = net::random_key().context("cannot get random numbers from the system")?;
    Ok(Engine::new(protocol, config, key).map_err(|error| Usage(error.to_string()))?)
}

/// The queries still to be sent, and the outcomes so far.
pub struct Asking<'a, Q> {
    question: Q,
    pub round: &'a mut Round,
    pub left: u64,
    pub ends: Ends,
}

impl<'a, Q: Clone> Asking<'a, Q> {
    pub fn new(question: Q, left: u64, round: &'a mut Round) -> Asking<'a, Q> {
        Asking { question, round, left, ends: Ends::default() }
    }

    /// Sends the next queries, at most `most`.
    pub fn ask<P: Protocol<Question = Q>>(&mut self, engine: &mut Engine<P, u32>, most: usize) {
        for _ in 0..self.left.min(most as u64) {
            let Some((target, number)) = self.round.next() else { return };
            if engine.ask(target, self.question.clone(), number).is_err() {
                return;
            }
            self.left -= 1;
        }
    }

    pub fn take_results<P: Protocol<Question = Q>>(&mut self, engine: &mut Engine<P, u32>) {
        while let Some(completion) = engine.poll_completion() {
            self.ends.count(&completion);
            if completion.rtt.is_some() {
                self.round.mark_answered(completion.tag);
            }
        }
    }
}

/// The sending part of a step: its duration, and the CPU time used.
pub struct SendPhase {
    pub time: Duration,
    /// The share of one core that was used.
    pub cpu: Option<f64>,
    /// True if all queries of the rate were sent.
    pub complete: bool,
}

impl SendPhase {
    /// Creates the record of a step that sent from the start of its clock until `now`. `cpu` is the CPU time used
    /// before it.
    pub fn until(now: Time, cpu: Option<Duration>, complete: bool) -> SendPhase {
        let time = now - Time::ZERO;
        let used = net::cpu_time().zip(cpu).map(|(after, before)| after.saturating_sub(before));
        let part = used.map(|used| used.as_secs_f64() / time.as_secs_f64().max(1e-6));
        SendPhase { time, cpu: part, complete }
    }

    /// Returns the rate at which queries were sent. If all were sent before the time was up, it is the offered rate:
    /// the small initial burst does not count.
    pub fn achieved(&self, course: &Course, rate: f64, ledger: &Ledger) -> f64 {
        let sent = ledger.datagrams_sent - ledger.retransmissions;
        let planned = course.queries(rate) as f64 / rate;
        let time = self.time.as_secs_f64();
        sent as f64 / if self.complete { time.max(planned) } else { time.max(1e-6) }
    }
}

struct Step<'a, P: Protocol> {
    net: Net,
    engine: Engine<P, u32>,
    asking: Asking<'a, P::Question>,
}

impl<P: Protocol> Step<'_, P>
where
    P::Question: Clone,
{
    /// Sends until all queries are sent or the time is up.
    fn ask(&mut self, course: &Course, rate: f64) -> Result<SendPhase> {
        let cpu = net::cpu_time();
        loop {
            let Step { net, engine, asking } = self;
            asking.take_results(engine);
            let now = net.now();
            let waiting = engine.open() - engine.in_flight();
            let complete = asking.left == 0 && waiting == 0;
            if complete || course.is_over(now) {
                course.stop_asking(engine, now);
                return Ok(SendPhase::until(now, cpu, complete));
            }
            asking.ask(engine, AHEAD.saturating_sub(waiting));
            course.show_progress(Way::Allears, rate, engine);
            let wake = (now + TICK).min(Time::ZERO + course.length);
            net.turn(engine, Some(wake)).context("the socket failed")?;
        }
    }

    /// Waits for the queries in flight, and then for late replies if any are missing.
    fn receive_the_rest(&mut self, course: &Course) -> Result<()> {
        let Step { net, engine, asking } = self;
        let give_up = course.abort_time(net.now());
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

/// Returns whether more queries are unanswered than late replies and local drops account for.
pub fn is_any_missing<P: Protocol>(engine: &Engine<P, u32>, local_drops: Option<u64>) -> bool {
    let ledger = engine.ledger();
    ledger.silent > ledger.late + local_drops.unwrap_or(0)
}
