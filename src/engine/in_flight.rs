//! The table of queries, and the index that finds the attempt that a reply answers.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::net::{IpAddr, SocketAddr};
use std::num::NonZeroU32;
use std::ops::{Index, IndexMut};
use std::time::Duration;

use siphasher::sip::SipHasher13;
use slab::Slab;

use super::answered::Answered;
use super::deadlines::Place;
use super::query::{AttemptId, NewQuery, Open, Query, QueryId};
use super::{ForeignSource, Proof, Time, Token, Transport};

/// Maximum tokens tried for an attempt. Only short tokens are likely to be in use already.
const TOKENS_TRIED: u64 = 64;

/// One transmission of a query.
struct Transmission {
    query: QueryId,
    /// 1 for the first attempt.
    number: NonZeroU32,
    /// The times between which it was sent.
    sent: Time,
    sent_by: Time,
    token: Token,
    previous: Option<AttemptId>,
}

/// The attempt that a datagram answers.
pub struct Hit {
    pub query: QueryId,
    /// 1 for the first attempt.
    pub attempt: u32,
    /// The times between which that attempt was sent.
    pub sent: Time,
    pub sent_by: Time,
    /// The token of the attempt.
    pub token: Token,
    /// True if the datagram comes from another address than that of the attempt.
    pub is_foreign: bool,
    /// True if the attempt has a token, and the datagram returns it.
    pub has_token: bool,
}

impl Hit {
    /// Returns the time from sending the attempt to `arrival`. If the reply arrived before the send call returned, it
    /// is measured from the start of the call.
    pub fn rtt(&self, arrival: Time) -> Duration {
        arrival - if arrival < self.sent_by { self.sent } else { self.sent_by }
    }
}

/// The error if no attempt can be made at this address now: without a token, because another query may still be
/// answered there; otherwise because all tokens are in use.
#[derive(Debug, PartialEq, Eq)]
pub struct AddressBusy;

/// The table of queries: open ones, and ended ones that are still remembered.
pub struct InFlight<C, T> {
    queries: Slab<Query<C, T>>,
    attempts: Slab<Transmission>,
    /// Maps the fingerprint of (address, port, token), or of the token alone, to the attempt.
    index: Attempts,
    key: [u8; 16],
    conversations: u64,
    /// True if the token alone identifies the attempt.
    by_token_alone: bool,
    /// Maps the fingerprint of an address to its latest attempt with a token; `None` if replies without a token match
    /// no such attempt.
    without_token: Option<Attempts>,
    /// Answered attempts that have left the table.
    answered: Answered,
}

type Attempts = HashMap<u64, AttemptId, BuildHasherDefault<AlreadyHashed>>;

impl<C, T> InFlight<C, T> {
    /// Creates an empty table. `key` makes tokens unpredictable, and protects the index from chosen collisions. With
    /// `without_token`, a datagram without a token matches the latest attempt at its source.
    /// Attempts that are answered are remembered for `linger`.
    pub fn new(
        key: [u8; 16],
        foreign_source: ForeignSource,
        without_token: bool,
        linger: Duration,
    ) -> InFlight<C, T> {
        InFlight {
            queries: Slab::new(),
            attempts: Slab::new(),
            index: HashMap::default(),
            key,
            conversations: 0,
            by_token_alone: foreign_source != ForeignSource::Unmatched,
            without_token: without_token.then(HashMap::default),
            answered: Answered::new(linger),
        }
    }

    pub fn insert(&mut self, new: NewQuery<C, T>, transport: Transport, reply_cost: u32) -> QueryId {
        self.conversations += u64::from(new.continues.is_none());
        QueryId(self.queries.insert(Query::new(new, transport, reply_cost, self.conversations)) as u32)
    }

    /// Returns whether this ended query blocks its address: without a token, a reply to it would be taken for another
    /// query's.
    pub fn blocks_address(&self, query: QueryId) -> bool {
        let has_token = |attempt: AttemptId| self.attempts[attempt.0 as usize].token != Token::NONE;
        !self[query].newest.is_none_or(has_token) && self[query].unaccounted() > 0
    }

