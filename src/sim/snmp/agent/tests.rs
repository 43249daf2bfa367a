//! Requests to one agent, and the variable bindings of its responses.

use super::*;
use crate::protocol::snmp::Oid;
use crate::protocol::snmp::ber::Reader;
use crate::protocol::snmp::message::PduHead;

const V1: Terms = Terms { version: Version::V1, room: 1350 };
const V2C: Terms = Terms { version: Version::V2c, room: 1350 };
const SYS_NAME: &str = "1.3.6.1.2.1.1.5.0";
const IF_DESCR: &str = "1.3.6.1.2.1.2.2.1.2";
const HC_IN: &str = "1.3.6.1.2.1.31.1.1.1.6";
const TRAP_ENABLE: &str = "1.3.6.1.2.1.31.1.1.1.14";

/// A response: its status, index and variable bindings.
#[derive(Debug, PartialEq)]
struct Response {
    status: i64,
    index: i64,
    names: Vec<String>,
    tags: Vec<u8>,
    odd: Vec<bool>,
}

struct Scene {
    responder: Responder,
    agent: Agent,
}

impl Scene {
    fn new(interfaces: u32) -> Scene {
        let moment = Moment { seed: 1, host: 5, uptime: 1_000_000 };
        Scene { responder: Responder::new(interfaces), agent: Agent { moment, fault: None, garbage: false } }
    }

    fn with(fault: SnmpFault) -> Scene {
        let mut scene = Scene::new(3);
        scene.agent.fault = Some(fault);
        scene
    }

    /// Returns the bytes of the response.
    fn raw(&mut self, terms: Terms, head: PduHead, names: &[&str]) -> Option<Vec<u8>> {
        let names: Vec<Oid> = names.iter().map(|name| name.parse().expect("an identifier")).collect();
        let (mut writer, mut request) = (Writer::default(), Vec::new());
        head.write_request(names.iter().map(Oid::as_oid), &mut writer);
        writer.append_to(&mut request);
        let pdu = Pdu::read(&mut Reader::new(&request)).expect("a request");
        let (mut writer, mut reply) = (Writer::default(), Vec::new());
        let answered = self.responder.answer(&self.agent, terms, &pdu, &mut writer);
        writer.append_to(&mut reply);
        answered.then_some(reply)
    }

    fn ask(&mut self, terms: Terms, head: PduHead, names: &[&str]) -> Option<Response> {
        let reply = self.raw(terms, head, names)?;
        let pdu = Pdu::read(&mut Reader::new(&reply)).expect("a response");
        assert_eq!((pdu.tag, pdu.request_id), (pdu_tag::RESPONSE, i64::from(head.request_id)));
        let mut varbinds = pdu.varbinds();
        let all: Vec<Varbind<'_>> = varbinds.by_ref().collect();
        assert!(varbinds.broken().is_none() && pdu.varbinds.len() <= terms.room);
        Some(Response {
            status: pdu.error_status,
            index: pdu.error_index,
            names: all.iter().map(|varbind| varbind.oid.to_string()).collect(),
            tags: all.iter().map(|varbind| varbind.tag).collect(),
            odd: all.iter().map(|varbind| varbind.odd.is_some()).collect(),
        })
    }

    fn get(&mut self, terms: Terms, names: &[&str]) -> Response {
        self.ask(terms, head(pdu_tag::GET, 0, 0), names).expect("an answer")
    }

    fn next(&mut self, terms: Terms, names: &[&str]) -> Response {
        self.ask(terms, head(pdu_tag::GET_NEXT, 0, 0), names).expect("an answer")
    }

    fn bulk(&mut self, once: u32, repetitions: u32, names: &[&str]) -> Response {
        self.ask(V2C, head(pdu_tag::GET_BULK, once, repetitions), names).expect("an answer")
    }

    /// Returns all names that a walk by GETNEXT finds, at most `most`.
    fn walk(&mut self, terms: Terms, most: usize) -> Vec<String> {
        let mut walked: Vec<String> = Vec::new();
        while walked.len() < most {
            let at = walked.last().map_or("0.0", String::as_str);
            let said = self.next(terms, &[at]);
            if said.status != 0 || said.tags == [0x82] {
                break;
            }
            walked.extend(said.names);
        }
        walked
    }
}

fn head(tag: u8, first: u32, second: u32) -> PduHead {
    PduHead { tag, request_id: 77, first, second }
}

fn said(status: i64, index: i64, varbinds: &[(&str, u8)]) -> Response {
    Response {
        status,
        index,
        names: varbinds.iter().map(|(name, _)| (*name).to_owned()).collect(),
        tags: varbinds.iter().map(|(_, tag)| *tag).collect(),
        odd: vec![false; varbinds.len()],
    }
}

