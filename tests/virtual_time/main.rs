//! The engine against simulated fleets and networks, in virtual time: a thousand seeds, and tests of special cases.
//! `make sim SEED=n` replays one seed and prints a summary.

mod ask;
mod checks;
mod scenario;

use std::net::SocketAddr;
use std::time::Duration;

use allears::engine::{Config, Engine, Ledger, Outcome, Time, Timeout};
use allears::sim::{Fleet, HostProtocol, Late, Latency, Link, Network, Plan, Trace};

use ask::{Ask, Reply, TOKEN_AT, Talk};
use scenario::{Scenario, forever};

const SEEDS: u64 = 1000;

#[test]
fn a_thousand_seeds() {
    if let Some(seed) = std::env::var("SEED").ok().and_then(|seed| seed.parse().ok()) {
        let scenario = Scenario::new(seed);
        println!("{scenario:#?}");
        let (engine, trace) = scenario.run_and_check();
        return report(&engine, &trace);
    }
    let mut answered = 0;
    for seed in 0..SEEDS {
        let run = std::panic::catch_unwind(|| Scenario::new(seed).run_and_check().0.ledger().answered);
        match run {
            Ok(count) => answered += count,
            Err(_) => panic!("to replay: make sim SEED={seed}"),
        }
    }
    assert!(answered > SEEDS * 10, "too few answers for a meaningful test: {answered}");
}

fn report(engine: &Engine<Ask>, trace: &Trace<Talk, Reply>) {
    for (at, end) in &trace.ended {
        let ms = at.as_nanos() as f64 / 1e6;
        println!("{ms:12.3} ms  {}  {:?} after {} attempts", end.target, end.outcome, end.attempts);
    }
    let Ledger { queries, answered, silent, malformed, send_failed, .. } = engine.ledger();
    let Ledger { retransmissions, replies, broken, late, duplicates, unmatched, .. } = engine.ledger();
    println!(
        "{queries} queries = {answered} answered, {silent} silent, {malformed} malformed, {send_failed} not sent"
    );
    println!("{} datagrams sent, of which {retransmissions} again; {} lost", trace.sent.len(), trace.lost);
    println!(
        "{} received = {replies} replies, {broken} broken, {late} late, {duplicates} duplicates, {unmatched} unmatched",
        trace.delivered
    );
}

#[test]
fn a_seed_replays_to_the_nanosecond() {
    for seed in 0..20 {
        let (first, second) = (Scenario::new(seed).run_and_check().1, Scenario::new(seed).run_and_check().1);
        assert_eq!(first.sent, second.sent);
        let ends = |trace: &Trace<Talk, Reply>| {
            let end = |(at, end): &(Time, _)| format!("{at:?} {end:?}");
            trace.ended.iter().map(end).collect::<Vec<_>>()
        };
        assert_eq!(ends(&first), ends(&second));
    }
}

#[test]
fn stopped_or_aborted_at_any_time_every_query_still_ends_once() {
    for seed in 0..300 {
        let scenario = Scenario::new(seed);
        let stop = Time::from_millis(seed * seed % 1500);
        let (mut engine, mut network) = (scenario.engine(), scenario.network());
        let mut asked = 0;
        let mut targets = scenario.targets().inspect(|_| asked += 1);
        let mut trace = Trace::default();
        network.run(&mut engine, &mut targets, stop, &mut trace);
        let before = trace.sent.len();
        if seed % 2 == 0 {
            engine.stop_sending(network.now())
        } else {
            engine.abort(network.now())
        }
        assert!(seed % 2 == 0 || engine.is_idle(), "nothing is open after an abort");
        assert_eq!(engine.room(), 0);
        network.run(&mut engine, &mut std::iter::empty(), forever(), &mut trace);
        assert_eq!(trace.sent.len(), before, "nothing is sent after the stop");
        drop(targets);
        checks::every_query_ends_once(&engine, &trace, asked);
        checks::answers_belong_to_their_queries(&engine, &trace, network.fleet(), &scenario.config);
        checks::datagrams_reconcile(&engine, &trace, &network);
    }
}