    /// Returns whether replies to a query carry a token.
    pub fn has_token(&self, query: QueryId) -> bool {
        self[query].newest.is_some_and(|attempt| self.attempts[attempt.0 as usize].token != Token::NONE)
    }

    /// Returns whether the latest attempt of `query` has a token that will hardly be chosen again. A small number may be
    /// a short token.
    pub fn has_long_token(&self, query: QueryId) -> bool {
        self[query].newest.is_some_and(|attempt| self.attempts[attempt.0 as usize].token.0 >> 24 > 0)
    }

    /// Forgets an answered query with a single attempt and a token, but remembers the attempt as one of at most `most`:
    /// see [`is_copy`](InFlight::is_copy).
    pub fn remove_answered(&mut self, now: Time, query: QueryId, most: usize) {
        if let Some(attempt) = self[query].newest {
            let token = self.attempts[attempt.0 as usize].token;
            let fingerprint = self.address_fingerprint(self[query].destination(1), token);
            self.answered.insert(now, fingerprint, self[query].lane, most);
        }
        self.remove(query);
    }

    /// Returns whether a datagram with this token is a copy of the reply to a remembered attempt.
    pub fn is_copy(&self, from: SocketAddr, token: Token, lane: u16) -> bool {
        token != Token::NONE && self.answered.contains(self.address_fingerprint(from, token), lane)
    }

    /// Forgets a query and all its attempts.
    pub fn remove(&mut self, query: QueryId) {
        while self.remove_newest_attempt(query) {}
        self.queries.remove(query.0 as usize);
    }

    /// Returns whether `place` is the valid place of a query. Ended queries have none, since their stamp is renewed.
    pub fn is_valid(&self, place: Place) -> bool {
        self.queries.get(place.query.0 as usize).is_some_and(|query| query.stamp == place.stamp)
    }

    /// Returns the query whose valid place is `place`. Ended queries have none.
    #[expect(clippy::type_complexity, reason = "a pair of references, each a type that the callers know")]
    pub fn at(&self, place: Place) -> Option<(&Query<C, T>, &Open<C, T>)> {
        let query = self.queries.get(place.query.0 as usize).filter(|query| query.stamp == place.stamp)?;
        query.open().map(|open| (query, open))
    }

    /// Returns all queries that have not ended, in no particular order.
    pub fn open(&self) -> impl Iterator<Item = (QueryId, &Query<C, T>, &Open<C, T>)> {
        self.queries
            .iter()
            .filter_map(|(id, query)| query.open().map(|open| (QueryId(id as u32), query, open)))
    }

    /// Adds another attempt of `query`, sent at `now`. Its token begins with `prefix`.
    ///
    /// # Errors
    /// No attempt can be made at this address now.
    pub fn add_attempt(
        &mut self,
        query: QueryId,
        proof: Proof,
        prefix: u64,
        now: Time,
    ) -> Result<Token, AddressBusy> {
        let (number, previous) = (self[query].attempts + 1, self[query].newest);
        let (token, fingerprint) = match proof {
            Proof::Token { bits } => self.free_token(query, number, bits, prefix)?,
            Proof::Content | Proof::Address => (Token::NONE, self.free_address(query, proof)?),
        };
        let sent = Transmission {
            query,
            number: NonZeroU32::MIN.saturating_add(number - 1),
            sent: now,
            sent_by: now,
            token,
            previous,
        };
        let attempt = AttemptId(self.attempts.insert(sent) as u32);
        self.index.insert(fingerprint, attempt);
        if token != Token::NONE && self.without_token.is_some() {
            let address = self.fingerprint(self[query].target, Token::NONE);
            self.without_token.as_mut().map(|attempts| attempts.insert(address, attempt));
        }
        self[query].newest = Some(attempt);
        self[query].attempts = number;
        Ok(token)
    }

    /// Returns an unpredictable number for a conversation, which has nothing to do with its tokens.
    pub fn random_number(&self, query: QueryId) -> u64 {
        self.hash([self[query].conversation])
    }

