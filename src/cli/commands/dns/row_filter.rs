//! `--where`: conditions on rows. The rows are those of CSV: one for each record of an answer, and one for a question
//! without records.

use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;

use allears::protocol::dns::{Name, Rcode, Record, RecordType};

use super::line;
use super::lines::Dotless;
use super::writer::NameResult;
use crate::cli::conditions::{self, NumberTest, Operator, TextTest};

/// One condition: `type=MX`, `rcode!=NXDOMAIN`, `ttl<60`, `data~^10\.`.
#[derive(Clone, Debug)]
pub struct RowCondition {
    negated: bool,
    test: RowTest,
}

#[derive(Clone, Debug)]
enum RowTest {
    Name(Name),
    Type(RecordType),
    Rcode(Rcode),
    Ttl(NumberTest),
    /// An address and a port; `None` for any port.
    Server(IpAddr, Option<u16>),
    Text(RowField, TextTest),
}

/// A field of a row, named like its column of CSV.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum RowField {
    Name,
    Type,
    Outcome,
    Rcode,
    Ttl,
    Data,
    Server,
}

const USAGE: &str = "a condition is name|type|rcode|data|server|outcome with = != ~, \
                     or ttl with < <= = != >= >";

/// Parses conditions separated by commas, all of which must hold.
pub fn conditions(text: &str) -> Result<Vec<RowCondition>, String> {
    conditions::parse_each(text, str::parse)
}

impl FromStr for RowField {
    type Err = String;

    fn from_str(text: &str) -> Result<RowField, String> {
        Ok(match text {
            "name" => RowField::Name,
            "type" => RowField::Type,
            "outcome" => RowField::Outcome,
            "rcode" => RowField::Rcode,
            "ttl" => RowField::Ttl,
            "data" => RowField::Data,
            "server" => RowField::Server,
            _ => return Err(format!("unknown field `{text}`: {USAGE}")),
        })
    }
}

impl FromStr for RowCondition {
    type Err = String;

    fn from_str(text: &str) -> Result<RowCondition, String> {
        let (field, operator, value) = conditions::split(text).ok_or(USAGE)?;
        let field = field.parse::<RowField>()?;
        if field == RowField::Ttl {
            let test = NumberTest::parse(operator, value).ok_or(USAGE)??;
            return Ok(RowCondition { negated: false, test: RowTest::Ttl(test) });
        }
        let is_equality = matches!(operator, Operator::Equal | Operator::Unequal);
        let value = if field == RowField::Data && is_equality { without_dot(value) } else { value };
        match exact(field, value).filter(|_| is_equality) {
            Some(test) => Ok(RowCondition { negated: operator == Operator::Unequal, test: test? }),
            None => {
                let test = TextTest::parse(operator, value).ok_or(USAGE)??;
                Ok(RowCondition { negated: false, test: RowTest::Text(field, test) })
            }
        }
    }
}

/// Parses the value of a field that does not take any text; `None` for other fields.
fn exact(field: RowField, value: &str) -> Option<Result<RowTest, String>> {
    let of = |error: &dyn ToString| format!("`{value}`: {}", error.to_string());
    Some(match field {
        RowField::Name => line::name(value).map(RowTest::Name).map_err(|error| of(&error)),
        RowField::Type => value.parse().map(RowTest::Type).map_err(|error| of(&error)),
        RowField::Rcode => value.parse().map(RowTest::Rcode).map_err(|error| of(&error)),
        RowField::Server => server(value).ok_or_else(|| of(&"not an address")),
        RowField::Outcome | RowField::Ttl | RowField::Data => return None,
    })
}

fn server(value: &str) -> Option<RowTest> {
    if let Ok(server) = value.parse::<SocketAddr>() {
        return Some(RowTest::Server(server.ip(), Some(server.port())));
    }
    value.parse().ok().map(|address| RowTest::Server(address, None))
}

/// Removes the final dot, which data has if it ends with a name.
fn without_dot(data: &str) -> &str {
    data.strip_suffix('.').unwrap_or(data)
}

impl RowCondition {
    /// Returns whether the condition is about failures, so that questions without records are wanted, too.
    pub fn is_on_failure(&self) -> bool {
        matches!(self.test, RowTest::Rcode(_) | RowTest::Text(RowField::Rcode | RowField::Outcome, _))
    }

    /// Returns whether the condition holds for a record, or for a question without records. A condition on a value that
    /// is missing never holds.
    pub fn holds(&self, result: &NameResult<'_>, record: Option<&Record<'_>>) -> bool {
        let of = record.map_or(result.record_type, |record| record.record_type());
        let rcode = || result.answer.map(|answer| answer.message.rcode());
        let holds = match &self.test {
            RowTest::Name(name) => Some(result.name.is(name)),
            RowTest::Type(wanted) => Some(of == *wanted),
            RowTest::Rcode(wanted) => rcode().map(|rcode| rcode == *wanted),
            RowTest::Ttl(test) => record.map(|record| test.holds(record.ttl().into())),
            RowTest::Server(address, port) => result
                .record
                .target
                .map(|server| server.ip() == *address && port.is_none_or(|port| port == server.port())),
            RowTest::Text(field, test) => {
                let text = match field {
                    RowField::Name => Some(Dotless(result.name).to_string()),
                    RowField::Type => Some(of.to_string()),
                    RowField::Outcome => Some(result.record.outcome.to_owned()),
                    RowField::Rcode => rcode().map(|rcode| rcode.to_string()),
                    RowField::Ttl => record.map(|record| record.ttl().to_string()),
                    RowField::Data => record.map(|record| record.data().to_string()),
                    RowField::Server => result.record.target.map(|server| server.to_string()),
                };
                text.map(|text| match (field, test) {
                    (RowField::Data, TextTest::Is(_) | TextTest::IsNot(_)) => test.holds(without_dot(&text)),
                    _ => test.holds(&text),
                })
            }
        };
        holds.is_some_and(|holds| holds != self.negated)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conditions_are_parsed_as_they_are_typed() {
        for text in [
            "type=mx",
            "type!=TYPE65280",
            "type~^NSEC",
            "name=example.org.",
            "name=Bücher.example",
            "name~^www\\.",
            "rcode=nxdomain,ttl<60",
            "data~^(10|192\\.168)\\.,data!=10.0.0.1",
            "server=192.0.2.53",
            "server=[2001:db8::1]:53",
            "outcome!=answered",
        ] {
            assert!(conditions(text).is_ok(), "{text}");
        }
    }

    #[test]
    fn bad_conditions_have_a_place_and_a_reason() {
        let refused = |text| conditions(text).expect_err(text);
        assert_eq!(refused("type=A,ttl<x"), "cannot parse `ttl<x` at character 8: `x` is not a number",);
        assert!(refused("").contains("at character 1: a condition is name|type"));
        assert!(refused("type=A,").contains("cannot parse `` at character 8"));
        assert!(refused("kind=A").contains("unknown field `kind`"));
        assert!(refused("type=NOPE").contains("`NOPE`: no type"), "{}", refused("type=NOPE"));
        for wrong in
            ["type<A", "ttl~6", "rcode=NOPE", "name=a..b", "data~(", "data>1", "server=x", "wildcard"]
        {
            assert!(refused(wrong).contains("cannot parse"), "{wrong}");
        }
    }
}
