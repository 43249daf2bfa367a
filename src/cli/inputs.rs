//! Targets from arguments, files and standard input, read lazily by a separate thread.
//!
//! A slow pipe blocks that thread, never the sweep. Names are resolved in other threads, so their targets may come
//! later than the lines after them; all other targets keep their order. The channel between reading and the sweep is
//! short, so a file of a million lines takes no more memory than one of a thousand.

mod strict;
#[cfg(test)]
mod tests;

use std::io;
use std::mem;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, SyncSender, TryRecvError};
use std::{fmt, thread, vec};

use anyhow::{Context, Error, Result};

use super::console::Console;
use super::exit::Usage;
use super::input_lines::{Input, MAX_LINE};
use super::names::{HostName, NameRules, Resolver, Stopped};
use super::output::untrusted::escaped;
use super::targets::{self, Span, Target};

/// The lines in one batch, and the batches that the channel holds.
const BATCH: usize = 256;
const BATCHES: usize = 4;
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
}

impl fmt::Display for BadLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}: \"{}\"", self.at, self.reason, self.text)
    }
}

/// Validates the settings that follow a target.
pub type Checker = Arc<dyn Fn(&str) -> Result<(), String> + Send + Sync>;

/// The target of a line with a label, which [`Inputs::settings`] returns.
pub struct Labelled {
    pub target: String,
    /// The port if the target specifies none.
    pub port: Option<u16>,
    pub label: Arc<str>,
}

/// Reads the label of a line without comments; `None` if it has only a target.
pub type Labeller = Arc<dyn Fn(&str) -> Result<Option<Labelled>, String> + Send + Sync>;

/// A target whose name does not resolve.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unresolved {
    /// The target as typed.
    pub input: Arc<str>,
    /// Why: `no such name`.
    pub cause: String,
}

impl Unresolved {
    pub fn reason(&self) -> String {
        format!("cannot resolve the name: {}", self.cause)
    }
}

/// The sources of targets.
#[derive(Clone, Default)]
pub struct Sources {
    pub arguments: Vec<String>,
    /// The files; `-` is standard input.
    pub files: Vec<PathBuf>,
    pub default_port: Option<u16>,
    pub names: NameRules,
    /// Validates every line before the first target is used.
    pub strict: bool,
    /// Validates the settings that may follow a target; `None` if none may. Settings may be secret, and are never
    /// shown.
    pub settings: Option<Checker>,
    /// Reads the label that a line may have besides its target.
    pub labels: Option<Labeller>,
}

/// The result of [`Inputs::next`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Next {
    Target(SocketAddr),
    Unresolved(Unresolved),
    /// No item is available yet: `wake` will be called.
    Waiting,
    End,
}

/// The targets read so far.
pub struct Inputs {
    batches: Receiver<Vec<Item>>,
    batch: vec::IntoIter<Item>,
    span: Option<Span>,
    settings: Option<Arc<str>>,
    name: Option<Arc<str>>,
    any_target: bool,
    any_without_port: bool,
    /// The reason why an input could not be read to its end.
    pub failure: Option<Error>,
}

/// An item that the reading thread sends.
enum Item {
    Targets {
        span: Span,
        settings: Option<Arc<str>>,
        /// The target as typed, if that was a name.
        name: Option<Arc<str>>,
    },
    Unresolved {
        target: Unresolved,
        settings: Option<Arc<str>>,
        line: BadLine,
    },
    Bad(BadLine),
    /// An input that could not be read to its end.
    Failed(Error),
}

impl Inputs {
    /// Opens every file and starts to read. Other threads call `wake` after every batch and at the end.
    ///
    /// # Errors
    /// A file cannot be opened; or, with `strict`, there are bad lines ([`Usage`]).
    pub fn open(sources: Sources, wake: impl Fn() + Send + Sync + 'static) -> Result<Inputs> {
        let resolver = Resolver::new(sources.names);
        Inputs::open_with(sources, resolver, Arc::new(wake))
    }

