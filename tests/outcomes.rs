//! Every query ends once, in the right class, and datagrams after its end are classified.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use allears::engine::{
    Engine, ForeignSource, Outcome, Proof, RefusedReason, Time, Timeout, Transmit, Unreachable,
};

#[path = "support/script.rs"]
mod script;

use script::{Script, TOKEN, Talk, config, end, engine, host, ms, receive, request, run_out};

#[test]
fn an_answer_ends_the_query_and_its_round_trip_is_that_of_its_attempt() {
    let mut engine = engine();
    engine.ask(host(1), Talk::default(), ()).unwrap();
    let (_, first) = request(&mut engine, ms(0)).unwrap();
    engine.handle_timeout(ms(100));
    let (_, second) = request(&mut engine, ms(100)).unwrap();
    assert_ne!(first, second, "a fresh token for each attempt");

    receive(&mut engine, ms(130), host(1), &first, "done");
    let completion = end(&mut engine);
    assert_eq!(completion.outcome, Outcome::Answered(0));
    assert_eq!(completion.rtt, Some(Duration::from_millis(130)), "it answers the first attempt");
    assert_eq!(completion.attempts, 2);

    receive(&mut engine, ms(160), host(1), &second, "done");
    let ledger = engine.ledger();
    assert_eq!((ledger.answered, ledger.answered_after_retry, ledger.answered_by_earlier), (1, 1, 1));
    assert_eq!((ledger.duplicates, ledger.late), (1, 0));
    assert!(ledger.adds_up(0));
}

#[test]
fn a_silent_query_ends_after_all_tries() {
    let mut engine = engine();
    engine.ask(host(1), Talk::default(), ()).unwrap();
    assert_eq!(run_out(&mut engine), ms(300));
    let completion = end(&mut engine);
    assert_eq!((completion.outcome, completion.attempts), (Outcome::Silent, 3));
    assert_eq!((engine.ledger().silent, engine.ledger().retransmissions), (1, 2));
}

#[test]
fn after_the_end_the_first_reply_is_late_the_second_a_duplicate_and_then_the_query_is_forgotten() {
    let mut engine = engine();
    engine.ask(host(1), Talk::default(), ()).unwrap();
    let (_, token) = request(&mut engine, ms(0)).unwrap();
    run_out(&mut engine);
    receive(&mut engine, ms(400), host(1), &token, "done");
    receive(&mut engine, ms(401), host(1), &token, "done");
    engine.handle_timeout(ms(2301));
    receive(&mut engine, ms(2301), host(1), &token, "done");
    let ledger = engine.ledger();
    assert_eq!((ledger.late, ledger.duplicates, ledger.unmatched), (1, 1, 1));
    assert_eq!((ledger.silent, ledger.answered), (1, 0), "an end is final");
    assert!(ledger.adds_up(0));
}

#[test]
fn a_datagram_that_fits_no_query_is_unmatched() {
    let mut engine = engine();
    engine.ask(host(1), Talk::default(), ()).unwrap();
    let (_, token) = request(&mut engine, ms(0)).unwrap();
    receive(&mut engine, ms(1), host(2), &token, "done");
    receive(&mut engine, ms(1), host(1), &[9; 8], "done");
    receive(&mut engine, ms(1), host(1), b"", "done");
    receive(&mut engine, ms(1), host(1), &token, "else");
    assert_eq!(engine.ledger().unmatched, 4);
    assert!(engine.poll_completion().is_none());
    receive(&mut engine, ms(2), host(1), &token, "done");
    assert_eq!(end(&mut engine).outcome, Outcome::Answered(0));
}

#[test]
fn a_malformed_reply_with_the_right_token_ends_the_query() {
    let mut engine = engine();
    engine.ask(host(1), Talk::default(), ()).unwrap();
    let (_, token) = request(&mut engine, ms(0)).unwrap();
    receive(&mut engine, ms(1), host(1), &token, "????");
    assert_eq!(end(&mut engine).outcome, Outcome::Malformed("no verb"));
    assert_eq!((engine.ledger().malformed, engine.ledger().broken), (1, 1));
    assert!(engine.ledger().adds_up(0));
}

