//! A lock for one handle: one thread at a time, in order of arrival.

#![deny(unsafe_code)]

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// A lock that is first come, first served. Threads wait for short calls; they do not wait for one that sleeps.
#[derive(Default)]
pub struct Gate {
    queue: Mutex<Queue>,
    moved: Condvar,
    /// Whether a thread is within. In the child of a fork, a thread that does not exist may hold the mutex.
    is_entered: AtomicBool,
}

#[derive(Default)]
struct Queue {
    /// The next ticket to give out, and the ticket that may be within.
    next: u64,
    serving: u64,
    /// The thread within sleeps.
    is_sleeping: bool,
}

impl Gate {
    /// Waits for its turn. Returns false, at once, if the thread within sleeps or goes to sleep.
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
        // When a thread has slept, `leave` skipped the tickets of all who waited.
        let is_mine = queue.serving == ticket;
        if is_mine {
            self.is_entered.store(true, Ordering::Release);
        }
        is_mine
    }

    /// Announces that the thread within is going to sleep, and turns away all that wait.
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

    /// Returns whether a thread is within, without taking the mutex.
    pub fn is_entered(&self) -> bool {
        self.is_entered.load(Ordering::Acquire)
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
