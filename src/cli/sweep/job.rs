//! The part of a sweep that is specific to a command.

use std::io;
use std::time::Duration;

use allears::engine::{Completion, Engine, Protocol, Time};
use anyhow::{Error, Result};

use crate::cli::console::Console;
use crate::cli::exit::Exit;
use crate::cli::inputs::Inputs;

/// A command's part of a sweep: sends the questions, and handles the answers.
pub trait Job<P: Protocol, T = ()> {
    /// Begins as many conversations as the engine has room for at the time `now`. Returns whether more targets may follow.
    ///
    /// # Errors
    /// The result of a name that does not resolve cannot be written.
    fn ask(&mut self, engine: &mut Engine<P, T>, now: Time, console: &Console) -> io::Result<More>;

    /// Returns when to call [`ask`](Job::ask) next, if that depends on time.
    fn due(&self) -> Option<Time> {
        None
    }

    /// Handles the completion of one conversation, at the time `now`.
    ///
    /// # Errors
    /// Results cannot be written.
    fn conclude(
        &mut self,
        completion: Completion<P::Conversation, P::Answer, T>,
        now: Time,
        console: &Console,
    ) -> io::Result<Flow>;

    /// Flushes the output.
    fn flush(&mut self) -> io::Result<()>;

    /// Returns whether output waits to be flushed to a terminal.
    fn has_unflushed(&self) -> bool;

    /// Writes the output that had to wait for the end, and flushes.
    fn finish(&mut self) -> io::Result<()> {
        self.flush()
    }

    /// Saves what the protocol has learned for the next run.
    ///
    /// # Errors
    /// The data cannot be saved.
    fn save(&mut self, protocol: &P, now: Time) -> Result<()> {
        let _ = (protocol, now);
        Ok(())
    }

    /// Returns whether the job runs until it is stopped. If so, SIGHUP requests a reload.
    fn runs_long(&self) -> bool {
        false
    }

    /// Replaces the targets with those of `inputs`.
    fn reload(&mut self, inputs: Inputs) {
        drop(inputs);
    }

    /// Starts another file of results, with a header if its format has one.
    fn start_file(&mut self) -> io::Result<()> {
        Ok(())
    }

    /// Returns the reason why the targets could not be read to their end, if so.
    fn input_failure(&mut self) -> Option<Error>;

    /// Returns the number of targets.
    fn targets(&self) -> u64;

    /// Returns the number of targets that answered.
    fn answered(&self) -> u64;

    /// Returns the number of questions that the job asked besides those about its targets, if it asks any.
    fn probes(&self) -> Option<u64> {
        None
    }

    /// Returns the exit code of a sweep that ran to its end.
    fn exit(&self) -> Exit {
        if self.answered() > 0 { Exit::Success } else { Exit::Nothing }
    }

    /// Prints the summary of a sweep that took `elapsed`.
    fn print_summary(&self, elapsed: Duration, console: &Console);
}

/// The availability of further targets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum More {
    /// There may be more targets.
    Yes,
    /// There are no more targets.
    No,
}

/// The decision to continue after a result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flow {
    GoOn,
    /// The search has succeeded: all open conversations are interrupted.
    Enough,
}
