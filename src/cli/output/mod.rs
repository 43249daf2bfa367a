//! Where results go, and in which form.

pub mod record;
pub mod table;

use std::fs::File;
use std::io::{self, BufWriter, IsTerminal, Write};
use std::path::Path;

use anyhow::{Context, Result};
use serde::Serialize;

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
        let file = path.filter(|path| path.as_os_str() != "-");
        let writer: Box<dyn Write> = match file {
            Some(path) => {
                Box::new(File::create(path).with_context(|| format!("cannot write {}", path.display()))?)
            }
            None => Box::new(io::stdout()),
        };
        let terminal = file.is_none() && io::stdout().is_terminal();
        // A terminal gets whole lines, however long: progress may stand below them.
        let capacity = if terminal { 64 << 10 } else { 8 << 10 };
        Ok(Out { writer: BufWriter::with_capacity(capacity, writer), terminal })
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

    /// How many columns fit; `None` when it is no terminal.
    pub fn width(&self) -> Option<usize> {
        let size = self.terminal.then(terminal_size::terminal_size)?;
        size.map(|(width, _)| usize::from(width.0))
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
