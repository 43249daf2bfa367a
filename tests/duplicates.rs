//! Targets that are named several times: each line has its own result, and lines share a query while it is open.
#![cfg(feature = "cli")]

mod support;

use std::net::UdpSocket;

use support::{Fleet, Run, allears, count, run};

fn outcomes(run: &Run, target: &str) -> Vec<String> {
    let of_target = run.lines().into_iter().filter(|line| line["target"] == target);
    of_target.map(|line| line["outcome"].as_str().unwrap_or_default().to_owned()).collect()
}

#[test]
fn a_target_that_is_named_again_shares_the_query_and_has_its_own_line() {
    let fleet = Fleet::start(&["--protocol", "echo", "--hosts", "3", "--latency", "30ms,0"]);
    let hosts = fleet.hosts();
    let mut list = vec![hosts[0].as_str(); 100];
    list.extend([hosts[1].as_str(), &hosts[2], &hosts[1]]);
    let args = [&["probe", "--text", "x", "-o", "json", "--stats", "-"][..], &list].concat();
    let shared = run(&args).expect_code(0);
    assert_eq!(outcomes(&shared, &hosts[0]), vec!["answered"; 100]);
    assert_eq!(outcomes(&shared, &hosts[1]), vec!["answered"; 2]);
    let stats = shared.stats();
    assert_eq!((count(&stats, "targets"), count(&stats, "queries")), (103, 3));
    assert!(shared.stderr.contains("103 of 103 hosts answered"), "{}", shared.stderr);
    assert_eq!(count(&fleet.stop(), "received"), 3);
}

#[test]
fn allowed_duplicates_are_all_queried() {
    let fleet = Fleet::start(&["--protocol", "echo", "--hosts", "1", "--latency", "30ms,0"]);
    let host = &fleet.hosts()[0];
    let args = ["probe", "--text", "x", "-o", "json", "--stats", "-", "--allow-duplicates", host, host, host];
    let run = run(&args).expect_code(0);
    assert_eq!(outcomes(&run, host), vec!["answered"; 3]);
    assert_eq!((count(&run.stats(), "targets"), count(&run.stats(), "queries")), (3, 3));
    assert_eq!(count(&fleet.stop(), "received"), 3);
}

#[test]
fn a_silent_target_is_counted_once_per_line() {
    let silent = UdpSocket::bind("127.0.0.1:0").expect("loopback");
    let target = silent.local_addr().expect("bound").to_string();
    let args = ["probe", "--text", "x", "-o", "json", "--stats", "-", "--tries", "1", "--timeout", "50ms"];
    let run = run(&[&args[..], &[&target, &target]].concat()).expect_code(1);
    assert_eq!(outcomes(&run, &target), ["silent"; 2]);
    assert_eq!((count(&run.stats(), "targets"), count(&run.stats(), "silent")), (2, 1));
    assert!(run.stderr.contains("0 of 2 hosts answered: 2 silent"), "{}", run.stderr);
}

#[test]
fn a_target_that_is_named_after_its_query_has_ended_is_queried_again() {
    use std::io::{BufRead, BufReader, Write};
    use std::process::Stdio;

    let fleet = Fleet::start(&["--protocol", "echo", "--hosts", "1", "--latency", "1ms,0"]);
    let host = &fleet.hosts()[0];
    let mut child = allears()
        .args(["probe", "--text", "x", "-o", "csv", "-i", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("allears starts");
    let (mut stdin, stdout) = (child.stdin.take().expect("piped"), child.stdout.take().expect("piped"));
    let mut lines = BufReader::new(stdout).lines();
    lines.next().expect("a header").expect("UTF-8");
    for _ in 0..2 {
        writeln!(stdin, "{host}").expect("written");
        let line = lines.next().expect("a line").expect("UTF-8");
        assert!(line.starts_with(&format!("{host},answered,1,")), "{line}");
    }
    drop(stdin);
    assert!(child.wait().expect("allears ends").success());
    assert_eq!(count(&fleet.stop(), "received"), 2);
}

#[test]
fn game_servers_that_are_named_again_have_their_own_lines() {
    let fleet = Fleet::start(&["--hosts", "1", "--latency", "30ms,0"]);
    let host = &fleet.hosts()[0];
    let table = run(&["games", host, host]).expect_code(0);
    assert_eq!(table.stdout.matches(host.as_str()).count(), 2, "{}", table.stdout);
    let args = ["games", "-o", "json", "--stats", "-"];
    let twice = run(&[&args[..], &[host, host]].concat()).expect_code(0);
    assert_eq!(outcomes(&twice, host), ["answered"; 2]);
    assert_eq!((count(&twice.stats(), "targets"), count(&twice.stats(), "queries")), (2, 1));
    assert!(twice.stderr.contains("2 of 2 servers answered"), "{}", twice.stderr);

    let merged = run(&[&args[..], &["--master", &fleet.master(), host, host]].concat()).expect_code(0);
    assert_eq!(outcomes(&merged, host), ["answered"], "with masters, each server is in the list once");
    let args = [&args[..], &["--allow-duplicates", host, host]].concat();
    assert_eq!(count(&run(&args).expect_code(0).stats(), "queries"), 2);
}

#[test]
fn agents_share_a_query_if_their_settings_are_equal() {
    let fleet = Fleet::start(&["--protocol", "snmp", "--hosts", "1", "--latency", "30ms,0"]);
    let host = &fleet.hosts()[0];
    let same = format!("{host} community=public version=2c");
    let other = format!("{host} community=public version=1");
    let args = ["snmp", "get", "sysName.0", "-o", "json", "--stats", "-", "--per-host", "2", "sysUpTime.0"];
    let args = [&args[..], &["-t", &same, "-t", &same, "-t", &other, "-t", &same]].concat();
    let shared = run(&args).expect_code(0);
    assert_eq!(outcomes(&shared, host), ["answered"; 4]);
    let stats = shared.stats();
    assert_eq!((count(&stats, "targets"), count(&stats, "queries")), (4, 4), "two agents, two parts each");
    assert!(shared.stderr.contains("4 of 4 agents answered"), "{}", shared.stderr);
    let all = run(&[&args[..], &["--allow-duplicates"]].concat()).expect_code(0);
    assert_eq!(count(&all.stats(), "queries"), 8);
}
