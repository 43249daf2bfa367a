//! `allears dns --where`.
#![cfg(feature = "cli")]

mod support;

use std::fmt::Write;

use allears::sim::dns::a_record;
use support::{Fleet, Run, run};

fn fleet() -> Fleet {
    Fleet::start(&["--protocol", "dns", "--hosts", "1", "--base", "127.1.0.1", "--latency", "0ms"])
}

fn ask(fleet: &Fleet, more: &[&str]) -> Run {
    let server = fleet.hosts().remove(0);
    run(&[&["dns", "--rate", "unlimited", "--server", &server], more].concat())
}

const NAMES: [&str; 5] = ["www.test", "cname.test", "nx.test", "nodata.test", "servfail.test"];

/// Returns the sorted lines of the five names.
fn lines(fleet: &Fleet, more: &[&str]) -> Vec<String> {
    let run = ask(fleet, &[&NAMES[..], more].concat()).expect_code(0);
    assert!(run.stderr.contains("5 names in ") && run.stderr.contains("2 NOERROR"), "{}", run.stderr);
    let mut lines: Vec<_> = run.stdout.lines().map(str::to_owned).collect();
    lines.sort();
    lines
}

/// Returns the names of JSON lines, sorted.
fn names(fleet: &Fleet, condition: &str) -> String {
    let lines = lines(fleet, &["-o", "json", "--where", condition]);
    lines.iter().fold(String::new(), |mut names, line| {
        let line: serde_json::Value = serde_json::from_str(line).expect("an object");
        let name = line["name"].as_str().expect("a name").strip_suffix(".test").expect("below test");
        write!(names, "{name} ").expect("memory");
        names
    })
}

#[test]
fn an_object_is_written_if_one_of_its_records_matches() {
    let fleet = fleet();
    let address = a_record("www.test").expect("it exists");
    assert_eq!(names(&fleet, "type=CNAME"), "cname ");
    assert_eq!(names(&fleet, "type=cname"), "cname ");
    assert_eq!(names(&fleet, "name=www.test."), "www ");
    assert_eq!(names(&fleet, "name~^(w|n)"), "nodata nx www ");
    assert_eq!(names(&fleet, "rcode=NXDOMAIN"), "nx ");
    assert_eq!(names(&fleet, "rcode!=NOERROR"), "nx servfail ");
    assert_eq!(names(&fleet, &format!("data={address}")), "www ");
    assert_eq!(names(&fleet, "data~^10\\."), "cname www ");
    assert_eq!(names(&fleet, "data~\\.test\\.$,type=CNAME"), "cname ");
    assert_eq!(names(&fleet, "data~\\.test\\.$,type=A"), "", "both must hold for one record");
    assert_eq!(names(&fleet, "ttl>0"), "cname www ");
    assert_eq!(names(&fleet, "server=127.1.0.1,type=A"), "cname nodata nx servfail www ");
    assert_eq!(names(&fleet, "server=127.1.0.1:1"), "");
    assert_eq!(names(&fleet, "outcome!=answered"), "");
}

#[test]
fn lines_are_those_of_records_that_match() {
    let fleet = fleet();
    let address = a_record("www.test").expect("it exists");
    assert_eq!(
        lines(&fleet, &["-o", "simple", "--where", "name=www.test"]),
        [format!("www.test. A {address}")]
    );
    for format in ["simple", "zone", "table"] {
        let records = |condition| lines(&fleet, &["-o", format, "--where", condition]);
        assert_eq!(records("name=cname.test").len(), 3, "{format}: two aliases");
        let aliases = records("type=CNAME");
        assert!(aliases.len() == 2 && aliases.iter().all(|line| line.contains("CNAME")), "{aliases:?}");
        assert_eq!(records("type=A").len(), 2, "{format}: failures only with --all");
        let failed = records("rcode=NXDOMAIN");
        assert!(failed.len() == 1 && failed[0].contains("NXDOMAIN"), "{failed:?}");
    }
    let csv = lines(&fleet, &["-o", "csv", "--where", "type=CNAME"]);
    assert!(csv.len() == 3 && csv[0].starts_with("cname.test,CNAME,answered,NOERROR,"), "{csv:?}");
    let all = lines(&fleet, &["-o", "simple", "--all", "--where", "type=A,name~^nx"]);
    assert_eq!(all, ["; nx.test. A: NXDOMAIN"]);
}

#[test]
fn bad_conditions_are_errors_before_anything_is_sent() {
    let fleet = fleet();
    let refused = ask(&fleet, &["www.test", "--where", "type=A,ttl<x"]).expect_code(2);
    assert!(refused.stdout.is_empty());
    let words = "cannot parse `ttl<x` at character 8: `x` is not a number";
    assert!(refused.stderr.contains(words), "{}", refused.stderr);
    let none = ask(&fleet, &["nx.test", "--where", "type=MX", "-o", "json"]).expect_code(0);
    assert!(none.stdout.is_empty() && none.stderr.contains("1 NXDOMAIN"), "{}", none.stderr);
    assert_eq!(support::count(&fleet.stop(), "received"), 1);
}
