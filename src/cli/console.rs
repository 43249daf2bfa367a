//! Standard error: progress, warnings, the summary.

use std::cell::Cell;
use std::fmt::Display;
use std::io::{self, IsTerminal, Write};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::bad_lines::SHOWN;
use super::output::untrusted::escaped;

/// Standard error. Results must be written within [`Console::suspend`], so that they never mix with the progress line.
///
/// Messages quote arguments, file names and hosts: characters that a terminal would interpret are escaped.
pub struct Console {
    quiet: bool,
    bar: Option<ProgressBar>,
    bad_lines: Cell<usize>,
    /// The number of names that did not resolve.
    unresolved: Cell<usize>,
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
        Console { quiet, bar, bad_lines: Cell::new(0), unresolved: Cell::new(0), remarks: Cell::new(0) }
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
        self.warn_of_many(&self.bad_lines, message);
    }

    /// Warns about a name that does not resolve. The first ones are shown, all are counted.
    pub fn warn_unresolved(&self, message: impl Display) {
        self.warn_of_many(&self.unresolved, message);
    }

    /// Warns about one of many hosts. The first warnings are shown, all are counted.
    pub fn remark(&self, message: impl Display) {
        self.warn_of_many(&self.remarks, message);
    }

    fn warn_of_many(&self, count: &Cell<usize>, message: impl Display) {
        count.set(count.get() + 1);
        if count.get() <= SHOWN {
            self.warn(message);
        }
    }

    /// Returns the number of names that did not resolve.
    pub fn unresolved(&self) -> usize {
        self.unresolved.get()
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

    /// Ends the progress, and prints how many bad lines, names and remarks were not shown.
    pub fn finish(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
        let counts = [
            (&self.bad_lines, "bad lines"),
            (&self.unresolved, "names that do not resolve"),
            (&self.remarks, "warnings"),
        ];
        for (count, what) in counts {
            if count.get() > SHOWN {
                self.warn(format_args!("… and {} more {what}", count.get() - SHOWN));
            }
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
