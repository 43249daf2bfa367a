//! Influx line protocol: a line for each row of a table, and one for each group of scalars.
//!
//! The measurement is the table or the group, the fields are its objects. An object without a built-in name is a field
//! of the measurement `snmp`, with its OID as the name. Binary values are in hexadecimal digits; exceptions are left
//! out.

use std::collections::HashMap;
use std::io;
use std::time::Duration;

use allears::protocol::snmp::{Answer, OidRef, names};

use super::changes::Change;
use super::shown::{self, Plain};
use super::text::{push_arcs, push_number, push_oid, push_signed};

/// The bytes of values that are gathered into lines. If an answer is larger, the rest of a row may be in another line with
/// the same time, which is the same point.
const GATHERED: usize = 256 << 10;

/// Passes the lines of an answer that arrived at `at` since 1970 to `write`, many at once.
pub fn write_lines(
    agent: &str,
    answer: &Answer,
    changes: &[Change],
    at: Duration,
    mut write: impl FnMut(&[u8]) -> io::Result<()>,
) -> io::Result<()> {
    let mut lines: Vec<(Vec<u8>, Vec<u8>)> = vec![];
    let mut known: HashMap<Vec<u8>, usize> = HashMap::new();
    let mut gathered = 0;
    let (mut head, mut field) = (vec![], vec![]);
    for (index, varbind) in answer.varbinds().enumerate() {
        let mut value = vec![];
        match (Plain::of(&varbind.value), shown::bytes(&varbind)) {
            (Plain::None, Some(hex)) => push_quoted(&hex.to_string(), &mut value),
            (plain, _) if push_value(&plain, &mut value) => {}
            _ => continue,
        }
        head.clear();
        field.clear();
        push_place(varbind.oid, agent, &mut head, &mut field);
        let line = *known.entry(head.clone()).or_insert_with(|| {
            lines.push((head.clone(), vec![]));
            lines.len() - 1
        });
        let fields = &mut lines[line].1;
        push_field(&field, "", &value, fields);
        let change = changes.get(index).copied().unwrap_or_default();
        push_change(&field, &change, fields);
        gathered += head.len() + field.len() + value.len();
        if gathered > GATHERED {
            write(&joined(lines.drain(..), at))?;
            known.clear();
            gathered = 0;
        }
    }
    write(&joined(lines.into_iter(), at))
}

/// Joins heads and fields to lines.
fn joined(lines: impl Iterator<Item = (Vec<u8>, Vec<u8>)>, at: Duration) -> Vec<u8> {
    let mut out = vec![];
    for (head, fields) in lines {
        out.extend_from_slice(&head);
        out.push(b' ');
        out.extend_from_slice(&fields);
        out.push(b' ');
        push_number(u64::try_from(at.as_nanos()).unwrap_or(u64::MAX), &mut out);
        out.push(b'\n');
    }
    out
}

/// Appends measurement and tags to `head`, and the field's name to `field`.
fn push_place(oid: OidRef<'_>, agent: &str, head: &mut Vec<u8>, field: &mut Vec<u8>) {
    let named = names::name_of(oid).filter(|named| named.object.is_leaf());
    let group = named.and_then(|named| named.object.group());
    head.extend_from_slice(group.map_or("snmp", |group| group.name).as_bytes());
    head.extend_from_slice(b",agent=");
    head.extend_from_slice(agent.as_bytes());
    match named.filter(|_| group.is_some()) {
        None => push_oid(oid, field),
        Some(named) => {
            field.extend_from_slice(named.object.name.as_bytes());
            let instance: Vec<u32> = named.instance().collect();
            match &instance[..] {
                [_, ..] if named.object.is_column() => {
                    head.extend_from_slice(b",index=");
                    let mut index = vec![];
                    push_arcs(instance.into_iter(), &mut index);
                    // The index without its leading dot.
                    head.extend_from_slice(index.get(1..).unwrap_or_default());
                }
                [] | [0] => {}
                _ => push_arcs(instance.into_iter(), field),
            }
        }
    }
}

fn push_field(name: &[u8], suffix: &str, value: &[u8], fields: &mut Vec<u8>) {
    if !fields.is_empty() {
        fields.push(b',');
    }
    fields.extend_from_slice(name);
    fields.extend_from_slice(suffix.as_bytes());
    fields.push(b'=');
    fields.extend_from_slice(value);
}

fn push_change(name: &[u8], change: &Change, fields: &mut Vec<u8>) {
    if let Some(delta) = change.delta {
        let mut value = vec![];
        push_value(&Plain::Unsigned(delta), &mut value);
        push_field(name, "_delta", &value, fields);
    }
    if let Some(rate) = change.rate {
        push_field(name, "_rate", rate.to_string().as_bytes(), fields);
    }
    if let Some(mark) = change.mark {
        push_field(name, "_mark", format!("\"{mark}\"").as_bytes(), fields);
    }
}

