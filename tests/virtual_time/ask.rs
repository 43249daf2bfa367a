//! The protocol that these tests speak with echoing hosts. A request says which conversation it
//! belongs to, and which step of it, so every reply says whose it is.

use std::cell::Cell;
use std::net::SocketAddr;
use std::time::Duration;

use allears::engine::{self, Attempt, Proof, Protocol, Quiet, ReplySize, Step, Token};

/// Eight bytes of token, four that name the conversation, one for the step.
const REQUEST: usize = 13;
/// Where the token is.
pub const TOKEN_AT: usize = 0;

#[derive(Debug, Default)]
pub struct Ask {
    /// 0 for replies without a token.
    pub token_bits: u32,
    /// Without a token, replies are told by their content, not by their address alone.
    pub by_content: bool,
    /// Datagrams that the engine handed to a conversation that they do not belong to.
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
    /// The last step's answer may have several datagrams: it ends with a gap.
    pub gap: Option<Duration>,
    /// How many follow-ups waited when the next step entered the ring, itself included, and how much was sent.
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

/// What a reply says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    pub number: u32,
    pub step: u8,
}

/// How long follow-ups wait in the ring, counted in sends.
#[derive(Debug, Default)]
pub struct Fairness {
    entered: u64,
    sent: Cell<u64>,
    pub followups: Cell<u64>,
    /// Follow-ups that were sent after more than the follow-ups that waited before them.
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
            // By its address alone a reply to an earlier step cannot be told from the next one's.
            self.misdelivered += u64::from(self.token_bits > 0);
            return Step::NotMine;
        }
        if talk.step + 1 < talk.steps {
            talk.step += 1;
            self.fairness.entered += 1;
            let fairness = &self.fairness;
            // Retries make more sends than follow-ups, but then nobody looks at this.
            let waiting = fairness.entered.saturating_sub(fairness.followups.get());
            talk.owed_since = Some((waiting, fairness.sent.get()));
            return Step::AskNext;
        }
        talk.gap.map_or_else(|| Step::Done(talk.answer()), |quiet| Step::More { quiet })
    }

    fn quiet(&mut self, talk: &mut Talk, tries_left: u32) -> Quiet<Reply> {
        // Some think that something is missing, as long as they can ask again.
        if talk.number.is_multiple_of(3) && tries_left > 0 {
            Quiet::Retry
        } else {
            Quiet::Done(talk.answer())
        }
    }

    fn reply_size(&self, _: &Talk) -> ReplySize {
        ReplySize::one(REQUEST as u32)
    }
}
