//! TCP connections that others open: for simulated hosts that also answer on streams.

use std::io::{self, Read, Write};
use std::net::SocketAddr;
use std::time::Duration;

/// A non-blocking TCP socket that listens.
///
/// Register it with a [`Reactor`](super::Reactor), which reports it only once after a connection has been opened: call
/// [`Listener::accept`] until it returns `None` before waiting.
#[derive(Debug)]
pub struct Listener(mio::net::TcpListener);

/// An accepted TCP connection, which is non-blocking. Dropping it closes it.
///
/// Register it with a [`Reactor`](super::Reactor), which reports it only once after something has arrived, or after there
/// is room again: read and write until [`io::ErrorKind::WouldBlock`] before waiting.
#[derive(Debug)]
pub struct AcceptedStream {
    inner: mio::net::TcpStream,
    peer: SocketAddr,
    local: SocketAddr,
}

impl Listener {
    /// Listens at `addr`; port 0 for any free port.
    ///
    /// # Errors
    /// The system's error: for example the port is in use.
    pub fn bind(addr: SocketAddr) -> io::Result<Listener> {
        mio::net::TcpListener::bind(addr).map(Listener)
    }

    /// Returns the next connection; `None` if there is none.
    ///
    /// # Errors
    /// The system's error. It has no file descriptor left, for example; or the connection ended before it was accepted.
    pub fn accept(&self) -> io::Result<Option<AcceptedStream>> {
        match self.0.accept() {
            Ok((inner, peer)) => {
                let local = inner.local_addr()?;
                // Replies are written whole: they need not wait for further ones.
                inner.set_nodelay(true)?;
                Ok(Some(AcceptedStream { inner, peer, local }))
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Returns the event source for mio.
    pub(super) fn source(&mut self) -> &mut impl mio::event::Source {
        &mut self.0
    }
}

impl AcceptedStream {
    /// Returns the address of the other side.
    pub fn peer_addr(&self) -> SocketAddr {
        self.peer
    }

    /// Returns our address, to which the connection was opened.
    pub fn local_addr(&self) -> SocketAddr {
        self.local
    }

    /// Closes the connection with a reset, as if nothing had listened.
    pub fn reset(self) {
        // If the system refuses this, dropping closes the connection normally.
        let _ = socket2::SockRef::from(&self.inner).set_linger(Some(Duration::ZERO));
    }

    /// Returns the event source for mio.
    pub(super) fn source(&mut self) -> &mut impl mio::event::Source {
        &mut self.inner
    }
}

impl Read for AcceptedStream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.inner.read(buffer)
    }
}

impl Write for AcceptedStream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.inner.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}
