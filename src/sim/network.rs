//! A network in virtual time, between an engine and a fleet.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use super::dice::{Dice, Purpose, hits, part_of, roll};
use super::schedule::Schedule;
use super::{Fleet, Late};
use crate::engine::{Completion, Engine, Protocol, Time, Transmit};
use crate::setters::setters;

/// The engine's own address.
const CLIENT: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 4000);
/// The number of requests that the engine hands to the simulated kernel at once.
const BATCH: usize = 8;
/// The time for which the simulated kernel refuses requests once its queue is full.
const QUEUE_FULL: Duration = Duration::from_millis(1);
/// The error of a request that the simulated kernel can never send: `EINVAL`.
const CANNOT_SEND: i32 = 22;
/// The number of turns without any progress after which the engine counts as stuck.
const STUCK: u32 = 10_000;

/// The faults of the network, and of the machine that the engine runs on. Each fraction is from 0 to 1.
/// [`Link::default`] has none: datagrams arrive at once.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Link {
    /// The seed of all random decisions.
    pub seed: u64,
    /// The time that every datagram takes, each way, in addition to the latency of the fleet.
    pub latency: Duration,
    /// The maximum additional time of each datagram, which reorders them.
    pub jitter: Duration,
    /// Datagrams with an additional delay, each way.
    pub delay: Late,
    /// Fraction of the datagrams that are lost, each way.
    pub loss: f64,
    /// Fraction of the datagrams that arrive twice, each way.
    pub duplicate: f64,
    /// Fraction of the replies that are accompanied by two forgeries: one from the right address with a wrong token,
    /// one from a neighbouring address with the right token.
    pub forge: f64,
    /// The offset of the token in a reply: eight bytes, in which a forgery changes one bit.
    pub token_at: usize,
    /// The number of datagrams that the engine's receive buffer holds. Further ones are lost.
    pub receive_buffer: usize,
    /// The fraction of the engine's turns before which its process is stopped, and the maximum duration of a stop.
    pub stall: Late,
    /// Fraction of the bursts of which the kernel accepts only a part.
    pub refuse: f64,
    /// Fraction of the requests that the kernel can never send.
    pub send_failure: f64,
}

impl Default for Link {
    fn default() -> Link {
        let never = Late { fraction: 0.0, by: Duration::ZERO };
        Link {
            seed: 1,
            latency: Duration::ZERO,
            jitter: Duration::ZERO,
            delay: never,
            loss: 0.0,
            duplicate: 0.0,
            forge: 0.0,
            token_at: 0,
            receive_buffer: usize::MAX,
            stall: never,
            refuse: 0.0,
            send_failure: 0.0,
        }
    }
}

setters!(Link {
    with_seed sets seed: u64,
    with_latency sets latency: Duration,
    with_jitter sets jitter: Duration,
    with_delay sets delay: Late,
    with_loss sets loss: f64,
    with_duplicate sets duplicate: f64,
    with_forge sets forge: f64,
    with_token_at sets token_at: usize,
    with_receive_buffer sets receive_buffer: usize,
    with_stall sets stall: Late,
    with_refuse sets refuse: f64,
    with_send_failure sets send_failure: f64,
});

/// A request sent by the engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sent {
    /// The time of sending.
    pub at: Time,
    /// Its destination.
    pub to: SocketAddr,
    /// The size of its payload in bytes.
    pub len: usize,
}

/// A record of an engine's actions.
#[derive(Debug)]
pub struct Trace<C, A, T = ()> {
    /// The requests that the kernel accepted, in order.
    pub sent: Vec<Sent>,
    /// The completions, in order, each with the time when the engine returned it.
    pub ended: Vec<(Time, Completion<C, A, T>)>,
    /// Datagrams handed to the engine.
    pub delivered: u64,
    /// Datagrams that the network lost, both ways.
    pub lost: u64,
    /// Copies that the network made, both ways.
    pub duplicated: u64,
    /// Forgeries that the network made.
    pub forged: u64,
    /// Replies lost because the receive buffer was full.
    pub overflowed: u64,
}

