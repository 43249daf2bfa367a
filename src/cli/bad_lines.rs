//! Lines that cannot be parsed: each with its place and the reason.

use std::collections::BTreeMap;
use std::fmt;

use anyhow::Result;

use super::exit::Usage;
use super::output::untrusted::escaped;

/// The number of bad lines that are shown, and of names that do not resolve; the others are only counted.
pub const SHOWN: usize = 20;

/// A line that cannot be parsed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadLine {
    /// `hosts.txt:17` or `argument 2`.
    at: String,
    reason: String,
    /// The line, shortened, and without control characters.
    text: String,
}

impl BadLine {
    /// Creates a bad line of the place `at`.
    pub fn new(at: String, reason: String, line: &[u8]) -> BadLine {
        BadLine { at, reason, text: shown(line) }
    }

    /// Creates a bad line that must not be shown, since it may contain a secret.
    pub fn hidden(at: String, reason: String) -> BadLine {
        BadLine { at, reason, text: "…".into() }
    }

    pub fn reason(&self) -> &str {
        &self.reason
    }
}

impl fmt::Display for BadLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}: \"{}\"", self.at, self.reason, self.text)
    }
}

/// Bad lines that are refused (`--strict`). The first ones are shown, all are counted.
#[derive(Debug, Default)]
pub struct BadLines {
    count: usize,
    /// By the number of the line among all lines.
    first: BTreeMap<u64, BadLine>,
}

impl BadLines {
    /// Adds a bad line with its number among all lines, in any order.
    pub fn add(&mut self, number: u64, bad: BadLine) {
        self.count += 1;
        self.first.insert(number, bad);
        if self.first.len() > SHOWN {
            self.first.pop_last();
        }
    }

    /// Fails if there are bad lines ([`Usage`]).
    pub fn refuse(self) -> Result<()> {
        let mut text = format!("bad lines: {}", self.count);
        self.first.values().for_each(|bad| text += &format!("\n  {bad}"));
        match self.count {
            0 => return Ok(()),
            1..=SHOWN => {}
            _ => text += &format!("\n  … and {} more", self.count - SHOWN),
        }
        Err(Usage(text).into())
    }
}

fn shown(line: &[u8]) -> String {
    const MOST: usize = 60;
    let text = String::from_utf8_lossy(&line[..line.len().min(4 * MOST)]);
    let start: String = text.trim().chars().take(MOST).collect();
    let mut shown = escaped(&start).into_owned();
    if text.trim().chars().count() > MOST {
        shown.push('…');
    }
    shown
}
