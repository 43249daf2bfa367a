//! Targets from arguments, files and standard input, read lazily by a separate thread.
//!
//! A slow pipe blocks that thread, never the sweep. Names are resolved in other threads, so their targets may come
//! later than the lines after them; all other targets keep their order. The channel between reading and the sweep is
//! short, so a file of a million lines takes no more memory than one of a thousand.

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
use super::output::record::uncapitalized;
use super::output::untrusted::escaped;
use super::resolvers::{Resolvers, Stopped};
use super::targets::{self, Span, Target};

/// The lines in one batch, and the batches that the channel holds.
const BATCH: usize = 256;
const BATCHES: usize = 4;
/// The number of bad lines that are shown; the others are only counted.
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

/// Resolves a name, or returns the reason why it cannot be resolved.
type Resolve = Arc<dyn Fn(&str, u16) -> Result<SocketAddr, String> + Send + Sync>;

/// The sources of targets.
#[derive(Clone, Default)]
pub struct Sources {
    pub arguments: Vec<String>,
    /// The files; `-` is standard input.
    pub files: Vec<PathBuf>,
    pub default_port: Option<u16>,
    /// Validates every line before the first target is used.
    pub strict: bool,
    /// Validates the settings that may follow a target; `None` if none may. Settings may be secret, and are never
    /// shown.
    pub settings: Option<Checker>,
    /// Reads the label that a line may have besides its target.
    pub labels: Option<Labeller>,
}

/// The result of [`Inputs::next`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    Target(SocketAddr),
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
    any_target: bool,
    any_without_port: bool,
    /// The reason why an input could not be read to its end.
    pub failure: Option<Error>,
}