impl<C, A, T> Default for Trace<C, A, T> {
    fn default() -> Trace<C, A, T> {
        let (delivered, lost, duplicated, forged, overflowed) = (0, 0, 0, 0, 0);
        Trace { sent: Vec::new(), ended: Vec::new(), delivered, lost, duplicated, forged, overflowed }
    }
}

/// The network. Drives an engine as `net` does, but time jumps from one event to the next.
pub struct Network {
    link: Link,
    fleet: Fleet,
    now: Time,
    dice: Dice,
    requests: Schedule<Datagram>,
    replies: Schedule<Datagram>,
    /// The time until which the kernel refuses requests.
    full_until: Time,
}

#[derive(Clone)]
struct Datagram {
    from: SocketAddr,
    to: SocketAddr,
    payload: Vec<u8>,
}

/// Omits the datagrams in flight.
impl fmt::Debug for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("Network");
        shown.field("link", &self.link).field("fleet", &self.fleet).field("now", &self.now);
        shown.finish_non_exhaustive()
    }
}

impl Network {
    /// Creates a network to `fleet`, at [`Time::ZERO`].
    pub fn new(link: Link, fleet: Fleet) -> Network {
        let dice = Dice::new(roll(link.seed, Purpose::Link, 0, 0));
        let (requests, replies) = (Schedule::default(), Schedule::default());
        Network { link, fleet, now: Time::ZERO, dice, requests, replies, full_until: Time::ZERO }
    }

    /// Returns the current time.
    pub fn now(&self) -> Time {
        self.now
    }

    /// Returns the fleet.
    pub fn fleet(&self) -> &Fleet {
        &self.fleet
    }

    /// Runs until all queries of `targets` have ended and no datagram is in flight, or until the next event would be
    /// after `until`. Records the engine's actions in `trace`.
    ///
    /// # Panics
    /// If the engine requests another turn many times without any progress.
    pub fn run<P: Protocol, T>(
        &mut self,
        engine: &mut Engine<P, T>,
        targets: &mut impl Iterator<Item = (SocketAddr, P::Question, T)>,
        until: Time,
        trace: &mut Trace<P::Conversation, P::Answer, T>,
    ) {
        let mut futile = 0;
        loop {
            let seen = (trace.sent.len(), trace.ended.len(), trace.delivered);
            let more_targets = self.turn(engine, targets, trace);
            let Some(next) = self.next_event(engine, more_targets).filter(|next| *next <= until) else {
                return;
            };
            futile = if next > self.now || seen != (trace.sent.len(), trace.ended.len(), trace.delivered) {
                0
            } else {
                futile + 1
            };
            assert!(futile < STUCK, "the engine is stuck at {:?}", self.now);
            self.now = self.now.max(next);
            if self.chance(self.link.stall.fraction) {
                self.now = self.now + part_of(self.dice.next(), self.link.stall.by);
            }
        }
    }

    /// Runs one turn of the engine. Returns true if there may be more targets for the next one.
    fn turn<P: Protocol, T>(
        &mut self,
        engine: &mut Engine<P, T>,
        targets: &mut impl Iterator<Item = (SocketAddr, P::Question, T)>,
        trace: &mut Trace<P::Conversation, P::Answer, T>,
    ) -> bool {
        self.carry(trace);
        self.drain(engine, trace);
        let mut more_targets = true;
        while more_targets && engine.room() > 0 {
            let target = targets.next();
            more_targets = target.is_some();
            if let Some((target, question, tag)) = target {
                // There is room.
                let _ = engine.ask(target, question, tag);
            }
        }
        if self.now >= self.full_until {
            self.burst(engine, trace);
        }
        engine.handle_timeout(self.now);
        let now = self.now;
        trace.ended.extend(std::iter::from_fn(|| engine.poll_completion()).map(|end| (now, end)));
        more_targets && engine.room() > 0
    }

