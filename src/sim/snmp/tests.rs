//! Datagrams to the agents of a fleet.

use super::*;
use crate::protocol::snmp::message::PduHead;
use crate::protocol::snmp::{Oid, Value, Version};

const SYS_UP_TIME: &str = "1.3.6.1.2.1.1.3.0";

fn agents(interfaces: u32) -> Agents {
    Agents::new(&Plan { rows: interfaces, ..Plan::default() })
}

fn asked(fault: Option<SnmpFault>) -> AgentContext {
    AgentContext { now: Time::from_millis(5000), host: 7, fault, garbage: false }
}

fn request(community: &[u8], tag: u8, id: u32, repetitions: u32, name: &str) -> Vec<u8> {
    let name: Oid = name.parse().expect("an identifier");
    let (mut writer, mut request) = (Writer::default(), Vec::new());
    let head = PduHead { tag, request_id: id, first: 0, second: repetitions };
    head.write_request([name.as_oid()].into_iter(), &mut writer);
    message::wrap_community(Version::V2c, community, 0, &mut writer);
    writer.append_to(&mut request);
    request
}

fn get(id: u32) -> Vec<u8> {
    request(b"public", pdu_tag::GET, id, 0, SYS_UP_TIME)
}

fn parse(reply: &[u8]) -> CommunityMessage<'_> {
    let Ok(Message::Community(message)) = Message::parse(reply) else { panic!("a message") };
    message
}

#[test]
fn only_the_right_community_is_answered() {
    let mut agents = agents(2);
    assert_eq!(agents.respond(asked(None), &get(9)), Reaction::Replied);
    assert_eq!((parse(agents.reply()).pdu.request_id, parse(agents.reply()).community), (9, COMMUNITY));
    for ignored in [
        request(b"private", pdu_tag::GET, 9, 0, SYS_UP_TIME),
        request(b"public", 0xa3, 9, 0, SYS_UP_TIME),
        get(9)[..30].to_vec(),
        b"nonsense".to_vec(),
        Vec::new(),
    ] {
        assert_eq!(agents.respond(asked(None), &ignored), Reaction::Ignored, "{ignored:?}");
    }
}

#[test]
#[cfg(not(feature = "usm"))]
fn without_the_usm_feature_v3_is_ignored() {
    // The discovery request of `snmpget -v3`.
    let discovery =
        b"\x30\x3e\x02\x01\x03\x30\x11\x02\x04\x37\x2a\x91\x2a\x02\x03\x00\xff\xe3\x04\x01\x04\x02\x01\x03\
        \x04\x10\x30\x0e\x04\x00\x02\x01\x00\x02\x01\x00\x04\x00\x04\x00\x04\x00\
        \x30\x14\x04\x00\x04\x00\xa0\x0e\x02\x04\x5d\x18\xa0\x4b\x02\x01\x00\x02\x01\x00\x30\x00";
    assert!(matches!(Message::parse(discovery), Ok(Message::V3(_))));
    assert_eq!(agents(2).respond(asked(None), discovery), Reaction::Ignored);
}

#[test]
fn no_reply_exceeds_the_maximum_size() {
    for fault in [None, Some(SnmpFault::OddBer), Some(SnmpFault::NonIncreasing)] {
        let mut agents = agents(10_000);
        for start in ["1.3", "1.3.6.1.2.1.2.2.1.2.500", "1.3.6.1.2.1.31.1.1.1.6.9000", "1.3.6.1.4"] {
            let request = request(b"public", pdu_tag::GET_BULK, u32::MAX >> 1, u32::MAX >> 1, start);
            assert_eq!(agents.respond(asked(fault), &request), Reaction::Replied);
            assert!(agents.reply().len() <= LARGEST, "{}", agents.reply().len());
            let full = agents.reply().len() > LARGEST - 80;
            assert_eq!(full, start != "1.3.6.1.4");
        }
    }
}

