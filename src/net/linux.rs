//! Linux: many datagrams per system call, socket options, and statistics of a socket and of this process.
//!
//! The only file of `net` with unsafe code, for system calls that neither std nor socket2 has.
#![allow(unsafe_code)]

use std::io;
use std::mem::{size_of, size_of_val, zeroed};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::ptr;
use std::time::{Duration, SystemTime};

use libc::{c_int, c_uint, c_void, cmsghdr, iovec, mmsghdr, msghdr, sockaddr_in, sockaddr_in6, socklen_t};

use super::LARGEST_BUFFER;
use super::control;
use super::errors::{Entry, ErrorInbox};
use super::socket::{Arrival, BATCH, BufferUsage, Inbox, Packet, Sent};

/// The placeholder for a source address that cannot be parsed. It is never a target.
const UNREADABLE: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), 0);

/// A correctly aligned buffer for one control message with an `in_pktinfo` or an `in6_pktinfo`.
type SourceControl = [u64; 6];
const _: () =
    assert!(size_of::<SourceControl>() >= size_of::<cmsghdr>() + size_of::<libc::in6_pktinfo>() + 4);

/// A buffer for all control messages of a datagram or an error: our address (40 bytes), a time (32), and a count of
/// drops (24) or an error and its sender (64).
#[derive(Clone, Copy)]
#[repr(C, align(8))]
struct Control([u8; 144]);

/// The header arrays for `recvmmsg`, allocated once for each inbox.
pub(super) struct Headers {
    names: Box<[sockaddr_in6; BATCH]>,
    vectors: Box<[iovec; BATCH]>,
    controls: Box<[Control; BATCH]>,
    messages: Box<[mmsghdr; BATCH]>,
}

// SAFETY: each `recv` sets the pointers to memory that the same `Inbox` owns, and nothing follows them
// outside of that call.
unsafe impl Send for Headers {}

impl Headers {
    pub fn new() -> Headers {
        // SAFETY: all of these are plain C structures of integers and raw pointers, for which zero
        // is a valid value.
        unsafe {
            Headers {
                names: Box::new(zeroed()),
                vectors: Box::new(zeroed()),
                controls: Box::new(zeroed()),
                messages: Box::new(zeroed()),
            }
        }
    }

    /// Calls `recvmmsg` once, with one message for each slot. Returns the number of messages.
    fn receive(&mut self, fd: RawFd, flags: c_int, slots: &mut [u8]) -> io::Result<usize> {
        let Headers { names, vectors, controls, messages } = self;
        let stride = slots.len() / BATCH;
        for (at, slot) in slots.chunks_exact_mut(stride).enumerate() {
            vectors[at] = iovec { iov_base: slot.as_mut_ptr().cast(), iov_len: slot.len() };
            messages[at].msg_hdr = message(&mut names[at], &mut vectors[at], &mut controls[at]);
        }
        // SAFETY: the first BATCH messages are initialised above; each points to a name, a vector and
        // a control buffer of the sizes given, and each vector to a slot, all alive and not otherwise
        // borrowed during the call. The timeout may be null.
        let count = unsafe {
            let flags = flags | libc::MSG_DONTWAIT;
            libc::recvmmsg(fd, messages.as_mut_ptr(), BATCH as c_uint, flags as _, ptr::null_mut())
        };
        usize::try_from(count).map_err(|_| io::Error::last_os_error())
    }

    /// Returns the name, control messages and length of each of the first `count` messages.
    fn received(&self, count: usize) -> impl Iterator<Item = (&sockaddr_in6, &[u8], usize)> {
        let messages = self.messages.iter().zip(self.vectors.iter()).take(count);
        let buffers = self.names.iter().zip(self.controls.iter());
        messages.zip(buffers).map(|((message, vector), (name, control))| {
            // The type differs between C libraries.
            #[allow(clippy::unnecessary_cast)]
            let len = message.msg_hdr.msg_controllen as usize;
            let control = control.0.get(..len).unwrap_or_default();
            (name, control, (message.msg_len as usize).min(vector.iov_len))
        })
    }
}

