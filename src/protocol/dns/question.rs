//! Questions, in their wire format (RFC 1035, section 4.1.2).

use super::{Class, Name, NameView, RecordType};

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

    /// Returns the name.
    pub fn name(&self) -> NameView<'_> {
        NameView::uncompressed(&self.0)
    }

    /// Returns the type that is asked for.
    pub fn record_type(&self) -> RecordType {
        RecordType(self.number(4))
    }

    /// Returns the class that is asked for.
    pub fn class(&self) -> Class {
        Class(self.number(2))
    }

    /// Returns the two bytes that begin this far from the end.
    fn number(&self, from_end: usize) -> u16 {
        let at = self.0.len() - from_end;
        u16::from_be_bytes([self.0[at], self.0[at + 1]])
    }

    /// Returns the wire format: the name, two bytes of the type and two of the class.
    pub fn as_wire(&self) -> &[u8] {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_question_has_three_parts() {
        let question = Question::new(&"a.Test".parse().unwrap(), RecordType::CAA, Class::CH);
        assert_eq!(question.as_wire(), b"\x01a\x04Test\0\x01\x01\0\x03");
        assert_eq!(question.name().to_string(), "a.Test.");
        assert_eq!((question.record_type(), question.class()), (RecordType::CAA, Class::CH));
        let root = Question::new(&Name::root(), RecordType::NS, Class::IN);
        assert_eq!((root.name().to_string().as_str(), root.record_type()), (".", RecordType::NS));
    }
}
