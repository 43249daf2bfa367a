//! The memory that all answers of a sweep may take together.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

/// Counts the bytes of all answers, from their first variable binding until they are dropped.
#[derive(Debug)]
pub struct Budget {
    limit: usize,
    bytes: AtomicUsize,
    /// The number of answers that hold any of them.
    holders: AtomicUsize,
}

impl Budget {
    pub fn new(limit: usize) -> Arc<Budget> {
        Arc::new(Budget { limit, bytes: AtomicUsize::new(0), holders: AtomicUsize::new(0) })
    }
}

/// The bytes that one answer holds. An answer that belongs to no sweep has no budget.
#[derive(Debug, Default)]
pub struct Held {
    budget: Option<Arc<Budget>>,
    bytes: usize,
}

impl Held {
    /// Creates a share of `budget` that holds nothing yet.
    pub fn of(budget: &Arc<Budget>) -> Held {
        Held { budget: Some(budget.clone()), bytes: 0 }
    }

    pub fn grow(&mut self, bytes: usize) {
        let Some(budget) = &self.budget else { return };
        if self.bytes == 0 && bytes > 0 {
            budget.holders.fetch_add(1, Relaxed);
        }
        self.bytes += bytes;
        budget.bytes.fetch_add(bytes, Relaxed);
    }

    /// Returns whether this answer may hold `bytes` more. Once the budget is used up, only answers within an equal
    /// share of it may grow, so that agents with endless subtrees do not end the walks of others. At twice the budget,
    /// no answer may grow.
    pub fn may_grow(&self, bytes: usize) -> bool {
        let Some(budget) = &self.budget else { return true };
        let wanted = self.bytes.saturating_add(bytes);
        let total = budget.bytes.load(Relaxed).saturating_add(bytes);
        let holders = budget.holders.load(Relaxed).max(1);
        let has_share = wanted <= budget.limit / holders && total <= budget.limit.saturating_mul(2);
        total <= budget.limit || has_share
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        if let Some(budget) = self.budget.as_ref().filter(|_| self.bytes > 0) {
            budget.bytes.fetch_sub(self.bytes, Relaxed);
            budget.holders.fetch_sub(1, Relaxed);
        }
    }
}

/// The clone of an answer takes memory, too.
impl Clone for Held {
    fn clone(&self) -> Held {
        let mut clone = Held { budget: self.budget.clone(), bytes: 0 };
        clone.grow(self.bytes);
        clone
    }
}

/// Never affects whether two answers are equal.
impl PartialEq for Held {
    fn eq(&self, _: &Held) -> bool {
        true
    }
}

impl Eq for Held {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_held_until_they_are_dropped() {
        let budget = Budget::new(100);
        let counts = || (budget.bytes.load(Relaxed), budget.holders.load(Relaxed));
        let mut held = Held::of(&budget);
        held.grow(0);
        assert_eq!(counts(), (0, 0));
        held.grow(10);
        held.grow(20);
        assert_eq!(counts(), (30, 1));
        let clone = held.clone();
        assert_eq!(counts(), (60, 2));
        drop(std::mem::take(&mut held));
        drop(held);
        assert_eq!(counts(), (30, 1));
        drop(clone);
        assert_eq!(counts(), (0, 0));
    }

    #[test]
    fn only_those_with_more_than_their_share_stop_when_it_is_used_up() {
        let budget = Budget::new(100);
        let (mut large, mut small) = (Held::of(&budget), Held::of(&budget));
        large.grow(60);
        small.grow(39);
        assert!(large.may_grow(1) && !large.may_grow(2));
        assert!(small.may_grow(11) && !small.may_grow(12));
        drop(large);
        assert!(small.may_grow(61) && !small.may_grow(62));
        let idle: Vec<Held> = (0..4).map(|_| small.clone()).collect();
        assert!(!Held::of(&budget).may_grow(6), "their sum is at its limit: {}", 39 * (idle.len() + 1));
        assert!(Held::of(&budget).may_grow(5));
        assert!(Held::default().may_grow(usize::MAX));
    }
}
