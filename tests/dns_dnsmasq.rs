//! `allears dns` queries dnsmasq: for its own names, those of a server behind it, and unknown ones.
#![cfg(feature = "cli")]

mod support;

use std::collections::BTreeMap;

use support::name_server::{dnsmasq, nsd};
use support::{count, have, run, run_with_input};

#[test]
fn its_own_names_and_those_of_a_server_behind_it_are_answered() {
    if !have("/usr/sbin/dnsmasq", "dnsmasq") || !have("/usr/sbin/nsd", "nsd") {
        return;
    }
    let long: String = (0..8).map(|number| format!(" \"{number}{}\"", "z".repeat(250))).collect();
    let zone = format!(
        "$TTL 300\n@ SOA ns h 1 3600 900 604800 60\n@ NS ns\nns A 127.0.0.1\nwww A 192.0.2.1\nalias CNAME www\n\
         text TXT x\nbig TXT{long}\n"
    );
    let behind = nsd(&[("t.test", &zone)]);
    let upstream = format!("--server=/t.test/{}", behind.address.replace(':', "#"));
    let server = dnsmasq(&[
        &upstream,
        "--address=/own.test/192.0.2.50",
        "--txt-record=text.own.test,a \"b\",c",
        "--local=/own.test/none.test/",
        "--edns-packet-max=1232",
    ]);
    let input = "www.t.test\nalias.t.test\ntext.t.test\nnothing.t.test\nx.own.test\nx.own.test AAAA\n\
                 text.own.test TXT\nx.none.test\nx.elsewhere.test\nbig.t.test TXT\n";
    let arguments = ["dns", "-i", "-", "-o", "json", "--server", &server.address, "--stats", "-"];
    let run = run_with_input(&arguments, input.as_bytes()).expect_code(0);
    let mut lines = run.lines();
    let stats = lines.pop().expect("the ledger");
    let told: BTreeMap<_, _> = lines
        .iter()
        .map(|line| {
            let question = format!("{} {}", line["name"], line["type"]).replace('"', "");
            let records = line["answer"]["records"].as_array().expect("records").iter();
            let answers: Vec<_> = records.filter(|record| record["section"] == "answer").collect();
            let data: Vec<_> = answers.iter().filter_map(|record| record["data"].as_str()).collect();
            let told = format!("{} {}", line["answer"]["rcode"], data.join(" ")).replace('"', "'");
            (question, if line["tcp"] == true { format!("{} by TCP", told.len() > 2000) } else { told })
        })
        .collect();
    let expected = [
        ("alias.t.test A", "'NOERROR' www.t.test. 192.0.2.1"),
        ("big.t.test TXT", "true by TCP"),
        ("nothing.t.test A", "'NXDOMAIN' "),
        ("text.own.test TXT", "'NOERROR' 'a \\'b\\'' 'c'"),
        ("text.t.test A", "'NOERROR' "),
        ("www.t.test A", "'NOERROR' 192.0.2.1"),
        ("x.elsewhere.test A", "'REFUSED' "),
        ("x.none.test A", "'NXDOMAIN' "),
        ("x.own.test A", "'NOERROR' 192.0.2.50"),
        ("x.own.test AAAA", "'NOERROR' "),
    ];
    let expected: BTreeMap<_, _> = expected.map(|(name, told)| (name.to_owned(), told.to_owned())).into();
    assert_eq!(told, expected, "{}", server.output());
    assert_eq!((count(&stats, "answered"), count(&stats, "queries")), (11, 11), "TCP is one more: {stats}");
}

#[test]
fn the_version_of_dnsmasq_is_returned() {
    if !have("/usr/sbin/dnsmasq", "dnsmasq") {
        return;
    }
    let server = dnsmasq(&[]);
    let arguments = ["dns", "version.bind", "--class", "CH", "-t", "TXT", "-o", "simple", "--server"];
    let run = run(&[&arguments[..], &[&server.address]].concat()).expect_code(0);
    assert!(run.stdout.starts_with("version.bind. TXT \"dnsmasq-"), "{}", run.stdout);
}

#[test]
fn many_names_are_answered_once_each() {
    if !have("/usr/sbin/dnsmasq", "dnsmasq") {
        return;
    }
    let server = dnsmasq(&["--address=/own.test/192.0.2.50"]);
    let input: String = (0..5000).map(|number| format!("n{number}.own.test\n")).collect();
    let pace = ["--rate", "unlimited"];
    let arguments = [&["dns", "-i", "-", "-o", "simple", "--server", &server.address], &pace[..]].concat();
    let run = run_with_input(&arguments, input.as_bytes()).expect_code(0);
    let mut lines: Vec<_> = run.stdout.lines().collect();
    lines.sort_unstable();
    lines.dedup();
    assert_eq!((lines.len(), run.stdout.lines().count()), (5000, 5000), "{}", run.stderr);
    assert!(lines.iter().all(|line| line.ends_with(".own.test. A 192.0.2.50")));
}
