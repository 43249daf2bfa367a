//! `Usm` against an agent in virtual time.

use super::*;
use crate::protocol::snmp::message::Message;
use crate::protocol::snmp::value::{Value, Varbind};

const ID: &[u8] = &[0x80, 0, 0x1f, 0x88, 4, b'o', b'n', b'e'];
const OTHER_ID: &[u8] = &[0x80, 0, 0x1f, 0x88, 4, b't', b'w', b'o'];
const MSG_ID: u32 = 0x1234_5678;

/// An agent that implements RFC 3414.
struct Agent {
    id: &'static [u8],
    boots: u32,
    time: u32,
    user: User,
    /// True if notInTimeWindows reports are authenticated, as they should be.
    authenticates_reports: bool,
}

impl Agent {
    fn new(user: &User) -> Agent {
        Agent { id: ID, boots: 3, time: 1000, user: user.clone(), authenticates_reports: true }
    }

    fn answer(&self, request: &[u8]) -> Vec<u8> {
        let Ok(Message::V3(message)) = Message::parse(request) else { panic!("a request") };
        let (security, keys) = (message.security, self.user.keys(self.id));
        if security.engine_id != self.id {
            return self.report(ReportKind::UnknownEngineIds, security.user, Level::NoAuthNoPriv);
        }
        if security.user != self.user.name() {
            return self.report(ReportKind::UnknownUserNames, security.user, Level::NoAuthNoPriv);
        }
        if Level::of(&message).expect("consistent") > keys.level() {
            return self.report(ReportKind::UnsupportedSecLevels, security.user, Level::NoAuthNoPriv);
        }
        if keys.auth().is_some_and(|key| !is_authentic(request, &message, key)) {
            return self.report(ReportKind::WrongDigests, security.user, Level::NoAuthNoPriv);
        }
        let is_timely = security.boots == i64::from(self.boots)
            && security.time.abs_diff(self.time.into()) <= WINDOW.into()
            && self.boots != MAX_BOOTS;
        if keys.auth().is_some() && !is_timely {
            let level = if self.authenticates_reports { Level::AuthNoPriv } else { Level::NoAuthNoPriv };
            return self.report(ReportKind::NotInTimeWindows, security.user, level);
        }
        let mut scratch = Vec::new();
        match scoped_pdu(&message, &keys, &mut scratch) {
            Ok(scoped) => self.message(pdu_tag::RESPONSE, scoped.pdu.varbinds, security.user, keys.level()),
            Err(_) => self.report(ReportKind::DecryptionErrors, security.user, Level::NoAuthNoPriv),
        }
    }

    fn report(&self, report: ReportKind, user: &[u8], level: Level) -> Vec<u8> {
        let (mut writer, mut varbind) = (Writer::default(), Vec::new());
        Varbind::write(report.counter(), &Value::Counter32(1), &mut writer);
        writer.append_to(&mut varbind);
        self.message(pdu_tag::REPORT, &varbind, user, level)
    }

    fn message(&self, tag: u8, varbinds: &[u8], user: &[u8], level: Level) -> Vec<u8> {
        let (mut writer, mut out) = (Writer::default(), Vec::new());
        writer.bytes(varbinds);
        PduHead { tag, request_id: MSG_ID, first: 0, second: 0 }.wrap(0, &mut writer);
        let Agent { id: engine_id, boots, time, .. } = *self;
        let envelope = Envelope { msg_id: MSG_ID, engine_id, boots, time, user, ..Envelope::default() };
        seal(&envelope, &self.user.keys(self.id).up_to(level), 77, &mut writer, &mut out);
        out
    }
}

/// A verdict without its PDU or reason.
#[derive(Debug, PartialEq)]
enum VerdictKind {
    Reply,
    Repeat,
    Rejected(&'static str),
    Unproven,
    Broken,
}

/// A manager with one user, and the engine that it sends requests to.
struct Manager {
    usm: Usm,
    user: UserId,
    engine: EngineRef,
    now: Time,
}

impl Manager {
    fn new(user: &User) -> Manager {
        let mut usm = Usm::new(5);
        let user = usm.add_user(user.clone());
        let engine = usm.engine(address(1));
        Manager { usm, user, engine, now: Time::ZERO }
    }

