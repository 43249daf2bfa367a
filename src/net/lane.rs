//! One socket's part of a turn: receives its datagrams and errors, and sends its packets of the burst.

use std::cmp::Reverse;
use std::io;
use std::ops::Range;
use std::time::Duration;

use super::cost::CostMeter;
use super::errno::{is_leftover, is_permanent, no_room};
use super::errors::ErrorInbox;
use super::socket::{BATCH, Inbox, Packet, Received};
use super::system::{Endpoint, System};
use crate::engine::{Engine, Protocol, Time, Transmit};

/// The maximum number of error batches read at a time.
const ERROR_BATCHES: usize = 8;

/// The duration above which the process was probably stopped during a burst. A burst normally takes a fraction of it.
const STALL: Duration = Duration::from_millis(5);

/// The maximum number of times that a packet is sent if errors about other hosts prevent it. After that, it is held
/// back.
const MAX_RESENDS: u32 = 32;

/// The maximum number of consecutive packets that cannot be sent. After that, the rest of the burst waits.
const MAX_FAILED: u32 = 32;

/// The maximum number of packets of a burst that are skipped for lack of memory. Only if a later one is sent is the
/// failure the skipped packets' own.
const MAX_SKIPPED: usize = 4;

/// The minimum duration of an outage after which the first packet that is sent brings back all packets held back.
const RECOVERY: Duration = Duration::from_millis(50);

/// The time for which the system may lack memory for every packet before that counts as a failure to send.
const MAX_NO_MEMORY: Duration = Duration::from_secs(1);
/// The same for a full send buffer. Packets to hosts without a link-layer address stay in it for three seconds.
const MAX_FULL: Duration = Duration::from_secs(10);

/// The pause after a failed receive, and how long receiving may fail without a success before the error is returned.
const RECEIVE_PAUSE: Duration = Duration::from_millis(10);
const MAX_RECEIVE_FAILURE: Duration = Duration::from_secs(3);

/// The maximum number of consecutive receive errors that are attributed to earlier packets, if neither an entry of the
/// error queue nor a datagram comes with them. A further error belongs to the socket.
const MAX_LEFTOVERS: u32 = 32;

/// The socket of one address family, with its receive state and its packets of the current burst.
#[derive(Debug)]
pub(super) struct Lane<E> {
    pub socket: E,
    pub ipv6: bool,
    /// Its number among those of its address family.
    pub number: u16,
    /// True if the socket may hold datagrams. mio reports only changes, so this stays true when reading stops early.
    pub readable: bool,
    /// True if the error queue may hold entries. A failed receive also shows that, but not reliably: reading an entry
    /// can clear the error that the next entry has just set (`sock_dequeue_err_skb`).
    pub has_errors: bool,
    /// Everything that arrived before this time has been read.
    pub read_up_to: Time,
    /// True if a datagram has shown local drops that are not yet counted.
    pub has_dropped: bool,
    /// The local drops reported to the engine, modulo 2³².
    drops: u32,
    was_empty: bool,
    cost: CostMeter,
    errors: ErrorInbox,
    /// Consecutive errors attributed to earlier packets: see [`MAX_LEFTOVERS`].
    leftovers: u32,
    failing_receive: Option<FailingReceive>,
    /// The time since which no packet could be sent, and the error number of the latest failure.
    pub outage: Option<(Time, i32)>,
    /// The positions of packets for which there was no memory, in the current burst.
    skipped: Vec<usize>,
    packets: Vec<Packet>,
    /// The transmit of each packet, and its position in the order of the engine.
    transmits: Vec<(usize, Transmit)>,
    /// Both, while they are sorted.
    sorted: Vec<(Packet, (usize, Transmit))>,
}

/// Receive failures without a success since.
#[derive(Clone, Copy, Debug)]
struct FailingReceive {
    since: Time,
    retry_at: Time,
}

/// The failures to send since the last success in a burst.
#[derive(Clone, Copy, Debug, Default)]
struct Trouble {
    /// Packets that could not be sent.
    failed: u32,
    /// The number of sends of the current packet, and of those that failed without an ICMP error about another host.
    resends: u32,
    failures: u32,
}

/// The decision about a packet that was not sent.
enum Decision {
    /// Send it again at once.
    Resend,
    /// Try the next one: there is no memory.
    Skip,
    /// Report it to the engine.
    Fail,
    /// Keep it and the rest of the burst for later.
    Wait,
}

impl<E: Endpoint> Lane<E> {
    pub fn new(socket: E, ipv6: bool, number: u16) -> Lane<E> {
        Lane {
            socket,
            ipv6,
            number,
            readable: true,
            has_errors: false,
            read_up_to: Time::ZERO,
            has_dropped: false,
            drops: 0,
            was_empty: true,
            cost: CostMeter::default(),
            errors: ErrorInbox::new(),
            leftovers: 0,
            failing_receive: None,
            outage: None,
            skipped: Vec::new(),
            packets: Vec::new(),
            transmits: Vec::new(),
            sorted: Vec::new(),
        }
    }

