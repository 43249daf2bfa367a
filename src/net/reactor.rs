//! Waiting for a readable socket, for a point in time, or for a waker.

use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant, SystemTime};

use mio::{Events, Interest, Poll, Token};
use socket2::{Domain, Protocol, Type};

use super::errno::is_in_progress;
#[cfg(target_os = "linux")]
use super::linux::Timer;
use super::listener::{AcceptedStream, Listener};
use super::socket::Socket;
use crate::engine::Time;

const WAKER: Token = Token(usize::MAX);
#[cfg(target_os = "linux")]
const TIMER: Token = Token(usize::MAX - 1);

/// An event queue, the clock, and a timer finer than the milliseconds of the event queue.
pub struct Reactor {
    poll: Poll,
    events: Events,
    origin: Instant,
    waker: Waker,
    /// The local address of TCP connections; `None` lets the system decide.
    pub(super) source: Option<IpAddr>,
    /// The timer; `None` if the system cannot create one. Then mio's timeout, rounded up to milliseconds, takes its
    /// place.
    #[cfg(target_os = "linux")]
    timer: Option<Timer>,
    /// The time when the timer expires or expired.
    #[cfg(target_os = "linux")]
    armed: Time,
}

/// Ends the sleep of a [`Reactor`] or a [`Net`](super::Net), from any thread.
#[derive(Clone, Debug)]
pub struct Waker(Arc<WakerState>);

#[derive(Debug)]
struct WakerState {
    waker: mio::Waker,
    /// True if the waker was used since the last sleep ended: using it again would waste a system call.
    is_used: AtomicBool,
}

impl Waker {
    /// Ends the current sleep; the next one, if there is none. Further calls before that have no effect.
    ///
    /// # Errors
    /// The operating system's error.
    pub fn wake(&self) -> io::Result<()> {
        if self.0.is_used.swap(true, Ordering::AcqRel) {
            return Ok(());
        }
        self.0.waker.wake().inspect_err(|_| self.reset())
    }

    /// Records that a sleep has ended. What threads did before they used the waker is visible to the caller.
    fn reset(&self) {
        self.0.is_used.swap(false, Ordering::AcqRel);
    }
}

impl Reactor {
    /// Creates a reactor. Its clock starts at zero.
    ///
    /// # Errors
    /// The operating system cannot create an event queue, usually for lack of file descriptors.
    pub fn new() -> io::Result<Reactor> {
        let poll = Poll::new()?;
        let waker = mio::Waker::new(poll.registry(), WAKER)?;
        let waker = Waker(Arc::new(WakerState { waker, is_used: AtomicBool::new(false) }));
        Ok(Reactor {
            #[cfg(target_os = "linux")]
            timer: register_timer(&poll).ok(),
            #[cfg(target_os = "linux")]
            armed: Time::ZERO,
            poll,
            events: Events::with_capacity(64),
            origin: Instant::now(),
            waker,
            source: None,
        })
    }

    /// Registers a socket: [`wait`](Reactor::wait) reports it as `token` once after something has arrived. Read it until
    /// it is empty before waiting for it again.
    ///
    /// # Errors
    /// The socket is registered already, or the operating system's error.
    pub fn register(&self, socket: &mut Socket, token: usize) -> io::Result<()> {
        self.poll.registry().register(socket.source(), Token(token), Interest::READABLE)
    }

    /// Registers a listener: [`wait`](Reactor::wait) reports it as `token` once after a connection has been opened.
    ///
    /// # Errors
    /// The listener is registered already, or the operating system's error.
    pub fn register_listener(&self, listener: &mut Listener, token: usize) -> io::Result<()> {
        self.poll.registry().register(listener.source(), Token(token), Interest::READABLE)
    }

    /// Registers a connection: [`wait`](Reactor::wait) reports it as `token` once after something has arrived, there is
    /// room again to write, or it has ended.
    ///
    /// # Errors
    /// The connection is registered already, or the operating system's error.
    pub fn register_stream(&self, stream: &mut AcceptedStream, token: usize) -> io::Result<()> {
        let interest = Interest::READABLE | Interest::WRITABLE;
        self.poll.registry().register(stream.source(), Token(token), interest)
    }

