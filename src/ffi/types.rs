//! The header's types that belong to no protocol, field by field, and the meaning of its codes.

#![deny(unsafe_code)]

use std::ffi::{c_char, c_int};

use libc::{sockaddr, socklen_t};

use super::failure::Failure;

#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum allears_code {
    ALLEARS_OK = 0,
    ALLEARS_NONE = 1,
    ALLEARS_ERR_NULL = -1,
    ALLEARS_ERR_ARGUMENT = -2,
    ALLEARS_ERR_SIZE = -3,
    ALLEARS_ERR_STATE = -4,
    ALLEARS_ERR_FULL = -5,
    ALLEARS_ERR_PROTOCOL = -6,
    ALLEARS_ERR_SYSTEM = -7,
    ALLEARS_ERR_BUSY = -8,
    ALLEARS_ERR_FORKED = -9,
    ALLEARS_ERR_PANIC = -10,
}

#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum allears_outcome {
    ALLEARS_ANSWERED = 0,
    ALLEARS_SILENT = 1,
    ALLEARS_UNREACHABLE = 2,
    ALLEARS_SEND_FAILED = 3,
    ALLEARS_MALFORMED = 4,
    ALLEARS_INTERRUPTED = 5,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct allears_result {
    pub tag: u64,
    pub target: *const sockaddr,
    pub target_length: socklen_t,
    pub outcome: i32,
    pub attempts: u32,
    pub foreign_source_length: socklen_t,
    pub foreign_source: *const sockaddr,
    pub rtt_ns: i64,
    pub system_error: i32,
    pub icmp_type: i16,
    pub icmp_code: i16,
    pub reply: *const u8,
    pub reply_length: usize,
    pub reason: *const c_char,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct allears_ledger {
    pub queries: u64,
    pub answered: u64,
    pub silent: u64,
    pub unreachable: u64,
    pub send_failed: u64,
    pub malformed: u64,
    pub interrupted: u64,
    pub datagrams_sent: u64,
    pub retransmissions: u64,
    pub deferred: u64,
    pub send_errors: u64,
    pub answered_after_retry: u64,
    pub answered_by_earlier: u64,
    pub answered_late: u64,
    pub asked_again: u64,
    pub datagrams_received: u64,
    pub replies: u64,
    pub broken: u64,
    pub late: u64,
    pub duplicates: u64,
    pub unmatched: u64,
    pub max_in_flight: u64,
    pub local_drops: u64,
    pub receive_buffer: u64,
    pub rtt_min_ns: u64,
    pub rtt_p50_ns: u64,
    pub rtt_p90_ns: u64,
    pub rtt_p99_ns: u64,
    pub rtt_max_ns: u64,
    pub stream_sent: u64,
    pub stream_received: u64,
}

impl Failure {
    /// Returns the code of the failure.
    pub fn code(&self) -> allears_code {
        match self {
            Failure::Null(_) => allears_code::ALLEARS_ERR_NULL,
            Failure::Argument(_) => allears_code::ALLEARS_ERR_ARGUMENT,
            Failure::Size { .. } => allears_code::ALLEARS_ERR_SIZE,
            Failure::State(_) => allears_code::ALLEARS_ERR_STATE,
            Failure::Full => allears_code::ALLEARS_ERR_FULL,
            Failure::Protocol(_) => allears_code::ALLEARS_ERR_PROTOCOL,
            Failure::System(_) => allears_code::ALLEARS_ERR_SYSTEM,
        }
    }
}

/// Returns the meaning of a code as text.
pub fn words_of(code: c_int) -> &'static std::ffi::CStr {
    match code {
        0 => c"success",
        1 => c"nothing to return",
        -1 => c"a required pointer is NULL",
        -2 => c"an argument is invalid or out of range",
        -3 => c"a structure is smaller than its first version",
        -4 => c"the handle is not in the right state: not open, already open, or stopped; or there is no result yet",
        -5 => c"the ring is full: there is no room for another target",
        -6 => c"the handle or its current result belongs to another protocol",
        -7 => c"system error",
        -8 => c"another thread is in allears_run with this handle",
        -9 => c"the handle belongs to the parent process",
        -10 => c"a bug in allears; the handle can only be freed",
        _ => c"unknown code",
    }
}
