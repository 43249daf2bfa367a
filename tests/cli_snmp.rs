//! `allears snmp` on the command line, against simulated agents in another process.
#![cfg(feature = "cli")]

mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use allears::protocol::snmp::ber::Writer;
use allears::protocol::snmp::message::{self, PduHead, pdu_tag};
use allears::protocol::snmp::{self, Oid, Varbind, Version};
use serde_json::Value;
use support::{Fleet, count, run};

const IF_DESCR: &str = "1.3.6.1.2.1.2.2.1.2";
const SYS_NAME: &str = "1.3.6.1.2.1.1.5.0";

fn agents(more: &[&str]) -> Fleet {
    Fleet::start(&[&["--protocol", "snmp"], more].concat())
}

/// Runs `allears snmp COMMAND -i TARGETS -o json …` with rate limits off, which a fleet on loopback does not need.
fn ask(fleet: &Fleet, command: &str, more: &[&str]) -> support::Run {
    let fast = ["-i", fleet.targets(), "-o", "json", "--prefix-rate", "unlimited"];
    run(&[&["snmp", command][..], &fast, more].concat())
}

fn varbinds(line: &Value) -> &Vec<Value> {
    line["answer"]["varbinds"].as_array().unwrap_or_else(|| panic!("no varbinds: {line}"))
}

/// Returns the set of names in the answer of each target.
fn names(lines: &[Value]) -> BTreeMap<String, BTreeSet<String>> {
    let text = |value: &Value| value.as_str().expect("text").to_owned();
    let set = |line| varbinds(line).iter().map(|varbind| text(&varbind["oid"])).collect();
    lines.iter().map(|line| (text(&line["target"]), set(line))).collect()
}

#[test]
fn every_agent_has_one_object_and_both_ledgers_agree() {
    let faults = [
        "--hosts",
        "300",
        "--loss",
        "0.03",
        "--duplicate",
        "0.1",
        "--wrong-source",
        "0.1",
        "--latency",
        "10ms,0.5",
    ];
    let fleet =
        agents(&[&faults[..], &["--misbehave", "stale-id=0.1", "--misbehave", "odd-ber=0.1"]].concat());
    let asked = ask(
        &fleet,
        "get",
        &["--rate", "2000", "--tries", "4", "--timeout", "400ms", "--stats", "-", SYS_NAME, "ifNumber.0"],
    )
    .expect_code(0);
    let (stats, mut lines) = (asked.stats(), asked.lines());
    lines.pop();
    assert_eq!(lines.len(), 300);
    let silent: Vec<_> = lines.iter().filter(|line| line["outcome"] == "silent").collect();
    assert_eq!(silent.len(), 30, "agents that reply from another address");
    for line in silent {
        let reason = line["reason"].as_str().expect("a reason");
        assert!(line["from"].is_string() && reason.contains("--source"), "{line}");
    }
    for line in lines.iter().filter(|line| line["outcome"] == "answered") {
        assert_eq!(varbinds(line).len(), 2, "{line}");
        assert_eq!(line["answer"]["complete"], true, "{line}");
    }
    let fleet = fleet.stop();
    assert_eq!(count(&stats, "datagrams_sent"), count(&fleet, "received"), "\n{stats}\n{fleet}");
    let replied = count(&fleet, "answered") + count(&fleet, "duplicated") + count(&fleet, "forged");
    assert_eq!(count(&stats, "datagrams_received"), replied, "\n{stats}\n{fleet}");
    assert_eq!(count(&stats, "local_drops"), 0);
}

#[test]
fn replies_from_another_address_are_accepted_on_request() {
    let fleet = agents(&["--hosts", "20", "--wrong-source", "1"]);
    let asked = ask(&fleet, "get", &["--source", "id", SYS_NAME]).expect_code(0);
    for line in asked.lines() {
        assert_eq!(line["outcome"], "answered");
        assert!(line["from"].as_str().is_some_and(|from| line["target"] != from), "{line}");
    }
}

