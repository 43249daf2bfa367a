//! Items that a reading thread passes to the sweep, in batches through a short channel: however long an input is, few of its
//! items wait.

use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, SyncSender, TryRecvError};
use std::{mem, vec};

use super::names::Stopped;

/// The items in one batch, and the batches that the channel holds.
const BATCH: usize = 1024;
const BATCHES: usize = 4;

/// Ends the sleep of the sweep.
pub type Wake = Arc<dyn Fn() + Send + Sync>;

/// The end of the reading thread.
pub struct BatchSender<T> {
    sender: SyncSender<Vec<T>>,
    batch: Vec<T>,
    wake: Wake,
}

/// Sends items that are known later. Nothing has ended as long as it exists.
pub struct LateSender<T> {
    sender: SyncSender<Vec<T>>,
    wake: Wake,
}

/// The end of the sweep.
pub struct BatchReceiver<T> {
    batches: Receiver<Vec<T>>,
    batch: vec::IntoIter<T>,
}

/// The result of [`BatchReceiver::next`].
pub enum NextItem<T> {
    Item(T),
    /// No item is available yet: `wake` will be called.
    Waiting,
    End,
}

/// Returns both ends. `wake` is called after every batch and at the end.
pub fn channel<T>(wake: Wake) -> (BatchSender<T>, BatchReceiver<T>) {
    let (sender, batches) = mpsc::sync_channel(BATCHES);
    (BatchSender { sender, batch: vec![], wake }, BatchReceiver { batches, batch: vec![].into_iter() })
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
        if !self.batch.is_empty() {
            self.sender.send(mem::take(&mut self.batch)).map_err(|_| Stopped)?;
            (self.wake)();
        }
        Ok(())
    }

    /// Returns a sender for items that are known later.
    pub fn late(&self) -> LateSender<T> {
        LateSender { sender: self.sender.clone(), wake: self.wake.clone() }
    }

    /// Ends the thread's part.
    pub fn end(self) {
        let BatchSender { sender, wake, .. } = self;
        drop(sender);
        wake();
    }
}

impl<T> LateSender<T> {
    /// Sends the items.
    ///
    /// # Errors
    /// The sweep was stopped.
    pub fn send(self, items: Vec<T>) -> Result<(), Stopped> {
        let LateSender { sender, wake } = self;
        let sent = sender.send(items).map_err(|_| Stopped);
        drop(sender);
        wake();
        sent
    }
}

impl<T> BatchReceiver<T> {
    /// Returns the next item without waiting for it.
    pub fn next(&mut self) -> NextItem<T> {
        loop {
            if let Some(item) = self.batch.next() {
                return NextItem::Item(item);
            }
            match self.batches.try_recv() {
                Ok(batch) => self.batch = batch.into_iter(),
                Err(TryRecvError::Empty) => return NextItem::Waiting,
                Err(TryRecvError::Disconnected) => return NextItem::End,
            }
        }
    }
}
