//! A step in a naive loop, for comparison. It uses the system's default receive buffer and no window. It sends the
//! queries of one second in one burst, with one system call each, and only then receives.

use std::fs;
use std::io;
use std::time::Duration;

use allears::engine::{Engine, Protocol, Time};
use allears::net::{self, Inbox, Io, Packet, Reactor, Socket, SocketOptions};
use anyhow::{Context, Result};

use super::measured::{Circumstances, Measured, Way};
use super::protocols::FixedQuestion;
use super::round::Round;
use super::step::{Asking, Course, SendPhase, is_any_missing, new_engine};

/// Limits the memory used, since there is no window.
const MOST_IN_FLIGHT: usize = 1_000_000;
/// The default receive buffer on Linux with 4 KiB pages (`SK_RMEM_MAX` in net/core/sock.c).
const USUAL_BUFFER: usize = 212_992;
/// The time between two bursts.
const BEAT: Duration = Duration::from_secs(1);
/// The queries given to the engine at once, without a pause between batches.
const CHUNK: usize = 1024;
/// The time between two checks for Ctrl-C.
const TICK: Duration = Duration::from_millis(100);

impl Course<'_> {
    /// Sends the queries of [`Course::run`] with the naive loop.
    ///
    /// # Errors
    /// A system error.
    pub fn run_naively<P>(&self, rate: f64, fixed: FixedQuestion<P>, round: &mut Round) -> Result<Measured>
    where
        P: Protocol,
        P::Question: Clone,
    {
        let config = self.config(rate).with_rate(None).with_window(Some(u32::MAX));
        let ring = config.ring.max(CHUNK);
        let reactor = Reactor::new().context("cannot open the event queue")?;
        let mut naive = Naive {
            sockets: self.open_naively(&reactor, round)?,
            engine: new_engine(fixed.protocol, config.with_ring(ring))?,
            asking: Asking::new(fixed.question, self.queries(rate), round),
            reactor,
            inbox: Inbox::new(),
            bytes: vec![],
        };
        let asked = naive.ask(self, rate)?;
        naive.receive_the_rest(self)?;
        let around = Circumstances {
            way: Way::Naive,
            offered: rate,
            achieved: asked.achieved(self, rate, naive.engine.ledger()),
            asking: asked.time,
            cpu: asked.cpu,
            kernel_drops: naive.local_drops(),
            rcvbuf: naive.sockets.first().map(|door| door.socket.receive_buffer()).filter(|&bytes| bytes > 0),
            window: None,
        };
        Ok(Measured::new(around, naive.asking.ends, naive.engine.ledger()))
    }

    /// Opens a socket for each address family of the targets.
    fn open_naively(&self, reactor: &Reactor, round: &Round) -> Result<Vec<Door>> {
        let options = SocketOptions::default().with_rcvbuf(Some(usual_buffer())).with_io(Io::Single);
        let any = [([0; 4], 0).into(), ([0u16; 8], 0).into()];
        let mut doors = vec![];
        for addr in self.sockets.bind.map_or(any.to_vec(), |bind| vec![bind]) {
            if round.has(addr.is_ipv6()) {
                let socket = Socket::bind(addr, &options).with_context(|| format!("cannot bind {addr}"))?;
                let mut door = Door { socket, ipv6: addr.is_ipv6(), readable: true };
                reactor.register(&mut door.socket, doors.len()).context("cannot watch a socket")?;
                doors.push(door);
            }
        }
        Ok(doors)
    }
}

/// Returns the system's default receive buffer.
fn usual_buffer() -> usize {
    let text = fs::read_to_string("/proc/sys/net/core/rmem_default").unwrap_or_default();
    text.trim().parse().unwrap_or(USUAL_BUFFER)
}

struct Door {
    socket: Socket,
    ipv6: bool,
    readable: bool,
}

/// The naive loop.
struct Naive<'a, P: Protocol> {
    reactor: Reactor,
    sockets: Vec<Door>,
    engine: Engine<P, u32>,
    asking: Asking<'a, P::Question>,
    inbox: Inbox,
    bytes: Vec<u8>,
}

