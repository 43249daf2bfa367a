//! `drops`: measures the loss of replies at each rate, and finds the bottleneck.
//!
//! `args`, `rates` the arguments · `protocols` the question to every target, `echo` one of them · `round` the targets ·
//! `step` one rate · `naive` the same in a naive loop · `measured` the result of a step · `verdict` of all steps ·
//! `writer`, `words`, `plot` the output.

mod args;
mod echo;
mod measured;
mod naive;
#[cfg(feature = "plot")]
mod plot;
mod protocols;
mod rates;
mod round;
mod step;
mod verdict;
mod words;
mod writer;

use std::thread;

use anyhow::{Context, Result};

use crate::cli::console::Console;
use crate::cli::exit::Exit;
use crate::cli::inputs::Sources;
use crate::cli::output::Out;
use crate::cli::signals::Stop;
pub use args::DropsArgs;
use args::LoadArgs;
use measured::{Measured, Way};
use protocols::Load;
use round::Round;
use step::Course;
use verdict::{Terms, Verdict};
use writer::{StepWriter, Summary};

/// The end of the command's help.
pub const WARNING: &str = "\
Targets: HOST, HOST:PORT, [v6]:PORT, 10.0.0.0/24, 10.0.0.0/24:PORT, 10.0.0.5-10.0.0.9; or a list of them with -i

The rates apply to all targets: there is no limit per host or network here, and no
retry. Use it only on hosts that you are allowed to put under load.";

/// `allears drops`.
pub fn run(args: &DropsArgs) -> Result<Exit> {
    let load = args.protocol.load(args)?;
    let out = Out::open(args.to.as_deref())?;
    #[cfg(feature = "plot")]
    let picture = args.plot.as_deref().map(plot::Picture::create).transpose()?;
    let console = Console::new(args.quiet);
    let reader = thread::current();
    let stop = Stop::listen(move || reader.unpark())?;
    let course = course(args, &console, &stop);
    let rates = rates(&args.load);
    let mut round = read_targets(args, &load, &course, rates)?;
    if round.len() == 0 && !stop.requested() {
        console.finish();
        console.error("no targets: nothing was sent");
        return Ok(Exit::Nothing);
    }
    if !load.has_token {
        console.warn(NO_TOKEN);
    }

    let mut writer = StepWriter::new(out, args.output, args.compare_naive).context(CANNOT_WRITE)?;
    let steps = measure(args, &course, rates, &mut round, &mut writer)?;
    console.finish();
    if !steps.is_empty() {
        let outcome = Outcome::new(args, &load, &steps);
        let summary = outcome.summary(&round, stop.requested());
        writer.summary(&summary).context(CANNOT_WRITE)?;
        #[cfg(feature = "plot")]
        if let Some(picture) = picture {
            let text = format!("{}\n{}", caption(args, &round), summary.in_words());
            picture.draw(&steps, &text, args.tolerance.0)?;
        }
    }
    Ok(match steps.iter().any(|step| step.answered() > 0) {
        _ if stop.requested() => Exit::Interrupted,
        true => Exit::Success,
        false => Exit::Nothing,
    })
}

const CANNOT_WRITE: &str = "cannot write results";
const NO_TOKEN: &str = "without --token-at, each target has one query in flight, and a late reply is \
                        taken for the reply to the next";

fn course<'a>(args: &DropsArgs, console: &'a Console, stop: &'a Stop) -> Course<'a> {
    Course {
        length: args.step,
        timeout: args.timeout,
        window: args.window.0,
        sockets: args.socket.into(),
        console,
        stop,
    }
}

fn rates(load: &LoadArgs) -> &[f64] {
    load.ramp.as_ref().map_or(&load.rates, |ramp| &ramp.0)
}

/// Reads the targets, at most as many as the largest step needs.
fn read_targets(args: &DropsArgs, load: &Load, course: &Course, rates: &[f64]) -> Result<Round> {
    let sources = Sources {
        arguments: args.targets.clone(),
        files: args.lists.input.clone(),
        default_port: args.port.or(load.default_port),
        names: args.lists.names(),
        strict: args.lists.strict,
        ..Sources::default()
    };
    let most = rates.iter().map(|&rate| course.queries(rate)).max().unwrap_or(0);
    let most = usize::try_from(most).unwrap_or(usize::MAX).min(u32::MAX as usize);
    Round::read(sources, most, course.console, course.stop)
}

/// Runs all steps, and writes each when it ends.
fn measure(
    args: &DropsArgs,
    course: &Course,
    rates: &[f64],
    round: &mut Round,
    writer: &mut StepWriter,
) -> Result<Vec<Measured>> {
    let ways: &[Way] = if args.compare_naive { &[Way::Allears, Way::Naive] } else { &[Way::Allears] };
    let mut steps = vec![];
    for (&rate, &way) in rates.iter().flat_map(|rate| ways.iter().map(move |way| (rate, way))) {
        if course.stop.requested() {
            break;
        }
        let step = args.protocol.load(args)?.run(course, way, rate, round)?;
        course.console.suspend(|| writer.step(&step, args.compare_naive)).context(CANNOT_WRITE)?;
        steps.push(step);
    }
    Ok(steps)
}

/// The verdicts of both ways.
struct Outcome<'a> {
    ours: Verdict<'a>,
    naive: Option<Verdict<'a>>,
}

impl<'a> Outcome<'a> {
    fn new(args: &DropsArgs, load: &Load, steps: &'a [Measured]) -> Outcome<'a> {
        let terms = Terms {
            tolerance: args.tolerance.0,
            has_token: load.has_token,
            own_window: args.window.0.is_some(),
            own_rcvbuf: args.socket.rcvbuf,
        };
        let of = |way| Verdict::new(steps.iter().filter(move |step| step.around.way == way), &terms);
        Outcome { ours: of(Way::Allears), naive: args.compare_naive.then(|| of(Way::Naive)) }
    }

    fn summary(&self, round: &Round, interrupted: bool) -> Summary<'_> {
        Summary {
            verdict: &self.ours,
            naive: self.naive.as_ref(),
            targets: round.len(),
            never_answered: round.unanswered(),
            interrupted,
        }
    }
}

#[cfg(feature = "plot")]
fn caption(args: &DropsArgs, round: &Round) -> String {
    let (step, timeout) = (args.step.as_secs_f64(), args.timeout.as_secs_f64());
    let name = args.protocol.id;
    let targets = words::whole(round.len() as f64);
    format!("{name}, {targets} targets, {step} s a step, one try each, timeout {timeout} s")
}
