//! Servers that limit their answers: queries whose answers are dropped are repeated, those whose answers are truncated
//! are repeated over TCP, and no name is missing.
#![cfg(feature = "cli")]

mod support;

use std::collections::BTreeMap;

use serde_json::Value;
use support::name_server::{knot_with, named, nsd_with};
use support::real_server::RealServer;
use support::{count, have, run_with_input};

/// A zone whose answers a limit counts together: those from a wildcard, and those for names that do not exist.
const ZONE: &str = "$ORIGIN t.test.\n$TTL 300\n@ SOA ns h 1 3600 900 604800 60\n@ NS ns\nns A 127.0.0.1\n\
                    *.wild A 192.0.2.1\n";

const NO_COOKIES: [&str; 1] = ["--no-cookies"];

/// Queries names, with more tries than any series of drops uses up, and checks each answer and the ledger. Returns the
/// ledger.
fn ask(server: &RealServer, options: &[&str]) -> Value {
    let names = 600;
    let name = |number: usize| match number % 2 {
        0 => format!("n{number}.wild.t.test"),
        _ => format!("n{number}.t.test"),
    };
    let input: String = (0..names).map(|number| name(number) + "\n").collect();
    let more = ["--server", &server.address, "--timeout", "100ms", "--tries", "40", "--stats", "-"];
    let arguments = [&["dns", "-i", "-", "-o", "json", "-q"], &more[..], options].concat();
    let run = run_with_input(&arguments, input.as_bytes()).expect_code(0);
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
    let by_tcp = stats["stream_received"].as_u64().unwrap_or(0);
    let steps = count(&stats, "queries") - names as u64;
    // Each query with a truncated answer was repeated, and its answer came whole. With cookies, named answers BADCOOKIE
    // at first.
    assert!(by_tcp >= steps || options.is_empty(), "{stats}");
    stats
}

/// Checks that everything is counted, each in one class.
fn check_ledger(stats: &Value) {
    let sum = |keys: &[&str]| keys.iter().map(|key| stats[key].as_u64().unwrap_or(0)).sum::<u64>();
    let classes = ["answered", "silent", "unreachable", "send_failed", "malformed", "interrupted"];
    assert_eq!(count(stats, "queries"), sum(&classes), "{stats}");
    let received = sum(&["datagrams_received", "stream_received"]);
    assert_eq!(received, sum(&["replies", "broken", "late", "duplicates", "unmatched"]), "{stats}");
    assert_eq!(sum(&["unmatched", "broken", "local_drops", "silent", "malformed"]), 0, "{stats}");
}

#[test]
fn every_answer_beyond_the_limit_of_nsd_is_truncated_and_comes_by_tcp() {
    if !have("/usr/sbin/nsd", "nsd") {
        return;
    }
    let setting = "rrl-ratelimit: 10\n rrl-slip: 1\n rrl-whitelist-ratelimit: 0";
    let server = nsd_with(&[("t.test", ZONE)], setting);
    let stats = ask(&server, &NO_COOKIES);
    assert!(count(&stats, "stream_received") > 100, "{stats}");
}

#[test]
fn half_of_the_answers_beyond_the_limit_of_nsd_are_dropped_and_asked_again() {
    if !have("/usr/sbin/nsd", "nsd") {
        return;
    }
    let setting = "rrl-ratelimit: 10\n rrl-slip: 2\n rrl-whitelist-ratelimit: 0";
    let stats = ask(&nsd_with(&[("t.test", ZONE)], setting), &NO_COOKIES);
    assert!(count(&stats, "retransmissions") > 50, "{stats}");
}

#[test]
fn a_limit_of_knot_loses_no_name() {
    if !have("/usr/sbin/knotd", "knot") {
        return;
    }
    for slip in [1, 2] {
        let section = format!("mod-rrl:\n  - id: limit\n    rate-limit: 10\n    slip: {slip}\n");
        let stats = ask(&knot_with(ZONE, &section, &["global-module: mod-rrl/limit"]), &NO_COOKIES);
        assert!(count(&stats, "stream_received") > 50, "{stats}");
    }
}

#[test]
fn a_limit_of_named_loses_no_name_and_does_not_apply_to_clients_with_cookies() {
    if !have("/usr/sbin/named", "bind9") {
        return;
    }
    for slip in [1, 2] {
        let options = format!("rate-limit {{ responses-per-second 5; slip {slip}; window 5; }};");
        let server = named(ZONE, &options);
        let without = ask(&server, &NO_COOKIES);
        let truncated = count(&without, "stream_received");
        assert!(truncated > 50, "{without}");
        // A client that returns the server's cookie has proved its address: only queries before the first reply are
        // limited.
        let with = ask(&server, &[]);
        assert!(with["stream_received"].as_u64().unwrap_or(0) < truncated / 2, "{with}");
    }
}
