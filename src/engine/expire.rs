//! Expiry of deadlines: retries, timeouts, and ends.

use super::query::{Phase, QueryId, State};
use super::timeouts::Wait;
use super::{Engine, Outcome, Protocol, Quiet, Time, Transmit, Transport};

/// Maximum deadlines of each kind handled in one call, so that each step of a turn is bounded.
const DUE_AT_ONCE: usize = 1024;

impl<P: Protocol, T> Engine<P, T> {
    /// Handles the deadlines due by `now`, at most 1,024 of each kind per call: queries that waited for a limit return to
    /// the ring; those that waited for a reply are retried, or end.
    pub fn handle_timeout(&mut self, now: Time) {
        for _ in 0..DUE_AT_ONCE {
            let Some(place) = self.deadlines.pop_due(now) else { break };
            match self.in_flight.at(place).map(|(_, open)| open.state) {
                Some(State::HeldBack) => self.enqueue(place.query),
                Some(State::Sent) => self.expire(now, place.query),
                Some(State::Queued | State::Fading) | None => {}
            }
        }
        self.end_fading(now);
        self.window.release(now);
        self.forget_lingering(now);
        self.check_counts();
    }

    /// Handles the failure of the connection that a request was given to, if it still waits for its reply: the query is
    /// retried at once, or ends as malformed, for this reason.
    pub fn handle_stream_failure(&mut self, now: Time, transmit: Transmit, reason: &'static str) {
        let id = transmit.place.query;
        if !self.awaits_reply(&transmit) {
            return;
        }
        if let Some(open) = self.in_flight[id].open_mut() {
            open.rare_mut().broken = Some(reason);
        }
        self.expire(now, id);
        self.check_counts();
    }

    /// Returns whether the query of a request still waits for the reply to it.
    pub fn awaits_reply(&self, transmit: &Transmit) -> bool {
        self.in_flight.at(transmit.place).is_some_and(|(_, open)| open.state == State::Sent)
    }

    /// Records that by `now` the kernel has dropped datagrams because our receive buffer was full. Each may have been
    /// the reply to any attempt in flight, so these attempts do not count as tries if they time out.
    pub fn handle_local_drops(&mut self, now: Time) {
        self.last_local_drop = self.last_local_drop.max(Some(now));
    }

    /// Gives each query in flight the timeout of a last attempt, if that is longer than its own.
    pub(super) fn use_final_timeouts(&mut self) {
        let waiting = self
            .in_flight
            .open()
            .filter(|(_, _, open)| open.state == State::Sent && open.partial().is_none());
        let ids: Vec<QueryId> = waiting.map(|(id, _, _)| id).collect();
        for id in ids {
            let Some(sent) = self.in_flight.last_sent(id) else { continue };
            let query = &self.in_flight[id];
            let elapsed = sent - query.first_sent;
            let wait = |is_last| {
                let wait = Wait { attempt: query.tries(), is_last, elapsed, jitter: u64::MAX };
                self.timeouts.wait(query.target.ip(), &wait)
            };
            let until = sent + wait(false).max(wait(true));
            self.wait_until(id, State::Sent, until);
        }
    }

    /// Handles the timeout of an attempt: the query is retried, or ends.
    pub(super) fn expire(&mut self, now: Time, id: QueryId) {
        let is_fading = self.in_flight[id].open().is_some_and(|open| open.state == State::Fading);
        let lost_here = !is_fading && self.may_be_lost_here(id);
        let query = &mut self.in_flight[id];
        let attempts = query.attempts;
        if let (true, Some(open)) = (lost_here, query.open_mut()) {
            let rare = open.rare_mut();
            rare.forgiven += 1;
            rare.last_forgiven = attempts;
        }
        let tries_left = self.timeouts.tries_left(query.tries());
        let may_retry = if self.stopped || is_fading { 0 } else { tries_left };
        let Phase::Open(open) = &mut query.phase else { return };
        open.forget_failing_send();
        if !is_fading && open.partial().is_none() && query.transport == Transport::Datagram {
            self.window.learn_silence();
        }
        if let Some(arrival) = open.partial()
            && let Quiet::Done(answer) = self.protocol.quiet(&mut open.conversation, may_retry)
        {
            self.complete(now, id, Outcome::Answered(answer), Some(arrival));
        } else if may_retry > 0 {
            self.retry(id);
        } else {
            let (broken, hint) = open.rare().map_or((None, None), |rare| (rare.broken, rare.hint));
            let outcome = match (broken, hint) {
                _ if tries_left > 0 => Outcome::Interrupted,
                (Some(reason), _) => Outcome::Malformed(reason),
                _ if open.partial().is_some() => Outcome::Malformed("the rest of the answer never arrived"),
                (None, Some(report)) => Outcome::Unreachable(report),
                (None, None) => Outcome::Silent,
            };
            if !is_fading && self.may_fade(now, id) {
                self.fade(now, id);
            } else {
                self.complete(now, id, outcome, None);
            }
        }
    }

