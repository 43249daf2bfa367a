//! Records (RFC 1035, section 4.1.3), and the sections in which they are.

use std::fmt;

use super::{Class, MessageError, NameView, RecordData, RecordType};
use crate::protocol::bytes_at;

/// The part of a message that a record is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Section {
    /// The records that were asked for, and the aliases on the way to them.
    Answer,
    /// The zone that the answer is from, or the servers to ask.
    Authority,
    /// Records that are likely to be asked for next.
    Additional,
}

impl Section {
    /// All sections, in the order of a message.
    pub const ALL: [Section; 3] = [Section::Answer, Section::Authority, Section::Additional];

    /// Returns the name in lower case.
    pub fn name(self) -> &'static str {
        match self {
            Section::Answer => "answer",
            Section::Authority => "authority",
            Section::Additional => "additional",
        }
    }
}

impl fmt::Display for Section {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// A record of a message.
#[derive(Clone, Copy)]
pub struct Record<'a> {
    section: Section,
    owner: NameView<'a>,
    class: Class,
    ttl: u32,
    data: RecordData<'a>,
}

impl<'a> Record<'a> {
    /// Reads a record, and returns it with the offset of what follows it.
    pub(super) fn parse(
        message: &'a [u8],
        offset: usize,
        section: Section,
    ) -> Result<(Record<'a>, usize), MessageError> {
        let (owner, at) = NameView::parse(message, offset)?;
        let [a, b, c, d, e, f, g, h, i, j] = bytes_at(message, at).ok_or(MessageError::Truncated)?;
        let class = Class(u16::from_be_bytes([c, d]));
        let start = at + 10;
        let end = start + usize::from(u16::from_be_bytes([i, j]));
        let message = message.get(..end).ok_or(MessageError::Truncated)?;
        let data = RecordData::new(message, start, RecordType(u16::from_be_bytes([a, b])), class);
        let ttl = u32::from_be_bytes([e, f, g, h]);
        Ok((Record { section, owner, class, ttl, data }, end))
    }

    /// Returns whether this is the pseudo-record of EDNS.
    pub(super) fn is_opt(&self) -> bool {
        self.section == Section::Additional && self.record_type() == RecordType::OPT
    }

    /// Returns the section.
    pub fn section(&self) -> Section {
        self.section
    }

    /// Returns the name that the record belongs to.
    pub fn owner(&self) -> NameView<'a> {
        self.owner
    }

    /// Returns the type.
    pub fn record_type(&self) -> RecordType {
        self.data.record_type()
    }

    /// Returns the class.
    pub fn class(&self) -> Class {
        self.class
    }

    /// Returns for how many seconds the record may be kept.
    pub fn ttl(&self) -> u32 {
        self.ttl
    }

    /// Returns the data.
    pub fn data(&self) -> RecordData<'a> {
        self.data
    }
}

impl fmt::Display for Record<'_> {
    /// Writes owner, TTL, class, type and data, with one space between them.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Record { section: _, owner, class, ttl, data } = self;
        write!(f, "{owner} {ttl} {class} {} {data}", data.record_type())
    }
}

impl fmt::Debug for Record<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {self}", self.section)
    }
}

/// The records of a message, OPT included; the last one may be a failure.
pub(super) struct Records<'a> {
    message: &'a [u8],
    offset: usize,
    left: [u16; 3],
}

impl<'a> Records<'a> {
    /// Creates the records from this offset on. The counts are those of the header.
    pub(super) fn new(message: &'a [u8], offset: usize, counts: &[u16; 4]) -> Records<'a> {
        let [_, left @ ..] = *counts;
        Records { message, offset, left }
    }

    /// Returns the offset of the next record.
    pub(super) fn offset(&self) -> usize {
        self.offset
    }
}

impl<'a> Iterator for Records<'a> {
    type Item = Result<Record<'a>, MessageError>;

    fn next(&mut self) -> Option<Result<Record<'a>, MessageError>> {
        let at = self.left.iter().position(|left| *left > 0)?;
        let parsed = Record::parse(self.message, self.offset, Section::ALL[at]);
        match &parsed {
            Ok((_, next)) => {
                self.offset = *next;
                self.left[at] -= 1;
            }
            Err(_) => self.left = [0; 3],
        }
        Some(parsed.map(|(record, _)| record))
    }
}
