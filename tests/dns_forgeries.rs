//! Floods of forged replies: none is accepted, each is counted as unmatched, and no name is missing.
#![cfg(feature = "cli")]

mod support;

use std::net::{SocketAddr, UdpSocket};

use allears::sim::dns::a_record;
use serde_json::Value;
use support::name_server::{question, reply, scripted};
use support::{Fleet, count, run_with_input};

/// The address in all forged replies.
const FORGED: [u8; 4] = [192, 0, 2, 66];

/// Returns the address of a name: its number.
fn address(query: &[u8]) -> [u8; 4] {
    let label = &query[13..13 + usize::from(query[12])];
    let number = label.iter().filter(|byte| byte.is_ascii_digit());
    number.fold(0, |number: u32, digit| number * 10 + u32::from(digit - b'0')).to_be_bytes()
}

/// Queries servers for names. Checks that each has its address once, and that the ledger adds up. Returns the ledger.
fn ask(servers: &[SocketAddr], names: u32, options: &[&str]) -> Value {
    let input: String = (0..names).map(|number| format!("n{number}.test\n")).collect();
    let servers: Vec<String> = servers.iter().map(ToString::to_string).collect();
    let common = ["dns", "-i", "-", "-o", "simple", "-q", "--rate", "unlimited", "--stats", "-"];
    let mut arguments: Vec<&str> = [&common[..], options].concat();
    if options.is_empty() {
        // The receive buffer of the server is small.
        arguments.extend(["--host-window", "100"]);
    }
    servers.iter().for_each(|server| arguments.extend(["--server", server]));
    let run = run_with_input(&arguments, input.as_bytes()).expect_code(0);
    let mut lines: Vec<&str> = run.stdout.lines().collect();
    let stats: Value = serde_json::from_str(lines.pop().expect("the ledger")).expect("an object");
    lines.sort_unstable();
    let mut expected: Vec<_> = (0..names)
        .map(|number| format!("n{number}.test. A {}", std::net::Ipv4Addr::from(number.to_be_bytes())))
        .collect();
    expected.sort_unstable();
    let wrong: Vec<_> = lines.iter().zip(&expected).filter(|(line, right)| line != right).take(5).collect();
    assert!(wrong.is_empty() && lines.len() == expected.len(), "{wrong:?} {stats}");
    check(&stats);
    stats
}

fn check(stats: &Value) {
    let sum = |keys: &[&str]| keys.iter().map(|key| count(stats, key)).sum::<u64>();
    let received = count(stats, "datagrams_received");
    assert_eq!(received, sum(&["replies", "broken", "late", "duplicates", "unmatched"]), "{stats}");
    assert_eq!(count(stats, "broken"), 0, "no forgery is a reply: {stats}");
    assert_eq!(count(stats, "queries"), count(stats, "answered"), "{stats}");
}

/// Starts a server that sends this number of forgeries before each true reply. `forge` makes the one with a number.
fn forging(forgeries: u16, forge: fn(&mut Vec<u8>, u16)) -> SocketAddr {
    scripted(move |socket, query, from| {
        for number in 0..forgeries {
            let mut forged = reply(query, FORGED);
            forge(&mut forged, number);
            let _ = socket.send_to(&forged, from);
        }
        let _ = socket.send_to(&reply(query, address(query)), from);
    })
}

/// Changes the ID to one of the others.
fn change_id(reply: &mut [u8], number: u16) {
    let id = u16::from_be_bytes([reply[0], reply[1]]) ^ (1 + number);
    reply[..2].copy_from_slice(&id.to_be_bytes());
}

#[test]
fn replies_with_a_wrong_id_from_the_right_address_are_unmatched() {
    let server = forging(20, |reply, number| change_id(reply, number));
    let stats = ask(&[server], 2000, &[]);
    assert!(count(&stats, "unmatched") + count(&stats, "local_drops") >= 20 * 2000, "{stats}");
}

#[test]
fn replies_with_a_wrong_question_and_the_right_id_are_unmatched() {
    let forge = |reply: &mut Vec<u8>, number: u16| match number % 5 {
        // Another name, type, class, no question, and two of them.
        0 => reply[13] ^= 1,
        1 => {
            let end = 12 + question(reply).len();
            reply[end - 3] = 28;
        }
        2 => {
            let end = 12 + question(reply).len();
            reply[end - 1] = 3;
        }
        3 => {
            let end = 12 + question(reply).len();
            reply.drain(12..end);
            reply[5] = 0;
        }
        _ => reply[5] = 2,
    };
    let stats = ask(&[forging(10, forge)], 2000, &[]);
    assert!(count(&stats, "unmatched") + count(&stats, "local_drops") >= 10 * 2000, "{stats}");
}

