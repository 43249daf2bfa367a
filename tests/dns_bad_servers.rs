//! A dead server, a slow one, one that refuses and one that fails, among good ones: every name is answered, and the
//! counts of each server show what it did.
#![cfg(feature = "cli")]

mod support;

use std::collections::BTreeMap;

use allears::sim::dns::a_record;
use serde_json::Value;
use support::{Fleet, Run, count, is_isolated, run_with_input, shell};

/// Starts servers that answer at once.
fn servers(count: &str, faults: &[&str]) -> Fleet {
    let common = ["--protocol", "dns", "--latency", "1ms", "--hosts", count];
    Fleet::start(&[&common, faults].concat())
}

/// Starts a server that answers after this time.
fn slow(latency: &str) -> Fleet {
    Fleet::start(&["--protocol", "dns", "--hosts", "1", "--latency", latency])
}

/// A run of `allears dns`, with its ledger and the counts of each server.
struct Asked {
    lines: Vec<Value>,
    stats: Value,
    servers: BTreeMap<String, Value>,
    run: Run,
}

impl Asked {
    fn new(fleets: &[&Fleet], names: usize, options: &[&str]) -> Asked {
        let file = tempfile::NamedTempFile::new().expect("a temporary file");
        let path = file.path().to_str().expect("UTF-8");
        let common = ["dns", "-i", "-", "-o", "json", "-q", "--rate", "unlimited", "--stats", "-"];
        let mut arguments: Vec<&str> = [&common[..], &["--server-stats", path], options].concat();
        fleets.iter().for_each(|fleet| arguments.extend(["--servers", fleet.targets()]));
        let input: String = (0..names).map(|number| format!("n{number}.test\n")).collect();
        let run = run_with_input(&arguments, input.as_bytes());
        let mut lines = run.lines();
        let stats = lines.pop().expect("the ledger");
        let text = std::fs::read_to_string(path).expect("written");
        let servers = text.lines().map(|line| {
            let line: Value = serde_json::from_str(line).expect("an object");
            (line["server"].as_str().expect("an address").to_owned(), line)
        });
        assert_eq!(lines.len(), names, "a line for each name\n{}", run.stderr);
        Asked { lines, stats, servers: servers.collect(), run }
    }

    /// Checks that each name has the address that the zone says.
    #[track_caller]
    fn expect_all(&self) {
        for line in &self.lines {
            let name = line["name"].as_str().expect("a name");
            let data = &line["answer"]["records"][0]["data"];
            assert_eq!(data.as_str(), Some(&*a_record(name).expect("it exists").to_string()), "{line}");
        }
    }

    /// Returns the counts of the first server of a fleet.
    fn of(&self, fleet: &Fleet) -> &Value {
        &self.servers[&fleet.hosts()[0]]
    }
}

#[test]
fn each_server_is_counted_and_every_name_is_answered() {
    let (good, dead) = (servers("2", &[]), servers("1", &["--dead", "1"]));
    let refusing = servers("1", &["--misbehave", "refused=1"]);
    let failing = servers("1", &["--misbehave", "servfail=1"]);
    let slow = slow("600ms");
    let fleets = [&good, &dead, &refusing, &failing, &slow];
    let asked = Asked::new(&fleets, 600, &["--timeout", "200ms", "--tries", "8"]);
    asked.expect_all();
    assert_eq!(asked.servers.len(), 6);

    let told = |fleet| {
        let figures = asked.of(fleet);
        let rcodes = figures["rcodes"].as_object().expect("counts").keys().cloned().collect::<Vec<_>>();
        (rcodes.join(" "), count(figures, "lost") > 0)
    };
    assert_eq!(told(&dead), (String::new(), true));
    assert_eq!(told(&refusing), ("REFUSED".into(), false));
    assert_eq!(told(&failing), ("SERVFAIL".into(), false));
    assert!(told(&slow).1, "{:?}", asked.servers);
    assert_eq!(told(&good).0, "NOERROR");
    for fleet in [&dead, &refusing, &failing, &slow] {
        let (bad, best) = (count(asked.of(fleet), "sent"), count(asked.of(&good), "sent"));
        assert!(bad > 0 && bad < best, "servers that fail get fewer: {:?}", asked.servers);
    }
    let answered: u64 =
        asked.servers.values().filter_map(|figures| figures["rcodes"]["NOERROR"].as_u64()).sum();
    assert_eq!(answered, 600, "{:?}", asked.servers);
    let sent: u64 = asked.servers.values().map(|figures| count(figures, "sent")).sum();
    assert_eq!(sent, count(&asked.stats, "datagrams_sent"), "{:?}", asked.stats);
    let refused = asked.lines.iter().filter(|line| line["refusals"][0]["rcode"] == "REFUSED");
    assert!(refused.count() > 0 && asked.run.code == 0);
}

