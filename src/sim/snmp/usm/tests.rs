//! Messages of v3 to the agents of a fleet.

use super::*;
use crate::engine::Time;
use crate::protocol::snmp::message::{PduHead, ScopedData, ScopedPdu};
use crate::protocol::snmp::usm::{AuthProtocol, PrivProtocol, User, is_authentic, scoped_pdu};
use crate::protocol::snmp::{Oid, Varbinds};
use crate::sim::Plan;
use crate::sim::snmp::{AgentContext, Agents, Reaction, SnmpFault};

const SYS_UP_TIME: &str = "1.3.6.1.2.1.1.3.0";
const MSG_ID: u32 = 1000;

fn user(name: &str, auth: Option<(AuthProtocol, &str)>, privacy: Option<&str>) -> User {
    let mut user = User::new(name.as_bytes()).expect("a name");
    if let Some((protocol, password)) = auth {
        user = user.with_auth(protocol, password.as_bytes()).expect("long enough");
    }
    if let Some(password) = privacy {
        user = user.with_priv(PrivProtocol::Aes128, password.as_bytes()).expect("long enough");
    }
    user
}

fn u0() -> User {
    user("u0", None, None)
}

fn u1() -> User {
    user("u1", Some((AuthProtocol::Sha256, "authpass123")), Some("privpass123"))
}

fn u2() -> User {
    user("u2", Some((AuthProtocol::Sha1, "authpass123")), None)
}

/// A request.
#[derive(Clone, Copy)]
struct Ask<'a> {
    envelope: Envelope<'a>,
    head: PduHead,
    name: &'static str,
}

impl Ask<'_> {
    fn seal(&self, keys: &Keys) -> Vec<u8> {
        let (mut writer, mut out) = (Writer::default(), Vec::new());
        let name: Oid = self.name.parse().expect("an identifier");
        self.head.write_request([name.as_oid()].into_iter(), &mut writer);
        seal(&self.envelope, keys, 9, &mut writer, &mut out);
        out
    }
}

/// An agent's reply, as read with the keys.
#[derive(Debug, PartialEq)]
struct AgentReply {
    msg_id: i64,
    request_id: i64,
    level: Level,
    report: Option<ReportKind>,
    /// The counter of a report, or the hundredths of a second of sysUpTime.
    number: u32,
}

/// One agent and its client.
struct Scene {
    agents: Agents,
    asked: AgentContext,
    engine_id: Vec<u8>,
    boots: u32,
    time: u32,
}

impl Scene {
    /// Creates an agent with this fault, and discovers its engine.
    fn new(fault: Option<SnmpFault>) -> Scene {
        let agents = Agents::new(&Plan { rows: 100, ..Plan::default() });
        let asked = AgentContext { now: Time::from_millis(5000), host: 7, fault, garbage: false };
        let mut scene = Scene { agents, asked, engine_id: Vec::new(), boots: 0, time: 0 };
        scene.agents.respond(scene.asked, &discovery());
        scene.learn();
        scene
    }

    /// Stores the engine's parameters from the last reply.
    fn learn(&mut self) {
        let security = v3(self.agents.reply()).security;
        self.engine_id = security.engine_id.to_vec();
        (self.boots, self.time) = (security.boots as u32, security.time as u32);
    }

    fn ask<'a>(&'a self, user: &'a User) -> Ask<'a> {
        let envelope = Envelope {
            msg_id: MSG_ID,
            is_reportable: true,
            engine_id: &self.engine_id,
            boots: self.boots,
            time: self.time,
            user: user.name(),
            context: user.context(),
        };
        let head = PduHead { tag: pdu_tag::GET, request_id: 77, first: 0, second: 0 };
        Ask { envelope, head, name: SYS_UP_TIME }
    }

    fn send(&mut self, request: &[u8], keys: &Keys) -> AgentReply {
        assert_eq!(self.agents.respond(self.asked, request), Reaction::Replied);
        read_reply(self.agents.reply(), keys)
    }

    /// Sends a proper request of that user.
    fn get(&mut self, user: &User) -> AgentReply {
        let keys = user.keys(&self.engine_id);
        let request = self.ask(user).seal(&keys);
        self.send(&request, &keys)
    }
}

fn discovery() -> Vec<u8> {
    let head = PduHead { tag: pdu_tag::GET, request_id: 55, first: 0, second: 0 };
    let envelope = Envelope { msg_id: MSG_ID, is_reportable: true, ..Envelope::default() };
    Ask { envelope, head, name: SYS_UP_TIME }.seal(&Keys::None)
}

