use super::*;
use crate::protocol::dns::{Class, Name};

const A: RecordType = RecordType::A;

fn server(last: u8) -> SocketAddr {
    ([127, 0, 0, last], 53).into()
}

fn dns(settings: DnsSettings, servers: u8) -> Dns {
    Dns::new(settings, (1..=servers).map(server), [7; 16])
}

fn question(name: &str) -> Question {
    Question::new(&name.parse::<Name>().expect("a name"), A, Class::IN)
}

/// Returns a conversation with the first server, and its first request.
fn begin(dns: &mut Dns, name: &str) -> (Conversation, Vec<u8>) {
    let mut conversation = dns.begin(server(1), question(name));
    let request = ask(dns, &mut conversation, 0x1234);
    (conversation, request)
}

fn ask(dns: &mut Dns, conversation: &mut Conversation, id: u64) -> Vec<u8> {
    let mut request = vec![];
    let token = Token(dns.token_prefix(conversation) << ID_BITS | id);
    dns.write_request(conversation, Attempt::first(token), &mut request);
    request
}

/// Returns a reply with this code and no records: the header and the question of the request.
fn reply(request: &[u8], flags: [u8; 2]) -> Vec<u8> {
    let end = HEADER + request[HEADER..].iter().position(|&byte| byte == 0).expect("a name") + 5;
    let mut reply = request[..end].to_vec();
    reply[2..4].copy_from_slice(&[0x80 | flags[0], flags[1]]);
    reply[6..12].fill(0);
    reply
}

fn step(dns: &mut Dns, conversation: &mut Conversation, from: u8, bytes: &[u8]) -> Step<Answer> {
    let has_token = dns.read_token(bytes).is_some();
    let token = Token(0x1234);
    dns.step(conversation, &Reply { token, has_token, ..Reply::to_first(server(from), bytes) })
}

#[test]
fn a_request_has_the_question_once_and_edns() {
    let mut dns = dns(DnsSettings::default().with_cookies(false), 1);
    let (_, request) = begin(&mut dns, "a.test");
    let expected =
        b"\x12\x34\x01\0\0\x01\0\0\0\0\0\x01\x01a\x04test\0\0\x01\0\x01\0\0\x29\x04\xd0\0\0\0\0\0\0";
    assert_eq!(request, expected);
    let plain = DnsSettings::default().with_edns(None).with_recursion(false).with_checking_disabled(true);
    let (_, request) = begin(&mut self::dns(plain, 1), ".");
    assert_eq!(request, b"\x12\x34\0\x10\0\x01\0\0\0\0\0\0\0\0\x01\0\x01");
}

#[test]
fn servers_can_be_added_and_are_asked_in_turn() {
    let mut dns = dns(DnsSettings::default(), 0);
    assert_eq!(dns.next_server(), None);
    [1, 2, 1].into_iter().for_each(|last| dns.add_server(server(last)));
    let next: Vec<_> = (0..3).filter_map(|_| dns.next_server()).collect();
    assert_eq!((dns.servers().len(), next), (2, vec![server(1), server(2), server(1)]));
}

#[test]
fn the_token_is_the_id_and_the_question_whatever_its_case() {
    let mut dns = dns(DnsSettings::default(), 1);
    let (conversation, request) = begin(&mut dns, "MiXeD.test");
    let token = Token(dns.token_prefix(&conversation) << ID_BITS | 0x1234);
    assert_eq!(dns.read_token(&request), Some(token));
    assert_eq!(dns.read_token(&request.to_ascii_lowercase()), Some(token));
    let (_, other) = begin(&mut dns, "mixed.tesu");
    assert_ne!(dns.read_token(&other), Some(token));
    for len in 0..request.len() {
        let _ = dns.read_token(&request[..len]);
    }
}

#[test]
fn an_answer_must_repeat_the_question() {
    let mut dns = dns(DnsSettings::default(), 1);
    let (mut conversation, request) = begin(&mut dns, "a.b.test");
    let (_, other) = begin(&mut dns, "a\\.b.test");
    let wrong = reply(&other, [1, 0]);
    assert_eq!(dns.step(&mut conversation, &Reply::to_first(server(1), &wrong)), Step::NotMine);
    let query = request.clone();
    assert_eq!(step(&mut dns, &mut conversation, 1, &query), Step::NotMine, "not a response");
    let lower = reply(&request, [1, 0]).to_ascii_lowercase();
    assert!(matches!(step(&mut dns, &mut conversation, 1, &lower), Step::Done(_)));
}

#[test]
fn with_mixed_case_the_reply_must_repeat_it() {
    let mut dns = dns(DnsSettings::default().with_mixed_case(true), 1);
    let (mut conversation, request) = begin(&mut dns, "abcdefghijklmnopqrstuvwxyz.test");
    let name = &request[HEADER + 1..HEADER + 27];
    assert!(name.iter().any(u8::is_ascii_uppercase) && name.iter().any(u8::is_ascii_lowercase));
    let lower = reply(&request, [1, 0]).to_ascii_lowercase();
    assert_eq!(step(&mut dns, &mut conversation, 1, &lower), Step::NotMine);
    assert!(matches!(step(&mut dns, &mut conversation, 1, &reply(&request, [1, 0])), Step::Done(_)));
}

