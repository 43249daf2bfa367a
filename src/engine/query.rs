//! One query: a request awaiting its reply, or remembered after its end.

use std::net::SocketAddr;
use std::time::Duration;

use super::deadlines::Stamp;
use super::ring::Priority;
use super::{Time, Transport, Unreachable};

/// The number of a query in the table. It is reused once the query is forgotten.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct QueryId(pub u32);

/// The number of an attempt in the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AttemptId(pub u32);

/// A request awaiting its reply, or remembered for a while after its end.
pub struct Query<C, T> {
    /// The destination of its latest attempt, or of its next one.
    pub target: SocketAddr,
    pub phase: Phase<C, T>,
    /// Identifies its valid entry in the ring or in the heap.
    pub stamp: Stamp,
    /// Attempts sent.
    pub attempts: u32,
    /// Attempts that have had a reply or an ICMP error.
    pub accounted: u32,
    /// Attempts of the conversation's earlier steps that may still be answered, if no token distinguishes those
    /// replies.
    pub carried: u32,
    /// The time when the first attempt was sent.
    pub first_sent: Time,
    /// Bytes of receive buffer reserved for the reply to one attempt.
    pub reply_cost: u32,
    /// Bytes reserved for all its attempts.
    pub charged: u32,
    /// The latest attempt in the table.
    pub newest: Option<AttemptId>,
    /// The way in which its attempts are sent, and the socket if they are datagrams: chosen for the first one.
    pub transport: Transport,
    pub lane: u16,
    /// The step of its conversation, as a number.
    pub step: u32,
    /// A number unique to its conversation, shared by all steps.
    pub conversation: u64,
    /// Earlier destinations, each with the number of the last attempt sent there.
    #[expect(clippy::box_collection, reason = "rare, and a vector takes three words in each query")]
    pub moved: Option<Box<Vec<(u32, SocketAddr)>>>,
}

/// The phase of a query: open, or ended.
pub enum Phase<C, T> {
    Open(Open<C, T>),
    Ended {
        /// True if it was answered, in time or late.
        answered: bool,
    },
}

/// The state that only an open query has.
pub struct Open<C, T> {
    pub conversation: C,
    pub tag: T,
    pub state: State,
    /// Its priority in the ring.
    pub priority: Priority,
    /// True if a limit has given it a time to try again.
    pub promised: bool,
    /// True if it counts towards the in-flight cap of its host.
    pub has_slot: bool,
    /// True if the ledger already counts the pending attempt as deferred.
    pub deferred: bool,
    /// Boxed, since most queries never need it.
    rare: Option<Box<Rare>>,
}

/// State that few queries have.
#[derive(Default)]
pub struct Rare {
    /// The first datagram of an answer that spans several, or an answer without the token.
    pub partial: Option<Arrival>,
    /// True if `partial` lacks the token of the attempt.
    pub is_provisional: bool,
    /// The reason why a possible reply could not be used.
    pub broken: Option<&'static str>,
    /// The foreign source of a reply.
    pub foreign_source: Option<SocketAddr>,
    /// The failed sends of the pending attempt.
    pub failing: Option<FailingSend>,
    /// A router's report that the host cannot be reached, which may pass.
    pub hint: Option<Unreachable>,
    /// The number of attempts that do not count as tries, since their replies may have been dropped locally; and the
    /// number of the last such attempt.
    pub forgiven: u32,
    pub last_forgiven: u32,
}

/// An attempt that could not be sent yet.
#[derive(Clone, Copy)]
pub struct FailingSend {
    /// The time of the first failure.
    pub since: Time,
    /// The number of failures.
    pub count: u32,
}

/// The place where an open query waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Waiting in the ring to be sent.
    Queued,
    /// Waiting for a limit, or for another query to the same host.
    HeldBack,
    /// Sent, waiting for its reply.
    Sent,
    /// Timed out after all tries. A late reply still answers it while other queries are open.
    Fading,
}

/// The number of open queries in each state.
#[derive(Default)]
pub struct StateCounts([usize; 4]);

impl StateCounts {
    /// Counts a query that enters a state.
    pub fn enter(&mut self, state: State) {
        self.0[state as usize] += 1;
    }

    /// Counts a query that leaves a state.
    pub fn leave(&mut self, state: State) {
        self.0[state as usize] -= 1;
    }

    /// Returns how many queries are in this state.
    pub fn of(&self, state: State) -> usize {
        self.0[state as usize]
    }

    /// Returns how many queries wait to be sent.
    pub fn unsent(&self) -> usize {
        self.of(State::Queued) + self.of(State::HeldBack)
    }

    /// Returns how many queries are open.
    pub fn open(&self) -> usize {
        self.0.iter().sum()
    }
}

/// A datagram that matched an attempt.
#[derive(Clone, Copy)]
pub struct Arrival {
    pub at: Time,
    /// The attempt that it answers, 1 for the first.
    pub attempt: u32,
    /// The round trip, if it is known.
    pub rtt: Option<Duration>,
}

/// The answer that a query keeps when one without the token arrives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeptReply {
    /// This one.
    First,
    /// An earlier one without the token.
    Earlier,
    /// Part of one with the token.
    Better,
}

/// The parameters of a new query.
pub struct NewQuery<C, T> {
    pub target: SocketAddr,
    pub conversation: C,
    pub tag: T,
    pub priority: Priority,
    /// The conversation and step that it continues; `None` begins a conversation.
    pub continues: Option<Continued>,
}

