//! Any system: one datagram a system call. What a system beyond that does not tell is unknown, and
//! never a made-up 0.

use std::io;
#[cfg(not(target_os = "linux"))]
use std::time::Duration;

use mio::net::UdpSocket;

#[cfg(not(target_os = "linux"))]
use super::LARGEST_BUFFER;
#[cfg(not(target_os = "linux"))]
use super::socket::Memory;
use super::socket::{Arrival, Inbox, Packet, Sent};

/// Receives one datagram into `inbox`, whose arrivals are empty.
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

/// Not to be had by the means of every system.
#[cfg(not(target_os = "linux"))]
pub(super) fn tell_destination(_: &socket2::Socket, _: bool) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

/// Gives the socket a receive buffer of `wanted` bytes; `None` = as many as the system grants up to
/// 64 MiB. The BSDs refuse what is too much instead of granting less: then ask for half.
#[cfg(not(target_os = "linux"))]
pub(super) fn enlarge_receive_buffer(socket: &socket2::Socket, wanted: Option<usize>) {
    let mut asked = wanted.unwrap_or(LARGEST_BUFFER);
    let before = socket.recv_buffer_size().unwrap_or(0);
    while socket.set_recv_buffer_size(asked).is_err() && asked / 2 > before {
        asked /= 2;
    }
}

/// A matter of Linux.
#[cfg(not(target_os = "linux"))]
pub(super) fn never_fragment<S>(_: &S, _: bool) {}

/// Unknown.
#[cfg(not(target_os = "linux"))]
pub(super) fn memory(_: &UdpSocket) -> Option<Memory> {
    None
}

/// Unknown.
#[cfg(not(target_os = "linux"))]
pub(super) fn cpu_time() -> Option<Duration> {
    None
}

/// Unknown.
#[cfg(not(target_os = "linux"))]
pub(super) fn max_rss() -> Option<u64> {
    None
}
