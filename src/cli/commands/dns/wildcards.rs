//! `--wildcards`: tells answers from wildcards apart from those of the names themselves.
//!
//! Only answers that are to be written are judged, and of these only those with records of the name that was asked for.
//! An alias of the name is such a record; the records that it leads to are not.

use std::io::Write;

use allears::engine::{Completion, Engine, Outcome};
use allears::protocol::dns::{Answer, Conversation, Dns, Message, Name, Question, RecordType};
use siphasher::sip::SipHasher13;

use super::Typed;
use super::args::WildcardUse;
use super::verdict::DnsVerdict;
use super::wildcard_parents::{RecordHashes, WildcardMark, WildcardParents};

/// The bytes of an answer that waits, besides its message and its question.
const CONCLUDED: usize = 512;

/// The signatures of records, which some servers make anew for each name.
const RRSIG: RecordType = RecordType(46);

/// The completion of a question.
pub type Concluded = Completion<Conversation, Answer, Typed>;

/// The counts of the summary.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WildcardTally {
    pub wildcard: u64,
    pub unknown: u64,
    /// The random names that were queried.
    pub probes: u64,
    /// True if answers from wildcards are left out.
    pub drops: bool,
}

/// Judges whether answers are from wildcards.
pub struct WildcardCheck {
    parents: WildcardParents<Concluded>,
    key: [u8; 16],
    pub tally: WildcardTally,
}

impl WildcardCheck {
    /// Creates the check. `key` makes random names unpredictable. What is known may take `most` bytes, and answers that
    /// wait as many.
    pub fn new(wanted: WildcardUse, key: [u8; 16], most: usize) -> WildcardCheck {
        let tally = WildcardTally { drops: wanted == WildcardUse::Drop, ..WildcardTally::default() };
        WildcardCheck { parents: WildcardParents::new(most), key, tally }
    }

    /// Begins questions for random names, as many as the engine has room for.
    pub fn ask(&mut self, engine: &mut Engine<Dns, Typed>) {
        while engine.room() > 0 {
            let Some((parent, number)) = self.parents.next_probe() else { return };
            // The name was not too long when the parent was judged, and there is a server.
            let Some(question) = self.below(&parent, number) else { continue };
            let Some(server) = engine.protocol_mut().next_server() else { return };
            self.tally.probes += 1;
            let _ = engine.ask(server, question, probe());
        }
    }

    /// Returns whether more names should be queried.
    pub fn has_room(&self) -> bool {
        !self.parents.is_full()
    }

    /// Returns whether answers wait, or may have to wait for another random name.
    pub fn is_busy(&self, engine: &Engine<Dns, Typed>) -> bool {
        self.parents.holds_any() || engine.has_completion()
    }

    /// Judges an answer, and returns it with its mark if it has one; `None` if it waits.
    pub fn judge(&mut self, concluded: Concluded) -> Option<(Concluded, Option<WildcardMark>)> {
        let question = concluded.conversation.question();
        let records = self.records(&concluded).filter(|records| !records.is_empty());
        let (Some(records), Some(parent)) = (records, parent(question)) else {
            return Some((concluded, None));
        };
        let judged = if self.below(&parent, 0).is_some() {
            let bytes = CONCLUDED + 2 * question.as_wire().len() + message_bytes(&concluded);
            self.parents.judge(&parent, records, bytes, concluded)
        } else {
            Some((concluded, WildcardMark::Unknown))
        };
        judged.map(|(concluded, mark)| (concluded, Some(mark)))
    }

    /// Takes the completion of a question for a random name, and returns the answers that no longer wait.
    pub fn learn(&mut self, probe: &Concluded) -> Vec<(Concluded, WildcardMark)> {
        let found = self.records(probe);
        parent(probe.conversation.question()).map_or(vec![], |parent| self.parents.learn(&parent, found))
    }

    /// Returns all answers that wait.
    pub fn give_up(&mut self) -> Vec<(Concluded, WildcardMark)> {
        self.parents.give_up()
    }

    /// Counts an answer, and returns whether it is to be written.
    pub fn count(&mut self, mark: WildcardMark) -> bool {
        match mark {
            WildcardMark::Wildcard => self.tally.wildcard += 1,
            WildcardMark::Unknown => self.tally.unknown += 1,
            WildcardMark::Own => {}
        }
        mark != WildcardMark::Wildcard || !self.tally.drops
    }

    /// Returns a question for an unlikely name below a parent; `None` if the parent is too long.
    fn below(&self, parent: &Question, number: u32) -> Option<Question> {
        let wire = [parent.as_wire(), &number.to_be_bytes()].concat();
        let label = format!("{:016x}", self.hash(&wire));
        let name = parent.name().to_name().child(label.as_bytes()).ok()?;
        Some(Question::new(&name, parent.record_type(), parent.class()))
    }