    /// Returns the local drops since the last call.
    pub fn new_drops(&mut self) -> u32 {
        self.has_dropped = false;
        let drops = self.socket.buffer_usage().map_or(self.drops, |usage| usage.drops);
        let new = drops.wrapping_sub(self.drops);
        self.drops = drops;
        new
    }

    /// Returns whether the socket may hold datagrams, and can be read now.
    pub fn is_readable(&self, now: Time) -> bool {
        self.readable && self.receive_retry_at().is_none_or(|retry_at| retry_at <= now)
    }

    /// Returns when the socket will be read again after an error.
    pub fn receive_retry_at(&self) -> Option<Time> {
        self.failing_receive.map(|failing| failing.retry_at)
    }

    /// Reads the error queue and one batch of datagrams, and passes them to `engine`. Returns their number.
    ///
    /// An error only pauses receiving at first. It is returned once receiving has failed for several seconds.
    pub fn receive<P: Protocol, T>(
        &mut self,
        engine: &mut Engine<P, T>,
        inbox: &mut Inbox,
        system: &impl System,
        limit: Time,
    ) -> io::Result<usize> {
        let start = system.now();
        match self.try_receive(engine, inbox, system, start, limit) {
            Ok(count) => {
                self.failing_receive = None;
                Ok(count)
            }
            Err(error) => {
                let since = self.failing_receive.map_or(start, |failing| failing.since);
                self.failing_receive = Some(FailingReceive { since, retry_at: start + RECEIVE_PAUSE });
                if start - since < MAX_RECEIVE_FAILURE { Ok(0) } else { Err(error) }
            }
        }
    }

    /// Reads errors first, because Linux fails the next receive while any are queued.
    fn try_receive<P: Protocol, T>(
        &mut self,
        engine: &mut Engine<P, T>,
        inbox: &mut Inbox,
        system: &impl System,
        start: Time,
        limit: Time,
    ) -> io::Result<usize> {
        let errors = if self.has_errors { self.receive_errors(engine, start) } else { 0 };
        if self.was_empty {
            self.cost.begin(|| self.socket.buffer_usage().map(|usage| usage.queued));
        }
        match self.socket.try_recv(inbox) {
            Ok(0) => {
                self.leftovers = 0;
                self.mark_empty(start, engine);
                Ok(errors)
            }
            Ok(count) => {
                self.leftovers = 0;
                self.was_empty = false;
                let read_at = inbox.read_at.map_or_else(|| system.now(), |read_at| system.at(read_at));
                self.deliver(engine, inbox, read_at, limit);
                Ok(errors + count)
            }
            Err(error) if is_leftover(&error) && self.leftovers < MAX_LEFTOVERS => {
                self.cost.discard();
                let errors = errors + self.receive_errors(engine, start);
                self.leftovers = if errors > 0 { 0 } else { self.leftovers + 1 };
                Ok(errors.max(1))
            }
            Err(error) => Err(error),
        }
    }

    fn mark_empty<P: Protocol, T>(&mut self, start: Time, engine: &mut Engine<P, T>) {
        self.readable = self.has_errors;
        self.was_empty = true;
        self.read_up_to = start;
        if let Some(sample) = self.cost.finish() {
            engine.learn_reply_cost(sample.measured, sample.expected);
        }
    }

    /// Passes each datagram to the engine at its time of arrival. Earlier deadlines, up to `limit`, expire first.
    fn deliver<P: Protocol, T>(
        &mut self,
        engine: &mut Engine<P, T>,
        inbox: &Inbox,
        read_at: Time,
        limit: Time,
    ) {
        self.cost.read(inbox);
        self.detect_drops(inbox);
        for datagram in inbox.iter() {
            // Datagrams are in order of arrival, even if the real-time clock was set back.
            self.read_up_to = self.read_up_to.max(arrival(read_at, &datagram));
            engine.handle_timeout(self.read_up_to.min(limit));
            engine.handle_datagram_in(self.read_up_to, self.number, datagram.from, datagram.payload);
        }
    }

    fn detect_drops(&mut self, inbox: &Inbox) {
        self.has_dropped |= inbox.drops().is_some_and(|drops| is_newer(drops, self.drops));
    }

