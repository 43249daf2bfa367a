//! The meaning of an answer.

use std::fmt;

use allears::protocol::dns::{MOST_ALIASES, Message, NameView, Rcode, RecordType};

/// The meaning of an answer for the records that were asked for.
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

/// Follows the aliases from the name in the question to the records.
fn judge_records(message: &Message, asked: RecordType) -> DnsVerdict {
    let is_asked = |of: RecordType| of == asked || asked == RecordType::ANY;
    let is_found = |name: NameView<'_>| {
        let mut own = message.answers().filter(|record| record.owner().eq_ignore_case(name));
        own.any(|record| is_asked(record.record_type()))
    };
    let mut count = 0;
    if message.aliases().inspect(|_| count += 1).any(is_found) {
        DnsVerdict::Found
    } else if count > MOST_ALIASES {
        DnsVerdict::Loop
    } else {
        judge_absence(message)
    }
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
