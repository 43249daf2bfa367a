//! A sweep that is stopped, swapped out or not read from loses no reply: all replies in flight fit in the receive
//! buffer, and the kernel's timestamps have the times of arrival.
#![cfg(all(feature = "cli", target_os = "linux"))]

mod support;

use std::fs::Permissions;
use std::io::{BufRead, BufReader, Read};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use serde_json::Value;
use support::{Fleet, allears, count, signal};

const HOSTS: u64 = 20_000;
/// The options without rate limits.
const FULL_SPEED: [&str; 6] = ["--rate", "unlimited", "--prefix-rate", "unlimited", "--host-gap", "0ms"];
const PING: [&str; 4] = ["--hex", "0000000000000000", "--token-at", "0"];

struct Sweep {
    child: Child,
    stdout: BufReader<ChildStdout>,
    lines: Vec<Value>,
}

impl Sweep {
    fn start(mut command: Command, targets: &str, more: &[&str]) -> Sweep {
        command.args(["probe", "-i", targets, "-o", "json", "--stats", "-", "-q"]);
        command.args(PING).args(FULL_SPEED).args(more).stdin(Stdio::null()).stdout(Stdio::piped());
        let mut child = command.spawn().expect("the sweep starts");
        let stdout = BufReader::new(child.stdout.take().expect("piped"));
        Sweep { child, stdout, lines: Vec::new() }
    }

    fn read(&mut self, lines: usize) {
        for _ in 0..lines {
            let mut line = String::new();
            self.stdout.read_line(&mut line).expect("a line");
            self.lines.push(serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}")));
        }
    }

    /// Reads the rest of the output, and returns the ledger.
    fn finish(&mut self) -> Value {
        let mut rest = String::new();
        self.stdout.read_to_string(&mut rest).expect("the rest");
        self.lines.extend(rest.lines().map(|line| serde_json::from_str::<Value>(line).expect("JSON")));
        self.child.wait().expect("the sweep ends");
        self.lines.pop().expect("the ledger")
    }
}

