//! Names from arguments, files and standard input, read by a separate thread.
//!
//! A slow pipe blocks that thread, never the sweep.

use std::path::PathBuf;
use std::sync::Arc;
use std::thread;

use anyhow::{Context, Error, Result};

use super::line::{Asked, LineRules};
use crate::cli::bad_lines::{BadLine, BadLines};
use crate::cli::batches::{self, BatchReceiver, BatchSender, NextItem};
use crate::cli::console::Console;
use crate::cli::input_lines::{Input, LineEvent, read_lines};
use crate::cli::names::Stopped;

/// The sources of names.
#[derive(Debug)]
pub struct NameSources {
    pub arguments: Vec<String>,
    /// The files; `-` is standard input.
    pub files: Vec<PathBuf>,
    /// Validates every line before the first name is used.
    pub strict: bool,
    pub rules: LineRules,
}

/// The result of [`NameInputs::next`].
#[derive(Debug, PartialEq, Eq)]
pub enum NextName {
    Asked(Asked),
    /// No name is available yet: `wake` will be called.
    Waiting,
    End,
}

/// An item that the reading thread sends.
enum NameItem {
    Asked(Asked),
    Bad(BadLine),
    /// An input that could not be read to its end.
    Failed(Error),
}

/// The names read so far.
pub struct NameInputs {
    items: BatchReceiver<NameItem>,
    /// The reason why an input could not be read to its end.
    pub failure: Option<Error>,
}

impl NameInputs {
    /// Opens every file and starts to read. The reading thread calls `wake` after every batch and at the end.
    ///
    /// # Errors
    /// A file cannot be opened; or, if strict, there are bad lines.
    pub fn open(sources: NameSources, wake: impl Fn() + Send + Sync + 'static) -> Result<NameInputs> {
        let open = |path: &PathBuf| Input::open(path, sources.strict);
        let files = sources.files.iter().map(open).collect::<Result<Vec<_>>>()?;
        if sources.strict {
            check(&sources, &files)?;
        }
        let (mut items, received) = batches::channel(Arc::new(wake));
        let read = move || {
            // An error here means only that the sweep was stopped.
            let _ = read(&sources, &files, &mut items);
        };
        let thread = thread::Builder::new().name("names".into());
        thread.spawn(read).context("cannot start the thread that reads names")?;
        Ok(NameInputs { items: received, failure: None })
    }

    /// Returns the next name without waiting for it. Bad lines are reported on `console`.
    pub fn next(&mut self, console: &Console) -> NextName {
        loop {
            match self.items.next() {
                NextItem::Item(NameItem::Asked(asked)) => return NextName::Asked(asked),
                NextItem::Item(NameItem::Bad(bad)) => console.warn_bad_line(bad),
                NextItem::Item(NameItem::Failed(error)) => self.failure = Some(error),
                NextItem::Waiting => return NextName::Waiting,
                NextItem::End => return NextName::End,
            }
        }
    }
}

fn read(sources: &NameSources, files: &[Input], items: &mut BatchSender<NameItem>) -> Result<(), Stopped> {
    read_lines(&sources.arguments, files, |event| match event {
        LineEvent::Line(line, place) => match sources.rules.parse(line) {
            None => Ok(()),
            Some(Err(reason)) => items.push(NameItem::Bad(BadLine::new(place.to_string(), reason, line))),
            Some(Ok(parsed)) => sources.rules.questions(&parsed, |asked| items.push(NameItem::Asked(asked))),
        },
        LineEvent::Pause => items.hand_over(),
        LineEvent::Failed(error) => items.push(NameItem::Failed(error)),
    })?;
    items.hand_over()
}

/// Validates all lines before anything is sent (`--strict`).
fn check(sources: &NameSources, files: &[Input]) -> Result<()> {
    let (mut bad, mut number) = (BadLines::default(), 0);
    read_lines(&sources.arguments, files, |event| match event {
        LineEvent::Line(line, place) => {
            number += 1;
            if let Some(Err(reason)) = sources.rules.parse(line) {
                bad.add(number, BadLine::new(place.to_string(), reason, line));
            }
            Ok(())
        }
        LineEvent::Pause => Ok(()),
        LineEvent::Failed(error) => Err(error),
    })?;
    bad.refuse()
}