    /// Returns when the last attempt of `query` was sent; `None` if none was.
    pub fn last_sent(&self, query: QueryId) -> Option<Time> {
        self[query].newest.map(|attempt| self.attempts[attempt.0 as usize].sent)
    }

    /// Returns the attempts of `query`, the last one first: the number of each, and the time by which it was sent.
    pub fn attempts(&self, query: QueryId) -> impl Iterator<Item = (u32, Time)> {
        let newest = self[query].newest.map(|newest| &self.attempts[newest.0 as usize]);
        std::iter::successors(newest, |attempt| {
            attempt.previous.map(|before| &self.attempts[before.0 as usize])
        })
        .map(|attempt| (attempt.number.get(), attempt.sent_by))
    }

    /// Records that the last attempt of `query` was sent between `from` and `by`.
    pub fn set_sent(&mut self, query: QueryId, from: Time, by: Time) {
        if let Some(attempt) = self[query].newest {
            let attempt = &mut self.attempts[attempt.0 as usize];
            (attempt.sent, attempt.sent_by) = (from, by);
        }
    }

    /// Removes the last attempt of `query`. Returns false if it has none.
    pub fn remove_newest_attempt(&mut self, query: QueryId) -> bool {
        let Some(id) = self[query].newest else { return false };
        self.forget_without_token(query, id);
        let attempt = self.attempts.remove(id.0 as usize);
        self[query].newest = attempt.previous;
        self[query].attempts -= 1;
        let fingerprint = self.fingerprint_of(&attempt);
        if self.index.get(&fingerprint) == Some(&id) {
            // Without a token, the attempts of a query share one entry in the index.
            let before = attempt
                .previous
                .filter(|before| self.fingerprint_of(&self.attempts[before.0 as usize]) == fingerprint);
            match before {
                Some(before) => self.index.insert(fingerprint, before),
                None => self.index.remove(&fingerprint),
            };
        }
        true
    }

    /// Returns the fingerprint of an attempt in the index.
    fn fingerprint_of(&self, attempt: &Transmission) -> u64 {
        let to = self[attempt.query].destination(attempt.number.get());
        self.fingerprint(to, attempt.token)
    }

    /// Removes the newest attempt of `query` from the map of those that replies without a token match. An earlier one of
    /// the same query to the same address takes its place.
    fn forget_without_token(&mut self, query: QueryId, newest: AttemptId) {
        if self.without_token.is_none() {
            return;
        }
        let Transmission { number, previous, .. } = self.attempts[newest.0 as usize];
        let number = number.get();
        let target = self[query].destination(number);
        let before = previous.filter(|_| number > 1 && self[query].destination(number - 1) == target);
        let address = self.address_fingerprint(target, Token::NONE);
        if let Some(attempts) = self.without_token.as_mut().filter(|map| map.get(&address) == Some(&newest)) {
            match before {
                Some(before) => attempts.insert(address, before),
                None => attempts.remove(&address),
            };
        }
    }

    /// Finds the attempt that was sent to `from` with `token` over this transport. If the token is enough, also finds one
    /// that was sent to another address.
    pub fn find(&self, from: SocketAddr, token: Token, transport: Transport) -> Option<Hit> {
        let fingerprint = self.fingerprint(from, token);
        let by_address = || self.without_token.as_ref().filter(|_| token == Token::NONE)?.get(&fingerprint);
        let id = *self.index.get(&fingerprint).or_else(by_address)?;
        let attempt = &self.attempts[id.0 as usize];
        let query = &self[attempt.query];
        let to = query.destination(attempt.number.get());
        let is_foreign = to.ip() != from.ip() || to.port() != from.port();
        let fits = !is_foreign || (self.by_token_alone && token != Token::NONE);
        let matches = attempt.token == token || (token == Token::NONE && self.without_token.is_some());
        (fits && matches && query.transport == transport).then_some(Hit {
            query: attempt.query,
            attempt: attempt.number.get(),
            sent: attempt.sent,
            sent_by: attempt.sent_by,
            token: attempt.token,
            is_foreign,
            has_token: token != Token::NONE,
        })
    }

