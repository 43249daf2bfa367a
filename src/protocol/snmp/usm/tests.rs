//! An agent in virtual time, and what is made of what it says.

use super::*;
use crate::protocol::snmp::message::Message;
use crate::protocol::snmp::value::{Value, Varbind};

const ID: &[u8] = &[0x80, 0, 0x1f, 0x88, 4, b'o', b'n', b'e'];
const OTHER_ID: &[u8] = &[0x80, 0, 0x1f, 0x88, 4, b't', b'w', b'o'];
const MSG_ID: u32 = 0x1234_5678;

/// An agent that does what RFC 3414 says.
struct Agent {
    id: &'static [u8],
    boots: u32,
    time: u32,
    user: User,
    /// Whether it proves its notInTimeWindows reports, as it should.
    proves_reports: bool,
}

impl Agent {
    fn new(user: &User) -> Agent {
        Agent { id: ID, boots: 3, time: 1000, user: user.clone(), proves_reports: true }
    }

    fn answer(&self, request: &[u8]) -> Vec<u8> {
        let Ok(Message::V3(message)) = Message::parse(request) else { panic!("a request") };
        let (security, keys) = (message.security, self.user.keys(self.id));
        if security.engine_id != self.id {
            return self.report(Report::UnknownEngineIds, security.user, Level::NoAuthNoPriv);
        }
        if security.user != self.user.name() {
            return self.report(Report::UnknownUserNames, security.user, Level::NoAuthNoPriv);
        }
        if Level::of(&message).expect("consistent") > keys.level() {
            return self.report(Report::UnsupportedSecLevels, security.user, Level::NoAuthNoPriv);
        }
        if keys.auth().is_some_and(|key| !is_proven(request, &message, key)) {
            return self.report(Report::WrongDigests, security.user, Level::NoAuthNoPriv);
        }
        let is_timely = security.boots == i64::from(self.boots)
            && security.time.abs_diff(self.time.into()) <= WINDOW.into()
            && self.boots != MOST_BOOTS;
        if keys.auth().is_some() && !is_timely {
            let level = if self.proves_reports { Level::AuthNoPriv } else { Level::NoAuthNoPriv };
            return self.report(Report::NotInTimeWindows, security.user, level);
        }
        let mut scratch = Vec::new();
        match scoped_pdu(&message, &keys, &mut scratch) {
            Ok(scoped) => self.say(pdu_tag::RESPONSE, scoped.pdu.varbinds, security.user, keys.level()),
            Err(_) => self.report(Report::DecryptionErrors, security.user, Level::NoAuthNoPriv),
        }
    }

    fn report(&self, report: Report, user: &[u8], level: Level) -> Vec<u8> {
        let (mut writer, mut varbind) = (Writer::default(), Vec::new());
        Varbind::write(report.counter(), &Value::Counter32(1), &mut writer);
        writer.append_to(&mut varbind);
        self.say(pdu_tag::REPORT, &varbind, user, level)
    }

    fn say(&self, tag: u8, varbinds: &[u8], user: &[u8], level: Level) -> Vec<u8> {
        let (mut writer, mut out) = (Writer::default(), Vec::new());
        writer.bytes(varbinds);
        PduHead { tag, request_id: MSG_ID, first: 0, second: 0 }.wrap(0, &mut writer);
        let Agent { id: engine_id, boots, time, .. } = *self;
        let envelope = Envelope { msg_id: MSG_ID, engine_id, boots, time, user, ..Envelope::default() };
        seal(&envelope, &self.user.keys(self.id).up_to(level), 77, &mut writer, &mut out);
        out
    }
}

/// What was heard, without what was said.
#[derive(Debug, PartialEq)]
enum Kind {
    Reply,
    AskAgain,
    Rejected(&'static str),
    Unproven,
    Broken,
}

/// One who asks, and whom.
struct Asker {
    usm: Usm,
    user: UserId,
    engine: EngineRef,
    now: Time,
}

impl Asker {
    fn new(user: &User) -> Asker {
        let mut usm = Usm::new(5);
        let user = usm.add_user(user.clone());
        let engine = usm.engine(address(1));
        Asker { usm, user, engine, now: Time::ZERO }
    }

    fn request(&mut self) -> Vec<u8> {
        let (mut pdu, mut out) = (Writer::default(), Vec::new());
        PduHead { tag: pdu_tag::GET, request_id: MSG_ID, first: 0, second: 0 }.wrap(0, &mut pdu);
        self.usm.write(self.now, self.engine, self.user, MSG_ID, &mut pdu, &mut out);
        out
    }

