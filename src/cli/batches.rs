//! A short queue through which a reading thread passes items to the sweep in batches: however long an input is, few of
//! its items wait. Other threads add items that become known later.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::{mem, vec};

use super::names::Stopped;

/// The items in one batch, and the batches in the queue.
const BATCH: usize = 1024;
const BATCHES: usize = 4;
/// The maximum number of late items that are awaited, or were not yet taken.
const MOST_LATE: usize = 20_480;

/// Ends the sleep of the sweep.
pub type Wake = Arc<dyn Fn() + Send + Sync>;

/// The sending end, for the reading thread. The items have not ended as long as it exists.
pub struct BatchSender<T> {
    queue: Arc<Queue<T>>,
    batch: Vec<T>,
}

/// Sends items that become known later. The items have not ended as long as it exists, either.
pub struct LateSender<T> {
    queue: Arc<Queue<T>>,
}

/// The receiving end, for the sweep.
pub struct BatchReceiver<T> {
    queue: Arc<Queue<T>>,
    batch: vec::IntoIter<T>,
}

/// The result of [`BatchReceiver::next`].
pub enum NextItem<T> {
    Item(T),
    /// No item is available yet: `wake` will be called.
    Waiting,
    End,
}

struct Queue<T> {
    state: Mutex<QueueState<T>>,
    /// Notified when items were taken, when late items are no longer awaited, and when the sweep has stopped.
    taken: Condvar,
    wake: Wake,
}

struct QueueState<T> {
    batches: VecDeque<Vec<T>>,
    late: Vec<T>,
    late_senders: usize,
    has_ended: bool,
    is_stopped: bool,
}

/// Returns both ends. `wake` is called after every batch, for late items, and at the end.
pub fn channel<T>(wake: Wake) -> (BatchSender<T>, BatchReceiver<T>) {
    let (batches, late) = (VecDeque::new(), vec![]);
    let state = QueueState { batches, late, late_senders: 0, has_ended: false, is_stopped: false };
    let queue = Arc::new(Queue { state: Mutex::new(state), taken: Condvar::new(), wake });
    let sender = BatchSender { queue: queue.clone(), batch: vec![] };
    (sender, BatchReceiver { queue, batch: vec![].into_iter() })
}

impl<T> Queue<T> {
    fn lock(&self) -> MutexGuard<'_, QueueState<T>> {
        // No code panics while it holds the lock.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits while the queue is full, then changes it.
    ///
    /// # Errors
    /// The sweep was stopped.
    fn add(
        &self,
        is_full: impl Fn(&QueueState<T>) -> bool,
        change: impl FnOnce(&mut QueueState<T>),
    ) -> Result<(), Stopped> {
        let mut state = self.lock();
        while is_full(&state) && !state.is_stopped {
            state = self.taken.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        if state.is_stopped {
            return Err(Stopped);
        }
        change(&mut state);
        Ok(())
    }
}

impl<T> BatchSender<T> {
    /// Adds an item to the batch, and sends the batch if it is full. Blocks while too many wait.
    ///
    /// # Errors
    /// The sweep was stopped.
    pub fn push(&mut self, item: T) -> Result<(), Stopped> {
        self.batch.push(item);
        if self.batch.len() >= BATCH { self.hand_over() } else { Ok(()) }
    }

    /// Sends the items so far.
    ///
    /// # Errors
    /// The sweep was stopped.
    pub fn hand_over(&mut self) -> Result<(), Stopped> {
        if self.batch.is_empty() {
            return Ok(());
        }
        let batch = mem::take(&mut self.batch);
        self.queue.add(|state| state.batches.len() >= BATCHES, |state| state.batches.push_back(batch))?;
        (self.queue.wake)();
        Ok(())
    }

