//! `drops`: the losses that it reports are those that the fleet reports.
#![cfg(feature = "cli")]

mod support;

use std::io::{BufRead, BufReader};
use std::process::Stdio;

use serde_json::Value;
use support::{Fleet, allears, count, run};

const CLASSES: [&str; 7] =
    ["answered", "local_drops", "send_failed", "late", "unreachable", "silent", "malformed"];

/// Runs `drops -o json` over the fleet, and returns the steps and the summary.
#[track_caller]
fn drops(fleet: &Fleet, args: &[&str]) -> (Vec<Value>, Value) {
    let all = [&["drops", "-i", fleet.targets(), "-o", "json"], args].concat();
    let mut steps = run(&all).expect_code(0).lines();
    let summary = steps.pop().expect("a summary");
    assert_eq!(summary["kind"], "summary", "{summary}");
    for step in &steps {
        assert_eq!(step["kind"], "step", "{step}");
        let sum: u64 = CLASSES.iter().filter_map(|class| step["classes"][class]["count"].as_u64()).sum();
        assert_eq!(sum, count(step, "queries"), "every query is in one class: {step}");
        let percent: f64 =
            CLASSES.iter().filter_map(|class| step["classes"][class]["percent"].as_f64()).sum();
        assert!((percent - 100.0).abs() < 1e-4, "{percent}: {step}");
    }
    (steps, summary)
}

fn class(step: &Value, class: &str) -> u64 {
    count(&step["classes"][class], "count")
}

#[test]
fn planned_loss_is_measured_and_the_ledgers_agree() {
    let fleet = Fleet::start(&[
        "--protocol",
        "echo",
        "--hosts",
        "500",
        "--loss",
        "0.02",
        "--reply-loss",
        "0.01",
        "--latency",
        "2ms,0",
    ]);
    let (steps, summary) = drops(&fleet, &["--rates", "2k,4k", "--step", "1s"]);
    let fleet = fleet.stop();
    let sum = |name| steps.iter().map(|step| class(step, name)).sum::<u64>();
    let queries: u64 = steps.iter().map(|step| count(step, "queries")).sum();

    // The sum of both causes in the fleet is exactly the number of silent queries.
    assert_eq!(queries, count(&fleet, "received"), "{fleet}");
    assert_eq!(sum("answered"), count(&fleet, "answered"), "{fleet}");
    let lost = count(&fleet, "lost_by_plan") + count(&fleet, "replies_lost_by_plan");
    assert_eq!(sum("silent"), lost, "{fleet}");
    assert_eq!(sum("local_drops"), 0);
    // It is also close to the plan, 1 - 0.98 × 0.99: within 3.3 standard deviations (99.9 %).
    let (n, p) = (queries as f64, 1.0 - 0.98 * 0.99);
    let deviation = (n * p * (1.0 - p)).sqrt();
    assert!((sum("silent") as f64 - n * p).abs() < 3.3 * deviation, "{} of {queries}", sum("silent"));
    assert_eq!(summary["highest_pps"], Value::Null, "{summary}");
    assert_eq!(summary["gave_way"]["what"], "other_side", "{summary}");
    assert_eq!(summary["gave_way"]["at_pps"], 2000.0, "{summary}");
}

#[test]
fn nothing_is_lost_without_planned_loss() {
    for protocol in ["echo", "et", "snmp"] {
        let fleet = Fleet::start(&["--protocol", protocol, "--hosts", "500", "--latency", "1ms,0"]);
        let (steps, summary) =
            drops(&fleet, &["--protocol", protocol, "--rates", "2k,5k", "--step", "500ms"]);
        assert_eq!(steps.len(), 2);
        for step in &steps {
            assert_eq!(count(&step["loss"], "count"), 0, "{step}");
            assert_eq!(class(step, "local_drops"), 0, "{step}");
            assert_eq!(count(step, "queries"), class(step, "answered"), "{step}");
            assert!(step["rtt_ms"]["p50"].as_f64().is_some_and(|ms| ms >= 1.0), "{step}");
        }
        assert_eq!(count(&summary, "never_answered"), 0, "{summary}");
    }
}

