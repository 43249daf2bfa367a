//! Simulated servers with GameSpy's protocols and with Unreal Engine 2, which behave oddly: each answer is complete, or
//! says what is missing.
#![cfg(feature = "games")]

use std::time::Duration;

use allears::engine::{Config, Engine, Outcome, Time};
use allears::protocol::games::{Game, GameAnswer, GameQuestion, Games, ServerInfo};
use allears::sim::{Fleet, HostProtocol, Link, Network, Plan, Trace};

const WANTED: &str = "Gandalf";

/// Sweeps over 400 servers with this fault. Returns their answers, and the number of datagrams sent.
fn sweep(protocol: &str, game: &str, fault: Option<&'static str>, loss: f64) -> (Vec<ServerInfo>, u64) {
    let protocol = HostProtocol::find(protocol).expect("a protocol");
    let plan = Plan::new(protocol)
        .with_hosts(400)
        .with_seed(3)
        .with_loss(loss)
        .with_reply_loss(loss)
        .with_wanted(Some(WANTED.into()))
        .with_misbehave(fault.map(|fault| (fault, 1.0)).into_iter().collect());
    let fleet = Fleet::new(plan).expect("a valid plan");
    let targets: Vec<_> = fleet.targets().collect();
    let game = Game::find(game).expect("a game");
    let config = Config::default().with_tries(8).with_linger(Duration::from_secs(60));
    let mut engine = Engine::new(Games::new(game), config, [3; 16]).expect("settings in range");
    let (mut network, mut trace) = (Network::new(Link::default(), fleet), Trace::default());
    let mut questions =
        targets.into_iter().map(|target| (target, GameQuestion::server(game).with_rules(), ()));
    network.run(&mut engine, &mut questions, Time::from_millis(600_000), &mut trace);
    assert!(engine.is_idle() && engine.ledger().adds_up(0), "{:?}", engine.ledger());
    let servers = trace.ended.into_iter().filter_map(|(_, end)| match end.outcome {
        Outcome::Answered(GameAnswer::Server { info, .. }) => Some(*info),
        _ => None,
    });
    let servers: Vec<_> = servers.collect();
    assert_eq!(servers.len(), 400, "{game:?} {fault:?}: {:?}", engine.ledger());
    (servers, engine.ledger().datagrams_sent)
}

fn is_whole(server: &ServerInfo) -> bool {
    let named = server.name.as_ref().is_some_and(|name| name.contains('#'));
    named
        && !server.truncated
        && server.player_list.len() == server.players as usize
        && server.remarks.is_empty()
}

fn finds_wanted(servers: &[ServerInfo]) -> bool {
    let is_wanted = |server: &&ServerInfo| server.player_list.iter().any(|player| player.name == WANTED);
    servers.iter().filter(is_wanted).count() == 1
}

/// The faults after which an answer is as good as any other.
const HARMLESS: &[(&str, &str, &str)] = &[
    ("gamespy1", "ut", "reversed-parts"),
    ("gamespy1", "ut", "no-final"),
    ("gamespy2", "halo", "one-section"),
    ("gamespy2", "americasarmy", "no-row-count"),
    ("gamespy3", "crysis", "reversed-parts"),
    ("gamespy3", "crysis", "no-challenge"),
    ("gamespy3", "bf2", "reversed-parts"),
    ("minecraft", "minecraft", "geyser"),
    ("minecraft", "minecraft", "zeros-in-name"),
];

/// The same for servers that do not number their datagrams.
const WITHOUT_NUMBERS: &[(&str, &str, &str)] = &[
    ("gamespy1", "ut", "no-queryid"),
    ("unreal2", "ut2004", "wide-texts"),
    ("unreal2", "ut2004", "reversed-parts"),
    ("unreal2", "ut2004", "uncounted-bots"),
];

#[test]
fn oddities_of_servers_cost_no_player() {
    for (protocol, game, fault) in HARMLESS.iter().chain(WITHOUT_NUMBERS) {
        let (servers, _) = sweep(protocol, game, Some(fault), 0.0);
        let odd = servers.iter().find(|server| !is_whole(server));
        assert!(odd.is_none(), "{game} {fault}: {odd:?}");
        assert!(finds_wanted(&servers), "{game} {fault}");
    }
}

#[test]
fn numbers_show_which_datagrams_are_lost_and_without_them_gaps_are_marked() {
    for &(protocol, game, fault) in HARMLESS {
        let (servers, _) = sweep(protocol, game, Some(fault), 0.1);
        let odd = servers.iter().find(|server| !is_whole(server));
        assert!(odd.is_none(), "{game} {fault}: {odd:?}");
    }
    for &(protocol, game, fault) in WITHOUT_NUMBERS {
        let (servers, _) = sweep(protocol, game, Some(fault), 0.1);
        let whole = servers.iter().filter(|server| is_whole(server)).count();
        assert!(whole >= 390, "{game} {fault}: {whole}");
        let marked =
            |server: &ServerInfo| server.truncated == (server.player_list.len() < server.players as usize);
        assert!(servers.iter().all(marked), "{game} {fault}");
    }
}

#[test]
fn a_hidden_list_of_players_is_marked() {
    for (protocol, game) in
        [("gamespy1", "ut"), ("gamespy2", "halo"), ("gamespy3", "crysis"), ("minecraft", "minecraft")]
    {
        let (servers, _) = sweep(protocol, game, Some("hidden-players"), 0.0);
        for server in servers {
            assert_eq!((server.player_list.len(), server.truncated), (0, server.players > 0), "{server:?}");
        }
    }
}

#[test]
fn a_server_that_ignores_requests_for_its_players_is_not_lost() {
    for fault in ["no-players", "hidden-players"] {
        let (servers, _) = sweep("unreal2", "ut2004", Some(fault), 0.0);
        for server in servers.iter().filter(|server| server.players > 0) {
            let listed = if fault == "hidden-players" { server.players as usize - 1 } else { 0 };
            assert_eq!((server.player_list.len(), server.truncated), (listed, true), "{fault}: {server:?}");
        }
    }
}

#[test]
fn players_who_have_left_are_not_listed() {
    let (servers, _) = sweep("gamespy1", "bf1942", Some("stale-players"), 0.0);
    for server in servers {
        assert_eq!(
            (server.player_list.len(), server.remarks.len()),
            (server.players as usize, 1),
            "{server:?}"
        );
        assert!(server.player_list.iter().all(|player| !player.name.starts_with("Gone")), "{server:?}");
    }
}

/// Without loss, nobody is asked twice.
#[test]
fn each_protocol_takes_its_number_of_requests() {
    for (protocol, game, requests) in [
        ("gamespy1", "ut", 1),
        ("gamespy3", "crysis", 2),
        ("gamespy3", "bf2", 1),
        ("minecraft", "minecraft", 2),
    ] {
        let (servers, sent) = sweep(protocol, game, None, 0.0);
        assert_eq!(sent, 400 * requests, "{game}");
        assert!(servers.iter().all(is_whole) && finds_wanted(&servers), "{game}");
    }
}
