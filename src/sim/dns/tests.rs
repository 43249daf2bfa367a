//! Tests of whole replies.

use super::*;
use crate::protocol::dns::RecordType;

fn context(host: u32, fault: Option<&'static str>) -> HostContext {
    let from = ([127, 0, 0, 1], 4000).into();
    HostContext { now: Time::ZERO, from, host, seed: 7, fault, garbage: false, wanted: None }
}

/// Returns a request for `name`, with the OPT record's size and options.
fn request(name: &str, of: RecordType, edns: Option<(u16, &[u8])>) -> Vec<u8> {
    let mut request = vec![0x12, 0x34, 1, 0, 0, 1, 0, 0, 0, 0, 0, u8::from(edns.is_some())];
    for label in name.split('.') {
        request.push(label.len() as u8);
        request.extend_from_slice(label.as_bytes());
    }
    request.push(0);
    request.extend(of.0.to_be_bytes());
    request.extend([0, 1]);
    if let Some((size, options)) = edns {
        request.extend([0, 0, 41]);
        request.extend(size.to_be_bytes());
        request.extend([0, 0, 0, 0, 0, options.len() as u8]);
        request.extend(options);
    }
    request
}

fn answer(context: &HostContext, request: &[u8]) -> Vec<u8> {
    let mut reply = Vec::new();
    assert_eq!(DnsServers::default().answer(context, request, &mut reply), Reaction::Replied);
    reply
}

/// Returns truncation, response code and the four counts.
fn summary(reply: &[u8]) -> (bool, u8, [u8; 4]) {
    (reply[2] & 2 != 0, reply[3] & 15, [5, 7, 9, 11].map(|at| reply[at]))
}

fn asked(name: &str, of: RecordType) -> (bool, u8, [u8; 4]) {
    summary(&answer(&context(0, None), &request(name, of, Some((1232, b"")))))
}

#[test]
fn an_address_is_returned_with_the_question() {
    let request = request("WWW.test", RecordType(1), None);
    let reply = answer(&context(3, None), &request);
    assert_eq!(reply[..12], *b"\x12\x34\x81\x80\x00\x01\x00\x01\x00\x00\x00\x00");
    assert_eq!(reply[12..request.len()], request[12..]);
    let address = a_record("www.test").expect("it exists").octets();
    let record = [&b"\xc0\x0c\x00\x01\x00\x01\x00\x00\x01\x2c\x00\x04"[..], &address].concat();
    assert_eq!(reply[request.len()..], record);
    assert_eq!(reply, answer(&context(8, None), &request), "the same at each host");
}

#[test]
fn each_rule_has_its_code_and_counts() {
    for (name, of, expected) in [
        ("www.test", RecordType::A, (false, 0, [1, 1, 0, 1])),
        ("www.test", RecordType::NS, (false, 0, [1, 2, 0, 1])),
        ("www.test", RecordType::CNAME, (false, 0, [1, 0, 1, 1])),
        ("www.test", RecordType(99), (false, 0, [1, 0, 1, 1])),
        ("www.test", RecordType(65_280), (false, 0, [1, 1, 0, 1])),
        ("www.test", RecordType::ANY, (false, 0, [1, 1, 0, 1])),
        ("nx.test", RecordType::A, (false, 3, [1, 0, 1, 1])),
        ("nodata.test", RecordType::A, (false, 0, [1, 0, 1, 1])),
        ("cname.test", RecordType::A, (false, 0, [1, 3, 0, 1])),
        ("cname9.test", RecordType::A, (false, 0, [1, 11, 0, 1])),
        ("cname9.test", RecordType::CNAME, (false, 0, [1, 1, 0, 1])),
        ("dangling.test", RecordType::A, (false, 3, [1, 1, 1, 1])),
        ("loop.test", RecordType::A, (false, 0, [1, 1, 0, 1])),
        ("big.test", RecordType::TXT, (true, 0, [1, 0, 0, 1])),
        ("big.test", RecordType::A, (true, 0, [1, 0, 0, 1])),
        ("servfail.test", RecordType::A, (false, 2, [1, 0, 0, 1])),
        ("refused.test", RecordType::A, (false, 5, [1, 0, 0, 1])),
    ] {
        assert_eq!(asked(name, of), expected, "{name} {of}");
    }
}

