//! Host names are resolved by the name servers of `/etc/resolv.conf`, as glibc's resolver does it. Needs root for a
//! namespace of its own, in which the tests have the files that they want.
#![cfg(all(feature = "cli", target_os = "linux"))]

mod support;

use std::collections::BTreeMap;
use std::io::Write;
use std::net::{TcpListener, UdpSocket};
use std::sync::{Arc, Mutex};

use serde_json::Value;
use support::name_server::{frame, read_frame};
use support::{Run, allears, is_isolated, shell};

/// The records of the zone: a name, its type (1 A, 5 CNAME, 28 AAAA), and the data.
const ZONE: [(&str, u8, &[u8]); 7] = [
    ("v4.test", 1, &[127, 0, 0, 2]),
    ("v6.test", 28, &[0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]),
    ("both.test", 1, &[127, 0, 0, 4]),
    ("both.test", 28, &[0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]),
    ("alias.test", 5, b"\x02v4\x04test\0"),
    ("box.b.test", 1, &[127, 0, 0, 3]),
    ("box.broken.test", 1, &[127, 0, 0, 9]),
];

/// The names that were asked for, with their types.
type Asked = Arc<Mutex<Vec<(String, u8)>>>;

/// Writes the files, and mounts them over those of the system.
fn files(files: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder");
    for (file, content) in files {
        let path = folder.path().join(file);
        std::fs::write(&path, content).expect("written");
        shell(&format!("[ -e /etc/{file} ] || : > /etc/{file}; mount --bind {} /etc/{file}", path.display()));
    }
    folder
}

/// Starts a name server at an address. Names with `n` and a number have the address 127.0.0.5, others that are not in the
/// zone do not exist, and below `broken.test` it fails.
fn name_server(address: &str) -> Asked {
    let server = UdpSocket::bind(address).expect("a namespace of our own");
    let asked = Asked::default();
    let log = asked.clone();
    std::thread::spawn(move || {
        let mut request = [0; 512];
        while let Ok((length, from)) = server.recv_from(&mut request) {
            let (name, of) = question(&request[12..length]);
            log.lock().expect("no panic").push((name.clone(), of));
            server.send_to(&reply(&request[..length], &name, of), from).expect("sent");
        }
    });
    asked
}

fn question(wire: &[u8]) -> (String, u8) {
    let (mut labels, mut at) = (vec![], 0);
    while wire[at] > 0 {
        let end = at + 1 + usize::from(wire[at]);
        labels.push(String::from_utf8(wire[at + 1..end].to_vec()).expect("ASCII").to_lowercase());
        at = end;
    }
    (labels.join("."), wire[at + 2])
}

fn reply(request: &[u8], name: &str, of: u8) -> Vec<u8> {
    let mut records = vec![];
    let is_numbered =
        name.strip_prefix('n').is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()));
    let exists = is_numbered || ZONE.iter().any(|(owner, ..)| *owner == name);
    if is_numbered && of == 1 {
        records.push(record(1, &[127, 0, 0, 5], &[0xc0, 12]));
    }
    for (owner, kind, data) in ZONE {
        if owner == name && kind == of {
            records.push(record(kind, data, &[0xc0, 12]));
        } else if owner == name && kind == 5 {
            records.push(record(5, data, &[0xc0, 12]));
            // The target of the only alias.
            records.extend((of == 1).then(|| record(1, ZONE[0].2, data)));
        }
    }
    let rcode = match exists {
        _ if name.ends_with("broken.test") => 2,
        true => 0,
        false => 3,
    };
    let end = 12 + name.len() + 2 + 4;
    let header = [0x81, 0x80 | rcode, 0, 1, 0, records.len() as u8, 0, 0, 0, 0];
    [&request[..2], &header, &request[12..end], &records.concat()].concat()
}

fn record(kind: u8, data: &[u8], owner: &[u8]) -> Vec<u8> {
    [owner, &[0, kind, 0, 1, 0, 0, 0, 60, 0, data.len() as u8], data].concat()
}

/// Resolves names, and returns the targets of each in order of the text, or the reason why there are none. Targets are
/// written as their hosts answer, in any order.
fn resolve(args: &[&str], names: &[&str]) -> (BTreeMap<String, String>, Run) {
    let mut command = allears();
    command.args(["probe", "--text", "x", "-o", "json", "--port", "9", "--tries", "1", "--timeout", "20ms"]);
    let run = Run::from(command.args(args).args(names).output().expect("allears starts"));
    let mut results = BTreeMap::<String, Vec<String>>::new();
    for line in run.lines() {
        let text = |key: &str| line[key].as_str().unwrap_or_default().to_owned();
        let result = match &line["target"] {
            Value::Null => text("reason"),
            target => target.as_str().expect("text").trim_end_matches(":9").to_owned(),
        };
        results.entry(text("input")).or_default().push(result);
    }
    let joined = results.into_iter().map(|(input, mut targets)| {
        targets.sort();
        (input, targets.join(" "))
    });
    (joined.collect(), run)
}

#[track_caller]
fn expect(args: &[&str], expected: &[(&str, &str)]) {
    let names: Vec<_> = expected.iter().map(|(name, _)| *name).collect();
    let (results, run) = resolve(args, &names);
    for (name, result) in expected {
        let found = results.get(*name).unwrap_or_else(|| panic!("{name}\n{}{}", run.stdout, run.stderr));
        assert_eq!(found.strip_prefix("cannot resolve the name: ").unwrap_or(found), *result, "{name}");
    }
}

const SWITCH: (&str, &str) = ("nsswitch.conf", "hosts: files dns\n");