    fn request(&mut self) -> Vec<u8> {
        let (mut pdu, mut out) = (Writer::default(), Vec::new());
        PduHead { tag: pdu_tag::GET, request_id: MSG_ID, first: 0, second: 0 }.wrap(0, &mut pdu);
        self.usm.write(self.now, self.engine, self.user, MSG_ID, &mut pdu, &mut out);
        out
    }

    fn receive(&mut self, datagram: &[u8]) -> VerdictKind {
        let Ok(Message::V3(message)) = Message::parse(datagram) else { panic!("a message") };
        let mut scratch = Vec::new();
        match self.usm.read(self.now, self.engine, self.user, datagram, &message, &mut scratch) {
            Verdict::Reply(_) => VerdictKind::Reply,
            Verdict::Repeat => VerdictKind::Repeat,
            Verdict::Rejected(reason) => VerdictKind::Rejected(reason),
            Verdict::Unproven(_) => VerdictKind::Unproven,
            Verdict::Broken(_) => VerdictKind::Broken,
        }
    }

    fn exchange(&mut self, agent: &Agent) -> VerdictKind {
        let request = self.request();
        self.receive(&agent.answer(&request))
    }

    /// Repeats requests until there is a reply. Returns the number of requests.
    fn requests_until_reply(&mut self, agent: &Agent) -> u32 {
        (1..10).find(|_| self.exchange(agent) == VerdictKind::Reply).expect("a reply")
    }
}

fn address(host: u8) -> SocketAddr {
    SocketAddr::from(([127, 0, 0, host], 161))
}

fn plain_user() -> User {
    User::new(b"u").expect("a name")
}

fn auth_user() -> User {
    plain_user().with_auth(AuthProtocol::Md5, b"authpass123").expect("long enough")
}

fn priv_user() -> User {
    auth_user().with_priv(PrivProtocol::Aes128, b"privpass123").expect("long enough")
}

#[test]
fn an_engine_is_discovered_and_then_replies() {
    for user in [plain_user(), auth_user(), priv_user()] {
        let (mut manager, agent) = (Manager::new(&user), Agent::new(&user));
        assert_eq!(manager.requests_until_reply(&agent), 2);
        assert_eq!(manager.requests_until_reply(&agent), 1);
        assert!(manager.usm.take_notice().is_none());
    }
}

#[test]
fn the_time_advances_without_messages() {
    let user = auth_user();
    let (mut manager, mut agent) = (Manager::new(&user), Agent::new(&user));
    manager.requests_until_reply(&agent);
    (manager.now, agent.time) = (Time::from_millis(5_000_000), agent.time + 5000 + WINDOW);
    assert_eq!(manager.requests_until_reply(&agent), 1);
}

#[test]
fn a_wrong_clock_is_corrected() {
    let user = priv_user();
    let (mut manager, mut agent) = (Manager::new(&user), Agent::new(&user));
    manager.requests_until_reply(&agent);
    agent.time += 1000;
    assert_eq!(manager.requests_until_reply(&agent), 2);
    (agent.boots, agent.time) = (agent.boots + 1, 5);
    assert_eq!(manager.requests_until_reply(&agent), 2);
}

#[test]
fn an_unauthenticated_time_counts_for_the_next_request_only() {
    let user = auth_user();
    let (mut manager, mut agent) = (Manager::new(&user), Agent::new(&user));
    manager.requests_until_reply(&agent);
    agent.authenticates_reports = false;
    (agent.boots, agent.time) = (9, 7);
    assert_eq!(manager.exchange(&agent), VerdictKind::Repeat);
    // No authenticated message reported the new boot, so a message from before it is still timely.
    let before = Agent { boots: 3, time: 1001, ..Agent::new(&user) };
    assert_eq!(
        manager.receive(&before.message(pdu_tag::RESPONSE, &[], b"u", Level::AuthNoPriv)),
        VerdictKind::Reply
    );
    assert_eq!(manager.requests_until_reply(&agent), 2);
}

#[test]
fn an_engine_that_rejects_every_time_is_rejected() {
    let user = auth_user();
    let mut manager = Manager::new(&user);
    let agent = Agent { authenticates_reports: false, ..Agent::new(&user) };
    manager.requests_until_reply(&agent);
    let never = agent.report(ReportKind::NotInTimeWindows, b"u", Level::NoAuthNoPriv);
    let accepted = std::iter::repeat_with(|| manager.receive(&never))
        .take(50)
        .position(|kind| kind != VerdictKind::Repeat);
    assert_eq!(accepted, Some(4));
    // A later query may try again.
    assert_eq!(manager.receive(&never), VerdictKind::Repeat);
}

#[test]
fn an_agent_cannot_make_us_repeat_requests_forever() {
    let user = auth_user();
    let (mut manager, agent) = (Manager::new(&user), Agent::new(&user));
    manager.requests_until_reply(&agent);
    for report in [ReportKind::UnknownEngineIds, ReportKind::NotInTimeWindows] {
        let report = agent.report(report, b"u", Level::AuthNoPriv);
        assert!((0..100).any(|_| matches!(manager.receive(&report), VerdictKind::Rejected(_))));
    }
}

#[test]
fn a_replayed_message_is_not_accepted() {
    let user = auth_user();
    let (mut manager, mut agent) = (Manager::new(&user), Agent::new(&user));
    manager.requests_until_reply(&agent);
    let recorded = agent.message(pdu_tag::RESPONSE, &[], b"u", Level::AuthNoPriv);
    assert_eq!(manager.receive(&recorded), VerdictKind::Reply);
    manager.now = Time::from_millis(151_000);
    assert_eq!(manager.receive(&recorded), VerdictKind::Unproven);
    (agent.boots, agent.time, manager.now) = (4, 2, Time::from_millis(10_000));
    manager.requests_until_reply(&agent);
    assert_eq!(manager.receive(&recorded), VerdictKind::Unproven);
}

#[test]
fn an_engine_with_exhausted_boots_is_rejected() {
    let user = auth_user();
    let (mut manager, mut agent) = (Manager::new(&user), Agent::new(&user));
    agent.boots = MAX_BOOTS;
    assert_eq!(manager.exchange(&agent), VerdictKind::Repeat);
    for authenticates_reports in [true, false] {
        agent.authenticates_reports = authenticates_reports;
        assert_eq!(manager.exchange(&agent), VerdictKind::Rejected(BOOTS_EXHAUSTED));
    }
}

#[test]
fn a_new_engine_at_an_address_is_discovered_and_noticed() {
    let user = priv_user();
    let (mut manager, mut agent) = (Manager::new(&user), Agent::new(&user));
    manager.requests_until_reply(&agent);
    (agent.id, agent.boots, agent.time) = (OTHER_ID, 1, 1);
    assert_eq!(manager.requests_until_reply(&agent), 3);
    let changed = Notice::EngineChanged { address: address(1), before: ID.into(), now: OTHER_ID.into() };
    assert_eq!(manager.usm.take_notice(), Some(changed));
    assert_eq!(manager.usm.take_notice(), None);
}

#[test]
fn a_false_alarm_about_the_engine_changes_nothing() {
    let user = auth_user();
    let (mut manager, agent) = (Manager::new(&user), Agent::new(&user));
    manager.requests_until_reply(&agent);
    let forged = Agent { id: OTHER_ID, ..Agent::new(&user) };
    let forged = forged.report(ReportKind::UnknownEngineIds, b"u", Level::NoAuthNoPriv);
    assert_eq!(manager.receive(&forged), VerdictKind::Repeat);
    assert_eq!(manager.requests_until_reply(&agent), 2);
    assert_eq!(manager.usm.take_notice(), None);
    // An authenticated reply to an earlier request confirms that the engine is the same.
    manager.receive(&forged);
    assert_eq!(
        manager.receive(&agent.message(pdu_tag::RESPONSE, &[], b"u", Level::AuthNoPriv)),
        VerdictKind::Reply
    );
    assert_eq!(manager.requests_until_reply(&agent), 1);
}

#[test]
fn an_engine_id_at_two_addresses_is_noticed_once_and_has_two_clocks() {
    let user = auth_user();
    let (mut manager, agent) = (Manager::new(&user), Agent::new(&user));
    manager.requests_until_reply(&agent);
    let twin = Agent { boots: 1, time: 9, ..Agent::new(&user) };
    (manager.engine, manager.now) = (manager.usm.engine(address(2)), Time::from_millis(1000));
    assert_eq!(manager.requests_until_reply(&twin), 2);
    let same = Notice::SameEngineId { engine_id: ID.into(), first: address(1), also: address(2) };
    assert_eq!(manager.usm.take_notice(), Some(same));
    manager.engine = manager.usm.engine(address(1));
    assert_eq!(manager.requests_until_reply(&agent), 1);
    assert_eq!(manager.usm.take_notice(), None);
}

#[test]
fn requests_that_an_agent_will_always_reject_are_not_repeated() {
    let user = priv_user();
    let mut manager = Manager::new(&user);
    let others = [
        (ReportKind::WrongDigests, plain_user().with_auth(AuthProtocol::Md5, b"authpass124")),
        (ReportKind::UnsupportedSecLevels, Ok(auth_user())),
        (ReportKind::UnknownUserNames, User::new(b"v")),
        (ReportKind::DecryptionErrors, auth_user().with_priv(PrivProtocol::Aes128, b"privpass124")),
    ];
    manager.requests_until_reply(&Agent::new(&user));
    for (report, other) in others {
        // Without privacy, the first one would be rejected for its level instead.
        let other = other.expect("a user");
        let agent = Agent::new(&if report == ReportKind::WrongDigests {
            other.with_priv(PrivProtocol::Aes128, b"privpass123").expect("long enough")
        } else {
            other
        });
        assert_eq!(manager.exchange(&agent), VerdictKind::Rejected(report.text()));
    }
    for report in [ReportKind::UnknownContexts, ReportKind::UnknownSecurityModels] {
        let report_of_it = Agent::new(&user).report(report, b"u", Level::AuthNoPriv);
        assert_eq!(manager.receive(&report_of_it), VerdictKind::Rejected(report.text()));
    }
}

#[test]
fn a_reply_has_the_security_level_of_the_request() {
    let user = priv_user();
    let (mut manager, agent) = (Manager::new(&user), Agent::new(&user));
    let reply = |level| agent.message(pdu_tag::RESPONSE, &[], b"u", level);
    assert_eq!(manager.receive(&reply(Level::AuthPriv)), VerdictKind::Unproven);
    manager.requests_until_reply(&agent);
    assert_eq!(manager.receive(&reply(Level::NoAuthNoPriv)), VerdictKind::Unproven);
    assert_eq!(manager.receive(&reply(Level::AuthNoPriv)), VerdictKind::Unproven);
    assert_eq!(manager.receive(&reply(Level::AuthPriv)), VerdictKind::Reply);
    let plain = Agent::new(&plain_user());
    let mut manager = Manager::new(&plain_user());
    manager.requests_until_reply(&plain);
    assert_eq!(manager.receive(&reply(Level::AuthPriv)), VerdictKind::Unproven);
}

#[test]
fn replies_with_another_user_or_engine_are_not_accepted() {
    let user = auth_user();
    let (mut manager, agent) = (Manager::new(&user), Agent::new(&user));
    manager.requests_until_reply(&agent);
    assert_eq!(
        manager.receive(&agent.message(pdu_tag::RESPONSE, &[], b"v", Level::AuthNoPriv)),
        VerdictKind::Unproven
    );
    let other = Agent { id: OTHER_ID, ..Agent::new(&user) };
    assert_eq!(
        manager.receive(&other.message(pdu_tag::RESPONSE, &[], b"u", Level::AuthNoPriv)),
        VerdictKind::Unproven
    );
    assert_eq!(
        manager.receive(&agent.message(pdu_tag::GET, &[], b"u", Level::AuthNoPriv)),
        VerdictKind::Broken
    );
    assert_eq!(
        manager.receive(&agent.message(pdu_tag::GET, &[], b"u", Level::NoAuthNoPriv)),
        VerdictKind::Unproven
    );
}

#[test]
fn a_reply_has_the_context_and_the_engine_of_the_request() {
    let (mut manager, agent) =
        (Manager::new(&plain_user().with_context(b"bridge")), Agent::new(&plain_user()));
    assert_eq!(
        (manager.exchange(&agent), manager.exchange(&agent)),
        (VerdictKind::Repeat, VerdictKind::Unproven),
        "the agent's context is empty"
    );
    let (mut manager, agent) = (Manager::new(&plain_user()), Agent::new(&plain_user()));
    manager.requests_until_reply(&agent);
    let mut reply = agent.answer(&manager.request());
    assert_eq!(manager.receive(&reply), VerdictKind::Reply);
    let last = reply.windows(ID.len()).rposition(|bytes| bytes == ID).expect("contextEngineID");
    reply[last..last + ID.len()].copy_from_slice(OTHER_ID);
    assert_eq!(manager.receive(&reply), VerdictKind::Unproven);
}

#[test]
fn engines_are_restored_in_another_run() {
    let user = auth_user();
    let (mut manager, mut agent) = (Manager::new(&user), Agent::new(&user));
    manager.requests_until_reply(&agent);
    let records: Vec<_> = manager.usm.engines(Time::from_millis(60_000)).collect();
    let record = EngineRecord { address: address(1), engine_id: ID.into(), boots: 3, time: 1060 };
    assert_eq!(records, std::slice::from_ref(&record));

    let mut later = Manager::new(&user);
    later.usm.remember(Time::ZERO, record.clone());
    agent.time = 1060;
    assert_eq!(later.requests_until_reply(&agent), 1);
    later.usm.remember(Time::ZERO, EngineRecord { engine_id: OTHER_ID.into(), ..record });
    assert_eq!(later.requests_until_reply(&agent), 1);
}

#[test]
fn wrong_records_are_corrected() {
    let user = auth_user();
    let agent = Agent::new(&user);
    let record = EngineRecord { address: address(1), engine_id: ID.into(), boots: 3, time: 1000 };
    for (wrong, tries) in [
        (EngineRecord { boots: 2_000_000_000, ..record.clone() }, 2),
        (EngineRecord { time: 2_000_000_000, ..record.clone() }, 2),
        (EngineRecord { engine_id: OTHER_ID.into(), ..record.clone() }, 3),
        (EngineRecord { engine_id: Box::default(), ..record.clone() }, 2),
        (EngineRecord { engine_id: [7; 65].into(), ..record.clone() }, 2),
        (EngineRecord { boots: u32::MAX, ..record.clone() }, 2),
    ] {
        let mut manager = Manager::new(&user);
        manager.usm.remember(Time::ZERO, wrong.clone());
        assert_eq!(manager.requests_until_reply(&agent), tries, "{wrong:?}");
    }
}

#[test]
fn no_salt_is_used_twice() {
    let user = priv_user();
    let (mut manager, agent) = (Manager::new(&user), Agent::new(&user));
    manager.requests_until_reply(&agent);
    let salt = |request: &[u8]| match Message::parse(request) {
        Ok(Message::V3(message)) => message.security.salt.to_vec(),
        _ => panic!("a request"),
    };
    let salts: std::collections::HashSet<_> = (0..100).map(|_| salt(&manager.request())).collect();
    assert_eq!(salts.len(), 100);
}
