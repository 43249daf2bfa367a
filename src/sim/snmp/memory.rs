//! The state of an agent between requests, and its uptime.

use std::time::Duration;

use super::{AgentContext, SnmpFault};
use crate::engine::Time;
use crate::sim::dice::{Purpose, part_of, roll};

/// The number of requests after which an agent with [`SnmpFault::Restart`] or [`SnmpFault::Reboot`] restarts.
const REQUESTS_OF_A_LIFE: u32 = 7;
/// The maximum uptime of an agent when the fleet starts.
const LONGEST_UPTIME: Duration = Duration::from_secs(100 * 24 * 3600);

/// The state of an agent between requests.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Memory {
    /// The number of requests that it responded to since it started, not counting reports.
    requests: u32,
    started: Option<Time>,
    /// The number of restarts of its engine.
    pub(super) reboots: u32,
    /// The IDs of the last request and of the one before it.
    id: Option<i64>,
    id_before: Option<i64>,
}

impl Memory {
    /// Returns true if an agent with this fault needs a memory.
    pub(super) fn is_needed(fault: Option<SnmpFault>) -> bool {
        matches!(fault, Some(SnmpFault::StaleId | SnmpFault::Restart | SnmpFault::Reboot))
    }

    /// Records a request. The agent restarts first if it is time to.
    pub(super) fn receive(&mut self, context: AgentContext, id: i64) {
        (self.id_before, self.id) = (self.id, Some(id));
        if context.fault == Some(SnmpFault::StaleId) || self.requests < REQUESTS_OF_A_LIFE {
            return;
        }
        (self.requests, self.started) = (0, Some(context.now));
        self.reboots += u32::from(context.fault == Some(SnmpFault::Reboot));
    }

    /// Counts a response that is not a report.
    pub(super) fn count_response(&mut self) {
        self.requests = self.requests.saturating_add(1);
    }

    /// Returns the ID of the request before the last one, whose ID was `id`. If there was none, returns an ID that it
    /// could have had.
    pub(super) fn stale_id(&self, id: i64) -> i64 {
        self.id_before.filter(|before| *before != id).unwrap_or((id - 1).rem_euclid(1 << 31))
    }

    /// Returns the uptime of the agent.
    pub(super) fn uptime(&self, seed: u64, context: AgentContext) -> Duration {
        match self.started {
            Some(started) => context.now - started,
            None => {
                let before = roll(seed, Purpose::Uptime, context.host, 0);
                context.now - Time::ZERO + part_of(before, LONGEST_UPTIME)
            }
        }
    }

    /// Returns the uptime of its engine, which [`SnmpFault::Restart`] does not restart.
    #[cfg(feature = "usm")]
    pub(super) fn engine_uptime(&self, seed: u64, context: AgentContext) -> Duration {
        let memory = if context.fault == Some(SnmpFault::Restart) { &Memory::default() } else { self };
        memory.uptime(seed, context)
    }
}
