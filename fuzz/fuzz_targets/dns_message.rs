//! Parses any message as a reply, and any text as a name. Each is accepted, or rejected with a reason. What is printed
//! has no control characters, and printed names can be parsed again.
#![no_main]

use allears::protocol::dns::{Class, Dns, DnsSettings, Message, Name, Question, RecordType};
use allears::protocol::{Attempt, Protocol, Reply, Step, Token};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(name) = std::str::from_utf8(bytes).unwrap_or_default().parse::<Name>() {
        check_name(&name);
    }
    for offset in [0, 12, 30] {
        if let Ok((name, next)) = Name::from_message(bytes, offset) {
            assert!(next <= bytes.len());
            check_name(&name);
        }
    }
    if let Ok(message) = Message::new(bytes) {
        check_message(&message);
        converse(&message);
    }
});

fn check_name(name: &Name) {
    assert!((1..=255).contains(&name.as_wire().len()));
    assert_eq!(name.to_string().parse::<Name>().as_ref(), Ok(name));
    assert!(name.labels().all(|label| (1..=63).contains(&label.len())));
}

fn check_message(message: &Message) {
    for record in message.records() {
        check_name(&record.owner().to_name());
        assert!(record.to_string().bytes().all(|byte| (0x20..0x7f).contains(&byte)));
        if let Some(name) = record.data().name() {
            check_name(&name.to_name());
        }
    }
    assert!(message.aliases().count() <= 18);
    if let Some(edns) = message.edns() {
        let _ = (edns.options().count(), edns.nsid(), edns.cookie(), edns.extended_errors().count());
    }
    assert!(!format!("{message:?}").is_empty());
}

/// Passes the message as the reply to its own question to a conversation, which must end.
fn converse(message: &Message) {
    let servers = [([127, 0, 0, 1], 53).into(), ([127, 0, 0, 2], 53).into()];
    let mut dns = Dns::new(DnsSettings::default(), servers, [7; 16]);
    let question = message.question().map(|asked| {
        Question::new(&asked.name().to_name(), asked.record_type(), asked.class())
    });
    let question = question.unwrap_or_else(|| Question::new(&Name::root(), RecordType::A, Class::IN));
    let mut conversation = dns.begin(servers[0], question);
    let mut server = servers[0];
    for _ in 0..16 {
        let token = Token(u64::from(message.id()));
        dns.write_request(&mut conversation, Attempt::first(token), &mut vec![]);
        let has_token = dns.read_token(message.as_bytes()).is_some();
        let reply = Reply { token, has_token, ..Reply::to_first(server, message.as_bytes()) };
        match dns.step(&mut conversation, &reply) {
            Step::AskAt(next) => server = next,
            _ => return,
        }
    }
    panic!("the conversation goes on");
}
