//! Replies and texts that other DNS clients have mishandled, in `../shared/cases/dns` if it exists: each has the right
//! result.
#![cfg(feature = "cli")]

#[path = "support/captured.rs"]
mod captured;
mod support;

use std::collections::BTreeSet;
use std::net::{SocketAddr, UdpSocket};

use captured::{from_hex, shared};
use serde_json::Value;
use support::name_server::{frame, nsd, question, read_frame, reply, scripted, serve_connections};
use support::real_server::bind_both;
use support::{Run, count, have, run, run_with_input};

/// Returns the reply of a case.
fn case(name: &str) -> Option<Vec<u8>> {
    shared(&format!("cases/dns/{name}.hex")).map(|text| from_hex(&text))
}

/// Returns a reply with the ID of a query.
fn with_id(reply: &[u8], query: &[u8]) -> Vec<u8> {
    [&query[..2], &reply[2..]].concat()
}

fn has_edns(query: &[u8]) -> bool {
    query[11] == 1
}

/// Starts a server that answers each query with these replies.
fn saying(replies: Vec<Vec<u8>>) -> SocketAddr {
    scripted(move |socket, query, from| {
        for reply in &replies {
            let _ = socket.send_to(&with_id(reply, query), from);
        }
    })
}

fn ask(servers: &[SocketAddr], arguments: &[&str]) -> Run {
    let servers: Vec<String> = servers.iter().map(ToString::to_string).collect();
    let mut all: Vec<&str> = [&["dns", "-q", "--stats", "/dev/stderr"], arguments].concat();
    servers.iter().for_each(|server| all.extend(["--server", server]));
    run(&all)
}

fn json(servers: &[SocketAddr], name: &str, options: &[&str]) -> (Value, Value) {
    let run = ask(servers, &[&["-o", "json", name], options].concat());
    let stats =
        serde_json::from_str(run.stderr.trim()).unwrap_or_else(|error| panic!("{error}: {}", run.stderr));
    (run.lines().remove(0), stats)
}

/// Returns the data of the first record.
fn data(line: &Value) -> Option<&str> {
    line["answer"]["records"][0]["data"].as_str()
}

#[test]
fn case_1_a_truncated_answer_without_records_is_not_the_answer() {
    let Some(empty) = case("01-tc-empty") else { return };
    let start = |has_tcp: bool| {
        let (socket, listener) = bind_both();
        let address = socket.local_addr().expect("bound");
        let empty = empty.clone();
        std::thread::spawn(move || {
            let mut query = [0; 512];
            while let Ok((length, from)) = socket.recv_from(&mut query) {
                let _ = socket.send_to(&with_id(&empty, &query[..length]), from);
            }
        });
        if has_tcp {
            serve_connections(listener, |mut stream| {
                use std::io::Write;
                while let Some(query) = read_frame(&mut stream) {
                    let _ = stream.write_all(&frame(&reply(&query, [192, 0, 2, 1])));
                }
            });
        }
        address
    };
    let (line, _) = json(&[start(true)], "www.example.test", &[]);
    assert_eq!((data(&line), &line["tcp"]), (Some("192.0.2.1"), &true.into()), "{line}");
    let (line, _) = json(&[start(false)], "www.example.test", &[]);
    assert_eq!((&line["outcome"], &line["reason"]), (&"malformed".into(), &"TCP: connection refused".into()));
    let (line, _) = json(&[start(false)], "www.example.test", &["--tcp", "never"]);
    assert_eq!(line["reason"], "the answer is truncated", "{line}");
}

