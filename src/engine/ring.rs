//! The ring: queries that wait to be sent.

use std::collections::VecDeque;

use super::deadlines::Place;

/// Queries that wait to be sent, in two first-in-first-out queues; retries wait in the same queue as the first attempt.
///
/// Queries that continue a conversation go before those that begin one. A conversation that has begun therefore ends
/// soon, however many others wait: the duration of a walk depends only on its agent, and its values are consistent.
#[derive(Default)]
pub struct Ring {
    continuations: Fifo,
    openings: Fifo,
}

/// The queue of a query.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Priority {
    /// A later query of a conversation.
    Continuation,
    /// The first query of a conversation.
    Opening,
}

/// One queue of the ring. If the window is closed when a query's turn comes, it is set aside, so that retries behind it
/// (which are in the window already) can be sent. It is the first to be sent when the window opens.
#[derive(Default)]
struct Fifo {
    places: VecDeque<Place>,
    aside: VecDeque<Place>,
}

impl Ring {
    pub fn push_back(&mut self, priority: Priority, place: Place) {
        self.of_mut(priority).places.push_back(place);
    }

    /// Puts a query back at the head of its queue, because it could not be sent.
    pub fn push_front(&mut self, priority: Priority, place: Place) {
        self.of_mut(priority).places.push_front(place);
    }

    pub fn pop(&mut self, priority: Priority) -> Option<Place> {
        self.of_mut(priority).places.pop_front()
    }

    /// Sets a query aside until the window opens.
    pub fn set_aside(&mut self, priority: Priority, place: Place) {
        self.of_mut(priority).aside.push_back(place);
    }

    /// Returns the first query that was set aside.
    pub fn first_aside(&self, priority: Priority) -> Option<Place> {
        self.of(priority).aside.front().copied()
    }

    pub fn pop_aside(&mut self, priority: Priority) -> Option<Place> {
        self.of_mut(priority).aside.pop_front()
    }

    /// Returns the first query to be sent when the window opens.
    pub fn first_awaiting_window(&self) -> Option<Place> {
        self.first_aside(Priority::Continuation).or_else(|| self.first_aside(Priority::Opening))
    }

    /// Returns the number of waiting queries, without those set aside. It is an upper bound: some may have been
    /// answered in the meantime.
    pub fn queued(&self) -> usize {
        self.continuations.places.len() + self.openings.places.len()
    }

    pub fn clear(&mut self) {
        *self = Ring::default();
    }

    fn of(&self, priority: Priority) -> &Fifo {
        match priority {
            Priority::Continuation => &self.continuations,
            Priority::Opening => &self.openings,
        }
    }

    fn of_mut(&mut self, priority: Priority) -> &mut Fifo {
        match priority {
            Priority::Continuation => &mut self.continuations,
            Priority::Opening => &mut self.openings,
        }
    }
}
