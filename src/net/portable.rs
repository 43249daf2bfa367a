//! Any system: one datagram per system call. Statistics that a system does not report are `None`, never a made-up 0.

use std::io;
#[cfg(not(target_os = "linux"))]
use std::time::Duration;

use mio::net::UdpSocket;

#[cfg(not(target_os = "linux"))]
use super::LARGEST_BUFFER;
#[cfg(not(target_os = "linux"))]
use super::socket::BufferUsage;
use super::socket::{Arrival, Inbox, Packet, Sent};

/// Receives one datagram into `inbox`, whose arrivals must be empty.
pub(super) fn recv(socket: &UdpSocket, inbox: &mut Inbox) -> io::Result<()> {
    let Some(slot) = inbox.slots().next() else { return Ok(()) };
    let (len, from) = socket.recv_from(slot)?;
    inbox.arrivals.push(Arrival { from, to: None, len, age: None, drops: None });
    Ok(())
}

/// Sends `packets` in order, until one fails.
pub(super) fn send(socket: &UdpSocket, packets: &[Packet], bytes: &[u8]) -> Sent {
    for (count, packet) in packets.iter().enumerate() {
        if let Err(error) = send_one(socket, packet, &bytes[packet.range.clone()]) {
            return Sent { count, error: Some(error) };
        }
    }
    Sent { count: packets.len(), error: None }
}

fn send_one(socket: &UdpSocket, packet: &Packet, payload: &[u8]) -> io::Result<()> {
    if packet.from.is_some() {
        return Err(io::ErrorKind::Unsupported.into());
    }
    loop {
        match socket.send_to(payload, packet.to) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            result => return result.map(drop),
        }
    }
}

/// Unsupported here.
#[cfg(not(target_os = "linux"))]
pub(super) fn report_destination(_: &socket2::Socket, _: bool) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

/// Requests a receive buffer of `wanted` bytes; `None` for as many as the system grants, up to 64 MiB. The BSDs refuse a
/// size that is too large instead of granting less, so the size is halved until one is granted.
#[cfg(not(target_os = "linux"))]
pub(super) fn enlarge_receive_buffer(socket: &socket2::Socket, wanted: Option<usize>) {
    let mut requested = wanted.unwrap_or(LARGEST_BUFFER);
    let before = socket.recv_buffer_size().unwrap_or(0);
    while socket.set_recv_buffer_size(requested).is_err() && requested / 2 > before {
        requested /= 2;
    }
}

/// Does nothing: only Linux needs it.
#[cfg(not(target_os = "linux"))]
pub(super) fn set_dont_fragment<S>(_: &S, _: bool) {}

/// Returns `None`: unknown on these systems.
#[cfg(not(target_os = "linux"))]
pub(super) fn buffer_usage(_: &UdpSocket) -> Option<BufferUsage> {
    None
}

/// Returns `None`: unknown on these systems.
#[cfg(not(target_os = "linux"))]
pub(super) fn cpu_time() -> Option<Duration> {
    None
}

/// Returns `None`: unknown on these systems.
#[cfg(not(target_os = "linux"))]
pub(super) fn max_rss() -> Option<u64> {
    None
}
