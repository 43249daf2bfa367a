//! `allears dns` against simulated servers.
#![cfg(feature = "cli")]

mod support;

use std::collections::BTreeMap;

use allears::sim::dns::{a_record, aaaa_record};
use serde_json::Value;
use support::{Fleet, Run, count, run, run_with_input};

fn fleet(faults: &[&str]) -> Fleet {
    let common = ["--protocol", "dns", "--hosts", "3", "--base", "127.1.0.1", "--latency", "0ms"];
    Fleet::start(&[&common, faults].concat())
}

/// Returns the arguments that ask all servers of a fleet, without a limit.
fn arguments(fleet: &Fleet) -> Vec<String> {
    let mut arguments = vec!["dns".to_owned(), "--rate".into(), "unlimited".into()];
    for host in fleet.hosts() {
        arguments.extend(["--server".into(), host]);
    }
    arguments
}

fn ask(fleet: &Fleet, more: &[&str]) -> Run {
    ask_with_input(fleet, more, "")
}

fn ask_with_input(fleet: &Fleet, more: &[&str], input: &str) -> Run {
    let arguments = arguments(fleet);
    let all: Vec<&str> = arguments.iter().map(String::as_str).chain(more.iter().copied()).collect();
    if input.is_empty() { run(&all) } else { run_with_input(&all, input.as_bytes()) }
}

/// Returns the response codes of JSON lines by name; the outcome if there is none.
fn rcodes(lines: &[Value]) -> BTreeMap<String, String> {
    let rcode = |line: &Value| {
        let rcode = line["answer"]["rcode"].as_str().or(line["outcome"].as_str()).expect("an outcome");
        (line["name"].as_str().expect("a name").to_owned(), rcode.to_owned())
    };
    lines.iter().map(rcode).collect()
}

#[test]
fn every_name_has_exactly_one_line() {
    let fleet = fleet(&["--loss", "0.05"]);
    let input: String = (0..3000).map(|i| format!("n{i}.example\n")).collect();
    let run = ask_with_input(&fleet, &["-i", "-", "-o", "json", "--tries", "6"], &input).expect_code(0);
    let lines = run.lines();
    assert_eq!(lines.len(), 3000);
    assert_eq!(rcodes(&lines).len(), 3000, "distinct names");
    for line in &lines {
        let name = line["name"].as_str().expect("a name");
        let data = &line["answer"]["records"][0]["data"];
        assert_eq!(data.as_str(), Some(&*a_record(name).expect("it exists").to_string()), "{name}");
    }
    assert!(run.stderr.contains("3000 names in ") && run.stderr.contains("3000 NOERROR"), "{}", run.stderr);
    let asked: std::collections::BTreeSet<_> = lines.iter().map(|line| line["server"].to_string()).collect();
    assert_eq!(asked.len(), 3, "all servers were asked");
}

#[test]
fn each_format_has_its_lines() {
    let fleet = fleet(&[]);
    let (a, aaaa) = (a_record("www.test").expect("it exists"), aaaa_record("www.test").expect("it exists"));
    let names = ["www.test", "nx.test", "nodata.test"];
    let lines = |more: &[&str]| {
        let run = ask(&fleet, &[&names, more].concat()).expect_code(0);
        let mut lines: Vec<_> = run.stdout.lines().map(str::to_owned).collect();
        lines.sort();
        lines
    };
    assert_eq!(lines(&["-o", "simple"]), [format!("www.test. A {a}")]);
    assert_eq!(
        lines(&["-o", "simple", "--all"]),
        ["; nodata.test. A: NODATA".into(), "; nx.test. A: NXDOMAIN".into(), format!("www.test. A {a}")]
    );
    let zone = lines(&["-o", "zone", "-t", "AAAA"]);
    let fields: Vec<_> = zone[0].split('\t').collect();
    assert_eq!((fields[0], &fields[2..]), ("www.test.", &["IN", "AAAA", &*aaaa.to_string()][..]));
    assert_eq!(lines(&["-o", "table"]).len(), 1);
    assert_eq!(lines(&["-o", "table", "--rcode", "NXDOMAIN"]).len(), 1);
    assert_eq!(lines(&["-o", "csv"]).len(), 4);
    assert_eq!(lines(&["-o", "json"]).len(), 3);
    assert_eq!(lines(&["-o", "json", "--only-answers"]).len(), 1);
    assert_eq!(lines(&["-o", "json", "--rcode", "NOERROR"]).len(), 2);
    let run = ask(&fleet, &[&names[..], &["-t", "A,AAAA", "-t", "A"]].concat()).expect_code(0);
    assert!(run.stderr.contains("3 names, 6 questions in "), "{}", run.stderr);
    assert!(run.stderr.contains("2 NOERROR, 2 ") && run.stderr.contains("2 NODATA"), "{}", run.stderr);
}

