//! TCP connections for the queries that go over streams: a few to each server, shared by many queries.

use std::collections::{HashMap, VecDeque};
use std::io::{self, Read, Write};
use std::mem;
use std::net::SocketAddr;
use std::time::Duration;

use slab::Slab;

use super::frame::{split_frame, write_length};
use super::system::System;
use crate::engine::{Engine, Protocol, Time, Transmit};

/// The first token of connections. Those below belong to sockets for datagrams.
pub(super) const FIRST_TOKEN: usize = 1 << 16;

/// The maximum number of connections, and of those to one server that closes them early.
const MOST: usize = 256;
const MOST_TO_ONE: usize = 4;
/// The maximum number of queries that share a connection, until a server closes one with fewer.
const DEPTH: usize = 100;
/// The maximum number of messages received in one turn.
const RECEIVE_LIMIT: usize = 256;
/// The time after which a connection without queries is closed.
const IDLE: Duration = Duration::from_secs(10);
/// The bytes read at once.
const READ: usize = 16 << 10;

/// All connections.
#[derive(Debug)]
pub(super) struct Streams<C> {
    connections: Slab<Connection<C>>,
    servers: HashMap<SocketAddr, Peer>,
    /// The connections that may be read or written.
    ready: Vec<usize>,
    /// Servers for which there was no room among all connections.
    crowded_out: VecDeque<SocketAddr>,
}

/// The other end of connections.
#[derive(Debug)]
struct Peer {
    connections: Vec<usize>,
    /// The maximum number of queries that share a connection.
    depth: usize,
    /// Requests for which there was no connection.
    waiting: VecDeque<(Transmit, Vec<u8>)>,
}

#[derive(Debug)]
struct Connection<C> {
    stream: C,
    to: SocketAddr,
    /// Frames that are not written yet.
    output: Vec<u8>,
    /// Bytes of frames that are not complete yet.
    input: Vec<u8>,
    /// The requests that were given to it.
    open: Vec<Transmit>,
    /// The requests that were answered, and those since requests were last found to have timed out.
    answered: usize,
    answered_lately: usize,
    /// True if it gets no more requests, since others have timed out while none was answered.
    is_stalled: bool,
    used: Time,
}

impl<C> Streams<C> {
    pub fn new() -> Streams<C> {
        Streams {
            connections: Slab::new(),
            servers: HashMap::new(),
            ready: Vec::new(),
            crowded_out: VecDeque::new(),
        }
    }

    /// Records that the connection with this token may be read or written.
    pub fn mark_ready(&mut self, token: usize) {
        self.ready.push(token - FIRST_TOKEN);
    }

    /// Returns whether [`receive`](Streams::receive) may have something to do.
    pub fn is_ready(&self) -> bool {
        !self.ready.is_empty()
    }
}

impl<C: Read + Write> Streams<C> {
    /// Gives a request to a connection, and opens one if necessary. [`receive`](Streams::receive) writes it.
    pub fn push<P: Protocol, T>(
        &mut self,
        engine: &mut Engine<P, T>,
        system: &impl System<Stream = C>,
        now: Time,
        transmit: Transmit,
        message: &[u8],
    ) {
        // A request is never longer than a frame: its protocol also sends it as a datagram.
        let mut frame = [&[0; 2], message].concat();
        write_length(&mut frame);
        self.find_stalled(engine, transmit.to);
        self.peer(transmit.to).waiting.push_back((transmit, frame));
        self.assign(engine, system, now, transmit.to);
    }

    fn peer(&mut self, server: SocketAddr) -> &mut Peer {
        let new = || Peer { connections: vec![], depth: DEPTH, waiting: VecDeque::new() };
        self.servers.entry(server).or_insert_with(new)
    }

