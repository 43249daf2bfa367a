//! Time passes: deadlines.

use super::flight::State;
use super::{Engine, Outcome, Protocol, Quiet, Time};

/// Deadlines handled in one call, so that each step of a turn is bounded.
const DUE_AT_ONCE: usize = 1024;

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
        self.forget_lingering(now);
    }

    /// An attempt's time is over: the query is asked again, or ends.
    fn expire(&mut self, now: Time, key: u32) {
        let query = &mut self.flight[key];
        let tries_left = self.patience.tries_left(query.attempts);
        let may_ask = if self.stopped { 0 } else { tries_left };
        if let (Some(heard), Some(conversation)) = (query.partial, &mut query.conversation)
            && let Quiet::Done(answer) = self.protocol.quiet(conversation, may_ask)
        {
            self.conclude(now, key, Outcome::Answered(answer), Some(heard));
        } else if may_ask > 0 {
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
}
