//! The formats that all commands share: JSON lines, CSV rows, and a table.

use std::io::{self, Write};

use super::record::Record;
use super::table::{Cell, Column, Layout};
use super::untrusted::csv_cell;
use super::{Format, Out};

/// The destination of results, in the format that was chosen.
///
/// A command matches on it to write an answer in each format. The sink handles headers, flushing and hosts that did not
/// answer.
pub enum Sink {
    /// One object per line: see [`Record::write_json`].
    Json(Out),
    Csv(CsvRows),
    Table(Table),
}

impl Sink {
    /// Starts the output. `columns` are those of the table with their widths; there are none if the command writes
    /// lines, or a whole table at the end. `csv` are the answer's columns in CSV, between those of [`Record`] and
    /// `reason`.
    ///
    /// # Errors
    /// The header cannot be written.
    pub fn open<'a>(
        out: Out,
        format: Format,
        columns: impl IntoIterator<Item = (Column, usize)>,
        csv: impl IntoIterator<Item = &'a str>,
    ) -> io::Result<Sink> {
        match format {
            Format::Json => Ok(Sink::Json(out)),
            Format::Csv => CsvRows::start(out, csv).map(Sink::Csv),
            Format::Table => Table::start(out, columns).map(Sink::Table),
        }
    }

    /// Returns whether hosts that did not answer are written even without `--all`.
    pub fn lists_every_host(&self) -> bool {
        matches!(self, Sink::Json(_))
    }

    /// Writes a host that did not answer, with the reason. In a table this is a line.
    pub fn unanswered(&mut self, record: &Record) -> io::Result<()> {
        match self {
            Sink::Json(out) => record.write_json(None::<()>, &[], out),
            Sink::Csv(rows) => rows.unanswered(record),
            Sink::Table(table) => table.line(&record.to_string()),
        }
    }

    /// Flushes the output.
    pub fn flush(&mut self) -> io::Result<()> {
        match self {
            Sink::Json(out) | Sink::Table(Table { out, .. }) => out.flush(),
            Sink::Csv(rows) => rows.writer.flush(),
        }
    }

    /// Starts another file, with a header if the format has one.
    pub fn start_file(&mut self) -> io::Result<()> {
        match self {
            Sink::Csv(rows) => rows.write_header(),
            Sink::Json(_) | Sink::Table(_) => Ok(()),
        }
    }

    /// Returns whether output waits to be flushed to a terminal.
    pub fn has_unflushed(&self) -> bool {
        match self {
            Sink::Json(out) | Sink::Table(Table { out, .. }) => out.has_unflushed(),
            // The CSV writer does not report its buffered bytes.
            Sink::Csv(rows) => rows.writer.get_ref().is_terminal(),
        }
    }
}

/// CSV: the columns of [`Record`], those of an answer, and `reason`.
pub struct CsvRows {
    writer: Box<csv::Writer<Out>>,
    header: csv::StringRecord,
}

impl CsvRows {
    fn start<'a>(out: Out, columns: impl IntoIterator<Item = &'a str>) -> io::Result<CsvRows> {
        let writer = csv::WriterBuilder::new().has_headers(false).from_writer(out);
        let header = Record::COLUMNS.into_iter().chain(columns).chain(["reason"]).collect();
        let mut rows = CsvRows { writer: Box::new(writer), header };
        rows.write_header()?;
        Ok(rows)
    }

    fn write_header(&mut self) -> io::Result<()> {
        self.writer.write_record(&self.header)?;
        self.writer.flush()
    }

    /// Writes one row: the [`fields`](Record::fields) of a record, as many of the answer as there are columns, and the
    /// reason.
    pub fn row(
        &mut self,
        record: &[String; 4],
        answer: impl IntoIterator<Item = impl AsRef<str>>,
        reason: &str,
    ) -> io::Result<()> {
        for field in record {
            self.writer.write_field(&*csv_cell(field))?;
        }
        for field in answer {
            self.writer.write_field(&*csv_cell(field.as_ref()))?;
        }
        self.writer.write_field(&*csv_cell(reason))?;
        // Ends the row.
        Ok(self.writer.write_record(None::<&[u8]>)?)
    }

    fn unanswered(&mut self, record: &Record) -> io::Result<()> {
        let reason = record.reason.as_deref().unwrap_or_default();
        self.row(&record.fields(), vec![""; self.header.len() - Record::COLUMNS.len() - 1], reason)
    }
}

/// A table whose rows are written as results arrive. Without columns, it consists of lines.
pub struct Table {
    pub out: Out,
    layout: Layout,
}

impl Table {
    /// Fits the columns to the terminal, if there is one, and writes its header.
    fn start(mut out: Out, columns: impl IntoIterator<Item = (Column, usize)>) -> io::Result<Table> {
        let mut columns = columns.into_iter().peekable();
        let has_columns = columns.peek().is_some();
        let layout = Layout::fit(columns, &out);
        if out.is_terminal() && has_columns {
            layout.write_header(&mut out)?;
            out.flush()?;
        }
        Ok(Table { out, layout })
    }

    /// Writes one row.
    pub fn row(&mut self, cells: &[Cell]) -> io::Result<()> {
        self.layout.write_row(cells, &mut self.out)
    }

    /// Writes one line that is not a row.
    pub fn line(&mut self, line: &str) -> io::Result<()> {
        writeln!(self.out, "{line}")
    }
}
