//! The DNS parsers accept any message or return a reason; they never panic, and what they print can be read again.
#![cfg(feature = "dns")]

#[path = "support/captured.rs"]
mod captured;
#[path = "support/mutated.rs"]
mod mutated;

use allears::protocol::dns::{
    Class, Dns, DnsSettings, Message, MessageError, Name, NameView, Question, RecordType,
};
use allears::protocol::{Attempt, Protocol, Reply, Step, Token};
use mutated::mutated;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;

/// Replies of a real server, with records of all types.
fn replies() -> Vec<Vec<u8>> {
    captured::replies(include_str!("data/dns-replies.hex")).collect()
}

/// Passes a message to every parser, and checks the invariants.
fn read_all(bytes: &[u8]) {
    for offset in 0..bytes.len().min(64) {
        if let Ok((name, next)) = NameView::parse(bytes, offset) {
            assert!(next <= bytes.len());
            check_name(&name.to_name());
        }
    }
    match Message::new(bytes) {
        Ok(message) => check_message(&message, bytes),
        Err(error) => assert!(!error.reason().is_empty()),
    }
    check_conversation(bytes);
}

fn check_name(name: &Name) {
    assert!((1..=255).contains(&name.as_wire().len()));
    let text = name.to_string();
    assert!(text.is_ascii() && text.ends_with('.') && !text.contains(char::is_control), "{text:?}");
    assert_eq!(text.parse::<Name>().as_ref(), Ok(name));
}

fn check_message(message: &Message, bytes: &[u8]) {
    assert_eq!(message.as_bytes(), bytes);
    let counts = message.counts();
    assert!(message.records().count() <= counts[1..].iter().map(|count| usize::from(*count)).sum());
    assert!(message.answers().count() <= usize::from(counts[1]));
    let sections: Vec<_> = message.records().map(|record| record.section()).collect();
    assert!(sections.is_sorted());
    for record in message.records() {
        check_name(&record.owner().to_name());
        // What is printed is ASCII, without control characters or line ends.
        let text = record.to_string();
        assert!(text.bytes().all(|byte| (0x20..0x7f).contains(&byte)), "{text:?}");
        // Only a key in Base64 may be empty, as dig prints it.
        assert!(!record.data().to_string().is_empty() || record.record_type() == RecordType(61));
        assert!(record.data().name().is_none_or(|name| name.to_name().as_wire().len() <= 255));
    }
    assert!(message.aliases().count() <= 18);
    if let Some(edns) = message.edns() {
        assert!(edns.options().map(|(_, value)| value.len()).sum::<usize>() <= bytes.len());
        let _ = (edns.nsid(), edns.cookie(), edns.extended_errors().count(), edns.version());
    }
    assert!(!format!("{message:?}").is_empty());
}

/// Passes a reply to a conversation with its question: it ends, or queries again, a bounded number of times.
fn check_conversation(bytes: &[u8]) {
    let servers = [([127, 0, 0, 1], 53).into(), ([127, 0, 0, 2], 53).into()];
    let mut dns = Dns::new(DnsSettings::default(), servers, [7; 16]);
    let asked = Message::new(bytes).ok().and_then(|message| {
        let question = message.question()?;
        Some(Question::new(&question.name().to_name(), question.record_type(), question.class()))
    });
    let other = || Question::new(&Name::root(), RecordType::A, Class::IN);
    let mut conversation = dns.begin(servers[0], asked.unwrap_or_else(other));
    let (mut server, mut steps) = (servers[0], 0);
    loop {
        let id = bytes.first_chunk().map_or(0, |id| u16::from_be_bytes(*id));
        let mut request = vec![];
        dns.write_request(&mut conversation, Attempt::first(Token(u64::from(id))), &mut request);
        assert!(dns.read_token(&request).is_some() && (17..600).contains(&request.len()));
        let has_token = dns.read_token(bytes).is_some();
        match dns.step(&mut conversation, &Reply { has_token, ..Reply::to_first(server, bytes) }) {
            Step::AskAt(next) => server = next,
            Step::Done(answer) => return assert_eq!(answer.message.as_bytes(), bytes),
            Step::NotMine => return,
            Step::Unproven(reason) => return assert!(!reason.is_empty()),
            step => panic!("DNS has no such step: {step:?}"),
        }
        steps += 1;
        assert!(steps <= 16, "it goes on for ever");
    }
}

#[test]
fn replies_of_a_server_are_read_whole() {
    let replies = replies();
    assert!(replies.len() > 40);
    for reply in replies {
        let message = Message::new(&*reply).expect("it is whole");
        let without_opt = message.counts()[1..].iter().map(|count| usize::from(*count)).sum::<usize>() - 1;
        assert_eq!(message.records().count(), without_opt);
        read_all(&reply);
    }
}

#[test]
fn replies_truncated_at_any_length_are_read_or_have_a_reason() {
    for reply in replies() {
        for length in 0..reply.len() {
            assert!(Message::new(&reply[..length]).is_err(), "something is missing");
            read_all(&reply[..length]);
            // With the flag TC, the records may end anywhere.
            if length > 2 {
                let mut cut = reply[..length].to_vec();
                cut[2] |= 2;
                read_all(&cut);
            }
        }
    }
}

#[test]
fn replies_with_a_flipped_bit_are_read_or_have_a_reason() {
    for reply in replies().iter().filter(|reply| reply.len() < 150) {
        for bit in 0..8 * reply.len() {
            let mut flipped = reply.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            read_all(&flipped);
        }
    }
}

