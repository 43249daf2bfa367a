//! SNMPv3 against a simulated fleet, in virtual time: valid users get every answer, and discovery, reboots and clones
//! of engines cost no tries.

#![cfg(feature = "usm")]

#[path = "support/agents.rs"]
mod agents;

use std::sync::Arc;

use agents::{IF_DESCR, INTERFACES, SYS_NAME, Sweep, answer, plan, request, sweep_as};
use allears::engine::{Outcome, Time};
use allears::protocol::snmp::usm::{AuthProtocol, Notice, PrivProtocol, User};
use allears::protocol::snmp::{Credentials, Incomplete, Operation, Request, Snmp, Value, Version};
use allears::sim::Plan;

fn get() -> Arc<Request> {
    request(Operation::Get, &[SYS_NAME])
}

/// A request for 15 columns by name: 600 names, in 15 packets.
fn get_many() -> Arc<Request> {
    let cell = |column, row| format!("1.3.6.1.2.1.2.2.1.{column}.{row}");
    let names: Vec<String> =
        (1..=15).flat_map(|column| (1..=INTERFACES).map(move |row| cell(column, row))).collect();
    request(Operation::Get, &names.iter().map(String::as_str).collect::<Vec<_>>())
}

/// A walk that starts with `max_repetitions`.
fn walk(max_repetitions: Option<u32>) -> Arc<Request> {
    request(Operation::Walk { max_repetitions, max_rows: 10_000 }, &[IF_DESCR])
}

fn user(name: &str) -> User {
    User::new(name.as_bytes()).expect("a name")
}

fn u0() -> User {
    user("u0")
}

fn u1() -> User {
    with_passwords("u1", "authpass123", "privpass123")
}

fn u2() -> User {
    user("u2").with_auth(AuthProtocol::Sha1, b"authpass123").expect("long enough")
}

fn with_passwords(name: &str, auth: &str, privacy: &str) -> User {
    let user = user(name).with_auth(AuthProtocol::Sha256, auth.as_bytes()).expect("long enough");
    user.with_priv(PrivProtocol::Aes128, privacy.as_bytes()).expect("long enough")
}

/// Asserts that the answers have every row of every agent.
#[track_caller]
fn assert_complete(sweep: &Sweep) {
    for answer in sweep.answers() {
        assert_eq!((answer.len(), &answer.incomplete), (INTERFACES as usize, &None));
    }
}

/// Sweeps as `user` with a single try, which suffices because the plan loses nothing.
fn sweep(plan: Plan, user: User, request: &Arc<Request>) -> Sweep {
    sweep_as(plan, Snmp::new(1), Credentials::User(user), request, 1)
}

#[test]
fn every_user_walks_every_row_of_every_agent() {
    for user in [u0(), u1(), u2()] {
        let sweep = sweep(plan(50, &[]), user, &walk(None));
        assert_complete(&sweep);
        let mut descriptions = answer(&sweep.ends[7]).varbinds();
        assert_eq!(descriptions.next().expect("the first").value, Value::OctetString(b"eth0"));
    }
}

#[test]
fn discovery_is_one_more_query_for_each_agent_and_no_retransmission() {
    for request in [get(), walk(Some(1))] {
        let public = Credentials::community(Version::V2c, b"public");
        let plain = sweep_as(plan(50, &[]), Snmp::new(1), public, &request, 1).ledger().queries;
        for user in [u0(), u1(), u2()] {
            let sweep = sweep(plan(50, &[]), user, &request);
            let ledger = sweep.ledger();
            assert_eq!((ledger.queries, ledger.retransmissions), (plain + 50, 0));
            assert_eq!((ledger.answered, ledger.broken), (ledger.queries, 0));
        }
    }
}

#[test]
fn restored_engines_need_no_discovery() {
    for user in [u0(), u1(), u2()] {
        let first = sweep(plan(50, &[]), user.clone(), &get());
        let mut snmp = Snmp::new(2);
        for record in first.engine.protocol().usm().engines(first.network.now()) {
            snmp.usm_mut().remember(Time::ZERO, record);
        }
        let second = sweep_as(plan(50, &[]), snmp, Credentials::User(user), &get(), 1);
        assert!(second.answers().all(|answer| answer.len() == 1));
        assert_eq!(second.ledger().queries, 50);
    }
}

#[test]
fn a_time_correction_after_a_reboot_costs_no_try() {
    // Reboots matter only to authenticated requests. There are 15 of them, two with a reboot after them, and a discovery.
    for (user, queries) in [(u0(), 15 + 1), (u1(), 15 + 1 + 2), (u2(), 15 + 1 + 2)] {
        let sweep = sweep(plan(20, &[("reboot", 1.0)]), user, &get_many());
        assert!(sweep.answers().all(|answer| answer.len() == 600 && answer.incomplete.is_none()));
        let ledger = sweep.ledger();
        assert_eq!((ledger.queries, ledger.retransmissions), (20 * queries, 0));
        assert_eq!((ledger.answered, ledger.broken, ledger.unmatched), (ledger.queries, 0, 0));
    }
}

#[test]
fn a_reboot_during_a_walk_is_reported_and_the_walk_continues() {
    let operation = Operation::Walk { max_repetitions: None, max_rows: 10_000 };
    let oids = vec!["1.3.6.1.2.1.2.2.1".parse().expect("a name")];
    let request = Arc::new(Request { operation, oids, with_uptime: true });
    for fault in ["reboot", "restart"] {
        let sweep = sweep(plan(10, &[(fault, 1.0)]), u1(), &request);
        for answer in sweep.answers() {
            assert_eq!(answer.incomplete, Some(Incomplete::Restarted));
            assert_eq!(answer.len(), 22 * INTERFACES as usize);
        }
    }
}

