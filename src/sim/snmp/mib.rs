//! The objects of an agent, and their order: the system group (RFC 3418), and the interfaces with both of their tables
//! (RFC 2863).
//!
//! The leaves are numbered in the order of their names, tables column by column. So the successor of a name can be
//! computed directly, for any number of interfaces.

use std::ops::Range;

use crate::protocol::snmp::{OidRef, Value, push_arc};

/// The objects of an agent with a given number of interfaces.
#[derive(Clone, Copy, Debug)]
pub(super) struct Mib {
    interfaces: u32,
}

/// One object: the instance of a column, or of a scalar, whose row is 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Leaf {
    pub(super) branch: Branch,
    pub(super) column: u32,
    pub(super) row: u32,
}

/// Objects whose names differ only in the last two arcs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Branch {
    System,
    IfNumber,
    IfTable,
    IfXTable,
}

/// All branches, in the order of their names.
const BRANCHES: [Branch; 4] = [Branch::System, Branch::IfNumber, Branch::IfTable, Branch::IfXTable];
/// The column that agents with [`NonIncreasing`](super::faults::SnmpFault::NonIncreasing) repeat endlessly.
const IF_DESCR: u32 = 2;

impl Branch {
    /// Returns the common beginning of the names, as BER.
    const fn root(self) -> &'static [u8] {
        match self {
            Branch::System => &[0x2b, 6, 1, 2, 1, 1],
            Branch::IfNumber => &[0x2b, 6, 1, 2, 1, 2],
            Branch::IfTable => &[0x2b, 6, 1, 2, 1, 2, 2, 1],
            Branch::IfXTable => &[0x2b, 6, 1, 2, 1, 31, 1, 1, 1],
        }
    }

    /// Its columns, numbered from 1.
    const fn columns(self) -> u32 {
        match self {
            Branch::System => 7,
            Branch::IfNumber => 1,
            Branch::IfTable => 22,
            Branch::IfXTable => 19,
        }
    }

    /// Returns the first row.
    const fn first_row(self) -> u32 {
        match self {
            Branch::System | Branch::IfNumber => 0,
            Branch::IfTable | Branch::IfXTable => 1,
        }
    }
}

impl Leaf {
    /// Appends the name, as BER.
    pub(super) fn write_name(self, out: &mut Vec<u8>) {
        out.extend_from_slice(self.branch.root());
        push_arc(self.column.into(), out);
        push_arc(self.row.into(), out);
    }
}

impl Mib {
    pub(super) const fn new(interfaces: u32) -> Mib {
        Mib { interfaces }
    }

    /// Returns the number of rows in the tables.
    pub(super) const fn interfaces(&self) -> u32 {
        self.interfaces
    }

    /// Returns the number of leaves.
    pub(super) fn len(&self) -> u32 {
        BRANCHES.iter().map(|branch| self.leaves(*branch)).sum()
    }

    /// Returns leaf `at`, which is less than [`len`](Mib::len).
    pub(super) fn leaf(&self, at: u32) -> Leaf {
        let mut within = at;
        let is_in = |branch: &Branch| {
            let leaves = self.leaves(*branch);
            let is_in = within < leaves;
            within -= if is_in { 0 } else { leaves };
            is_in
        };
        // Every leaf is in a branch.
        let branch = BRANCHES.into_iter().find(is_in).unwrap_or(Branch::IfXTable);
        let rows = self.rows(branch).max(1);
        Leaf { branch, column: within / rows + 1, row: within % rows + branch.first_row() }
    }

