//! The attempts of answered queries that expect no other reply: a further one is a copy.
//!
//! Most queries end this way. Remembering one takes a number, instead of a place in the table of queries.

use std::collections::HashMap;
use std::hash::BuildHasherDefault;
use std::mem;
use std::time::Duration;

use super::Time;
use super::in_flight::AlreadyHashed;

/// The lane of each attempt, by its fingerprint.
type Fingerprints = HashMap<u64, u16, BuildHasherDefault<AlreadyHashed>>;

/// Remembers attempts, each for one to two lifetimes.
pub struct Answered {
    lifetime: Duration,
    /// The attempts since this time, and those before them.
    since: Time,
    recent: Fingerprints,
    older: Fingerprints,
}

impl Answered {
    pub fn new(lifetime: Duration) -> Answered {
        Answered { lifetime, since: Time::ZERO, recent: HashMap::default(), older: HashMap::default() }
    }

    /// Remembers an attempt. Forgets the oldest ones early if there are more than `most`.
    pub fn insert(&mut self, now: Time, fingerprint: u64, lane: u16, most: usize) {
        if now - self.since >= self.lifetime || self.recent.len() >= most.div_ceil(2) {
            self.since = now;
            mem::swap(&mut self.recent, &mut self.older);
            self.recent.clear();
        }
        self.recent.insert(fingerprint, lane);
    }

    /// Returns whether this attempt is remembered, as one that was sent from this lane.
    pub fn contains(&self, fingerprint: u64, lane: u16) -> bool {
        let lane_of = self.recent.get(&fingerprint).or_else(|| self.older.get(&fingerprint));
        lane_of == Some(&lane)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attempts_are_remembered_for_their_lifetime() {
        let mut answered = Answered::new(Duration::from_secs(2));
        for number in 0..10 {
            answered.insert(Time::from_millis(number * 1_000), number, 3, 1_000);
            for earlier in 0..=number {
                let age = number - earlier;
                assert!(answered.contains(earlier, 3) || age > 2, "{earlier} after {age} s");
                assert!(!answered.contains(earlier, 3) || age <= 4, "{earlier} after {age} s");
            }
        }
        assert!(!answered.contains(9, 0), "another lane");
    }

    #[test]
    fn the_oldest_are_forgotten_if_there_are_too_many() {
        let mut answered = Answered::new(Duration::from_secs(2));
        (0..1_000).for_each(|number| answered.insert(Time::ZERO, number, 0, 100));
        let remembered = (0..1_000).filter(|number| answered.contains(*number, 0)).count();
        assert!((50..=100).contains(&remembered), "{remembered}");
        assert!((950..1_000).all(|number| answered.contains(number, 0)));
    }
}
