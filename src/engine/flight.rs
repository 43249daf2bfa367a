//! Queries in flight: the slab they live in, and the index by which an answer finds its attempt.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::net::{IpAddr, SocketAddr};
use std::ops::{Index, IndexMut};
use std::time::Duration;

use siphasher::sip::SipHasher13;
use slab::Slab;

use super::deadlines::{Place, Stamp};
use super::ring::Line;
use super::{Elsewhere, Time, Token};

/// Another token is tried when an attempt's is taken, up to this often. Only short tokens ever are.
const TOKENS_TRIED: u64 = 64;

/// One request awaiting its answer, until it has one, and a while longer.
pub struct Query<C> {
    pub target: SocketAddr,
    /// `None` once the query has ended.
    pub conversation: Option<C>,
    pub state: State,
    /// Where in the ring it waits.
    pub line: Line,
    /// Which entry of the ring or the heap is ours.
    pub stamp: Stamp,
    /// Attempts sent.
    pub attempts: u32,
    /// Datagrams and errors of the network that were about them.
    pub heard: u32,
    /// When the first attempt was sent.
    pub first_sent: Time,
    /// Bytes of receive buffer that the answer to one attempt may take.
    pub reply_cost: u32,
    /// What is charged for all its attempts.
    pub charged: u32,
    /// It was told when to come back by a limit.
    pub promised: bool,
    /// How many attempts do not count as tries, as they may have been answered and the answer lost here; and
    /// the last one of them.
    pub forgiven: u32,
    pub last_forgiven: u32,
    /// The first datagram of an answer in several, once it has come.
    pub partial: Option<Heard>,
    /// Why a datagram that may have been its answer could not be.
    pub broken: Option<&'static str>,
    /// From where a reply came, if not from the target. Rare, hence the box.
    pub elsewhere: Option<Box<SocketAddr>>,
    /// Unlike any other query's, ever.
    serial: u64,
    newest: Option<u32>,
}

impl<C> Query<C> {
    /// Attempts that count as tries.
    pub fn tries(&self) -> u32 {
        self.attempts.saturating_sub(self.forgiven)
    }

    /// Whether it has ended, and each of its attempts was heard of: nothing more will come for it.
    fn is_over(&self) -> bool {
        self.conversation.is_none() && self.heard >= self.attempts
    }
}

/// Where a query is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// In the ring.
    Queued,
    /// Kept out of the ring until a limit allows it.
    HeldBack,
    /// Sent, and waiting for its answer.
    Sent,
    /// Ended; only remembered.
    Lingering {
        /// It has had an answer, in time or late.
        answered: bool,
    },
}

/// One transmission of a query.
struct Attempt {
    query: u32,
    number: u32,
    /// It left at this time,
    sent: Time,
    /// or at any time up to this one.
    sent_by: Time,
    token: Token,
    fingerprint: u64,
    previous: Option<u32>,
}

/// The attempt that a datagram answers.
pub struct Hit {
    pub query: u32,
    /// 1 for the first attempt.
    pub attempt: u32,
    /// When that very attempt was sent: at the first of these times, or at any up to the second.
    pub sent: Time,
    pub sent_by: Time,
    /// It comes from another address than the one that was asked.
    pub is_elsewhere: bool,
}

impl Hit {
    /// From the sending of the attempt to `arrival`. An answer that came before the sending was known to
    /// be over came while it was.
    pub fn rtt(&self, arrival: Time) -> Duration {
        arrival - if arrival < self.sent_by { self.sent } else { self.sent_by }
    }
}

/// An answer: when it came, to which attempt, and how long it took if that is known.
#[derive(Clone, Copy)]
pub struct Heard {
    pub at: Time,
    pub attempt: u32,
    pub rtt: Option<Duration>,
}

/// No token is free at this address: all are taken by queries that have not ended.
#[derive(Debug, PartialEq, Eq)]
pub struct AddressBusy;

/// The table of queries.
pub struct Flight<C> {
    queries: Slab<Query<C>>,
    attempts: Slab<Attempt>,
    /// From the fingerprint of (address, port, token), or of the token alone, to the attempt.
    index: HashMap<u64, u32, BuildHasherDefault<AlreadyHashed>>,
    key: (u64, u64),
    serials: u64,
    /// A token is enough to find its attempt.
    by_token_alone: bool,
}