#[test]
fn the_parts_of_an_agent_are_merged_into_one_object() {
    let fleet = agents(&["--hosts", "30", "--interfaces", "20"]);
    let columns: Vec<String> = (1..=8).map(|column| format!("1.3.6.1.2.1.2.2.1.{column}")).collect();
    let columns: Vec<&str> = columns.iter().map(String::as_str).collect();
    let one = ask(&fleet, "walk", &columns).expect_code(0).lines();
    let three = ask(&fleet, "walk", &[&columns[..], &["--per-host", "3"]].concat()).expect_code(0).lines();
    assert_eq!((one.len(), three.len()), (30, 30));
    assert_eq!(names(&one), names(&three));
    assert!(names(&one).values().all(|names| names.len() == 8 * 20));
}

#[test]
fn partial_answers_are_kept_when_a_sweep_ends_early() {
    let fleet = agents(&["--hosts", "3", "--interfaces", "200", "--latency", "100ms"]);
    let asked = ask(&fleet, "walk", &["-Cr1", "--deadline", "900ms", "ifTable"]);
    for line in asked.lines() {
        assert_eq!(line["outcome"], "interrupted", "{line}");
        assert!(!varbinds(&line).is_empty(), "{line}");
        assert_eq!(line["answer"]["complete"], false);
        assert!(line["answer"]["why_incomplete"].is_string());
        assert_eq!(line["reason"], "interrupted before all requests were sent");
    }
    let limited = ask(&fleet, "walk", &["--max-rows", "7", IF_DESCR]).expect_code(0);
    for line in limited.lines() {
        assert_eq!((varbinds(&line).len(), &line["answer"]["complete"]), (7, &Value::from(false)), "{line}");
    }
    let in_part = "3 of 3 agents answered (3 incomplete)";
    assert!(limited.stderr.contains(in_part), "{}", limited.stderr);
}

#[test]
fn repeated_polls_have_deltas_and_detect_restarts() {
    let fleet = agents(&["--hosts", "8", "--misbehave", "restart=0.5"]);
    let asked = ask(&fleet, "get", &["--every", "300ms", "--deadline", "4s", "ifInOctets.1", SYS_NAME]);
    let mut by_host: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    for line in asked.expect_code(0).lines().into_iter().filter(|line| line["outcome"] == "answered") {
        by_host.entry(line["target"].as_str().expect("text").to_owned()).or_default().push(line);
    }
    assert_eq!(by_host.len(), 8);
    let (mut restarts, mut moved) = (0, 0);
    for lines in by_host.values() {
        assert!(lines.len() >= 8, "four seconds have room for a dozen polls");
        let first = &varbinds(&lines[0])[0];
        assert!(first.get("delta").is_none_or(Value::is_null), "the first poll has no delta: {first}");
        assert!(lines[0]["at"].is_number() && lines[0]["answer"]["uptime"].is_number(), "{}", lines[0]);
        for (before, line) in lines.iter().zip(&lines[1..]) {
            let (old, new) = (&varbinds(before)[0], &varbinds(line)[0]);
            assert_eq!(varbinds(line).len(), 2, "sysUpTime is not among the variable bindings");
            if new["mark"] == "reset" {
                assert!(count(&line["answer"], "uptime") < count(&before["answer"], "uptime"));
                restarts += 1;
                continue;
            }
            let delta = (count(new, "value") as u32).wrapping_sub(count(old, "value") as u32);
            assert_eq!(count(new, "delta"), u64::from(delta), "{new}");
            assert_eq!(new["rate"].as_f64().is_some_and(|rate| rate > 0.0), delta > 0, "{new}");
            moved += u32::from(delta > 0);
        }
    }
    assert!(moved > 20, "most interfaces are busy: {moved}");
    assert!(restarts >= 4, "half of them restart after every seventh request: {restarts}");
}

#[test]
fn a_busy_agent_is_skipped_and_the_skip_is_reported() {
    let fleet = agents(&["--hosts", "2", "--latency", "700ms"]);
    let asked = ask(&fleet, "get", &["--every", "200ms", "--deadline", "3s", SYS_NAME]);
    assert!(asked.stderr.contains("still busy"), "{}", asked.stderr);
    assert!(asked.lines().iter().any(|line| line["left_out"].as_u64().is_some_and(|polls| polls >= 2)));
}

