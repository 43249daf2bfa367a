//! Replies without the token that the request has: they are an answer only if no better one arrives within the try.

#[path = "support/script.rs"]
mod script;

use std::time::Duration;

use allears::engine::{Engine, Ledger, Outcome, Proof, Time, Unreachable};
use script::{PROVISIONAL, Script, Talk, config, end, host, ms, receive, request, run_out};

const NONE: &[u8] = b"";

fn engine(without_token: bool) -> Engine<Script> {
    Engine::new(Script { without_token, ..Script::default() }, config(), [1; 16]).expect("settings in range")
}

/// Returns an engine that has asked host 1, and the token of the request.
fn asked(talk: Talk) -> (Engine<Script>, Vec<u8>) {
    let mut engine = engine(true);
    engine.ask(host(1), talk, ()).expect("room");
    let (_, token) = request(&mut engine, ms(0)).expect("at once");
    (engine, token)
}

/// Returns the counts of datagrams: replies, duplicates, unmatched, broken.
fn datagrams(ledger: &Ledger) -> [u64; 4] {
    assert!(ledger.adds_up(0), "{ledger:?}");
    [ledger.replies, ledger.duplicates, ledger.unmatched, ledger.broken]
}

#[test]
fn a_reply_without_the_token_is_the_answer_if_no_better_one_arrives_within_the_try() {
    let (mut engine, _) = asked(Talk::default());
    receive(&mut engine, ms(20), host(1), NONE, "weak");
    assert!(engine.poll_completion().is_none(), "the reply with the token may still come");
    engine.handle_timeout(ms(100));
    let completion = end(&mut engine);
    assert_eq!((completion.outcome, completion.proof), (Outcome::Answered(PROVISIONAL), Proof::Address));
    assert_eq!((completion.attempts, completion.rtt), (1, Some(Duration::from_millis(20))));
    assert_eq!(datagrams(engine.ledger()), [1, 0, 0, 0]);
    assert_eq!((engine.ledger().answered, engine.ledger().retransmissions), (1, 0));
}

#[test]
fn a_reply_with_the_token_replaces_one_without() {
    let (mut engine, token) = asked(Talk::default());
    receive(&mut engine, ms(20), host(1), NONE, "weak");
    receive(&mut engine, ms(30), host(1), &token, "done");
    let completion = end(&mut engine);
    assert_eq!((completion.outcome, completion.proof), (Outcome::Answered(0), script::TOKEN));
    assert_eq!(completion.rtt, Some(Duration::from_millis(30)));
    assert_eq!(datagrams(engine.ledger()), [1, 0, 1, 0], "the other one was not the server's");
}

#[test]
fn a_broken_reply_with_the_token_replaces_one_without_too() {
    let (mut engine, token) = asked(Talk::default());
    receive(&mut engine, ms(20), host(1), NONE, "weak");
    receive(&mut engine, ms(30), host(1), &token, "what");
    assert_eq!(end(&mut engine).outcome, Outcome::Malformed("no verb"));
    assert_eq!(datagrams(engine.ledger()), [0, 0, 1, 1]);
}

#[test]
fn parts_with_the_token_replace_a_reply_without_and_are_not_disturbed_by_another_one() {
    let (mut engine, token) = asked(Talk::default());
    receive(&mut engine, ms(10), host(1), NONE, "weak");
    receive(&mut engine, ms(20), host(1), &token, "more");
    receive(&mut engine, ms(30), host(1), &token, "more");
    receive(&mut engine, ms(35), host(1), NONE, "weak");
    engine.handle_timeout(ms(80));
    let completion = end(&mut engine);
    assert_eq!((completion.outcome, completion.proof), (Outcome::Answered(2), script::TOKEN));
    assert_eq!(completion.rtt, Some(Duration::from_millis(20)), "that of the first part");
    assert_eq!(datagrams(engine.ledger()), [2, 0, 2, 0]);
}

#[test]
fn a_wrong_token_or_another_source_is_unmatched() {
    let (mut engine, token) = asked(Talk::default());
    let wrong: Vec<u8> = token.iter().map(|byte| byte ^ 1).collect();
    receive(&mut engine, ms(10), host(1), &wrong, "weak");
    receive(&mut engine, ms(11), host(2), NONE, "weak");
    receive(&mut engine, ms(12), host(1), NONE, "else");
    run_out(&mut engine);
    assert_eq!(end(&mut engine).outcome, Outcome::Silent);
    assert_eq!(datagrams(engine.ledger()), [0, 0, 3, 0]);
}

