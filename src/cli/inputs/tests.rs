use super::*;
use std::io::Write;
use std::sync::mpsc::{self, Receiver};

/// Returns every target and the number of bad lines.
fn all(sources: Sources) -> (Vec<String>, usize) {
    let (wake, woken) = mpsc::channel();
    let mut inputs = Inputs::open(sources, move || wake.send(()).unwrap_or_default()).expect("opens");
    let console = Console::new(true);
    let mut targets = vec![];
    loop {
        match inputs.next(&console) {
            Next::Target(address) => targets.push(address.to_string()),
            Next::Unresolved(_) => {}
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
        ..Sources::default()
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
    assert!(error.is::<Usage>() && text.starts_with("bad lines: 2") && !text.contains('\u{1b}'), "{text}");
    assert!(text.ends_with(":3: not an IPv4 address: \"10.0.0.300:1\""), "{text}");
}

#[test]
fn settings_follow_a_target_and_are_never_shown() {
    fn check(settings: &str) -> Result<(), String> {
        if settings.contains("bad") { Err("bad setting".into()) } else { Ok(()) }
    }
    let sources = Sources { default_port: Some(161), settings: Some(Arc::new(check)), ..Sources::default() };
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
        if name.starts_with("bad.") { Err("unknown".into()) } else { Ok(vec![([10, 9, 9, 1], port).into()]) }
    };
    let sources = Sources { arguments, default_port: Some(7), ..Sources::default() };
    let wake = Arc::new(move || wake.send(()).unwrap_or_default());
    (Inputs::open_with(sources, Resolver::with_lookup(resolve), wake).expect("opens"), gate, woken)
}

fn next(inputs: &mut Inputs, woken: &Receiver<()>, console: &Console) -> Option<String> {
    loop {
        match inputs.next(console) {
            Next::Target(address) => return Some(address.ip().to_string()),
            Next::Unresolved(target) => return Some(target.reason()),
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
    let mut names: Vec<_> = (0..4).filter_map(|_| next(&mut inputs, &woken, &console)).collect();
    names.sort_unstable();
    assert_eq!(names, ["10.9.9.1", "10.9.9.1", "10.9.9.1", "cannot resolve the name: unknown"]);
    assert_eq!(next(&mut inputs, &woken, &console), None);
    assert_eq!((console.bad_lines(), console.unresolved()), (0, 1));
}

#[test]
fn names_that_wait_are_bounded() {
    let names_and_address = (0..20_000).map(|i| format!("n{i}.test")).chain(["10.0.0.1".into()]);
    let (mut inputs, gate, woken) = names(names_and_address.collect());
    let console = Console::new(true);
    for _ in 0..3_000 {
        gate.send(()).expect("the resolver waits");
        assert_eq!(next(&mut inputs, &woken, &console).as_deref(), Some("10.9.9.1"), "read too far");
    }
    (0..17_000).for_each(|_| gate.send(()).expect("the resolver waits"));
    let rest: Vec<_> = std::iter::from_fn(|| next(&mut inputs, &woken, &console)).collect();
    assert_eq!((rest.len(), rest.iter().filter(|ip| *ip == "10.0.0.1").count()), (17_001, 1));
}

#[test]
fn an_input_that_cannot_be_opened_is_reported_at_once() {
    for path in ["/nonexistent/list", "/"] {
        let sources = Sources { files: vec![path.into()], ..Sources::default() };
        let error = Inputs::open(sources, || {}).err().expect("cannot be read");
        assert!(!error.is::<Usage>() && error.to_string().contains(path), "{error}");
    }
}