#[test]
fn names_are_read_from_arguments_and_files() {
    let fleet = agents(&["--hosts", "1"]);
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = folder.path().join("names");
    fs::write(&file, "# of all agents\nsysName.0\nIF-MIB::ifDescr.1 # the first\n\n.1.3.6.1.2.1.2.1.0\n")
        .expect("written");
    let file = file.to_str().expect("UTF-8");
    let asked = ask(&fleet, "get", &["--oids", file, "sysUpTime.0"]).expect_code(0);
    let line = &asked.lines()[0];
    let oids: Vec<&str> =
        varbinds(line).iter().map(|varbind| varbind["oid"].as_str().expect("text")).collect();
    assert_eq!(oids, ["1.3.6.1.2.1.1.3.0", SYS_NAME, "1.3.6.1.2.1.2.2.1.2.1", "1.3.6.1.2.1.2.1.0"]);

    fs::write(file, "sysName.0\nifDesc\n").expect("written");
    let refused = ask(&fleet, "get", &["--oids", file]).expect_code(2);
    assert!(refused.stderr.contains("names:2") && refused.stderr.contains("ifDescr"), "{}", refused.stderr);
}

#[test]
fn a_table_shows_the_agent_only_if_there_are_several() {
    let fleet = agents(&["--hosts", "2"]);
    let first = fleet.opening["first"].as_str().expect("an address");
    let single = run(&["snmp", "walk", "-On", "-t", first, IF_DESCR]).expect_code(0);
    assert_eq!(
        single.stdout,
        ".1.3.6.1.2.1.2.2.1.2.1 = STRING: \"eth0\"\n.1.3.6.1.2.1.2.2.1.2.2 = STRING: \"eth1\"\n"
    );
    let many = run(&["snmp", "walk", "-On", "-i", fleet.targets(), IF_DESCR]).expect_code(0);
    assert_eq!(many.stdout.lines().count(), 4);
    let row = format!("{first}: .1.3.6.1.2.1.2.2.1.2.1 = STRING: \"eth0\"");
    assert!(many.stdout.lines().any(|line| line == row), "{}", many.stdout);
}

#[test]
fn csv_and_influx_have_columns_for_everything() {
    let fleet = agents(&["--hosts", "2", "--dead", "0.5"]);
    let ask = |format| {
        run(&["snmp", "walk", "-i", fleet.targets(), "-o", format, "--all", "--tries", "1", IF_DESCR])
            .expect_code(0)
    };
    let csv = ask("csv").stdout;
    let mut reader = csv::Reader::from_reader(csv.as_bytes());
    let header = reader.headers().expect("a header").clone();
    for column in ["target", "outcome", "attempts", "rtt_ms", "oid", "name", "type", "value", "hex", "reason"]
    {
        assert!(header.iter().any(|known| known == column), "{column}: {header:?}");
    }
    assert_eq!(reader.records().filter(|record| record.is_ok()).count(), 2 + 1);
    let influx = ask("influx").stdout;
    assert_eq!(influx.lines().count(), 2, "{influx}");
    assert!(
        influx.lines().all(|line| line.starts_with("ifTable,agent=") && line.contains("ifDescr=\"eth")),
        "{influx}"
    );
}

