//! The values of an agent's objects. Nothing is stored: a value is a function of the seed, the host, the row and the
//! uptime of the agent.

use std::io::Write;

use super::mib::{Branch, Leaf};
use crate::protocol::snmp::{OidRef, Value};
use crate::sim::dice::{Dice, Purpose, roll};

/// netSnmpAgentOIDs.10, the sysObjectID of Linux agents.
const SYS_OBJECT_ID: OidRef<'_> = OidRef::from_ber(&[0x2b, 6, 1, 4, 1, 0xbf, 0x08, 3, 2, 10]);
/// zeroDotZero.
const NOTHING: OidRef<'_> = OidRef::from_ber(&[0]);
const SPEEDS: [u64; 5] = [10_000_000_000, 1_000_000_000, 1_000_000_000, 1_000_000_000, 100_000_000];
const PLACES: [&str; 5] = ["rack 7, row B", "cellar", "roof", "hall 2", ""];

/// The agent and the time of the values.
#[derive(Clone, Copy, Debug)]
pub(super) struct Moment {
    pub(super) seed: u64,
    pub(super) host: u32,
    /// The uptime of the agent in hundredths of a second.
    pub(super) uptime: u64,
}

/// One interface: its speed and its load.
#[derive(Clone, Copy, Debug)]
struct Interface {
    up: bool,
    /// Bits per second.
    speed: u64,
    received: Traffic,
    sent: Traffic,
    since: u64,
    named: bool,
}

/// The traffic of an interface in one direction.
#[derive(Clone, Copy, Debug)]
struct Traffic {
    octets: u64,
    /// Unicast packets; the other counts are fractions of it.
    packets: u64,
}

impl Moment {
    /// Returns the value of `leaf` at an agent with this number of interfaces. Texts are written to `text`, which is
    /// empty.
    pub(super) fn value<'t>(&self, leaf: Leaf, interfaces: u32, text: &'t mut Vec<u8>) -> Value<'t> {
        let Leaf { branch, column, row } = leaf;
        match branch {
            Branch::System => self.system(column, text),
            Branch::IfNumber => Value::Integer(interfaces.into()),
            Branch::IfTable => self.if_entry(column, row, text),
            Branch::IfXTable => self.if_x_entry(column, row, text),
        }
    }

    fn system<'t>(&self, column: u32, text: &'t mut Vec<u8>) -> Value<'t> {
        let host = self.host;
        match column {
            1 => write(text, format_args!("Simulated agent, host {host} of a fleet")),
            2 => Value::ObjectId(SYS_OBJECT_ID),
            3 => Value::TimeTicks(self.uptime as u32),
            4 => Value::OctetString(b"noc@example.net"),
            5 => write(text, format_args!("host-{host:06}")),
            6 => Value::OctetString(PLACES[host as usize % PLACES.len()].as_bytes()),
            _ => Value::Integer(72),
        }
    }

    fn if_entry<'t>(&self, column: u32, row: u32, text: &'t mut Vec<u8>) -> Value<'t> {
        let interface = self.interface(row);
        let status = if interface.up { 1 } else { 2 };
        let Interface { received, sent, .. } = interface;
        match column {
            1 => Value::Integer(row.into()),
            2 => write(text, format_args!("eth{}", row - 1)),
            // ethernetCsmacd.
            3 => Value::Integer(6),
            4 => Value::Integer(1500),
            5 => Value::Gauge32(u32::try_from(interface.speed).unwrap_or(u32::MAX)),
            6 => self.address(row, text),
            7 => Value::Integer(1),
            8 => Value::Integer(status),
            9 => Value::TimeTicks(interface.since as u32),
            10 => counter32(received.octets),
            11 => counter32(received.packets),
            12 => counter32(received.multicasts() + received.broadcasts()),
            13 => counter32(received.discards()),
            14 => counter32(received.errors()),
            15 => counter32(0),
            16 => counter32(sent.octets),
            17 => counter32(sent.packets),
            18 => counter32(sent.multicasts() + sent.broadcasts()),
            19 => counter32(sent.discards()),
            20 => counter32(sent.errors()),
            21 => Value::Gauge32(0),
            _ => Value::ObjectId(NOTHING),
        }
    }

    fn if_x_entry<'t>(&self, column: u32, row: u32, text: &'t mut Vec<u8>) -> Value<'t> {
        let interface = self.interface(row);
        let Interface { received, sent, .. } = interface;
        match column {
            1 => write(text, format_args!("eth{}", row - 1)),
            2 => counter32(received.multicasts()),
            3 => counter32(received.broadcasts()),
            4 => counter32(sent.multicasts()),
            5 => counter32(sent.broadcasts()),
            6 => Value::Counter64(received.octets),
            7 => Value::Counter64(received.packets),
            8 => Value::Counter64(received.multicasts()),
            9 => Value::Counter64(received.broadcasts()),
            10 => Value::Counter64(sent.octets),
            11 => Value::Counter64(sent.packets),
            12 => Value::Counter64(sent.multicasts()),
            13 => Value::Counter64(sent.broadcasts()),
            14 => Value::Integer(1),
            15 => Value::Gauge32((interface.speed / 1_000_000) as u32),
            // TruthValues: ifPromiscuousMode is false, ifConnectorPresent is true.
            16 => Value::Integer(2),
            17 => Value::Integer(1),
            18 if interface.named => write(text, format_args!("to host-{:06}", self.host + row)),
            18 => Value::OctetString(b""),
            _ => Value::TimeTicks(0),
        }
    }

    fn interface(&self, row: u32) -> Interface {
        let mut dice = Dice::new(roll(self.seed, Purpose::Interface, self.host, row.into()));
        let speed = dice.pick(&SPEEDS);
        let up = dice.below(8) > 0;
        let mut traffic = || {
            // One to sixty percent of its speed, so that 32-bit counters wrap after seconds or hours.
            let load = if up { 1 + dice.below(60) as u64 } else { 0 };
            let octets = (speed / 80_000 * load).wrapping_mul(self.uptime);
            Traffic { octets, packets: octets / (100 + dice.below(1000) as u64) }
        };
        let (received, sent) = (traffic(), traffic());
        let since = (dice.below(100_000) as u64).min(self.uptime);
        Interface { up, speed, received, sent, since, named: dice.below(2) == 0 }
    }

    /// Writes a locally administered address.
    fn address<'t>(&self, row: u32, text: &'t mut Vec<u8>) -> Value<'t> {
        let [_, a, b, c] = self.host.to_be_bytes();
        let [.., d, e] = row.to_be_bytes();
        text.extend_from_slice(&[2, a, b, c, d, e]);
        Value::OctetString(text)
    }
}

