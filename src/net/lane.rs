//! One socket's part of a turn: what is drained from it and what is sent through it.

use std::io;

use super::socket::{Inbox, Packet, Socket};
use crate::engine::{Engine, Protocol, Time, Transmit};

/// Datagrams drained in one turn, before others get their turn. A few milliseconds of work at most.
const DRAIN_LIMIT: usize = 256;

/// A socket, whether it may have datagrams waiting, and what is to leave through it.
#[derive(Debug)]
pub(super) struct Lane {
    pub socket: Socket,
    pub ipv6: bool,
    /// Not known to be empty. mio tells of a change only: whoever stops early has to remember.
    pub readable: bool,
    packets: Vec<Packet>,
    /// The transmit behind each packet, and its place in the order in which the engine gave them.
    transmits: Vec<(usize, Transmit)>,
}

impl Lane {
    pub fn new(socket: Socket, ipv6: bool) -> Lane {
        Lane { socket, ipv6, readable: true, packets: Vec::new(), transmits: Vec::new() }
    }

    /// Hands datagrams to `engine` until the socket is empty, or the limit is reached. Yields how
    /// many.
    pub fn drain<P: Protocol>(
        &mut self,
        engine: &mut Engine<P>,
        inbox: &mut Inbox,
        now: impl Fn() -> Time,
    ) -> io::Result<usize> {
        let mut drained = 0;
        while self.readable && drained < DRAIN_LIMIT {
            let count = self.socket.recv(inbox)?;
            self.readable = count > 0;
            drained += count;
            let now = now();
            for datagram in inbox.iter() {
                engine.handle_datagram(now, datagram.from, datagram.payload);
            }
        }
        Ok(drained)
    }

    /// Notes a packet for the next [`flush`](Lane::flush).
    pub fn push(&mut self, order: usize, transmit: Transmit, packet: Packet) {
        self.packets.push(packet);
        self.transmits.push((order, transmit));
    }

    /// Sends what was noted. What the system has no room for now goes into `unsent`; what it will
    /// never send is told to the engine.
    pub fn flush<P: Protocol>(
        &mut self,
        engine: &mut Engine<P>,
        now: Time,
        bytes: &[u8],
        unsent: &mut Vec<(usize, Transmit)>,
    ) {
        let mut at = 0;
        let mut failed_at = None;
        while at < self.packets.len() {
            let sent = self.socket.send(&self.packets[at..], bytes);
            at += sent.count;
            let Some(error) = sent.error else { break };
            if is_full(&error) {
                unsent.extend_from_slice(&self.transmits[at..]);
                break;
            }
            // The first error may be left over from an earlier packet; the second is its own.
            if failed_at == Some(at) {
                let errno = error.raw_os_error().unwrap_or(0);
                engine.handle_send_failure(now, self.transmits[at].1, errno);
                at += 1;
            } else {
                failed_at = Some(at);
            }
        }
        self.packets.clear();
        self.transmits.clear();
    }
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

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn a_full_queue_is_told_from_a_bad_destination() {
        let full = |errno| is_full(&io::Error::from_raw_os_error(errno));
        assert!([libc::EAGAIN, libc::ENOBUFS, libc::ENOMEM].into_iter().all(full));
        let bad = [libc::EINVAL, libc::ENETUNREACH, libc::EACCES, libc::EPERM, libc::ECONNREFUSED];
        assert!(!bad.into_iter().any(full));
    }
}
