//! Host names as targets: each has its own line in every command and format, whether it resolves or not.
#![cfg(all(feature = "cli", target_os = "linux"))]

mod support;

use std::net::{IpAddr, UdpSocket};

use serde_json::Value;
use support::{Fleet, Run, allears, count, is_isolated, run, shell};

/// A name that never resolves (RFC 6761 §6.4).
const NOBODY: &str = "no-such-host.invalid:7";
const QUICK: [&str; 4] = ["--tries", "1", "--timeout", "50ms"];

/// Each command that queries targets, with arguments for the echo fleet or nobody.
const COMMANDS: [&[&str]; 4] =
    [&["probe", "--text", "x"], &["ntp"], &["snmp", "get", "1.3.6.1.2.1.1.5.0"], &["games", "--game", "q3"]];

fn command(args: &[&str], more: &[&str], target: &str) -> Vec<String> {
    let target: &[&str] = if args[0] == "snmp" { &["-t", target] } else { &[target] };
    [args, more, &QUICK, target].concat().iter().map(ToString::to_string).collect()
}

#[track_caller]
fn run_command(args: &[&str], more: &[&str], target: &str) -> Run {
    let args = command(args, more, target);
    run(&args.iter().map(String::as_str).collect::<Vec<_>>()).expect_code(1)
}

#[test]
fn a_name_that_does_not_resolve_is_a_target_of_every_command() {
    for args in COMMANDS {
        let swept = run_command(args, &["-o", "json", "--stats", "-"], NOBODY);
        let line = swept.lines().remove(0);
        assert_eq!(line["target"], Value::Null, "{line}");
        assert_eq!(line["input"], NOBODY, "{line}");
        assert_eq!((&line["outcome"], count(&line, "attempts")), (&"unresolved".into(), 0), "{line}");
        assert_eq!(line["rtt_ms"], Value::Null, "{line}");
        let reason = line["reason"].as_str().expect("a reason");
        assert!(reason.starts_with("cannot resolve the name: "), "{reason}");
        let stats = swept.stats();
        let counts = ["targets", "unresolved", "bad_lines", "queries"].map(|key| count(&stats, key));
        assert_eq!(counts, [1, 1, 0, 0], "{args:?} {stats}");
        assert!(swept.stderr.contains("argument 1: cannot resolve the name"), "{}", swept.stderr);
        assert!(swept.stderr.contains(" answered: 1 unresolved ("), "{}", swept.stderr);
    }
}

#[test]
fn csv_has_no_target_for_it_and_a_table_only_with_all() {
    for args in COMMANDS {
        let rows = run_command(args, &["-o", "csv", "--all"], NOBODY).stdout;
        let row = rows.lines().nth(1).unwrap_or_else(|| panic!("{args:?}: {rows}"));
        assert!(row.starts_with(",unresolved,0,,") && row.contains("cannot resolve the name: "), "{row}");
        assert_eq!(run_command(args, &[], NOBODY).stdout, "", "{args:?}");
        let table = run_command(args, &["--all"], NOBODY);
        // The format of net-snmp has no place for it.
        let is_listed = table.stdout.contains(NOBODY) && table.stdout.contains("unresolved: cannot");
        assert_eq!(is_listed, args[0] != "snmp", "{args:?}\n{}", table.stdout);
    }
    let points = run_command(&["games", "--game", "q3"], &["-o", "influx"], NOBODY).stdout;
    assert!(points.starts_with("game_server,game=q3,server=no-such-host.invalid:7 up=0i "), "{points}");
}

#[test]
fn strict_refuses_it_before_anything_is_sent() {
    let fleet = Fleet::start(&["--protocol", "echo", "--hosts", "1"]);
    let strict = run(&["probe", "--text", "x", "--strict", &fleet.hosts()[0], NOBODY, "10.0.0.300:1"]);
    let strict = strict.expect_code(2);
    let place = |text: &str| strict.stderr.find(text).unwrap_or_else(|| panic!("{text}: {}", strict.stderr));
    assert!(place("bad lines: 2") < place("argument 2: cannot resolve the name: "));
    assert!(place("argument 2: ") < place("argument 3: not an IPv4 address"), "in the order of the lines");
    assert_eq!(count(&fleet.stop(), "received"), 0);
}

