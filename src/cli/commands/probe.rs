//! `probe`: any payload to anybody, and whatever comes back.

use std::io::{self, Write};

use allears::engine::{Completion, Engine, Outcome, Time};
use allears::protocol::games::text::raw_text;
use allears::protocol::raw::{Payload, Raw};
use anyhow::{Context, Result};
use clap::Args;
use serde::Serialize;

use super::payload::PayloadArgs;
use crate::cli::console::Console;
use crate::cli::escapes;
use crate::cli::exit::{Exit, Usage};
use crate::cli::inputs::{Inputs, Next};
use crate::cli::output::record::{Record, shown_millis};
use crate::cli::output::table::{self, Cell, Column, Style};
use crate::cli::output::{Format, Out};
use crate::cli::sweep::{Flow, Job, More, Sweep, SweepArgs};

#[derive(Args, Debug)]
pub struct ProbeArgs {
    /// Who is asked
    #[arg(value_name = "TARGET", required_unless_present = "input")]
    pub targets: Vec<String>,
    /// The port of targets that name none
    #[arg(long)]
    pub port: Option<u16>,
    #[command(flatten)]
    pub payload: PayloadArgs,
    /// Only a reply that starts so is an answer: text with the escapes of --text
    #[arg(long, value_name = "TEXT")]
    pub expect_prefix: Option<String>,
    /// Where in the payload the host echoes 8 bytes from: they are replaced by a token, which makes
    /// answers unforgeable and round trips exact
    #[arg(long, value_name = "OFFSET")]
    pub token_at: Option<usize>,
    /// How results are written; json is one object a line, as it happens
    #[arg(short, long, value_enum, value_name = "FORMAT", default_value_t = Format::Table, help_heading = "Output")]
    pub output: Format,
    #[command(flatten)]
    pub sweep: SweepArgs,
}

/// `allears probe`.
pub fn run(args: &ProbeArgs) -> Result<Exit> {
    let protocol = protocol(args)?;
    let mut sweep = Sweep::new(&args.sweep)?;
    let inputs = sweep.inputs(&args.sweep, &args.targets, args.port)?;
    let out = sweep.results(&args.sweep)?;
    let report = Report::new(out, args.output).context("cannot write results")?;
    let mut probe = Probe { inputs, report, all: args.sweep.all, targets: 0, answered: 0 };

    let mut engine = sweep.engine(protocol, &Payload::default())?;
    let mut ending = sweep.run(&mut engine, &mut probe);
    let seconds = sweep.duration().as_secs_f64();
    sweep.console.finish();
    ending.wrote(probe.report.flush());
    sweep.settle(&mut ending);
    sweep.finish(&engine, &probe, &Payload::default())?;
    match probe.targets {
        _ if ending.closed => {}
        0 => sweep.console.error("no targets: nobody was asked"),
        targets => {
            sweep
                .console
                .say(format_args!("{} of {targets} hosts answered in {seconds:.1} s", probe.answered));
        }
    }
    match ending.failure.take().or(probe.inputs.failure.take()) {
        Some(failure) => Err(failure),
        None => Ok(ending.exit(probe.answered > 0)),
    }
}

fn protocol(args: &ProbeArgs) -> Result<Raw> {
    let usage = |error: &dyn std::fmt::Display| Usage(error.to_string());
    let payload = args.payload.read()?.ok_or(Usage("a payload is needed: --hex, --text or --file".into()))?;
    let mut raw = Raw::new(payload).map_err(|error| usage(&error))?;
    if let Some(prefix) = &args.expect_prefix {
        let prefix = escapes::text(prefix).map_err(Usage)?;
        raw = raw.with_expected_prefix(prefix).map_err(|error| usage(&error))?;
    }
    if let Some(offset) = args.token_at {
        raw = raw.with_token_at(offset).map_err(|error| usage(&error))?;
    }
    Ok(raw)
}

struct Probe {
    inputs: Inputs,
    report: Report,
    all: bool,
    targets: u64,
    answered: u64,
}

impl Job<Raw> for Probe {
    fn ask(&mut self, engine: &mut Engine<Raw>, _: Time, console: &Console) -> More {
        while engine.room() > 0 {
            match self.inputs.next(console) {
                Next::Target(target) => {
                    self.targets += u64::from(engine.ask(target, Payload::default(), ()).is_ok())
                }
                Next::Waiting => return More::Yes,
                Next::End => return More::No,
            }
        }
        More::Yes
    }

