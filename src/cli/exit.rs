//! The exit codes.

use std::fmt;
use std::io;
use std::process::ExitCode;

/// The exit codes, for the end of the help.
pub const CODES: &str = "\
Exit codes:
    0  the sweep completed (and `find` found a player)
    1  `find` found no player, or no host answered
    2  wrong usage or, with --strict, bad input
    3  system error (socket or file), or `find` found no player because no master answered
  130  interrupted";

/// The exit code of the program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// The sweep completed, and `find` found a player.
    Success = 0,
    /// `find` found no player, or no host answered.
    Nothing = 1,
    /// Wrong usage or, with `--strict`, bad input. clap ends with the same code.
    Usage = 2,
    /// A system error (socket or file), or `find` found no player because no master answered.
    System = 3,
    /// Ctrl-C, SIGTERM, SIGQUIT or SIGHUP.
    Interrupted = 130,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> ExitCode {
        ExitCode::from(exit as u8)
    }
}

/// An error in the command line or the input: ends with [`Exit::Usage`].
#[derive(Debug)]
pub struct Usage(pub String);

impl fmt::Display for Usage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Usage {}

/// Returns the exit code of an error: all except [`Usage`] are system errors. A closed pipe (`| head`) is not an error.
pub fn of_error(error: &anyhow::Error) -> Exit {
    let is_closed = |error: &io::Error| error.kind() == io::ErrorKind::BrokenPipe;
    if error.chain().any(|cause| cause.downcast_ref().is_some_and(is_closed)) {
        Exit::Success
    } else if error.is::<Usage>() {
        Exit::Usage
    } else {
        Exit::System
    }
}

/// Formats an error and its causes in one line, without the system's error numbers.
pub fn in_words(error: &anyhow::Error) -> String {
    let mut words: Vec<String> = vec![];
    for cause in error.chain() {
        let text = cause.to_string();
        let text = text.split(" (os error").next().unwrap_or_default();
        // Some errors repeat their cause.
        if words.last().is_none_or(|last| !last.ends_with(text)) {
            words.push(text.to_owned());
        }
    }
    words.join(": ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use anyhow::Error;

    #[test]
    fn errors_are_classified_even_within_a_context() {
        let usage = Error::from(Usage("no".into())).context("while reading");
        assert_eq!(of_error(&usage), Exit::Usage);
        let system = Error::from(io::Error::from(io::ErrorKind::PermissionDenied));
        assert_eq!(of_error(&system), Exit::System);
        let closed = Error::from(io::Error::from(io::ErrorKind::BrokenPipe)).context("writing");
        assert_eq!(of_error(&closed), Exit::Success);
    }
}