#[test]
fn warnings_about_names_are_bounded_and_lines_are_not() {
    let names: Vec<_> = (0..30).map(|number| format!("n{number}.invalid:7")).collect();
    let mut args = vec!["probe", "--text", "x", "-o", "json"];
    args.extend(names.iter().map(String::as_str));
    let swept = run(&args).expect_code(1);
    assert_eq!(swept.lines().len(), 30);
    assert_eq!(swept.stderr.matches("cannot resolve the name").count(), 20, "{}", swept.stderr);
    assert!(swept.stderr.contains("… and 10 more names that do not resolve"), "{}", swept.stderr);
}

#[test]
fn a_name_that_resolves_is_the_input_beside_the_address() {
    let fleet = Fleet::start(&["--protocol", "echo", "--hosts", "1", "--base", "127.0.0.1"]);
    let address = fleet.hosts().remove(0);
    let port = address.rsplit(':').next().expect("a port");
    let named = format!("localhost:{port}");
    // The three lines share a query, and each has its own input.
    let args = ["probe", "--text", "x", "-o", "json", "--port", port, &named, "localhost", &address];
    let swept = run(&args).expect_code(0);
    let mut inputs: Vec<_> =
        swept.lines().iter().map(|line| line["input"].as_str().map(str::to_owned)).collect();
    inputs.sort_unstable();
    assert_eq!(inputs, [None, Some("localhost".into()), Some(named)], "{}", swept.stdout);
    assert!(swept.lines().iter().all(|line| line["target"] == address), "{}", swept.stdout);
}

#[test]
fn a_family_restricts_names_and_addresses() {
    let args = |more: &[&str]| {
        run(&[&["probe", "--text", "x", "-o", "json", "--stats", "-", "--port", "9"], &QUICK[..], more]
            .concat())
    };
    for (option, good, bad) in [("-4", "127.0.0.1", "::1"), ("-6", "::1", "127.0.0.1")] {
        let swept = args(&[option, "127.0.0.1", "::1"]).expect_code(1);
        assert_eq!(swept.lines()[0]["target"].as_str().map(host), Some(good.parse().expect("an address")));
        assert_eq!(count(&swept.stats(), "bad_lines"), 1);
        assert!(swept.stderr.contains(&format!("\"{bad}\"")), "{}", swept.stderr);
    }
    assert!(args(&["-4", "-6", "::1"]).expect_code(2).stderr.contains("cannot be used with"));
}

fn host(target: &str) -> IpAddr {
    target.parse::<std::net::SocketAddr>().expect("an address").ip()
}

#[test]
fn all_addresses_of_a_name_are_targets_if_wanted() {
    if !is_isolated("all_addresses_of_a_name_are_targets_if_wanted") {
        return;
    }
    let folder = tempfile::tempdir().expect("a temporary folder");
    let hosts = folder.path().join("hosts");
    std::fs::write(&hosts, "127.0.0.1 many.test\n127.0.0.2 Many.test\n::1 many.test\n").expect("written");
    shell(&format!("mount --bind {} /etc/hosts", hosts.display()));
    let sockets = ["127.0.0.1", "127.0.0.2", "::1"].map(|ip| UdpSocket::bind((ip, 7777)).expect("free"));
    for (options, expected) in [
        (&[][..], &["127.0.0.1"][..]),
        (&["--all-addresses"], &["127.0.0.1", "127.0.0.2", "::1"]),
        (&["--all-addresses", "-4"], &["127.0.0.1", "127.0.0.2"]),
        (&["-6"], &["::1"]),
    ] {
        let mut command = allears();
        command.args(["probe", "--text", "x", "-o", "json", "many.test:7777"]).args(QUICK).args(options);
        let swept = Run::from(command.output().expect("allears starts")).expect_code(1);
        let mut targets: Vec<_> =
            swept.lines().iter().filter_map(|line| line["target"].as_str().map(host)).collect();
        targets.sort_unstable();
        let expected: Vec<IpAddr> = expected.iter().map(|ip| ip.parse().expect("an address")).collect();
        assert_eq!(targets, expected, "{options:?}\n{}", swept.stderr);
    }
    drop(sockets);
}
