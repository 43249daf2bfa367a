//! Sweeps over a simulated fleet in another process: every living host is found, and the ledgers of both sides agree.
#![cfg(feature = "cli")]

mod support;

use std::collections::BTreeSet;

use support::{Fleet, count, run};

const CLASSES: [&str; 6] = ["answered", "silent", "unreachable", "send_failed", "malformed", "interrupted"];

/// Asserts that the ledger adds up, in queries and in the datagrams that the fleet counted.
#[track_caller]
fn assert_reconciled(stats: &serde_json::Value, fleet: &serde_json::Value) {
    let ended: u64 = CLASSES.iter().map(|class| count(stats, class)).sum();
    assert_eq!(count(stats, "queries"), ended, "{stats}");
    assert_eq!(count(stats, "local_drops"), 0, "{stats}");
    assert_eq!(count(fleet, "local_drops"), 0, "{fleet}");
    assert_eq!(count(stats, "datagrams_sent"), count(fleet, "received"), "\n{stats}\n{fleet}");
    let replied = count(fleet, "answered") + count(fleet, "duplicated") + count(fleet, "forged");
    assert_eq!(count(stats, "datagrams_received"), replied, "\n{stats}\n{fleet}");
}

#[test]
fn a_list_from_the_master_finds_every_living_server() {
    let fleet = Fleet::start(&[
        "--protocol",
        "et",
        "--hosts",
        "500",
        "--dead",
        "0.3",
        "--loss",
        "0.05",
        "--latency",
        "20ms,0.6",
        "--seed",
        "7",
    ]);
    let alive = count(&fleet.opening, "alive");
    assert_eq!(alive, 350);
    let master = fleet.master();
    let sweep = run(&[
        "games", "--game", "et", "--master", &master, "--rate", "2000", "--tries", "5", "-o", "json",
        "--stats", "-",
    ])
    .expect_code(0);
    let (stats, mut lines) = (sweep.stats(), sweep.lines());
    lines.pop();

    assert_eq!(count(&stats, "targets"), 500);
    assert_eq!(lines.len(), 500, "one line for each target, and none for the master");
    let answered = lines.iter().filter(|line| line["outcome"] == "answered").count() as u64;
    assert_eq!(answered, alive);
    let targets: BTreeSet<_> = lines.iter().map(|line| line["target"].as_str().unwrap()).collect();
    assert_eq!(targets.len(), 500, "each once");
    for line in &lines {
        let rest = line["outcome"] == "answered" || line["reason"].is_string();
        assert!(rest, "every target without an answer has a reason: {line}");
    }
    assert!(count(&stats, "answered_after_retry") > 0, "5 % of the requests were lost: {stats}");
    // The ledgers may differ only in datagrams that are in flight when the sweep ends. Once all tries have timed out,
    // dead and answered hosts leave none.
    assert_reconciled_but_for_late(&stats, &fleet.stop());
}

/// Like `assert_reconciled`, but replies to earlier attempts may arrive after the sweep's end.
#[track_caller]
fn assert_reconciled_but_for_late(stats: &serde_json::Value, fleet: &serde_json::Value) {
    let ended: u64 = CLASSES.iter().map(|class| count(stats, class)).sum();
    assert_eq!(count(stats, "queries"), ended, "{stats}");
    assert_eq!(count(stats, "datagrams_sent"), count(fleet, "received"), "\n{stats}\n{fleet}");
    let missing = count(fleet, "answered") - count(stats, "datagrams_received");
    assert!(missing <= count(stats, "answered_after_retry"), "{missing} unexplained\n{stats}\n{fleet}");
}

