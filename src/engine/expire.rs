//! Time passes: deadlines.

use super::flight::State;
use super::patience::Wait;
use super::{Engine, Outcome, Protocol, Quiet, Time};

/// Deadlines handled in one call, so that each step of a turn is bounded.
const DUE_AT_ONCE: usize = 1024;

/// Attempts of one query that need not count as tries. Somebody who floods us must not make us ask forever.
const FORGIVEN: u32 = 30;

impl<P: Protocol> Engine<P> {
    /// Handles what is due by `now`, at most 1,024 deadlines a call: what waited for a limit or for
    /// an answer returns to the ring, or ends.
    pub fn handle_timeout(&mut self, now: Time) {
        for _ in 0..DUE_AT_ONCE {
            let Some(place) = self.deadlines.pop_due(now) else { break };
            match self.flight.at(place).map(|query| query.state) {
                Some(State::HeldBack) => self.enqueue(place.query),
                Some(State::Sent) => self.expire(now, place.query),
                Some(State::Queued | State::Lingering { .. }) | None => {}
            }
        }
        self.window.release(now);
        self.forget_lingering(now);
    }

    /// Gives each query in flight the wait of a last attempt, if that is longer than its own.
    pub(super) fn wait_as_after_the_last(&mut self) {
        let waiting = self.flight.open().filter(|(_, query)| query.partial.is_none());
        let keys: Vec<u32> = waiting.map(|(key, _)| key).collect();
        for key in keys {
            let Some(sent) = self.flight.last_sent(key) else { continue };
            let query = &self.flight[key];
            let elapsed = sent - query.first_sent;
            let wait = |is_last| {
                let wait = Wait { attempt: query.tries(), is_last, elapsed, jitter: u64::MAX };
                self.patience.wait(query.target.ip(), &wait)
            };
            let until = sent + wait(false).max(wait(true));
            self.wait_until(key, State::Sent, until);
        }
    }

    /// The kernel has dropped datagrams by `now`, because our receive buffer was full. Each may have been
    /// the answer to whatever was in flight: such attempts, when their time is over, do not count as tries.
    pub fn handle_own_drops(&mut self, now: Time) {
        self.last_own_drop = self.last_own_drop.max(Some(now));
    }

    /// An attempt's time is over: the query is asked again, or ends.
    fn expire(&mut self, now: Time, key: u32) {
        let lost_here = self.may_be_lost_here(key);
        let query = &mut self.flight[key];
        if lost_here {
            query.forgiven += 1;
            query.last_forgiven = query.attempts;
        }
        let tries_left = self.patience.tries_left(query.tries());
        let may_ask = if self.stopped { 0 } else { tries_left };
        if let (Some(heard), Some(conversation)) = (query.partial, &mut query.conversation)
            && let Quiet::Done(answer) = self.protocol.quiet(conversation, may_ask)
        {
            self.conclude(now, key, Outcome::Answered(answer), Some(heard));
        } else if may_ask > 0 {
            let attempts = query.attempts;
            if let Some(conversation) = &mut query.conversation {
                self.protocol.retry(conversation, attempts);
            }
            self.ledger.asked_again += u64::from(lost_here);
            self.unsent += 1;
            self.enqueue(key);
        } else {
            let outcome = match query.broken {
                _ if tries_left > 0 => Outcome::Interrupted,
                Some(reason) => Outcome::Malformed(reason),
                None if query.partial.is_some() => Outcome::Malformed("the rest of the answer never came"),
                None => Outcome::Silent,
            };
            self.conclude(now, key, outcome, None);
        }
    }

    /// Whether our own receive buffer may have lost the answer to a query's last attempt. An attempt is
    /// forgiven once, even if its time is over twice.
    fn may_be_lost_here(&self, key: u32) -> bool {
        let query = &self.flight[key];
        let sent_before = |drop| self.flight.last_sent(key).is_some_and(|sent| sent <= drop);
        self.config.forgive_own_drops
            && query.forgiven < FORGIVEN
            && query.last_forgiven < query.attempts
            && self.last_own_drop.is_some_and(sent_before)
    }
}
