//! Simulated Teeworlds servers and their masters, with the exchange of tokens and without, in virtual time.
#![cfg(feature = "games")]

#[path = "support/game_sweep.rs"]
mod game_sweep;

use allears::engine::{Config, Outcome};
use allears::protocol::games::GameAnswer;
use allears::sim::{HostProtocol, Plan};
use game_sweep::Sweep;

/// The protocols of simulated servers, each with the game that queries it.
const FLEETS: [(&str, &str); 2] = [("teeworlds", "teeworlds"), ("teeworlds7", "teeworlds7")];

fn plan(protocol: &str) -> Plan {
    Plan::new(HostProtocol::find(protocol).expect("a protocol"))
        .with_hosts(700)
        .with_master(Some("127.0.0.1:8300".parse().expect("an address")))
        .with_wanted(Some("Gandalf".into()))
}

/// Queries the master, and every server that it lists. All of them answer.
fn sweep(plan: Plan, game: &str) -> Sweep {
    let config = Config::default().with_rate(Some(2000.0)).with_tries(4);
    let swept = game_sweep::sweep(plan, config, [1; 16], game, false);
    for end in swept.ends() {
        assert!(matches!(end.outcome, Outcome::Answered(_)), "{:?}: {:?}", end.target, end.outcome);
    }
    swept
}

/// Returns the number of servers on the master's list, and whether it is complete.
fn list(swept: &Sweep) -> Option<(usize, bool)> {
    swept.ends().find_map(|end| match end.outcome {
        Outcome::Answered(GameAnswer::List { listed, complete, .. }) => Some((listed, complete)),
        _ => None,
    })
}

#[test]
fn a_master_lists_all_servers_and_the_wanted_player_is_on_one_of_them() {
    for (protocol, game) in FLEETS {
        let swept = sweep(plan(protocol), game);
        assert_eq!((list(&swept), swept.servers().count()), (Some((700, true)), 700), "{protocol}");
        let found = swept.found_at("Gandalf");
        assert_eq!(found, [swept.network.fleet().wanted_at().expect("a server")], "{protocol}");
    }
}

#[test]
fn a_list_of_as_many_servers_as_a_master_can_hold_may_be_cut() {
    for (protocol, game) in FLEETS {
        let swept = sweep(plan(protocol).with_hosts(1200), game);
        assert_eq!(list(&swept), Some((1200, false)), "{protocol}");
    }
}
