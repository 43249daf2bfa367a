//! `allears dns` queries named: kinds of answers, truncation, EDNS options, and the names of servers in class CH.
#![cfg(feature = "cli")]

mod support;

use serde_json::Value;
use support::name_server::named;
use support::real_server::RealServer;
use support::{Run, count, have, run};

fn zone() -> String {
    let long: String = (0..12).map(|number| format!(" \"{number:03}{}\"", "y".repeat(200))).collect();
    let many: String = (1..=90).map(|number| format!("many A 192.0.2.{number}\n")).collect();
    format!(
        "$ORIGIN t.test.\n$TTL 300\n@ SOA ns h 1 3600 900 604800 60\n@ NS ns\nns A 127.0.0.1\nwww A 192.0.2.1\n\
         www AAAA 2001:db8::1\nb.c A 192.0.2.2\nalias CNAME www\ndangling CNAME nothing\nloop1 CNAME loop2\n\
         loop2 CNAME loop1\ntext TXT x\nbig TXT{long}\n{many}*.wild A 192.0.2.3\nsub NS ns.sub\n\
         ns.sub A 127.0.0.9\nout CNAME www.elsewhere.test.\nmx MX 10 www\nsvc HTTPS 1 . alpn=h2\n"
    )
}

fn start(options: &str) -> Option<RealServer> {
    have("/usr/sbin/named", "bind9").then(|| named(&zone(), options))
}

fn ask(server: &RealServer, arguments: &[&str]) -> Run {
    run(&[&["dns", "--server", &server.address, "-q"], arguments].concat())
}

/// Returns the line of a name.
fn line(run: &Run, name: &str) -> Value {
    let lines = run.lines();
    lines.iter().find(|line| line["name"] == name).unwrap_or_else(|| panic!("{name}: {}", run.stdout)).clone()
}

/// Returns the response code, the number of records in the answer, and the remark.
fn told(line: &Value) -> (String, usize, String) {
    let answer = &line["answer"];
    let records = answer["records"].as_array().into_iter().flatten();
    let count = records.filter(|record| record["section"] == "answer").count();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    (text(&answer["rcode"]), count, text(&line["reason"]))
}

