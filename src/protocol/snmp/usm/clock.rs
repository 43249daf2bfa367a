//! The clock of an engine, and the timeliness of messages (RFC 3414, sections 2.2 and 3.2(7)).

use crate::engine::Time;
use crate::protocol::snmp::message::SecurityParameters;

/// The time window: the maximum age of a message by the engine's clock, in seconds (RFC 3414, section 2.2.3).
pub const WINDOW: u32 = 150;
/// The maximum of snmpEngineBoots and snmpEngineTime. Once the boots reach it, none of the engine's messages is timely
/// (RFC 3414, section 2.2.2).
pub const MAX_BOOTS: u32 = i32::MAX as u32;

/// A reading of an engine's clock.
#[derive(Clone, Copy, Debug)]
pub(super) struct ClockReading {
    pub boots: u32,
    /// Seconds since the last boot.
    pub time: u32,
    /// The time of arrival, by our own clock.
    pub at: Time,
}

impl ClockReading {
    /// Returns the reading in a message that arrived at `now`; `None` if its boots or time are out of range.
    pub fn of(security: &SecurityParameters<'_>, now: Time) -> Option<ClockReading> {
        let number = |number: i64| u32::try_from(number).ok().filter(|&number| number <= MAX_BOOTS);
        Some(ClockReading { boots: number(security.boots)?, time: number(security.time)?, at: now })
    }

    /// Returns the engine's time at `now`, in seconds.
    pub fn time(&self, now: Time) -> u32 {
        let passed = u32::try_from((now - self.at).as_secs()).unwrap_or(MAX_BOOTS);
        self.time.saturating_add(passed).min(MAX_BOOTS)
    }
}

/// Updates the latest reading from an authenticated message, if the message is newer, and checks that the message is
/// timely (RFC 3414, section 3.2(7)(b)).
///
/// # Errors
/// The reason why the message is not timely. It may then be a replay.
pub(super) fn accept(latest: &mut Option<ClockReading>, reading: ClockReading) -> Result<(), &'static str> {
    let known = match latest {
        Some(known) if (reading.boots, reading.time) <= (known.boots, known.time) => *known,
        _ => {
            *latest = Some(reading);
            reading
        }
    };
    if known.boots == MAX_BOOTS {
        Err(
            "the engine's boot counter is exhausted: none of its messages is timely until it gets a new engine ID",
        )
    } else if reading.boots < known.boots {
        Err("the reply is from before the engine's last boot")
    } else if reading.time.saturating_add(WINDOW) < known.time(reading.at) {
        Err("the reply is more than 150 seconds old")
    } else {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn reading(boots: u32, time: u32, seconds: u64) -> ClockReading {
        ClockReading { boots, time, at: Time::from_millis(seconds * 1000) }
    }

    #[test]
    fn a_clock_advances_and_stops_at_its_maximum() {
        let clock = reading(3, 100, 10);
        assert_eq!(clock.time(Time::from_millis(70_999)), 160);
        assert_eq!(clock.time(Time::ZERO), 100);
        assert_eq!(clock.time(Time::from_nanos(u64::MAX)), MAX_BOOTS);
    }

    #[test]
    fn a_message_may_be_150_seconds_old_and_no_more() {
        let mut latest = None;
        assert_eq!(accept(&mut latest, reading(3, 1000, 0)), Ok(()));
        assert_eq!(accept(&mut latest, reading(3, 1000, 150)), Ok(()));
        assert!(accept(&mut latest, reading(3, 1000, 151)).is_err());
        // A reading newer than the latest one always counts, however slow the engine's clock is.
        assert_eq!(accept(&mut latest, reading(3, 1001, 400)), Ok(()));
        assert_eq!(latest.map(|known| known.time(Time::from_millis(401_000))), Some(1002));
    }

    #[test]
    fn messages_from_before_a_boot_are_old_whatever_their_time() {
        let mut latest = None;
        assert_eq!(accept(&mut latest, reading(3, 1_000_000, 0)), Ok(()));
        assert_eq!(accept(&mut latest, reading(4, 5, 1)), Ok(()));
        assert!(accept(&mut latest, reading(3, 1_000_001, 1)).is_err());
        assert_eq!(latest.map(|known| (known.boots, known.time)), Some((4, 5)));
    }

    #[test]
    fn exhausted_boots_make_every_message_untimely() {
        let mut latest = None;
        assert!(accept(&mut latest, reading(MAX_BOOTS, 5, 0)).is_err());
        assert!(accept(&mut latest, reading(MAX_BOOTS, 6, 1)).is_err());
    }
}
