//! A scenario derived from a seed: the settings of the engine, the hosts, and the network.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use allears::engine::{Config, Engine, Time, Timeout};
use allears::sim::{Fleet, HostProtocol, Late, Latency, Limit, Link, Network, Plan, Trace};

use crate::ask::{Ask, Reply, TOKEN_AT, Talk};
use crate::checks;

/// Returns a time later than all events.
pub fn forever() -> Time {
    Time::from_nanos(u64::MAX)
}

#[derive(Clone, Debug)]
pub struct Scenario {
    pub config: Config,
    pub plan: Plan,
    pub link: Link,
    token_bits: u32,
    by_content: bool,
    /// The number of conversations with each host.
    rounds: u32,
    steps: u8,
    gap: Option<Duration>,
}

impl Scenario {
    pub fn new(seed: u64) -> Scenario {
        let mut chance = Chance(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 0x5eed);
        Scenario {
            config: config(&mut chance)
                .with_accept_late(seed.is_multiple_of(2))
                .with_host_rate(Some(if seed.is_multiple_of(3) { 10.0 } else { f64::INFINITY })),
            plan: plan(seed, &mut chance),
            link: link(seed, &mut chance),
            by_content: false,
            token_bits: if chance.one_in(3) { 32 } else { 64 },
            rounds: if chance.one_in(4) { 2 } else { 1 },
            steps: if chance.one_in(2) { 1 } else { 1 + chance.below(4) as u8 },
            gap: chance.sometimes(4, |chance| chance.millis(200)),
        }
    }

    /// Creates a scenario in which replies return nothing of the request, so forgeries and late replies cannot be
    /// detected.
    pub fn by_address_alone(seed: u64) -> Scenario {
        let mut scenario = Scenario { token_bits: 0, rounds: 2, steps: 2, gap: None, ..Scenario::new(seed) };
        scenario.link.forge = 0.0;
        scenario.plan.forge = 0.0;
        scenario
    }

    /// Creates a scenario in which replies have no token, but their content identifies their step.
    pub fn by_content(seed: u64) -> Scenario {
        Scenario { by_content: true, steps: 3, ..Scenario::by_address_alone(seed) }
    }

    /// Creates a scenario with several conversations per host, only some of which may be in flight.
    pub fn with_host_cap(seed: u64) -> Scenario {
        let mut scenario = Scenario { rounds: 4, steps: 2, ..Scenario::new(seed) };
        scenario.config.in_flight_per_host = Some(1 + (seed % 3) as u32);
        scenario
    }

    pub fn engine(&self) -> Engine<Ask> {
        let ask = Ask { token_bits: self.token_bits, by_content: self.by_content, ..Ask::default() };
        let key = self.plan.seed.to_le_bytes();
        let key: Vec<u8> = key.iter().chain(&key).copied().collect();
        Engine::new(ask, self.config.clone(), key.try_into().expect("16 bytes"))
            .expect("a valid configuration")
    }

    pub fn network(&self) -> Network {
        Network::new(self.link.clone(), Fleet::new(self.plan.clone()).expect("a valid plan"))
    }

    /// Returns all targets, `rounds` times each.
    pub fn targets(&self) -> impl Iterator<Item = (SocketAddr, Talk, ())> {
        (0..self.plan.hosts * self.rounds).map(|number| {
            let target = self.plan.address(number % self.plan.hosts);
            (target, Talk::new(number, target, self.steps, self.gap), ())
        })
    }

    pub fn run_and_check(&self) -> (Engine<Ask>, Trace<Talk, Reply>) {
        let (mut engine, mut network, mut trace) = (self.engine(), self.network(), Trace::default());
        network.run(&mut engine, &mut self.targets(), forever(), &mut trace);
        checks::every_query_ends_once(&engine, &trace, (self.plan.hosts * self.rounds) as usize);
        checks::answers_belong_to_their_queries(&engine, &trace, network.fleet(), &self.config);
        checks::datagrams_reconcile(&engine, &trace, &network);
        checks::limits_are_kept(&trace, &self.config);
        if let Some(window) = self.config.window {
            assert!(engine.ledger().max_in_flight <= window.into(), "{:?}", engine.ledger());
        }
        let is_exact = !self.config.accept_late && self.rounds == 1 && self.steps == 1;
        if let Some(window) = self.config.window.filter(|_| is_exact) {
            checks::window_is_kept(&trace, window as usize);
        }
        (engine, trace)
    }
}

