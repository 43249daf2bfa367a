//! SNMPv3's User-based Security Model: captures of net-snmp, and tampered messages.

#![cfg(feature = "usm")]

#[path = "support/captured.rs"]
mod captured;

use std::net::SocketAddr;

use allears::engine::Time;
use allears::protocol::snmp::Value;
use allears::protocol::snmp::ber::Writer;
use allears::protocol::snmp::message::{Message, Pdu, PduHead, V3Message, pdu_tag};
use allears::protocol::snmp::usm::{
    AuthProtocol, EngineRecord, Envelope, Keys, Level, PrivProtocol, ReportKind, User, Usm, Verdict,
    is_authentic, scoped_pdu, seal,
};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;

const FILE: &str = include_str!("data/snmpd-v1-v2c-v3.hex");
const AGENT: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 161);
const SYS_NAME: &[u8] = b"agent-under-test";

/// Returns the captured datagrams of the command that contains all `words`, requests and replies in turn.
fn exchange(words: &[&str]) -> Vec<Vec<u8>> {
    let mut lines = FILE.lines().skip_while(|line| !words.iter().all(|word| line.contains(word)));
    let command = lines.next().expect("such a command");
    assert!(command.starts_with('#'));
    lines.take_while(|line| !line.starts_with('#')).map(|line| captured::from_hex(&line[2..])).collect()
}

fn u1() -> User {
    let user = User::new(b"u1").expect("a name");
    let user = user.with_auth(AuthProtocol::Sha256, b"authpass123").expect("long enough");
    user.with_priv(PrivProtocol::Aes128, b"privpass123").expect("long enough")
}

fn u2() -> User {
    let user = User::new(b"u2").expect("a name");
    user.with_auth(AuthProtocol::Sha1, b"authpass123").expect("long enough")
}

fn v3(datagram: &[u8]) -> V3Message<'_> {
    match Message::parse(datagram) {
        Ok(Message::V3(message)) => message,
        other => panic!("no message of v3: {other:?}"),
    }
}

/// Replays datagrams to a [`Usm`], and returns the verdict on each reply as text.
fn replay(user: User, datagrams: &[Vec<u8>]) -> Vec<String> {
    let mut usm = Usm::new(1);
    let (user, engine) = (usm.add_user(user), usm.engine(AGENT));
    let mut verdicts = Vec::new();
    for reply in datagrams.iter().skip(1).step_by(2) {
        let mut scratch = Vec::new();
        verdicts.push(match usm.read(Time::ZERO, engine, user, reply, &v3(reply), &mut scratch) {
            Verdict::Reply(pdu) => String::from_utf8_lossy(text(&pdu)).into_owned(),
            other => format!("{other:?}"),
        });
    }
    verdicts
}

fn text<'a>(pdu: &Pdu<'a>) -> &'a [u8] {
    match pdu.varbinds().next().expect("a name and a value").value {
        Value::OctetString(text) => text,
        other => panic!("no text: {other:?}"),
    }
}

#[test]
fn replies_of_net_snmp_are_authenticated_and_decrypted() {
    for (user, words) in [(u2(), &["-u u2"][..]), (u1(), &["-u u1", "-A authpass123"])] {
        assert_eq!(replay(user, &exchange(words)), ["Repeat", "agent-under-test"]);
    }
}

#[test]
fn reports_of_net_snmp_give_the_reason() {
    let rejected = |report: ReportKind| format!("Rejected({:?})", report.text());
    let wrong = exchange(&["-u u1", "-A wrongpass123"]);
    assert_eq!(replay(u1(), &wrong), ["Repeat".to_owned(), rejected(ReportKind::WrongDigests)]);
    let nobody = User::new(b"nobody").expect("a name");
    let unknown = exchange(&["-u nobody"]);
    assert_eq!(replay(nobody, &unknown), ["Repeat".to_owned(), rejected(ReportKind::UnknownUserNames)]);
}

#[test]
fn a_reply_to_another_user_is_not_accepted() {
    let other = User::new(b"u2").expect("a name").with_auth(AuthProtocol::Sha1, b"authpass124");
    let verdicts = replay(other.expect("long enough"), &exchange(&["-u u2"]));
    assert!(verdicts[1].starts_with("Unproven"), "{verdicts:?}");
}

