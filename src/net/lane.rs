//! One socket's part of a turn: what is heard of it and what is sent through it.

use std::io;
use std::ops::Range;
use std::time::Duration;

use super::cost::CostMeter;
use super::errors::ErrorInbox;
use super::reactor::Reactor;
use super::socket::{BATCH, Inbox, Packet, Received, Socket, is_leftover};
use crate::engine::{Engine, Protocol, Time, Transmit};

/// The most batches of errors taken at a time.
const ERROR_BATCHES: usize = 8;

/// A burst takes a fraction of this; one that takes longer was stopped on the way.
const STALL: Duration = Duration::from_millis(5);

/// How often a packet is sent again in a row because of other hosts' errors, before it has to wait.
const RESENDS: u32 = 32;

/// A socket, how far it has been heard, and what is to leave through it.
#[derive(Debug)]
pub(super) struct Lane {
    pub socket: Socket,
    pub ipv6: bool,
    /// Not known to be empty. mio tells of a change only: whoever stops early has to remember.
    pub readable: bool,
    /// The error queue is not known to be empty. A receive that fails tells that, too, but not always:
    /// who takes an entry may clear the error that the next one has just set (`sock_dequeue_err_skb`).
    pub has_errors: bool,
    /// All that came in before this has been read.
    pub heard: Time,
    /// A datagram told of local drops that have not been counted yet.
    pub has_dropped: bool,
    /// Local drops that the engine knows of, modulo 2³².
    drops: u32,
    was_empty: bool,
    cost: CostMeter,
    errors: ErrorInbox,
    packets: Vec<Packet>,
    /// The transmit behind each packet, and its place in the order in which the engine gave them.
    transmits: Vec<(usize, Transmit)>,
}

impl Lane {
    pub fn new(socket: Socket, ipv6: bool) -> Lane {
        Lane {
            socket,
            ipv6,
            readable: true,
            has_errors: false,
            heard: Time::ZERO,
            has_dropped: false,
            drops: 0,
            was_empty: true,
            cost: CostMeter::default(),
            errors: ErrorInbox::new(),
            packets: Vec::new(),
            transmits: Vec::new(),
        }
    }

    /// Local drops since the last call.
    pub fn new_drops(&mut self) -> u32 {
        self.has_dropped = false;
        let drops = self.socket.local_drops().unwrap_or(self.drops);
        let new = drops.wrapping_sub(self.drops);
        self.drops = drops;
        new
    }

    /// Hands one batch of datagrams to `engine`, or what is in the error queue: that comes first, since
    /// Linux makes the next receive fail when there is something. Yields how many of either.
    pub fn hear<P: Protocol, T>(
        &mut self,
        engine: &mut Engine<P, T>,
        inbox: &mut Inbox,
        clock: &Reactor,
        limit: Time,
    ) -> io::Result<usize> {
        let start = clock.now();
        let errors = if self.has_errors { self.hear_errors(engine, start) } else { 0 };
        if self.was_empty {
            self.cost.begin(|| self.socket.memory().map(|memory| memory.queued));
        }
        match self.socket.try_recv(inbox) {
            Ok(0) => {
                self.is_empty_since(start, engine);
                Ok(errors)
            }
            Ok(count) => {
                self.was_empty = false;
                let told_at = inbox.told_at.map_or_else(|| clock.now(), |told_at| clock.at(told_at));
                self.hand_over(engine, inbox, told_at, limit);
                Ok(errors + count)
            }
            Err(error) if is_leftover(&error) => {
                self.cost.spoil();
                Ok(errors + self.hear_errors(engine, start).max(1))
            }
            Err(error) => Err(error),
        }
    }

    fn is_empty_since<P: Protocol, T>(&mut self, start: Time, engine: &mut Engine<P, T>) {
        self.readable = self.has_errors;
        self.was_empty = true;
        self.heard = start;
        if let Some(sample) = self.cost.end() {
            engine.learn_reply_cost(sample.measured, sample.expected);
        }
    }

