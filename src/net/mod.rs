//! The only place that knows sockets and the clock: turns an [`Engine`] with one UDP socket for
//! each address family.
//!
//! - [`Net`]: one turn after the other: drain, burst, expire, sleep. The sockets are in `lane`, what
//!   they measure of the receive buffer in `cost`, the sleeping in `reactor`.
//! - [`Socket`]: datagrams in and out, by `linux` (many a system call) or `portable` (one). `control`
//!   reads what Linux says beside them, `errors` what the network says of those it did not deliver.

#[cfg(target_os = "linux")]
use linux as system;
#[cfg(not(target_os = "linux"))]
use portable as system;

#[cfg(target_os = "linux")]
mod control;
mod cost;
mod errors;
mod lane;
#[cfg(target_os = "linux")]
mod linux;
mod portable;
mod reactor;
mod socket;

use std::fmt;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use crate::engine::{Engine, Protocol, Time, Transmit};
pub use errors::{ErrorInbox, NetworkError};
use lane::Lane;
pub use reactor::Reactor;
pub use socket::{BATCH, Inbox, Io, Packet, Received, Sent, Socket, SocketOptions};

/// Bytes of receive buffer that are asked for unless the user says how many, as the system counts
/// them: 64 MiB.
pub const LARGEST_BUFFER: usize = 64 << 20;

/// Datagrams and errors heard in one turn, before others get their turn. A few milliseconds of work at
/// most.
const HEAR_LIMIT: usize = 256;

/// Packets sent in one turn, before answers are read again.
const BURST_LIMIT: usize = 128;

/// How long sending rests when the system has no room for more packets. Not every system tells when
/// there is room again, and Linux tells it for every packet that has left.
const REST: Duration = Duration::from_millis(1);

/// What the sockets of a [`Net`] are to be like. The default suits any sweep.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// The address to send from, which decides the one address family that can be asked; `None` =
    /// any address and free port, of both families.
    pub bind: Option<SocketAddr>,
    /// Bytes of receive buffer for each socket: see [`SocketOptions::rcvbuf`].
    pub rcvbuf: Option<usize>,
    /// How datagrams go through the system's interface.
    pub io: Io,
}

/// Sockets, the clock, and the loop that turns an [`Engine`] with them.
///
/// ```no_run
/// # use allears::engine::{Engine, Protocol};
/// # fn sweep<P: Protocol, T>(
/// #     engine: &mut Engine<P, T>,
/// #     mut targets: impl Iterator<Item = (std::net::SocketAddr, P::Question, T)>,
/// # ) -> Result<(), Box<dyn std::error::Error>> {
/// use allears::net::{Net, Options};
///
/// let mut net = Net::open(&Options::default())?;
/// loop {
///     while engine.room() > 0 {
///         let Some((target, question, tag)) = targets.next() else { break };
///         let _ = engine.ask(target, question, tag); // There is room.
///     }
///     if engine.is_idle() {
///         break;
///     }
///     net.turn(engine, None)?;
///     while let Some(completion) = engine.poll_completion() {
///         println!("{} has ended", completion.target);
///     }
/// }
/// # Ok(()) }
/// ```
#[derive(Debug)]
pub struct Net {
    reactor: Reactor,
    lanes: Vec<Lane>,
    inbox: Inbox,
    /// Payloads of one burst.
    bytes: Vec<u8>,
    /// What of it the system had no room for.
    unsent: Vec<(usize, Transmit)>,
    /// No sending before this.
    rest_until: Time,
    /// No sending before all is heard that came in before this: `None` = it is.
    behind: Option<Time>,
}

impl Net {
    /// Opens the sockets.
    ///
    /// # Errors
    /// When an address cannot be bound, or the system has none of what a loop needs. Without
    /// [`Options::bind`], a family that the system does not have is left out.
    pub fn open(options: &Options) -> Result<Net, OpenError> {
        let reactor = Reactor::new()
            .map_err(|error| OpenError { what: "cannot open the event queue".to_owned(), error })?;
        let mut net = Net {
            reactor,
            lanes: Vec::new(),
            inbox: Inbox::new(),
            bytes: Vec::new(),
            unsent: Vec::new(),
            rest_until: Time::ZERO,
            behind: None,
        };
        if let Some(addr) = options.bind {
            net.bind(addr, options)?;
            return Ok(net);
        }
        let v4 = net.bind((Ipv4Addr::UNSPECIFIED, 0).into(), options);
        let v6 = net.bind((Ipv6Addr::UNSPECIFIED, 0).into(), options);
        match (v4, v6) {
            (Ok(()), Ok(())) => Ok(net),
            (Ok(()), Err(failed)) | (Err(failed), Ok(())) if failed.no_such_family() => Ok(net),
            (Err(failed), _) | (_, Err(failed)) => Err(failed),
        }
    }

