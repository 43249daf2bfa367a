//! A UDP socket and its options. Sends and receives many datagrams per system call where the system supports it.

use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

use socket2::{Domain, Protocol, Type};

#[cfg(target_os = "linux")]
use super::errno::is_too_many;
use super::errno::{is_leftover, is_missing_or_forbidden, is_too_large};
use super::errors::ErrorInbox;
#[cfg(target_os = "linux")]
use super::linux;
#[cfg(target_os = "linux")]
use super::linux as system;
use super::portable;
#[cfg(not(target_os = "linux"))]
use super::portable as system;
use crate::setters::setters;

/// The maximum number of datagrams that one [`Socket::recv`] returns. Larger batches are not faster.
pub const BATCH: usize = 32;

/// Room for one datagram of any size. The stride is not a power of two, because then the first lines of all slots would
/// share a cache set.
const SLOT: usize = 65_536 + 192;

/// The largest payload that is never fragmented: IPv6's minimum MTU minus the headers.
const SAFE_PAYLOAD: usize = 1_232;

/// The way datagrams pass between this process and the kernel.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Io {
    /// Up to [`BATCH`] per system call. Linux only; elsewhere, and where Linux lacks or forbids these system calls, the
    /// same as [`Io::Single`].
    #[default]
    Batched,
    /// One per system call, on any system.
    Single,
}

/// The options of a [`Socket`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct SocketOptions {
    /// The receive buffer to request, in bytes as the system reports them afterwards (on Linux, twice the requested
    /// size); `None` for as much as it grants, up to 64 MiB. [`Socket::receive_buffer`] returns the size granted.
    pub rcvbuf: Option<usize>,
    /// Reports the local address that a datagram was sent to ([`Received::to`]), and allows packets to set their source
    /// address ([`Packet::from`]). Linux with [`Io::Batched`] only.
    pub report_destination: bool,
    /// Reports when a datagram arrived ([`Received::age`]), and the local drops before it. Linux with [`Io::Batched`]
    /// only; elsewhere this has no effect.
    pub report_arrival: bool,
    /// Queues ICMP errors for [`Socket::recv_errors`], and reports when a local queue has no room for a packet. Each
    /// ICMP error also makes one later send or receive fail. Linux with [`Io::Batched`] only; elsewhere this has no
    /// effect.
    pub report_errors: bool,
    /// The way datagrams pass between this process and the kernel.
    pub io: Io,
}

setters!(SocketOptions {
    with_rcvbuf sets rcvbuf: Option<usize>,
    with_report_destination sets report_destination: bool,
    with_report_arrival sets report_arrival: bool,
    with_report_errors sets report_errors: bool,
    with_io sets io: Io,
});

/// A non-blocking, unconnected UDP socket of one address family.
///
/// Register it with a [`Reactor`](super::Reactor), which reports a socket only once after something has
/// arrived: call [`Socket::recv`] until it returns 0 before waiting.
#[derive(Debug)]
pub struct Socket {
    inner: mio::net::UdpSocket,
    ipv6: bool,
    io: Io,
    no_batches: NoBatches,
}

/// The batch system calls that turned out to be missing or forbidden.
#[derive(Debug, Default)]
struct NoBatches {
    receiving: AtomicBool,
    sending: AtomicBool,
    /// True once a batch was sent: from then on, an error is about a packet, not about the system call.
    #[cfg(target_os = "linux")]
    has_sent: AtomicBool,
    /// True if the system does not split messages into packets.
    #[cfg(target_os = "linux")]
    splitting: AtomicBool,
}

/// A packet to send.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Packet {
    /// The destination.
    pub to: SocketAddr,
    /// The source address, one of ours; `None` lets the system decide. Needs [`SocketOptions::report_destination`].
    pub from: Option<IpAddr>,
    /// The range of the payload in the bytes passed to [`Socket::send`], 0 to 65,507 bytes long.
    pub range: Range<usize>,
    /// True if it may be handed to the system together with neighbours that have the same destination and length: see
    /// [`Protocol::is_bulk`](crate::engine::Protocol::is_bulk).
    pub bulk: bool,
}

/// The result of [`Socket::send`].
#[derive(Debug)]
#[must_use = "not all packets may have been sent"]
pub struct Sent {
    /// The number of packets sent, from the first on.
    pub count: usize,
    /// The error of the next packet; `None` if all were sent.
    pub error: Option<io::Error>,
}

/// A received datagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Received<'a> {
    /// The source address that it claims.
    pub from: SocketAddr,
    /// Our address that it was sent to, with [`SocketOptions::report_destination`].
    pub to: Option<IpAddr>,
    /// The time between arrival and reading, with [`SocketOptions::report_arrival`]; `None` if unknown. It is measured by
    /// the system's real-time clock, and so is wrong if that clock was set in between.
    pub age: Option<Duration>,
    /// The complete payload.
    pub payload: &'a [u8],
}

