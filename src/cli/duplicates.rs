//! Targets that are named several times: while a target's query is open, further lines share it.
//!
//! Only open targets are remembered, so memory depends on the window and not on the number of targets.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::hash::Hash;

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
    /// The number of lines of each open target that have no result yet. One query is open for each `sharing` of them.
    lines: HashMap<K, u64>,
}

impl<K: Eq + Hash> Duplicates<K> {
    pub fn new(args: DuplicatesArgs) -> Duplicates<K> {
        let sharing = if args.allow_duplicates { 1 } else { SHARING };
        Duplicates { sharing, lines: HashMap::new() }
    }

    /// Adds a line. Returns whether its target has to be queried: otherwise it shares a query that is open.
    pub fn add(&mut self, target: K) -> bool {
        let lines = self.lines.entry(target).or_default();
        *lines += 1;
        (*lines - 1).is_multiple_of(self.sharing)
    }

    /// Handles the end of one of the target's queries. Returns the number of lines that its result is for.
    pub fn end(&mut self, target: K) -> u64 {
        let Entry::Occupied(mut lines) = self.lines.entry(target) else { return 0 };
        let ended = self.sharing.min(*lines.get());
        *lines.get_mut() -= ended;
        if *lines.get() == 0 {
            lines.remove();
        }
        ended
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
        assert_eq!(['a', 'b', 'a', 'a'].map(|target| duplicates.add(target)), [true, true, false, false]);
        assert_eq!((duplicates.end('a'), duplicates.end('b')), (3, 1));
        assert!(duplicates.lines.is_empty(), "ended targets take no memory");
        assert!(duplicates.add('a'), "queried again after its end");
        assert_eq!(duplicates.end('a'), 1);
    }

    #[test]
    fn allowed_duplicates_share_nothing() {
        let mut duplicates = duplicates(true);
        assert_eq!(['a', 'a'].map(|target| duplicates.add(target)), [true, true]);
        assert_eq!([duplicates.end('a'), duplicates.end('a')], [1, 1]);
        assert!(duplicates.lines.is_empty());
    }

    #[test]
    fn a_query_has_a_bounded_number_of_lines_and_each_line_one_result() {
        let mut duplicates = duplicates(false);
        let (mut open, mut results) = (0, 0);
        let add = |duplicates: &mut Duplicates<char>, open: &mut u64, lines: u64| {
            *open += (0..lines).filter(|_| duplicates.add('a')).count() as u64;
        };
        add(&mut duplicates, &mut open, 2 * SHARING + 1);
        assert_eq!(open, 3);
        results += duplicates.end('a');
        open -= 1;
        add(&mut duplicates, &mut open, SHARING);
        while open > 0 {
            let lines = duplicates.end('a');
            assert!((1..=SHARING).contains(&lines), "{lines}");
            results += lines;
            open -= 1;
        }
        assert_eq!(results, 3 * SHARING + 1);
        assert!(duplicates.lines.is_empty());
    }
}