    /// Passes the errors in the error queue to the engine. Returns the number of ICMP errors.
    fn receive_errors<P: Protocol, T>(&mut self, engine: &mut Engine<P, T>, now: Time) -> usize {
        let mut icmp_errors = 0;
        for _ in 0..ERROR_BATCHES {
            // Treat an unreadable error queue as empty.
            let count = self.socket.recv_errors(&mut self.errors).unwrap_or(0);
            for error in self.errors.iter() {
                icmp_errors += usize::from(error.icmp.is_some());
                if let Some(unreachable) = error.unreachable() {
                    engine.handle_unreachable(now, error.to, error.payload, unreachable);
                }
            }
            self.has_errors = count == BATCH;
            if !self.has_errors {
                break;
            }
        }
        icmp_errors
    }

    /// Queues a packet for the next [`flush`](Lane::flush).
    pub fn push(&mut self, order: usize, transmit: Transmit, packet: Packet) {
        self.packets.push(packet);
        self.transmits.push((order, transmit));
    }

    /// Puts the packets in the order in which they are sent, if some are bulk: by host, the longest first. So packets of
    /// one length are neighbours, and of those that the system takes as one message, only the last may be shorter.
    fn arrange(&mut self) {
        if !self.packets.iter().any(|packet| packet.bulk) {
            return;
        }
        self.sorted.extend(self.packets.drain(..).zip(self.transmits.drain(..)));
        self.sorted.sort_by_key(|(packet, _)| (packet.to, Reverse(packet.range.len())));
        for (packet, transmit) in self.sorted.drain(..) {
            self.packets.push(packet);
            self.transmits.push(transmit);
        }
    }

    /// Sends the queued packets, and returns how many were sent. Packets that the system has no room for are moved to
    /// `unsent`, and so is the rest of the burst after too many failures. Packets that the system refuses are reported
    /// to the engine.
    pub fn flush<P: Protocol, T>(
        &mut self,
        engine: &mut Engine<P, T>,
        system: &impl System,
        now: Time,
        bytes: &[u8],
        unsent: &mut Vec<(usize, Transmit)>,
    ) -> usize {
        self.arrange();
        let (mut at, mut total, mut trouble) = (0, 0, Trouble::default());
        while at < self.packets.len() {
            let started = system.now();
            let batch = at..self.packets.len().min(at + BATCH);
            let sent = self.socket.send(&self.packets[batch], bytes);
            self.report_stalls(engine, at..at + sent.count, [now, started, system.now()]);
            at += sent.count;
            total += sent.count;
            if sent.count > 0 {
                trouble = Trouble::default();
                self.recover(engine, now);
            }
            let Some(error) = sent.error else { continue };
            let since = self.outage.map_or(now, |(since, _)| since);
            self.outage = Some((since, error.raw_os_error().unwrap_or(0)));
            match self.judge(engine, now, &error, &mut trouble) {
                Decision::Resend => {}
                Decision::Skip => {
                    self.skipped.push(at);
                    at += 1;
                }
                Decision::Fail => {
                    fail(engine, now, self.transmits[at].1, &error);
                    at += 1;
                }
                Decision::Wait => break,
            }
        }
        unsent.extend(self.skipped.drain(..).map(|skipped| self.transmits[skipped]));
        unsent.extend_from_slice(&self.transmits[at..]);
        self.packets.clear();
        self.transmits.clear();
        total
    }

    /// Handles a success. Packets that were skipped are refused for a reason of their own, since there was memory for
    /// another one. After an outage, packets that were held back are tried at once.
    fn recover<P: Protocol, T>(&mut self, engine: &mut Engine<P, T>, now: Time) {
        let Some((since, errno)) = self.outage.take() else { return };
        for skipped in self.skipped.drain(..) {
            engine.handle_transient_send_failure(now, self.transmits[skipped].1, errno);
        }
        if now - since >= RECOVERY {
            engine.handle_send_recovery();
        }
    }

    /// Decides about a packet that was not sent.
    ///
    /// A send can fail because of an ICMP error about another host: such a packet is sent again. The error belongs to the
    /// packet itself if ICMP messages never cause it, or if it occurs twice without an ICMP error in between.
    fn judge<P: Protocol, T>(
        &mut self,
        engine: &mut Engine<P, T>,
        now: Time,
        error: &io::Error,
        trouble: &mut Trouble,
    ) -> Decision {
        let outage = self.outage.map_or(Duration::ZERO, |(since, _)| now - since);
        if has_no_room(error, outage) {
            // A full send buffer concerns all packets; a lack of memory may concern only those to one host.
            let may_skip = error.kind() != io::ErrorKind::WouldBlock && self.skipped.len() < MAX_SKIPPED;
            return if may_skip { Decision::Skip } else { Decision::Wait };
        }
        if trouble.failed == MAX_FAILED {
            return Decision::Wait;
        }
        trouble.resends += 1;
        trouble.failures += u32::from(self.receive_errors(engine, now) == 0);
        if is_leftover(error) && trouble.failures < 2 && trouble.resends < MAX_RESENDS {
            return Decision::Resend;
        }
        *trouble = Trouble { failed: trouble.failed + 1, ..Trouble::default() };
        Decision::Fail
    }

