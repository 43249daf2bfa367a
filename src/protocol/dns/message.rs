//! Messages as received: the header (RFC 1035, section 4.1.1), the question, and the records.

use std::fmt;

use super::{Class, Edns, MessageError, NameView, Rcode, Record, RecordType, Records, Section};
use crate::protocol::bytes_at;

/// The bytes of a header.
const HEADER: usize = 12;

/// The flags, in the order in which dig lists them.
const FLAGS: [(u16, &str); 7] = [
    (1 << 15, "qr"),
    (1 << 10, "aa"),
    (TC, "tc"),
    (1 << 8, "rd"),
    (1 << 7, "ra"),
    (1 << 5, "ad"),
    (1 << 4, "cd"),
];
const TC: u16 = 1 << 9;

/// The maximum number of names that [`Message::aliases`] returns after the first: longer chains are circles.
pub const MOST_ALIASES: usize = 17;

/// An answer as received, whose structure has been checked: that of names and records, but not that of the data of
/// records.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Message {
    bytes: Box<[u8]>,
    /// The offset of the record OPT, which each response code is read from; 0 without one.
    opt: u16,
}

impl Message {
    /// Checks the structure of a message, and takes it. If the flag `tc` says that it is truncated, the records may end
    /// anywhere.
    pub fn new(bytes: impl Into<Box<[u8]>>) -> Result<Message, MessageError> {
        let bytes = bytes.into();
        let header = Header::parse(&bytes)?;
        let mut offset = HEADER;
        for _ in 0..header.counts[0] {
            offset = MessageQuestion::parse(&bytes, offset)?.1;
        }
        let (mut records, mut opt) = (Records::new(&bytes, offset, &header.counts), 0);
        loop {
            let at = records.offset();
            match records.next() {
                Some(Ok(record)) if record.is_opt() && opt == 0 => opt = at as u16,
                Some(Ok(_)) => {}
                Some(Err(_)) if header.flags & TC != 0 => break,
                Some(Err(error)) => return Err(error),
                None => break,
            }
        }
        Ok(Message { bytes, opt })
    }

    /// Returns the bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    fn header(&self) -> Header {
        Header::parse(&self.bytes).unwrap_or_default()
    }

    /// Returns the ID.
    pub fn id(&self) -> u16 {
        self.header().id
    }

    /// Returns the kind of query: 0 for a usual one.
    pub fn opcode(&self) -> u8 {
        (self.header().flags >> 11 & 15) as u8
    }

    /// Returns the names of the flags that are set: `qr`, `aa`, `tc`, `rd`, `ra`, `ad`, `cd`, in this order.
    pub fn flags(&self) -> impl Iterator<Item = &'static str> + use<> {
        let flags = self.header().flags;
        FLAGS.into_iter().filter(move |(bit, _)| flags & bit != 0).map(|(_, name)| name)
    }

    /// Returns whether this is an answer, not a query.
    pub fn is_response(&self) -> bool {
        self.header().flags >> 15 == 1
    }

    /// Returns whether the server is one of the zone.
    pub fn is_authoritative(&self) -> bool {
        self.header().flags & 1 << 10 != 0
    }

    /// Returns whether records are missing, so that the question has to be asked by TCP.
    pub fn is_truncated(&self) -> bool {
        self.header().flags & TC != 0
    }

    /// Returns the response code, with the upper bits of EDNS if there are any.
    pub fn rcode(&self) -> Rcode {
        let upper = self.edns().map_or(0, |edns| edns.upper_rcode());
        Rcode(u16::from(upper) << 4 | self.header().flags & 15)
    }

    /// Returns the counts of the header: of questions, and of the records of the three sections, OPT included.
    pub fn counts(&self) -> [u16; 4] {
        self.header().counts
    }

    /// Returns the question, if there is one.
    pub fn question(&self) -> Option<MessageQuestion<'_>> {
        let is_there = self.header().counts[0] > 0;
        is_there
            .then(|| MessageQuestion::parse(&self.bytes, HEADER).ok())
            .flatten()
            .map(|(question, _)| question)
    }

    /// Returns the records of all three sections but OPT, up to the end of a truncated message.
    pub fn records(&self) -> impl Iterator<Item = Record<'_>> {
        self.all_records().filter(|record| record.record_type() != RecordType::OPT)
    }

    /// Returns the records of the answer.
    pub fn answers(&self) -> impl Iterator<Item = Record<'_>> {
        self.records().take_while(|record| record.section() == Section::Answer)
    }

    /// Returns the name in the question, then the names that it is an alias of, in this order, whatever that of the records
    /// is. Aliases that lead in a circle end after [`MOST_ALIASES`].
    pub fn aliases(&self) -> impl Iterator<Item = NameView<'_>> {
        let first = self.question().map(|question| question.name());
        let next = |name: &NameView<'_>| {
            let own = self.answers().filter(|record| record.owner().eq_ignore_case(*name));
            let mut aliases = own.filter(|record| record.record_type() == RecordType::CNAME);
            aliases.next().and_then(|alias| alias.data().name())
        };
        std::iter::successors(first, next).take(1 + MOST_ALIASES)
    }

    /// Returns the part of EDNS (RFC 6891), if the server knows EDNS.
    pub fn edns(&self) -> Option<Edns<'_>> {
        let at = usize::from(self.opt);
        let opt = (at > 0).then(|| Record::parse(&self.bytes, at, Section::Additional).ok()).flatten();
        opt.map(|(record, _)| Edns::new(record))
    }

    fn all_records(&self) -> impl Iterator<Item = Record<'_>> {
        let header = self.header();
        let mut questions = HEADER;
        for _ in 0..header.counts[0] {
            // The questions have been checked.
            questions = MessageQuestion::parse(&self.bytes, questions).map_or(questions, |(_, next)| next);
        }
        Records::new(&self.bytes, questions, &header.counts).map_while(Result::ok)
    }
}

