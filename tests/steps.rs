//! Conversations with several steps and several destinations: the time and destination of the next step, and the
//! classification of replies to earlier steps.

#[path = "support/script.rs"]
mod script;

use std::net::SocketAddr;

use allears::engine::{Config, Defaults, Engine, Outcome, Proof, Protocol, RefusedReason, Unreachable};
use script::{Script, Talk, config, end, engine, host, ms, receive, request, run_out};

fn engine_with(script: Script, config: Config) -> Engine<Script> {
    Engine::new(script, config, [1; 16]).expect("settings in range")
}

fn by(proof: Proof) -> Engine<Script> {
    engine_with(Script { proof, ..Script::default() }, config())
}

/// Loses the first request, and delivers the reply to the second one 30 ms later. Returns when the next step is sent.
fn second_step_after_a_lost_packet(proof: Proof) -> u64 {
    let mut engine = by(proof);
    engine.ask(host(1), Talk { steps: 1, ..Talk::default() }, ()).unwrap();
    request(&mut engine, ms(0)).unwrap();
    engine.handle_timeout(ms(100));
    let (_, token) = request(&mut engine, ms(100)).expect("the retry");
    let token = if proof == script::TOKEN { token } else { vec![] };
    receive(&mut engine, ms(130), host(1), &token, "done");
    let mut now = ms(130);
    loop {
        if request(&mut engine, now).is_some() {
            return (now - ms(100)).as_millis() as u64;
        }
        now = engine.poll_timeout().expect("the next step waits").max(now);
        engine.handle_timeout(now);
    }
}

#[test]
fn after_a_lost_packet_the_next_step_waits_only_if_replies_cannot_be_distinguished() {
    assert_eq!(second_step_after_a_lost_packet(script::TOKEN), 30);
    assert_eq!(second_step_after_a_lost_packet(Proof::Content), 30);
    assert_eq!(
        second_step_after_a_lost_packet(Proof::Address),
        2030,
        "the lost request may still be answered"
    );
}

#[test]
fn a_late_reply_to_an_earlier_step_is_a_duplicate_and_a_foreign_one_is_unmatched() {
    let mut engine = by(Proof::Content);
    engine.ask(host(1), Talk { steps: 1, ..Talk::default() }, ()).unwrap();
    request(&mut engine, ms(0)).unwrap();
    engine.handle_timeout(ms(100));
    request(&mut engine, ms(100)).expect("the retry");
    receive(&mut engine, ms(130), host(1), b"", "done");
    request(&mut engine, ms(130)).expect("the second step");
    receive(&mut engine, ms(140), host(1), b"", "else");
    receive(&mut engine, ms(141), host(1), b"", "else");
    assert_eq!((engine.ledger().duplicates, engine.ledger().unmatched), (1, 1));
    receive(&mut engine, ms(150), host(1), b"", "done");
    assert_eq!(end(&mut engine).outcome, Outcome::Answered(0));
    assert!(engine.ledger().adds_up(0));
}

#[test]
fn with_content_another_conversation_still_waits_for_late_replies() {
    let mut engine = by(Proof::Content);
    engine.ask(host(1), Talk::default(), ()).unwrap();
    engine.ask(host(1), Talk::default(), ()).unwrap();
    request(&mut engine, ms(0)).unwrap();
    engine.handle_timeout(ms(100));
    request(&mut engine, ms(100)).expect("the retry");
    assert!(request(&mut engine, ms(100)).is_none(), "the other one waits");
    receive(&mut engine, ms(130), host(1), b"", "done");
    assert!(request(&mut engine, ms(130)).is_none(), "the first request may still be answered");
    receive(&mut engine, ms(140), host(1), b"", "done");
    request(&mut engine, ms(140)).expect("nothing is in flight any more");
    assert_eq!(engine.ledger().duplicates, 1);
}

#[test]
fn an_unmatched_reply_does_not_unblock_the_address() {
    let mut engine = by(Proof::Address);
    engine.ask(host(1), Talk::default(), ()).unwrap();
    engine.ask(host(1), Talk::default(), ()).unwrap();
    request(&mut engine, ms(0)).unwrap();
    engine.handle_timeout(ms(100));
    request(&mut engine, ms(100)).expect("the retry");
    receive(&mut engine, ms(110), host(1), b"", "else");
    receive(&mut engine, ms(120), host(1), b"", "done");
    assert!(request(&mut engine, ms(120)).is_none(), "one of the two requests has had no reply");
    assert_eq!((engine.ledger().unmatched, engine.ledger().answered), (1, 1));
}

