//! Sockets and the clock: drives an [`Engine`] with one UDP socket for each address family.
//!
//! - [`Sweep`]: a whole sweep as an iterator over its completions.
//! - [`Net`]: one turn of the loop: drain, burst, expire, sleep. `lane` has one socket's part of it, `cost` measures the
//!   receive buffer, `reactor` sleeps.
//! - [`Socket`]: sends and receives datagrams: `linux` many per system call, `portable` one. `control` parses Linux's
//!   control messages, `errors` has the ICMP errors of its error queue.

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
mod sweep;

use std::fmt;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use crate::engine::{Engine, Protocol, Time, Transmit};
use crate::setters::setters;
pub use errors::{ErrorInbox, NetworkError};
use lane::Lane;
pub use reactor::{Reactor, Waker};
pub use socket::{BATCH, Inbox, Io, Packet, Received, Sent, Socket, SocketOptions};
pub use sweep::Sweep;

/// The receive buffer that a socket requests by default, in bytes as the system counts them: 64 MiB.
pub const LARGEST_BUFFER: usize = 64 << 20;

/// Maximum datagrams and errors received in one turn, before anything is sent: a few milliseconds of work.
const RECEIVE_LIMIT: usize = 256;

/// Maximum packets sent in one turn, before replies are read again.
const BURST_LIMIT: usize = 128;

/// The pause in sending when the system's queue is full. Not every system reports when there is room again, and Linux
/// reports it for each packet that has left.
const PAUSE: Duration = Duration::from_millis(1);

/// The settings of a [`Net`]'s sockets. The default suits any sweep.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Options {
    /// The local address, which limits the targets to its address family; `None` for any address and a free port, of
    /// both families.
    pub bind: Option<SocketAddr>,
    /// The receive buffer of each socket in bytes: see [`SocketOptions::rcvbuf`].
    pub rcvbuf: Option<usize>,
    /// The way datagrams pass between this process and the kernel.
    pub io: Io,
}

setters!(Options {
    with_bind sets bind: Option<SocketAddr>,
    with_rcvbuf sets rcvbuf: Option<usize>,
    with_io sets io: Io,
});

/// Sockets and the clock, and the loop that drives an [`Engine`] with them.
///
/// [`Sweep`] is this loop for the simplest case. The loop itself:
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
///         println!("{}", completion.target);
///     }
/// }
/// # Ok(()) }
/// ```
pub struct Net {
    reactor: Reactor,
    lanes: Vec<Lane>,
    inbox: Inbox,
    /// The payloads of one burst.
    bytes: Vec<u8>,
    /// The packets of a burst that the system had no room for.
    unsent: Vec<(usize, Transmit)>,
    /// Sending is paused until this time.
    paused_until: Time,
    /// Sending is paused until everything that arrived before this time has been read; `None` once it has.
    backlog: Option<Time>,
}

impl Net {
    /// Opens the sockets.
    ///
    /// Without [`Options::bind`], an address family that the system does not have, or does not allow, is left out.
    ///
    /// # Errors
    /// An address cannot be bound, or there is no event queue.
    pub fn open(options: &Options) -> Result<Net, OpenError> {
        let reactor = Reactor::new().map_err(OpenError::EventQueue)?;
        let mut net = Net {
            reactor,
            lanes: Vec::new(),
            inbox: Inbox::new(),
            bytes: Vec::new(),
            unsent: Vec::new(),
            paused_until: Time::ZERO,
            backlog: None,
        };
        if let Some(addr) = options.bind {
            net.bind(addr, options)?;
            return Ok(net);
        }
        let v4 = net.bind((Ipv4Addr::UNSPECIFIED, 0).into(), options);
        let v6 = net.bind((Ipv6Addr::UNSPECIFIED, 0).into(), options);
        match (v4, v6) {
            (Ok(()), Ok(())) => Ok(net),
            (Ok(()), Err(failed)) | (Err(failed), Ok(())) if failed.is_family_unavailable() => Ok(net),
            (Err(failed), _) | (_, Err(failed)) => Err(failed),
        }
    }