#[test]
fn case_2_a_server_without_edns_is_asked_without_it_at_once() {
    for name in ["02a-formerr-header-only", "02b-formerr-with-question-no-opt"] {
        let Some(refusal) = case(name) else { return };
        let server = scripted(move |socket, query, from| {
            let answer =
                if has_edns(query) { with_id(&refusal, query) } else { reply(query, [192, 0, 2, 1]) };
            let _ = socket.send_to(&answer, from);
        });
        let (line, stats) = json(&[server], "www.example.test", &["--timeout", "20s"]);
        assert_eq!(data(&line), Some("192.0.2.1"), "{name} {line}");
        assert_eq!(count(&stats, "datagrams_sent"), 2, "{name} {stats}");
    }
}

#[test]
fn case_2_an_error_of_a_stranger_does_not_end_the_query() {
    let Some(refusal) = case("02a-formerr-header-only") else { return };
    let stranger = UdpSocket::bind("127.0.0.1:0").expect("a socket");
    let server = scripted(move |socket, query, from| {
        let _ = stranger.send_to(&with_id(&refusal, query), from);
        let _ = socket.send_to(&refusal, from);
        let _ = socket.send_to(&reply(query, [192, 0, 2, 1]), from);
    });
    let (line, stats) = json(&[server], "www.example.test", &["--timeout", "20s"]);
    assert_eq!(data(&line), Some("192.0.2.1"), "{line}");
    assert_eq!((count(&stats, "datagrams_sent"), count(&stats, "unmatched")), (1, 2), "{stats}");
}

#[test]
fn case_3_a_dot_within_a_label_stays_one() {
    let Some(answer) = case("03-dot-in-label") else { return };
    let server = saying(vec![answer]);
    let (line, _) = json(&[server], "exa\\.mple.com", &[]);
    assert_eq!((&line["name"], data(&line)), (&"exa\\.mple.com".into(), Some("192.0.2.1")), "{line}");
    let simple = ask(&[server], &["-o", "simple", line["name"].as_str().expect("a name")]).expect_code(0);
    assert_eq!(simple.stdout, "exa\\.mple.com. A 192.0.2.1\n");
    // As a reply to the query for a name of three labels, it is unmatched.
    let options = ["--timeout", "50ms", "--tries", "2"];
    let (line, stats) = json(&[server], "exa.mple.com", &options);
    assert_eq!((&line["outcome"], count(&stats, "unmatched")), (&"silent".into(), 2), "{line} {stats}");
}

#[test]
fn case_4_lines_that_are_names_are_asked_for_and_others_have_a_reason() {
    let server = scripted(|socket, query, from| {
        let _ = socket.send_to(&reply(query, [192, 0, 2, query[13]]), from);
    });
    let server = server.to_string();
    let long = "y".repeat(64);
    let input = format!("\\\".\n\\\\.\n\\123.\n\\123.xxx\n\\\na..b\nx\\300y\n{long}\nlast.test\n");
    let arguments = ["dns", "-i", "-", "-o", "simple", "--stats", "-", "--server", &server];
    let run = run_with_input(&arguments, input.as_bytes()).expect_code(0);
    let mut lines: Vec<_> = run.stdout.lines().collect();
    let stats: Value = serde_json::from_str(lines.pop().expect("the ledger")).expect("an object");
    lines.sort_unstable();
    // The last byte of each address is the first byte of the name on the wire.
    let expected = [
        "\\\". A 192.0.2.34",
        "\\\\. A 192.0.2.92",
        "last.test. A 192.0.2.108",
        "{. A 192.0.2.123",
        "{.xxx. A 192.0.2.123",
    ];
    assert_eq!((lines, count(&stats, "bad_lines")), (expected.to_vec(), 4), "{}", run.stderr);
    assert_eq!(run.stderr.matches("warning").count(), 4, "{}", run.stderr);
}

