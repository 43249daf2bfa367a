//! Simulated Teeworlds servers and their masters, with the exchange of tokens and without, in virtual time.
#![cfg(feature = "games")]

use std::net::SocketAddr;
use std::time::Duration;

use allears::engine::{Config, Engine, Outcome, Time};
use allears::protocol::games::{Game, GameAnswer, GameConversation, GameQuestion, Games, ServerInfo};
use allears::sim::{Fleet, HostProtocol, Link, Network, Plan, Trace};

/// The protocols of simulated servers, each with the game that queries it.
const FLEETS: [(&str, &str); 2] = [("teeworlds", "teeworlds"), ("teeworlds7", "teeworlds7")];

struct Swept {
    network: Network,
    servers: Vec<(SocketAddr, ServerInfo)>,
    /// The number of servers on the master's list, and whether it is complete.
    list: Option<(usize, bool)>,
}

fn plan(protocol: &str) -> Plan {
    Plan::new(HostProtocol::find(protocol).expect("a protocol"))
        .with_hosts(700)
        .with_master(Some("127.0.0.1:8300".parse().expect("an address")))
        .with_wanted(Some("Gandalf".into()))
}

/// Queries the master, and then every server that it lists.
fn sweep(plan: Plan, game: &str) -> Swept {
    let game = Game::find(game).expect("a game");
    let config = Config::default().with_rate(Some(2000.0)).with_tries(4);
    let mut engine = Engine::new(Games::new(game), config, [1; 16]).expect("a valid configuration");
    let mut network = Network::new(Link::default(), Fleet::new(plan).expect("a valid plan"));
    let mut trace: Trace<GameConversation, GameAnswer> = Trace::default();
    let master = network.fleet().plan().master.expect("a master");
    let question = GameQuestion::master(game, false).expect("it has masters");
    let mut targets = std::iter::once((master, question, ()));
    let mut next_turn = Time::ZERO;
    while trace.ended.is_empty() || !engine.is_idle() {
        network.run(&mut engine, &mut targets, next_turn, &mut trace);
        while engine.room() > 0 {
            let Some((server, game)) = engine.protocol_mut().take_server() else { break };
            engine.ask(server, GameQuestion::server(game), ()).expect("there is room");
        }
        next_turn = next_turn + Duration::from_millis(1);
    }
    assert!(engine.ledger().adds_up(0), "{:?}", engine.ledger());
    let (mut servers, mut list) = (vec![], None);
    for (_, end) in trace.ended {
        match end.outcome {
            Outcome::Answered(GameAnswer::Server { info, .. }) => servers.push((end.target, *info)),
            Outcome::Answered(GameAnswer::List { listed, complete, .. }) => list = Some((listed, complete)),
            other => panic!("{:?}: {other:?}", end.target),
        }
    }
    Swept { network, servers, list }
}

#[test]
fn a_master_lists_all_servers_and_the_wanted_player_is_on_one_of_them() {
    for (protocol, game) in FLEETS {
        let Swept { network, servers, list } = sweep(plan(protocol), game);
        assert_eq!((list, servers.len()), (Some((700, true)), 700), "{protocol}");
        let has_wanted = |info: &ServerInfo| info.player_list.iter().any(|player| player.name == "Gandalf");
        let found: Vec<SocketAddr> =
            servers.iter().filter(|(_, info)| has_wanted(info)).map(|(server, _)| *server).collect();
        assert_eq!(found, [network.fleet().wanted_at().expect("a server")], "{protocol}");
    }
}

#[test]
fn a_list_of_as_many_servers_as_a_master_can_hold_may_be_cut() {
    for (protocol, game) in FLEETS {
        let Swept { list, .. } = sweep(plan(protocol).with_hosts(1200), game);
        assert_eq!(list, Some((1200, false)), "{protocol}");
    }
}
