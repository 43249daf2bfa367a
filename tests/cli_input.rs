//! Bad input, and outputs that cannot be written, cause a clear message and the right exit code, and lose no results.
#![cfg(feature = "cli")]

mod support;

use std::io::{Read, Write};
use std::process::Stdio;

use support::{Fleet, allears, count, run, run_with_input};

fn file(content: &[u8]) -> tempfile::NamedTempFile {
    let mut file = tempfile::NamedTempFile::new().expect("a temporary file");
    file.write_all(content).expect("written");
    file
}

fn path(file: &tempfile::NamedTempFile) -> &str {
    file.path().to_str().expect("UTF-8")
}

const ECHO: [&str; 4] = ["--protocol", "echo", "--latency", "1ms,0"];

fn echo_fleet(hosts: &str) -> Fleet {
    Fleet::start(&[&ECHO[..], &["--hosts", hosts]].concat())
}

#[test]
fn a_bad_line_is_reported_counted_and_skipped() {
    let fleet = echo_fleet("1");
    let good = fleet.opening["first"].as_str().unwrap();
    let list = file(format!("# a comment\n\n{good}\n10.0.0.0/99\n127.1.0.1:99999\n").as_bytes());
    let swept =
        run(&["probe", "--text", "x", "-i", path(&list), "-o", "json", "--stats", "-"]).expect_code(0);
    assert_eq!(swept.lines().len(), 2, "{}", swept.stdout);
    assert_eq!(count(&swept.stats(), "bad_lines"), 2);
    for line in [4, 5] {
        assert!(swept.stderr.contains(&format!("{}:{line}:", path(&list))), "{}", swept.stderr);
    }

    let strict = run(&["probe", "--text", "x", "-i", path(&list), "--strict"]).expect_code(2);
    assert!(strict.stderr.contains(&format!("{}:4:", path(&list))), "{}", strict.stderr);
    assert_eq!(count(&fleet.stop(), "received"), 1, "nothing is sent when --strict refuses");
}

#[test]
fn unknown_host_names_are_warnings() {
    let fleet = echo_fleet("1");
    let good = fleet.opening["first"].as_str().unwrap();
    let swept = run(&["probe", "--text", "x", "no-such-host.invalid:7", good, "-o", "json", "--stats", "-"])
        .expect_code(0);
    assert!(swept.stderr.contains("no-such-host.invalid"), "{}", swept.stderr);
    assert_eq!(swept.lines().len(), 3, "{}", swept.stdout);
    let stats = swept.stats();
    assert_eq!(["targets", "bad_lines", "unresolved"].map(|key| count(&stats, key)), [2, 0, 1]);
    run(&["probe", "--text", "x", "--strict", "no-such-host.invalid:7", good]).expect_code(2);
}

#[test]
fn host_names_are_resolved() {
    let fleet = Fleet::start(&[&ECHO[..], &["--hosts", "1", "--base", "127.0.0.1"]].concat());
    let port = fleet.opening["first"].as_str().unwrap().rsplit(':').next().unwrap().to_owned();
    let swept = run(&["probe", "--text", "x", &format!("localhost:{port}"), "-o", "json"]);
    assert!(
        swept.lines().iter().any(|line| line["target"] == format!("127.0.0.1:{port}")),
        "{}",
        swept.stdout
    );
}