#[test]
fn v2c_returns_an_exception_for_each_missing_name() {
    let names = [SYS_NAME, "1.3.6.1.2.1.1.5.1", "1.3.6.1.9.9.0", "1.3.6.1.2.1.31.1.1.1.6.1"];
    let expected = [(names[0], 4), (names[1], 0x81), (names[2], 0x80), (names[3], 0x46)];
    assert_eq!(Scene::new(2).get(V2C, &names), said(0, 0, &expected));
    let last = "1.3.6.1.2.1.31.1.1.1.19.2";
    assert_eq!(Scene::new(2).next(V2C, &[last]), said(0, 0, &[(last, 0x82)]));
}

#[test]
fn v1_names_the_first_missing_object_and_has_no_counter64() {
    let mut scene = Scene::new(2);
    let hc = "1.3.6.1.2.1.31.1.1.1.6.1";
    for missing in ["1.3.6.1.9.9.0", hc] {
        let expected = said(2, 2, &[(SYS_NAME, 5), (missing, 5), (missing, 5)]);
        assert_eq!(scene.get(V1, &[SYS_NAME, missing, missing]), expected);
    }
    assert_eq!(scene.next(V1, &[HC_IN]), said(0, 0, &[("1.3.6.1.2.1.31.1.1.1.14.1", 2)]));
    let last = "1.3.6.1.2.1.31.1.1.1.19.2";
    assert_eq!(scene.next(V1, &[last]), said(2, 1, &[(last, 5)]));
    let (of_v1, of_v2c) = (scene.walk(V1, 1000), scene.walk(V2C, 1000));
    assert_eq!((of_v1.len(), of_v2c.len()), (8 + 33 * 2, 8 + 41 * 2));
    assert!(of_v1.iter().all(|name| of_v2c.contains(name)));
}

#[test]
fn an_agent_ignores_unknown_requests() {
    let mut scene = Scene::new(2);
    assert_eq!(scene.ask(V1, head(pdu_tag::GET_BULK, 0, 5), &[IF_DESCR]), None);
    for tag in [0xa3, 0xa4, 0xa6, 0xa7, pdu_tag::RESPONSE, pdu_tag::REPORT] {
        assert_eq!(scene.ask(V2C, head(tag, 0, 0), &[SYS_NAME]), None);
    }
}

#[test]
fn getbulk_equals_repeated_getnext() {
    for (once, repetitions, names) in [
        (0, 5, &[IF_DESCR][..]),
        (1, 4, &["1.3.6.1.2.1.1.3", IF_DESCR, HC_IN]),
        (2, 3, &["1.3.6.1.2.1.1.3", TRAP_ENABLE]),
        (0, 9, &["1.3.6.1.2.1.31.1.1.1.18", "1.3.6.1.4.1", "1.3.6.1.2.1.31.1.1.1.19.2"]),
        (9, 9, &[IF_DESCR]),
        (0, 0, &[IF_DESCR]),
        (1, 7, &[IF_DESCR]),
    ] {
        let mut scene = Scene::new(3);
        let at_once = scene.bulk(once, repetitions, names);
        let (first, rest) = names.split_at(names.len().min(once as usize));
        let (mut all_names, mut all_tags) = (Vec::new(), Vec::new());
        let mut ask = |asked: &[&str]| {
            let said = scene.next(V2C, asked);
            all_names.extend(said.names.clone());
            all_tags.extend(said.tags.clone());
            said
        };
        ask(first);
        let mut row: Vec<String> = rest.iter().map(|name| (*name).to_owned()).collect();
        for _ in 0..repetitions {
            let said = ask(&row.iter().map(String::as_str).collect::<Vec<_>>());
            row = said.names;
            if said.tags.iter().all(|tag| *tag == 0x82) {
                break;
            }
        }
        assert_eq!((at_once.names, at_once.tags), (all_names, all_tags), "{names:?}");
    }
}

#[test]
fn values_that_do_not_fit_are_left_out_of_a_getbulk_and_make_a_get_too_big() {
    let mut scene = Scene::new(200);
    let rows = scene.bulk(0, 1000, &["1.3.6.1.2.1.2.2.1.10", HC_IN, TRAP_ENABLE]);
    assert_eq!((rows.status, rows.index), (0, 0));
    assert!(
        rows.names.len() > 50 && !rows.names.len().is_multiple_of(3),
        "cut in mid-row: {}",
        rows.names.len()
    );
    let many = [SYS_NAME; 60];
    assert_eq!(scene.get(V2C, &many), said(1, 0, &[]));
    assert_eq!(scene.get(V1, &many), said(1, 0, &[(SYS_NAME, 5); 60]));
    assert_eq!(scene.next(V2C, &["1.3.6.1.2.1.1.4"; 60]), said(1, 0, &[]));
}

