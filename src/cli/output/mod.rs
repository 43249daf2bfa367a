//! Output: the destinations and formats of results.
//!
//! [`Out`] a terminal or a file · `queue` writing without blocking the sweep · [`Sink`] JSON, CSV or a table · `record`
//! the fields of every result · `table` cells and columns · `untrusted` text made harmless.

mod queue;
pub mod record;
mod sink;
pub mod table;
pub mod untrusted;

use std::fs::File;
use std::io::{self, BufWriter, IsTerminal, Write};
use std::path::Path;

use anyhow::{Context, Result};
use clap::ValueEnum;
use serde::Serialize;

pub use queue::Backlog;
use queue::WriteQueue;
pub use sink::Sink;

/// The output formats of most commands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    Table,
    Json,
    Csv,
}

/// Standard output or a file.
pub struct Out {
    writer: BufWriter<Box<dyn Write>>,
    terminal: bool,
}

impl Out {
    /// Opens `path`; `None`, `-` or `/dev/stdout` is standard output.
    ///
    /// # Errors
    /// The file cannot be created.
    pub fn open(path: Option<&Path>) -> Result<Out> {
        let terminal = is_terminal(path);
        // A terminal gets whole lines, however long, because the progress line may be below them.
        let capacity = if terminal { 64 << 10 } else { 8 << 10 };
        Ok(Out { writer: BufWriter::with_capacity(capacity, writer(path)?), terminal })
    }

    /// Opens `path` for writing that blocks only while more than `most` bytes are queued; the backlog counts them.
    /// Writes to a terminal are not queued, since the progress line has to be cleared for each line.
    ///
    /// # Errors
    /// The file cannot be written, or no thread can be started.
    pub fn queued(
        path: Option<&Path>,
        most: usize,
        wake: impl Fn() + Send + 'static,
    ) -> Result<(Out, Backlog)> {
        if is_terminal(path) {
            return Ok((Out::open(path)?, Backlog::default()));
        }
        let queue = WriteQueue::start(writer(path)?, most, wake)?;
        let backlog = queue.backlog();
        Ok((Out { writer: BufWriter::with_capacity(8 << 10, Box::new(queue)), terminal: false }, backlog))
    }

    /// Writes and flushes one line of JSON.
    pub fn write_line(&mut self, line: &impl Serialize) -> io::Result<()> {
        untrusted::write_json_line(&mut *self, line)?;
        self.flush()
    }

    pub fn is_terminal(&self) -> bool {
        self.terminal
    }

    /// Returns whether output waits to be flushed to a terminal.
    pub fn has_unflushed(&self) -> bool {
        self.terminal && !self.writer.buffer().is_empty()
    }

    /// Returns the terminal's width in columns, 80 if unknown; `None` if this is not a terminal.
    pub fn width(&self) -> Option<usize> {
        let size = self.terminal.then(terminal_size::terminal_size)?;
        size.map_or(Some(80), |(width, _)| Some(usize::from(width.0)))
    }

    /// Returns whether to use colours (<https://no-color.org>).
    pub fn has_colour(&self) -> bool {
        let refused = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        self.terminal && !refused && std::env::var_os("TERM").is_none_or(|term| term != "dumb")
    }
}

impl Write for Out {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.writer.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.writer.flush()
    }
}

fn writer(path: Option<&Path>) -> Result<Box<dyn Write + Send>> {
    match file(path) {
        Some(path) => {
            Ok(Box::new(File::create(path).with_context(|| format!("cannot write {}", path.display()))?))
        }
        None => Ok(Box::new(io::stdout())),
    }
}

/// Opens a file again, to append to it; creates a new one if the old one was moved away. Also returns whether it is
/// empty.
///
/// # Errors
/// The file cannot be opened.
pub fn reopen(path: &Path) -> io::Result<(File, bool)> {
    let file = File::options().create(true).append(true).open(path)?;
    let is_empty = file.metadata()?.len() == 0;
    Ok((file, is_empty))
}

fn is_terminal(path: Option<&Path>) -> bool {
    file(path).is_none() && io::stdout().is_terminal()
}

fn file(path: Option<&Path>) -> Option<&Path> {
    path.filter(|path| !is_standard_output(path))
}

/// Returns whether a path is that of standard output. Opening it anew would truncate the file behind it.
pub fn is_standard_output(path: &Path) -> bool {
    path == Path::new("-") || path == Path::new("/dev/stdout")
}