#[test]
fn lines_have_types_and_comments_and_names_of_all_kinds() {
    let fleet = fleet(&[]);
    let input = "# list\nwww.test MX TXT # mail\n\nbücher.test\n192.0.2.1\nexa\\.mple.test\n\\123.test\n";
    let run = ask_with_input(&fleet, &["-i", "-", "-o", "json", "-t", "AAAA"], input).expect_code(0);
    let mut asked: Vec<_> = run
        .lines()
        .iter()
        .map(|line| {
            let text = |key: &str| line[key].as_str().unwrap_or("-").to_owned();
            format!("{} {} {}", text("name"), text("type"), text("input"))
        })
        .collect();
    asked.sort();
    assert_eq!(
        asked,
        [
            "1.2.0.192.in-addr.arpa PTR 192.0.2.1",
            "exa\\.mple.test AAAA -",
            "www.test MX -",
            "www.test TXT -",
            "xn--bcher-kva.test AAAA bücher.test",
            "{.test AAAA \\123.test",
        ]
    );
    let run = ask(&fleet, &["-x", "192.0.2.0/30", "2001:db8::1", "-o", "simple"]).expect_code(0);
    assert_eq!(run.stdout.lines().filter(|line| line.contains(".arpa. PTR ")).count(), 5);
    let run = ask(&fleet, &["--class", "CH", "id.server", "-t", "TXT"]).expect_code(0);
    assert!(run.stdout.contains("\"host-00000"), "{}", run.stdout);
}

#[test]
fn bad_lines_are_reported_and_the_others_asked() {
    let fleet = fleet(&[]);
    let long = "x".repeat(64);
    let input = format!("\\\na..b\nx\\300y\n{long}\n\\\".test\n\\\\.test\n\\123.test\na.test NOPE\n");
    let run = ask_with_input(&fleet, &["-i", "-", "-o", "json", "--stats", "-"], &input).expect_code(0);
    let lines = run.lines();
    assert_eq!((lines.len() - 1, count(&run.stats(), "bad_lines")), (3, 5), "{}", run.stderr);
    let warnings: Vec<_> = run.stderr.lines().filter(|line| line.contains("warning")).collect();
    assert!(warnings[0].contains("stdin:1: a backslash needs"), "{warnings:?}");
    assert!(warnings[1].contains("stdin:2: a label is empty") && warnings.len() == 5, "{warnings:?}");
    let run = ask_with_input(&fleet, &["-i", "-", "--strict"], &input).expect_code(2);
    assert!(run.stdout.is_empty() && run.stderr.contains("bad lines: 5"), "{}", run.stderr);
    assert_eq!(count(&fleet.stop(), "received"), 3, "nothing was sent for the strict run");
}

#[test]
fn a_refusal_is_repeated_elsewhere_and_written_if_all_refuse() {
    let fleet = fleet(&["--misbehave", "refuse-even=0.4"]);
    let input: String = (0..100).map(|i| format!("n{i}.test\n")).collect();
    let run = ask_with_input(&fleet, &["-i", "-", "-o", "json"], &input).expect_code(0);
    assert!(rcodes(&run.lines()).values().all(|rcode| rcode == "NOERROR"));
    let refusals = run.lines().iter().filter(|line| line["refusals"][0]["rcode"] == "REFUSED").count();
    assert!(refusals > 5, "{refusals}");

    let run = ask(&fleet, &["refused.test", "-o", "json"]).expect_code(1);
    let [line] = &run.lines()[..] else { panic!("{}", run.stdout) };
    assert_eq!(line["answer"]["rcode"], "REFUSED");
    assert_eq!(line["refusals"].as_array().map(Vec::len), Some(3), "{line}");
    let run = ask(&fleet, &["refused.test", "--all"]).expect_code(1);
    assert!(run.stdout.contains("REFUSED from 127.1.0."), "{}", run.stdout);
    let run = ask(&fleet, &["refused.test", "-o", "json", "--sticky"]).expect_code(1);
    assert_eq!(run.lines()[0]["refusals"].as_array().map(Vec::len), Some(1));
}