#[test]
fn both_ledgers_agree_to_the_last_datagram() {
    for seed in ["1", "2", "3"] {
        let fleet = Fleet::start(&[
            "--protocol",
            "et",
            "--hosts",
            "300",
            "--dead",
            "0.2",
            "--loss",
            "0.1",
            "--reply-loss",
            "0.1",
            "--garbage",
            "0.05",
            "--latency",
            "2ms,0",
            "--seed",
            seed,
        ]);
        let sweep = run(&[
            "games",
            "--game",
            "et",
            "-i",
            fleet.targets(),
            "--rate",
            "3000",
            "--prefix-rate",
            "3000",
            "--tries",
            "4",
            "--timeout",
            "300ms",
            "-o",
            "json",
            "--stats",
            "-",
        ])
        .expect_code(0);
        let (stats, fleet) = (sweep.stats(), fleet.stop());
        assert_reconciled(&stats, &fleet);
        let explained = ["answered", "lost_by_plan", "replies_lost_by_plan", "dead", "limited"];
        let explained: u64 = explained.iter().map(|cause| count(&fleet, cause)).sum();
        assert_eq!(count(&fleet, "received"), explained, "{fleet}");
        assert_eq!(count(&stats, "answered") + count(&stats, "malformed"), 240, "{stats}");
        assert!(count(&stats, "malformed") > 0, "5 % of the hosts are broken: {stats}");
        assert_eq!(
            count(&stats, "duplicates") + count(&stats, "unmatched") + count(&stats, "late"),
            0,
            "{stats}"
        );
    }
}

#[test]
fn duplicates_and_forged_replies_are_counted_and_never_accepted() {
    let fleet = Fleet::start(&[
        "--protocol",
        "et",
        "--hosts",
        "200",
        "--duplicate",
        "0.5",
        "--forge",
        "500",
        "--latency",
        "5ms,0",
        "--seed",
        "3",
    ]);
    let sweep =
        run(&["games", "--game", "et", "-i", fleet.targets(), "--rate", "200", "-o", "json", "--stats", "-"])
            .expect_code(0);
    let stats = sweep.stats();
    assert_eq!(count(&stats, "answered"), 200, "{stats}");
    assert!(count(&stats, "duplicates") > 0 && count(&stats, "unmatched") > 0, "{stats}");
    for line in sweep.lines().iter().filter(|line| line["outcome"] == "answered") {
        let host = line["target"].as_str().unwrap();
        assert!(line["answer"]["name"].is_string(), "{host}");
    }
}

#[test]
fn a_reply_from_another_address_is_unmatched_and_its_host_silent() {
    let fleet = Fleet::start(&["--protocol", "et", "--hosts", "40", "--wrong-source", "0.5", "--seed", "3"]);
    let sweep = run(&[
        "games",
        "--game",
        "et",
        "-i",
        fleet.targets(),
        "--tries",
        "1",
        "--timeout",
        "500ms",
        "-o",
        "json",
        "--stats",
        "-",
    ])
    .expect_code(0);
    let stats = sweep.stats();
    assert_eq!(
        (count(&stats, "answered"), count(&stats, "silent"), count(&stats, "unmatched")),
        (20, 20, 20),
        "{stats}"
    );
}

#[test]
fn the_servers_rate_limits_do_not_silence_them() {
    for limit in ["ioq3", "protect2", "darkplaces"] {
        let fleet =
            Fleet::start(&["--protocol", "et", "--hosts", "100", "--limit", limit, "--latency", "5ms,0"]);
        let sweep = run(&["games", "--game", "et", "-i", fleet.targets(), "-o", "json", "--stats", "-"])
            .expect_code(0);
        assert_eq!(count(&sweep.stats(), "answered"), 100, "{limit}");
        let fleet = fleet.stop();
        assert_eq!(count(&fleet, "limited"), 0, "{limit}: {fleet}");
        assert!(count(&fleet, "max_per_host_2s") <= 3, "{limit}: {fleet}");
    }
}

#[test]
fn the_ping_shown_is_the_latency_of_the_host() {
    let fleet = Fleet::start(&[
        "--protocol",
        "et",
        "--hosts",
        "300",
        "--latency",
        "40ms,0",
        "--loss",
        "0.2",
        "--seed",
        "5",
    ]);
    let sweep =
        run(&["games", "--game", "et", "-i", fleet.targets(), "--tries", "6", "-o", "json"]).expect_code(0);
    let mut rtts: Vec<f64> = sweep.lines().iter().filter_map(|line| line["rtt_ms"].as_f64()).collect();
    rtts.sort_by(f64::total_cmp);
    assert_eq!(rtts.len(), 300);
    // Retries wait at least 200 ms; if that counted, a fifth of all would be far above. Bursts during which a busy
    // machine stopped the process are measured from their end, so a few may be below.
    let above = rtts.iter().filter(|rtt| **rtt >= 140.0).count();
    let below = rtts.iter().filter(|rtt| **rtt < 40.0).count();
    assert!(above < 30 && below < 30, "{} … {}, {above} above, {below} below", rtts[0], rtts[299]);
}