/// Receives one batch into `inbox`, whose arrivals must be empty.
pub(super) fn recv(socket: &impl AsRawFd, inbox: &mut Inbox) -> io::Result<()> {
    let Inbox { slots, arrivals, read_at, headers } = inbox;
    let count = headers.receive(socket.as_raw_fd(), 0, slots)?;
    let now = SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default();
    *read_at = Some(now);
    // A timestamp in the future means that the clock was set back: the age may be anything, so assume the maximum.
    let age = |stamp| now.checked_sub(stamp).unwrap_or(Duration::MAX);
    arrivals.extend(headers.received(count).map(|(name, control, len)| {
        let info = control::datagram_info(control);
        Arrival { from: read_name(name), to: info.to, len, age: info.timestamp.map(age), drops: info.drops }
    }));
    Ok(())
}

/// Receives one batch of the error queue into `errors`, whose entries must be empty.
pub(super) fn recv_errors(socket: &impl AsRawFd, errors: &mut ErrorInbox) -> io::Result<()> {
    let ErrorInbox { slots, entries, headers } = errors;
    let count = headers.receive(socket.as_raw_fd(), libc::MSG_ERRQUEUE, slots)?;
    entries.extend(headers.received(count).map(|(name, control, len)| {
        let error = control::extended_error(control);
        Entry {
            to: read_name(name),
            len,
            icmp: error.and_then(|error| error.icmp),
            by: error.and_then(|error| error.by),
            errno: error.map_or(0, |error| error.errno),
        }
    }));
    Ok(())
}

/// The maximum number of times that a signal may interrupt the sending of a batch.
const MAX_INTERRUPTIONS: u32 = 100;

/// The limits of a message that the kernel splits (`UDP_SEGMENT` in udp(7), Linux 4.18): the number of packets
/// (`UDP_MAX_SEGMENTS`), and the bytes of each, so that none exceeds the MTU of a usual path.
const MAX_SPLIT: usize = 64;
const MAX_SPLIT_PAYLOAD: usize = 1_000;

/// Returns whether the kernel splits messages into packets. An older one would ignore the request, and send one large
/// packet.
pub(super) fn splits_packets(socket: &impl AsRawFd) -> bool {
    get_option(socket, libc::SOL_UDP, libc::UDP_SEGMENT) == Some(0)
}

/// Sends `packets` in order with `sendmmsg`, until one fails. With `splits`, bulk packets that belong together are
/// passed as one message, which the kernel splits; it sends all of them or none.
pub(super) fn send(socket: &impl AsRawFd, packets: &[Packet], bytes: &[u8], splits: bool) -> Sent {
    let mut count = 0;
    for batch in packets.chunks(BATCH) {
        let sent = send_batch(socket.as_raw_fd(), batch, bytes, splits);
        count += sent.count;
        if sent.error.is_some() {
            return Sent { count, error: sent.error };
        }
    }
    Sent { count, error: None }
}

fn send_batch(fd: RawFd, packets: &[Packet], bytes: &[u8], splits: bool) -> Sent {
    // SAFETY: all of these are plain C structures of integers and raw pointers, for which zero is a
    // valid value.
    let (mut names, mut vectors, mut controls, mut messages) = unsafe {
        (
            zeroed::<[sockaddr_in6; BATCH]>(),
            zeroed::<[iovec; BATCH]>(),
            zeroed::<[SourceControl; BATCH]>(),
            zeroed::<[mmsghdr; BATCH]>(),
        )
    };
    let (mut at, mut used) = (0, 0);
    while at < packets.len() {
        let length = if splits { message_length(&packets[at..]) } else { 1 };
        let group = at..at + length;
        for (packet, vector) in packets[group.clone()].iter().zip(&mut vectors[group]) {
            let payload = &bytes[packet.range.clone()];
            // The cast to a mutable pointer is sound: the kernel only reads the payload.
            *vector = iovec { iov_base: payload.as_ptr().cast_mut().cast(), iov_len: payload.len() };
        }
        let first = &packets[at];
        let name_len = write_name(first.to, &mut names[used]);
        let header = &mut messages[used].msg_hdr;
        *header = message(&mut names[used], &mut vectors[at], &mut controls[used]);
        (header.msg_iov, header.msg_iovlen) = (vectors[at..].as_mut_ptr(), length as _);
        header.msg_namelen = name_len;
        header.msg_controllen = match (first.from, length) {
            (None, 1) => 0,
            (None, _) => write_split(first.range.len() as u16, header),
            (Some(from), _) => write_source(from, header),
        } as _;
        (at, used) = (at + length, used + 1);
    }
    send_messages(fd, &mut messages[..used])
}