#[test]
fn each_failure_has_its_class() {
    let fleet = fleet(&["--dead", "1"]);
    let run = ask(&fleet, &["a.test", "-o", "json", "--timeout", "20ms", "--tries", "2"]).expect_code(1);
    let [line] = &run.lines()[..] else { panic!("{}", run.stdout) };
    assert_eq!((&line["outcome"], &line["reason"]), (&"silent".into(), &"no answer to 2 attempts".into()));
    assert!(run.stderr.contains("1 no answer"), "{}", run.stderr);

    let fleet = self::fleet(&[]);
    let names = ["servfail.test", "nodata.test", "dangling.test", "loop.test", "www.test"];
    let run = ask(&fleet, &[&names[..], &["-o", "json"]].concat()).expect_code(0);
    let lines = run.lines();
    let expected = ["NXDOMAIN", "NOERROR", "NOERROR", "SERVFAIL", "NOERROR"];
    assert_eq!(rcodes(&lines).into_values().collect::<Vec<_>>(), expected);
    let line = |name: &str| lines.iter().find(|line| line["name"] == name).expect("a line");
    assert_eq!(line("dangling.test")["answer"]["records"][0]["data"], "nx.test.");
    assert_eq!(line("loop.test")["reason"], "the aliases lead to no end");
    for count in ["1 NOERROR", "1 NODATA", "1 NXDOMAIN", "1 SERVFAIL", "1 alias loop"] {
        assert!(run.stderr.contains(count), "{}", run.stderr);
    }
}

#[test]
fn servers_without_edns_and_dead_ones_cost_no_name() {
    let without = fleet(&["--misbehave", "no-edns=1"]);
    let input: String = (0..50).map(|i| format!("n{i}.test\n")).collect();
    let run = ask_with_input(&without, &["-i", "-", "-o", "simple"], &input).expect_code(0);
    assert_eq!(run.stdout.lines().count(), 50, "{}", run.stderr);

    let dead = fleet(&["--dead", "0.34"]);
    assert_eq!(count(&dead.opening, "alive"), 2);
    let options = ["-i", "-", "-o", "simple", "--timeout", "50ms", "--tries", "4", "--server-stats"];
    let file = tempfile::NamedTempFile::new().expect("a temporary file");
    let path = file.path().to_str().expect("UTF-8");
    let run = ask_with_input(&dead, &[&options[..], &[path]].concat(), &input).expect_code(0);
    assert_eq!(run.stdout.lines().count(), 50, "{}", run.stderr);
    let stats = std::fs::read_to_string(path).expect("written");
    let servers: Vec<Value> =
        stats.lines().map(|line| serde_json::from_str(line).expect("an object")).collect();
    let lost = servers.iter().filter(|server| count(server, "lost") > 0 && count(server, "answered") == 0);
    assert_eq!((servers.len(), lost.count()), (3, 1), "{stats}");
    assert_eq!(servers.iter().map(|server| count(server, "answered")).sum::<u64>(), 50, "{stats}");
}

#[test]
fn servers_are_read_from_a_file() {
    let fleet = fleet(&[]);
    let arguments = ["dns", "www.test", "--servers", fleet.targets(), "-o", "simple", "--host-window", "1"];
    let run = run(&arguments).expect_code(0);
    assert_eq!(run.stdout, format!("www.test. A {}\n", a_record("www.test").expect("it exists")));
    let same = ["dns", "www.test", "--servers", fleet.targets(), "--server-stats", fleet.targets()];
    let refused = support::run(&same).expect_code(2);
    assert!(refused.stderr.contains("cannot write"), "{}", refused.stderr);
}

#[test]
fn options_about_host_names_are_refused() {
    for option in [&["--all-addresses"][..], &["--resolver", "system"]] {
        let arguments = [&["dns", "www.test", "--server", "127.0.0.1:9"], option].concat();
        let refused = run(&arguments).expect_code(2);
        assert!(refused.stderr.contains("leave out --resolver"), "{}", refused.stderr);
    }
}

#[test]
fn large_answers_come_over_tcp_and_are_counted_apart() {
    let fleet = fleet(&[]);
    let names: String = (0..200).map(|i| format!("big{i}.example\n")).collect();
    let more = ["-i", "-", "-o", "json", "--ports", "4", "--stats", "/dev/stderr", "-q", "--timeout", "20s"];
    let run = ask_with_input(&fleet, &more, &names).expect_code(0);
    let whole = |line: &Value| {
        line["tcp"] == true
            && line["answer"]["records"].as_array().is_some_and(|records| records.len() == 100)
    };
    let lines = run.lines();
    assert_eq!((lines.len(), lines.iter().filter(|line| whole(line)).count()), (200, 200));
    let stats: Value = serde_json::from_str(run.stderr.trim()).expect("the ledger");
    let counts = ["queries", "datagrams_sent", "stream_sent", "stream_received", "unmatched", "local_drops"];
    assert_eq!(counts.map(|key| count(&stats, key)), [400, 200, 200, 200, 0, 0], "{stats}");
}