#[test]
fn find_reports_the_server_of_a_player_and_the_number_of_answers() {
    let fleet = Fleet::start(&[
        "--protocol",
        "et",
        "--hosts",
        "100",
        "--wanted",
        "N!ghtOwl",
        "--latency",
        "5ms,0.3",
        "--seed",
        "9",
    ]);
    let wanted_at = fleet.opening["wanted_at"].as_str().expect("a player on one host").to_owned();
    let master = fleet.master();
    let found = run(&["find", "n!ghtowl", "--master", &master]).expect_code(0);
    assert!(found.stdout.contains(&wanted_at), "{}", found.stdout);
    assert!(found.stderr.contains("100 of 100"), "{}", found.stderr);

    let nobody = run(&["find", "no such player", "--master", &master]).expect_code(1);
    assert!(nobody.stdout.is_empty() && nobody.stderr.contains("100 of 100"), "{}", nobody.stderr);

    let exact = run(&["find", "--exact", "n!ght", "--master", &master]).expect_code(1);
    assert!(exact.stdout.is_empty());
    let regex = run(&["find", "--regex", "^n.ghtowl$", "--master", &master, "-o", "json"]).expect_code(0);
    assert_eq!(regex.lines().len(), 1);
    // However many matches arrive at once.
    let first = ["find", "--first", "e", "--master", &master, "-o", "json"];
    let fast = ["--rate", "unlimited", "--prefix-rate", "unlimited", "--burst", "1000"];
    assert_eq!(run(&[&first[..], &fast].concat()).expect_code(0).lines().len(), 1);
}

#[test]
fn several_masters_are_merged_and_a_silent_one_is_reported() {
    let fleet = Fleet::start(&["--protocol", "et", "--hosts", "50", "--latency", "1ms,0"]);
    let master = fleet.master();
    let silent = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    let silent = silent.local_addr().unwrap().to_string();
    let sweep = run(&[
        "games",
        "--master",
        &master,
        "--master",
        &master,
        "--master",
        &silent,
        "--timeout",
        "200ms",
        "-o",
        "json",
    ])
    .expect_code(0);
    assert_eq!(sweep.lines().len(), 50, "each server once");
    assert!(sweep.stderr.contains(&silent), "{}", sweep.stderr);

    let nothing = run(&["games", "--master", &silent, "--timeout", "100ms", "--tries", "1"]).expect_code(1);
    assert!(nothing.stderr.contains(&silent), "{}", nothing.stderr);
}

#[test]
fn probe_sends_any_payload() {
    let fleet = Fleet::start(&["--protocol", "echo", "--hosts", "300", "--latency", "1ms,0"]);
    let sweep = run(&[
        "probe",
        "-i",
        fleet.targets(),
        "--hex",
        "0000000000000000cafe",
        "--token-at",
        "0",
        "-o",
        "json",
        "--stats",
        "-",
    ])
    .expect_code(0);
    let mut lines = sweep.lines();
    let stats = lines.pop().unwrap();
    assert_eq!(count(&stats, "answered"), 300);
    assert!(lines.iter().all(|line| line["answer"]["hex"].as_str().unwrap().ends_with("cafe")));
    assert!(lines.iter().all(|line| line["answer"]["len"] == 10));
    assert_reconciled(&stats, &fleet.stop());

    let fleet = Fleet::start(&["--protocol", "echo", "--hosts", "3"]);
    let refused =
        run(&["probe", "-i", fleet.targets(), "--text", "ping", "--expect-prefix", "pong", "-o", "json"]);
    assert!(refused.lines().iter().all(|line| line["outcome"] == "malformed"), "{}", refused.stdout);
    refused.expect_code(1);
}