    /// Each datagram at the time when it came in; the deadlines that lie before that expire first, up
    /// to `limit`.
    fn hand_over<P: Protocol, T>(
        &mut self,
        engine: &mut Engine<P, T>,
        inbox: &Inbox,
        told_at: Time,
        limit: Time,
    ) {
        self.cost.read(inbox);
        self.note_drops(inbox);
        for datagram in inbox.iter() {
            // It came in after what was read before it, whatever was done to the clock.
            self.heard = self.heard.max(arrival(told_at, &datagram));
            engine.handle_timeout(self.heard.min(limit));
            engine.handle_datagram(self.heard, datagram.from, datagram.payload);
        }
    }

    fn note_drops(&mut self, inbox: &Inbox) {
        self.has_dropped |= inbox.drops().is_some_and(|drops| is_newer(drops, self.drops));
    }

    /// Tells the engine what the network says of packets that were not delivered. Yields how many
    /// times it said something.
    fn hear_errors<P: Protocol, T>(&mut self, engine: &mut Engine<P, T>, now: Time) -> usize {
        let mut heard = 0;
        for _ in 0..ERROR_BATCHES {
            // An error queue that cannot be read is as good as none.
            let count = self.socket.recv_errors(&mut self.errors).unwrap_or(0);
            for error in self.errors.iter() {
                heard += usize::from(error.icmp.is_some());
                if let Some(unreachable) = error.unreachable() {
                    engine.handle_unreachable(now, error.to, error.payload, unreachable);
                }
            }
            self.has_errors = count == BATCH;
            if !self.has_errors {
                break;
            }
        }
        heard
    }

    /// Notes a packet for the next [`flush`](Lane::flush).
    pub fn push(&mut self, order: usize, transmit: Transmit, packet: Packet) {
        self.packets.push(packet);
        self.transmits.push((order, transmit));
    }

    /// Sends what was noted. What the system has no room for now goes into `unsent`; what it will
    /// never send is told to the engine.
    ///
    /// A send may fail because of what another host's network said. That packet is not lost, but sent
    /// again; an error is the packet's own when it comes twice with no other host to blame.
    pub fn flush<P: Protocol, T>(
        &mut self,
        engine: &mut Engine<P, T>,
        clock: &Reactor,
        now: Time,
        bytes: &[u8],
        unsent: &mut Vec<(usize, Transmit)>,
    ) {
        let mut at = 0;
        // Of the packet at `at`.
        let (mut failures, mut resends) = (0, 0);
        while at < self.packets.len() {
            let started = clock.now();
            let batch = at..self.packets.len().min(at + BATCH);
            let sent = self.socket.send(&self.packets[batch], bytes);
            self.reckon_with_stalls(engine, at..at + sent.count, [now, started, clock.now()]);
            at += sent.count;
            if sent.count > 0 {
                (failures, resends) = (0, 0);
            }
            let Some(error) = sent.error else { continue };
            if is_full(&error) || resends == RESENDS {
                unsent.extend_from_slice(&self.transmits[at..]);
                break;
            }
            resends += 1;
            failures += u32::from(self.hear_errors(engine, now) == 0);
            if failures == 2 {
                let errno = error.raw_os_error().unwrap_or(0);
                engine.handle_send_failure(now, self.transmits[at].1, errno);
                at += 1;
                (failures, resends) = (0, 0);
            }
        }
        self.packets.clear();
        self.transmits.clear();
    }

    /// This process may have been stopped between the time at which the engine gave these packets and the
    /// sending of them, or in the system call that sent them: before they left, or after.
    fn reckon_with_stalls<P: Protocol, T>(
        &self,
        engine: &mut Engine<P, T>,
        sent: Range<usize>,
        [given, started, ended]: [Time; 3],
    ) {
        if ended - given > STALL {
            for (_, transmit) in &self.transmits[sent] {
                engine.handle_slow_send(*transmit, started, ended);
            }
        }
    }
}

/// Whether a count modulo 2³² has grown past another one.
fn is_newer(count: u32, than: u32) -> bool {
    (1..1 << 31).contains(&count.wrapping_sub(than))
}

/// When a datagram came in whose age was told at `told_at`. Without an age: then.
fn arrival(told_at: Time, datagram: &Received) -> Time {
    let age = datagram.age.map_or(0, |age| u64::try_from(age.as_nanos()).unwrap_or(u64::MAX));
    Time::from_nanos(told_at.as_nanos().saturating_sub(age))
}

