//! CSV: a row for each value.

use std::io::Write;

use allears::protocol::snmp::{Answer, OidRef, names};

use super::changes::Change;
use super::shown::{self, Kind, Plain};
use crate::cli::output::record::Record;

/// The columns behind those of every record; `reason` is the last of all.
const COLUMNS: [&str; 10] = ["oid", "name", "type", "value", "hex", "delta", "rate", "mark", "at", "reason"];

/// Writes the header.
pub fn start(writer: &mut csv::Writer<impl Write>) -> csv::Result<()> {
    writer.write_record(Record::COLUMNS.into_iter().chain(COLUMNS))
}

/// Writes the rows of an answer. Of one that is not complete, the last row says why; one in which there is nothing
/// has a row all the same, as the agent did answer.
pub fn write(
    record: &Record,
    answer: &Answer,
    changes: &[Change],
    writer: &mut csv::Writer<impl Write>,
) -> csv::Result<()> {
    let common = record.fields();
    let mut row = |fields: [String; 10]| writer.write_record(common.iter().chain(&fields));
    for (place, varbind) in answer.varbinds().enumerate() {
        let Change { delta, rate, mark } = changes.get(place).copied().unwrap_or_default();
        row([
            varbind.oid.to_string(),
            name(varbind.oid),
            Kind(&varbind).to_string(),
            Plain::of(&varbind.value).to_string(),
            shown::bytes(&varbind).map(|hex| hex.to_string()).unwrap_or_default(),
            delta.map(|delta| delta.to_string()).unwrap_or_default(),
            rate.map(|rate| rate.to_string()).unwrap_or_default(),
            mark.unwrap_or_default().into(),
            at(record),
            varbind.odd.unwrap_or_default().into(),
        ])?;
    }
    for refused in &answer.refused {
        let mut fields = reason(record, String::new());
        let oid = refused.oid.as_oid();
        (fields[0], fields[1], fields[2]) = (oid.to_string(), name(oid), refused.status.to_string());
        row(fields)?;
    }
    let why = record.reason.clone().or_else(|| answer.incomplete.as_ref().map(ToString::to_string));
    match why {
        None if !answer.is_empty() || !answer.refused.is_empty() => Ok(()),
        why => row(reason(record, why.unwrap_or_default())),
    }
}

/// Writes the row of an agent that said nothing.
pub fn write_unheard(record: &Record, writer: &mut csv::Writer<impl Write>) -> csv::Result<()> {
    let fields = reason(record, record.reason.clone().unwrap_or_default());
    writer.write_record(record.fields().iter().chain(&fields))
}

/// The fields of a row that has a reason instead of a value.
fn reason(record: &Record, why: String) -> [String; 10] {
    let mut fields: [String; 10] = Default::default();
    (fields[8], fields[9]) = (at(record), why);
    fields
}

/// When it came, of agents that are asked again and again.
fn at(record: &Record) -> String {
    record.at.map(|at| at.to_string()).unwrap_or_default()
}

fn name(oid: OidRef<'_>) -> String {
    names::name_of(oid).map(|named| named.to_string()).unwrap_or_default()
}
