//! Writes each step as a row of a table, JSON or CSV when it ends.

use std::io::{self, Write};
use std::time::Duration;

use serde::{Serialize, Serializer};
use serde_json::Value;

use super::measured::{Class, Measured, Share, Way};
use super::verdict::{Limit, Verdict};
use super::words::{digits, percent, whole};
use crate::cli::output::table::{Cell, Column, Layout, Style};
use crate::cli::output::{Format, Out};
use crate::cli::stats::millis;

/// The output of steps.
pub enum StepWriter {
    Json(Out),
    Csv(Box<csv::Writer<Out>>),
    Table(Out, Layout),
}

/// The summary of all steps.
pub struct Summary<'a> {
    pub verdict: &'a Verdict<'a>,
    pub naive: Option<&'a Verdict<'a>>,
    pub targets: usize,
    pub never_answered: usize,
    pub interrupted: bool,
}

const COLUMNS: [Column; 9] = [
    Column::right("RATE/S"),
    Column::right("SENT/S"),
    Column::right("CPU"),
    Column::right("IN FLIGHT"),
    Column::right("P50/P90/P99 MS"),
    Column::left("CLASS"),
    Column::right("COUNT"),
    Column::right("%"),
    Column::left("95 % CI"),
];
const WIDTHS: [usize; 9] = [9, 9, 6, 17, 16, 11, 11, 7, 17];
/// The first column, present if there are two ways.
const WAY: Column = Column::left("WAY");
const WAY_WIDTH: usize = 7;

impl StepWriter {
    pub fn new(out: Out, format: Format, two_ways: bool) -> io::Result<StepWriter> {
        match format {
            Format::Json => Ok(StepWriter::Json(out)),
            Format::Csv => {
                let mut writer = csv::Writer::from_writer(out);
                writer.write_record(csv_columns())?;
                writer.flush()?;
                Ok(StepWriter::Csv(Box::new(writer)))
            }
            Format::Table => {
                let mut out = out;
                let layout = Layout::fit(columns(two_ways), &out);
                layout.write_header(&mut out)?;
                out.flush()?;
                Ok(StepWriter::Table(out, layout))
            }
        }
    }

    /// Writes and flushes a step.
    pub fn step(&mut self, step: &Measured, two_ways: bool) -> io::Result<()> {
        match self {
            StepWriter::Json(out) => out.write_line(&StepLine::new(step)),
            StepWriter::Csv(writer) => {
                writer.write_record(csv_fields(step))?;
                writer.flush()
            }
            StepWriter::Table(out, layout) => {
                write_rows(step, two_ways, layout, out)?;
                out.flush()
            }
        }
    }

    /// Writes the summary, except to CSV.
    pub fn summary(&mut self, summary: &Summary) -> io::Result<()> {
        match self {
            StepWriter::Json(out) => out.write_line(&SummaryLine::new(summary)),
            StepWriter::Csv(_) => Ok(()),
            StepWriter::Table(out, _) => {
                writeln!(out, "\n{}", summary.in_words())?;
                out.flush()
            }
        }
    }
}

fn columns(two_ways: bool) -> impl Iterator<Item = (Column, usize)> {
    let way = two_ways.then_some((WAY, WAY_WIDTH));
    way.into_iter().chain(COLUMNS.into_iter().zip(WIDTHS))
}

/// Writes a row for the answered queries, and one for each other class that has queries.
fn write_rows(step: &Measured, two_ways: bool, layout: &Layout, out: &mut Out) -> io::Result<()> {
    let empty = columns(two_ways).count() - 4;
    for class in Class::ALL {
        let share = step.share(class);
        if class != Class::Answered && share.is_some_and(|share| share.count == 0) {
            continue;
        }
        let is_first = class == Class::Answered;
        let mut cells = if is_first { head(step, two_ways) } else { vec![Cell::default(); empty] };
        let style = if is_first { Style::Plain } else { Style::Bold };
        cells.push(Cell::styled(style, class.name()));
        cells.extend(match share {
            Some(share) => [
                Cell::plain(whole(share.count as f64)),
                Cell::plain(digits(share.percent)),
                Cell::plain(format!("{} – {}", digits(share.low), digits(share.high))),
            ],
            None => [Cell::styled(Style::Dim, "unknown"), Cell::default(), Cell::default()],
        });
        layout.write_row(&cells, out)?;
    }
    Ok(())
}

