//! Waiting: for a readable socket, a point in time, or somebody who wakes us.

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use mio::event::Source;
use mio::{Events, Interest, Poll, Token, Waker};

#[cfg(target_os = "linux")]
use super::linux::Timer;
use crate::engine::Time;

const WAKER: Token = Token(usize::MAX);
#[cfg(target_os = "linux")]
const TIMER: Token = Token(usize::MAX - 1);

/// mio's poll, the clock, and a timer finer than mio's milliseconds.
#[derive(Debug)]
pub struct Reactor {
    poll: Poll,
    events: Events,
    origin: Instant,
    waker: Arc<Waker>,
    /// `None` where the system gave none: mio's timeout serves, rounded up to milliseconds.
    #[cfg(target_os = "linux")]
    timer: Option<Timer>,
    /// When the timer will run out, or has.
    #[cfg(target_os = "linux")]
    armed: Time,
}

impl Reactor {
    /// Opens it; its clock starts.
    ///
    /// # Errors
    /// What the system says.
    pub fn new() -> io::Result<Reactor> {
        let poll = Poll::new()?;
        let waker = Arc::new(Waker::new(poll.registry(), WAKER)?);
        Ok(Reactor {
            #[cfg(target_os = "linux")]
            timer: register_timer(&poll).ok(),
            #[cfg(target_os = "linux")]
            armed: Time::ZERO,
            poll,
            events: Events::with_capacity(8),
            origin: Instant::now(),
            waker,
        })
    }

    /// Has `source` reported as `token` when it gets readable.
    ///
    /// # Errors
    /// What the system says.
    pub fn register(&self, source: &mut impl Source, token: usize) -> io::Result<()> {
        self.poll.registry().register(source, Token(token), Interest::READABLE)
    }

    /// Ends the sleep of [`wait`](Reactor::wait), or the next one's, from any thread.
    pub fn waker(&self) -> Arc<Waker> {
        Arc::clone(&self.waker)
    }

    #[cfg(unix)]
    pub(super) fn as_raw_fd(&self) -> std::os::fd::RawFd {
        std::os::fd::AsRawFd::as_raw_fd(&self.poll)
    }

    /// The time since it was made.
    pub fn now(&self) -> Time {
        Time::ZERO + self.origin.elapsed()
    }

    /// The point in time that the system's clock showed as `since_epoch`, not long ago. Both clocks are read
    /// close together: a process can be stopped between any two lines.
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

    /// Sleeps until a source is readable, the waker is used, a signal comes, or it is `until`
    /// (`None` = never), whichever is first. `readable` is told each source's token. With `until`
    /// in the past it only looks.
    pub fn wait(&mut self, until: Option<Time>, mut readable: impl FnMut(usize)) -> io::Result<()> {
        self.wait_for(until, |token, _| readable(token))
    }

    /// As [`wait`](Reactor::wait); tells of each readable source whether it has an error, too.
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
                    WAKER => woken = true,
                    #[cfg(target_os = "linux")]
                    TIMER => {}
                    Token(token) => {
                        woken = true;
                        readable(token, event.is_error());
                    }
                }
            }
            // The timer may have run out for an earlier `until` than this one.
            if woken || until.is_some_and(|until| until <= self.now()) {
                return Ok(());
            }
        }
    }

    /// mio's timeout for sleeping up to `until`; `None` = the timer will wake us.
    #[cfg(target_os = "linux")]
    fn timeout(&mut self, until: Time) -> Option<Duration> {
        let now = self.now();
        if until <= now {
            return Some(Duration::ZERO);
        }
        let Some(timer) = &self.timer else { return Some(until - now) };
        // Deadlines mostly move away: a timer that runs out before one wakes us a time too many,
        // which is cheaper than setting it anew for each.
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

#[cfg(target_os = "linux")]
fn register_timer(poll: &Poll) -> io::Result<Timer> {
    use std::os::fd::AsRawFd;

    let timer = Timer::new()?;
    // Edge-triggered: each running out is an event, without the timer being read.
    poll.registry().register(&mut mio::unix::SourceFd(&timer.as_raw_fd()), TIMER, Interest::READABLE)?;
    Ok(timer)
}