/// The state of a conversation that continues with another query.
#[derive(Clone, Copy)]
pub struct Continued {
    pub conversation: u64,
    pub step: u32,
    pub carried: u32,
}

impl<C, T> Open<C, T> {
    /// Returns the first datagram of an answer that spans several, or an answer without the token.
    pub fn partial(&self) -> Option<Arrival> {
        self.rare.as_ref().and_then(|rare| rare.partial)
    }

    /// Returns the rare state, if the query has any.
    pub fn rare(&self) -> Option<&Rare> {
        self.rare.as_deref()
    }

    /// Returns the rare state, to change it.
    pub fn rare_mut(&mut self) -> &mut Rare {
        self.rare.get_or_insert_default()
    }

    /// Forgets the failures to send, because an attempt was sent.
    pub fn forget_failing_send(&mut self) {
        if let Some(rare) = &mut self.rare {
            rare.failing = None;
        }
    }

    /// Returns whether the query has an answer without the token of its attempt, and waits for a better one.
    pub fn is_provisional(&self) -> bool {
        self.rare.as_ref().is_some_and(|rare| rare.is_provisional)
    }

    /// Keeps an answer without the token, unless there is another one already. Returns which one is kept.
    pub fn keep_provisional(&mut self, arrival: Arrival) -> KeptReply {
        let rare = self.rare_mut();
        match (rare.partial, rare.is_provisional) {
            (None, _) => {
                (rare.partial, rare.is_provisional) = (Some(arrival), true);
                KeptReply::First
            }
            (Some(_), true) => KeptReply::Earlier,
            (Some(_), false) => KeptReply::Better,
        }
    }

    /// Forgets an answer without the token, since one with the token has arrived. Returns whether there was one.
    pub fn forget_provisional(&mut self) -> bool {
        let Some(rare) = self.rare.as_mut().filter(|rare| rare.is_provisional) else { return false };
        (rare.is_provisional, rare.partial) = (false, None);
        true
    }

    /// Forgets the foreign source, since the target itself has answered.
    pub fn forget_foreign_source(&mut self) {
        if let Some(rare) = &mut self.rare {
            rare.foreign_source = None;
        }
    }
}

impl<C, T> Query<C, T> {
    /// Creates a query that waits in the ring. `serial` identifies its conversation if it begins one.
    pub fn new(new: NewQuery<C, T>, transport: Transport, reply_cost: u32, serial: u64) -> Query<C, T> {
        let Continued { conversation, step, carried } =
            new.continues.unwrap_or(Continued { conversation: serial, step: 0, carried: 0 });
        Query {
            target: new.target,
            phase: Phase::Open(Open {
                conversation: new.conversation,
                tag: new.tag,
                state: State::Queued,
                priority: new.priority,
                promised: false,
                has_slot: false,
                deferred: false,
                rare: None,
            }),
            stamp: Stamp::default(),
            attempts: 0,
            accounted: 0,
            carried,
            first_sent: Time::ZERO,
            reply_cost,
            charged: 0,
            newest: None,
            transport,
            lane: 0,
            step,
            conversation,
            moved: None,
        }
    }

    /// Returns the open state, if the query has not ended.
    pub fn open(&self) -> Option<&Open<C, T>> {
        match &self.phase {
            Phase::Open(open) => Some(open),
            Phase::Ended { .. } => None,
        }
    }

    /// Returns the open state, to change it.
    pub fn open_mut(&mut self) -> Option<&mut Open<C, T>> {
        match &mut self.phase {
            Phase::Open(open) => Some(open),
            Phase::Ended { .. } => None,
        }
    }

    fn rare(&self) -> Option<&Rare> {
        self.open().and_then(Open::rare)
    }

    /// Returns the number of attempts that count as tries.
    pub fn tries(&self) -> u32 {
        self.attempts.saturating_sub(self.rare().map_or(0, |rare| rare.forgiven))
    }

    /// Returns whether this attempt repeats one that did not count as a try.
    pub fn repeats_forgiven(&self, attempt: u32) -> bool {
        self.rare().is_some_and(|rare| rare.last_forgiven > 0 && rare.last_forgiven + 1 == attempt)
    }

    /// Returns the number of attempts that may still be answered, those of earlier steps included.
    pub fn unaccounted(&self) -> u32 {
        self.attempts.saturating_sub(self.accounted) + self.carried
    }

    /// Returns whether the query has ended and each attempt is accounted for, so that no reply is expected.
    pub fn is_over(&self) -> bool {
        matches!(self.phase, Phase::Ended { .. }) && self.unaccounted() == 0
    }

    /// Returns the destination of an attempt.
    pub fn destination(&self, attempt: u32) -> SocketAddr {
        let mut moved = self.moved.iter().flat_map(|moved| moved.iter());
        let earlier = moved.find(|(last, _)| attempt <= *last);
        earlier.map_or(self.target, |(_, address)| *address)
    }

    /// Changes the destination of further attempts.
    pub fn move_to(&mut self, target: SocketAddr) {
        let before = std::mem::replace(&mut self.target, target);
        let recorded = self.moved.as_ref().and_then(|moved| moved.last()).map_or(0, |(last, _)| *last);
        if self.attempts > recorded {
            self.moved.get_or_insert_default().push((self.attempts, before));
        }
    }
}
