//! Ctrl-C, SIGTERM, SIGQUIT and SIGHUP: the first one requests a stop, the second one ends the program at once. Before
//! the sweep has started, the first one ends the program.
//!
//! In long-running sweeps, SIGHUP requests a reload instead. It never counts as the second signal: when a terminal is
//! closed, the kernel and the shell may both send it.

use std::fs;
use std::process;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use allears::net;
use anyhow::{Context, Result};
use signal_hook::consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM};
use signal_hook::iterator::Signals;

use super::exit::Exit;

/// Two SIGTERM within this time count as one.
const TOGETHER: Duration = Duration::from_millis(100);

/// A request to stop.
#[derive(Clone, Debug, Default)]
pub struct Stop(Arc<Flags>);

#[derive(Debug, Default)]
struct Flags {
    /// True if the program checks for requests.
    armed: AtomicBool,
    requested: AtomicBool,
    /// True if a signal other than SIGHUP requested the stop.
    commanded: AtomicBool,
    /// True if SIGHUP requests a reload instead of a stop.
    reloads: AtomicBool,
    hung_up: AtomicBool,
}

impl Stop {
    /// Starts to listen for signals. Another thread calls `wake` at the first one.
    ///
    /// # Errors
    /// The handler cannot be installed, or the thread cannot be started.
    pub fn listen(wake: impl Fn() + Send + 'static) -> Result<Stop> {
        let hangup = (!ignores_hangup()).then_some(SIGHUP);
        let handled = [SIGINT, SIGTERM, SIGQUIT].into_iter().chain(hangup);
        let mut signals = Signals::new(handled).context("cannot handle signals")?;
        let stop = Stop::default();
        let seen = stop.clone();
        let listen = move || {
            let mut last_terminated = Duration::ZERO;
            for signal in signals.forever() {
                if signal == SIGHUP && seen.0.reloads.load(Ordering::Relaxed) {
                    seen.0.hung_up.store(true, Ordering::Relaxed);
                    wake();
                    continue;
                }
                seen.0.requested.store(true, Ordering::Relaxed);
                // SIGHUP and another one may arrive together, in any order.
                let again = signal != SIGHUP && seen.0.commanded.swap(true, Ordering::Relaxed);
                // timeout(1) sends SIGTERM to the program and then to its process group.
                let (now, before) = (net::wall_clock(), last_terminated);
                if signal == SIGTERM {
                    last_terminated = now;
                    if again && now.saturating_sub(before) < TOGETHER {
                        continue;
                    }
                }
                if again || !seen.0.armed.load(Ordering::Relaxed) {
                    process::exit(Exit::Interrupted as i32);
                }
                wake();
            }
        };
        thread::Builder::new().name("signals".into()).spawn(listen).context("cannot handle signals")?;
        Ok(stop)
    }

    /// Makes the first signal a request to stop from now on.
    pub fn arm(&self) {
        self.0.armed.store(true, Ordering::Relaxed);
    }

    /// Makes SIGHUP a request to reload, as daemons do.
    pub fn reload_on_hangup(&self) {
        self.0.reloads.store(true, Ordering::Relaxed);
    }

    /// Returns whether a reload was requested since the last call.
    pub fn take_reload(&self) -> bool {
        self.0.hung_up.swap(false, Ordering::Relaxed)
    }

    /// Requests a stop, as Ctrl-C does.
    pub fn request(&self) {
        self.0.requested.store(true, Ordering::Relaxed);
    }

    /// Returns whether a stop was requested.
    pub fn requested(&self) -> bool {
        self.0.requested.load(Ordering::Relaxed)
    }
}

/// Lets a file that has reached its maximum size (`ulimit -f`) be an error of writing. Otherwise the signal would end the
/// program.
pub fn survive_size_limits() {
    // Without the handler, only that does not work.
    #[cfg(unix)]
    let _ = signal_hook::flag::register(libc::SIGXFSZ, Arc::new(AtomicBool::new(false)));
}

/// Returns whether the program was started with SIGHUP ignored, as nohup(1) does, so that it outlives its terminal.
fn ignores_hangup() -> bool {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    mask.is_some_and(|mask| mask & 1 << (SIGHUP - 1) != 0)
}
