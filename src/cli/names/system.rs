//! The system's resolver in a few threads, so that a slow name holds up nothing else.
//!
//! It cannot be cancelled: at the end of the program, threads that still wait for it are left behind.

use std::net::ToSocketAddrs;
use std::path::Path;
use std::sync::mpsc::{self, Receiver, SyncSender};
use std::sync::{Arc, Mutex, PoisonError};
use std::{io, thread};

use super::{MOST_WAITING, Resolved, Stopped};

/// The maximum number of threads.
const THREADS: usize = 8;

/// Resolves one name and delivers the result. Fails if the sweep was stopped.
pub type Task = Box<dyn FnOnce() -> Result<(), Stopped> + Send>;

/// Returns the addresses of a name.
pub type Lookup = Arc<dyn Fn(&str, u16) -> Resolved + Send + Sync>;

/// The threads, started one by one as tasks come in. They end after their tasks, or after a task of a stopped sweep.
pub struct SystemResolver {
    lookup: Lookup,
    tasks: SyncSender<Task>,
    /// The receiving end, until all threads have been started.
    queue: Option<Arc<Mutex<Receiver<Task>>>>,
    threads: usize,
}

impl Default for SystemResolver {
    fn default() -> SystemResolver {
        SystemResolver::new(Arc::new(lookup))
    }
}

impl SystemResolver {
    pub fn new(lookup: Lookup) -> SystemResolver {
        let (tasks, queue) = mpsc::sync_channel(MOST_WAITING);
        SystemResolver { lookup, tasks, queue: Some(Arc::new(Mutex::new(queue))), threads: 0 }
    }

    /// Returns the lookup for tasks.
    pub fn lookup(&self) -> Lookup {
        self.lookup.clone()
    }

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

/// Returns the addresses of a name, as the system knows them.
fn lookup(name: &str, port: u16) -> Resolved {
    let found = (name, port).to_socket_addrs().map_err(|error| {
        let reason = error.to_string();
        let hint = if cfg!(unix) && !Path::new("/etc/resolv.conf").exists() {
            " (there is no /etc/resolv.conf)"
        } else {
            ""
        };
        // std puts the name of its function before the system's message. Remove it.
        format!("{}{hint}", reason.rsplit(": ").next().unwrap_or_default())
    })?;
    Ok(found.collect())
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
        let (mut resolvers, (done, results)) = (SystemResolver::default(), channel());
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
        let mut resolvers = SystemResolver::default();
        let mut all = (0..3 * MOST_WAITING).map(|_| resolvers.run(Box::new(|| Err(Stopped))));
        assert!(all.any(|result| result == Err(Stopped)));
    }
}
