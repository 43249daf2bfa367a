//! Writing that does not block: a separate thread writes the queued bytes.
//!
//! A pipe whose reader sleeps, or a slow disk, would otherwise block the sweep, and replies would stay unread in the
//! socket. While the queue is full, the sweep sends nothing new. What is in flight is still received, but if that is more
//! than memory allows, writing blocks after all: replies wait in the socket, which has room for them.

use std::io::{self, Write};
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;

use anyhow::{Context, Result};

/// The queue is full when it holds more bytes than this.
const FULL: usize = 256 << 10;

/// A result of at least this size is queued before it is complete.
const CHUNK: usize = 64 << 10;

/// The writing end of the queue. Dropping it ends the thread.
pub struct WriteQueue {
    chunk: Vec<u8>,
    chunks: Sender<Vec<u8>>,
    backlog: Backlog,
    /// Writing blocks while it holds more bytes than this.
    most: usize,
}

/// The bytes that wait to be written.
#[derive(Clone, Default)]
pub struct Backlog(Arc<Shared>);

#[derive(Default)]
struct Shared {
    state: Mutex<BacklogState>,
    changed: Condvar,
}

#[derive(Default)]
struct BacklogState {
    bytes: usize,
    /// True while a thread waits until everything is written. Otherwise notifying would waste a system call per chunk.
    awaited: bool,
    /// True once writing has failed and stopped.
    failed: bool,
    /// The error, until it is reported.
    failure: Option<io::Error>,
    /// The writer of the next chunks.
    replacement: Option<Box<dyn Write + Send>>,
}

impl WriteQueue {
    /// Starts the thread that writes to `writer`. The thread calls `wake` when the queue is no longer full, and when
    /// writing has failed.
    ///
    /// # Errors
    /// The thread cannot be started.
    pub fn start(
        writer: impl Write + Send + 'static,
        most: usize,
        wake: impl Fn() + Send + 'static,
    ) -> Result<WriteQueue> {
        let (chunks, queued) = mpsc::channel();
        let backlog = Backlog::default();
        let theirs = backlog.clone();
        thread::Builder::new()
            .name("output".into())
            .spawn(move || write_all(writer, &queued, &theirs, wake))
            .context("cannot start the thread that writes results")?;
        Ok(WriteQueue { chunk: Vec::new(), chunks, backlog, most })
    }

    pub fn backlog(&self) -> Backlog {
        self.backlog.clone()
    }

    /// Passes the bytes written so far to the thread.
    fn enqueue(&mut self) {
        let mut state = self.backlog.lock();
        if !self.chunk.is_empty() && !state.failed {
            state.bytes += self.chunk.len();
            // The thread runs unless writing has failed.
            let _ = self.chunks.send(std::mem::take(&mut self.chunk));
        }
        self.chunk.clear();
    }
}

impl Write for WriteQueue {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.chunk.extend_from_slice(bytes);
        if self.chunk.len() >= CHUNK {
            drop(self.backlog.wait_for(self.most));
            self.enqueue();
        }
        Ok(bytes.len())
    }

    /// Queues the bytes written so far, without waiting for them. Returns the error of an earlier write.
    fn flush(&mut self) -> io::Result<()> {
        if let Some(failure) = self.backlog.lock().failure.take() {
            return Err(failure);
        }
        self.enqueue();
        Ok(())
    }
}

impl Backlog {
    /// Returns whether the queue is full.
    pub fn is_full(&self) -> bool {
        let state = self.lock();
        state.bytes > FULL && !state.failed
    }

    /// Waits until everything is written.
    ///
    /// # Errors
    /// Writing has failed.
    pub fn wait(&self) -> io::Result<()> {
        self.wait_for(0).failure.take().map_or(Ok(()), Err)
    }

    /// Waits until at most `most` bytes are left, or writing has failed.
    fn wait_for(&self, most: usize) -> MutexGuard<'_, BacklogState> {
        let mut state = self.lock();
        state.awaited = true;
        while state.bytes > most && !state.failed {
            state = self.0.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        state.awaited = false;
        state
    }

