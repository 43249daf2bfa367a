//! The records of real servers, printed byte for byte as dig prints them.
#![cfg(feature = "cli")]

mod support;

use std::io::Write;
use std::net::{TcpStream, UdpSocket};
use std::process::{Command, Stdio};
use std::time::Duration;

use allears::protocol::dns::{Class, Message, Name, Question, RecordType};
use support::have;
use support::name_server::{frame, knot, named, nsd, read_frame};
use support::real_server::RealServer;

/// Records of every type that has a format, with odd contents. Each owner has one type.
const ZONE: &str = r#"$ORIGIN t.test.
$TTL 300
@ SOA ns odd\.host 1 3600 900 604800 60
@ NS ns
@ NS n\032s\;\(\)\"\@\$.x.example.
ns A 127.0.0.1
a A 192.0.2.1
a A 255.0.0.255
aaaa AAAA 2001:db8::1
aaaa AAAA ::
aaaa AAAA ::1
aaaa AAAA ::2
aaaa AAAA ::12.0.2.1
aaaa AAAA ::ffff:192.0.2.1
aaaa AAAA 2001:db8:0:1:1:1:1:1
aaaa AAAA 2001:0:0:1:0:0:0:1
aaaa AAAA 1:2:3:4:5:6::
mx MX 10 a
mx MX 0 .
txt TXT "a\"b\\c" "semi;colon" "" "\000\009 \127\200\255" plain
big TXT "LONG" "LONG" "LONG" "LONG" "LONG" "LONG" "LONG" "LONG" "LONG"
ptr PTR \000\255\..example.
cname CNAME UPPER.Lower
dname DNAME other.example.
caa CAA 0 issue "ca.test; policy=ev"
caa CAA 128 iodef "mailto:a\"b\\c"
srv SRV 0 5 443 a
https HTTPS 1 . alpn="h2,h3" port=8443 ipv4hint=192.0.2.1,192.0.2.2 ipv6hint=2001:db8::1,::12.0.2.1
https HTTPS 0 svc.example.
svcb SVCB 2 a mandatory=alpn,port alpn=h2 no-default-alpn port=53 ech=AQIDBAU= key65280="a b\"c"
svcb SVCB 3 a key7="/q{?dns}" key667="z"
ds DS 60485 5 1 2BB183AF5F22588179A53B0A98631FAD1A292118
ds DS 60485 8 2 D4B7D520E7BB5F0F67674A0CCEB1E3E0614B93C4F9E99B8383F6A1E4469DA50A
cds CDS 0 0 0 00
dnskey DNSKEY 257 3 13 mdsswUyr3DPW132mOi8V9xESWE8jTo0dxCjjnopKl+GqJxpVXckHAeF+KkxLbxILfDLUT0rAK9iUzy1L53eKGQ==
cdnskey CDNSKEY 0 3 0 AA==
naptr NAPTR 100 10 "u" "E2U+sip" "!^.*$!sip:a\\\\b@t.test!" .
naptr NAPTR 100 20 "" "" "" a
tlsa TLSA 3 1 1 0123456789ABCDEF0123456789ABCDEF0123456789ABCDEF0123456789ABCDEF
smimea SMIMEA 3 0 0 00
sshfp SSHFP 4 2 0123456789ABCDEF0123456789ABCDEF0123456789ABCDEF0123456789ABCDEF
hinfo HINFO "a b" "\"\\"
rp RP mail\.box txt
loc LOC 52 22 23.001 N 4 53 32 E -2.50m 0.00m 10000m 10m
loc LOC 89 59 59.999 S 179 59 59.999 W 42849672.95m 90000000m 0.09m 0.50m
uri URI 10 1 "https://example.test/\"x\""
rrsig RRSIG A 13 2 300 20300101000000 20200229235959 12345 t.test. mdsswUyr3DPW132mOi8V9xESWE8jTo0dxCjjnopKl+GqJxpVXckHAeF+KkxLbxILfDLUT0rAK9iUzy1L53eKGQ==
nsec NSEC a\.b.t.test. A NS SOA MX TXT AAAA RRSIG NSEC URI CAA TYPE65280
nsec3param NSEC3PARAM 1 0 10 AABBCCDD
nsec3paramb NSEC3PARAM 1 0 0 -
openpgpkey OPENPGPKEY mdsswUyr3DPW132mOi8V9xESWE8jTo0dxCjjnopKl+GqJxpVXckHAeF+KkxLbxILfDLUT0rAK9iUzy1L53eKGQ==
eui48 EUI48 00-00-5e-00-53-2a
eui64 EUI64 00-00-5e-ef-10-00-00-2a
unknown TYPE65280 \# 4 01020304
unknown TYPE65280 \# 0
unknown TYPE65280 \# 40 0102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f202122232425262728
afsdb AFSDB 1 a
minfo MINFO a a
spf SPF "v=spf1 -all"
with\032space A 192.0.2.7
dot\.inside A 192.0.2.8
bin\000\255 A 192.0.2.10
MiXeD A 192.0.2.11
"#;

