//! Faults of this machine in the middle of a sweep: routes and firewalls that fail and come back, and system calls that
//! fail. (`src/net/driver` tries every error at every call in virtual time.)
#![cfg(all(feature = "cli", target_os = "linux"))]

mod support;

use std::io::{BufRead, BufReader, Read};
use std::process::{Command, Stdio};
use std::sync::mpsc;

use serde_json::Value;
use support::{Fleet, Run, allears, have, is_isolated, run, shell};

fn fleet() -> Fleet {
    Fleet::start(&["--protocol", "echo", "--hosts", "1500", "--latency", "10ms,0.3", "--seed", "4"])
}

/// Sweeps over a fleet. Once 300 hosts have answered, runs `fail`; once the program says that it cannot send, runs
/// `mend`. Returns the ledger after checking that each host has exactly one line, and answered.
fn sweep_through_an_outage(fail: &str, mend: &str) -> Value {
    let fleet = fleet();
    let folder = tempfile::tempdir().expect("a temporary folder");
    let stats = folder.path().join("stats");
    let mut child = allears()
        .args(["probe", "-i", fleet.targets(), "--text", "12345678", "--token-at", "0", "-o", "json"])
        .args(["--rate", "1000", "--prefix-rate", "unlimited", "--deadline", "60s", "--stats"])
        .arg(&stats)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("allears starts");
    // Read in a separate thread: a full pipe would hold back the sweep.
    let stdout = BufReader::new(child.stdout.take().expect("piped"));
    let (sender, lines) = mpsc::channel();
    let reader = std::thread::spawn(move || {
        stdout.lines().try_for_each(|line| sender.send(line.expect("text"))).expect("the test reads all");
    });
    let mut results: Vec<String> = lines.iter().take(300).collect();
    shell(fail);
    let mut messages = BufReader::new(child.stderr.take().expect("piped"));
    let mut message = String::new();
    messages.read_line(&mut message).expect("text");
    assert!(message.starts_with("allears: warning: cannot send: "), "{message}");
    shell(mend);
    results.extend(lines);
    reader.join().expect("the reader ends");
    messages.read_to_string(&mut message).expect("text");
    assert_eq!(child.wait().expect("it ends").code(), Some(0), "{message}");
    assert_eq!(message.matches("cannot send").count(), 1, "{message}");

    let lines: Vec<Value> = results.iter().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let hosts: std::collections::BTreeSet<_> = lines.iter().map(|line| line["target"].to_string()).collect();
    assert_eq!((lines.len(), hosts.len()), (1500, 1500));
    assert!(lines.iter().all(|line| line["outcome"] == "answered"), "{message}");
    let ledger = ledger(&std::fs::read_to_string(stats).expect("a ledger"));
    assert!(ledger["send_errors"].as_u64() > Some(0), "{ledger}");
    ledger
}

/// Parses a ledger, and checks its sums.
fn ledger(text: &str) -> Value {
    let ledger: Value = serde_json::from_str(text.trim()).expect("JSON");
    let sum = |keys: &[&str]| keys.iter().map(|key| ledger[key].as_u64().expect("a number")).sum::<u64>();
    let outcomes = ["answered", "silent", "unreachable", "send_failed", "malformed", "interrupted"];
    assert_eq!(ledger["queries"], sum(&outcomes), "{ledger}");
    let datagrams = ["replies", "broken", "late", "duplicates", "unmatched"];
    assert_eq!(ledger["datagrams_received"], sum(&datagrams), "{ledger}");
    ledger
}

#[test]
fn a_route_that_goes_away_and_comes_back_costs_no_answer() {
    if is_isolated("a_route_that_goes_away_and_comes_back_costs_no_answer") {
        let route = "local 127.0.0.0/8 dev lo table local proto kernel scope host src 127.0.0.1";
        sweep_through_an_outage(&format!("ip route del {route}"), &format!("ip route add {route}"));
    }
}

#[test]
fn a_firewall_that_refuses_packets_for_a_while_costs_no_answer() {
    let name = "a_firewall_that_refuses_packets_for_a_while_costs_no_answer";
    if have("/usr/sbin/nft", "nftables") && is_isolated(name) {
        let table = "nft add table ip t; nft 'add chain ip t o { type filter hook output priority 0; }'; \
                     nft 'add rule ip t o udp dport != 0 ip daddr 127.1.0.0/16 drop'";
        sweep_through_an_outage(table, "nft delete table ip t");
    }
}

