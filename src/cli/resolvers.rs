//! Resolves names in a few threads, so that a slow name holds up nothing else.
//!
//! The system's resolver cannot be cancelled: at the end of the program, threads that still wait for it are left behind.

use std::sync::mpsc::{self, Receiver, SyncSender};
use std::sync::{Arc, Mutex, PoisonError};
use std::{io, thread};

/// The maximum number of threads.
const THREADS: usize = 8;
/// The maximum number of names that wait for a thread. With more, [`Resolvers::run`] blocks.
const WAITING: usize = 1024;

/// Resolves one name and delivers the result. Fails if the sweep was stopped.
pub type Task = Box<dyn FnOnce() -> Result<(), Stopped> + Send>;

/// The error if the sweep was stopped.
#[derive(Debug, PartialEq, Eq)]
pub struct Stopped;

/// The threads, started one by one as tasks come in. They end after their tasks, or after a task of a stopped sweep.
pub struct Resolvers {
    tasks: SyncSender<Task>,
    /// The receiving end, until all threads have been started.
    queue: Option<Arc<Mutex<Receiver<Task>>>>,
    threads: usize,
}

impl Default for Resolvers {
    fn default() -> Resolvers {
        let (tasks, queue) = mpsc::sync_channel(WAITING);
        Resolvers { tasks, queue: Some(Arc::new(Mutex::new(queue))), threads: 0 }
    }
}

impl Resolvers {
    /// Runs a task in one of the threads. Blocks while too many others wait.
    ///
    /// # Errors
    /// The sweep was stopped.
    pub fn run(&mut self, task: Task) -> Result<(), Stopped> {
        if let Some(queue) = self.queue.take() {
            self.threads += usize::from(start(queue.clone()).is_ok());
            if self.threads < THREADS {
                self.queue = Some(queue);
            }
        }
        if self.threads == 0 {
            // No thread can be started.
            return task();
        }
        self.tasks.send(task).map_err(|_| Stopped)
    }
}

fn start(queue: Arc<Mutex<Receiver<Task>>>) -> io::Result<()> {
    let run_tasks = move || {
        loop {
            // No code panics while it holds the lock.
            let task = queue.lock().unwrap_or_else(PoisonError::into_inner).recv();
            match task.map(|task| task()) {
                Ok(Ok(())) => {}
                Ok(Err(Stopped)) | Err(_) => return,
            }
        }
    };
    thread::Builder::new().name("names".into()).spawn(run_tasks).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc::channel;

    #[test]
    fn slow_tasks_hold_up_no_other() {
        let (mut resolvers, (done, results)) = (Resolvers::default(), channel());
        let gates: Vec<_> = (1..THREADS)
            .map(|number| {
                let ((gate, opened), done) = (channel::<()>(), done.clone());
                let task = move || {
                    let _ = opened.recv();
                    done.send(number).map_err(|_| Stopped)
                };
                resolvers.run(Box::new(task)).expect("accepted");
                gate
            })
            .collect();
        for number in 100..200 {
            let done = done.clone();
            resolvers.run(Box::new(move || done.send(number).map_err(|_| Stopped))).expect("accepted");
        }
        drop(done);
        let first: Vec<_> = results.iter().take(100).collect();
        assert!(first.iter().all(|&number| number >= 100), "{first:?}");
        drop(gates);
        assert_eq!(results.iter().count(), THREADS - 1, "all run in the end");
    }

    #[test]
    fn after_a_stop_no_task_waits_forever() {
        let mut resolvers = Resolvers::default();
        let mut all = (0..3 * WAITING).map(|_| resolvers.run(Box::new(|| Err(Stopped))));
        assert!(all.any(|result| result == Err(Stopped)));
    }
}
