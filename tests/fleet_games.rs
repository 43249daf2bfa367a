//! Simulated game servers of each protocol, queried in virtual time: all living ones are found, and every datagram is
//! accounted for.
#![cfg(feature = "games")]

use std::net::SocketAddr;
use std::time::Duration;

use allears::engine::{Completion, Config, Engine, Outcome, Time};
use allears::protocol::games::{Game, GameAnswer, GameConversation, GameQuestion, Games, ServerInfo};
use allears::sim::{Fleet, HostProtocol, Latency, Link, Network, Plan, Tally, Trace};

/// The protocols of simulated servers, each with the game that queries it.
#[rustfmt::skip]
const FLEETS: &[(&str, &str)] = &[
    ("bedrock", "bedrock"),
    ("mumble", "mumble"),
    ("quakeworld", "quakeworld"),
    ("quake2", "q2"),
    ("mta", "mta"),
    ("samp", "samp"),
    ("teeworlds", "teeworlds"),
    ("teeworlds7", "teeworlds7"),
    ("a2s", "css"),
    ("gamespy3", "crysis"),
    ("gamespy3", "bf2"),
    ("minecraft", "minecraft"),
    ("doom3", "doom3"),
    ("doom3", "etqw"),
];

/// The games whose servers do not send their names.
const NAMELESS: &[&str] = &["mumble"];

/// The result of a sweep.
struct Swept {
    engine: Engine<Games>,
    tally: Tally,
    servers: Vec<ServerInfo>,
}

fn plan(protocol: &str) -> Plan {
    Plan::new(HostProtocol::find(protocol).expect("a protocol"))
        .with_hosts(2000)
        .with_seed(7)
        .with_latency(Latency { median: Duration::from_millis(40), sigma: 0.4 })
}

fn engine(game: &'static Game) -> Engine<Games> {
    let config = Config::default().with_rate(Some(2000.0)).with_tries(8).with_linger(Duration::from_secs(60));
    Engine::new(Games::new(game), config, [3; 16]).expect("settings in range")
}

fn sweep(plan: Plan, game: &str) -> Swept {
    let game = Game::find(game).expect("a game");
    let fleet = Fleet::new(plan).expect("a valid plan");
    let targets: Vec<SocketAddr> = fleet.targets().collect();
    let mut engine = engine(game);
    let (mut network, mut trace) = (Network::new(Link::default(), fleet), Trace::default());
    let mut questions = targets.into_iter().map(|target| (target, GameQuestion::server(game), ()));
    network.run(&mut engine, &mut questions, Time::from_millis(600_000), &mut trace);
    assert!(engine.is_idle() && engine.ledger().adds_up(0), "{game:?}: {:?}", engine.ledger());
    let tally = network.fleet().tally();
    let (replied, lost) =
        (tally.answered - tally.further_parts, tally.lost_by_plan + tally.replies_lost_by_plan);
    let explained = replied + lost + tally.dead + tally.limited + tally.ignored;
    assert_eq!(tally.received, explained, "{game:?}: {tally:?}");
    let servers = trace.ended.into_iter().filter_map(|(_, end)| match end.outcome {
        Outcome::Answered(GameAnswer::Server { info, .. }) => Some(*info),
        _ => None,
    });
    Swept { servers: servers.collect(), tally: network.fleet().tally(), engine }
}

/// Returns whether the server has the name of a simulated one, or none if its protocol has no names.
fn is_named(server: &ServerInfo) -> bool {
    match &server.name {
        Some(name) => name.contains('#'),
        None => NAMELESS.contains(&server.game.id),
    }
}

#[test]
fn without_faults_every_server_answers_in_full() {
    for (protocol, game) in FLEETS {
        let Swept { engine, servers, tally } = sweep(plan(protocol), game);
        let ledger = engine.ledger();
        assert_eq!((servers.len(), ledger.unmatched, ledger.broken), (2000, 0, 0), "{protocol}: {ledger:?}");
        assert_eq!(ledger.datagrams_sent, tally.received, "{protocol}");
        assert!(servers.iter().all(is_named), "{protocol}");
        assert!(
            servers.iter().any(|server| server.players == 0)
                && servers.iter().any(|server| server.players > 5)
        );
        for server in servers.iter().filter(|server| server.game.lists_players()) {
            assert_eq!(
                (server.player_list.len(), server.truncated),
                (server.players as usize, false),
                "{protocol}: {server:?}"
            );
        }
    }
}

#[test]
fn with_loss_duplicates_and_dead_hosts_all_living_ones_answer_and_the_counts_reconcile() {
    for (protocol, game) in FLEETS {
        let faulty = plan(protocol).with_dead(0.1).with_loss(0.05).with_reply_loss(0.05).with_duplicate(0.1);
        let Swept { engine, servers, tally } = sweep(faulty, game);
        let ledger = engine.ledger();
        assert_eq!(servers.len(), 1800, "{protocol}: {ledger:?}");
        assert!(ledger.answered_after_retry > 50, "{protocol}");
        assert_eq!(ledger.datagrams_sent, tally.received, "{protocol}");
        assert_eq!(
            ledger.datagrams_received,
            tally.answered + tally.duplicated,
            "{protocol}: {ledger:?} {tally:?}"
        );
    }
}