#[test]
fn wrong_usage_is_reported_before_anything_is_sent() {
    for (args, word) in [
        (&["snmp", "get", "-t", "127.0.0.1"][..], "OID"),
        (&["snmp", "get", "-t", "127.0.0.1", "1.3.x"], "1.3.x"),
        (&["snmp", "get", "-t", "127.0.0.1", "-v", "4", "1.3"], "version"),
        (&["snmp", "get", "-t", "127.0.0.1", "-v3", "1.3"], "user"),
        (&["snmp", "get", "-t", "127.0.0.1", "-u", "u", "-A", "short", "1.3"], "8 bytes"),
        (
            &["snmp", "get", "-t", "127.0.0.1", "-l", "authPriv", "-A", "12345678", "-X", "12345678", "1.3"],
            "user",
        ),
        (&["snmp", "get", "-t", "127.0.0.1", "-A", "12345678", "1.3"], "user"),
        (&["snmp", "get", "-t", "127.0.0.1", "-v2c", "-u", "u", "1.3"], "users"),
        (&["snmp", "walk", "-t", "127.0.0.1", "-Cn1", "1.3"], "-Cr"),
        (&["snmp", "get", "-t", "127.0.0.1", "-Oz", "1.3"], "z"),
        (&["snmp", "get", "-t", "127.0.0.1", "--secrets", "/nonexistent/file", "1.3"], "/nonexistent/file"),
    ] {
        let refused = run(args);
        let expected = if word.starts_with('/') { 3 } else { 2 };
        assert_eq!(refused.code, expected, "{args:?}: {}", refused.stderr);
        assert!(refused.stderr.contains(word) && refused.stdout.is_empty(), "{args:?}: {}", refused.stderr);
    }
}

#[test]
fn a_file_that_is_not_an_engine_cache_is_not_overwritten() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = |name: &str| folder.path().join(name).to_str().expect("UTF-8").to_owned();
    let (list, secrets) = (path("list"), path("secrets"));
    fs::write(&list, "127.0.0.1:9\n").expect("written");
    fs::write(&secrets, "community=hush\n").expect("written");
    let refused = |more: &[&str]| {
        let fast = ["snmp", "get", "sysName.0", "--tries", "1", "--timeout", "50ms"];
        run(&[&fast[..], more].concat()).expect_code(2);
    };
    refused(&["-t", "127.0.0.1:9", "--engine-cache", &list]);
    refused(&["-t", "127.0.0.1:9", "--engine-cache", "/dev/null"]);
    refused(&["-i", &list, "--engine-cache", &list]);
    refused(&["-t", "127.0.0.1:9", "--secrets", &secrets, "--to", &secrets]);
    refused(&["-t", "127.0.0.1:9", "--oids", &list, "--stats", &list]);
    assert_eq!(fs::read_to_string(&list).expect("there"), "127.0.0.1:9\n");
    assert_eq!(fs::read_to_string(&secrets).expect("there"), "community=hush\n");
}

/// Starts an agent that replies to one v2c `GET sysName.0` with `text`, and returns its address.
fn agent_with_name(text: &'static [u8]) -> String {
    let socket = std::net::UdpSocket::bind("127.0.0.1:0").expect("a socket");
    let address = socket.local_addr().expect("an address").to_string();
    std::thread::spawn(move || {
        let mut request = [0; 512];
        let (len, from) = socket.recv_from(&mut request).expect("a request");
        let id = message::read_id(&request[..len]).expect("a number");
        let (mut writer, mut reply) = (Writer::default(), vec![]);
        let name = "1.3.6.1.2.1.1.5.0".parse::<Oid>().expect("a name");
        Varbind::write(name.as_oid(), &snmp::Value::OctetString(text), &mut writer);
        PduHead { tag: pdu_tag::RESPONSE, request_id: id, first: 0, second: 0 }.wrap(0, &mut writer);
        message::wrap_community(Version::V2c, b"public", 0, &mut writer);
        writer.append_to(&mut reply);
        socket.send_to(&reply, from).expect("sent");
    });
    address
}

#[test]
fn an_agent_cannot_forge_lines_of_another() {
    let agent = agent_with_name(b"x\n10.9.9.9:161: SNMPv2-MIB::sysName.0 = STRING: y");
    let both = ["-t", &agent, "-t", "127.0.0.1:1", "--tries", "1", "--timeout", "500ms"];
    let asked = run(&[&["snmp", "get", "sysName.0"][..], &both].concat()).expect_code(0);
    let lines: Vec<&str> = asked.stdout.lines().collect();
    assert_eq!(lines.len(), 2);
    assert!(lines.iter().all(|line| line.starts_with(&agent)), "{lines:?}");
}
