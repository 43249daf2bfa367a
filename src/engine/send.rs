//! The way out: ring → limits → window → wire.

use std::net::SocketAddr;
use std::time::Duration;

use super::deadlines::Place;
use super::flight::State;
use super::patience::Wait;
use super::ring::Line;
use super::{Engine, Outcome, Protocol, Time, Transmit};

/// How long a query waits whose address is taken by another one; only without tokens, or with very
/// short ones.
const ADDRESS_BUSY: Duration = Duration::from_millis(20);

impl<P: Protocol> Engine<P> {
    /// The next request that may leave now, appended to `out`; `None` when nothing may.
    pub fn poll_transmit(&mut self, now: Time, out: &mut Vec<u8>) -> Option<Transmit> {
        while !self.held && self.pacer.ready(now) {
            let query = self.next_to_send(now)?.query;
            match self.send(now, query, out) {
                Ok(transmit) => return Some(transmit),
                Err(later) => {
                    self.wait_until(query, State::HeldBack, later);
                }
            }
        }
        None
    }

    /// The kernel did not take this request, as its queue was full: it returns to the head of the
    /// ring, as if it had never been polled. After several, call this in reverse order.
    pub fn unsend(&mut self, now: Time, transmit: Transmit) {
        if !self.take_back(transmit) {
            return;
        }
        let query = transmit.place.query;
        if self.stopped {
            self.conclude(now, query, Outcome::Interrupted, None);
            return;
        }
        self.ledger.deferred += 1;
        self.pacer.give_back();
        let place = self.place(query, State::Queued);
        self.ring.push_front(self.flight[place.query].line, place);
    }

    /// Learns what datagrams really take of the receive buffer: `measured` bytes, where `expected` were
    /// reckoned with ([`reply_cost`](super::reply_cost) of each). Only ever makes the window more careful.
    pub fn learn_reply_cost(&mut self, measured: u64, expected: u64) {
        self.window.learn(measured, expected);
    }

    /// This request left between `from` and `by`, later than at the time of `poll_transmit`: this process
    /// was stopped in between. Its answer's round trip and its deadline are reckoned with that.
    pub fn handle_slow_send(&mut self, transmit: Transmit, from: Time, by: Time) {
        if self.flight.at(transmit.place).is_some_and(|query| query.state == State::Sent) {
            self.flight.set_sent(transmit.place.query, from, by);
            self.wait_for_answer(transmit.place.query, by, 0);
        }
    }

    /// This machine cannot send to that address, whatever becomes of the rest of the batch (`EINVAL`,
    /// `ENETUNREACH`, `EACCES`, `EPERM`): the query ends as send failed, with the error number.
    pub fn handle_send_failure(&mut self, now: Time, transmit: Transmit, errno: i32) {
        if self.take_back(transmit) {
            self.conclude(now, transmit.place.query, Outcome::SendFailed(errno), None);
        }
    }

    /// The first in the ring whose request fits the window.
    fn next_to_send(&mut self, now: Time) -> Option<Place> {
        self.window.release(now);
        // Not even for a cheap one that would pass a costly one.
        let mut is_closed = false;
        for line in [Line::Next, Line::First] {
            while let Some(place) = self.ring.first_aside(line) {
                let query = self.flight.at(place);
                is_closed |= query.is_some_and(|query| !self.window.admits(query.reply_cost));
                if is_closed {
                    break;
                }
                let is_valid = query.is_some();
                self.ring.pop_aside(line);
                if is_valid {
                    return Some(place);
                }
            }
            while let Some(place) = self.ring.pop(line) {
                let Some(query) = self.flight.at(place) else { continue };
                let is_retry = query.attempts > 0;
                is_closed |= !is_retry && !self.window.admits(query.reply_cost);
                if is_retry || !is_closed {
                    return Some(place);
                }
                self.ring.step_aside(line, place);
            }
        }
        None
    }