/// Whether the system has no room for a packet now, and may have later.
fn is_full(error: &io::Error) -> bool {
    #[cfg(unix)]
    const NO_BUFFERS: i32 = libc::ENOBUFS;
    #[cfg(not(unix))]
    const NO_BUFFERS: i32 = 10_055; // WSAENOBUFS

    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::OutOfMemory)
        || error.raw_os_error() == Some(NO_BUFFERS)
}

#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests {
    use std::net::{Ipv4Addr, UdpSocket};

    use super::*;
    use crate::engine::{ReplySize, reply_cost};
    use crate::net::SocketOptions;

    fn lane(rcvbuf: usize) -> (Lane, UdpSocket) {
        let options = SocketOptions { rcvbuf: Some(rcvbuf), tell_arrival: true, ..SocketOptions::default() };
        let socket = Socket::bind((Ipv4Addr::LOCALHOST, 0).into(), &options).expect("a port of loopback");
        let sender = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port of loopback");
        sender.connect(socket.local_addr().expect("bound")).expect("connected");
        (Lane::new(socket, false), sender)
    }

    #[test]
    fn the_first_datagram_after_a_drop_tells_of_it() {
        let (mut lane, sender) = lane(16_384);
        let mut inbox = Inbox::new();
        let mut hear = |lane: &mut Lane| {
            while lane.socket.recv(&mut inbox).expect("it can be read") > 0 {
                lane.note_drops(&inbox);
            }
        };
        for _ in 0..100 {
            sender.send(b"before").expect("sent");
        }
        hear(&mut lane);
        assert!(!lane.has_dropped, "those that were queued came before the drops");
        sender.send(b"after").expect("sent");
        hear(&mut lane);
        assert!(lane.has_dropped);
        let dropped = lane.socket.local_drops().expect("Linux tells");
        assert!((1..100).contains(&dropped));
        assert_eq!((lane.new_drops(), lane.new_drops(), lane.has_dropped), (dropped, 0, false));
        sender.send(b"later").expect("sent");
        hear(&mut lane);
        assert!(!lane.has_dropped, "these are known");
    }

    #[test]
    fn loopback_charges_what_is_reckoned_with() {
        let (lane, sender) = lane(1 << 20);
        for (bytes, count) in [(1, 1), (100, 7), (400, 3), (1_400, 5)] {
            for _ in 0..count {
                sender.send(&vec![0; bytes]).expect("sent");
            }
            let cost = reply_cost(ReplySize { datagrams: count, bytes: bytes as u32 });
            assert_eq!(lane.socket.memory().expect("Linux tells").queued, cost, "{bytes} bytes");
            let mut inbox = Inbox::new();
            while lane.socket.recv(&mut inbox).expect("it can be read") > 0 {}
        }
    }

    #[test]
    fn counts_of_drops_go_round() {
        assert!(is_newer(6, 5) && is_newer(3, u32::MAX - 3));
        assert!(!is_newer(5, 5) && !is_newer(5, 6) && !is_newer(u32::MAX - 3, 3));
    }

    #[test]
    fn a_datagram_came_in_as_long_before_its_reading_as_it_says() {
        let read = |age| {
            let from = ([127, 0, 0, 1], 1).into();
            arrival(Time::from_nanos(1_000), &Received { from, to: None, age, payload: b"" }).as_nanos()
        };
        assert_eq!(read(None), 1_000);
        assert_eq!(read(Some(Duration::from_nanos(300))), 700);
        assert_eq!(read(Some(Duration::from_nanos(1_001))), 0);
        assert_eq!(read(Some(Duration::MAX)), 0);
    }

    #[test]
    fn a_full_queue_is_told_from_a_bad_destination() {
        let full = |errno| is_full(&io::Error::from_raw_os_error(errno));
        assert!([libc::EAGAIN, libc::ENOBUFS, libc::ENOMEM].into_iter().all(full));
        let bad = [libc::EINVAL, libc::ENETUNREACH, libc::EACCES, libc::EPERM, libc::ECONNREFUSED];
        assert!(!bad.into_iter().any(full));
    }
}