    /// Begins to open a TCP connection from the address that was set, and registers it.
    pub(super) fn connect(&self, to: SocketAddr, token: usize) -> io::Result<mio::net::TcpStream> {
        let socket = socket2::Socket::new(Domain::for_address(to), Type::STREAM, Some(Protocol::TCP))?;
        socket.set_nonblocking(true)?;
        // Requests are written whole: they need not wait for further ones.
        socket.set_tcp_nodelay(true)?;
        if let Some(from) = self.source.filter(|from| from.is_ipv4() == to.is_ipv4()) {
            socket.bind(&SocketAddr::new(from, 0).into())?;
        }
        match socket.connect(&to.into()) {
            Err(error) if !is_in_progress(&error) => return Err(error),
            _ => {}
        }
        let mut stream = mio::net::TcpStream::from_std(socket.into());
        let interest = Interest::READABLE | Interest::WRITABLE;
        self.poll.registry().register(&mut stream, Token(token), interest)?;
        Ok(stream)
    }

    /// Returns a handle that ends the sleep of [`wait`](Reactor::wait) from any thread.
    pub fn waker(&self) -> Waker {
        self.waker.clone()
    }

    #[cfg(unix)]
    pub(super) fn as_raw_fd(&self) -> std::os::fd::RawFd {
        std::os::fd::AsRawFd::as_raw_fd(&self.poll)
    }

    /// Returns the time since the reactor was created, by a clock that never goes back.
    pub fn now(&self) -> Time {
        Time::ZERO + self.origin.elapsed()
    }

    /// Converts a recent time of the system's real-time clock. Both clocks have to be read close together, but the process
    /// may be stopped between any two lines: then they are read again.
    pub(super) fn at(&self, since_epoch: Duration) -> Time {
        const CLOSE: Duration = Duration::from_micros(100);
        for _ in 0..10 {
            let before = self.now();
            let shown = SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default();
            let now = self.now();
            if now - before < CLOSE {
                let ago = shown.saturating_sub(since_epoch).as_nanos();
                return Time::from_nanos(
                    now.as_nanos().saturating_sub(u64::try_from(ago).unwrap_or(u64::MAX)),
                );
            }
        }
        self.now()
    }

    /// Sleeps until a socket is readable, the waker is used, a signal arrives, or `until` is reached (`None` for never),
    /// whichever comes first. Calls `readable` with the token of each readable socket. With `until` in the past it only
    /// polls.
    ///
    /// # Errors
    /// The operating system's error.
    pub fn wait(&mut self, until: Option<Time>, mut readable: impl FnMut(usize)) -> io::Result<()> {
        self.wait_for(until, |token, _| readable(token))
    }

    /// Like [`wait`](Reactor::wait), but `readable` also gets whether the socket has an error.
    pub(super) fn wait_for(
        &mut self,
        until: Option<Time>,
        mut readable: impl FnMut(usize, bool),
    ) -> io::Result<()> {
        loop {
            let timeout = until.and_then(|until| self.timeout(until));
            match self.poll.poll(&mut self.events, timeout) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => return Ok(()),
                result => result?,
            }
            let mut woken = false;
            for event in &self.events {
                match event.token() {
                    WAKER => {
                        woken = true;
                        self.waker.reset();
                    }
                    #[cfg(target_os = "linux")]
                    TIMER => {}
                    Token(token) => {
                        woken = true;
                        readable(token, event.is_error());
                    }
                }
            }
            // The timer may have been set for an earlier `until` than this one.
            if woken || until.is_some_and(|until| until <= self.now()) {
                return Ok(());
            }
        }
    }

    /// Returns mio's timeout for a sleep until `until`; `None` if the timer ends the sleep.
    #[cfg(target_os = "linux")]
    fn timeout(&mut self, until: Time) -> Option<Duration> {
        let now = self.now();
        if until <= now {
            return Some(Duration::ZERO);
        }
        let Some(timer) = &self.timer else { return Some(until - now) };
        // Deadlines usually move to a later time. A timer that expires too early costs one needless wake-up, which is
        // cheaper than a system call for each change.
        if now < self.armed && self.armed <= until {
            return None;
        }
        if timer.arm(until - now).is_err() {
            return Some(until - now);
        }
        self.armed = until;
        None
    }

    #[cfg(not(target_os = "linux"))]
    fn timeout(&mut self, until: Time) -> Option<Duration> {
        Some(until - self.now())
    }
}

impl fmt::Debug for Reactor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reactor").field("now", &self.now()).finish_non_exhaustive()
    }
}

#[cfg(target_os = "linux")]
fn register_timer(poll: &Poll) -> io::Result<Timer> {
    use std::os::fd::AsRawFd;

    let timer = Timer::new()?;
    // Edge-triggered: each expiry is an event, although the timer is never read.
    poll.registry().register(&mut mio::unix::SourceFd(&timer.as_raw_fd()), TIMER, Interest::READABLE)?;
    Ok(timer)
}
