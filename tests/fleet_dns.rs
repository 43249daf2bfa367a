//! Simulated DNS servers in their own process, queried by plain sockets and by dig.
#![cfg(feature = "cli")]

mod support;

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream, UdpSocket};
use std::process::Command;
use std::time::Duration;

use allears::sim::dns::{a_record, aaaa_record};
use support::name_server::{frame, read_frame};
use support::{Fleet, count, have};

const A: u16 = 1;
const TXT: u16 = 16;

/// Starts two servers, of which the second has an odd number, without latency.
fn servers(faults: &[&str]) -> Fleet {
    Fleet::start(&[&["--protocol", "dns", "--hosts", "2", "--latency", "0ms"], faults].concat())
}

fn misbehaving(fault: &str) -> Fleet {
    servers(&["--misbehave", &format!("{fault}=1")])
}

fn address(fleet: &Fleet, host: usize) -> SocketAddr {
    fleet.hosts()[host].parse().expect("an address")
}

/// Returns a request with this id, with the OPT record for `edns` bytes if that is not 0.
fn request(id: u16, name: &str, of: u16, edns: u16) -> Vec<u8> {
    let mut request = [id.to_be_bytes(), [1, 0], [0, 1], [0, 0], [0, 0], [0, u8::from(edns > 0)]].concat();
    for label in name.split('.') {
        request.push(label.len() as u8);
        request.extend_from_slice(label.as_bytes());
    }
    request.push(0);
    request.extend_from_slice(&of.to_be_bytes());
    request.extend_from_slice(&[0, 1]);
    if edns > 0 {
        request.extend_from_slice(&[0, 0, 41]);
        request.extend_from_slice(&edns.to_be_bytes());
        request.extend_from_slice(&[0; 6]);
    }
    request
}

/// Sends a request, and returns the first `replies` datagrams.
fn ask(server: SocketAddr, request: &[u8], replies: usize) -> Vec<Vec<u8>> {
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a socket");
    socket.set_read_timeout(Some(Duration::from_secs(20))).expect("a timeout");
    socket.send_to(request, server).expect("sent");
    let mut buffer = [0; 4096];
    let receive = |_| {
        let (len, from) = socket.recv_from(&mut buffer).expect("a reply");
        assert_eq!(from, server);
        buffer[..len].to_vec()
    };
    (0..replies).map(receive).collect()
}

fn ask_once(server: SocketAddr, request: &[u8]) -> Vec<u8> {
    ask(server, request, 1).remove(0)
}

fn connect(server: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(server).expect("a connection");
    stream.set_read_timeout(Some(Duration::from_secs(20))).expect("a timeout");
    stream
}

/// Returns truncation, response code, and the numbers of questions, answers and authorities.
fn summary(reply: &[u8]) -> (bool, u8, [u8; 3]) {
    (reply[2] & 2 != 0, reply[3] & 15, [5, 7, 9].map(|at| reply[at]))
}

#[test]
fn each_rule_of_the_zone_is_answered_by_datagrams() {
    let fleet = servers(&[]);
    let server = address(&fleet, 1);
    for (name, expected) in [
        ("www.test", (false, 0, [1, 1, 0])),
        ("www.deep.test", (false, 0, [1, 1, 0])),
        ("www.too.deep.test", (false, 3, [1, 0, 1])),
        ("any.wild.test", (false, 0, [1, 1, 0])),
        ("nx.test", (false, 3, [1, 0, 1])),
        ("nodata.test", (false, 0, [1, 0, 1])),
        ("cname2.test", (false, 0, [1, 4, 0])),
        ("dangling.test", (false, 3, [1, 1, 1])),
        ("loop.test", (false, 0, [1, 1, 0])),
        ("big.test", (true, 0, [1, 0, 0])),
        ("servfail.test", (false, 2, [1, 0, 0])),
        ("refused.test", (false, 5, [1, 0, 0])),
    ] {
        for edns in [0, 1232] {
            let request = request(0x4567, name, A, edns);
            let reply = ask_once(server, &request);
            let question = 12 + name.len() + 6;
            assert_eq!(reply[..2], request[..2]);
            assert_eq!(reply[12..question], request[12..question], "{name}");
            assert_eq!((summary(&reply), reply[11]), (expected, u8::from(edns > 0)), "{name}");
        }
    }
    let wild = |label: &str| ask_once(server, &request(1, &format!("{label}.wild.test"), A, 0));
    assert_eq!(wild("aaa").split_off(28), wild("bbb").split_off(28), "a wildcard has one address");
    let reply = ask_once(server, &request(1, "www.test", A, 0));
    assert!(reply.ends_with(&a_record("www.test").expect("it exists").octets()));
    assert_eq!(count(&fleet.stop(), "answered"), 12 * 2 + 3);
}

