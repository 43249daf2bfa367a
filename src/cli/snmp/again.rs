//! `--every`: what is kept of agents that are asked again and again.

use std::net::SocketAddr;
use std::time::Duration;

use allears::engine::Time;
use allears::protocol::snmp::IdentityId;

use super::changes::Previous;
use super::schedule::Schedule;
use crate::cli::console::Console;

/// The agents, and when each is due.
pub struct Again {
    pub schedule: Schedule,
    pub hosts: Vec<Host>,
    pub reading: Reading,
    /// The ring had no room for who is due: it will have when something was sent.
    pub is_held_up: bool,
    /// Packets per second that may be sent.
    rate: Option<f64>,
}

/// How far the list of agents was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reading {
    /// There is more at once.
    GoesOn,
    /// For whoever writes the list.
    Waits,
    Over,
}

pub struct Host {
    pub target: SocketAddr,
    pub identity: IdentityId,
    pub is_busy: bool,
    pub left_out: u32,
    pub previous: Option<Previous>,
}

impl Again {
    /// Of an engine that may send so many packets per second.
    pub fn new(interval: Duration, rate: Option<f64>) -> Again {
        let (schedule, hosts, reading) = (Schedule::new(interval), vec![], Reading::GoesOn);
        Again { schedule, hosts, reading, is_held_up: false, rate }
    }

    pub fn add(&mut self, target: SocketAddr, identity: IdentityId, now: Time) {
        self.reading = Reading::GoesOn;
        self.schedule.add(self.hosts.len() as u32, target, now);
        self.hosts.push(Host { target, identity, is_busy: false, left_out: 0, previous: None });
    }

    /// Warns if so many agents, each asked by so many packets at least, are more than the rate allows.
    pub fn warn_of_too_many(&self, parts: usize, console: &Console) {
        let needed = (self.hosts.len() * parts) as f64 / self.schedule.interval().as_secs_f64();
        if let Some(rate) = self.rate.filter(|rate| *rate < needed) {
            console.warn(format_args!(
                "{} agents are at least {needed:.0} packets per second, more than --rate {rate} allows",
                self.hosts.len()
            ));
        }
    }

    /// When it is time to look again.
    pub fn due(&self) -> Option<Time> {
        match self.reading {
            Reading::GoesOn => Some(Time::ZERO),
            _ if self.is_held_up => None,
            _ => self.schedule.next(),
        }
    }
}