impl<C> Flight<C> {
    /// `key` makes tokens unpredictable, and the index immune to chosen collisions.
    pub fn new(key: [u8; 16], elsewhere: Elsewhere) -> Flight<C> {
        let number = u128::from_le_bytes(key);
        Flight {
            queries: Slab::new(),
            attempts: Slab::new(),
            index: HashMap::default(),
            key: (number as u64, (number >> 64) as u64),
            serials: 0,
            by_token_alone: elsewhere != Elsewhere::Unknown,
        }
    }

    pub fn insert(&mut self, target: SocketAddr, conversation: C, line: Line, reply_cost: u32) -> u32 {
        self.serials += 1;
        let query = Query {
            target,
            conversation: Some(conversation),
            state: State::Queued,
            line,
            stamp: Stamp::default(),
            attempts: 0,
            heard: 0,
            first_sent: Time::ZERO,
            reply_cost,
            charged: 0,
            promised: false,
            forgiven: 0,
            last_forgiven: 0,
            partial: None,
            broken: None,
            elsewhere: None,
            serial: self.serials,
            newest: None,
        };
        self.queries.insert(query) as u32
    }

    /// Whether this query, which has ended, keeps others from its address: without a token, a reply to it would be
    /// taken for theirs.
    pub fn closes_address(&self, query: u32) -> bool {
        let has_token = |attempt: u32| self.attempts[attempt as usize].token != Token::NONE;
        !self[query].newest.is_none_or(has_token) && self[query].heard < self[query].attempts
    }

    /// Forgets a query and all its attempts.
    pub fn remove(&mut self, query: u32) {
        while self.remove_newest_attempt(query) {}
        self.queries.remove(query as usize);
    }

    /// The query that `place` is the valid place of.
    pub fn at(&self, place: Place) -> Option<&Query<C>> {
        self.queries.get(place.query as usize).filter(|query| query.stamp == place.stamp)
    }

    /// All queries that have not ended, in no order.
    pub fn open(&self) -> impl Iterator<Item = (u32, &Query<C>)> {
        self.queries
            .iter()
            .filter(|(_, query)| query.conversation.is_some())
            .map(|(key, query)| (key as u32, query))
    }

    /// Books another attempt of `query`, sent at `now`, whose token has `bits` bits.
    ///
    /// # Errors
    /// When no token is free: with 0 bits, because another query to the same address is open, or has attempts that may
    /// still be answered.
    pub fn add_attempt(&mut self, query: u32, bits: u32, now: Time) -> Result<Token, AddressBusy> {
        let (number, previous) = (self[query].attempts + 1, self[query].newest);
        let (token, fingerprint) = self.free_token(query, number, bits)?;
        let attempt = Attempt { query, number, sent: now, sent_by: now, token, fingerprint, previous };
        let attempt = self.attempts.insert(attempt) as u32;
        self.index.insert(fingerprint, attempt);
        self[query].newest = Some(attempt);
        self[query].attempts = number;
        Ok(token)
    }

    /// When the last attempt of `query` was sent; `None` when none was.
    pub fn last_sent(&self, query: u32) -> Option<Time> {
        self[query].newest.map(|attempt| self.attempts[attempt as usize].sent)
    }

    /// The attempts of `query`, the last one first: which it was, and by when it was sent.
    pub fn attempts(&self, query: u32) -> impl Iterator<Item = (u32, Time)> {
        let newest = self[query].newest.map(|newest| &self.attempts[newest as usize]);
        std::iter::successors(newest, |attempt| {
            attempt.previous.map(|before| &self.attempts[before as usize])
        })
        .map(|attempt| (attempt.number, attempt.sent_by))
    }

    /// The last attempt of `query` was sent between `from` and `by`.
    pub fn set_sent(&mut self, query: u32, from: Time, by: Time) {
        if let Some(attempt) = self[query].newest {
            let attempt = &mut self.attempts[attempt as usize];
            (attempt.sent, attempt.sent_by) = (from, by);
        }
    }

