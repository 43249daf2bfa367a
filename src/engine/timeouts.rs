//! How long to wait for an answer, and how often to ask.

use std::net::IpAddr;
use std::time::Duration;

use super::Timeout;
use super::limits::Prefix;

/// The wait before anything is known (RFC 6298, section 2.1).
const INITIAL: Duration = Duration::from_secs(1);
/// Never less for one attempt: a host's own delay varies more than its round trip says. RFC 6298 asks
/// for a second, which is for a stream that must not be sent twice; a query may be.
const SHORTEST: Duration = Duration::from_millis(200);
/// Never more for one attempt.
const LONGEST: Duration = Duration::from_secs(5);
/// Never less for all attempts of a query together, whatever its neighbours are like: a host far away
/// in a sweep of near ones must still be heard.
const SHORTEST_IN_ALL: Duration = Duration::from_secs(1);
/// Prefixes remembered, in a table of fixed size: a new one takes the place of another.
const PREFIXES: usize = 2048;
/// Samples after which a prefix speaks for itself.
const ENOUGH: u32 = 4;

/// Learns round trips, for all hosts together and for each prefix, and says how long to wait.
pub struct Timeouts {
    timeout: Timeout,
    tries: u32,
    overall: Estimator,
    prefixes: Vec<(Prefix, Estimator)>,
}

/// The attempt that is about to be waited for.
pub struct Wait {
    /// Which try it is, 1 for the first.
    pub attempt: u32,
    /// Whether none will follow.
    pub is_last: bool,
    /// Since the first attempt was sent.
    pub elapsed: Duration,
    /// Any number, different for each attempt: from it comes the jitter that spreads retries.
    pub jitter: u64,
}

impl Timeouts {
    pub fn new(timeout: Timeout, tries: u32) -> Timeouts {
        let nobody = (Prefix::of(IpAddr::from([0; 16])), Estimator::default());
        Timeouts { timeout, tries, overall: Estimator::default(), prefixes: vec![nobody; PREFIXES] }
    }

    /// Attempts left after `attempts` of them.
    pub fn tries_left(&self, attempts: u32) -> u32 {
        self.tries.saturating_sub(attempts)
    }

    /// Takes in a round trip that was measured exactly.
    pub fn learn(&mut self, host: IpAddr, rtt: Duration) {
        self.overall.learn(rtt);
        let prefix = Prefix::of(host);
        let known = &mut self.prefixes[place(prefix)];
        if known.0 != prefix {
            *known = (prefix, Estimator::default());
        }
        known.1.learn(rtt);
    }

    /// How long to wait for the answer to an attempt.
    ///
    /// The waits between attempts grow by a quarter each time, plus up to an eighth of jitter. The last
    /// one does not: nothing will be sent after it that would need the distance.
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

    /// After this long the answer of a host is overdue, whatever the user wants to wait.
    pub fn rto(&self, host: IpAddr) -> Duration {
        let prefix = Prefix::of(host);
        let (known, estimator) = &self.prefixes[place(prefix)];
        let estimator =
            if *known == prefix && estimator.samples >= ENOUGH { estimator } else { &self.overall };
        estimator.rto().clamp(SHORTEST, LONGEST)
    }
}

/// Where in the table a prefix is kept. Multiplied by the golden ratio, so that neighbours spread.
fn place(prefix: Prefix) -> usize {
    (prefix.number().wrapping_mul(0x9E37_79B9_7F4A_7C15) >> (64 - PREFIXES.ilog2())) as usize
}

/// The smoothed round trip and its variation (RFC 6298, section 2), in seconds.
///
/// The RFC's gains, 1/8 and 1/4, are for one path. Here many hosts speak in turn, each with a round
/// trip of its own: with gains that large, the estimate would follow whoever spoke last. They start as
/// the RFC's and shrink to a sixteenth of that with the number of samples (RFC 7323, appendix G).
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

    fn taught(host: IpAddr, rtt_ms: u64, samples: u32) -> Timeouts {
        let mut timeouts = Timeouts::new(Timeout::Auto, 3);
        for _ in 0..samples {
            timeouts.learn(host, Duration::from_millis(rtt_ms));
        }
        timeouts
    }

    #[test]
    fn it_waits_a_second_until_something_is_known() {
        assert_eq!(Timeouts::new(Timeout::Auto, 3).wait(NEAR, &attempt(1, 0)), INITIAL);
    }

    #[test]
    fn waits_grow_by_a_quarter_and_the_last_one_does_not() {
        let timeouts = taught(NEAR, 300, 2000);
        let waits: Vec<u128> = (1..=3).map(|n| timeouts.wait(NEAR, &attempt(n, 2000)).as_millis()).collect();
        assert_eq!(waits, [300, 375, 300]);
    }

    #[test]
    fn near_neighbours_do_not_make_it_give_up_on_a_host_within_a_second() {
        let timeouts = taught(NEAR, 1, 50);
        assert_eq!(timeouts.wait(NEAR, &attempt(1, 0)), SHORTEST);
        assert_eq!(timeouts.wait(NEAR, &attempt(3, 500)), Duration::from_millis(500));
    }

    #[test]
    fn a_prefix_with_enough_samples_speaks_for_itself() {
        let mut timeouts = taught(NEAR, 1, 50);
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
        let timeouts = taught(NEAR, 400, 2000);
        for jitter in [0, 1, 1023, u64::MAX] {
            let wait = timeouts.wait(NEAR, &Wait { jitter, ..attempt(1, 0) });
            assert!((400..450).contains(&wait.as_millis()), "{wait:?}");
        }
    }

    #[test]
    fn a_fixed_timeout_is_kept_to_the_letter() {
        let timeouts = Timeouts::new(Timeout::Fixed(Duration::from_millis(70)), 3);
        assert_eq!(timeouts.wait(NEAR, &attempt(2, 70)), Duration::from_millis(70));
    }
}
