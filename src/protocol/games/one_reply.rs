//! A conversation of one request and one reply. A [`OneReply`] has what differs between wire protocols.

use super::servers::ServerSet;
use super::wire::{Dialogue, ServerQuestion};
use super::{Game, GameAnswer, ServerInfo};
use crate::protocol::{Attempt, Proof, Reply, ReplySize, Step, Token};

/// The request and the reply of the servers of a wire protocol.
#[derive(Debug)]
pub(super) struct OneReply {
    pub proof: Proof,
    /// Appends the request.
    pub write_request: fn(&Game, Token, &mut Vec<u8>),
    /// Reads a datagram: the server if it is the reply, or why it is not.
    pub read: fn(&[u8], &'static Game) -> Step<ServerInfo>,
    /// An upper bound on the size of usual replies, in bytes.
    pub size: u32,
}

/// A conversation with a server.
#[derive(Debug)]
struct OneReplyDialogue {
    game: &'static Game,
    format: &'static OneReply,
}

impl OneReply {
    /// Begins a conversation with a server.
    pub fn begin(&'static self, question: &ServerQuestion) -> Box<dyn Dialogue> {
        Box::new(OneReplyDialogue { game: question.game, format: self })
    }
}

impl Dialogue for OneReplyDialogue {
    fn proof(&self) -> Proof {
        self.format.proof
    }

    fn write_request(&mut self, attempt: Attempt, out: &mut Vec<u8>) {
        (self.format.write_request)(self.game, attempt.token, out);
    }

    fn step(&mut self, _: &mut ServerSet, reply: &Reply<'_>) -> Step<GameAnswer> {
        let step = (self.format.read)(reply.bytes, self.game);
        step.map(|info| GameAnswer::server(info, reply.bytes))
    }

    fn reply_size(&self) -> ReplySize {
        ReplySize::one(self.format.size)
    }
}