fn echo(hosts: u32) -> Plan {
    let latency = Latency { median: Duration::from_millis(20), sigma: 0.0 };
    Plan::default()
        .with_hosts(hosts)
        .with_protocol(HostProtocol::find("echo").expect("a protocol"))
        .with_latency(latency)
}

/// Returns settings without rate limits.
fn unlimited() -> Config {
    Config::unlimited().with_window(Some(1_000_000)).with_ring(1_000_000)
}

fn sweep(plan: Plan, link: Link, config: Config, steps: u8) -> (Engine<Ask>, Network, Trace<Talk, Reply>) {
    let ask = Ask { token_bits: 64, ..Ask::default() };
    let mut engine = Engine::new(ask, config, [7; 16]).expect("a valid configuration");
    let fleet = Fleet::new(plan).expect("a valid plan");
    let targets: Vec<SocketAddr> = fleet.targets().collect();
    let mut targets = targets
        .into_iter()
        .zip(0..)
        .map(|(target, number)| (target, Talk::new(number, target, steps, None), ()));
    let mut network = Network::new(link, fleet);
    let mut trace = Trace::default();
    network.run(&mut engine, &mut targets, forever(), &mut trace);
    (engine, network, trace)
}

#[test]
fn with_everything_lost_all_queries_are_silent_after_their_tries() {
    for (tries, millis) in [(1, 300), (3, 300), (5, 77)] {
        let timeout = Timeout::Fixed(Duration::from_millis(millis));
        let config = unlimited().with_timeout(timeout).with_tries(tries);
        let (engine, _, trace) = sweep(echo(500), Link::default().with_loss(1.0), config, 1);
        assert_eq!(engine.ledger().silent, 500);
        assert_eq!(trace.sent.len(), 500 * tries as usize);
        for (i, sent) in trace.sent.iter().enumerate() {
            assert_eq!(sent.at, Time::from_millis(i as u64 / 500 * millis));
        }
        assert!(trace.ended.iter().all(|(_, end)| end.outcome == Outcome::Silent && end.attempts == tries));
        let expected = Duration::from_millis(millis) * tries;
        assert!(checks::waits(&trace).all(|wait| wait == expected));
    }
}

#[test]
fn follow_ups_wait_only_for_other_follow_ups() {
    for (window, ring) in [(20, 50), (500, 50), (30, 1), (1000, 1000)] {
        let latency = Latency { median: Duration::from_millis(40), sigma: 1.5 };
        let config = unlimited()
            .with_rate(Some(2000.0))
            .with_burst(4)
            .with_window(Some(window))
            .with_ring(ring)
            .with_timeout(Timeout::Fixed(Duration::from_secs(100)));
        let plan = echo(2000).with_latency(latency);
        let (engine, _, trace) = sweep(plan, Link::default(), config, 4);
        assert_eq!((engine.ledger().answered, trace.sent.len()), (8000, 8000));
        let fairness = &engine.protocol().fairness;
        assert_eq!(
            (fairness.followups.get(), fairness.overtaken.get()),
            (6000, 0),
            "window {window}, ring {ring}"
        );
    }
}