#[test]
fn a_small_agent_returns_too_big_for_more_than_eight() {
    for (fault, echoed) in [(SnmpFault::TooBig, vec![(IF_DESCR, 5)]), (SnmpFault::TooBigEmpty, vec![])] {
        let mut scene = Scene::with(fault);
        assert_eq!(scene.bulk(0, 8, &[IF_DESCR]).names.len(), 8);
        assert_eq!(scene.bulk(0, 9, &[IF_DESCR]), said(1, 0, &echoed));
        assert_eq!(scene.get(V2C, &[SYS_NAME; 8]).status, 0);
        assert_eq!(scene.get(V2C, &[SYS_NAME; 9]).names.len(), echoed.len() * 9);
        assert_eq!(scene.get(V1, &[SYS_NAME; 9]).names.len(), echoed.len() * 9);
    }
}

#[test]
fn an_agent_that_loops_does_so_in_getnext_and_getbulk() {
    let mut scene = Scene::with(SnmpFault::NonIncreasing);
    let circle = ["2.1", "2.2", "2.3", "2.1", "2.2"].map(|end| format!("1.3.6.1.2.1.2.2.1.{end}"));
    assert_eq!(scene.bulk(0, 5, &[IF_DESCR]).names, circle);
    let walked = scene.walk(V2C, 50);
    assert_eq!(walked.len(), 50, "it never ends");
    assert!(walked[11..].iter().zip(circle[..3].iter().cycle()).all(|(name, expected)| name == expected));
    assert_eq!(scene.bulk(0, 3, &["1.3.6.1.2.1.2.2.1.3"]).names[2], "1.3.6.1.2.1.2.2.1.3.3");
}

#[test]
fn odd_encodings_are_odd_and_can_be_parsed() {
    let mut scene = Scene::with(SnmpFault::OddBer);
    let plain = Scene::new(3).bulk(0, 200, &["1.3.6.1.2.1"]);
    let odd = scene.bulk(0, 200, &["1.3.6.1.2.1"]);
    assert!(odd.odd.iter().all(|odd| *odd));
    assert!(plain.names.starts_with(&odd.names));
    let row = |column| format!("1.3.6.1.2.1.2.2.1.{column}.1");
    let raw = |scene: &mut Scene, name: &str| {
        let reply = scene.raw(V2C, head(pdu_tag::GET, 0, 0), &[name]).expect("an answer");
        let pdu = Pdu::read(&mut Reader::new(&reply)).expect("a response");
        let varbind = pdu.varbinds().next().expect("one");
        (varbind.tag, varbind.content.to_vec())
    };
    assert_eq!(raw(&mut scene, &row(4)), (ber::INTEGER, vec![]));
    assert_eq!(raw(&mut scene, &row(15)), (0x41, vec![0xff; 4]));
    assert_eq!(raw(&mut scene, &row(22)).0, 0x45);
    let (tag, content) = raw(&mut scene, "1.3.6.1.2.1.31.1.1.1.6.1");
    assert!(tag == 0x46 && content.len() == 8 && content[0] >= 0x80, "{content:?}");
}

#[test]
fn garbage_has_the_right_id_and_a_truncated_list() {
    let mut scene = Scene::new(3);
    for host in 0..100 {
        (scene.agent.moment.host, scene.agent.garbage) = (host, true);
        for (tag, names) in [(pdu_tag::GET, &[SYS_NAME][..]), (pdu_tag::GET_NEXT, &[IF_DESCR; 3])] {
            let reply = scene.raw(V2C, head(tag, 0, 0), names).expect("an answer");
            let pdu = Pdu::read(&mut Reader::new(&reply)).expect("a response");
            let mut varbinds = pdu.varbinds();
            varbinds.by_ref().for_each(drop);
            assert!(pdu.request_id == 77 && varbinds.broken().is_some());
        }
    }
}

#[test]
fn any_id_is_returned() {
    let mut scene = Scene::new(1);
    for id in [i64::from(i32::MIN), -1, 0, i64::from(i32::MAX)] {
        let pdu = Pdu {
            tag: pdu_tag::GET,
            request_id: id,
            error_status: 0,
            error_index: 0,
            varbinds: &[],
            cut: None,
        };
        let (mut writer, mut reply) = (Writer::default(), Vec::new());
        assert!(scene.responder.answer(&scene.agent, V2C, &pdu, &mut writer));
        writer.append_to(&mut reply);
        assert_eq!(Pdu::read(&mut Reader::new(&reply)).expect("a response").request_id, id);
    }
}