#[test]
fn late_malformed_and_duplicate_replies_are_distinguished() {
    let fleet = Fleet::start(&[
        "--protocol",
        "echo",
        "--hosts",
        "200",
        "--late",
        "0.1:400ms",
        "--garbage",
        "0.1",
        "--duplicate",
        "0.1",
        "--dead",
        "0.25",
        "--latency",
        "1ms,0",
    ]);
    let (steps, summary) = drops(&fleet, &["--rates", "1k", "--step", "1s", "--timeout", "300ms"]);
    let (step, fleet) = (&steps[0], fleet.stop());
    assert!(class(step, "late") > 0 && class(step, "malformed") > 0, "{step}");
    assert!(count(step, "duplicates") > 0, "{step}");
    // A dead host is silent. The replies of all others arrived, in time or late.
    assert_eq!(class(step, "silent"), count(&fleet, "dead"), "{step}\n{fleet}");
    assert!(count(&summary, "never_answered") >= 50, "a quarter of 200 are dead: {summary}");
}

#[cfg(target_os = "linux")]
#[test]
fn the_naive_loop_loses_replies_that_the_engine_does_not() {
    let fleet = Fleet::start(&["--protocol", "echo", "--hosts", "5000", "--latency", "1ms,0"]);
    let (steps, summary) = drops(&fleet, &["--rates", "5k", "--step", "1s", "--compare-naive"]);
    let [ours, naive] = &steps[..] else { panic!("two ways: {steps:?}") };
    assert_eq!((&ours["way"], &naive["way"]), (&"allears".into(), &"naive".into()));
    assert_eq!(class(ours, "local_drops"), 0, "{ours}");
    assert_eq!(count(&ours["loss"], "count"), 0, "{ours}");
    assert!(class(naive, "local_drops") > 0, "{naive}");
    assert_eq!(class(naive, "local_drops"), count(naive, "kernel_drops"), "{naive}");
    assert_eq!(class(naive, "silent"), 0, "the fleet loses nothing: {naive}");
    assert_eq!(summary["naive"]["gave_way"]["what"], "receive_buffer", "{summary}");
}

#[test]
fn a_window_too_small_for_the_rate_is_reported() {
    let fleet = Fleet::start(&["--protocol", "echo", "--hosts", "100", "--latency", "50ms,0"]);
    // With a round trip of 50 ms and 65,536 bytes, three quarters of which hold 59 replies, about 1,200 per second are
    // possible.
    let (steps, summary) =
        drops(&fleet, &["--rates", "20k", "--step", "500ms", "--rcvbuf", "64K", "--timeout", "2s"]);
    assert_eq!(count(&steps[0]["loss"], "count"), 0, "queries that were not sent are not lost: {}", steps[0]);
    assert!(count(&steps[0], "queries") < 5000, "{}", steps[0]);
    assert_eq!(summary["gave_way"]["what"], "reply_credit", "{summary}");
    let remedy = summary["gave_way"]["remedy"].as_str().expect("a remedy");
    assert!(remedy.starts_with("--rcvbuf "), "{remedy}");
    assert_eq!(summary["highest_pps"], Value::Null, "{summary}");
}

#[test]
fn closed_ports_do_not_count_as_answers() {
    // Bound, so that no other process gets the port, and closed before it is queried.
    let closed = std::net::UdpSocket::bind("127.0.0.1:0").and_then(|socket| socket.local_addr());
    let target = closed.expect("loopback exists").to_string();
    let args = ["drops", &target, "--rates", "100", "--step", "200ms", "--timeout", "200ms", "-o", "json"];
    let lines = run(&args).expect_code(1).lines();
    assert_eq!(class(&lines[0], "silent") + class(&lines[0], "unreachable"), 20, "{}", lines[0]);
    assert_eq!(count(&lines[1], "never_answered"), 1);
}

#[cfg(feature = "plot")]
#[test]
fn plots_are_well_formed_and_self_contained() {
    let fleet = Fleet::start(&["--protocol", "echo", "--hosts", "50", "--loss", "0.1", "--latency", "1ms,0"]);
    let folder = tempfile::tempdir().expect("a temporary folder");
    for (name, steps) in [("loss.svg", "500,1k"), ("loss.html", "1k")] {
        let path = folder.path().join(name);
        let plot = path.to_str().expect("UTF-8");
        let mut args = vec!["drops", "-i", fleet.targets(), "--rates", steps, "--step", "300ms"];
        args.extend(["--timeout", "100ms", "--compare-naive", "--plot", plot]);
        let said = run(&args).expect_code(0).stdout;
        let picture = std::fs::read_to_string(&path).expect("a picture");
        assert!(picture.contains("<svg ") && picture.contains("</svg>"), "{picture}");
        assert!(picture.contains("silent: network or hosts") && picture.contains("p99 naive"), "{picture}");
        assert!(picture.contains("1,000") && said.contains("1,000"), "{said}");
        for reference in ["href=", "src=", "url(", "@import", "<script"] {
            assert!(!picture.contains(reference), "{reference} in {name}");
        }
        assert_well_formed(&picture);
    }
}