#[test]
fn forged_and_broken_replies_are_counted_and_not_believed() {
    for (protocol, game) in FLEETS {
        let Swept { engine, servers, tally } =
            sweep(plan(protocol).with_garbage(0.02).with_forge(500.0), game);
        let ledger = engine.ledger();
        assert!(tally.forged > 100, "{protocol}");
        assert_eq!(
            ledger.datagrams_received,
            tally.answered + tally.duplicated + tally.forged,
            "{protocol}: {ledger:?}"
        );
        assert!(servers.len() >= 1950, "{protocol}: {} {ledger:?}", servers.len());
        assert!(servers.iter().all(is_named), "{protocol}");
    }
}

#[test]
fn servers_of_quakes_descendants_with_any_fault_are_listed_in_full() {
    for (protocol, game) in [("quakeworld", "quakeworld"), ("quake2", "q2"), ("doom3", "doom3")] {
        for fault in HostProtocol::find(protocol).expect("a protocol").faults {
            let plan = plan(protocol).with_hosts(500);
            let proper = sweep(plan.clone(), game).servers;
            let Swept { engine, servers, .. } = sweep(plan.with_misbehave(vec![(fault, 1.0)]), game);
            let ledger = engine.ledger();
            let players = |servers: &[ServerInfo]| servers.iter().map(|server| server.players).sum::<u32>();
            assert_eq!((servers.len(), ledger.unmatched, ledger.broken), (500, 0, 0), "{protocol}, {fault}");
            assert!(servers.iter().all(is_named), "{protocol}, {fault}");
            // Old servers of QuakeWorld list no spectators.
            assert!(
                players(&servers) == players(&proper) || *fault == "old",
                "{protocol}, {fault}: {} {}",
                players(&servers),
                players(&proper)
            );
        }
    }
}

#[test]
fn a_master_lists_every_server_and_the_wanted_player_is_on_one() {
    for (protocol, game) in FLEETS {
        let game = Game::find(game).expect("a game");
        if !HostProtocol::find(protocol).expect("a protocol").has_master {
            continue;
        }
        let question = GameQuestion::master(game, false).expect("it has masters");
        let master = ([127, 0, 0, 1], 9).into();
        let plan =
            plan(protocol).with_hosts(300).with_master(Some(master)).with_wanted(Some("Gandalf".into()));
        let mut engine = engine(game);
        let fleet = Fleet::new(plan).expect("a valid plan");
        let (mut network, mut trace) = (Network::new(Link::default(), fleet), Trace::default());
        network.run(
            &mut engine,
            &mut std::iter::once((master, question, ())),
            Time::from_millis(60_000),
            &mut trace,
        );
        let Outcome::Answered(GameAnswer::List { listed, complete, rejected, .. }) =
            &trace.ended[0].1.outcome
        else {
            panic!("{protocol}: {:?}", trace.ended)
        };
        assert_eq!((*listed, *complete, rejected.total()), (300, true, 0), "{protocol}");

        let mut servers = Vec::from_iter(std::iter::from_fn(|| engine.protocol_mut().take_server()))
            .into_iter()
            .map(|(server, game)| (server, GameQuestion::server(game), ()));
        network.run(&mut engine, &mut servers, Time::from_millis(600_000), &mut trace);
        let has_wanted = |end: &Completion<GameConversation, GameAnswer, ()>| match &end.outcome {
            Outcome::Answered(GameAnswer::Server { info, .. }) => {
                info.player_list.iter().any(|player| player.name == "Gandalf")
            }
            _ => false,
        };
        let found: Vec<_> =
            trace.ended.iter().filter(|(_, end)| has_wanted(end)).map(|(_, end)| end.target).collect();
        assert_eq!(
            (trace.ended.len(), found),
            (301, Vec::from_iter(network.fleet().wanted_at())),
            "{protocol}"
        );
    }
}

#[test]
fn servers_that_do_not_list_their_players_are_listed_as_truncated() {
    for (protocol, game, fault) in [("samp", "samp", "no-list"), ("teeworlds", "teeworlds", "no-players")] {
        let Swept { servers, .. } = sweep(plan(protocol).with_misbehave(vec![(fault, 1.0)]), game);
        assert_eq!(servers.len(), 2000, "{protocol}");
        for server in &servers {
            assert_eq!(server.truncated, server.players > 0, "{server:?}");
            assert_eq!((server.player_list.len(), server.remarks.is_empty()), (0, !server.truncated));
        }
    }
}
