//! Changes of counters between two polls: deltas, rates, wraps and resets.

use std::collections::HashMap;
use std::time::Duration;

use allears::engine::Time;
use allears::protocol::snmp::{Answer, Value, Varbinds, went_back};

/// The change of a counter since the last poll.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Change {
    pub delta: Option<u64>,
    /// Per second.
    pub rate: Option<f64>,
    /// The mark of the change: `wrap` or `reset`.
    pub mark: Option<&'static str>,
}

/// The last complete answer in a conversation with an agent, empty at first.
#[derive(Default)]
pub struct Previous {
    at: Time,
    uptime: Option<u32>,
    /// The counters' variable bindings as received, which take a fraction of the size of a table.
    counters: Box<[u8]>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Counter {
    Of32(u32),
    Of64(u64),
}

impl Previous {
    /// Returns the changes of the counters in `answer`, which arrived at `now`, and keeps it if it is complete.
    pub fn compare(&mut self, answer: &Answer, now: Time) -> Vec<Change> {
        let changes = self.changes(answer, now);
        if answer.incomplete.is_none() && !answer.is_empty() {
            *self = Previous::new(answer, now);
        }
        changes
    }

    fn new(answer: &Answer, at: Time) -> Previous {
        let (mut varbinds, mut counters) = (answer.varbinds(), vec![]);
        while let Some((varbind, bytes)) = varbinds.next_with_bytes() {
            if counter(&varbind.value).is_some() {
                counters.extend_from_slice(bytes);
            }
        }
        Previous { at, uptime: answer.uptime, counters: counters.into() }
    }

    /// Returns the changes in the order of the answer's variable bindings.
    fn changes(&self, answer: &Answer, now: Time) -> Vec<Change> {
        let restarted = self.has_restarted(answer, now);
        let seconds = self.seconds_until(answer, now);
        let known = Varbinds::new(&self.counters);
        let known: HashMap<&[u8], Counter> = known
            .filter_map(|varbind| counter(&varbind.value).map(|counter| (varbind.oid.as_ber(), counter)))
            .collect();
        let change = |oid: &[u8], value: &Value<'_>| {
            let (before, now) = (known.get(oid)?, counter(value)?);
            Some(if restarted { RESET } else { between(*before, now, seconds) })
        };
        answer
            .varbinds()
            .map(|varbind| change(varbind.oid.as_ber(), &varbind.value).unwrap_or_default())
            .collect()
    }

    /// Returns whether the agent's uptime decreased, or is less than the time since the last poll.
    fn has_restarted(&self, answer: &Answer, now: Time) -> bool {
        let is_too_young = |uptime: u32| uptime_of(uptime) + CLOCKS_DIFFER < now - self.at;
        self.uptime.zip(answer.uptime).is_some_and(|(before, uptime)| {
            went_back(before, uptime) || (before < uptime && is_too_young(uptime))
        })
    }

    /// Returns the interval by the agent's own clock, which its counters follow; if that is unknown, by our clock.
    fn seconds_until(&self, answer: &Answer, now: Time) -> f64 {
        let ticks = self.uptime.zip(answer.uptime).map_or(0, |(before, now)| now.wrapping_sub(before));
        let told = uptime_of(ticks);
        if told.is_zero() { (now - self.at).as_secs_f64() } else { told.as_secs_f64() }
    }
}

/// The tolerance for delays and for the drift of two clocks.
const CLOCKS_DIFFER: Duration = Duration::from_secs(2);

fn uptime_of(ticks: u32) -> Duration {
    Duration::from_millis(u64::from(ticks) * 10)
}

const RESET: Change = Change { delta: None, rate: None, mark: Some("reset") };

fn counter(value: &Value<'_>) -> Option<Counter> {
    match *value {
        Value::Counter32(count) => Some(Counter::Of32(count)),
        Value::Counter64(count) => Some(Counter::Of64(count)),
        _ => None,
    }
}

/// Compares two values. A smaller value is a wrap if the delta is less than half the range, otherwise a reset.
fn between(before: Counter, now: Counter, seconds: f64) -> Change {
    let (delta, came_round, is_half) = match (before, now) {
        (Counter::Of32(before), Counter::Of32(now)) => {
            let delta = now.wrapping_sub(before);
            (u64::from(delta), now < before, delta >= 1 << 31)
        }
        (Counter::Of64(before), Counter::Of64(now)) => {
            let delta = now.wrapping_sub(before);
            (delta, now < before, delta >= 1 << 63)
        }
        _ => return RESET,
    };
    if came_round && is_half {
        return RESET;
    }
    let rate = delta as f64 / seconds;
    let rate = rate.is_finite().then_some((rate * 1e3).round() / 1e3);
    Change { delta: Some(delta), rate, mark: came_round.then_some("wrap") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn change(before: Counter, now: Counter) -> (Option<u64>, Option<f64>, Option<&'static str>) {
        let Change { delta, rate, mark } = between(before, now, 2.0);
        (delta, rate, mark)
    }

    #[test]
    fn counters_increase_wrap_or_are_reset() {
        use Counter::{Of32, Of64};
        assert_eq!(change(Of32(100), Of32(150)), (Some(50), Some(25.0), None));
        assert_eq!(change(Of32(100), Of32(100)), (Some(0), Some(0.0), None));
        assert_eq!(change(Of32(u32::MAX - 9), Of32(10)), (Some(20), Some(10.0), Some("wrap")));
        assert_eq!(change(Of64(u64::MAX - 9), Of64(10)), (Some(20), Some(10.0), Some("wrap")));
        assert_eq!(change(Of32(1000), Of32(10)), (None, None, Some("reset")));
        assert_eq!(change(Of64(1 << 40), Of64(10)), (None, None, Some("reset")));
        assert_eq!(change(Of32(5), Of64(10)), (None, None, Some("reset")));
        // An increase of more than half the range is still an increase.
        assert_eq!(change(Of32(0), Of32(3 << 30)).2, None);
    }

    #[test]
    fn a_restart_is_detected_even_if_the_uptime_is_higher() {
        let answer = |uptime, count| {
            let oid = allears::protocol::snmp::OidRef::from_ber(&[0x2b, 6]);
            let mut answer = Answer::of([(oid, Value::Counter32(count))]);
            answer.uptime = Some(uptime);
            answer
        };
        // The first answer is 10 s after a start, and the second, a minute later, is 55 s after one.
        let previous = Previous::new(&answer(1_000, 50), Time::ZERO);
        let minute = Time::from_millis(60_000);
        assert_eq!(previous.changes(&answer(5_500, 70), minute), [RESET]);
        assert_eq!(previous.changes(&answer(500, 70), minute), [RESET]);
        let grown = Change { delta: Some(20), rate: Some(0.333), mark: None };
        assert_eq!(previous.changes(&answer(7_000, 70), minute), [grown]);
    }

    #[test]
    fn an_interval_of_zero_gives_no_rate() {
        let Change { delta, rate, .. } = between(Counter::Of32(1), Counter::Of32(2), 0.0);
        assert_eq!((delta, rate), (Some(1), None));
    }
}