    fn bind(&mut self, addr: SocketAddr, options: &Options) -> Result<(), OpenError> {
        let Options { rcvbuf, io, .. } = *options;
        let options =
            SocketOptions { rcvbuf, io, tell_arrival: true, tell_errors: true, ..SocketOptions::default() };
        let mut socket = Socket::bind(addr, &options)
            .map_err(|error| OpenError { what: format!("cannot bind {addr}"), error })?;
        self.reactor
            .register(&mut socket, self.lanes.len())
            .map_err(|error| OpenError { what: format!("cannot watch {addr}"), error })?;
        self.lanes.push(Lane::new(socket, addr.is_ipv6()));
        Ok(())
    }

    /// One turn: drains the sockets, sends what may be sent, expires what is due, and sleeps until
    /// a datagram comes, the engine has something due, it is `until`, or the
    /// [`waker`](Net::waker) is used.
    ///
    /// A turn may come late, after a stop of this process or a stall of the machine. Therefore a
    /// datagram counts as of when it came in (where the system tells: Linux), and a deadline expires
    /// only after everything has been read that came in before it; nothing is sent until it has.
    ///
    /// It does not sleep when anything was received, sent or ended in this turn: the caller may
    /// have results to take and targets to add. It may return early for no reason that shows.
    ///
    /// # Errors
    /// When the system fails at receiving or waiting. What it fails to send ends that query alone.
    pub fn turn<P: Protocol, T>(&mut self, engine: &mut Engine<P, T>, until: Option<Time>) -> io::Result<()> {
        engine.grant_reply_credit(self.reply_credit());
        let ended = engine.ledger().ended();
        let start = self.now();
        let is_due = engine.next_deadline().is_some_and(|due| due <= start);
        self.count_local_drops(engine, start, is_due);
        // Up to here deadlines may expire: local drops until then are counted, and all sockets are looked
        // at, since one that was empty at its last reading may not be now.
        let horizon = if is_due { start } else { Time::ZERO };
        self.lanes.iter_mut().for_each(|lane| lane.readable |= is_due);
        let heard = self.hear(engine, horizon)?;
        let sent = if self.has_caught_up(start) { self.burst(engine, self.now()) } else { 0 };
        engine.handle_timeout(horizon.min(self.heard()));

        let worked = heard + sent > 0 || engine.ledger().ended() != ended;
        let wake = if worked { Some(start) } else { self.next_turn(engine).into_iter().chain(until).min() };
        let Net { reactor, lanes, .. } = self;
        reactor.wait_for(wake, |token, has_errors| {
            lanes[token].readable = true;
            lanes[token].has_errors |= has_errors;
        })
    }

    /// When the next turn is due by itself, for a caller who sleeps by other means than [`turn`](Net::turn). It may
    /// have passed: then now. `None` when only a datagram can change anything: the file descriptor of this `Net`
    /// (`AsRawFd`, on Unix) gets readable then.
    pub fn next_turn<P: Protocol, T>(&self, engine: &mut Engine<P, T>) -> Option<Time> {
        if self.is_readable() {
            return Some(Time::ZERO);
        }
        // While sending rests, what the engine has to send is no reason to wake.
        engine.poll_timeout().map(|due| due.max(self.rest_until))
    }

    /// Tells the engine of local drops: before anything expires, and when a datagram hinted at them.
    fn count_local_drops<P: Protocol, T>(&mut self, engine: &mut Engine<P, T>, now: Time, is_due: bool) {
        let suspects = self.lanes.iter_mut().filter(|lane| is_due || lane.has_dropped);
        if suspects.map(Lane::new_drops).any(|new| new > 0) {
            engine.handle_local_drops(now);
        }
    }