#[test]
fn a_message_with_odd_lengths_can_be_parsed() {
    let mut agents = agents(2);
    agents.respond(asked(Some(SnmpFault::OddBer)), &get(9));
    assert!(agents.reply().starts_with(&[0x30, 0x83, 0]));
    assert_eq!(message::read_id(agents.reply()), Some(9));
    assert_eq!(parse(agents.reply()).pdu.varbinds().count(), 1);
}

#[test]
fn a_stale_reply_has_the_id_of_the_previous_request() {
    let mut agents = agents(2);
    let asked = asked(Some(SnmpFault::StaleId));
    for (id, stale) in [(100, 99), (500, 100), (500, 499), (7, 500)] {
        let request = get(id);
        assert_eq!(agents.respond(asked, &request), Reaction::Replied);
        assert_eq!(parse(agents.reply()).pdu.request_id, i64::from(id));
        let proper = agents.reply().to_vec();
        let reply = agents.respond_stale(asked, &request).expect("one").to_vec();
        assert_eq!(parse(&reply).pdu.request_id, stale);
        assert_eq!(parse(&reply).pdu.varbinds, parse(&proper).pdu.varbinds);
    }
    assert!(agents.respond_stale(AgentContext { fault: None, ..asked }, &get(8)).is_none());
}

#[test]
fn the_uptime_restarts_after_every_seventh_request() {
    let mut agents = agents(2);
    let mut uptimes = Vec::new();
    for second in 0..16 {
        let now = Time::from_millis(1000 * second);
        agents.respond(AgentContext { now, ..asked(Some(SnmpFault::Restart)) }, &get(1));
        match parse(agents.reply()).pdu.varbinds().next().expect("one").value {
            Value::TimeTicks(uptime) => uptimes.push(uptime),
            other => panic!("{other:?}"),
        }
    }
    assert!(uptimes[0] > 1000 && uptimes[6] == uptimes[0] + 600, "{uptimes:?}");
    assert_eq!(uptimes[7..], [0, 100, 200, 300, 400, 500, 600, 0, 100]);
}

#[test]
fn large_replies_to_getbulk_are_lost_with_slow_bulk() {
    let mut agents = agents(100);
    let asked = asked(Some(SnmpFault::SlowBulk));
    let mut bulk = |repetitions| {
        let request = request(b"public", pdu_tag::GET_BULK, 1, repetitions, "1.3.6.1.2.1.2.2.1.10");
        (agents.respond(asked, &request), agents.reply().len())
    };
    let (reaction, len) = bulk(50);
    assert!(reaction == Reaction::Lost && len > 600);
    let (reaction, len) = bulk(10);
    assert!(reaction == Reaction::Replied && len <= 600);
}

#[test]
fn a_forgery_is_a_reply_to_another_request() {
    let mut agents = agents(2);
    let mut dice = Dice::new(1);
    for _ in 0..100 {
        let mut forgery = Vec::new();
        agents.respond_forged(asked(None), &get(5), &mut dice, &mut forgery);
        assert_ne!(parse(&forgery).pdu.request_id, 5);
    }
    let mut forgery = Vec::new();
    agents.respond_forged(asked(None), b"nonsense", &mut dice, &mut forgery);
    assert_eq!(forgery.len(), 8);
}

#[test]
fn no_broken_request_causes_a_panic() {
    let mut dice = Dice::new(9);
    for round in 0..20_000 {
        let fault = SnmpFault::ALL.map(|(_, fault)| fault)[round % 9];
        let mut agents = agents([0, 1, 200][round % 3]);
        let start = ["1.3.6.1.2.1.2.2.1.2", "1.3.6.1.2.1.31.1.1.1.19.150"][round % 2];
        let mut request = request(COMMUNITY, pdu_tag::GET_BULK, 5, 20, start);
        for _ in 0..1 + dice.below(3) {
            let at = dice.below(request.len());
            request[at] = dice.next() as u8;
        }
        let asked = AgentContext { garbage: round % 5 == 0, ..asked(Some(fault)) };
        if agents.respond(asked, &request) != Reaction::Ignored {
            assert!((1..=LARGEST).contains(&agents.reply().len()));
        }
        agents.respond_stale(asked, &request);
        agents.respond_forged(asked, &request, &mut dice, &mut Vec::new());
    }
}
