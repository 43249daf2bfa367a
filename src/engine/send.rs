//! Sending: ring → limits → window → wire.

use std::net::SocketAddr;
use std::time::Duration;

use super::deadlines::Place;
use super::query::{FailingSend, Phase, Query, QueryId, State};
use super::ring::Priority;
use super::timeouts::Wait;
use super::{Attempt, Engine, Outcome, Protocol, Time, Transmit, Transport};

/// The delay before a failed send is retried for the first time.
const SEND_RETRY: Duration = Duration::from_millis(50);
/// The number of times that this delay doubles: up to 800 ms.
const SEND_RETRY_DOUBLINGS: u32 = 4;

/// The reason why a query cannot be sent now.
enum Held {
    /// A limit forbids it until this time.
    Until(Time),
    /// Another query to the same host has to end first.
    ByHost,
}

impl<P: Protocol, T> Engine<P, T> {
    /// Appends the next request that may be sent now to `out`. Returns `None` if no request may be sent.
    #[must_use = "the engine counts it as sent"]
    pub fn poll_transmit(&mut self, now: Time, out: &mut Vec<u8>) -> Option<Transmit> {
        while !self.held && self.pacer.ready(now) {
            let query = self.next_to_send(now)?.query;
            match self.send(now, query, out) {
                Ok(transmit) => return Some(transmit),
                Err(Held::Until(later)) => drop(self.wait_until(query, State::HeldBack, later)),
                Err(Held::ByHost) => self.wait_for_host(query),
            }
        }
        None
    }

    /// Takes back a request that the kernel did not accept because its queue was full: it returns to the head of the
    /// ring, as if it had never been polled. After several, call this in reverse order.
    pub fn unsend(&mut self, now: Time, transmit: Transmit) {
        let query = transmit.place.query;
        if !self.take_back(transmit) {
            return;
        }
        if self.stopped {
            self.complete(now, query, Outcome::Interrupted, None);
            return;
        }
        self.pacer.give_back();
        let place = self.place(query, State::Queued);
        if let Some(open) = self.in_flight[query].open_mut() {
            self.ledger.deferred += u64::from(!std::mem::replace(&mut open.deferred, true));
            self.ring.push_front(open.priority, place);
        }
        self.check_counts();
    }

    /// Learns how much of the receive buffer datagrams really take: `measured` bytes, where `expected` were reserved
    /// ([`reply_cost`](super::reply_cost) of each). This can only make the window smaller.
    pub fn learn_reply_cost(&mut self, measured: u64, expected: u64) {
        self.window.learn(measured, expected);
    }

    /// Records that a request was sent between `from` and `by`, later than the time of `poll_transmit`, because this
    /// process was stopped in between. Its round trip and its deadline count from then.
    pub fn handle_slow_send(&mut self, transmit: Transmit, from: Time, by: Time) {
        if self.in_flight.at(transmit.place).is_some_and(|(_, open)| open.state == State::Sent) {
            self.in_flight.set_sent(transmit.place.query, from, by);
            self.wait_for_reply(transmit.place.query, by, 0);
        }
    }

    /// Takes back a request that this machine cannot send for a transient reason: no route, no address, a local
    /// firewall, no memory; `errno` is the operating system's error number. The query keeps its tries, and earlier
    /// attempts may still be answered. It is retried after 50 ms, and then after twice as long each time, up to 800 ms.
    /// After 5 seconds of failures it ends as send failed; with a fixed [`timeout`](super::Config::timeout), after the
    /// sum of the timeouts of all tries. If the protocol has [another address](Protocol::retries_elsewhere), the query
    /// goes there, at first without a delay.
    pub fn handle_transient_send_failure(&mut self, now: Time, transmit: Transmit, errno: i32) {
        let id = transmit.place.query;
        if !self.take_back(transmit) {
            return;
        }
        self.ledger.send_errors += 1;
        let max_delay = self.timeouts.max_send_delay();
        let Some(open) = self.in_flight[id].open_mut() else { return };
        let failing = open.rare_mut().failing.get_or_insert(FailingSend { since: now, count: 0 });
        failing.count += 1;
        let gap = SEND_RETRY * (1 << (failing.count - 1).min(SEND_RETRY_DOUBLINGS));
        let end = failing.since + max_delay;
        if self.stopped {
            self.complete(now, id, Outcome::Interrupted, None);
        } else if now < end {
            let is_first = failing.count == 1;
            if self.choose_address(id) && is_first {
                self.enqueue(id);
            } else {
                let place = self.wait_until(id, State::HeldBack, end.min(now + gap));
                self.expect_recovery(place);
            }
        } else {
            self.complete(now, id, Outcome::SendFailed(errno), None);
        }
        self.check_counts();
    }

