//! The zone: the answer to any question, from the name and the type alone. It is the same at all hosts of all fleets.

use std::net::{Ipv4Addr, Ipv6Addr};

use crate::protocol::dns::RecordType;

/// The number of labels of the deepest names that exist without a rule of their own.
const DEEPEST: u8 = 3;

/// Returns the address that ends the answer to a question for `name` of type A. `None` if the answer has no address.
///
/// `name` has no escapes, and may end with a dot.
pub fn a_record(name: &str) -> Option<Ipv4Addr> {
    owner_hash(name, RecordType::A).map(a_data).map(Ipv4Addr::from)
}

/// Returns the address that ends the answer to a question for `name` of type AAAA. `None` if the answer has no address.
///
/// `name` has no escapes, and may end with a dot.
pub fn aaaa_record(name: &str) -> Option<Ipv6Addr> {
    owner_hash(name, RecordType::AAAA).map(aaaa_data).map(Ipv6Addr::from)
}

/// Returns the hash of a name, in its wire format, and a type: FNV-1a with 64 bits of the lower-case name and the two
/// bytes of the type, folded.
///
/// ```
/// use allears::sim::dns::name_hash;
///
/// assert_eq!(name_hash(b"\x03www\x04Test\0", 1), name_hash(b"\x03WWW\x04test\0", 1));
/// ```
pub fn name_hash(name: &[u8], of: u16) -> u64 {
    let hash = fnv(FNV_START, name.iter().copied());
    fold(fnv(hash, of.to_be_bytes()))
}

/// The offset basis of FNV-1a with 64 bits.
const FNV_START: u64 = 0xcbf2_9ce4_8422_2325;

/// Continues FNV-1a. The lengths of labels are below the letters, so they remain as they are.
fn fnv(hash: u64, bytes: impl IntoIterator<Item = u8>) -> u64 {
    bytes.into_iter().fold(hash, |hash, byte| {
        (hash ^ u64::from(byte.to_ascii_lowercase())).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

fn fold(hash: u64) -> u64 {
    hash ^ (hash >> 32)
}

/// Returns the data of an A record: 10.0.0.0/8 and the lower 24 bits of the hash.
pub(super) fn a_data(hash: u64) -> [u8; 4] {
    (10 << 24 | hash as u32 & 0xff_ffff).to_be_bytes()
}

/// Returns the data of an AAAA record: 2001:db8::/64 and the hash.
pub(super) fn aaaa_data(hash: u64) -> [u8; 16] {
    (0x2001_0db8_u128 << 96 | u128::from(hash)).to_be_bytes()
}

/// The records of the zone at a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rule {
    /// One record, or a few, of each common type.
    Records,
    /// More addresses or texts than a datagram has room for.
    Many,
    /// An alias for another name.
    Alias,
    NoData,
    NxDomain,
    ServFail,
    Refused,
}

/// The rules of names by the start of their first label, in lower case.
const RULES: [(&[u8], Rule); 9] = [
    (b"nx", Rule::NxDomain),
    (b"nodata", Rule::NoData),
    (b"cname", Rule::Alias),
    (b"alias", Rule::Alias),
    (b"dangling", Rule::Alias),
    (b"loop", Rule::Alias),
    (b"big", Rule::Many),
    (b"servfail", Rule::ServFail),
    (b"refused", Rule::Refused),
];

/// A name of the zone, split after its first label.
#[derive(Clone, Copy, Debug)]
pub(super) struct ZoneName<'a> {
    /// The first label, without its length; empty for the root.
    pub(super) first: Label,
    /// The labels after it, in wire format; empty for the root.
    rest: &'a [u8],
    /// The length of the last two labels and the root: the name of the zone's SOA record.
    pub(super) apex: usize,
    /// True if there is a wildcard above the name.
    is_wild: bool,
    depth: u8,
    is_reverse: bool,
}

/// The content of a label: at most 63 bytes.
#[derive(Clone, Copy)]
pub(super) struct Label {
    len: u8,
    bytes: [u8; 63],
}

impl std::fmt::Debug for Label {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.bytes().escape_ascii())
    }
}