    fn conclude(
        &mut self,
        completion: Completion<Payload, Box<[u8]>, ()>,
        _: Time,
        _: &Console,
    ) -> io::Result<Flow> {
        let record = Record::new(&completion);
        let ping = completion.rtt.map(shown_millis).unwrap_or_default();
        if let Outcome::Answered(reply) = &completion.outcome {
            self.answered += 1;
            self.report.answered(&record, ping, reply)?;
        } else if self.all || self.report.has_all() {
            self.report.unheard(&record)?;
        }
        Ok(Flow::GoOn)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.report.flush()
    }

    fn is_unshown(&self) -> bool {
        self.report.is_unshown()
    }

    fn targets(&self) -> u64 {
        self.targets
    }

    fn answered(&self) -> u64 {
        self.answered
    }
}

/// `"answer"` of a host.
#[derive(Serialize)]
struct Answer {
    len: usize,
    hex: String,
    text: String,
}

impl Answer {
    fn new(reply: &[u8]) -> Answer {
        Answer { len: reply.len(), hex: escapes::to_hex(reply), text: raw_text(reply) }
    }
}

/// Where replies are written, one by one in every form.
enum Report {
    Json(Out),
    Csv(Box<csv::Writer<Out>>),
    Table(Out, Vec<usize>),
}

const COLUMNS: [Column; 4] = [
    Column { title: "HOST", right: false, least: None },
    Column { title: "PING", right: true, least: None },
    Column { title: "BYTES", right: true, least: None },
    Column { title: "REPLY", right: false, least: Some(10) },
];
/// Decided beforehand, as replies are written one by one.
const WIDTHS: [usize; 4] = [21, 6, 5, 64];

impl Report {
    fn new(mut out: Out, format: Format) -> io::Result<Report> {
        match format {
            Format::Json => Ok(Report::Json(out)),
            Format::Csv => {
                let mut writer = csv::Writer::from_writer(out);
                writer.write_record(Record::COLUMNS.into_iter().chain(["len", "hex", "text", "reason"]))?;
                writer.flush()?;
                Ok(Report::Csv(Box::new(writer)))
            }
            Format::Table => {
                let widths = table::fit(&COLUMNS, &WIDTHS, out.width());
                if out.is_terminal() {
                    table::write_row(
                        &COLUMNS,
                        &widths,
                        &table::header(&COLUMNS),
                        out.has_colour(),
                        &mut out,
                    )?;
                    out.flush()?;
                }
                Ok(Report::Table(out, widths))
            }
        }
    }

    fn answered(&mut self, record: &Record, ping: String, reply: &[u8]) -> io::Result<()> {
        match self {
            Report::Json(out) => record.write_json(Some(Answer::new(reply)), &[], out),
            Report::Csv(writer) => {
                let Answer { len, hex, text } = Answer::new(reply);
                let answer = [len.to_string(), hex, text, String::new()];
                Ok(writer.write_record(record.fields().into_iter().chain(answer))?)
            }
            Report::Table(out, widths) => {
                let cells = [
                    Cell::plain(record.target.to_string()),
                    Cell::plain(ping),
                    Cell::plain(reply.len().to_string()),
                    Cell::plain(escapes::to_text(reply)),
                ];
                table::write_row(&COLUMNS, widths, &cells, out.has_colour(), out)
            }
        }
    }

    fn unheard(&mut self, record: &Record) -> io::Result<()> {
        let reason = record.reason.as_deref().unwrap_or_default();
        match self {
            Report::Json(out) => record.write_json(None::<()>, &[], out),
            Report::Csv(writer) => {
                let empty = ["", "", "", reason].map(String::from);
                Ok(writer.write_record(record.fields().into_iter().chain(empty))?)
            }
            Report::Table(out, widths) => {
                let why = Cell::styled(Style::Dim, format!("{}: {reason}", record.outcome));
                let cells = [Cell::plain(record.target.to_string()), Cell::default(), Cell::default(), why];
                table::write_row(&COLUMNS, widths, &cells, out.has_colour(), out)
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Report::Json(out) | Report::Table(out, _) => out.flush(),
            Report::Csv(writer) => writer.flush(),
        }
    }

    fn has_all(&self) -> bool {
        matches!(self, Report::Json(_))
    }

    fn is_unshown(&self) -> bool {
        match self {
            Report::Json(out) | Report::Table(out, _) => out.is_unshown(),
            // The writer does not tell what it holds back.
            Report::Csv(writer) => writer.get_ref().is_terminal(),
        }
    }
}