fn v3(datagram: &[u8]) -> V3Message<'_> {
    let Ok(Message::V3(message)) = Message::parse(datagram) else { panic!("a message of v3") };
    message
}

#[track_caller]
fn read_reply(reply: &[u8], keys: &Keys) -> AgentReply {
    let message = v3(reply);
    let level = Level::of(&message).expect("consistent");
    if level > Level::NoAuthNoPriv {
        assert!(is_authentic(reply, &message, keys.auth().expect("a key")));
    }
    let mut scratch = Vec::new();
    let pdu = scoped_pdu(&message, keys, &mut scratch).expect("a scoped PDU").pdu;
    assert!(matches!(pdu.tag, pdu_tag::RESPONSE | pdu_tag::REPORT) && message.flags & flag::REPORTABLE == 0);
    let report = (pdu.tag == pdu_tag::REPORT).then(|| ReportKind::of(&pdu).expect("of a known kind"));
    let number = match pdu.varbinds().next().expect("one").value {
        Value::Counter32(number) | Value::TimeTicks(number) => number,
        other => panic!("{other:?}"),
    };
    AgentReply { msg_id: message.msg_id, request_id: pdu.request_id, level, report, number }
}

#[test]
fn a_discovery_is_answered_with_engine_id_boots_and_time() {
    let mut scene = Scene::new(None);
    assert_eq!(scene.engine_id, b"\x80\0\x7a\x69\x05\x7f\x01\0\x01\0\0\0\x07");
    assert!(scene.boots > 0 && scene.time > 1000);
    let expected = |number| AgentReply {
        msg_id: 1000,
        request_id: 55,
        level: Level::NoAuthNoPriv,
        report: Some(ReportKind::UnknownEngineIds),
        number,
    };
    assert_eq!(scene.send(&discovery(), &Keys::None), expected(2));
    scene.asked.host = 8;
    assert_eq!(scene.send(&discovery(), &Keys::None), expected(3), "the fleet has one counter");
    let before = scene.engine_id.clone();
    scene.learn();
    assert_ne!(scene.engine_id, before);
}

#[test]
fn each_user_gets_replies_with_the_security_of_the_request() {
    let mut scene = Scene::new(None);
    for (user, level) in [(u0(), Level::NoAuthNoPriv), (u1(), Level::AuthPriv), (u2(), Level::AuthNoPriv)] {
        let reply = scene.get(&user);
        assert_eq!((reply.report, reply.level, reply.request_id), (None, level, 77));
        assert_eq!(reply.number / 100, scene.time, "both are its uptime");
    }
}

#[test]
fn a_rejected_message_is_reported_as_in_rfc_3414() {
    let mut scene = Scene::new(None);
    let id = scene.engine_id.clone();
    let later = |seconds: u32| scene.time + seconds;
    let sha256 = |password: &'static str| Some((AuthProtocol::Sha256, password));
    let (u0, u1, u2) = (u0(), u1(), u2());
    let nobody = user("u3", sha256("authpass123"), None);
    let (lower, higher) = (user("u1", sha256("authpass123"), None), user("u0", sha256("authpass123"), None));
    let wrong = user("u1", sha256("nothispass"), Some("privpass123"));
    let noise = user("u1", sha256("authpass123"), Some("nothispass"));
    let elsewhere = u1.clone().with_context(b"elsewhere");
    let mut cases = Vec::new();
    let mut case = |report, level, user: &User, change: &dyn Fn(&mut Ask<'_>)| {
        let mut ask = scene.ask(user);
        change(&mut ask);
        let keys = user.keys(ask.envelope.engine_id);
        cases.push((report, level, ask.seal(&keys), user.keys(&id)));
    };
    let plain = Level::NoAuthNoPriv;
    case(ReportKind::UnknownEngineIds, plain, &u1, &|ask| ask.envelope.engine_id = b"another");
    case(ReportKind::UnknownUserNames, plain, &nobody, &|_| {});
    case(ReportKind::UnsupportedSecLevels, plain, &lower, &|_| {});
    case(ReportKind::UnsupportedSecLevels, plain, &higher, &|_| {});
    case(ReportKind::WrongDigests, plain, &wrong, &|_| {});
    case(ReportKind::NotInTimeWindows, Level::AuthNoPriv, &u1, &|ask| ask.envelope.boots -= 1);
    case(ReportKind::NotInTimeWindows, Level::AuthNoPriv, &u2, &|ask| ask.envelope.time = later(151));
    case(ReportKind::DecryptionErrors, plain, &noise, &|_| {});
    case(ReportKind::UnknownContexts, Level::AuthPriv, &elsewhere, &|_| {});
    let mut counted = [0; ReportKind::ALL.len()];
    counted[ReportKind::UnknownEngineIds as usize] = 1;
    for (report, level, request, keys) in cases {
        let reply = scene.send(&request, &keys);
        counted[report as usize] += 1;
        let number = counted[report as usize];
        assert_eq!((reply.report, reply.level, reply.number), (Some(report), level, number));
    }
    assert_eq!(scene.agents.usm.reports, counted);
    let timeless = Ask { envelope: Envelope { boots: 0, ..scene.ask(&u0).envelope }, ..scene.ask(&u0) };
    let timeless = timeless.seal(&Keys::None);
    assert_eq!(scene.send(&timeless, &Keys::None).report, None, "without a digest, time is not checked");
}

