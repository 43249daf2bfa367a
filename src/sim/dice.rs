//! Reproducible randomness: numbers derived from a seed.

use std::time::Duration;

/// The purpose of a number. Two decisions about one request are independent because their purposes differ.
#[derive(Clone, Copy, Debug)]
pub(super) enum Purpose {
    Dead = 1,
    MultiHomed,
    Garbage,
    Latency,
    Wanted,
    Loss,
    ReplyLoss,
    Duplicate,
    Late,
    Forge,
    Content,
    Link,
    Misbehaviour,
    Uptime,
    Interface,
    #[cfg(feature = "usm")]
    Boots,
}

/// Returns the number for the `nth` decision of this purpose about `subject`. It is a hash, not the next number of a
/// generator: no decision depends on the order or the time of the others.
pub(super) fn roll(seed: u64, purpose: Purpose, subject: u32, nth: u64) -> u64 {
    let key = seed ^ mix(((purpose as u64) << 32) | u64::from(subject));
    mix(mix(key).wrapping_add(nth))
}

/// Returns true for the given fraction (0 to 1) of all numbers.
pub(super) fn hits(number: u64, fraction: f64) -> bool {
    fraction > 0.0 && unit(number) < fraction
}

/// Converts a number to a fraction, 0 to just under 1.
pub(super) fn unit(number: u64) -> f64 {
    (number >> 11) as f64 / (1u64 << 53) as f64
}

/// Converts a number to a duration, from zero to just under `most`.
pub(super) fn part_of(number: u64, most: Duration) -> Duration {
    most.mul_f64(unit(number))
}

/// A generator of numbers, for decisions that need many.
#[derive(Clone, Debug)]
pub(super) struct Dice(u64);

impl Dice {
    pub(super) fn new(seed: u64) -> Dice {
        Dice(seed)
    }

    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        mix(self.0)
    }

    /// Returns a number from 0 to `n - 1`; `n` is at least 1.
    pub(super) fn below(&mut self, n: usize) -> usize {
        // A multiplication instead of a division, on the upper half of the number.
        (((self.next() >> 32) * n as u64) >> 32) as usize
    }

    /// Returns an item of a list that is not empty.
    pub(super) fn pick<T: Copy>(&mut self, list: &[T]) -> T {
        list[self.below(list.len())]
    }
}

/// The finalizer of SplitMix64: every bit of the input changes half of the bits of the output.
fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fraction_of_the_decisions_is_that_fraction() {
        for purpose in [Purpose::Loss, Purpose::ReplyLoss, Purpose::Late] {
            let hit =
                (0..100_000).filter(|&i| hits(roll(7, purpose, i / 10, u64::from(i % 10)), 0.05)).count();
            assert!((4_700..5_300).contains(&hit), "{purpose:?}: {hit}");
        }
        assert!(!hits(0, 0.0));
        assert!(hits(u64::MAX, 1.0));
    }

    #[test]
    fn decisions_of_different_purposes_are_independent() {
        let both = (0..100_000)
            .filter(|&i| hits(roll(7, Purpose::Loss, i, 0), 0.5) && hits(roll(7, Purpose::Late, i, 0), 0.5))
            .count();
        assert!((24_000..26_000).contains(&both), "{both}");
    }

    #[test]
    fn dice_stay_below_and_reach_every_face() {
        let mut dice = Dice::new(1);
        let mut seen = [0u32; 6];
        (0..6_000).for_each(|_| seen[dice.below(6)] += 1);
        assert!(seen.iter().all(|&n| n > 800), "{seen:?}");
    }
}
