//! Results as JSON: one object for each question.

use std::fmt::Display;
use std::io::{self, Write};
use std::net::SocketAddr;

use allears::engine::Transport;
use allears::protocol::dns::{Class, Message, NameView, Rcode, RecordData, RecordType, ServerRefusal};
use serde::{Serialize, Serializer};

use super::lines::Dotless;
use super::wildcard_parents::WildcardMark;
use super::writer::NameResult;
use crate::cli::escapes::to_hex;
use crate::cli::output::untrusted::write_json_line;

/// Serializes what can be displayed as text.
fn text<T: Display, S: Serializer>(shown: &T, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(shown)
}

/// One line.
#[derive(Serialize)]
struct ResultLine<'a> {
    #[serde(serialize_with = "text")]
    name: Dotless<NameView<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    input: Option<&'a str>,
    #[serde(rename = "type", serialize_with = "text")]
    record_type: RecordType,
    #[serde(serialize_with = "text", skip_serializing_if = "is_internet")]
    class: Class,
    server: Option<SocketAddr>,
    outcome: &'static str,
    attempts: u32,
    rtt_ms: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    proof: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    from: Option<SocketAddr>,
    #[serde(skip_serializing_if = "is_false")]
    tcp: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    answer: Option<MessageObject<'a>>,
    /// `null` if it is unknown.
    #[serde(skip_serializing_if = "Option::is_none")]
    wildcard: Option<Option<bool>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    refusals: Vec<RefusalObject>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a str>,
}

fn is_internet(class: &Class) -> bool {
    *class == Class::IN
}

fn is_false(value: &bool) -> bool {
    !value
}

#[derive(Serialize)]
struct MessageObject<'a> {
    #[serde(serialize_with = "text")]
    rcode: Rcode,
    /// The ID of the server, as hexadecimal digits.
    #[serde(skip_serializing_if = "Option::is_none")]
    nsid: Option<String>,
    #[serde(serialize_with = "flags")]
    flags: &'a Message,
    #[serde(serialize_with = "records")]
    records: &'a Message,
}

fn flags<S: Serializer>(message: &&Message, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(message.flags())
}

fn records<S: Serializer>(message: &&Message, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(message.records().map(|record| RecordObject {
        section: record.section().name(),
        name: Dotless(record.owner()),
        record_type: record.record_type(),
        ttl: record.ttl(),
        data: record.data(),
    }))
}

#[derive(Serialize)]
struct RecordObject<'a> {
    section: &'static str,
    #[serde(serialize_with = "text")]
    name: Dotless<NameView<'a>>,
    #[serde(rename = "type", serialize_with = "text")]
    record_type: RecordType,
    ttl: u32,
    #[serde(serialize_with = "text")]
    data: RecordData<'a>,
}

#[derive(Serialize)]
struct RefusalObject {
    server: SocketAddr,
    #[serde(serialize_with = "text")]
    rcode: Rcode,
}

/// Writes one result.
pub fn write(result: &NameResult<'_>, out: impl Write) -> io::Result<()> {
    let refusals = result.answer.map_or(&[][..], |answer| &answer.refusals);
    let refusals = refusals.iter().map(|&ServerRefusal { server, rcode }| RefusalObject { server, rcode });
    let line = ResultLine {
        name: Dotless(result.name),
        input: result.typed,
        record_type: result.record_type,
        class: result.class,
        server: result.record.target,
        outcome: result.record.outcome,
        attempts: result.record.attempts,
        rtt_ms: result.record.rtt_ms,
        proof: result.record.proof,
        from: result.record.from,
        tcp: result.answer.is_some_and(|answer| answer.transport == Transport::Stream),
        answer: result.answer.map(|answer| MessageObject {
            rcode: answer.message.rcode(),
            nsid: answer.message.edns().and_then(|edns| edns.nsid()).map(to_hex),
            flags: &answer.message,
            records: &answer.message,
        }),
        wildcard: result.mark.map(WildcardMark::is_wildcard),
        refusals: refusals.collect(),
        reason: result.reason(),
    };
    write_json_line(out, &line)
}
