//! qstat reads simulated game servers as we do.
#![cfg(feature = "cli")]

mod support;

use std::net::SocketAddr;

use serde_json::Value;
use support::{Fleet, qstat, run};

/// A fleet of simulated servers, and the clients that query it.
struct Case {
    /// The protocol of the fleet.
    protocol: &'static str,
    /// The fault of all its servers, if any.
    fault: Option<&'static str>,
    /// Our game.
    game: &'static str,
    /// The type of server that qstat's `-default` takes.
    kind: &'static str,
    /// The type of master that it takes, if the fleet has one.
    master: Option<&'static str>,
    /// The maximum number of players of a server that qstat reads completely: it stops after the first datagram.
    most_players: u64,
    /// The number that qstat adds to the port, because players connect to a lower one.
    port_offset: u16,
    /// False if it does not read the scores.
    has_scores: bool,
}

impl Case {
    const fn new(protocol: &'static str, game: &'static str, kind: &'static str) -> Case {
        Case {
            protocol,
            fault: None,
            game,
            kind,
            master: None,
            most_players: u64::MAX,
            port_offset: 0,
            has_scores: true,
        }
    }

    const fn with_fault(self, fault: &'static str) -> Case {
        Case { fault: Some(fault), ..self }
    }
}

const QUAKEWORLD: Case = Case { most_players: 14, ..Case::new("quakeworld", "quakeworld", "qws") };
const QUAKE2: Case = Case::new("quake2", "q2", "q2s");

/// The cases: a line for each protocol, or several.
const CASES: &[Case] = &[
    Case { master: Some("qwm"), ..QUAKEWORLD },
    QUAKEWORLD.with_fault("old"),
    QUAKEWORLD.with_fault("fte"),
    Case { master: Some("q2m"), ..QUAKE2 },
    QUAKE2.with_fault("preface"),
    QUAKE2.with_fault("addresses"),
    Case::new("doom3", "doom3", "dm3s"),
    Case::new("doom3", "quake4", "q4s").with_fault("quake4"),
    // Scores are in the longer reply, which qstat does not request.
    Case { has_scores: false, ..Case::new("doom3", "etqw", "etqws").with_fault("quake-wars") },
    Case::new("mumble", "mumble", "mumble"),
    Case::new("et", "et", "woets"),
    Case::new("a2s", "css", "a2s"),
    Case::new("gamespy1", "ut", "gps"),
    Case::new("gamespy3", "bf2", "gs3"),
    Case::new("gamespy3", "crysis", "gs4"),
    Case { port_offset: 1, ..Case::new("unreal2", "ut2004", "ut2s") },
    Case::new("minecraft", "minecraft", "gs4"),
    Case::new("gamespy2", "swat4", "gs2"),
    Case { port_offset: 123, ..Case::new("mta", "mta", "eye") },
];

/// Returns an address with a lower port.
fn lower(address: &str, offset: u16) -> String {
    let address: SocketAddr = address.parse().expect("an address");
    SocketAddr::new(address.ip(), address.port() - offset).to_string()
}

/// Returns the address of a server as qstat was told.
fn target(line: &Value, offset: u16) -> String {
    lower(line["target"].as_str().expect("an address"), offset)
}

#[test]
fn qstat_reads_the_same() {
    if !qstat::installed() {
        return;
    }
    for case in CASES {
        let fault = case.fault.map(|fault| format!("{fault}=1"));
        let mut arguments = vec!["--protocol", case.protocol, "--hosts", "12", "--seed", "5"];
        if case.master.is_some() {
            arguments.extend(["--master-port", "0"]);
        }
        if let Some(fault) = &fault {
            arguments.extend(["--misbehave", fault]);
        }
        let fleet = Fleet::start(&arguments);
        let ours =
            run(&["games", "--game", case.game, "-i", fleet.targets(), "-o", "json"]).expect_code(0).lines();
        let hosts: Vec<_> = fleet.hosts().iter().map(|host| lower(host, case.port_offset)).collect();
        let ask = |_| match case.master {
            Some(kind) => qstat::ask(kind, &[fleet.master()]),
            None => qstat::ask(case.kind, &hosts),
        };
        // On a busy machine, qstat may miss a server.
        let theirs = (0..3).map(ask).find(|seen| seen.len() == 12).unwrap_or_default();
        assert_eq!((ours.len(), theirs.len()), (12, 12), "{} {:?}", case.kind, case.fault);
        let mut compared = 0;
        for theirs in &theirs {
            let ours = ours
                .iter()
                .find(|ours| target(ours, case.port_offset) == theirs.address)
                .expect("the same servers");
            if ours["answer"]["players"].as_u64().expect("a count") <= case.most_players {
                qstat::compare(ours, theirs, case.has_scores);
                compared += 1;
            }
        }
        assert!(compared > 5, "{} {:?}: {compared}", case.kind, case.fault);
    }
}
