//! Other clients read simulated game servers as we do. `tests/oracles/install` installs these clients.
#![cfg(feature = "cli")]

mod support;

use std::path::PathBuf;
use std::process::Command;

use serde_json::Value;
use support::{Fleet, have, run};

/// A fleet of simulated servers, and how other clients call its game.
struct Case {
    /// The protocol of the fleet.
    protocol: &'static str,
    /// The fault of all its servers, if any.
    fault: Option<&'static str>,
    /// Our game.
    game: &'static str,
    /// The name in the catalogue of gamedig, if it has the game.
    gamedig: Option<&'static str>,
    /// True if python-a2s speaks the protocol.
    python_a2s: bool,
    /// The module of opengsq, if it speaks the protocol.
    opengsq: Option<&'static str>,
    /// True if mcstatus does.
    mcstatus: bool,
}

impl Case {
    const fn new(protocol: &'static str, game: &'static str, gamedig: &'static str) -> Case {
        Case {
            protocol,
            fault: None,
            game,
            gamedig: Some(gamedig),
            python_a2s: false,
            opengsq: None,
            mcstatus: false,
        }
    }
}

/// The cases: a line for each protocol, or several.
const CASES: &[Case] = &[
    Case { python_a2s: true, ..Case::new("a2s", "css", "css") },
    Case { fault: Some("goldsrc"), ..Case::new("a2s", "cs16", "counterstrike16") },
    Case { fault: Some("double"), ..Case::new("a2s", "cs16", "counterstrike16") },
    Case { fault: Some("bzip2"), ..Case::new("a2s", "css", "css") },
    Case { fault: Some("old"), ..Case::new("quakeworld", "quakeworld", "quake") },
    Case::new("quake2", "q2", "quake2"),
    Case::new("doom3", "doom3", "doom3"),
    Case { fault: Some("quake4"), ..Case::new("doom3", "quake4", "quake4") },
    Case { opengsq: Some("ase"), ..Case::new("mta", "mta", "gtasamta") },
    Case { opengsq: Some("samp"), ..Case::new("samp", "samp", "gtasao") },
    Case { opengsq: Some("gamespy1"), ..Case::new("gamespy1", "ut", "unrealtournament") },
    Case {
        opengsq: Some("gamespy1"),
        fault: Some("reversed-parts"),
        ..Case::new("gamespy1", "bf1942", "battlefield1942")
    },
    Case { opengsq: Some("gamespy2"), ..Case::new("gamespy2", "halo", "halo") },
    Case { opengsq: Some("gamespy4"), ..Case::new("gamespy3", "crysis", "crysis") },
    Case { opengsq: Some("gamespy3"), ..Case::new("gamespy3", "bf2", "battlefield2") },
    Case { fault: Some("reversed-parts"), ..Case::new("gamespy3", "bf2", "battlefield2") },
    Case { mcstatus: true, ..Case::new("minecraft", "minecraft", "minecraft") },
    Case {
        mcstatus: true,
        fault: Some("zeros-in-name"),
        gamedig: None,
        ..Case::new("minecraft", "minecraft", "")
    },
    Case { mcstatus: true, fault: Some("geyser"), ..Case::new("minecraft", "minecraft", "minecraft") },
    Case::new("unreal2", "ut2004", "unrealtournament2004"),
    Case { fault: Some("wide-texts"), ..Case::new("unreal2", "killingfloor", "killingfloor") },
];

/// The fields of a server that are compared if the other client has them.
const FIELDS: [&str; 6] = ["name", "map", "players", "bots", "max_players", "password"];

/// Returns the folder of a client; `None` if it is not installed.
fn installed(client: &str, package: &str) -> Option<PathBuf> {
    let folder = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/target/oracles")).join(client);
    have(folder.join(package).to_str().expect("UTF-8"), "with tests/oracles/install").then_some(folder)
}

/// Returns what a client printed, an object for each server.
fn lines(command: &mut Command) -> Vec<Value> {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let [stdout, stderr] = [&output.stdout, &output.stderr].map(|text| String::from_utf8_lossy(text));
    assert!(output.status.success(), "{command:?}\n{stdout}\n{stderr}");
    stdout.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("{line}"))).collect()
}

