//! The fleet's TCP connections: frames of two bytes of length and a message, any number of them on a connection.

use std::collections::VecDeque;
use std::io::{self, Read, Write};
use std::net::Ipv4Addr;
use std::time::Duration;

use allears::engine::Time;
use allears::net::{AcceptedStream, Listener, Reactor, split_frame, write_length};
use allears::sim::{Fleet, StreamReaction};
use slab::Slab;

/// The maximum number of connections; further ones are reset.
const MAX_CONNECTIONS: usize = 1024;
/// The time after which a connection without traffic is closed.
const IDLE: Duration = Duration::from_secs(30);
/// The number of bytes that wait on a connection, to be sent or to become due, from which on it is not read.
const MAX_WAITING: usize = 256 << 10;
/// The number of reads from a connection before the others have their turn.
const READS: usize = 8;
/// The pause after an error in accepting, such as a lack of file descriptors.
const REST: Duration = Duration::from_millis(50);

/// A listener and its connections. The reactor reports them from token `first_token` on.
pub struct StreamDoor {
    listener: Listener,
    connections: Slab<HostConnection>,
    first_token: usize,
    /// True while there may be connections to accept.
    accepting: bool,
    /// The time until which nothing is accepted, after an error.
    resting_until: Time,
    buffer: Box<[u8]>,
}

/// A connection to a host.
struct HostConnection {
    stream: AcceptedStream,
    latency: Duration,
    /// The bytes of frames that are not complete.
    input: Vec<u8>,
    /// The frames that are not due, each with its time.
    replies: VecDeque<(Time, Vec<u8>)>,
    /// The number of bytes in `replies`.
    waiting: usize,
    /// The bytes to be written.
    output: VecDeque<u8>,
    /// True after an event, until reading or writing would block.
    is_ready: bool,
    /// True if no more requests are processed: the connection ends after the last reply.
    is_ending: bool,
    last_active: Time,
}

/// The state of a connection after its turn.
#[derive(Clone, Copy, Debug, PartialEq)]
enum TurnEnd {
    Open,
    Closed,
    Reset,
}

impl StreamDoor {
    /// Listens at this port of all addresses.
    pub fn open(port: u16, reactor: &Reactor, first_token: usize) -> io::Result<StreamDoor> {
        let mut listener = Listener::bind((Ipv4Addr::UNSPECIFIED, port).into())?;
        reactor.register_listener(&mut listener, first_token)?;
        Ok(StreamDoor {
            listener,
            connections: Slab::new(),
            first_token,
            accepting: false,
            resting_until: Time::ZERO,
            buffer: vec![0; 16 << 10].into_boxed_slice(),
        })
    }

    /// Remembers an event that the reactor reported.
    pub fn set_ready(&mut self, token: usize) {
        if token == self.first_token {
            self.accepting = true;
        } else if let Some(connection) = self.connections.get_mut(token - self.first_token - 1) {
            connection.is_ready = true;
        }
    }

    /// Accepts connections, processes requests, and sends the replies that are due.
    pub fn turn(&mut self, reactor: &Reactor, fleet: &mut Fleet) {
        let now = reactor.now();
        if self.accepting && self.resting_until <= now {
            self.accept(now, reactor, fleet);
        }
        let StreamDoor { connections, buffer, .. } = self;
        let mut ends = Vec::new();
        for (key, connection) in connections.iter_mut() {
            let end = connection.turn(now, fleet, buffer);
            if end != TurnEnd::Open {
                ends.push((key, end));
            }
        }
        for (key, end) in ends {
            let connection = connections.remove(key);
            if end == TurnEnd::Reset {
                connection.stream.reset();
            }
        }
    }

    fn accept(&mut self, now: Time, reactor: &Reactor, fleet: &mut Fleet) {
        loop {
            match self.listener.accept() {
                Ok(Some(stream)) => self.add(now, stream, reactor, fleet),
                Ok(None) => self.accepting = false,
                Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => {}
                Err(_) => self.resting_until = now + REST,
            }
            if !self.accepting || self.resting_until > now {
                return;
            }
        }
    }

    fn add(&mut self, now: Time, mut stream: AcceptedStream, reactor: &Reactor, fleet: &mut Fleet) {
        let (to, from) = (stream.local_addr(), stream.peer_addr());
        let Some(host) = fleet.plan().host_at(to) else { return stream.reset() };
        if self.connections.len() >= MAX_CONNECTIONS || !fleet.handle_connection(now, to, from) {
            return stream.reset();
        }
        let entry = self.connections.vacant_entry();
        if reactor.register_stream(&mut stream, self.first_token + 1 + entry.key()).is_ok() {
            let latency = fleet.plan().latency_of(host);
            entry.insert(HostConnection::new(stream, latency, now));
        }
    }