#[test]
fn requests_are_byte_for_byte_those_of_net_snmp() {
    for (user, words) in [
        (u2(), &["-u u2"][..]),
        (u1(), &["-u u1", "-A authpass123"]),
        (User::new(b"nobody").expect("a name"), &["-u nobody"]),
    ] {
        let request = &exchange(words)[2];
        let (message, mut scratch) = (v3(request), Vec::new());
        let security = message.security;
        let keys = user.keys(security.engine_id);
        assert!(keys.auth().is_none_or(|key| is_authentic(request, &message, key)));
        let scoped = scoped_pdu(&message, &keys, &mut scratch).expect("the user's keys decrypt it");
        let mut pdu = Writer::default();
        write_again(&scoped.pdu, &mut pdu);
        let envelope = Envelope {
            msg_id: message.msg_id as u32,
            is_reportable: true,
            engine_id: security.engine_id,
            boots: security.boots as u32,
            time: security.time as u32,
            user: user.name(),
            context: user.context(),
        };
        let salt = security.salt.try_into().map_or(0, u64::from_be_bytes);
        let mut out = b"before".to_vec();
        seal(&envelope, &keys, salt, &mut pdu, &mut out);
        // msgMaxSize is the same, too: 65,507.
        assert_eq!(out.strip_prefix(b"before"), Some(&request[..]), "{words:?}");
    }
}

#[test]
fn discovery_is_that_of_net_snmp() {
    let theirs = &exchange(&["-u u2"])[0];
    let theirs = v3(theirs);
    let mut usm = Usm::new(1);
    let (user, engine) = (usm.add_user(u2()), usm.engine(AGENT));
    let (mut pdu, mut out) = (Writer::default(), Vec::new());
    pdu.bytes(b"a request that has to wait");
    usm.write(Time::ZERO, engine, user, theirs.msg_id as u32, &mut pdu, &mut out);
    let ours = v3(&out);
    assert_eq!((ours.msg_id, ours.max_size, ours.flags), (theirs.msg_id, theirs.max_size, theirs.flags));
    assert_eq!(format!("{:?}", ours.security), format!("{:?}", theirs.security));
    let mut scratch = Vec::new();
    let scoped = scoped_pdu(&ours, &Keys::None, &mut scratch).expect("not encrypted");
    assert_eq!((scoped.engine_id, scoped.context), (&[][..], &[][..]));
    assert_eq!((scoped.pdu.tag, scoped.pdu.request_id), (pdu_tag::GET, theirs.msg_id));
    assert!(scoped.pdu.varbinds.is_empty());
}

/// Writes a parsed PDU again.
fn write_again(pdu: &Pdu<'_>, writer: &mut Writer) {
    writer.bytes(pdu.varbinds);
    let (request_id, first, second) =
        (pdu.request_id as u32, pdu.error_status as u32, pdu.error_index as u32);
    PduHead { tag: pdu.tag, request_id, first, second }.wrap(0, writer);
}

/// Returns a sealed response with one variable binding.
fn response(keys: &Keys, engine_id: &[u8]) -> Vec<u8> {
    let (mut pdu, mut out) = (Writer::default(), Vec::new());
    let name = b"\x30\x1c\x06\x08\x2b\x06\x01\x02\x01\x01\x05\x00\x04\x10agent-under-test";
    pdu.bytes(name);
    let head = PduHead { tag: pdu_tag::RESPONSE, request_id: 7, first: 0, second: 0 };
    head.wrap(0, &mut pdu);
    let envelope =
        Envelope { msg_id: 9, engine_id, boots: 3, time: 1000, user: b"user", ..Envelope::default() };
    seal(&envelope, keys, 0x0123_4567_89ab_cdef, &mut pdu, &mut out);
    out
}

