//! Passes a sequence of datagrams to a conversation of any game protocol, with a server or a master: no panic, no endless
//! conversation, and an answer that is consistent.
#![no_main]

use allears::protocol::games::{Game, GameAnswer, GameQuestion, Games, WireProtocol};
use allears::protocol::{Attempt, Protocol, Quiet, Reply, Step, Token};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let [wire, kind, replies @ ..] = input else { return };
    let wires: Vec<_> = WireProtocol::all().collect();
    let wire = wires[usize::from(*wire) % wires.len()];
    let Some(game) = Game::all().find(|game| std::ptr::eq(game.wire, wire)) else { return };
    let server = GameQuestion::server(game);
    let question = match kind % 4 {
        0 => Some(server),
        1 => Some(server.with_rules()),
        kind => GameQuestion::master(game, kind == 3),
    };
    let Some(question) = question else { return };
    let mut games = Games::new(game);
    let host = ([127, 0, 0, 1], game.server_port).into();
    let mut conversation = games.begin(host, question);
    let mut request = Vec::new();
    games.write_request(&mut conversation, Attempt::first(Token(7)), &mut request);
    let mut rest = replies;
    // Each reply is preceded by its length.
    while let [low, high, after @ ..] = rest {
        let length = usize::from(u16::from_le_bytes([*low, *high])).min(after.len());
        let (datagram, next) = after.split_at(length);
        rest = next;
        games.read_token(datagram);
        games.read_request_token(datagram);
        match games.step(&mut conversation, &Reply::to_first(host, datagram)) {
            Step::Done(answer) => return check(&answer),
            Step::AskNext => games.write_request(&mut conversation, Attempt::first(Token(7)), &mut request),
            Step::More { .. } if length == 0 => {
                if let Quiet::Done(answer) = games.quiet(&mut conversation, 1) {
                    return check(&answer);
                }
            }
            _ => {}
        }
    }
    if let Quiet::Done(answer) = games.quiet(&mut conversation, 0) {
        check(&answer);
    } else if let Some(answer) = games.partial_answer(&mut conversation) {
        check(&answer);
    }
});

fn check(answer: &GameAnswer) {
    let GameAnswer::Server { info, .. } = answer else { return };
    assert!(info.bots.is_none_or(|bots| bots <= info.players));
    for player in &info.player_list {
        assert!(!player.name.chars().any(char::is_control));
        assert!(player.score.is_none_or(f64::is_finite) && player.seconds.is_none_or(f64::is_finite));
    }
    assert!(info.name.iter().all(|name| !name.chars().any(char::is_control)));
}