    /// Returns when the next turn is due without an event; `None` if nothing is pending.
    pub fn poll_timeout(&self, now: Time) -> Option<Time> {
        let resting = self.accepting.then_some(self.resting_until);
        let connections = self.connections.iter().map(|(_, connection)| connection.poll_timeout(now));
        connections.chain(resting).min()
    }
}

impl HostConnection {
    fn new(stream: AcceptedStream, latency: Duration, now: Time) -> HostConnection {
        HostConnection {
            stream,
            latency,
            input: Vec::new(),
            replies: VecDeque::new(),
            waiting: 0,
            output: VecDeque::new(),
            is_ready: true,
            is_ending: false,
            last_active: now,
        }
    }

    fn turn(&mut self, now: Time, fleet: &mut Fleet, buffer: &mut [u8]) -> TurnEnd {
        if self.is_ready && self.has_room() {
            match self.read(now, fleet, buffer) {
                Ok(TurnEnd::Open) => {}
                Ok(end) => return end,
                Err(_) => return TurnEnd::Closed,
            }
        }
        while let Some((_, frame)) = self.replies.front().filter(|(due, _)| *due <= now) {
            self.waiting -= frame.len();
            self.output.extend(frame);
            self.replies.pop_front();
        }
        if self.write(now).is_err() {
            return TurnEnd::Closed;
        }
        let is_done = self.is_ending && self.replies.is_empty() && self.output.is_empty();
        if is_done || now - self.last_active >= IDLE { TurnEnd::Closed } else { TurnEnd::Open }
    }

    /// Returns whether the connection may be read.
    fn has_room(&self) -> bool {
        !self.is_ending && self.waiting + self.output.len() < MAX_WAITING
    }

    /// Reads and processes requests.
    fn read(&mut self, now: Time, fleet: &mut Fleet, buffer: &mut [u8]) -> io::Result<TurnEnd> {
        for _ in 0..READS {
            match self.stream.read(buffer) {
                Ok(0) => {
                    self.is_ending = true;
                    return Ok(TurnEnd::Open);
                }
                Ok(len) => {
                    self.last_active = now;
                    self.input.extend_from_slice(&buffer[..len]);
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.is_ready = false;
                    return Ok(TurnEnd::Open);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
            if !self.process_frames(now, fleet) {
                return Ok(TurnEnd::Reset);
            }
            if !self.has_room() {
                break;
            }
        }
        Ok(TurnEnd::Open)
    }

    /// Processes the complete frames of the input. Returns false if the host refuses one.
    fn process_frames(&mut self, now: Time, fleet: &mut Fleet) -> bool {
        let (to, from) = (self.stream.local_addr(), self.stream.peer_addr());
        let mut rest = &self.input[..];
        while let Some((message, after)) = split_frame(rest).filter(|_| !self.is_ending) {
            let mut frame = vec![0, 0];
            match fleet.handle_stream_request(now, to, from, message, &mut frame) {
                StreamReaction::Refused => return false,
                StreamReaction::Silent => frame.clear(),
                StreamReaction::Replied => write_length(&mut frame),
                StreamReaction::RepliedThenClosed => {
                    write_length(&mut frame);
                    self.is_ending = true;
                }
                StreamReaction::HalfThenClosed => {
                    write_length(&mut frame);
                    frame.truncate(frame.len() / 2);
                    self.is_ending = true;
                }
            }
            rest = after;
            if !frame.is_empty() {
                self.waiting += frame.len();
                self.replies.push_back((now + self.latency, frame));
            }
        }
        let used = self.input.len() - rest.len();
        self.input.drain(..used);
        true
    }

    /// Writes what is due, while there is room.
    fn write(&mut self, now: Time) -> io::Result<()> {
        while !self.output.is_empty() {
            match self.stream.write(self.output.as_slices().0) {
                Ok(len) => {
                    self.last_active = now;
                    self.output.drain(..len);
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    fn poll_timeout(&self, now: Time) -> Time {
        if self.is_ready && self.has_room() {
            return now;
        }
        let due = self.replies.front().map(|(due, _)| *due);
        due.into_iter().chain([self.last_active + IDLE]).min().unwrap_or(now)
    }
}
