//! Writes results, in the format that was chosen.

use std::io::{self, Write};
use std::iter;

use allears::protocol::dns::{Answer, Class, NameView, Question, Record as AnswerRecord, RecordType};

use super::args::DnsFormat;
use super::lines::{Dotless, write_comment, write_simple, write_zone};
use super::row_filter::RowCondition;
use super::verdict::DnsVerdict;
use super::wildcard_parents::WildcardMark;
use super::{json, lines};
use crate::cli::output::record::Record;
use crate::cli::output::table::{Cell, Column, Style};
use crate::cli::output::untrusted::csv_cell;
use crate::cli::output::{Format, Out, Sink};

/// The columns of CSV. With `--wildcards`, there is one more before the last.
const CSV_COLUMNS: [&str; 8] = ["name", "type", "outcome", "rcode", "ttl", "data", "server", "reason"];
const CSV_MARK: &str = "wildcard";

/// The columns of the table.
const COLUMNS: [(Column, usize); 3] = [
    (Column::left("NAME").shrinking_to(16), 32),
    (Column::left("TYPE"), 6),
    (Column::left("ANSWER").shrinking_to(16), 40),
];

/// The result of one question.
pub struct NameResult<'a> {
    pub record: &'a Record,
    pub name: NameView<'a>,
    pub record_type: RecordType,
    pub class: Class,
    /// The name as typed, if it is printed in another way.
    pub typed: Option<&'a str>,
    pub answer: Option<&'a Answer>,
    /// The meaning of the answer.
    pub verdict: Option<DnsVerdict>,
    /// The conditions on rows; all are wanted if there are none.
    pub conditions: &'a [RowCondition],
    /// The origin of the answer; `None` if it was not judged.
    pub mark: Option<WildcardMark>,
}

impl<'a> NameResult<'a> {
    pub fn new(
        record: &'a Record,
        question: &'a Question,
        typed: Option<&'a str>,
        answer: Option<&'a Answer>,
    ) -> NameResult<'a> {
        let (name, record_type, class) = (question.name(), question.record_type(), question.class());
        let verdict = answer.map(|answer| DnsVerdict::new(&answer.message, record_type));
        NameResult { record, name, record_type, class, typed, answer, verdict, conditions: &[], mark: None }
    }

    /// Returns whether any row is wanted.
    pub fn is_wanted(&self) -> bool {
        let has_records = || self.answer.is_some_and(|answer| answer.message.answers().next().is_some());
        self.conditions.is_empty() || self.records().next().is_some() || !has_records() && self.wants(None)
    }

    /// Returns the records of the answer that are wanted.
    pub fn records(&self) -> impl Iterator<Item = AnswerRecord<'_>> {
        let all = self.answer.into_iter().flat_map(|answer| answer.message.answers());
        all.filter(|record| self.wants(Some(record)))
    }

    /// Returns whether a record is wanted; with `None`, whether the question is, as one without records.
    fn wants(&self, record: Option<&AnswerRecord<'_>>) -> bool {
        self.conditions.iter().all(|condition| condition.holds(self, record))
    }

    /// Returns the reason why there are no records, besides the response code.
    pub fn reason(&self) -> Option<&str> {
        let remark = self.verdict.and_then(DnsVerdict::remark);
        remark.or(self.record.reason.as_deref())
    }

    /// Returns the remark on the origin of a record, if that is one of the name itself.
    fn remark_on(&self, record: &AnswerRecord<'_>) -> Option<&'static str> {
        let is_own = record.owner().eq_ignore_case(self.name);
        self.mark.filter(|_| is_own).and_then(WildcardMark::remark)
    }

    /// Returns why there are no records, in a few words; `None` if there are, or if that is not wanted.
    pub fn failure(&self) -> Option<String> {
        if !self.wants(None) {
            return None;
        }
        let Some(verdict) = self.verdict else {
            return Some(format!("{}: {}", self.record.outcome, self.reason().unwrap_or_default()));
        };
        let refusals = self.answer.map_or(&[][..], |answer| &answer.refusals);
        match verdict {
            DnsVerdict::Found => None,
            DnsVerdict::Failed(_) if !refusals.is_empty() => {
                let servers = refusals.iter().map(|refusal| refusal.server.to_string());
                Some(format!("{verdict} from {}", servers.collect::<Vec<_>>().join(", ")))
            }
            _ => Some(verdict.to_string()),
        }
    }
}

/// The destination of results.
pub struct AnswerWriter {
    format: DnsFormat,
    sink: AnswerSink,
    /// True to show names without records in formats that have a line for each record.
    shows_failures: bool,
    /// True if CSV has a column for marks.
    has_marks: bool,
    /// The lines of one result.
    text: String,
}

enum AnswerSink {
    Lines(Out),
    Csv(Box<csv::Writer<Out>>),
    Table(Sink),
}