/// An item that the reading thread sends.
enum Item {
    Targets(Span, Option<Arc<str>>),
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
        Inputs::open_with(sources, Arc::new(targets::resolve), Arc::new(wake))
    }

    fn open_with(sources: Sources, resolve: Resolve, wake: Wake) -> Result<Inputs> {
        let mut files = vec![];
        for path in &sources.files {
            files.push(Input::open(path, sources.strict)?);
        }
        if sources.strict {
            check(&sources, &files)?;
        }
        let (sender, batches) = mpsc::sync_channel(BATCHES);
        let inputs = Inputs {
            batches,
            batch: vec![].into_iter(),
            span: None,
            settings: None,
            any_target: false,
            any_without_port: false,
            failure: None,
        };
        if sources.arguments.is_empty() && files.is_empty() {
            return Ok(inputs);
        }
        let read = move || {
            let (sources, resolvers) = (Arc::new(sources), Resolvers::default());
            let wake_at_end = wake.clone();
            let mut reader = Reader { sender, batch: vec![], wake, sources, resolve, resolvers };
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
                Some(Item::Targets(span, settings)) => {
                    (self.span, self.settings) = (Some(span), settings);
                    self.any_target = true;
                    continue;
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
        if let Some(cause) = bad.reason.strip_prefix(targets::CANNOT_RESOLVE) {
            console.count_unresolved(&uncapitalized(cause));
        }
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
}

type Wake = Arc<dyn Fn() + Send + Sync>;

struct Reader {
    /// The inputs end when the last clone is dropped: each name that is being resolved holds one.
    sender: SyncSender<Vec<Item>>,
    batch: Vec<Item>,
    wake: Wake,
    sources: Arc<Sources>,
    resolve: Resolve,
    resolvers: Resolvers,
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
            Ok((Target::Name(name, port), settings)) => {
                return self.name(name, port, settings, line.to_vec(), at());
            }
            Ok((Target::Span(span), settings)) => Item::Targets(span, settings),
            Err(reason) => Item::Bad(self.sources.bad(line, at(), reason)),
        });
        if self.batch.len() >= BATCH { self.hand_over() } else { Ok(()) }
    }

    /// Lets another thread resolve a name.
    fn name(
        &mut self,
        name: String,
        port: u16,
        settings: Option<Arc<str>>,
        line: Vec<u8>,
        at: String,
    ) -> Result<(), Stopped> {
        // Resolving blocks while too many names wait: first send the targets known so far.
        self.hand_over()?;
        let Reader { sender, wake, sources, resolve, .. } = &*self;
        let (sender, wake, sources, resolve) =
            (sender.clone(), wake.clone(), sources.clone(), resolve.clone());
        self.resolvers.run(Box::new(move || {
            let item = match resolve(&name, port) {
                Ok(address) => Item::Targets(address.into(), settings),
                Err(reason) => Item::Bad(sources.bad(&line, at, reason)),
            };
            let sent = sender.send(vec![item]).map_err(|_| Stopped);
            drop(sender);
            wake();
            sent
        }))
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
fn check(sources: &Sources, files: &[Input]) -> Result<()> {
    let (mut bad, mut shown_lines) = (0, String::new());
    let mut look_at = |line: &[u8], at: String| {
        let result =
            sources.parse(line).map(|parsed| parsed.and_then(|(target, _)| targets::resolved(target)));
        if let Some(Err(reason)) = result {
            bad += 1;
            if bad <= SHOWN {
                shown_lines.push_str(&format!("\n  {}", sources.bad(line, at, reason)));
            }
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
    match bad {
        0 => Ok(()),
        1..=SHOWN => Err(Usage(format!("bad lines: {bad}{shown_lines}")).into()),
        _ => Err(Usage(format!("bad lines: {bad}{shown_lines}\n  … and {} more", bad - SHOWN)).into()),
    }
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
            return parse_with_settings(text.trim(), self.default_port, check);
        }
        let text = text.split('#').next().unwrap_or_default().trim();
        (!text.is_empty()).then(|| self.parse_with_label(text))
    }

    fn parse_with_label(&self, text: &str) -> Result<ParsedLine, String> {
        let labelled = self.labels.as_ref().map_or(Ok(None), |read| read(text))?;
        match labelled {
            Some(Labelled { target, port, label }) => Ok((targets::parse(&target, port)?, Some(label))),
            None => Ok((targets::parse(text, self.default_port)?, None)),
        }
    }

    fn bad(&self, line: &[u8], at: String, reason: String) -> BadLine {
        if self.settings.is_none() {
            return BadLine { at, reason, text: shown(line) };
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

/// Parses a line on which settings may follow the target. They may contain a `#`, but not begin with one.
fn parse_with_settings(text: &str, port: Option<u16>, check: &Checker) -> Option<Result<ParsedLine, String>> {
    let (target, settings) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
    let (target, settings) = target.split_once('#').map_or((target, settings), |(target, _)| (target, ""));
    let settings = settings.trim_start();
    let settings = if settings.starts_with('#') { "" } else { settings };
    (!target.is_empty()).then(|| {
        let parsed = targets::parse(target, port)?;
        // Otherwise the community sent would differ from the one in the file.
        if settings.contains(char::REPLACEMENT_CHARACTER) {
            return Err("settings must be UTF-8".into());
        }
        check(settings)?;
        Ok((parsed, (!settings.is_empty()).then(|| settings.into())))
    })
}

fn argument_name(index: usize) -> String {
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

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    /// Returns every target and the number of bad lines.
    fn all(sources: Sources) -> (Vec<String>, usize) {
        let (wake, woken) = mpsc::channel();
        let mut inputs = Inputs::open(sources, move || wake.send(()).unwrap_or_default()).expect("opens");
        let console = Console::new(true);
        let mut targets = vec![];
        loop {
            match inputs.next(&console) {
                Next::Target(address) => targets.push(address.to_string()),
                Next::Waiting => woken.recv().unwrap_or_default(),
                Next::End => return (targets, console.bad_lines()),
            }
        }
    }

    fn file_with(bytes: &[u8]) -> tempfile::NamedTempFile {
        let mut file = tempfile::NamedTempFile::new().expect("a temporary file");
        file.write_all(bytes).expect("written");
        file
    }

    #[test]
    fn comments_blank_lines_and_foreign_line_breaks() {
        let file =
            file_with("\u{feff}10.0.0.1\r\n\n  # nothing\n10.0.0.2:5 # the second\n10.0.0.8/31".as_bytes());
        let sources = Sources {
            arguments: vec!["10.9.9.9".into()],
            files: vec![file.path().into()],
            default_port: Some(7),
            strict: false,
            settings: None,
            labels: None,
        };
        let expected = ["10.9.9.9:7", "10.0.0.1:7", "10.0.0.2:5", "10.0.0.8:7", "10.0.0.9:7"];
        assert_eq!(all(sources.clone()), (expected.map(String::from).to_vec(), 0));
        assert_eq!(all(Sources { strict: true, ..sources }).0, expected);
    }

    #[test]
    fn bad_lines_are_counted_and_reading_continues() {
        let file = file_with(b"10.0.0.1:1\n\xff\xfe\x1b[31m\n10.0.0.300:1\n10.0.0.2:1\n");
        let files = vec![file.path().to_path_buf()];
        let (targets, bad) = all(Sources { files: files.clone(), ..Sources::default() });
        assert_eq!((targets, bad), (vec!["10.0.0.1:1".into(), "10.0.0.2:1".into()], 2));

        let strict = Inputs::open(Sources { files, strict: true, ..Sources::default() }, || {});
        let error = strict.err().expect("refused");
        let text = error.to_string();
        assert!(
            error.is::<Usage>() && text.starts_with("bad lines: 2") && !text.contains('\u{1b}'),
            "{text}"
        );
        assert!(text.ends_with(":3: not an IPv4 address: \"10.0.0.300:1\""), "{text}");
    }

    #[test]
    fn settings_follow_a_target_and_are_never_shown() {
        fn check(settings: &str) -> Result<(), String> {
            if settings.contains("bad") { Err("bad setting".into()) } else { Ok(()) }
        }
        let sources =
            Sources { default_port: Some(161), settings: Some(Arc::new(check)), ..Sources::default() };
        let line = |line: &str| {
            let parsed = sources.parse(line.as_bytes())?;
            Some(parsed.map(|(target, settings)| {
                let Target::Span(mut span) = target else { panic!("an address") };
                (span.next().expect("one").to_string(), settings.map(|text| text.to_string()))
            }))
        };
        let one = |settings: Option<&str>| Some(Ok(("10.0.0.1:161".into(), settings.map(String::from))));
        assert_eq!(line("10.0.0.1"), one(None));
        assert_eq!(line(" 10.0.0.1\tcommunity=a#b x=y "), one(Some("community=a#b x=y")));
        assert_eq!(line("10.0.0.1 # community=a"), one(None));
        assert_eq!(line("10.0.0.1# community=a"), one(None));
        assert_eq!(line("# 10.0.0.1"), None);
        assert_eq!(line("10.0.0.1 bad=hush"), Some(Err("bad setting".into())));
        assert!(line("10.0.0.1 community=\u{fffd}").is_some_and(|parsed| parsed.is_err()), "not UTF-8");
        for (text, shown) in [
            ("community=hush 10.0.0.1", "\"…\""),
            ("10.0.0.1,community=hush", "\"…\""),
            ("10.0.0.1\u{a0}community=hush", "\"10.0.0.1\""),
            ("  10.0.0.1 community=hush", "\"10.0.0.1\""),
            ("10.0.0.1;hush", "\"…\""),
            ("hush@10.0.0.1", "\"…\""),
            ("10.0.0.300 community=hush", "\"10.0.0.300\""),
        ] {
            let bad = sources.bad(text.as_bytes(), "list:1".into(), "wrong".into()).to_string();
            assert!(bad.ends_with(shown), "{bad}");
        }
        let bad = sources.bad(b"10.0.0.1 bad=hush", "f:1".into(), "bad setting".into()).to_string();
        assert_eq!(bad, "f:1: bad setting: \"10.0.0.1\"");
    }

    #[test]
    fn no_source_gives_no_targets() {
        assert_eq!(all(Sources::default()), (vec![], 0));
    }

    #[test]
    fn many_lines_pass_through_a_short_channel() {
        let lines: String = (0..5_000u32).map(|i| format!("10.0.{}.{}:9\n", i / 250, i % 250)).collect();
        let file = file_with(lines.as_bytes());
        let (targets, _) = all(Sources { files: vec![file.path().into()], ..Sources::default() });
        assert_eq!(targets.join("\n") + "\n", lines);
    }

    /// Returns inputs, a channel that lets them resolve one name, and one that reports when to call `next` again. Names
    /// resolve to 10.9.9.1, except `bad.*`.
    fn names(arguments: Vec<String>) -> (Inputs, mpsc::Sender<()>, Receiver<()>) {
        let ((wake, woken), (gate, opened)) = (mpsc::channel(), mpsc::channel());
        let opened = std::sync::Mutex::new(opened);
        let resolve = move |name: &str, port| {
            opened.lock().expect("no panic").recv().expect("opened");
            if name.starts_with("bad.") { Err("unknown".into()) } else { Ok(([10, 9, 9, 1], port).into()) }
        };
        let sources = Sources { arguments, default_port: Some(7), ..Sources::default() };
        let wake = Arc::new(move || wake.send(()).unwrap_or_default());
        (Inputs::open_with(sources, Arc::new(resolve), wake).expect("opens"), gate, woken)
    }

    fn next(inputs: &mut Inputs, woken: &Receiver<()>, console: &Console) -> Option<String> {
        loop {
            match inputs.next(console) {
                Next::Target(address) => return Some(address.ip().to_string()),
                Next::Waiting => woken.recv().unwrap_or_default(),
                Next::End => return None,
            }
        }
    }

    #[test]
    fn addresses_do_not_wait_for_names_and_the_end_does() {
        let arguments = ["a.test", "bad.test", "c.test", "10.0.0.1", "d.test", "10.0.0.2"];
        let (mut inputs, gate, woken) = names(arguments.map(String::from).to_vec());
        let console = Console::new(true);
        for address in ["10.0.0.1", "10.0.0.2"] {
            assert_eq!(next(&mut inputs, &woken, &console).as_deref(), Some(address));
        }
        (0..4).for_each(|_| gate.send(()).expect("the resolver waits"));
        for _ in 0..3 {
            assert_eq!(next(&mut inputs, &woken, &console).as_deref(), Some("10.9.9.1"));
        }
        assert_eq!((next(&mut inputs, &woken, &console), console.bad_lines()), (None, 1));
    }

    #[test]
    fn names_that_wait_are_bounded() {
        let names_and_address = (0..5_000).map(|i| format!("n{i}.test")).chain(["10.0.0.1".into()]);
        let (mut inputs, gate, woken) = names(names_and_address.collect());
        let console = Console::new(true);
        for _ in 0..3_000 {
            gate.send(()).expect("the resolver waits");
            assert_eq!(next(&mut inputs, &woken, &console).as_deref(), Some("10.9.9.1"), "read too far");
        }
        (0..2_000).for_each(|_| gate.send(()).expect("the resolver waits"));
        let rest: Vec<_> = std::iter::from_fn(|| next(&mut inputs, &woken, &console)).collect();
        assert_eq!((rest.len(), rest.iter().filter(|ip| *ip == "10.0.0.1").count()), (2_001, 1));
    }

    #[test]
    fn an_input_that_cannot_be_opened_is_reported_at_once() {
        for path in ["/nonexistent/list", "/"] {
            let sources = Sources { files: vec![path.into()], ..Sources::default() };
            let error = Inputs::open(sources, || {}).err().expect("cannot be read");
            assert!(!error.is::<Usage>() && error.to_string().contains(path), "{error}");
        }
    }
}
