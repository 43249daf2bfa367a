//! The queue of what is to be sent.

use std::collections::VecDeque;

use super::deadlines::Place;

/// What waits to be sent, in two lines; each first come, first served, retries among them.
///
/// What continues a conversation goes before what begins one. So whoever was begun with is finished with soon,
/// however many wait: a walk takes as long as its agent does, and what it shows was true at about the same time.
#[derive(Default)]
pub struct Ring {
    next: Queue,
    first: Queue,
}

/// Which of the two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Line {
    /// The next requests of conversations, once something was answered.
    Next,
    /// Their first ones.
    First,
}

/// A query may find the window closed when its turn comes. It then steps aside, so that retries behind it (which
/// are in the window already) can go on, and is the first to leave when the window opens.
#[derive(Default)]
struct Queue {
    places: VecDeque<Place>,
    aside: VecDeque<Place>,
}

impl Ring {
    pub fn push_back(&mut self, line: Line, place: Place) {
        self.of_mut(line).places.push_back(place);
    }

    /// Puts back what could not be sent after all.
    pub fn push_front(&mut self, line: Line, place: Place) {
        self.of_mut(line).places.push_front(place);
    }

    pub fn pop(&mut self, line: Line) -> Option<Place> {
        self.of_mut(line).places.pop_front()
    }

    /// Puts a query aside until the window opens.
    pub fn step_aside(&mut self, line: Line, place: Place) {
        self.of_mut(line).aside.push_back(place);
    }

    /// The first of those that stepped aside.
    pub fn first_aside(&self, line: Line) -> Option<Place> {
        self.of(line).aside.front().copied()
    }

    pub fn pop_aside(&mut self, line: Line) -> Option<Place> {
        self.of_mut(line).aside.pop_front()
    }

    /// Whoever is the first to leave when the window opens.
    pub fn awaits_window(&self) -> Option<Place> {
        self.first_aside(Line::Next).or_else(|| self.first_aside(Line::First))
    }

    /// How many wait, those that stepped aside not counted; an upper bound, as some of them may have been
    /// answered meanwhile.
    pub fn queued(&self) -> usize {
        self.next.places.len() + self.first.places.len()
    }

    pub fn clear(&mut self) {
        *self = Ring::default();
    }

    fn of(&self, line: Line) -> &Queue {
        match line {
            Line::Next => &self.next,
            Line::First => &self.first,
        }
    }

    fn of_mut(&mut self, line: Line) -> &mut Queue {
        match line {
            Line::Next => &mut self.next,
            Line::First => &mut self.first,
        }
    }
}
