//! Servers whose datagrams are lost and duplicated: no name is missing, and each answer is that of the zone.
#![cfg(feature = "cli")]

mod support;

use std::collections::BTreeMap;

use allears::sim::dns::{a_record, aaaa_record};
use serde_json::Value;
use support::{Fleet, count, run_with_input};

/// Returns the name and type of a question, and the zone's answer. The names follow different rules of the zone.
fn expected(number: usize) -> (String, &'static str, String) {
    let kind = number % 8;
    let name = match kind {
        5 => format!("nx{number}.test"),
        6 => format!("alias{number}.test"),
        7 => format!("big{number}.test"),
        _ => format!("n{number}.test"),
    };
    let a = |name: &str| a_record(name).expect("it exists").to_string();
    match kind {
        5 => (name, "A", "NXDOMAIN".into()),
        6 => {
            let owner = format!("owner{number}.test");
            let data = format!("{owner}. {}", a(&owner));
            (name, "A", data)
        }
        7 => (name, "A", "100 records by TCP".into()),
        4 => {
            let data = aaaa_record(&name).expect("it exists").to_string();
            (name, "AAAA", data)
        }
        _ => {
            let data = a(&name);
            (name, "A", data)
        }
    }
}

/// Returns the answer in a line of the output, in the same form.
fn found(line: &Value) -> String {
    let answer = &line["answer"];
    let Some(rcode) = answer["rcode"].as_str() else { return line["outcome"].to_string() };
    let records: Vec<_> = answer["records"].as_array().into_iter().flatten().collect();
    let answers = records.iter().filter(|record| record["section"] == "answer");
    let data: Vec<_> = answers.map(|record| record["data"].as_str().expect("text")).collect();
    match (rcode, data.len()) {
        ("NOERROR", 100) if line["tcp"] == true => "100 records by TCP".into(),
        ("NOERROR", _) => data.join(" "),
        _ => rcode.into(),
    }
}

/// Queries servers with these faults for many names, and compares every answer. Returns the ledger, and that of the
/// servers.
fn compare(faults: &[&str], options: &[&str], names: usize) -> (Value, Value) {
    let common = ["--protocol", "dns", "--hosts", "4", "--latency", "2ms"];
    let fleet = Fleet::start(&[&common[..], faults].concat());
    let expected: BTreeMap<_, _> = (0..names)
        .map(|number| {
            let (name, of, data) = expected(number);
            (format!("{name} {of}"), data)
        })
        .collect();
    let input: String = expected.keys().map(|line| format!("{line}\n")).collect();
    let common = ["dns", "-i", "-", "-o", "json", "-q", "--rate", "unlimited", "--stats", "-"];
    let arguments = [&common[..], &["--servers", fleet.targets()], options].concat();
    let run = run_with_input(&arguments, input.as_bytes()).expect_code(0);
    let (stats, mut lines) = (run.stats(), run.lines());
    lines.pop();
    assert_eq!(lines.len(), names, "a line for each name, and only one");
    let text = |line: &Value, key: &str| line[key].as_str().expect("text").to_owned();
    let found: BTreeMap<_, _> = lines
        .iter()
        .map(|line| (format!("{} {}", text(line, "name"), text(line, "type")), found(line)))
        .collect();
    let wrong: Vec<_> =
        expected.iter().filter(|(name, data)| found.get(*name) != Some(data)).take(5).collect();
    assert!(wrong.is_empty(), "{wrong:?}\n{stats}");
    (stats, fleet.stop())
}

#[test]
fn three_percent_lost_and_a_tenth_duplicated_cost_no_name() {
    let faults = ["--loss", "0.02", "--reply-loss", "0.01", "--duplicate", "0.1"];
    let (stats, servers) = compare(&faults, &[], 6000);
    assert!(count(&stats, "retransmissions") > 50 && count(&stats, "duplicates") > 200, "{stats}");
    assert_eq!((count(&stats, "local_drops"), count(&servers, "local_drops")), (0, 0), "{stats} {servers}");
    assert_eq!((count(&stats, "unmatched"), count(&stats, "broken")), (0, 0), "{stats}");
    assert_eq!(count(&stats, "datagrams_sent"), count(&servers, "received"), "{stats} {servers}");
}

#[test]
fn ten_percent_lost_cost_no_name_with_more_tries() {
    let faults = ["--loss", "0.06", "--reply-loss", "0.04", "--duplicate", "0.1"];
    let (stats, _) = compare(&faults, &["--tries", "8"], 4000);
    assert!(count(&stats, "retransmissions") > 200, "{stats}");
}
