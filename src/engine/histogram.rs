//! A histogram of durations: percentiles in constant memory.

use std::fmt;
use std::iter;
use std::time::Duration;

/// The number of buckets for each doubling of the duration: a percentile is at most 1/64 (1.6 %) too high.
const STEPS: u64 = 64;
/// The number of doublings above the first `STEPS` microseconds: up to 2^36 µs, 19 hours.
const DOUBLINGS: u64 = 30;

/// A histogram of durations. Its resolution is 1 µs or 1.6 %, whichever is coarser; it takes 512 bytes for
/// each doubling between the shortest and the longest, at most 15 KiB.
#[derive(Clone)]
pub struct Histogram {
    /// The counts of the buckets in use, from this one on.
    first: usize,
    counts: Vec<u64>,
    count: u64,
    min: Duration,
    max: Duration,
}

impl Default for Histogram {
    fn default() -> Histogram {
        Histogram { first: 0, counts: vec![], count: 0, min: Duration::MAX, max: Duration::ZERO }
    }
}

impl Histogram {
    /// Counts one duration.
    pub fn record(&mut self, value: Duration) {
        *self.count_of(bucket(value)) += 1;
        self.count += 1;
        self.min = self.min.min(value);
        self.max = self.max.max(value);
    }

    /// Returns the count of a bucket, which is then in use.
    fn count_of(&mut self, bucket: usize) -> &mut u64 {
        let Histogram { first, counts, .. } = self;
        if counts.is_empty() {
            *first = bucket;
        } else if bucket < *first {
            counts.splice(..0, iter::repeat_n(0, *first - bucket));
            *first = bucket;
        }
        let at = bucket - *first;
        if at >= counts.len() {
            counts.resize(at + 1, 0);
        }
        &mut counts[at]
    }

    /// Returns the number of durations counted.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// Returns the shortest duration, exactly; `None` if nothing was counted.
    pub fn min(&self) -> Option<Duration> {
        (self.count > 0).then_some(self.min)
    }

    /// Returns the longest duration, exactly; `None` if nothing was counted.
    pub fn max(&self) -> Option<Duration> {
        (self.count > 0).then_some(self.max)
    }

    /// Returns the duration that the fraction `q` (0 to 1) of all does not exceed, to the resolution of the histogram;
    /// `None` if nothing was counted.
    pub fn quantile(&self, q: f64) -> Option<Duration> {
        let rank = (q.clamp(0.0, 1.0) * self.count as f64).ceil().max(1.0) as u64;
        let mut seen = 0;
        let at = self.counts.iter().position(|&n| {
            seen += n;
            seen >= rank
        })?;
        Some(upper_bound(self.first + at).clamp(self.min, self.max))
    }
}

impl fmt::Debug for Histogram {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Histogram")
            .field("count", &self.count)
            .field("min", &self.min())
            .field("p50", &self.quantile(0.5))
            .field("p99", &self.quantile(0.99))
            .field("max", &self.max())
            .finish()
    }
}

/// Returns the bucket that counts a duration.
fn bucket(value: Duration) -> usize {
    let micros = u64::try_from(value.as_micros()).unwrap_or(u64::MAX);
    if micros < STEPS {
        return micros as usize;
    }
    // The position of the highest bit is the doubling, the six bits below it are the step.
    let doubling = u64::from(micros.ilog2() - STEPS.ilog2());
    if doubling >= DOUBLINGS {
        return (STEPS * (DOUBLINGS + 1)) as usize - 1;
    }
    let step = (micros >> doubling) - STEPS;
    (STEPS * (doubling + 1) + step) as usize
}

/// Returns the longest duration that a bucket counts.
fn upper_bound(bucket: usize) -> Duration {
    let bucket = bucket as u64;
    if bucket < STEPS {
        return Duration::from_micros(bucket);
    }
    let doubling = bucket / STEPS - 1;
    let step = bucket % STEPS + STEPS;
    Duration::from_micros(((step + 1) << doubling) - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_in_any_order_give_the_same_quantiles() {
        let micros = [7, 3_000_000, 40, 1, 500_000, 64, 63, 60_000_000_000, 0];
        let mut histogram = Histogram::default();
        assert_eq!(histogram.quantile(0.5), None);
        micros.iter().for_each(|micros| histogram.record(Duration::from_micros(*micros)));
        let quantile = |rank: usize| histogram.quantile(rank as f64 / micros.len() as f64).expect("counted");
        let mut sorted = micros.map(Duration::from_micros);
        sorted.sort_unstable();
        for (rank, exact) in sorted.into_iter().enumerate() {
            let found = quantile(rank + 1);
            assert!(found >= exact && found <= exact.mul_f64(65.0 / 64.0), "{found:?} for {exact:?}");
        }
    }

    #[test]
    fn quantiles_are_within_the_resolution() {
        let mut histogram = Histogram::default();
        for micros in 1..=100_000u64 {
            histogram.record(Duration::from_micros(micros));
        }
        for q in [0.0, 0.1, 0.5, 0.9, 0.99, 0.999, 1.0] {
            let exact = (q * 100_000.0f64).max(1.0);
            let found = histogram.quantile(q).expect("counted").as_micros() as f64;
            assert!(found >= exact && found <= exact * (1.0 + 1.0 / 64.0) + 1.0, "{q}: {found} for {exact}");
        }
        assert_eq!(histogram.min(), Some(Duration::from_micros(1)));
        assert_eq!(histogram.max(), Some(Duration::from_micros(100_000)));
    }

    #[test]
    fn an_empty_histogram_has_no_quantiles_and_extremes_fit() {
        let mut histogram = Histogram::default();
        assert_eq!((histogram.min(), histogram.quantile(0.5), histogram.max()), (None, None, None));
        histogram.record(Duration::MAX);
        histogram.record(Duration::ZERO);
        assert_eq!(histogram.quantile(0.5), Some(Duration::ZERO));
        assert_eq!(histogram.max(), Some(Duration::MAX));
    }

    #[test]
    fn every_bucket_holds_its_upper_bound() {
        for index in 0..(STEPS * (DOUBLINGS + 1)) as usize {
            assert_eq!(bucket(upper_bound(index)), index);
        }
    }
}