#[test]
fn of_two_the_first_is_kept_and_the_second_is_a_duplicate() {
    let (mut engine, _) = asked(Talk::default());
    for at in [20, 30, 40] {
        receive(&mut engine, ms(at), host(1), NONE, "weak");
    }
    engine.handle_timeout(ms(100));
    let completion = end(&mut engine);
    assert_eq!(completion.rtt, Some(Duration::from_millis(20)));
    assert_eq!(datagrams(engine.ledger()), [1, 2, 0, 0]);
    receive(&mut engine, ms(110), host(1), NONE, "weak");
    assert_eq!(datagrams(engine.ledger()), [1, 2, 1, 0], "after the end, it proves nothing");
}

#[test]
fn a_conversation_that_insists_on_the_token_is_retried_first() {
    let (mut engine, _) = asked(Talk { insists: true, ..Talk::default() });
    receive(&mut engine, ms(20), host(1), NONE, "weak");
    engine.handle_timeout(ms(100));
    let (_, token) = request(&mut engine, ms(100)).expect("the retry");
    receive(&mut engine, ms(110), host(1), NONE, "weak");
    receive(&mut engine, ms(120), host(1), &token, "done");
    let completion = end(&mut engine);
    assert_eq!((completion.outcome, completion.proof), (Outcome::Answered(0), script::TOKEN));
    assert_eq!(datagrams(engine.ledger()), [1, 1, 1, 0]);

    let (mut engine, _) = asked(Talk { insists: true, ..Talk::default() });
    receive(&mut engine, ms(20), host(1), NONE, "weak");
    run_out(&mut engine);
    let completion = end(&mut engine);
    assert_eq!((completion.outcome, completion.proof), (Outcome::Answered(PROVISIONAL), Proof::Address));
    assert_eq!((completion.attempts, datagrams(engine.ledger())), (3, [1, 0, 0, 0]));
}

#[test]
fn after_a_retry_the_round_trip_of_a_reply_without_the_token_is_unknown() {
    let (mut engine, _) = asked(Talk::default());
    engine.handle_timeout(ms(100));
    request(&mut engine, ms(100)).expect("the retry");
    receive(&mut engine, ms(130), host(1), NONE, "weak");
    engine.handle_timeout(ms(200));
    let completion = end(&mut engine);
    assert_eq!((completion.outcome, completion.rtt), (Outcome::Answered(PROVISIONAL), None));
    assert_eq!(engine.ledger().answered_after_retry, 1);
}

#[test]
fn a_fading_query_may_still_get_a_reply_without_the_token() {
    let (mut engine, _) = asked(Talk::default());
    for at in [100, 200] {
        engine.handle_timeout(ms(at));
        request(&mut engine, ms(at)).expect("a retry");
    }
    engine.ask(host(2), Talk::default(), ()).expect("room");
    request(&mut engine, ms(200)).expect("at once");
    engine.handle_timeout(ms(300));
    request(&mut engine, ms(300)).expect("a retry of the other one");
    receive(&mut engine, ms(350), host(1), NONE, "weak");
    assert_eq!(engine.poll_completion().map(|end| end.target), None, "the token may still come");
    run_out(&mut engine);
    let ends: Vec<_> = std::iter::from_fn(|| engine.poll_completion()).collect();
    let of = |last| ends.iter().find(|end| end.target == host(last)).expect("ended");
    assert_eq!((&of(1).outcome, of(1).proof), (&Outcome::Answered(PROVISIONAL), Proof::Address));
    assert_eq!((&of(2).outcome, ends.len()), (&Outcome::Silent, 2));
    assert_eq!((engine.ledger().answered_late, engine.ledger().silent), (1, 1));
    assert_eq!(datagrams(engine.ledger()), [1, 0, 0, 0]);
}

