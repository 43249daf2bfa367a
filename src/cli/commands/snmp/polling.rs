//! `--every`: the state of agents that are polled repeatedly.

use std::net::SocketAddr;
use std::time::Duration;

use allears::engine::Time;
use allears::protocol::snmp::CredentialsId;

use super::changes::{Change, Previous};
use super::parts::Part;
use super::schedule::Schedule;
use crate::cli::console::Console;

/// All agents, and the times when they are due.
pub struct Polling {
    pub schedule: Schedule,
    pub hosts: Vec<PolledHost>,
    pub reading: Reading,
    /// The ring is full; room appears once something is sent.
    pub ring_is_full: bool,
    /// The rate limit in packets per second.
    rate: Option<f64>,
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
        Polling { schedule, hosts, reading, ring_is_full: false, rate }
    }

    pub fn add(&mut self, target: SocketAddr, credentials: CredentialsId, now: Time) {
        self.reading = Reading::GoesOn;
        self.schedule.add(self.hosts.len() as u32, target, now);
        self.hosts.push(PolledHost {
            target,
            credentials,
            is_busy: false,
            left_out: 0,
            previous: Box::default(),
        });
    }

    /// Warns if polling the agents, with at least `parts` packets each, would exceed the rate limit.
    pub fn warn_of_too_many(&self, parts: usize, console: &Console) {
        let needed = (self.hosts.len() * parts) as f64 / self.schedule.interval().as_secs_f64();
        if let Some(rate) = self.rate.filter(|rate| *rate < needed) {
            console.warn(format_args!(
                "{} agents need at least {needed:.0} packets per second; --rate {rate} allows fewer",
                self.hosts.len()
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
        polling.add(target, credentials, Time::ZERO);
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