/// The owners of the zone with their types, in its order, each once.
fn questions() -> Vec<(String, RecordType)> {
    let mut questions: Vec<(String, RecordType)> = vec![];
    for line in ZONE.lines().skip(2) {
        let mut words = line.split(' ');
        let owner = words.next().expect("an owner").replace('@', "t.test.");
        let owner = if owner.ends_with('.') { owner } else { format!("{owner}.t.test.") };
        let of = words.next().expect("a type").parse().expect("a type");
        if !questions.contains(&(owner.clone(), of)) {
            questions.push((owner, of));
        }
    }
    questions
}

/// Asks by UDP, and by TCP if the answer is truncated.
fn ask(server: &str, owner: &str, of: RecordType) -> Message {
    let name: Name = owner.parse().expect("a name");
    let mut query = vec![0x12, 0x34, 0, 0, 0, 1, 0, 0, 0, 0, 0, 1];
    query.extend_from_slice(Question::new(&name, of, Class::IN).as_wire());
    query.extend_from_slice(&[0, 0, 41, 0x04, 0xd0, 0, 0, 0, 0, 0, 0]);
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a socket");
    socket.set_read_timeout(Some(Duration::from_secs(5))).expect("a timeout");
    socket.send_to(&query, server).expect("sent");
    let mut reply = [0; 65535];
    let length = socket.recv(&mut reply).expect("a reply");
    let message = Message::new(&reply[..length]).expect("a message");
    if !message.is_truncated() {
        return message;
    }
    let mut stream = TcpStream::connect(server).expect("a connection");
    stream.write_all(&frame(&query)).expect("sent");
    Message::new(read_frame(&mut stream).expect("a message")).expect("a message")
}

/// Runs dig, and returns its lines in order of the alphabet: servers turn the records of an answer around.
fn dig(port: u16, owner: &str, of: RecordType, options: &[&str]) -> Vec<String> {
    let mut command = Command::new("/usr/bin/dig");
    command.args(["-r", "@127.0.0.1", "-p", &port.to_string(), "+norecurse", "+noidnin", "+noidnout"]);
    let output =
        command.args(options).args(["-q", owner, "-t", &of.to_string()]).output().expect("dig starts");
    let text = String::from_utf8(output.stdout).expect("ASCII");
    sorted(text.lines().map(str::to_owned))
}

fn sorted(lines: impl Iterator<Item = String>) -> Vec<String> {
    let mut lines: Vec<String> = lines.collect();
    lines.sort();
    lines
}

