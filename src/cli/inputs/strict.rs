//! `--strict`: validates all lines, and resolves all names, before anything is sent.

use std::collections::BTreeMap;
use std::mem;
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, Sender};

use anyhow::{Context, Result};

use super::{BadLine, SHOWN, Sources, Unresolved, argument_name};
use crate::cli::exit::Usage;
use crate::cli::input_lines::Input;
use crate::cli::names::{HostName, Resolved, Resolver, Stopped};
use crate::cli::targets::Target;

/// Checks every line.
///
/// # Errors
/// There are bad lines ([`Usage`]), or a file cannot be read.
pub fn check(sources: &Sources, files: &[Input], resolver: &mut Resolver) -> Result<()> {
    let mut lines = CheckedLines::new(sources, resolver);
    for (index, argument) in sources.arguments.iter().enumerate() {
        lines.check(argument.as_bytes(), argument_name(index));
    }
    for file in files {
        let cannot_read = || format!("cannot read {}", file.name);
        let (mut file_lines, mut line) = (file.lines().with_context(cannot_read)?, vec![]);
        let mut number = 0u64;
        while file_lines.next(&mut line).with_context(cannot_read)? {
            number += 1;
            lines.check(&line, format!("{}:{number}", file.name));
        }
    }
    lines.end()
}

/// The lines checked so far.
struct CheckedLines<'a> {
    sources: Arc<Sources>,
    resolver: &'a mut Resolver,
    count: u64,
    bad: usize,
    /// The first bad lines, by their place.
    shown: BTreeMap<u64, BadLine>,
    /// The place of each name that has been resolved, with its line if that failed.
    results: (Sender<Checked>, Receiver<Checked>),
}

type Checked = (u64, Option<BadLine>);

impl<'a> CheckedLines<'a> {
    fn new(sources: &Sources, resolver: &'a mut Resolver) -> CheckedLines<'a> {
        let (sources, shown, results) = (Arc::new(sources.clone()), BTreeMap::new(), mpsc::channel());
        CheckedLines { sources, resolver, count: 0, bad: 0, shown, results }
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
        let place = self.count;
        let deliver = move |resolved: Resolved| {
            let cause = resolved.err();
            let bad = cause.map(|cause| sources.bad(&line, at, Unresolved { input, cause }.reason()));
            results.send((place, bad)).map_err(|_| Stopped)
        };
        // Nothing stops it while results are received.
        let _ = self.resolver.resolve(name, Box::new(deliver));
    }

    fn add(&mut self, (place, bad): Checked) {
        let Some(bad) = bad else { return };
        self.bad += 1;
        self.shown.insert(place, bad);
        if self.shown.len() > SHOWN {
            self.shown.pop_last();
        }
    }

    /// Waits for the names that are still being resolved.
    fn end(mut self) -> Result<()> {
        let (sender, results) = mem::replace(&mut self.results, mpsc::channel());
        drop(sender);
        results.into_iter().for_each(|checked| self.add(checked));
        let mut text = format!("bad lines: {}", self.bad);
        self.shown.values().for_each(|bad| text += &format!("\n  {bad}"));
        match self.bad {
            0 => return Ok(()),
            1..=SHOWN => {}
            _ => text += &format!("\n  … and {} more", self.bad - SHOWN),
        }
        Err(Usage(text).into())
    }
}