#[test]
fn without_a_token_a_malformed_reply_is_only_remembered() {
    let mut engine =
        Engine::new(Script { proof: Proof::Address, ..Script::default() }, config(), [1; 16]).unwrap();
    for last in [1, 2] {
        engine.ask(host(last), Talk::default(), ()).unwrap();
        request(&mut engine, ms(0)).unwrap();
        receive(&mut engine, ms(1), host(last), b"", "????");
    }
    receive(&mut engine, ms(2), host(1), b"", "done");
    assert_eq!(
        end(&mut engine).outcome,
        Outcome::Answered(0),
        "the proper reply arrives after the forged one"
    );
    run_out(&mut engine);
    assert_eq!(end(&mut engine).outcome, Outcome::Malformed("no verb"));
}

#[test]
fn without_tokens_one_query_per_address_is_in_flight() {
    let mut engine =
        Engine::new(Script { proof: Proof::Address, ..Script::default() }, config(), [1; 16]).unwrap();
    engine.ask(host(1), Talk::default(), ()).unwrap();
    engine.ask(host(1), Talk::default(), ()).unwrap();
    request(&mut engine, ms(0)).unwrap();
    assert!(request(&mut engine, ms(0)).is_none());
    receive(&mut engine, ms(1), host(1), b"", "done");
    engine.handle_timeout(ms(20));
    request(&mut engine, ms(20)).expect("the second one");
    receive(&mut engine, ms(21), host(1), b"", "done");
    assert_eq!(engine.ledger().answered, 2);
}

#[test]
fn a_conversation_continues_through_the_ring_and_each_step_is_a_query() {
    let mut engine = engine();
    engine.ask(host(1), Talk { steps: 2, ..Talk::default() }, ()).unwrap();
    for step in 0..3 {
        let (transmit, token) = request(&mut engine, ms(step)).unwrap();
        assert_eq!(transmit.to, host(1));
        receive(&mut engine, ms(step), host(1), &token, "done");
        receive(&mut engine, ms(step), host(1), &token, "done");
    }
    assert_eq!(end(&mut engine).outcome, Outcome::Answered(0));
    let ledger = engine.ledger();
    assert_eq!((ledger.queries, ledger.answered, ledger.duplicates), (3, 3, 3));
    assert!(ledger.adds_up(0));
}

#[test]
fn an_answer_in_several_datagrams_ends_after_a_quiet_gap() {
    let mut engine = engine();
    engine.ask(host(1), Talk::default(), ()).unwrap();
    let (_, token) = request(&mut engine, ms(0)).unwrap();
    receive(&mut engine, ms(60), host(1), &token, "more");
    receive(&mut engine, ms(99), host(1), &token, "more");
    engine.handle_timeout(ms(148));
    assert!(engine.poll_completion().is_none());
    engine.handle_timeout(ms(149));
    let completion = end(&mut engine);
    assert_eq!(completion.outcome, Outcome::Answered(2));
    assert_eq!(
        completion.rtt,
        Some(Duration::from_millis(60)),
        "the first datagram determines the round trip"
    );
}

#[test]
fn an_answer_with_missing_parts_is_requested_again_and_merged() {
    let mut engine = engine();
    engine.ask(host(1), Talk::default(), ()).unwrap();
    let (_, token) = request(&mut engine, ms(0)).unwrap();
    receive(&mut engine, ms(10), host(1), &token, "more");
    engine.handle_timeout(ms(60));
    let (_, again) = request(&mut engine, ms(60)).expect("one part is too few");
    receive(&mut engine, ms(70), host(1), &again, "more");
    engine.handle_timeout(ms(120));
    assert_eq!(end(&mut engine).outcome, Outcome::Answered(2));

    engine.ask(host(2), Talk::default(), ()).unwrap();
    let (_, token) = request(&mut engine, ms(200)).unwrap();
    receive(&mut engine, ms(210), host(2), &token, "more");
    run_out(&mut engine);
    assert_eq!(
        end(&mut engine).outcome,
        Outcome::Answered(1),
        "without further datagrams, the answer has what arrived"
    );
}

