//! The faults of real agents.

use super::mib::{Branch, Leaf};
use crate::protocol::snmp::ber::{self, Writer};
use crate::protocol::snmp::{OidRef, Value, Varbinds, tag};
use crate::sim::dice::Dice;
use crate::sim::fault_names::{fault_named, fault_names};

/// A type of former SNMP: NsapAddress of RFC 1442.
const NSAP: u8 = 0x45;

/// The names of all faults.
pub(in crate::sim) const FAULTS: [&str; SnmpFault::ALL.len()] = fault_names(&SnmpFault::ALL);

/// The fault of an agent, which is correct otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SnmpFault {
    /// A request with more than 8 variable bindings gets an error, tooBig, with the variable bindings of the request.
    TooBig,
    /// The same without any variable bindings, as from MikroTik.
    TooBigEmpty,
    /// The last row of ifDescr is followed by its first.
    NonIncreasing,
    /// Odd encodings: lengths in more bytes than needed, counters without a leading zero byte, an integer without
    /// content, and an unknown type.
    OddBer,
    /// Each reply is preceded by a copy with the ID (in v3, the msgID) of the previous request.
    StaleId,
    /// The agent restarts after every seventh request. Its v3 engine keeps running.
    Restart,
    /// The agent restarts with its engine: boots is incremented, and time is zero.
    Reboot,
    /// The engine ID is the same for all agents with this fault.
    SameEngine,
    /// Replies to GETBULK of more than 600 bytes are lost, as if fragments were dropped.
    SlowBulk,
}

impl SnmpFault {
    /// All faults, with their names.
    pub(super) const ALL: [(&str, SnmpFault); 9] = [
        ("too-big", SnmpFault::TooBig),
        ("too-big-empty", SnmpFault::TooBigEmpty),
        ("non-increasing", SnmpFault::NonIncreasing),
        ("odd-ber", SnmpFault::OddBer),
        ("stale-id", SnmpFault::StaleId),
        ("restart", SnmpFault::Restart),
        ("reboot", SnmpFault::Reboot),
        ("same-engine", SnmpFault::SameEngine),
        ("slow-bulk", SnmpFault::SlowBulk),
    ];

    /// Returns the fault with this name.
    pub(super) fn named(name: &str) -> Option<SnmpFault> {
        fault_named(name, &SnmpFault::ALL)
    }
}

/// Writes a variable binding as agents with [`SnmpFault::OddBer`] do.
pub(super) fn write_odd(leaf: Leaf, name: OidRef<'_>, value: &Value<'_>, writer: &mut Writer) {
    let end = writer.len();
    match (leaf.branch, leaf.column, value) {
        (Branch::IfTable, 4, _) => writer.element(ber::INTEGER, &[]),
        (Branch::IfTable, 15, _) => writer.element(tag::COUNTER32, &[0xff; 4]),
        (Branch::IfTable, 22, _) => writer.element(NSAP, &[0x49, 0, 1]),
        (_, _, Value::Counter32(count)) => writer.element(tag::COUNTER32, &count.to_be_bytes()),
        (_, _, Value::Counter64(count)) => {
            writer.element(tag::COUNTER64, &(count | 1 << 63).to_be_bytes());
        }
        _ => value.write(writer),
    }
    writer.element(ber::OBJECT_ID, name.as_ber());
    let len = writer.len() - end;
    writer.bytes(&[ber::SEQUENCE, 0x82, (len >> 8) as u8, len as u8]);
}

/// Encodes the length of a message in more bytes than it needs.
pub(super) fn lengthen(message: &mut Vec<u8>) {
    let Ok(len) = ber::Reader::new(message).expect(ber::SEQUENCE).map(<[u8]>::len) else { return };
    let header = message.len() - len;
    message.splice(..header, [ber::SEQUENCE, 0x83, 0, (len >> 8) as u8, len as u8]);
}

/// Cuts a list of variable bindings within one of them. An empty list becomes the beginning of one.
pub(super) fn cut(list: &mut Vec<u8>, dice: &mut Dice) {
    if list.is_empty() {
        list.push(ber::SEQUENCE);
    }
    list.truncate(1 + dice.below(list.len().max(2) - 1));
    let mut varbinds = Varbinds::new(list);
    varbinds.by_ref().for_each(drop);
    if varbinds.broken().is_none() {
        list.pop();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_fault_has_one_name() {
        for (name, (listed, fault)) in FAULTS.into_iter().zip(SnmpFault::ALL) {
            assert_eq!((name, SnmpFault::named(name)), (listed, Some(fault)));
        }
        assert_eq!(SnmpFault::named("sulk"), None);
    }

    #[test]
    fn a_cut_list_is_never_complete() {
        let varbind = [0x30, 7, 6, 2, 0x2b, 6, 2, 1, 5];
        for seed in 0..500 {
            let mut list = varbind.repeat(seed % 3);
            cut(&mut list, &mut Dice::new(seed as u64));
            let mut varbinds = Varbinds::new(&list);
            varbinds.by_ref().for_each(drop);
            assert!(varbinds.broken().is_some(), "{list:?}");
        }
    }
}