    /// Takes back the last attempt of `query`; false when there is none.
    pub fn remove_newest_attempt(&mut self, query: u32) -> bool {
        let Some(key) = self[query].newest else { return false };
        let attempt = self.attempts.remove(key as usize);
        self[query].newest = attempt.previous;
        self[query].attempts -= 1;
        if self.index.get(&attempt.fingerprint) == Some(&key) {
            // By address alone, the attempts of a query share one place in the index.
            let before = attempt
                .previous
                .filter(|&before| self.attempts[before as usize].fingerprint == attempt.fingerprint);
            match before {
                Some(before) => self.index.insert(attempt.fingerprint, before),
                None => self.index.remove(&attempt.fingerprint),
            };
        }
        true
    }

    /// The attempt that was sent to `from` with `token`; where a token is enough, also one that was sent to
    /// another address.
    pub fn find(&self, from: SocketAddr, token: Token) -> Option<Hit> {
        let key = *self.index.get(&self.fingerprint(from, token))?;
        let attempt = &self.attempts[key as usize];
        let target = self[attempt.query].target;
        let is_elsewhere = target.ip() != from.ip() || target.port() != from.port();
        let fits = !is_elsewhere || (self.by_token_alone && token != Token::NONE);
        (fits && attempt.token == token).then_some(Hit {
            query: attempt.query,
            attempt: attempt.number,
            sent: attempt.sent,
            sent_by: attempt.sent_by,
            is_elsewhere,
        })
    }

    /// A token that fits no other attempt in the table.
    fn free_token(&self, query: u32, number: u32, bits: u32) -> Result<(Token, u64), AddressBusy> {
        let Query { target, serial, .. } = self[query];
        if bits == 0 {
            let fingerprint = self.fingerprint(target, Token::NONE);
            let free =
                self.holder(fingerprint).is_none_or(|holder| holder == query || self[holder].is_over());
            return if free { Ok((Token::NONE, fingerprint)) } else { Err(AddressBusy) };
        }
        let mask = u64::MAX >> (64 - bits.min(64));
        for salt in 0..TOKENS_TRIED {
            let seed = [&serial.to_le_bytes()[..], &number.to_le_bytes(), &salt.to_le_bytes()];
            let token = Token(self.hash(&seed) & mask);
            let fingerprint = self.fingerprint(target, token);
            if token != Token::NONE && !self.index.contains_key(&fingerprint) {
                return Ok((token, fingerprint));
            }
        }
        Err(AddressBusy)
    }

    /// The query whose attempt holds a place in the index.
    fn holder(&self, fingerprint: u64) -> Option<u32> {
        self.index.get(&fingerprint).map(|&key| self.attempts[key as usize].query)
    }

    fn fingerprint(&self, address: SocketAddr, token: Token) -> u64 {
        let (port, is_enough) = (address.port().to_le_bytes(), self.by_token_alone && token != Token::NONE);
        let token = token.0.to_le_bytes();
        match address.ip() {
            _ if is_enough => self.hash(&[&token]),
            IpAddr::V4(v4) => self.hash(&[&v4.octets(), &port, &token]),
            IpAddr::V6(v6) => self.hash(&[&v6.octets(), &port, &token]),
        }
    }

    fn hash(&self, parts: &[&[u8]]) -> u64 {
        let mut bytes = [0; 32];
        let mut len = 0;
        for part in parts {
            bytes[len..len + part.len()].copy_from_slice(part);
            len += part.len();
        }
        SipHasher13::new_with_keys(self.key.0, self.key.1).hash(&bytes[..len])
    }
}

/// A query by its key. Panics when there is none: keys come from `find`, `open`, `insert` and valid
/// places only, never from outside.
impl<C> Index<u32> for Flight<C> {
    type Output = Query<C>;

    fn index(&self, query: u32) -> &Query<C> {
        &self.queries[query as usize]
    }
}

impl<C> IndexMut<u32> for Flight<C> {
    fn index_mut(&mut self, query: u32) -> &mut Query<C> {
        &mut self.queries[query as usize]
    }
}

/// A fingerprint is a keyed hash already; hashing it again would gain nothing.
#[derive(Default)]
struct AlreadyHashed(u64);

