//! Simulated servers with GameSpy's protocols and with Unreal Engine 2, which behave oddly: each answer is complete, or
//! says what is missing.
#![cfg(feature = "games")]

#[path = "support/game_sweep.rs"]
mod game_sweep;

use std::time::Duration;

use allears::engine::Config;
use allears::protocol::games::ServerInfo;
use allears::sim::{HostProtocol, Plan};
use game_sweep::Sweep;

const WANTED: &str = "Gandalf";

/// Sweeps over 400 servers with this fault. All of them answer.
fn sweep(protocol: &str, game: &str, fault: Option<&'static str>, loss: f64) -> Sweep {
    let protocol = HostProtocol::find(protocol).expect("a protocol");
    let plan = Plan::new(protocol)
        .with_hosts(400)
        .with_seed(3)
        .with_loss(loss)
        .with_reply_loss(loss)
        .with_wanted(Some(WANTED.into()))
        .with_misbehave(fault.map(|fault| (fault, 1.0)).into_iter().collect());
    let config = Config::default().with_tries(8).with_linger(Duration::from_secs(60));
    let swept = game_sweep::sweep(plan, config, [3; 16], game, true);
    assert_eq!(swept.servers().count(), 400, "{game} {fault:?}: {:?}", swept.ledger());
    swept
}

fn is_whole(server: &ServerInfo) -> bool {
    let named = server.name.as_ref().is_some_and(|name| name.contains('#'));
    named
        && !server.truncated
        && server.player_list.len() == server.players as usize
        && server.remarks.is_empty()
}

fn finds_wanted(swept: &Sweep) -> bool {
    swept.found_at(WANTED).len() == 1
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
        let swept = sweep(protocol, game, Some(fault), 0.0);
        let odd = swept.servers().find(|server| !is_whole(server));
        assert!(odd.is_none(), "{game} {fault}: {odd:?}");
        assert!(finds_wanted(&swept), "{game} {fault}");
    }
}

#[test]
fn numbers_show_which_datagrams_are_lost_and_without_them_gaps_are_marked() {
    for &(protocol, game, fault) in HARMLESS {
        let swept = sweep(protocol, game, Some(fault), 0.1);
        let odd = swept.servers().find(|server| !is_whole(server));
        assert!(odd.is_none(), "{game} {fault}: {odd:?}");
    }
    for &(protocol, game, fault) in WITHOUT_NUMBERS {
        let swept = sweep(protocol, game, Some(fault), 0.1);
        let whole = swept.servers().filter(|server| is_whole(server)).count();
        assert!(whole >= 390, "{game} {fault}: {whole}");
        let marked =
            |server: &ServerInfo| server.truncated == (server.player_list.len() < server.players as usize);
        assert!(swept.servers().all(marked), "{game} {fault}");
    }
}

#[test]
fn a_hidden_list_of_players_is_marked() {
    for (protocol, game) in
        [("gamespy1", "ut"), ("gamespy2", "halo"), ("gamespy3", "crysis"), ("minecraft", "minecraft")]
    {
        let swept = sweep(protocol, game, Some("hidden-players"), 0.0);
        for server in swept.servers() {
            assert_eq!((server.player_list.len(), server.truncated), (0, server.players > 0), "{server:?}");
        }
    }
}

#[test]
fn a_server_that_ignores_requests_for_its_players_is_not_lost() {
    for fault in ["no-players", "hidden-players"] {
        let swept = sweep("unreal2", "ut2004", Some(fault), 0.0);
        for server in swept.servers().filter(|server| server.players > 0) {
            let listed = if fault == "hidden-players" { server.players as usize - 1 } else { 0 };
            assert_eq!((server.player_list.len(), server.truncated), (listed, true), "{fault}: {server:?}");
        }
    }
}

#[test]
fn players_who_have_left_are_not_listed() {
    let swept = sweep("gamespy1", "bf1942", Some("stale-players"), 0.0);
    for server in swept.servers() {
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
        let swept = sweep(protocol, game, None, 0.0);
        assert_eq!(swept.ledger().datagrams_sent, 400 * requests, "{game}");
        assert!(swept.servers().all(is_whole) && finds_wanted(&swept), "{game}");
    }
}