/// Returns the number of these packets that one message can carry: those to one destination, all as long as the first,
/// except that the last may be shorter.
fn message_length(packets: &[Packet]) -> usize {
    let first = &packets[0];
    let size = first.range.len();
    let is_fit = |packet: &&Packet| {
        let has_room = (1..=MAX_SPLIT_PAYLOAD).contains(&packet.range.len());
        packet.bulk && packet.from.is_none() && packet.to == first.to && has_room
    };
    let fits = packets.iter().take(MAX_SPLIT).take_while(is_fit);
    let mut length = 0;
    for packet in fits.take_while(|packet| packet.range.len() <= size) {
        length += 1;
        if packet.range.len() < size {
            break;
        }
    }
    length.max(1)
}

/// Calls `sendmmsg` until all messages are sent or one fails. Counts the packets: one for each vector.
fn send_messages(fd: RawFd, messages: &mut [mmsghdr]) -> Sent {
    let (mut at, mut count, mut interruptions) = (0, 0, 0);
    while at < messages.len() {
        // SAFETY: these messages are initialised by the caller, and all they point to is alive during the call.
        let sent = unsafe {
            let left = (messages.len() - at) as c_uint;
            libc::sendmmsg(fd, messages.as_mut_ptr().add(at), left, libc::MSG_DONTWAIT as _)
        };
        // After a partial send, call again from the message that failed, to get its error.
        match usize::try_from(sent) {
            Ok(sent) if sent > 0 => {
                count += messages[at..at + sent].iter().map(vector_count).sum::<usize>();
                at += sent;
            }
            _ => match io::Error::last_os_error() {
                error if error.kind() == io::ErrorKind::Interrupted && interruptions < MAX_INTERRUPTIONS => {
                    interruptions += 1;
                }
                error => return Sent { count, error: Some(error) },
            },
        }
    }
    Sent { count, error: None }
}

fn vector_count(message: &mmsghdr) -> usize {
    // The type differs between C libraries.
    #[allow(clippy::unnecessary_cast)]
    let count = message.msg_hdr.msg_iovlen as usize;
    count
}

/// Returns a message header that points to these buffers, at their full sizes.
fn message<Control>(name: &mut sockaddr_in6, vector: &mut iovec, control: &mut Control) -> msghdr {
    // SAFETY: a plain C structure of integers and raw pointers, for which zero is a valid value.
    let mut header: msghdr = unsafe { zeroed() };
    header.msg_name = ptr::from_mut(name).cast();
    header.msg_namelen = size_of::<sockaddr_in6>() as socklen_t;
    header.msg_iov = vector;
    header.msg_iovlen = 1;
    header.msg_control = ptr::from_mut(control).cast();
    header.msg_controllen = size_of::<Control>() as _;
    header
}

/// Writes `addr` as a `sockaddr`, and returns its length.
fn write_name(addr: SocketAddr, name: &mut sockaddr_in6) -> socklen_t {
    match addr {
        SocketAddr::V4(addr) => {
            // SAFETY: sockaddr_in (16 bytes, alignment 4) fits into sockaddr_in6 (28, alignment 4).
            let name = unsafe { &mut *ptr::from_mut(name).cast::<sockaddr_in>() };
            name.sin_family = libc::AF_INET as _;
            name.sin_port = addr.port().to_be();
            name.sin_addr.s_addr = u32::from_ne_bytes(addr.ip().octets());
            size_of::<sockaddr_in>() as socklen_t
        }
        SocketAddr::V6(addr) => {
            name.sin6_family = libc::AF_INET6 as _;
            name.sin6_port = addr.port().to_be();
            name.sin6_flowinfo = addr.flowinfo();
            name.sin6_addr.s6_addr = addr.ip().octets();
            name.sin6_scope_id = addr.scope_id();
            size_of::<sockaddr_in6>() as socklen_t
        }
    }
}

