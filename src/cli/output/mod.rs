//! Where results go, and in which form.

mod queue;
pub mod record;
pub mod table;

use std::fs::File;
use std::io::{self, BufWriter, IsTerminal, Write};
use std::path::Path;

use anyhow::{Context, Result};
use clap::ValueEnum;
use serde::Serialize;

pub use queue::Backlog;
use queue::Queue;

/// How results are written, in most commands.
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
    /// Opens `path`; `None` or `-` is standard output.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn open(path: Option<&Path>) -> Result<Out> {
        let terminal = is_terminal(path);
        // A terminal gets whole lines, however long: progress may stand below them.
        let capacity = if terminal { 64 << 10 } else { 8 << 10 };
        Ok(Out { writer: BufWriter::with_capacity(capacity, writer(path)?), terminal })
    }

    /// The same, but writing waits for nobody; the backlog tells how it goes. A terminal is written to at
    /// once all the same, since progress has to make way for each line.
    ///
    /// # Errors
    /// The file cannot be written, or there is no thread for it.
    pub fn queued(path: Option<&Path>, wake: impl Fn() + Send + 'static) -> Result<(Out, Backlog)> {
        if is_terminal(path) {
            return Ok((Out::open(path)?, Backlog::default()));
        }
        let queue = Queue::start(writer(path)?, wake)?;
        let backlog = queue.backlog();
        Ok((Out { writer: BufWriter::with_capacity(8 << 10, Box::new(queue)), terminal: false }, backlog))
    }

    /// Writes one line of JSON, and flushes it.
    pub fn write_line(&mut self, line: &impl Serialize) -> io::Result<()> {
        serde_json::to_writer(&mut *self, line)?;
        self.write_all(b"\n")?;
        self.flush()
    }

    pub fn is_terminal(&self) -> bool {
        self.terminal
    }

    /// Whether something waits to be flushed to a terminal.
    pub fn is_unshown(&self) -> bool {
        self.terminal && !self.writer.buffer().is_empty()
    }

    /// How many columns fit; `None` when it is no terminal. One that does not know its size has 80.
    pub fn width(&self) -> Option<usize> {
        let size = self.terminal.then(terminal_size::terminal_size)?;
        size.map_or(Some(80), |(width, _)| Some(usize::from(width.0)))
    }

    /// Whether colours are welcome (<https://no-color.org>).
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

fn is_terminal(path: Option<&Path>) -> bool {
    file(path).is_none() && io::stdout().is_terminal()
}

fn file(path: Option<&Path>) -> Option<&Path> {
    path.filter(|path| path.as_os_str() != "-")
}
