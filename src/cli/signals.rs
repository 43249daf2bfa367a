//! Ctrl-C and SIGTERM: the first one asks to stop, the second one ends the program at once. So does the
//! first one, before there is anything to stop.

use std::process;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use anyhow::{Context, Result};
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use super::exit::Exit;

/// Whether the user wants us to stop.
#[derive(Clone, Debug, Default)]
pub struct Stop(Arc<Flags>);

#[derive(Debug, Default)]
struct Flags {
    /// Somebody looks whether it is requested.
    armed: AtomicBool,
    requested: AtomicBool,
}

impl Stop {
    /// Listens from now on. `wake` is called, from another thread, at the first signal.
    ///
    /// # Errors
    /// When the system lets us have no handler or no thread.
    pub fn listen(wake: impl Fn() + Send + 'static) -> Result<Stop> {
        let mut signals = Signals::new([SIGINT, SIGTERM]).context("cannot listen for Ctrl-C")?;
        let stop = Stop::default();
        let seen = stop.clone();
        let listen = move || {
            for _ in signals.forever() {
                if seen.0.requested.swap(true, Ordering::Relaxed) || !seen.0.armed.load(Ordering::Relaxed) {
                    process::exit(Exit::Interrupted as i32);
                }
                wake();
            }
        };
        thread::Builder::new().name("signals".into()).spawn(listen).context("cannot listen for Ctrl-C")?;
        Ok(stop)
    }

    /// From now on the first signal is only a request.
    pub fn arm(&self) {
        self.0.armed.store(true, Ordering::Relaxed);
    }

    /// As if the user had pressed Ctrl-C.
    pub fn request(&self) {
        self.0.requested.store(true, Ordering::Relaxed);
    }

    pub fn requested(&self) -> bool {
        self.0.requested.load(Ordering::Relaxed)
    }
}