#[test]
fn a_datagram_has_no_more_than_the_client_accepts_and_a_stream_has_all() {
    let mut servers = DnsServers::default();
    let mut count = |name: &str, edns, is_stream| {
        let mut reply = Vec::new();
        let request = request(name, RecordType::TXT, edns);
        servers.write(&context(0, None), &request, is_stream, &mut reply);
        (reply.len(), reply[2] & 2 != 0, reply[7])
    };
    let (len, truncated, answers) = count("big.test", Some((4096, b"")), true);
    assert!(len > 1232 && !truncated && answers == 8);
    assert_eq!(count("big.test", Some((4096, b"")), false), (26 + 11, true, 0));
    assert_eq!(count("big.test", None, false), (26, true, 0));
    // Twelve aliases do not fit into 512 bytes without EDNS if the name is long.
    let long = format!("cname9{}.test", "x".repeat(57));
    assert!(count(&long, None, false).1 && !count(&long, Some((1232, b"")), false).1);
}

#[test]
fn replies_to_edns_have_it_and_its_version_is_checked() {
    let mut with_version = request("a.test", RecordType(1), Some((1232, b"")));
    let plain = answer(&context(0, None), &with_version);
    assert_eq!(plain[plain.len() - 11..], *b"\0\0\x29\x04\xd0\0\0\0\0\0\0");
    let version = with_version.len() - 5;
    with_version[version] = 1;
    let reply = answer(&context(0, None), &with_version);
    assert_eq!((summary(&reply), reply[reply.len() - 6]), ((false, 0, [1, 0, 0, 1]), 1), "BADVERS");
    let reply = answer(&context(0, Some("badvers")), &request("a.test", RecordType(1), Some((1232, b""))));
    assert_eq!((summary(&reply), reply[reply.len() - 6]), ((false, 0, [1, 0, 0, 1]), 1));
}

#[test]
fn cookies_are_demanded_from_clients_that_have_them() {
    let code = |reply: &[u8]| Rcode(u16::from(reply[reply.len() - 26]) << 4 | u16::from(reply[3] & 15));
    let context = context(0, Some("cookies"));
    let ask = |cookie: &[u8]| {
        let options = [&[0, 10, 0, cookie.len() as u8], cookie].concat();
        answer(&context, &request("a.test", RecordType(1), Some((1232, &options))))
    };
    let first = ask(b"client!!");
    assert_eq!((code(&first), first[7]), (Rcode::BADCOOKIE, 0));
    let both = first[first.len() - 16..].to_vec();
    assert!(both.starts_with(b"client!!"));
    let second = ask(&both);
    assert_eq!((code(&second), second[7]), (Rcode::NOERROR, 1));
    assert_eq!(second[second.len() - 16..], both);
    assert_eq!(code(&ask(b"client!!wrong---")), Rcode::BADCOOKIE);
    assert_eq!(summary(&ask(b"short")), (false, 1, [1, 0, 0, 1]), "FORMERR");
    let without = answer(&context, &request("a.test", RecordType(1), None));
    assert_eq!(summary(&without), (false, 0, [1, 1, 0, 0]));
    let mut on_stream = Vec::new();
    let options = b"\0\x0a\0\x08client!!";
    let request = request("a.test", RecordType(1), Some((1232, options)));
    DnsServers::default().answer_stream(&context, &request, &mut on_stream);
    assert_eq!((code(&on_stream), on_stream[7]), (Rcode::NOERROR, 1));
}

#[test]
fn hosts_without_edns_know_only_plain_requests() {
    let with = request("a.test", RecordType(1), Some((1232, b"")));
    for (host, expected) in [(0, (false, 1, [1, 0, 0, 0])), (1, (false, 1, [0, 0, 0, 0]))] {
        let context = context(host, Some("no-edns"));
        assert_eq!(summary(&answer(&context, &with)), expected);
        assert_eq!(
            summary(&answer(&context, &request("a.test", RecordType(1), None))),
            (false, 0, [1, 1, 0, 0])
        );
    }
}

#[test]
fn wrong_replies_come_before_the_proper_one_or_instead() {
    let request = request("a.test", RecordType(1), None);
    let proper = answer(&context(0, None), &request);
    for (fault, altered) in [("wrong-id", 0..2), ("wrong-question", 13..14)] {
        let mut stale = Vec::new();
        assert!(DnsServers::default().stale_reply(&context(0, Some(fault)), &request, &mut stale));
        assert_ne!(stale[altered.clone()], proper[altered.clone()]);
        assert_eq!((stale.len(), answer(&context(0, Some(fault)), &request)), (proper.len(), proper.clone()));
        assert!(!DnsServers::default().stale_reply(&context(1, Some(fault)), &request, &mut Vec::new()));
        assert_eq!(answer(&context(1, Some(fault)), &request), stale);
    }
}

