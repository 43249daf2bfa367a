//! What differs from sweep to sweep.

use std::io;
use std::time::Duration;

use allears::engine::{Completion, Engine, Protocol, Time};
use anyhow::{Error, Result};

use crate::cli::console::Console;

/// A command's part of a sweep: what to send to whom, and what becomes of the answers.
pub trait Job<P: Protocol, T = ()> {
    /// Begins as many conversations as the engine has room for, and the time `now`. Returns whether there may be
    /// more.
    fn ask(&mut self, engine: &mut Engine<P, T>, now: Time, console: &Console) -> More;

    /// Returns when to call [`ask`](Job::ask) next, if that is a matter of time.
    fn due(&self) -> Option<Time> {
        None
    }

    /// Takes the end of one conversation, at the time `now`.
    ///
    /// # Errors
    /// Results cannot be written.
    fn conclude(
        &mut self,
        completion: Completion<P::Conversation, P::Answer, T>,
        now: Time,
        console: &Console,
    ) -> io::Result<Flow>;

    /// Hands everything written so far to its reader.
    fn flush(&mut self) -> io::Result<()>;

    /// Returns whether something waits to be flushed to a terminal.
    fn has_unflushed(&self) -> bool;

    /// Writes what had to wait for the end, and flushes.
    fn finish(&mut self) -> io::Result<()> {
        self.flush()
    }

    /// Saves what the protocol has learned for the next run.
    ///
    /// # Errors
    /// It cannot be saved.
    fn save(&mut self, protocol: &P, now: Time) -> Result<()> {
        let _ = (protocol, now);
        Ok(())
    }

    /// Returns why the targets could not be read to their end, if so.
    fn input_failure(&mut self) -> Option<Error>;

    /// Returns the number of targets taken in.
    fn targets(&self) -> u64;

    /// Returns the number of targets that answered.
    fn answered(&self) -> u64;

    /// Returns whether the sweep found what it was for: the exit code.
    fn has_found(&self) -> bool {
        self.answered() > 0
    }

    /// Prints the summary of a sweep that took so long.
    fn print_summary(&self, elapsed: Duration, console: &Console);
}

/// Whether there is more to ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum More {
    /// There may be more targets.
    Yes,
    /// There are no more targets.
    No,
}

/// Whether to continue after a result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flow {
    GoOn,
    /// What was searched for has been found.
    Enough,
}
