//! The state of each host: its traits, and the number of its requests.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use super::dice::Purpose;
use super::plan::Plan;
use crate::engine::Time;

/// The span within which requests to one host are counted together: that of [`Limit::Protect2`](super::Limit).
const SPAN: Duration = Duration::from_secs(2);

/// All hosts of a fleet: 12 bytes each, more for those that misbehave, and 16 for each request of the last two
/// seconds.
#[derive(Debug)]
pub(super) struct Hosts {
    all: Vec<HostState>,
    /// The hosts that misbehave.
    faults: HashMap<u32, &'static str>,
    /// The requests of the last two seconds, oldest first.
    recent: VecDeque<(Time, u32)>,
    /// The number of hosts that never reply.
    pub(super) dead: u32,
    /// The number of hosts that received at least one request.
    pub(super) asked: u64,
    /// The maximum number of requests to one host within any two seconds.
    pub(super) max_within_span: u32,
}

/// The state of one host.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct HostState {
    pub(super) dead: bool,
    pub(super) multi_homed: bool,
    pub(super) garbage: bool,
    /// The number of requests so far.
    requests: u32,
    /// The number of requests within the last two seconds.
    within_span: u32,
}

impl HostState {
    /// Returns true if the host is alive, and replies properly from the address that received the request.
    pub(super) fn is_proper(self) -> bool {
        !(self.dead || self.multi_homed || self.garbage)
    }
}

impl Hosts {
    pub(super) fn new(plan: &Plan) -> Hosts {
        let mut all = vec![HostState::default(); plan.hosts as usize];
        let dead = plan.choose(Purpose::Dead, plan.dead);
        dead.iter().for_each(|&host| all[host as usize].dead = true);
        for host in plan.choose(Purpose::MultiHomed, plan.wrong_source) {
            all[host as usize].multi_homed = true;
        }
        for host in plan.choose(Purpose::Garbage, plan.garbage) {
            all[host as usize].garbage = true;
        }
        let faults = plan.misbehaving().into_iter().collect();
        Hosts { all, faults, recent: VecDeque::new(), dead: dead.len() as u32, asked: 0, max_within_span: 0 }
    }

    pub(super) fn get(&self, host: u32) -> HostState {
        self.all[host as usize]
    }

    /// Returns the fault of this host.
    pub(super) fn fault(&self, host: u32) -> Option<&'static str> {
        self.faults.get(&host).copied()
    }

    /// Counts a request, and returns the number that this host received before. Time does not go back.
    pub(super) fn count_request(&mut self, now: Time, host: u32) -> u32 {
        while let Some(&(at, other)) = self.recent.front().filter(|(at, _)| now - *at >= SPAN) {
            debug_assert!(at <= now);
            self.all[other as usize].within_span -= 1;
            self.recent.pop_front();
        }
        self.recent.push_back((now, host));
        let host = &mut self.all[host as usize];
        host.within_span += 1;
        self.max_within_span = self.max_within_span.max(host.within_span);
        self.asked += u64::from(host.requests == 0);
        host.requests = host.requests.saturating_add(1);
        host.requests - 1
    }

    /// Chooses the host that the wanted player is on: one that is alive and replies properly. Returns it with the
    /// player's name; `None` if no player is wanted, the protocol has no players, or there is no such host.
    pub(super) fn choose_wanted(&self, plan: &Plan) -> Option<(u32, Arc<str>)> {
        let name = plan.wanted.as_deref().filter(|_| plan.protocol.has_players)?;
        let proper = (0..plan.hosts).filter(|&host| self.get(host).is_proper());
        let host = proper.min_by_key(|&host| plan.roll(Purpose::Wanted, host, 0))?;
        Some((host, name.into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_within_any_two_seconds_are_counted_exactly() {
        let mut hosts = Hosts::new(&Plan { hosts: 3, ..Plan::default() });
        for (ms, host) in [(0, 0), (0, 1), (1000, 0), (1999, 0), (2000, 0), (2001, 1), (9000, 0)] {
            hosts.count_request(Time::from_millis(ms), host);
        }
        // The fullest span is from 1000 ms to just under 3000 ms, as full as the one from 0 ms.
        assert_eq!((hosts.max_within_span, hosts.asked), (3, 2));
        assert_eq!(hosts.count_request(Time::from_millis(9000), 0), 5);
    }

    #[test]
    fn a_million_hosts_stay_small() {
        assert!(size_of::<HostState>() <= 12);
        let plan = Plan { hosts: 1_000_000, dead: 0.3, ..Plan::default() };
        let hosts = Hosts::new(&plan);
        assert_eq!((hosts.dead, hosts.all.iter().filter(|host| host.dead).count()), (300_000, 300_000));
    }
}