#[test]
fn pointers_that_lead_nowhere_end() {
    let header = b"\x12\x34\x81\x80\0\x01\0\x01\0\0\0\0";
    let record = b"\0\x01\0\x01\0\0\0\x3c\0\x04\xc0\0\x02\x01";
    for (name, error) in [
        (&b"\xc0\x0c"[..], MessageError::BadPointer),
        (b"\xc0\x0d", MessageError::BadPointer),
        (b"\x01a\xc0\x0c", MessageError::BadPointer),
        (b"\xff\xff", MessageError::BadPointer),
        (b"\xc0", MessageError::Truncated),
        (b"\x40a", MessageError::BadLabel),
        (b"\x80a", MessageError::BadLabel),
        (b"\x3fa", MessageError::Truncated),
    ] {
        // As the name of the question.
        let message = [header, name].concat();
        assert_eq!(Message::new(&*message).map(drop), Err(error), "{name:?}");
        read_all(&message);
        // As the owner of a record: the offsets differ, but none of them is valid.
        let message = [&header[..], b"\x01a\0\0\x01\0\x01", name, record].concat();
        read_all(&message);
    }
    // A chain of pointers, each to the one before: no more are followed than a name can have labels.
    let mut chain = [&header[..], b"\0"].concat();
    for _ in 0..3000 {
        let to = 0xc000 | if chain.len() == 13 { 12 } else { chain.len() - 2 };
        chain.extend_from_slice(&(to as u16).to_be_bytes());
    }
    let read = |pointers: usize| Name::from_message(&chain, 11 + 2 * pointers).map(|(name, _)| name);
    assert_eq!((read(1), read(127)), (Ok(Name::root()), Ok(Name::root())));
    assert_eq!([128, 3000].map(read), [128, 3000].map(|_| Err(MessageError::ManyPointers)));
    // Labels before each pointer: the name becomes too long.
    let mut labels = [&header[..], b"\0"].concat();
    let mut before = 12;
    for _ in 0..200 {
        let at = labels.len();
        labels.extend_from_slice(b"\x01x");
        labels.extend_from_slice(&(0xc000 | before as u16).to_be_bytes());
        before = at;
    }
    assert_eq!(Name::from_message(&labels, before).map(drop), Err(MessageError::LongName));
}

#[test]
fn counts_that_promise_more_have_a_reason() {
    for counts in [[1, 0xffff, 0, 0], [1, 0, 0xffff, 0], [1, 0, 0, 0xffff], [0xffff; 4], [2, 0, 0, 0]] {
        let header = [[0x12, 0x34], [0x81, 0x80]].concat();
        let counts = counts.map(u16::to_be_bytes).concat();
        let message = [&header[..], &counts, b"\x01a\0\0\x01\0\x01"].concat();
        assert!(Message::new(&*message).is_err());
        read_all(&message);
    }
}

/// Returns a message with one record of any type and data.
fn with_record(of: u16, data: &[u8]) -> Vec<u8> {
    let mut message = b"\x12\x34\x81\x80\0\x01\0\x01\0\0\0\0\x03www\x04test\0\0\x01\0\x01\xc0\x0c".to_vec();
    message.extend_from_slice(&of.to_be_bytes());
    message.extend_from_slice(b"\0\x01\0\0\x01\x2c");
    message.extend_from_slice(&u16::try_from(data.len()).expect("short").to_be_bytes());
    message.extend_from_slice(data);
    message
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn mutated_replies_are_read_or_have_a_reason(mutated in mutated(replies())) {
        mutated.iter().for_each(|datagram| read_all(datagram));
    }

    #[test]
    fn data_of_any_bytes_is_printed_for_every_type(
        of in prop_oneof![0u16..300, Just(65280u16), any::<u16>()],
        data in vec(prop_oneof![any::<u8>(), 0u8..8, Just(0xc0), b' '..=b'~'], 0..80),
    ) {
        let message = with_record(of, &data);
        read_all(&message);
        let message = Message::new(message).expect("data may be anything");
        let expected = usize::from(of != 41);
        prop_assert_eq!(message.answers().count(), expected);
    }

    #[test]
    fn known_data_with_a_changed_byte_is_printed(which: Index, at: Index, byte: u8) {
        let replies = replies();
        let reply = which.get(&replies);
        let message = Message::new(&**reply).expect("it is whole");
        if let Some(record) = message.answers().next() {
            let mut data = record.data().as_bytes().to_vec();
            if !data.is_empty() {
                *at.get_mut(&mut data) = byte;
            }
            read_all(&with_record(record.record_type().0, &data));
            data.truncate(at.index(data.len() + 1));
            read_all(&with_record(record.record_type().0, &data));
        }
    }

    #[test]
    fn names_with_pointers_are_read_or_have_a_reason(
        bytes in vec(prop_oneof![0u8..4, Just(0xc0u8), 0u8..64, any::<u8>()], 0..200),
    ) {
        read_all(&[&b"\x12\x34\x81\x80\0\x01\0\x02\0\0\0\0"[..], &bytes].concat());
    }

    #[test]
    fn names_of_any_bytes_survive_a_round_trip(labels in vec(vec(any::<u8>(), 1..20), 0..8)) {
        let child = |name: Name, label: &Vec<u8>| name.child(label).expect("short");
        let name = labels.iter().fold(Name::root(), child);
        check_name(&name);
        prop_assert!(name.labels().eq(labels.iter().rev().map(Vec::as_slice)));
        prop_assert!(name.to_lower_case().eq_ignore_case(&name));
    }

    #[test]
    fn any_text_is_a_name_or_has_a_reason(text in "\\PC{0,80}|[a-z0-9.\\\\]{0,300}") {
        match text.parse::<Name>() {
            Ok(name) => check_name(&name),
            Err(error) => prop_assert!(!error.to_string().is_empty()),
        }
        let _ = (text.parse::<RecordType>(), text.parse::<Class>());
    }
}
