//! Questions, in their wire format (RFC 1035, section 4.1.2).

use super::{Class, Name, RecordType};

/// A name, the type and the class of the records that are asked for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Question(Box<[u8]>);

impl Question {
    /// Creates a question for the records of this type.
    pub fn new(name: &Name, of: RecordType, class: Class) -> Question {
        let mut wire = Vec::with_capacity(name.as_wire().len() + 4);
        wire.extend_from_slice(name.as_wire());
        wire.extend_from_slice(&of.0.to_be_bytes());
        wire.extend_from_slice(&class.0.to_be_bytes());
        Question(wire.into_boxed_slice())
    }

    /// Returns the wire format: the name, two bytes of the type and two of the class.
    pub fn as_wire(&self) -> &[u8] {
        &self.0
    }
}
