//! `--strict`: validates all lines, and resolves all names, before anything is sent.

use std::mem;
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, Sender};

use anyhow::Result;

use super::{Sources, Unresolved};
use crate::cli::bad_lines::{BadLine, BadLines};
use crate::cli::input_lines::{Input, LineEvent, read_lines};
use crate::cli::names::{HostName, Resolved, Resolver, Stopped};
use crate::cli::targets::Target;

/// Checks every line.
///
/// # Errors
/// There are bad lines ([`Usage`](crate::cli::exit::Usage)), or a file cannot be read.
pub fn check(sources: &Sources, files: &[Input], resolver: &mut Resolver) -> Result<()> {
    let mut lines = CheckedLines::new(sources, resolver);
    read_lines(&sources.arguments, files, |event| match event {
        LineEvent::Line(line, place) => {
            lines.check(line, place.to_string());
            Ok(())
        }
        LineEvent::Pause => Ok(()),
        LineEvent::Failed(error) => Err(error),
    })?;
    lines.end()
}

/// The lines checked so far.
struct CheckedLines<'a> {
    sources: Arc<Sources>,
    resolver: &'a mut Resolver,
    count: u64,
    bad: BadLines,
    /// The number of each name that has been resolved, with its line if that failed.
    results: (Sender<Checked>, Receiver<Checked>),
}

type Checked = (u64, Option<BadLine>);

impl<'a> CheckedLines<'a> {
    fn new(sources: &Sources, resolver: &'a mut Resolver) -> CheckedLines<'a> {
        let (sources, results) = (Arc::new(sources.clone()), mpsc::channel());
        CheckedLines { sources, resolver, count: 0, bad: BadLines::default(), results }
    }

    fn check(&mut self, line: &[u8], at: String) {
        self.count += 1;
        match self.sources.parse(line) {
            None | Some(Ok((Target::Span(_), _))) => {}
            Some(Err(reason)) => self.add((self.count, Some(self.sources.bad(line, at, reason)))),
            Some(Ok((Target::Name(name), _))) => self.resolve(name, line.to_vec(), at),
        }
        while let Ok(checked) = self.results.1.try_recv() {
            self.add(checked);
        }
    }

    fn resolve(&mut self, name: HostName, line: Vec<u8>, at: String) {
        let (results, sources, input) = (self.results.0.clone(), self.sources.clone(), name.input.clone());
        let number = self.count;
        let deliver = move |resolved: Resolved| {
            let cause = resolved.err();
            let bad = cause.map(|cause| sources.bad(&line, at, Unresolved { input, cause }.reason()));
            results.send((number, bad)).map_err(|_| Stopped)
        };
        // Nothing stops it while results are received.
        let _ = self.resolver.resolve(name, Box::new(deliver));
    }

    fn add(&mut self, (number, bad): Checked) {
        if let Some(bad) = bad {
            self.bad.add(number, bad);
        }
    }

    /// Waits for the names that are still being resolved.
    fn end(mut self) -> Result<()> {
        let (sender, results) = mem::replace(&mut self.results, mpsc::channel());
        drop(sender);
        results.into_iter().for_each(|checked| self.add(checked));
        self.bad.refuse()
    }
}