#[test]
fn a_query_that_waits_for_a_host_causes_no_wake_ups() {
    let mut engine = by(Proof::Address);
    for _ in 0..2 {
        engine.ask(host(1), Talk::default(), ()).unwrap();
    }
    request(&mut engine, ms(0)).unwrap();
    assert!(request(&mut engine, ms(0)).is_none());
    assert_eq!(engine.poll_timeout(), Some(ms(100)), "the deadline of the first one");
    engine.handle_timeout(ms(100));
    request(&mut engine, ms(100)).expect("the retry");
    receive(&mut engine, ms(110), host(1), b"", "done");
    assert!(request(&mut engine, ms(110)).is_none());
    assert_eq!(engine.poll_timeout(), Some(ms(2110)), "then the lost request has timed out");
    engine.handle_timeout(ms(2110));
    request(&mut engine, ms(2110)).expect("the second one");
}

#[test]
fn a_step_may_go_to_another_host() {
    let mut engine = engine();
    engine.ask(host(1), Talk::default(), ()).unwrap();
    let (_, token) = request(&mut engine, ms(0)).unwrap();
    receive(&mut engine, ms(10), host(1), &token, "move");
    let (transmit, token) = request(&mut engine, ms(10)).unwrap();
    let next = SocketAddr::new(host(1).ip(), host(1).port() + 1);
    assert_eq!(transmit.to, next);
    receive(&mut engine, ms(20), host(1), &token, "done");
    assert_eq!(engine.ledger().unmatched, 1, "the first host is not queried any more");
    receive(&mut engine, ms(25), next, &token, "done");
    let completion = end(&mut engine);
    assert_eq!((completion.target, completion.outcome), (next, Outcome::Answered(0)));
    assert_eq!((engine.ledger().queries, engine.ledger().answered), (2, 2));
}

#[test]
fn a_retry_may_go_to_another_host_and_the_first_one_may_still_reply() {
    for answers in [1, 2] {
        let mut engine = engine();
        engine.ask(host(1), Talk { elsewhere: Some(host(2)), ..Talk::default() }, ()).unwrap();
        let (first, token_of_first) = request(&mut engine, ms(0)).unwrap();
        engine.handle_timeout(ms(100));
        let (second, token_of_second) = request(&mut engine, ms(100)).unwrap();
        assert_eq!((first.to, second.to), (host(1), host(2)));
        receive(&mut engine, ms(110), host(2), &token_of_first, "done");
        assert_eq!(engine.ledger().unmatched, 1, "a token counts only from the address it was sent to");
        let token = if answers == 1 { token_of_first } else { token_of_second };
        receive(&mut engine, ms(130), host(answers), &token, "done");
        let completion = end(&mut engine);
        assert_eq!((completion.target, completion.outcome), (host(answers), Outcome::Answered(0)));
        let sent_at = if answers == 1 { 0 } else { 100 };
        assert_eq!(completion.rtt, Some(ms(130) - ms(sent_at)));
        assert_eq!(engine.ledger().answered_by_earlier, u64::from(answers == 1));
        assert!(engine.ledger().adds_up(0));
    }
}

#[test]
fn without_a_token_a_retry_to_another_host_waits_for_that_host() {
    let mut engine = by(Proof::Address);
    engine.ask(host(1), Talk { elsewhere: Some(host(2)), ..Talk::default() }, ()).unwrap();
    engine.ask(host(2), Talk::default(), ()).unwrap();
    request(&mut engine, ms(0)).unwrap();
    request(&mut engine, ms(50)).unwrap();
    engine.handle_timeout(ms(100));
    assert!(request(&mut engine, ms(100)).is_none(), "host 2 has a query open");
    receive(&mut engine, ms(120), host(2), b"", "done");
    assert_eq!(request(&mut engine, ms(120)).expect("the retry").0.to, host(2));
    receive(&mut engine, ms(130), host(1), b"", "done");
    assert_eq!(engine.ledger().answered, 2, "the first host answered after all");
    assert!(engine.ledger().adds_up(0));
}

#[test]
fn no_more_queries_are_in_flight_to_a_host_than_its_cap_allows() {
    let script = Script { defaults: Defaults::default().with_in_flight_per_host(2), ..Script::default() };
    let mut engine = engine_with(script, config());
    for last in [1, 1, 1, 1, 2] {
        engine.ask(host(last), Talk::default(), ()).unwrap();
    }
    let (_, first) = request(&mut engine, ms(0)).unwrap();
    request(&mut engine, ms(0)).unwrap();
    assert_eq!(request(&mut engine, ms(0)).unwrap().0.to, host(2), "another host is not held back");
    assert!(request(&mut engine, ms(0)).is_none());
    receive(&mut engine, ms(10), host(1), &first, "done");
    assert_eq!(request(&mut engine, ms(10)).expect("the third one").0.to, host(1));
    assert!(request(&mut engine, ms(10)).is_none());
    assert_eq!(engine.in_flight(), 3);
    run_out(&mut engine);
    assert_eq!((engine.ledger().answered, engine.ledger().silent), (1, 4));
    assert!(engine.ledger().adds_up(0));
}