    fn next_event<P: Protocol, T>(&self, engine: &mut Engine<P, T>, more_targets: bool) -> Option<Time> {
        let asking = if more_targets { Some(self.now) } else { engine.poll_timeout() };
        // A turn is useless while the kernel refuses requests.
        let asking = asking.map(|at| if self.now < self.full_until { at.max(self.full_until) } else { at });
        let network = [self.requests.next_due(), self.fleet.poll_timeout(), self.replies.next_due()];
        network.into_iter().chain([asking]).flatten().min()
    }

    /// Delivers requests to the fleet and collects its replies in order of time, up to now.
    fn carry<C, A, T>(&mut self, trace: &mut Trace<C, A, T>) {
        loop {
            let arrival = self.requests.next_due().filter(|at| *at <= self.now);
            let departure = self.fleet.poll_timeout().filter(|at| *at <= self.now);
            match (arrival, departure) {
                (None, None) => break,
                (Some(arrival), departure) if departure.is_none_or(|departure| arrival <= departure) => {
                    if let Some((at, request)) = self.requests.pop(arrival) {
                        self.fleet.handle_request(at, request.to, request.from, &request.payload);
                    }
                }
                (_, Some(departure)) => self.carry_reply(departure, trace),
                (Some(_), None) => {}
            }
        }
    }

    fn carry_reply<C, A, T>(&mut self, at: Time, trace: &mut Trace<C, A, T>) {
        let mut payload = Vec::new();
        let Some(reply) = self.fleet.poll_reply(at, &mut payload) else { return };
        let datagram = Datagram { from: reply.from, to: reply.to, payload };
        if self.chance(self.link.forge) {
            for forgery in self.forgeries(&datagram) {
                trace.forged += 1;
                self.replies.push(at, forgery);
            }
        }
        for arrival in self.passage(at, trace) {
            self.replies.push(arrival, datagram.clone());
        }
    }

    fn forgeries(&mut self, reply: &Datagram) -> [Datagram; 2] {
        let mut wrong_token = reply.clone();
        if let Some(byte) = wrong_token.payload.get_mut(self.link.token_at + self.dice.below(8)) {
            *byte ^= 1 << self.dice.below(8);
        } else {
            wrong_token.payload.clear();
        }
        let mut wrong_address = reply.clone();
        if let SocketAddr::V4(v4) = &mut wrong_address.from {
            v4.set_ip(Ipv4Addr::from_bits(v4.ip().to_bits().wrapping_add(1)));
        }
        [wrong_token, wrong_address]
    }

    /// Returns the arrival times of a datagram sent at `at`: none, one or two.
    fn passage<C, A, T>(&mut self, at: Time, trace: &mut Trace<C, A, T>) -> Vec<Time> {
        if self.chance(self.link.loss) {
            trace.lost += 1;
            return Vec::new();
        }
        let twice = self.chance(self.link.duplicate);
        trace.duplicated += u64::from(twice);
        let mut arrivals = Vec::new();
        for _ in 0..1 + usize::from(twice) {
            let delay =
                if self.chance(self.link.delay.fraction) { self.link.delay.by } else { Duration::ZERO };
            let jitter = part_of(self.dice.next(), self.link.jitter);
            arrivals.push(at + self.link.latency + jitter + delay);
        }
        arrivals
    }

    /// Lets the engine read everything that has arrived since its last turn and fitted into its receive buffer.
    fn drain<P: Protocol, T>(
        &mut self,
        engine: &mut Engine<P, T>,
        trace: &mut Trace<P::Conversation, P::Answer, T>,
    ) {
        let mut read = 0;
        while let Some((_, reply)) = self.replies.pop(self.now) {
            if read < self.link.receive_buffer {
                read += 1;
                trace.delivered += 1;
                engine.handle_datagram(self.now, reply.from, &reply.payload);
            } else {
                trace.overflowed += 1;
            }
        }
    }

