//! The SNMP parsers accept any datagram or return a reason; they never panic.

#[path = "support/captured.rs"]
mod captured;
#[path = "support/mutated.rs"]
mod mutated;

use std::sync::Arc;

use allears::protocol::snmp::message::{Message, Pdu, ScopedData, ScopedPdu, read_id};
use allears::protocol::snmp::{
    Conversation, Credentials, Operation, Question, Request, Snmp, Varbinds, Version,
};
use allears::protocol::{Attempt, Protocol, Reply, Step, Token};
use mutated::mutated;
use proptest::collection::vec;
use proptest::prelude::*;

/// Captured datagrams of a real agent and its managers, of v1, v2c and v3.
fn datagrams() -> Vec<Vec<u8>> {
    let file = include_str!("data/snmpd-v1-v2c-v3.hex");
    captured::datagrams(file).map(|(_, datagram)| datagram).collect()
}

/// Passes a datagram to every parser, and checks the invariants.
fn read_all(datagram: &[u8]) {
    if let Some(id) = read_id(datagram) {
        assert!((1..1 << 31).contains(&id));
    }
    match Message::parse(datagram) {
        Ok(Message::Community(message)) => read_pdu(&message.pdu),
        Ok(Message::V3(message)) => {
            if let ScopedData::Plain(content) = message.data
                && let Ok(scoped) = ScopedPdu::parse(content)
            {
                read_pdu(&scoped.pdu);
            }
        }
        Err(reason) => assert!(!reason.is_empty()),
    }
    let agent = ([127, 0, 0, 1], 161).into();
    let (mut snmp, conversations) = conversations();
    for mut conversation in conversations {
        // A conversation must not continue if the agent sends nothing new.
        for _ in 0..8 {
            let mut request = vec![];
            snmp.write_request(&mut conversation, Attempt::first(Token(7)), &mut request);
            assert_eq!(snmp.read_token(&request), Some(Token(7)));
            assert!(snmp.reply_size(&conversation).bytes >= 256);
            match snmp.step(&mut conversation, &Reply::to_first(agent, datagram)) {
                Step::AskNext => assert_eq!(snmp.retry(&mut conversation, 2), None),
                Step::Done(answer) => {
                    assert_eq!(
                        read_varbinds(answer.varbinds()),
                        answer.len(),
                        "kept variable bindings are readable"
                    );
                    break;
                }
                Step::Malformed(reason) | Step::Unproven(reason) => {
                    assert!(!reason.is_empty());
                    break;
                }
                _ => panic!("SNMP has no such step"),
            }
        }
    }
}

fn read_pdu(pdu: &Pdu<'_>) {
    read_varbinds(pdu.varbinds());
}

fn read_varbinds(varbinds: Varbinds<'_>) -> usize {
    let names = varbinds.map(|varbind| {
        assert!(varbind.oid.arcs().count() <= varbind.oid.as_ber().len() + 2);
        assert_eq!(varbind.oid, varbind.oid.to_oid().as_oid());
        assert!(!format!("{} {:?}", varbind.oid, varbind.value).is_empty());
    });
    names.count()
}

/// Returns a conversation of each kind.
fn conversations() -> (Snmp, Vec<Conversation>) {
    let mut snmp = Snmp::new(1);
    let mut all = vec![];
    let oids =
        || vec!["1.3.6.1.2.1.1".parse().expect("a name"), "1.3.6.1.4.1.99999".parse().expect("a name")];
    for version in [Version::V1, Version::V2c] {
        let credentials = snmp.add_credentials(Credentials::community(version, b"public"));
        for operation in [
            Operation::Get,
            Operation::GetNext,
            Operation::GetBulk { non_repeaters: 1, max_repetitions: 10 },
            Operation::Walk { max_repetitions: None, max_rows: 50 },
        ] {
            let request = Arc::new(Request { operation, oids: oids(), with_uptime: version == Version::V1 });
            all.push(snmp.begin(([127, 0, 0, 1], 161).into(), Question { credentials, request }));
        }
    }
    (snmp, all)
}

#[test]
fn datagrams_truncated_at_any_length_are_read_or_have_a_reason() {
    for datagram in datagrams() {
        for len in 0..=datagram.len() {
            read_all(&datagram[..len]);
        }
    }
}

#[test]
fn datagrams_with_a_flipped_bit_are_read_or_have_a_reason() {
    for datagram in datagrams().iter().filter(|datagram| datagram.len() < 200) {
        for bit in 0..8 * datagram.len() {
            let mut flipped = datagram.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            read_all(&flipped);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn mutated_datagrams_are_read_or_have_a_reason(mutated in mutated(datagrams())) {
        mutated.iter().for_each(|datagram| read_all(datagram));
    }

    #[test]
    fn elements_in_any_order_are_read_or_have_a_reason(
        body in vec(prop_oneof![
            any::<u8>(),
            prop::sample::select(vec![0u8, 1, 2, 3, 4, 5, 6, 0x30, 0xa2, 0xa8, 0x41, 0x46, 0x80, 0x82, 0xff]),
        ], 0..120),
    ) {
        read_all(&body);
        let head = b"\x30\x82\x00\x00\x02\x01\x01\x04\x06public\xa2\x81\x00";
        let mut message = [head, &body[..]].concat();
        let len = message.len() - 4;
        (message[2], message[3]) = ((len >> 8) as u8, len as u8);
        (message[17]) = body.len() as u8;
        read_all(&message);
    }
}
