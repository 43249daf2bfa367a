//! A queue of future events, in order of time.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};

use slab::Slab;

use crate::engine::Time;

/// Items and the times when they are due. Items that are pushed in order of time (all of them, if all delays are equal)
/// pass through a queue, and only the others through a heap.
#[derive(Debug)]
pub(super) struct Schedule<T> {
    in_order: VecDeque<(Key, T)>,
    others: BinaryHeap<Reverse<(Key, usize)>>,
    items: Slab<T>,
    pushed: u64,
}

/// The time, and the number of the push: of two items due at the same time, the first one pushed comes first.
type Key = (Time, u64);

impl<T> Default for Schedule<T> {
    fn default() -> Schedule<T> {
        Schedule { in_order: VecDeque::new(), others: BinaryHeap::new(), items: Slab::new(), pushed: 0 }
    }
}

impl<T> Schedule<T> {
    pub(super) fn push(&mut self, due: Time, item: T) {
        let key = (due, self.pushed);
        self.pushed += 1;
        if self.in_order.back().is_none_or(|(last, _)| *last < key) {
            self.in_order.push_back((key, item));
        } else {
            self.others.push(Reverse((key, self.items.insert(item))));
        }
    }

    /// Removes and returns the first item, if it is due.
    pub(super) fn pop(&mut self, now: Time) -> Option<(Time, T)> {
        let queued = self.in_order.front().map(|(key, _)| *key);
        let heaped = self.others.peek().map(|Reverse((key, _))| *key);
        let queue_first = queued.is_some_and(|queued| heaped.is_none_or(|heaped| queued < heaped));
        if self.next_due()? > now {
            return None;
        }
        if queue_first {
            return self.in_order.pop_front().map(|((due, _), item)| (due, item));
        }
        self.others.pop().map(|Reverse(((due, _), at))| (due, self.items.remove(at)))
    }

    /// Returns when the first item is due.
    pub(super) fn next_due(&self) -> Option<Time> {
        let queued = self.in_order.front().map(|((due, _), _)| *due);
        let heaped = self.others.peek().map(|Reverse(((due, _), _))| *due);
        queued.into_iter().chain(heaped).min()
    }
}

#[cfg(test)]
mod tests {
    use super::super::dice::Dice;
    use super::*;

    #[test]
    fn items_are_ordered_by_time_and_then_by_the_order_of_pushing() {
        let mut dice = Dice::new(3);
        let mut schedule = Schedule::default();
        let mut expected = Vec::new();
        for i in 0..1000 {
            let due = Time::from_millis(dice.below(50) as u64);
            schedule.push(due, i);
            expected.push((due, i));
        }
        expected.sort();
        let popped: Vec<_> = std::iter::from_fn(|| schedule.pop(Time::from_millis(100))).collect();
        assert_eq!(popped, expected);
        assert_eq!(schedule.next_due(), None);
    }

    #[test]
    fn nothing_is_returned_before_its_time_and_equal_delays_need_no_heap() {
        let mut schedule = Schedule::default();
        (0..10).for_each(|i| schedule.push(Time::from_millis(i), i));
        assert!(schedule.others.is_empty());
        assert_eq!(schedule.next_due(), Some(Time::ZERO));
        let popped: Vec<_> =
            std::iter::from_fn(|| schedule.pop(Time::from_millis(4))).map(|(_, i)| i).collect();
        assert_eq!(popped, [0, 1, 2, 3, 4]);
        assert_eq!(schedule.next_due(), Some(Time::from_millis(5)));
    }
}