fn script(name: &str) -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/oracles")).join(name)
}

/// Starts the fleet of a case, and returns it with what we read.
fn fleet(case: &Case) -> (Fleet, Vec<Value>) {
    let fault = case.fault.map(|fault| format!("{fault}=1"));
    let mut arguments = vec!["--protocol", case.protocol, "--hosts", "12", "--seed", "5"];
    if let Some(fault) = &fault {
        arguments.extend(["--misbehave", fault]);
    }
    let fleet = Fleet::start(&arguments);
    let sweep =
        run(&["games", "--game", case.game, "-i", fleet.targets(), "--rules", "-o", "json"]).expect_code(0);
    (fleet, sweep.lines())
}

/// Returns the players in an order that both clients can have: some clients sort them.
fn players(server: &Value) -> Vec<(String, i64, i64)> {
    let list = server["player_list"].as_array().expect("a list");
    let number = |value: &Value| value.as_f64().map_or(-1, |number| number as i64);
    let mut players: Vec<_> = list
        .iter()
        .map(|player| {
            let name = player["name"].as_str().unwrap_or_default().to_owned();
            (name, number(&player["score"]), number(&player["seconds"]))
        })
        .collect();
    players.sort();
    players
}

#[track_caller]
fn compare(case: &Case, ours: &[Value], theirs: &[Value]) {
    assert_eq!((ours.len(), theirs.len()), (12, 12), "{} {:?}", case.game, case.fault);
    for other in theirs {
        let our = ours.iter().find(|our| our["target"] == other["target"]).expect("the same servers");
        let answer = &our["answer"];
        for field in FIELDS.iter().filter(|field| !other[**field].is_null()) {
            assert_eq!(answer[*field], other[*field], "{field}\n{our}\n{other}");
        }
        for (key, value) in other["rules"].as_object().into_iter().flatten() {
            assert_eq!(&answer["rules"][key], value, "{key}\n{our}\n{other}");
        }
        if !other["player_list"].is_null() {
            assert_eq!(players(answer), players(other), "{our}\n{other}");
        }
    }
    let listed: usize = ours.iter().map(|our| players(&our["answer"]).len()).sum();
    assert!(listed > 12, "too few players for a comparison");
}

#[test]
fn gamedig_reads_the_same() {
    let Some(folder) = installed("node", "node_modules/gamedig") else { return };
    for case in CASES {
        let Some(name) = case.gamedig else { continue };
        let (fleet, ours) = fleet(case);
        let mut node = Command::new("node");
        node.arg(script("gamedig_client.mjs")).arg(&folder).arg(name).args(fleet.hosts());
        compare(case, &ours, &lines(&mut node));
    }
}

#[test]
fn python_a2s_reads_the_same() {
    let Some(folder) = installed("python", "a2s") else { return };
    for case in CASES.iter().filter(|case| case.python_a2s) {
        let (fleet, ours) = fleet(case);
        let mut python = Command::new("python3");
        python.env("PYTHONPATH", &folder).arg(script("a2s_client.py")).args(fleet.hosts());
        compare(case, &ours, &lines(&mut python));
    }
}

#[test]
fn opengsq_reads_the_same() {
    let Some(folder) = installed("python", "opengsq") else { return };
    for case in CASES {
        let Some(module) = case.opengsq else { continue };
        let (fleet, ours) = fleet(case);
        let mut python = Command::new("python3");
        python.env("PYTHONPATH", &folder).arg(script("opengsq_client.py")).arg(module).args(fleet.hosts());
        let theirs = lines(&mut python);
        compare(case, &ours, &theirs);
        assert!(theirs.iter().any(|their| !their["player_list"].is_null()), "no list for a comparison");
    }
}

#[test]
fn mcstatus_reads_the_same() {
    let Some(folder) = installed("python", "mcstatus") else { return };
    for case in CASES.iter().filter(|case| case.mcstatus) {
        let (fleet, ours) = fleet(case);
        let mut python = Command::new("python3");
        python.env("PYTHONPATH", &folder).arg(script("mcstatus_client.py")).args(fleet.hosts());
        compare(case, &ours, &lines(&mut python));
    }
}
