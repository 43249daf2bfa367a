//! Simulated time servers, queried by the real protocol in virtual time: every datagram is accounted for.

use std::net::SocketAddr;
use std::time::Duration;

use allears::engine::{Config, Engine, Outcome, Time};
use allears::protocol::ntp::Ntp;
use allears::sim::{Fleet, HostProtocol, Latency, Link, Network, Plan, Trace};

#[test]
fn two_thousand_servers_with_loss_and_forgeries_reconcile_to_the_last_datagram() {
    let plan = Plan::new(HostProtocol::find("ntp").expect("a protocol"))
        .with_hosts(2000)
        .with_seed(7)
        .with_dead(0.1)
        .with_loss(0.05)
        .with_reply_loss(0.05)
        .with_duplicate(0.1)
        .with_garbage(0.02)
        .with_forge(500.0)
        .with_latency(Latency { median: Duration::from_millis(40), sigma: 0.4 });
    let fleet = Fleet::new(plan).expect("a valid plan");
    let targets: Vec<SocketAddr> = fleet.targets().collect();
    let config = Config::default().with_rate(Some(2000.0)).with_tries(8).with_linger(Duration::from_secs(60));
    let mut engine: Engine<Ntp> = Engine::new(Ntp, config, [3; 16]).expect("settings in range");
    let (mut network, mut trace) = (Network::new(Link::default(), fleet), Trace::default());
    let mut questions = targets.into_iter().map(|target| (target, (), ()));
    network.run(&mut engine, &mut questions, Time::from_millis(600_000), &mut trace);

    let (ledger, tally) = (engine.ledger(), network.fleet().tally());
    assert!(engine.is_idle() && ledger.adds_up(0), "{ledger:?}");
    assert_eq!(ledger.answered, 1800 - ledger.malformed, "every living server returned its time: {ledger:?}");
    assert_eq!((ledger.silent, ledger.queries), (200, 2000));
    assert!(ledger.malformed > 20 && tally.forged > 100 && ledger.answered_after_retry > 100);
    // The engine's counts match the fleet's.
    assert_eq!(ledger.datagrams_sent, tally.received);
    assert_eq!(ledger.datagrams_received, tally.answered + tally.duplicated + tally.forged);
    assert_eq!(ledger.unmatched, tally.forged, "forgeries, and nothing else");
    assert_eq!(
        ledger.replies + ledger.broken + ledger.late + ledger.duplicates,
        tally.answered + tally.duplicated
    );

    for (_, end) in &trace.ended {
        let Outcome::Answered(time) = &end.outcome else { continue };
        assert!((2..16).contains(&time.stratum) && time.leap == 0 && time.kiss().is_none());
        assert_eq!(
            (time.reference_text().as_str(), time.root_delay),
            ("127.127.1.1", Duration::from_micros(15_625))
        );
        assert_eq!(Some(time.rtt), end.rtt);
        // The fleet's clock starts in 2024, and a server is up to a second ahead of it.
        let arrived = Duration::from_secs(1_704_067_200) + Duration::from_nanos(time.arrived.as_nanos());
        let offset = time.offset(arrived).expect("it has a time");
        let asymmetry = time.rtt.as_secs_f64() / 2.0;
        assert!((-asymmetry..1.0 + asymmetry).contains(&offset), "{offset}");
    }
}
