//! Names from arguments, files and standard input, read by a separate thread.
//!
//! A slow pipe blocks that thread, never the sweep. The channel is short, so that any number of names takes little memory.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, SyncSender, TryRecvError};
use std::{mem, thread, vec};

use anyhow::{Context, Error, Result};

use super::line::{Asked, LineRules};
use crate::cli::console::Console;
use crate::cli::exit::Usage;
use crate::cli::input_lines::Input;
use crate::cli::inputs::{BadLine, SHOWN, argument_name};
use crate::cli::names::Stopped;

/// The questions in one batch, and the batches that the channel holds.
const BATCH: usize = 256;
const BATCHES: usize = 4;

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
    batches: Receiver<Vec<NameItem>>,
    batch: vec::IntoIter<NameItem>,
    /// The reason why an input could not be read to its end.
    pub failure: Option<Error>,
}

impl NameInputs {
    /// Opens every file and starts to read. The reading thread calls `wake` after every batch and at the end.
    ///
    /// # Errors
    /// A file cannot be opened; or, if strict, there are bad lines.
    pub fn open(sources: NameSources, wake: impl Fn() + Send + 'static) -> Result<NameInputs> {
        let open = |path: &PathBuf| Input::open(path, sources.strict);
        let files = sources.files.iter().map(open).collect::<Result<Vec<_>>>()?;
        if sources.strict {
            check(&sources, &files)?;
        }
        let (sender, batches) = mpsc::sync_channel(BATCHES);
        let read = move || {
            let mut reader = NameReader { sender, batch: vec![], wake, rules: Arc::new(sources.rules) };
            // An error here means only that the sweep was stopped.
            let _ = reader.read(&sources.arguments, &files);
            let NameReader { sender, wake, .. } = reader;
            drop(sender);
            wake();
        };
        let thread = thread::Builder::new().name("names".into());
        thread.spawn(read).context("cannot start the thread that reads names")?;
        Ok(NameInputs { batches, batch: vec![].into_iter(), failure: None })
    }

    /// Returns the next name without waiting for it. Bad lines are reported on `console`.
    pub fn next(&mut self, console: &Console) -> NextName {
        loop {
            match self.batch.next() {
                Some(NameItem::Asked(asked)) => return NextName::Asked(asked),
                Some(NameItem::Bad(bad)) => console.warn_bad_line(bad),
                Some(NameItem::Failed(error)) => self.failure = Some(error),
                None => match self.batches.try_recv() {
                    Ok(batch) => self.batch = batch.into_iter(),
                    Err(TryRecvError::Empty) => return NextName::Waiting,
                    Err(TryRecvError::Disconnected) => return NextName::End,
                },
            }
        }
    }
}

struct NameReader<W> {
    sender: SyncSender<Vec<NameItem>>,
    batch: Vec<NameItem>,
    wake: W,
    rules: Arc<LineRules>,
}

impl<W: Fn()> NameReader<W> {
    fn read(&mut self, arguments: &[String], files: &[Input]) -> Result<(), Stopped> {
        for (index, argument) in arguments.iter().enumerate() {
            self.line(argument.as_bytes(), || argument_name(index))?;
        }
        for file in files {
            if let Err(error) = self.file(file)? {
                let error = Error::new(error).context(format!("cannot read {}", file.name));
                self.batch.push(NameItem::Failed(error));
            }
        }
        self.hand_over()
    }

    fn file(&mut self, file: &Input) -> Result<io::Result<()>, Stopped> {
        let mut lines = match file.lines() {
            Ok(lines) => lines,
            Err(error) => return Ok(Err(error)),
        };
        let mut line = vec![];
        for number in 1u64.. {
            if lines.may_wait() {
                self.hand_over()?;
            }
            match lines.next(&mut line) {
                Ok(true) => self.line(&line, || format!("{}:{number}", file.name))?,
                Ok(false) => break,
                Err(error) => return Ok(Err(error)),
            }
        }
        Ok(Ok(()))
    }

    fn line(&mut self, line: &[u8], at: impl Fn() -> String) -> Result<(), Stopped> {
        let Some(parsed) = self.rules.parse(line) else { return Ok(()) };
        match parsed {
            Err(reason) => self.push(NameItem::Bad(BadLine::new(at(), reason, line))),
            Ok(parsed) => {
                let rules = self.rules.clone();
                rules.questions(&parsed, |asked| self.push(NameItem::Asked(asked)))
            }
        }
    }

    fn push(&mut self, item: NameItem) -> Result<(), Stopped> {
        self.batch.push(item);
        if self.batch.len() >= BATCH { self.hand_over() } else { Ok(()) }
    }

    fn hand_over(&mut self) -> Result<(), Stopped> {
        if !self.batch.is_empty() {
            self.sender.send(mem::take(&mut self.batch)).map_err(|_| Stopped)?;
            (self.wake)();
        }
        Ok(())
    }
}

/// Validates all lines before anything is sent (`--strict`).
fn check(sources: &NameSources, files: &[Input]) -> Result<()> {
    let mut bad = BadLines::default();
    let mut look_at = |line: &[u8], at: String| {
        if let Some(Err(reason)) = sources.rules.parse(line) {
            bad.add(BadLine::new(at, reason, line));
        }
    };
    for (index, argument) in sources.arguments.iter().enumerate() {
        look_at(argument.as_bytes(), argument_name(index));
    }
    for file in files {
        let cannot_read = || format!("cannot read {}", file.name);
        let (mut lines, mut line) = (file.lines().with_context(cannot_read)?, vec![]);
        let mut number = 0u64;
        while lines.next(&mut line).with_context(cannot_read)? {
            number += 1;
            look_at(&line, format!("{}:{number}", file.name));
        }
    }
    bad.refuse()
}

/// Bad lines that are refused. The first ones are shown, all are counted.
#[derive(Default)]
pub struct BadLines {
    count: usize,
    shown: String,
}

impl BadLines {
    pub fn add(&mut self, bad: BadLine) {
        self.count += 1;
        if self.count <= SHOWN {
            self.shown.push_str(&format!("\n  {bad}"));
        }
    }

    /// Fails if there are bad lines ([`Usage`]).
    pub fn refuse(self) -> Result<()> {
        let BadLines { count, shown } = self;
        match count {
            0 => Ok(()),
            1..=SHOWN => Err(Usage(format!("bad lines: {count}{shown}")).into()),
            _ => Err(Usage(format!("bad lines: {count}{shown}\n  … and {} more", count - SHOWN)).into()),
        }
    }
}
