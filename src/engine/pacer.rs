//! The pacer: a token bucket that decides when the next packet may be sent.

use super::Time;

/// The time for which tokens accumulate before a wake-up, in picoseconds: a millisecond, or up to four at rates so low
/// that these bring at most `FEW` packets.
const GATHER: u128 = 1_000_000_000;
const FEW: u128 = 4;

/// A token bucket: `rate` tokens per second, of which at most `burst` are saved up.
///
/// In any interval of `d` seconds, at most `burst + rate × d` packets pass. The state is the *theoretical arrival time* of
/// the generic cell rate algorithm (ITU-T I.371), which needs no refilling: the bucket is full if that time is in the past.
/// It is in picoseconds, since at a million packets per second a rounded nanosecond would be an error of a thousandth.
pub struct Pacer {
    /// The time between two packets; 0 for no limit.
    interval: u128,
    burst: u128,
    /// The time at which the bucket is full again.
    full_at: u128,
}

impl Pacer {
    pub fn new(rate: Option<f64>, burst: u32) -> Pacer {
        Pacer { interval: interval_ps(rate), burst: u128::from(burst), full_at: 0 }
    }

    /// Returns whether a packet may be sent now.
    pub fn ready(&self, now: Time) -> bool {
        self.interval == 0 || ps(now) >= self.earliest(1)
    }

    /// Takes one token.
    pub fn take(&mut self, now: Time) {
        self.full_at = self.full_at.max(ps(now)) + self.interval;
    }

    /// Gives back the last token, because the packet was not sent.
    pub fn give_back(&mut self) {
        self.full_at = self.full_at.saturating_sub(self.interval);
    }

    /// Returns when to wake up for `waiting` packets: not for each token, but once several have accumulated.
    pub fn next(&self, waiting: usize) -> Time {
        if self.interval == 0 {
            return Time::ZERO;
        }
        let few = (FEW * GATHER / self.interval).min(FEW);
        let tokens = (GATHER / self.interval).max(few).min(self.burst).min(waiting as u128);
        let nanos = self.earliest(tokens.max(1)).div_ceil(1000);
        Time::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
    }

    /// Returns when the bucket will hold `tokens` tokens.
    fn earliest(&self, tokens: u128) -> u128 {
        self.full_at.saturating_sub((self.burst - tokens) * self.interval)
    }
}

/// Returns the picoseconds between two packets at `rate` packets per second; 0 for no limit.
fn interval_ps(rate: Option<f64>) -> u128 {
    rate.map_or(0, |pps| (1e12 / pps).ceil() as u128)
}

/// Converts a time to picoseconds.
fn ps(time: Time) -> u128 {
    u128::from(time.as_nanos()) * 1000
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn drain(pacer: &mut Pacer, now: Time) -> usize {
        let mut sent = 0;
        while pacer.ready(now) && sent < 10_000 {
            pacer.take(now);
            sent += 1;
        }
        sent
    }

    #[test]
    fn a_full_bucket_gives_one_burst_and_then_the_rate() {
        let mut pacer = Pacer::new(Some(1000.0), 10);
        assert_eq!(drain(&mut pacer, Time::from_millis(500)), 10);
        assert_eq!(drain(&mut pacer, Time::from_millis(503)), 3);
        assert_eq!(drain(&mut pacer, Time::from_millis(503) + Duration::from_micros(999)), 0);
    }

    #[test]
    fn a_long_stall_saves_up_no_more_than_one_burst() {
        let mut pacer = Pacer::new(Some(1000.0), 10);
        drain(&mut pacer, Time::ZERO);
        assert_eq!(drain(&mut pacer, Time::from_millis(3_600_000)), 10);
    }

    #[test]
    fn it_wakes_once_a_millisecond_and_can_send_then() {
        for (rate, waiting, expected) in [(8000.0, 100, 8), (8000.0, 3, 3), (100.0, 100, 1), (1e6, 5000, 32)]
        {
            let mut pacer = Pacer::new(Some(rate), 32);
            drain(&mut pacer, Time::ZERO);
            let next = pacer.next(waiting);
            assert_eq!(drain(&mut pacer, next), expected, "at {rate}/s with {waiting} waiting");
        }
    }

    #[test]
    fn a_returned_token_can_be_taken_again() {
        let mut pacer = Pacer::new(Some(1.0), 1);
        pacer.take(Time::ZERO);
        assert!(!pacer.ready(Time::ZERO));
        pacer.give_back();
        assert!(pacer.ready(Time::ZERO));
    }

    #[test]
    fn without_a_rate_it_never_waits() {
        let mut pacer = Pacer::new(None, 1);
        assert_eq!(drain(&mut pacer, Time::ZERO), 10_000);
        assert_eq!(pacer.next(1), Time::ZERO);
    }
}