impl Traffic {
    fn multicasts(self) -> u64 {
        self.packets / 64
    }

    fn broadcasts(self) -> u64 {
        self.packets / 512
    }

    fn discards(self) -> u64 {
        self.packets / (1 << 20)
    }

    fn errors(self) -> u64 {
        self.packets / (1 << 23)
    }
}

/// Returns the low half of a 64-bit counter, since both count the same (RFC 2863, section 3.1.6).
fn counter32(count: u64) -> Value<'static> {
    Value::Counter32(count as u32)
}

fn write<'t>(text: &'t mut Vec<u8>, arguments: std::fmt::Arguments<'_>) -> Value<'t> {
    // Writing to memory does not fail.
    let _ = text.write_fmt(arguments);
    Value::OctetString(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::snmp::mib::Mib;

    fn moment(seconds: u64) -> Moment {
        Moment { seed: 1, host: 123, uptime: 100 * seconds }
    }

    /// Returns the octet counters of all interfaces for a column of this branch.
    fn octets(branch: Branch, column: u32, seconds: u64) -> Vec<u64> {
        let value = |row| match moment(seconds).value(Leaf { branch, column, row }, 40, &mut Vec::new()) {
            Value::Counter32(count) => count.into(),
            Value::Counter64(count) => count,
            other => panic!("{other:?}"),
        };
        (1..=40).map(value).collect()
    }

    #[test]
    fn counters_move_and_32_bit_counters_wrap_within_minutes() {
        let at = |seconds| octets(Branch::IfXTable, 6, seconds);
        let (before, after) = (at(1000), at(1060));
        assert!(before.iter().zip(&after).all(|(before, after)| before <= after));
        let moved = before.iter().zip(&after).filter(|(before, after)| before < after).count();
        assert!(
            (25..40).contains(&moved),
            "{moved}: the counters of interfaces that are down must not change"
        );
        let low = |seconds| octets(Branch::IfTable, 10, seconds);
        let within_minutes: Vec<_> = (0..300).map(low).collect();
        let wraps = |row: &usize| within_minutes.windows(2).any(|pair| pair[1][*row] < pair[0][*row]);
        assert!((10..35).contains(&(0..40).filter(wraps).count()));
        assert_eq!(low(5000), at(5000).iter().map(|count| count & 0xffff_ffff).collect::<Vec<_>>());
        assert_eq!(at(1000), before, "only time changes counters");
    }

    #[test]
    fn each_host_has_its_own_name_and_traffic() {
        let name = |host| {
            let leaf = Leaf { branch: Branch::System, column: 5, row: 0 };
            let mut text = Vec::new();
            Moment { host, ..moment(0) }.value(leaf, 2, &mut text);
            text
        };
        assert_eq!(name(123), b"host-000123");
        assert_eq!(name(1_234_567), b"host-1234567");
        let octets = |host| Moment { host, ..moment(3600) }.interface(1).received.octets;
        assert_ne!(octets(1), octets(2));
    }

    #[test]
    fn every_leaf_has_a_value_of_its_type_at_any_time() {
        let mib = Mib::new(3);
        for uptime in [0, 1, u64::from(u32::MAX), u64::MAX] {
            for at in 0..mib.len() {
                let mut text = Vec::new();
                let value = Moment { uptime, ..moment(0) }.value(mib.leaf(at), 3, &mut text);
                let is_high = mib.skip_counter64(at) != at;
                assert_eq!(matches!(value, Value::Counter64(_)), is_high, "{:?}: {value:?}", mib.leaf(at));
            }
        }
    }
}
