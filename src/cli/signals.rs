//! Ctrl-C and SIGTERM: the first one asks to stop, the second one ends the program at once.

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
pub struct Stop(Arc<AtomicBool>);

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
                if seen.0.swap(true, Ordering::Relaxed) {
                    process::exit(Exit::Interrupted as i32);
                }
                wake();
            }
        };
        thread::Builder::new().name("signals".into()).spawn(listen).context("cannot listen for Ctrl-C")?;
        Ok(stop)
    }

    /// As if the user had pressed Ctrl-C.
    pub fn request(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    pub fn requested(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}