impl Drop for Sweep {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn fleet() -> Fleet {
    let hosts = HOSTS.to_string();
    Fleet::start(&["--protocol", "echo", "--hosts", &hosts, "--latency", "3ms,0"])
}

/// Sleeps for the length of a stall. It does not wait for anything.
fn stall(length: Duration) {
    let (_sender, receiver) = mpsc::channel::<()>();
    let _ = receiver.recv_timeout(length);
}

/// Stops a running sweep three times, for three seconds in total.
fn sweep_with_stops(mut sweep: Sweep) -> (Value, Vec<Value>) {
    for _ in 0..3 {
        sweep.read(2_000);
        signal(&sweep.child, "STOP");
        stall(Duration::from_secs(1));
        signal(&sweep.child, "CONT");
    }
    let stats = sweep.finish();
    (stats, std::mem::take(&mut sweep.lines))
}

#[track_caller]
fn assert_nothing_was_lost(stats: &Value, lines: &[Value]) {
    for (what, expected) in
        [("answered", HOSTS), ("silent", 0), ("local_drops", 0), ("late", 0), ("unmatched", 0)]
    {
        assert_eq!(count(stats, what), expected, "{what}: {stats}");
    }
    assert_eq!(lines.len() as u64, HOSTS);
    // A round trip measured when the reply was read would include the stall.
    let slow = lines.iter().filter(|line| line["rtt_ms"].as_f64().expect("a round trip") > 500.0);
    assert_eq!(slow.count(), 0, "round trips include the stall: {stats}");
}

#[test]
fn a_stopped_sweep_receives_every_reply() {
    let fleet = fleet();
    let (stats, lines) = sweep_with_stops(Sweep::start(allears(), fleet.targets(), &[]));
    assert_nothing_was_lost(&stats, &lines);
    assert_eq!(count(&fleet.stop(), "local_drops"), 0);
}

#[test]
fn a_stopped_sweep_with_the_default_buffer_receives_every_reply() {
    let fleet = fleet();
    let (stats, lines) = sweep_with_stops(Sweep::start(allears(), fleet.targets(), &["--rcvbuf", "212992"]));
    assert_eq!(count(&stats, "rcvbuf_bytes"), 212_992);
    assert_nothing_was_lost(&stats, &lines);
}

#[test]
fn a_stopped_sweep_without_privileges_receives_every_reply() {
    if !am_root() {
        eprintln!("NOT TESTED: only root can become another user; the other tests run without privileges");
        return;
    }
    let fleet = fleet();
    // Other users may not be able to read the program and the list: copy them to where they can.
    let folder = tempfile::tempdir().expect("a temporary folder");
    let [program, list] = ["allears", "targets"].map(|name| folder.path().join(name));
    std::fs::copy(env!("CARGO_BIN_EXE_allears"), &program).expect("copied");
    std::fs::copy(fleet.targets(), &list).expect("copied");
    for path in [folder.path(), &program, &list] {
        std::fs::set_permissions(path, Permissions::from_mode(0o755)).expect("allowed");
    }
    let mut command = Command::new(program);
    command.uid(65534);
    let (stats, lines) = sweep_with_stops(Sweep::start(command, list.to_str().expect("UTF-8"), &[]));
    assert_nothing_was_lost(&stats, &lines);
}

fn am_root() -> bool {
    let id = Command::new("id").arg("-u").output().expect("id runs");
    id.stdout.trim_ascii() == b"0"
}

#[test]
fn retries_and_late_replies_do_not_overflow_the_buffer() {
    let fleet = Fleet::start(&["--protocol", "echo", "--hosts", "2000", "--latency", "300ms,0.1"]);
    // Every host gets several requests before it can reply.
    let hasty = ["--rcvbuf", "212992", "--timeout", "50ms", "--tries", "4"];
    let mut sweep = Sweep::start(allears(), fleet.targets(), &hasty);
    sweep.read(100);
    signal(&sweep.child, "STOP");
    stall(Duration::from_secs(1));
    signal(&sweep.child, "CONT");
    let stats = sweep.finish();
    assert_eq!((count(&stats, "targets"), count(&stats, "local_drops")), (2000, 0), "{stats}");
}

#[test]
fn local_drops_beyond_the_window_are_counted_and_retried() {
    let fleet = fleet();
    let over = ["--window", "100000", "--rcvbuf", "212992", "--tries", "5", "--timeout", "300ms"];
    let (stats, lines) = sweep_with_stops(Sweep::start(allears(), fleet.targets(), &over));
    assert!(count(&stats, "local_drops") > 0, "the window was too small to overflow the buffer: {stats}");
    assert_eq!(count(&stats, "answered"), HOSTS, "every host answers in the end: {stats}");
    assert_eq!(lines.len() as u64, HOSTS);
    let tally = fleet.stop();
    assert_eq!(count(&stats, "datagrams_sent"), count(&tally, "received") + count(&tally, "local_drops"));
    let received = count(&stats, "datagrams_received") + count(&stats, "local_drops");
    assert_eq!(received, count(&tally, "answered"), "no unexplained datagram\n{stats}\n{tally}");
}

#[test]
fn a_stalled_reader_loses_nothing_and_costs_no_memory() {
    let fleet = Fleet::start(&["--protocol", "et", "--hosts", "5000", "--latency", "3ms,0"]);
    let mut command = allears();
    command.args(["games", "-i", fleet.targets(), "-o", "json", "--stats", "-", "-q"]).args(FULL_SPEED);
    let mut child = command.stdout(Stdio::piped()).spawn().expect("the sweep starts");
    let stdout = BufReader::new(child.stdout.take().expect("piped"));
    let mut sweep = Sweep { child, stdout, lines: Vec::new() };
    sweep.read(1);
    // The sweep writes ten megabytes, and no one reads them for ten seconds.
    stall(Duration::from_secs(10));
    let stats = sweep.finish();
    assert_eq!((count(&stats, "answered"), count(&stats, "local_drops")), (5000, 0), "{stats}");
    assert_eq!(sweep.lines.len(), 5000);
    assert!(count(&stats, "max_rss_bytes") < 32 << 20, "{stats}");
}

#[test]
fn large_answers_that_a_stalled_reader_does_not_take_stay_within_the_memory_allowed() {
    const BYTES: usize = 50_000;
    let fleet = Fleet::start(&["--protocol", "echo", "--hosts", "1000", "--latency", "3ms,0"]);
    let folder = tempfile::tempdir().expect("a temporary folder");
    let payload = folder.path().join("payload");
    std::fs::write(&payload, [b'x'; BYTES]).expect("written");
    let mut command = allears();
    command.args(["probe", "-i", fleet.targets(), "-o", "json", "--stats", "-", "-q", "--token-at", "0"]);
    command.args(["--memory", "16M", "--file"]).arg(payload).args(FULL_SPEED).stdout(Stdio::piped());
    let mut child = command.spawn().expect("the sweep starts");
    let stdout = BufReader::new(child.stdout.take().expect("piped"));
    let mut sweep = Sweep { child, stdout, lines: Vec::new() };
    sweep.read(1);
    stall(Duration::from_secs(3));
    let stats = sweep.finish();
    assert_eq!((count(&stats, "answered"), count(&stats, "local_drops")), (1000, 0), "{stats}");
    // All answers together have 50 MB, their lines 150 MB.
    assert!(count(&stats, "max_rss_bytes") < 32 << 20, "{stats}");
}
