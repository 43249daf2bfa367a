//! SIGHUP, SIGQUIT and SIGTERM end a sweep as Ctrl-C does: results and ledger are written.
#![cfg(all(feature = "cli", unix))]

mod support;

use std::fs;
use std::net::UdpSocket;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use support::{Fleet, Run, allears, count, signal};

/// The hosts that are queried before the signal.
const BEFORE: usize = 50;

/// A sweep over game servers, in which a host that never answers stands behind the first [`BEFORE`].
struct Interruptible {
    folder: tempfile::TempDir,
    watched: UdpSocket,
    child: Child,
}

impl Interruptible {
    /// Starts it, and waits until the first hosts were queried. `behind` are the hosts that are left.
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

    /// Waits for its end. Returns its standard error, the results and the ledger.
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

#[test]
fn each_of_these_signals_is_an_interrupt_in_every_format() {
    let fleet = fleet();
    for (name, format) in [
        ("HUP", "table"),
        ("HUP", "json"),
        ("HUP", "csv"),
        ("QUIT", "table"),
        ("TERM", "json"),
        ("INT", "csv"),
    ] {
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
        // Those that were never queried could not answer.
        let summary = stderr.lines().last().expect("a summary");
        let queried = count(&ledger, "datagrams_sent") - count(&ledger, "retransmissions");
        assert!(summary.starts_with(&format!("{answered} of {queried} servers answered in ")), "{summary}");
        assert!(summary.contains(" not queried"), "{summary}");
    }
}

#[test]
fn a_terminal_that_says_good_bye_twice_costs_nothing() {
    let fleet = fleet();
    let sweep = Interruptible::start(allears(), &fleet, 2900, "table");
    signal(&sweep.child, "HUP");
    signal(&sweep.child, "HUP");
    let (_, results, ledger) = sweep.end(130);
    assert_eq!(results.lines().count() as u64, 1 + count(&ledger, "answered"));
}

#[cfg(target_os = "linux")]
#[test]
fn a_sweep_below_nohup_survives_its_terminal() {
    let fleet = fleet();
    let mut below = Command::new("sh");
    below.args(["-c", "trap '' HUP; exec \"$0\" \"$@\""]).arg(allears().get_program());
    let sweep = Interruptible::start(below, &fleet, 100, "json");
    signal(&sweep.child, "HUP");
    let (_, _, ledger) = sweep.end(0);
    assert_eq!((count(&ledger, "answered"), count(&ledger, "interrupted")), (BEFORE as u64 + 100, 0));
}
