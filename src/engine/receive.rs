//! Receiving: wire → table → protocol.

use std::net::SocketAddr;
use std::time::Duration;

use super::in_flight::Hit;
use super::query::{Arrival, Continued, KeptReply, NewQuery, Phase, State};
use super::ring::Priority;
use super::{
    Engine, ForeignSource, Outcome, Proof, Protocol, Reply, Step, Time, Token, Transport, Unreachable,
};

/// Maximum time from the first to the last datagram of an answer.
const PARTS_WITHIN: Duration = Duration::from_secs(10);

impl<P: Protocol, T> Engine<P, T> {
    /// Processes a datagram from `from` that arrived at `now`: it either advances its conversation, or is counted as
    /// late, duplicate, broken or unmatched. The conversation's next query goes into the ring, before all first
    /// queries.
    pub fn handle_datagram(&mut self, now: Time, from: SocketAddr, datagram: &[u8]) {
        self.handle_datagram_in(now, 0, from, datagram);
    }

    /// Processes a datagram that arrived at the socket with the number `lane`, like
    /// [`handle_datagram`](Engine::handle_datagram), which is for a single socket. A reply must arrive at the socket that its
    /// request was sent from.
    pub fn handle_datagram_in(&mut self, now: Time, lane: u16, from: SocketAddr, datagram: &[u8]) {
        self.ledger.datagrams_received += 1;
        self.handle_message(now, from, Transport::Datagram, lane, datagram);
    }

    /// Processes a message that a TCP connection to `from` delivered at `now`, like
    /// [`handle_datagram`](Engine::handle_datagram).
    pub fn handle_stream_message(&mut self, now: Time, from: SocketAddr, message: &[u8]) {
        self.ledger.stream_received += 1;
        self.handle_message(now, from, Transport::Stream, 0, message);
    }

    fn handle_message(
        &mut self,
        now: Time,
        from: SocketAddr,
        transport: Transport,
        lane: u16,
        message: &[u8],
    ) {
        let token = self.protocol.read_token(message).unwrap_or(Token::NONE);
        let hit = self.in_flight.find(from, token, transport);
        match hit.filter(|hit| transport == Transport::Stream || self.in_flight[hit.query].lane == lane) {
            Some(hit) if !hit.is_foreign || self.admit_foreign(&hit, from) => {
                self.handle_hit(now, from, message, &hit, token);
            }
            None if transport == Transport::Datagram && self.in_flight.is_copy(from, token, lane) => {
                self.ledger.duplicates += 1;
            }
            _ => self.ledger.unmatched += 1,
        }
        self.check_counts();
    }

    fn handle_hit(&mut self, now: Time, from: SocketAddr, datagram: &[u8], hit: &Hit, token: Token) {
        let query = &mut self.in_flight[hit.query];
        // Without a token, it is unknown which of several attempts was answered.
        let is_exact = token != Token::NONE || query.attempts == 1;
        let arrival = Arrival { at: now, attempt: hit.attempt, rtt: is_exact.then(|| hit.rtt(now)) };
        let Phase::Open(open) = &mut query.phase else {
            // Without the token, it proves nothing about an ended query whose requests had one.
            let proves_nothing = !hit.has_token && self.in_flight.has_token(hit.query);
            if proves_nothing {
                self.ledger.unmatched += 1;
            } else {
                self.count_after_the_end(hit, &arrival);
            }
            return;
        };
        let (rtt, &Hit { attempt, token, has_token, .. }) = (arrival.rtt, hit);
        let reply = Reply { from, at: now, rtt, attempt, token, has_token, bytes: datagram };
        let step = self.protocol.step(&mut open.conversation, &reply);
        if hit.has_token && !matches!(step, Step::NotMine) && open.forget_provisional() {
            self.ledger.replies -= 1;
            self.ledger.unmatched += 1;
        }
        if !matches!(step, Step::NotMine) {
            query.accounted += 1;
            if query.transport == Transport::Datagram {
                self.window.learn_size(datagram.len(), query.reply_cost);
            }
        }
        match step {
            Step::Done(answer) => {
                if !hit.is_foreign {
                    // Replies from foreign sources no longer matter.
                    open.forget_foreign_source();
                }
                self.count_reply(hit, arrival);
                self.complete(now, hit.query, Outcome::Answered(answer), Some(arrival));
            }
            Step::AskNext => self.ask_next(now, hit, arrival, None),
            Step::AskAt(target) => self.ask_next(now, hit, arrival, Some(target)),
            Step::More { quiet } => self.expect_more(now, hit, arrival, quiet),
            Step::Provisional => match open.keep_provisional(arrival) {
                KeptReply::First => self.ledger.replies += 1,
                KeptReply::Earlier => self.ledger.duplicates += 1,
                KeptReply::Better => self.ledger.unmatched += 1,
            },
            Step::NotMine if query.carried > 0 => {
                query.carried -= 1;
                self.ledger.duplicates += 1;
            }
            Step::NotMine => self.ledger.unmatched += 1,
            Step::Malformed(reason) if token != Token::NONE => {
                self.ledger.broken += 1;
                self.complete(now, hit.query, Outcome::Malformed(reason), Some(arrival));
            }
            Step::Malformed(reason) | Step::Unproven(reason) => {
                self.ledger.broken += 1;
                open.rare_mut().broken = Some(reason);
            }
        }
    }

