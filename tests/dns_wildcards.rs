//! `allears dns --wildcards`.
#![cfg(feature = "cli")]

mod support;

use std::collections::BTreeMap;
use std::net::UdpSocket;
use std::thread::{self, JoinHandle};

use allears::protocol::dns::{Message, Name, Rcode, RecordType};
use serde_json::Value;
use support::name_server::{knot, nsd};
use support::{Fleet, Run, count, have, run, run_with_input};

/// A zone with wildcards, and with names beside them.
const ZONE: &str = r#"$ORIGIN t.test.
$TTL 300
@ SOA ns host 1 3600 900 604800 60
@ NS ns
ns A 127.0.0.1
www A 192.0.2.1
*.w A 192.0.2.1
*.w A 192.0.2.2
*.w TXT "wild"
real.w A 192.0.2.9
real.w TXT "real"
part.w A 192.0.2.1
part.w A 192.0.2.9
inner.w A 192.0.2.9
*.c CNAME target
own.c CNAME www
target A 192.0.2.5
*.gone CNAME nowhere.t.test.
"#;

const NAMES: [&str; 12] = [
    "www.t.test",
    "a.w.t.test",
    "B.W.t.test",
    "x.y.w.t.test",
    "real.w.t.test",
    "part.w.t.test",
    "x.inner.w.t.test",
    "a.c.t.test",
    "own.c.t.test",
    "a.gone.t.test",
    "nx.t.test",
    "w.t.test",
];

/// Returns the marks of JSON lines by name and type: `-` without one.
fn marks(run: &Run) -> BTreeMap<String, String> {
    let mark = |line: &Value| line.get("wildcard").map_or("-".to_owned(), Value::to_string);
    let name = |line: &Value| {
        let text = |key: &str| line[key].as_str().expect("text").to_lowercase();
        format!("{} {}", text("name"), text("type"))
    };
    run.lines().iter().map(|line| (name(line), mark(line))).collect()
}

fn expected<const N: usize>(marks: [(&str, &str); N]) -> BTreeMap<String, String> {
    marks.into_iter().map(|(name, mark)| (name.to_owned(), mark.to_owned())).collect()
}

fn ask(server: &str, more: &[&str]) -> Run {
    run(&[&["dns", "--rate", "unlimited", "--server", server], more].concat())
}

fn check_real(server: &str) {
    let more = ["--wildcards", "mark", "-t", "A,TXT", "-o", "json"];
    let run = ask(server, &[&NAMES[..], &more].concat()).expect_code(0);
    let known = expected([
        ("www.t.test a", "false"),
        ("www.t.test txt", "-"),
        ("a.w.t.test a", "true"),
        ("a.w.t.test txt", "true"),
        ("b.w.t.test a", "true"),
        ("b.w.t.test txt", "true"),
        ("x.y.w.t.test a", "true"),
        ("x.y.w.t.test txt", "true"),
        ("real.w.t.test a", "false"),
        ("real.w.t.test txt", "false"),
        ("part.w.t.test a", "false"),
        ("part.w.t.test txt", "-"),
        ("x.inner.w.t.test a", "-"),
        ("x.inner.w.t.test txt", "-"),
        ("a.c.t.test a", "true"),
        ("a.c.t.test txt", "true"),
        ("own.c.t.test a", "false"),
        ("own.c.t.test txt", "false"),
        ("a.gone.t.test a", "true"),
        ("a.gone.t.test txt", "true"),
        ("nx.t.test a", "-"),
        ("nx.t.test txt", "-"),
        ("w.t.test a", "-"),
        ("w.t.test txt", "-"),
    ]);
    assert_eq!(marks(&run), known, "{}", run.stderr);
    assert!(run.stderr.contains("12 names, 24 questions in "), "{}", run.stderr);
    assert!(run.stderr.contains("; from wildcards: 10 ("), "{}", run.stderr);

    let more = ["--wildcards", "drop", "--only-answers", "-o", "simple"];
    let run = ask(server, &[&NAMES[..], &more].concat()).expect_code(0);
    let mut lines: Vec<_> = run.stdout.lines().collect();
    lines.sort_unstable();
    let kept = [
        "own.c.t.test. CNAME www.t.test.",
        "part.w.t.test. A 192.0.2.1",
        "part.w.t.test. A 192.0.2.9",
        "real.w.t.test. A 192.0.2.9",
        "www.t.test. A 192.0.2.1",
        "www.t.test. A 192.0.2.1",
    ];
    assert_eq!(lines, kept, "{}", run.stderr);
    assert!(run.stderr.contains("from wildcards: 4 left out ("), "{}", run.stderr);
}

#[test]
fn wildcards_of_nsd_are_told_apart_from_names() {
    if have("/usr/sbin/nsd", "nsd") {
        check_real(&nsd(&[("t.test", ZONE)]).address);
    }
}

