//! Messages and what is made of them.

use std::time::Duration;

use allears::engine::{Completion, Outcome, Proof, Transport};
use allears::protocol::dns::{Answer, Class, Message, Name, Question, Rcode, RecordType};

use super::args::DnsFormat;
use super::verdict::DnsVerdict;
use super::writer::{AnswerWriter, NameResult};
use crate::cli::output::Out;
use crate::cli::output::record::Record;

const CNAME: u16 = 5;

pub(super) fn wire(name: &str) -> Vec<u8> {
    name.parse::<Name>().expect("a name").as_wire().to_vec()
}

pub(super) fn record(owner: &str, of: u16, data: &[u8]) -> Vec<u8> {
    let fixed = [&of.to_be_bytes()[..], &[0, 1], &300u32.to_be_bytes(), &(data.len() as u16).to_be_bytes()];
    [wire(owner), fixed.concat(), data.to_vec()].concat()
}

/// Returns an answer to a question for the A records of `name`.
pub(super) fn message(name: &str, codes: [u8; 2], answers: &[Vec<u8>], authorities: &[Vec<u8>]) -> Message {
    let counts = [0, answers.len() as u8, 0, authorities.len() as u8, 0, 0];
    let header = [&[0, 1, codes[0], codes[1], 0, 1][..], &counts].concat();
    let bytes = [header, wire(name), vec![0, 1, 0, 1], answers.concat(), authorities.concat()].concat();
    Message::new(bytes).expect("well-formed")
}

fn verdict(codes: [u8; 2], answers: &[Vec<u8>], authorities: &[Vec<u8>]) -> DnsVerdict {
    DnsVerdict::new(&message("a.test", codes, answers, authorities), RecordType::A)
}

#[test]
fn records_count_only_at_the_end_of_the_aliases() {
    let address = |owner| record(owner, 1, &[192, 0, 2, 1]);
    let alias = |owner, target| record(owner, CNAME, &wire(target));
    let ok = [0x80, 0];
    assert_eq!(verdict(ok, &[address("A.Test")], &[]), DnsVerdict::Found);
    assert_eq!(verdict(ok, &[address("other.test")], &[]), DnsVerdict::NoData);
    assert_eq!(verdict(ok, &[address("b.test"), alias("a.test", "B.test")], &[]), DnsVerdict::Found);
    assert_eq!(verdict(ok, &[alias("a.test", "b.test")], &[]), DnsVerdict::NoData);
    assert_eq!(verdict(ok, &[alias("a.test", "a.test")], &[]), DnsVerdict::Loop);
    let two = [alias("a.test", "b.test"), alias("b.test", "a.test")];
    assert_eq!(verdict(ok, &two, &[]), DnsVerdict::Loop);
    assert_eq!(verdict([0x82, 0], &[], &[]), DnsVerdict::Truncated);
    assert_eq!(verdict(ok, &[], &[record("test", 2, &wire("ns.test"))]), DnsVerdict::Referral);
    assert_eq!(verdict([0x84, 0], &[], &[record("test", 2, &wire("ns.test"))]), DnsVerdict::NoData);
    assert_eq!(verdict([0x80, 3], &[], &[]), DnsVerdict::Failed(Rcode::NXDOMAIN));
}

