//! Servers whose TCP fails in various ways: each name has an outcome with a reason, names at other servers are
//! answered, and with another server for the same names, none is missing.
#![cfg(feature = "cli")]

mod support;

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::Mutex;

use serde_json::Value;
use support::name_server::{frame, read_frame, reply, serve_connections, truncated, truncating_server};
use support::{count, run_with_input};

/// The address that all names have.
const ADDRESS: [u8; 4] = [192, 0, 2, 1];

/// Starts a server that truncates its answers over UDP, and passes TCP connections to `serve`, each in its own thread.
fn server(serve: fn(TcpStream)) -> SocketAddr {
    let (address, listener) = truncating_server();
    serve_connections(listener, serve);
    address
}

fn answer_all(mut stream: TcpStream) {
    while let Some(query) = read_frame(&mut stream) {
        if stream.write_all(&frame(&reply(&query, ADDRESS))).is_err() {
            return;
        }
    }
}

/// Reads until the other end closes, and sends nothing.
fn stall(mut stream: TcpStream) {
    while read_frame(&mut stream).is_some() {}
}

/// Accepts, and reads nothing until the end of the test.
fn never_read(stream: TcpStream) {
    static KEPT: Mutex<Vec<TcpStream>> = Mutex::new(vec![]);
    KEPT.lock().expect("no panic").push(stream);
}

fn close_at_once(stream: TcpStream) {
    let _ = stream.shutdown(Shutdown::Both);
}

/// Closes without having read, which resets the connection.
fn reset(mut stream: TcpStream) {
    let _ = stream.read_exact(&mut [0; 3]);
}

fn close_within_the_length(mut stream: TcpStream) {
    if read_frame(&mut stream).is_some() {
        let _ = stream.write_all(&[0]);
    }
}

fn close_within_a_message(mut stream: TcpStream) {
    if let Some(query) = read_frame(&mut stream) {
        let whole = frame(&reply(&query, ADDRESS));
        let _ = stream.write_all(&whole[..whole.len() - 3]);
    }
}

fn stop_within_a_message(mut stream: TcpStream) {
    if let Some(query) = read_frame(&mut stream) {
        let whole = frame(&reply(&query, ADDRESS));
        let _ = stream.write_all(&whole[..whole.len() - 3]);
        stall(stream);
    }
}

/// Answers with the right ID, but another name.
fn answer_another_question(mut stream: TcpStream) {
    while let Some(mut query) = read_frame(&mut stream) {
        query[13] ^= 1;
        if stream.write_all(&frame(&reply(&query, [192, 0, 2, 66]))).is_err() {
            return;
        }
    }
}

fn answer_with_another_id(mut stream: TcpStream) {
    while let Some(mut query) = read_frame(&mut stream) {
        query[0] ^= 1;
        if stream.write_all(&frame(&reply(&query, [192, 0, 2, 66]))).is_err() {
            return;
        }
    }
}

/// Announces 65,535 bytes, and sends fewer.
fn announce_too_much(mut stream: TcpStream) {
    if let Some(query) = read_frame(&mut stream) {
        let _ = stream.write_all(&[&[0xff, 0xff], &reply(&query, ADDRESS)[..]].concat());
        stall(stream);
    }
}

fn send_empty_messages(mut stream: TcpStream) {
    while read_frame(&mut stream).is_some() && stream.write_all(&[0; 64]).is_ok() {}
}

