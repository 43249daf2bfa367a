//! The protocol of these tests, for hosts that echo. A request contains its conversation and its step, so every reply
//! can be assigned to its query.

use std::cell::Cell;
use std::net::SocketAddr;
use std::time::Duration;

use allears::engine::{self, Attempt, Proof, Protocol, Quiet, ReplySize, Step, Token};

/// The size of a request: eight bytes of token, four for the conversation, one for the step.
const REQUEST: usize = 13;
/// The offset of the token.
pub const TOKEN_AT: usize = 0;

#[derive(Debug, Default)]
pub struct Ask {
    /// The bits of the token; 0 for replies without a token.
    pub token_bits: u32,
    /// True if replies without a token are matched by their content, not only by their address.
    pub by_content: bool,
    /// Datagrams that the engine passed to the wrong conversation.
    pub misdelivered: u64,
    pub fairness: Fairness,
}

/// One conversation: `steps` requests, one after the other.
#[derive(Clone, Debug, PartialEq)]
pub struct Talk {
    pub number: u32,
    pub target: SocketAddr,
    pub steps: u8,
    pub step: u8,
    /// The gap that ends the last step's answer, which may have several datagrams.
    pub gap: Option<Duration>,
    /// The number of follow-ups that waited when the next step entered the ring, itself included, and the number of
    /// requests sent.
    owed_since: Option<(u64, u64)>,
}

impl Talk {
    pub fn new(number: u32, target: SocketAddr, steps: u8, gap: Option<Duration>) -> Talk {
        Talk { number, target, steps, step: 0, gap, owed_since: None }
    }

    fn answer(&self) -> Reply {
        Reply { number: self.number, step: self.step }
    }
}

/// The conversation and step in a reply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    pub number: u32,
    pub step: u8,
}

/// The waiting times of follow-ups in the ring, counted in requests sent.
#[derive(Debug, Default)]
pub struct Fairness {
    entered: u64,
    sent: Cell<u64>,
    pub followups: Cell<u64>,
    /// The number of follow-ups that were sent after more requests than follow-ups waited before them.
    pub overtaken: Cell<u64>,
}

impl Protocol for Ask {
    type Question = Talk;
    type Conversation = Talk;
    type Answer = Reply;

    fn begin(&mut self, _: SocketAddr, talk: Talk) -> Talk {
        talk
    }

    fn proof(&self, _: &Talk) -> Proof {
        match self.token_bits {
            0 if self.by_content => Proof::Content,
            0 => Proof::Address,
            bits => Proof::Token { bits },
        }
    }

    fn write_request(&mut self, talk: &mut Talk, attempt: Attempt, out: &mut Vec<u8>) {
        out.extend_from_slice(&attempt.token.0.to_be_bytes());
        out.extend_from_slice(&talk.number.to_be_bytes());
        out.push(talk.step);
        let fairness = &self.fairness;
        fairness.sent.set(fairness.sent.get() + 1);
        if let Some((owed, since)) = talk.owed_since {
            fairness.followups.set(fairness.followups.get() + 1);
            let late = fairness.sent.get() - since > owed;
            fairness.overtaken.set(fairness.overtaken.get() + u64::from(late));
        }
    }

    fn read_token(&self, datagram: &[u8]) -> Option<Token> {
        let token = u64::from_be_bytes(datagram.get(..8)?.try_into().ok()?);
        (token != 0).then_some(Token(token))
    }

    fn step(&mut self, talk: &mut Talk, reply: &engine::Reply<'_>) -> Step<Reply> {
        let datagram = reply.bytes;
        if datagram.len() != REQUEST {
            return Step::Malformed("not as long as a reply");
        }
        let mine = datagram[8..12] == talk.number.to_be_bytes() && datagram[12] == talk.step;
        if !mine {
            // With the address alone, a reply to an earlier step cannot be distinguished from one to the next.
            self.misdelivered += u64::from(self.token_bits > 0);
            return Step::NotMine;
        }
        if talk.step + 1 < talk.steps {
            talk.step += 1;
            self.fairness.entered += 1;
            let fairness = &self.fairness;
            // Retries send more requests than there are follow-ups, but then this is not checked.
            let waiting = fairness.entered.saturating_sub(fairness.followups.get());
            talk.owed_since = Some((waiting, fairness.sent.get()));
            return Step::AskNext;
        }
        talk.gap.map_or_else(|| Step::Done(talk.answer()), |quiet| Step::More { quiet })
    }

    fn quiet(&mut self, talk: &mut Talk, tries_left: u32) -> Quiet<Reply> {
        // Some conversations consider the answer incomplete while tries are left.
        if talk.number.is_multiple_of(3) && tries_left > 0 {
            Quiet::Retry
        } else {
            Quiet::Done(talk.answer())
        }
    }

    fn largest_reply(&self) -> u32 {
        64
    }

    fn reply_size(&self, _: &Talk) -> ReplySize {
        ReplySize::one(REQUEST as u32)
    }
}