    fn bind(&mut self, addr: SocketAddr, options: &Options) -> Result<(), OpenError> {
        let Options { rcvbuf, io, .. } = *options;
        let options = SocketOptions {
            rcvbuf,
            io,
            report_arrival: true,
            report_errors: true,
            ..SocketOptions::default()
        };
        let mut socket = Socket::bind(addr, &options).map_err(|source| OpenError::Bind { addr, source })?;
        self.reactor.register(&mut socket, self.lanes.len()).map_err(OpenError::EventQueue)?;
        self.lanes.push(Lane::new(socket, addr.is_ipv6()));
        Ok(())
    }

    /// Runs one turn: drains the sockets, sends the requests that are allowed now, expires due deadlines, and sleeps
    /// until a datagram arrives, the engine has something due, `until` is reached, or the [`waker`](Net::waker) is
    /// used. Grants the engine its [reply credit](Net::reply_credit) first.
    ///
    /// A turn may be late, because this process was stopped or the machine stalled. Therefore a datagram counts from
    /// its time of arrival (on Linux, which reports it), a deadline expires only after everything that arrived before
    /// it has been read, and nothing is sent until then.
    ///
    /// Does not sleep if anything was received, sent or ended: the caller may have completions to take and targets to add.
    /// May return early for no visible reason.
    ///
    /// # Errors
    /// The operating system cannot receive or wait. An error in sending ends only the query that it concerns.
    pub fn turn<P: Protocol, T>(&mut self, engine: &mut Engine<P, T>, until: Option<Time>) -> io::Result<()> {
        engine.grant_reply_credit(self.reply_credit());
        let ended = engine.ledger().ended();
        let start = self.now();
        let is_due = engine.next_deadline().is_some_and(|due| due <= start);
        self.count_local_drops(engine, start, is_due);
        // Deadlines may expire up to here: local drops until then are counted, and all sockets are read, since one that
        // was empty before may not be now.
        let horizon = if is_due { start } else { Time::ZERO };
        self.lanes.iter_mut().for_each(|lane| lane.readable |= is_due);
        let received = self.receive(engine, horizon)?;
        let sent = if self.has_caught_up(start) { self.burst(engine, self.now()) } else { 0 };
        engine.handle_timeout(horizon.min(self.read_up_to()));

        let worked = received + sent > 0 || engine.ledger().ended() != ended;
        let wake = if worked { Some(start) } else { self.next_turn(engine).into_iter().chain(until).min() };
        let Net { reactor, lanes, .. } = self;
        reactor.wait_for(wake, |token, has_errors| {
            lanes[token].readable = true;
            lanes[token].has_errors |= has_errors;
        })
    }

    /// Returns when the next turn is due, for a caller with its own event loop. A time in the past means now. `None`
    /// means that only a datagram can change anything; it makes the file descriptor of this `Net` readable (`AsRawFd`,
    /// on Unix).
    pub fn next_turn<P: Protocol, T>(&self, engine: &mut Engine<P, T>) -> Option<Time> {
        if self.is_readable() {
            return Some(Time::ZERO);
        }
        // While sending is paused, pending packets do not require a wake-up.
        engine.poll_timeout().map(|due| due.max(self.paused_until))
    }

    /// Reports local drops to the engine: before anything expires, and when a datagram hinted at them.
    fn count_local_drops<P: Protocol, T>(&mut self, engine: &mut Engine<P, T>, now: Time, is_due: bool) {
        let suspects = self.lanes.iter_mut().filter(|lane| is_due || lane.has_dropped);
        if suspects.map(Lane::new_drops).any(|new| new > 0) {
            engine.handle_local_drops(now);
        }
    }

