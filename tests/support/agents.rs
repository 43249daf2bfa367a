//! A sweep over the simulated agents of a fleet, in virtual time.
#![allow(dead_code, reason = "each test file uses a part of it")]

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use allears::engine::{Completion, Config, Engine, Ledger, Outcome, Time};
use allears::protocol::snmp::{Answer, Conversation, Credentials, Operation, Question, Request, Snmp};
use allears::sim::{Fleet, HostProtocol, Latency, Link, Network, Plan, Trace};

pub const INTERFACES: u32 = 40;
pub const IF_DESCR: &str = "1.3.6.1.2.1.2.2.1.2";
pub const SYS_NAME: &str = "1.3.6.1.2.1.1.5.0";

pub type End = Completion<Conversation, Answer, ()>;

/// Returns the plan of a fleet of agents.
pub fn plan(hosts: u32, faults: &[(&'static str, f64)]) -> Plan {
    Plan::new(HostProtocol::find("snmp").expect("a protocol"))
        .with_hosts(hosts)
        .with_rows(INTERFACES)
        .with_misbehave(faults.to_vec())
        .with_latency(Latency { median: Duration::from_millis(20), sigma: 0.3 })
}

pub fn request(operation: Operation, oids: &[&str]) -> Arc<Request> {
    let oids = oids.iter().map(|oid| oid.parse().expect("a name")).collect();
    Arc::new(Request { operation, oids, with_uptime: false })
}

/// The result of a sweep.
pub struct Sweep {
    /// The completion of each agent, in order of address.
    pub ends: Vec<End>,
    pub engine: Engine<Snmp>,
    pub network: Network,
}

impl Sweep {
    pub fn ledger(&self) -> &Ledger {
        self.engine.ledger()
    }

    pub fn answers(&self) -> impl Iterator<Item = &Answer> {
        self.ends.iter().map(answer)
    }
}

/// Sends the same request to all agents of a plan, with the same credentials and up to `tries` attempts.
pub fn sweep_as(
    plan: Plan,
    mut snmp: Snmp,
    credentials: Credentials,
    request: &Arc<Request>,
    tries: u32,
) -> Sweep {
    let config = Config::default()
        .with_rate(None)
        .with_prefix_rate(None)
        .with_host_gap(Some(Duration::ZERO))
        .with_reply_credit(Some(64 << 20))
        .with_tries(tries);
    let credentials = snmp.add_credentials(credentials);
    let fleet = Fleet::new(plan).expect("a valid plan");
    let agents: Vec<SocketAddr> = fleet.targets().collect();
    let mut targets =
        agents.iter().map(|&agent| (agent, Question { credentials, request: request.clone() }, ()));
    let mut engine = Engine::new(snmp, config, [3; 16]).expect("settings in range");
    let mut network = Network::new(Link::default(), fleet);
    let mut trace = Trace::default();
    network.run(&mut engine, &mut targets, Time::from_millis(600_000), &mut trace);
    assert!(engine.is_idle() && engine.ledger().adds_up(0), "{:?}", engine.ledger());
    let mut ends: Vec<End> = trace.ended.into_iter().map(|(_, end)| end).collect();
    assert_eq!(ends.len(), agents.len(), "every agent has one end");
    ends.sort_by_key(|end| end.target);
    Sweep { ends, engine, network }
}

#[track_caller]
pub fn answer(end: &End) -> &Answer {
    match &end.outcome {
        Outcome::Answered(answer) => answer,
        other => panic!("{}: {other:?}", end.target),
    }
}
