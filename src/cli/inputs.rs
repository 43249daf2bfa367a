//! Targets from arguments, files and standard input, read lazily by a separate thread.
//!
//! A slow pipe blocks that thread, never the sweep. Names are resolved in other threads, so their targets may come
//! later than the lines after them; all other targets keep their order. The channel between reading and the sweep is
//! short, so a file of a million lines takes no more memory than one of a thousand.

mod strict;
#[cfg(test)]
mod tests;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread;

use anyhow::{Context, Error, Result};

use super::bad_lines::BadLine;
use super::batches::{self, BatchReceiver, BatchSender, NextItem, Wake};
use super::console::Console;
use super::exit::Usage;
use super::input_lines::{Input, LineEvent, LinePlace, MAX_LINE, read_lines};
use super::names::{HostName, NameRules, Resolver, Stopped};
use super::targets::{self, Span, Target};

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
    /// The reason: `no such name`.
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
    items: BatchReceiver<Item>,
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
        let (items, received) = batches::channel(wake);
        let inputs = Inputs {
            items: received,
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
            let mut reader = Reader { items, sources: Arc::new(sources), resolver };
            // An error here means only that the sweep was stopped.
            let _ = reader.read(&files);
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
            match self.items.next() {
                NextItem::Item(Item::Targets { span, settings, name }) => {
                    (self.span, self.settings, self.name) = (Some(span), settings, name);
                    self.any_target = true;
                }
                NextItem::Item(Item::Unresolved { target, settings, line }) => {
                    self.settings = settings;
                    self.any_target = true;
                    console.warn_unresolved(line);
                    return Next::Unresolved(target);
                }
                NextItem::Item(Item::Bad(bad)) => self.report(bad, console),
                NextItem::Item(Item::Failed(error)) => self.failure = Some(error),
                NextItem::Waiting => return Next::Waiting,
                NextItem::End => return self.end(),
            }
        }
    }

    fn report(&mut self, bad: BadLine, console: &Console) {
        self.any_without_port |= bad.reason() == targets::NO_PORT;
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

struct Reader {
    items: BatchSender<Item>,
    sources: Arc<Sources>,
    resolver: Resolver,
}

impl Reader {
    fn read(&mut self, files: &[Input]) -> Result<(), Stopped> {
        let sources = self.sources.clone();
        read_lines(&sources.arguments, files, |event| match event {
            LineEvent::Line(line, place) => self.line(line, place),
            LineEvent::Pause => self.items.hand_over(),
            LineEvent::Failed(error) => self.items.push(Item::Failed(error)),
        })?;
        self.items.hand_over()
    }

    fn line(&mut self, line: &[u8], place: LinePlace<'_>) -> Result<(), Stopped> {
        let Some(parsed) = self.sources.parse(line) else { return Ok(()) };
        self.items.push(match parsed {
            Ok((Target::Name(name), settings)) => return self.name(name, settings, line, place),
            Ok((Target::Span(span), settings)) => Item::Targets { span, settings, name: None },
            Err(reason) => Item::Bad(self.sources.bad(line, place.to_string(), reason)),
        })
    }

    /// Lets another thread resolve a name.
    fn name(
        &mut self,
        name: HostName,
        settings: Option<Arc<str>>,
        line: &[u8],
        place: LinePlace<'_>,
    ) -> Result<(), Stopped> {
        // Resolving blocks while too many names wait: first send the targets known so far.
        self.items.hand_over()?;
        let (items, sources, at) = (self.items.late()?, self.sources.clone(), place.to_string());
        let (input, line) = (name.input.clone(), line.to_vec());
        let deliver = move |resolved| {
            items.send(match resolved {
                Ok(addresses) => of_name(addresses, &input, settings.as_ref()),
                Err(cause) => {
                    let target = Unresolved { input, cause };
                    let line = sources.bad(&line, at, target.reason());
                    vec![Item::Unresolved { target, settings, line }]
                }
            })
        };
        self.resolver.resolve(name, Box::new(deliver))
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
        if is_target { BadLine::new(at, reason, target.as_bytes()) } else { BadLine::hidden(at, reason) }
    }
}