#[test]
fn case_5_names_are_compared_without_case() {
    let (Some(alias), Some(lower)) = (case("05-answer-other-case"), case("05b-question-lowercased")) else {
        return;
    };
    let (line, stats) = json(&[saying(vec![alias])], "REDACTED.iot.example.test", &[]);
    let records = line["answer"]["records"].as_array().expect("records");
    assert_eq!((records.len(), &records[1]["data"]), (2, &"192.0.2.5".into()), "{line}");
    assert_eq!((line["reason"].as_str(), count(&stats, "datagrams_sent")), (None, 1), "{line}");
    let server = saying(vec![lower]);
    let (line, _) = json(&[server], "MiXeD.case.test", &[]);
    assert_eq!(data(&line), Some("192.0.2.6"), "{line}");
    let (line, stats) = json(
        &[server],
        "MiXeD.case.test",
        &["--0x20", "--timeout", "50ms", "--tries", "2", "--tcp", "never"],
    );
    // Thirteen letters: the random case is hardly ever all lower.
    assert_eq!((&line["outcome"], count(&stats, "unmatched")), (&"silent".into(), 2), "{line}");
}

#[test]
fn case_7_broken_answers_are_counted_and_better_ones_awaited() {
    for name in ["07-pointer-loop", "08-rdlength-past-end"] {
        let Some(broken) = case(name) else { return };
        let (line, stats) =
            json(&[saying(vec![broken.clone()])], "www.example.test", &["--timeout", "50ms", "--tries", "2"]);
        assert_eq!(
            (&line["outcome"], count(&stats, "broken")),
            (&"malformed".into(), 2),
            "{name} {line} {stats}"
        );
        assert!(line["reason"].as_str().is_some_and(|reason| !reason.is_empty()), "{line}");
        let server = scripted(move |socket, query, from| {
            let _ = socket.send_to(&with_id(&broken, query), from);
            let _ = socket.send_to(&reply(query, [192, 0, 2, 1]), from);
        });
        let (line, stats) = json(&[server], "www.example.test", &["--timeout", "20s"]);
        assert_eq!((data(&line), count(&stats, "broken")), (Some("192.0.2.1"), 1), "{name} {line} {stats}");
    }
}