#[test]
fn a_host_that_keeps_sending_parts_does_not_keep_the_query_open() {
    let mut engine = engine();
    engine.ask(host(1), Talk::default(), ()).unwrap();
    let (_, token) = request(&mut engine, ms(0)).unwrap();
    let mut now = 0;
    while !engine.is_idle() {
        now += 40;
        assert!(now < 11_000, "it is kept");
        receive(&mut engine, ms(now), host(1), &token, "more");
        engine.handle_timeout(ms(now));
    }
    assert!(matches!(end(&mut engine).outcome, Outcome::Answered(parts) if parts > 200));
}

#[test]
fn without_a_token_the_round_trip_after_a_retry_is_unknown() {
    let mut engine =
        Engine::new(Script { proof: Proof::Address, ..Script::default() }, config(), [1; 16]).unwrap();
    engine.ask(host(1), Talk::default(), ()).unwrap();
    request(&mut engine, ms(0)).unwrap();
    engine.handle_timeout(ms(100));
    request(&mut engine, ms(100)).unwrap();
    receive(&mut engine, ms(101), host(1), b"", "done");
    let completion = end(&mut engine);
    assert_eq!((completion.outcome, completion.rtt), (Outcome::Answered(0), None));
    assert_eq!((engine.ledger().rtt.count(), engine.ledger().answered_after_retry), (0, 1));
}

#[test]
fn a_retry_that_was_not_sent_leaves_the_previous_attempt_answerable() {
    let mut engine =
        Engine::new(Script { proof: Proof::Address, ..Script::default() }, config(), [1; 16]).unwrap();
    engine.ask(host(1), Talk::default(), ()).unwrap();
    request(&mut engine, ms(0)).unwrap();
    engine.handle_timeout(ms(100));
    let (retry, _) = request(&mut engine, ms(100)).unwrap();
    engine.unsend(ms(100), retry);
    receive(&mut engine, ms(101), host(1), b"", "done");
    assert_eq!(end(&mut engine).outcome, Outcome::Answered(0));
    assert_eq!(engine.ledger().deferred, 1);
}

#[test]
fn cheap_queries_do_not_pass_a_costly_one_forever() {
    // A conversation of a thousand steps claims to have large replies.
    let mut engine = Engine::new(
        Script { proof: TOKEN, ..Script::default() },
        config().with_reply_credit(Some(40 * 832)),
        [1; 16],
    )
    .unwrap();
    let mut flying = Vec::new();
    for last in 0..40 {
        engine.ask(host(last), Talk::default(), ()).unwrap();
        flying.push((host(last), request(&mut engine, ms(0)).unwrap().1));
    }
    engine.ask(host(99), Talk { steps: 1000, ..Talk::default() }, ()).unwrap();
    for turn in 0..40 {
        engine.ask(host(100), Talk::default(), ()).unwrap();
        let (target, token) = flying.remove(0);
        receive(&mut engine, ms(turn), target, &token, "done");
        while let Some((transmit, token)) = request(&mut engine, ms(turn)) {
            if transmit.to == host(99) {
                return;
            }
            flying.push((transmit.to, token));
        }
    }
    panic!("forty cheap queries have ended, and the costly one was not sent");
}

#[test]
fn an_answer_that_arrives_while_the_retry_waits_cancels_it() {
    let mut engine = Engine::new(
        Script { proof: TOKEN, ..Script::default() },
        config().with_rate(Some(1.0)).with_burst(1),
        [1; 16],
    )
    .unwrap();
    engine.ask(host(1), Talk::default(), ()).unwrap();
    let (_, token) = request(&mut engine, ms(0)).unwrap();
    engine.handle_timeout(ms(100));
    receive(&mut engine, ms(150), host(1), &token, "done");
    assert_eq!(end(&mut engine).attempts, 1);
    assert!(request(&mut engine, ms(5000)).is_none());
    assert_eq!((engine.ledger().datagrams_sent, engine.ledger().answered_after_retry), (1, 0));
    assert!(engine.is_idle() && engine.poll_timeout().is_none());
}

