//! What an agent remembers from one request to the next, and for how long it has been up.

use std::time::Duration;

use super::{Asked, SnmpFault};
use crate::engine::Time;
use crate::sim::dice::{Purpose, part_of, roll};

/// Requests after which an agent with [`SnmpFault::Restart`] or [`SnmpFault::Reboot`] is started anew.
const REQUESTS_OF_A_LIFE: u32 = 7;
/// How long an agent can have been up when the fleet starts.
const LONGEST_UPTIME: Duration = Duration::from_secs(100 * 24 * 3600);

/// What an agent remembers.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Memory {
    /// Requests that it has understood since it was started.
    requests: u32,
    started: Option<Time>,
    /// How often its engine was started anew.
    pub(super) reboots: u32,
    /// The ids of the last request, and of the one before.
    id: Option<i64>,
    id_before: Option<i64>,
}

impl Memory {
    /// Whether an agent with this fault needs one.
    pub(super) fn is_needed(fault: Option<SnmpFault>) -> bool {
        matches!(fault, Some(SnmpFault::StaleId | SnmpFault::Restart | SnmpFault::Reboot))
    }

    /// A request comes in. Before it is looked at, the agent is started anew if it is time to.
    pub(super) fn hear(&mut self, asked: Asked, id: i64) {
        (self.id_before, self.id) = (self.id, Some(id));
        if asked.fault == Some(SnmpFault::StaleId) || self.requests < REQUESTS_OF_A_LIFE {
            return;
        }
        (self.requests, self.started) = (0, Some(asked.now));
        self.reboots += u32::from(asked.fault == Some(SnmpFault::Reboot));
    }

    /// That request was understood, and not merely reported on.
    pub(super) fn has_understood(&mut self) {
        self.requests = self.requests.saturating_add(1);
    }

    /// The id of the request before the last, whose own was `id`; one that could have been, if there was none.
    pub(super) fn stale_id(&self, id: i64) -> i64 {
        self.id_before.filter(|before| *before != id).unwrap_or((id - 1).rem_euclid(1 << 31))
    }

    /// How long the agent has been up.
    pub(super) fn uptime(&self, seed: u64, asked: Asked) -> Duration {
        match self.started {
            Some(started) => asked.now - started,
            None => {
                let before = roll(seed, Purpose::Uptime, asked.host, 0);
                asked.now - Time::ZERO + part_of(before, LONGEST_UPTIME)
            }
        }
    }

    /// How long its engine has: [`SnmpFault::Restart`] leaves that alone.
    #[cfg(feature = "usm")]
    pub(super) fn engine_uptime(&self, seed: u64, asked: Asked) -> Duration {
        let memory = if asked.fault == Some(SnmpFault::Restart) { &Memory::default() } else { self };
        memory.uptime(seed, asked)
    }
}
