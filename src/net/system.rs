//! The operating system, as far as a turn needs it. [`Reactor`] and [`Socket`] are the real one; tests replace it by
//! one that fails on demand.

use std::io::{self, Read, Write};
use std::net::SocketAddr;
use std::time::Duration;

use super::errors::ErrorInbox;
use super::reactor::Reactor;
use super::socket::{BufferUsage, Inbox, Packet, Sent, Socket};
use crate::engine::Time;

/// The clock, and the wait for sockets.
pub(super) trait System {
    type Endpoint: Endpoint;
    /// A TCP connection, which never blocks.
    type Stream: Read + Write;

    /// Returns the time, by a clock that never goes back.
    fn now(&self) -> Time;

    /// Converts a recent time of the real-time clock, since the Unix epoch.
    fn at(&self, since_epoch: Duration) -> Time;

    /// Begins to open a TCP connection, which [`wait_for`](System::wait_for) reports as `token`.
    fn connect(&self, to: SocketAddr, token: usize) -> io::Result<Self::Stream>;

    /// Sleeps: see [`Reactor::wait`]. `readable` gets the token of each readable endpoint or connection, and whether it has an error.
    fn wait_for(&mut self, until: Option<Time>, readable: impl FnMut(usize, bool)) -> io::Result<()>;
}

/// A UDP socket.
pub(super) trait Endpoint {
    /// Receives like [`Socket::recv`], but also returns errors that earlier packets caused.
    fn try_recv(&self, inbox: &mut Inbox) -> io::Result<usize>;

    /// See [`Socket::recv_errors`].
    fn recv_errors(&self, errors: &mut ErrorInbox) -> io::Result<usize>;

    /// See [`Socket::send`].
    fn send(&self, packets: &[Packet], bytes: &[u8]) -> Sent;

    /// Returns the usage of the receive buffer; `None` if the system does not report it.
    fn buffer_usage(&self) -> Option<BufferUsage>;
}

impl System for Reactor {
    type Endpoint = Socket;
    type Stream = mio::net::TcpStream;

    fn now(&self) -> Time {
        Reactor::now(self)
    }

    fn at(&self, since_epoch: Duration) -> Time {
        Reactor::at(self, since_epoch)
    }

    fn connect(&self, to: SocketAddr, token: usize) -> io::Result<mio::net::TcpStream> {
        Reactor::connect(self, to, token)
    }

    fn wait_for(&mut self, until: Option<Time>, readable: impl FnMut(usize, bool)) -> io::Result<()> {
        Reactor::wait_for(self, until, readable)
    }
}

impl Endpoint for Socket {
    fn try_recv(&self, inbox: &mut Inbox) -> io::Result<usize> {
        Socket::try_recv(self, inbox)
    }

    fn recv_errors(&self, errors: &mut ErrorInbox) -> io::Result<usize> {
        Socket::recv_errors(self, errors)
    }

    fn send(&self, packets: &[Packet], bytes: &[u8]) -> Sent {
        Socket::send(self, packets, bytes)
    }

    fn buffer_usage(&self) -> Option<BufferUsage> {
        Socket::buffer_usage(self)
    }
}