    /// Returns a sender for items that become known later. Blocks while there are too many of them.
    ///
    /// # Errors
    /// The sweep was stopped.
    pub fn late(&self) -> Result<LateSender<T>, Stopped> {
        let is_full = |state: &QueueState<T>| state.late_senders + state.late.len() >= MOST_LATE;
        self.queue.add(is_full, |state| state.late_senders += 1)?;
        Ok(LateSender { queue: self.queue.clone() })
    }
}

impl<T> Drop for BatchSender<T> {
    fn drop(&mut self) {
        self.queue.lock().has_ended = true;
        (self.queue.wake)();
    }
}

impl<T> LateSender<T> {
    /// Sends the items, without waiting.
    ///
    /// # Errors
    /// The sweep was stopped.
    pub fn send(self, items: Vec<T>) -> Result<(), Stopped> {
        self.queue.add(|_| false, |state| state.late.extend(items))
    }
}

impl<T> Drop for LateSender<T> {
    fn drop(&mut self) {
        self.queue.lock().late_senders -= 1;
        self.queue.taken.notify_all();
        (self.queue.wake)();
    }
}

impl<T> BatchReceiver<T> {
    /// Returns the next item without waiting for it.
    pub fn next(&mut self) -> NextItem<T> {
        if let Some(item) = self.batch.next() {
            return NextItem::Item(item);
        }
        let mut state = self.queue.lock();
        let late = mem::take(&mut state.late);
        let batch = if late.is_empty() { state.batches.pop_front() } else { Some(late) };
        let has_ended = state.has_ended && state.late_senders == 0;
        drop(state);
        if let Some(batch) = batch {
            self.queue.taken.notify_all();
            self.batch = batch.into_iter();
        }
        match self.batch.next() {
            Some(item) => NextItem::Item(item),
            None if has_ended => NextItem::End,
            None => NextItem::Waiting,
        }
    }
}

impl<T> Drop for BatchReceiver<T> {
    fn drop(&mut self) {
        self.queue.lock().is_stopped = true;
        self.queue.taken.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;

    fn take_all(received: &mut BatchReceiver<usize>) -> Vec<usize> {
        let mut items = vec![];
        loop {
            match received.next() {
                NextItem::Item(item) => items.push(item),
                NextItem::Waiting => thread::yield_now(),
                NextItem::End => return items,
            }
        }
    }

    #[test]
    fn every_item_arrives_in_order() {
        let (mut sender, mut received) = channel(Arc::new(|| {}));
        let count = BATCH * (BATCHES + 2) + 1;
        let reader = thread::spawn(move || {
            (0..count).for_each(|item| assert_eq!(sender.push(item), Ok(())));
            assert_eq!(sender.hand_over(), Ok(()));
            drop(sender);
        });
        assert!(take_all(&mut received).into_iter().eq(0..count));
        reader.join().expect("no panic");
    }

    #[test]
    fn late_items_hold_up_the_end_only() {
        let (mut sender, mut received) = channel(Arc::new(|| {}));
        let late = [sender.late(), sender.late()].map(|late| late.expect("not stopped"));
        assert_eq!(sender.push(1), Ok(()));
        assert_eq!(sender.hand_over(), Ok(()));
        drop(sender);
        assert!(matches!(received.next(), NextItem::Item(1)) && matches!(received.next(), NextItem::Waiting));
        let [first, second] = late;
        assert_eq!(first.send(vec![2, 3]), Ok(()));
        drop(second);
        assert_eq!(take_all(&mut received), [2, 3]);
    }

    #[test]
    fn a_name_without_items_makes_room_for_another_one() {
        let (sender, received) = channel::<usize>(Arc::new(|| {}));
        let mut late: Vec<_> = (0..MOST_LATE).map(|_| sender.late().expect("not stopped")).collect();
        let reader = thread::spawn(move || sender.late().map(drop));
        while late.pop().is_some_and(|late| late.send(vec![]).is_ok()) {
            thread::yield_now();
        }
        assert_eq!(reader.join().expect("no panic"), Ok(()));
        drop(received);
    }

    #[test]
    fn a_stopped_sweep_ends_the_threads() {
        let (mut sender, received) = channel(Arc::new(|| {}));
        let late = sender.late().expect("not stopped");
        let reader = thread::spawn(move || (0..).find_map(|item| sender.push(item).err()));
        drop(received);
        assert_eq!(reader.join().expect("no panic"), Some(Stopped));
        assert_eq!(late.send(vec![1]), Err(Stopped));
    }
}
