//! Parses any datagram as an agent's reply: accepted, or rejected with a reason.
#![no_main]

use std::sync::LazyLock;

use allears::protocol::snmp::message::{Message, read_id};
use allears::protocol::snmp::{Credentials, Operation, Question, Request, Snmp, Varbinds, Version};
use allears::protocol::snmp::usm::{AuthProtocol, EngineRecord, PrivProtocol, User};
use allears::protocol::{Attempt, Protocol, Reply, Step, Time, Token};
use libfuzzer_sys::fuzz_target;

/// The user of the captures. It is static, so that its passwords are hashed only once.
static USER: LazyLock<User> = LazyLock::new(|| {
    let user = User::new(b"u1").and_then(|user| user.with_auth(AuthProtocol::Sha256, b"authpass123"));
    user.and_then(|user| user.with_priv(PrivProtocol::Aes128, b"privpass123")).unwrap()
});

fuzz_target!(|datagram: &[u8]| {
    let _ = read_id(datagram);
    if let Ok(Message::Community(message)) = Message::parse(datagram) {
        for varbind in message.pdu.varbinds() {
            let _ = format!("{} {:?}", varbind.oid, varbind.value);
            assert_eq!(varbind.oid, varbind.oid.to_oid().as_oid());
        }
    }
    let _ = Varbinds::new(datagram).count();
    let mut snmp = Snmp::new(1);
    let public = snmp.add_credentials(Credentials::community(Version::V2c, b"public"));
    let user = snmp.add_credentials(Credentials::User(USER.clone()));
    let agent = ([127, 0, 0, 1], 161).into();
    let engine_id = Box::from(&b"\x80\0\x1f\x88\x80\x7c\xdc\xea\x3b\x1b\x5a\x03\x6b\0\0\0\0"[..]);
    snmp.usm_mut().remember(Time::ZERO, EngineRecord { address: agent, engine_id, boots: 1, time: 30_000 });
    for operation in [
        Operation::Get,
        Operation::GetBulk { non_repeaters: 0, max_repetitions: 10 },
        Operation::Walk { max_repetitions: None, max_rows: 100 },
    ] {
        let oids = vec!["1.3.6.1.2.1".parse().unwrap(), "1.3.6.1.4.1".parse().unwrap()];
        let request = std::sync::Arc::new(Request { operation, oids, with_uptime: true });
        for credentials in [public, user] {
            let mut conversation = snmp.begin(agent, Question { credentials, request: request.clone() });
            for _ in 0..4 {
                let mut asked = vec![];
                snmp.write_request(&mut conversation, Attempt::first(Token(7)), &mut asked);
                assert_eq!(read_id(&asked), Some(7));
                match snmp.step(&mut conversation, &Reply::to_first(agent, datagram)) {
                    Step::AskNext => {}
                    Step::Done(answer) => {
                        assert_eq!(answer.varbinds().count(), answer.len());
                        break;
                    }
                    _ => break,
                }
            }
        }
    }
});