#[test]
fn a_late_answer_counts_while_its_query_is_open() {
    // The slow server answers after its timeout, while the dead one is asked.
    let (slow, dead) = (slow("400ms"), servers("1", &["--dead", "1"]));
    let asked = Asked::new(&[&slow, &dead], 40, &["--timeout", "250ms", "--tries", "4"]);
    asked.expect_all();
    let address = &slow.hosts()[0];
    assert!(asked.lines.iter().all(|line| line["server"] == **address), "{}", asked.run.stdout);
    assert_eq!(count(asked.of(&slow), "answered"), 40, "{:?}", asked.servers);
    assert!(count(asked.of(&slow), "lost") > 0 && count(asked.of(&dead), "answered") == 0);
    assert!(count(&asked.stats, "answered_after_retry") > 0, "{}", asked.stats);
}

#[test]
fn a_late_answer_counts_after_all_tries_while_the_sweep_continues() {
    let slow = slow("500ms");
    // A few at a time: once the first late answer has come, the sweep knows how long to wait for the last one.
    let options = ["--timeout", "100ms", "--tries", "2", "--host-window", "4"];
    let asked = Asked::new(&[&slow], 40, &options);
    asked.expect_all();
    assert_eq!((count(&asked.stats, "answered_late"), count(&asked.stats, "silent")), (40, 0));
    assert_eq!(count(asked.of(&slow), "answered"), 40, "{:?}", asked.servers);
    // Each attempt has been answered: the second answer is a duplicate.
    let replies = count(&asked.stats, "datagrams_received");
    assert_eq!(replies, 40 + count(&asked.stats, "duplicates"), "{}", asked.stats);
}

#[test]
fn without_a_good_server_each_name_says_why() {
    let refusing = servers("1", &["--misbehave", "refused=1"]);
    let failing = servers("1", &["--misbehave", "servfail=1"]);
    let dead = servers("1", &["--dead", "1"]);
    let options = ["--timeout", "100ms", "--tries", "3"];
    let asked = Asked::new(&[&refusing, &failing, &dead], 60, &options);
    assert_eq!(asked.run.code, 1, "{}", asked.run.stderr);
    for line in &asked.lines {
        let rcode = line["answer"]["rcode"].as_str();
        assert!(matches!(rcode, Some("REFUSED" | "SERVFAIL")), "{line}");
        let refusals = line["refusals"].as_array().expect("refusals");
        let mut rcodes: Vec<_> = refusals.iter().filter_map(|refusal| refusal["rcode"].as_str()).collect();
        rcodes.sort_unstable();
        assert_eq!(rcodes, ["REFUSED", "SERVFAIL"], "{line}");
    }
}

#[test]
fn a_dead_server_is_given_few_names_and_the_others_share_its_retries() {
    let fleet = servers("4", &["--dead", "0.25"]);
    let names = 20_000;
    let asked = Asked::new(&[&fleet], names, &["--timeout", "300ms"]);
    asked.expect_all();
    let (dead, living): (Vec<&Value>, Vec<&Value>) =
        asked.servers.values().partition(|server| count(server, "answered") == 0);
    let [dead] = dead[..] else { panic!("{:?}", asked.servers) };
    assert!(count(dead, "sent") < names as u64 / 10, "{:?}", asked.servers);
    let answered: Vec<u64> = living.iter().map(|server| count(server, "answered")).collect();
    let (least, most) = (answered.iter().min().expect("three"), answered.iter().max().expect("three"));
    assert!(most - least < names as u64 / 10, "{answered:?}");
}

#[test]
fn a_server_without_a_route_costs_no_name() {
    if !is_isolated("a_server_without_a_route_costs_no_name") {
        return;
    }
    // An unreachable network, and a route that refuses for good (EINVAL).
    shell("ip route add blackhole 198.51.100.0/24");
    let fleet = servers("1", &[]);
    for unroutable in ["203.0.113.9", "198.51.100.9"] {
        let asked = Asked::new(&[&fleet], 10_000, &["--server", unroutable]);
        asked.expect_all();
        assert_eq!(count(&asked.stats, "send_failed"), 0, "{}", asked.stats);
        assert!(count(&asked.stats, "send_errors") < 2000, "it is used less: {}", asked.stats);
    }
    let both = ["--server", "203.0.113.9", "--server", "198.51.100.9", "--timeout", "100ms"];
    let asked = Asked::new(&[], 10, &both);
    assert!(asked.lines.iter().all(|line| line["outcome"] == "send_failed"), "{}", asked.run.stdout);
}
