//! A survey: sends each target one question, and prints its answer, as `probe` does.
//!
//! A command only defines its protocol and a [`Row`], the format of an answer.

use std::io;
use std::marker::PhantomData;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use allears::engine::{Completion, Engine, Outcome, Time};
use allears::protocol::Protocol;
use anyhow::{Context, Error, Result};
use clap::Args;
use serde::Serialize;
use serde_json::Value;

use super::console::Console;
use super::duplicates::{Duplicates, DuplicatesArgs};
use super::exit::Exit;
use super::inputs::{Inputs, Next, Unresolved};
use super::output::record::{Record, shown_millis};
use super::output::table::{Cell, Column, Style};
use super::output::{Format, Sink};
use super::reasons::HostTally;
use super::sweep::{Flow, Job, More, Sweep, SweepArgs, some_target};

/// The arguments of every survey.
#[derive(Args, Debug)]
#[command(group(some_target()))]
pub struct SurveyArgs {
    /// The hosts to query
    #[arg(value_name = "TARGET")]
    pub targets: Vec<String>,
    /// The port of targets that specify none
    #[arg(long)]
    pub port: Option<u16>,
    /// Output format; json is one object per line, as results arrive
    #[arg(short, long, value_enum, value_name = "FORMAT", default_value_t = Format::Table, help_heading = "Output")]
    pub output: Format,
    #[command(flatten)]
    pub duplicates: DuplicatesArgs,
    #[command(flatten)]
    pub sweep: SweepArgs,
}

/// The format of an answer. Serialized, it is the `answer` of JSON, and its fields are the columns of CSV: numbers,
/// texts, booleans, or options of these. Their names must differ from the columns of every command: `target`,
/// `outcome`, `attempts`, `rtt_ms` and `reason`.
pub trait Row: Serialize + Default {
    /// The protocol of the question.
    type Protocol: Protocol<Question: Clone>;

    /// The table's columns after HOST and PING, with their widths. Widths are fixed, except that the last column gets the
    /// remaining width of a terminal. On a terminal, text is cut in columns that may shrink; elsewhere it is never cut.
    const COLUMNS: &'static [(Column, usize)];

    /// Converts an answer. `rtt` is its round trip, if known. `now` is when it is taken from the engine, shortly after
    /// its arrival; a protocol that needs the exact time of arrival keeps it in its answer.
    fn new(answer: <Self::Protocol as Protocol>::Answer, rtt: Option<Duration>, now: Time) -> Self;

    /// Returns the cells of [`Row::COLUMNS`].
    fn cells(&self) -> Vec<String>;
}

/// Sends `question` to every target, and returns the exit code.
///
/// # Errors
/// The arguments are wrong, or the sweep fails.
pub fn run<R: Row>(
    mut protocol: R::Protocol,
    question: <R::Protocol as Protocol>::Question,
    args: &SurveyArgs,
) -> Result<Exit> {
    let port = args.port.or(protocol.defaults().port);
    let settings = args.sweep.settings(&args.targets, port)?;
    let all = settings.all;
    let mut sweep = Sweep::open(settings)?;
    let inputs = sweep.inputs()?;
    let out = sweep.results()?;
    let names = field_names::<R>().context("cannot write results")?;
    let sink = Sink::open(out, args.output, columns::<R>(), &names).context("cannot write results")?;
    let nobody = SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0));
    let typical = protocol.begin(nobody, question.clone());
    let (duplicates, tally, rows) = (Duplicates::new(args.duplicates), HostTally::default(), PhantomData);
    let mut survey = Survey::<R> { inputs, duplicates, sink, names, question, all, tally, rows };
    sweep.conduct(protocol, &typical, &mut survey).map(|swept| swept.exit)
}

/// The state of a survey.
struct Survey<R: Row> {
    inputs: Inputs,
    duplicates: Duplicates<SocketAddr>,
    sink: Sink,
    /// The names of a row's fields.
    names: csv::StringRecord,
    question: <R::Protocol as Protocol>::Question,
    /// True to show hosts that did not answer, too.
    all: bool,
    tally: HostTally,
    rows: PhantomData<R>,
}

impl<R: Row> Survey<R> {
    fn write(&mut self, record: &Record, row: &R, rtt: Option<Duration>) -> io::Result<()> {
        match &mut self.sink {
            Sink::Json(out) => record.write_json(Some(row), &[], out),
            Sink::Csv(rows) => rows.row(&record.fields(), fields(row, &self.names)?, ""),
            Sink::Table(table) => {
                let ping = rtt.map(shown_millis).unwrap_or_default();
                let cells = [record.host(), ping].into_iter().chain(row.cells());
                table.row(&cells.map(Cell::plain).collect::<Vec<_>>())
            }
        }
    }