#[test]
fn a_request_that_the_kernel_did_not_accept_is_sent_first() {
    let mut engine = engine();
    for last in 1..=3 {
        engine.ask(host(last), Talk::default(), ()).unwrap();
    }
    let polled: Vec<Transmit> = (0..3).map(|_| request(&mut engine, ms(0)).unwrap().0).collect();
    for transmit in polled[1..].iter().rev() {
        engine.unsend(ms(0), *transmit);
    }
    assert_eq!((engine.ledger().datagrams_sent, engine.in_flight()), (1, 1));
    assert_eq!(request(&mut engine, ms(1)).unwrap().0.to, host(2));
    assert_eq!(request(&mut engine, ms(1)).unwrap().0.to, host(3));
    run_out(&mut engine);
    assert_eq!((engine.ledger().silent, engine.ledger().datagrams_sent), (3, 9));
}

#[test]
fn a_stop_while_sending_affects_neither_round_trip_nor_deadline() {
    let mut engine = engine();
    for last in [1, 2, 3] {
        engine.ask(host(last), Talk::default(), ()).unwrap();
    }
    let sent: Vec<(Transmit, Vec<u8>)> = (0..3).map(|_| request(&mut engine, ms(0)).unwrap()).collect();
    for (transmit, _) in &sent {
        engine.handle_slow_send(*transmit, ms(0), ms(1000));
    }
    // The first request was sent before the stop, the second one after it.
    receive(&mut engine, ms(20), host(1), &sent[0].1, "done");
    assert_eq!(end(&mut engine).rtt, Some(Duration::from_millis(20)));
    engine.handle_timeout(ms(1020));
    receive(&mut engine, ms(1020), host(2), &sent[1].1, "done");
    assert_eq!(end(&mut engine).rtt, Some(Duration::from_millis(20)));
    assert!(request(&mut engine, ms(1099)).is_none(), "the third one has not timed out");
    engine.handle_timeout(ms(1100));
    assert!(request(&mut engine, ms(1100)).is_some());
}

#[test]
fn a_destination_that_cannot_be_sent_to_ends_only_its_query() {
    let mut engine = engine();
    for last in [1, 2] {
        engine.ask(host(last), Talk::default(), ()).unwrap();
    }
    let (bad, _) = request(&mut engine, ms(0)).unwrap();
    let (_, token) = request(&mut engine, ms(0)).unwrap();
    engine.handle_send_failure(ms(0), bad, 22);
    assert_eq!(end(&mut engine).outcome, Outcome::SendFailed(22));
    receive(&mut engine, ms(1), host(2), &token, "done");
    assert_eq!(end(&mut engine).outcome, Outcome::Answered(0));
    assert_eq!((engine.ledger().send_failed, engine.ledger().datagrams_sent), (1, 1));
    assert!(engine.ledger().adds_up(0));
}

#[test]
fn a_network_error_ends_the_query_if_it_quotes_our_token() {
    let report = Unreachable { icmp: Some((3, 3)), by: Some(host(1).ip()), errno: 111 };
    let mut engine = engine();
    for last in [1, 2] {
        engine.ask(host(last), Talk::default(), ()).unwrap();
    }
    let (_, first) = request(&mut engine, ms(0)).unwrap();
    let (_, second) = request(&mut engine, ms(0)).unwrap();
    engine.handle_unreachable(ms(1), host(1), &second, report);
    engine.handle_unreachable(ms(1), host(1), &first[..4], report);
    assert!(engine.poll_completion().is_none(), "another host's token, and a truncated quote");
    engine.handle_unreachable(ms(2), host(1), &first, report);
    let completion = end(&mut engine);
    assert_eq!((completion.target, completion.outcome), (host(1), Outcome::Unreachable(report)));
    receive(&mut engine, ms(3), host(2), &second, "done");
    assert_eq!(end(&mut engine).outcome, Outcome::Answered(0), "the other host is not affected");
    engine.handle_unreachable(ms(4), host(2), &second, report);
    assert_eq!((engine.ledger().unreachable, engine.ledger().answered), (1, 1));
    assert!(engine.ledger().adds_up(0));
}

