//! Simulated servers that speak A2S, in virtual time: with every oddity, with loss, behind their rate limit, and from a
//! master.
#![cfg(feature = "games")]

use std::time::Duration;

use allears::engine::{Config, Engine, Outcome, Time};
use allears::protocol::games::{Game, GameAnswer, GameConversation, GameQuestion, Games, ServerInfo};
use allears::sim::{Fleet, HostProtocol, Latency, Limit, Link, Network, Plan, Tally, Trace};

/// The result of a sweep.
struct Swept {
    engine: Engine<Games>,
    tally: Tally,
    servers: Vec<ServerInfo>,
}

fn plan(hosts: u32) -> Plan {
    Plan::new(HostProtocol::find("a2s").expect("a protocol"))
        .with_hosts(hosts)
        .with_latency(Latency { median: Duration::from_millis(60), sigma: 0.5 })
}

fn config(tries: u32) -> Config {
    Config::default().with_rate(Some(2000.0)).with_tries(tries)
}

/// Queries all hosts of a plan: those that its master lists if it has one.
fn sweep(plan: Plan, config: Config, game: &str, with_rules: bool) -> Swept {
    let game = Game::find(game).expect("a game");
    let question = |game| {
        let question = GameQuestion::server(game);
        if with_rules { question.with_rules() } else { question }
    };
    let master =
        plan.master.map(|master| (master, GameQuestion::master(game, false).expect("a question"), ()));
    let fleet = Fleet::new(plan).expect("a valid plan");
    let hosts: Vec<_> = if master.is_some() { vec![] } else { fleet.targets().collect() };
    let mut questions = master.into_iter().chain(hosts.into_iter().map(|host| (host, question(game), ())));
    let mut engine = Engine::new(Games::new(game), config, [3; 16]).expect("settings in range");
    let mut network = Network::new(Link::default(), fleet);
    let mut trace = Trace::<GameConversation, GameAnswer>::default();
    let mut until = Time::ZERO;
    while trace.ended.is_empty() || !engine.is_idle() {
        network.run(&mut engine, &mut questions, until, &mut trace);
        while engine.room() > 0 {
            let Some((server, game)) = engine.protocol_mut().take_server() else { break };
            engine.ask(server, question(game), ()).expect("there is room");
        }
        until = until + Duration::from_millis(1);
    }
    assert!(engine.ledger().adds_up(0), "{:?}", engine.ledger());
    let servers = trace.ended.into_iter().filter_map(|(_, end)| match end.outcome {
        Outcome::Answered(GameAnswer::Server { info, .. }) => Some(*info),
        _ => None,
    });
    Swept { servers: servers.collect(), tally: network.fleet().tally(), engine }
}

/// Returns whether the server lists all of its players.
fn is_complete(server: &ServerInfo) -> bool {
    !server.truncated && server.player_list.len() == server.players as usize && server.remarks.is_empty()
}

#[test]
fn a_usual_server_takes_three_packets_and_an_empty_one_two() {
    let Swept { servers, tally, engine } = sweep(plan(500), config(3), "css", false);
    let empty = servers.iter().filter(|server| server.players == 0).count() as u64;
    assert!((50..450).contains(&empty));
    let once = tally.received - engine.ledger().retransmissions;
    assert_eq!((servers.len(), once), (500, 3 * 500 - empty));
    assert!(tally.answered > tally.received + 50, "many lists of players have several parts");
    assert!(servers.iter().all(is_complete));
}

#[test]
fn rules_come_with_a_further_request_only() {
    for with_rules in [false, true] {
        let Swept { servers, .. } = sweep(plan(100), config(3), "css", with_rules);
        let have_rules =
            servers.iter().filter(|server| server.rules.get("sv_gravity") == Some(b"800")).count();
        assert_eq!((servers.len(), have_rules), (100, if with_rules { 100 } else { 0 }));
    }
}

#[test]
fn odd_servers_are_read_in_full() {
    let compressed = if cfg!(feature = "bzip2") { &["bzip2"][..] } else { &[] };
    for fault in ["goldsrc", "double"].iter().chain(compressed) {
        let Swept { servers, engine, .. } =
            sweep(plan(300).with_misbehave(vec![(fault, 1.0)]), config(3), "css", true);
        assert_eq!((servers.len(), engine.ledger().broken), (300, 0), "{fault}");
        assert!(servers.iter().all(is_complete), "{fault}");
        assert!(servers.iter().all(|server| server.rules.get("deathmatch").is_some()), "{fault}");
    }
}

#[test]
fn servers_that_do_not_list_their_players_are_listed_all_the_same() {
    for (fault, remark) in [
        ("no-players", "the player list is missing"),
        ("short-challenge", "the server does not list its players"),
        ("truncated-list", " players are listed"),
    ] {
        let Swept { servers, .. } =
            sweep(plan(300).with_misbehave(vec![(fault, 1.0)]), config(2), "css", false);
        assert_eq!(servers.len(), 300, "{fault}");
        for server in servers {
            let is_remarked = server.remarks.iter().any(|other| other.contains(remark));
            let has_players = server.players > 0;
            assert_eq!((is_remarked, server.truncated), (has_players, has_players), "{fault}: {server:?}");
        }
    }
}

#[test]
fn with_loss_duplicates_and_dead_hosts_every_list_is_complete() {
    let plan =
        plan(2000).with_dead(0.3).with_loss(0.03).with_reply_loss(0.03).with_duplicate(0.05).with_seed(4);
    let Swept { servers, engine, tally } = sweep(plan, config(6), "css", false);
    assert_eq!(servers.len(), 1400);
    assert!(servers.iter().all(is_complete));
    let ledger = engine.ledger();
    assert_eq!((ledger.datagrams_sent, ledger.broken), (tally.received, 0));
    assert_eq!(ledger.datagrams_received, tally.answered + tally.duplicated);
}

#[test]
fn the_rate_limit_of_source_never_stops_a_conversation() {
    let plan = plan(300).with_loss(0.2).with_reply_loss(0.2).with_limit(Limit::Source);
    let Swept { tally, engine, .. } = sweep(plan, config(8), "css", true);
    assert_eq!(tally.limited, 0);
    assert!(engine.ledger().retransmissions > 300);
}

#[test]
fn a_master_lists_all_servers_and_the_wanted_player_is_found_once() {
    let plan = plan(500)
        .with_master(Some("127.0.0.1:27010".parse().expect("an address")))
        .with_wanted(Some("NightOwl".to_owned()));
    for (game, pages) in [("xash3d", 1), ("css", 1)] {
        let Swept { servers, tally, .. } = sweep(plan.clone(), config(3), game, false);
        assert_eq!((servers.len(), tally.master_received), (500, pages), "{game}");
        let players = servers.iter().flat_map(|server| &server.player_list);
        assert_eq!(players.filter(|player| player.name == "NightOwl").count(), 1, "{game}");
    }
}
