//! CSV output: one row per value.

use std::io;

use allears::protocol::snmp::{Answer, OidRef, names};

use super::changes::Change;
use super::shown::{self, Plain, TypeName};
use crate::cli::output::record::Record;

/// The columns between those of every record and `reason`.
pub const COLUMNS: [&str; 9] = ["oid", "name", "type", "value", "hex", "delta", "rate", "mark", "at"];

/// Passes the rows of an answer to `write`, each with its reason. The last row of an incomplete answer has the reason
/// why it is incomplete. An empty answer has one row, since the agent did answer.
pub fn write(
    record: &Record,
    answer: &Answer,
    changes: &[Change],
    mut write: impl FnMut(&[String; 9], &str) -> io::Result<()>,
) -> io::Result<()> {
    for (place, varbind) in answer.varbinds().enumerate() {
        let Change { delta, rate, mark } = changes.get(place).copied().unwrap_or_default();
        let row = [
            varbind.oid.to_string(),
            name(varbind.oid),
            TypeName(&varbind).to_string(),
            Plain::of(&varbind.value).to_string(),
            shown::bytes(&varbind).map(|hex| hex.to_string()).unwrap_or_default(),
            delta.map(|delta| delta.to_string()).unwrap_or_default(),
            rate.map(|rate| rate.to_string()).unwrap_or_default(),
            mark.unwrap_or_default().into(),
            at(record),
        ];
        write(&row, varbind.odd.unwrap_or_default())?;
    }
    for refused in &answer.refused {
        let mut row = without_value(record);
        let oid = refused.oid.as_oid();
        (row[0], row[1], row[2]) = (oid.to_string(), name(oid), refused.status.to_string());
        write(&row, "")?;
    }
    let why = record.reason.clone().or_else(|| answer.incomplete.as_ref().map(ToString::to_string));
    match why {
        None if !answer.is_empty() || !answer.refused.is_empty() => Ok(()),
        why => write(&without_value(record), &why.unwrap_or_default()),
    }
}

/// Returns a row with a reason instead of a value.
pub fn without_value(record: &Record) -> [String; 9] {
    let mut row: [String; 9] = Default::default();
    row[8] = at(record);
    row
}

/// Returns the time of arrival if agents are polled repeatedly, otherwise an empty string.
fn at(record: &Record) -> String {
    record.at.map(|at| at.to_string()).unwrap_or_default()
}

fn name(oid: OidRef<'_>) -> String {
    names::name_of(oid).map(|named| named.to_string()).unwrap_or_default()
}
