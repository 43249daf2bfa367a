//! The output of answers.

use std::fmt::Display;
use std::io::{self, Write};
use std::time::Duration;

use allears::protocol::snmp::Answer;

use super::args::SnmpFormat;
use super::changes::Change;
use super::json::Json;
use super::style::Style;
use super::{csv, influx, net_snmp};
use crate::cli::output::record::Record;
use crate::cli::output::untrusted::escaped_lines;
use crate::cli::output::{Format, Out, Sink};

/// Writes answers as they arrive.
pub struct AnswerWriter {
    sink: Sink,
    lines: LineFormat,
    /// True to write agents that did not answer in every format.
    all: bool,
    /// The buffer for lines.
    buffer: Vec<u8>,
}

/// The format of lines, if the output is neither JSON nor CSV.
enum LineFormat {
    /// net-snmp's format. With `many` agents, each line starts with its agent.
    NetSnmp {
        style: Style,
        many: bool,
    },
    Influx,
}

impl AnswerWriter {
    /// # Errors
    /// The header cannot be written.
    pub fn new(
        out: Out,
        format: SnmpFormat,
        style: Style,
        many: bool,
        all: bool,
    ) -> io::Result<AnswerWriter> {
        let (format, lines) = match format {
            SnmpFormat::Influx => (Format::Table, LineFormat::Influx),
            SnmpFormat::Table => (Format::Table, LineFormat::NetSnmp { style, many }),
            SnmpFormat::Json => (Format::Json, LineFormat::NetSnmp { style, many }),
            SnmpFormat::Csv => (Format::Csv, LineFormat::NetSnmp { style, many }),
        };
        let sink = Sink::open(out, format, [], csv::COLUMNS)?;
        Ok(AnswerWriter { sink, lines, all, buffer: vec![] })
    }

    /// Writes the answer of an agent, which arrived at `at` since 1970: all of it, or the part that arrived.
    pub fn answer(
        &mut self,
        record: &Record,
        answer: &Answer,
        changes: &[Change],
        at: Duration,
    ) -> io::Result<()> {
        let out = match &mut self.sink {
            Sink::Json(out) => return record.write_json(Some(Json::new(answer, changes)), &[], out),
            Sink::Csv(rows) => {
                let fields = record.fields();
                return csv::write(record, answer, changes, |row, reason| rows.row(&fields, row, reason));
            }
            Sink::Table(table) => &mut table.out,
        };
        match self.lines {
            LineFormat::Influx => influx::write_lines(&record.host(), answer, changes, at, |lines| {
                write_lines(lines, None, out)
            }),
            LineFormat::NetSnmp { style, many } => answer.varbinds().try_for_each(|varbind| {
                self.buffer.clear();
                net_snmp::push(&varbind, style, &mut self.buffer);
                self.buffer.push(b'\n');
                write_lines(&self.buffer, many.then_some(record), out)
            }),
        }
    }

    /// Passes remarks about an answer that do not fit into its lines to `tell`. net-snmp also prints these on standard
    /// error.
    pub fn remark(&self, record: &Record, answer: &Answer, tell: impl Fn(&dyn Display)) {
        if !matches!(self.sink, Sink::Table(_)) {
            return;
        }
        let agent = record.host();
        for refused in &answer.refused {
            tell(&format_args!("{agent}: {}: {}", refused.oid, refused.status));
        }
        if record.reason.is_some() {
            tell(record);
        } else if let Some(why) = &answer.incomplete {
            tell(&format_args!("{agent}: {why}"));
        }
    }

    /// Writes an agent that did not answer, or passes it to `tell` if the output has no place for it.
    pub fn unanswered(&mut self, record: &Record, tell: impl Fn(&dyn Display)) -> io::Result<()> {
        let reason = record.reason.as_deref().unwrap_or_default();
        match &mut self.sink {
            Sink::Csv(rows) => rows.row(&record.fields(), csv::without_value(record), reason),
            Sink::Table(_) => {
                tell(record);
                Ok(())
            }
            sink => sink.unanswered(record),
        }
    }

    /// Returns whether agents that did not answer are written.
    pub fn lists_every_host(&self) -> bool {
        self.all || self.sink.lists_every_host()
    }

    pub fn flush(&mut self) -> io::Result<()> {
        self.sink.flush()
    }

    /// Starts a further file, with a header if there is one.
    pub fn start_file(&mut self) -> io::Result<()> {
        self.sink.start_file()
    }

