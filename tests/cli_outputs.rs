//! Outputs that would overwrite a file in use are refused before anything is sent, and summaries say why hosts did not
//! answer.
#![cfg(feature = "cli")]

mod support;

use std::fs;
use std::net::UdpSocket;
use std::path::Path;
use std::process::{Command, Stdio};

use support::{Fleet, Run, allears, count, have, run};

/// Runs `allears` in `folder`, where a shell redirects as `redirection` says.
fn run_in(folder: &Path, args: &[&str], redirection: &str) -> Run {
    let line = format!("exec \"$0\" \"$@\" {redirection}");
    let output = Command::new("sh")
        .args(["-c", &line, env!("CARGO_BIN_EXE_allears")])
        .args(args)
        .current_dir(folder)
        .stdin(Stdio::null())
        .output()
        .expect("sh runs");
    Run::from(output)
}

/// Returns an address that receives and never answers.
fn silent() -> (UdpSocket, String) {
    let socket = UdpSocket::bind("127.0.0.1:0").expect("loopback is there");
    let address = socket.local_addr().expect("bound").to_string();
    socket.set_nonblocking(true).expect("a socket");
    (socket, address)
}

/// Returns the address of a closed port.
fn closed() -> String {
    let socket = UdpSocket::bind("127.0.0.1:0").expect("loopback is there");
    socket.local_addr().expect("bound").to_string()
}

#[test]
fn two_names_of_one_file_are_refused_before_anything_is_sent() {
    let folder = tempfile::tempdir().expect("a folder");
    let (silent, address) = silent();
    let list = folder.path().join("list");
    fs::write(&list, format!("{address}\n")).expect("written");
    for link in ["hard", "list.svg"] {
        fs::hard_link(&list, folder.path().join(link)).expect("linked");
    }
    fs::create_dir(folder.path().join("sub")).expect("created");
    #[cfg(unix)]
    for (target, link) in [("list", "soft"), ("new", "dangling")] {
        std::os::unix::fs::symlink(target, folder.path().join(link)).expect("linked");
    }
    let probe = ["probe", "--text", "x", "--tries", "1", "--timeout", "1ms"];
    let target = [&probe[..], &[&address]].concat();
    let from_list = [&probe[..], &["-i", "list"]].concat();
    let snmp = ["snmp", "get", "sysName.0", "-t", &address];
    let drops = ["drops", "--rates", "1", &address];
    for (args, more, redirection) in [
        (&target[..], &["--to", "a", "--stats", "a"][..], ""),
        (&target, &["--to", "a", "--stats", "./sub/../a"], ""),
        (&target, &["--to", "dangling", "--stats", "new"], ""),
        (&target, &["--stats", "a"], "> a"),
        (&target, &["--to", "a"], "2> a"),
        (&from_list, &["--to", "list"], ""),
        (&from_list, &["--to", "hard"], ""),
        (&from_list, &["--stats", "soft"], ""),
        (&from_list, &[], ">> list"),
        (&probe, &["-i", "-"], "< list 1<> list"),
        (&probe, &["-i", "-", "--to", "list"], "< list"),
        (&["probe", "--file", "list", &address], &["--to", "hard"], ""),
        (&snmp, &["--engine-cache", "E", "--stats", "E"], ""),
        (&snmp, &["--engine-cache", "E", "--to", "E"], ""),
        (&snmp, &["--secrets", "list", "--to", "list"], ""),
        (&["snmp", "get", "--oids", "list", "-t", &address], &["--to", "list"], ""),
        (&drops, &["--to", "X.svg", "--plot", "X.svg"], ""),
        (&drops, &["-i", "list", "--plot", "list.svg"], ""),
        (&["games", &address], &["--to", "a", "--stats", "a"], ""),
        (&["find", "x", &address], &["--to", "a", "--stats", "a"], ""),
        (&["ntp", &address], &["--to", "a", "--stats", "a"], ""),
        (&target, &["--to", "sub"], ""),
        (&target, &["--stats", "sub"], ""),
        (&target, &["--to", "no-such-folder/"], ""),
        (&snmp, &["--engine-cache", "sub"], ""),
        (&["fleet", "--hosts", "1"], &["--targets", "sub"], ""),
    ] {
        if cfg!(not(feature = "plot")) && more.contains(&"--plot") {
            continue;
        }
        let refused = run_in(folder.path(), &[args, more].concat(), redirection);
        let said = if redirection.starts_with("2>") {
            fs::read_to_string(folder.path().join("a")).expect("written")
        } else {
            refused.stderr.clone()
        };
        assert_eq!(refused.code, 2, "{args:?} {more:?} {redirection}: {said}");
        assert!(said.contains("cannot write "), "{said}");
        assert_eq!(fs::read_to_string(&list).expect("text"), format!("{address}\n"), "{args:?} {more:?}");
    }
    assert!(silent.recv(&mut [0; 9]).is_err(), "nothing was sent");
    assert!(!folder.path().join("new").exists() && !folder.path().join("E").exists());
}