fn config(chance: &mut Chance) -> Config {
    let window = chance.sometimes(2, |chance| 1 + chance.below(100) as u32);
    Config::default()
        .with_rate(chance.sometimes(2, |chance| 5.0 + chance.unit().powi(3) * 20_000.0))
        .with_burst(1 + chance.below(64) as u32)
        .with_window(window)
        .with_reply_credit(Some(832 * (1 + chance.below(100))))
        .with_host_gap(Some(if chance.one_in(2) { chance.millis(1500) } else { Duration::ZERO }))
        .with_in_flight_per_host(None)
        .with_prefix_rate(chance.sometimes(2, |chance| 5.0 + chance.unit().powi(3) * 5_000.0))
        .with_timeout(if chance.one_in(2) { Timeout::Auto } else { Timeout::Fixed(chance.millis(2000)) })
        .with_tries(1 + chance.below(5) as u32)
        .with_forgive_local_drops(true)
        .with_ring(1 + chance.below(200) as usize)
        .with_linger(chance.millis(5000))
}

fn plan(seed: u64, chance: &mut Chance) -> Plan {
    let limits = [Limit::None, Limit::None, Limit::Ioq3, Limit::Protect2, Limit::DarkPlaces];
    Plan::default()
        .with_hosts(1 + chance.below(120) as u32)
        .with_protocol(HostProtocol::find("echo").expect("a protocol"))
        // The hosts are in two or three networks.
        .with_base(Ipv4Addr::new(127, 1, 0, 200))
        .with_seed(seed)
        .with_dead(chance.fraction(2, 0.6))
        .with_loss(chance.fraction(2, 0.3))
        .with_reply_loss(chance.fraction(2, 0.3))
        .with_duplicate(chance.fraction(2, 0.5))
        .with_latency(Latency { median: chance.millis(300), sigma: chance.fraction(2, 1.5) })
        .with_late(Late { fraction: chance.fraction(2, 0.3), by: chance.millis(4000) })
        .with_wrong_source(chance.fraction(4, 0.4))
        .with_garbage(chance.fraction(4, 0.4))
        .with_forge(chance.sometimes(4, |chance| 1.0 + chance.unit() * 200.0).unwrap_or(0.0))
        .with_limit(limits[chance.below(5) as usize])
}

fn link(seed: u64, chance: &mut Chance) -> Link {
    Link::default()
        .with_seed(seed)
        .with_latency(chance.millis(100))
        .with_jitter(if chance.one_in(2) { chance.millis(500) } else { Duration::ZERO })
        .with_delay(Late { fraction: chance.fraction(3, 0.3), by: chance.millis(3000) })
        .with_loss(chance.fraction(3, 0.4))
        .with_duplicate(chance.fraction(3, 0.5))
        .with_forge(chance.fraction(2, 1.0))
        .with_token_at(TOKEN_AT)
        .with_receive_buffer(
            chance.sometimes(4, |chance| 1 + chance.below(50) as usize).unwrap_or(usize::MAX),
        )
        .with_stall(Late { fraction: chance.fraction(3, 0.1), by: chance.millis(3000) })
        .with_refuse(chance.fraction(4, 0.5))
        .with_send_failure(chance.fraction(6, 0.2))
}

/// The random numbers of a scenario: xorshift64*, which suffices here.
struct Chance(u64);

impl Chance {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    fn below(&mut self, n: u64) -> u64 {
        (self.next() >> 32) % n
    }

    fn unit(&mut self) -> f64 {
        self.below(1 << 30) as f64 / f64::from(1u32 << 30)
    }

    fn one_in(&mut self, n: u64) -> bool {
        self.below(n) == 0
    }

    /// Returns zero, except one time in `n`; then up to `most`.
    fn fraction(&mut self, n: u64, most: f64) -> f64 {
        if self.one_in(n) { self.unit() * most } else { 0.0 }
    }

    /// Returns 1 µs to `most` milliseconds, short times more often.
    fn millis(&mut self, most: u64) -> Duration {
        Duration::from_micros(1 + (self.unit().powi(2) * most as f64 * 1000.0) as u64)
    }

    /// Returns `None`, except one time in `n`.
    fn sometimes<T>(&mut self, n: u64, make: impl FnOnce(&mut Chance) -> T) -> Option<T> {
        if self.one_in(n) { Some(make(self)) } else { None }
    }
}
