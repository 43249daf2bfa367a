//! One turn: drains the sockets, sends what may be sent, expires what is due, and sleeps.

use std::io;
use std::ops::RangeInclusive;
use std::time::Duration;

use super::errno::NO_SUCH_FAMILY;
use super::lane::Lane;
use super::socket::{Inbox, Packet};
use super::streams::Streams;
use super::system::System;
use crate::engine::{Engine, Protocol, Time, Transmit, Transport};

/// Maximum datagrams and errors received in one turn, before anything is sent: a few milliseconds of work.
const RECEIVE_LIMIT: usize = 256;

/// Maximum packets sent in one turn, before replies are read again.
const BURST_LIMIT: usize = 128;

/// The first pause in sending when the system's queue is full, or when no packet can be sent. Not every system reports
/// when there is room again, and Linux reports it once for each packet that leaves.
const SEND_PAUSE: Duration = Duration::from_millis(1);
/// The maximum pause: it doubles each time, until something is sent.
const LONGEST_SEND_PAUSE: Duration = Duration::from_millis(16);

/// The number of packets tried in a turn during an outage, and the age of an outage at which this applies. Other
/// packets wait, since a link may soon be back; but not longer, or a broken network would keep a sweep open.
const PROBES: usize = 1;
const PROBING: RangeInclusive<Duration> = Duration::from_millis(50)..=Duration::from_secs(5);

/// The state between turns.
#[derive(Debug)]
pub(super) struct Driver<S: System> {
    pub system: S,
    pub lanes: Vec<Lane<S::Endpoint>>,
    streams: Streams<S::Stream>,
    inbox: Inbox,
    /// The payloads of one burst.
    bytes: Vec<u8>,
    /// The packets of a burst that the system had no room for.
    unsent: Vec<(usize, Transmit)>,
    /// The time since which the system has refused all packets; `None` if the last burst was sent.
    pub outage: Option<Time>,
    /// Sending pauses until this time.
    paused_until: Time,
    send_pause: Duration,
    /// Sending pauses until everything that arrived before this time has been read; `None` if it has.
    backlog: Option<Time>,
}

impl<S: System> Driver<S> {
    pub fn new(system: S) -> Driver<S> {
        Driver {
            system,
            lanes: Vec::new(),
            streams: Streams::new(),
            inbox: Inbox::new(),
            bytes: Vec::new(),
            unsent: Vec::new(),
            outage: None,
            paused_until: Time::ZERO,
            send_pause: SEND_PAUSE,
            backlog: None,
        }
    }

    /// See [`Net::turn`](super::Net::turn).
    pub fn turn<P: Protocol, T>(&mut self, engine: &mut Engine<P, T>, until: Option<Time>) -> io::Result<()> {
        let ended = engine.ledger().ended();
        let start = self.system.now();
        let is_due = engine.next_deadline().is_some_and(|due| due <= start);
        self.count_local_drops(engine, start, is_due);
        // Deadlines up to this time may expire: local drops up to then are counted, and all sockets are read, including
        // those that were empty before.
        let horizon = if is_due { start } else { Time::ZERO };
        self.lanes.iter_mut().for_each(|lane| lane.readable |= is_due);
        let received = self.receive(engine, start, horizon)? + self.receive_streams(engine);
        let sent = if self.has_caught_up(start) { self.burst(engine, self.system.now()) } else { 0 };
        engine.handle_timeout(horizon.min(self.read_up_to()));

        let worked = received + sent > 0 || engine.ledger().ended() != ended;
        let wake = if worked { Some(start) } else { self.next_turn(engine).into_iter().chain(until).min() };
        let Driver { system, lanes, streams, .. } = self;
        system.wait_for(wake, |token, has_errors| match lanes.get_mut(token) {
            Some(lane) => {
                lane.readable = true;
                lane.has_errors |= has_errors;
            }
            None => streams.mark_ready(token),
        })
    }

    /// See [`Net::next_turn`](super::Net::next_turn).
    pub fn next_turn<P: Protocol, T>(&self, engine: &mut Engine<P, T>) -> Option<Time> {
        if self.is_readable() || self.streams.is_ready() {
            return Some(Time::ZERO);
        }
        // While a socket cannot be read, nothing expires.
        if let Some(retry_at) = self.lanes.iter().filter_map(Lane::receive_retry_at).min() {
            return Some(retry_at);
        }
        // While sending is paused, a packet to send is no reason to wake up.
        engine.poll_timeout().map(|due| due.max(self.paused_until))
    }

    /// Reports local drops to the engine: before anything expires, and when a datagram hinted at them.
    fn count_local_drops<P: Protocol, T>(&mut self, engine: &mut Engine<P, T>, now: Time, is_due: bool) {
        let suspects = self.lanes.iter_mut().filter(|lane| is_due || lane.has_dropped);
        if suspects.map(Lane::new_drops).any(|new| new > 0) {
            engine.handle_local_drops(now);
        }
    }

