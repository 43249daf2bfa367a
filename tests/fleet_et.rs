//! The simulated Enemy Territory servers and their master, queried with the real protocol in virtual time.

use std::collections::HashSet;
use std::net::SocketAddr;
use std::time::Duration;

use allears::engine::{Completion, Config, Engine, Outcome, Time};
use allears::protocol::games::{Game, GameAnswer, GameConversation, GameQuestion, Games, ServerInfo};
use allears::sim::{Fleet, Latency, Limit, Link, Network, Plan, Trace};

type Seen = Trace<GameConversation, GameAnswer>;

fn plan() -> Plan {
    Plan::default()
        .with_master(Some("127.0.0.1:27950".parse().expect("an address")))
        .with_latency(Latency { median: Duration::from_millis(67), sigma: 0.6 })
        .with_wanted(Some("Gandalf".into()))
}

/// Queries the master, and then every server that it lists.
fn sweep(plan: Plan, config: Config) -> (Engine<Games>, Network, Seen) {
    let game = Game::find("et").expect("a game");
    let mut engine = Engine::new(Games::new(game), config, [1; 16]).expect("a valid configuration");
    let mut network = Network::new(Link::default(), Fleet::new(plan).expect("a valid plan"));
    let mut trace = Trace::default();
    let master = network.fleet().plan().master.expect("a master");
    let mut targets =
        std::iter::once((master, GameQuestion::master(game, false).expect("it has masters"), ()));
    let mut next_turn = Time::ZERO;
    while trace.ended.is_empty() || !engine.is_idle() {
        network.run(&mut engine, &mut targets, next_turn, &mut trace);
        // Servers are queried while the rest of the list still arrives.
        while engine.room() > 0 {
            let Some((server, game)) = engine.protocol_mut().take_server() else { break };
            engine.ask(server, GameQuestion::server(game), ()).expect("there is room");
        }
        next_turn = next_turn + Duration::from_millis(1);
    }
    (engine, network, trace)
}

fn statuses(
    trace: &Seen,
) -> impl Iterator<Item = (SocketAddr, &ServerInfo, &Completion<GameConversation, GameAnswer, ()>)> {
    trace.ended.iter().filter_map(|(_, end)| match &end.outcome {
        Outcome::Answered(GameAnswer::Server { info, .. }) => Some((end.target, &**info, end)),
        _ => None,
    })
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
            let (engine, network, trace) = sweep(plan, config(rate).with_tries(4));
            let found: HashSet<SocketAddr> = statuses(&trace).map(|(server, ..)| server).collect();
            assert_eq!((found.len(), engine.protocol().servers_known()), (1400, 2000));
            let took = network.now();
            assert!(took <= Time::from_millis(promised), "{took:?} at {rate} packets/s, seed {seed}");
        }
    }
}

#[test]
fn the_ledgers_of_a_sweep_and_of_its_fleet_agree() {
    let (engine, network, _) = sweep(plan().with_dead(0.3).with_loss(0.05), config(2000.0));
    let (ledger, tally) = (engine.ledger(), network.fleet().tally());
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
    let (_, network, trace) = sweep(plan(), config(2000.0));
    let (mut players, mut bots, mut empty) = (0, 0, 0);
    let mut wanted_at = Vec::new();
    for (server, info, end) in statuses(&trace) {
        let host = network.fleet().plan().host_at(server).expect("a host");
        let name = info.name.as_deref().expect("a name");
        assert!(name.ends_with(&format!("Server #{host}")), "{name}");
        assert!(info.map.is_some() && info.mod_name.is_some() && !info.truncated);
        assert!(info.max_players.is_some_and(|most| most >= info.players));
        assert_eq!(info.player_list.len(), info.players as usize);
        assert!(info.player_list.iter().all(|player| player.team.is_some() && player.bot.is_some()));
        assert_eq!(end.rtt, Some(network.fleet().plan().latency_of(host)));
        players += info.players;
        bots += info.bots.expect("recognized by their pings");
        empty += u32::from(info.players == 0);
        let wanted = info.player_list.iter().filter(|player| player.name.contains("Gandalf"));
        wanted_at.extend(wanted.map(|_| server));
    }
    assert_eq!(statuses(&trace).count(), 2000);
    assert!(
        players > 8_000 && bots > 800 && empty > 400,
        "{players} players, {bots} bots, {empty} empty servers"
    );
    assert_eq!(wanted_at, Vec::from_iter(network.fleet().wanted_at()));
}

#[test]
fn garbage_is_malformed_and_another_source_is_silent() {
    let plan = plan().with_hosts(200).with_garbage(0.25).with_wrong_source(0.2).with_forge(200.0);
    let (engine, network, trace) = sweep(plan, config(2000.0));
    let ledger = engine.ledger();
    let proper = (0..200).filter(|&host| network.fleet().is_proper(host)).count();
    assert_eq!(statuses(&trace).count(), proper);
    assert_eq!((ledger.silent, ledger.malformed), (40, 200 - 40 - proper as u64));
    assert!(ledger.malformed > 30 && network.fleet().tally().forged > 100);
    assert!(
        ledger.unmatched > network.fleet().tally().forged,
        "forgeries, and replies of 40 servers from other addresses"
    );
}

#[test]
fn the_servers_rate_limits_never_stop_a_sweep() {
    for limit in [Limit::Ioq3, Limit::Protect2, Limit::DarkPlaces] {
        let plan = plan().with_hosts(300).with_loss(0.2).with_reply_loss(0.1).with_limit(limit);
        // A DarkPlaces game has a gap of more than a second.
        let host_gap = (limit == Limit::DarkPlaces).then_some(Duration::from_secs(1));
        let (engine, network, _) = sweep(plan, config(2000.0).with_host_gap(host_gap));
        assert_eq!(network.fleet().tally().limited, 0, "{limit:?}");
        assert!(engine.ledger().retransmissions > 100);
    }
}
