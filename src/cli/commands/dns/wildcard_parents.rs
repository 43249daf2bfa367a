//! The parents of names, and what is known about their wildcards. Random names, which nobody has chosen, are queried
//! below a parent. If they have records, these come from a wildcard (RFC 4592), and so does each answer without other
//! records.
//!
//! A wildcard may return different records each time. So random names are queried until several in a row have no new
//! records, but only if there is an answer with records that no random name had.

use std::collections::{HashMap, VecDeque};
use std::mem;

use allears::protocol::dns::Question;

/// The number of answers in a row that must have no new records, for each answer that had some, and once more. If one
/// answer of a pool of that size is still unknown, and all are equally frequent, this many queries miss it with a
/// probability of 2 %.
const QUIET: u32 = 4;

/// The maximum number of random names below a parent: enough for pools of about eight answers.
const MOST_PROBES: u32 = 64;

/// The number of parents that one new parent may push out of memory.
const MOST_FORGOTTEN: usize = 8;

/// The bytes that a parent takes, besides its question and its records.
const PARENT: usize = 200;

/// The origin of an answer: a wildcard, or the name itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WildcardMark {
    /// Random names have the same records.
    Wildcard,
    /// No random name has these records.
    Own,
    /// Random names had no answer, or a different one each time.
    Unknown,
}

impl WildcardMark {
    /// Returns whether the answer is from a wildcard; `None` if that is unknown.
    pub fn is_wildcard(self) -> Option<bool> {
        match self {
            WildcardMark::Wildcard => Some(true),
            WildcardMark::Own => Some(false),
            WildcardMark::Unknown => None,
        }
    }

    /// Returns the remark for human readers; `None` if there is nothing to remark.
    pub fn remark(self) -> Option<&'static str> {
        match self {
            WildcardMark::Wildcard => Some("wildcard"),
            WildcardMark::Own => None,
            WildcardMark::Unknown => Some("maybe wildcard"),
        }
    }
}

/// Hashes of the records of a name, in ascending order, each once.
pub type RecordHashes = Vec<u64>;

/// The parents of names, by the question for their records, and the items that wait until more is known.
pub struct WildcardParents<T> {
    parents: HashMap<Question, Parent<T>>,
    /// The parents below which a random name has to be queried.
    to_probe: VecDeque<Question>,
    /// All parents, in the order in which they are forgotten.
    ages: VecDeque<Question>,
    /// The bytes that the parents take, and the maximum.
    known_bytes: usize,
    most_known: usize,
    /// The bytes that waiting items take, and the number from which on no more are wanted.
    held_bytes: usize,
    most_held: usize,
}

/// One parent, and what is known about it.
struct Parent<T> {
    /// The records of random names.
    seen: RecordHashes,
    /// The number of random names that were queried.
    probes: u32,
    /// The number of answers that had new records, and of those since the last one that did.
    news: u32,
    quiet: u32,
    is_asked: bool,
    has_failed: bool,
    /// True if it was used since its last turn to be forgotten.
    is_used: bool,
    held: Vec<HeldAnswer<T>>,
}

/// An answer that waits.
struct HeldAnswer<T> {
    records: RecordHashes,
    bytes: usize,
    item: T,
}

impl<T> Parent<T> {
    fn new() -> Parent<T> {
        Parent {
            seen: vec![],
            probes: 0,
            news: 0,
            quiet: 0,
            is_asked: false,
            has_failed: false,
            is_used: false,
            held: vec![],
        }
    }

    /// Judges an answer with these records; `None` if another random name has to be queried.
    fn judge(&self, records: &[u64]) -> Option<WildcardMark> {
        if records.iter().all(|record| self.seen.binary_search(record).is_ok()) {
            Some(WildcardMark::Wildcard)
        } else if self.has_failed {
            Some(WildcardMark::Unknown)
        } else if self.probes > 0 && (self.news == 0 || self.quiet >= QUIET * (self.news + 1)) {
            Some(WildcardMark::Own)
        } else if self.probes >= MOST_PROBES {
            Some(WildcardMark::Unknown)
        } else {
            None
        }
    }