    /// Reads the sockets until they are empty or the limit is reached. The socket that is furthest behind comes first, so
    /// that no deadline expires before a reply that arrived earlier.
    fn receive<P: Protocol, T>(
        &mut self,
        engine: &mut Engine<P, T>,
        start: Time,
        horizon: Time,
    ) -> io::Result<usize> {
        let mut received = 0;
        while received < RECEIVE_LIMIT {
            let readable = self.lanes.iter().enumerate().filter(|(_, lane)| lane.is_readable(start));
            let Some((next, _)) = readable.min_by_key(|(_, lane)| lane.read_up_to) else { break };
            let others = self.lanes.iter().enumerate().filter(|&(at, _)| at != next);
            let limit = others.map(|(_, lane)| lane.read_up_to).fold(horizon, Time::min);
            let Driver { system, lanes, inbox, .. } = self;
            received += lanes[next].receive(engine, inbox, system, limit)?;
        }
        Ok(received)
    }

    /// Writes and reads the TCP connections that are ready. Returns the number of messages received.
    fn receive_streams<P: Protocol, T>(&mut self, engine: &mut Engine<P, T>) -> usize {
        if !self.streams.is_ready() {
            return 0;
        }
        let now = self.system.now();
        self.streams.receive(engine, &self.system, now)
    }

    /// Returns the time before which everything that arrived has been read.
    fn read_up_to(&self) -> Time {
        self.lanes.iter().map(|lane| lane.read_up_to).min().unwrap_or_default()
    }

    /// See [`Net::is_readable`](super::Net::is_readable).
    pub fn is_readable(&self) -> bool {
        self.lanes.iter().any(|lane| lane.readable && lane.receive_retry_at().is_none())
    }

    /// Returns whether sending may continue. It pauses from when a backlog is left until that backlog has been drained;
    /// waiting for an empty queue instead would let a flood stop all sending.
    fn has_caught_up(&mut self, start: Time) -> bool {
        let backlog = *self.backlog.get_or_insert(start);
        let has_caught_up = !self.is_readable() || self.read_up_to() >= backlog;
        if has_caught_up {
            self.backlog = None;
        }
        has_caught_up
    }

    /// Sends the requests that the engine allows now, up to the limit. Returns how many were taken from the engine.
    fn burst<P: Protocol, T>(&mut self, engine: &mut Engine<P, T>, now: Time) -> usize {
        if now < self.paused_until {
            return 0;
        }
        self.bytes.clear();
        let is_out = self.outage.is_some_and(|since| PROBING.contains(&(now - since)));
        let limit = if is_out { PROBES } else { BURST_LIMIT };
        let (mut count, mut streamed) = (0, 0);
        while count + streamed < limit {
            let start = self.bytes.len();
            let Some(transmit) = engine.poll_transmit(now, &mut self.bytes) else { break };
            if transmit.transport == Transport::Stream {
                self.streams.push(engine, &self.system, now, transmit, &self.bytes[start..]);
                self.bytes.truncate(start);
                streamed += 1;
                continue;
            }
            let (to, bulk) = (transmit.to, transmit.bulk);
            let packet = Packet { to, from: None, range: start..self.bytes.len(), bulk };
            match self
                .lanes
                .iter_mut()
                .find(|lane| lane.ipv6 == transmit.to.is_ipv6() && lane.number == transmit.lane)
            {
                Some(lane) => lane.push(count, transmit, packet),
                None => engine.handle_send_failure(now, transmit, NO_SUCH_FAMILY),
            }
            count += 1;
        }
        let mut sent = 0;
        for lane in &mut self.lanes {
            sent += lane.flush(engine, &self.system, now, &self.bytes, &mut self.unsent);
        }
        self.record_outage(now, count, sent);
        self.take_back(engine, now);
        count + streamed + self.receive_streams(engine)
    }

    /// Returns the unsent packets to the engine, the last one first, and pauses sending.
    fn take_back<P: Protocol, T>(&mut self, engine: &mut Engine<P, T>, now: Time) {
        if self.unsent.is_empty() {
            return;
        }
        self.unsent.sort_unstable_by_key(|&(order, _)| order);
        while let Some((_, transmit)) = self.unsent.pop() {
            engine.unsend(now, transmit);
        }
        self.pause(now);
    }

    /// Records whether the system refused all packets of a burst, and if so, probes more slowly.
    fn record_outage(&mut self, now: Time, tried: usize, sent: usize) {
        if sent > 0 {
            (self.outage, self.send_pause) = (None, SEND_PAUSE);
        } else if tried > 0 && self.unsent.is_empty() && self.lanes.iter().any(|lane| lane.outage.is_some()) {
            let since = *self.outage.get_or_insert(now);
            if PROBING.contains(&(now - since)) {
                self.pause(now);
            }
        }
    }

    fn pause(&mut self, now: Time) {
        self.paused_until = now + self.send_pause;
        self.send_pause = (self.send_pause * 2).min(LONGEST_SEND_PAUSE);
    }
}

#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests;