/// Returns the cells that appear once per step.
fn head(step: &Measured, two_ways: bool) -> Vec<Cell> {
    let around = &step.around;
    let mut cells = vec![];
    if two_ways {
        cells.push(Cell::plain(around.way.name()));
    }
    let window = around.window.map_or("any".into(), |window| whole(window as f64));
    cells.extend([
        Cell::plain(whole(around.offered)),
        Cell::plain(whole(around.achieved)),
        Cell::plain(around.cpu.map_or("unknown".into(), |cpu| format!("{:.0} %", 100.0 * cpu))),
        Cell::plain(format!("{}/{window}", whole(step.max_in_flight as f64))),
        Cell::plain(quantiles(step).map(|rtt| rtt.map_or("–".into(), shown)).join("/")),
    ]);
    cells
}

fn quantiles(step: &Measured) -> [Option<Duration>; 3] {
    [0.5, 0.9, 0.99].map(|q| step.rtt.quantile(q))
}

/// Formats milliseconds with three significant digits.
fn shown(rtt: Duration) -> String {
    match rtt.as_secs_f64() * 1e3 {
        ms if ms < 1.0 => format!("{ms:.2}"),
        ms if ms < 100.0 => format!("{ms:.1}"),
        ms => format!("{ms:.0}"),
    }
}

impl Summary<'_> {
    /// Formats the summary for people, in several lines.
    pub fn in_words(&self) -> String {
        let mut text = self.verdict.to_string();
        if let Some(naive) = self.naive {
            text += &match naive.highest {
                Some(step) => format!(
                    "\nnaive: {}/s is the highest rate with a loss of at most {}",
                    whole(step.around.offered),
                    percent(100.0 * self.verdict.tolerance)
                ),
                None => "\nnaive: no rate was achieved with so little loss".to_owned(),
            };
            if let Some(Limit { at_pps, why, .. }) = &naive.limit {
                text += &format!("; first bottleneck, at {}/s: {why}", whole(*at_pps));
            }
        }
        if self.never_answered > 0 && self.never_answered < self.targets {
            let (never, targets) = (whole(self.never_answered as f64), whole(self.targets as f64));
            text += &format!("\n{never} of {targets} targets never answered at any rate");
        }
        text
    }
}

/// Rounds to six decimal places.
fn rounded(number: f64) -> f64 {
    (number * 1e6).round() / 1e6
}

/// A step as JSON.
#[derive(Serialize)]
struct StepLine {
    kind: &'static str,
    way: &'static str,
    offered_pps: f64,
    achieved_pps: f64,
    asking_s: f64,
    queries: u64,
    classes: Shares,
    loss: Share,
    kernel_drops: Option<u64>,
    deferred: Option<u64>,
    duplicates: u64,
    unmatched: u64,
    rtt_ms: Rtt,
    cpu_percent: Option<f64>,
    rcvbuf_bytes: Option<usize>,
    window: Option<u64>,
    max_in_flight: u64,
}

#[derive(Serialize)]
struct Rtt {
    p50: Option<f64>,
    p90: Option<f64>,
    p99: Option<f64>,
}

/// The shares of all classes, serialized by name.
struct Shares([(Class, Option<Share>); 7]);

impl Serialize for Shares {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(class, share)| (class.name(), share)))
    }
}

impl StepLine {
    fn new(step: &Measured) -> StepLine {
        let around = &step.around;
        let [p50, p90, p99] = quantiles(step).map(|rtt| rtt.map(millis));
        let shown = |share: Share| Share {
            percent: rounded(share.percent),
            low: rounded(share.low),
            high: rounded(share.high),
            ..share
        };
        StepLine {
            kind: "step",
            way: around.way.name(),
            offered_pps: rounded(around.offered),
            achieved_pps: rounded(around.achieved),
            asking_s: rounded(around.asking.as_secs_f64()),
            queries: step.queries,
            classes: Shares(Class::ALL.map(|class| (class, step.share(class).map(shown)))),
            loss: shown(step.loss()),
            kernel_drops: around.kernel_drops,
            deferred: deferred(step),
            duplicates: step.duplicates,
            unmatched: step.unmatched,
            rtt_ms: Rtt { p50, p90, p99 },
            cpu_percent: around.cpu.map(|cpu| rounded(100.0 * cpu)),
            rcvbuf_bytes: around.rcvbuf,
            window: around.window,
            max_in_flight: step.max_in_flight,
        }
    }
}

/// Returns the number of deferred packets; `None` for the naive loop, which does not check whether the system has
/// accepted a packet.
fn deferred(step: &Measured) -> Option<u64> {
    (step.around.way == Way::Allears).then_some(step.deferred)
}