    /// Records that packets can be sent again after an outage: all requests that were taken back move to the head of
    /// the ring, since they have waited longest.
    pub fn handle_send_recovery(&mut self) {
        while let Some(held) = self.held_by_system.pop_back() {
            let open = self.in_flight.at(held).map(|(_, open)| (open.state, open.priority));
            if let Some((State::HeldBack | State::Queued, priority)) = open {
                let place = self.place(held.query, State::Queued);
                self.ring.push_front(priority, place);
            }
        }
        self.check_counts();
    }

    /// Ends a query that this machine can never send to its address (`EINVAL`, `EAFNOSUPPORT`, `EMSGSIZE`): as send
    /// failed, with the operating system's error number. If the protocol has another address, this is like
    /// [a transient failure](Engine::handle_transient_send_failure).
    pub fn handle_send_failure(&mut self, now: Time, transmit: Transmit, errno: i32) {
        let open = self.in_flight.at(transmit.place).map(|(_, open)| open);
        if open.is_some_and(|open| self.protocol.retries_elsewhere(&open.conversation)) {
            return self.handle_transient_send_failure(now, transmit, errno);
        }
        if self.take_back(transmit) {
            self.complete(now, transmit.place.query, Outcome::SendFailed(errno), None);
        }
        self.check_counts();
    }

    /// Removes and returns the first query of the ring that fits the window.
    fn next_to_send(&mut self, now: Time) -> Option<Place> {
        self.window.release(now);
        // Once the window is closed, it stays closed for all later queries: a cheap query must not pass a costly one.
        let mut is_closed = false;
        for priority in [Priority::Continuation, Priority::Opening] {
            while let Some(place) = self.ring.first_aside(priority) {
                let query = self.in_flight.at(place);
                is_closed |= query.is_some_and(|(query, _)| !self.admits(query));
                if is_closed {
                    break;
                }
                let is_valid = query.is_some();
                self.ring.pop_aside(priority);
                if is_valid {
                    return Some(place);
                }
            }
            while let Some(place) = self.ring.pop(priority) {
                let Some((query, _)) = self.in_flight.at(place) else { continue };
                let is_retry = query.attempts > 0;
                is_closed |= !is_retry && !self.admits(query);
                if is_retry || !is_closed || query.transport == Transport::Stream {
                    return Some(place);
                }
                self.ring.set_aside(priority, place);
            }
        }
        None
    }

    /// Returns whether the window admits a query's first attempt.
    fn admits(&self, query: &Query<P::Conversation, T>) -> bool {
        query.transport == Transport::Stream || self.window.admits(query.reply_cost)
    }

    /// Returns how many queries of the ring could be sent if there were tokens. It may count some that have been
    /// answered.
    pub(super) fn sendable(&self) -> usize {
        if self.held {
            return 0;
        }
        let admitted = self
            .ring
            .first_awaiting_window()
            .is_some_and(|place| self.in_flight.at(place).is_none_or(|(query, _)| self.admits(query)));
        self.ring.queued() + usize::from(admitted)
    }

    /// Writes another attempt of a query, and counts it.
    fn send(&mut self, now: Time, id: QueryId, out: &mut Vec<u8>) -> Result<Transmit, Held> {
        let (target, gap) = self.check_limits(now, id)?;
        let charge = self.charge_for_next_attempt(id, now)?;
        let Phase::Open(open) = &self.in_flight[id].phase else { return Err(Held::ByHost) };
        let proof = self.protocol.proof(&open.conversation);
        let prefix = self.protocol.token_prefix(&open.conversation);
        let may_share = self.protocol.is_bulk(&open.conversation);
        let token = self.in_flight.add_attempt(id, proof, prefix, now).map_err(|_| Held::ByHost)?;

        if self.in_flight[id].attempts == 1 && self.window.lanes() > 1 {
            let number = self.in_flight.random_number(id);
            self.in_flight[id].lane = self.window.lane_for(charge, number);
        }

        let query = &mut self.in_flight[id];
        let (attempts, transport, lane) = (query.attempts, query.transport, query.lane);
        query.charged += charge;
        let bulk = attempts == 1 && may_share;
        let start = out.len();
        if let Phase::Open(open) = &mut query.phase {
            open.promised = false;
            if !std::mem::replace(&mut open.has_slot, true) {
                self.hosts.take_slot(target, transport);
            }
            let attempt = Attempt { token, number: attempts, at: now };
            self.protocol.write_request(&mut open.conversation, attempt, out);
        }
        if attempts == 1 {
            query.first_sent = now;
            self.window.enter(lane, charge);
            self.ledger.max_in_flight = self.ledger.max_in_flight.max(self.window.in_flight().into());
        } else {
            self.ledger.retransmissions += 1;
            self.ledger.asked_again += u64::from(query.repeats_forgiven(attempts));
            self.window.extend(lane, charge);
        }
        *self.ledger.sent_mut(transport) += 1;
        self.pacer.take(now);
        self.limits.take(target, gap, now);

        let place = self.wait_for_reply(id, now, token.0);
        Ok(Transmit { to: target, len: out.len() - start, transport, lane, bulk, place })
    }