impl Label {
    /// Joins two parts, which have at most 63 bytes together.
    fn join(start: &[u8], rest: &[u8]) -> Label {
        let mut bytes = [0; 63];
        let len = start.len() + rest.len();
        bytes[..start.len()].copy_from_slice(start);
        bytes[start.len()..len].copy_from_slice(rest);
        Label { len: len as u8, bytes }
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes[..usize::from(self.len)]
    }
}

impl<'a> ZoneName<'a> {
    /// Splits a name in its wire format.
    pub(super) fn new(wire: &'a [u8]) -> ZoneName<'a> {
        let first = usize::from(wire[0]);
        let (mut at, mut last, mut before_last) = (0, 0, 0);
        let (mut depth, mut wildcard) = (0, None);
        while wire[at] != 0 {
            let end = at + 1 + usize::from(wire[at]);
            if depth > 0 && wildcard.is_none() && starts_with(&wire[at + 1..end], b"wild") {
                wildcard = Some(at);
            }
            (before_last, last) = (last, at);
            depth += 1;
            at = end;
        }
        // All names below a wildcard share the records of one name.
        let (label, rest) = match wildcard {
            Some(parent) => (&b"*"[..], &wire[parent..]),
            None if depth == 0 => (&b""[..], &b""[..]),
            None => (&wire[1..=first], &wire[first + 1..]),
        };
        ZoneName {
            first: Label::join(label, b""),
            rest,
            apex: if depth > 1 { wire.len() - before_last } else { 1 },
            is_wild: wildcard.is_some(),
            depth,
            is_reverse: wire[last..].eq_ignore_ascii_case(b"\x04arpa\0"),
        }
    }

    pub(super) fn rule(&self) -> Rule {
        if self.is_wild {
            return Rule::Records;
        }
        let of_label = RULES.iter().find(|(start, _)| starts_with(self.first.bytes(), start));
        match of_label {
            Some((_, rule)) => *rule,
            None if self.depth < 2 => Rule::NoData,
            None if self.depth > DEEPEST && !self.is_reverse => Rule::NxDomain,
            None => Rule::Records,
        }
    }

    /// Returns the hash of the name and a type.
    pub(super) fn hash(&self, of: RecordType) -> u64 {
        let first = fnv(fnv(FNV_START, [self.first.len]), self.first.bytes().iter().copied());
        fold(fnv(fnv(first, self.rest.iter().copied()), of.0.to_be_bytes()))
    }

    /// Returns the target of an alias, which is below the same parent.
    pub(super) fn target(&self) -> ZoneName<'a> {
        let label = self.first.bytes();
        let replaced = |skip: usize, start: &[u8]| Label::join(start, &label[skip..]);
        let first = match label[0].to_ascii_lowercase() {
            b'c' => match label.get(5) {
                Some(digit @ b'2'..=b'9') => {
                    Label::join(&[b'c', b'n', b'a', b'm', b'e', digit - 1], &label[6..])
                }
                _ => replaced(5, b"alias"),
            },
            b'a' => replaced(5, b"owner"),
            b'd' => replaced(8, b"nx"),
            _ => self.first,
        };
        ZoneName { first, ..*self }
    }

    /// Returns true if the name is an alias for itself.
    pub(super) fn is_loop(&self) -> bool {
        starts_with(self.first.bytes(), b"loop")
    }
}

fn starts_with(label: &[u8], start: &[u8]) -> bool {
    label.len() >= start.len() && label[..start.len()].eq_ignore_ascii_case(start)
}

