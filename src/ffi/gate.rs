//! A lock for one handle: one thread at a time, in order of arrival.

#![deny(unsafe_code)]

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// A lock that is first come, first served. Threads wait for short calls; they do not wait for one that sleeps.
#[derive(Default)]
pub struct Gate {
    queue: Mutex<Queue>,
    moved: Condvar,
    /// True if a thread has entered. Atomic, because in the child of a fork the mutex may be held by a thread that does
    /// not exist.
    is_entered: AtomicBool,
}

#[derive(Default)]
struct Queue {
    /// The next ticket to issue, and the ticket that may enter.
    next: u64,
    serving: u64,
    /// True if the thread that has entered sleeps.
    is_sleeping: bool,
}

impl Gate {
    /// Waits for its turn. Returns false, at once, if the thread that has entered sleeps or goes to sleep.
    pub fn enter(&self) -> bool {
        let mut queue = self.queue();
        if queue.is_sleeping {
            return false;
        }
        let ticket = queue.next;
        queue.next += 1;
        while queue.serving < ticket && !queue.is_sleeping {
            queue = self.moved.wait(queue).unwrap_or_else(PoisonError::into_inner);
        }
        // When a thread has slept, `leave` skipped the tickets of all waiting threads.
        let is_mine = queue.serving == ticket;
        if is_mine {
            self.is_entered.store(true, Ordering::Release);
        }
        is_mine
    }

    /// Marks the entered thread as about to sleep, and makes all waiting threads return.
    pub fn sleep(&self) {
        self.queue().is_sleeping = true;
        self.moved.notify_all();
    }

    /// Lets the next thread in.
    pub fn leave(&self) {
        let mut queue = self.queue();
        queue.serving = if queue.is_sleeping { queue.next } else { queue.serving + 1 };
        queue.is_sleeping = false;
        self.is_entered.store(false, Ordering::Release);
        if queue.serving < queue.next {
            self.moved.notify_all();
        }
    }

    /// Returns whether a thread has entered, without taking the mutex.
    pub fn is_entered(&self) -> bool {
        self.is_entered.load(Ordering::Acquire)
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
