//! A real game server: OpenArena, with bots, on loopback.
#![cfg(feature = "cli")]

mod support;

use std::net::UdpSocket;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use support::{count, have, qstat, run};

const SERVER: &str = "/usr/games/openarena-server";
const BOTS: [&str; 3] = ["Gargoyle", "Kyonshi", "Sarge"];

struct OpenArena {
    child: Child,
    address: String,
    _home: tempfile::TempDir,
}

impl OpenArena {
    /// Starts a server on a port that was free a moment ago, and waits until all bots play.
    fn start() -> OpenArena {
        let home = tempfile::tempdir().expect("a temporary folder");
        let probe = UdpSocket::bind("127.0.0.1:0").expect("a free port");
        let address = probe.local_addr().expect("bound").to_string();
        let port = address.rsplit(':').next().expect("a port").to_owned();
        drop(probe);

        let mut command = Command::new(SERVER);
        let mut set = |name: &str, value: &str| {
            command.args(["+set", name, value]);
        };
        set("fs_homepath", home.path().to_str().expect("UTF-8"));
        set("net_ip", "127.0.0.1");
        set("net_port", &port);
        // 1 = a LAN server: no heartbeats to any master.
        set("dedicated", "1");
        set("sv_hostname", "^1Allears ^7Test");
        set("sv_maxclients", "12");
        command.args(["+map", "oa_dm1"]);
        for bot in BOTS {
            command.args(["+addbot", bot, "1"]);
        }
        let child = command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("the server starts");
        let server = OpenArena { child, address, _home: home };
        server.wait_for_bots();
        server
    }

    fn wait_for_bots(&self) {
        let socket = UdpSocket::bind("127.0.0.1:0").expect("a socket");
        socket.set_read_timeout(Some(Duration::from_secs(1))).expect("a timeout");
        let mut reply = [0; 65536];
        // The server accepts ten requests at once, then one per second; the timeout sets that pace.
        for _ in 0..60 {
            socket.send_to(b"\xff\xff\xff\xffgetstatus wait", &self.address).expect("sent");
            let len = socket.recv(&mut reply).unwrap_or(0);
            let text = String::from_utf8_lossy(&reply[..len]).into_owned();
            if BOTS.iter().all(|bot| text.contains(bot)) {
                return;
            }
            let _ = socket.recv(&mut reply);
        }
        panic!("the server at {} has no bots after a minute", self.address);
    }
}

impl Drop for OpenArena {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn a_real_server_is_listed_with_its_bots_and_its_limit_is_respected() {
    if !have(SERVER, "openarena-server") {
        return;
    }
    let server = OpenArena::start();
    let address = server.address.as_str();

    let listed = run(&["games", "--game", "openarena", address, "-o", "json"]).expect_code(0);
    let line = &listed.lines()[0];
    assert_eq!(line["target"], address);
    assert_eq!(line["outcome"], "answered");
    let answer = &line["answer"];
    assert_eq!(answer["name"], "Allears Test");
    assert_eq!(answer["name_raw"], "^1Allears ^7Test");
    assert_eq!(answer["map"], "oa_dm1");
    assert_eq!(count(answer, "max_players"), 12);
    assert_eq!(count(answer, "players"), 3);
    assert_eq!(answer["truncated"], false);
    let mut names: Vec<_> = answer["player_list"]
        .as_array()
        .unwrap()
        .iter()
        .map(|player| player["name"].as_str().unwrap())
        .collect();
    names.sort_unstable();
    assert_eq!(names, BOTS);

    if qstat::installed() {
        qstat::compare(line, &qstat::ask("q3s", &[address.to_owned()])[0], true);
    }

    let table = run(&["games", "--game", "openarena", address]).expect_code(0);
    assert!(table.stdout.contains("Allears Test") && table.stdout.contains("oa_dm1"), "{}", table.stdout);

    let found = run(&["find", "sarge", "--bots", "--game", "openarena", address]).expect_code(0);
    assert!(found.stdout.contains("Sarge (bot)") && found.stdout.contains(address), "{}", found.stdout);

    // The server accepts ten requests at once and then one per second. Without a gap, it drops most requests; with a
    // sufficient gap, it replies to every first try.
    let rushed = ask_many(address, 30, "0ms");
    assert!(count(&rushed, "silent") >= 10, "the server has no limit after all? {rushed}");
    let paced = ask_many(address, 5, "1100ms");
    assert_eq!(count(&paced, "answered"), 5, "{paced}");
}

/// Queries one server many times, once each, and returns the ledger.
fn ask_many(address: &str, times: usize, gap: &str) -> serde_json::Value {
    let ask = ["games", "--game", "openarena", "-o", "json", "--stats", "-", "--allow-duplicates"];
    let pace = ["--tries", "1", "--host-gap", gap];
    run(&[&ask[..], &pace, &vec![address; times]].concat()).expect_code(0).stats()
}