    /// Returns a token that matches no other attempt in the table.
    fn free_token(
        &self,
        query: QueryId,
        number: u32,
        bits: u32,
        prefix: u64,
    ) -> Result<(Token, u64), AddressBusy> {
        let Query { target, conversation, step, .. } = self[query];
        let mask = u64::MAX >> (64 - bits.clamp(1, 64));
        for salt in 0..TOKENS_TRIED {
            let attempt = u64::from(step) << 32 | u64::from(number);
            let random = self.hash([conversation, attempt, salt]) & mask;
            let token = Token(prefix.checked_shl(bits).unwrap_or(0) | random);
            let fingerprint = self.fingerprint(target, token);
            if random != 0 && !self.index.contains_key(&fingerprint) {
                return Ok((token, fingerprint));
            }
        }
        Err(AddressBusy)
    }

    /// Returns the fingerprint of the address alone, unless a reply to another query could be taken for this one's.
    fn free_address(&self, query: QueryId, proof: Proof) -> Result<u64, AddressBusy> {
        let Query { target, conversation, .. } = self[query];
        let fingerprint = self.fingerprint(target, Token::NONE);
        let is_free = self.holder(fingerprint).is_none_or(|holder| {
            let is_earlier_step = self[holder].open().is_none() && self[holder].conversation == conversation;
            holder == query || self[holder].is_over() || (proof == Proof::Content && is_earlier_step)
        });
        if is_free { Ok(fingerprint) } else { Err(AddressBusy) }
    }

    /// Returns the query whose attempt has this fingerprint in the index.
    fn holder(&self, fingerprint: u64) -> Option<QueryId> {
        self.index.get(&fingerprint).map(|id| self.attempts[id.0 as usize].query)
    }

    fn fingerprint(&self, address: SocketAddr, token: Token) -> u64 {
        match self.by_token_alone && token != Token::NONE {
            true => self.hash([token.0]),
            false => self.address_fingerprint(address, token),
        }
    }

    fn address_fingerprint(&self, address: SocketAddr, token: Token) -> u64 {
        let port = u64::from(address.port());
        match address.ip() {
            IpAddr::V4(v4) => self.hash([u64::from(v4.to_bits()) << 16 | port, token.0]),
            IpAddr::V6(v6) => {
                let bits = v6.to_bits();
                self.hash([(bits >> 64) as u64, bits as u64, port, token.0])
            }
        }
    }

    /// Returns the keyed hash of some numbers. Inputs of different kinds have different lengths, so they never collide
    /// by construction.
    fn hash<const N: usize>(&self, numbers: [u64; N]) -> u64 {
        let bytes = numbers.map(u64::to_le_bytes);
        SipHasher13::new_with_key(&self.key).hash(bytes.as_flattened())
    }
}

/// Returns a query by its ID. Panics if there is none. IDs come only from `find`, `open`, `insert` and valid places,
/// never from outside.
impl<C, T> Index<QueryId> for InFlight<C, T> {
    type Output = Query<C, T>;

    fn index(&self, query: QueryId) -> &Query<C, T> {
        &self.queries[query.0 as usize]
    }
}

impl<C, T> IndexMut<QueryId> for InFlight<C, T> {
    fn index_mut(&mut self, query: QueryId) -> &mut Query<C, T> {
        &mut self.queries[query.0 as usize]
    }
}

