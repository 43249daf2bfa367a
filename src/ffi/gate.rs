//! Who may enter a handle: one thread at a time, in the order in which they come.

#![deny(unsafe_code)]

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// Calls are short, so others wait for them; but nobody waits for one that sleeps.
#[derive(Default)]
pub struct Gate {
    queue: Mutex<Queue>,
    moved: Condvar,
    /// For a child of a fork, in which the mutex may be held by a thread that does not exist.
    is_entered: AtomicBool,
}

#[derive(Default)]
struct Queue {
    /// Tickets, as in a shop: the next to be given, and whose turn it is.
    next: u64,
    serving: u64,
    /// Whoever is within sleeps.
    is_sleeping: bool,
}

impl Gate {
    /// Waits for its turn; false if whoever is within sleeps.
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
        // Behind whoever slept in between, it is nobody's turn any more.
        let is_mine = queue.serving == ticket;
        if is_mine {
            self.is_entered.store(true, Ordering::Release);
        }
        is_mine
    }

    /// Whoever is within is going to sleep: all who wait are turned away.
    pub fn sleep(&self) {
        self.queue().is_sleeping = true;
        self.moved.notify_all();
    }

    /// Whoever is within leaves.
    pub fn leave(&self) {
        let mut queue = self.queue();
        queue.serving = if queue.is_sleeping { queue.next } else { queue.serving + 1 };
        queue.is_sleeping = false;
        self.is_entered.store(false, Ordering::Release);
        if queue.serving < queue.next {
            self.moved.notify_all();
        }
    }

    /// Whether a thread is within; also for one that must not wait for a mutex.
    pub fn is_entered(&self) -> bool {
        self.is_entered.load(Ordering::Acquire)
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