/// The buffer of [`Socket::recv`]: 2 MiB of address space, of which datagrams use only as much memory as they fill.
pub struct Inbox {
    /// `BATCH` slots of `SLOT` bytes.
    pub(super) slots: Vec<u8>,
    pub(super) arrivals: Vec<Arrival>,
    /// The time of reading, since the Unix epoch; `None` if the ages of the datagrams are unknown.
    pub(super) read_at: Option<Duration>,
    #[cfg(target_os = "linux")]
    pub(super) headers: linux::Headers,
}

/// The datagram in the slot with the same index.
#[derive(Clone, Copy, Debug)]
pub(super) struct Arrival {
    pub from: SocketAddr,
    pub to: Option<IpAddr>,
    pub len: usize,
    pub age: Option<Duration>,
    /// The socket's local drops when it was queued, modulo 2³²; `None` before the first drop.
    pub drops: Option<u32>,
}

/// The usage of a socket's receive buffer.
#[derive(Clone, Copy, Debug)]
pub(super) struct BufferUsage {
    /// The bytes in use, by datagrams and errors.
    pub queued: u32,
    /// The datagrams dropped for lack of room, modulo 2³².
    pub drops: u32,
}

impl Default for Inbox {
    fn default() -> Inbox {
        Inbox::new()
    }
}

impl Inbox {
    /// Creates an empty inbox.
    pub fn new() -> Inbox {
        Inbox {
            slots: vec![0; BATCH * SLOT],
            arrivals: Vec::with_capacity(BATCH),
            read_at: None,
            #[cfg(target_os = "linux")]
            headers: linux::Headers::new(),
        }
    }

    /// Returns the datagrams of the last [`Socket::recv`], in order of arrival.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = Received<'_>> {
        self.arrivals.iter().zip(self.slots.chunks_exact(SLOT)).map(|(arrival, slot)| Received {
            from: arrival.from,
            to: arrival.to,
            age: arrival.age,
            payload: &slot[..arrival.len],
        })
    }

    /// Returns the latest count of local drops among the datagrams.
    pub(super) fn drops(&self) -> Option<u32> {
        self.arrivals.last().and_then(|arrival| arrival.drops)
    }

    pub(super) fn slots(&mut self) -> impl Iterator<Item = &mut [u8]> {
        self.slots.chunks_exact_mut(SLOT)
    }
}

impl fmt::Debug for Inbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inbox").field("datagrams", &self.arrivals.len()).finish_non_exhaustive()
    }
}

impl Socket {
    /// Binds a socket to `addr`; port 0 for any free port. An IPv6 socket does not receive IPv4.
    ///
    /// The send buffer keeps the system's default: with a larger one, packets would overflow the network card's queue
    /// without an error.
    ///
    /// # Errors
    /// The system's error: for example the port is in use, the address is not local, or the address family is missing.
    /// [`io::ErrorKind::Unsupported`] if `report_destination` is not available.
    pub fn bind(addr: SocketAddr, options: &SocketOptions) -> io::Result<Socket> {
        let socket = socket2::Socket::new(Domain::for_address(addr), Type::DGRAM, Some(Protocol::UDP))?;
        socket.set_nonblocking(true)?;
        if addr.is_ipv6() {
            socket.set_only_v6(true)?;
        }
        if options.report_destination {
            match options.io {
                Io::Batched => system::report_destination(&socket, addr.is_ipv6())?,
                Io::Single => return Err(io::ErrorKind::Unsupported.into()),
            }
        }
        #[cfg(target_os = "linux")]
        if options.io == Io::Batched {
            if options.report_arrival {
                linux::report_arrival(&socket);
            }
            if options.report_errors {
                linux::report_errors(&socket, addr.is_ipv6(), true);
            }
        }
        system::enlarge_receive_buffer(&socket, options.rcvbuf);
        if addr.is_ipv4() {
            system::set_dont_fragment(&socket, true);
        }
        socket.bind(&addr.into())?;
        let no_batches = NoBatches {
            #[cfg(target_os = "linux")]
            splitting: AtomicBool::new(!linux::splits_packets(&socket)),
            ..NoBatches::default()
        };
        let inner = mio::net::UdpSocket::from_std(socket.into());
        Ok(Socket { inner, ipv6: addr.is_ipv6(), io: options.io, no_batches })
    }

