//! An agent's answer as JSON.

use allears::protocol::snmp::{Answer, OidRef, Refused, Varbind};
use serde::ser::{SerializeMap, SerializeSeq};
use serde::{Serialize, Serializer};

use super::changes::Change;
use super::shown::{self, Hex, Plain, TypeName};

/// The `"answer"` of an agent.
#[derive(Serialize)]
pub struct Json<'a> {
    varbinds: List<'a>,
    complete: bool,
    why_incomplete: Option<Text<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    uptime: Option<u32>,
}

/// The values, and the objects that the agent refused.
struct List<'a> {
    answer: &'a Answer,
    changes: &'a [Change],
}

#[derive(Serialize)]
struct VarbindLine<'a> {
    oid: Text<OidRef<'a>>,
    #[serde(rename = "type")]
    kind: Text<TypeName<'a>>,
    value: Plain<'a>,
    hex: Option<Hex<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    odd: Option<&'static str>,
    #[serde(flatten)]
    change: ChangeLine,
}

struct ChangeLine(Change);

/// A value that is serialized as text.
struct Text<T>(T);

impl<'a> Json<'a> {
    /// Creates the JSON form of an answer. `changes` are those of its values, in order, or empty.
    pub fn new(answer: &'a Answer, changes: &'a [Change]) -> Json<'a> {
        Json {
            varbinds: List { answer, changes },
            complete: answer.incomplete.is_none(),
            why_incomplete: answer.incomplete.as_ref().map(|why| Text(why.to_string())),
            uptime: answer.uptime,
        }
    }
}

impl Serialize for List<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut list = serializer.serialize_seq(Some(self.answer.len() + self.answer.refused.len()))?;
        for (at, varbind) in self.answer.varbinds().enumerate() {
            let change = self.changes.get(at).copied().unwrap_or_default();
            list.serialize_element(&VarbindLine::new(&varbind, change))?;
        }
        for refused in &self.answer.refused {
            list.serialize_element(&RefusedLine::new(refused))?;
        }
        list.end()
    }
}

impl<'a> VarbindLine<'a> {
    fn new(varbind: &'a Varbind<'a>, change: Change) -> VarbindLine<'a> {
        VarbindLine {
            oid: Text(varbind.oid),
            kind: Text(TypeName(varbind)),
            value: Plain::of(&varbind.value),
            hex: shown::bytes(varbind),
            odd: varbind.odd,
            change: ChangeLine(change),
        }
    }
}

/// An object that the agent refused, with the error as its type.
#[derive(Serialize)]
struct RefusedLine<'a> {
    oid: Text<OidRef<'a>>,
    #[serde(rename = "type")]
    status: Text<String>,
    value: (),
    hex: (),
}

impl<'a> RefusedLine<'a> {
    fn new(refused: &'a Refused) -> RefusedLine<'a> {
        let oid = Text(refused.oid.as_oid());
        RefusedLine { oid, status: Text(refused.status.to_string()), value: (), hex: () }
    }
}

impl Serialize for ChangeLine {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        let Change { delta, rate, mark } = self.0;
        delta.map_or(Ok(()), |delta| map.serialize_entry("delta", &delta))?;
        rate.map_or(Ok(()), |rate| map.serialize_entry("rate", &rate))?;
        mark.map_or(Ok(()), |mark| map.serialize_entry("mark", mark))?;
        map.end()
    }
}

impl<T: std::fmt::Display> Serialize for Text<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use allears::protocol::snmp::{ErrorStatus, Incomplete, Value};

    fn json(values: &[Value<'_>], changes: &[Change]) -> String {
        let oid: allears::protocol::snmp::Oid = "1.3.6.1".parse().expect("a name");
        let mut answer = Answer::of(values.iter().map(|value| (oid.as_oid(), *value)));
        answer.refused.push(Refused { oid: oid.child(2), status: ErrorStatus::NO_SUCH_NAME });
        if changes.is_empty() {
            answer.incomplete = Some(Incomplete::RowLimit);
        } else {
            answer.uptime = Some(7);
        }
        serde_json::to_string(&Json::new(&answer, changes)).expect("text and numbers")
    }

    #[test]
    fn the_keys_and_their_order_are_as_in_the_contract() {
        let values = [
            Value::OctetString(b"a\"b"),
            Value::OctetString(&[0xff]),
            Value::Counter64(u64::MAX),
            Value::OpaqueFloat(f32::NAN),
            Value::OpaqueFloat(0.1),
            Value::NoSuchInstance,
            Value::Unknown { tag: 0x45, content: &[1] },
        ];
        assert_eq!(
            json(&values, &[]),
            concat!(
                r#"{"varbinds":[{"oid":"1.3.6.1","type":"OctetString","value":"a\"b","hex":"612262"},"#,
                r#"{"oid":"1.3.6.1","type":"OctetString","value":null,"hex":"ff"},"#,
                r#"{"oid":"1.3.6.1","type":"Counter64","value":18446744073709551615,"hex":null},"#,
                r#"{"oid":"1.3.6.1","type":"OpaqueFloat","value":null,"hex":"9f78047fc00000"},"#,
                r#"{"oid":"1.3.6.1","type":"OpaqueFloat","value":0.1,"hex":"9f78043dcccccd"},"#,
                r#"{"oid":"1.3.6.1","type":"NoSuchInstance","value":null,"hex":null},"#,
                r#"{"oid":"1.3.6.1","type":"Unknown(0x45)","value":null,"hex":"01","odd":"the type does not exist in SNMP"},"#,
                r#"{"oid":"1.3.6.1.2","type":"noSuchName","value":null,"hex":null}],"#,
                r#""complete":false,"why_incomplete":"the row limit was reached"}"#
            )
        );
    }

    #[test]
    fn changes_follow_their_counters() {
        let changes = [
            Change { delta: Some(5), rate: Some(2.5), mark: Some("wrap") },
            Change { delta: None, rate: None, mark: Some("reset") },
        ];
        let line = json(&[Value::Counter32(5), Value::Counter32(6), Value::Integer(1)], &changes);
        assert!(line.contains(r#""value":5,"hex":null,"delta":5,"rate":2.5,"mark":"wrap"},"#), "{line}");
        assert!(line.contains(r#""value":6,"hex":null,"mark":"reset"},"#), "{line}");
        assert!(line.contains(r#""value":1,"hex":null},"#), "{line}");
        assert!(line.ends_with(r#""complete":true,"why_incomplete":null,"uptime":7}"#), "{line}");
    }
}