#[test]
fn wildcards_of_knot_are_told_apart_from_names() {
    if have("/usr/sbin/knotd", "knot") {
        check_real(&knot(ZONE, &[]).address);
    }
}

#[test]
fn each_format_has_its_mark() {
    let fleet =
        Fleet::start(&["--protocol", "dns", "--hosts", "1", "--base", "127.1.0.1", "--latency", "0ms"]);
    let server = fleet.hosts().remove(0);
    let lines = |format: &str| {
        let names = ["a.wild.test", "nx.test", "--wildcards", "mark", "-o", format];
        let run = ask(&server, &names).expect_code(0);
        assert!(run.stderr.contains("from wildcards: 1 (random names queried: 1)"), "{}", run.stderr);
        let mut lines: Vec<_> = run.stdout.lines().map(str::to_owned).collect();
        lines.sort();
        lines
    };
    for format in ["simple", "zone"] {
        let [line] = &lines(format)[..] else { panic!("one line") };
        assert!(line.starts_with("a.wild.test.") && line.ends_with(" ; wildcard"), "{line}");
    }
    assert!(lines("table")[0].ends_with(" (wildcard)"));
    let csv = lines("csv");
    assert_eq!(csv[1], "name,type,outcome,rcode,ttl,data,server,wildcard,reason");
    assert!(csv[0].ends_with(&format!(",{server},true,")), "{csv:?}");
    assert_eq!(csv[2], format!("nx.test,A,answered,NXDOMAIN,,,{server},,"));
    let json = lines("json");
    assert!(json[0].ends_with(r#","wildcard":true}"#) && !json[1].contains("wildcard"), "{json:?}");
}

/// With little memory, answers wait in turns; each has its line in the end.
#[test]
fn many_parents_and_many_names_fit_into_little_memory() {
    let fleet =
        Fleet::start(&["--protocol", "dns", "--hosts", "2", "--base", "127.1.0.1", "--latency", "2ms"]);
    let hosts = fleet.hosts();
    let parents: String = (0..3000).map(|i| format!("a.wild{i}.test\n")).collect();
    let names: String = (0..3000).map(|i| format!("n{i}.wild.test\n")).collect();
    let common = ["dns", "--rate", "unlimited", "--server", &hosts[0], "--server", &hosts[1], "-i", "-"];
    let more = ["-o", "json", "--stats", "/dev/stderr", "-q", "--wildcards", "mark", "--memory", "1M"];
    for (input, probes) in [(parents, 3000), (names, 1)] {
        let run = run_with_input(&[&common[..], &more].concat(), input.as_bytes()).expect_code(0);
        let marks = marks(&run);
        assert_eq!(marks.len(), 3000);
        assert!(marks.values().all(|mark| mark == "true"));
        let stats: Value = serde_json::from_str(run.stderr.trim()).expect("the ledger");
        let counts = ["targets", "probes", "queries"].map(|key| count(&stats, key));
        assert_eq!(counts, [3000, probes, 3000 + probes], "{stats}");
    }
}

/// A server that answers as `answer` says: the code, and the addresses of the name; `None` for silence.
struct Scripted {
    address: String,
    thread: Option<JoinHandle<()>>,
}

impl Scripted {
    fn start(
        mut answer: impl FnMut(&str, RecordType) -> Option<(Rcode, Vec<[u8; 4]>)> + Send + 'static,
    ) -> Scripted {
        let socket = UdpSocket::bind("127.0.0.1:0").expect("a socket");
        let address = socket.local_addr().expect("bound").to_string();
        let thread = thread::spawn(move || {
            let mut query = [0; 2048];
            while let Ok((length, from)) = socket.recv_from(&mut query) {
                if length == 0 {
                    return;
                }
                let query = &query[..length];
                let (name, end) = Name::from_message(query, 12).expect("a name");
                let of = RecordType(u16::from_be_bytes([query[end], query[end + 1]]));
                let Some((rcode, addresses)) = answer(&name.to_string(), of) else { continue };
                let counts = [0, 1, 0, addresses.len() as u8, 0, 0, 0, 0];
                let header = [&query[..2], &[0x80, 0x80 | rcode.0 as u8], &counts].concat();
                let record =
                    |address: &[u8; 4]| [&b"\xc0\x0c\0\x01\0\x01\0\0\0\x3c\0\x04"[..], address].concat();
                let records: Vec<u8> = addresses.iter().flat_map(record).collect();
                let reply = [header, query[12..end + 4].to_vec(), records].concat();
                assert!(Message::new(&reply[..]).is_ok());
                socket.send_to(&reply, from).expect("sent");
            }
        });
        Scripted { address, thread: Some(thread) }
    }
}

impl Drop for Scripted {
    fn drop(&mut self) {
        let socket = UdpSocket::bind("127.0.0.1:0").expect("a socket");
        socket.send_to(&[], &self.address).expect("sent");
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

/// Returns whether the first label is a random one of allears.
fn is_random(name: &str) -> bool {
    let label = name.split('.').next().unwrap_or_default();
    label.len() == 16 && label.bytes().all(|byte| byte.is_ascii_hexdigit())
}

#[test]
fn rotating_addresses_are_from_the_wildcard_and_another_one_is_not() {
    // Random names and others take turns separately.
    let mut turns = [0, 0];
    let server = Scripted::start(move |name, _| {
        let turn = &mut turns[usize::from(is_random(name))];
        *turn += 1;
        let address = if name == "real.test." { 9 } else { *turn % 2 };
        Some((Rcode::NOERROR, vec![[192, 0, 2, address]]))
    });
    let names: String = (0..50).map(|i| format!("n{i}.test\n")).collect::<String>() + "real.test\n";
    let arguments = ["dns", "--server", &server.address, "-i", "-", "-o", "json", "--wildcards", "mark"];
    let run = run_with_input(&arguments, names.as_bytes()).expect_code(0);
    let marks = marks(&run);
    assert_eq!(marks.values().filter(|mark| *mark == "true").count(), 50, "{marks:?}");
    assert_eq!(marks["real.test a"], "false");
}

#[test]
fn unknown_answers_are_kept_and_counted() {
    let mut number = 0;
    let server = Scripted::start(move |name, _| {
        let address = if is_random(name) { number } else { 255 };
        number += 1;
        match name {
            _ if name.ends_with(".endless.test.") => Some((Rcode::NOERROR, vec![[192, 0, 2, address]])),
            _ if name.ends_with(".broken.test.") && is_random(name) => Some((Rcode::SERVFAIL, vec![])),
            _ if name.ends_with(".silent.test.") && is_random(name) => None,
            _ if is_random(name) => Some((Rcode::NXDOMAIN, vec![])),
            _ => Some((Rcode::NOERROR, vec![[192, 0, 2, 1]])),
        }
    });
    let long = format!("a.{0}.{0}.{0}.{1}", "x".repeat(63), "y".repeat(45));
    let names =
        ["a.endless.test", "a.broken.test", "b.broken.test", "a.silent.test", "a.test", "test", &long];
    let more = ["--wildcards", "drop", "-o", "json", "--timeout", "200ms", "--tries", "2"];
    let run = ask(&server.address, &[&names[..], &more].concat()).expect_code(0);
    let known = expected([
        ("a.endless.test a", "null"),
        ("a.broken.test a", "null"),
        ("b.broken.test a", "null"),
        ("a.silent.test a", "null"),
        ("a.test a", "false"),
        ("test a", "false"),
        (&format!("{long} a"), "null"),
    ]);
    assert_eq!(marks(&run), known);
    assert!(run.stderr.contains("7 NOERROR; from wildcards: 0 left out, 5 unknown"), "{}", run.stderr);

    let more = ["--wildcards", "mark", "-o", "simple"];
    let run = ask(&server.address, &[&names[1..2], &more].concat()).expect_code(0);
    assert_eq!(run.stdout, "a.broken.test. A 192.0.2.1 ; maybe wildcard\n");
}

#[test]
fn the_root_has_no_parent_and_failures_no_mark() {
    let server = Scripted::start(|name, _| match name {
        _ if is_random(name) => Some((Rcode::NOERROR, vec![[192, 0, 2, 1]])),
        "." | "top." => Some((Rcode::NOERROR, vec![[192, 0, 2, 1]])),
        "nodata." => Some((Rcode::NOERROR, vec![])),
        _ => Some((Rcode::NXDOMAIN, vec![])),
    });
    let names = [".", "top", "nodata", "nx", "--wildcards", "mark", "-o", "json"];
    let run = ask(&server.address, &names).expect_code(0);
    let known = expected([(". a", "-"), ("top a", "true"), ("nodata a", "-"), ("nx a", "-")]);
    assert_eq!(marks(&run), known);
}

#[test]
fn answers_that_wait_at_the_end_are_written() {
    let server =
        Scripted::start(|name, _| (!is_random(name)).then(|| (Rcode::NOERROR, vec![[192, 0, 2, 1]])));
    let names = ["a.test", "b.test", "--wildcards", "drop", "-o", "json", "--deadline", "2s"];
    let run = ask(&server.address, &[&names[..], &["--timeout", "20s"]].concat()).expect_code(0);
    assert_eq!(marks(&run), expected([("a.test a", "null"), ("b.test a", "null")]));
    assert!(run.stderr.contains("2 unknown (random names queried: 1)"), "{}", run.stderr);
}

#[test]
fn only_answers_that_are_written_are_judged() {
    let server = Scripted::start(|_, _| Some((Rcode::NOERROR, vec![[192, 0, 2, 1]])));
    let names = ["a.test", "b.test", "--wildcards", "drop", "--where", "data=192.0.2.7"];
    let run = ask(&server.address, &names).expect_code(0);
    assert!(
        run.stderr.contains("2 NOERROR; from wildcards: 0 left out (random names queried: 0"),
        "{}",
        run.stderr
    );
}