impl<P: Protocol> Naive<'_, P>
where
    P::Question: Clone,
{
    /// Sends burst after burst, until all queries are sent or the time is up.
    fn ask(&mut self, course: &Course, rate: f64) -> Result<SendPhase> {
        let cpu = net::cpu_time();
        let all = self.asking.left;
        let mut next_burst = Time::ZERO;
        loop {
            let now = self.reactor.now();
            let is_complete = self.asking.left == 0 && self.engine.open() == self.engine.in_flight();
            if is_complete || course.is_over(now) {
                course.stop_asking(&mut self.engine, now);
                return Ok(SendPhase::until(now, cpu, is_complete));
            }
            if now >= next_burst {
                next_burst = next_burst + BEAT;
                let due = (rate * (next_burst - Time::ZERO).as_secs_f64()).round() as u64;
                self.burst(course, all.saturating_sub(due));
            }
            course.show_progress(Way::Naive, rate, &self.engine);
            let end = Time::ZERO + course.length;
            self.receive(Some(next_burst.min(end)))?;
        }
    }

    /// Sends until at most `left` queries are left. Receives nothing during that time.
    fn burst(&mut self, course: &Course, left: u64) {
        let has_room = |engine: &Engine<P, u32>| engine.in_flight() < MOST_IN_FLIGHT;
        while self.asking.left > left && has_room(&self.engine) && !course.is_over(self.reactor.now()) {
            let before = self.asking.left;
            let chunk = usize::try_from(before - left).unwrap_or(CHUNK).min(CHUNK);
            self.asking.ask(&mut self.engine, chunk);
            if self.asking.left == before || !self.send() {
                return;
            }
        }
    }

    /// Sends the queued packets. Returns false if the system has no room for more.
    fn send(&mut self) -> bool {
        loop {
            let now = self.reactor.now();
            self.bytes.clear();
            let Some(transmit) = self.engine.poll_transmit(now, &mut self.bytes) else { return true };
            let packet = Packet { to: transmit.to, from: None, range: 0..self.bytes.len(), bulk: false };
            let door = self.sockets.iter().find(|door| door.ipv6 == transmit.to.is_ipv6());
            // The first error may belong to an earlier packet.
            let send = |door: &Door| door.socket.send(std::slice::from_ref(&packet), &self.bytes).error;
            match door.map(|door| send(door).and_then(|_| send(door))) {
                Some(None) => {}
                Some(Some(error)) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.engine.unsend(now, transmit);
                    return false;
                }
                Some(Some(error)) => {
                    let errno = error.raw_os_error().unwrap_or(0);
                    self.engine.handle_send_failure(now, transmit, errno);
                }
                None => self.engine.handle_send_failure(now, transmit, 0),
            }
        }
    }

    /// Receives the datagrams that have arrived, expires due deadlines, and sleeps until more arrives or until `until`.
    fn receive(&mut self, until: Option<Time>) -> Result<()> {
        for door in &mut self.sockets {
            while door.readable {
                door.readable = door.socket.recv(&mut self.inbox).context("the socket failed")? > 0;
                let now = self.reactor.now();
                for datagram in self.inbox.iter() {
                    self.engine.handle_datagram(now, datagram.from, datagram.payload);
                }
            }
        }
        let now = self.reactor.now();
        self.engine.handle_timeout(now);
        self.asking.take_results(&mut self.engine);
        // Packets that the system had no room for are sent in the next round.
        self.send();
        let due = self.engine.poll_timeout().into_iter().chain(until).chain([now + TICK]).min();
        let Naive { reactor, sockets, .. } = self;
        reactor.wait(due, |token| sockets[token].readable = true).context("cannot wait")
    }

    /// Waits for the queries in flight, and then for late replies if any are missing.
    fn receive_the_rest(&mut self, course: &Course) -> Result<()> {
        let give_up = course.abort_time(self.reactor.now());
        while !self.engine.is_idle() {
            if self.reactor.now() >= give_up {
                self.engine.abort(self.reactor.now());
            }
            self.receive(None)?;
        }
        self.asking.take_results(&mut self.engine);
        let end = self.reactor.now() + course.timeout;
        let is_going = |naive: &Self| naive.reactor.now() < end && !course.stop.requested();
        while is_any_missing(&self.engine, self.local_drops()) && is_going(self) {
            self.receive(Some(end))?;
        }
        Ok(())
    }

    fn local_drops(&self) -> Option<u64> {
        self.sockets.iter().map(|door| door.socket.local_drops().map(u64::from)).sum()
    }
}