    /// Gives the requests that wait for a server to its connections.
    fn assign<P: Protocol, T>(
        &mut self,
        engine: &mut Engine<P, T>,
        system: &impl System<Stream = C>,
        now: Time,
        server: SocketAddr,
    ) {
        loop {
            let Streams { connections, servers, ready, crowded_out } = self;
            let Some(peer) = servers.get_mut(&server) else { return };
            while peer.waiting.front().is_some_and(|(transmit, _)| !engine.awaits_reply(transmit)) {
                peer.waiting.pop_front();
            }
            if peer.waiting.is_empty() {
                return;
            }
            let mut usable = peer.connections.iter().filter(|id| !connections[**id].is_stalled);
            let count = usable.clone().count();
            if let Some(&id) = usable.find(|id| connections[**id].open.len() < peer.depth) {
                let Some((transmit, frame)) = peer.waiting.pop_front() else { return };
                connections[id].add(now, transmit, &frame);
                ready.push(id);
                continue;
            }
            let most = if peer.depth < DEPTH { MOST_TO_ONE } else { 1 };
            if count >= most {
                return;
            }
            if connections.len() >= MOST {
                let idle = connections.iter().find(|(_, connection)| connection.open.is_empty());
                let Some(idle) = idle.map(|(id, _)| id) else {
                    crowded_out.push_back(server);
                    return;
                };
                self.remove(idle);
            }
            if let Err(error) = self.connect(system, now, server) {
                self.fail_waiting(engine, now, server, reason(&error));
                return;
            }
        }
    }

    fn connect(&mut self, system: &impl System<Stream = C>, now: Time, to: SocketAddr) -> io::Result<()> {
        let entry = self.connections.vacant_entry();
        let (id, stream) = (entry.key(), system.connect(to, FIRST_TOKEN + entry.key())?);
        entry.insert(Connection {
            stream,
            to,
            output: vec![],
            input: vec![],
            open: vec![],
            answered: 0,
            answered_lately: 0,
            is_stalled: false,
            used: now,
        });
        self.peer(to).connections.push(id);
        Ok(())
    }

    /// Writes what waits and reads what has arrived. Returns the number of messages.
    pub fn receive<P: Protocol, T>(
        &mut self,
        engine: &mut Engine<P, T>,
        system: &impl System<Stream = C>,
        now: Time,
    ) -> usize {
        let (mut ready, mut count) = (mem::take(&mut self.ready), 0);
        while let Some(id) = ready.pop() {
            // An event may be older than the end of its connection.
            let Some(connection) = self.connections.get_mut(id) else { continue };
            let to = connection.to;
            match connection.exchange(engine, now) {
                Ok((messages, is_empty)) => {
                    count += messages;
                    if !is_empty {
                        self.ready.push(id);
                    }
                }
                Err(error) => self.close(engine, now, id, &error),
            }
            self.assign(engine, system, now, to);
            if count >= RECEIVE_LIMIT {
                break;
            }
        }
        self.ready.append(&mut ready);
        self.close_old(now);
        for _ in 0..self.crowded_out.len().min(MOST - self.connections.len().min(MOST)) {
            let Some(server) = self.crowded_out.pop_front() else { break };
            self.assign(engine, system, now, server);
        }
        count
    }

    /// Ends a connection. If requests were answered, the server only closes it early. If none was, one of several may have
    /// made the server close it. In both cases those that are open are sent again, fewer at a time. Otherwise they have
    /// failed.
    fn close<P: Protocol, T>(&mut self, engine: &mut Engine<P, T>, now: Time, id: usize, error: &io::Error) {
        let Connection { to, open, answered, .. } = self.remove(id);
        let open: Vec<_> = open.into_iter().filter(|transmit| engine.awaits_reply(transmit)).collect();
        if open.is_empty() {
            return;
        }
        let is_shared = open.len() > 1 && error.kind() != io::ErrorKind::ConnectionRefused;
        if answered > 0 || is_shared {
            let peer = self.peer(to);
            peer.depth = peer.depth.min(answered).max(1);
            open.into_iter().rev().for_each(|transmit| engine.unsend(now, transmit));
        } else {
            let reason = reason(error);
            open.into_iter().for_each(|transmit| engine.handle_stream_failure(now, transmit, reason));
        }
    }

    fn remove(&mut self, id: usize) -> Connection<C> {
        let connection = self.connections.remove(id);
        if let Some(peer) = self.servers.get_mut(&connection.to) {
            peer.connections.retain(|other| *other != id);
            if peer.connections.is_empty() && peer.waiting.is_empty() && peer.depth == DEPTH {
                self.servers.remove(&connection.to);
            }
        }
        connection
    }

