//! Deadlines: a binary heap with lazy deletion, which skips cancelled entries when they come up.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::Time;
use super::query::QueryId;

/// Distinguishes the valid entry of a query, in the ring or in the heap, from older ones. A query gets a new stamp
/// whenever it moves. Entries with an old stamp are skipped when they come up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Stamp(u32);

/// Issues stamps. They wrap around after 2³²; no entry lives that long.
#[derive(Default)]
pub struct Stamps(u32);

impl Stamps {
    pub fn fresh(&mut self) -> Stamp {
        self.0 = self.0.wrapping_add(1);
        Stamp(self.0)
    }
}

/// An entry of the ring or of the heap.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    pub query: QueryId,
    pub stamp: Stamp,
}

/// A min-heap of deadlines.
#[derive(Default)]
pub struct Deadlines {
    heap: BinaryHeap<Reverse<(Time, Place)>>,
}

impl Deadlines {
    pub fn push(&mut self, at: Time, place: Place) {
        self.heap.push(Reverse((at, place)));
    }

    /// Removes and returns the first entry if it is due by `now`.
    pub fn pop_due(&mut self, now: Time) -> Option<Place> {
        match self.heap.peek() {
            Some(Reverse((at, _))) if *at <= now => self.heap.pop().map(|Reverse((_, place))| place),
            _ => None,
        }
    }

    /// Returns the first valid deadline. Drops the invalid ones before it.
    pub fn next(&mut self, is_valid: impl Fn(Place) -> bool) -> Option<Time> {
        while let Some(Reverse((at, place))) = self.heap.peek() {
            if is_valid(*place) {
                return Some(*at);
            }
            self.heap.pop();
        }
        None
    }

    /// Drops the invalid entries once there are half as many as `valid` ones, so that the heap stays proportional to
    /// the number of queries in flight. Amortized O(1) per push.
    pub fn compact(&mut self, valid: usize, is_valid: impl Fn(Place) -> bool) {
        if self.heap.len() > valid + valid / 2 + 1024 {
            self.heap.retain(|Reverse((_, place))| is_valid(*place));
        }
    }

    #[cfg(test)]
    fn len(&self) -> usize {
        self.heap.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(query: u32, stamps: &mut Stamps) -> Place {
        Place { query: QueryId(query), stamp: stamps.fresh() }
    }

    #[test]
    fn entries_are_returned_in_time_order_and_only_when_due() {
        let (mut deadlines, mut stamps) = (Deadlines::default(), Stamps::default());
        let (late, early) = (place(1, &mut stamps), place(2, &mut stamps));
        deadlines.push(Time::from_millis(20), late);
        deadlines.push(Time::from_millis(10), early);
        assert_eq!(deadlines.pop_due(Time::from_millis(9)), None);
        assert_eq!(deadlines.pop_due(Time::from_millis(30)), Some(early));
        assert_eq!(deadlines.pop_due(Time::from_millis(30)), Some(late));
        assert_eq!(deadlines.pop_due(Time::from_millis(30)), None);
    }

    #[test]
    fn the_next_deadline_skips_cancelled_ones() {
        let (mut deadlines, mut stamps) = (Deadlines::default(), Stamps::default());
        deadlines.push(Time::from_millis(1), place(1, &mut stamps));
        deadlines.push(Time::from_millis(2), place(2, &mut stamps));
        assert_eq!(deadlines.next(|place| place.query == QueryId(2)), Some(Time::from_millis(2)));
    }

    #[test]
    fn cancelled_entries_do_not_accumulate() {
        let (mut deadlines, mut stamps) = (Deadlines::default(), Stamps::default());
        for n in 0..100_000 {
            deadlines.push(Time::from_millis(n), place(n as u32, &mut stamps));
            deadlines.compact(1, |place| u64::from(place.query.0) == n);
        }
        assert!(deadlines.len() <= 1026, "{}", deadlines.len());
    }
}
