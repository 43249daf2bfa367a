//! Timeouts: the time that an attempt waits for its reply.

use std::net::IpAddr;
use std::time::Duration;

use super::Timeout;
use super::histogram::Histogram;
use super::limits::Prefix;

/// The timeout before anything has been measured (RFC 6298, section 2.1).
const INITIAL: Duration = Duration::from_secs(1);
/// The minimum for one attempt: the delay of a host varies more than its measured round trips show. RFC 6298 requires a
/// second, to keep TCP from retransmitting needlessly; an extra query does no harm.
const SHORTEST: Duration = Duration::from_millis(200);
/// The maximum for one attempt.
const LONGEST: Duration = Duration::from_secs(5);
/// The minimum for all attempts of a query together: a distant host in a sweep of near ones must still have time to
/// reply.
const SHORTEST_IN_ALL: Duration = Duration::from_secs(1);
/// The margin on top of the slowest hosts' round trip.
const SLOWER: f64 = 1.25;
/// The maximum time for which a request that cannot be sent is held back. Links, routes and addresses that are being
/// renewed return within a few seconds.
const MAX_SEND_DELAY: Duration = Duration::from_secs(5);
/// The size of the table of prefixes. A new prefix replaces another.
const PREFIXES: usize = 2048;
/// The number of samples that a prefix needs for its own estimate.
const ENOUGH: u32 = 4;

/// Estimates the round trip of all hosts together and of each prefix, and derives timeouts from it.
pub struct Timeouts {
    timeout: Timeout,
    tries: u32,
    overall: Estimator,
    prefixes: Vec<(Prefix, Estimator)>,
    /// The 99.9th percentile of the round trips, or the longest one of a late answer, whichever is longer.
    slowest: Duration,
    /// The number of answers at which `slowest` is computed again.
    next_slowest: u64,
}

/// The attempt that a timeout is computed for.
pub struct Wait {
    /// The number of the try, 1 for the first.
    pub attempt: u32,
    /// True if no other attempt follows.
    pub is_last: bool,
    /// The time since the first attempt was sent.
    pub elapsed: Duration,
    /// Any number that differs between attempts. The jitter that spreads retries is derived from it.
    pub jitter: u64,
}

impl Timeouts {
    pub fn new(timeout: Timeout, tries: u32) -> Timeouts {
        let empty = (Prefix::of(IpAddr::from([0; 16])), Estimator::default());
        Timeouts {
            timeout,
            tries,
            overall: Estimator::default(),
            prefixes: vec![empty; PREFIXES],
            slowest: Duration::ZERO,
            next_slowest: 1,
        }
    }

    /// Returns how many tries are left after `attempts` of them.
    pub fn tries_left(&self, attempts: u32) -> u32 {
        self.tries.saturating_sub(attempts)
    }

    /// Adds a sample: a round trip that was measured exactly.
    pub fn learn(&mut self, host: IpAddr, rtt: Duration) {
        self.overall.learn(rtt);
        let prefix = Prefix::of(host);
        let known = &mut self.prefixes[place(prefix)];
        if known.0 != prefix {
            *known = (prefix, Estimator::default());
        }
        known.1.learn(rtt);
    }

    /// Learns how long slow hosts take: from each late answer, and from `rtts` each time the number of answers has
    /// grown by an eighth.
    pub fn learn_slowest(&mut self, rtts: &Histogram, late: Option<Duration>) {
        self.slowest = self.slowest.max(late.unwrap_or_default());
        if rtts.count() >= self.next_slowest {
            self.slowest = self.slowest.max(rtts.quantile(0.999).unwrap_or_default());
            self.next_slowest = rtts.count() + rtts.count() / 8 + 1;
        }
    }

    /// Returns how long after an attempt even a slow host's reply should have arrived.
    pub fn slowest(&self) -> Duration {
        self.slowest.mul_f64(SLOWER).min(LONGEST)
    }

    /// Returns the time that an attempt waits for its reply. The wait grows by a quarter with each attempt, plus up to
    /// an eighth of jitter. The last attempt has neither, since no packet follows it.
    pub fn wait(&self, host: IpAddr, wait: &Wait) -> Duration {
        let rto = match self.timeout {
            Timeout::Fixed(fixed) => return fixed,
            Timeout::Auto => self.rto(host),
        };
        if wait.is_last {
            return rto.max(SHORTEST_IN_ALL.saturating_sub(wait.elapsed));
        }
        let backoff = 1.25f64.powi(wait.attempt.min(10) as i32 - 1);
        let jitter = 1.0 + (wait.jitter % 1024) as f64 / 8192.0;
        rto.mul_f64(backoff * jitter).min(LONGEST)
    }

    /// Returns the time that an attempt over a stream waits for its reply: long enough to connect, to repeat lost
    /// segments, and for the replies to earlier queries of the connection.
    pub fn stream_wait(&self) -> Duration {
        match self.timeout {
            Timeout::Fixed(fixed) => fixed,
            Timeout::Auto => LONGEST,
        }
    }

