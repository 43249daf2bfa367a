//! The simulated Enemy Territory servers and their master, queried with the real protocol in virtual time.

#[path = "support/game_sweep.rs"]
mod game_sweep;

use std::collections::HashSet;
use std::net::SocketAddr;
use std::time::Duration;

use allears::engine::{Config, Time};
use allears::sim::{Latency, Limit, Plan};
use game_sweep::Sweep;

fn plan() -> Plan {
    Plan::default()
        .with_master(Some("127.0.0.1:27950".parse().expect("an address")))
        .with_latency(Latency { median: Duration::from_millis(67), sigma: 0.6 })
        .with_wanted(Some("Gandalf".into()))
}

fn sweep(plan: Plan, config: Config) -> Sweep {
    game_sweep::sweep(plan, config, [1; 16], "et", false)
}

/// The default limits, and the receive buffer that rmem_max = 4 MiB gives.
fn config(rate: f64) -> Config {
    Config::default().with_rate(Some(rate)).with_reply_credit(Some(6 << 20)).with_tries(3)
}

#[test]
fn a_sweep_finds_every_living_server_in_the_documented_time() {
    // One request in twenty is lost: of 1,400 servers, three tries miss one in every sixth sweep, four in every
    // hundredth.
    for (rate, promised) in [(1000.0, 4500), (2000.0, 3000)] {
        for seed in 1..=3 {
            let plan = plan().with_seed(seed).with_dead(0.3).with_loss(0.05);
            let swept = sweep(plan, config(rate).with_tries(4));
            let found: HashSet<SocketAddr> = swept.answered().map(|(end, _)| end.target).collect();
            assert_eq!((found.len(), swept.engine.protocol().servers_known()), (1400, 2000));
            let took = swept.network.now();
            assert!(took <= Time::from_millis(promised), "{took:?} at {rate} packets/s, seed {seed}");
        }
    }
}

#[test]
fn the_ledgers_of_a_sweep_and_of_its_fleet_agree() {
    let swept = sweep(plan().with_dead(0.3).with_loss(0.05), config(2000.0));
    let (ledger, tally) = (swept.ledger(), swept.tally());
    assert_eq!(ledger.datagrams_sent, tally.received);
    assert_eq!(ledger.datagrams_received, tally.answered);
    assert_eq!(tally.lost_by_plan + tally.dead + tally.answered - tally.master_answered, tally.received - 1);
    assert!(
        tally.max_per_host_2s <= 3,
        "by default no server is queried more often than the strictest limit allows"
    );
}

#[test]
fn the_replies_of_servers_are_parsed() {
    let swept = sweep(plan(), config(2000.0));
    let fleet = swept.network.fleet();
    let (mut players, mut bots, mut empty) = (0, 0, 0);
    let mut wanted_at = Vec::new();
    for (end, info) in swept.answered() {
        let host = fleet.plan().host_at(end.target).expect("a host");
        let name = info.name.as_deref().expect("a name");
        assert!(name.ends_with(&format!("Server #{host}")), "{name}");
        assert!(info.map.is_some() && info.mod_name.is_some() && !info.truncated);
        assert!(info.max_players.is_some_and(|most| most >= info.players));
        assert_eq!(info.player_list.len(), info.players as usize);
        assert!(info.player_list.iter().all(|player| player.team.is_some() && player.bot.is_some()));
        assert_eq!(end.rtt, Some(fleet.plan().latency_of(host)));
        players += info.players;
        bots += info.bots.expect("recognized by their pings");
        empty += u32::from(info.players == 0);
        let wanted = info.player_list.iter().filter(|player| player.name.contains("Gandalf"));
        wanted_at.extend(wanted.map(|_| end.target));
    }
    assert_eq!(swept.servers().count(), 2000);
    assert!(
        players > 8_000 && bots > 800 && empty > 400,
        "{players} players, {bots} bots, {empty} empty servers"
    );
    assert_eq!(wanted_at, Vec::from_iter(fleet.wanted_at()));
}

#[test]
fn garbage_is_malformed_and_another_source_is_silent() {
    let plan = plan().with_hosts(200).with_garbage(0.25).with_wrong_source(0.2).with_forge(200.0);
    let swept = sweep(plan, config(2000.0));
    let (ledger, tally) = (swept.ledger(), swept.tally());
    let proper = (0..200).filter(|&host| swept.network.fleet().is_proper(host)).count();
    assert_eq!(swept.servers().count(), proper);
    assert_eq!((ledger.silent, ledger.malformed), (40, 200 - 40 - proper as u64));
    assert!(ledger.malformed > 30 && tally.forged > 100);
    assert!(ledger.unmatched > tally.forged, "forgeries, and replies of 40 servers from other addresses");
}

#[test]
fn the_servers_rate_limits_never_stop_a_sweep() {
    for limit in [Limit::Ioq3, Limit::Protect2, Limit::DarkPlaces] {
        let plan = plan().with_hosts(300).with_loss(0.2).with_reply_loss(0.1).with_limit(limit);
        // A DarkPlaces game has a gap of more than a second.
        let host_gap = (limit == Limit::DarkPlaces).then_some(Duration::from_secs(1));
        let swept = sweep(plan, config(2000.0).with_host_gap(host_gap));
        assert_eq!(swept.tally().limited, 0, "{limit:?}");
        assert!(swept.ledger().retransmissions > 100);
    }
}
