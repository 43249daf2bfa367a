//! Standard error: progress, warnings, the summary.

use std::cell::{Cell, RefCell};
use std::fmt::Display;
use std::io::{self, IsTerminal, Write};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::inputs::SHOWN;
use super::output::untrusted::escaped;
use super::reasons::Reasons;

/// Standard error. Results must be written within [`Console::suspend`], so that they never mix with the progress line.
///
/// Messages quote arguments, file names and hosts: characters that a terminal would interpret are escaped.
pub struct Console {
    quiet: bool,
    bar: Option<ProgressBar>,
    bad_lines: Cell<usize>,
    /// The names among the bad lines that did not resolve.
    unresolved: RefCell<Reasons>,
    remarks: Cell<usize>,
}

impl Console {
    /// Creates the console. It shows progress if standard error is a terminal, and only errors if `quiet`.
    pub fn new(quiet: bool) -> Console {
        let show = !quiet && io::stderr().is_terminal();
        let bar = show.then(|| {
            let style = ProgressStyle::with_template("{spinner} {wide_msg}");
            let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr_with_hz(10));
            bar.with_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()))
        });
        let (bad_lines, unresolved) = (Cell::new(0), RefCell::default());
        Console { quiet, bar, bad_lines, unresolved, remarks: Cell::new(0) }
    }

    /// Returns whether progress is shown.
    pub fn is_watched(&self) -> bool {
        self.bar.is_some()
    }

    pub fn progress(&self, message: impl Display) {
        if let Some(bar) = &self.bar {
            bar.set_message(message.to_string());
            bar.tick();
        }
    }

    pub fn warn(&self, message: impl Display) {
        if !self.quiet {
            self.print(format_args!("allears: warning: {message}"));
        }
    }

    /// Warns about a bad line. The first ones are shown, all are counted.
    pub fn warn_bad_line(&self, message: impl Display) {
        let count = self.bad_lines.get() + 1;
        self.bad_lines.set(count);
        if count <= SHOWN {
            self.warn(message);
        }
    }

    /// Counts a name that did not resolve, and why.
    pub fn count_unresolved(&self, cause: &str) {
        self.unresolved.borrow_mut().count("unresolved", cause);
    }

    /// Returns how many names did not resolve, for the end of a summary.
    pub fn unresolved(&self) -> String {
        let unresolved = self.unresolved.borrow();
        if unresolved.is_empty() { String::new() } else { format!("; {unresolved}") }
    }

    /// Warns about one of many hosts. The first warnings are shown, all are counted.
    pub fn remark(&self, message: impl Display) {
        let count = self.remarks.get() + 1;
        self.remarks.set(count);
        if count <= SHOWN {
            self.warn(message);
        }
    }

    pub fn bad_lines(&self) -> usize {
        self.bad_lines.get()
    }

    /// Prints a line of the summary.
    pub fn say(&self, message: impl Display) {
        if !self.quiet {
            self.print(format_args!("{message}"));
        }
    }

    pub fn error(&self, message: impl Display) {
        self.print(format_args!("allears: {message}"));
    }

    /// Ends the progress, and prints the number of bad lines and remarks that were not shown.
    pub fn finish(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
        if self.bad_lines.get() > SHOWN {
            self.warn(format_args!("… and {} more bad lines", self.bad_lines.get() - SHOWN));
        }
        if self.remarks.get() > SHOWN {
            self.warn(format_args!("… and {} more warnings", self.remarks.get() - SHOWN));
        }
    }

    /// Runs `write` while the progress line is cleared.
    pub fn suspend<T>(&self, write: impl FnOnce() -> T) -> T {
        match &self.bar {
            Some(bar) => bar.suspend(write),
            None => write(),
        }
    }

    fn print(&self, message: impl Display) {
        self.suspend(|| print(&message.to_string()));
    }
}

/// Writes a message at once, so that lines of other programs do not mix with it. A line break stays only before an
/// indented line: a name with a line break cannot pass for a message of ours.
fn print(message: &str) {
    const INDENTED: &str = "\n  ";
    let lines: Vec<_> = message.split(INDENTED).map(escaped).collect();
    // If standard error is closed, nothing can be reported.
    let _ = io::stderr().write_all((lines.join(INDENTED) + "\n").as_bytes());
}