impl fmt::Debug for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Message")
            .field("id", &self.id())
            .field("rcode", &self.rcode())
            .field("flags", &self.flags().collect::<Vec<_>>())
            .field("question", &self.question())
            .field("records", &self.records().collect::<Vec<_>>())
            .finish()
    }
}

/// The fields of a header.
#[derive(Default)]
struct Header {
    id: u16,
    flags: u16,
    counts: [u16; 4],
}

impl Header {
    fn parse(bytes: &[u8]) -> Result<Header, MessageError> {
        let header: [u8; HEADER] = bytes_at(bytes, 0).ok_or(MessageError::Truncated)?;
        let field = |at: usize| u16::from_be_bytes([header[at], header[at + 1]]);
        Ok(Header { id: field(0), flags: field(2), counts: [4, 6, 8, 10].map(field) })
    }
}

/// The question of a message.
#[derive(Clone, Copy, Debug)]
pub struct MessageQuestion<'a> {
    name: NameView<'a>,
    record_type: RecordType,
    class: Class,
}

impl<'a> MessageQuestion<'a> {
    fn parse(message: &'a [u8], offset: usize) -> Result<(MessageQuestion<'a>, usize), MessageError> {
        let (name, at) = NameView::parse(message, offset)?;
        let [a, b, c, d] = bytes_at(message, at).ok_or(MessageError::Truncated)?;
        let (record_type, class) = (u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d]));
        Ok((MessageQuestion { name, record_type: RecordType(record_type), class: Class(class) }, at + 4))
    }

    /// Returns the name.
    pub fn name(&self) -> NameView<'a> {
        self.name
    }

    /// Returns the type that is asked for.
    pub fn record_type(&self) -> RecordType {
        self.record_type
    }

    /// Returns the class that is asked for.
    pub fn class(&self) -> Class {
        self.class
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::{Message, MessageError, Rcode, Section};
    use crate::protocol::dns::RecordType;

    /// The question `www.example.test A`.
    const QUESTION: &[u8] = b"\x03www\x07example\x04test\0\0\x01\0\x01";

    fn message(flags: u16, counts: [u8; 4], parts: &[&[u8]]) -> Vec<u8> {
        let [questions, answers, authority, additional] = counts;
        let [high, low] = flags.to_be_bytes();
        let header = [0x12, 0x34, high, low, 0, questions, 0, answers, 0, authority, 0, additional];
        [&header[..], &parts.concat()].concat()
    }

    #[test]
    fn an_answer_has_records_in_sections() {
        let alias = b"\xc0\x0c\0\x05\0\x01\0\0\x01\x2c\0\x04\x01a\xc0\x10";
        let address = b"\x01A\xc0\x10\0\x01\0\x01\0\0\x01\x2c\0\x04\xc0\0\x02\x01";
        let server = b"\xc0\x10\0\x02\0\x01\0\0\0\x3c\0\x02\xc0\x0c";
        let opt = b"\0\0\x29\x04\xd0\x01\0\x80\0\0\x0d\0\x03\0\x02ab\0\x0f\0\x03\0\x16x";
        let bytes = message(0x85b0, [1, 2, 1, 1], &[QUESTION, alias, address, server, opt]);
        let message = Message::new(bytes).unwrap();
        assert_eq!(message.id(), 0x1234);
        assert_eq!(message.flags().collect::<Vec<_>>(), ["qr", "aa", "rd", "ra", "ad", "cd"]);
        assert_eq!(message.counts(), [1, 2, 1, 1]);
        assert_eq!(message.rcode(), Rcode::BADVERS);
        let question = message.question().unwrap();
        assert!(question.name().is(&"WWW.example.test".parse().unwrap()));
        assert_eq!(question.record_type(), RecordType::A);
        let records: Vec<_> =
            message.records().map(|record| (record.section(), record.to_string())).collect();
        assert_eq!(
            records,
            [
                (Section::Answer, "www.example.test. 300 IN CNAME a.example.test.".to_owned()),
                (Section::Answer, "A.example.test. 300 IN A 192.0.2.1".to_owned()),
                (Section::Authority, "example.test. 60 IN NS www.example.test.".to_owned()),
            ]
        );
        assert_eq!(message.answers().count(), 2);
        let edns = message.edns().unwrap();
        assert_eq!((edns.udp_size(), edns.version(), edns.is_dnssec_ok()), (1232, 0, true));
        assert_eq!((edns.nsid(), edns.cookie()), (Some(&b"ab"[..]), None));
        assert_eq!(edns.extended_errors().collect::<Vec<_>>(), [(22, &b"x"[..])]);
    }

    #[test]
    fn a_header_alone_is_a_message() {
        let refused = Message::new(message(0x8181, [0; 4], &[])).unwrap();
        assert_eq!((refused.rcode(), refused.records().count()), (Rcode::FORMERR, 0));
        assert!(refused.question().is_none() && refused.edns().is_none());
    }

    #[test]
    fn a_dot_in_a_label_is_escaped() {
        let name = b"\x08exa.mple\x03com\0";
        let parts: [&[u8]; 3] =
            [name, b"\0\x01\0\x01", b"\xc0\x0c\0\x01\0\x01\0\0\0\x09\0\x04\xc0\0\x02\x01"];
        let message = Message::new(message(0x8180, [1, 1, 0, 0], &parts)).unwrap();
        assert_eq!(message.answers().next().unwrap().owner().to_string(), "exa\\.mple.com.");
        assert!(!message.question().unwrap().name().is(&"exa.mple.com".parse().unwrap()));
    }

    #[test]
    fn broken_messages_have_a_reason() {
        let check = |parts: &[&[u8]]| Message::new(message(0x8180, [1, 1, 0, 0], parts)).map(drop);
        let record = b"\0\x01\0\x01\0\0\x01\x2c\0\x04\xc0\0\x02\x01";
        assert_eq!(check(&[QUESTION, b"\xc0\x0c", record]), Ok(()));
        assert_eq!(check(&[QUESTION, b"\xc0\x22", record]), Err(MessageError::BadPointer));
        let long = b"\xc0\x0c\0\x01\0\x01\0\0\x01\x2c\x01\x90\xc0\0\x02\x01";
        assert_eq!(check(&[QUESTION, long]), Err(MessageError::Truncated));
        assert_eq!(check(&[QUESTION]), Err(MessageError::Truncated));
        assert_eq!(check(&[]), Err(MessageError::Truncated));
        assert_eq!(Message::new([0; 11]).map(drop), Err(MessageError::Truncated));
    }

    #[test]
    fn a_truncated_message_may_end_anywhere_after_the_question() {
        let record = b"\xc0\x0c\0\x01\0\x01\0\0\x01\x2c\0\x04\xc0\0\x02\x01";
        for length in 0..record.len() {
            let bytes = message(0x8380, [1, 2, 0, 0], &[QUESTION, record, &record[..length]]);
            let message = Message::new(bytes).unwrap();
            assert!(message.is_truncated());
            assert_eq!(message.records().count(), 1);
        }
    }

    proptest! {
        #[test]
        fn no_message_panics(
            flags in any::<u16>(),
            counts in any::<[u8; 4]>().prop_map(|counts| counts.map(|count| count % 4)),
            body in vec(prop_oneof![any::<u8>(), 0u8..8, Just(0xc0)], 0..200),
            has_question in any::<bool>(),
        ) {
            let question = if has_question { QUESTION } else { &[] };
            if let Ok(message) = Message::new(message(flags, counts, &[question, &body])) {
                let shown = format!("{message:?}");
                prop_assert!(!shown.is_empty());
                message.rcode();
            }
        }
    }
}