    /// Reports packets that may have been sent late, because this process was stopped before or during the system call.
    fn report_stalls<P: Protocol, T>(
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

/// Returns whether a packet should wait until the system has room for it. False once an outage has lasted so long that
/// it counts as a failure to send.
fn has_no_room(error: &io::Error, outage: Duration) -> bool {
    let is_full = error.kind() == io::ErrorKind::WouldBlock;
    no_room(error) && outage < if is_full { MAX_FULL } else { MAX_NO_MEMORY }
}

/// Reports to the engine that the system refuses a packet.
fn fail<P: Protocol, T>(engine: &mut Engine<P, T>, now: Time, transmit: Transmit, error: &io::Error) {
    let errno = error.raw_os_error().unwrap_or(0);
    if is_permanent(error) {
        engine.handle_send_failure(now, transmit, errno);
    } else {
        engine.handle_transient_send_failure(now, transmit, errno);
    }
}

/// Returns whether a count modulo 2³² is ahead of another one.
fn is_newer(count: u32, than: u32) -> bool {
    (1..1 << 31).contains(&count.wrapping_sub(than))
}

/// Returns when a datagram arrived, from its age at `read_at`; `read_at` itself if the age is unknown.
fn arrival(read_at: Time, datagram: &Received) -> Time {
    let age = datagram.age.map_or(0, |age| u64::try_from(age.as_nanos()).unwrap_or(u64::MAX));
    Time::from_nanos(read_at.as_nanos().saturating_sub(age))
}

#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests {
    use std::net::{Ipv4Addr, UdpSocket};

    use super::*;
    use crate::engine::{ReplySize, reply_cost};
    use crate::net::{Socket, SocketOptions};

    fn lane(rcvbuf: usize) -> (Lane<Socket>, UdpSocket) {
        let options =
            SocketOptions { rcvbuf: Some(rcvbuf), report_arrival: true, ..SocketOptions::default() };
        let socket = Socket::bind((Ipv4Addr::LOCALHOST, 0).into(), &options).expect("a port of loopback");
        let sender = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port of loopback");
        sender.connect(socket.local_addr().expect("bound")).expect("connected");
        (Lane::new(socket, false, 0), sender)
    }

    #[test]
    fn the_first_datagram_after_a_drop_reveals_it() {
        let (mut lane, sender) = lane(16_384);
        let mut inbox = Inbox::new();
        let mut drain = |lane: &mut Lane<Socket>| {
            while lane.socket.recv(&mut inbox).expect("it can be read") > 0 {
                lane.detect_drops(&inbox);
            }
        };
        for _ in 0..100 {
            sender.send(b"before").expect("sent");
        }
        drain(&mut lane);
        assert!(!lane.has_dropped, "the queued datagrams arrived before the drops");
        sender.send(b"after").expect("sent");
        drain(&mut lane);
        assert!(lane.has_dropped);
        let dropped = lane.socket.local_drops().expect("Linux reports it");
        assert!((1..100).contains(&dropped));
        assert_eq!((lane.new_drops(), lane.new_drops(), lane.has_dropped), (dropped, 0, false));
        sender.send(b"later").expect("sent");
        drain(&mut lane);
        assert!(!lane.has_dropped, "these drops are already counted");
    }

    #[test]
    fn loopback_charges_the_expected_cost() {
        let (lane, sender) = lane(1 << 20);
        for (bytes, count) in [(1, 1), (100, 7), (400, 3), (1_400, 5)] {
            for _ in 0..count {
                sender.send(&vec![0; bytes]).expect("sent");
            }
            let cost = reply_cost(ReplySize { datagrams: count, bytes: bytes as u32 });
            assert_eq!(lane.socket.buffer_usage().expect("Linux reports it").queued, cost, "{bytes} bytes");
            let mut inbox = Inbox::new();
            while lane.socket.recv(&mut inbox).expect("it can be read") > 0 {}
        }
    }

    #[test]
    fn drop_counts_wrap_around() {
        assert!(is_newer(6, 5) && is_newer(3, u32::MAX - 3));
        assert!(!is_newer(5, 5) && !is_newer(5, 6) && !is_newer(u32::MAX - 3, 3));
    }

    #[test]
    fn the_age_of_a_datagram_gives_its_time_of_arrival() {
        let read = |age| {
            let from = ([127, 0, 0, 1], 1).into();
            arrival(Time::from_nanos(1_000), &Received { from, to: None, age, payload: b"" }).as_nanos()
        };
        assert_eq!(read(None), 1_000);
        assert_eq!(read(Some(Duration::from_nanos(300))), 700);
        assert_eq!(read(Some(Duration::from_nanos(1_001))), 0);
        assert_eq!(read(Some(Duration::MAX)), 0);
    }
}