#[test]
fn agents_with_the_same_engine_id_all_answer_and_are_noticed() {
    for user in [u0(), u1(), u2()] {
        let mut sweep = sweep(plan(40, &[("same-engine", 0.5)]), user, &walk(None));
        assert_complete(&sweep);
        let usm = sweep.engine.protocol_mut().usm_mut();
        let notices: Vec<Notice> = std::iter::from_fn(|| usm.take_notice()).collect();
        assert_eq!(notices.len(), 19, "one for each agent but the first");
        assert!(notices.iter().all(|notice| matches!(notice, Notice::SameEngineId { .. })));
    }
}

#[test]
fn an_invalid_user_is_rejected_at_the_first_reply() {
    let lower = user("u1").with_auth(AuthProtocol::Sha256, b"authpass123").expect("long enough");
    for (user, counter) in [
        (with_passwords("u1", "nothispass", "privpass123"), "usmStatsWrongDigests"),
        (with_passwords("u1", "authpass123", "nothispass"), "usmStatsDecryptionErrors"),
        (with_passwords("u3", "authpass123", "privpass123"), "usmStatsUnknownUserNames"),
        (user("nobody"), "usmStatsUnknownUserNames"),
        (lower, "usmStatsUnsupportedSecLevels"),
        (with_passwords("u0", "authpass123", "privpass123"), "usmStatsUnsupportedSecLevels"),
        (u1().with_context(b"elsewhere"), "snmpUnknownContexts"),
    ] {
        let sweep = sweep_as(plan(20, &[]), Snmp::new(1), Credentials::User(user), &walk(None), 5);
        for answer in sweep.answers() {
            let Some(Incomplete::Rejected(reason)) = answer.incomplete else { panic!("{answer:?}") };
            assert!(answer.is_empty() && reason.starts_with(counter), "{reason}");
        }
        let ledger = sweep.ledger();
        assert_eq!((ledger.queries, ledger.retransmissions), (20 * 2, 0), "{counter}");
    }
}

#[test]
fn replies_from_another_address_are_reported_and_accepted_only_on_request() {
    let multi_homed = plan(10, &[]).with_wrong_source(1.0);
    for user in [u0(), u1(), u2()] {
        let strict = sweep(multi_homed.clone(), user.clone(), &get());
        for end in &strict.ends {
            assert_eq!(end.outcome, Outcome::Silent);
            assert!(end.foreign_source.is_some_and(|other| other != end.target));
        }
        assert!(strict.ledger().unmatched >= 10);

        let snmp = Snmp::new(1).accept_any_source();
        let lenient = sweep_as(multi_homed.clone(), snmp, Credentials::User(user), &get(), 1);
        assert!(lenient.ends.iter().all(|end| answer(end).len() == 1 && end.foreign_source.is_some()));
        assert_eq!((lenient.ledger().queries, lenient.ledger().unmatched), (20, 0));
    }
}

#[test]
fn lost_and_duplicated_datagrams_cost_tries_but_no_rows() {
    let faults = [("reboot", 0.3), ("same-engine", 0.3), ("stale-id", 0.3)];
    let lossy = plan(100, &faults).with_loss(0.05).with_reply_loss(0.05).with_duplicate(0.1);
    for user in [u0(), u1(), u2()] {
        let sweep = sweep_as(lossy.clone(), Snmp::new(1), Credentials::User(user), &walk(Some(1)), 6);
        assert_complete(&sweep);
        assert!(sweep.ledger().retransmissions > 50 && sweep.ledger().duplicates > 50);
    }
}

#[test]
fn stale_and_forged_replies_are_unmatched() {
    let plan = plan(20, &[("stale-id", 1.0)]).with_forge(2000.0);
    for user in [u0(), u1(), u2()] {
        let sweep = sweep(plan.clone(), user, &get());
        assert!(sweep.answers().all(|answer| answer.len() == 1 && answer.incomplete.is_none()));
        let (ledger, tally) = (sweep.ledger(), sweep.network.fleet().tally());
        assert!(tally.forged > 100 && ledger.broken == 0, "{ledger:?}");
        let sent = tally.answered + tally.duplicated + tally.forged;
        assert_eq!((ledger.datagrams_received, ledger.replies), (sent, 40));
    }
}

#[test]
fn garbage_with_a_wrong_digest_is_never_accepted() {
    let garbage = plan(10, &[]).with_garbage(1.0);
    for user in [u1(), u2()] {
        let sweep = sweep_as(garbage.clone(), Snmp::new(1), Credentials::User(user), &get(), 3);
        for end in &sweep.ends {
            assert!(matches!(&end.outcome, Outcome::Malformed(reason) if reason.contains("digest")));
        }
        assert_eq!((sweep.ledger().broken, sweep.ledger().retransmissions), (30, 20));
    }
    // Without a digest, nothing distinguishes garbage from the agent's reply.
    let sweep = sweep(garbage, u0(), &get());
    for end in &sweep.ends {
        match &end.outcome {
            Outcome::Malformed(reason) => assert!(!reason.is_empty()),
            outcome => assert!(matches!(outcome, Outcome::Answered(answer)
                if matches!(answer.incomplete, Some(Incomplete::Broken(_))))),
        }
    }
}
