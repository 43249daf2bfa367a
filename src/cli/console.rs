//! Standard error: progress, warnings, the summary.

use std::cell::Cell;
use std::fmt::Display;
use std::io::{self, IsTerminal, Write};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::inputs::SHOWN;

/// Standard error. Results must be written within [`Console::suspend`], so that they never mix with the progress line.
pub struct Console {
    quiet: bool,
    bar: Option<ProgressBar>,
    bad_lines: Cell<usize>,
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
        Console { quiet, bar, bad_lines: Cell::new(0), remarks: Cell::new(0) }
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

    fn print(&self, line: impl Display) {
        // If standard error is closed, nothing can be reported.
        self.suspend(|| drop(writeln!(io::stderr(), "{line}")));
    }
}
