//! Damaged datagrams, for parsers.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;

/// Returns a strategy for one of these datagrams, none of which is empty, with a few bytes changed; and for the same with
/// further bytes inserted.
pub fn mutated(datagrams: Vec<Vec<u8>>) -> impl Strategy<Value = [Vec<u8>; 2]> {
    let changes = vec((any::<Index>(), any::<u8>()), 1..8);
    let inserted = (any::<Index>(), vec(any::<u8>(), 0..4));
    (any::<Index>(), changes, inserted).prop_map(move |(which, changes, (cut, inserted))| {
        let mut changed = which.get(&datagrams).clone();
        for (at, byte) in changes {
            *at.get_mut(&mut changed) = byte;
        }
        let mut longer = changed.clone();
        let at = cut.index(longer.len());
        longer.splice(at..at, inserted);
        [changed, longer]
    })
}
