//! Misbehaving agents in virtual time: each fault has its own outcome, and does not affect other agents.

#[path = "support/agents.rs"]
mod agents;

use std::sync::Arc;

use agents::{IF_DESCR, INTERFACES, SYS_NAME, Sweep, answer, plan, request};
use allears::engine::Outcome;
use allears::protocol::snmp::{
    Credentials, ErrorStatus, Incomplete, Operation, Request, Snmp, Value, Version,
};
use allears::sim::Plan;

const IF_IN_OCTETS: &str = "1.3.6.1.2.1.2.2.1.10";

fn walk(oids: &[&str]) -> Arc<Request> {
    request(Operation::Walk { max_repetitions: None, max_rows: 10_000 }, oids)
}

/// Sends the same request to all agents of a plan, with up to five tries.
fn sweep_as(plan: Plan, snmp: Snmp, credentials: Credentials, request: &Arc<Request>) -> Sweep {
    agents::sweep_as(plan, snmp, credentials, request, 5)
}

fn sweep(plan: Plan, request: &Arc<Request>) -> Sweep {
    sweep_as(plan, Snmp::new(1), Credentials::community(Version::V2c, b"public"), request)
}

#[test]
fn a_walk_of_two_columns_returns_every_row_of_every_agent() {
    for version in [Version::V1, Version::V2c] {
        let credentials = Credentials::community(version, b"public");
        let Sweep { ends, .. } =
            sweep_as(plan(50, &[]), Snmp::new(1), credentials, &walk(&[IF_DESCR, IF_IN_OCTETS]));
        for end in &ends {
            let answer = answer(end);
            assert_eq!((answer.len(), &answer.incomplete), (2 * INTERFACES as usize, &None));
        }
    }
}

#[test]
fn requests_shrink_after_too_big() {
    for fault in ["too-big", "too-big-empty"] {
        let Sweep { ends, .. } = sweep(plan(20, &[(fault, 1.0)]), &walk(&[IF_DESCR, IF_IN_OCTETS]));
        for end in &ends {
            let answer = answer(end);
            assert_eq!((answer.len(), &answer.incomplete), (2 * INTERFACES as usize, &None), "{fault:?}");
        }
        // A GET is halved, too.
        let names: Vec<String> = (1..=30).map(|row| format!("{IF_DESCR}.{row}")).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let Sweep { ends, .. } = sweep(plan(5, &[(fault, 1.0)]), &request(Operation::Get, &names));
        assert!(ends.iter().all(|end| answer(end).len() == 30 && answer(end).refused.is_empty()));
    }
}

#[test]
fn a_walk_of_an_agent_that_loops_ends_and_keeps_its_values() {
    let Sweep { ends, .. } = sweep(plan(20, &[("non-increasing", 0.5)]), &walk(&[IF_DESCR]));
    let circles =
        ends.iter().filter(|end| matches!(answer(end).incomplete, Some(Incomplete::NotIncreasing(_))));
    assert_eq!(circles.count(), 10);
    assert!(ends.iter().all(|end| answer(end).len() == INTERFACES as usize), "every row once");
}

#[test]
fn odd_encodings_reach_the_user_marked() {
    let Sweep { ends, .. } = sweep(plan(10, &[("odd-ber", 1.0)]), &walk(&["1.3.6.1.2.1"]));
    for end in &ends {
        let answer = answer(end);
        assert_eq!(answer.incomplete, None, "{}", end.target);
        let odd: Vec<_> = answer.varbinds().filter_map(|varbind| varbind.odd).collect();
        assert!(odd.len() > 10, "{odd:?}");
        let unknown = answer.varbinds().any(|varbind| matches!(varbind.value, Value::Unknown { .. }));
        assert!(unknown, "a value of an unknown type is kept");
    }
}

#[test]
fn stale_replies_are_unmatched_and_the_right_ones_are_accepted() {
    let Sweep { ends, engine, network, .. } =
        sweep(plan(20, &[("stale-id", 1.0)]), &request(Operation::Get, &[SYS_NAME]));
    assert!(ends.iter().all(|end| answer(end).len() == 1));
    let ledger = engine.ledger();
    assert!(ledger.unmatched >= 20, "{ledger:?}");
    let tally = network.fleet().tally();
    assert_eq!(ledger.datagrams_received, tally.answered + tally.duplicated + tally.forged);
}

#[test]
fn requests_shrink_when_large_replies_get_lost() {
    let Sweep { ends, .. } = sweep(plan(20, &[("slow-bulk", 1.0)]), &walk(&[IF_DESCR, IF_IN_OCTETS]));
    for end in &ends {
        assert_eq!(answer(end).len(), 2 * INTERFACES as usize, "{}", end.target);
    }
}