/// Returns the output for an answer with an alias, NXDOMAIN, and no answer.
fn output(format: DnsFormat, shows_failures: bool) -> String {
    let file = tempfile::NamedTempFile::new().expect("a temporary file");
    let out = Out::open(Some(file.path())).expect("opens");
    let mut writer = AnswerWriter::open(out, format, shows_failures, false).expect("writes");
    let answers = [record("a.test", CNAME, &wire("b.test")), record("b.test", 1, &[192, 0, 2, 1])];
    let answered = |message| Outcome::Answered(answer(message));
    for (name, outcome, typed) in [
        ("a.test", answered(message("a.test", [0x80, 0], &answers, &[])), Some("Ä.test")),
        ("nx.test", answered(message("nx.test", [0x80, 3], &[], &[])), None),
        ("silent.test", Outcome::Silent, None),
    ] {
        let completion = Completion {
            target: ([127, 0, 0, 1], 53).into(),
            tag: (),
            conversation: (),
            outcome,
            attempts: 1,
            rtt: Some(Duration::from_micros(1500)),
            proof: Proof::Token { bits: 16 },
            foreign_source: None,
        };
        let record = Record::new(&completion);
        let question = Question::new(&name.parse().expect("a name"), RecordType::A, Class::IN);
        let answer = match &completion.outcome {
            Outcome::Answered(answer) => Some(answer),
            _ => None,
        };
        let result = NameResult::new(&record, &question, typed, answer);
        writer.write(&result).expect("writes");
    }
    writer.flush().expect("writes");
    std::fs::read_to_string(file.path()).expect("text")
}

/// Returns an answer; only the protocol can create one directly.
fn answer(message: Message) -> Answer {
    Answer::new(message, Transport::Datagram)
}

#[test]
fn simple_and_zone_have_a_line_for_each_record() {
    let simple = "a.test. CNAME b.test.\nb.test. A 192.0.2.1\n";
    assert_eq!(output(DnsFormat::Simple, false), simple);
    let failures = "; nx.test. A: NXDOMAIN\n; silent.test. A: silent: no answer to 1 attempt\n";
    assert_eq!(output(DnsFormat::Simple, true), format!("{simple}{failures}"));
    let zone = "a.test.\t300\tIN\tCNAME\tb.test.\nb.test.\t300\tIN\tA\t192.0.2.1\n";
    assert_eq!(output(DnsFormat::Zone, true), format!("{zone}{failures}"));
}

#[test]
fn csv_has_a_row_for_each_record_or_question() {
    assert_eq!(
        output(DnsFormat::Csv, false),
        "name,type,outcome,rcode,ttl,data,server,reason\n\
         a.test,CNAME,answered,NOERROR,300,b.test.,127.0.0.1:53,\n\
         a.test,A,answered,NOERROR,300,192.0.2.1,127.0.0.1:53,\n\
         nx.test,A,answered,NXDOMAIN,,,127.0.0.1:53,\n\
         silent.test,A,silent,,,,127.0.0.1:53,no answer to 1 attempt\n"
    );
}

#[test]
fn json_has_a_line_for_each_question() {
    let text = output(DnsFormat::Json, false);
    let lines: Vec<_> = text.lines().collect();
    assert_eq!(
        lines[0],
        concat!(
            r#"{"name":"a.test","input":"Ä.test","type":"A","server":"127.0.0.1:53","outcome":"answered","#,
            r#""attempts":1,"rtt_ms":1.5,"answer":{"rcode":"NOERROR","flags":["qr"],"records":["#,
            r#"{"section":"answer","name":"a.test","type":"CNAME","ttl":300,"data":"b.test."},"#,
            r#"{"section":"answer","name":"b.test","type":"A","ttl":300,"data":"192.0.2.1"}]}}"#
        )
    );
    assert!(
        lines[1].contains(r#""answer":{"rcode":"NXDOMAIN""#) && lines[2].contains(r#""outcome":"silent""#)
    );
    assert!(lines[2].ends_with(r#""reason":"no answer to 1 attempt"}"#) && lines.len() == 3);
}

#[test]
fn a_table_has_what_was_typed() {
    let text = output(DnsFormat::Table, true);
    let rows: Vec<Vec<_>> = text.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(rows[0], ["Ä.test", "CNAME", "b.test."]);
    assert_eq!(rows[1], ["Ä.test", "A", "192.0.2.1"]);
    assert_eq!(rows[2], ["nx.test", "A", "NXDOMAIN"]);
    assert_eq!(rows.len(), 4);
    assert_eq!(output(DnsFormat::Table, false).lines().count(), 2);
}
