//! Raw payloads that differ for each query: each query gets its own reply, in virtual time.

use std::net::SocketAddr;
use std::time::Duration;

use allears::engine::{Config, Engine, Outcome, Time};
use allears::protocol::raw::{Payload, Raw};
use allears::sim::{Fleet, HostProtocol, Latency, Link, Network, Plan, Trace};

/// Sends ten numbers to each of 20 hosts, which return what they receive. Returns how many answers belong to another
/// query, and how many there are.
fn asked_by_address_alone(latency: Duration, config: Config) -> (usize, usize) {
    let raw = Raw::new(vec![]).expect("short");
    let plan = Plan::new(HostProtocol::find("echo").expect("a protocol"))
        .with_hosts(20)
        .with_latency(Latency { median: latency, sigma: 0.3 });
    let fleet = Fleet::new(plan).expect("a valid plan");
    let hosts: Vec<SocketAddr> = fleet.targets().collect();
    let numbers = (0..10u32).flat_map(|number| hosts.iter().map(move |host| (*host, number)));
    let payload =
        |(host, number): (SocketAddr, u32)| (host, raw.payload(&number.to_be_bytes()).expect("short"), ());
    let mut targets: Vec<(SocketAddr, Payload, ())> = numbers.map(payload).collect();
    let mut engine = Engine::new(raw.clone(), config, [5; 16]).expect("settings in range");
    let (mut network, mut trace) = (Network::new(Link::default(), fleet), Trace::default());
    network.run(&mut engine, &mut targets.drain(..), Time::from_millis(3_600_000), &mut trace);
    assert!(engine.is_idle() && engine.ledger().adds_up(0), "{:?}", engine.ledger());
    assert_eq!(trace.ended.len(), 200);
    let answered = trace.ended.iter().filter_map(|(_, end)| match &end.outcome {
        Outcome::Answered(reply) => Some(Ok(end.conversation.clone()) != raw.payload(reply)),
        _ => None,
    });
    let wrong: Vec<bool> = answered.collect();
    (wrong.iter().filter(|wrong| **wrong).count(), wrong.len())
}

#[test]
fn late_replies_without_a_token_do_not_answer_the_next_query() {
    // The hosts are slower than the first timeout: every early query is retried, and answered twice. No reply is later
    // than the time for which an ended query is remembered.
    for (millis, ring) in [(20, 4096), (300, 4096), (700, 4096), (700, 4)] {
        let config = Config::default().with_ring(ring);
        let (wrong, answered) = asked_by_address_alone(Duration::from_millis(millis), config);
        assert_eq!(wrong, 0, "{millis} ms, a ring of {ring}, {answered} answers");
        assert!(answered > 150, "{millis} ms, a ring of {ring}, {answered} answers");
    }
}