    fn hear(&mut self, datagram: &[u8]) -> Kind {
        let Ok(Message::V3(message)) = Message::parse(datagram) else { panic!("a message") };
        let mut scratch = Vec::new();
        match self.usm.read(self.now, self.engine, self.user, datagram, &message, &mut scratch) {
            Heard::Reply(_) => Kind::Reply,
            Heard::AskAgain => Kind::AskAgain,
            Heard::Rejected(reason) => Kind::Rejected(reason),
            Heard::Unproven(_) => Kind::Unproven,
            Heard::Broken(_) => Kind::Broken,
        }
    }

    fn ask(&mut self, agent: &Agent) -> Kind {
        let request = self.request();
        self.hear(&agent.answer(&request))
    }

    /// Asks until there is a reply; how often that was.
    fn tries(&mut self, agent: &Agent) -> u32 {
        (1..10).find(|_| self.ask(agent) == Kind::Reply).expect("a reply")
    }
}

fn address(host: u8) -> SocketAddr {
    SocketAddr::from(([127, 0, 0, host], 161))
}

fn nobody() -> User {
    User::new(b"u").expect("a name")
}

fn auth_user() -> User {
    nobody().with_auth(AuthProtocol::Md5, b"authpass123").expect("long enough")
}

fn priv_user() -> User {
    auth_user().with_priv(PrivProtocol::Aes128, b"privpass123").expect("long enough")
}

#[test]
fn an_engine_is_discovered_and_then_answers() {
    for user in [nobody(), auth_user(), priv_user()] {
        let (mut asker, agent) = (Asker::new(&user), Agent::new(&user));
        assert_eq!(asker.tries(&agent), 2);
        assert_eq!(asker.tries(&agent), 1);
        assert!(asker.usm.take_notice().is_none());
    }
}

#[test]
fn time_goes_on_without_a_word() {
    let user = auth_user();
    let (mut asker, mut agent) = (Asker::new(&user), Agent::new(&user));
    asker.tries(&agent);
    (asker.now, agent.time) = (Time::from_millis(5_000_000), agent.time + 5000 + WINDOW);
    assert_eq!(asker.tries(&agent), 1);
}

#[test]
fn a_clock_that_went_wrong_is_set_again() {
    let user = priv_user();
    let (mut asker, mut agent) = (Asker::new(&user), Agent::new(&user));
    asker.tries(&agent);
    agent.time += 1000;
    assert_eq!(asker.tries(&agent), 2);
    (agent.boots, agent.time) = (agent.boots + 1, 5);
    assert_eq!(asker.tries(&agent), 2);
}

#[test]
fn an_agent_that_does_not_prove_its_time_is_believed_for_the_next_request_only() {
    let user = auth_user();
    let (mut asker, mut agent) = (Asker::new(&user), Agent::new(&user));
    asker.tries(&agent);
    agent.proves_reports = false;
    (agent.boots, agent.time) = (9, 7);
    assert_eq!(asker.ask(&agent), Kind::AskAgain);
    // By nobody's proven word did the engine boot again: what it said before is still timely.
    let before = Agent { boots: 3, time: 1001, ..Agent::new(&user) };
    assert_eq!(asker.hear(&before.say(pdu_tag::RESPONSE, &[], b"u", Level::AuthNoPriv)), Kind::Reply);
    assert_eq!(asker.tries(&agent), 2);
}

#[test]
fn whoever_takes_no_time_at_all_is_given_up() {
    let user = auth_user();
    let mut asker = Asker::new(&user);
    let agent = Agent { proves_reports: false, ..Agent::new(&user) };
    asker.tries(&agent);
    let never = agent.report(Report::NotInTimeWindows, b"u", Level::NoAuthNoPriv);
    let heard =
        std::iter::repeat_with(|| asker.hear(&never)).take(50).position(|kind| kind != Kind::AskAgain);
    assert_eq!(heard, Some(4));
    // The next one who asks may try again.
    assert_eq!(asker.hear(&never), Kind::AskAgain);
}

#[test]
fn an_agent_can_not_make_us_ask_for_ever() {
    let user = auth_user();
    let (mut asker, agent) = (Asker::new(&user), Agent::new(&user));
    asker.tries(&agent);
    for report in [Report::UnknownEngineIds, Report::NotInTimeWindows] {
        let report = agent.report(report, b"u", Level::AuthNoPriv);
        assert!((0..100).any(|_| matches!(asker.hear(&report), Kind::Rejected(_))));
    }
}

#[test]
fn what_was_recorded_is_not_believed_later() {
    let user = auth_user();
    let (mut asker, mut agent) = (Asker::new(&user), Agent::new(&user));
    asker.tries(&agent);
    let recorded = agent.say(pdu_tag::RESPONSE, &[], b"u", Level::AuthNoPriv);
    assert_eq!(asker.hear(&recorded), Kind::Reply);
    asker.now = Time::from_millis(151_000);
    assert_eq!(asker.hear(&recorded), Kind::Unproven);
    (agent.boots, agent.time, asker.now) = (4, 2, Time::from_millis(10_000));
    asker.tries(&agent);
    assert_eq!(asker.hear(&recorded), Kind::Unproven);
}

#[test]
fn an_engine_at_the_end_of_its_boots_says_so() {
    let user = auth_user();
    let (mut asker, mut agent) = (Asker::new(&user), Agent::new(&user));
    agent.boots = MOST_BOOTS;
    assert_eq!(asker.ask(&agent), Kind::AskAgain);
    for proves_reports in [true, false] {
        agent.proves_reports = proves_reports;
        assert_eq!(asker.ask(&agent), Kind::Rejected(BOOTS_USED_UP));
    }
}

#[test]
fn another_engine_at_the_address_is_discovered_and_told() {
    let user = priv_user();
    let (mut asker, mut agent) = (Asker::new(&user), Agent::new(&user));
    asker.tries(&agent);
    (agent.id, agent.boots, agent.time) = (OTHER_ID, 1, 1);
    assert_eq!(asker.tries(&agent), 3);
    let changed = Notice::EngineChanged { address: address(1), before: ID.into(), now: OTHER_ID.into() };
    assert_eq!(asker.usm.take_notice(), Some(changed));
    assert_eq!(asker.usm.take_notice(), None);
}

#[test]
fn a_false_alarm_about_the_engine_changes_nothing() {
    let user = auth_user();
    let (mut asker, agent) = (Asker::new(&user), Agent::new(&user));
    asker.tries(&agent);
    let forged = Agent { id: OTHER_ID, ..Agent::new(&user) };
    let forged = forged.report(Report::UnknownEngineIds, b"u", Level::NoAuthNoPriv);
    assert_eq!(asker.hear(&forged), Kind::AskAgain);
    assert_eq!(asker.tries(&agent), 2);
    assert_eq!(asker.usm.take_notice(), None);
    // A proven reply to an earlier request is enough to know that the engine is still the same.
    asker.hear(&forged);
    assert_eq!(asker.hear(&agent.say(pdu_tag::RESPONSE, &[], b"u", Level::AuthNoPriv)), Kind::Reply);
    assert_eq!(asker.tries(&agent), 1);
}

#[test]
fn one_engine_id_at_two_addresses_is_told_once_and_has_two_clocks() {
    let user = auth_user();
    let (mut asker, agent) = (Asker::new(&user), Agent::new(&user));
    asker.tries(&agent);
    let twin = Agent { boots: 1, time: 9, ..Agent::new(&user) };
    (asker.engine, asker.now) = (asker.usm.engine(address(2)), Time::from_millis(1000));
    assert_eq!(asker.tries(&twin), 2);
    let same = Notice::SameEngineId { engine_id: ID.into(), first: address(1), also: address(2) };
    assert_eq!(asker.usm.take_notice(), Some(same));
    asker.engine = asker.usm.engine(address(1));
    assert_eq!(asker.tries(&agent), 1);
    assert_eq!(asker.usm.take_notice(), None);
}

#[test]
fn what_the_agent_will_never_answer_is_not_asked_again() {
    let user = priv_user();
    let mut asker = Asker::new(&user);
    let others = [
        (Report::WrongDigests, nobody().with_auth(AuthProtocol::Md5, b"authpass124")),
        (Report::UnsupportedSecLevels, Ok(auth_user())),
        (Report::UnknownUserNames, User::new(b"v")),
        (Report::DecryptionErrors, auth_user().with_priv(PrivProtocol::Aes128, b"privpass124")),
    ];
    asker.tries(&Agent::new(&user));
    for (report, other) in others {
        // Of the first one the level would not do, either.
        let other = other.expect("a user");
        let agent = Agent::new(&if report == Report::WrongDigests {
            other.with_priv(PrivProtocol::Aes128, b"privpass123").expect("long enough")
        } else {
            other
        });
        assert_eq!(asker.ask(&agent), Kind::Rejected(report.text()));
    }
    for report in [Report::UnknownContexts, Report::UnknownSecurityModels] {
        let report_of_it = Agent::new(&user).report(report, b"u", Level::AuthNoPriv);
        assert_eq!(asker.hear(&report_of_it), Kind::Rejected(report.text()));
    }
}

#[test]
fn a_reply_has_all_the_security_that_was_asked_for() {
    let user = priv_user();
    let (mut asker, agent) = (Asker::new(&user), Agent::new(&user));
    let reply = |level| agent.say(pdu_tag::RESPONSE, &[], b"u", level);
    assert_eq!(asker.hear(&reply(Level::AuthPriv)), Kind::Unproven);
    asker.tries(&agent);
    assert_eq!(asker.hear(&reply(Level::NoAuthNoPriv)), Kind::Unproven);
    assert_eq!(asker.hear(&reply(Level::AuthNoPriv)), Kind::Unproven);
    assert_eq!(asker.hear(&reply(Level::AuthPriv)), Kind::Reply);
    let plain = Agent::new(&nobody());
    let mut asker = Asker::new(&nobody());
    asker.tries(&plain);
    assert_eq!(asker.hear(&reply(Level::AuthPriv)), Kind::Unproven);
}

#[test]
fn replies_of_others_are_not_ours() {
    let user = auth_user();
    let (mut asker, agent) = (Asker::new(&user), Agent::new(&user));
    asker.tries(&agent);
    assert_eq!(asker.hear(&agent.say(pdu_tag::RESPONSE, &[], b"v", Level::AuthNoPriv)), Kind::Unproven);
    let other = Agent { id: OTHER_ID, ..Agent::new(&user) };
    assert_eq!(asker.hear(&other.say(pdu_tag::RESPONSE, &[], b"u", Level::AuthNoPriv)), Kind::Unproven);
    assert_eq!(asker.hear(&agent.say(pdu_tag::GET, &[], b"u", Level::AuthNoPriv)), Kind::Broken);
    assert_eq!(asker.hear(&agent.say(pdu_tag::GET, &[], b"u", Level::NoAuthNoPriv)), Kind::Unproven);
}

#[test]
fn a_reply_is_of_the_context_and_about_the_engine_that_were_asked() {
    let (mut asker, agent) = (Asker::new(&nobody().with_context(b"bridge")), Agent::new(&nobody()));
    assert_eq!(
        (asker.ask(&agent), asker.ask(&agent)),
        (Kind::AskAgain, Kind::Unproven),
        "its context is empty"
    );
    let (mut asker, agent) = (Asker::new(&nobody()), Agent::new(&nobody()));
    asker.tries(&agent);
    let mut reply = agent.answer(&asker.request());
    assert_eq!(asker.hear(&reply), Kind::Reply);
    let last = reply.windows(ID.len()).rposition(|bytes| bytes == ID).expect("contextEngineID");
    reply[last..last + ID.len()].copy_from_slice(OTHER_ID);
    assert_eq!(asker.hear(&reply), Kind::Unproven);
}

#[test]
fn engines_are_remembered_until_another_run() {
    let user = auth_user();
    let (mut asker, mut agent) = (Asker::new(&user), Agent::new(&user));
    asker.tries(&agent);
    let records: Vec<_> = asker.usm.engines(Time::from_millis(60_000)).collect();
    let record = EngineRecord { address: address(1), engine_id: ID.into(), boots: 3, time: 1060 };
    assert_eq!(records, std::slice::from_ref(&record));

    let mut later = Asker::new(&user);
    later.usm.remember(Time::ZERO, record.clone());
    agent.time = 1060;
    assert_eq!(later.tries(&agent), 1);
    later.usm.remember(Time::ZERO, EngineRecord { engine_id: OTHER_ID.into(), ..record });
    assert_eq!(later.tries(&agent), 1);
}

#[test]
fn what_is_remembered_may_be_wrong() {
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
        let mut asker = Asker::new(&user);
        asker.usm.remember(Time::ZERO, wrong.clone());
        assert_eq!(asker.tries(&agent), tries, "{wrong:?}");
    }
}

#[test]
fn no_salt_is_given_twice() {
    let user = priv_user();
    let (mut asker, agent) = (Asker::new(&user), Agent::new(&user));
    asker.tries(&agent);
    let salt = |request: &[u8]| match Message::parse(request) {
        Ok(Message::V3(message)) => message.security.salt.to_vec(),
        _ => panic!("a request"),
    };
    let salts: std::collections::HashSet<_> = (0..100).map(|_| salt(&asker.request())).collect();
    assert_eq!(salts.len(), 100);
}