#[test]
fn every_hash_and_cipher_round_trips_and_detects_a_changed_bit() {
    let engine_id = b"\x80\x00\x1f\x88\x04engine";
    for auth in AuthProtocol::ALL {
        let with_auth = User::new(b"user").expect("a name").with_auth(auth, b"authpass123").expect("long");
        let privacies = PrivProtocol::ALL.map(|privacy| with_auth.clone().with_priv(privacy, b"privpass123"));
        for user in
            privacies.into_iter().chain([Ok(with_auth.clone())]).map(|user| user.expect("long enough"))
        {
            let keys = user.keys(engine_id);
            let datagram = response(&keys, engine_id);
            let (mut usm, mut scratch) = (Usm::new(1), Vec::new());
            let (user, engine) = (usm.add_user(user), usm.engine(AGENT));
            let record =
                EngineRecord { address: AGENT, engine_id: engine_id[..].into(), boots: 3, time: 1000 };
            usm.remember(Time::ZERO, record);
            match usm.read(Time::ZERO, engine, user, &datagram, &v3(&datagram), &mut scratch) {
                Verdict::Reply(pdu) => assert_eq!(text(&pdu), SYS_NAME),
                other => panic!("{auth}, {:?}: {other:?}", keys.level()),
            }
            for bit in 0..datagram.len() * 8 {
                let mut changed = datagram.clone();
                changed[bit / 8] ^= 1 << (bit % 8);
                let Ok(Message::V3(message)) = Message::parse(&changed) else { continue };
                let mut scratch = Vec::new();
                match usm.read(Time::ZERO, engine, user, &changed, &message, &mut scratch) {
                    Verdict::Unproven(_) => {}
                    other => panic!("{auth}, bit {bit}: {other:?}"),
                }
            }
        }
    }
}

#[test]
fn a_message_parsed_from_a_copy_is_not_authentic() {
    let keys = u2().keys(b"engine");
    let datagram = response(&keys, b"engine");
    let copy = datagram.clone();
    let key = keys.auth().expect("a key");
    assert!(is_authentic(&datagram, &v3(&datagram), key));
    assert!(!is_authentic(&datagram, &v3(&copy), key));
    assert!(!is_authentic(&[], &v3(&copy), key));
}

#[test]
fn decryption_with_another_key_gives_no_pdu() {
    for protocol in PrivProtocol::ALL {
        let user = |password| u2().with_priv(protocol, password).expect("long enough");
        let datagram = response(&user(b"privpass123").keys(b"engine"), b"engine");
        let (message, mut scratch) = (v3(&datagram), Vec::new());
        assert_eq!(Level::of(&message), Some(Level::AuthPriv));
        assert!(scoped_pdu(&message, &user(b"privpass124").keys(b"engine"), &mut scratch).is_err());
        assert!(scoped_pdu(&message, &u2().keys(b"engine"), &mut scratch).is_err());
    }
}

proptest! {
    #[test]
    fn no_datagram_causes_a_panic(
        which in any::<Index>(),
        changes in vec((any::<Index>(), any::<u8>()), 0..6),
        cut in proptest::option::of(any::<Index>()),
        has_secrets in any::<bool>(),
    ) {
        let replies = [&["-u u2"][..], &["-u u1", "-A authpass123"], &["-u u1", "-A wrong"], &["-u nobody"]];
        let replies: Vec<_> = replies.iter().flat_map(|words| exchange(words)).collect();
        let mut datagram = which.get(&replies).clone();
        for (at, byte) in changes {
            let at = at.index(datagram.len());
            datagram[at] = byte;
        }
        if let Some(cut) = cut {
            datagram.truncate(cut.index(datagram.len()));
        }
        if let Ok(Message::V3(message)) = Message::parse(&datagram) {
            let (mut usm, mut scratch) = (Usm::new(1), Vec::new());
            // Share the user: hashing its passwords would take longer than everything else.
            let user = if has_secrets { keyed().clone() } else { User::new(b"u2").expect("a name") };
            let keys = user.keys(message.security.engine_id);
            let _ = scoped_pdu(&message, &keys, &mut scratch);
            let (user, engine) = (usm.add_user(user), usm.engine(AGENT));
            for _ in 0..3 {
                let mut scratch = Vec::new();
                let _ = usm.read(Time::ZERO, engine, user, &datagram, &message, &mut scratch);
                let (mut pdu, mut out) = (Writer::default(), Vec::new());
                usm.write(Time::ZERO, engine, user, 1, &mut pdu, &mut out);
                prop_assert!(Message::parse(&out).is_ok() || !out.is_empty());
            }
        }
    }
}

/// A user with DES, which is sensitive to lengths.
fn keyed() -> &'static User {
    static USER: std::sync::OnceLock<User> = std::sync::OnceLock::new();
    USER.get_or_init(|| u2().with_priv(PrivProtocol::Des, b"privpass123").expect("long enough"))
}