fn read_name(name: &sockaddr_in6) -> SocketAddr {
    match c_int::from(name.sin6_family) {
        libc::AF_INET => {
            // SAFETY: as in `write_name`; any bytes are a valid sockaddr_in.
            let name = unsafe { &*ptr::from_ref(name).cast::<sockaddr_in>() };
            let ip = Ipv4Addr::from(name.sin_addr.s_addr.to_ne_bytes());
            SocketAddr::V4(SocketAddrV4::new(ip, u16::from_be(name.sin_port)))
        }
        libc::AF_INET6 => {
            let ip = Ipv6Addr::from(name.sin6_addr.s6_addr);
            let port = u16::from_be(name.sin6_port);
            SocketAddr::V6(SocketAddrV6::new(ip, port, name.sin6_flowinfo, name.sin6_scope_id))
        }
        _ => UNREADABLE,
    }
}

/// Writes the control message that sets the source address of a packet, and returns its length. The header's control
/// buffer must be a whole `SourceControl`.
fn write_source(from: IpAddr, header: &msghdr) -> usize {
    // SAFETY: `SourceControl` is large enough for either message (asserted above) and aligned for a
    // cmsghdr, so the first header is there and its data lie within.
    unsafe {
        let first = libc::CMSG_FIRSTHDR(header);
        let data = libc::CMSG_DATA(first);
        let (level, kind, size) = match from {
            IpAddr::V4(ip) => {
                let mut info: libc::in_pktinfo = zeroed();
                info.ipi_spec_dst.s_addr = u32::from_ne_bytes(ip.octets());
                data.cast::<libc::in_pktinfo>().write_unaligned(info);
                (libc::IPPROTO_IP, libc::IP_PKTINFO, size_of::<libc::in_pktinfo>())
            }
            IpAddr::V6(ip) => {
                let mut info: libc::in6_pktinfo = zeroed();
                info.ipi6_addr.s6_addr = ip.octets();
                data.cast::<libc::in6_pktinfo>().write_unaligned(info);
                (libc::IPPROTO_IPV6, libc::IPV6_PKTINFO, size_of::<libc::in6_pktinfo>())
            }
        };
        (*first).cmsg_level = level;
        (*first).cmsg_type = kind;
        (*first).cmsg_len = libc::CMSG_LEN(size as c_uint) as _;
        libc::CMSG_SPACE(size as c_uint) as usize
    }
}

/// Writes the control message that makes the kernel split a message into packets of this size, and returns its length.
/// The header's control buffer must be a whole `SourceControl`.
fn write_split(size: u16, header: &msghdr) -> usize {
    // SAFETY: `SourceControl` is larger than a cmsghdr with two bytes and aligned for it, so the first header is there
    // and its data lie within.
    unsafe {
        let first = libc::CMSG_FIRSTHDR(header);
        libc::CMSG_DATA(first).cast::<u16>().write_unaligned(size);
        (*first).cmsg_level = libc::SOL_UDP;
        (*first).cmsg_type = libc::UDP_SEGMENT;
        (*first).cmsg_len = libc::CMSG_LEN(size_of::<u16>() as c_uint) as _;
        libc::CMSG_SPACE(size_of::<u16>() as c_uint) as usize
    }
}

/// Makes the kernel report which of our addresses a datagram was sent to.
pub(super) fn report_destination(socket: &impl AsRawFd, ipv6: bool) -> io::Result<()> {
    if ipv6 {
        set_option(socket, libc::IPPROTO_IPV6, libc::IPV6_RECVPKTINFO, 1)
    } else {
        set_option(socket, libc::IPPROTO_IP, libc::IP_PKTINFO, 1)
    }
}