#[test]
fn an_interrupted_or_unreachable_conversation_keeps_its_provisional_answer() {
    let (mut engine, _) = asked(Talk::default());
    receive(&mut engine, ms(20), host(1), NONE, "weak");
    engine.abort(ms(30));
    let completion = end(&mut engine);
    assert_eq!((completion.outcome, completion.proof), (Outcome::Answered(PROVISIONAL), Proof::Address));
    assert_eq!((engine.ledger().interrupted, datagrams(engine.ledger())), (1, [1, 0, 0, 0]));

    let (mut engine, token) = asked(Talk::default());
    receive(&mut engine, ms(20), host(1), NONE, "weak");
    let report = Unreachable { icmp: Some((3, 3)), by: Some(host(1).ip()), errno: 111 };
    engine.handle_unreachable(ms(30), host(1), &token, report);
    assert_eq!(end(&mut engine).proof, Proof::Address);
    assert_eq!((engine.ledger().unreachable, datagrams(engine.ledger())), (1, [1, 0, 0, 0]));
}

#[test]
fn the_latest_attempt_at_an_address_gets_its_replies_without_a_token() {
    let mut engine = engine(true);
    for _ in 0..2 {
        engine.ask(host(1), Talk::default(), ()).expect("room");
        request(&mut engine, ms(0)).expect("at once");
    }
    receive(&mut engine, ms(20), host(1), NONE, "weak");
    engine.handle_timeout(ms(100));
    assert_eq!(end(&mut engine).outcome, Outcome::Answered(PROVISIONAL));
    assert_eq!(engine.open(), 1, "the other one is retried");
}

#[test]
fn a_protocol_that_does_not_take_such_replies_never_sees_them() {
    let mut engine = engine(false);
    engine.ask(host(1), Talk::default(), ()).expect("room");
    request(&mut engine, ms(0)).expect("at once");
    receive(&mut engine, ms(20), host(1), NONE, "weak");
    run_out(&mut engine);
    let completion = end(&mut engine);
    assert_eq!((completion.outcome, completion.conversation.replies.len()), (Outcome::Silent, 0));
    assert_eq!(datagrams(engine.ledger()), [0, 0, 1, 0]);
}

/// The events of a seed: a generator of Numerical Recipes, which suffices here.
struct Chance(u64);

impl Chance {
    fn below(&mut self, n: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % n
    }
}

#[test]
fn whatever_arrives_every_query_ends_once_and_the_counts_add_up() {
    let mut answers = [0u64; 2];
    for seed in 0..500 {
        let mut chance = Chance(seed);
        let mut engine = engine(true);
        let mut tokens = vec![];
        let (mut ended, mut now) = (0, Time::ZERO);
        for last in 1..=8 {
            let (insists, steps) = (chance.below(4) == 0, chance.below(2) as u32);
            engine.ask(host(last), Talk { insists, steps, ..Talk::default() }, ()).expect("room");
        }
        let abort_at = ms(100 + chance.below(1000));
        while !engine.is_idle() {
            while let Some((transmit, token)) = request(&mut engine, now) {
                tokens.push((transmit.to, token));
            }
            let (to, token) = &tokens[chance.below(tokens.len() as u64) as usize];
            let verb = ["weak", "weak", "done", "more", "else", "fake", "what"][chance.below(7) as usize];
            match chance.below(3) {
                0 if verb != "more" && verb != "done" => receive(&mut engine, now, *to, NONE, verb),
                1 if verb != "weak" => receive(&mut engine, now, *to, token, verb),
                _ => receive(&mut engine, now, *to, &[9; 8], verb),
            }
            now = now + Duration::from_millis(chance.below(40));
            engine.handle_timeout(now);
            if now > abort_at {
                engine.abort(now);
            }
            while let Some(end) = engine.poll_completion() {
                ended += 1;
                if let Outcome::Answered(answer) = end.outcome {
                    let is_weak = answer == PROVISIONAL;
                    assert_eq!(
                        end.proof,
                        if is_weak { Proof::Address } else { script::TOKEN },
                        "seed {seed}"
                    );
                    answers[usize::from(is_weak)] += 1;
                }
            }
        }
        assert_eq!(ended, 8, "seed {seed}");
        datagrams(engine.ledger());
    }
    assert!(answers.iter().all(|&count| count > 300), "too few answers for a meaningful test: {answers:?}");
}
