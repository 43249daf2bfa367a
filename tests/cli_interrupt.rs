//! Ctrl-C: the first one stops sending, waits for the queries in flight and writes everything; the second one quits.
#![cfg(feature = "cli")]

mod support;

use std::io::{BufRead, BufReader, Read};
use std::process::Stdio;

use support::{Fleet, allears, count, interrupt, run};

#[test]
fn the_first_interrupt_loses_no_reply_and_no_target() {
    let fleet = Fleet::start(&["--protocol", "echo", "--hosts", "2000", "--latency", "150ms,0"]);
    let mut child = allears()
        .args(["probe", "--text", "x", "-i", fleet.targets(), "--rate", "500", "-o", "json", "--stats", "-"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    let mut first = String::new();
    stdout.read_line(&mut first).unwrap();
    assert!(first.contains("answered"), "{first}");
    interrupt(&child);
    let mut rest = String::new();
    stdout.read_to_string(&mut rest).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(130));

    let lines: Vec<serde_json::Value> =
        rest.lines().map(|line| serde_json::from_str(line).expect("whole lines")).collect();
    let stats = lines.last().unwrap();
    let answered = 1 + lines.iter().filter(|line| line["outcome"] == "answered").count() as u64;
    let interrupted = lines.iter().filter(|line| line["outcome"] == "interrupted").count() as u64;
    assert_eq!(answered, count(stats, "answered"));
    assert_eq!(interrupted, count(stats, "interrupted"));
    assert!(interrupted > 0, "{stats}");
    assert_eq!(answered, count(stats, "datagrams_sent"), "queries in flight are waited for: {stats}");
    assert_eq!(count(stats, "targets"), lines.len() as u64, "a line for each target that was read");
}

#[test]
fn the_second_interrupt_quits_at_once() {
    // The host never answers, and the timeout is longer than the test would ever wait.
    let silent = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    let mut child = allears()
        .args(["probe", "--text", "x", "--timeout", "10m", &silent.local_addr().unwrap().to_string()])
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut request = [0; 16];
    silent.recv(&mut request).unwrap();
    interrupt(&child);
    let mut stderr = BufReader::new(child.stderr.take().unwrap());
    let mut said = String::new();
    stderr.read_line(&mut said).unwrap();
    assert!(said.contains("Ctrl-C") || said.contains("nterrupt"), "the first one prints a message: {said}");
    interrupt(&child);
    assert_eq!(child.wait().unwrap().code(), Some(130));
}

#[test]
fn a_deadline_ends_the_sweep_and_everything_is_written() {
    let silent = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    let target = silent.local_addr().unwrap().to_string();
    let swept =
        run(&["probe", "--text", "x", "--timeout", "10m", "--deadline", "100ms", "-o", "json", &target])
            .expect_code(1);
    assert_eq!(swept.lines()[0]["outcome"], "interrupted");
    assert!(swept.lines()[0]["reason"].is_string());
}
