//! `--every`: the state of agents that are polled repeatedly.

use std::collections::HashMap;
use std::mem;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use allears::engine::Time;
use allears::protocol::snmp::CredentialsId;

use super::changes::{Change, Previous};
use super::parts::Part;
use crate::cli::console::Console;
use crate::cli::schedule::Schedule;

/// All agents, and the times when they are due.
pub struct Polling {
    pub schedule: Schedule,
    pub hosts: Vec<PolledHost>,
    pub reading: Reading,
    /// The ring is full; room appears once something is sent.
    pub ring_is_full: bool,
    /// The rate limit in packets per second.
    rate: Option<f64>,
    /// While the list is read again: the agents that were in it, and have not been found so far.
    missing: HashMap<(SocketAddr, CredentialsId), u32>,
}

/// The progress of reading the list of agents.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reading {
    /// More lines can be read at once.
    GoesOn,
    /// The writer of the list is slow.
    Waits,
    Over,
}

pub struct PolledHost {
    pub target: SocketAddr,
    pub credentials: CredentialsId,
    /// The target as typed, if that was a name.
    pub name: Option<Arc<str>>,
    /// False once the list was read again without it.
    is_listed: bool,
    pub is_busy: bool,
    pub left_out: u32,
    /// The last answer of each conversation with the agent.
    previous: Box<[Previous]>,
}

impl PolledHost {
    /// Returns the changes of the agent's counters since the last poll.
    pub fn compare(&mut self, parts: &[Part]) -> Vec<Change> {
        if self.previous.len() != parts.len() {
            self.previous = parts.iter().map(|_| Previous::default()).collect();
        }
        let pairs = self.previous.iter_mut().zip(parts);
        pairs.flat_map(|(previous, part)| previous.compare(&part.answer, part.at)).collect()
    }
}

impl Polling {
    /// Creates the state. `rate` is the engine's limit in packets per second.
    pub fn new(interval: Duration, rate: Option<f64>) -> Polling {
        let (schedule, hosts, reading) = (Schedule::new(interval), vec![], Reading::GoesOn);
        Polling { schedule, hosts, reading, ring_is_full: false, rate, missing: HashMap::new() }
    }

    /// Adds an agent of the list. Returns whether it is new.
    pub fn add(
        &mut self,
        target: SocketAddr,
        credentials: CredentialsId,
        name: Option<Arc<str>>,
        now: Time,
    ) -> bool {
        self.reading = Reading::GoesOn;
        if let Some(number) = self.missing.remove(&(target, credentials)) {
            let host = &mut self.hosts[number as usize];
            (host.is_listed, host.name) = (true, name);
            return false;
        }
        self.schedule.add(self.hosts.len() as u32, target, now);
        self.hosts.push(PolledHost {
            target,
            credentials,
            name,
            is_listed: true,
            is_busy: false,
            left_out: 0,
            previous: Box::default(),
        });
        true
    }

    /// Starts to read the list again. Agents keep their times and counters.
    pub fn reload(&mut self) {
        self.reading = Reading::GoesOn;
        for (number, host) in (0..).zip(&mut self.hosts) {
            if mem::take(&mut host.is_listed) {
                self.missing.insert((host.target, host.credentials), number);
            }
        }
    }

    /// Ends the reading. If the list was read to its end, agents that are not in it any more are dropped.
    pub fn end_reading(&mut self, is_complete: bool) {
        self.reading = Reading::Over;
        for (_, number) in self.missing.drain() {
            self.hosts[number as usize].is_listed = !is_complete;
        }
        let hosts = &self.hosts;
        self.schedule.retain(|number| hosts[number as usize].is_listed);
    }

    /// Warns if polling the agents, with at least `parts` packets each, would exceed the rate limit.
    pub fn warn_of_too_many(&self, parts: usize, console: &Console) {
        let listed = self.hosts.iter().filter(|host| host.is_listed).count();
        let needed = (listed * parts) as f64 / self.schedule.interval().as_secs_f64();
        if let Some(rate) = self.rate.filter(|rate| *rate < needed) {
            console.warn(format_args!(
                "{} agents need at least {needed:.0} packets per second; --rate {rate} allows fewer",
                listed
            ));
        }
    }

    /// Returns the time of the next poll or read.
    pub fn due(&self) -> Option<Time> {
        match self.reading {
            Reading::GoesOn => Some(Time::ZERO),
            _ if self.ring_is_full => None,
            _ => self.schedule.next(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use allears::protocol::snmp::{Answer, Credentials, OidRef, Snmp, Value, Version};

    #[test]
    fn a_restart_between_two_parts_of_a_poll_does_not_affect_the_first() {
        let (mut snmp, target) = (Snmp::new(1), ([127, 0, 0, 1], 161).into());
        let public = Credentials::community(Version::V2c, b"public");
        let credentials = snmp.add_credentials(public);
        let mut polling = Polling::new(Duration::from_secs(60), None);
        polling.add(target, credentials, None, Time::ZERO);
        let part = |uptime, count, seconds: u64| {
            let mut answer = Answer::of([(OidRef::from_ber(&[0x2b, 6]), Value::Counter32(count))]);
            answer.uptime = Some(uptime);
            Part { answer, at: Time::from_millis(seconds * 1000) }
        };
        let mut poll = |parts: [Part; 2]| {
            let changes = polling.hosts[0].compare(&parts);
            changes.iter().map(|change| (change.delta, change.mark)).collect::<Vec<_>>()
        };
        let (none, reset) = ((None, None), (None, Some("reset")));
        assert_eq!(poll([part(100_000, 10, 1), part(100_000, 1000, 1)]), [none, none]);
        // The agent restarted some seconds before it received the second part.
        assert_eq!(poll([part(106_000, 15, 61), part(100, 3, 66)]), [(Some(5), None), reset]);
        assert_eq!(poll([part(5_500, 2, 121), part(5_500, 7, 121)]), [reset, (Some(4), None)]);
    }
}