#[test]
fn results_that_cannot_be_written_are_counted_and_the_ledger_is_written() {
    let fleet = Fleet::start(&["--protocol", "echo", "--hosts", "2000", "--latency", "1ms,0"]);
    let folder = tempfile::tempdir().expect("a folder");
    let probe = ["probe", "--text", "some text that is long enough", "-i", fleet.targets(), "-r", "5000"];
    for (format, to, limit) in
        [("json", "/dev/full", ""), ("csv", "/dev/full", ""), ("json", "results", "ulimit -f 8; ")]
    {
        let line = format!("{limit}exec \"$0\" \"$@\"");
        let sweep = Command::new("sh")
            .args(["-c", &line, env!("CARGO_BIN_EXE_allears")])
            .args(probe)
            .args(["-o", format, "--to", to, "--stats", "-"])
            .current_dir(folder.path())
            .output()
            .expect("sh runs");
        let sweep = Run::from(sweep).expect_code(3);
        let ledger = sweep.stats();
        assert!(sweep.stderr.contains(&format!("cannot write {to}: ")), "{}", sweep.stderr);
        let of = count(&ledger, "answered") + count(&ledger, "interrupted");
        assert_eq!(of, count(&ledger, "queries"), "{ledger}");
        let summary = sweep.stderr.lines().find(|line| line.contains(" hosts answered ")).expect("a summary");
        let answered = count(&ledger, "answered");
        assert!(summary.starts_with(&format!("{answered} of ")), "{summary} {ledger}");
    }
}

#[test]
fn results_and_ledger_may_share_standard_output_or_a_device() {
    let fleet = Fleet::start(&["--protocol", "echo", "--hosts", "2"]);
    let probe = ["probe", "--text", "x", "-i", fleet.targets(), "-o", "json"];
    let folder = tempfile::tempdir().expect("a folder");
    let both = [&probe[..], &["--to", "/dev/stdout", "--stats", "-"]].concat();
    run_in(folder.path(), &both, "> log 2>&1").expect_code(0);
    let log = fs::read_to_string(folder.path().join("log")).expect("text");
    assert_eq!(log.lines().filter(|line| line.starts_with('{')).count(), 3, "{log}");
    run(&[&probe[..], &["--to", "/dev/null", "--stats", "/dev/null"]].concat()).expect_code(0);
}

#[test]
fn a_summary_says_why_hosts_did_not_answer() {
    let closed = closed();
    let none = run(&["probe", "--text", "x", &closed]).expect_code(1);
    assert_eq!(none.stderr, "0 of 1 hosts answered: 1 unreachable (connection refused)\n");

    let (_socket, silent) = silent();
    let quickly = ["--tries", "1", "--timeout", "50ms"];
    let none = run(&[&["probe", "--text", "x", &silent], &quickly[..]].concat()).expect_code(1);
    assert_eq!(none.stderr, "0 of 1 hosts answered: 1 silent\n");

    let fleet = Fleet::start(&["--protocol", "echo", "--hosts", "3"]);
    let some = ["probe", "--text", "x", "-i", fleet.targets(), &closed, &silent, "no-such-host.invalid:7"];
    let some = run(&[&some, &quickly[..]].concat()).expect_code(0);
    let summary = some.stderr.lines().last().expect("a summary");
    assert!(summary.starts_with("3 of 6 hosts answered in "), "{summary}");
    assert!(
        summary.contains(" s: 1 silent, 1 unreachable (connection refused), 1 unresolved ("),
        "{summary}"
    );

    let unresolved = run(&["probe", "--text", "x", "no-such-host.invalid:7"]).expect_code(1);
    assert!(unresolved.stderr.contains("0 of 1 hosts answered: 1 unresolved ("), "{}", unresolved.stderr);

    let malformed = ["probe", "-i", fleet.targets(), "--text", "ping", "--expect-prefix", "pong"];
    let malformed = run(&malformed).expect_code(1);
    assert!(malformed.stderr.starts_with("0 of 3 hosts answered: 3 malformed ("), "{}", malformed.stderr);
}

#[test]
fn agents_that_refuse_everything_are_counted_with_their_error() {
    let fleet = Fleet::start(&["--protocol", "snmp", "--hosts", "3", "--latency", "1ms,0"]);
    let get = ["snmp", "get", "-i", fleet.targets(), "-v1", "1.3.6.1.4.1.99999.1.0"];
    let refused = run(&get);
    let summary = refused.stderr.lines().last().expect("a summary");
    assert!(
        summary.contains("agents answered in ") && summary.ends_with(": 3 refused (noSuchName)"),
        "{summary}"
    );
}

