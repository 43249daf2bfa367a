//! Late answers: replies that come after all tries have timed out.

#[path = "support/script.rs"]
mod script;

use std::time::Duration;

use allears::engine::{Config, Engine, Ledger, Outcome, Proof};
use allears::protocol::raw::{Payload, Raw};
use allears::sim::{Fleet, HostProtocol, Latency, Link, Network, Plan, Trace};
use script::{Script, Talk, config, end, engine, host, ms, receive, request};

/// Queries host 1, whose three tries have timed out at 300 ms, and host 2 at 200 ms. Returns the token of the last
/// attempt at host 1.
fn one_of_two_times_out(engine: &mut Engine<Script>) -> Vec<u8> {
    engine.ask(host(1), Talk::default(), ()).unwrap();
    let mut token = request(engine, ms(0)).unwrap().1;
    for at in [100, 200] {
        engine.handle_timeout(ms(at));
        token = request(engine, ms(at)).expect("a retry").1;
    }
    engine.ask(host(2), Talk::default(), ()).unwrap();
    request(engine, ms(200)).unwrap();
    engine.handle_timeout(ms(300));
    token
}

#[test]
fn a_late_reply_is_the_answer_while_another_query_is_open() {
    let mut engine = engine();
    let token = one_of_two_times_out(&mut engine);
    assert!(engine.poll_completion().is_none(), "host 1 may still answer");
    assert_eq!(engine.in_flight(), 1, "only host 2 is in the window");
    receive(&mut engine, ms(350), host(1), &token, "done");
    let completion = end(&mut engine);
    assert_eq!((completion.target, completion.outcome), (host(1), Outcome::Answered(0)));
    assert_eq!((completion.attempts, completion.rtt), (3, Some(Duration::from_millis(150))));
    let ledger = engine.ledger();
    assert_eq!((ledger.answered, ledger.answered_late, ledger.late, ledger.silent), (1, 1, 0, 0));
}

#[test]
fn a_query_that_timed_out_ends_once_no_other_is_open() {
    let mut engine = engine();
    let late = one_of_two_times_out(&mut engine);
    let mut now = ms(300);
    while !engine.is_idle() {
        while request(&mut engine, now).is_some() {}
        now = engine.poll_timeout().expect("something is open").max(now);
        engine.handle_timeout(now);
    }
    assert_eq!(now, ms(500), "three tries of host 2, from 200 ms on");
    assert_eq!(engine.ledger().silent, 2);
    receive(&mut engine, ms(510), host(1), &late, "done");
    assert_eq!(engine.ledger().late, 1);
}

#[test]
fn a_reply_later_than_the_linger_is_only_counted() {
    let mut engine = engine_of(config().with_linger(Duration::from_millis(50)));
    let token = one_of_two_times_out(&mut engine);
    engine.handle_timeout(ms(350));
    assert_eq!(end(&mut engine).outcome, Outcome::Silent);
    receive(&mut engine, ms(360), host(1), &token, "done");
    assert_eq!((engine.ledger().late, engine.ledger().answered), (1, 0));
}

#[test]
fn without_a_token_or_when_loss_is_measured_a_query_ends_with_its_last_timeout() {
    let without_token = Script { proof: Proof::Address, ..Script::default() };
    let measuring = config().with_accept_late(false);
    for mut engine in
        [Engine::new(without_token, config(), [1; 16]).expect("settings in range"), engine_of(measuring)]
    {
        one_of_two_times_out(&mut engine);
        assert_eq!(end(&mut engine).outcome, Outcome::Silent);
    }
}

#[test]
fn hardly_any_slow_host_among_many_fast_ones_is_lost() {
    // Round trips have a median of 20 ms; one host in 700 needs more than a second.
    let silent = |accept_late: bool| -> u64 {
        let swept = (0..5).map(|seed| slow_hosts(Config::default().with_accept_late(accept_late), seed));
        swept.map(|ledger| ledger.silent).sum()
    };
    let (without, with) = (silent(false), silent(true));
    assert!(
        with * 4 < without && without > 10,
        "{with} of 15,000 are silent, {without} without late answers"
    );
}

fn slow_hosts(config: Config, seed: u64) -> Ledger {
    let plan = Plan::new(HostProtocol::find("echo").expect("a protocol"))
        .with_hosts(3_000)
        .with_seed(seed)
        .with_latency(Latency { median: Duration::from_millis(20), sigma: 1.5 });
    let fleet = Fleet::new(plan).expect("a valid plan");
    let targets: Vec<_> = fleet.targets().map(|target| (target, Payload::default(), ())).collect();
    let protocol =
        Raw::new(b"12345678".to_vec()).and_then(|raw| raw.with_token_at(0)).expect("a valid payload");
    let mut engine = Engine::new(protocol, config, [seed as u8; 16]).expect("settings in range");
    let mut network = Network::new(Link::default(), fleet);
    network.run(&mut engine, &mut targets.into_iter(), ms(60_000), &mut Trace::default());
    assert!(engine.is_idle() && engine.ledger().adds_up(0));
    engine.ledger().clone()
}

fn engine_of(config: Config) -> Engine<Script> {
    Engine::new(Script::default(), config, [1; 16]).expect("settings in range")
}
