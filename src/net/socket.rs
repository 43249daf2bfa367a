//! One UDP socket: its options, and datagrams in and out, many a system call where the system can.

use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::ops::Range;
use std::time::Duration;

use socket2::{Domain, Protocol, Type};

use super::errors::ErrorInbox;
#[cfg(target_os = "linux")]
use super::linux;
#[cfg(target_os = "linux")]
use super::linux as system;
use super::portable;
#[cfg(not(target_os = "linux"))]
use super::portable as system;

/// The most datagrams one [`Socket::recv`] yields. More than 32 a system call brings nothing.
pub const BATCH: usize = 32;

/// Room for one datagram of any size. The odd stride keeps the first lines of the slots out of one
/// another's cache sets, which a power of two would throw them all into.
const SLOT: usize = 65_536 + 192;

/// Packets up to this size (IPv6's least MTU less its headers) pass everywhere unfragmented.
const SAFE_PAYLOAD: usize = 1_232;

/// How datagrams go through the system's interface.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Io {
    /// Up to [`BATCH`] a system call. Linux only; elsewhere the same as [`Io::Single`].
    #[default]
    Batched,
    /// One a system call, on any system.
    Single,
}

/// What a [`Socket`] is to be like.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SocketOptions {
    /// Bytes of receive buffer as the system reports them after it has granted them (Linux doubles
    /// what is asked for: that is taken care of). `None` = as many as it grants, up to 64 MiB. What
    /// was granted in the end: [`Socket::receive_buffer`].
    pub rcvbuf: Option<usize>,
    /// Whether received datagrams tell which of our addresses they were sent to, and packets may
    /// name the one they leave from. Linux with [`Io::Batched`] only.
    pub tell_destination: bool,
    /// Whether received datagrams tell when they came in ([`Received::age`]), and of local drops before
    /// them. Linux with [`Io::Batched`] only; elsewhere nothing is told.
    pub tell_arrival: bool,
    /// Whether the system keeps what the network says of packets that were not delivered, for
    /// [`Socket::recv_errors`], and tells when its own queue had no room for a packet. Such an error
    /// also makes one later send or receive fail. Linux with [`Io::Batched`] only; elsewhere nothing
    /// is told.
    pub tell_errors: bool,
    /// How datagrams go through the system's interface.
    pub io: Io,
}

/// A non-blocking, unconnected UDP socket of one address family.
///
/// Register it with a [`Reactor`](super::Reactor), which reports a socket only once after something has
/// arrived: call [`Socket::recv`] until it returns 0 before waiting.
#[derive(Debug)]
pub struct Socket {
    inner: mio::net::UdpSocket,
    ipv6: bool,
    io: Io,
}

/// A packet to send: `range` of the bytes handed to [`Socket::send`], 0 to 65,507 of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Packet {
    /// Where to.
    pub to: SocketAddr,
    /// Which of our addresses it leaves from; `None` = the system decides. See
    /// [`SocketOptions::tell_destination`].
    pub from: Option<IpAddr>,
    /// Where its payload is.
    pub range: Range<usize>,
}

/// How far [`Socket::send`] came.
#[derive(Debug)]
#[must_use = "not all packets may have been sent"]
pub struct Sent {
    /// The first so many packets were sent.
    pub count: usize,
    /// Why the next one was not; `None` when all were sent.
    pub error: Option<io::Error>,
}

/// A datagram that has come in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Received<'a> {
    /// Who sent it, as it claims.
    pub from: SocketAddr,
    /// Which of our addresses it was sent to, with [`SocketOptions::tell_destination`].
    pub to: Option<IpAddr>,
    /// How long before it was read it had come in, by the system's clock of real time (which may have
    /// been set in between), with [`SocketOptions::tell_arrival`]; `None` where it is not told.
    pub age: Option<Duration>,
    /// Its payload, complete.
    pub payload: &'a [u8],
}

/// Where [`Socket::recv`] puts what comes in: 2 MiB, of which memory is used only as far as
/// datagrams have filled it.
pub struct Inbox {
    /// `BATCH` slots of `SLOT` bytes.
    pub(super) slots: Vec<u8>,
    pub(super) arrivals: Vec<Arrival>,
    /// When their ages were told, since the Unix epoch; `None` when they have none.
    pub(super) told_at: Option<Duration>,
    #[cfg(target_os = "linux")]
    pub(super) headers: linux::Headers,
}

