//! Conversations for tests: requests with a known token, replies, and answers.

use super::servers::ServerSet;
use super::wire::{Dialogue, ServerQuestion};
use super::{Game, GameAnswer, ServerInfo};
use crate::protocol::{Attempt, Proof, Quiet, Reply, Step, Token};

/// The token of each request, if it has one.
pub(super) const TOKEN: Token = Token(0x1234);

/// Returns the server in an answer.
#[track_caller]
pub(super) fn server(answer: GameAnswer) -> ServerInfo {
    match answer {
        GameAnswer::Server { info, .. } => *info,
        list => panic!("{list:?}"),
    }
}

/// Returns the answer with which a step ends the conversation.
#[track_caller]
pub(super) fn done(step: Step<ServerInfo>) -> ServerInfo {
    match step {
        Step::Done(info) => info,
        other => panic!("{other:?}"),
    }
}

/// A conversation with a server.
pub(super) struct Talk(Box<dyn Dialogue>);

impl Talk {
    /// Begins a conversation with a server of this game, without requesting its rules.
    pub fn with(id: &str) -> Talk {
        Talk::asking(id, false)
    }

    pub fn asking(id: &str, with_rules: bool) -> Talk {
        let Some(game) = Game::find(id) else { panic!("no game {id}") };
        let target = ([127, 0, 0, 1], game.server_port).into();
        Talk((game.wire.server)(&ServerQuestion { game, target, with_rules }))
    }

    pub fn proof(&self) -> Proof {
        self.0.proof()
    }

    /// Returns the request of this attempt.
    pub fn request(&mut self, number: u32) -> Vec<u8> {
        let has_token = matches!(self.0.proof(), Proof::Token { .. });
        let token = if has_token { TOKEN } else { Token::NONE };
        let mut out = Vec::new();
        self.0.write_request(Attempt { number, ..Attempt::first(token) }, &mut out);
        out
    }

    /// Passes a reply to the conversation.
    pub fn take(&mut self, reply: &[u8]) -> Step<ServerInfo> {
        let reply = Reply::to_first(([127, 0, 0, 1], 1).into(), reply);
        self.0.step(&mut ServerSet::default(), &reply).map(server)
    }

    /// Does the same, and returns the step without its answer, for comparison.
    pub fn step(&mut self, reply: &[u8]) -> Step<()> {
        self.take(reply).map(drop)
    }

    /// Returns the answer that this reply completes.
    #[track_caller]
    pub fn answer(&mut self, reply: &[u8]) -> ServerInfo {
        done(self.take(reply))
    }

    /// Returns the answer after a quiet gap; `None` for another attempt.
    pub fn quiet(&mut self, tries_left: u32) -> Option<ServerInfo> {
        match self.0.quiet(tries_left) {
            Quiet::Done(answer) => Some(server(answer)),
            Quiet::Retry => None,
        }
    }

    pub fn partial(&mut self) -> Option<ServerInfo> {
        self.0.partial_answer().map(server)
    }
}
