//! The engine ID and the clock of an agent (RFC 3411, section 5; RFC 3414, section 2.2).

use std::net::Ipv4Addr;

use crate::protocol::snmp::message::SecurityParameters;
use crate::protocol::snmp::usm::{MAX_BOOTS, WINDOW};
use crate::sim::dice::{Purpose, roll};
use crate::sim::snmp::memory::Memory;
use crate::sim::snmp::{AgentContext, SnmpFault};

/// snmpEngineID.
pub(super) type EngineId = [u8; 13];

/// The engine ID of all agents with [`SnmpFault::SameEngine`]: of the text format (4), where the others use octets (5).
const SAME: EngineId = *b"\x80\0\x7a\x69\x04the-same";
/// The maximum number of boots of an agent when the fleet starts.
const MOST_STARTS: u64 = 50;

/// The engine of one agent at one time.
#[derive(Clone, Copy, Debug)]
pub(in crate::sim::snmp) struct AgentEngine {
    pub(super) id: EngineId,
    /// snmpEngineBoots, at least 1.
    pub(super) boots: u32,
    /// snmpEngineTime: seconds since the agent was started.
    pub(super) time: u32,
}

impl AgentEngine {
    pub(in crate::sim::snmp) fn new(
        base: Ipv4Addr,
        seed: u64,
        context: AgentContext,
        memory: Memory,
    ) -> AgentEngine {
        let uptime = memory.engine_uptime(seed, context);
        let starts = 1 + roll(seed, Purpose::Boots, context.host, 0) % MOST_STARTS;
        AgentEngine {
            id: id(base, context),
            boots: (starts as u32).saturating_add(memory.reboots).min(MAX_BOOTS),
            time: u32::try_from(uptime.as_secs()).unwrap_or(MAX_BOOTS).min(MAX_BOOTS),
        }
    }

    /// Returns true if a message with these numbers is timely (RFC 3414, section 3.2(7)(a)).
    pub(super) fn is_timely(&self, security: &SecurityParameters<'_>) -> bool {
        self.boots < MAX_BOOTS
            && security.boots == i64::from(self.boots)
            && security.time.abs_diff(self.time.into()) <= WINDOW.into()
    }
}

/// Returns the engine ID: the address of the first host and the number of this one. It does not depend on the seed, so
/// the ID of an agent is the same in every run.
fn id(base: Ipv4Addr, context: AgentContext) -> EngineId {
    if context.fault == Some(SnmpFault::SameEngine) {
        return SAME;
    }
    let ([a, b, c, d], [e, f, g, h]) = (base.octets(), context.host.to_be_bytes());
    [0x80, 0, 0x7a, 0x69, 5, a, b, c, d, e, f, g, h]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::Time;

    const BASE: Ipv4Addr = Ipv4Addr::new(127, 1, 0, 1);

    fn engine(seed: u64, host: u32, fault: Option<SnmpFault>, seconds: u64) -> AgentEngine {
        let context = AgentContext { now: Time::from_millis(1000 * seconds), host, fault, garbage: false };
        AgentEngine::new(BASE, seed, context, Memory::default())
    }

    #[test]
    fn an_id_depends_on_the_host_and_not_on_the_seed() {
        let id = |seed, host, fault| engine(seed, host, fault, 0).id;
        assert_eq!(id(1, 258, None), *b"\x80\0\x7a\x69\x05\x7f\x01\0\x01\0\0\x01\x02");
        assert_eq!(id(1, 258, None), id(2, 258, Some(SnmpFault::Reboot)));
        assert_ne!(id(1, 258, None), id(1, 259, None));
        assert_eq!(id(1, 258, Some(SnmpFault::SameEngine)), id(1, 259, Some(SnmpFault::SameEngine)));
    }

    #[test]
    fn boots_are_at_least_one_and_time_advances() {
        let all: Vec<AgentEngine> = (0..200).map(|host| engine(1, host, None, 0)).collect();
        assert!(all.iter().all(|engine| (1..=50).contains(&engine.boots) && engine.time < 100 * 86_400));
        assert!(all.iter().any(|engine| engine.boots != all[0].boots));
        assert_eq!(engine(1, 5, None, 77).time, all[5].time + 77);
        assert_eq!(engine(1, 0, None, 1 << 32).time, MAX_BOOTS);
    }

    #[test]
    fn a_message_is_timely_within_150_seconds_and_the_same_boot() {
        let engine = AgentEngine { time: 1000, ..engine(1, 0, None, 0) };
        let boots = i64::from(engine.boots);
        for (boots, time, is_timely) in [
            (boots, 1000, true),
            (boots, 850, true),
            (boots, 849, false),
            (boots, 1150, true),
            (boots, 1151, false),
            (boots, i64::MIN, false),
            (boots - 1, 1000, false),
            (boots + 1, 1000, false),
        ] {
            let security = SecurityParameters { boots, time, ..SecurityParameters::default() };
            assert_eq!(engine.is_timely(&security), is_timely, "{boots} {time}");
        }
        let used_up = AgentEngine { boots: MAX_BOOTS, ..engine };
        let security =
            SecurityParameters { boots: MAX_BOOTS.into(), time: 1000, ..SecurityParameters::default() };
        assert!(!used_up.is_timely(&security));
    }
}