    /// Lets the engine send its requests, batch by batch.
    fn burst<P: Protocol, T>(
        &mut self,
        engine: &mut Engine<P, T>,
        trace: &mut Trace<P::Conversation, P::Answer, T>,
    ) {
        loop {
            let mut batch = Vec::new();
            while batch.len() < BATCH {
                let mut payload = Vec::new();
                let Some(transmit) = engine.poll_transmit(self.now, &mut payload) else { break };
                batch.push((transmit, payload));
            }
            if batch.is_empty() {
                return;
            }
            let refused = self.chance(self.link.refuse);
            let taken = if refused { self.dice.below(batch.len()) } else { batch.len() };
            let rest = batch.split_off(taken);
            for (transmit, payload) in batch {
                self.send(engine, transmit, payload, trace);
            }
            for (transmit, _) in rest.into_iter().rev() {
                engine.unsend(self.now, transmit);
            }
            if refused {
                self.full_until = self.now + QUEUE_FULL;
                return;
            }
        }
    }

    fn send<P: Protocol, T>(
        &mut self,
        engine: &mut Engine<P, T>,
        transmit: Transmit,
        payload: Vec<u8>,
        trace: &mut Trace<P::Conversation, P::Answer, T>,
    ) {
        if self.chance(self.link.send_failure) {
            return engine.handle_send_failure(self.now, transmit, CANNOT_SEND);
        }
        trace.sent.push(Sent { at: self.now, to: transmit.to, len: transmit.len });
        let request = Datagram { from: CLIENT, to: transmit.to, payload };
        for arrival in self.passage(self.now, trace) {
            self.requests.push(arrival, request.clone());
        }
    }

    fn chance(&mut self, fraction: f64) -> bool {
        hits(self.dice.next(), fraction)
    }
}

#[cfg(test)]
mod tests {
    use super::super::Plan;
    use super::*;

    fn network(link: Link) -> Network {
        Network::new(link, Fleet::new(Plan::default()).expect("a valid plan"))
    }

    fn trace() -> Trace<(), ()> {
        Trace::default()
    }

    #[test]
    fn a_perfect_link_delivers_once_after_its_latency() {
        let mut network = network(Link { latency: Duration::from_millis(30), ..Link::default() });
        let arrivals = network.passage(Time::from_millis(5), &mut trace());
        assert_eq!(arrivals, [Time::from_millis(35)]);
    }

    #[test]
    fn faults_occur_as_often_as_set_and_are_counted() {
        let delay = Late { fraction: 0.1, by: Duration::from_secs(1) };
        let jitter = Duration::from_millis(100);
        let mut network = network(Link { loss: 0.2, duplicate: 0.25, jitter, delay, ..Link::default() });
        let mut trace = trace();
        let arrivals: Vec<Time> = (0..10_000).flat_map(|_| network.passage(Time::ZERO, &mut trace)).collect();
        assert!((1800..2200).contains(&trace.lost) && (1800..2200).contains(&trace.duplicated), "{trace:?}");
        assert_eq!(arrivals.len() as u64, 10_000 - trace.lost + trace.duplicated);
        let delayed = arrivals.iter().filter(|at| **at >= Time::from_millis(1000)).count();
        assert!((850..1150).contains(&delayed), "{delayed}");
        assert!(!arrivals.is_sorted(), "they are reordered");
    }

    #[test]
    fn a_forgery_has_either_the_address_or_the_token_right_and_never_both() {
        let mut network = network(Link { token_at: 2, ..Link::default() });
        let from = network.fleet().plan().address(5);
        let reply = Datagram { from, to: CLIENT, payload: b"??01234567...".to_vec() };
        for _ in 0..100 {
            let [wrong_token, wrong_address] = network.forgeries(&reply);
            assert_eq!(wrong_token.from, from);
            let differ = |at: &usize| wrong_token.payload[*at] != reply.payload[*at];
            let changed: Vec<usize> = (0..reply.payload.len()).filter(differ).collect();
            assert!(changed.len() == 1 && (2..10).contains(&changed[0]), "{changed:?}");
            assert_ne!(wrong_address.from, from);
            assert_eq!(wrong_address.payload, reply.payload);
        }
    }
}