/// Makes the kernel report when a datagram arrived, and how many the socket has dropped before it. Has no effect on
/// kernels that only emulate Linux and lack the options.
pub(super) fn report_arrival(socket: &impl AsRawFd) {
    let _ = set_option(socket, libc::SOL_SOCKET, libc::SO_TIMESTAMPNS, 1);
    let _ = set_option(socket, libc::SOL_SOCKET, libc::SO_RXQ_OVFL, 1);
}

/// Enables or disables the error queue. Enabled, it also makes a full local queue an error (`ENOBUFS`) instead of a silently lost packet
/// (ip(7)). Has no effect on kernels without it.
pub(super) fn report_errors(socket: &impl AsRawFd, ipv6: bool, yes: bool) {
    let (level, name) =
        if ipv6 { (libc::IPPROTO_IPV6, libc::IPV6_RECVERR) } else { (libc::IPPROTO_IP, libc::IP_RECVERR) };
    // Ignore the result: kernels that only emulate Linux have no error queue.
    let _ = set_option(socket, level, name, yes.into());
}

/// Requests a receive buffer of `wanted` bytes as the kernel reports them; `None` for as many as it grants, up to 64 MiB.
/// The kernel doubles the requested size, and reports the double (socket(7)). With CAP_NET_ADMIN, `net.core.rmem_max`
/// does not limit it.
pub(super) fn enlarge_receive_buffer(socket: &impl AsRawFd, wanted: Option<usize>) {
    let requested = c_int::try_from(wanted.unwrap_or(LARGEST_BUFFER) / 2).unwrap_or(c_int::MAX / 2);
    let forced = set_option(socket, libc::SOL_SOCKET, libc::SO_RCVBUFFORCE, requested);
    // Ignore the result: a smaller buffer is not an error, and its size is read back later.
    let _ = forced.or_else(|_| set_option(socket, libc::SOL_SOCKET, libc::SO_RCVBUF, requested));
}

/// Sets "don't fragment" on all packets, or restores Linux's default.
///
/// The flag spares the kernel choosing an IP identification for each packet, 4 to 7 % of a send. The price is that the
/// kernel refuses packets larger than the interface's MTU.
pub(super) fn set_dont_fragment(socket: &impl AsRawFd, yes: bool) {
    let mode = if yes { libc::IP_PMTUDISC_PROBE } else { libc::IP_PMTUDISC_WANT };
    // Ignore the result: old kernels without the option only send a little slower.
    let _ = set_option(socket, libc::IPPROTO_IP, libc::IP_MTU_DISCOVER, mode);
}

