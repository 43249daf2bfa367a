//! SIGHUP, SIGQUIT and SIGTERM end a sweep as Ctrl-C does: results and ledger are written.
#![cfg(all(feature = "cli", unix))]

mod support;

use std::fs;
use std::net::UdpSocket;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use support::{Fleet, Run, allears, count, not_tested, signal};

/// The hosts that are queried before the signal.
const BEFORE: usize = 50;

/// A sweep over game servers, with a silent host after the first [`BEFORE`].
struct Interruptible {
    folder: tempfile::TempDir,
    watched: UdpSocket,
    child: Child,
}

impl Interruptible {
    /// Starts the sweep, and waits until the silent host was queried. `behind` is the number of hosts after it.
    fn start(mut command: Command, fleet: &Fleet, behind: usize, format: &str) -> Interruptible {
        let folder = tempfile::tempdir().expect("a folder");
        let watched = UdpSocket::bind("127.0.0.1:0").expect("loopback is there");
        let mut hosts: Vec<String> = fleet.hosts().into_iter().take(BEFORE + behind).collect();
        hosts.insert(BEFORE, watched.local_addr().expect("bound").to_string());
        let list = folder.path().join("list");
        fs::write(&list, hosts.join("\n")).expect("written");
        let child = command
            .args(["games", "--rate", "500", "--burst", "1", "-o", format, "-i"])
            .arg(&list)
            .args(["--to".as_ref(), folder.path().join("to").as_os_str()])
            .args(["--stats".as_ref(), folder.path().join("stats").as_os_str()])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the command starts");
        watched.recv(&mut [0; 64]).expect("a query");
        Interruptible { folder, watched, child }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Waits until the sweep ends. Returns its standard error, the results and the ledger.
    fn end(self, code: i32) -> (String, String, serde_json::Value) {
        let (to, stats) = (self.path("to"), self.path("stats"));
        let Interruptible { child, watched, .. } = self;
        let run = Run::from(child.wait_with_output().expect("it ends")).expect_code(code);
        drop(watched);
        let ledger = fs::read_to_string(stats).expect("a ledger");
        let ledger = serde_json::from_str(&ledger).unwrap_or_else(|error| panic!("{error}: {ledger:?}"));
        let results = fs::read_to_string(to).expect("results");
        drop(self.folder);
        (run.stderr, results, ledger)
    }
}

fn fleet() -> Fleet {
    Fleet::start(&["--protocol", "et", "--hosts", "3000", "--latency", "1ms,0"])
}

/// Returns whether the tests run under nohup(1). If so, prints a warning, or panics if `CI` is set.
fn hangup_is_ignored() -> bool {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:\t")).unwrap_or("0");
    let ignored = u64::from_str_radix(mask, 16).is_ok_and(|mask| mask & 1 != 0);
    if ignored {
        not_tested("SIGHUP is ignored here");
    }
    ignored
}

#[test]
fn each_signal_interrupts_the_sweep_in_every_format() {
    let fleet = fleet();
    for (name, format) in [
        ("HUP", "table"),
        ("HUP", "json"),
        ("HUP", "csv"),
        ("QUIT", "table"),
        ("TERM", "json"),
        ("INT", "csv"),
    ] {
        if name == "HUP" && hangup_is_ignored() {
            continue;
        }
        let sweep = Interruptible::start(allears(), &fleet, 2900, format);
        signal(&sweep.child, name);
        let (stderr, results, ledger) = sweep.end(130);
        let answered = count(&ledger, "answered");
        assert!(answered >= BEFORE as u64, "{name} {format}: {ledger}");
        match format {
            "json" => assert_eq!(results.lines().count() as u64, count(&ledger, "targets")),
            // With a header.
            _ => assert_eq!(results.lines().count() as u64, 1 + answered, "{name} {format}"),
        }
        let sum: u64 = ["answered", "silent", "unreachable", "send_failed", "malformed", "interrupted"]
            .iter()
            .map(|class| count(&ledger, class))
            .sum();
        assert_eq!(sum, count(&ledger, "queries"), "{ledger}");
        // Hosts that were never queried are not part of the total.
        let summary = stderr.lines().last().expect("a summary");
        let queried = count(&ledger, "datagrams_sent") - count(&ledger, "retransmissions");
        assert!(summary.starts_with(&format!("{answered} of {queried} servers answered in ")), "{summary}");
        assert!(summary.contains(" not queried"), "{summary}");
    }
}

#[test]
fn a_second_hangup_does_not_end_the_program_at_once() {
    if hangup_is_ignored() {
        return;
    }
    let fleet = fleet();
    let sweep = Interruptible::start(allears(), &fleet, 2900, "table");
    signal(&sweep.child, "HUP");
    signal(&sweep.child, "HUP");
    let (_, results, ledger) = sweep.end(130);
    assert_eq!(results.lines().count() as u64, 1 + count(&ledger, "answered"));
}

#[cfg(target_os = "linux")]
#[test]
fn a_sweep_under_nohup_outlives_its_terminal() {
    let fleet = fleet();
    let mut nohup = Command::new("sh");
    nohup.args(["-c", "trap '' HUP; exec \"$0\" \"$@\""]).arg(allears().get_program());
    let sweep = Interruptible::start(nohup, &fleet, 100, "json");
    signal(&sweep.child, "HUP");
    let (_, _, ledger) = sweep.end(0);
    assert_eq!((count(&ledger, "answered"), count(&ledger, "interrupted")), (BEFORE as u64 + 100, 0));
}

#[test]
fn a_hangup_makes_repeated_polls_reread_the_list_and_reopen_the_file() {
    if hangup_is_ignored() {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let path = |name: &str| folder.path().join(name);
    let [old, new, both] = [(); 3].map(|()| UdpSocket::bind("127.0.0.1:0").expect("loopback is there"));
    let [old_agent, new_agent, kept] =
        [&old, &new, &both].map(|socket| socket.local_addr().expect("bound").to_string());
    fs::write(path("list"), format!("{old_agent}\n{kept}\n")).expect("written");
    let child = allears()
        .args(["snmp", "get", "sysName.0", "--every", "200ms", "--tries", "1", "--timeout", "50ms"])
        .args(["--all", "-o", "csv", "-i"])
        .arg(path("list"))
        .arg("--to")
        .arg(path("to"))
        .stderr(Stdio::piped())
        .spawn()
        .expect("allears starts");
    let poll = |socket: &UdpSocket| {
        socket.recv(&mut [0; 512]).expect("a poll");
    };
    // The result of the first poll of both is written by the third one of either.
    (0..3).for_each(|_| poll(&old));
    fs::rename(path("to"), path("to.1")).expect("renamed");
    fs::write(path("list"), format!("{new_agent}\n{kept}\n")).expect("written");
    signal(&child, "HUP");
    poll(&new);
    old.set_nonblocking(true).expect("a socket");
    while old.recv(&mut [0; 512]).is_ok() {}
    (0..3).for_each(|_| poll(&new));
    assert!(old.recv(&mut [0; 512]).is_err(), "an agent that left the list is no longer polled");
    // A file that cannot be opened again stays open.
    fs::rename(path("to"), path("to.2")).expect("renamed");
    fs::create_dir(path("to")).expect("created");
    signal(&child, "HUP");
    (0..3).for_each(|_| poll(&new));
    signal(&child, "INT");
    let run = Run::from(child.wait_with_output().expect("it ends")).expect_code(130);
    assert!(run.stderr.contains(" from 3 agents in "), "{}", run.stderr);
    assert!(run.stderr.contains("the old file stays open"), "{}", run.stderr);
    for (name, present) in [("to.1", &old_agent), ("to.2", &new_agent)] {
        let file = fs::read_to_string(path(name)).expect("results");
        assert!(file.starts_with("target,") && file.matches("target,").count() == 1, "{name}: {file}");
        assert!(file.contains(&kept) && file.contains(present), "{name}: {file}");
    }
    let before = fs::read_to_string(path("to.1")).expect("results");
    assert!(!before.contains(&new_agent), "{before}");
}
