//! A sweep over the simulated game servers of a fleet, in virtual time.
#![allow(dead_code, reason = "each test file uses a part of it")]

use std::net::SocketAddr;
use std::time::Duration;

use allears::engine::{Completion, Config, Engine, Ledger, Outcome, Time};
use allears::protocol::games::{Game, GameAnswer, GameConversation, GameQuestion, Games, ServerInfo};
use allears::sim::{Fleet, Link, Network, Plan, Tally, Trace};

/// Queries the servers that the plan's master lists, or all hosts if there is no master. `key` is the engine's.
pub fn sweep(plan: Plan, config: Config, key: [u8; 16], game: &str, with_rules: bool) -> Sweep {
    let game = Game::find(game).expect("a game");
    let question = |game: &'static Game| {
        let question = GameQuestion::server(game);
        if with_rules { question.with_rules() } else { question }
    };
    let mut sweep = Sweep::new(plan, config, key, game);
    match sweep.network.fleet().plan().master {
        Some(master) => {
            let list = GameQuestion::master(game, false).expect("it has masters");
            sweep.run_from_master((master, list), question);
        }
        None => {
            let hosts: Vec<SocketAddr> = sweep.network.fleet().targets().collect();
            sweep.run(hosts.into_iter().map(|host| (host, question(game))), Time::from_millis(600_000));
        }
    }
    assert!(sweep.engine.is_idle() && sweep.ledger().adds_up(0), "{}: {:?}", game.id, sweep.ledger());
    sweep
}

pub type End = Completion<GameConversation, GameAnswer, ()>;

/// An engine, the fleet that it queries, and what has ended.
pub struct Sweep {
    pub engine: Engine<Games>,
    pub network: Network,
    trace: Trace<GameConversation, GameAnswer>,
}

impl Sweep {
    pub fn new(plan: Plan, config: Config, key: [u8; 16], game: &'static Game) -> Sweep {
        let fleet = Fleet::new(plan).expect("a valid plan");
        Sweep {
            engine: Engine::new(Games::new(game), config, key).expect("settings in range"),
            network: Network::new(Link::default(), fleet),
            trace: Trace::default(),
        }
    }

    /// Asks all questions, and runs until no datagram is in flight, or until the next event would be after `until`.
    pub fn run(&mut self, questions: impl IntoIterator<Item = (SocketAddr, GameQuestion)>, until: Time) {
        let mut questions = questions.into_iter().map(|(target, question)| (target, question, ()));
        self.network.run(&mut self.engine, &mut questions, until, &mut self.trace);
    }

    /// Queries a master, and its servers while the rest of the list still arrives.
    fn run_from_master(
        &mut self,
        master: (SocketAddr, GameQuestion),
        question: impl Fn(&'static Game) -> GameQuestion,
    ) {
        let mut now = Time::ZERO;
        self.run([master], now);
        while !self.engine.is_idle() {
            now = now + Duration::from_millis(1);
            self.run([], now);
            while self.engine.room() > 0 {
                let Some((server, game)) = self.engine.protocol_mut().take_server() else { break };
                self.engine.ask(server, question(game), ()).expect("there is room");
            }
        }
    }

    pub fn ledger(&self) -> &Ledger {
        self.engine.ledger()
    }

    pub fn tally(&self) -> Tally {
        self.network.fleet().tally()
    }

    /// Returns all completions, in order.
    pub fn ends(&self) -> impl Iterator<Item = &End> {
        self.trace.ended.iter().map(|(_, end)| end)
    }

    /// Returns the completions of the servers that answered, each with what the server is.
    pub fn answered(&self) -> impl Iterator<Item = (&End, &ServerInfo)> {
        self.ends().filter_map(|end| match &end.outcome {
            Outcome::Answered(GameAnswer::Server { info, .. }) => Some((end, &**info)),
            _ => None,
        })
    }

    /// Returns the servers that answered.
    pub fn servers(&self) -> impl Iterator<Item = &ServerInfo> {
        self.answered().map(|(_, server)| server)
    }

    /// Returns the addresses of the servers that list a player with this name.
    pub fn found_at(&self, name: &str) -> Vec<SocketAddr> {
        let lists = |server: &ServerInfo| server.player_list.iter().any(|player| player.name == name);
        self.answered().filter(|(_, server)| lists(server)).map(|(end, _)| end.target).collect()
    }
}
