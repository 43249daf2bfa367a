//! Reply sizes: how much more of the receive buffer replies take than their protocol estimates.

use super::ReplySize;
use super::window::reply_cost;

/// The number of replies at which all counts are halved, so that older replies weigh less.
const REMEMBERED: u32 = 1024;
/// Buckets for each doubling of the ratio between a reply's cost and its estimate, and the number of doublings: up to
/// the largest datagram where the smallest was expected.
const STEPS: usize = 4;
const DOUBLINGS: usize = 9;
/// The percentage of the replies whose cost the factor covers.
const PERCENTILE: u32 = 99;
/// The margin on top of it.
const MARGIN: f64 = 1.25;

/// Learns the reply sizes of a sweep.
///
/// At first, each reply is expected to be as large as the protocol allows. Each reply halves that bound, and so do two
/// attempts without one: otherwise a small buffer would stay almost closed in a sweep over dead hosts. After
/// that, the replies seen decide: by a high quantile or the mean, whichever is greater, plus a margin.
pub struct ReplySizes {
    /// The cost of the largest reply.
    largest: u32,
    /// Two for each reply, one for each attempt without one.
    evidence: u32,
    counts: [u32; STEPS * DOUBLINGS],
    count: u32,
    sum: f64,
    /// At least 1.
    factor: f64,
}

impl ReplySizes {
    /// Creates an estimate for replies of at most `largest` bytes in one datagram.
    pub fn new(largest: u32) -> ReplySizes {
        ReplySizes {
            largest: reply_cost(ReplySize::one(largest)),
            evidence: 0,
            counts: [0; STEPS * DOUBLINGS],
            count: 0,
            sum: 0.0,
            factor: 1.0,
        }
    }

    /// Returns the cost to reserve for a reply that the protocol estimates at `estimated`.
    pub fn reserve(&self, estimated: u32) -> u32 {
        let unknown = self.largest >> (self.evidence / 2).min(31);
        ((f64::from(estimated) * self.factor) as u32).max(unknown)
    }

    /// Learns from a datagram of `bytes` bytes whose reply was estimated at `estimated`.
    pub fn learn(&mut self, bytes: usize, estimated: u32) {
        self.evidence = self.evidence.saturating_add(2);
        let cost = reply_cost(ReplySize::one(bytes as u32));
        let ratio = if cost <= estimated { 1.0 } else { f64::from(cost) / f64::from(estimated.max(1)) };
        let bucket = if ratio > 1.0 { (ratio.log2() * STEPS as f64) as usize + 1 } else { 0 };
        self.counts[bucket.min(STEPS * DOUBLINGS - 1)] += 1;
        self.count += 1;
        self.sum += ratio;
        if self.count >= REMEMBERED {
            self.counts.iter_mut().for_each(|count| *count /= 2);
            self.sum *= 0.5;
            self.count /= 2;
        }
        // Few replies are larger than estimated. Only these change the factor, until they are forgotten.
        if ratio > 1.0 || self.factor > 1.0 {
            self.factor = self.compute();
        }
    }

    /// Learns that an attempt timed out.
    pub fn learn_silence(&mut self) {
        self.evidence = self.evidence.saturating_add(1);
    }

    fn compute(&self) -> f64 {
        let rank = (self.count * PERCENTILE).div_ceil(100);
        let mut seen = 0;
        let at = self.counts.iter().position(|&count| {
            seen += count;
            seen >= rank
        });
        let quantile = 2f64.powf(at.unwrap_or(0) as f64 / STEPS as f64);
        let mean = self.sum / f64::from(self.count.max(1));
        let needed = quantile.max(mean);
        if needed > 1.01 { needed * MARGIN } else { 1.0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SMALL: u32 = 832;

    #[test]
    fn the_largest_reply_is_expected_until_there_is_evidence() {
        let mut sizes = ReplySizes::new(65_507);
        assert_eq!(sizes.reserve(SMALL), 131_072 + 256);
        sizes.learn(8, SMALL);
        assert_eq!(sizes.reserve(SMALL), (131_072 + 256) / 2);
        (0..2).for_each(|_| sizes.learn_silence());
        assert_eq!(sizes.reserve(SMALL), (131_072 + 256) / 4);
        (0..6).for_each(|_| sizes.learn(8, SMALL));
        assert_eq!(sizes.reserve(SMALL), SMALL);
        assert_eq!(ReplySizes::new(72).reserve(SMALL), SMALL, "a protocol that knows its size");
    }

    #[test]
    fn replies_larger_than_estimated_count_at_once_with_a_margin() {
        let mut sizes = ReplySizes::new(65_507);
        (0..20).for_each(|_| sizes.learn(8, SMALL));
        sizes.learn(1_400, SMALL);
        let cost = reply_cost(ReplySize::one(1_400));
        assert!((cost..2 * cost).contains(&sizes.reserve(SMALL)), "{}", sizes.reserve(SMALL));
    }

    #[test]
    fn the_mean_counts_where_few_replies_are_huge() {
        let mut sizes = ReplySizes::new(65_507);
        for reply in 0..20_000 {
            sizes.learn(if reply % 200 == 0 { 65_507 } else { 8 }, SMALL);
        }
        // One in 200 takes 158 times as much.
        assert!((1_400..4_000).contains(&sizes.reserve(SMALL)), "{}", sizes.reserve(SMALL));
    }

    #[test]
    fn large_replies_are_forgotten_once_others_follow() {
        let mut sizes = ReplySizes::new(65_507);
        (0..500).for_each(|_| sizes.learn(65_507, SMALL));
        assert!(sizes.reserve(SMALL) > 100_000);
        (0..20_000).for_each(|_| sizes.learn(8, SMALL));
        assert_eq!(sizes.reserve(SMALL), SMALL);
    }
}