    /// Returns the records of a name, empty if it does not exist; `None` if that was not answered.
    fn records(&self, concluded: &Concluded) -> Option<RecordHashes> {
        let Outcome::Answered(answer) = &concluded.outcome else { return None };
        let question = concluded.conversation.question();
        let verdict = DnsVerdict::new(&answer.message, question.record_type());
        if !verdict.is_answer() || matches!(verdict, DnsVerdict::Referral | DnsVerdict::Truncated) {
            return None;
        }
        let mut hashes = self.own_records(question, &answer.message);
        hashes.sort_unstable();
        hashes.dedup();
        Some(hashes)
    }

    fn own_records(&self, question: &Question, message: &Message) -> RecordHashes {
        let own = message.answers().filter(|record| record.owner().eq_ignore_case(question.name()));
        let mut bytes = vec![];
        own.filter(|record| record.record_type() != RRSIG)
            .map(|record| {
                bytes.clear();
                bytes.extend(record.record_type().0.to_be_bytes());
                // Names in the data may be compressed. Writing to memory cannot fail.
                let _ = write!(bytes, "{}", record.data());
                bytes[2..].make_ascii_lowercase();
                self.hash(&bytes)
            })
            .collect()
    }

    fn hash(&self, bytes: &[u8]) -> u64 {
        SipHasher13::new_with_key(&self.key).hash(bytes)
    }
}

/// Returns the tag of a question for a random name: an empty text, which nobody types as a name.
fn probe() -> Typed {
    Some("".into())
}

/// Returns whether a question was for a random name.
pub fn is_probe(tag: &Typed) -> bool {
    tag.as_deref() == Some("")
}

/// Returns the question for the parent of a name; `None` for the root.
fn parent(question: &Question) -> Option<Question> {
    let parent: Name = question.name().to_name().parent()?.to_lower_case();
    Some(Question::new(&parent, question.record_type(), question.class()))
}

fn message_bytes(concluded: &Concluded) -> usize {
    match &concluded.outcome {
        Outcome::Answered(answer) => answer.message.as_bytes().len(),
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use allears::protocol::dns::Class;

    use super::super::tests::{message, record, wire};
    use super::*;

    const CNAME: u16 = 5;

    fn check(key: u8) -> WildcardCheck {
        WildcardCheck::new(WildcardUse::Mark, [key; 16], 1 << 20)
    }

    fn question(name: &str) -> Question {
        Question::new(&name.parse().expect("a name"), RecordType::A, Class::IN)
    }

    #[test]
    fn only_records_of_the_name_itself_count() {
        let own = |answers: &[Vec<u8>]| {
            check(1).own_records(&question("a.test"), &message("a.test", [0x80, 0], answers, &[]))
        };
        let address = |owner, last| record(owner, 1, &[192, 0, 2, last]);
        let alias = |target| record("a.test", CNAME, &wire(target));
        assert_eq!(own(&[address("a.test", 1)]), own(&[address("A.TEST", 1)]));
        assert_ne!(own(&[address("a.test", 1)]), own(&[address("a.test", 2)]));
        assert_ne!(own(&[address("a.test", 1)]), own(&[record("a.test", 16, &[192, 0, 2, 1])]));
        let chain = [alias("b.test"), address("b.test", 1)];
        assert_eq!(own(&chain), own(&[alias("B.Test"), address("b.test", 2)]));
        assert_eq!((own(&chain).len(), own(&[address("b.test", 1)])), (1, vec![]));
        assert!(own(&[record("a.test", RRSIG.0, &[0; 20])]).is_empty());
    }

    #[test]
    fn random_names_are_unlikely_and_differ() {
        let name = |key, parent, number| {
            let question = check(key).below(&question(parent), number)?;
            Some(question.name().to_string())
        };
        let first = name(1, "x.test", 0).expect("short");
        let (label, rest) = first.split_once('.').expect("a parent");
        assert_eq!((label.len(), rest), (16, "x.test."));
        let others = [name(1, "x.test", 1), name(2, "x.test", 0), name(1, "y.test", 0)];
        assert!(others.iter().flatten().all(|other| !other.starts_with(label)), "{others:?}");
        assert_eq!(name(1, ".", 0).map(|name| name.len()), Some(17));
        assert_eq!(name(1, &"x.".repeat(120), 0), None, "too long");
        assert_eq!(parent(&question("a.B.test")), Some(question("b.test")));
        assert_eq!((parent(&question("test")), parent(&question("."))), (Some(question(".")), None));
    }
}