#[test]
fn targets_are_pulled_only_when_there_is_room_for_them() {
    let (window, ring) = (32, 64);
    let config = unlimited()
        .with_window(Some(window))
        .with_ring(ring)
        .with_timeout(Timeout::Fixed(Duration::from_millis(50)))
        .with_rate(Some(20_000.0));
    let fleet = Fleet::new(echo(20_000).with_dead(0.5)).expect("a valid plan");
    let mut engine = Engine::new(Ask { token_bits: 64, ..Ask::default() }, config, [7; 16]).expect("valid");
    let pulled = std::cell::Cell::new(0);
    let addresses: Vec<SocketAddr> = fleet.targets().collect();
    let mut targets = addresses.into_iter().zip(0..).map(|(target, number)| {
        pulled.set(pulled.get() + 1);
        (target, Talk::new(number, target, 1, None), ())
    });
    let mut network = Network::new(Link::default(), fleet);
    let mut trace = Trace::default();
    for millis in (0..).step_by(3) {
        network.run(&mut engine, &mut targets, Time::from_millis(millis), &mut trace);
        let ahead = pulled.get() - trace.ended.len();
        // As many as in ring and window may have timed out, and wait for a late reply.
        assert!(ahead <= 2 * (ring + window as usize), "{ahead} targets are held at {millis} ms");
        assert_eq!(ahead, engine.open());
        if trace.ended.len() == 20_000 {
            break;
        }
    }
}

#[test]
fn exactly_the_forgeries_are_unmatched() {
    for seed in 0..30 {
        let link = Link::default()
            .with_seed(seed)
            .with_forge(0.5)
            .with_token_at(TOKEN_AT)
            .with_duplicate(0.2)
            .with_loss(0.1)
            .with_jitter(Duration::from_millis(90));
        let late = Late { fraction: 0.2, by: Duration::from_secs(2) };
        let plan = echo(300).with_seed(seed).with_late(late).with_duplicate(0.2);
        // No query is forgotten before the end, so none of its replies becomes unmatched.
        let config = unlimited().with_linger(Duration::from_secs(3600)).with_accept_late(false);
        let (engine, _, trace) = sweep(plan.clone(), link.clone(), config.clone(), 2);
        let ledger = engine.ledger();
        assert_eq!(ledger.unmatched, trace.forged);
        assert!(trace.forged > 100 && ledger.late > 0 && ledger.duplicates > 0, "{ledger:?}");

        // The network loses and duplicates the fleet's own forgeries like any other datagram.
        let (engine, network, trace) = sweep(plan.with_forge(500.0), link, config, 2);
        assert!(engine.ledger().unmatched > trace.forged && network.fleet().tally().forged > 100);
        assert_eq!(engine.protocol().misdelivered, 0);
    }
}

#[test]
fn a_stopped_process_loses_nothing_within_its_window() {
    // The receive buffer holds exactly as many replies as the window admits.
    let link = Link::default()
        .with_latency(Duration::from_millis(2))
        .with_jitter(Duration::from_millis(20))
        .with_receive_buffer(40)
        .with_stall(Late { fraction: 0.05, by: Duration::from_secs(5) });
    let config = unlimited().with_window(Some(40)).with_timeout(Timeout::Fixed(Duration::from_secs(1)));
    let (engine, _, trace) = sweep(echo(5000), link.clone(), config.clone(), 1);
    assert_eq!((engine.ledger().answered, trace.overflowed), (5000, 0));
    // A wider window does lose replies, so this test can fail.
    let (_, _, trace) = sweep(echo(5000), link, config.with_window(Some(400)), 1);
    assert!(trace.overflowed > 0);
}

#[test]
fn with_content_steps_follow_each_other_and_every_answer_is_right() {
    let run = |seed| Scenario::by_content(seed).run_and_check().0.ledger().answered;
    let answered: u64 = (0..100).map(run).sum();
    assert!(answered > 1000, "{answered}");
}

#[test]
fn with_a_cap_per_host_every_query_still_ends_once() {
    let run = |seed| Scenario::with_host_cap(seed).run_and_check().0.ledger().answered;
    let answered: u64 = (0..100).map(run).sum();
    assert!(answered > 1000, "{answered}");
}

#[test]
fn with_the_address_alone_one_query_at_a_time_is_in_flight_and_every_answer_is_right() {
    let run = |seed| Scenario::by_address_alone(seed).run_and_check().0.ledger().answered;
    let answered: u64 = (0..100).map(run).sum();
    assert!(answered > 1000, "{answered}");
}
