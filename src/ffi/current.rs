//! The current result: the last one taken.

#![deny(unsafe_code)]

use std::ffi::CString;
use std::io;
use std::ptr;

use socket2::SockAddr;

use super::texts::{c_text, start_of};
use super::types::{allears_outcome, allears_result};
use crate::engine::{Completion, Outcome};

/// The end of a conversation, without the parts specific to its protocol. The program holds pointers into it.
pub struct Current {
    tag: u64,
    target: SockAddr,
    foreign_source: Option<SockAddr>,
    outcome: allears_outcome,
    attempts: u32,
    rtt_ns: i64,
    reason: Option<CString>,
    /// The system's error number, and type and code of an ICMP message.
    system_error: i32,
    icmp: Option<(u8, u8)>,
}

impl Current {
    /// Splits a completion into the current result, the answer if there is one, and the conversation.
    pub fn of<C, A>(completion: Completion<C, A, u64>) -> (Current, Option<A>, C) {
        let (system_error, icmp) = match &completion.outcome {
            Outcome::Unreachable(report) => (report.errno, report.icmp),
            Outcome::SendFailed(errno) => (*errno, None),
            _ => (0, None),
        };
        let rtt_ns = completion.rtt.and_then(|rtt| i64::try_from(rtt.as_nanos()).ok());
        let reason = reason(&completion.outcome, completion.attempts);
        let (outcome, answer) = match completion.outcome {
            Outcome::Answered(answer) => (allears_outcome::ALLEARS_ANSWERED, Some(answer)),
            Outcome::Silent => (allears_outcome::ALLEARS_SILENT, None),
            Outcome::Unreachable(_) => (allears_outcome::ALLEARS_UNREACHABLE, None),
            Outcome::SendFailed(_) => (allears_outcome::ALLEARS_SEND_FAILED, None),
            Outcome::Malformed(_) => (allears_outcome::ALLEARS_MALFORMED, None),
            Outcome::Interrupted => (allears_outcome::ALLEARS_INTERRUPTED, None),
        };
        let current = Current {
            tag: completion.tag,
            target: completion.target.into(),
            foreign_source: completion.foreign_source.map(SockAddr::from),
            outcome,
            attempts: completion.attempts,
            rtt_ns: rtt_ns.unwrap_or(-1),
            reason: reason.map(|reason| c_text(reason.as_bytes())),
            system_error,
            icmp,
        };
        (current, answer, completion.conversation)
    }

    /// Returns the result as a C structure, with the reply as received.
    pub fn as_result(&self, reply: Option<&[u8]>) -> allears_result {
        let foreign_source = self.foreign_source.as_ref();
        allears_result {
            tag: self.tag,
            target: self.target.as_ptr().cast(),
            target_length: self.target.len(),
            outcome: self.outcome as i32,
            attempts: self.attempts,
            foreign_source_length: foreign_source.map_or(0, SockAddr::len),
            foreign_source: foreign_source.map_or(ptr::null(), |address| address.as_ptr().cast()),
            rtt_ns: self.rtt_ns,
            system_error: self.system_error,
            icmp_type: self.icmp.map_or(-1, |(kind, _)| kind.into()),
            icmp_code: self.icmp.map_or(-1, |(_, code)| code.into()),
            reply: reply.map_or(ptr::null(), start_of),
            reply_length: reply.map_or(0, <[u8]>::len),
            reason: self.reason.as_ref().map_or(ptr::null(), |reason| reason.as_ptr()),
        }
    }
}

/// Returns the reason why there is no answer, as text.
fn reason<A>(outcome: &Outcome<A>, attempts: u32) -> Option<String> {
    Some(match outcome {
        Outcome::Answered(_) => return None,
        Outcome::Silent if attempts == 1 => "no answer to 1 attempt".to_owned(),
        Outcome::Silent => format!("no answer to {attempts} attempts"),
        Outcome::Unreachable(report) => format!("unreachable: {report}"),
        Outcome::SendFailed(errno) => io::Error::from_raw_os_error(*errno).to_string(),
        Outcome::Malformed(reason) => (*reason).to_owned(),
        Outcome::Interrupted => "interrupted".to_owned(),
    })
}