    /// Reads the sockets until they are empty or the limit is reached. The socket that is furthest behind is read first, so
    /// that no deadline expires before a reply that arrived earlier.
    fn receive<P: Protocol, T>(&mut self, engine: &mut Engine<P, T>, horizon: Time) -> io::Result<usize> {
        let mut received = 0;
        while received < RECEIVE_LIMIT {
            let readable = self.lanes.iter().enumerate().filter(|(_, lane)| lane.readable);
            let Some((next, _)) = readable.min_by_key(|(_, lane)| lane.read_up_to) else { break };
            let others = self.lanes.iter().enumerate().filter(|&(at, _)| at != next);
            let limit = others.map(|(_, lane)| lane.read_up_to).fold(horizon, Time::min);
            let Net { reactor, lanes, inbox, .. } = self;
            received += lanes[next].receive(engine, inbox, reactor, limit)?;
        }
        Ok(received)
    }

    /// Returns the time before which everything that arrived has been read.
    fn read_up_to(&self) -> Time {
        self.lanes.iter().map(|lane| lane.read_up_to).min().unwrap_or_default()
    }

    /// Returns whether the next turn may receive something without waiting.
    pub fn is_readable(&self) -> bool {
        self.lanes.iter().any(|lane| lane.readable)
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

    /// Sends the requests that the engine has due, up to the limit. Returns the number of packets.
    fn burst<P: Protocol, T>(&mut self, engine: &mut Engine<P, T>, now: Time) -> usize {
        if now < self.paused_until {
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

    /// Returns to the engine the packets that the system had no room for, the last one first.
    fn take_back<P: Protocol, T>(&mut self, engine: &mut Engine<P, T>, now: Time) {
        if self.unsent.is_empty() {
            return;
        }
        self.unsent.sort_unstable_by_key(|&(order, _)| order);
        while let Some((_, transmit)) = self.unsent.pop() {
            engine.unsend(now, transmit);
        }
        self.paused_until = now + PAUSE;
    }

    /// Returns the time since [`Net::open`], by a clock that never goes back.
    pub fn now(&self) -> Time {
        self.reactor.now()
    }

    /// Returns a handle that ends the sleep of a [`turn`](Net::turn) from any thread.
    pub fn waker(&self) -> Waker {
        self.reactor.waker()
    }

    /// Returns the addresses that the sockets are bound to.
    pub fn local_addrs(&self) -> Vec<SocketAddr> {
        self.lanes.iter().filter_map(|lane| lane.socket.local_addr().ok()).collect()
    }

    /// Returns the receive buffer that each socket was granted, in bytes as the system counts them.
    pub fn receive_buffer(&self) -> usize {
        self.lanes.iter().map(|lane| lane.socket.receive_buffer()).min().unwrap_or(0)
    }

    /// Returns the part of the receive buffer that can be relied on while replies queue up in it. [`turn`](Net::turn)
    /// grants it to the engine. It is three quarters, because Linux releases memory that was read only in steps of a
    /// quarter (`udp_rmem_release`).
    pub fn reply_credit(&self) -> u64 {
        self.receive_buffer() as u64 / 4 * 3
    }

    /// Returns how many datagrams the system has dropped since [`Net::open`] because our receive buffers were full;
    /// `None` on systems that do not report it.
    pub fn local_drops(&self) -> Option<u64> {
        self.lanes.iter().map(|lane| lane.socket.local_drops().map(u64::from)).sum()
    }
}

impl fmt::Debug for Net {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Net")
            .field("local_addrs", &self.local_addrs())
            .field("receive_buffer", &self.receive_buffer())
            .finish_non_exhaustive()
    }
}

/// Readable when a datagram may have arrived, or the waker was used. For waiting only: do not read from it.
#[cfg(unix)]
impl std::os::fd::AsRawFd for Net {
    fn as_raw_fd(&self) -> std::os::fd::RawFd {
        self.reactor.as_raw_fd()
    }
}

/// Returns 16 unpredictable bytes, for [`Engine::new`].
///
/// # Errors
/// The operating system cannot provide random numbers.
pub fn random_key() -> io::Result<[u8; 16]> {
    let mut key = [0; 16];
    #[cfg(target_os = "linux")]
    if linux::fill_random(&mut key) {
        return Ok(key);
    }
    getrandom::fill(&mut key).map_err(|error| match error.raw_os_error() {
        Some(errno) => io::Error::from_raw_os_error(errno),
        None => io::Error::other(error.to_string()),
    })?;
    Ok(key)
}

/// Returns the time since 1970-01-01 00:00 UTC by the system's clock, which may be set; zero if it is set before that.
pub fn wall_clock() -> Duration {
    std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default()
}

/// Returns the user and system time that this process has used; `None` on systems that do not report it.
pub fn cpu_time() -> Option<Duration> {
    system::cpu_time()
}

/// Returns the peak resident memory of this process in bytes; `None` on systems that do not report it. Without /proc,
/// Linux includes the program that this process was before `exec`.
pub fn max_rss() -> Option<u64> {
    system::max_rss()
}

#[cfg(unix)]
const NO_SUCH_FAMILY: i32 = libc::EAFNOSUPPORT;
#[cfg(not(unix))]
const NO_SUCH_FAMILY: i32 = 10_047; // WSAEAFNOSUPPORT

/// The error of [`Net::open`]. The operating system's reason is the [`source`](std::error::Error::source).
#[derive(Debug)]
#[non_exhaustive]
pub enum OpenError {
    /// There is no event queue, or a socket cannot be added to it.
    EventQueue(io::Error),
    /// A socket cannot be bound.
    Bind {
        /// The local address.
        addr: SocketAddr,
        /// The operating system's reason.
        source: io::Error,
    },
}

impl OpenError {
    /// Returns whether the system lacks that address family, has it disabled, or forbids its sockets (`EACCES`, `EPERM` or
    /// `ENOSYS` of a sandbox).
    fn is_family_unavailable(&self) -> bool {
        use io::ErrorKind::{AddrNotAvailable, PermissionDenied, Unsupported};
        matches!(self, OpenError::Bind { source, .. }
            if source.raw_os_error() == Some(NO_SUCH_FAMILY)
                || matches!(source.kind(), AddrNotAvailable | PermissionDenied | Unsupported))
    }
}

impl fmt::Display for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            OpenError::EventQueue(_) => f.write_str("cannot open the event queue"),
            OpenError::Bind { addr, .. } => write!(f, "cannot bind {addr}"),
        }
    }
}

