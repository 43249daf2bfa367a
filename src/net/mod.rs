//! Sockets and the clock: drives an [`Engine`] with one UDP socket for each address family.
//!
//! - [`Sweep`]: a whole sweep as an iterator over its completions.
//! - [`Net`]: one turn of the loop: drain, burst, expire, sleep. `driver` runs the turn, `lane` one socket's part of
//!   it, `cost` measures the receive buffer, `reactor` sleeps. `system` is the operating system as far as a turn needs
//!   it, and `errno` classifies its errors.
//! - [`Socket`]: sends and receives datagrams: `linux` many per system call, `portable` one. `control` parses Linux's
//!   control messages, `errors` has the ICMP errors of its error queue.
//! - `streams`: TCP connections for queries that need them.
//! - [`Listener`]: accepts TCP connections, for simulated hosts. `frame` has the messages on connections.

#[cfg(target_os = "linux")]
use linux as platform;
#[cfg(not(target_os = "linux"))]
use portable as platform;

#[cfg(target_os = "linux")]
mod control;
mod cost;
mod driver;
mod errno;
mod errors;
mod frame;
mod lane;
#[cfg(target_os = "linux")]
mod linux;
mod listener;
mod portable;
mod reactor;
mod socket;
mod streams;
mod sweep;
mod system;

use std::fmt;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use crate::engine::{Engine, Protocol, Time};
use crate::setters::setters;
use driver::Driver;
use errno::NO_SUCH_FAMILY;
pub use errors::{ErrorInbox, NetworkError};
pub use frame::{split_frame, write_length};
use lane::Lane;
pub use listener::{AcceptedStream, Listener};
pub use reactor::{Reactor, Waker};
pub use socket::{BATCH, Inbox, Io, Packet, Received, Sent, Socket, SocketOptions};
pub use sweep::Sweep;

/// The receive buffer that a socket requests by default, in bytes as the system counts them: 64 MiB.
pub const LARGEST_BUFFER: usize = 64 << 20;

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
    /// The number of sockets for each address family, at least 1 (0 counts as 1), each with its own port and receive
    /// buffer. Queries are spread over them at random, so that a forger has to guess the port, too.
    pub ports: u16,
}