    /// Returns whether a query that timed out may still be answered late. Without a token, a late reply would prove
    /// too little, and its address has to stay blocked.
    fn may_fade(&self, now: Time, id: QueryId) -> bool {
        let others = self.counts.open() - self.counts.of(State::Fading) - 1;
        let is_awaited = others > 0 || self.slowest_reply(id) > now;
        self.config.accept_late && !self.stopped && is_awaited && self.in_flight.has_token(id)
    }

    /// Returns when even a slow host's reply to a query's last attempt should have arrived.
    fn slowest_reply(&self, id: QueryId) -> Time {
        self.in_flight.last_sent(id).unwrap_or_default() + self.timeouts.slowest()
    }

    /// Stops counting a query as in flight. It ends when `linger` has passed, or when no other query is open and even
    /// the slowest hosts should have replied.
    fn fade(&mut self, now: Time, id: QueryId) {
        self.leave_window(now, id, None);
        let query = &mut self.in_flight[id];
        let (target, transport) = (query.target, query.transport);
        if query.open_mut().is_some_and(|open| std::mem::take(&mut open.has_slot)) {
            self.hosts.release_slot(target, transport);
            self.wake_one(target, transport);
        }
        let place = self.place(id, State::Fading);
        self.fading.push_back((now + self.config.linger, place));
        self.last_faded = now;
        self.last_faded_sent = self.last_faded_sent.max(self.in_flight.last_sent(id).unwrap_or_default());
    }

    /// Returns the time until which fading queries wait for the slowest hosts, even if no other query is open.
    pub(super) fn fading_until(&self) -> Time {
        self.last_faded.max(self.last_faded_sent + self.timeouts.slowest())
    }

    /// Returns whether all open queries are fading.
    pub(super) fn only_fading(&self) -> bool {
        let fading = self.counts.of(State::Fading);
        fading > 0 && fading == self.counts.open()
    }

    /// Ends the fading queries whose time is over, and the oldest ones if there are more than ring and window ever held.
    fn end_fading(&mut self, now: Time) {
        let most = self.config.ring.saturating_add(self.ledger.max_in_flight as usize);
        for _ in 0..DUE_AT_ONCE {
            let Some(&(until, place)) = self.fading.front() else { break };
            let is_over = self.only_fading() && self.fading_until() <= now;
            if until > now && !is_over && self.fading.len() <= most {
                break;
            }
            self.fading.pop_front();
            if self.in_flight.at(place).is_some() {
                self.expire(now, place.query);
            }
        }
    }

    /// Puts a query into the ring for another attempt, at the address that the protocol chooses.
    fn retry(&mut self, id: QueryId) {
        if let Some(open) = self.in_flight[id].open_mut() {
            open.deferred = false;
        }
        self.choose_address(id);
        self.enqueue(id);
    }

    /// Lets the protocol choose the address of a query's next attempt. Returns whether it is another one.
    pub(super) fn choose_address(&mut self, id: QueryId) -> bool {
        let query = &mut self.in_flight[id];
        let attempts = query.attempts;
        let Phase::Open(open) = &mut query.phase else { return false };
        let chosen = self.protocol.retry(&mut open.conversation, attempts);
        let Some(target) = chosen.filter(|target| *target != query.target) else { return false };
        let had_slot = std::mem::take(&mut open.has_slot);
        let (before, transport) = (query.target, query.transport);
        query.move_to(target);
        if had_slot {
            self.hosts.release_slot(before, transport);
            self.wake_one(before, transport);
        }
        true
    }

    /// Returns whether the reply to a query's last attempt may have been dropped in our own receive buffer. An attempt
    /// is forgiven once, even if it times out twice.
    fn may_be_lost_here(&self, id: QueryId) -> bool {
        let query = &self.in_flight[id];
        let sent_before = |drop| self.in_flight.last_sent(id).is_some_and(|sent| sent <= drop);
        let Some(open) = query.open().filter(|_| self.config.forgive_local_drops) else { return false };
        open.rare()
            .is_none_or(|rare| rare.forgiven < self.config.tries && rare.last_forgiven < query.attempts)
            && self.last_local_drop.is_some_and(sent_before)
    }
}