/// Returns the hash of the name at the end of the aliases, if it has addresses.
fn owner_hash(name: &str, of: RecordType) -> Option<u64> {
    let mut wire = Vec::new();
    for label in name.trim_end_matches('.').split('.').filter(|label| !label.is_empty()) {
        wire.push(u8::try_from(label.len()).ok().filter(|len| *len < 64)?);
        wire.extend_from_slice(label.as_bytes());
    }
    wire.push(0);
    let mut name = ZoneName::new(&wire);
    while name.rule() == Rule::Alias && !name.is_loop() {
        name = name.target();
    }
    matches!(name.rule(), Rule::Records | Rule::Many).then(|| name.hash(of))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(wire: &[u8]) -> ZoneName<'_> {
        ZoneName::new(wire)
    }

    #[test]
    fn the_first_label_decides_and_then_the_depth() {
        for (wire, rule) in [
            (&b"\x02nx\x01a\x04test\0"[..], Rule::NxDomain),
            (b"\x04NX-7\x04test\0", Rule::NxDomain),
            (b"\x06nodata\x04test\0", Rule::NoData),
            (b"\x06cname3\x04test\0", Rule::Alias),
            (b"\x04big9\x04test\0", Rule::Many),
            (b"\x08servfail\x04test\0", Rule::ServFail),
            (b"\x07REFUSED\x04test\0", Rule::Refused),
            (b"\0", Rule::NoData),
            (b"\x04test\0", Rule::NoData),
            (b"\x01n\x04test\0", Rule::Records),
            (b"\x03www\x01a\x04test\0", Rule::Records),
            (b"\x01x\x03www\x01a\x04test\0", Rule::NxDomain),
            (b"\x011\x012\x013\x014\x07in-addr\x04arpa\0", Rule::Records),
            (b"\x02nx\x01a\x05wild7\x04test\0", Rule::Records),
        ] {
            assert_eq!(name(wire).rule(), rule, "{}", wire.escape_ascii());
        }
    }

    #[test]
    fn the_hash_depends_on_name_and_type_without_case() {
        let wire = &b"\x03www\x04test\0"[..];
        assert_eq!(name(wire).hash(RecordType(1)), name_hash(b"\x03WWW\x04Test\0", 1));
        assert_ne!(name(wire).hash(RecordType(1)), name(wire).hash(RecordType(28)));
        assert_eq!(name(b"\0").hash(RecordType(2)), name_hash(b"\0", 2));
        let wild = name_hash(b"\x01*\x04wild\x04test\0", 1);
        for below in [&b"\x01a\x04wild\x04test\0"[..], b"\x01b\x01a\x04WILD\x04test\0"] {
            assert_eq!(name(below).hash(RecordType(1)), wild);
        }
        assert_ne!(name(b"\x04wild\x04test\0").hash(RecordType(1)), wild, "the parent itself");
    }

    #[test]
    fn aliases_end_at_a_name_with_records_or_not_at_all() {
        let targets = |label: &str| {
            let mut wire = vec![label.len() as u8];
            wire.extend_from_slice(label.as_bytes());
            wire.extend_from_slice(b"\x04test\0");
            let mut all = Vec::new();
            let mut at = name(&wire);
            while at.rule() == Rule::Alias && !at.is_loop() {
                at = at.target();
                all.push(format!("{:?}", at.first));
            }
            all
        };
        assert_eq!(targets("cname-7"), ["alias-7", "owner-7"]);
        assert_eq!(targets("CNAME3b"), ["cname2b", "cname1b", "alias1b", "owner1b"]);
        assert_eq!(targets("dangling7"), ["nx7"]);
        assert_eq!(targets("loop"), [""; 0]);
        assert_eq!(a_record("cname-7.test"), a_record("owner-7.test."));
        assert!(a_record("owner-7.test").is_some() && aaaa_record("big.test").is_some());
        for none in ["nx.test", "dangling.test", "loop.test", "test", "", "a.b.c.test", "servfail.test"] {
            assert_eq!(a_record(none), None, "{none}");
        }
    }

    #[test]
    fn the_zone_is_the_last_two_labels() {
        for (wire, apex) in [
            (&b"\x02nx\x01a\x04test\0"[..], &b"\x01a\x04test\0"[..]),
            (b"\x01a\x04test\0", b"\x01a\x04test\0"),
            (b"\x04test\0", b"\0"),
            (b"\0", b"\0"),
        ] {
            assert_eq!(&wire[wire.len() - name(wire).apex..], apex);
        }
    }

    #[test]
    fn many_names_have_many_addresses() {
        let mut all: Vec<_> = (0..10_000).map(|i| a_record(&format!("n{i}.bench.test"))).collect();
        assert!(all.iter().all(|address| address.is_some_and(|address| address.octets()[0] == 10)));
        all.sort_unstable();
        all.dedup();
        assert!(all.len() > 9_980, "{}", all.len());
    }
}