/// Passes a fingerprint through: it is already a keyed hash.
#[derive(Default)]
pub struct AlreadyHashed(u64);

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
    use super::super::query::{Continued, Phase};
    use super::super::ring::Priority;
    use super::*;

    const TOKEN: Proof = Proof::Token { bits: 64 };

    fn host(last: u8) -> SocketAddr {
        SocketAddr::from(([127, 1, 0, last], 27960))
    }

    fn in_flight() -> InFlight<(), ()> {
        InFlight::new([7; 16], ForeignSource::Unmatched, false, Duration::ZERO)
    }

    fn insert(table: &mut InFlight<(), ()>, continues: Option<Continued>) -> QueryId {
        let priority = Priority::Opening;
        let new = NewQuery { target: host(1), conversation: (), tag: (), priority, continues };
        table.insert(new, Transport::Datagram, 832)
    }

    fn end(table: &mut InFlight<(), ()>, query: QueryId, accounted: u32) {
        table[query].phase = Phase::Ended { answered: true };
        table[query].accounted = accounted;
    }

    #[test]
    fn an_answer_finds_the_attempt_it_answers() {
        let mut flight = in_flight();
        let query = insert(&mut flight, None);
        let first = flight.add_attempt(query, TOKEN, 0, Time::from_millis(1)).unwrap();
        let second = flight.add_attempt(query, TOKEN, 0, Time::from_millis(2)).unwrap();
        assert_ne!(first, second);
        for (token, number) in [(first, 1), (second, 2)] {
            let hit = flight.find(host(1), token, Transport::Datagram).unwrap();
            assert_eq!((hit.query, hit.attempt, hit.sent), (query, number, Time::from_millis(number.into())));
        }
    }

    #[test]
    fn neither_another_source_nor_another_token_finds_it() {
        let mut flight = in_flight();
        let query = insert(&mut flight, None);
        let token = flight.add_attempt(query, TOKEN, 0, Time::ZERO).unwrap();
        assert!(flight.find(host(2), token, Transport::Datagram).is_none());
        assert!(flight.find(SocketAddr::new(host(1).ip(), 1), token, Transport::Datagram).is_none());
        assert!(flight.find(host(1), Token(token.0 ^ 1), Transport::Datagram).is_none());
        assert!(flight.find(host(1), Token::NONE, Transport::Datagram).is_none());
    }

    #[test]
    fn where_a_token_is_enough_another_source_is_reported() {
        let mut flight = InFlight::new([7; 16], ForeignSource::Reported, false, Duration::ZERO);
        let query = insert(&mut flight, None);
        let token = flight.add_attempt(query, Proof::Token { bits: 31 }, 0, Time::ZERO).unwrap();
        let hit = |from, token| {
            flight.find(from, token, Transport::Datagram).map(|hit| (hit.query, hit.is_foreign))
        };
        assert_eq!(hit(host(1), token), Some((query, false)));
        assert_eq!(hit(host(2), token), Some((query, true)));
        assert_eq!(hit(host(1), Token(token.0 ^ 1)), None);
        assert_eq!(hit(host(1), Token::NONE), None);
    }

    #[test]
    fn short_tokens_are_never_shared_at_one_address() {
        let mut flight = in_flight();
        let mut seen = std::collections::HashSet::new();
        let mut busy = 0;
        for _ in 0..300 {
            let query = insert(&mut flight, None);
            match flight.add_attempt(query, Proof::Token { bits: 8 }, 0, Time::ZERO) {
                Ok(token) => assert!((1..256).contains(&token.0) && seen.insert(token.0)),
                Err(AddressBusy) => busy += 1,
            }
        }
        assert!(busy >= 45, "there are only 255 tokens of 8 bits");
    }

    #[test]
    fn with_the_address_alone_one_query_at_a_time_is_in_flight() {
        let mut flight = in_flight();
        let (first, second) = (insert(&mut flight, None), insert(&mut flight, None));
        flight.add_attempt(first, Proof::Address, 0, Time::ZERO).unwrap();
        assert_eq!(flight.add_attempt(second, Proof::Address, 0, Time::ZERO), Err(AddressBusy));
        flight.add_attempt(first, Proof::Address, 0, Time::from_millis(1)).expect("its own retry");

        end(&mut flight, first, 1);
        let early = flight.add_attempt(second, Proof::Address, 0, Time::from_millis(2));
        assert_eq!(early, Err(AddressBusy), "the other attempt may still be answered");
        flight[first].accounted = 2;
        flight.add_attempt(second, Proof::Address, 0, Time::from_millis(2)).expect("the first one has ended");
        flight.remove(first);
        assert_eq!(flight.find(host(1), Token::NONE, Transport::Datagram).unwrap().query, second);
    }

    #[test]
    fn with_content_the_next_step_does_not_wait_for_earlier_replies() {
        let mut flight = in_flight();
        let first = insert(&mut flight, None);
        flight.add_attempt(first, Proof::Content, 0, Time::ZERO).unwrap();
        flight.add_attempt(first, Proof::Content, 0, Time::from_millis(1)).unwrap();
        end(&mut flight, first, 1);
        let carried = flight[first].unaccounted();
        let continued = Continued { conversation: flight[first].conversation, step: 1, carried };
        let (next, other) = (insert(&mut flight, Some(continued)), insert(&mut flight, None));
        assert_eq!(flight.add_attempt(other, Proof::Content, 0, Time::ZERO), Err(AddressBusy));
        flight.add_attempt(next, Proof::Content, 0, Time::from_millis(2)).expect("its own next step");
        end(&mut flight, next, 1);
        let early = flight.add_attempt(other, Proof::Content, 0, Time::from_millis(3));
        assert_eq!(early, Err(AddressBusy), "the first step's other attempt may still be answered");
        flight[next].carried = 0;
        flight.add_attempt(other, Proof::Content, 0, Time::from_millis(3)).expect("nothing is in flight");
    }

    #[test]
    fn a_reply_to_an_attempt_before_a_move_is_still_found() {
        let mut flight = in_flight();
        let query = insert(&mut flight, None);
        let first = flight.add_attempt(query, TOKEN, 0, Time::ZERO).unwrap();
        flight[query].move_to(host(2));
        let second = flight.add_attempt(query, TOKEN, 0, Time::ZERO).unwrap();
        let found = |from, token| flight.find(from, token, Transport::Datagram).map(|hit| hit.attempt);
        assert_eq!((found(host(1), first), found(host(2), second)), (Some(1), Some(2)));
        assert_eq!((found(host(2), first), found(host(1), second)), (None, None));
    }

    #[test]
    fn a_reply_without_a_token_matches_the_latest_attempt_at_its_source_if_the_protocol_takes_it() {
        let mut flight: InFlight<(), ()> =
            InFlight::new([7; 16], ForeignSource::Unmatched, true, Duration::ZERO);
        let query = insert(&mut flight, None);
        let token = flight.add_attempt(query, TOKEN, 0, Time::ZERO).unwrap();
        let found = |flight: &InFlight<(), ()>, from, token| {
            flight.find(from, token, Transport::Datagram).map(|hit| (hit.query, hit.attempt, hit.has_token))
        };
        assert_eq!(found(&flight, host(1), token), Some((query, 1, true)));
        assert_eq!(found(&flight, host(1), Token::NONE), Some((query, 1, false)));
        assert_eq!(found(&flight, host(2), Token::NONE), None);
        assert_eq!(found(&flight, host(1), Token(token.0 ^ 1)), None, "a wrong token is no missing one");
        flight.add_attempt(query, TOKEN, 0, Time::ZERO).unwrap();
        assert_eq!(found(&flight, host(1), Token::NONE), Some((query, 2, false)));
        flight.remove_newest_attempt(query);
        assert_eq!(found(&flight, host(1), Token::NONE), Some((query, 1, false)));
        flight.remove(query);
        assert!(flight.find(host(1), Token::NONE, Transport::Datagram).is_none());
        assert!(flight.without_token.is_some_and(|attempts| attempts.is_empty()));
    }

    #[test]
    fn a_removed_query_leaves_nothing_behind() {
        let mut flight = in_flight();
        let query = insert(&mut flight, None);
        let token = flight.add_attempt(query, TOKEN, 0, Time::ZERO).unwrap();
        flight.add_attempt(query, TOKEN, 0, Time::ZERO).unwrap();
        flight.remove(query);
        assert!(flight.find(host(1), token, Transport::Datagram).is_none());
        assert!(flight.index.is_empty() && flight.attempts.is_empty() && flight.queries.is_empty());
    }
}