    fn open_with(sources: Sources, mut resolver: Resolver, wake: Wake) -> Result<Inputs> {
        let mut files = vec![];
        for path in &sources.files {
            files.push(Input::open(path, sources.strict)?);
        }
        if sources.strict {
            strict::check(&sources, &files, &mut resolver)?;
        }
        let (sender, batches) = mpsc::sync_channel(BATCHES);
        let inputs = Inputs {
            batches,
            batch: vec![].into_iter(),
            span: None,
            settings: None,
            name: None,
            any_target: false,
            any_without_port: false,
            failure: None,
        };
        if sources.arguments.is_empty() && files.is_empty() {
            return Ok(inputs);
        }
        let read = move || {
            let (sources, wake_at_end) = (Arc::new(sources), wake.clone());
            let mut reader = Reader { sender, batch: vec![], wake, sources, resolver };
            // An error here means only that the sweep was stopped.
            let _ = reader.read(&files);
            drop(reader);
            wake_at_end();
        };
        let thread = thread::Builder::new().name("targets".into());
        thread.spawn(read).context("cannot start the thread that reads targets")?;
        Ok(inputs)
    }

    /// Returns the next target without waiting for it. Bad lines are reported on `console`.
    pub fn next(&mut self, console: &Console) -> Next {
        loop {
            if let Some(address) = self.span.as_mut().and_then(Iterator::next) {
                return Next::Target(address);
            }
            match self.batch.next() {
                Some(Item::Targets { span, settings, name }) => {
                    (self.span, self.settings, self.name) = (Some(span), settings, name);
                    self.any_target = true;
                    continue;
                }
                Some(Item::Unresolved { target, settings, line }) => {
                    self.settings = settings;
                    self.any_target = true;
                    console.warn_unresolved(line);
                    return Next::Unresolved(target);
                }
                Some(Item::Bad(bad)) => {
                    self.report(bad, console);
                    continue;
                }
                Some(Item::Failed(error)) => {
                    self.failure = Some(error);
                    continue;
                }
                None => {}
            }
            match self.batches.try_recv() {
                Ok(batch) => self.batch = batch.into_iter(),
                Err(TryRecvError::Empty) => return Next::Waiting,
                Err(TryRecvError::Disconnected) => return self.end(),
            }
        }
    }

    fn report(&mut self, bad: BadLine, console: &Console) {
        self.any_without_port |= bad.reason == targets::NO_PORT;
        console.warn_bad_line(bad);
    }

    /// Ends the inputs. If every target was rejected and one lacked a port, reports that as wrong usage.
    fn end(&mut self) -> Next {
        if self.any_without_port && !self.any_target {
            let usage = Usage("no target has a port: write HOST:PORT, or set a port with --port".into());
            self.failure.get_or_insert(usage.into());
        }
        Next::End
    }

    /// Returns the settings or the label of the last target.
    pub fn settings(&self) -> Option<&Arc<str>> {
        self.settings.as_ref()
    }

    /// Returns the last target as typed, if that was a name.
    pub fn name(&self) -> Option<Arc<str>> {
        self.name.clone()
    }
}

type Wake = Arc<dyn Fn() + Send + Sync>;

struct Reader {
    /// The inputs end when the last clone is dropped: each name that is being resolved holds one.
    sender: SyncSender<Vec<Item>>,
    batch: Vec<Item>,
    wake: Wake,
    sources: Arc<Sources>,
    resolver: Resolver,
}