#[test]
fn failures_of_masters_are_described_as_those_of_hosts() {
    let closed = closed();
    let games = run(&["games", "--master", &closed]).expect_code(1);
    assert!(
        games.stderr.contains(&format!("master {closed}: unreachable: Connection refused (")),
        "{}",
        games.stderr
    );
    let (_socket, silent) = silent();
    let quickly = ["--tries", "1", "--timeout", "50ms"];
    let games = run(&[&["games", "--master", &silent], &quickly[..]].concat()).expect_code(1);
    assert!(
        games.stderr.contains(&format!("master {silent}: silent: no answer to 1 attempt")),
        "{}",
        games.stderr
    );
}

#[test]
fn a_search_without_any_list_fails_instead_of_finding_nobody() {
    let closed = closed();
    run(&["find", "somebody", "--master", &closed]).expect_code(3);
    run(&["find", "somebody", "--master", "no-such-host.invalid:27950"]).expect_code(3);
    // No list was needed.
    run(&["find", "somebody", &closed]).expect_code(1);
}

#[test]
fn targets_without_a_port_are_wrong_usage() {
    let without = run(&["probe", "--text", "x", "127.0.0.1"]).expect_code(2);
    assert!(without.stderr.contains("--port"), "{}", without.stderr);
    let list = tempfile::NamedTempFile::new().expect("a file");
    fs::write(list.path(), "127.0.0.1\n127.0.0.2\n").expect("written");
    run(&["probe", "--text", "x", "-i", list.path().to_str().expect("UTF-8")]).expect_code(2);
    run(&["drops", "--rates", "1", "--protocol", "raw", "--text", "x", "127.0.0.1"]).expect_code(2);
}

#[test]
fn without_targets_the_message_names_both_ways_to_give_them() {
    for args in
        [&["snmp", "get", "sysName.0"][..], &["probe", "--text", "x"], &["ntp"], &["drops", "--rates", "1"]]
    {
        let refused = run(args).expect_code(2);
        assert!(refused.stderr.contains("--input"), "{args:?}: {}", refused.stderr);
    }
    assert!(run(&["snmp", "get", "sysName.0"]).stderr.contains("--target"));
}

#[test]
fn a_fleet_refuses_options_that_its_hosts_do_not_have() {
    for (args, expected) in [
        (&["--misbehave", "too-big=1"][..], "--misbehave too-big needs --protocol snmp"),
        (&["--misbehave", "X=1"], "--protocol snmp"),
        (&["--wanted", "x", "--protocol", "echo"], "--wanted needs --protocol et"),
        (&["--interfaces", "3"], "--interfaces needs --protocol snmp"),
        (&["--interfaces", "2", "--protocol", "ntp"], "--interfaces needs --protocol snmp"),
    ] {
        let refused = run(&[&["fleet", "--for", "1ms", "--hosts", "1"], args].concat()).expect_code(2);
        assert!(refused.stderr.contains(expected), "{}", refused.stderr);
    }
}

#[test]
fn a_system_error_in_the_middle_leaves_a_line_for_every_target() {
    if !cfg!(target_os = "linux") || !have("/usr/bin/strace", "strace") {
        return;
    }
    let fleet = Fleet::start(&["--protocol", "echo", "--hosts", "200", "--latency", "1ms,0"]);
    let folder = tempfile::tempdir().expect("a folder");
    let (to, stats) = (folder.path().join("to"), folder.path().join("stats"));
    // The socket fails for good after 20 calls.
    let output = Command::new("/usr/bin/strace")
        .args(["-f", "-qq", "-o", "/dev/null", "-e", "trace=recvmmsg,recvmsg"])
        .args(["-e", "inject=recvmmsg,recvmsg:error=EBADF:when=20+"])
        .arg(allears().get_program())
        .args(["probe", "--text", "x", "-i", fleet.targets(), "--rate", "500", "-o", "json"])
        .args(["--to".as_ref(), to.as_os_str(), "--stats".as_ref(), stats.as_os_str()])
        .output()
        .expect("strace runs");
    let failed = Run::from(output).expect_code(3);
    assert!(failed.stderr.contains("allears: cannot receive: Bad file descriptor"), "{}", failed.stderr);
    let stats = fs::read_to_string(stats).expect("a ledger");
    let stats: serde_json::Value = serde_json::from_str(&stats).expect("JSON");
    let lines = fs::read_to_string(to).expect("results");
    assert_eq!(lines.lines().count() as u64, count(&stats, "targets"), "{stats}");
    let of = |outcome: &str| lines.matches(&format!(r#""outcome":"{outcome}""#)).count() as u64;
    assert_eq!(of("answered"), count(&stats, "answered"));
    assert_eq!(of("interrupted"), count(&stats, "interrupted"));
    assert!(of("answered") > 0 && of("interrupted") > 0, "{stats}");
}
