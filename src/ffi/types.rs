//! The types of the header, field by field.

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
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum allears_snmp_operation {
    ALLEARS_SNMP_GET = 0,
    ALLEARS_SNMP_NEXT = 1,
    ALLEARS_SNMP_BULK = 2,
    ALLEARS_SNMP_WALK = 3,
}

#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum allears_incomplete {
    ALLEARS_COMPLETE = 0,
    ALLEARS_REJECTED = 1,
    ALLEARS_AGENT_ERROR = 2,
    ALLEARS_UNFINISHED = 3,
    ALLEARS_LIMIT = 4,
    ALLEARS_NOT_INCREASING = 5,
    ALLEARS_BROKEN = 6,
    ALLEARS_RESTARTED = 7,
}

/// The tags are given out as they came.
#[allow(dead_code)]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum allears_snmp_type {
    ALLEARS_SNMP_INTEGER = 0x02,
    ALLEARS_SNMP_OCTET_STRING = 0x04,
    ALLEARS_SNMP_NULL = 0x05,
    ALLEARS_SNMP_OBJECT_ID = 0x06,
    ALLEARS_SNMP_IP_ADDRESS = 0x40,
    ALLEARS_SNMP_COUNTER32 = 0x41,
    ALLEARS_SNMP_GAUGE32 = 0x42,
    ALLEARS_SNMP_TIME_TICKS = 0x43,
    ALLEARS_SNMP_OPAQUE = 0x44,
    ALLEARS_SNMP_COUNTER64 = 0x46,
    ALLEARS_SNMP_NO_SUCH_OBJECT = 0x80,
    ALLEARS_SNMP_NO_SUCH_INSTANCE = 0x81,
    ALLEARS_SNMP_END_OF_MIB_VIEW = 0x82,
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
pub struct allears_status {
    pub name: *const c_char,
    pub map: *const c_char,
    pub game: *const c_char,
    pub game_type: *const c_char,
    pub players: u32,
    pub bots: i32,
    pub max_players: i32,
    pub is_truncated: i32,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct allears_player {
    pub name: *const c_char,
    pub team_name: *const c_char,
    pub score: f64,
    pub has_score: i32,
    pub ping: i32,
    pub team: i32,
    pub is_bot: i32,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct allears_list {
    pub heard: u32,
    pub is_complete: i32,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct allears_answer {
    pub varbinds: u32,
    pub refused: u32,
    pub incomplete: i32,
    pub error_status: i32,
    pub why_incomplete: *const c_char,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct allears_varbind {
    pub oid: *const c_char,
    pub name: *const c_char,
    pub r#type: i32,
    pub has_number: i32,
    pub number: u64,
    pub bytes: *const u8,
    pub length: usize,
    pub text: *const c_char,
    pub odd: *const c_char,
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
    pub answered_after_retry: u64,
    pub answered_by_earlier: u64,
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
}

impl Failure {
    /// Its number.
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

/// Every code in words.
pub fn words_of(code: c_int) -> &'static std::ffi::CStr {
    match code {
        0 => c"done",
        1 => c"there is none",
        -1 => c"a pointer is NULL that must not be",
        -2 => c"an argument is out of its range, or makes no sense",
        -3 => c"a structure is smaller than its first version",
        -4 => c"not now: the handle is not open, is open already, or was stopped; or there is no result",
        -5 => c"there is no room for another target",
        -6 => c"the handle, or its result, is of another protocol",
        -7 => c"the system failed",
        -8 => c"another thread is in allears_run of this handle",
        -9 => c"the handle was made by the parent of this process",
        -10 => c"a bug of allears; the handle can only be freed",
        _ => c"no code of allears",
    }
}