impl Reader {
    fn read(&mut self, files: &[Input]) -> Result<(), Stopped> {
        let sources = self.sources.clone();
        for (index, argument) in sources.arguments.iter().enumerate() {
            self.line(argument.as_bytes(), || argument_name(index))?;
        }
        for file in files {
            if let Err(error) = self.file(file)? {
                let error = Error::new(error).context(format!("cannot read {}", file.name));
                self.batch.push(Item::Failed(error));
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
        let Some(parsed) = self.sources.parse(line) else { return Ok(()) };
        self.batch.push(match parsed {
            Ok((Target::Name(name), settings)) => return self.name(name, settings, line, at()),
            Ok((Target::Span(span), settings)) => Item::Targets { span, settings, name: None },
            Err(reason) => Item::Bad(self.sources.bad(line, at(), reason)),
        });
        if self.batch.len() >= BATCH { self.hand_over() } else { Ok(()) }
    }

    /// Lets another thread resolve a name.
    fn name(
        &mut self,
        name: HostName,
        settings: Option<Arc<str>>,
        line: &[u8],
        at: String,
    ) -> Result<(), Stopped> {
        // Resolving blocks while too many names wait: first send the targets known so far.
        self.hand_over()?;
        let (sender, wake, sources) = (self.sender.clone(), self.wake.clone(), self.sources.clone());
        let (input, line) = (name.input.clone(), line.to_vec());
        let deliver = move |resolved| {
            let items = match resolved {
                Ok(addresses) => of_name(addresses, &input, settings.as_ref()),
                Err(cause) => {
                    let target = Unresolved { input, cause };
                    let line = sources.bad(&line, at, target.reason());
                    vec![Item::Unresolved { target, settings, line }]
                }
            };
            let sent = sender.send(items).map_err(|_| Stopped);
            drop(sender);
            wake();
            sent
        };
        self.resolver.resolve(name, Box::new(deliver))
    }

    fn hand_over(&mut self) -> Result<(), Stopped> {
        if !self.batch.is_empty() {
            self.sender.send(mem::take(&mut self.batch)).map_err(|_| Stopped)?;
            (self.wake)();
        }
        Ok(())
    }
}

/// Returns the items of a name's addresses.
fn of_name(addresses: Vec<SocketAddr>, input: &Arc<str>, settings: Option<&Arc<str>>) -> Vec<Item> {
    let item = |address: SocketAddr| Item::Targets {
        span: address.into(),
        settings: settings.cloned(),
        name: Some(input.clone()),
    };
    addresses.into_iter().map(item).collect()
}

/// A target and its settings.
type ParsedLine = (Target, Option<Arc<str>>);

impl Sources {
    /// Parses a line; `None` if it is empty or a comment.
    fn parse(&self, line: &[u8]) -> Option<Result<ParsedLine, String>> {
        if line.len() > MAX_LINE {
            return Some(Err(format!("longer than {MAX_LINE} bytes")));
        }
        let line = line.strip_prefix("\u{feff}".as_bytes()).unwrap_or(line);
        let text = String::from_utf8_lossy(line);
        if let Some(check) = &self.settings {
            return self.parse_with_settings(text.trim(), check);
        }
        let text = text.split('#').next().unwrap_or_default().trim();
        (!text.is_empty()).then(|| self.parse_with_label(text))
    }

    fn parse_with_label(&self, text: &str) -> Result<ParsedLine, String> {
        let labelled = self.labels.as_ref().map_or(Ok(None), |read| read(text))?;
        match labelled {
            Some(Labelled { target, port, label }) => Ok((self.target(&target, port)?, Some(label))),
            None => Ok((self.target(text, self.default_port)?, None)),
        }
    }

    /// Parses a target, which must be of the right family.
    fn target(&self, text: &str, port: Option<u16>) -> Result<Target, String> {
        let target = targets::parse(text, port)?;
        match (&target, self.names.family) {
            (Target::Span(span), Some(family)) if !span.is_of(family) => {
                Err(format!("not an {} address (see -4 and -6)", family.name()))
            }
            _ => Ok(target),
        }
    }

    /// Parses a line on which settings may follow the target. They may contain a `#`, but not begin with one.
    fn parse_with_settings(&self, text: &str, check: &Checker) -> Option<Result<ParsedLine, String>> {
        let (target, settings) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
        let (target, settings) =
            target.split_once('#').map_or((target, settings), |(target, _)| (target, ""));
        let settings = settings.trim_start();
        let settings = if settings.starts_with('#') { "" } else { settings };
        (!target.is_empty()).then(|| {
            let parsed = self.target(target, self.default_port)?;
            // Otherwise the community sent would differ from the one in the file.
            if settings.contains(char::REPLACEMENT_CHARACTER) {
                return Err("settings must be UTF-8".into());
            }
            check(settings)?;
            Ok((parsed, (!settings.is_empty()).then(|| settings.into())))
        })
    }

    fn bad(&self, line: &[u8], at: String, reason: String) -> BadLine {
        if self.settings.is_none() {
            return BadLine::new(at, reason, line);
        }
        // Settings may be secret, wherever they are in the line and whatever separates them from the target: show only
        // the part that must be a target.
        let text = String::from_utf8_lossy(line);
        let target = text.split_whitespace().next().unwrap_or_default();
        let is_number = target.chars().all(|c| c.is_ascii_digit() || ".:/[]-".contains(c));
        let is_target = is_number || targets::parse(target, self.default_port).is_ok();
        BadLine { at, reason, text: if is_target { shown(target.as_bytes()) } else { "…".into() } }
    }
}

/// Returns the name of an argument in messages.
pub fn argument_name(index: usize) -> String {
    format!("argument {}", index + 1)
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