    /// Hears the sockets until they are empty, or the limit is reached; always that one next of which
    /// the least has been heard, so that no deadline expires before an answer that came in earlier.
    fn hear<P: Protocol, T>(&mut self, engine: &mut Engine<P, T>, horizon: Time) -> io::Result<usize> {
        let mut heard = 0;
        while heard < HEAR_LIMIT {
            let readable = self.lanes.iter().enumerate().filter(|(_, lane)| lane.readable);
            let Some((next, _)) = readable.min_by_key(|(_, lane)| lane.heard) else { break };
            let others = self.lanes.iter().enumerate().filter(|&(at, _)| at != next);
            let limit = others.map(|(_, lane)| lane.heard).fold(horizon, Time::min);
            let Net { reactor, lanes, inbox, .. } = self;
            heard += lanes[next].hear(engine, inbox, reactor, limit)?;
        }
        Ok(heard)
    }

    /// All that came in before this has been read.
    fn heard(&self) -> Time {
        self.lanes.iter().map(|lane| lane.heard).min().unwrap_or_default()
    }

    /// Whether the next turn may hear something without waiting.
    pub fn is_readable(&self) -> bool {
        self.lanes.iter().any(|lane| lane.readable)
    }

    /// Whether sending may go on: not between the time when a queue was left standing and the time
    /// when all is heard that was in it. (Waiting until there is none would let a flood silence us.)
    fn has_caught_up(&mut self, start: Time) -> bool {
        let behind = *self.behind.get_or_insert(start);
        let has_caught_up = !self.is_readable() || self.heard() >= behind;
        if has_caught_up {
            self.behind = None;
        }
        has_caught_up
    }

    /// Sends what the engine wants to send now, up to the limit; yields how many packets that was.
    fn burst<P: Protocol, T>(&mut self, engine: &mut Engine<P, T>, now: Time) -> usize {
        if now < self.rest_until {
            return 0;
        }
        self.bytes.clear();
        let mut count = 0;
        while count < BURST_LIMIT {
            let start = self.bytes.len();
            let Some(transmit) = engine.poll_transmit(now, &mut self.bytes) else { break };
            let packet = Packet { to: transmit.to, from: None, range: start..self.bytes.len() };
            match self.lanes.iter_mut().find(|lane| lane.ipv6 == transmit.to.is_ipv6()) {
                Some(lane) => lane.push(count, transmit, packet),
                None => engine.handle_send_failure(now, transmit, NO_SUCH_FAMILY),
            }
            count += 1;
        }
        for lane in &mut self.lanes {
            lane.flush(engine, &self.reactor, now, &self.bytes, &mut self.unsent);
        }
        self.take_back(engine, now);
        count
    }

    /// Gives the engine back what the system had no room for, the last one first.
    fn take_back<P: Protocol, T>(&mut self, engine: &mut Engine<P, T>, now: Time) {
        if self.unsent.is_empty() {
            return;
        }
        self.unsent.sort_unstable_by_key(|&(order, _)| order);
        while let Some((_, transmit)) = self.unsent.pop() {
            engine.unsend(now, transmit);
        }
        self.rest_until = now + REST;
    }

    /// The time since [`Net::open`], by a clock that never goes back.
    pub fn now(&self) -> Time {
        self.reactor.now()
    }

    /// Ends the sleep of a turn, or the next one's, from any thread.
    pub fn waker(&self) -> Arc<mio::Waker> {
        self.reactor.waker()
    }

    /// The addresses the sockets are bound to.
    pub fn local_addrs(&self) -> Vec<SocketAddr> {
        self.lanes.iter().filter_map(|lane| lane.socket.local_addr().ok()).collect()
    }

    /// Bytes of receive buffer that each socket was really granted, as the system counts them.
    pub fn receive_buffer(&self) -> usize {
        self.lanes.iter().map(|lane| lane.socket.receive_buffer()).min().unwrap_or(0)
    }

    /// Returns how much of the receive buffer can be relied on while replies queue up in it. [`turn`](Net::turn) grants
    /// it to the engine. Three quarters, because Linux releases what was read only in steps of a quarter
    /// (`udp_rmem_release`).
    pub fn reply_credit(&self) -> u64 {
        self.receive_buffer() as u64 / 4 * 3
    }

    /// Datagrams that the system has dropped since [`Net::open`] because our buffers were full;
    /// `None` where it does not say.
    pub fn local_drops(&self) -> Option<u64> {
        self.lanes.iter().map(|lane| lane.socket.local_drops().map(u64::from)).sum()
    }
}