#[test]
fn a_restart_during_a_walk_is_reported() {
    let request = Arc::new(Request {
        operation: Operation::Walk { max_repetitions: Some(1), max_rows: 10_000 },
        oids: vec!["1.3.6.1.2.1.2.2.1".parse().expect("a name")],
        with_uptime: true,
    });
    let Sweep { ends, .. } = sweep(plan(10, &[("restart", 1.0)]), &request);
    for end in &ends {
        let answer = answer(end);
        assert_eq!(answer.incomplete, Some(Incomplete::Restarted));
        assert!(answer.len() > INTERFACES as usize, "the walk continues");
    }
}

#[test]
fn replies_from_another_address_are_reported_and_accepted_only_on_request() {
    let multi_homed = plan(10, &[]).with_wrong_source(1.0);
    let get = request(Operation::Get, &[SYS_NAME]);
    let Sweep { ends, engine, .. } = sweep(multi_homed.clone(), &get);
    for end in &ends {
        assert_eq!(end.outcome, Outcome::Silent);
        assert!(end.foreign_source.is_some_and(|other| other != end.target));
    }
    assert!(engine.ledger().unmatched >= 10);

    let public = Credentials::community(Version::V2c, b"public");
    let Sweep { ends, engine, .. } = sweep_as(multi_homed, Snmp::new(1).accept_any_source(), public, &get);
    assert!(ends.iter().all(|end| answer(end).len() == 1 && end.foreign_source.is_some()));
    assert_eq!(engine.ledger().unmatched, 0);
}

#[test]
fn a_wrong_community_gets_no_reply_and_an_unknown_name_gets_an_exception() {
    let wrong = Credentials::community(Version::V2c, b"wrong");
    let Sweep { ends, .. } =
        sweep_as(plan(3, &[]), Snmp::new(1), wrong, &request(Operation::Get, &[SYS_NAME]));
    assert!(ends.iter().all(|end| end.outcome == Outcome::Silent));

    let names = [SYS_NAME, "1.3.6.1.9.9.0", "1.3.6.1.2.1.1.1.0"];
    let Sweep { ends, .. } = sweep(plan(3, &[]), &request(Operation::Get, &names));
    for end in &ends {
        let exceptions: Vec<bool> = answer(end).varbinds().map(|varbind| varbind.is_exception()).collect();
        assert_eq!(exceptions, [false, true, false], "only the unknown name has an exception");
    }
    let v1 = Credentials::community(Version::V1, b"public");
    let Sweep { ends, .. } = sweep_as(plan(3, &[]), Snmp::new(1), v1, &request(Operation::Get, &names));
    for end in &ends {
        let answer = answer(end);
        assert_eq!((answer.len(), answer.refused.len()), (2, 1));
        assert_eq!(answer.refused[0].status, ErrorStatus::NO_SUCH_NAME);
    }
}

#[test]
fn dead_and_slow_agents_delay_no_others() {
    let faulty = plan(200, &[]).with_dead(0.2).with_loss(0.05).with_reply_loss(0.05).with_duplicate(0.05);
    let Sweep { ends, network, engine } = sweep(faulty, &walk(&[IF_DESCR]));
    let (mut answered, mut silent) = (0, 0);
    for (host, end) in ends.iter().enumerate() {
        match &end.outcome {
            Outcome::Answered(answer) => {
                assert_eq!((answer.len(), &answer.incomplete), (INTERFACES as usize, &None));
                answered += 1;
            }
            Outcome::Silent => {
                assert!(!network.fleet().is_proper(host as u32), "{} is alive", end.target);
                silent += 1;
            }
            other => panic!("{other:?}"),
        }
    }
    assert_eq!((answered, silent), (160, 40));
    assert!(engine.ledger().answered_after_retry > 0, "the plan loses some datagrams");
}

#[test]
fn a_truncated_reply_with_the_right_number_is_kept_up_to_the_cut() {
    let garbage = plan(10, &[]).with_garbage(1.0);
    let names = [SYS_NAME, "1.3.6.1.2.1.1.1.0"];
    let Sweep { ends, .. } = sweep(garbage, &request(Operation::Get, &names));
    for end in &ends {
        match &end.outcome {
            Outcome::Malformed(reason) => assert!(!reason.is_empty()),
            Outcome::Answered(answer) => assert!(matches!(answer.incomplete, Some(Incomplete::Broken(_)))),
            other => panic!("{other:?}"),
        }
    }
}