    /// Waits until everything is written, and writes what follows to `writer`.
    ///
    /// # Errors
    /// Writing has failed.
    pub fn continue_in(&self, writer: Box<dyn Write + Send>) -> io::Result<()> {
        self.wait()?;
        self.lock().replacement = Some(writer);
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, BacklogState> {
        // No code panics while it holds the lock.
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn write_all(
    writer: impl Write + Send + 'static,
    chunks: &Receiver<Vec<u8>>,
    backlog: &Backlog,
    wake: impl Fn(),
) {
    let mut writer: Box<dyn Write + Send> = Box::new(writer);
    for chunk in chunks {
        writer = backlog.lock().replacement.take().unwrap_or(writer);
        let written = writer.write_all(&chunk).and_then(|()| writer.flush());
        let failed = written.is_err();
        let mut state = backlog.lock();
        let was_full = state.bytes > FULL;
        state.bytes -= chunk.len();
        state.failed = failed;
        state.failure = written.err();
        let wakes = failed || (was_full && state.bytes <= FULL);
        let awaited = state.awaited;
        drop(state);
        if awaited {
            backlog.0.changed.notify_all();
        }
        if wakes {
            wake();
        }
        if failed {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc::SyncSender;

    /// A writer that blocks until the test receives: the channel has no capacity.
    struct BlockingWriter(SyncSender<Vec<u8>>);

    impl Write for BlockingWriter {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let gone = |_| io::ErrorKind::BrokenPipe.into();
            self.0.send(bytes.to_vec()).map(|()| bytes.len()).map_err(gone)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_reader_that_pauses_blocks_nothing_and_loses_nothing() {
        let (sender, reader) = mpsc::sync_channel(0);
        let (wake, woken) = mpsc::channel();
        let mut queue =
            WriteQueue::start(BlockingWriter(sender), usize::MAX, move || wake.send(()).unwrap_or_default())
                .expect("a thread");
        let backlog = queue.backlog();
        let mut chunks = 0;
        while !backlog.is_full() {
            queue.write_all(&[chunks; 10_000]).expect("queued");
            queue.flush().expect("queued");
            chunks += 1;
        }
        assert_eq!(usize::from(chunks), FULL / 10_000 + 1);
        for number in 0..chunks {
            assert_eq!(reader.recv().expect("written"), [number; 10_000]);
        }
        backlog.wait().expect("all is written");
        woken.recv().expect("woken because there is room");
        assert!(!backlog.is_full());
    }

    #[test]
    fn a_result_larger_than_the_queue_waits_for_the_reader() {
        const SIZE: usize = 10 * CHUNK;
        let (sender, reader) = mpsc::sync_channel(0);
        let mut queue = WriteQueue::start(BlockingWriter(sender), 2 * CHUNK, || {}).expect("a thread");
        let backlog = queue.backlog();
        let writes = thread::spawn(move || {
            (0..SIZE / 1024).for_each(|_| queue.write_all(&[7; 1024]).expect("queued"));
            queue.flush().expect("queued");
        });
        let mut received = 0;
        while received < SIZE {
            assert!(backlog.lock().bytes <= 3 * CHUNK, "the limit and one more chunk");
            received += reader.recv().expect("written").len();
        }
        writes.join().expect("all is queued");
        backlog.wait().expect("all is written");
    }

    #[test]
    fn a_closed_reader_is_reported_by_the_next_flush_or_at_the_end() {
        let (sender, reader) = mpsc::sync_channel(0);
        let (wake, woken) = mpsc::channel();
        let mut queue =
            WriteQueue::start(BlockingWriter(sender), usize::MAX, move || wake.send(()).unwrap_or_default())
                .expect("a thread");
        drop(reader);
        queue.write_all(b"x").expect("queued");
        queue.flush().expect("queued");
        woken.recv().expect("woken because of the failure");
        assert_eq!(queue.flush().expect_err("failed").kind(), io::ErrorKind::BrokenPipe);
        queue.write_all(b"y").expect("forgotten");
        queue.flush().expect("reported once");
        queue.backlog().wait().expect("nothing to wait for");
    }
}