#[test]
fn a_scoped_pdu_for_another_engine_is_not_handled() {
    let mut scene = Scene::new(None);
    let mut request = scene.ask(&u0()).seal(&Keys::None);
    let Some(at) = request.windows(13).rposition(|bytes| bytes == scene.engine_id) else { panic!("an ID") };
    request[at + 12] ^= 1;
    assert_eq!(scene.send(&request, &Keys::None).report, Some(ReportKind::UnknownPduHandlers));
}

#[test]
fn unreportable_and_contradictory_messages_are_ignored() {
    let mut scene = Scene::new(None);
    let u1 = u1();
    let keys = u1.keys(&scene.engine_id);
    let mut ask = scene.ask(&u1);
    (ask.envelope.is_reportable, ask.envelope.boots) = (false, 0);
    let not_reportable = ask.seal(&keys);
    let mut contradiction = scene.ask(&u1).seal(&keys);
    let flags = contradiction.windows(3).position(|bytes| bytes == [4, 1, 7]).expect("the flags") + 2;
    contradiction[flags] = 2;
    let mut model = discovery();
    let at = model.windows(6).position(|bytes| bytes == [4, 1, 4, 2, 1, 3]).expect("the model") + 5;
    model[at] = 2;
    let mut set = scene.ask(&u1);
    set.head.tag = 0xa3;
    for ignored in [not_reportable, contradiction, model, set.seal(&keys)] {
        assert_eq!(scene.agents.respond(scene.asked, &ignored), Reaction::Ignored);
    }
}

#[test]
fn no_reply_is_larger_than_either_side_allows() {
    let mut scene = Scene::new(None);
    for user in [u0(), u1(), u2()] {
        let keys = user.keys(&scene.engine_id);
        let mut ask = scene.ask(&user);
        ask.head = PduHead { tag: pdu_tag::GET_BULK, request_id: u32::MAX >> 1, first: 0, second: 500 };
        (ask.envelope.msg_id, ask.name) = (u32::MAX >> 1, "1.3.6.1.2.1.31.1.1.1.6");
        let mut request = ask.seal(&keys);
        assert_eq!(scene.agents.respond(scene.asked, &request), Reaction::Replied);
        let len = scene.agents.reply().len();
        assert!((LARGEST - 150..=LARGEST).contains(&len), "{len}");
        if keys.auth().is_none() {
            let size = request.windows(5).position(|bytes| bytes == [2, 3, 0, 0xff, 0xe3]).expect("a size");
            request[size + 3..size + 5].copy_from_slice(&[1, 0xe4]);
            scene.agents.respond(scene.asked, &request);
            let len = scene.agents.reply().len();
            assert!((300..=SMALLEST).contains(&len), "{len}");
        }
    }
}

#[test]
fn an_agent_that_reboots_requires_its_new_time_after_every_seventh_request() {
    let u1 = u1();
    let mut scene = Scene::new(Some(SnmpFault::Reboot));
    for life in 0..3 {
        for nth in 0..7 {
            let reply = scene.get(&u1);
            assert_eq!(reply.report, None, "{life} {nth}");
            assert_eq!(reply.number < 100, life > 0, "sysUpTime restarts with it");
        }
        let boots = scene.boots;
        assert_eq!(scene.get(&u1).report, Some(ReportKind::NotInTimeWindows));
        scene.learn();
        assert_eq!((scene.boots, scene.time), (boots + 1, 0));
    }
}

#[test]
fn a_restarted_agent_keeps_the_time_of_its_engine() {
    let u1 = u1();
    let mut scene = Scene::new(Some(SnmpFault::Restart));
    let all: Vec<AgentReply> = (0..8).map(|_| scene.get(&u1)).collect();
    assert!(all.iter().all(|reply| reply.report.is_none()));
    let uptimes: Vec<u32> = all.iter().map(|reply| reply.number).collect();
    assert!(uptimes[..7].iter().all(|uptime| *uptime > 100_000) && uptimes[7] == 0, "{uptimes:?}");
}