/// Appends a value. Returns false if it cannot be a field.
fn push_value(value: &Plain<'_>, out: &mut Vec<u8>) -> bool {
    match *value {
        Plain::Signed(number) => {
            push_signed(number, out);
            out.push(b'i');
        }
        Plain::Unsigned(number) => {
            push_number(number, out);
            // Integers are signed unless marked otherwise.
            out.push(if i64::try_from(number).is_ok() { b'i' } else { b'u' });
        }
        Plain::Single(number) if number.is_finite() => out.extend_from_slice(number.to_string().as_bytes()),
        Plain::Float(number) if number.is_finite() => out.extend_from_slice(number.to_string().as_bytes()),
        Plain::Text(text) => push_quoted(text, out),
        Plain::Dotted(_) => push_quoted(&value.to_string(), out),
        Plain::Single(_) | Plain::Float(_) | Plain::None => return false,
    }
    true
}

fn push_quoted(text: &str, out: &mut Vec<u8>) {
    out.push(b'"');
    for byte in text.bytes() {
        match byte {
            b'"' | b'\\' => out.extend_from_slice(&[b'\\', byte]),
            // A line break would end the point.
            b'\n' | b'\r' => out.push(b' '),
            _ => out.push(byte),
        }
    }
    out.push(b'"');
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;
    use allears::protocol::snmp::{Oid, Value};

    fn lines(values: &[(&str, Value<'_>)], changes: &[Change]) -> String {
        let named: Vec<(Oid, Value<'_>)> =
            values.iter().map(|(name, value)| (names::lookup(name).expect("a name"), *value)).collect();
        let answer = Answer::of(named.iter().map(|(name, value)| (name.as_oid(), *value)));
        let mut out = vec![];
        let (agent, at) = ("10.0.0.1:161", Duration::from_millis(1500));
        let push = |lines: &[u8]| out.write_all(lines);
        write_lines(agent, &answer, changes, at, push).expect("memory");
        String::from_utf8(out).expect("UTF-8")
    }

    #[test]
    fn a_row_is_one_line_even_if_its_columns_are_apart() {
        let values = [
            ("ifDescr.1", Value::OctetString(b"eth\"0\" a,b=c")),
            ("ifDescr.2", Value::OctetString(b"two\nlines\\")),
            ("ifInOctets.1", Value::Counter32(7)),
            ("ifInOctets.2", Value::NoSuchInstance),
            ("ipNetToMediaPhysAddress.1.192.0.2.7", Value::OctetString(b"x")),
            ("sysName.0", Value::OctetString("ü".as_bytes())),
            ("sysUpTime.0", Value::TimeTicks(5)),
            ("1.3.6.1.4.1.99999.1.0", Value::Integer(-3)),
            ("1.3.6.1.4.1.99999.2.0", Value::Counter64(u64::MAX)),
            ("1.3.6.1.4.1.99999.3.0", Value::OctetString(&[0xff])),
        ];
        assert_eq!(
            lines(&values, &[]),
            concat!(
                r#"ifTable,agent=10.0.0.1:161,index=1 ifDescr="eth\"0\" a,b=c",ifInOctets=7i 1500000000"#,
                "\n",
                r#"ifTable,agent=10.0.0.1:161,index=2 ifDescr="two lines\\" 1500000000"#,
                "\n",
                r#"ipNetToMediaTable,agent=10.0.0.1:161,index=1.192.0.2.7 ipNetToMediaPhysAddress="x" 1500000000"#,
                "\n",
                r#"system,agent=10.0.0.1:161 sysName="ü",sysUpTime=5i 1500000000"#,
                "\n",
                "snmp,agent=10.0.0.1:161 1.3.6.1.4.1.99999.1.0=-3i,1.3.6.1.4.1.99999.2.0=18446744073709551615u,\
                 1.3.6.1.4.1.99999.3.0=\"ff\" 1500000000\n",
            )
        );
    }

    #[test]
    fn an_answer_of_any_size_is_gathered_in_pieces() {
        let long = vec![b'x'; GATHERED / 2];
        let texts: Vec<String> = (1..=9).map(|row| format!("ifDescr.{row}")).collect();
        let values: Vec<_> = texts.iter().map(|name| (name.as_str(), Value::OctetString(&long))).collect();
        let (text, mut most) = (lines(&values, &[]), 0);
        assert_eq!(text.lines().count(), 9);
        let named: Vec<Oid> = texts.iter().map(|name| names::lookup(name).expect("a name")).collect();
        let answer = Answer::of(named.iter().map(|name| (name.as_oid(), Value::OctetString(&long))));
        let measure = |lines: &[u8]| {
            most = most.max(lines.len());
            Ok(())
        };
        write_lines("10.0.0.1:161", &answer, &[], Duration::ZERO, measure).expect("memory");
        assert!(most < 2 * GATHERED, "{most}");
    }

    #[test]
    fn changes_are_separate_fields() {
        let change = Change { delta: Some(5), rate: Some(2.5), mark: Some("wrap") };
        let line = lines(&[("ifInOctets.1", Value::Counter32(7))], &[change]);
        assert!(
            line.contains(
                r#" ifInOctets=7i,ifInOctets_delta=5i,ifInOctets_rate=2.5,ifInOctets_mark="wrap" "#
            ),
            "{line}"
        );
    }
}