#[test]
fn an_attempt_whose_reply_may_have_been_dropped_locally_is_not_a_try() {
    let mut engine = engine();
    engine.ask(host(1), Talk::default(), ()).unwrap();
    request(&mut engine, ms(0)).unwrap();
    engine.handle_local_drops(ms(50));
    engine.ask(host(2), Talk::default(), ()).unwrap();
    request(&mut engine, ms(60)).unwrap();
    let ended = run_out(&mut engine);
    assert_eq!(ended, ms(400), "three tries of 100 ms after the one lost locally");
    let ends = std::iter::from_fn(|| engine.poll_completion()).map(|end| (end.target, end.attempts));
    let attempts: BTreeMap<SocketAddr, u32> = ends.collect();
    assert_eq!(
        (attempts[&host(1)], attempts[&host(2)]),
        (4, 3),
        "the second host was queried after the drop"
    );
    assert_eq!(engine.ledger().asked_again, 1);
}

#[test]
fn an_attempt_is_forgiven_once_even_if_it_times_out_twice() {
    let mut engine = engine();
    engine.ask(host(1), Talk::default(), ()).unwrap();
    let (_, token) = request(&mut engine, ms(0)).unwrap();
    engine.handle_local_drops(ms(50));
    engine.handle_timeout(ms(100));
    receive(&mut engine, ms(110), host(1), &token, "more");
    run_out(&mut engine);
    assert_eq!(end(&mut engine).attempts, 4, "one that was forgiven, and three tries");
}

#[test]
fn a_retry_waits_for_credit_while_the_previous_attempt_may_still_be_answered() {
    // No round trip is known yet, so a reply is overdue after a second, whatever the timeout.
    let mut engine = Engine::new(
        Script { proof: TOKEN, ..Script::default() },
        config().with_reply_credit(Some(832)),
        [1; 16],
    )
    .unwrap();
    engine.ask(host(1), Talk::default(), ()).unwrap();
    request(&mut engine, ms(0)).unwrap();
    engine.handle_timeout(ms(100));
    assert!(request(&mut engine, ms(100)).is_none());
    assert_eq!(engine.poll_timeout(), Some(ms(1000)));
    engine.handle_timeout(ms(1000));
    request(&mut engine, ms(1000)).expect("it takes over the charge");
    run_out(&mut engine);
    assert_eq!((end(&mut engine).attempts, engine.ledger().max_in_flight), (3, 1));
}

#[test]
fn the_credit_of_a_query_that_ended_early_is_kept_until_its_reply_is_overdue() {
    let config = config().with_reply_credit(Some(2 * 832)).with_tries(1).with_accept_late(false);
    let mut engine = Engine::new(Script { proof: TOKEN, ..Script::default() }, config, [1; 16]).unwrap();
    for last in 1..=4 {
        engine.ask(host(last), Talk::default(), ()).unwrap();
    }
    while request(&mut engine, ms(0)).is_some() {}
    engine.handle_timeout(ms(100));
    assert_eq!(engine.ledger().silent, 2);
    // One query may always be in flight, however small the buffer.
    assert!(request(&mut engine, ms(100)).is_some() && request(&mut engine, ms(100)).is_none());
    engine.handle_timeout(ms(200));
    assert_eq!(engine.ledger().silent, 3);
    assert!(request(&mut engine, ms(1000)).is_some());
}

#[test]
fn endless_drops_at_most_double_the_tries() {
    let mut engine = engine();
    engine.ask(host(1), Talk::default(), ()).unwrap();
    let mut now = ms(0);
    while !engine.is_idle() {
        while request(&mut engine, now).is_some() {}
        engine.handle_local_drops(now);
        now = engine.poll_timeout().expect("something is open").max(now);
        engine.handle_timeout(now);
    }
    assert_eq!(end(&mut engine).attempts, 6);
}