#[test]
fn other_faults_change_what_they_name() {
    let request = request("WWW.test", RecordType(1), None);
    let answer = |fault| answer(&context(2, Some(fault)), &request);
    assert_eq!(answer("lowercase")[12..21], *b"\x03www\x04test");
    assert_eq!(summary(&answer("servfail")), (false, 2, [1, 0, 0, 0]));
    assert_eq!(summary(&answer("refused")), (false, 5, [1, 0, 0, 0]));
    assert_eq!(summary(&answer("truncate")), (true, 0, [1, 0, 0, 0]));
    let refused = (0..1000).filter(|i| {
        let request = self::request(&format!("n{i}.test"), RecordType(1), None);
        summary(&self::answer(&context(2, Some("refuse-even")), &request)).1 == 5
    });
    assert!((400..600).contains(&refused.count()));
}

#[test]
fn excess_replies_are_dropped_or_truncated_until_the_second_is_over() {
    let (mut servers, request) = (DnsServers::default(), request("a.test", RecordType(1), None));
    let mut context = context(0, Some("slip"));
    let mut count = |context: &HostContext| {
        let (mut sent, mut lost, mut truncated) = (0, 0, 0);
        for _ in 0..150 {
            let mut reply = Vec::new();
            match servers.answer(context, &request, &mut reply) {
                Reaction::Lost => lost += 1,
                _ if reply[2] & 2 != 0 => truncated += 1,
                _ => sent += 1,
            }
        }
        (sent, lost, truncated)
    };
    assert_eq!(count(&context), (100, 25, 25));
    context.now = Time::from_millis(999);
    assert_eq!(count(&context), (0, 75, 75));
    context.now = Time::from_millis(1000);
    assert_eq!(count(&context), (100, 25, 25));
}

#[test]
fn forgeries_have_the_question_another_id_and_another_address() {
    let request = request("a.test", RecordType(1), None);
    let proper = answer(&context(0, None), &request);
    let mut dice = Dice::new(1);
    for _ in 0..1000 {
        let mut forged = Vec::new();
        DnsServers::default().forge(&context(0, None), &request, &mut dice, &mut forged);
        assert_ne!(forged[..2], proper[..2]);
        assert_eq!(forged[2..request.len()], proper[2..request.len()]);
        assert_ne!(forged[forged.len() - 3..], proper[proper.len() - 3..]);
    }
}

#[test]
fn garbage_has_id_and_question_and_no_whole_record() {
    let request = request("a.test", RecordType(1), Some((1232, b"")));
    let mut reply = Vec::new();
    DnsServers::default().garbage(&context(0, None), &request, &mut reply);
    let question = request.len() - 11;
    assert_eq!((reply[..2].to_vec(), &reply[12..question]), (vec![0x12, 0x34], &request[12..question]));
    assert_eq!(summary(&reply), (false, 0, [1, 1, 0, 0]));
    assert!((1..=7).contains(&(reply.len() - question)));
}

#[test]
fn streams_fail_as_the_fault_says() {
    use StreamReaction::{HalfThenClosed, Refused, Replied, RepliedThenClosed, Silent};
    let mut servers = DnsServers::default();
    for (fault, accepted, expected) in [
        (None, true, Replied),
        (Some("no-tcp"), false, Refused),
        (Some("stall-tcp"), true, Silent),
        (Some("half-frame"), true, HalfThenClosed),
        (Some("close-tcp"), true, RepliedThenClosed),
    ] {
        let context = context(0, fault);
        let request = request("a.test", RecordType(1), None);
        assert_eq!(servers.accepts_streams(&context), accepted);
        assert_eq!(servers.answer_stream(&context, &request, &mut Vec::new()), expected);
    }
    assert_eq!(servers.answer_stream(&context(0, None), b"?", &mut Vec::new()), Refused);
}

#[test]
fn servers_tell_their_name_in_the_chaos_class() {
    let mut request = request("id.server", RecordType::TXT, None);
    *request.last_mut().expect("a class") = 3;
    let reply = answer(&context(123, None), &request);
    assert!(reply.ends_with(b"\x0bhost-000123"));
}