/// Sends bytes that are no messages, for as long as they are taken.
fn send_garbage(mut stream: TcpStream) {
    let garbage: Vec<u8> =
        (0..1 << 14).map(|number: u32| (number.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    if read_frame(&mut stream).is_some() {
        while stream.write_all(&garbage).is_ok() {}
    }
}

/// Truncates its answers over TCP, too.
fn truncate(mut stream: TcpStream) {
    while let Some(query) = read_frame(&mut stream) {
        if stream.write_all(&frame(&truncated(&query))).is_err() {
            return;
        }
    }
}

type Fault = (&'static str, fn(TcpStream));

/// Faults with which no name is answered.
const FATAL: [Fault; 12] = [
    ("stall", stall),
    ("never_read", never_read),
    ("close_at_once", close_at_once),
    ("reset", reset),
    ("close_within_the_length", close_within_the_length),
    ("close_within_a_message", close_within_a_message),
    ("stop_within_a_message", stop_within_a_message),
    ("answer_another_question", answer_another_question),
    ("answer_with_another_id", answer_with_another_id),
    ("announce_too_much", announce_too_much),
    ("send_empty_messages", send_empty_messages),
    ("send_garbage", send_garbage),
];

/// Queries this number of names, and returns their lines and the ledger.
fn ask(servers: &[SocketAddr], names: usize, options: &[&str]) -> (BTreeMap<String, Value>, Value) {
    let input: String = (0..names).map(|number| format!("n{number}.test\n")).collect();
    let servers: Vec<String> = servers.iter().map(ToString::to_string).collect();
    let common = ["dns", "-i", "-", "-o", "json", "-q", "--rate", "unlimited", "--stats", "-"];
    let mut arguments: Vec<&str> = [&common[..], options].concat();
    servers.iter().for_each(|server| arguments.extend(["--server", server]));
    let run = run_with_input(&arguments, input.as_bytes());
    let mut lines = run.lines();
    let stats = lines.pop().expect("the ledger");
    assert_eq!(lines.len(), names, "a line for each name\n{}", run.stderr);
    let by_name = lines.into_iter().map(|line| (line["name"].as_str().expect("a name").to_owned(), line));
    (by_name.collect(), stats)
}

fn is_answered(line: &Value) -> bool {
    line["tcp"] == true && line["answer"]["records"][0]["data"] == "192.0.2.1"
}

/// Checks that the ledger adds up, and that no wrong answer was accepted.
fn check(fault: &str, lines: &BTreeMap<String, Value>, stats: &Value) {
    let sum = |keys: &[&str]| keys.iter().map(|key| stats[key].as_u64().unwrap_or(0)).sum::<u64>();
    let classes = ["answered", "silent", "unreachable", "send_failed", "malformed", "interrupted"];
    assert_eq!(count(stats, "queries"), sum(&classes), "{fault} {stats}");
    let received = sum(&["datagrams_received", "stream_received"]);
    assert_eq!(received, sum(&["replies", "broken", "late", "duplicates", "unmatched"]), "{fault} {stats}");
    for line in lines.values() {
        assert!(!line.to_string().contains("192.0.2.66"), "{fault} {line}");
    }
}

/// Runs `test` for each fault, all at the same time.
fn for_each_fault(test: fn(&str, SocketAddr)) {
    std::thread::scope(|scope| {
        for (fault, serve) in FATAL {
            scope.spawn(move || test(fault, server(serve)));
        }
    });
}

#[test]
fn each_name_has_an_outcome_with_a_reason() {
    for_each_fault(|fault, bad| {
        let (lines, stats) = ask(&[bad], 20, &["--timeout", "100ms", "--tries", "3"]);
        check(fault, &lines, &stats);
        for line in lines.values() {
            let outcome = line["outcome"].as_str().expect("an outcome");
            assert!(matches!(outcome, "silent" | "malformed"), "{fault} {line}");
            assert!(line["reason"].as_str().is_some_and(|reason| !reason.is_empty()), "{fault} {line}");
        }
    });
}

#[test]
fn the_names_of_another_server_are_answered_meanwhile() {
    for_each_fault(|fault, bad| {
        let good = server(answer_all);
        // Each name stays at its server.
        let (lines, stats) = ask(&[bad, good], 40, &["--sticky", "--timeout", "10s", "--tries", "1"]);
        check(fault, &lines, &stats);
        let of_good = lines.values().filter(|line| line["server"] == good.to_string());
        assert!(of_good.clone().count() >= 20 && of_good.clone().all(is_answered), "{fault} {stats}");
    });
}

#[test]
fn with_another_server_no_name_is_missing() {
    for_each_fault(|fault, bad| {
        let good = server(answer_all);
        for tcp in ["auto", "only"] {
            let options = ["--timeout", "2s", "--tries", "6", "--tcp", tcp];
            let (lines, stats) = ask(&[bad, good], 40, &options);
            check(fault, &lines, &stats);
            let missing = lines.values().find(|line| !is_answered(line));
            assert_eq!(missing, None, "{fault} {tcp} {stats}");
        }
    });
}

#[test]
fn an_answer_that_is_truncated_by_tcp_too_says_so() {
    let (lines, stats) = ask(&[server(truncate)], 5, &["--timeout", "5s"]);
    check("truncate", &lines, &stats);
    for line in lines.values() {
        assert_eq!(
            (&line["outcome"], &line["reason"]),
            (&"answered".into(), &"the answer is truncated".into())
        );
    }
}

#[test]
fn many_servers_with_all_faults_at_once_delay_no_other() {
    let good: Vec<_> = (0..4).map(|_| server(answer_all)).collect();
    let bad = FATAL.iter().map(|(_, serve)| server(*serve));
    let servers: Vec<_> = good.iter().copied().chain(bad).collect();
    let options = ["--timeout", "1s", "--tries", "10"];
    let (lines, stats) = ask(&servers, 400, &options);
    check("all", &lines, &stats);
    assert_eq!(lines.values().find(|line| !is_answered(line)), None, "{stats}");
}

#[test]
fn a_message_of_the_greatest_length_is_read_whole() {
    fn answer(mut stream: TcpStream) {
        while let Some(query) = read_frame(&mut stream) {
            let mut message = reply(&query, ADDRESS);
            // As many records as fit: each has 16 bytes.
            let records = (65_535 - message.len()) / 16 + 1;
            let record = message[message.len() - 16..].to_vec();
            message.extend((1..records).flat_map(|_| record.clone()));
            message[6..8].copy_from_slice(&u16::try_from(records).expect("few").to_be_bytes());
            if stream.write_all(&frame(&message)).is_err() {
                return;
            }
        }
    }
    let (lines, stats) = ask(&[server(answer)], 10, &["--timeout", "20s"]);
    check("long", &lines, &stats);
    for line in lines.values() {
        assert!(is_answered(line), "{}", line["outcome"]);
        assert_eq!(line["answer"]["records"].as_array().map(Vec::len), Some(4094));
    }
}

#[test]
fn connections_that_close_early_cost_repetitions_but_no_name() {
    fn answer_three(mut stream: TcpStream) {
        for _ in 0..3 {
            let Some(query) = read_frame(&mut stream) else { return };
            let _ = stream.write_all(&frame(&reply(&query, ADDRESS)));
        }
    }
    let (lines, stats) = ask(&[server(answer_three)], 100, &["--timeout", "20s"]);
    check("answer_three", &lines, &stats);
    assert_eq!(lines.values().find(|line| !is_answered(line)), None, "{stats}");
}