#[test]
fn requests_on_a_connection_are_pipelined_and_answered_whole() {
    let fleet = servers(&["--loss", "1"]);
    let mut stream = connect(address(&fleet, 0));
    // Two hundred long answers: more than the buffers of a connection hold.
    let all: Vec<u8> = (0..200).flat_map(|id| frame(&request(id, "big.test", TXT, 1232))).collect();
    let (start, rest) = all.split_at(1001);
    stream.write_all(start).expect("written");
    let mut replies = vec![read_frame(&mut stream).expect("a message")];
    stream.write_all(rest).expect("written");
    replies.extend((1..200).map(|_| read_frame(&mut stream).expect("a message")));
    for (id, reply) in replies.iter().enumerate() {
        assert_eq!(reply[..2], (id as u16).to_be_bytes());
        assert_eq!(summary(reply), (false, 0, [1, 8, 0]));
        assert!(reply.len() > 2000);
    }
    stream.shutdown(std::net::Shutdown::Write).expect("shut down");
    assert_eq!(stream.read(&mut [0]).expect("the end"), 0, "the server closes, too");
    let closing = fleet.stop();
    let counts = ["stream_connections", "stream_received", "stream_answered", "received"];
    assert_eq!(counts.map(|key| count(&closing, key)), [1, 200, 200, 0]);
}

#[test]
fn a_connection_fails_as_the_fault_says() {
    let request = frame(&request(7, "big.test", TXT, 1232));
    let read = |fault: &[&str], wait: u64| {
        let fleet = servers(fault);
        let mut stream = connect(address(&fleet, 0));
        stream.set_read_timeout(Some(Duration::from_millis(wait))).expect("a timeout");
        let mut bytes = Vec::new();
        let end = stream.write_all(&request).and_then(|()| stream.read_to_end(&mut bytes));
        (end.map_err(|error| error.kind()), bytes, fleet.stop())
    };
    for refused in [&["--misbehave", "no-tcp=1"][..], &["--dead", "1"]] {
        let (end, bytes, closing) = read(refused, 20_000);
        assert!(matches!(end, Err(ErrorKind::ConnectionReset | ErrorKind::BrokenPipe)), "{end:?}");
        assert_eq!((bytes.len(), count(&closing, "stream_connections")), (0, 0));
    }
    let (end, bytes, closing) = read(&["--misbehave", "half-frame=1"], 20_000);
    let whole = usize::from(u16::from_be_bytes([bytes[0], bytes[1]]));
    assert_eq!((end, bytes.len()), (Ok(bytes.len()), (whole + 2) / 2));
    assert_eq!(count(&closing, "stream_answered"), 0);

    let (end, bytes, closing) = read(&["--misbehave", "close-tcp=1"], 20_000);
    let whole = usize::from(u16::from_be_bytes([bytes[0], bytes[1]]));
    assert_eq!((end, count(&closing, "stream_answered")), (Ok(whole + 2), 1));

    let (end, bytes, closing) = read(&["--misbehave", "stall-tcp=1"], 300);
    assert!(matches!(end, Err(ErrorKind::WouldBlock | ErrorKind::TimedOut)), "{end:?}");
    assert_eq!((bytes.len(), count(&closing, "stream_received")), (0, 1));
}

#[test]
fn a_datagram_is_answered_as_the_fault_says() {
    let both = |fault: &str, name: &str, edns: u16| {
        let fleet = misbehaving(fault);
        [0, 1].map(|host| ask_once(address(&fleet, host), &request(7, name, A, edns)))
    };
    let summaries = |fault, edns| both(fault, "www.test", edns).map(|reply| summary(&reply));
    let proper = (false, 0, [1, 1, 0]);
    assert_eq!(summaries("no-edns", 1232), [(false, 1, [1, 0, 0]), (false, 1, [0, 0, 0])]);
    assert_eq!(summaries("no-edns", 0), [proper; 2]);
    assert_eq!(summaries("servfail", 0), [(false, 2, [1, 0, 0]); 2]);
    assert_eq!(summaries("refused", 0), [(false, 5, [1, 0, 0]); 2]);
    assert_eq!(summaries("truncate", 1232), [(true, 0, [1, 0, 0]); 2]);
    assert_eq!(summaries("badvers", 0), [proper; 2]);
    for reply in both("badvers", "www.test", 1232) {
        assert_eq!(reply[reply.len() - 6], 1, "the upper bits of BADVERS");
    }
    for reply in both("lowercase", "WWW.Test", 0) {
        assert_eq!(reply[12..22], *b"\x03www\x04test\0");
    }
    assert_eq!(summaries("cookies", 1232), [proper; 2], "without a cookie");
    let codes = |name| both("refuse-even", name, 0).map(|reply| reply[3] & 15);
    let refused: Vec<_> = ["a.test", "b.test", "c.test", "d.test", "e.test", "f.test"].map(codes).into();
    assert!(refused.contains(&[0; 2]) && refused.contains(&[5; 2]), "{refused:?}");
}

