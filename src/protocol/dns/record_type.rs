//! The types and classes of records.

use std::error::Error;
use std::fmt;
use std::str::FromStr;

use domain::base::iana::Rtype;

/// The type of a record: 1 for A, 28 for AAAA… (IANA, "DNS Parameters").
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RecordType(pub u16);

impl RecordType {
    /// An IPv4 address (RFC 1035).
    pub const A: RecordType = RecordType(1);
    /// A server of a zone (RFC 1035).
    pub const NS: RecordType = RecordType(2);
    /// The name that an alias stands for (RFC 1035).
    pub const CNAME: RecordType = RecordType(5);
    /// The start of a zone (RFC 1035).
    pub const SOA: RecordType = RecordType(6);
    /// The name of an address (RFC 1035).
    pub const PTR: RecordType = RecordType(12);
    /// The kind of a host; also the answer to questions for any type (RFC 8482).
    pub const HINFO: RecordType = RecordType(13);
    /// A mail server (RFC 1035).
    pub const MX: RecordType = RecordType(15);
    /// Texts (RFC 1035).
    pub const TXT: RecordType = RecordType(16);
    /// An IPv6 address (RFC 3596).
    pub const AAAA: RecordType = RecordType(28);
    /// A server of a service (RFC 2782).
    pub const SRV: RecordType = RecordType(33);
    /// The name that stands in for a whole subtree (RFC 6672).
    pub const DNAME: RecordType = RecordType(39);
    /// The pseudo-record of EDNS (RFC 6891).
    pub const OPT: RecordType = RecordType(41);
    /// How to reach a web server (RFC 9460).
    pub const HTTPS: RecordType = RecordType(65);
    /// Any type (RFC 8482).
    pub const ANY: RecordType = RecordType(255);
    /// Who may issue certificates (RFC 8659).
    pub const CAA: RecordType = RecordType(257);
}

impl fmt::Display for RecordType {
    /// Writes the mnemonic as BIND does, or `TYPE65280` (RFC 3597, section 5).
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            23 => f.write_str("NSAP-PTR"),
            number => fmt::Display::fmt(&Rtype::from_int(number), f),
        }
    }
}

impl FromStr for RecordType {
    type Err = RecordTypeError;

    /// Parses a mnemonic or `TYPE` and a number, in upper or lower case.
    fn from_str(text: &str) -> Result<RecordType, RecordTypeError> {
        if let Some(number) = number_after("TYPE", text) {
            return Ok(RecordType(number));
        }
        match Rtype::from_mnemonic(text.as_bytes()) {
            Some(found) => Ok(RecordType(found.to_int())),
            None if text.eq_ignore_ascii_case("NSAP-PTR") => Ok(RecordType(23)),
            None => Err(RecordTypeError),
        }
    }
}

/// The reason why a text is not a type of records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RecordTypeError;

impl fmt::Display for RecordTypeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("no type of records has this name; any number can be given as TYPE123")
    }
}

impl Error for RecordTypeError {}

/// The class of a record (RFC 1035, section 3.2.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Class(pub u16);

impl Class {
    /// The Internet.
    pub const IN: Class = Class(1);
    /// CHAOS, in which servers tell about themselves (RFC 4892).
    pub const CH: Class = Class(3);
    /// Any class.
    pub const ANY: Class = Class(255);
}

/// The classes that BIND prints by name (`lib/dns/rcode.c`).
const CLASSES: [(&str, u16); 6] =
    [("IN", 1), ("CH", 3), ("HS", 4), ("NONE", 254), ("ANY", 255), ("RESERVED0", 0)];

impl fmt::Display for Class {
    /// Writes the mnemonic as BIND does, or `CLASS7` (RFC 3597, section 5).
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match CLASSES.iter().find(|(_, number)| *number == self.0) {
            Some((name, _)) => f.write_str(name),
            None => write!(f, "CLASS{}", self.0),
        }
    }
}

impl FromStr for Class {
    type Err = ClassError;

    /// Parses a mnemonic or `CLASS` and a number, in upper or lower case.
    fn from_str(text: &str) -> Result<Class, ClassError> {
        let named = CLASSES.iter().find(|(name, _)| name.eq_ignore_ascii_case(text));
        let number = named.map(|(_, number)| *number).or_else(|| number_after("CLASS", text));
        number.map(Class).ok_or(ClassError)
    }
}

/// The reason why a text is not a class of records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClassError;

impl fmt::Display for ClassError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("no class of records has this name; any number can be given as CLASS123")
    }
}

impl Error for ClassError {}

/// Parses a number after a prefix in upper or lower case.
pub(super) fn number_after(prefix: &str, text: &str) -> Option<u16> {
    let (start, digits) = text.split_at_checked(prefix.len())?;
    let is_number = start.eq_ignore_ascii_case(prefix) && digits.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| digits.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::{Class, ClassError, RecordType, RecordTypeError};

    #[test]
    fn types_have_mnemonics_or_numbers() {
        for (text, number) in [
            ("A", 1),
            ("AAAA", 28),
            ("NAPTR", 35),
            ("HTTPS", 65),
            ("SVCB", 64),
            ("ANY", 255),
            ("CAA", 257),
            ("URI", 256),
            ("NSAP-PTR", 23),
            ("TYPE65280", 65280),
        ] {
            assert_eq!(text.parse(), Ok(RecordType(number)), "{text}");
            assert_eq!(text.to_lowercase().parse(), Ok(RecordType(number)), "{text}");
            assert_eq!(RecordType(number).to_string(), text);
        }
        assert_eq!("type1".parse(), Ok(RecordType::A));
        for text in ["", "AA", "TYPE", "TYPE65536", "TYPE+1", "TYPE-1", "A ", "12", "ä", "TYPÄ1"] {
            assert_eq!(text.parse::<RecordType>(), Err(RecordTypeError), "{text}");
        }
    }

    #[test]
    fn every_type_is_parsed_as_it_is_printed() {
        for number in 0..=u16::MAX {
            assert_eq!(RecordType(number).to_string().parse(), Ok(RecordType(number)));
        }
    }

    #[test]
    fn classes_have_mnemonics_or_numbers() {
        for number in 0..=u16::MAX {
            assert_eq!(Class(number).to_string().parse(), Ok(Class(number)));
        }
        assert_eq!("ch".parse(), Ok(Class::CH));
        assert_eq!("class1".parse(), Ok(Class::IN));
        assert_eq!(Class(7).to_string(), "CLASS7");
        for text in ["", "INN", "CLASS", "CLASS65536", "*"] {
            assert_eq!(text.parse::<Class>(), Err(ClassError), "{text}");
        }
    }
}