    /// Adds the records of a random name; `None` if there was no answer.
    fn learn(&mut self, found: Option<RecordHashes>) {
        self.is_asked = false;
        self.probes += 1;
        let Some(found) = found else {
            self.has_failed = true;
            return;
        };
        let before = self.seen.len();
        self.seen.extend(found);
        self.seen.sort_unstable();
        self.seen.dedup();
        self.seen.shrink_to_fit();
        if self.seen.len() > before {
            self.news += 1;
            self.quiet = 0;
        } else {
            self.quiet += 1;
        }
    }

    /// Removes and returns the items that can be judged now.
    fn release(&mut self) -> Vec<(HeldAnswer<T>, WildcardMark)> {
        let mut released = vec![];
        for held in mem::take(&mut self.held) {
            match self.judge(&held.records) {
                Some(mark) => released.push((held, mark)),
                None => self.held.push(held),
            }
        }
        released
    }

    fn is_idle(&self) -> bool {
        self.held.is_empty() && !self.is_asked
    }
}

/// Returns the bytes that a parent takes, without the items that it holds.
fn parent_bytes<T>(question: &Question, parent: &Parent<T>) -> usize {
    PARENT + 3 * question.as_wire().len() + parent.seen.capacity() * size_of::<u64>()
}

impl<T> WildcardParents<T> {
    /// Creates an empty table. What is known may take `most` bytes, and what waits as many.
    pub fn new(most: usize) -> WildcardParents<T> {
        WildcardParents {
            parents: HashMap::new(),
            to_probe: VecDeque::new(),
            ages: VecDeque::new(),
            known_bytes: 0,
            most_known: most,
            held_bytes: 0,
            most_held: most,
        }
    }

    /// Judges an answer with these records below a parent, and returns its item with the mark. `None` if the item,
    /// which takes `bytes`, has to wait.
    pub fn judge(
        &mut self,
        parent: &Question,
        records: RecordHashes,
        bytes: usize,
        item: T,
    ) -> Option<(T, WildcardMark)> {
        let is_new = !self.parents.contains_key(parent);
        if is_new {
            self.forget();
            let new = Parent::new();
            self.known_bytes += parent_bytes(parent, &new);
            self.parents.insert(parent.clone(), new);
            self.ages.push_back(parent.clone());
        }
        let known = self.parents.get_mut(parent)?;
        known.is_used |= !is_new;
        if let Some(mark) = known.judge(&records) {
            return Some((item, mark));
        }
        let bytes = bytes + size_of_val(records.as_slice());
        self.held_bytes += bytes;
        known.held.push(HeldAnswer { records, bytes, item });
        if !mem::replace(&mut known.is_asked, true) {
            self.to_probe.push_back(parent.clone());
        }
        None
    }

    /// Returns the next parent below which a random name has to be queried, and the number of that name.
    pub fn next_probe(&mut self) -> Option<(Question, u32)> {
        let parent = self.to_probe.pop_front()?;
        let number = self.parents.get(&parent).map_or(0, |known| known.probes);
        Some((parent, number))
    }

    /// Adds the records of a random name below this parent, `None` if there was no answer. Returns the items that no
    /// longer wait. If what is known takes twice the memory that it may, since no parent can be forgotten, records are
    /// dropped, as if there was no answer.
    pub fn learn(&mut self, parent: &Question, found: Option<RecordHashes>) -> Vec<(T, WildcardMark)> {
        self.forget();
        let room = (2 * self.most_known).saturating_sub(self.known_bytes);
        let found = found.filter(|found| size_of_val(found.as_slice()) <= room);
        let Some(known) = self.parents.get_mut(parent) else { return vec![] };
        let before = parent_bytes(parent, known);
        known.learn(found);
        self.known_bytes = self.known_bytes + parent_bytes(parent, known) - before;
        let released = known.release();
        if !known.held.is_empty() {
            known.is_asked = true;
            // Before parents that were not asked yet, so that items need not wait for the random names of all others.
            self.to_probe.push_front(parent.clone());
        }
        self.held_bytes -= released.iter().map(|(held, _)| held.bytes).sum::<usize>();
        released.into_iter().map(|(held, mark)| (held.item, mark)).collect()
    }