#[test]
fn the_users_cap_and_gap_override_those_of_the_protocol() {
    let defaults = Defaults::default().with_in_flight_per_host(1).with_host_gap(ms(70) - ms(0));
    let script = || Script { defaults, ..Script::default() };
    let send_two = |config: Config| {
        let mut engine = engine_with(script(), config);
        for _ in 0..2 {
            engine.ask(host(1), Talk::default(), ()).unwrap();
        }
        request(&mut engine, ms(0)).unwrap();
        let mut now = ms(0);
        while request(&mut engine, now).is_none() {
            now = engine.poll_timeout().expect("the second one waits").max(now);
            engine.handle_timeout(now);
        }
        now
    };
    let by_protocol = config().with_host_gap(None);
    assert_eq!(send_two(by_protocol.clone().with_in_flight_per_host(Some(2))), ms(70));
    assert_eq!(send_two(config().with_in_flight_per_host(Some(2))), ms(0));
    assert_eq!(send_two(by_protocol), ms(100), "the retry of the first one goes first");
}

#[test]
fn a_request_is_written_once_per_attempt_whatever_the_network_reports() {
    let mut engine = by(Proof::Address);
    engine.ask(host(1), Talk::default(), ()).unwrap();
    let (_, bytes) = request(&mut engine, ms(0)).unwrap();
    let report = Unreachable { icmp: Some((3, 3)), by: None, errno: 111 };
    engine.handle_unreachable(ms(1), host(1), &bytes, report);
    let completion = end(&mut engine);
    assert_eq!((completion.outcome, completion.conversation.written), (Outcome::Unreachable(report), 1));
}

#[test]
fn a_step_knows_its_round_trip_and_its_attempt() {
    let mut engine = engine();
    engine.ask(host(1), Talk { steps: 1, ..Talk::default() }, ()).unwrap();
    request(&mut engine, ms(0)).unwrap();
    engine.handle_timeout(ms(100));
    let (_, token) = request(&mut engine, ms(100)).unwrap();
    receive(&mut engine, ms(107), host(1), &token, "done");
    let (_, token) = request(&mut engine, ms(107)).unwrap();
    receive(&mut engine, ms(110), host(1), &token, "done");
    let millis = |n| Some(ms(n) - ms(0));
    assert_eq!(end(&mut engine).conversation.replies, [(millis(7), 2), (millis(3), 1)]);
}

#[test]
fn every_completion_has_its_tag_and_an_error_returns_question_and_tag() {
    let config = config().with_ring(2);
    let mut engine: Engine<Script, String> = Engine::new(Script::default(), config, [1; 16]).unwrap();
    for name in ["first", "second"] {
        engine.ask(host(1), Talk { steps: 1, ..Talk::default() }, name.to_owned()).unwrap();
    }
    let refused = engine.ask(host(1), Talk { parts: 7, ..Talk::default() }, "third".into()).unwrap_err();
    assert_eq!((refused.reason, refused.tag.as_str()), (RefusedReason::RingFull, "third"));
    assert_eq!(refused.question.parts, 7);
    engine.abort(ms(0));
    let mut tags: Vec<String> = std::iter::from_fn(|| engine.poll_completion()).map(|end| end.tag).collect();
    tags.sort();
    assert_eq!(tags, ["first", "second"]);
    let refused = engine.ask(host(1), Talk::default(), String::new()).unwrap_err();
    assert_eq!(refused.reason, RefusedReason::Stopped);
    assert_eq!(engine.protocol().defaults(), Defaults::default());
}

#[test]
fn a_copy_of_an_earlier_reply_never_answers_a_later_query_however_short_the_token_is() {
    let mut engine = by(Proof::Token { bits: 8 });
    let mut tokens: Vec<Vec<u8>> = vec![];
    for number in 0..200 {
        let now = ms(number);
        engine.ask(host(1), Talk::default(), ()).unwrap();
        let (_, token) = request(&mut engine, now).expect("a token is free");
        for earlier in &tokens {
            receive(&mut engine, now, host(1), earlier, "done");
            assert!(engine.poll_completion().is_none(), "{number} queries");
        }
        receive(&mut engine, now, host(1), &token, "done");
        assert!(matches!(end(&mut engine).outcome, Outcome::Answered(_)));
        tokens.push(token);
    }
    assert_eq!((engine.ledger().duplicates, engine.ledger().unmatched), (199 * 200 / 2, 0));
}