#[test]
fn a_server_without_edns_is_asked_without_it() {
    let mut dns = dns(DnsSettings::default(), 1);
    let (mut conversation, request) = begin(&mut dns, "a.test");
    assert_eq!(step(&mut dns, &mut conversation, 1, &reply(&request, [1, 1])), Step::AskAt(server(1)));
    let request = ask(&mut dns, &mut conversation, 0x77);
    assert_eq!(request[11], 0);
    assert!(matches!(step(&mut dns, &mut conversation, 1, &reply(&request, [1, 0])), Step::Done(_)));
    let (_, later) = begin(&mut dns, "b.test");
    assert_eq!(later[11], 0, "remembered");
}

#[test]
fn an_error_without_a_question_counts_only_with_the_id() {
    let mut dns = dns(DnsSettings::default(), 1);
    let (mut conversation, _) = begin(&mut dns, "a.test");
    let bare = |id: u8| [0x12, id, 0x80, 1, 0, 0, 0, 0, 0, 0, 0, 0];
    assert_eq!(step(&mut dns, &mut conversation, 1, &bare(0x35)), Step::NotMine);
    assert_eq!(step(&mut dns, &mut conversation, 1, &bare(0x34)), Step::AskAt(server(1)));
}

#[test]
fn a_truncated_answer_is_asked_for_by_tcp() {
    let mut dns = dns(DnsSettings::default(), 1);
    let (mut conversation, request) = begin(&mut dns, "a.test");
    assert_eq!(step(&mut dns, &mut conversation, 1, &reply(&request, [3, 0])), Step::AskAt(server(1)));
    assert_eq!(dns.transport(&conversation), Transport::Stream);
    let never = DnsSettings::default().with_tcp(Tcp::Never);
    let mut dns = self::dns(never, 1);
    let (mut conversation, request) = begin(&mut dns, "a.test");
    assert!(matches!(step(&mut dns, &mut conversation, 1, &reply(&request, [3, 0])), Step::Done(_)));
}

#[test]
fn a_refusal_is_asked_about_elsewhere_and_all_are_named() {
    let mut dns = dns(DnsSettings::default(), 2);
    let (mut conversation, request) = begin(&mut dns, "a.test");
    assert_eq!(step(&mut dns, &mut conversation, 1, &reply(&request, [1, 5])), Step::AskAt(server(2)));
    let request = ask(&mut dns, &mut conversation, 9);
    let Step::Done(answer) = step(&mut dns, &mut conversation, 2, &reply(&request, [1, 2])) else {
        panic!("no server is left");
    };
    let named = [(1, Rcode::REFUSED), (2, Rcode::SERVFAIL)];
    assert_eq!(answer.refusals, named.map(|(last, rcode)| ServerRefusal { server: server(last), rcode }));
    assert_eq!(answer.message.rcode(), Rcode::SERVFAIL);
}

#[test]
fn a_refusal_is_the_answer_if_the_other_server_is_silent() {
    let mut dns = dns(DnsSettings::default(), 2);
    let (mut conversation, request) = begin(&mut dns, "a.test");
    assert_eq!(step(&mut dns, &mut conversation, 1, &reply(&request, [1, 5])), Step::AskAt(server(2)));
    // Not the one that has refused: the same again.
    assert_eq!(dns.retry(&mut conversation, 1), None);
    let answer = dns.partial_answer(&mut conversation).expect("the refusal");
    assert_eq!(answer.message.rcode(), Rcode::REFUSED);
    let counts: Vec<_> =
        dns.servers().iter().map(|server| (server.sent, server.answered(), server.lost)).collect();
    assert_eq!(counts, [(1, 1, 0), (0, 0, 1)]);
}

#[test]
fn a_cookie_that_a_server_gave_is_required_from_then_on() {
    let mut dns = dns(DnsSettings::default(), 1);
    let (mut conversation, request) = begin(&mut dns, "a.test");
    let mut with_cookie = reply(&request, [1, 0]);
    with_cookie[11] = 1;
    with_cookie.extend(b"\0\0\x29\x04\xd0\0\0\0\0\0\x14\0\x0a\0\x10");
    with_cookie.extend(dns.servers.get(0).our_cookie);
    with_cookie.extend(b"theirs!!");
    assert!(matches!(step(&mut dns, &mut conversation, 1, &with_cookie), Step::Done(_)));
    let (mut conversation, request) = begin(&mut dns, "b.test");
    assert!(request.ends_with(b"theirs!!"));
    let forged = reply(&request, [1, 0]);
    assert_eq!(step(&mut dns, &mut conversation, 1, &forged), Step::NotMine);
}

#[test]
fn mutated_replies_never_panic() {
    let mut dns = dns(DnsSettings::default(), 2);
    let (conversation, request) = begin(&mut dns, "a.test");
    let whole = reply(&request, [1, 0]);
    for at in 0..whole.len() {
        for byte in [0, 1, 63, 64, 0xc0, 0xff] {
            let mut changed = whole.clone();
            changed[at] = byte;
            step(&mut dns, &mut conversation.clone(), 1, &changed);
            step(&mut dns, &mut conversation.clone(), 1, &changed[..at]);
        }
    }
}