    /// Records that a reply came from `from`, which is not the target. Returns whether it counts.
    fn admit_foreign(&mut self, hit: &Hit, from: SocketAddr) -> bool {
        if let Some(open) = self.in_flight[hit.query].open_mut() {
            open.rare_mut().foreign_source = Some(from);
        }
        self.protocol.foreign_source() == ForeignSource::Accepted
    }

    /// Processes an ICMP error that quotes `request`, which was not delivered to `to`. It concerns the query with the
    /// token in the request or, for a request without a token, the query at that address. (The driver passes on only
    /// errors that quote one of its own ports.)
    ///
    /// An error from the host itself, or from an unknown sender, ends the query as unreachable, or only the attempt if the
    /// protocol has [another address](Protocol::retries_elsewhere). An error from a router is
    /// a hint, since routes change (RFC 1122, section 3.2.2.1): the query continues, and ends as unreachable if no attempt
    /// is answered. An error that matches no query is ignored, since anyone can send one.
    pub fn handle_unreachable(&mut self, now: Time, to: SocketAddr, request: &[u8], report: Unreachable) {
        let token = self.protocol.read_request_token(request).unwrap_or(Token::NONE);
        let Some(hit) = self.in_flight.find(to, token, Transport::Datagram).filter(|hit| !hit.is_foreign)
        else {
            return;
        };
        let query = &mut self.in_flight[hit.query];
        let Phase::Open(open) = &mut query.phase else { return };
        query.accounted += 1;
        let is_hint = report.by.is_some_and(|by| by.to_canonical() != to.ip().to_canonical());
        let has_others = self.protocol.retries_elsewhere(&open.conversation);
        if is_hint || has_others {
            open.rare_mut().hint = Some(report);
            let is_awaited = open.state == State::Sent && hit.attempt == query.attempts;
            if !is_hint && is_awaited {
                self.expire(now, hit.query);
            }
        } else {
            let arrival = Arrival { at: now, attempt: hit.attempt, rtt: None };
            self.complete(now, hit.query, Outcome::Unreachable(report), Some(arrival));
        }
        self.check_counts();
    }

    fn count_after_the_end(&mut self, hit: &Hit, arrival: &Arrival) {
        let query = &mut self.in_flight[hit.query];
        query.accounted += 1;
        let is_over = query.is_over();
        let Phase::Ended { answered } = &mut query.phase else { return };
        if std::mem::replace(answered, true) {
            // It may be a copy, sent at any time, and tells nothing about the round trip.
            self.ledger.duplicates += 1;
        } else {
            self.ledger.late += 1;
            if let Some(rtt) = arrival.rtt.filter(|_| query.transport == Transport::Datagram) {
                self.timeouts.learn(query.destination(hit.attempt).ip(), rtt);
            }
        }
        if is_over {
            self.wake_for(hit.query);
        }
    }

    /// Counts a datagram that advanced its conversation, and learns its round trip if known; for an answer that spans
    /// several datagrams, that of the first one.
    fn count_reply(&mut self, hit: &Hit, arrival: Arrival) {
        self.ledger.replies += 1;
        let query = &self.in_flight[hit.query];
        let is_first = query.open().is_some_and(|open| open.partial().is_none());
        let is_typical = is_first && query.transport == Transport::Datagram;
        if let (true, Some(rtt)) = (is_typical, arrival.rtt) {
            self.timeouts.learn(query.destination(hit.attempt).ip(), rtt);
        }
    }

    /// Ends this query as answered, and puts the conversation's next one into the ring.
    fn ask_next(&mut self, now: Time, hit: &Hit, arrival: Arrival, new_target: Option<SocketAddr>) {
        self.count_reply(hit, arrival);
        let query = &self.in_flight[hit.query];
        let attempts = query.attempts;
        let target = new_target.unwrap_or(query.destination(hit.attempt));
        let (conversation, step, unaccounted) = (query.conversation, query.step + 1, query.unaccounted());
        let Some(open) = self.retire(now, hit.query, true, Some(arrival)) else { return };
        self.count_answered(attempts, arrival, open.state == State::Fading);
        // Replies to this query may still arrive, and the next step must not take them for its own.
        let is_by_content = self.protocol.proof(&open.conversation) == Proof::Content;
        let carried = if is_by_content && new_target.is_none() { unaccounted } else { 0 };
        let next = self.enqueue_new(NewQuery {
            target,
            conversation: open.conversation,
            tag: open.tag,
            priority: Priority::Continuation,
            continues: Some(Continued { conversation, step, carried }),
        });
        if self.stopped {
            self.complete(now, next, Outcome::Interrupted, None);
        }
    }

    /// Handles part of an answer. The query now waits for the rest instead of its deadline, but only for a limited
    /// time: otherwise a host that sends a part now and then could keep it open forever.
    fn expect_more(&mut self, now: Time, hit: &Hit, arrival: Arrival, quiet: Duration) {
        self.count_reply(hit, arrival);
        let Some(open) = self.in_flight[hit.query].open_mut() else { return };
        let first = open.rare_mut().partial.get_or_insert(arrival).at;
        let until = (now + quiet).min(first + PARTS_WITHIN);
        if open.state == State::Fading {
            let place = self.place(hit.query, State::Fading);
            self.fading.push_back((until, place));
        } else {
            self.wait_until(hit.query, State::Sent, until);
        }
    }
}