#[test]
fn a_stop_interrupts_waiting_queries_and_lets_those_in_flight_be_answered() {
    let mut engine =
        Engine::new(Script { proof: TOKEN, ..Script::default() }, config().with_window(Some(2)), [1; 16])
            .unwrap();
    for last in 1..=4 {
        engine.ask(host(last), Talk { steps: 1, ..Talk::default() }, ()).unwrap();
    }
    let (_, token) = request(&mut engine, ms(0)).unwrap();
    request(&mut engine, ms(0)).unwrap();
    engine.stop_sending(ms(10));
    assert_eq!(engine.ledger().interrupted, 2, "two were never sent");
    let refused = engine.ask(host(5), Talk::default(), ()).unwrap_err();
    assert_eq!((refused.reason, refused.question), (RefusedReason::Stopped, Talk::default()));

    receive(&mut engine, ms(20), host(1), &token, "done");
    assert_eq!(engine.ledger().interrupted, 3, "its next step will not be sent");
    run_out(&mut engine);
    assert_eq!((engine.ledger().interrupted, engine.ledger().answered), (4, 1));
    assert_eq!(engine.ledger().datagrams_sent, 2);
    assert!(engine.ledger().adds_up(0));
}

#[test]
fn after_a_stop_an_attempt_waits_as_long_as_a_last_one() {
    let mut engine = Engine::new(
        Script { proof: TOKEN, ..Script::default() },
        config().with_timeout(Timeout::Auto),
        [1; 16],
    )
    .unwrap();
    // A near host shortens the timeout of the next one.
    engine.ask(host(1), Talk::default(), ()).unwrap();
    let (_, token) = request(&mut engine, ms(0)).unwrap();
    receive(&mut engine, ms(1), host(1), &token, "done");
    end(&mut engine);
    engine.ask(host(2), Talk::default(), ()).unwrap();
    let (_, token) = request(&mut engine, ms(100)).unwrap();
    engine.stop_sending(ms(101));
    engine.handle_timeout(ms(1099));
    receive(&mut engine, ms(1099), host(2), &token, "done");
    assert_eq!(end(&mut engine).outcome, Outcome::Answered(0));
}

#[test]
fn an_abort_ends_everything_at_once() {
    let mut engine = engine();
    for last in 1..=4 {
        engine.ask(host(last), Talk::default(), ()).unwrap();
    }
    request(&mut engine, ms(0)).unwrap();
    engine.abort(ms(10));
    assert!(engine.is_idle());
    assert_eq!(std::iter::from_fn(|| engine.poll_completion()).count(), 4);
    assert_eq!(engine.ledger().interrupted, 4);
    assert!(engine.ledger().adds_up(0));
}

#[test]
fn a_closed_window_holds_back_first_requests_but_not_retries() {
    let mut engine =
        Engine::new(Script { proof: TOKEN, ..Script::default() }, config().with_window(Some(1)), [1; 16])
            .unwrap();
    for last in 1..=2 {
        engine.ask(host(last), Talk::default(), ()).unwrap();
    }
    assert_eq!(request(&mut engine, ms(0)).unwrap().0.to, host(1));
    assert!(request(&mut engine, ms(0)).is_none());
    engine.handle_timeout(ms(100));
    assert_eq!(request(&mut engine, ms(100)).unwrap().0.to, host(1), "the retry passes the waiting query");
    assert_eq!(engine.poll_timeout(), Some(ms(200)), "no busy wait for the window");
    run_out(&mut engine);
    assert_eq!((engine.ledger().silent, engine.ledger().max_in_flight), (2, 1));
}

#[test]
fn settings_out_of_range_are_named() {
    for (config, field) in [
        (config().with_tries(0), "tries"),
        (config().with_burst(0), "burst"),
        (config().with_rate(Some(0.0)), "rate"),
        (config().with_rate(Some(f64::NAN)), "rate"),
        (config().with_ring(0), "ring"),
        (config().with_window(Some(0)), "window"),
        (config().with_timeout(Timeout::Fixed(Duration::ZERO)), "timeout"),
    ] {
        let error = Engine::<_, ()>::new(Script { proof: TOKEN, ..Script::default() }, config, [1; 16])
            .expect_err(field);
        assert_eq!(error.field, field);
    }
}

/// Returns an engine that has sent a query to host 1, and the query's token.
fn asked(foreign_source: ForeignSource) -> (Engine<Script>, Vec<u8>) {
    let mut engine = Engine::new(
        Script { proof: Proof::Token { bits: 31 }, foreign_source, ..Script::default() },
        config(),
        [1; 16],
    )
    .unwrap();
    engine.ask(host(1), Talk::default(), ()).unwrap();
    let (_, token) = request(&mut engine, ms(0)).unwrap();
    (engine, token)
}

