//! What an engine's clock shows, and whose word counts for it (RFC 3414, sections 2.2 and 3.2(7)).

use crate::engine::Time;
use crate::protocol::snmp::message::Security;

/// How much older than by the engine's clock a message may be, seconds (RFC 3414, section 2.2.3).
pub const WINDOW: u32 = 150;
/// Boots that have reached this stay there, and nothing of that engine is timely any more (RFC 3414, section
/// 2.2.2). It is also the largest value of either number.
pub const MOST_BOOTS: u32 = i32::MAX as u32;

/// An engine's clock, as it was read at a point of our time.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reading {
    pub boots: u32,
    /// Seconds since the last boot, by `at`.
    pub time: u32,
    pub at: Time,
}

impl Reading {
    /// What a message that arrived `now` says; `None` when those are no boots or no time.
    pub fn of(security: &Security<'_>, now: Time) -> Option<Reading> {
        let number = |number: i64| u32::try_from(number).ok().filter(|&number| number <= MOST_BOOTS);
        Some(Reading { boots: number(security.boots)?, time: number(security.time)?, at: now })
    }

    /// The seconds that it shows by now.
    pub fn time(&self, now: Time) -> u32 {
        let passed = u32::try_from((now - self.at).as_secs()).unwrap_or(MOST_BOOTS);
        self.time.saturating_add(passed).min(MOST_BOOTS)
    }
}

/// Takes note of what a proven message says, if it is news, and judges whether the message is timely (RFC 3414,
/// section 3.2(7)(b)).
///
/// # Errors
/// Why it is not: then it is old, and may have been recorded by anybody.
pub(super) fn hear(latest: &mut Option<Reading>, heard: Reading) -> Result<(), &'static str> {
    let known = match latest {
        Some(known) if (heard.boots, heard.time) <= (known.boots, known.time) => *known,
        _ => {
            *latest = Some(heard);
            heard
        }
    };
    if known.boots == MOST_BOOTS {
        Err("the engine has used up its boots: nothing that it says is timely until it has a new engine ID")
    } else if heard.boots < known.boots {
        Err("it is from before the engine's last boot")
    } else if heard.time.saturating_add(WINDOW) < known.time(heard.at) {
        Err("it is more than 150 seconds old")
    } else {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn reading(boots: u32, time: u32, seconds: u64) -> Reading {
        Reading { boots, time, at: Time::from_millis(seconds * 1000) }
    }

    #[test]
    fn a_clock_goes_on_and_stops_at_its_end() {
        let clock = reading(3, 100, 10);
        assert_eq!(clock.time(Time::from_millis(70_999)), 160);
        assert_eq!(clock.time(Time::ZERO), 100);
        assert_eq!(clock.time(Time::from_nanos(u64::MAX)), MOST_BOOTS);
    }

    #[test]
    fn a_message_may_be_150_seconds_old_and_no_more() {
        let mut latest = None;
        assert_eq!(hear(&mut latest, reading(3, 1000, 0)), Ok(()));
        assert_eq!(hear(&mut latest, reading(3, 1000, 150)), Ok(()));
        assert!(hear(&mut latest, reading(3, 1000, 151)).is_err());
        // One that is newer than what was heard is the engine's own clock, however slowly that goes.
        assert_eq!(hear(&mut latest, reading(3, 1001, 400)), Ok(()));
        assert_eq!(latest.map(|known| known.time(Time::from_millis(401_000))), Some(1002));
    }

    #[test]
    fn what_comes_from_before_a_boot_is_old_whatever_its_time() {
        let mut latest = None;
        assert_eq!(hear(&mut latest, reading(3, 1_000_000, 0)), Ok(()));
        assert_eq!(hear(&mut latest, reading(4, 5, 1)), Ok(()));
        assert!(hear(&mut latest, reading(3, 1_000_001, 1)).is_err());
        assert_eq!(latest.map(|known| (known.boots, known.time)), Some((4, 5)));
    }

    #[test]
    fn boots_at_their_end_make_everything_untimely() {
        let mut latest = None;
        assert!(hear(&mut latest, reading(MOST_BOOTS, 5, 0)).is_err());
        assert!(hear(&mut latest, reading(MOST_BOOTS, 6, 1)).is_err());
    }
}
