//! Simulated servers that speak A2S, in virtual time: with every oddity, with loss, behind their rate limit, and from a
//! master.
#![cfg(feature = "games")]

#[path = "support/game_sweep.rs"]
mod game_sweep;

use std::time::Duration;

use allears::engine::Config;
use allears::protocol::games::ServerInfo;
use allears::sim::{HostProtocol, Latency, Limit, Plan};
use game_sweep::Sweep;

fn plan(hosts: u32) -> Plan {
    Plan::new(HostProtocol::find("a2s").expect("a protocol"))
        .with_hosts(hosts)
        .with_latency(Latency { median: Duration::from_millis(60), sigma: 0.5 })
}

fn config(tries: u32) -> Config {
    Config::default().with_rate(Some(2000.0)).with_tries(tries)
}

fn sweep(plan: Plan, config: Config, game: &str, with_rules: bool) -> Sweep {
    game_sweep::sweep(plan, config, [3; 16], game, with_rules)
}

/// Returns whether the server lists all of its players.
fn is_complete(server: &ServerInfo) -> bool {
    !server.truncated && server.player_list.len() == server.players as usize && server.remarks.is_empty()
}

#[test]
fn a_usual_server_takes_three_packets_and_an_empty_one_two() {
    let swept = sweep(plan(500), config(3), "css", false);
    let tally = swept.tally();
    let empty = swept.servers().filter(|server| server.players == 0).count() as u64;
    assert!((50..450).contains(&empty));
    let once = tally.received - swept.ledger().retransmissions;
    assert_eq!((swept.servers().count(), once), (500, 3 * 500 - empty));
    assert!(tally.answered > tally.received + 50, "many lists of players have several parts");
    assert!(swept.servers().all(is_complete));
}

#[test]
fn rules_come_with_a_further_request_only() {
    for with_rules in [false, true] {
        let swept = sweep(plan(100), config(3), "css", with_rules);
        let have_rules =
            swept.servers().filter(|server| server.rules.get("sv_gravity") == Some(b"800")).count();
        assert_eq!((swept.servers().count(), have_rules), (100, if with_rules { 100 } else { 0 }));
    }
}

#[test]
fn odd_servers_are_read_in_full() {
    let compressed = if cfg!(feature = "bzip2") { &["bzip2"][..] } else { &[] };
    for fault in ["goldsrc", "double"].iter().chain(compressed) {
        let swept = sweep(plan(300).with_misbehave(vec![(fault, 1.0)]), config(3), "css", true);
        assert_eq!((swept.servers().count(), swept.ledger().broken), (300, 0), "{fault}");
        assert!(swept.servers().all(is_complete), "{fault}");
        assert!(swept.servers().all(|server| server.rules.get("deathmatch").is_some()), "{fault}");
    }
}

#[test]
fn servers_that_do_not_list_their_players_are_listed_all_the_same() {
    for (fault, remark) in [
        ("no-players", "the player list is missing"),
        ("short-challenge", "the server does not list its players"),
        ("truncated-list", " players are listed"),
    ] {
        let swept = sweep(plan(300).with_misbehave(vec![(fault, 1.0)]), config(2), "css", false);
        assert_eq!(swept.servers().count(), 300, "{fault}");
        for server in swept.servers() {
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
    let swept = sweep(plan, config(6), "css", false);
    assert_eq!(swept.servers().count(), 1400);
    assert!(swept.servers().all(is_complete));
    let (ledger, tally) = (swept.ledger(), swept.tally());
    assert_eq!((ledger.datagrams_sent, ledger.broken), (tally.received, 0));
    assert_eq!(ledger.datagrams_received, tally.answered + tally.duplicated);
}

#[test]
fn the_rate_limit_of_source_never_stops_a_conversation() {
    let plan = plan(300).with_loss(0.2).with_reply_loss(0.2).with_limit(Limit::Source);
    let swept = sweep(plan, config(8), "css", true);
    assert_eq!(swept.tally().limited, 0);
    assert!(swept.ledger().retransmissions > 300);
}

#[test]
fn a_master_lists_all_servers_and_the_wanted_player_is_found_once() {
    let plan = plan(500)
        .with_master(Some("127.0.0.1:27010".parse().expect("an address")))
        .with_wanted(Some("NightOwl".to_owned()));
    for (game, pages) in [("xash3d", 1), ("css", 1)] {
        let swept = sweep(plan.clone(), config(3), game, false);
        assert_eq!((swept.servers().count(), swept.tally().master_received), (500, pages), "{game}");
        let players = swept.servers().flat_map(|server| &server.player_list);
        assert_eq!(players.filter(|player| player.name == "NightOwl").count(), 1, "{game}");
    }
}
