//! Names, as text (RFC 1035, section 5.1) and on the wire (section 3.1).

use std::error::Error;
use std::fmt;

/// A name in its wire format: labels, each after its length, up to that of the root, which is empty. At most 255 bytes.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Name(Box<[u8]>);

impl Name {
    /// Returns the wire format.
    pub fn as_wire(&self) -> &[u8] {
        &self.0
    }
}

/// The reason why a text is not a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum NameError {
    /// A label between two dots, or before the first one, is empty.
    EmptyLabel,
}

impl fmt::Display for NameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            NameError::EmptyLabel => "a label is empty",
        })
    }
}

impl Error for NameError {}