#[test]
fn an_unreachable_network_ends_each_query_as_send_failed_with_the_reason() {
    if !is_isolated("an_unreachable_network_ends_each_query_as_send_failed_with_the_reason") {
        return;
    }
    let sweep =
        run(&["probe", "10.9.0.1-10.9.0.50:7", "--text", "x", "-o", "json", "--stats", "/dev/stderr"])
            .expect_code(1);
    let lines = sweep.lines();
    assert_eq!(lines.len(), 50);
    for line in lines {
        assert_eq!((&line["outcome"], &line["attempts"]), (&"send_failed".into(), &0.into()), "{line}");
    }
    let summary = "0 of 50 hosts answered: 50 send_failed (network is unreachable)";
    assert!(sweep.stderr.contains(summary), "{}", sweep.stderr);
}

#[test]
fn system_calls_that_fail_for_a_while_or_are_missing_cost_no_answer() {
    if !have("/usr/bin/strace", "strace") {
        return;
    }
    let fleet = fleet();
    for fault in [
        "recvmmsg:error=ENOSYS",
        "recvmmsg:error=EPERM",
        "sendmmsg:error=ENOSYS",
        "sendmmsg:error=EPERM",
        "recvmmsg:error=ENOMEM:when=20..70",
        "recvmmsg:error=EINTR:when=20..70",
        "sendmmsg:error=ENOBUFS:when=5..15",
        "sendmmsg:error=ENOMEM:when=5..15",
    ] {
        let sweep = traced(&fleet, fault).expect_code(0);
        let lines = sweep.lines();
        assert_eq!(lines.len(), 1500, "{fault}: {}", sweep.stderr);
        assert!(lines.iter().all(|line| line["outcome"] == "answered"), "{fault}: {}", sweep.stderr);
    }
}

#[test]
fn system_calls_that_fail_for_good_end_the_sweep_with_a_reason_and_a_line_for_each_target() {
    if !have("/usr/bin/strace", "strace") {
        return;
    }
    let fleet = fleet();
    for (fault, code, reason) in [
        ("recvmmsg:error=ENOMEM:when=40+", 3, "cannot receive: Cannot allocate memory"),
        ("recvmmsg:error=EACCES:when=40+", 3, "cannot receive: Permission denied"),
        ("sendmmsg:error=EACCES", 1, "1500 send_failed (permission denied)"),
    ] {
        let sweep = traced(&fleet, fault).expect_code(code);
        assert!(sweep.stderr.contains(reason), "{fault}: {}", sweep.stderr);
        let hosts: std::collections::BTreeSet<_> =
            sweep.lines().iter().map(|line| line["target"].to_string()).collect();
        assert_eq!((sweep.lines().len(), hosts.len()), (1500, 1500), "{fault}: {}", sweep.stderr);
    }
}

/// Sweeps over a fleet with this fault, as strace injects it.
fn traced(fleet: &Fleet, fault: &str) -> Run {
    let call = fault.split(':').next().expect("a call");
    let mut command = Command::new("/usr/bin/strace");
    command.args(["-f", "-qq", "-o", "/dev/null", "-e", &format!("trace={call}"), "-e"]);
    command.arg(format!("inject={fault}")).arg(env!("CARGO_BIN_EXE_allears"));
    command.args(["probe", "-i", fleet.targets(), "--text", "12345678", "--token-at", "0", "-o", "json"]);
    command.args(["--rate", "3000", "--prefix-rate", "unlimited"]);
    Run::from(command.output().expect("strace starts"))
}

#[test]
fn replies_of_64_kib_overflow_no_receive_buffer_however_small() {
    let fleet = Fleet::start(&["--protocol", "echo", "--hosts", "60", "--latency", "0"]);
    let text = "x".repeat(60_000);
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = folder.path().join("payload");
    std::fs::write(&file, text).expect("written");
    let file = file.to_str().expect("UTF-8");
    let args = ["probe", "-i", fleet.targets(), "--file", file, "--token-at", "0", "-o", "json"];
    let more =
        ["--to", "/dev/null", "--rcvbuf", "425984", "--rate", "unlimited", "--prefix-rate", "unlimited"];
    let sweep = run(&[&args[..], &more, &["--stats", "-"]].concat()).expect_code(0);
    let ledger = ledger(&sweep.stdout);
    assert_eq!((&ledger["answered"], &ledger["local_drops"]), (&60.into(), &0.into()), "{ledger}");
}
