//! Ending queries: every query ends exactly once, and is remembered for a while.

use super::query::{Arrival, Open, Phase, QueryId, State};
use super::{Completion, Engine, ForeignSource, Outcome, Proof, Protocol, Time, Transport};

impl<P: Protocol, T> Engine<P, T> {
    /// Ends a query, and its conversation with it. `arrival` is the reply, or the ICMP error, that ended it, if any. The
    /// conversation may still have an answer from earlier replies.
    pub(super) fn complete(
        &mut self,
        now: Time,
        id: QueryId,
        outcome: Outcome<P::Answer>,
        arrival: Option<Arrival>,
    ) {
        let query = &self.in_flight[id];
        let (attempts, target) = match arrival {
            Some(arrival) => (query.attempts, query.destination(arrival.attempt)),
            None => (query.attempts, query.target),
        };
        let answered = matches!(outcome, Outcome::Answered(_) | Outcome::Malformed(_)) && arrival.is_some();
        let Some(open) = self.retire(now, id, answered, arrival) else { return };
        let mut rtt = None;
        match (&outcome, arrival) {
            (Outcome::Answered(_), Some(arrival)) => {
                self.count_answered(attempts, arrival, open.state == State::Fading);
                rtt = arrival.rtt;
            }
            (Outcome::Answered(_), None) => self.ledger.answered += 1,
            (Outcome::Silent, _) => self.ledger.silent += 1,
            (Outcome::Unreachable(_), _) => self.ledger.unreachable += 1,
            (Outcome::SendFailed(_), _) => self.ledger.send_failed += 1,
            (Outcome::Malformed(_), _) => self.ledger.malformed += 1,
            (Outcome::Interrupted, _) => self.ledger.interrupted += 1,
        }
        let foreign_source = open.rare().and_then(|rare| rare.foreign_source);
        let is_provisional = open.is_provisional();
        let Open { tag, mut conversation, .. } = open;
        let proof = match self.protocol.proof(&conversation) {
            Proof::Token { .. } if is_provisional => Proof::Address,
            proof => proof,
        };
        let outcome = match outcome {
            Outcome::Answered(_) => outcome,
            _ => self.protocol.partial_answer(&mut conversation).map_or(outcome, Outcome::Answered),
        };
        self.completions.push_back(Completion {
            target,
            tag,
            conversation,
            outcome,
            attempts,
            rtt,
            proof,
            foreign_source,
        });
    }

    /// Counts an answered query. `late` means that the answer came after all tries had timed out.
    pub(super) fn count_answered(&mut self, attempts: u32, arrival: Arrival, late: bool) {
        self.ledger.answered += 1;
        self.ledger.answered_late += u64::from(late);
        self.ledger.answered_after_retry += u64::from(attempts > 1);
        if let Some(rtt) = arrival.rtt {
            self.ledger.rtt.record(rtt);
            self.ledger.answered_by_earlier += u64::from(arrival.attempt < attempts);
            self.timeouts.learn_slowest(&self.ledger.rtt, Some(rtt).filter(|_| late));
        }
    }

    /// Ends the queries in the given states as interrupted.
    pub(super) fn interrupt(&mut self, now: Time, which: impl Fn(State) -> bool) {
        let open = self.in_flight.open().filter(|(_, _, open)| which(open.state));
        let chosen: Vec<QueryId> = open.map(|(id, _, _)| id).collect();
        for id in chosen {
            self.complete(now, id, Outcome::Interrupted, None);
        }
    }

