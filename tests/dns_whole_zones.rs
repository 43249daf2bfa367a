//! `allears dns` queries every name of a large zone, at an authoritative server and through a resolver: each answer is
//! that of the zone, none is missing, and none comes twice.
#![cfg(feature = "cli")]

mod support;

use support::name_server::{knot, nsd, unbound};
use support::real_server::RealServer;
use support::{count, have, run};

/// The names of the zone.
const NAMES: u32 = 100_000;

/// Returns the type of a name's record, and its data as in the zone and in the output. Half of them are addresses.
fn record(number: u32) -> (&'static str, String) {
    let [_, a, b, c] = number.to_be_bytes();
    match number % 12 {
        0 => ("AAAA", format!("2001:db8::{:x}:{:x}", 1 + (number >> 16), number & 0xffff)),
        1 => ("TXT", format!("\"text {number}\" \"a\\\"b;c\"")),
        2 => ("MX", format!("{c} mail{number}.t.test.")),
        3 => ("PTR", format!("host-{number}.example.")),
        4 => ("SRV", format!("0 5 {} target{number}.example.", number % 65_536)),
        5 => ("CAA", format!("0 issue \"ca{number}.example\"")),
        _ => ("A", format!("10.{a}.{b}.{c}")),
    }
}

fn zone() -> String {
    let mut zone =
        "$ORIGIN t.test.\n$TTL 300\n@ SOA ns h 1 3600 900 604800 60\n@ NS ns\nns A 127.0.0.1\n".to_owned();
    (0..NAMES).for_each(|number| {
        let (of, data) = record(number);
        zone.push_str(&format!("n{number} {of} {data}\n"));
    });
    zone
}

/// Queries all names, and compares the lines with the zone.
fn compare(server: &RealServer) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = |name: &str| folder.path().join(name).to_str().expect("UTF-8").to_owned();
    let (mut input, mut expected) = (String::new(), vec![]);
    for number in 0..NAMES {
        let (of, data) = record(number);
        input.push_str(&format!("n{number}.t.test {of}\n"));
        expected.push(format!("n{number}.t.test. {of} {data}"));
    }
    std::fs::write(path("names"), input).expect("written");
    let arguments = ["dns", "-i", &path("names"), "-o", "simple", "--to", &path("answers"), "--all", "-q"];
    let pace = ["--server", &server.address, "--rate", "unlimited", "--stats", "-"];
    let run = run(&[&arguments[..], &pace].concat()).expect_code(0);
    let answers = std::fs::read_to_string(path("answers")).expect("written");
    let mut lines: Vec<&str> = answers.lines().collect();
    lines.sort_unstable();
    expected.sort_unstable();
    let differing: Vec<_> =
        lines.iter().zip(&expected).filter(|(line, right)| line != right).take(5).collect();
    let stats = run.stats();
    assert!(differing.is_empty(), "{differing:?}\n{stats}\n{}", server.output());
    assert_eq!(lines.len(), expected.len());
    assert_eq!((count(&stats, "answered"), count(&stats, "local_drops")), (NAMES.into(), 0), "{stats}");
    assert_eq!((count(&stats, "unmatched"), count(&stats, "broken")), (0, 0), "{stats}");
}

#[test]
fn every_name_of_nsd_and_of_a_resolver_in_front_of_it_is_answered_correctly() {
    if !have("/usr/sbin/nsd", "nsd") || !have("/usr/sbin/unbound", "unbound") {
        return;
    }
    let server = nsd(&[("t.test", &zone())]);
    compare(&server);
    let stub = server.address.replace(':', "@");
    let resolver = unbound(&format!("stub-zone:\n name: \"t.test\"\n stub-addr: {stub}\n"), "t.test");
    compare(&resolver);
    // Once more, from its cache.
    compare(&resolver);
}

#[test]
fn every_name_of_knot_is_answered_correctly() {
    if have("/usr/sbin/knotd", "knot") {
        compare(&knot(&zone(), &[]));
    }
}