#[test]
fn names_are_resolved_with_hosts_aliases_and_the_search_list() {
    if !is_isolated("names_are_resolved_with_hosts_aliases_and_the_search_list") {
        return;
    }
    let conf = "nameserver 127.0.0.1\nsearch a.test b.test\noptions unknown:7 timeout:1\n";
    let _files = files(&[("resolv.conf", conf), ("hosts", "127.0.0.7 filed.test Box2\n"), SWITCH]);
    let asked = name_server("127.0.0.1:53");
    expect(
        &[],
        &[
            ("v4.test", "127.0.0.2"),
            ("v6.test", "[::1]"),
            ("both.test", "127.0.0.4"),
            ("alias.test.", "127.0.0.2"),
            ("box", "127.0.0.3"),
            ("box2", "127.0.0.7"),
            ("Filed.Test", "127.0.0.7"),
            ("x.localhost", "127.0.0.1"),
            ("no.test", "no such name"),
            ("x.broken.test", "the name server failed (SERVFAIL)"),
        ],
    );
    let log = asked.lock().expect("no panic").clone();
    let count = |name: &str, of: u8| log.iter().filter(|entry| **entry == (name.to_owned(), of)).count();
    assert!(!log.iter().any(|(name, _)| name.contains("localhost") || name.contains("filed")), "{log:?}");
    assert_eq!((count("both.test", 1), count("both.test", 28)), (1, 0), "IPv6 is asked for only if needed");
    assert_eq!((count("v6.test", 1), count("v6.test", 28)), (1, 1));
    assert_eq!((count("box.a.test", 1), count("box.b.test", 1), count("box", 1)), (1, 1, 0), "in order");
    assert_eq!(count("no.test.b.test", 1), 1, "the search list is tried after the name");
    assert_eq!(count("x.broken.test.a.test", 1), 0, "a failure ends the search");
    assert_eq!(count("no.test", 28), 0, "a name that does not exist has no IPv6 address");

    expect(&["-4"], &[("v6.test.", "it has no IPv4 address"), ("both.test", "127.0.0.4")]);
    expect(&["-6"], &[("v4.test.", "it has no IPv6 address"), ("both.test", "[::1]")]);
    expect(&["--all-addresses"], &[("both.test", "127.0.0.4 [::1]"), ("v4.test", "127.0.0.2")]);
    expect(&["--resolver", "system"], &[("v4.test", "127.0.0.2"), ("box", "127.0.0.3")]);
}

#[test]
fn another_server_is_asked_if_one_is_silent_or_closed() {
    if !is_isolated("another_server_is_asked_if_one_is_silent_or_closed") {
        return;
    }
    // Nothing listens at the first address, and the second is silent.
    let conf =
        "nameserver 127.0.0.8\nnameserver 127.0.0.9\nnameserver 127.0.0.1\noptions timeout:1 attempts:1\n";
    let _files = files(&[("resolv.conf", conf), ("hosts", ""), SWITCH]);
    let _silent = UdpSocket::bind("127.0.0.9:53").expect("a namespace of our own");
    let asked = name_server("127.0.0.1:53");
    expect(&[], &[("v4.test", "127.0.0.2"), ("no.test", "no such name")]);
    assert!(!asked.lock().expect("no panic").is_empty());
}

#[test]
fn without_an_answer_the_reason_is_not_that_there_is_no_such_name() {
    if !is_isolated("without_an_answer_the_reason_is_not_that_there_is_no_such_name") {
        return;
    }
    let conf = "nameserver 127.0.0.9\nsearch b.test\noptions timeout:1 attempts:1\n";
    let _files = files(&[("resolv.conf", conf), ("hosts", ""), SWITCH]);
    let silent = UdpSocket::bind("127.0.0.9:53").expect("a namespace of our own");
    expect(&[], &[("v4.test", "no answer from the name server 127.0.0.9: no answer to 1 attempt")]);
    drop(silent);
    let (results, _) = resolve(&[], &["v4.test"]);
    assert!(results["v4.test"].contains("127.0.0.9: connection refused"), "{results:?}");
}

#[test]
fn names_are_resolved_by_tcp_if_wanted() {
    if !is_isolated("names_are_resolved_by_tcp_if_wanted") {
        return;
    }
    let conf = "nameserver 127.0.0.1\noptions use-vc\n";
    let _files = files(&[("resolv.conf", conf), ("hosts", ""), SWITCH]);
    let server = TcpListener::bind("127.0.0.1:53").expect("a namespace of our own");
    std::thread::spawn(move || {
        for stream in server.incoming() {
            let mut stream = stream.expect("a connection");
            while let Some(request) = read_frame(&mut stream) {
                let (name, of) = question(&request[12..]);
                stream.write_all(&frame(&reply(&request, &name, of))).expect("written");
            }
        }
    });
    expect(&[], &[("v4.test", "127.0.0.2"), ("v6.test", "[::1]"), ("no.test", "no such name")]);
}

#[test]
fn many_names_are_resolved_at_once_and_none_is_lost() {
    if !is_isolated("many_names_are_resolved_at_once_and_none_is_lost") {
        return;
    }
    let _files = files(&[("resolv.conf", "nameserver 127.0.0.1\n"), ("hosts", ""), SWITCH]);
    let _asked = name_server("127.0.0.1:53");
    let names: Vec<_> = (0..700)
        .map(|number| if number % 7 == 0 { format!("x{number}.test.") } else { format!("n{number}.test.") })
        .collect();
    let (results, run) = resolve(&[], &names.iter().map(String::as_str).collect::<Vec<_>>());
    assert_eq!(results.len(), names.len(), "{}", run.stderr);
    for (name, result) in &results {
        let expected =
            if name.starts_with('n') { "127.0.0.5" } else { "cannot resolve the name: no such name" };
        assert_eq!(result, expected, "{name}");
    }
}
