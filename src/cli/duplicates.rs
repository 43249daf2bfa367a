//! Targets that are named several times: while a target's query is open, further lines share it.
//!
//! Only open targets are remembered, so memory depends on the window and not on the number of targets.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::hash::Hash;
use std::sync::Arc;

use clap::Args;

/// The maximum number of lines that share a query: their results are all written at once.
const SHARING: u64 = 1000;

/// The argument for duplicates.
#[derive(Args, Clone, Copy, Debug)]
pub struct DuplicatesArgs {
    /// Query a target once per line, even if it is already being queried for an earlier line
    #[arg(long, help_heading = "Input")]
    pub allow_duplicates: bool,
}

/// The lines of the open targets. Lines with the same key `K` share queries.
pub struct Duplicates<K> {
    /// The maximum number of lines that share a query.
    sharing: u64,
    open: HashMap<K, OpenLines>,
}

/// The lines of an open target that have no result yet. One query is open for each `sharing` of them.
#[derive(Default)]
struct OpenLines {
    /// The number of lines with an address.
    addresses: u64,
    /// The lines with a name.
    names: Vec<Arc<str>>,
}

impl<K: Eq + Hash> Duplicates<K> {
    pub fn new(args: DuplicatesArgs) -> Duplicates<K> {
        let sharing = if args.allow_duplicates { 1 } else { SHARING };
        Duplicates { sharing, open: HashMap::new() }
    }

    /// Adds a line, with its name if it has one. Returns whether its target has to be queried: otherwise it shares a
    /// query that is open.
    pub fn add(&mut self, target: K, name: Option<Arc<str>>) -> bool {
        let lines = self.open.entry(target).or_default();
        let before = lines.count();
        match name {
            Some(name) => lines.names.push(name),
            None => lines.addresses += 1,
        }
        before.is_multiple_of(self.sharing)
    }

    /// Handles the end of one of the target's queries. Returns the lines that its result is for, each with its name if
    /// it has one.
    pub fn end(&mut self, target: K) -> impl Iterator<Item = Option<Arc<str>>> + use<K> {
        let mut ended = OpenLines::default();
        if let Entry::Occupied(mut open) = self.open.entry(target) {
            ended = open.get_mut().take(self.sharing);
            if open.get().count() == 0 {
                open.remove();
            }
        }
        ended.names.into_iter().map(Some).chain((0..ended.addresses).map(|_| None))
    }
}

impl OpenLines {
    fn count(&self) -> u64 {
        self.addresses + self.names.len() as u64
    }

    /// Takes at most this number of lines.
    fn take(&mut self, most: u64) -> OpenLines {
        let addresses = most.min(self.addresses);
        self.addresses -= addresses;
        let names = usize::try_from(most - addresses).unwrap_or(usize::MAX).min(self.names.len());
        OpenLines { addresses, names: self.names.drain(..names).collect() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn duplicates(allow_duplicates: bool) -> Duplicates<char> {
        Duplicates::new(DuplicatesArgs { allow_duplicates })
    }

    #[test]
    fn lines_share_the_query_that_is_open() {
        let mut duplicates = duplicates(false);
        assert_eq!(
            ['a', 'b', 'a', 'a'].map(|target| duplicates.add(target, None)),
            [true, true, false, false]
        );
        assert_eq!((duplicates.end('a').count(), duplicates.end('b').count()), (3, 1));
        assert!(duplicates.open.is_empty(), "ended targets take no memory");
        assert!(duplicates.add('a', None), "queried again after its end");
        assert_eq!(duplicates.end('a').count(), 1);
    }

    #[test]
    fn allowed_duplicates_share_nothing() {
        let mut duplicates = duplicates(true);
        assert_eq!(['a', 'a'].map(|target| duplicates.add(target, None)), [true, true]);
        assert_eq!([duplicates.end('a').count(), duplicates.end('a').count()], [1, 1]);
        assert!(duplicates.open.is_empty());
    }

    #[test]
    fn a_query_has_a_bounded_number_of_lines_and_each_line_one_result() {
        let mut duplicates = duplicates(false);
        let (mut open, mut results) = (0, 0);
        let add = |duplicates: &mut Duplicates<char>, open: &mut u64, lines: u64| {
            *open += (0..lines).filter(|_| duplicates.add('a', None)).count() as u64;
        };
        add(&mut duplicates, &mut open, 2 * SHARING + 1);
        assert_eq!(open, 3);
        results += duplicates.end('a').count() as u64;
        open -= 1;
        add(&mut duplicates, &mut open, SHARING);
        while open > 0 {
            let lines = duplicates.end('a').count() as u64;
            assert!((1..=SHARING).contains(&lines), "{lines}");
            results += lines;
            open -= 1;
        }
        assert_eq!(results, 3 * SHARING + 1);
        assert!(duplicates.open.is_empty());
    }

    #[test]
    fn each_line_has_its_own_name() {
        let mut duplicates = duplicates(false);
        for name in [Some("one.test"), None, Some("two.test")] {
            duplicates.add('a', name.map(Arc::from));
        }
        let mut names: Vec<_> = duplicates.end('a').collect();
        names.sort_unstable();
        assert_eq!(names, [None, Some("one.test".into()), Some("two.test".into())]);
        assert!(duplicates.open.is_empty());
    }
}
