//! Servers that limit their answers: what they drop is asked again, what they truncate is asked for by TCP, and no name
//! is missing.
#![cfg(feature = "cli")]

mod support;

use std::collections::BTreeMap;

use serde_json::Value;
use support::name_server::{knot_with, named, nsd_with};
use support::real_server::RealServer;
use support::{count, have, run_with_input};

/// Answers that a limit counts together: those of a wildcard, and those that say that a name does not exist.
const ZONE: &str = "$ORIGIN t.test.\n$TTL 300\n@ SOA ns h 1 3600 900 604800 60\n@ NS ns\nns A 127.0.0.1\n\
                    *.wild A 192.0.2.1\n";

/// Asks for these names with tries for each that no series of drops uses up, and checks each answer and the ledger.
/// Returns the ledger.
fn ask(server: &RealServer, names: usize) -> Value {
    let name = |number: usize| match number % 2 {
        0 => format!("n{number}.wild.t.test"),
        _ => format!("n{number}.t.test"),
    };
    let input: String = (0..names).map(|number| name(number) + "\n").collect();
    let more = ["--server", &server.address, "--timeout", "100ms", "--tries", "40", "--stats", "-"];
    let run = run_with_input(&[&["dns", "-i", "-", "-o", "json", "-q"], &more[..]].concat(), input.as_bytes());
    let run = run.expect_code(0);
    let (stats, mut lines) = (run.stats(), run.lines());
    lines.pop();
    let answers: BTreeMap<_, _> = lines
        .iter()
        .map(|line| {
            let answer = &line["answer"];
            (line["name"].as_str(), (answer["rcode"].as_str(), answer["records"][0]["data"].as_str()))
        })
        .collect();
    assert_eq!((lines.len(), answers.len()), (names, names), "a line for each name");
    for number in 0..names {
        let answer = answers[&Some(&*name(number))];
        match number % 2 {
            0 => assert_eq!(answer, (Some("NOERROR"), Some("192.0.2.1")), "{}", name(number)),
            _ => assert_eq!(answer.0, Some("NXDOMAIN"), "{}", name(number)),
        }
    }
    check_ledger(&stats);
    stats
}

fn check_ledger(stats: &Value) {
    let sum = |keys: &[&str]| keys.iter().map(|key| count(stats, key)).sum::<u64>();
    let classes = ["answered", "silent", "unreachable", "send_failed", "malformed", "interrupted"];
    assert_eq!(count(stats, "queries"), sum(&classes), "{stats}");
    let received = sum(&["datagrams_received", "stream_received"]);
    assert_eq!(received, sum(&["replies", "broken", "late", "duplicates", "unmatched"]), "{stats}");
    assert_eq!(sum(&["unmatched", "broken", "local_drops", "silent", "malformed"]), 0, "{stats}");
    // An attempt without a reply in time was dropped by the server, or its reply came late.
    assert!(count(stats, "stream_sent") > 0, "truncated answers lead to TCP: {stats}");
}

#[test]
fn every_answer_beyond_the_limit_of_nsd_is_truncated_and_comes_by_tcp() {
    if !have("/usr/sbin/nsd", "nsd") {
        return;
    }
    let setting = "rrl-ratelimit: 10\n rrl-slip: 1\n rrl-whitelist-ratelimit: 0";
    let server = nsd_with(&[("t.test", ZONE)], setting);
    let stats = ask(&server, 600);
    assert!(count(&stats, "stream_received") > 100, "{stats}");
}

#[test]
fn half_of_the_answers_beyond_the_limit_of_nsd_are_dropped_and_asked_again() {
    if !have("/usr/sbin/nsd", "nsd") {
        return;
    }
    let setting = "rrl-ratelimit: 10\n rrl-slip: 2\n rrl-whitelist-ratelimit: 0";
    let stats = ask(&nsd_with(&[("t.test", ZONE)], setting), 600);
    assert!(count(&stats, "retransmissions") > 50, "{stats}");
}

#[test]
fn a_limit_of_knot_loses_no_name() {
    if !have("/usr/sbin/knotd", "knot") {
        return;
    }
    for slip in [1, 2] {
        let section = format!("mod-rrl:\n  - id: limit\n    rate-limit: 10\n    slip: {slip}\n");
        ask(&knot_with(ZONE, &section, &["global-module: mod-rrl/limit"]), 600);
    }
}

#[test]
fn a_limit_of_named_loses_no_name() {
    if !have("/usr/sbin/named", "bind9") {
        return;
    }
    for slip in [1, 2] {
        let options = format!("rate-limit {{ responses-per-second 5; slip {slip}; window 5; }};");
        ask(&named(ZONE, &options), 600);
    }
}
