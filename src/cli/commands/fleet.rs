//! `fleet`: simulated hosts on a real socket.

mod args;
mod streams;

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::thread;
use std::time::Duration;

use allears::engine::Time;
use allears::net::{BATCH, Inbox, Packet, Reactor, Socket, SocketOptions};
use allears::sim::{Fleet, HostProtocol, PROTOCOLS, Plan};
use anyhow::{Context, Result};
use serde::Serialize;

pub use args::FleetArgs;
use streams::StreamDoor;

use crate::cli::exit::{Exit, Usage};
use crate::cli::output::Out;
use crate::cli::signals::Stop;

/// The pause in sending when the system has no room for more replies.
const REST: Duration = Duration::from_millis(1);

/// The maximum number of ports tried until one is free for UDP and TCP.
const PORT_TRIES: u32 = 20;
/// The reactor's token of the hosts' listener; those of the doors are below.
const FIRST_STREAM: usize = 2;

/// The line printed when the fleet starts to listen.
#[derive(Serialize)]
struct Opening {
    listening: SocketAddr,
    master: Option<SocketAddr>,
    hosts: u32,
    alive: u32,
    first: SocketAddr,
    last: SocketAddr,
    wanted_at: Option<SocketAddr>,
}

/// The line printed when the fleet ends.
#[derive(Serialize)]
struct Closing {
    received: u64,
    answered: u64,
    lost_by_plan: u64,
    replies_lost_by_plan: u64,
    dead: u64,
    limited: u64,
    duplicated: u64,
    forged: u64,
    local_drops: Option<u64>,
    hosts_asked: u64,
    max_per_host_2s: u64,
    // Not part of the contract: completes the sum of requests.
    further_parts: u64,
    ignored: u64,
    waiting: u64,
    master_received: u64,
    master_answered: u64,
    stream_connections: u64,
    stream_received: u64,
    stream_answered: u64,
}

/// `allears fleet`.
pub fn run(args: &FleetArgs) -> Result<Exit> {
    check_protocol(args)?;
    let reactor = Reactor::new().context("cannot open the event queue")?;
    let mut house = House::open(args, reactor)?;
    let waker = house.reactor.waker();
    let stop = Stop::listen(move || drop(waker.wake()))?;
    stop.arm();
    if args.until_eof {
        let (stop, waker) = (stop.clone(), house.reactor.waker());
        thread::spawn(move || {
            let _ = io::copy(&mut io::stdin().lock(), &mut io::sink());
            stop.request();
            let _ = waker.wake();
        });
    }
    if let Some(path) = &args.targets {
        let name = path.display();
        write_targets(&house.fleet, path).with_context(|| format!("cannot write {name}"))?;
    }
    let mut out = Out::open(None)?;
    out.write_line(&house.opening()).context("cannot write standard output")?;
    let end = args.duration.map(|duration| house.reactor.now() + duration);
    house.serve(&stop, end)?;
    out.write_line(&house.closing()).context("cannot write standard output")?;
    Ok(Exit::Success)
}

/// A fleet and its sockets.
struct House {
    reactor: Reactor,
    /// The hosts' socket, and the master's if there is one.
    doors: Vec<Door>,
    /// The hosts' connections, if the protocol has any.
    streams: Option<StreamDoor>,
    listening: SocketAddr,
    fleet: Fleet,
    inbox: Inbox,
    bytes: Vec<u8>,
}

struct Door {
    socket: Socket,
    port: u16,
    /// The master's address, if this is the master's socket.
    master: Option<SocketAddr>,
    readable: bool,
    /// Replies that wait to be sent as one batch.
    packets: Vec<Packet>,
}

impl House {
    fn open(args: &FleetArgs, reactor: Reactor) -> Result<House> {
        let (hosts, streams) = open_hosts(args, &reactor)?;
        let mut plan = plan(args);
        plan.port = hosts.port;
        let mut doors = vec![hosts];
        if plan.protocol.has_master {
            let master = Door::open((Ipv4Addr::LOCALHOST, args.master_port).into(), true)?;
            plan.master = master.master;
            doors.push(master);
        }
        for (token, door) in doors.iter_mut().enumerate() {
            reactor.register(&mut door.socket, token).context("cannot watch a socket")?;
        }
        let listening = doors[0].socket.local_addr().context("the socket has no address")?;
        let fleet = Fleet::new(plan).map_err(|error| Usage(error.to_string()))?;
        Ok(House { reactor, doors, streams, listening, fleet, inbox: Inbox::new(), bytes: Vec::new() })
    }