    /// Writes a host that did not answer. In a table, the reason spans the columns of the answer.
    fn write_unanswered(&mut self, record: &Record) -> io::Result<()> {
        let Sink::Table(table) = &mut self.sink else { return self.sink.unanswered(record) };
        let reason = record.reason.as_deref().unwrap_or_default();
        let reason = Cell::styled(Style::Dim, format!("{}: {reason}", record.outcome));
        table.row(&[Cell::plain(record.host()), Cell::default(), reason])
    }

    /// Counts a target that did not answer, and writes it if these are shown.
    fn unanswered(&mut self, record: &Record) -> io::Result<()> {
        self.tally.count_unanswered(record);
        if self.all || self.sink.lists_every_host() { self.write_unanswered(record) } else { Ok(()) }
    }

    fn unresolved(&mut self, unresolved: Unresolved) -> io::Result<()> {
        self.tally.targets += 1;
        self.unanswered(&Record::unresolved(unresolved))
    }
}

/// The tag of a conversation is the target that was named.
impl<R: Row> Job<R::Protocol, SocketAddr> for Survey<R> {
    fn ask(
        &mut self,
        engine: &mut Engine<R::Protocol, SocketAddr>,
        _: Time,
        console: &Console,
    ) -> io::Result<More> {
        while engine.room() > 0 {
            match self.inputs.next(console) {
                Next::Target(target) => {
                    self.tally.targets += 1;
                    if self.duplicates.add(target, self.inputs.name()) {
                        // There is room.
                        let _ = engine.ask(target, self.question.clone(), target);
                    }
                }
                Next::Unresolved(unresolved) => self.unresolved(unresolved)?,
                Next::Waiting => return Ok(More::Yes),
                Next::End => return Ok(More::No),
            }
        }
        Ok(More::Yes)
    }

    fn conclude(
        &mut self,
        completion: Completion<
            <R::Protocol as Protocol>::Conversation,
            <R::Protocol as Protocol>::Answer,
            SocketAddr,
        >,
        now: Time,
        _: &Console,
    ) -> io::Result<Flow> {
        let mut record = Record::new(&completion);
        let names = self.duplicates.end(completion.tag);
        let Outcome::Answered(answer) = completion.outcome else {
            for name in names {
                record.input = name;
                self.unanswered(&record)?;
            }
            return Ok(Flow::GoOn);
        };
        let row = R::new(answer, completion.rtt, now);
        for name in names {
            record.input = name;
            self.tally.answered += 1;
            self.write(&record, &row, completion.rtt)?;
        }
        Ok(Flow::GoOn)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.sink.flush()
    }

    fn has_unflushed(&self) -> bool {
        self.sink.has_unflushed()
    }

    fn input_failure(&mut self) -> Option<Error> {
        self.inputs.failure.take()
    }

    fn targets(&self) -> u64 {
        self.tally.targets
    }

    fn answered(&self) -> u64 {
        self.tally.answered
    }

    fn print_summary(&self, elapsed: Duration, console: &Console) {
        self.tally.print("hosts", "", elapsed, "", console);
    }
}

/// Returns the columns of a table.
fn columns<R: Row>() -> impl Iterator<Item = (Column, usize)> {
    let common = [(Column::left("HOST"), 21), (Column::right("PING"), 6)];
    common.into_iter().chain(R::COLUMNS.iter().copied())
}

/// Returns the fields of a row, in the order of `names`.
fn fields<R: Row>(row: &R, names: &csv::StringRecord) -> io::Result<Vec<String>> {
    let object = serde_json::to_value(row)?;
    let field = |name| match object.get(name) {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => text.clone(),
        Some(value) => value.to_string(),
    };
    Ok(names.iter().map(field).collect())
}