fn set_option(socket: &impl AsRawFd, level: c_int, name: c_int, value: c_int) -> io::Result<()> {
    let size = size_of_val(&value) as socklen_t;
    // SAFETY: the value is an int that is alive during the call, and `size` its size.
    let result = unsafe {
        libc::setsockopt(socket.as_raw_fd(), level, name, ptr::from_ref(&value).cast::<c_void>(), size)
    };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

fn get_option(socket: &impl AsRawFd, level: c_int, name: c_int) -> Option<c_int> {
    let mut value: c_int = 0;
    let mut size = size_of_val(&value) as socklen_t;
    // SAFETY: the value is an int that is alive during the call, and `size` its size.
    let result = unsafe {
        let buffer = ptr::from_mut(&mut value).cast::<c_void>();
        libc::getsockopt(socket.as_raw_fd(), level, name, buffer, &mut size)
    };
    (result == 0).then_some(value)
}

/// Reads `SO_MEMINFO` (linux/sock_diag.h; Linux 4.12 and later).
pub(super) fn buffer_usage(socket: &impl AsRawFd) -> Option<BufferUsage> {
    const SK_MEMINFO_RMEM_ALLOC: usize = 0;
    const SK_MEMINFO_DROPS: usize = 8;
    let mut values = [0u32; SK_MEMINFO_DROPS + 1];
    let mut size = size_of_val(&values) as socklen_t;
    // SAFETY: the buffer is alive during the call, and `size` its size.
    let result = unsafe {
        let buffer = values.as_mut_ptr().cast::<c_void>();
        libc::getsockopt(socket.as_raw_fd(), libc::SOL_SOCKET, libc::SO_MEMINFO, buffer, &mut size)
    };
    (result == 0 && size as usize == size_of_val(&values))
        .then(|| BufferUsage { queued: values[SK_MEMINFO_RMEM_ALLOC], drops: values[SK_MEMINFO_DROPS] })
}

/// A timer in nanoseconds (epoll's own timeout is in milliseconds). It is readable once it has expired.
#[derive(Debug)]
pub(super) struct Timer(OwnedFd);

impl Timer {
    pub fn new() -> io::Result<Timer> {
        // SAFETY: no pointers.
        let fd =
            unsafe { libc::timerfd_create(libc::CLOCK_MONOTONIC, libc::TFD_NONBLOCK | libc::TFD_CLOEXEC) };
        if fd < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: the descriptor is open, and nothing else owns it.
        Ok(Timer(unsafe { OwnedFd::from_raw_fd(fd) }))
    }

    /// Sets the timer to expire once, after `wait`. Replaces an earlier setting.
    pub fn arm(&self, wait: Duration) -> io::Result<()> {
        // Zero would disarm it.
        let wait = wait.max(Duration::from_nanos(1));
        // SAFETY: a plain C structure of integers, for which zero is a valid value.
        let mut spec: libc::itimerspec = unsafe { zeroed() };
        spec.it_value.tv_sec = libc::time_t::try_from(wait.as_secs()).unwrap_or(libc::time_t::MAX);
        spec.it_value.tv_nsec = wait.subsec_nanos() as _;
        // SAFETY: `spec` is alive during the call; the old value may be null.
        let result = unsafe { libc::timerfd_settime(self.0.as_raw_fd(), 0, &spec, ptr::null_mut()) };
        if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
    }
}

impl AsRawFd for Timer {
    fn as_raw_fd(&self) -> RawFd {
        self.0.as_raw_fd()
    }
}

/// Fills `bytes` with random ones; returns whether the kernel has getrandom(2). The crate `getrandom` looks for the function
/// with dlsym(3), does not find it in a static glibc, and needs /dev/urandom then.
pub(super) fn fill_random(bytes: &mut [u8; 16]) -> bool {
    // SAFETY: `bytes` is alive during the call, and as long as it says.
    let filled = unsafe { libc::syscall(libc::SYS_getrandom, bytes.as_mut_ptr(), bytes.len(), 0) };
    usize::try_from(filled) == Ok(bytes.len())
}

/// Returns the user and system time of this process.
pub(super) fn cpu_time() -> Option<Duration> {
    let time = |part: libc::timeval| {
        let seconds = u64::try_from(part.tv_sec).unwrap_or(0);
        Duration::from_secs(seconds) + Duration::from_micros(u64::try_from(part.tv_usec).unwrap_or(0))
    };
    usage().map(|usage| time(usage.ru_utime) + time(usage.ru_stime))
}

/// Returns the peak resident memory of this process in bytes. Without /proc it comes from getrusage(2), which includes
/// the program before `exec`: the parent program, if it started this process with vfork.
pub(super) fn max_rss() -> Option<u64> {
    let kib = high_water_mark().or_else(|| u64::try_from(usage()?.ru_maxrss).ok());
    kib.map(|kib| kib.saturating_mul(1024))
}

/// Reads `VmHWM` of proc_pid_status(5), in KiB.
fn high_water_mark() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix(" kB")?.parse().ok()
}

fn usage() -> Option<libc::rusage> {
    // SAFETY: a plain C structure of integers, for which zero is a valid value.
    let mut usage: libc::rusage = unsafe { zeroed() };
    // SAFETY: `usage` is alive during the call, and as large as the system expects.
    let result = unsafe { libc::getrusage(libc::RUSAGE_SELF, &mut usage) };
    (result == 0).then_some(usage)
}
