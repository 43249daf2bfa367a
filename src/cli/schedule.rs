//! `--every`: the times when hosts are due. Each host has its own fixed time within the interval, derived from a hash
//! of its address.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::hash::Hash;
use std::net::SocketAddr;
use std::time::Duration;

use allears::engine::Time;
use siphasher::sip::SipHasher13;

/// All hosts, each with the time when it is next due.
pub struct Schedule {
    interval: Duration,
    start: Option<Time>,
    due: BinaryHeap<Reverse<(Time, u32)>>,
}

impl Schedule {
    pub fn new(interval: Duration) -> Schedule {
        Schedule { interval, start: None, due: BinaryHeap::new() }
    }

    pub fn interval(&self) -> Duration {
        self.interval
    }

    /// Adds a host at `now`. Its first time is within one interval.
    pub fn add(&mut self, host: u32, target: SocketAddr, now: Time) {
        let start = *self.start.get_or_insert(now);
        let first = start + self.offset(target);
        self.due.push(Reverse((self.after(now, first), host)));
    }

    /// Returns the next host that is due at `now`, and how many of its further times have passed, too: they are skipped.
    pub fn pop(&mut self, now: Time) -> Option<(u32, u32)> {
        let &Reverse((due, host)) = self.due.peek()?;
        if due > now {
            return None;
        }
        self.due.pop();
        let next = self.after(now, due);
        self.due.push(Reverse((next, host)));
        let passed = (next - due).as_nanos() / self.interval.as_nanos();
        Some((host, u32::try_from(passed).unwrap_or(u32::MAX).saturating_sub(1)))
    }

    /// Keeps only the hosts for which `keep` is true.
    pub fn retain(&mut self, keep: impl Fn(u32) -> bool) {
        self.due.retain(|Reverse((_, host))| keep(*host));
    }

    /// Returns the time when the next host is due.
    pub fn next(&self) -> Option<Time> {
        self.due.peek().map(|Reverse((due, _))| *due)
    }

    /// Returns the first time after `now` for a host, given `one` of its times.
    fn after(&self, now: Time, one: Time) -> Time {
        if one > now {
            return one;
        }
        let passed = (now - one).as_nanos() / self.interval.as_nanos();
        one + self.interval.saturating_mul(u32::try_from(passed + 1).unwrap_or(u32::MAX))
    }

    fn offset(&self, target: SocketAddr) -> Duration {
        let mut hasher = SipHasher13::new_with_keys(0, 0);
        target.hash(&mut hasher);
        self.interval.mul_f64(std::hash::Hasher::finish(&hasher) as f64 / u64::MAX as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn agent(number: u32) -> SocketAddr {
        ([10, 0, (number >> 8) as u8, number as u8], 161).into()
    }

    /// Returns the hosts due within each second, for ten seconds of an interval of five.
    fn ten_seconds(agents: u32) -> Vec<Vec<u32>> {
        let mut schedule = Schedule::new(Duration::from_secs(5));
        (0..agents).for_each(|number| schedule.add(number, agent(number), Time::from_millis(100)));
        (1..=10u64)
            .map(|second| {
                let now = Time::from_millis(100 + 1000 * second);
                let mut due: Vec<u32> =
                    std::iter::from_fn(|| schedule.pop(now)).map(|(host, _)| host).collect();
                due.sort_unstable();
                due
            })
            .collect()
    }

    #[test]
    fn agents_are_spread_over_the_interval_and_keep_their_times() {
        let seconds = ten_seconds(5000);
        assert!(seconds.iter().all(|due| (900..1100).contains(&due.len())));
        for second in 0..5 {
            assert_eq!(seconds[second], seconds[second + 5]);
        }
        assert_eq!(seconds[..5].iter().flatten().count(), 5000);
    }

    #[test]
    fn times_that_have_passed_are_skipped_and_counted() {
        let mut schedule = Schedule::new(Duration::from_secs(5));
        schedule.add(0, agent(0), Time::ZERO);
        // It was due 12 times, once within each interval.
        assert_eq!(schedule.pop(Time::from_millis(60_000)), Some((0, 11)));
        assert_eq!(schedule.pop(Time::from_millis(60_000)), None);
        assert!(schedule.next().is_some_and(|due| (60_000..=65_000).contains(&(due.as_nanos() / 1_000_000))));
    }
}