#[test]
fn messages_that_are_no_replies_are_unmatched() {
    let forge = |reply: &mut Vec<u8>, number: u16| match number % 4 {
        // The query itself, another kind of query, a part of the header, and nothing.
        0 => reply[2] &= 0x7f,
        1 => reply[2] |= 0x28,
        2 => reply.truncate(7),
        _ => reply.clear(),
    };
    let stats = ask(&[forging(8, forge)], 1000, &[]);
    assert!(count(&stats, "unmatched") + count(&stats, "local_drops") >= 8 * 1000, "{stats}");
}

#[test]
fn errors_without_a_question_need_the_id_of_the_query() {
    let forge = |reply: &mut Vec<u8>, number: u16| {
        change_id(reply, number);
        reply.truncate(12);
        reply[3] = 0x80 | [1, 2, 3, 4, 5][usize::from(number) % 5];
        reply[5] = 0;
        reply[7] = 0;
    };
    // One at a time, so that no forgery has the ID of another query.
    let stats = ask(&[forging(20, forge)], 500, &["--host-window", "1"]);
    assert!(count(&stats, "unmatched") + count(&stats, "local_drops") >= 20 * 500, "{stats}");
}

#[test]
fn right_replies_from_a_wrong_address_are_unmatched() {
    let elsewhere = UdpSocket::bind("127.0.0.1:0").expect("a socket");
    let other_host = UdpSocket::bind("127.0.0.2:0").expect("a socket");
    let server = scripted(move |socket, query, from| {
        for stranger in [&elsewhere, &other_host] {
            (0..5).for_each(|_| drop(stranger.send_to(&reply(query, FORGED), from)));
        }
        let _ = socket.send_to(&reply(query, address(query)), from);
    });
    let stats = ask(&[server], 2000, &[]);
    assert!(count(&stats, "unmatched") + count(&stats, "local_drops") >= 10 * 2000, "{stats}");
}

#[test]
fn a_right_reply_from_another_server_that_is_asked_is_unmatched() {
    let other = UdpSocket::bind("127.0.0.1:0").expect("a socket");
    let other_address = other.local_addr().expect("bound");
    let sender = other.try_clone().expect("the same socket");
    std::thread::spawn(move || {
        let mut query = [0; 512];
        while let Ok((length, from)) = other.recv_from(&mut query) {
            let query = &query[..length];
            let _ = other.send_to(&reply(query, address(query)), from);
        }
    });
    let server = scripted(move |socket, query, from| {
        let _ = sender.send_to(&reply(query, FORGED), from);
        let _ = socket.send_to(&reply(query, address(query)), from);
    });
    let stats = ask(&[server, other_address], 2000, &[]);
    assert!(count(&stats, "unmatched") > 100, "{stats}");
}

#[test]
fn forgeries_of_a_fleet_are_not_accepted() {
    let common = ["--protocol", "dns", "--hosts", "2", "--latency", "5ms", "--forge", "50000"];
    let fleet = Fleet::start(&common);
    let input: String = (0..4000).map(|number| format!("n{number}.test\n")).collect();
    let arguments = ["dns", "-i", "-", "-o", "json", "-q", "--servers", fleet.targets(), "--stats", "-"];
    let run = run_with_input(&arguments, input.as_bytes()).expect_code(0);
    let (stats, mut lines) = (run.stats(), run.lines());
    lines.pop();
    assert_eq!(lines.len(), 4000);
    for line in &lines {
        let address = a_record(line["name"].as_str().expect("a name")).expect("it exists").to_string();
        assert_eq!(line["answer"]["records"][0]["data"], address, "{line}");
    }
    check(&stats);
    let closing = fleet.stop();
    let unmatched = count(&stats, "unmatched");
    assert!(unmatched > 1000 && unmatched <= count(&closing, "forged"), "{stats} {closing}");
}

/// With cookies, a forger who sees neither query nor reply cannot even use a right ID: the cookie is missing.
#[test]
fn a_reply_without_the_cookie_is_not_accepted_once_the_server_has_sent_one() {
    let server = scripted(move |socket, query, from| {
        let with_cookie = |address: [u8; 4]| {
            let mut answer = reply(query, address);
            answer[11] = 1;
            let at = query.windows(4).position(|part| part == [0, 10, 0, 8] || part == [0, 10, 0, 16]);
            let client = at.map(|at| &query[at + 4..at + 12]).expect("a cookie");
            answer.extend(b"\0\0\x29\x04\xd0\0\0\0\0\0\x14\0\x0a\0\x10");
            answer.extend_from_slice(client);
            answer.extend(b"theirs!!");
            answer
        };
        if query.ends_with(b"theirs!!") {
            let _ = socket.send_to(&reply(query, FORGED), from);
            let mut other = with_cookie(FORGED);
            let cookie = other.len() - 16;
            other[cookie] ^= 1;
            let _ = socket.send_to(&other, from);
        }
        let _ = socket.send_to(&with_cookie(address(query)), from);
    });
    let stats = ask(&[server], 2000, &["--host-window", "8"]);
    assert!(count(&stats, "unmatched") > 1000, "{stats}");
}