/// Compares every answer of a server with what dig prints.
fn compare(server: &RealServer) {
    let port = server.address.rsplit(':').next().and_then(|port| port.parse().ok()).expect("a port");
    let mut wrong = vec![];
    for (owner, of) in questions() {
        let message = ask(&server.address, &owner, of);
        let data = sorted(message.answers().map(|record| record.data().to_string()));
        let lines = sorted(message.answers().map(|record| record.to_string()));
        let of_dig = dig(port, &owner, of, &["+short"]);
        // dig aligns the columns of its lines.
        let columns = dig(port, &owner, of, &["+noall", "+answer"]).into_iter().map(|line| {
            let mut rest = line.as_str();
            let mut words = vec![];
            for _ in 0..4 {
                let (word, after) = rest.split_once(['\t', ' ']).unwrap_or((rest, ""));
                words.push(word);
                rest = after.trim_start_matches(['\t', ' ']);
            }
            format!("{} {rest}", words.join(" "))
        });
        for (ours, dig) in [(data, of_dig), (lines, sorted(columns))] {
            if ours.is_empty() || ours != dig {
                wrong.push(format!("{owner} {of}\n  ours {ours:#?}\n  dig  {dig:#?}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}\n{}", wrong.join("\n"), server.output());
}

fn zone() -> String {
    ZONE.replace("LONG", &"0123456789".repeat(20))
}

#[test]
fn records_of_nsd_are_printed_as_by_dig() {
    if !have("/usr/sbin/nsd", "nsd") || !have("/usr/bin/dig", "bind9-dnsutils") {
        return;
    }
    compare(&nsd(&[("t.test", &zone())]));
}

#[test]
fn records_of_knot_are_printed_as_by_dig() {
    if !have("/usr/sbin/knotd", "knot") || !have("/usr/bin/dig", "bind9-dnsutils") {
        return;
    }
    compare(&knot(&zone(), &["semantic-checks: off"]));
}

#[test]
fn records_of_named_are_printed_as_by_dig() {
    if !have("/usr/sbin/named", "bind9") || !have("/usr/bin/dig", "bind9-dnsutils") {
        return;
    }
    compare(&named(&zone(), ""));
}

/// Data that the servers above do not give away, or refuse to load: type and bytes.
fn odd_data() -> Vec<(u16, Vec<u8>)> {
    // Types 0 to 127, 249 to 262, and 32768 to 32775. BIND 9.18 does not know some that came later.
    let bitmap = [&b"\0\0\x20"[..], &[0xff; 16], &[0; 15], b"\x7f", b"\x01\x01\xfe\x80\x01\xff"].concat();
    vec![
        (47, bitmap),
        (47, b"\x03a.b\0\0\x01\x40\x01\x01\xc0".to_vec()),
        (50, [&b"\x01\x01\0\x0c\x02\xab\xcd\x14"[..], &[0x5a; 20], b"\0\x01\x40"].concat()),
        (50, [&b"\x01\0\0\0\0\x14"[..], &[0xa5; 20]].concat()),
        (65, b"\0\x01\0\xff\0\0\x03a b\xff\x01\0\0".to_vec()),
        (65, b"\0\x01\0\0\x01\0\x08\x07\"\\,\0 ~\x7f".to_vec()),
        (29, b"\0\x12\x34\x56\x7f\xff\xff\xff\x80\0\0\x01\0\x98\x96\x7f".to_vec()),
        (29, [&b"\x01\x11\x99\x01"[..], &[0x80; 12]].concat()),
        (62, b"\0\0\0\x01\0\x03\0\x01\x40".to_vec()),
        (63, [&b"\0\0\0\x01\x01\x01"[..], &[0xab; 48]].concat()),
        (10, b"any".to_vec()),
        (65280, vec![0xab; 300]),
    ]
}

/// Answers a query of dig with one record whose data is given.
#[test]
fn records_of_any_bytes_are_printed_as_by_dig() {
    if !have("/usr/bin/dig", "bind9-dnsutils") {
        return;
    }
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a socket");
    socket.set_read_timeout(Some(Duration::from_secs(10))).expect("a timeout");
    let port = socket.local_addr().expect("bound").port().to_string();
    let mut wrong = vec![];
    for (of, data) in odd_data() {
        let child = Command::new("/usr/bin/dig")
            .args([
                "-r",
                "@127.0.0.1",
                "-p",
                &port,
                "+norecurse",
                "+noedns",
                "+short",
                "-q",
                "0p9mhaveqvm6t7vbl5lop2u3t2rp3tom.x.",
            ])
            .args(["-t", &format!("TYPE{of}")])
            .stdout(Stdio::piped())
            .spawn()
            .expect("dig starts");
        let mut query = [0; 512];
        let (length, sender) = socket.recv_from(&mut query).expect("a query");
        let mut reply = query[..length].to_vec();
        (reply[2], reply[7]) = (0x84, 1);
        reply.extend_from_slice(&[0xc0, 12, (of >> 8) as u8, of as u8, 0, 1, 0, 0, 1, 44]);
        reply.extend_from_slice(&u16::try_from(data.len()).expect("short data").to_be_bytes());
        reply.extend_from_slice(&data);
        socket.send_to(&reply, sender).expect("sent");
        let output = child.wait_with_output().expect("dig ends");
        let message = Message::new(reply).expect("a message");
        let ours = message.answers().next().expect("a record").data().to_string();
        let of_dig = String::from_utf8_lossy(&output.stdout).trim_end_matches('\n').to_owned();
        if ours != of_dig {
            wrong.push((of, ours, of_dig));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}