/// Asserts that every element that is opened is closed, and that no text has a character that XML reserves.
#[cfg(feature = "plot")]
#[track_caller]
fn assert_well_formed(xml: &str) {
    let mut open = vec![];
    for piece in xml.split('<').skip(1) {
        let (tag, text) = piece.split_once('>').unwrap_or_else(|| panic!("not closed: {piece}"));
        assert!(text.split('&').skip(1).all(|entity| entity.contains(';')), "{text}");
        assert!(tag.matches('"').count().is_multiple_of(2), "{tag}");
        let name = tag.split([' ', '\n', '/']).next().unwrap_or_default();
        match tag {
            _ if tag.starts_with(['?', '!']) || tag.ends_with('/') => {}
            _ if tag.starts_with('/') => assert_eq!(open.pop(), Some(&tag[1..]), "{tag}"),
            _ => open.push(name),
        }
    }
    assert!(open.is_empty(), "{open:?}");
}

#[test]
fn csv_has_a_row_for_each_step_and_as_many_fields_as_columns() {
    let fleet = Fleet::start(&["--protocol", "echo", "--hosts", "50", "--latency", "1ms,0"]);
    let args = ["--ramp", "500:1k:250", "--step", "100ms", "-o", "csv", "-q"];
    let csv = run(&[&["drops", "-i", fleet.targets()], &args[..]].concat()).expect_code(0).stdout;
    let rows: Vec<Vec<&str>> = csv.lines().map(|line| line.split(',').collect()).collect();
    assert_eq!(rows.len(), 1 + 3, "{csv}");
    assert!(rows.iter().all(|row| row.len() == rows[0].len()), "{csv}");
    let column = |name| rows[0].iter().position(|&title| title == name).expect(name);
    assert_eq!(rows[2][column("offered_pps")], "750.0", "{csv}");
    assert_eq!(rows[2][column("queries")], rows[2][column("answered")], "{csv}");
}

#[test]
fn wrong_usage_is_reported_before_anything_is_sent() {
    let target = "127.0.0.1:9";
    for wrong in [
        &[target][..],
        &["--rates", "1k"],
        &[target, "--rates", "1k", "--ramp", "1k:2k:1k"],
        &[target, "--rates", "fast"],
        &[target, "--ramp", "2k:1k:1"],
        &[target, "--rates", "1k", "--step", "0"],
        &[target, "--rates", "1k", "--tolerance", "0.1"],
        &[target, "--rates", "1k", "--protocol", "raw"],
        &[target, "--rates", "1k", "--protocol", "ftp"],
        &[target, "--rates", "1k", "--text", "x"],
        &[target, "--rates", "1k", "--protocol", "raw", "--text", "x", "--hex", "00"],
        &[target, "--rates", "1k", "--protocol", "raw", "--text", "x", "--token-at", "1"],
        &[target, "nonsense:port", "--rates", "1k", "--strict"],
        #[cfg(feature = "plot")]
        &[target, "--rates", "1k", "--plot", "loss.png"],
    ] {
        let refused = run(&[&["drops"], wrong].concat());
        assert_eq!(refused.code, 2, "{wrong:?}: {}", refused.stderr);
        assert!(refused.stdout.is_empty() && !refused.stderr.is_empty(), "{wrong:?}");
    }
}

#[test]
fn ctrl_c_ends_it_and_the_measured_steps_are_reported() {
    let fleet = Fleet::start(&["--protocol", "echo", "--hosts", "50", "--latency", "1ms,0"]);
    let mut child = allears()
        .args(["drops", "-i", fleet.targets(), "--ramp", "100:100k:100", "--step", "100ms", "-o", "json"])
        .stdout(Stdio::piped())
        .spawn()
        .expect("allears starts");
    let mut lines = BufReader::new(child.stdout.take().expect("piped"));
    lines.read_line(&mut String::new()).expect("the first step, as it happens");
    support::interrupt(&child);
    let rest: Vec<String> = lines.lines().map(|line| line.expect("text")).collect();
    assert_eq!(child.wait().expect("it ends").code(), Some(130));
    assert!(rest.len() < 1000, "a thousand steps were planned");
    let summary: Value = serde_json::from_str(rest.last().expect("a summary")).expect("JSON");
    assert_eq!(summary["kind"], "summary", "{summary}");
    assert_eq!(summary["interrupted"], true, "{summary}");
}