/// Returns the names of a row's fields, in the order of CSV.
fn field_names<R: Row>() -> io::Result<csv::StringRecord> {
    let mut writer = csv::Writer::from_writer(vec![]);
    writer.serialize(R::default())?;
    let text = writer.into_inner().map_err(csv::IntoInnerError::into_error)?;
    Ok(csv::Reader::from_reader(&text[..]).headers()?.clone())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::inputs::Sources;
    use crate::cli::output::Out;
    use allears::protocol::raw::{Payload, Raw};

    /// A row with every kind of field, and a field for the table only.
    #[derive(Default, Serialize)]
    struct Clock {
        stratum: u8,
        offset_ms: Option<f64>,
        name: String,
        #[serde(skip)]
        age: String,
    }

    impl Row for Clock {
        type Protocol = Raw;
        const COLUMNS: &'static [(Column, usize)] =
            &[(Column::right("OFFSET"), 6), (Column::left("NAME").shrinking_to(4), 10)];

        fn new(reply: Box<[u8]>, rtt: Option<Duration>, now: Time) -> Clock {
            let name = String::from_utf8_lossy(&reply).into_owned();
            let age = format!("{:?}", now - Time::ZERO);
            Clock { stratum: 2, offset_ms: rtt.map(|rtt| rtt.as_secs_f64() * 1e3), name, age }
        }

        fn cells(&self) -> Vec<String> {
            vec![self.offset_ms.unwrap_or_default().to_string(), format!("{} {}", self.name, self.age)]
        }
    }

    /// Returns a survey's output for an answer without a known round trip, one with it, and a silent host.
    fn output(format: Format) -> String {
        let file = tempfile::NamedTempFile::new().expect("a temporary file");
        let out = Out::open(Some(file.path())).expect("opens");
        let names = field_names::<Clock>().expect("memory");
        let mut survey = Survey::<Clock> {
            inputs: Inputs::open(Sources::default(), || {}).expect("opens"),
            duplicates: Duplicates::new(DuplicatesArgs { allow_duplicates: false }),
            sink: Sink::open(out, format, columns::<Clock>(), &names).expect("writes"),
            names,
            question: Payload::default(),
            all: true,
            tally: HostTally::default(),
            rows: PhantomData,
        };
        let outcomes = [
            (Outcome::Answered(b"a,\"b\"".as_slice().into()), None),
            (Outcome::Answered(b"c".as_slice().into()), Some(Duration::from_micros(12_500))),
            (Outcome::Silent, None),
        ];
        let target = SocketAddr::from(([127, 0, 0, 1], 123));
        for (outcome, rtt) in outcomes {
            survey.duplicates.add(target, None);
            let completion = Completion {
                target,
                tag: target,
                conversation: Payload::default(),
                outcome,
                attempts: 1,
                rtt,
                proof: allears::engine::Proof::Token { bits: 64 },
                foreign_source: None,
            };
            survey.conclude(completion, Time::from_millis(5), &Console::new(true)).expect("writes");
        }
        survey.flush().expect("writes");
        assert_eq!((survey.answered(), survey.has_unflushed()), (2, false));
        std::fs::read_to_string(file.path()).expect("text")
    }

    #[test]
    fn fields_of_a_row_are_csv_columns_below_a_header() {
        assert_eq!(
            output(Format::Csv),
            "target,outcome,attempts,rtt_ms,stratum,offset_ms,name,reason\n\
             127.0.0.1:123,answered,1,,2,,\"a,\"\"b\"\"\",\n\
             127.0.0.1:123,answered,1,12.5,2,12.5,c,\n\
             127.0.0.1:123,silent,1,,,,,no answer to 1 attempt\n"
        );
    }

    #[test]
    fn a_row_is_the_answer_in_json() {
        assert_eq!(
            output(Format::Json),
            concat!(
                r#"{"target":"127.0.0.1:123","outcome":"answered","attempts":1,"rtt_ms":null,"#,
                r#""answer":{"stratum":2,"offset_ms":null,"name":"a,\"b\""}}"#,
                "\n",
                r#"{"target":"127.0.0.1:123","outcome":"answered","attempts":1,"rtt_ms":12.5,"#,
                r#""answer":{"stratum":2,"offset_ms":12.5,"name":"c"}}"#,
                "\n",
                r#"{"target":"127.0.0.1:123","outcome":"silent","attempts":1,"rtt_ms":null,"#,
                r#""reason":"no answer to 1 attempt"}"#,
                "\n"
            )
        );
    }

    #[test]
    fn a_table_has_the_cells_of_a_row_or_the_reason_across_them() {
        assert_eq!(
            output(Format::Table),
            "127.0.0.1:123                       0  a,\"b\" 5ms\n\
             127.0.0.1:123              12    12.5  c 5ms\n\
             127.0.0.1:123                  silent: no answer to 1 attempt\n"
        );
    }
}