    /// Checks the limits of a query's host and prefix. Returns its target and the host's gap.
    fn check_limits(&mut self, now: Time, id: QueryId) -> Result<(SocketAddr, Duration), Held> {
        if !self.finds_slot(id) {
            return Err(Held::ByHost);
        }
        let (target, gap) = self.target_and_gap(id);
        let Some(open) = self.in_flight[id].open_mut() else { return Err(Held::ByHost) };
        let promised = std::mem::replace(&mut open.promised, true);
        self.limits.check(target, gap, now, promised).map_err(Held::Until)?;
        Ok((target, gap))
    }

    /// Returns whether a query's host may have it in flight. If it may not, the protocol may choose another host.
    fn finds_slot(&mut self, id: QueryId) -> bool {
        let query = &mut self.in_flight[id];
        let (target, transport, is_first) = (query.target, query.transport, query.attempts == 0);
        let Phase::Open(open) = &mut query.phase else { return false };
        if open.has_slot || self.hosts.has_slot(target, transport) {
            return true;
        }
        let other = is_first.then(|| self.protocol.while_host_is_busy(&mut open.conversation)).flatten();
        let Some(other) = other else { return false };
        query.move_to(other);
        self.hosts.has_slot(other, transport)
    }

    /// Returns the window's charge for a query's next attempt. The query is held back if the previous attempt may still
    /// be answered and there is no credit for both.
    fn charge_for_next_attempt(&self, id: QueryId, now: Time) -> Result<u32, Held> {
        let query = &self.in_flight[id];
        if query.transport == Transport::Stream {
            return Ok(0);
        }
        let cost = self.window.reserve(query.reply_cost);
        let Some(sent) = self.in_flight.last_sent(id) else { return Ok(cost) };
        let overdue = sent + self.timeouts.rto(query.target.ip());
        // A retry that was taken back and is sent again is already charged for.
        let is_paid = query.charged >= cost.saturating_mul(query.attempts + 1);
        match overdue <= now || is_paid {
            true => Ok(0),
            false if self.window.has_credit(query.lane, cost) => Ok(cost),
            false => Err(Held::Until(overdue)),
        }
    }

    fn wait_for_reply(&mut self, id: QueryId, sent: Time, jitter: u64) -> Place {
        let query = &self.in_flight[id];
        let wait = Wait {
            attempt: query.tries(),
            is_last: self.timeouts.tries_left(query.tries()) == 0,
            elapsed: sent - query.first_sent,
            jitter,
        };
        let timeout = match query.transport {
            Transport::Datagram => self.timeouts.wait(query.target.ip(), &wait),
            Transport::Stream => self.timeouts.stream_wait(),
        };
        self.wait_until(id, State::Sent, sent + timeout)
    }

    /// Undoes `send`, except for the pacer's token. Returns false if the query has changed since.
    fn take_back(&mut self, transmit: Transmit) -> bool {
        let id = transmit.place.query;
        if self.in_flight.at(transmit.place).is_none_or(|(_, open)| open.state != State::Sent) {
            return false;
        }
        let (target, gap) = self.target_and_gap(id);
        self.limits.give_back(target, gap);
        self.in_flight.remove_newest_attempt(id);
        *self.ledger.sent_mut(transmit.transport) -= 1;
        self.set_state(id, State::Queued);
        let query = &mut self.in_flight[id];
        let is_first = query.attempts == 0;
        if let Phase::Open(open) = &mut query.phase
            && is_first
            && std::mem::take(&mut open.has_slot)
        {
            self.hosts.release_slot(target, transmit.transport);
        }
        if is_first {
            self.window.leave(query.lane, std::mem::take(&mut query.charged), None);
        } else {
            self.ledger.retransmissions -= 1;
            self.ledger.asked_again -= u64::from(query.repeats_forgiven(query.attempts + 1));
        }
        true
    }

    fn target_and_gap(&self, id: QueryId) -> (SocketAddr, Duration) {
        let query = &self.in_flight[id];
        let protocols = || query.open().map(|open| self.protocol.host_gap(&open.conversation));
        (query.target, self.config.host_gap.or_else(protocols).unwrap_or_default())
    }
}
