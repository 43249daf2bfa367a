//! A real game server: OpenArena, with bots, on loopback.
#![cfg(feature = "cli")]

mod support;

use support::real_server::RealServer;
use support::{count, have, qstat, run};

const SERVER: &str = "/usr/games/openarena-server";
const BOTS: [&str; 3] = ["Gargoyle", "Kyonshi", "Sarge"];

/// Starts a server, and waits until all bots play.
fn start() -> RealServer {
    let mut server = RealServer::start(SERVER, |folder, port, command| {
        let mut set = |name: &str, value: &str| {
            command.args(["+set", name, value]);
        };
        set("fs_homepath", folder.to_str().expect("UTF-8"));
        set("net_ip", "127.0.0.1");
        set("net_port", &port.to_string());
        // 1 = a LAN server: no heartbeats to any master.
        set("dedicated", "1");
        set("sv_hostname", "^1Allears ^7Test");
        set("sv_maxclients", "12");
        command.args(["+map", "oa_dm1"]);
        for bot in BOTS {
            command.args(["+addbot", bot, "1"]);
        }
    });
    server.wait_for(b"\xff\xff\xff\xffgetstatus wait", |reply| {
        let text = String::from_utf8_lossy(reply);
        BOTS.iter().all(|bot| text.contains(bot))
    });
    server
}

#[test]
fn a_real_server_is_listed_with_its_bots_and_its_limit_is_respected() {
    if !have(SERVER, "openarena-server") {
        return;
    }
    let server = start();
    let address = server.address.as_str();

    let line = server.listed("openarena");
    assert_eq!(line["target"], address);
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
        qstat::compare(&line, &qstat::ask("q3s", &[address.to_owned()])[0], true);
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