impl AnswerWriter {
    /// Starts the output.
    ///
    /// # Errors
    /// The header cannot be written.
    pub fn open(
        out: Out,
        format: DnsFormat,
        shows_failures: bool,
        has_marks: bool,
    ) -> io::Result<AnswerWriter> {
        let sink = match format {
            DnsFormat::Json | DnsFormat::Simple | DnsFormat::Zone => AnswerSink::Lines(out),
            DnsFormat::Table => AnswerSink::Table(Sink::open(out, Format::Table, COLUMNS, [])?),
            DnsFormat::Csv => {
                let mut writer = csv::WriterBuilder::new().from_writer(out);
                let (last, columns) = (CSV_COLUMNS.len() - 1, CSV_COLUMNS.iter());
                let mark = has_marks.then_some(&CSV_MARK);
                writer.write_record(columns.clone().take(last).chain(mark).chain(columns.skip(last)))?;
                AnswerSink::Csv(Box::new(writer))
            }
        };
        Ok(AnswerWriter { format, sink, shows_failures, has_marks, text: String::new() })
    }

    /// Writes one result.
    pub fn write(&mut self, result: &NameResult<'_>) -> io::Result<()> {
        match (&mut self.sink, self.format) {
            (AnswerSink::Lines(out), DnsFormat::Json) => json::write(result, out),
            (AnswerSink::Lines(out), format) => {
                let is_zone = format == DnsFormat::Zone;
                let text = &mut self.text;
                text.clear();
                for record in result.records() {
                    if is_zone {
                        write_zone(text, &record)
                    } else {
                        write_simple(text, &record)
                    }
                    if let Some(remark) = result.remark_on(&record) {
                        lines::append_remark(text, remark);
                    }
                }
                if self.shows_failures {
                    write_comment(text, result);
                }
                out.write_all(text.as_bytes())
            }
            (AnswerSink::Csv(writer), _) => write_csv(writer, result, self.has_marks, &mut self.text),
            (AnswerSink::Table(sink), _) => write_rows(sink, result, self.shows_failures),
        }
    }

    /// Flushes the output.
    pub fn flush(&mut self) -> io::Result<()> {
        match &mut self.sink {
            AnswerSink::Lines(out) => out.flush(),
            AnswerSink::Csv(writer) => writer.flush(),
            AnswerSink::Table(sink) => sink.flush(),
        }
    }

    /// Returns whether output waits to be flushed to a terminal.
    pub fn has_unflushed(&self) -> bool {
        match &self.sink {
            AnswerSink::Lines(out) => out.has_unflushed(),
            // The CSV writer does not report its buffered bytes.
            AnswerSink::Csv(writer) => writer.get_ref().is_terminal(),
            AnswerSink::Table(sink) => sink.has_unflushed(),
        }
    }
}

fn write_csv(
    writer: &mut csv::Writer<Out>,
    result: &NameResult<'_>,
    has_marks: bool,
    text: &mut String,
) -> io::Result<()> {
    let name = Dotless(result.name).to_string();
    let server = result.record.target.map(|server| server.to_string()).unwrap_or_default();
    let rcode = result.answer.map(|answer| answer.message.rcode().to_string()).unwrap_or_default();
    let reason = result.reason().unwrap_or_default();
    let mark = has_marks.then(|| result.mark.map_or("", csv_mark));
    let mut row = |of: RecordType, ttl: &str, data: &str| {
        let of = of.to_string();
        let fields = [&name, &*of, result.record.outcome, &rcode, ttl, data, &server];
        let fields = fields.into_iter().chain(mark).chain([reason]);
        fields.into_iter().try_for_each(|field| writer.write_field(&*csv_cell(field)))?;
        // Ends the row.
        io::Result::Ok(writer.write_record(iter::empty::<&[u8]>())?)
    };
    let mut any = false;
    for record in result.records() {
        any = true;
        text.clear();
        lines::write_data(text, &record.data());
        row(record.record_type(), &record.ttl().to_string(), text)?;
    }
    if any { Ok(()) } else { row(result.record_type, "", "") }
}

fn csv_mark(mark: WildcardMark) -> &'static str {
    match mark.is_wildcard() {
        Some(true) => "true",
        Some(false) => "false",
        None => "unknown",
    }
}

fn write_rows(sink: &mut Sink, result: &NameResult<'_>, shows_failures: bool) -> io::Result<()> {
    let Sink::Table(table) = sink else { return Ok(()) };
    let name = result.typed.map_or_else(|| Dotless(result.name).to_string(), str::to_owned);
    for record in result.records() {
        let (of, mut data) = (record.record_type().to_string(), record.data().to_string());
        if let Some(remark) = result.remark_on(&record) {
            data += &format!(" ({remark})");
        }
        table.row(&[Cell::plain(&name), Cell::plain(of), Cell::plain(data)])?;
    }
    match result.failure().filter(|_| shows_failures) {
        Some(failure) => {
            let of = result.record_type.to_string();
            table.row(&[Cell::plain(&name), Cell::plain(of), Cell::styled(Style::Dim, failure)])
        }
        None => Ok(()),
    }
}