/// What is known of the datagram in the slot of the same index.
#[derive(Clone, Copy, Debug)]
pub(super) struct Arrival {
    pub from: SocketAddr,
    pub to: Option<IpAddr>,
    pub len: usize,
    pub age: Option<Duration>,
    /// The socket's local drops when it was queued, modulo 2³²; not told before the first one.
    pub drops: Option<u32>,
}

/// What the system says of a socket's receive buffer.
#[derive(Clone, Copy, Debug)]
pub(super) struct Memory {
    /// Bytes of it that are taken, by datagrams and by errors.
    pub queued: u32,
    /// Datagrams that found no room, modulo 2³².
    pub drops: u32,
}

impl Default for Inbox {
    fn default() -> Inbox {
        Inbox::new()
    }
}

impl Inbox {
    /// An empty one.
    pub fn new() -> Inbox {
        Inbox {
            slots: vec![0; BATCH * SLOT],
            arrivals: Vec::with_capacity(BATCH),
            told_at: None,
            #[cfg(target_os = "linux")]
            headers: linux::Headers::new(),
        }
    }

    /// The datagrams of the last [`Socket::recv`], in the order they came in.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = Received<'_>> {
        self.arrivals.iter().zip(self.slots.chunks_exact(SLOT)).map(|(arrival, slot)| Received {
            from: arrival.from,
            to: arrival.to,
            age: arrival.age,
            payload: &slot[..arrival.len],
        })
    }

    /// The newest count of local drops that came with one of them.
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
    /// Binds a socket to `addr` (port 0 = any free one). One of IPv6 takes no IPv4.
    ///
    /// The send buffer stays as the system has it: its bound is what makes a full queue of the
    /// network card an error we see; a larger one lets packets overflow that queue unseen.
    ///
    /// # Errors
    /// What the system says: the port is taken, the address is not ours, no such family. And
    /// [`io::ErrorKind::Unsupported`] when `tell_destination` is not to be had.
    pub fn bind(addr: SocketAddr, options: &SocketOptions) -> io::Result<Socket> {
        let socket = socket2::Socket::new(Domain::for_address(addr), Type::DGRAM, Some(Protocol::UDP))?;
        socket.set_nonblocking(true)?;
        if addr.is_ipv6() {
            socket.set_only_v6(true)?;
        }
        if options.tell_destination {
            match options.io {
                Io::Batched => system::tell_destination(&socket, addr.is_ipv6())?,
                Io::Single => return Err(io::ErrorKind::Unsupported.into()),
            }
        }
        #[cfg(target_os = "linux")]
        if options.io == Io::Batched {
            if options.tell_arrival {
                linux::tell_arrival(&socket);
            }
            if options.tell_errors {
                linux::tell_errors(&socket, addr.is_ipv6());
            }
        }
        system::enlarge_receive_buffer(&socket, options.rcvbuf);
        if addr.is_ipv4() {
            system::never_fragment(&socket, true);
        }
        socket.bind(&addr.into())?;
        Ok(Socket {
            inner: mio::net::UdpSocket::from_std(socket.into()),
            ipv6: addr.is_ipv6(),
            io: options.io,
        })
    }

    /// The address it is bound to.
    ///
    /// # Errors
    /// What the system says.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.inner.local_addr()
    }

    /// Bytes of receive buffer that the system has granted, as it counts them; 0 if it does not
    /// say.
    pub fn receive_buffer(&self) -> usize {
        socket2::SockRef::from(&self.inner).recv_buffer_size().unwrap_or(0)
    }

    /// Datagrams that the system has dropped because this socket's buffer was full; `None` where it
    /// does not say. Exact at any time on Linux (`SO_MEMINFO`).
    pub fn local_drops(&self) -> Option<u32> {
        self.memory().map(|memory| memory.drops)
    }

    /// What mio registers.
    pub(super) fn source(&mut self) -> &mut impl mio::event::Source {
        &mut self.inner
    }

    pub(super) fn memory(&self) -> Option<Memory> {
        system::memory(&self.inner)
    }

    /// Takes up to [`BATCH`] datagrams out of the socket (one, with [`Io::Single`]) and into
    /// `inbox`, in place of what was there. Yields how many; 0 = the socket is empty.
    ///
    /// # Errors
    /// What the system says. An error that some earlier packet left behind on the socket (an ICMP
    /// message) is none.
    pub fn recv(&self, inbox: &mut Inbox) -> io::Result<usize> {
        // An error that stays is no leftover.
        for _ in 0..BATCH {
            match self.try_recv(inbox) {
                Err(error) if is_leftover(&error) => {}
                result => return result,
            }
        }
        self.try_recv(inbox)
    }

    /// As [`recv`](Socket::recv), but for errors that an earlier packet left behind: see
    /// [`is_leftover`].
    pub(super) fn try_recv(&self, inbox: &mut Inbox) -> io::Result<usize> {
        inbox.arrivals.clear();
        inbox.told_at = None;
        let result = match self.io {
            #[cfg(target_os = "linux")]
            Io::Batched => linux::recv(&self.inner, inbox),
            _ => portable::recv(&self.inner, inbox),
        };
        match result {
            Ok(()) => Ok(inbox.arrivals.len()),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(0),
            Err(error) => Err(error),
        }
    }

    /// Takes up to [`BATCH`] errors that earlier packets met with into `errors`, in place of what was
    /// there. Yields how many; 0 = there are none, or the system does not tell
    /// ([`SocketOptions::tell_errors`]). Until they are taken, errors use up the receive buffer.
    ///
    /// # Errors
    /// What the system says.
    pub fn recv_errors(&self, errors: &mut ErrorInbox) -> io::Result<usize> {
        errors.entries.clear();
        #[cfg(target_os = "linux")]
        if self.io == Io::Batched {
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

    /// Sends `packets`, whose payloads lie in `bytes`, in their order, until one fails. To go on
    /// after it, call again with the rest.
    ///
    /// The error may be one that an earlier packet left behind on the socket: try the failed one
    /// once more before giving it up.
    ///
    /// # Panics
    /// When a packet's range is not within `bytes`.
    pub fn send(&self, packets: &[Packet], bytes: &[u8]) -> Sent {
        if packets.iter().any(|packet| packet.range.len() > SAFE_PAYLOAD) {
            self.allow_fragments();
        }
        let sent = match self.io {
            #[cfg(target_os = "linux")]
            Io::Batched => linux::send(&self.inner, packets, bytes),
            _ => portable::send(&self.inner, packets, bytes),
        };
        if sent.error.as_ref().and_then(io::Error::raw_os_error).is_some_and(is_too_large) {
            self.allow_fragments();
        }
        sent
    }

    /// Fragments are what it takes. (Those of IPv6 are always allowed.)
    fn allow_fragments(&self) {
        if !self.ipv6 {
            system::never_fragment(&self.inner, false);
        }
    }
}

/// Whether an error says that a packet was larger than an interface or a path takes in one piece.
fn is_too_large(errno: i32) -> bool {
    #[cfg(unix)]
    const TOO_LARGE: i32 = libc::EMSGSIZE;
    #[cfg(not(unix))]
    const TOO_LARGE: i32 = 10_040; // WSAEMSGSIZE

    errno == TOO_LARGE
}

/// Whether an error of a receive call tells of a packet sent earlier rather than of the socket.
pub(super) fn is_leftover(error: &io::Error) -> bool {
    use io::ErrorKind::{
        ConnectionRefused, ConnectionReset, HostUnreachable, Interrupted, NetworkUnreachable,
    };
    /// What else Linux makes of ICMP and ICMPv6 messages (`icmp_err_convert` in net/ipv4/icmp.c,
    /// `icmpv6_err_convert` in net/ipv6/icmp.c).
    #[cfg(target_os = "linux")]
    const OF_NETWORKS: &[i32] = &[
        libc::EACCES,
        libc::EHOSTDOWN,
        libc::EMSGSIZE,
        libc::ENONET,
        libc::ENOPROTOOPT,
        libc::EOPNOTSUPP,
        libc::EPROTO,
    ];
    #[cfg(not(target_os = "linux"))]
    const OF_NETWORKS: &[i32] = &[];

    matches!(
        error.kind(),
        ConnectionRefused | ConnectionReset | HostUnreachable | NetworkUnreachable | Interrupted
    ) || error.raw_os_error().is_some_and(|errno| OF_NETWORKS.contains(&errno))
}

/// Readable when a datagram or an error may have arrived.
#[cfg(unix)]
impl std::os::fd::AsRawFd for Socket {
    fn as_raw_fd(&self) -> std::os::fd::RawFd {
        self.inner.as_raw_fd()
    }
}
