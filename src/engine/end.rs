//! Ends: every query gets exactly one, and is remembered for a while.

use super::flight::{Heard, Query, State};
use super::{Conclusion, Engine, Outcome, Protocol, Time};

impl<P: Protocol> Engine<P> {
    /// Ends a query, and its conversation with it. `heard` is the answer, or the network's word, that ended
    /// it, if one did.
    pub(super) fn conclude(
        &mut self,
        now: Time,
        key: u32,
        outcome: Outcome<P::Answer>,
        heard: Option<Heard>,
    ) {
        let query = &mut self.flight[key];
        let Some(conversation) = query.conversation.take() else { return };
        let (target, attempts) = (query.target, query.attempts);
        let mut rtt = None;
        match (&outcome, heard) {
            (Outcome::Answered(_), Some(heard)) => {
                self.book_answer(key, heard);
                rtt = heard.rtt;
            }
            (Outcome::Answered(_), None) => self.ledger.answered += 1,
            (Outcome::Silent, _) => self.ledger.silent += 1,
            (Outcome::Unreachable(_), _) => self.ledger.unreachable += 1,
            (Outcome::SendFailed(_), _) => self.ledger.send_failed += 1,
            (Outcome::Malformed(_), _) => self.ledger.malformed += 1,
            (Outcome::Interrupted, _) => self.ledger.interrupted += 1,
        }
        let answered = matches!(outcome, Outcome::Answered(_) | Outcome::Malformed(_)) && heard.is_some();
        let elsewhere = self.flight[key].elsewhere.take().map(|address| *address);
        self.retire(now, key, answered, heard);
        self.results.push_back(Conclusion { target, conversation, outcome, attempts, rtt, elsewhere });
    }

    pub(super) fn book_answer(&mut self, key: u32, heard: Heard) {
        let attempts = self.flight[key].attempts;
        self.ledger.answered += 1;
        self.ledger.answered_after_retry += u64::from(attempts > 1);
        if let Some(rtt) = heard.rtt {
            self.ledger.rtt.record(rtt);
            self.ledger.answered_by_earlier += u64::from(heard.attempt < attempts);
        }
    }

    /// Ends the queries that `which` picks, as interrupted.
    pub(super) fn interrupt(&mut self, now: Time, which: impl Fn(&Query<P::Conversation>) -> bool) {
        let open = self.flight.open().filter(|(_, query)| which(query));
        let chosen: Vec<u32> = open.map(|(key, _)| key).collect();
        for key in chosen {
            self.conclude(now, key, Outcome::Interrupted, None);
        }
    }

    /// Takes an ended query out of ring, heap and window. If it was ever sent it lingers, so that a
    /// late answer, or a second one, is known for what it is.
    pub(super) fn retire(&mut self, now: Time, key: u32, answered: bool, heard: Option<Heard>) {
        let kept = self.still_answerable(now, key, heard);
        let query = &mut self.flight[key];
        self.open -= 1;
        if query.state != State::Sent {
            self.unsent -= 1;
        }
        query.state = State::Lingering { answered };
        query.stamp = self.stamps.fresh();
        if query.attempts == 0 {
            self.flight.remove(key);
            return;
        }
        self.window.leave(query.charged, kept);
        let until = (now + self.config.linger, key);
        if self.flight.closes_address(key) {
            self.closing.push_back(until)
        } else {
            self.lingering.push_back(until)
        }
        self.forget_lingering(now);
    }

    /// Until when attempts of an ended query may still be answered, other than the one that has been `heard`
    /// of, and what that takes.
    fn still_answerable(&self, now: Time, key: u32, heard: Option<Heard>) -> Option<(Time, u32)> {
        let query = &self.flight[key];
        let attempts = self.flight.attempts(key);
        let mut others =
            attempts.filter(|(number, _)| heard.is_none_or(|heard| heard.attempt != *number)).peekable();
        // Mostly there is none.
        others.peek()?;
        let rto = self.patience.rto(query.target.ip());
        let open = others.map(|(_, sent)| sent + rto).filter(|overdue| *overdue > now);
        let (count, until) = open.fold((0, now), |(count, until), overdue| (count + 1, until.max(overdue)));
        (count > 0).then(|| (until, query.reply_cost.saturating_mul(count)))
    }

    /// Forgets ended queries whose time is over, or of which there are more than ring and window ever
    /// held; but none before its time that keeps an address closed.
    pub(super) fn forget_lingering(&mut self, now: Time) {
        let most = self.config.ring.saturating_add(self.ledger.max_in_flight as usize);
        while let Some(&(until, key)) = self.lingering.front() {
            if until > now && self.lingering.len() <= most {
                break;
            }
            self.lingering.pop_front();
            self.flight.remove(key);
        }
        while let Some(&(_, key)) = self.closing.front().filter(|(until, _)| *until <= now) {
            self.closing.pop_front();
            self.flight.remove(key);
        }
    }
}