impl std::error::Error for OpenError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            OpenError::EventQueue(source) | OpenError::Bind { source, .. } => Some(source),
        }
    }
}

impl From<OpenError> for io::Error {
    fn from(error: OpenError) -> io::Error {
        let kind = match &error {
            OpenError::EventQueue(source) | OpenError::Bind { source, .. } => source.kind(),
        };
        io::Error::new(kind, error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::{Attempt, Config, Proof, Reply, ReplySize, Step, Token};

    /// A protocol whose request is the number of its conversation.
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
    fn unsent_packets_return_in_order_and_sending_pauses() {
        let mut net = Net::open(&Options { bind: Some(([127, 0, 0, 1], 0).into()), ..Options::default() })
            .expect("loopback exists");
        let mut engine = Engine::new(Numbers, Config::default(), [1; 16]).expect("a valid configuration");
        for number in 0..10 {
            engine.ask(([127, 1, 0, number], 9).into(), number, ()).expect("there is room");
        }
        let now = Time::from_millis(1);
        let mut bytes = Vec::new();
        let mut polled: Vec<_> =
            std::iter::from_fn(|| engine.poll_transmit(now, &mut bytes)).enumerate().collect();
        assert_eq!(bytes, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);

        // The first three left; the rest came back one family after the other.
        polled.drain(..3);
        polled.sort_by_key(|&(order, _)| (order % 2, order));
        net.unsent = polled;
        net.take_back(&mut engine, now);
        assert_eq!(engine.ledger().datagrams_sent, 3);
        assert_eq!(net.burst(&mut engine, now), 0, "sending is paused");

        bytes.clear();
        while engine.poll_transmit(now + PAUSE, &mut bytes).is_some() {}
        assert_eq!(bytes, [3, 4, 5, 6, 7, 8, 9]);
    }
}
