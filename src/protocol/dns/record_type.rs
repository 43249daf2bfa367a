//! The types and classes of records.

/// The type of a record: 1 for A, 28 for AAAA… (IANA, "DNS Parameters").
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RecordType(pub u16);

/// The class of a record (RFC 1035, section 3.2.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Class(pub u16);

impl Class {
    /// The Internet.
    pub const IN: Class = Class(1);
    /// CHAOS, in which servers tell about themselves (RFC 4892).
    pub const CH: Class = Class(3);
}