    /// Replies to requests until a signal or `end`.
    fn serve(&mut self, stop: &Stop, end: Option<Time>) -> Result<()> {
        loop {
            let now = self.reactor.now();
            let over = stop.requested() || end.is_some_and(|end| end <= now);
            let came_in = self.drain().context("cannot receive")?;
            // Requests that arrived before the end are counted, but get no reply.
            if over && came_in == 0 {
                return Ok(());
            }
            let sent = if over { 0 } else { self.reply(now) };
            if let Some(streams) = self.streams.as_mut().filter(|_| !over) {
                streams.turn(&self.reactor, &mut self.fleet);
            }
            let until = if self.is_blocked() {
                Some(now + REST)
            } else if came_in + sent > 0 {
                Some(now)
            } else {
                self.fleet.poll_timeout().into_iter().chain(end).min()
            };
            let streams_due = self.streams.as_ref().and_then(|streams| streams.poll_timeout(now));
            let until = until.into_iter().chain(streams_due).min();
            let House { reactor, doors, streams, .. } = self;
            let readable = |token: usize| match (doors.get_mut(token), &mut *streams) {
                (Some(door), _) => door.readable = true,
                (None, Some(streams)) => streams.set_ready(token),
                (None, None) => {}
            };
            reactor.wait(until, readable).context("cannot wait")?;
        }
    }

    /// Receives one batch from each socket. Returns the number of requests.
    fn drain(&mut self) -> io::Result<usize> {
        let mut came_in = 0;
        for door in self.doors.iter_mut().filter(|door| door.readable) {
            let count = door.socket.recv(&mut self.inbox)?;
            door.readable = count > 0;
            came_in += count;
            // Read the clock after receiving: with an earlier time, replies would be sent before their latency has
            // passed.
            let now = self.reactor.now();
            for request in self.inbox.iter() {
                let to = request.to.map(|ip| SocketAddr::new(ip, door.port));
                if let Some(to) = door.master.or(to) {
                    self.fleet.handle_request(now, to, request.from, request.payload);
                }
            }
        }
        Ok(came_in)
    }

    /// Sends one batch of the replies that are due. Returns their number.
    fn reply(&mut self, now: Time) -> usize {
        let mut count = 0;
        if !self.is_blocked() {
            self.bytes.clear();
            while count < BATCH && self.take_reply(now) {
                count += 1;
            }
        }
        for door in &mut self.doors {
            door.send(&self.bytes);
        }
        count
    }

    /// Queues the next due reply. Returns false if there is none.
    fn take_reply(&mut self, now: Time) -> bool {
        let start = self.bytes.len();
        let Some(reply) = self.fleet.poll_reply(now, &mut self.bytes) else { return false };
        let masters = self.doors.iter().position(|door| door.master == Some(reply.from));
        let packet =
            Packet { to: reply.to, from: Some(reply.from.ip()), range: start..self.bytes.len(), bulk: false };
        self.doors[masters.unwrap_or(0)].packets.push(packet);
        true
    }

    /// Returns whether a reply still waits because the system had no room for it.
    fn is_blocked(&self) -> bool {
        self.doors.iter().any(|door| !door.packets.is_empty())
    }

    fn opening(&self) -> Opening {
        let plan = self.fleet.plan();
        Opening {
            listening: self.listening,
            master: plan.master,
            hosts: plan.hosts,
            alive: self.fleet.alive(),
            first: plan.address(0),
            last: plan.address(plan.hosts - 1),
            wanted_at: self.fleet.wanted_at(),
        }
    }

    fn closing(&self) -> Closing {
        let tally = self.fleet.tally();
        Closing {
            received: tally.received,
            answered: tally.answered,
            lost_by_plan: tally.lost_by_plan,
            replies_lost_by_plan: tally.replies_lost_by_plan,
            further_parts: tally.further_parts,
            dead: tally.dead,
            limited: tally.limited,
            duplicated: tally.duplicated,
            forged: tally.forged,
            local_drops: self.doors.iter().map(|door| door.socket.local_drops().map(u64::from)).sum(),
            hosts_asked: tally.hosts_asked,
            max_per_host_2s: tally.max_per_host_2s,
            ignored: tally.ignored,
            waiting: self.fleet.waiting(),
            master_received: tally.master_received,
            master_answered: tally.master_answered,
            stream_connections: tally.stream_connections,
            stream_received: tally.stream_received,
            stream_answered: tally.stream_answered,
        }
    }
}