    /// Returns the address that the socket is bound to.
    ///
    /// # Errors
    /// The system's error.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.inner.local_addr()
    }

    /// Returns the size of the receive buffer that the system granted, in bytes as it counts them; 0 if unknown.
    pub fn receive_buffer(&self) -> usize {
        socket2::SockRef::from(&self.inner).recv_buffer_size().unwrap_or(0)
    }

    /// Returns how many datagrams the system has dropped because this socket's buffer was full; `None` on systems that do
    /// not report it. On Linux the count is exact at any time (`SO_MEMINFO`).
    pub fn local_drops(&self) -> Option<u32> {
        self.buffer_usage().map(|usage| usage.drops)
    }

    /// Returns the event source for mio.
    pub(super) fn source(&mut self) -> &mut impl mio::event::Source {
        &mut self.inner
    }

    pub(super) fn buffer_usage(&self) -> Option<BufferUsage> {
        system::buffer_usage(&self.inner)
    }

    /// Receives up to [`BATCH`] datagrams (one, with [`Io::Single`]) into `inbox`, and replaces its content. Returns the
    /// number of datagrams; 0 if the socket is empty.
    ///
    /// # Errors
    /// The system's error. Errors that earlier packets left on the socket (ICMP messages) are ignored.
    pub fn recv(&self, inbox: &mut Inbox) -> io::Result<usize> {
        // If an error persists, it does not come from an earlier packet.
        for _ in 0..BATCH {
            match self.try_recv(inbox) {
                Err(error) if is_leftover(&error) => {}
                result => return result,
            }
        }
        self.try_recv(inbox)
    }

    /// Receives like [`recv`](Socket::recv), but also returns errors that earlier packets caused: see [`is_leftover`].
    pub(super) fn try_recv(&self, inbox: &mut Inbox) -> io::Result<usize> {
        inbox.arrivals.clear();
        inbox.read_at = None;
        let result = match self.receives_batches() {
            #[cfg(target_os = "linux")]
            true => linux::recv(&self.inner, inbox),
            _ => portable::recv(&self.inner, inbox),
        };
        match result {
            Err(error) if self.receives_batches() && is_missing_or_forbidden(&error) => {
                self.no_batches.receiving.store(true, Relaxed);
                // The error queue can no longer be read.
                #[cfg(target_os = "linux")]
                linux::report_errors(&self.inner, self.ipv6, false);
                self.try_recv(inbox)
            }
            Ok(()) => Ok(inbox.arrivals.len()),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(0),
            Err(error) => Err(error),
        }
    }

    /// Receives up to [`BATCH`] errors about earlier packets into `errors`, and replaces its content. Returns the number of
    /// errors; 0 if there are none, or the system does not report them ([`SocketOptions::report_errors`]). Errors take
    /// space in the receive buffer until they are read.
    ///
    /// # Errors
    /// The system's error.
    pub fn recv_errors(&self, errors: &mut ErrorInbox) -> io::Result<usize> {
        errors.entries.clear();
        #[cfg(target_os = "linux")]
        if self.receives_batches() {
            match linux::recv_errors(&self.inner, errors) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                result => result?,
            }
        }
        if errors.iter().any(|error| is_too_large(error.errno)) {
            self.allow_fragments();
        }
        Ok(errors.entries.len())
    }

    /// Sends `packets` in order, with payloads from `bytes`, until one fails. To continue, call again with the rest.
    ///
    /// The error may come from an earlier packet: send the failed packet once more before giving up on it.
    ///
    /// # Panics
    /// If a packet's range is not within `bytes`.
    pub fn send(&self, packets: &[Packet], bytes: &[u8]) -> Sent {
        if packets.iter().any(|packet| packet.range.len() > SAFE_PAYLOAD) {
            self.allow_fragments();
        }
        let sent = match self.io == Io::Batched && !self.no_batches.sending.load(Relaxed) {
            #[cfg(target_os = "linux")]
            true => self.send_batches(packets, bytes),
            _ => portable::send(&self.inner, packets, bytes),
        };
        if sent.error.as_ref().and_then(io::Error::raw_os_error).is_some_and(is_too_large) {
            self.allow_fragments();
        }
        sent
    }

    /// Sends many packets per system call, unless that call is missing or forbidden. A local firewall may return the
    /// same error, but it also refuses the packet when it is sent singly.
    #[cfg(target_os = "linux")]
    fn send_batches(&self, packets: &[Packet], bytes: &[u8]) -> Sent {
        let splits = !self.no_batches.splitting.load(Relaxed);
        let mut sent = linux::send(&self.inner, packets, bytes, splits);
        if splits && sent.error.as_ref().is_some_and(is_too_many) {
            let rest = linux::send(&self.inner, &packets[sent.count..], bytes, false);
            self.no_batches.splitting.fetch_or(rest.count > 0, Relaxed);
            sent = Sent { count: sent.count + rest.count, error: rest.error };
        }
        self.no_batches.has_sent.fetch_or(sent.count > 0, Relaxed);
        if !sent.error.as_ref().is_some_and(is_missing_or_forbidden) || self.no_batches.has_sent.load(Relaxed)
        {
            return sent;
        }
        let singly = portable::send(&self.inner, packets, bytes);
        self.no_batches.sending.fetch_or(singly.count > 0, Relaxed);
        singly
    }

    fn receives_batches(&self) -> bool {
        self.io == Io::Batched && !self.no_batches.receiving.load(Relaxed)
    }

    /// Allows fragments, after a packet was too large without them. IPv6 always allows them.
    fn allow_fragments(&self) {
        if !self.ipv6 {
            system::set_dont_fragment(&self.inner, false);
        }
    }
}

/// Readable when a datagram or an error may have arrived.
#[cfg(unix)]
impl std::os::fd::AsRawFd for Socket {
    fn as_raw_fd(&self) -> std::os::fd::RawFd {
        self.inner.as_raw_fd()
    }
}