    /// Returns all items that wait. The origin of their answers stays unknown.
    pub fn give_up(&mut self) -> Vec<(T, WildcardMark)> {
        self.held_bytes = 0;
        self.to_probe.clear();
        let held = self.parents.values_mut().flat_map(|parent| mem::take(&mut parent.held));
        held.map(|held| (held.item, WildcardMark::Unknown)).collect()
    }

    /// Returns whether items wait.
    pub fn holds_any(&self) -> bool {
        self.held_bytes > 0
    }

    /// Returns whether so much waits that no more names should be queried.
    pub fn is_full(&self) -> bool {
        self.held_bytes >= self.most_held
    }

    /// Forgets a few of the least recently used parents, if they take too much memory. They are queried again if
    /// needed.
    fn forget(&mut self) {
        for _ in 0..MOST_FORGOTTEN {
            if self.known_bytes <= self.most_known {
                return;
            }
            let Some(oldest) = self.ages.pop_front() else { return };
            match self.parents.get_mut(&oldest) {
                Some(known) if known.is_used || !known.is_idle() => {
                    known.is_used = false;
                    self.ages.push_back(oldest);
                }
                Some(known) => {
                    self.known_bytes -= parent_bytes(&oldest, known);
                    self.parents.remove(&oldest);
                }
                None => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use allears::protocol::dns::{Class, Name, RecordType};

    use super::*;

    fn question(name: &str) -> Question {
        Question::new(&name.parse::<Name>().expect("a name"), RecordType::A, Class::IN)
    }

    fn parents() -> WildcardParents<u32> {
        WildcardParents::new(1 << 20)
    }

    /// Answers random names below `x` until nothing waits, and returns what was released, and the number of names.
    fn settle(
        parents: &mut WildcardParents<u32>,
        mut answer: impl FnMut(u32) -> Option<RecordHashes>,
    ) -> (Vec<(u32, WildcardMark)>, u32) {
        let (mut released, mut count) = (vec![], 0);
        while let Some((parent, number)) = parents.next_probe() {
            assert_eq!(number, count, "each name once");
            count += 1;
            released.extend(parents.learn(&parent, answer(number)));
        }
        assert!(!parents.holds_any());
        (released, count)
    }

    #[test]
    fn one_random_name_suffices_without_a_wildcard() {
        let (mut parents, x) = (parents(), question("x"));
        assert_eq!(parents.judge(&x, vec![1], 10, 1), None);
        assert_eq!(parents.judge(&x, vec![2], 10, 2), None);
        let own = [(1, WildcardMark::Own), (2, WildcardMark::Own)];
        assert_eq!(settle(&mut parents, |_| Some(vec![])), (own.to_vec(), 1));
        assert_eq!(parents.judge(&x, vec![3], 10, 3), Some((3, WildcardMark::Own)), "remembered");
    }

    #[test]
    fn the_same_records_are_from_the_wildcard_and_others_need_more_names() {
        let (mut parents, x) = (parents(), question("x"));
        assert_eq!(parents.judge(&x, vec![1], 10, 1), None);
        assert_eq!(settle(&mut parents, |_| Some(vec![1, 2])), (vec![(1, WildcardMark::Wildcard)], 1));
        assert_eq!(parents.judge(&x, vec![2], 10, 2), Some((2, WildcardMark::Wildcard)));
        assert_eq!(parents.judge(&x, vec![1, 3], 10, 3), None);
        let (parent, number) = parents.next_probe().expect("another name");
        assert_eq!((number, parents.learn(&parent, Some(vec![1]))), (1, vec![]));
        let mut more = 0;
        let own = loop {
            let (parent, _) = parents.next_probe().expect("another name");
            more += 1;
            let released = parents.learn(&parent, Some(vec![1, 2]));
            if !released.is_empty() {
                break released;
            }
        };
        assert_eq!((own, more + 1), (vec![(3, WildcardMark::Own)], QUIET * 2));
    }

    #[test]
    fn rotating_answers_are_all_from_the_wildcard() {
        for pool in 1..=8 {
            let (mut parents, x) = (parents(), question("x"));
            for record in 0..pool {
                assert_eq!(parents.judge(&x, vec![record], 10, record as u32), None);
            }
            let (released, names) = settle(&mut parents, |number| Some(vec![u64::from(number) % pool]));
            assert!(names <= pool as u32 && released.len() == pool as usize, "{pool}: {names}");
            assert!(released.iter().all(|(_, mark)| *mark == WildcardMark::Wildcard), "{pool}");
        }
    }

    #[test]
    fn answers_that_never_repeat_and_failures_are_unknown() {
        let (mut parents, x) = (parents(), question("x"));
        assert_eq!(parents.judge(&x, vec![1], 10, 1), None);
        let endless = |number: u32| Some(vec![1000 + u64::from(number)]);
        assert_eq!(settle(&mut parents, endless), (vec![(1, WildcardMark::Unknown)], MOST_PROBES));
        assert_eq!(parents.judge(&x, vec![1003], 10, 2), Some((2, WildcardMark::Wildcard)));

        let y = question("y");
        assert_eq!(parents.judge(&y, vec![1], 10, 3), None);
        assert_eq!(settle(&mut parents, |_| None), (vec![(3, WildcardMark::Unknown)], 1));
        assert_eq!(parents.judge(&y, vec![1], 10, 4), Some((4, WildcardMark::Unknown)), "asked once");
    }

    #[test]
    fn what_waits_is_counted_and_given_up_at_the_end() {
        let mut parents = WildcardParents::new(100);
        assert_eq!(parents.judge(&question("x"), vec![1], 60, 1), None);
        assert!(parents.holds_any() && !parents.is_full());
        assert_eq!(parents.judge(&question("y"), vec![1], 60, 2), None);
        assert!(parents.is_full());
        let (x, _) = parents.next_probe().expect("a parent");
        assert_eq!(parents.learn(&x, Some(vec![])), [(1, WildcardMark::Own)]);
        assert!(!parents.is_full() && parents.holds_any());
        assert_eq!(parents.give_up(), [(2, WildcardMark::Unknown)]);
        assert!(!parents.holds_any() && parents.next_probe().is_none());
    }

    #[test]
    fn parents_that_were_asked_come_first() {
        let mut parents = parents();
        for (number, name) in ["x", "y"].into_iter().enumerate() {
            assert_eq!(parents.judge(&question(name), vec![1], 10, number as u32), None);
        }
        let (x, _) = parents.next_probe().expect("a parent");
        assert_eq!(parents.learn(&x, Some(vec![2])), []);
        assert_eq!(parents.next_probe(), Some((x, 1)));
        assert_eq!(parents.next_probe(), Some((question("y"), 0)));
    }

    #[test]
    fn random_names_with_many_records_take_no_more_memory_than_they_may() {
        const MOST: usize = 1 << 18;
        let mut parents = WildcardParents::new(MOST);
        for number in 0..100 {
            assert_eq!(parents.judge(&question(&format!("x{number}")), vec![1], 10, number), None);
        }
        let (mut next, mut released) = (2, 0);
        while let Some((parent, _)) = parents.next_probe() {
            next += 400;
            let endless = (next - 400..next).collect();
            released += parents.learn(&parent, Some(endless)).len();
            assert!(parents.known_bytes <= 2 * MOST, "{}", parents.known_bytes);
        }
        assert!(released == 100 && !parents.holds_any());
    }

    #[test]
    fn parents_are_forgotten_if_there_are_many_but_not_those_in_use() {
        let mut parents = WildcardParents::new(100 * 250);
        let often = question("often");
        let mut asked = 0;
        for number in 0..10_000 {
            let rare = question(&format!("x{number}"));
            for parent in [&often, &rare] {
                if parents.judge(parent, vec![1], 10, 0).is_none() {
                    asked += u32::from(*parent == often);
                    let (parent, _) = parents.next_probe().expect("a parent");
                    assert_eq!(parents.learn(&parent, Some(vec![])).len(), 1);
                }
            }
            assert!(parents.known_bytes <= 101 * 250 + 300 && parents.parents.len() == parents.ages.len());
        }
        assert_eq!(asked, 1);
        assert!((50..150).contains(&parents.parents.len()), "{}", parents.parents.len());
    }
}