    /// Returns the leaf with this name, or the exception for a missing one (RFC 3416, section 4.2.1).
    pub(super) fn find(&self, oid: OidRef<'_>) -> Result<u32, Value<'static>> {
        let mut first = 0;
        for branch in BRANCHES {
            let mut arcs = oid.below(OidRef::from_ber(branch.root())).into_iter().flatten();
            let column = arcs.next().filter(|column| (1..=branch.columns()).contains(column));
            if let Some(column) = column {
                let row = arcs.next().and_then(|row| row.checked_sub(branch.first_row()));
                let row = row.filter(|row| *row < self.rows(branch) && arcs.next().is_none());
                let leaf = row.map(|row| first + (column - 1) * self.rows(branch) + row);
                return leaf.ok_or(Value::NoSuchInstance);
            }
            first += self.leaves(branch);
        }
        Err(Value::NoSuchObject)
    }

    /// Returns the first leaf whose name is greater; [`len`](Mib::len) if there is none.
    pub(super) fn after(&self, oid: OidRef<'_>) -> u32 {
        let mut first = 0;
        for branch in BRANCHES {
            let root = OidRef::from_ber(branch.root());
            let Some(mut arcs) = oid.below(root) else {
                if oid < root {
                    return first;
                }
                first += self.leaves(branch);
                continue;
            };
            let column = arcs.next().unwrap_or(0);
            if column <= branch.columns() {
                let row = arcs.next().map(|row| row.saturating_add(1).saturating_sub(branch.first_row()));
                return first + self.passed(branch, column, row.unwrap_or(0));
            }
            first += self.leaves(branch);
        }
        first
    }

    /// Returns the number of leaves of a branch before the leaf `rows` rows into `column`.
    fn passed(&self, branch: Branch, column: u32, rows: u32) -> u32 {
        match column {
            0 => 0,
            column => (column - 1) * self.rows(branch) + rows.min(self.rows(branch)),
        }
    }

    /// Returns the first leaf from `at` on that a v1 agent has: v1 has no Counter64 (RFC 3584, section 4.2.2.1).
    pub(super) fn skip_counter64(&self, at: u32) -> u32 {
        let all = self.columns(Branch::IfXTable, 6, 13);
        if all.contains(&at) { all.end } else { at }
    }

    /// Returns the leaf after the name `oid` if the last row of ifDescr is followed by its first.
    pub(super) fn after_in_circles(&self, oid: OidRef<'_>) -> u32 {
        let descr = oid.below(OidRef::from_ber(Branch::IfTable.root())).and_then(|mut arcs| arcs.next());
        let next = self.after(oid);
        if descr == Some(IF_DESCR) { self.round_the_circle(next) } else { next }
    }

    /// Replaces the leaf after the last row of ifDescr by its first row.
    pub(super) fn round_the_circle(&self, next: u32) -> u32 {
        let descr = self.columns(Branch::IfTable, IF_DESCR, IF_DESCR);
        if next == descr.end { descr.start } else { next }
    }

    /// Returns the leaves of columns `from` to `to`.
    fn columns(&self, branch: Branch, from: u32, to: u32) -> Range<u32> {
        let before: u32 =
            BRANCHES.iter().take_while(|other| **other != branch).map(|other| self.leaves(*other)).sum();
        let rows = self.rows(branch);
        before + (from - 1) * rows..before + to * rows
    }

    const fn rows(&self, branch: Branch) -> u32 {
        if branch.first_row() == 0 { 1 } else { self.interfaces }
    }

    const fn leaves(&self, branch: Branch) -> u32 {
        branch.columns() * self.rows(branch)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::snmp::Oid;

    fn oid(text: &str) -> Oid {
        text.parse().expect("an object identifier")
    }

    fn name(mib: &Mib, at: u32) -> Oid {
        let mut name = Vec::new();
        mib.leaf(at).write_name(&mut name);
        OidRef::from_ber(&name).to_oid()
    }

    #[test]
    fn names_increase_strictly_and_map_back_to_their_leaves() {
        for interfaces in [0, 1, 2, 127, 128, 300] {
            let mib = Mib::new(interfaces);
            assert_eq!(mib.len(), 8 + 41 * interfaces);
            let names: Vec<Oid> = (0..mib.len()).map(|at| name(&mib, at)).collect();
            assert!(names.windows(2).all(|pair| pair[0] < pair[1]), "{interfaces}");
            for (at, name) in (0..).zip(&names) {
                assert_eq!(mib.find(name.as_oid()), Ok(at), "{name}");
            }
        }
    }

    #[test]
    fn the_successor_of_each_name_is_the_next_leaf_until_the_end() {
        for interfaces in [0, 1, 3, 200] {
            let mib = Mib::new(interfaces);
            let (mut at, mut walked) = (mib.after(oid("0.0").as_oid()), 0);
            while at < mib.len() {
                assert_eq!(at, walked);
                walked += 1;
                at = mib.after(name(&mib, at).as_oid());
            }
            assert_eq!(walked, mib.len());
        }
    }

    #[test]
    fn the_successor_of_a_name_between_leaves_is_the_next_leaf() {
        let mib = Mib::new(3);
        for (asked, next) in [
            ("1.3.6.1.2.1", "1.3.6.1.2.1.1.1.0"),
            ("1.3.6.1.2.1.1", "1.3.6.1.2.1.1.1.0"),
            ("1.3.6.1.2.1.1.0.5", "1.3.6.1.2.1.1.1.0"),
            ("1.3.6.1.2.1.1.1", "1.3.6.1.2.1.1.1.0"),
            ("1.3.6.1.2.1.1.1.0.0", "1.3.6.1.2.1.1.2.0"),
            ("1.3.6.1.2.1.1.7.4294967295", "1.3.6.1.2.1.2.1.0"),
            ("1.3.6.1.2.1.1.9999.0", "1.3.6.1.2.1.2.1.0"),
            ("1.3.6.1.2.1.2.1.0", "1.3.6.1.2.1.2.2.1.1.1"),
            ("1.3.6.1.2.1.2.2", "1.3.6.1.2.1.2.2.1.1.1"),
            ("1.3.6.1.2.1.2.2.1.10", "1.3.6.1.2.1.2.2.1.10.1"),
            ("1.3.6.1.2.1.2.2.1.10.0", "1.3.6.1.2.1.2.2.1.10.1"),
            ("1.3.6.1.2.1.2.2.1.10.1.7", "1.3.6.1.2.1.2.2.1.10.2"),
            ("1.3.6.1.2.1.2.2.1.10.3", "1.3.6.1.2.1.2.2.1.11.1"),
            ("1.3.6.1.2.1.2.2.1.10.900", "1.3.6.1.2.1.2.2.1.11.1"),
            ("1.3.6.1.2.1.2.2.1.22.3", "1.3.6.1.2.1.31.1.1.1.1.1"),
            ("1.3.6.1.2.1.2.2.1.23", "1.3.6.1.2.1.31.1.1.1.1.1"),
            ("1.3.6.1.2.1.4.1", "1.3.6.1.2.1.31.1.1.1.1.1"),
        ] {
            assert_eq!(name(&mib, mib.after(oid(asked).as_oid())), oid(next), "{asked}");
        }
        for behind_all in ["1.3.6.1.2.1.31.1.1.1.19.3", "1.3.6.1.2.1.31.1.1.1.20", "1.3.6.1.4.1", "2.5"] {
            assert_eq!(mib.after(oid(behind_all).as_oid()), mib.len(), "{behind_all}");
        }
    }

    #[test]
    fn a_missing_name_lacks_an_object_or_an_instance() {
        let mib = Mib::new(2);
        for (asked, exception) in [
            ("1.3.6.1.2.1.1.5", Value::NoSuchInstance),
            ("1.3.6.1.2.1.1.5.1", Value::NoSuchInstance),
            ("1.3.6.1.2.1.1.5.0.0", Value::NoSuchInstance),
            ("1.3.6.1.2.1.2.2.1.10.0", Value::NoSuchInstance),
            ("1.3.6.1.2.1.2.2.1.10.3", Value::NoSuchInstance),
            ("1.3.6.1.2.1.2.2.1.23.1", Value::NoSuchObject),
            ("1.3.6.1.2.1.1.9999.0", Value::NoSuchObject),
            ("1.3.6.1.9.9.0", Value::NoSuchObject),
        ] {
            assert_eq!(mib.find(oid(asked).as_oid()), Err(exception), "{asked}");
        }
    }

    #[test]
    fn v1_skips_the_eight_columns_of_counter64() {
        let mib = Mib::new(5);
        let high = mib.find(oid("1.3.6.1.2.1.31.1.1.1.6.1").as_oid()).expect("ifHCInOctets");
        assert_eq!(mib.skip_counter64(high - 1), high - 1);
        let behind = oid("1.3.6.1.2.1.31.1.1.1.14.1");
        for at in [high, high + 1, high + 39] {
            assert_eq!(name(&mib, mib.skip_counter64(at)), behind);
        }
        assert_eq!(mib.skip_counter64(high + 40), high + 40);
    }

    #[test]
    fn a_loop_starts_again_after_the_last_row_of_one_column() {
        let mib = Mib::new(3);
        let next = |text: &str| name(&mib, mib.after_in_circles(oid(text).as_oid())).to_string();
        assert_eq!(next("1.3.6.1.2.1.2.2.1.2"), "1.3.6.1.2.1.2.2.1.2.1");
        assert_eq!(next("1.3.6.1.2.1.2.2.1.2.2"), "1.3.6.1.2.1.2.2.1.2.3");
        assert_eq!(next("1.3.6.1.2.1.2.2.1.2.3"), "1.3.6.1.2.1.2.2.1.2.1");
        assert_eq!(next("1.3.6.1.2.1.2.2.1.3"), "1.3.6.1.2.1.2.2.1.3.1");
    }
}