    /// How many in the ring could be sent if there were tokens; may count some that were answered.
    pub(super) fn sendable(&self) -> usize {
        if self.held {
            return 0;
        }
        let admitted = self.ring.awaits_window().is_some_and(|place| {
            self.flight.at(place).is_none_or(|query| self.window.admits(query.reply_cost))
        });
        self.ring.queued() + usize::from(admitted)
    }

    /// Writes one more attempt of a query, and books it.
    ///
    /// # Errors
    /// When to try again, if a limit or another query at this address stands in the way.
    fn send(&mut self, now: Time, key: u32, out: &mut Vec<u8>) -> Result<Transmit, Time> {
        let (target, gap) = self.target_and_gap(key);
        let promised = std::mem::replace(&mut self.flight[key].promised, true);
        self.limits.check(target, gap, now, promised)?;
        let charge = self.charge_for_next_attempt(key, now)?;
        let bits = self.flight[key].conversation.as_ref().map_or(0, |open| self.protocol.token_bits(open));
        let token = self.flight.add_attempt(key, bits, now).map_err(|_| now + ADDRESS_BUSY)?;

        let start = out.len();
        let query = &mut self.flight[key];
        query.promised = false;
        if let Some(conversation) = &query.conversation {
            self.protocol.write_request(conversation, token, now, out);
        }
        if query.attempts == 1 {
            query.first_sent = now;
            self.window.enter(charge);
            self.ledger.max_in_flight = self.ledger.max_in_flight.max(self.window.in_flight().into());
        } else {
            self.ledger.retransmissions += 1;
            self.window.extend(charge);
        }
        query.charged += charge;
        self.ledger.datagrams_sent += 1;
        self.unsent -= 1;
        self.pacer.take(now);
        self.limits.take(target, gap, now);

        let place = self.wait_for_answer(key, now, token.0);
        Ok(Transmit { to: target, len: out.len() - start, place })
    }

    /// What the window is charged for a query's next attempt.
    ///
    /// # Errors
    /// When to try again: the attempt before may still be answered, and there is no credit for both.
    fn charge_for_next_attempt(&self, key: u32, now: Time) -> Result<u32, Time> {
        let query = &self.flight[key];
        let cost = query.reply_cost;
        let Some(sent) = self.flight.last_sent(key) else { return Ok(cost) };
        let overdue = sent + self.patience.rto(query.target.ip());
        // A retry that is sent again after all has been charged for.
        let is_paid = query.charged >= cost.saturating_mul(query.attempts + 1);
        match overdue <= now || is_paid {
            true => Ok(0),
            false if self.window.has_credit(cost) => Ok(cost),
            false => Err(overdue),
        }
    }

    fn wait_for_answer(&mut self, key: u32, sent: Time, jitter: u64) -> Place {
        let query = &self.flight[key];
        let wait = Wait {
            attempt: query.tries(),
            is_last: self.patience.tries_left(query.tries()) == 0,
            elapsed: sent - query.first_sent,
            jitter,
        };
        self.wait_until(key, State::Sent, sent + self.patience.wait(query.target.ip(), &wait))
    }

    /// Undoes `send`, but for the pacer's token. False when the query has moved on since.
    fn take_back(&mut self, transmit: Transmit) -> bool {
        let key = transmit.place.query;
        if self.flight.at(transmit.place).is_none_or(|query| query.state != State::Sent) {
            return false;
        }
        let (target, gap) = self.target_and_gap(key);
        self.limits.give_back(target, gap);
        self.flight.remove_newest_attempt(key);
        self.ledger.datagrams_sent -= 1;
        self.unsent += 1;
        let query = &mut self.flight[key];
        query.state = State::Queued;
        if query.attempts == 0 {
            self.window.leave(std::mem::take(&mut query.charged), None);
        } else {
            self.ledger.retransmissions -= 1;
        }
        true
    }

    fn target_and_gap(&self, key: u32) -> (SocketAddr, Duration) {
        let query = &self.flight[key];
        let gap = query.conversation.as_ref().map_or(Duration::ZERO, |open| self.protocol.host_gap(open));
        (query.target, gap.max(self.config.host_gap))
    }
}