impl Hasher for AlreadyHashed {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(byte);
        }
    }

    fn write_u64(&mut self, fingerprint: u64) {
        self.0 = fingerprint;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host(last: u8) -> SocketAddr {
        SocketAddr::from(([127, 1, 0, last], 27960))
    }

    fn flight() -> Flight<()> {
        Flight::new([7; 16], Elsewhere::Unknown)
    }

    #[test]
    fn an_answer_finds_the_very_attempt_it_answers() {
        let mut flight = flight();
        let query = flight.insert(host(1), (), Line::First, 832);
        let first = flight.add_attempt(query, 64, Time::from_millis(1)).unwrap();
        let second = flight.add_attempt(query, 64, Time::from_millis(2)).unwrap();
        assert_ne!(first, second);
        for (token, number) in [(first, 1), (second, 2)] {
            let hit = flight.find(host(1), token).unwrap();
            assert_eq!((hit.query, hit.attempt, hit.sent), (query, number, Time::from_millis(number.into())));
        }
    }

    #[test]
    fn neither_another_source_nor_another_token_finds_it() {
        let mut flight = flight();
        let query = flight.insert(host(1), (), Line::First, 832);
        let token = flight.add_attempt(query, 64, Time::ZERO).unwrap();
        assert!(flight.find(host(2), token).is_none());
        assert!(flight.find(SocketAddr::new(host(1).ip(), 1), token).is_none());
        assert!(flight.find(host(1), Token(token.0 ^ 1)).is_none());
        assert!(flight.find(host(1), Token::NONE).is_none());
    }

    #[test]
    fn where_a_token_is_enough_another_source_is_told() {
        let mut flight = Flight::new([7; 16], Elsewhere::Noted);
        let query = flight.insert(host(1), (), Line::First, 832);
        let token = flight.add_attempt(query, 31, Time::ZERO).unwrap();
        let hit = |from, token| flight.find(from, token).map(|hit| (hit.query, hit.is_elsewhere));
        assert_eq!(hit(host(1), token), Some((query, false)));
        assert_eq!(hit(host(2), token), Some((query, true)));
        assert_eq!(hit(host(1), Token(token.0 ^ 1)), None);
        assert_eq!(hit(host(1), Token::NONE), None);
    }

    #[test]
    fn short_tokens_are_never_shared_at_one_address() {
        let mut flight = flight();
        let mut seen = std::collections::HashSet::new();
        let mut busy = 0;
        for _ in 0..300 {
            let query = flight.insert(host(1), (), Line::First, 832);
            match flight.add_attempt(query, 8, Time::ZERO) {
                Ok(token) => assert!((1..256).contains(&token.0) && seen.insert(token.0)),
                Err(AddressBusy) => busy += 1,
            }
        }
        assert!(busy >= 45, "there are only 255 tokens of 8 bits");
    }

    #[test]
    fn by_address_alone_there_is_one_at_a_time() {
        let mut flight = flight();
        let (first, second) =
            (flight.insert(host(1), (), Line::First, 832), flight.insert(host(1), (), Line::First, 832));
        flight.add_attempt(first, 0, Time::ZERO).unwrap();
        assert_eq!(flight.add_attempt(second, 0, Time::ZERO), Err(AddressBusy));
        flight.add_attempt(first, 0, Time::from_millis(1)).expect("its own retry");

        (flight[first].conversation, flight[first].heard) = (None, 1);
        let early = flight.add_attempt(second, 0, Time::from_millis(2));
        assert_eq!(early, Err(AddressBusy), "the other attempt may still be answered");
        flight[first].heard = 2;
        flight.add_attempt(second, 0, Time::from_millis(2)).expect("the first one has ended");
        flight.remove(first);
        assert_eq!(flight.find(host(1), Token::NONE).unwrap().query, second);
    }

    #[test]
    fn a_removed_query_leaves_nothing_behind() {
        let mut flight = flight();
        let query = flight.insert(host(1), (), Line::First, 832);
        let token = flight.add_attempt(query, 64, Time::ZERO).unwrap();
        flight.add_attempt(query, 64, Time::ZERO).unwrap();
        flight.remove(query);
        assert!(flight.find(host(1), token).is_none());
        assert!(flight.index.is_empty() && flight.attempts.is_empty() && flight.queries.is_empty());
    }
}