#[test]
fn the_protocol_decides_about_a_reply_from_another_address() {
    for (foreign_source, named, outcome) in [
        (ForeignSource::Unmatched, None, Outcome::Silent),
        (ForeignSource::Reported, Some(host(2)), Outcome::Silent),
        (ForeignSource::Accepted, Some(host(2)), Outcome::Answered(0)),
    ] {
        let (mut engine, token) = asked(foreign_source);
        receive(&mut engine, ms(30), host(2), &token, "done");
        run_out(&mut engine);
        let completion = end(&mut engine);
        assert_eq!((completion.foreign_source, completion.outcome), (named, outcome), "{foreign_source:?}");
        assert_eq!(engine.ledger().unmatched, u64::from(foreign_source != ForeignSource::Accepted));
        assert!(engine.ledger().adds_up(0));
    }
}

#[test]
fn the_foreign_source_is_forgotten_when_the_target_itself_replies() {
    let (mut engine, token) = asked(ForeignSource::Reported);
    receive(&mut engine, ms(10), host(2), &token, "done");
    receive(&mut engine, ms(30), host(1), &token, "done");
    let completion = end(&mut engine);
    assert_eq!((completion.foreign_source, completion.outcome), (None, Outcome::Answered(0)));
}

#[test]
fn a_reply_from_the_target_has_no_foreign_source() {
    let (mut engine, token) = asked(ForeignSource::Accepted);
    let wrong = token.iter().map(|byte| byte ^ 1).collect::<Vec<_>>();
    receive(&mut engine, ms(20), host(2), &wrong, "done");
    receive(&mut engine, ms(30), host(1), &token, "done");
    let completion = end(&mut engine);
    assert_eq!((completion.foreign_source, completion.outcome), (None, Outcome::Answered(0)));
    assert_eq!(engine.ledger().unmatched, 1, "without its token it matches no query");
    receive(&mut engine, ms(40), host(2), &token, "done");
    assert_eq!((engine.ledger().duplicates, engine.ledger().late), (1, 0));
}

#[test]
fn an_unproven_reply_ends_a_query_only_if_nothing_better_arrives() {
    let (mut engine, token) = asked(ForeignSource::Unmatched);
    receive(&mut engine, ms(10), host(1), &token, "fake");
    receive(&mut engine, ms(30), host(1), &token, "done");
    assert_eq!(end(&mut engine).outcome, Outcome::Answered(0));

    let (mut engine, token) = asked(ForeignSource::Unmatched);
    receive(&mut engine, ms(10), host(1), &token, "fake");
    run_out(&mut engine);
    let completion = end(&mut engine);
    assert_eq!((completion.outcome, completion.attempts), (Outcome::Malformed("no proof"), 3));
    assert_eq!(engine.ledger().broken, 1);
}

#[test]
fn a_conversation_is_notified_before_a_retry() {
    let (mut engine, _) = asked(ForeignSource::Unmatched);
    run_out(&mut engine);
    assert_eq!(end(&mut engine).conversation.missed, [1, 2]);
}

#[test]
fn the_window_causes_no_wake_up_before_there_is_a_token() {
    let timeout = Timeout::Fixed(Duration::from_millis(50));
    let config =
        config().with_rate(Some(0.2)).with_burst(4).with_window(Some(1)).with_tries(2).with_timeout(timeout);
    let script = Script { proof: TOKEN, ..Script::default() };
    let mut engine = Engine::new(script, config, [7; 16]).expect("valid");
    for last in 1..=3 {
        engine.ask(host(last), Talk::default(), ()).expect("room");
    }
    let (mut now, mut wakes) = (Time::ZERO, 0);
    while !engine.is_idle() {
        while request(&mut engine, now).is_some() {}
        // The driver does not have to call while no deadline is due.
        if engine.next_deadline().is_some_and(|due| due <= now) {
            engine.handle_timeout(now);
        }
        now = engine.poll_timeout().map_or(now, |due| due.max(now));
        wakes += 1;
        assert!(wakes < 50, "repeated wake-ups at {now:?}");
    }
    assert_eq!((engine.ledger().silent, engine.ledger().datagrams_sent), (3, 6));
}