    /// Returns whether something waits to be flushed to a terminal.
    pub fn has_unflushed(&self) -> bool {
        self.sink.has_unflushed()
    }
}

/// Writes lines, each preceded by its agent, if there is one. A text may span several lines, none of which may look like
/// another agent's.
fn write_lines(lines: &[u8], agent: Option<&Record>, out: &mut Out) -> io::Result<()> {
    let escaped = out.is_terminal().then(|| escaped_lines(&String::from_utf8_lossy(lines)).into_owned());
    let lines = escaped.as_deref().map_or(lines, str::as_bytes);
    let Some(record) = agent else { return out.write_all(lines) };
    let agent = record.host();
    for line in lines.split_inclusive(|byte| matches!(byte, b'\n'..=b'\r')) {
        write!(out, "{agent}: ")?;
        out.write_all(line)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use allears::protocol::snmp::{ErrorStatus, Incomplete, Oid, OidRef, Refused, Value};
    use proptest::prelude::*;

    /// The ingredients of an arbitrary value: its kind, a number and bytes.
    type Stuff = (u8, i64, Vec<u8>);

    fn stuff() -> impl Strategy<Value = Stuff> {
        let text = prop_oneof![
            proptest::collection::vec(any::<u8>(), 0..40),
            "[ -~é\"\\\\,=\n\r\t]{0,40}".prop_map(String::into_bytes),
        ];
        (any::<u8>(), any::<i64>(), text)
    }

    /// Creates an arbitrary value, including some that cannot be received.
    fn made_of(kind: u8, number: i64, bytes: &[u8]) -> Value<'_> {
        match kind % 16 {
            0 => Value::Integer(number),
            1 => Value::Null,
            2 => Value::ObjectId(OidRef::from_ber(bytes)),
            3 => Value::IpAddress((number as u32).to_be_bytes()),
            4 => Value::Counter32(number as u32),
            5 => Value::Gauge32(number as u32),
            6 => Value::TimeTicks(number as u32),
            7 => Value::Opaque(bytes),
            8 => Value::OpaqueFloat(f32::from_bits(number as u32)),
            9 => Value::OpaqueDouble(f64::from_bits(number as u64)),
            10 => Value::Counter64(number as u64),
            11 => Value::NoSuchObject,
            // A tag of several bytes cannot be written.
            12 => Value::Unknown { tag: number as u8 & !1, content: bytes },
            _ => Value::OctetString(bytes),
        }
    }

    fn answer_of(values: &[(usize, Stuff)]) -> Answer {
        let names: [Oid; 5] =
            ["1.3.6.1.2.1.1.1.0", "1.3.6.1.2.1.2.2.1.2.7", "1.3.6.1.2.1.2.2.1.10", "1.2.840", "0.0"]
                .map(|name| name.parse().expect("an identifier"));
        Answer::of(values.iter().map(|(name, (kind, number, bytes))| {
            let name = names.get(*name).map_or(OidRef::from_ber(bytes), |name| name.as_oid());
            (name, made_of(*kind, *number, bytes))
        }))
    }

    fn csv_of(answer: &Answer, changes: &[Change]) -> Vec<u8> {
        let (target, input, outcome) = (Some(([10, 0, 0, 1], 161).into()), None, "answered");
        let (rtt_ms, from, at, reason, cause) = (Some(0.5), None, None, None, String::new());
        let record = Record {
            target,
            input,
            outcome,
            attempts: 1,
            rtt_ms,
            proof: None,
            from,
            at,
            left_out: 0,
            reason,
            cause,
        };
        let mut writer = ::csv::Writer::from_writer(vec![]);
        let header = Record::COLUMNS.into_iter().chain(csv::COLUMNS).chain(["reason"]);
        writer.write_record(header).expect("memory");
        let write = |row: &[String; 9], reason: &str| {
            let fields = record.fields().into_iter().chain(row.clone()).chain([reason.into()]);
            Ok(writer.write_record(fields)?)
        };
        csv::write(&record, answer, changes, write).expect("memory");
        writer.into_inner().expect("memory")
    }

    /// Splits a point into measurement with tags, fields and time, at spaces outside of quotes.
    fn parts_of(point: &str) -> Vec<String> {
        let (mut parts, mut quoted, mut chars) = (vec![String::new()], false, point.chars());
        while let Some(c) = chars.next() {
            match c {
                '\\' => parts.last_mut().expect("one").extend([c].into_iter().chain(chars.next())),
                ' ' if !quoted => parts.push(String::new()),
                _ => {
                    quoted ^= c == '"';
                    parts.last_mut().expect("one").push(c);
                }
            }
        }
        assert!(!quoted, "{point:?}");
        parts
    }

    #[test]
    fn a_row_of_csv_has_a_value_a_refusal_or_a_reason() {
        let values = [(1, (13, 0, b"a,\"b\"\nc".to_vec())), (3, (4, 7, vec![])), (1, (11, 0, vec![]))];
        let mut answer = answer_of(&values);
        let oid = "1.3.6.1.2.1.1.9".parse().expect("an identifier");
        answer.refused.push(Refused { oid, status: ErrorStatus::NO_SUCH_NAME });
        answer.incomplete = Some(Incomplete::RowLimit);
        let changes = [Change::default(), Change { delta: Some(5), rate: Some(2.5), mark: Some("wrap") }];
        let text = String::from_utf8(csv_of(&answer, &changes)).expect("UTF-8");
        assert_eq!(
            text,
            "target,outcome,attempts,rtt_ms,oid,name,type,value,hex,delta,rate,mark,at,reason\n\
             10.0.0.1:161,answered,1,0.5,1.3.6.1.2.1.2.2.1.2.7,IF-MIB::ifDescr.7,OctetString,\
             \"a,\"\"b\"\"\nc\",612c2262220a63,,,,,\n\
             10.0.0.1:161,answered,1,0.5,1.2.840,,Counter32,7,,5,2.5,wrap,,\n\
             10.0.0.1:161,answered,1,0.5,1.3.6.1.2.1.2.2.1.2.7,IF-MIB::ifDescr.7,NoSuchObject,,,,,,,\n\
             10.0.0.1:161,answered,1,0.5,1.3.6.1.2.1.1.9,SNMPv2-MIB::sysORTable,noSuchName,,,,,,,\n\
             10.0.0.1:161,answered,1,0.5,,,,,,,,,,the row limit was reached\n"
        );
        let nothing = csv_of(&Answer::default(), &[]);
        assert!(nothing.ends_with(b"reason\n10.0.0.1:161,answered,1,0.5,,,,,,,,,,\n"));
    }

    proptest! {
        #[test]
        fn whatever_agents_say_is_json_csv_and_points(
            values in proptest::collection::vec((0..6usize, stuff()), 0..8),
            change in proptest::option::of((any::<u64>(), any::<f64>())),
            letters in "[nsqQvte]{0,4}",
        ) {
            let answer = answer_of(&values);
            let change = change.map_or(Change::default(), |(delta, rate)| {
                Change { delta: Some(delta), rate: rate.is_finite().then_some(rate), mark: Some("wrap") }
            });
            let changes = vec![change; values.len()];

            let json = serde_json::to_vec(&Json::new(&answer, &changes)).expect("text and numbers");
            let json: serde_json::Value = serde_json::from_slice(&json).expect("valid");
            prop_assert_eq!(json["varbinds"].as_array().map(Vec::len), Some(answer.varbinds().count()));

            let rows = csv_of(&answer, &changes);
            let mut reader = ::csv::Reader::from_reader(&rows[..]);
            // A row with more or fewer fields than the header causes an error.
            let read = reader.records().collect::<Result<Vec<_>, _>>().expect("rows");
            prop_assert_eq!(read.len(), answer.varbinds().count().max(1));

            let mut points = vec![];
            let (agent, at) = ("10.0.0.1:161", Duration::from_secs(1));
            let push = |lines: &[u8]| points.write_all(lines);
            influx::write_lines(agent, &answer, &changes, at, push).expect("memory");
            for point in String::from_utf8(points).expect("UTF-8").lines() {
                let parts = parts_of(point);
                prop_assert!(parts.len() == 3 && parts[2] == "1000000000", "{:?}", point);
                prop_assert!(parts.iter().all(|part| !part.is_empty()), "{:?}", point);
            }

            let style = Style::parse(&letters).expect("letters that exist");
            let mut line = vec![];
            answer.varbinds().for_each(|varbind| net_snmp::push(&varbind, style, &mut line));
            prop_assert!(line.iter().all(|byte| matches!(byte, b' '..=b'~' | b'\t'..=b'\r')));
        }
    }
}