    /// Returns the maximum time for which a request that cannot be sent is held back before its query ends.
    pub fn max_send_delay(&self) -> Duration {
        match self.timeout {
            Timeout::Fixed(fixed) => fixed * self.tries,
            Timeout::Auto => MAX_SEND_DELAY,
        }
    }

    /// Returns the time after which a host's reply is overdue, even if the user's timeout is longer.
    pub fn rto(&self, host: IpAddr) -> Duration {
        let prefix = Prefix::of(host);
        let (known, estimator) = &self.prefixes[place(prefix)];
        let estimator =
            if *known == prefix && estimator.samples >= ENOUGH { estimator } else { &self.overall };
        estimator.rto().clamp(SHORTEST, LONGEST)
    }
}

/// Returns the index of a prefix in the table. Fibonacci hashing spreads adjacent prefixes.
fn place(prefix: Prefix) -> usize {
    (prefix.number().wrapping_mul(0x9E37_79B9_7F4A_7C15) >> (64 - PREFIXES.ilog2())) as usize
}

/// The smoothed round trip and its variation (RFC 6298, section 2), in seconds.
///
/// The RFC's gains, 1/8 and 1/4, are meant for one path. Here each sample is from a different host with its own round
/// trip: with gains that large, the estimate would follow the latest sample. The gains start at the RFC's values, and
/// shrink to a sixteenth of them as samples accumulate (RFC 7323, appendix G).
#[derive(Clone, Default)]
struct Estimator {
    samples: u32,
    srtt: f32,
    rttvar: f32,
}

impl Estimator {
    fn learn(&mut self, rtt: Duration) {
        let rtt = rtt.as_secs_f32();
        if self.samples == 0 {
            (self.srtt, self.rttvar) = (rtt, rtt / 2.0);
        } else {
            let many = (self.samples as f32 / 8.0).clamp(1.0, 16.0);
            self.rttvar += ((self.srtt - rtt).abs() - self.rttvar) / (4.0 * many);
            self.srtt += (rtt - self.srtt) / (8.0 * many);
        }
        self.samples = self.samples.saturating_add(1);
    }

    fn rto(&self) -> Duration {
        if self.samples == 0 { INITIAL } else { Duration::from_secs_f32(self.srtt + 4.0 * self.rttvar) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NEAR: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 0, 0, 1));
    const FAR: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 0, 1, 1));

    fn attempt(attempt: u32, elapsed_ms: u64) -> Wait {
        Wait { attempt, is_last: attempt == 3, elapsed: Duration::from_millis(elapsed_ms), jitter: 0 }
    }

    fn timeouts_after(host: IpAddr, rtt_ms: u64, samples: u32) -> Timeouts {
        let mut timeouts = Timeouts::new(Timeout::Auto, 3);
        for _ in 0..samples {
            timeouts.learn(host, Duration::from_millis(rtt_ms));
        }
        timeouts
    }

    #[test]
    fn it_waits_a_second_before_anything_was_measured() {
        assert_eq!(Timeouts::new(Timeout::Auto, 3).wait(NEAR, &attempt(1, 0)), INITIAL);
    }

    #[test]
    fn waits_grow_by_a_quarter_and_the_last_one_does_not() {
        let timeouts = timeouts_after(NEAR, 300, 2000);
        let waits: Vec<u128> = (1..=3).map(|n| timeouts.wait(NEAR, &attempt(n, 2000)).as_millis()).collect();
        assert_eq!(waits, [300, 375, 300]);
    }

    #[test]
    fn near_neighbours_do_not_cut_a_timeout_below_a_second() {
        let timeouts = timeouts_after(NEAR, 1, 50);
        assert_eq!(timeouts.wait(NEAR, &attempt(1, 0)), SHORTEST);
        assert_eq!(timeouts.wait(NEAR, &attempt(3, 500)), Duration::from_millis(500));
    }

    #[test]
    fn a_prefix_with_enough_samples_has_its_own_estimate() {
        let mut timeouts = timeouts_after(NEAR, 1, 50);
        for _ in 0..ENOUGH - 1 {
            timeouts.learn(FAR, Duration::from_millis(800));
        }
        for _ in 0..50 {
            timeouts.learn(NEAR, Duration::from_millis(1));
        }
        assert!(timeouts.wait(FAR, &attempt(1, 0)) < Duration::from_millis(800), "three are too few");
        timeouts.learn(FAR, Duration::from_millis(800));
        assert!(timeouts.wait(FAR, &attempt(1, 0)) > Duration::from_millis(800));
    }

    #[test]
    fn jitter_spreads_and_stays_below_an_eighth() {
        let timeouts = timeouts_after(NEAR, 400, 2000);
        for jitter in [0, 1, 1023, u64::MAX] {
            let wait = timeouts.wait(NEAR, &Wait { jitter, ..attempt(1, 0) });
            assert!((400..450).contains(&wait.as_millis()), "{wait:?}");
        }
    }

    #[test]
    fn a_fixed_timeout_has_no_backoff_and_no_jitter() {
        let timeouts = Timeouts::new(Timeout::Fixed(Duration::from_millis(70)), 3);
        assert_eq!(timeouts.wait(NEAR, &attempt(2, 70)), Duration::from_millis(70));
    }
}