impl Door {
    fn open(address: SocketAddr, is_masters: bool) -> Result<Door> {
        let options = SocketOptions::default().with_report_destination(!is_masters);
        let socket = Socket::bind(address, &options).with_context(|| format!("cannot bind {address}"))?;
        let bound = socket.local_addr().with_context(|| format!("cannot bind {address}"))?;
        let master = is_masters.then_some(bound);
        Ok(Door { socket, port: bound.port(), master, readable: false, packets: Vec::new() })
    }

    /// Sends the queued packets while the system has room. A packet that it refuses twice is dropped, since the first
    /// error may belong to an earlier packet.
    fn send(&mut self, bytes: &[u8]) {
        let mut refused = false;
        while !self.packets.is_empty() {
            let sent = self.socket.send(&self.packets, bytes);
            self.packets.drain(..sent.count);
            refused &= sent.count == 0;
            match sent.error {
                Some(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                Some(_) if refused => {
                    self.packets.remove(0);
                    refused = false;
                }
                Some(_) => refused = true,
                None => {}
            }
        }
    }
}

/// Opens the socket of the hosts and, if the protocol has connections, the listener at the same port. If any port will
/// do, one that is free for both is found by trying.
fn open_hosts(args: &FleetArgs, reactor: &Reactor) -> Result<(Door, Option<StreamDoor>)> {
    let mut tries = if args.port == 0 { PORT_TRIES } else { 1 };
    loop {
        let hosts = Door::open((Ipv4Addr::UNSPECIFIED, args.port).into(), false)?;
        if !args.protocol.has_streams {
            return Ok((hosts, None));
        }
        tries -= 1;
        match StreamDoor::open(hosts.port, reactor, FIRST_STREAM) {
            Ok(streams) => return Ok((hosts, Some(streams))),
            Err(error) if error.kind() == io::ErrorKind::AddrInUse && tries > 0 => {}
            Err(error) => {
                let context = format!("cannot listen at TCP port {}", hosts.port);
                return Err(error).context(context);
            }
        }
    }
}

/// Refuses what hosts of the protocol do not have.
fn check_protocol(args: &FleetArgs) -> Result<(), Usage> {
    let require = |option: String, has: &dyn Fn(&HostProtocol) -> bool| {
        if has(args.protocol) {
            return Ok(());
        }
        let others: Vec<_> =
            PROTOCOLS.iter().filter(|protocol| has(protocol)).map(|protocol| protocol.id).collect();
        Err(Usage(format!("{option} needs --protocol {}", others.join(" or "))))
    };
    for (fault, _) in &args.faults.misbehave {
        require(format!("--misbehave {fault}"), &|protocol| protocol.faults.contains(fault))?;
    }
    if args.wanted.is_some() {
        require("--wanted".into(), &|protocol| protocol.has_players)?;
    }
    if args.interfaces.is_some() {
        require("--interfaces".into(), &|protocol| protocol.has_rows)?;
    }
    Ok(())
}

fn plan(args: &FleetArgs) -> Plan {
    let faults = &args.faults;
    let plan = Plan::new(args.protocol);
    let rows = args.interfaces.unwrap_or(plan.rows);
    plan.with_hosts(args.hosts)
        .with_base(args.base)
        .with_port(args.port)
        .with_seed(args.seed)
        .with_dead(faults.dead)
        .with_loss(faults.loss)
        .with_reply_loss(faults.reply_loss)
        .with_duplicate(faults.duplicate)
        .with_latency(faults.latency)
        .with_late(faults.late)
        .with_wrong_source(faults.wrong_source)
        .with_garbage(faults.garbage)
        .with_forge(faults.forge)
        .with_limit(args.limit)
        .with_wanted(args.wanted.clone())
        .with_rows(rows)
        .with_misbehave(faults.misbehave.clone())
}

fn write_targets(fleet: &Fleet, path: &Path) -> io::Result<()> {
    let mut file = BufWriter::new(File::create(path)?);
    for target in fleet.targets() {
        writeln!(file, "{target}")?;
    }
    file.flush()
}