    /// Finds the connections to a server whose requests time out while none is answered, so that the next attempt gets a
    /// new one.
    fn find_stalled<P: Protocol, T>(&mut self, engine: &Engine<P, T>, server: SocketAddr) {
        let Some(peer) = self.servers.get(&server) else { return };
        for &id in &peer.connections {
            let connection = &mut self.connections[id];
            let has_timeouts = connection.forget_ended(engine) > 0;
            connection.is_stalled |= has_timeouts && mem::take(&mut connection.answered_lately) == 0;
        }
    }

    fn fail_waiting<P: Protocol, T>(
        &mut self,
        engine: &mut Engine<P, T>,
        now: Time,
        server: SocketAddr,
        reason: &'static str,
    ) {
        for (transmit, _) in mem::take(&mut self.peer(server).waiting) {
            engine.handle_stream_failure(now, transmit, reason);
        }
    }

    /// Closes connections that were not used for a while.
    fn close_old(&mut self, now: Time) {
        let is_old = |connection: &Connection<C>| {
            connection.open.is_empty() && (connection.is_stalled || now - connection.used > IDLE)
        };
        while let Some(id) =
            self.connections.iter().find(|(_, connection)| is_old(connection)).map(|(id, _)| id)
        {
            self.remove(id);
        }
    }
}

impl<C: Read + Write> Connection<C> {
    fn add(&mut self, now: Time, transmit: Transmit, frame: &[u8]) {
        self.output.extend_from_slice(frame);
        self.open.push(transmit);
        self.used = now;
    }

    /// Writes and reads. Returns the number of messages received, and whether nothing more has arrived.
    fn exchange<P: Protocol, T>(
        &mut self,
        engine: &mut Engine<P, T>,
        now: Time,
    ) -> io::Result<(usize, bool)> {
        let timed_out = self.forget_ended(engine);
        let written = self.write();
        // What has arrived is read even if the other end takes no more.
        let read = self.read(engine, now);
        let answered = self.forget_ended(engine);
        self.answered += answered;
        self.answered_lately += answered;
        self.is_stalled |= timed_out > 0 && self.answered_lately == 0;
        written.and(read)
    }

    /// Forgets the requests that no longer wait for their replies. Returns their number.
    fn forget_ended<P: Protocol, T>(&mut self, engine: &Engine<P, T>) -> usize {
        let before = self.open.len();
        self.open.retain(|transmit| engine.awaits_reply(transmit));
        before - self.open.len()
    }

    /// Writes what the system takes now.
    fn write(&mut self) -> io::Result<()> {
        while !self.output.is_empty() {
            match self.stream.write(&self.output) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(count) => drop(self.output.drain(..count)),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if is_early(&error) => return Ok(()),
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Reads messages, and passes them to `engine`. Returns their number, and whether nothing more has arrived.
    fn read<P: Protocol, T>(&mut self, engine: &mut Engine<P, T>, now: Time) -> io::Result<(usize, bool)> {
        let mut count = 0;
        while count < RECEIVE_LIMIT {
            let start = self.input.len();
            self.input.resize(start + READ, 0);
            let read = self.stream.read(&mut self.input[start..]);
            self.input.truncate(start + read.as_ref().map_or(0, |count| *count));
            match read {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(_) => count += self.deliver(engine, now),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if is_early(&error) => return Ok((count, true)),
                Err(error) => return Err(error),
            }
        }
        Ok((count, false))
    }

    /// Passes the complete messages to `engine`. Returns their number.
    fn deliver<P: Protocol, T>(&mut self, engine: &mut Engine<P, T>, now: Time) -> usize {
        let (mut rest, mut count) = (&self.input[..], 0);
        while let Some((message, after)) = split_frame(rest) {
            engine.handle_stream_message(now, self.to, message);
            (rest, count) = (after, count + 1);
        }
        let used = self.input.len() - rest.len();
        self.input.drain(..used);
        self.used = now;
        count
    }
}

/// Returns whether an error only means that it is too early: not connected yet, or nothing to read.
fn is_early(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::NotConnected)
}

fn reason(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::ConnectionRefused => "TCP: connection refused",
        io::ErrorKind::UnexpectedEof
        | io::ErrorKind::ConnectionReset
        | io::ErrorKind::ConnectionAborted
        | io::ErrorKind::BrokenPipe => "TCP: connection closed",
        _ => "TCP: connection failed",
    }
}
