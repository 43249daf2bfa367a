//! One query: a request awaiting its reply, and what is remembered of it after its end.

use std::net::SocketAddr;
use std::time::Duration;

use super::Time;
use super::deadlines::Stamp;
use super::ring::Priority;

/// The number of a query in the table. It is reused once the query is forgotten.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct QueryId(pub u32);

/// The number of an attempt in the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AttemptId(pub u32);

/// A request awaiting its reply, or remembered for a while after its end.
pub struct Query<C, T> {
    /// Where its latest attempt went, or its next one goes.
    pub target: SocketAddr,
    pub phase: Phase<C, T>,
    /// Which entry of the ring or of the heap is valid.
    pub stamp: Stamp,
    /// Attempts sent.
    pub attempts: u32,
    /// Attempts that have had a reply or an ICMP error.
    pub accounted: u32,
    /// Attempts of the conversation's earlier steps that may still be answered, where no token tells them from ours.
    pub carried: u32,
    /// When the first attempt was sent.
    pub first_sent: Time,
    /// Bytes of receive buffer reserved for the reply to one attempt.
    pub reply_cost: u32,
    /// Bytes reserved for all its attempts.
    pub charged: u32,
    /// The latest attempt in the table.
    pub newest: Option<AttemptId>,
    /// Which step of its conversation it is.
    pub step: u32,
    /// Unlike any other conversation's, ever; the same for all its steps.
    pub conversation: u64,
    /// Earlier destinations, each with the number of the last attempt that went there.
    #[expect(clippy::box_collection, reason = "rare, and a vector takes three words in each query")]
    pub moved: Option<Box<Vec<(u32, SocketAddr)>>>,
}

/// Whether a query has ended.
pub enum Phase<C, T> {
    Open(Open<C, T>),
    Ended {
        /// It has had an answer, in time or late.
        answered: bool,
    },
}

/// What only a query that has not ended has.
pub struct Open<C, T> {
    pub conversation: C,
    pub tag: T,
    pub state: State,
    /// Its priority in the ring.
    pub priority: Priority,
    /// A limit has told it when to come back.
    pub promised: bool,
    /// It counts towards the in-flight cap of its host.
    pub has_slot: bool,
    /// How many attempts do not count as tries, since their replies may have been dropped locally; and the number of
    /// the last one of them.
    pub forgiven: u32,
    pub last_forgiven: u32,
    /// Boxed, since most queries never have it.
    rare: Option<Box<Rare>>,
}

/// What few queries have.
#[derive(Default)]
pub struct Rare {
    /// The first datagram of an answer in several.
    pub partial: Option<Arrival>,
    /// Why a datagram that may have been its reply was not usable.
    pub broken: Option<&'static str>,
    /// The source of a reply that came from another address than the target.
    pub foreign_source: Option<SocketAddr>,
}

/// Where an open query waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// In the ring, to be sent.
    Queued,
    /// For a limit, or for another query to the same host.
    HeldBack,
    /// For its reply.
    Sent,
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

/// What a new query is made of.
pub struct NewQuery<C, T> {
    pub target: SocketAddr,
    pub conversation: C,
    pub tag: T,
    pub priority: Priority,
    /// Which conversation it continues, as which step; `None` begins one.
    pub continues: Option<Continued>,
}

/// Where a conversation stands when it goes on to its next query.
#[derive(Clone, Copy)]
pub struct Continued {
    pub conversation: u64,
    pub step: u32,
    pub carried: u32,
}

impl<C, T> Open<C, T> {
    /// The first datagram of an answer in several.
    pub fn partial(&self) -> Option<Arrival> {
        self.rare.as_ref().and_then(|rare| rare.partial)
    }

    /// What few queries have, if this one has any of it.
    pub fn rare(&self) -> Option<&Rare> {
        self.rare.as_deref()
    }

    /// What few queries have, to change.
    pub fn rare_mut(&mut self) -> &mut Rare {
        self.rare.get_or_insert_default()
    }

    /// The target itself has answered: other sources do not matter any more.
    pub fn forget_foreign_source(&mut self) {
        if let Some(rare) = &mut self.rare {
            rare.foreign_source = None;
        }
    }
}

impl<C, T> Query<C, T> {
    /// A query that waits in the ring. `serial` identifies its conversation if it begins one.
    pub fn new(new: NewQuery<C, T>, reply_cost: u32, serial: u64) -> Query<C, T> {
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
                forgiven: 0,
                last_forgiven: 0,
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
            step,
            conversation,
            moved: None,
        }
    }

    /// What it has while it is open.
    pub fn open(&self) -> Option<&Open<C, T>> {
        match &self.phase {
            Phase::Open(open) => Some(open),
            Phase::Ended { .. } => None,
        }
    }

    /// What it has while it is open, to change.
    pub fn open_mut(&mut self) -> Option<&mut Open<C, T>> {
        match &mut self.phase {
            Phase::Open(open) => Some(open),
            Phase::Ended { .. } => None,
        }
    }

    /// Attempts that count as tries.
    pub fn tries(&self) -> u32 {
        self.attempts.saturating_sub(self.open().map_or(0, |open| open.forgiven))
    }

    /// Attempts that may still be answered, earlier steps' included.
    pub fn unaccounted(&self) -> u32 {
        self.attempts.saturating_sub(self.accounted) + self.carried
    }

    /// Whether it has ended, and each attempt is accounted for: nothing more will come for it.
    pub fn is_over(&self) -> bool {
        matches!(self.phase, Phase::Ended { .. }) && self.unaccounted() == 0
    }

    /// Where an attempt went.
    pub fn destination(&self, attempt: u32) -> SocketAddr {
        let mut moved = self.moved.iter().flat_map(|moved| moved.iter());
        let earlier = moved.find(|(last, _)| attempt <= *last);
        earlier.map_or(self.target, |(_, address)| *address)
    }

    /// All addresses that attempts went to, or will.
    pub fn destinations(&self) -> impl Iterator<Item = SocketAddr> {
        let moved = self.moved.iter().flat_map(|moved| moved.iter());
        moved.map(|(_, address)| *address).chain([self.target])
    }

    /// Sends the next attempts to another address.
    pub fn move_to(&mut self, target: SocketAddr) {
        let last = (self.attempts, std::mem::replace(&mut self.target, target));
        self.moved.get_or_insert_default().push(last);
    }
}