    /// Removes a query from ring, heap and window, and returns its open state; `None` if it had already ended. A query
    /// that was sent stays in the table for a while, to recognize late and duplicate replies.
    pub(super) fn retire(
        &mut self,
        now: Time,
        id: QueryId,
        answered: bool,
        arrival: Option<Arrival>,
    ) -> Option<Open<P::Conversation, T>> {
        let is_in_window = self.in_flight[id].open().is_some_and(|open| open.state != State::Fading);
        if is_in_window {
            self.leave_window(now, id, arrival);
        }
        let query = &mut self.in_flight[id];
        let open = match std::mem::replace(&mut query.phase, Phase::Ended { answered }) {
            Phase::Open(open) => open,
            ended @ Phase::Ended { .. } => {
                query.phase = ended;
                return None;
            }
        };
        query.stamp = self.stamps.fresh();
        self.counts.leave(open.state);
        let (target, transport, was_sent) = (query.target, query.transport, query.attempts > 0);
        if open.has_slot {
            self.hosts.release_slot(target, transport);
        }
        if was_sent && self.expects_no_reply(id) {
            self.wake_for(id);
            let most = self.most_remembered();
            self.in_flight.remove_answered(now, id, most);
        } else if was_sent {
            let until = (now + self.config.linger, id);
            let queue =
                if self.in_flight.blocks_address(id) { &mut self.blocking } else { &mut self.lingering };
            queue.push_back(until);
            self.wake_for(id);
            self.forget_lingering(now);
        } else {
            self.forget(id);
        }
        Some(open)
    }

    /// Returns whether only copies of its reply can follow an ended query: it had one attempt, which was answered.
    /// Other replies may follow if the answer came without the token or over a stream, or if any source is accepted. A
    /// short token must not be used again while copies may follow.
    fn expects_no_reply(&self, id: QueryId) -> bool {
        let query = &self.in_flight[id];
        matches!(query.phase, Phase::Ended { answered: true })
            && (query.attempts, query.unaccounted()) == (1, 0)
            && query.transport == Transport::Datagram
            && self.in_flight.has_long_token(id)
            && self.protocol.foreign_source() != ForeignSource::Accepted
    }

    /// Returns the maximum number of ended queries that are remembered: the most that ring and window have held.
    fn most_remembered(&self) -> usize {
        self.config.ring.saturating_add(self.ledger.max_in_flight as usize)
    }

    /// Stops counting a query as in flight, if it was sent. Attempts other than that of `arrival` may still be answered,
    /// and stay charged until they are overdue.
    pub(super) fn leave_window(&mut self, now: Time, id: QueryId, arrival: Option<Arrival>) {
        let kept = self.still_answerable(now, id, arrival);
        let query = &mut self.in_flight[id];
        if query.attempts > 0 {
            self.window.leave(query.lane, std::mem::take(&mut query.charged), kept);
        }
    }

    /// Returns the time until which the other attempts of an ending query (all but that of `arrival`) may still be
    /// answered, and the receive buffer that their replies may take.
    fn still_answerable(&self, now: Time, id: QueryId, arrival: Option<Arrival>) -> Option<(Time, u32)> {
        let query = &self.in_flight[id];
        let attempts = self.in_flight.attempts(id);
        let mut others = attempts
            .filter(|(number, _)| arrival.is_none_or(|arrival| arrival.attempt != *number))
            .peekable();
        // There are usually none.
        others.peek()?;
        let rto = self.timeouts.rto(query.target.ip());
        let open = others.map(|(_, sent)| sent + rto).filter(|overdue| *overdue > now);
        let (count, until) = open.fold((0, now), |(count, until), overdue| (count + 1, until.max(overdue)));
        (count > 0).then(|| (until, self.window.reserve(query.reply_cost).saturating_mul(count)))
    }

    /// Forgets ended queries whose time is over, and the oldest ones if there are too many.
    /// Queries that block their address are kept until their time is over.
    pub(super) fn forget_lingering(&mut self, now: Time) {
        let most = self.most_remembered();
        while let Some(&(until, id)) = self.lingering.front() {
            if until > now && self.lingering.len() <= most {
                break;
            }
            self.lingering.pop_front();
            self.forget(id);
        }
        while let Some(&(_, id)) = self.blocking.front().filter(|(until, _)| *until <= now) {
            self.blocking.pop_front();
            self.forget(id);
        }
    }

    fn forget(&mut self, id: QueryId) {
        self.wake_for(id);
        self.in_flight.remove(id);
    }
}
