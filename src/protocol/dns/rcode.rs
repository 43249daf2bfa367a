//! Response codes.

use std::error::Error;
use std::fmt;
use std::str::FromStr;

/// The response code of an answer, with the upper bits that EDNS adds (RFC 6895, section 2.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Rcode(pub u16);

impl Rcode {
    /// No error.
    pub const NOERROR: Rcode = Rcode(0);
    /// The server could not read the query.
    pub const FORMERR: Rcode = Rcode(1);
    /// The server failed.
    pub const SERVFAIL: Rcode = Rcode(2);
    /// The name does not exist.
    pub const NXDOMAIN: Rcode = Rcode(3);
    /// The server does not know this kind of query.
    pub const NOTIMP: Rcode = Rcode(4);
    /// The server refuses to answer.
    pub const REFUSED: Rcode = Rcode(5);
    /// The server does not know this version of EDNS (RFC 6891, section 6.1.3).
    pub const BADVERS: Rcode = Rcode(16);
    /// The cookie of the server is missing or wrong (RFC 7873).
    pub const BADCOOKIE: Rcode = Rcode(23);

    /// Returns the mnemonic that BIND prints (`lib/dns/rcode.c`), if there is one.
    pub fn mnemonic(self) -> Option<&'static str> {
        NAMES.iter().find(|(number, _)| *number == self.0).map(|(_, name)| *name)
    }
}

const NAMES: [(u16, &str); 18] = [
    (0, "NOERROR"),
    (1, "FORMERR"),
    (2, "SERVFAIL"),
    (3, "NXDOMAIN"),
    (4, "NOTIMP"),
    (5, "REFUSED"),
    (6, "YXDOMAIN"),
    (7, "YXRRSET"),
    (8, "NXRRSET"),
    (9, "NOTAUTH"),
    (10, "NOTZONE"),
    (11, "RESERVED11"),
    (12, "RESERVED12"),
    (13, "RESERVED13"),
    (14, "RESERVED14"),
    (15, "RESERVED15"),
    (16, "BADVERS"),
    (23, "BADCOOKIE"),
];

impl fmt::Display for Rcode {
    /// Writes the mnemonic as dig does, or `RCODE17`, for which dig has `?17`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.mnemonic() {
            Some(name) => f.write_str(name),
            None => write!(f, "RCODE{}", self.0),
        }
    }
}

impl FromStr for Rcode {
    type Err = RcodeError;

    /// Parses a mnemonic or `RCODE` and a number, in upper or lower case.
    fn from_str(text: &str) -> Result<Rcode, RcodeError> {
        if let Some((number, _)) = NAMES.iter().find(|(_, name)| name.eq_ignore_ascii_case(text)) {
            return Ok(Rcode(*number));
        }
        super::record_type::number_after("RCODE", text).map(Rcode).ok_or(RcodeError)
    }
}

/// The reason why a text is not a response code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RcodeError;

impl fmt::Display for RcodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("no response code has this name; any number can be given as RCODE123")
    }
}

impl Error for RcodeError {}

#[cfg(test)]
mod tests {
    use super::{Rcode, RcodeError};

    #[test]
    fn codes_are_parsed_as_they_are_printed() {
        for number in 0..=u16::MAX {
            let text = Rcode(number).to_string();
            assert_eq!(text.parse(), Ok(Rcode(number)));
            assert_eq!(text.to_lowercase().parse(), Ok(Rcode(number)));
        }
        assert_eq!(Rcode(17).to_string(), "RCODE17");
        assert_eq!("rcode3".parse(), Ok(Rcode::NXDOMAIN));
        for text in ["", "NOPE", "RCODE", "RCODE65536", "3"] {
            assert_eq!(text.parse::<Rcode>(), Err(RcodeError), "{text}");
        }
    }
}
