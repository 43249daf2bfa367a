//! Simulated game servers of each protocol, queried in virtual time: all living ones are found, and every datagram is
//! accounted for.
#![cfg(feature = "games")]

#[path = "support/game_sweep.rs"]
mod game_sweep;

use std::time::Duration;

use allears::engine::{Config, Outcome, Time};
use allears::protocol::games::{Game, GameAnswer, GameQuestion, ServerInfo};
use allears::sim::{HostProtocol, Latency, Plan};
use game_sweep::Sweep;

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

/// The engine's key.
const KEY: [u8; 16] = [3; 16];

fn plan(protocol: &str) -> Plan {
    Plan::new(HostProtocol::find(protocol).expect("a protocol"))
        .with_hosts(2000)
        .with_seed(7)
        .with_latency(Latency { median: Duration::from_millis(40), sigma: 0.4 })
}

fn config() -> Config {
    Config::default().with_rate(Some(2000.0)).with_tries(8).with_linger(Duration::from_secs(60))
}

/// Queries all hosts of a plan, and checks that what they received is accounted for.
fn sweep(plan: Plan, game: &str) -> Sweep {
    let swept = game_sweep::sweep(plan, config(), KEY, game, false);
    let tally = swept.tally();
    let (replied, lost) =
        (tally.answered - tally.further_parts, tally.lost_by_plan + tally.replies_lost_by_plan);
    let explained = replied + lost + tally.dead + tally.limited + tally.ignored;
    assert_eq!(tally.received, explained, "{game}: {tally:?}");
    swept
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
        let swept = sweep(plan(protocol), game);
        let ledger = swept.ledger();
        assert_eq!(
            (swept.servers().count(), ledger.unmatched, ledger.broken),
            (2000, 0, 0),
            "{protocol}: {ledger:?}"
        );
        assert_eq!(ledger.datagrams_sent, swept.tally().received, "{protocol}");
        assert!(swept.servers().all(is_named), "{protocol}");
        assert!(
            swept.servers().any(|server| server.players == 0)
                && swept.servers().any(|server| server.players > 5)
        );
        for server in swept.servers().filter(|server| server.game.lists_players()) {
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
        let swept = sweep(faulty, game);
        let (ledger, tally) = (swept.ledger(), swept.tally());
        assert_eq!(swept.servers().count(), 1800, "{protocol}: {ledger:?}");
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
        let swept = sweep(plan(protocol).with_garbage(0.02).with_forge(500.0), game);
        let (ledger, tally) = (swept.ledger(), swept.tally());
        assert!(tally.forged > 100, "{protocol}");
        assert_eq!(
            ledger.datagrams_received,
            tally.answered + tally.duplicated + tally.forged,
            "{protocol}: {ledger:?}"
        );
        let answered = swept.servers().count();
        assert!(answered >= 1950, "{protocol}: {answered} {ledger:?}");
        assert!(swept.servers().all(is_named), "{protocol}");
    }
}

#[test]
fn servers_of_quakes_descendants_with_any_fault_are_listed_in_full() {
    for (protocol, game) in [("quakeworld", "quakeworld"), ("quake2", "q2"), ("doom3", "doom3")] {
        for fault in HostProtocol::find(protocol).expect("a protocol").faults {
            let plan = plan(protocol).with_hosts(500);
            let players = |swept: &Sweep| swept.servers().map(|server| server.players).sum::<u32>();
            let proper = players(&sweep(plan.clone(), game));
            let swept = sweep(plan.with_misbehave(vec![(fault, 1.0)]), game);
            let (ledger, odd) = (swept.ledger(), players(&swept));
            assert_eq!(
                (swept.servers().count(), ledger.unmatched, ledger.broken),
                (500, 0, 0),
                "{protocol}, {fault}"
            );
            assert!(swept.servers().all(is_named), "{protocol}, {fault}");
            // Old servers of QuakeWorld list no spectators.
            assert!(odd == proper || *fault == "old", "{protocol}, {fault}: {odd} {proper}");
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
        let mut sweep = Sweep::new(plan, config(), KEY, game);
        sweep.run([(master, question)], Time::from_millis(60_000));
        let outcome = &sweep.ends().next().expect("the master's").outcome;
        let Outcome::Answered(GameAnswer::List { listed, complete, rejected, .. }) = outcome else {
            panic!("{protocol}: {outcome:?}")
        };
        assert_eq!((*listed, *complete, rejected.total()), (300, true, 0), "{protocol}");

        let servers = Vec::from_iter(std::iter::from_fn(|| sweep.engine.protocol_mut().take_server()));
        let questions = servers.into_iter().map(|(server, game)| (server, GameQuestion::server(game)));
        sweep.run(questions, Time::from_millis(600_000));
        assert_eq!(
            (sweep.ends().count(), sweep.found_at("Gandalf")),
            (301, Vec::from_iter(sweep.network.fleet().wanted_at())),
            "{protocol}"
        );
    }
}

#[test]
fn servers_that_do_not_list_their_players_are_listed_as_truncated() {
    for (protocol, game, fault) in [("samp", "samp", "no-list"), ("teeworlds", "teeworlds", "no-players")] {
        let swept = sweep(plan(protocol).with_misbehave(vec![(fault, 1.0)]), game);
        assert_eq!(swept.servers().count(), 2000, "{protocol}");
        for server in swept.servers() {
            assert_eq!(server.truncated, server.players > 0, "{server:?}");
            assert_eq!((server.player_list.len(), server.remarks.is_empty()), (0, !server.truncated));
        }
    }
}
