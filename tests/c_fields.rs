//! Results in C compared with those of the command line for the same hosts.
#![cfg(all(feature = "cli", target_os = "linux"))]

#[path = "support/c.rs"]
mod c;
mod support;

use std::collections::BTreeSet;

use c::{command, compile, installed, succeed, text};
use serde_json::Value;
use support::{Fleet, run, run_with_input};

/// Returns the lines printed by `fields`.
fn fields(args: &[&str]) -> Option<BTreeSet<String>> {
    let prefix = installed()?;
    let program = compile(prefix, "tests/c/fields.c", &["-std=gnu11", "-fsanitize=address,undefined"]);
    let output = succeed(command(prefix, program).args(args));
    Some(text(&output.stdout).lines().map(str::to_owned).collect())
}

fn string(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

#[test]
fn every_field_of_a_server_matches() {
    let fleet = Fleet::start(&["--protocol", "et", "--hosts", "60", "--seed", "4", "--master-port", "0"]);
    let Some(seen) = fields(&["quake3", &fleet.master()]) else { return };
    let mut wanted = BTreeSet::from(["list\t60\t1".to_owned()]);
    for line in run(&["games", "--master", &fleet.master(), "-o", "json"]).expect_code(0).lines() {
        let (host, answer) = (string(&line["target"]), &line["answer"]);
        let [name, map, game, players] = ["name", "map", "mod", "players"].map(|key| string(&answer[key]));
        let [bots, max] = ["bots", "max_players"].map(|key| answer[key].as_i64().unwrap_or(-1));
        wanted.insert(format!("{host}\tstatus\t{name}\t{map}\t{game}\t{players}\t{bots}\t{max}"));
        for player in answer["player_list"].as_array().expect("players") {
            let [name, score, ping] = ["name", "score", "ping"].map(|key| string(&player[key]));
            let team = player["team"].as_str().unwrap_or_default();
            wanted.insert(format!("{host}\tplayer\t{name}\t{score}\t{ping}\t{team}"));
        }
        for (key, value) in answer["rules"].as_object().expect("rules") {
            let value = if key == "sv_hostname" { &answer["name"] } else { value };
            if key != "challenge" {
                wanted.insert(format!("{host}\trule\t{key}\t{}", string(value)));
            }
        }
    }
    assert_same(&seen, &wanted);
}

fn assert_same(seen: &BTreeSet<String>, wanted: &BTreeSet<String>) {
    let different: Vec<_> = wanted.symmetric_difference(seen).take(6).collect();
    assert!(different.is_empty(), "{different:#?}");
}

/// Returns the command line's result of a walk, in the format of `fields`.
fn walked(fleet: &Fleet, args: &[&str]) -> BTreeSet<String> {
    let tag = |name: &str| match name {
        "Integer" => 2,
        "OctetString" => 4,
        "Null" => 5,
        "ObjectId" => 6,
        "IpAddress" => 0x40,
        "Counter32" => 0x41,
        "Gauge32" => 0x42,
        "TimeTicks" => 0x43,
        "Opaque" | "OpaqueFloat" | "OpaqueDouble" => 0x44,
        "Counter64" => 0x46,
        "UInteger32" => 0x47,
        "NoSuchObject" => 0x80,
        "NoSuchInstance" => 0x81,
        "EndOfMibView" => 0x82,
        other => panic!("{other}"),
    };
    let asked = run(&[&["snmp", "walk", "-i", fleet.targets(), "-o", "json"], args].concat());
    let mut wanted = BTreeSet::new();
    for line in asked.expect_code(0).lines() {
        let (host, answer) = (string(&line["target"]), &line["answer"]);
        for varbind in answer["varbinds"].as_array().expect("values") {
            let (oid, tag) = (string(&varbind["oid"]), tag(&string(&varbind["type"])));
            let hex = if tag == 4 { string(&varbind["hex"]) } else { String::new() };
            // Compare texts by their bytes.
            let value = if tag < 0x80 && tag != 4 { string(&varbind["value"]) } else { String::new() };
            wanted.insert(format!("{host}\t{oid}\t{tag}\t{value}\t{hex}\t"));
        }
        wanted.insert(format!("{host}\tend\tcomplete"));
    }
    wanted
}

/// Removes the values of counters and clocks, which change, and those that are not text.
fn still(lines: BTreeSet<String>) -> BTreeSet<String> {
    let still = |line: String| {
        let fields: Vec<&str> = line.split('\t').collect();
        match fields.get(2) {
            Some(&("65" | "67" | "70")) => fields[..3].join("\t"),
            _ => line,
        }
    };
    lines.into_iter().map(still).collect()
}

#[test]
fn every_value_of_an_agent_matches_with_a_community_and_with_a_user() {
    let fleet = Fleet::start(&["--protocol", "snmp", "--hosts", "10", "--interfaces", "3"]);
    let hosts = fleet.hosts();
    let hosts: Vec<&str> = hosts.iter().map(String::as_str).collect();
    let Some(seen) = fields(&[&["snmp", "public", "system", "ifXTable"], &hosts[..]].concat()) else {
        return;
    };
    let wanted = walked(&fleet, &["system", "ifXTable"]);
    assert!(wanted.len() > 10 * 20, "{wanted:?}");
    assert_same(&still(seen), &still(wanted));

    let seen = fields(&[&["v3", "system", "ifTable"], &hosts[..]].concat()).expect("it is installed");
    let user = ["-u", "u1", "-a", "SHA-256", "-A", "authpass123", "-x", "AES", "-X", "privpass123"];
    let wanted = walked(&fleet, &[&user[..], &["system", "ifTable"]].concat());
    assert!(wanted.len() > 10 * 20, "{wanted:?}");
    assert_same(&still(seen), &still(wanted));
}

#[test]
fn odd_values_and_loops_are_reported() {
    let fleet = Fleet::start(&["--protocol", "snmp", "--hosts", "4", "--misbehave", "non-increasing=1"]);
    let hosts = fleet.hosts();
    let hosts: Vec<&str> = hosts.iter().map(String::as_str).collect();
    let Some(seen) = fields(&[&["snmp", "public", "ifDescr", "ifInOctets"], &hosts[..]].concat()) else {
        return;
    };
    let ends = seen.iter().filter(|line| line.contains("\tend\tthe agent loops: the name after 1.3.6"));
    assert_eq!(ends.count(), 4, "{seen:?}");
    let fleet = Fleet::start(&["--protocol", "snmp", "--hosts", "4", "--misbehave", "odd-ber=1"]);
    let hosts = fleet.hosts();
    let hosts: Vec<&str> = hosts.iter().map(String::as_str).collect();
    let seen =
        fields(&[&["snmp", "public", "1.3.6.1.2.1", "1.3.6.1.4"], &hosts[..]].concat()).expect("installed");
    let odd = seen.iter().filter(|line| line.contains("a length takes more bytes than necessary"));
    assert!(odd.count() > 0, "{seen:?}");
}

#[test]
fn refused_names_have_their_errors() {
    let fleet = Fleet::start(&["--protocol", "snmp", "--hosts", "2"]);
    let hosts = fleet.hosts();
    let Some(seen) = fields(&["v1", "public", "1.3.6.1.9.1", "1.3.6.1.9.2", &hosts[0]]) else { return };
    let host = &hosts[0];
    let wanted = [
        format!("{host}\t1.3.6.1.9.1\trefused\tnoSuchName"),
        format!("{host}\t1.3.6.1.9.2\trefused\tnoSuchName"),
        format!("{host}\tend\tcomplete"),
    ];
    assert_same(&seen, &BTreeSet::from(wanted));
}

#[test]
fn a_list_can_be_requested_alone() {
    let Some(prefix) = installed() else { return };
    let fleet = Fleet::start(&["--protocol", "et", "--hosts", "60", "--master-port", "0"]);
    let program = compile(prefix, "tests/c/list.c", &["-std=gnu11"]);
    let output = succeed(command(prefix, program).arg(fleet.master()));
    assert_eq!(text(&output.stdout), "60 servers, complete: 1\n");
}

#[test]
fn each_host_gets_its_own_payload() {
    let fleet = Fleet::start(&["--protocol", "echo", "--hosts", "100"]);
    let hosts = fleet.hosts();
    let hosts: Vec<&str> = hosts.iter().map(String::as_str).collect();
    let Some(seen) = fields(&[&["raw"], &hosts[..]].concat()) else { return };
    let wanted: BTreeSet<String> = hosts.iter().map(|host| format!("{host}\t{host}")).collect();
    assert_eq!(seen, wanted);
}

/// Starts three name servers.
fn name_servers(faults: &[&str]) -> Fleet {
    Fleet::start(&[&["--protocol", "dns", "--hosts", "3", "--latency", "0ms"], faults].concat())
}

/// Returns what a C program gets from these servers for questions (name and type), in the format of `dns.c`.
fn resolved(servers: &str, tcp: &str, questions: &[(&str, &str)]) -> Option<BTreeSet<String>> {
    let prefix = installed()?;
    let program = compile(prefix, "tests/c/dns.c", &["-std=gnu11", "-fsanitize=address,undefined"]);
    let mut command = command(prefix, program);
    command.args([tcp, servers]);
    questions.iter().for_each(|(name, of)| {
        command.args([name, of]);
    });
    Some(text(&succeed(&mut command).stdout).lines().map(str::to_owned).collect())
}

/// Returns the command line's results for the same questions, and the number of answers over TCP.
fn resolved_by_command(fleet: &Fleet, tcp: &str, questions: &[(&str, &str)]) -> BTreeSet<String> {
    let input: String = questions.iter().map(|(name, of)| format!("{name} {of}\n")).collect();
    let arguments =
        ["dns", "--servers", fleet.targets(), "--tcp", tcp, "--timeout", "60s", "-o", "json", "-i", "-"];
    let (mut wanted, mut streams) = (BTreeSet::new(), 0);
    for line in run_with_input(&arguments, input.as_bytes()).lines() {
        let (answer, question) =
            (&line["answer"], format!("{}\t{}", string(&line["name"]), string(&line["type"])));
        if line["outcome"] != "answered" {
            wanted.insert(format!("{question}\t{}", string(&line["reason"])));
            continue;
        }
        let flags: String =
            answer["flags"].as_array().expect("flags").iter().map(|flag| string(flag) + " ").collect();
        let is_tcp = line["tcp"] == true;
        streams += usize::from(is_tcp);
        wanted.insert(format!("{question}\t{}\t{flags}\t{}", string(&answer["rcode"]), usize::from(is_tcp)));
        for record in answer["records"].as_array().expect("records") {
            let [section, name, of, ttl, data] =
                ["section", "name", "type", "ttl", "data"].map(|key| string(&record[key]));
            wanted.insert(format!("{question}\t{section}\t{name}.\t{of}\t{ttl}\t{data}"));
        }
    }
    wanted.insert(format!("ledger\t{streams}\t{streams}"));
    wanted
}

/// The questions of all tests.
const QUESTIONS: [(&str, &str); 13] = [
    ("www.c.test", "A"),
    ("www.c.test", "AAAA"),
    ("c.test", "MX"),
    ("c.test", "NS"),
    ("c.test", "TXT"),
    ("c.test", "SOA"),
    ("c.test", "SRV"),
    ("c.test", "CAA"),
    ("c.test", "TYPE65280"),
    ("cname.c.test", "A"),
    ("big.c.test", "A"),
    ("nx.c.test", "A"),
    ("nodata.c.test", "A"),
];

#[test]
fn every_record_of_an_answer_matches() {
    let fleet = name_servers(&[]);
    let servers = fleet.hosts().join(",");
    for tcp in ["auto", "only", "never"] {
        let Some(seen) = resolved(&servers, tcp, &QUESTIONS) else { return };
        assert_same(&seen, &resolved_by_command(&fleet, tcp, &QUESTIONS));
        let addresses = seen.iter().filter(|line| line.starts_with("big.c.test\tA\tanswer")).count();
        assert_eq!(addresses > 50, tcp != "never", "{seen:#?}");
    }
}

#[test]
fn other_servers_are_asked_if_one_is_dead() {
    let fleet = name_servers(&[]);
    let servers = format!("dead,{}", fleet.hosts().join(","));
    let Some(seen) = resolved(&servers, "auto", &QUESTIONS) else { return };
    let mut wanted = resolved_by_command(&fleet, "auto", &QUESTIONS);
    wanted.retain(|line| !line.starts_with("ledger"));
    assert_same(&seen, &wanted);
}

#[test]
fn failures_are_answers_and_have_reasons() {
    let faults = [("servfail", "auto"), ("refused", "auto"), ("truncate", "auto"), ("no-tcp", "auto")];
    // Writing to a closed connection must not end the program.
    for (fault, tcp) in [&faults[..], &[("no-tcp", "only"), ("close-tcp", "only")]].concat() {
        let fleet = name_servers(&["--misbehave", &format!("{fault}=1")]);
        let Some(mut seen) = resolved(&fleet.hosts().join(","), tcp, &QUESTIONS) else { return };
        let mut wanted = resolved_by_command(&fleet, tcp, &QUESTIONS);
        // Requests whose connections fail are repeated.
        let is_result = |line: &String| !fault.ends_with("tcp") || !line.starts_with("ledger");
        seen.retain(is_result);
        wanted.retain(is_result);
        assert_same(&seen, &wanted);
    }
}

#[test]
fn options_of_edns_are_returned() {
    let fleet = name_servers(&["--misbehave", "cookies=1"]);
    let Some(mut seen) = resolved(&fleet.hosts().join(","), "auto", &QUESTIONS) else { return };
    let cookies = format!("cookies\t{}", QUESTIONS.len());
    assert!(seen.remove(&cookies), "{seen:#?}");
    assert_same(&seen, &resolved_by_command(&fleet, "auto", &QUESTIONS));
}
