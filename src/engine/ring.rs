//! The queue of what is to be sent.

use std::collections::VecDeque;

use super::deadlines::Place;

/// What waits to be sent, first come, first served: first requests, follow-ups and retries alike.
///
/// A first request may find the window closed when its turn comes. It then steps aside, so that
/// retries behind it (which are in the window already) can go on, and is the first to leave when the
/// window opens. So nobody who enters now is sent later than after all who are in it now.
#[derive(Default)]
pub struct Ring {
    queue: VecDeque<Place>,
    aside: VecDeque<Place>,
}

impl Ring {
    pub fn push_back(&mut self, place: Place) {
        self.queue.push_back(place);
    }

    /// Puts back what could not be sent after all.
    pub fn push_front(&mut self, place: Place) {
        self.queue.push_front(place);
    }

    /// Puts a first request aside until the window opens.
    pub fn step_aside(&mut self, place: Place) {
        self.aside.push_back(place);
    }

    /// The first of those that stepped aside.
    pub fn first_aside(&self) -> Option<Place> {
        self.aside.front().copied()
    }

    pub fn pop_aside(&mut self) -> Option<Place> {
        self.aside.pop_front()
    }

    pub fn pop(&mut self) -> Option<Place> {
        self.queue.pop_front()
    }

    /// How many wait in the queue, those that stepped aside not counted; an upper bound, as some of
    /// them may have been answered meanwhile.
    pub fn queued(&self) -> usize {
        self.queue.len()
    }

    pub fn clear(&mut self) {
        self.queue.clear();
        self.aside.clear();
    }
}