#[test]
fn case_9_a_name_that_one_server_refuses_is_answered_by_the_other() {
    let refuse = |query: &[u8]| {
        let mut refusal = reply(query, [0; 4]);
        refusal.truncate(12 + question(query).len());
        refusal[3] = 0x85;
        refusal[7] = 0;
        refusal
    };
    let is_even = |query: &[u8]| query[14].is_multiple_of(2);
    let picky = scripted(move |socket, query, from| {
        let answer = if is_even(query) { refuse(query) } else { reply(query, [192, 0, 2, 1]) };
        let _ = socket.send_to(&answer, from);
    });
    let good = scripted(|socket, query, from| drop(socket.send_to(&reply(query, [192, 0, 2, 1]), from)));
    let names: Vec<String> = (0..10).map(|number| format!("n{number}.test")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let all = ask(&[picky, good], &[&names[..], &["-o", "simple"]].concat()).expect_code(0);
    assert_eq!(all.stdout.lines().filter(|line| line.ends_with(" A 192.0.2.1")).count(), 10);
    let refusing = scripted(move |socket, query, from| drop(socket.send_to(&refuse(query), from)));
    let (line, _) = json(&[picky, refusing], "n2.test", &[]);
    assert_eq!(line["answer"]["rcode"], "REFUSED", "{line}");
    let refusals = line["refusals"].as_array().expect("a list");
    let named: BTreeSet<_> = refusals.iter().filter_map(|refusal| refusal["server"].as_str()).collect();
    assert_eq!(named, [&*picky.to_string(), &*refusing.to_string()].into(), "{line}");
}

#[test]
fn case_10_each_failure_has_a_line() {
    let server = scripted(|socket, query, from| {
        let mut answer = reply(query, [192, 0, 2, 1]);
        match query[14] {
            b'1' => return,
            b'2' => answer[3] = 0x82,
            _ => {}
        }
        let _ = socket.send_to(&answer, from);
    });
    let names = ["n0.test", "n1.test", "n2.test", "n3.test", "n4.test", "-o", "json"];
    let run = ask(&[server], &[&names[..], &["--timeout", "100ms", "--tries", "2"]].concat()).expect_code(0);
    let told = |name: &str| {
        let lines = run.lines();
        let line = lines.iter().find(|line| line["name"] == name).expect("a line").clone();
        (line["outcome"].clone(), line["answer"]["rcode"].clone())
    };
    assert_eq!(run.lines().len(), 5);
    assert_eq!(told("n1.test"), ("silent".into(), Value::Null));
    assert_eq!(told("n2.test"), ("answered".into(), "SERVFAIL".into()));
    for name in ["n0.test", "n3.test", "n4.test"] {
        assert_eq!(told(name), ("answered".into(), "NOERROR".into()));
    }
}

#[test]
fn case_11_aliases_and_empty_answers_of_the_zone_are_told_apart() {
    let Some(zone) = shared("cases/dns/servers/t.zone") else { return };
    if !have("/usr/sbin/nsd", "nsd") {
        return;
    }
    let server = nsd(&[("t.test", &zone)]);
    let server: SocketAddr = server.address.parse().expect("an address");
    for (name, rcode, records, reason) in [
        ("a", "NOERROR", 4, ""),
        ("alias", "NOERROR", 6, ""),
        ("nodata", "NOERROR", 0, ""),
        ("b", "NOERROR", 0, ""),
        ("any.w", "NOERROR", 1, ""),
        ("nothing", "NXDOMAIN", 0, ""),
        ("with\\032space", "NOERROR", 1, ""),
        ("bin\\000\\255", "NOERROR", 1, ""),
        ("upper", "NOERROR", 1, ""),
    ] {
        let (line, stats) = json(&[server], &format!("{name}.t.test"), &[]);
        let answers = line["answer"]["records"].as_array().into_iter().flatten();
        let answers = answers.filter(|record| record["section"] == "answer").count();
        let told = (line["answer"]["rcode"].as_str(), answers, line["reason"].as_str().unwrap_or_default());
        assert_eq!(told, (Some(rcode), records, reason), "{line}");
        assert_eq!(count(&stats, "queries"), 1, "{name}");
    }
    let (line, _) = json(&[server], "dangling.t.test", &[]);
    assert_eq!(
        (data(&line), &line["answer"]["rcode"]),
        (Some("nowhere.t.test."), &"NXDOMAIN".into()),
        "{line}"
    );
    let (line, stats) = json(&[server], "loop1.t.test", &[]);
    assert_eq!(
        (&line["reason"], count(&stats, "queries")),
        (&"the aliases lead to no end".into(), 1),
        "{line}"
    );
}

#[test]
fn case_11_every_record_of_the_zone_is_printed() {
    let Some(zone) = shared("cases/dns/servers/t.zone") else { return };
    if !have("/usr/sbin/nsd", "nsd") {
        return;
    }
    let server = nsd(&[("t.test", &zone)]);
    let server: SocketAddr = server.address.parse().expect("an address");
    for (name, of, expected) in [
        ("v6", "AAAA", "2001:db8::1"),
        ("mx", "MX", "10 a.t.test."),
        ("srv", "SRV", "0 5 443 a.t.test."),
        ("caa", "CAA", "0 issue \"ca.test\""),
        ("unk", "TYPE65280", "\\# 4 01020304"),
        ("svc", "HTTPS", "1 . alpn=\"h2\" ipv4hint=192.0.2.1"),
        ("esc", "TXT", "\"a\\\"b\\\\c\" \"semi;colon\" \"\\200\\010\""),
    ] {
        let (line, _) = json(&[server], &format!("{name}.t.test"), &["-t", of]);
        assert_eq!(data(&line), Some(expected), "{line}");
    }
    let (line, _) = json(&[server], "big.t.test", &["-t", "TXT"]);
    assert!(line["tcp"] == true && data(&line).is_some_and(|data| data.len() > 4000), "{line}");
}