#[test]
fn empty_missing_and_garbage_lists_are_reported() {
    let empty = run(&["probe", "--text", "x", "-i", path(&file(b""))]);
    assert!(empty.stderr.contains("no target"), "{}", empty.stderr);
    assert_ne!(empty.code, 0);

    let missing = run(&["probe", "--text", "x", "-i", "/nonexistent/list"]).expect_code(3);
    assert!(missing.stderr.contains("/nonexistent/list"), "{}", missing.stderr);

    let garbage: Vec<u8> = (0..300_000u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    let garbage =
        run(&["probe", "--text", "x", "-i", path(&file(&garbage)), "--tries", "1", "--timeout", "1ms"]);
    assert!([1, 2].contains(&garbage.code), "{}", garbage.stderr);
    assert!(garbage.stderr.len() < 20_000, "warnings are capped: {} bytes", garbage.stderr.len());
    assert!(!garbage.stderr.chars().any(|c| c.is_control() && c != '\n'), "and clean");
}

#[test]
fn targets_can_have_all_forms() {
    let fleet = echo_fleet("16");
    let first = fleet.opening["first"].as_str().unwrap();
    let port = first.rsplit(':').next().unwrap();
    let input = format!("127.1.0.1-127.1.0.3\n127.1.0.4/30:{port}  # a net\n127.1.0.9\n");
    let swept =
        run_with_input(&["probe", "--text", "x", "-i", "-", "--port", port, "-o", "json"], input.as_bytes())
            .expect_code(0);
    let mut targets: Vec<_> =
        swept.lines().iter().map(|line| line["target"].as_str().unwrap().to_owned()).collect();
    targets.sort();
    let expected: Vec<_> = [1, 2, 3, 4, 5, 6, 7, 9].iter().map(|n| format!("127.1.0.{n}:{port}")).collect();
    assert_eq!(targets, expected);
}

#[test]
fn a_port_in_use_and_an_unwritable_file_exit_with_3_before_anything_is_sent() {
    let fleet = echo_fleet("1");
    let good = fleet.opening["first"].as_str().unwrap();
    let taken = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    let taken = taken.local_addr().unwrap().to_string();
    let refused = run(&["probe", "--text", "x", good, "--bind", &taken]).expect_code(3);
    assert!(refused.stderr.contains(&taken), "{}", refused.stderr);

    let unwritable = run(&["probe", "--text", "x", good, "--to", "/nonexistent/out"]).expect_code(3);
    assert!(unwritable.stderr.contains("/nonexistent/out"), "{}", unwritable.stderr);
    let unwritable = run(&["probe", "--text", "x", good, "--stats", "/nonexistent/stats"]).expect_code(3);
    assert!(unwritable.stderr.contains("/nonexistent/stats"), "{}", unwritable.stderr);
    assert_eq!(count(&fleet.stop(), "received"), 0);
}

#[test]
fn a_list_is_not_overwritten() {
    let list = file(b"127.1.0.1:9\n");
    for args in [
        &["probe", "--text", "x", "--to", path(&list)][..],
        &["probe", "--text", "x", "--stats", path(&list)],
        &["games", "--to", path(&list)],
        &["drops", "--rates", "1", "--to", path(&list)],
    ] {
        let refused = run(&[args, &["-i", path(&list)]].concat()).expect_code(2);
        assert!(refused.stderr.contains(path(&list)), "{}", refused.stderr);
        assert_eq!(std::fs::read(list.path()).unwrap(), b"127.1.0.1:9\n", "{args:?}");
    }
}

#[test]
fn a_full_disk_is_reported_and_the_ledger_is_still_written() {
    if !std::path::Path::new("/dev/full").exists() {
        eprintln!("NOT TESTED: /dev/full is missing");
        return;
    }
    let fleet = echo_fleet("5");
    let stats = tempfile::NamedTempFile::new().unwrap();
    let full = run(&[
        "probe",
        "--text",
        "x",
        "-i",
        fleet.targets(),
        "-o",
        "json",
        "--to",
        "/dev/full",
        "--stats",
        path(&stats),
    ])
    .expect_code(3);
    assert!(full.stderr.contains("/dev/full"), "{}", full.stderr);
}

#[test]
fn a_closed_pipe_is_not_an_error() {
    let fleet = echo_fleet("200");
    let mut child = allears()
        .args(["probe", "--text", "x", "-i", fleet.targets(), "-o", "json"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut first = [0; 1];
    let mut stdout = child.stdout.take().unwrap();
    stdout.read_exact(&mut first).unwrap();
    drop(stdout);
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn wrong_usage_exits_with_2() {
    for args in [
        &["probe", "127.0.0.1:7"][..],
        &["probe", "--text", "x", "--hex", "00", "127.0.0.1:7"],
        &["probe", "--hex", "0g", "127.0.0.1:7"],
        &["probe", "--text", "x", "--timeout", "5 parsecs", "127.0.0.1:7"],
        &["probe", "--text", "x", "--tries", "0", "127.0.0.1:7"],
        &["games", "--game", "no-such-game", "127.0.0.1:7"],
        &["games", "--where", "nonsense", "127.0.0.1:7"],
        &["find", "--regex", "(", "127.0.0.1:7"],
        &["fleet", "--protocol", "gopher", "--hosts", "1"],
        &["no-such-command"],
    ] {
        let refused = run(args);
        assert_eq!(refused.code, 2, "{args:?}: {}", refused.stderr);
        assert!(!refused.stderr.is_empty() && !refused.stderr.contains("panicked"), "{}", refused.stderr);
    }
}

#[test]
fn a_sweep_without_answers_exits_with_1() {
    let nobody = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    let nobody = nobody.local_addr().unwrap().to_string();
    let swept = run(&["probe", "--text", "x", &nobody, "--tries", "1", "--timeout", "50ms", "-o", "json"])
        .expect_code(1);
    assert_eq!(swept.lines()[0]["outcome"], "silent");
}

#[test]
fn a_million_targets_fit_in_32_mebibytes() {
    let mut list = tempfile::NamedTempFile::new().unwrap();
    let mut lines = String::new();
    for n in 0..1_000_000u32 {
        let [_, b, c, d] = n.to_be_bytes();
        lines.push_str(&format!("127.{}.{c}.{d}:9\n", b + 32));
    }
    list.write_all(lines.as_bytes()).unwrap();
    let swept = run(&[
        "probe",
        "--text",
        "x",
        "-i",
        path(&list),
        "--rate",
        "unlimited",
        "--prefix-rate",
        "unlimited",
        "-o",
        "csv",
        "--to",
        "/dev/null",
        "--stats",
        "-",
    ])
    .expect_code(1);
    let stats = swept.stats();
    assert_eq!((count(&stats, "targets"), count(&stats, "queries")), (1_000_000, 1_000_000));
    assert_eq!(count(&stats, "silent") + count(&stats, "unreachable"), 1_000_000);
    assert!(count(&stats, "max_rss_bytes") <= 32 << 20, "{stats}");
}