/// Readable when a datagram may have come, or the waker was used. For waiting only: do not read from it.
#[cfg(unix)]
impl std::os::fd::AsRawFd for Net {
    fn as_raw_fd(&self) -> std::os::fd::RawFd {
        self.reactor.as_raw_fd()
    }
}

/// 16 bytes that nobody can guess, for [`Engine::new`].
///
/// # Errors
/// When the system has none.
pub fn random_key() -> io::Result<[u8; 16]> {
    let mut key = [0; 16];
    getrandom::fill(&mut key).map_err(|error| match error.raw_os_error() {
        Some(errno) => io::Error::from_raw_os_error(errno),
        None => io::Error::other(error.to_string()),
    })?;
    Ok(key)
}

/// The time since 1970-01-01 00:00 UTC by the system's clock, which may be set; zero if it is set before that.
pub fn wall_clock() -> Duration {
    std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default()
}

/// User and system time this process has used; `None` where the system does not say.
pub fn cpu_time() -> Option<Duration> {
    system::cpu_time()
}

/// The most memory this process has had resident, in bytes; `None` where the system does not say.
/// Without /proc, Linux counts in what stood in its place before `exec`.
pub fn max_rss() -> Option<u64> {
    system::max_rss()
}

#[cfg(unix)]
const NO_SUCH_FAMILY: i32 = libc::EAFNOSUPPORT;
#[cfg(not(unix))]
const NO_SUCH_FAMILY: i32 = 10_047; // WSAEAFNOSUPPORT

/// Why [`Net::open`] failed: what could not be done, and what the system says to it.
#[derive(Debug)]
pub struct OpenError {
    what: String,
    error: io::Error,
}

impl OpenError {
    /// Whether the system does not have that address family, or has it switched off.
    fn no_such_family(&self) -> bool {
        self.error.raw_os_error() == Some(NO_SUCH_FAMILY)
            || self.error.kind() == io::ErrorKind::AddrNotAvailable
    }
}

impl fmt::Display for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let error = self.error.to_string();
        // The number tells a user nothing.
        let reason = error.split_once(" (os error").map_or(error.as_str(), |(reason, _)| reason);
        write!(f, "{}: {reason}", self.what)
    }
}

// No `source`: the message has it.
impl std::error::Error for OpenError {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::{Attempt, Config, Proof, Reply, ReplySize, Step, Token};

    /// Writes the number that each conversation is.
    struct Numbers;

    impl Protocol for Numbers {
        type Question = u8;
        type Conversation = u8;
        type Answer = ();

        fn begin(&mut self, _: SocketAddr, number: u8) -> u8 {
            number
        }

        fn proof(&self, _: &u8) -> Proof {
            Proof::Token { bits: 64 }
        }

        fn write_request(&mut self, number: &mut u8, _: Attempt, out: &mut Vec<u8>) {
            out.push(*number);
        }

        fn read_token(&self, _: &[u8]) -> Option<Token> {
            None
        }

        fn step(&mut self, _: &mut u8, _: &Reply<'_>) -> Step<()> {
            Step::Done(())
        }

        fn reply_size(&self, _: &u8) -> ReplySize {
            ReplySize { datagrams: 1, bytes: 1 }
        }
    }

    #[test]
    fn what_found_no_room_goes_back_in_order_and_sending_rests() {
        let mut net = Net::open(&Options { bind: Some(([127, 0, 0, 1], 0).into()), ..Options::default() })
            .expect("loopback is there");
        let mut engine = Engine::new(Numbers, Config::default(), [1; 16]).expect("a valid configuration");
        for number in 0..10 {
            engine.ask(([127, 1, 0, number], 9).into(), number, ()).expect("there is room");
        }
        let now = Time::from_millis(1);
        let mut bytes = Vec::new();
        let mut polled: Vec<_> =
            std::iter::from_fn(|| engine.poll_transmit(now, &mut bytes)).enumerate().collect();
        assert_eq!(bytes, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);

        // The first three left; of the rest, one family after the other came back.
        polled.drain(..3);
        polled.sort_by_key(|&(order, _)| (order % 2, order));
        net.unsent = polled;
        net.take_back(&mut engine, now);
        assert_eq!(engine.ledger().datagrams_sent, 3);
        assert_eq!(net.burst(&mut engine, now), 0, "it rests");

        bytes.clear();
        while engine.poll_transmit(now + REST, &mut bytes).is_some() {}
        assert_eq!(bytes, [3, 4, 5, 6, 7, 8, 9]);
    }
}