#[test]
fn agents_with_the_same_engine_id_have_different_clocks() {
    let scenes: Vec<Scene> = (0..10)
        .map(|host| {
            let mut scene = Scene::new(Some(SnmpFault::SameEngine));
            scene.asked.host = host;
            scene.agents.respond(scene.asked, &discovery());
            scene.learn();
            scene
        })
        .collect();
    assert!(scenes.iter().all(|scene| scene.engine_id == scenes[0].engine_id));
    assert!(scenes.iter().any(|scene| scene.time != scenes[0].time));
}

#[test]
fn garbage_has_the_right_id_and_a_broken_digest_or_list() {
    let mut scene = Scene::new(None);
    scene.asked.garbage = true;
    for host in 0..50 {
        scene.asked.host = host;
        scene.agents.respond(scene.asked, &discovery());
        scene.learn();
        for user in [u0(), u1(), u2()] {
            let keys = user.keys(&scene.engine_id);
            let request = scene.ask(&user).seal(&keys);
            assert_eq!(scene.agents.respond(scene.asked, &request), Reaction::Replied);
            let (reply, message) = (scene.agents.reply(), v3(scene.agents.reply()));
            assert_eq!(message.msg_id, 1000);
            match (keys.auth(), message.data) {
                (Some(key), _) => assert!(!is_authentic(reply, &message, key)),
                (None, ScopedData::Plain(content)) => assert!(is_cut(content)),
                (None, _) => panic!("encrypted"),
            }
        }
    }
}

fn is_cut(content: &[u8]) -> bool {
    let mut varbinds = Varbinds::new(ScopedPdu::parse(content).expect("a scoped PDU").pdu.varbinds);
    varbinds.by_ref().for_each(drop);
    varbinds.broken().is_some()
}

#[test]
fn a_stale_reply_has_the_previous_msg_id_and_is_authentic() {
    let u1 = u1();
    let mut scene = Scene::new(Some(SnmpFault::StaleId));
    let keys = u1.keys(&scene.engine_id);
    for (id, stale) in [(500, 1000), (600, 500), (600, 599), (7, 600)] {
        let mut ask = scene.ask(&u1);
        ask.envelope.msg_id = id;
        let request = ask.seal(&keys);
        assert_eq!(scene.send(&request, &keys).msg_id, i64::from(id));
        let reply = scene.agents.respond_stale(scene.asked, &request).expect("one");
        assert_eq!((read_reply(reply, &keys).msg_id, read_reply(reply, &keys).request_id), (stale, 77));
    }
    scene.agents.respond_stale(scene.asked, &discovery()).expect("a report as well");
    assert_eq!(read_reply(scene.agents.reply(), &keys).number, 1, "it is not counted");
}

#[test]
fn a_forgery_has_another_msg_id_and_is_not_counted() {
    let mut scene = Scene::new(None);
    let (u1, mut dice) = (u1(), Dice::new(1));
    let request = scene.ask(&u1).seal(&u1.keys(&scene.engine_id));
    for host in [7, 8] {
        let mut forgery = Vec::new();
        let asked = AgentContext { host, ..scene.asked };
        scene.agents.respond_forged(asked, &request, &mut dice, &mut forgery);
        assert_ne!(v3(&forgery).msg_id, 1000);
    }
    assert_eq!(scene.agents.usm.reports[ReportKind::UnknownEngineIds as usize], 1);
}

#[test]
fn no_broken_message_causes_a_panic() {
    let (users, mut dice) = ([u0(), u1(), u2()], Dice::new(9));
    for (_, fault) in SnmpFault::ALL {
        let mut scene = Scene::new(Some(fault));
        let requests = users.each_ref().map(|user| scene.ask(user).seal(&user.keys(&scene.engine_id)));
        for round in 0..2000 {
            let mut request = requests[round % 3].clone();
            for _ in 0..1 + dice.below(3) {
                let at = dice.below(request.len());
                request[at] = dice.next() as u8;
            }
            let asked = AgentContext { garbage: round % 5 == 0, ..scene.asked };
            if scene.agents.respond(asked, &request) != Reaction::Ignored {
                assert!((1..=LARGEST).contains(&scene.agents.reply().len()));
            }
            scene.agents.respond_stale(asked, &request);
            scene.agents.respond_forged(asked, &request, &mut dice, &mut Vec::new());
        }
    }
}