setters!(Options {
    with_ports sets ports: u16,
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
    driver: Driver<Reactor>,
    /// The receive buffer that each socket was granted; 0 without sockets.
    receive_buffer: usize,
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
        let mut net = Net { driver: Driver::new(reactor), receive_buffer: 0 };
        net.bind_families(options)?;
        let granted = net.driver.lanes.iter().map(|lane| lane.socket.receive_buffer()).min();
        net.receive_buffer = granted.unwrap_or(0);
        Ok(net)
    }

    fn bind_families(&mut self, options: &Options) -> Result<(), OpenError> {
        if let Some(addr) = options.bind {
            self.driver.system.source = Some(addr.ip());
            return self.bind_all(addr, options);
        }
        let v4 = self.bind_all((Ipv4Addr::UNSPECIFIED, 0).into(), options);
        let v6 = self.bind_all((Ipv6Addr::UNSPECIFIED, 0).into(), options);
        match (v4, v6) {
            (Ok(()), Ok(())) => Ok(()),
            (Ok(()), Err(failed)) | (Err(failed), Ok(())) if failed.is_family_unavailable() => Ok(()),
            (Err(failed), _) | (_, Err(failed)) => Err(failed),
        }
    }

    /// Binds the sockets of one address family.
    fn bind_all(&mut self, addr: SocketAddr, options: &Options) -> Result<(), OpenError> {
        (0..options.ports.max(1)).try_for_each(|number| self.bind(addr, number, options))
    }

    fn bind(&mut self, addr: SocketAddr, number: u16, options: &Options) -> Result<(), OpenError> {
        let Options { rcvbuf, io, .. } = *options;
        let options = SocketOptions {
            rcvbuf,
            io,
            report_arrival: true,
            report_errors: true,
            ..SocketOptions::default()
        };
        let mut socket = Socket::bind(addr, &options).map_err(|source| OpenError::Bind { addr, source })?;
        let Driver { system: reactor, lanes, .. } = &mut self.driver;
        reactor.register(&mut socket, lanes.len()).map_err(OpenError::EventQueue)?;
        lanes.push(Lane::new(socket, addr.is_ipv6(), number));
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
    /// Does not sleep if anything was received, sent or ended: the caller may have completions to take and targets to
    /// add. May return early without a visible reason.
    ///
    /// # Errors
    /// The operating system cannot receive or wait. A send error is not returned: it ends at most the query that it
    /// concerns.
    pub fn turn<P: Protocol, T>(&mut self, engine: &mut Engine<P, T>, until: Option<Time>) -> io::Result<()> {
        engine.grant_reply_credit(self.reply_credit());
        engine.grant_lanes(self.driver.lanes.iter().map(|lane| lane.number + 1).max().unwrap_or(1));
        self.driver.turn(engine, until)
    }

    /// Returns when the next turn is due, for a caller with its own event loop. A time in the past means now. `None`
    /// means that only a datagram can change anything; it makes the file descriptor of this `Net` readable (`AsRawFd`,
    /// on Unix).
    pub fn next_turn<P: Protocol, T>(&self, engine: &mut Engine<P, T>) -> Option<Time> {
        self.driver.next_turn(engine)
    }

    /// Returns whether the next turn may receive something without waiting.
    pub fn is_readable(&self) -> bool {
        self.driver.is_readable()
    }

    /// Returns the time since [`Net::open`], by a clock that never goes back.
    pub fn now(&self) -> Time {
        self.driver.system.now()
    }

    /// Returns a handle that ends the sleep of a [`turn`](Net::turn) from any thread.
    pub fn waker(&self) -> Waker {
        self.driver.system.waker()
    }

    /// Returns the addresses that the sockets are bound to.
    pub fn local_addrs(&self) -> Vec<SocketAddr> {
        self.driver.lanes.iter().filter_map(|lane| lane.socket.local_addr().ok()).collect()
    }

    /// Returns the receive buffer that each socket was granted, in bytes as the system counts them.
    pub fn receive_buffer(&self) -> usize {
        self.receive_buffer
    }

    /// Returns the part of the receive buffer that can be relied on while replies queue up in it. [`turn`](Net::turn)
    /// grants it to the engine. It is three quarters, because Linux releases memory that was read only in steps of a
    /// quarter (`udp_rmem_release`).
    pub fn reply_credit(&self) -> u64 {
        self.receive_buffer() as u64 / 4 * 3
    }

    /// Returns the time since which no packet could be sent, and the latest error; `None` if the last packet was sent.
    pub fn outage(&self) -> Option<(Time, io::Error)> {
        let latest = self.driver.lanes.iter().filter_map(|lane| lane.outage).max();
        self.driver.outage.zip(latest).map(|(since, (_, errno))| (since, io::Error::from_raw_os_error(errno)))
    }

    /// Returns how many datagrams the system has dropped since [`Net::open`] because our receive buffers were full;
    /// `None` on systems that do not report it.
    pub fn local_drops(&self) -> Option<u64> {
        self.driver.lanes.iter().map(|lane| lane.socket.local_drops().map(u64::from)).sum()
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
        self.driver.system.as_raw_fd()
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
    platform::cpu_time()
}

/// Returns the peak resident memory of this process in bytes; `None` on systems that do not report it. Without /proc,
/// Linux includes the program that this process was before `exec`.
pub fn max_rss() -> Option<u64> {
    platform::max_rss()
}

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
    /// Returns whether the system lacks that address family, has it disabled, or forbids its sockets (`EACCES`, `EPERM`
    /// or `ENOSYS` from a sandbox).
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