#[test]
fn each_kind_of_answer_is_told_apart() {
    let Some(server) = start("") else { return };
    let cases = [
        ("www", "NOERROR", 1, ""),
        ("x.wild", "NOERROR", 1, ""),
        ("alias", "NOERROR", 2, ""),
        ("c", "NOERROR", 0, ""),
        ("text", "NOERROR", 0, ""),
        ("nothing", "NXDOMAIN", 0, ""),
        ("dangling", "NXDOMAIN", 1, ""),
        // Its own verdict on aliases that lead in a circle.
        ("loop1", "SERVFAIL", 2, ""),
        ("sub", "NOERROR", 0, "the server refers to others"),
        ("x.sub", "NOERROR", 0, "the server refers to others"),
        ("out", "NOERROR", 1, ""),
    ];
    let names = cases.map(|(name, ..)| format!("{name}.t.test"));
    let names: Vec<_> = names.iter().map(String::as_str).chain(["www.other.test"]).collect();
    let run = ask(&server, &[&names[..], &["-o", "json"]].concat()).expect_code(0);
    for (name, rcode, count, reason) in cases {
        let line = line(&run, &format!("{name}.t.test"));
        assert_eq!(told(&line), (rcode.to_owned(), count, reason.to_owned()), "{line}");
    }
    let other = line(&run, "www.other.test");
    assert_eq!((told(&other).0, &other["refusals"][0]["rcode"]), ("REFUSED".into(), &"REFUSED".into()));

    let table = ask(&server, &["www.t.test", "c.t.test", "nothing.t.test", "--all"]).expect_code(0).stdout;
    let row = |name: &str| {
        let row = table.lines().find(|line| line.starts_with(name)).unwrap_or_else(|| panic!("{table}"));
        row.split_ascii_whitespace().skip(1).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(
        (row("www"), row("c.t"), row("nothing")),
        ("A 192.0.2.1".into(), "A NODATA".into(), "A NXDOMAIN".into())
    );
}

#[test]
fn several_types_of_a_name_are_asked_for() {
    let Some(server) = start("") else { return };
    let run =
        ask(&server, &["www.t.test", "mx.t.test", "-t", "A,AAAA,MX,TYPE65", "-o", "csv"]).expect_code(0);
    let mut rows: Vec<_> = run.stdout.lines().skip(1).filter(|row| row.contains(",NOERROR,300,")).collect();
    rows.sort_unstable();
    let starts = ["mx.t.test,MX,answered", "www.t.test,A,answered", "www.t.test,AAAA,answered"];
    assert!(
        rows.len() == 3 && rows.iter().zip(starts).all(|(row, start)| row.starts_with(start)),
        "{rows:?}"
    );
}

#[test]
fn truncated_answers_come_by_tcp() {
    let Some(server) = start("max-udp-size 4096;") else { return };
    let options = ["-o", "json", "-t", "TXT", "--stats", "-"];
    let run = ask(&server, &[&["big.t.test", "text.t.test"], &options[..]].concat()).expect_code(0);
    let big = line(&run, "big.t.test");
    assert_eq!((&big["tcp"], told(&big)), (&true.into(), ("NOERROR".into(), 1, String::new())), "{big}");
    assert!(big["answer"]["records"][0]["data"].as_str().is_some_and(|data| data.len() > 2400), "{big}");
    assert_eq!(line(&run, "text.t.test")["tcp"], Value::Null);
    let stats = run.stats();
    assert_eq!((count(&stats, "stream_sent"), count(&stats, "stream_received")), (1, 1), "{stats}");

    let many = ask(&server, &["many.t.test", "-o", "json"]).expect_code(0);
    assert_eq!(told(&line(&many, "many.t.test")).1, 90);
    // A larger announced size saves the second query; none is truncated earlier.
    let large = ask(&server, &["many.t.test", "-o", "json", "--edns", "4096"]).expect_code(0);
    assert_eq!(
        (told(&line(&large, "many.t.test")).1, &line(&large, "many.t.test")["tcp"]),
        (90, &Value::Null)
    );
    for (edns, tcp) in [("off", "auto"), ("1232", "only")] {
        let other = ask(&server, &["many.t.test", "-o", "json", "--edns", edns, "--tcp", tcp]).expect_code(0);
        let line = line(&other, "many.t.test");
        assert_eq!((told(&line).1, &line["tcp"]), (90, &true.into()), "{edns} {tcp}");
    }
    let never = ask(&server, &["many.t.test", "-o", "json", "--edns", "off", "--tcp", "never"]);
    assert_eq!(line(&never, "many.t.test")["answer"]["flags"][2], "tc", "{}", never.stdout);
}

#[test]
fn the_id_of_the_server_is_returned() {
    let Some(server) = start("server-id \"a-server\"; version \"a version\";") else { return };
    let nsid = ask(&server, &["www.t.test", "--nsid", "-o", "json"]).expect_code(0);
    assert_eq!(line(&nsid, "www.t.test")["answer"]["nsid"], "612d736572766572");
    let without = ask(&server, &["www.t.test", "-o", "json"]).expect_code(0);
    assert_eq!(line(&without, "www.t.test")["answer"]["nsid"], Value::Null);
    let chaos = ["version.bind", "id.server", "--class", "CH", "-t", "TXT"];
    let mut lines: Vec<_> = ask(&server, &[&chaos[..], &["-o", "simple"]].concat())
        .expect_code(0)
        .stdout
        .lines()
        .map(str::to_owned)
        .collect();
    lines.sort();
    assert_eq!(lines, ["id.server. TXT \"a-server\"", "version.bind. TXT \"a version\""]);
    let json = ask(&server, &[&chaos[..], &["-o", "json"]].concat()).expect_code(0);
    assert_eq!(line(&json, "version.bind")["class"], "CH");
}

#[test]
fn a_server_that_wants_its_cookie_gets_it() {
    let Some(server) = start("require-server-cookie yes;") else { return };
    let names: Vec<String> = (0..300).map(|number| format!("n{number}.wild.t.test")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let options = ["-o", "json", "--stats", "-", "--server-stats", "/dev/stderr"];
    let run = ask(&server, &[&names[..], &options].concat()).expect_code(0);
    let lines = run.lines();
    assert_eq!(lines.iter().filter(|line| told(line) == ("NOERROR".into(), 1, String::new())).count(), 300);
    let told: Value = serde_json::from_str(run.stderr.trim()).expect("one server");
    // Each query that was sent before the first reply has no cookie yet, and is sent again with it.
    assert_eq!(count(&told["rcodes"], "NOERROR"), 300, "{told}");
    let refused = told["rcodes"]["BADCOOKIE"].as_u64().unwrap_or(0);
    assert!((1..300).contains(&refused), "{told}");
    assert_eq!(count(&told, "sent"), 300 + refused, "{told}");
}

#[test]
fn a_server_without_cookies_still_answers() {
    let Some(server) = start("answer-cookie no;") else { return };
    let run = ask(&server, &["www.t.test", "alias.t.test", "-o", "json", "--0x20", "--do"]).expect_code(0);
    assert_eq!(told(&line(&run, "www.t.test")).1, 1);
    assert_eq!(told(&line(&run, "alias.t.test")).1, 2);
}