#[test]
fn wrong_replies_precede_the_proper_one_or_replace_it() {
    for (fault, altered) in [("wrong-id", 0..2), ("wrong-question", 13..14)] {
        let fleet = misbehaving(fault);
        let request = request(7, "www.test", A, 0);
        let even = ask(address(&fleet, 0), &request, 2);
        assert_ne!(even[0][altered.clone()], request[altered.clone()], "{fault}");
        assert_eq!((&even[1][..2], &even[1][12..request.len()]), (&request[..2], &request[12..]));
        let odd = ask_once(address(&fleet, 1), &request);
        assert_eq!(odd, even[0]);
        let closing = fleet.stop();
        assert_eq!((count(&closing, "answered"), count(&closing, "duplicated")), (2, 1));
    }
}

#[test]
fn excess_replies_are_dropped_or_truncated() {
    let fleet = misbehaving("slip");
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a socket");
    socket.set_read_timeout(Some(Duration::from_secs(20))).expect("a timeout");
    (0..300).for_each(|id| drop(socket.send_to(&request(id, "www.test", A, 0), address(&fleet, 0))));
    let mut buffer = [0; 512];
    let truncated = (0..200).filter(|_| {
        let (len, _) = socket.recv_from(&mut buffer).expect("a reply");
        summary(&buffer[..len]).0
    });
    let truncated = truncated.count() as u64;
    // A second may have passed in between: then more replies are complete.
    assert!((1..=100).contains(&truncated), "{truncated}");
    assert!(count(&fleet.stop(), "replies_lost_by_plan") >= truncated);
}

/// Runs dig, and returns its output.
fn dig(server: SocketAddr, arguments: &[&str]) -> String {
    let (at, port) = (format!("@{}", server.ip()), server.port().to_string());
    let output =
        Command::new("dig").args([&at, "-p", &port, "+time=20", "+tries=1"]).args(arguments).output();
    String::from_utf8(output.expect("dig runs").stdout).expect("UTF-8")
}

#[test]
fn dig_agrees() {
    if !have("/usr/bin/dig", "bind9-dnsutils") {
        return;
    }
    let fleet = servers(&[]);
    let server = address(&fleet, 1);
    let short = |arguments: &[&str]| dig(server, &[arguments, &["+short"]].concat());
    let (a, aaaa) = (a_record("www.test").expect("it exists"), aaaa_record("www.test").expect("it exists"));
    assert_eq!(short(&["www.test"]), format!("{a}\n"));
    assert_eq!(short(&["www.test", "AAAA"]), format!("{aaaa}\n"));
    let owner = a_record("owner9.test").expect("it exists");
    assert_eq!(a_record("cname9.test"), a_record("owner1.test"));
    assert_eq!(short(&["alias9.test"]), format!("owner9.test.\n{owner}\n"));
    assert_eq!(short(&["www.test", "MX"]), "10 mail.www.test.\n");
    assert_eq!(short(&["www.test", "NS"]), "ns1.www.test.\nns2.www.test.\n");
    assert_eq!(short(&["www.test", "SOA"]), "ns1.www.test. hostmaster.www.test. 1 3600 900 604800 300\n");
    assert_eq!(short(&["www.test", "CAA"]), "0 issue \"ca.example\"\n");
    assert!(short(&["www.test", "TXT"]).starts_with("\"h="));
    assert!(short(&["www.test", "SRV"]).starts_with("0 5 5060 "));
    assert!(short(&["-x", "192.0.2.1"]).ends_with(".example.\n"));
    assert!(short(&["-x", "2001:db8::1"]).starts_with("host-"));
    assert_eq!(short(&["id.server", "CH", "TXT"]), "\"host-000001\"\n");
    assert_eq!(short(&["big.test", "TXT"]).lines().count(), 8, "dig asks again on a stream");
    for (name, status) in
        [("nx.a.test", "NXDOMAIN"), ("nodata.a.test", "NOERROR"), ("dangling.test", "NXDOMAIN")]
    {
        let output = dig(server, &[name, "HTTPS"]);
        assert!(output.contains(&format!("status: {status}")) && output.contains("hostmaster"), "{output}");
        assert!(!output.contains("WARN") && !output.contains("malformed"), "{output}");
    }
    assert!(dig(server, &["www.test", "+edns=1", "+noednsneg"]).contains("BADVERS"));
    let cookies = misbehaving("cookies");
    let output = dig(address(&cookies, 0), &["www.test", "+cookie", "+badcookie"]);
    assert!(output.contains("(good)") && output.contains(&a.to_string()), "{output}");
}
