//! The answer of a name server, for the getters.

#![deny(unsafe_code)]

use std::ffi::{CString, c_char};
use std::fmt::Write;

use super::super::texts::{c_text, start_of};
use crate::protocol::Transport;
use crate::protocol::dns::{Answer, Record, Section};

#[repr(C)]
#[derive(Clone, Copy)]
pub struct allears_dns_answer {
    pub rcode_name: *const c_char,
    pub rcode: i32,
    pub flags: u32,
    pub records: u32,
    pub is_tcp: i32,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct allears_dns_record {
    pub name: *const c_char,
    pub type_name: *const c_char,
    pub text: *const c_char,
    pub bytes: *const u8,
    pub length: usize,
    pub ttl: u32,
    pub section: i32,
    pub r#type: u16,
    pub record_class: u16,
}

/// The flags of a message. Getters return them as received.
#[allow(dead_code, reason = "C programs compare with them")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum allears_dns_flag {
    ALLEARS_DNS_QR = 0x8000,
    ALLEARS_DNS_AA = 0x0400,
    ALLEARS_DNS_TC = 0x0200,
    ALLEARS_DNS_RD = 0x0100,
    ALLEARS_DNS_RA = 0x0080,
    ALLEARS_DNS_AD = 0x0020,
    ALLEARS_DNS_CD = 0x0010,
}

#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum allears_dns_section {
    ALLEARS_DNS_ANSWER = 0,
    ALLEARS_DNS_AUTHORITY = 1,
    ALLEARS_DNS_ADDITIONAL = 2,
}

/// An answer, with the memory that the program's pointers refer to.
pub struct ResolvedContent {
    answer: Answer,
    /// The name of the response code, once a getter has requested it.
    rcode_name: Option<CString>,
    /// The records as C structures, once a getter has requested one.
    records: Option<RecordList>,
}

/// Records, and the texts that they point to.
struct RecordList {
    records: Vec<allears_dns_record>,
    _texts: String,
}

impl ResolvedContent {
    pub fn new(answer: Answer) -> ResolvedContent {
        ResolvedContent { answer, rcode_name: None, records: None }
    }

    /// Returns the message as received.
    pub fn message(&self) -> &[u8] {
        self.answer.message.as_bytes()
    }

    pub fn as_answer(&mut self) -> allears_dns_answer {
        let Answer { message, transport, .. } = &self.answer;
        let rcode = message.rcode();
        let rcode_name = self.rcode_name.get_or_insert_with(|| c_text(rcode.to_string().as_bytes()));
        let flags =
            message.as_bytes().get(2..4).map_or(0, |flags| u32::from(flags[0]) << 8 | u32::from(flags[1]));
        allears_dns_answer {
            rcode_name: rcode_name.as_ptr(),
            rcode: rcode.0.into(),
            flags,
            records: message.records().count() as u32,
            is_tcp: (*transport == Transport::Stream).into(),
        }
    }

    /// Returns the value of an option of EDNS.
    pub fn edns_option(&self, code: u16) -> Option<&[u8]> {
        self.answer.message.edns()?.option(code)
    }

    /// Returns a record.
    pub fn record(&mut self, index: usize) -> Option<allears_dns_record> {
        let list = self.records.get_or_insert_with(|| RecordList::of(&self.answer));
        list.records.get(index).copied()
    }
}

impl RecordList {
    fn of(answer: &Answer) -> RecordList {
        let mut texts = String::new();
        // The texts may move while more are added.
        let placed: Vec<_> =
            answer.message.records().map(|record| (record, place(&record, &mut texts))).collect();
        let start = texts.as_ptr().cast::<c_char>();
        let records = placed.into_iter().map(|(record, offsets)| {
            let [name, type_name, text] = offsets.map(|offset| start.wrapping_add(offset));
            structure(&record, name, type_name, text)
        });
        RecordList { records: records.collect(), _texts: texts }
    }
}

/// Writes owner, type and data of a record, each with a final NUL, and returns their offsets. A NUL within them is
/// escaped.
fn place(record: &Record<'_>, texts: &mut String) -> [usize; 3] {
    let (owner, data) = (record.owner(), record.data());
    let of = record.record_type();
    [format_args!("{owner}\0"), format_args!("{of}\0"), format_args!("{data}\0")].map(|text| {
        let start = texts.len();
        // Writing to a string cannot fail.
        let _ = texts.write_fmt(text);
        start
    })
}

fn structure(
    record: &Record<'_>,
    name: *const c_char,
    type_name: *const c_char,
    text: *const c_char,
) -> allears_dns_record {
    let bytes = record.data().as_bytes();
    let section = match record.section() {
        Section::Answer => allears_dns_section::ALLEARS_DNS_ANSWER,
        Section::Authority => allears_dns_section::ALLEARS_DNS_AUTHORITY,
        Section::Additional => allears_dns_section::ALLEARS_DNS_ADDITIONAL,
    };
    allears_dns_record {
        name,
        type_name,
        text,
        bytes: start_of(bytes),
        length: bytes.len(),
        ttl: record.ttl(),
        section: section as i32,
        r#type: record.record_type().0,
        record_class: record.class().0,
    }
}