/// The summary as JSON.
#[derive(Serialize)]
struct SummaryLine<'a> {
    kind: &'static str,
    tolerance_percent: f64,
    highest_pps: Option<f64>,
    gave_way: Option<&'a Limit>,
    naive: Option<NaiveLine<'a>>,
    targets: usize,
    never_answered: usize,
    interrupted: bool,
    text: String,
}

#[derive(Serialize)]
struct NaiveLine<'a> {
    highest_pps: Option<f64>,
    gave_way: Option<&'a Limit>,
}

impl<'a> SummaryLine<'a> {
    fn new(summary: &'a Summary) -> SummaryLine<'a> {
        let highest = |verdict: &Verdict| verdict.highest.map(|step| rounded(step.around.offered));
        let naive = |verdict: &'a Verdict| NaiveLine {
            highest_pps: highest(verdict),
            gave_way: verdict.limit.as_ref(),
        };
        SummaryLine {
            kind: "summary",
            tolerance_percent: rounded(100.0 * summary.verdict.tolerance),
            highest_pps: highest(summary.verdict),
            gave_way: summary.verdict.limit.as_ref(),
            naive: summary.naive.map(naive),
            targets: summary.targets,
            never_answered: summary.never_answered,
            interrupted: summary.interrupted,
            text: summary.in_words(),
        }
    }
}

fn csv_columns() -> Vec<String> {
    let mut columns: Vec<String> =
        ["way", "offered_pps", "achieved_pps", "asking_s", "queries"].map(Into::into).into();
    for name in Class::ALL.map(Class::name).into_iter().chain(["loss"]) {
        columns.extend(["", "_percent", "_low", "_high"].map(|of| format!("{name}{of}")));
    }
    let rest = ["kernel_drops", "deferred", "duplicates", "unmatched", "p50_ms", "p90_ms", "p99_ms"];
    columns.extend(rest.map(Into::into));
    columns.extend(["cpu_percent", "rcvbuf_bytes", "window", "max_in_flight"].map(Into::into));
    columns
}

/// Returns the fields of [`csv_columns`]: those of the JSON line, unknown ones empty.
fn csv_fields(step: &Measured) -> Vec<String> {
    let line = serde_json::to_value(StepLine::new(step)).unwrap_or(Value::Null);
    let text = |value: &Value| match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        number => number.to_string(),
    };
    let mut fields: Vec<String> =
        ["way", "offered_pps", "achieved_pps", "asking_s", "queries"].map(|key| text(&line[key])).into();
    for share in Class::ALL.iter().map(|class| &line["classes"][class.name()]).chain([&line["loss"]]) {
        fields.extend(["count", "percent", "low", "high"].map(|key| text(&share[key])));
    }
    let counts = ["kernel_drops", "deferred", "duplicates", "unmatched"];
    fields.extend(counts.map(|key| text(&line[key])));
    fields.extend(["p50", "p90", "p99"].map(|key| text(&line["rtt_ms"][key])));
    let rest = ["cpu_percent", "rcvbuf_bytes", "window", "max_in_flight"];
    fields.extend(rest.map(|key| text(&line[key])));
    fields
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::commands::drops::measured::Circumstances;
    use crate::cli::commands::drops::measured::tests::{around, measured};

    #[test]
    fn a_step_is_the_same_in_json_and_csv_and_unknown_values_are_null() {
        let unknown = Circumstances { kernel_drops: None, cpu: None, ..around(1000.0, 999.5) };
        let step = measured(unknown, 970, 30);
        let line = serde_json::to_value(StepLine::new(&step)).expect("numbers");
        assert_eq!(line["classes"]["local_drops"], Value::Null);
        assert_eq!(line["cpu_percent"], Value::Null);
        assert_eq!(line["rtt_ms"]["p50"], Value::Null);
        assert_eq!(line["classes"]["silent"]["percent"], 3.0);
        assert_eq!(line["loss"]["count"], 30);

        let (columns, fields) = (csv_columns(), csv_fields(&step));
        assert_eq!(columns.len(), fields.len());
        let field =
            |name: &str| fields[columns.iter().position(|column| column == name).expect(name)].as_str();
        assert_eq!((field("silent"), field("silent_percent"), field("local_drops")), ("30", "3.0", ""));
        assert_eq!((field("way"), field("window"), field("cpu_percent")), ("allears", "192", ""));
    }
}
