//! The reasons why bytes are not a message.

use std::error::Error;
use std::fmt;

/// The reason why bytes are not a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum MessageError {
    /// The message ends before its header, or before the parts that the header counts.
    Truncated,
    /// A pointer in a name does not lead backwards.
    BadPointer,
    /// A name has more pointers than it can have labels.
    ManyPointers,
    /// A label has a length of an unknown kind.
    BadLabel,
    /// A name has more than 255 bytes.
    LongName,
}

impl MessageError {
    /// Returns the reason as a text.
    pub fn reason(self) -> &'static str {
        match self {
            MessageError::Truncated => "the message ends too early",
            MessageError::BadPointer => "a pointer in a name does not lead backwards",
            MessageError::ManyPointers => "a name has too many pointers",
            MessageError::BadLabel => "a label has an unknown kind of length",
            MessageError::LongName => "a name is longer than 255 bytes",
        }
    }
}

impl fmt::Display for MessageError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.reason())
    }
}

impl Error for MessageError {}
