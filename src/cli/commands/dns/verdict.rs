//! What an answer says.

use std::fmt;

use allears::protocol::dns::{Class, Message, NameView, Question, Rcode, RecordType};

/// The maximum number of aliases on the way to an answer.
const LONGEST_CHAIN: usize = 16;

/// What an answer says about the records that were asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DnsVerdict {
    /// They are there.
    Found,
    /// The name has no records of this type (RFC 2308, section 2.2).
    NoData,
    /// The aliases lead to no end.
    Loop,
    /// The server names others to ask, and does not ask them itself.
    Referral,
    /// The answer is truncated, and they are not in what is left.
    Truncated,
    /// The response code is not NOERROR.
    Failed(Rcode),
}

impl DnsVerdict {
    /// Judges an answer to a question for records of this type.
    pub fn new(message: &Message, asked: RecordType) -> DnsVerdict {
        match message.rcode() {
            Rcode::NOERROR => judge_records(message, asked),
            rcode => DnsVerdict::Failed(rcode),
        }
    }

    /// Returns what the response code does not say.
    pub fn remark(self) -> Option<&'static str> {
        match self {
            DnsVerdict::Loop => Some("the aliases lead to no end"),
            DnsVerdict::Referral => Some("the server refers to others"),
            DnsVerdict::Truncated => Some("the answer is truncated"),
            DnsVerdict::Found | DnsVerdict::NoData | DnsVerdict::Failed(_) => None,
        }
    }

    /// Returns whether the servers have said what there is.
    pub fn is_answer(self) -> bool {
        !matches!(self, DnsVerdict::Failed(rcode) if rcode != Rcode::NXDOMAIN)
    }
}

impl fmt::Display for DnsVerdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            DnsVerdict::Found => f.write_str("NOERROR"),
            DnsVerdict::NoData => f.write_str("NODATA"),
            DnsVerdict::Loop => f.write_str("alias loop"),
            DnsVerdict::Referral => f.write_str("referral"),
            DnsVerdict::Truncated => f.write_str("truncated"),
            DnsVerdict::Failed(rcode) => rcode.fmt(f),
        }
    }
}

/// Follows the aliases from the name in the question to the records, whatever their order.
fn judge_records(message: &Message, asked: RecordType) -> DnsVerdict {
    let Some(question) = message.question() else { return DnsVerdict::NoData };
    let mut name = question.name();
    for _ in 0..=LONGEST_CHAIN {
        let mut alias = None;
        for record in message.answers().filter(|record| record.owner().eq_ignore_case(name)) {
            if record.record_type() == asked || asked == RecordType::ANY {
                return DnsVerdict::Found;
            }
            if record.record_type() == RecordType::CNAME {
                alias = record.data().name();
            }
        }
        match alias {
            Some(next) => name = next,
            None => return judge_absence(message),
        }
    }
    DnsVerdict::Loop
}

fn judge_absence(message: &Message) -> DnsVerdict {
    let has = |of| message.records().any(|record| record.record_type() == of);
    if message.is_truncated() {
        DnsVerdict::Truncated
    } else if !message.is_authoritative() && has(RecordType::NS) && !has(RecordType::SOA) {
        DnsVerdict::Referral
    } else {
        DnsVerdict::NoData
    }
}

/// Returns the name, the type and the class of a question.
pub fn question_parts(question: &Question) -> Option<(NameView<'_>, RecordType, Class)> {
    let wire = question.as_wire();
    let (name, end) = NameView::parse(wire, 0).ok()?;
    let [a, b, c, d] = wire.get(end..)?.try_into().ok()?;
    Some((name, RecordType(u16::from_be_bytes([a, b])), Class(u16::from_be_bytes([c, d]))))
}
