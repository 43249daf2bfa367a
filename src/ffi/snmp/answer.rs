//! The answer of an SNMP agent, for the getters.

#![deny(unsafe_code)]

use std::ffi::{CString, c_char};
use std::fmt::Display;
use std::net::Ipv4Addr;
use std::ptr;

use super::super::texts::{c_text, start_of};
use crate::protocol::snmp::{Answer, Incomplete, Value, Varbinds, names};

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

/// The tags of values. Getters return them as received.
#[allow(dead_code, reason = "C programs compare with them")]
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

/// An answer, with the memory that the program's pointers refer to.
pub struct AgentContent {
    answer: Answer,
    /// The texts of the answer, created when a getter first needs them.
    texts: Option<AgentTexts>,
    /// The offset of the next variable binding.
    offset: usize,
    /// The texts of the previous variable binding.
    varbind: VarbindTexts,
}

struct AgentTexts {
    why_incomplete: Option<CString>,
    /// The refused names, and the agent's errors.
    refused: Vec<(CString, CString)>,
}

#[derive(Default)]
struct VarbindTexts {
    oid: CString,
    name: CString,
    text: CString,
    odd: Option<CString>,
}

impl AgentContent {
    pub fn new(answer: Answer) -> AgentContent {
        AgentContent { answer, texts: None, offset: 0, varbind: VarbindTexts::default() }
    }

    pub fn as_answer(&mut self) -> allears_answer {
        let (incomplete, error_status) = class(self.answer.incomplete.as_ref());
        allears_answer {
            varbinds: self.answer.len() as u32,
            refused: self.answer.refused.len() as u32,
            incomplete: incomplete as i32,
            error_status,
            why_incomplete: or_null(self.texts().why_incomplete.as_ref()),
        }
    }

    /// Returns the next variable binding.
    pub fn next_varbind(&mut self) -> Option<allears_varbind> {
        let rest = self.answer.as_ber().get(self.offset..).unwrap_or_default();
        let (varbind, bytes) = Varbinds::new(rest).next_with_bytes()?;
        self.offset += bytes.len();
        let name = names::name_of(varbind.oid).map(|name| name.to_string()).unwrap_or_default();
        self.varbind = VarbindTexts {
            oid: to_c_text(&varbind.oid),
            name: c_text(name.as_bytes()),
            text: text(&varbind.value),
            odd: varbind.odd.map(|reason| c_text(reason.as_bytes())),
        };
        let number = number(&varbind.value);
        Some(allears_varbind {
            oid: self.varbind.oid.as_ptr(),
            name: self.varbind.name.as_ptr(),
            r#type: varbind.tag.into(),
            has_number: number.is_some().into(),
            number: number.unwrap_or(0),
            bytes: start_of(varbind.content),
            length: varbind.content.len(),
            text: self.varbind.text.as_ptr(),
            odd: or_null(self.varbind.odd.as_ref()),
        })
    }

    /// Returns a name that the agent refused, and its error.
    pub fn refused(&mut self, index: usize) -> Option<(*const c_char, *const c_char)> {
        self.texts().refused.get(index).map(|(oid, error)| (oid.as_ptr(), error.as_ptr()))
    }

    fn texts(&mut self) -> &AgentTexts {
        let answer = &self.answer;
        self.texts.get_or_insert_with(|| AgentTexts {
            why_incomplete: answer.incomplete.as_ref().map(to_c_text),
            refused: answer
                .refused
                .iter()
                .map(|refused| (to_c_text(&refused.oid), to_c_text(&refused.status)))
                .collect(),
        })
    }
}

/// Returns the class of an answer, and the agent's error-status or 0.
fn class(incomplete: Option<&Incomplete>) -> (allears_incomplete, i32) {
    let class = match incomplete {
        None => allears_incomplete::ALLEARS_COMPLETE,
        Some(Incomplete::NotIncreasing(_)) => allears_incomplete::ALLEARS_NOT_INCREASING,
        Some(Incomplete::Error(status)) => {
            return (allears_incomplete::ALLEARS_AGENT_ERROR, i32::try_from(status.0).unwrap_or(i32::MAX));
        }
        Some(Incomplete::RowLimit | Incomplete::MemoryLimit) => allears_incomplete::ALLEARS_LIMIT,
        Some(Incomplete::Broken(_)) => allears_incomplete::ALLEARS_BROKEN,
        Some(Incomplete::Restarted) => allears_incomplete::ALLEARS_RESTARTED,
        Some(Incomplete::Unfinished) => allears_incomplete::ALLEARS_UNFINISHED,
        Some(Incomplete::Rejected(_)) => allears_incomplete::ALLEARS_REJECTED,
    };
    (class, 0)
}

/// Returns a value as a number, negative ones in two's complement.
fn number(value: &Value<'_>) -> Option<u64> {
    match *value {
        Value::Integer(number) => Some(number as u64),
        Value::Counter32(number) | Value::Gauge32(number) | Value::TimeTicks(number) => Some(number.into()),
        Value::Counter64(number) => Some(number),
        _ => None,
    }
}

/// Returns a value as text; empty if it has none.
fn text(value: &Value<'_>) -> CString {
    match value {
        Value::OctetString(bytes) => c_text(bytes),
        Value::Integer(number) => to_c_text(number),
        Value::Counter32(number) | Value::Gauge32(number) | Value::TimeTicks(number) => to_c_text(number),
        Value::Counter64(number) => to_c_text(number),
        Value::ObjectId(oid) => to_c_text(oid),
        Value::IpAddress(bytes) => to_c_text(&Ipv4Addr::from(*bytes)),
        Value::OpaqueFloat(number) => to_c_text(number),
        Value::OpaqueDouble(number) => to_c_text(number),
        _ => CString::default(),
    }
}

fn to_c_text(what: &impl Display) -> CString {
    c_text(what.to_string().as_bytes())
}

fn or_null(text: Option<&CString>) -> *const c_char {
    text.map_or(ptr::null(), |text| text.as_ptr())
}
