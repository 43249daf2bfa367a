//! The invariants of every run.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use allears::engine::{Config, Engine, Outcome, Time};
use allears::sim::{Fleet, Network, Sent, Trace};

use crate::ask::{Ask, Reply, Talk};

/// Asserts that every accepted conversation ended once, in one class, and that the ledger agrees.
pub fn every_query_ends_once(engine: &Engine<Ask>, trace: &Trace<Talk, Reply>, asked: usize) {
    let mut numbers: Vec<u32> = trace.ended.iter().map(|(_, end)| end.conversation.number).collect();
    numbers.sort_unstable();
    numbers.dedup();
    assert_eq!((numbers.len(), trace.ended.len()), (asked, asked), "each conversation ends exactly once");
    assert!(engine.is_idle() && engine.open() == 0 && engine.in_flight() == 0);

    let ledger = engine.ledger();
    assert!(ledger.adds_up(0), "{ledger:?}");
    let count = |is: fn(&Outcome<Reply>) -> bool| {
        trace.ended.iter().filter(|(_, end)| is(&end.outcome)).count() as u64
    };
    // Each step that was followed by another one was an answered query.
    let steps: u64 = trace.ended.iter().map(|(_, end)| u64::from(end.conversation.step)).sum();
    assert_eq!(ledger.queries, asked as u64 + steps);
    assert_eq!(ledger.answered, steps + count(|outcome| matches!(outcome, Outcome::Answered(_))));
    assert_eq!(ledger.silent, count(|outcome| *outcome == Outcome::Silent));
    assert_eq!(ledger.unreachable, count(|outcome| matches!(outcome, Outcome::Unreachable(_))));
    assert_eq!(ledger.send_failed, count(|outcome| matches!(outcome, Outcome::SendFailed(_))));
    assert_eq!(ledger.malformed, count(|outcome| matches!(outcome, Outcome::Malformed(_))));
    assert_eq!(ledger.interrupted, count(|outcome| *outcome == Outcome::Interrupted));
}

/// Asserts that answers come from the host that was queried, and only from hosts that reply properly.
pub fn answers_belong_to_their_queries(
    engine: &Engine<Ask>,
    trace: &Trace<Talk, Reply>,
    fleet: &Fleet,
    config: &Config,
) {
    assert_eq!(engine.protocol().misdelivered, 0, "a datagram was passed to the wrong conversation");
    for (_, end) in &trace.ended {
        let talk = &end.conversation;
        assert_eq!(end.target, talk.target);
        assert!(end.attempts <= config.tries, "{end:?}");
        let proper = fleet.plan().host_at(end.target).is_some_and(|host| fleet.is_proper(host));
        match &end.outcome {
            Outcome::Answered(reply) => {
                assert_eq!(*reply, Reply { number: talk.number, step: talk.steps - 1 });
                // Without a token, it is unknown which of several attempts was answered.
                let may_be_unknown = engine.protocol().token_bits == 0 && end.attempts > 1;
                assert!(proper && (end.rtt.is_some() || may_be_unknown) && end.attempts > 0, "{end:?}");
            }
            Outcome::Malformed(_) => assert!(!proper, "{end:?}"),
            _ => assert!(end.rtt.is_none(), "{end:?}"),
        }
    }
}

/// Asserts that no datagram appears or disappears uncounted.
pub fn datagrams_reconcile(engine: &Engine<Ask>, trace: &Trace<Talk, Reply>, network: &Network) {
    let (ledger, tally) = (engine.ledger(), network.fleet().tally());
    assert_eq!(ledger.datagrams_sent, trace.sent.len() as u64);
    assert_eq!(ledger.datagrams_received, trace.delivered);
    let entered = ledger.datagrams_sent + tally.answered + tally.duplicated + tally.forged;
    let left = tally.received + trace.delivered + trace.overflowed;
    assert_eq!(entered + trace.duplicated + trace.forged, left + trace.lost, "entered and left the network");
    assert_eq!(network.fleet().waiting(), 0);
}

/// Asserts that rate, burst, gaps and window are not exceeded in any interval.
pub fn limits_are_kept(trace: &Trace<Talk, Reply>, config: &Config) {
    if let Some(rate) = config.rate {
        assert_conforms(trace.sent.iter(), rate, config.burst, "rate");
    }
    let mut prefixes: HashMap<IpAddr, Vec<&Sent>> = HashMap::new();
    let mut hosts: HashMap<SocketAddr, Time> = HashMap::new();
    for sent in &trace.sent {
        prefixes.entry(prefix(sent.to)).or_default().push(sent);
        if let Some(before) = hosts.insert(sent.to, sent.at) {
            assert!(
                sent.at - before >= config.host_gap.unwrap_or_default(),
                "two packets to {} in {:?}",
                sent.to,
                sent.at - before
            );
        }
    }
    let mut addresses: HashMap<IpAddr, Vec<&Sent>> = HashMap::new();
    trace.sent.iter().for_each(|sent| addresses.entry(sent.to.ip()).or_default().push(sent));
    for (_, sent) in addresses {
        if let Some(rate) = config.host_rate {
            assert_conforms(sent.into_iter(), rate, 8, "host rate");
        }
    }
    for (_, sent) in prefixes {
        if let Some(rate) = config.prefix_rate {
            assert_conforms(sent.into_iter(), rate, config.burst, "prefix rate");
        }
    }
}

/// Asserts that a token bucket with room for `burst` that leaks `rate` per second never overflows: equivalent to at
/// most `burst + rate * t` in every interval of every length `t`.
fn assert_conforms<'a>(sent: impl Iterator<Item = &'a Sent>, rate: f64, burst: u32, what: &str) {
    let (mut level, mut since) = (0.0f64, Time::ZERO);
    for sent in sent {
        level = (level - (sent.at - since).as_secs_f64() * rate).max(0.0) + 1.0;
        since = sent.at;
        assert!(level <= f64::from(burst) + 1e-6, "{what} exceeded at {:?}: {level} of {burst}", sent.at);
    }
}

/// Asserts that no more queries are in flight than the window allows. Only for conversations of one step, each with its
/// own target.
pub fn window_is_kept(trace: &Trace<Talk, Reply>, window: usize) {
    let mut first_sent: HashMap<SocketAddr, Time> = HashMap::new();
    for sent in &trace.sent {
        first_sent.entry(sent.to).or_insert(sent.at);
    }
    // At the same time, ends come before new sends.
    let mut changes: Vec<(Time, i64)> = Vec::new();
    for (ended, end) in &trace.ended {
        if let Some(sent) = first_sent.get(&end.target) {
            changes.extend([(*sent, 1), (*ended, -1)]);
        }
    }
    changes.sort_unstable();
    let mut in_flight = 0;
    for (at, change) in changes {
        in_flight += change;
        assert!(in_flight <= window as i64, "{in_flight} in flight at {at:?}");
    }
}

/// Returns the time from the first send to each target to the end of its conversation.
pub fn waits(trace: &Trace<Talk, Reply>) -> impl Iterator<Item = Duration> {
    trace.ended.iter().filter_map(|(ended, end)| {
        let first = trace.sent.iter().find(|sent| sent.to == end.target)?;
        Some(*ended - first.at)
    })
}

fn prefix(address: SocketAddr) -> IpAddr {
    match address {
        SocketAddr::V4(v4) => {
            let [a, b, c, _] = v4.ip().octets();
            IpAddr::from([a, b, c, 0])
        }
        SocketAddr::V6(v6) => (*v6.ip()).into(),
    }
}
