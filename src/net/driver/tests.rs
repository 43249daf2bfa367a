//! Runs turns on a system that fails: every error at every call, in virtual time.

use std::cell::{Cell, RefCell};
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use super::*;
use crate::engine::{Config, Ledger, Outcome, Timeout};
use crate::net::errors::{Entry, ErrorInbox};
use crate::net::socket::{Arrival, BufferUsage, Sent};
use crate::net::system::Endpoint;
use crate::protocol::raw::{Payload, Raw};

/// A round trip to any host. All of them echo.
const RTT: Duration = Duration::from_millis(20);

/// The time that a system call takes.
const CALL: Duration = Duration::from_micros(2);

#[derive(Clone, Copy, Debug, PartialEq)]
enum Call {
    Send,
    Receive,
    ReadErrors,
}

/// Makes a kind of call fail with `errno` between two times, each call with this probability.
#[derive(Clone, Copy, Debug)]
struct Fault {
    call: Call,
    errno: i32,
    from: Time,
    to: Time,
    probability: f64,
}

impl Fault {
    fn always(call: Call, errno: i32) -> Fault {
        Fault { call, errno, from: Time::ZERO, to: Time::from_millis(1_000_000_000), probability: 1.0 }
    }

    fn between(call: Call, errno: i32, from_ms: u64, to_ms: u64) -> Fault {
        let (from, to) = (Time::from_millis(from_ms), Time::from_millis(to_ms));
        Fault { from, to, ..Fault::always(call, errno) }
    }
}

/// The machine and its network.
#[derive(Debug, Default)]
struct Machine {
    now: Cell<Time>,
    calls: Cell<u64>,
    chance: Cell<u64>,
    faults: Vec<Fault>,
    /// The error of sends to each host whose address is a multiple of this number.
    refused: Option<(i32, u32)>,
    /// True if each of these errors comes with an ICMP error.
    icmp_errors: bool,
    /// Replies on their way, in order of arrival.
    replies: RefCell<Vec<(Time, SocketAddr, Vec<u8>)>>,
    /// Arrivals up to this time have been reported: readiness is edge-triggered.
    reported: Cell<Time>,
}

impl Machine {
    fn call(&self, call: Call) -> io::Result<()> {
        self.calls.set(self.calls.get() + 1);
        let now = self.now.get() + CALL;
        self.now.set(now);
        let fails = |fault: &&Fault| {
            let (is_due, chance) = (fault.from <= now && now < fault.to, self.roll());
            fault.call == call && is_due && chance < fault.probability
        };
        self.faults.iter().find(fails).map_or(Ok(()), |fault| Err(io::Error::from_raw_os_error(fault.errno)))
    }

    /// Returns a number from 0 to just under 1 (an xorshift generator).
    fn roll(&self) -> f64 {
        let mut number = self.chance.get() | 1;
        number ^= number << 13;
        number ^= number >> 7;
        number ^= number << 17;
        self.chance.set(number);
        (number >> 11) as f64 / (1u64 << 53) as f64
    }
}

#[derive(Debug)]
struct FailingSystem(Rc<Machine>);

#[derive(Debug)]
struct FailingSocket(Rc<Machine>);

impl System for FailingSystem {
    type Endpoint = FailingSocket;
    type Stream = io::Cursor<Vec<u8>>;

    fn connect(&self, _: SocketAddr, _: usize) -> io::Result<io::Cursor<Vec<u8>>> {
        Err(io::ErrorKind::ConnectionRefused.into())
    }

    fn now(&self) -> Time {
        self.0.now.get()
    }

    fn at(&self, since_epoch: Duration) -> Time {
        Time::ZERO + since_epoch
    }

    fn wait_for(&mut self, until: Option<Time>, mut readable: impl FnMut(usize, bool)) -> io::Result<()> {
        let machine = &self.0;
        machine.calls.set(machine.calls.get() + 1);
        let next = |after: Time| machine.replies.borrow().iter().map(|reply| reply.0).find(|at| *at > after);
        let arrival = next(machine.reported.get());
        let wake = until.into_iter().chain(arrival).min().expect("something wakes it up");
        machine.now.set((machine.now.get() + CALL).max(wake));
        if arrival.is_some_and(|at| at <= machine.now.get()) {
            machine.reported.set(machine.now.get());
            readable(0, false);
        }
        Ok(())
    }
}

impl Endpoint for FailingSocket {
    fn try_recv(&self, inbox: &mut Inbox) -> io::Result<usize> {
        inbox.arrivals.clear();
        inbox.read_at = Some(self.0.now.get() - Time::ZERO);
        self.0.call(Call::Receive)?;
        let mut replies = self.0.replies.borrow_mut();
        let arrived = replies.iter().take_while(|reply| reply.0 <= self.0.now.get()).count().min(32);
        let slots: Vec<_> = replies.drain(..arrived).collect();
        for ((at, from, payload), slot) in slots.into_iter().zip(inbox.slots.chunks_exact_mut(65_536 + 192)) {
            slot[..payload.len()].copy_from_slice(&payload);
            inbox.arrivals.push(Arrival {
                from,
                to: None,
                len: payload.len(),
                age: Some(self.0.now.get() - at),
                drops: None,
            });
        }
        Ok(arrived)
    }

    fn recv_errors(&self, errors: &mut ErrorInbox) -> io::Result<usize> {
        self.0.call(Call::ReadErrors)?;
        errors.entries.clear();
        if self.0.icmp_errors {
            // About no query.
            let to = ([9, 9, 9, 9], 9).into();
            errors.entries.push(Entry {
                to,
                len: 0,
                icmp: Some((3, 3)),
                by: None,
                errno: libc::ECONNREFUSED,
            });
        }
        Ok(usize::from(self.0.icmp_errors))
    }

    fn send(&self, packets: &[Packet], bytes: &[u8]) -> Sent {
        for (count, packet) in packets.iter().enumerate() {
            if let Err(error) = self.0.call(Call::Send) {
                return Sent { count, error: Some(error) };
            }
            let number = match packet.to.ip() {
                std::net::IpAddr::V4(v4) => v4.to_bits(),
                std::net::IpAddr::V6(_) => 1,
            };
            if let Some((errno, _)) = self.0.refused.filter(|(_, each)| number.is_multiple_of(*each)) {
                return Sent { count, error: Some(io::Error::from_raw_os_error(errno)) };
            }
            let reply = (self.0.now.get() + RTT, packet.to, bytes[packet.range.clone()].to_vec());
            self.0.replies.borrow_mut().push(reply);
        }
        Sent { count: packets.len(), error: None }
    }

    fn buffer_usage(&self) -> Option<BufferUsage> {
        None
    }
}

/// The result of a sweep.
#[derive(Debug)]
struct Report {
    ledger: Ledger,
    /// The attempts of each query that could not be sent.
    send_failed: Vec<u32>,
    ended: Time,
    /// System calls per second.
    call_rate: f64,
    error: Option<io::Error>,
}

/// Sweeps over this many hosts, with these faults.
fn sweep(hosts: u32, config: Config, faults: &[Fault], seed: u64) -> Report {
    let chance = Cell::new(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    sweep_with(hosts, config, Machine { faults: faults.to_vec(), chance, ..Machine::default() })
}

/// Sweeps over this many hosts from this machine.
fn sweep_with(hosts: u32, config: Config, machine: Machine) -> Report {
    let machine = Rc::new(machine);
    let mut driver = Driver::new(FailingSystem(machine.clone()));
    driver.lanes.push(Lane::new(FailingSocket(machine.clone()), false, 0));
    let protocol = Raw::new(b"12345678".to_vec()).and_then(|raw| raw.with_token_at(0)).expect("valid");
    let mut engine = Engine::new(protocol, config, [7; 16]).expect("valid");
    let (mut asked, mut error, mut send_failed) = (0, None, vec![]);
    loop {
        while engine.room() > 0 && asked < hosts {
            let target = SocketAddr::from(((0x7f01_0001 + asked).to_be_bytes(), 7));
            engine.ask(target, Payload::default(), ()).expect("there is room");
            asked += 1;
        }
        while let Some(completion) = engine.poll_completion() {
            if matches!(completion.outcome, Outcome::SendFailed(_)) {
                send_failed.push(completion.attempts);
            }
        }
        if engine.is_idle() {
            break;
        }
        if let Err(failed) = driver.turn(&mut engine, None) {
            engine.abort(machine.now.get());
            error = Some(failed);
        }
        assert!(machine.now.get() < Time::from_millis(120_000), "it never ends: {:?}", engine.ledger());
        assert!(machine.calls.get() < 3_000_000, "it spins: {:?}", engine.ledger());
    }
    let ended = machine.now.get();
    let call_rate = machine.calls.get() as f64 / (ended - Time::ZERO).as_secs_f64();
    Report { ledger: engine.ledger().clone(), send_failed, ended, call_rate, error }
}

fn config() -> Config {
    Config::unlimited().with_rate(Some(1000.0)).with_reply_credit(Some(64 << 20))
}

/// Transient errors of this machine.
const TRANSIENT: [i32; 9] = [
    libc::ENETUNREACH,
    libc::EHOSTUNREACH,
    libc::EADDRNOTAVAIL,
    libc::EPERM,
    libc::EACCES,
    libc::ENETDOWN,
    libc::ENOMEM,
    libc::ENOBUFS,
    libc::EAGAIN,
];

#[test]
fn a_transient_send_error_costs_nothing() {
    for errno in TRANSIENT {
        let report = sweep(500, config(), &[Fault::between(Call::Send, errno, 100, 1_600)], 1);
        let Ledger { answered, datagrams_sent, retransmissions, .. } = report.ledger;
        assert_eq!((answered, datagrams_sent, retransmissions), (500, 500, 0), "errno {errno}");
        assert!(report.call_rate < 20_000.0, "errno {errno}: {} calls per second", report.call_rate);
    }
}

#[test]
fn a_link_that_comes_and_goes_costs_nothing() {
    // It is away for 800 of 1,100 ms, and at 1,000 packets per second, all hosts need seven of its returns.
    let away = |n: u64| Fault::between(Call::Send, libc::ENETUNREACH, 1_100 * n, 1_100 * n + 800);
    let faults: Vec<Fault> = (0..12).map(away).collect();
    let report = sweep(2000, config(), &faults, 1);
    assert_eq!((report.ledger.answered, report.ledger.send_failed), (2000, 0), "{report:?}");
}

#[test]
fn hosts_that_cannot_be_sent_to_do_not_delay_the_others() {
    for errno in [libc::ENOBUFS, libc::ENOMEM, libc::EPERM, libc::EHOSTUNREACH] {
        // Each error of this machine's firewall comes with an ICMP error, as from an interface.
        let machine = Machine { refused: Some((errno, 16)), icmp_errors: true, ..Machine::default() };
        let report = sweep_with(1600, config(), machine);
        let Ledger { answered, send_failed, .. } = report.ledger;
        assert_eq!((answered, send_failed), (1500, 100), "errno {errno}");
        assert!(report.ended < Time::from_millis(9_000), "errno {errno}: {report:?}");
        assert!(report.call_rate < 30_000.0, "errno {errno}: {} calls per second", report.call_rate);
    }
}

#[test]
fn a_persistent_send_error_ends_each_query_without_an_attempt() {
    for errno in TRANSIENT {
        let report = sweep(100, config(), &[Fault::always(Call::Send, errno)], 1);
        assert_eq!((report.ledger.send_failed, report.ledger.datagrams_sent), (100, 0), "errno {errno}");
        assert_eq!(report.send_failed, [0; 100]);
        // A full send buffer has ten more seconds to drain.
        let latest = if errno == libc::EAGAIN { 17_000 } else { 8_000 };
        let within = Time::from_millis(5_000)..Time::from_millis(latest);
        assert!(within.contains(&report.ended), "errno {errno}: {report:?}");
        assert!(report.call_rate < 20_000.0, "errno {errno}: {} calls per second", report.call_rate);
    }
}

#[test]
fn a_permanent_send_error_ends_the_query_at_once() {
    for errno in [libc::EINVAL, libc::EAFNOSUPPORT, libc::EMSGSIZE] {
        let report = sweep(100, config(), &[Fault::always(Call::Send, errno)], 1);
        assert_eq!((report.ledger.send_failed, report.ledger.send_errors), (100, 0), "errno {errno}");
        assert!(report.ended < Time::from_millis(1_000), "errno {errno}: {report:?}");
    }
}

#[test]
fn a_retry_that_fails_leaves_the_first_attempt_alone() {
    let config = config().with_timeout(Timeout::Fixed(Duration::from_millis(15)));
    let report = sweep(1, config, &[Fault::between(Call::Send, libc::ENETUNREACH, 5, 60_000)], 1);
    let Ledger { answered, datagrams_sent, send_errors, .. } = report.ledger;
    assert_eq!((answered, datagrams_sent, send_errors), (1, 1, 1));
}

#[test]
fn a_query_that_cannot_be_retried_ends_with_the_attempts_that_were_sent() {
    let config = config().with_timeout(Timeout::Fixed(Duration::from_millis(3)));
    let report = sweep(1, config, &[Fault::between(Call::Send, libc::ENETUNREACH, 2, 60_000)], 1);
    assert_eq!((report.ledger.send_failed, report.send_failed), (1, vec![1]));
}

#[test]
fn a_transient_receive_error_costs_nothing() {
    let errnos = [libc::EIO, libc::EINTR, libc::EPROTO, libc::ENOPROTOOPT, libc::EOPNOTSUPP];
    for errno in TRANSIENT.into_iter().filter(|errno| *errno != libc::EAGAIN).chain(errnos) {
        let report = sweep(500, config(), &[Fault::between(Call::Receive, errno, 100, 1_100)], 1);
        assert_eq!((report.ledger.answered, report.ledger.retransmissions), (500, 0), "errno {errno}");
        assert!(report.call_rate < 20_000.0, "errno {errno}: {} calls per second", report.call_rate);
    }
}

#[test]
fn a_persistent_receive_error_is_returned_and_earlier_answers_stay() {
    for errno in [libc::ENOMEM, libc::EIO, libc::EACCES, libc::ENOPROTOOPT, libc::EOPNOTSUPP] {
        let faults = [Fault::between(Call::Receive, errno, 200, 1_000_000)];
        let report = sweep(500, config(), &faults, 1);
        assert_eq!(report.error.and_then(|error| error.raw_os_error()), Some(errno));
        let Ledger { answered, interrupted, queries, .. } = report.ledger;
        assert!(answered > 100 && answered + interrupted == queries, "errno {errno}: {:?}", report.ledger);
        assert!(report.ended < Time::from_millis(5_000), "errno {errno}: {}", report.ended.as_nanos());
        assert!(report.call_rate < 20_000.0, "errno {errno}: {} calls per second", report.call_rate);
    }
}

#[test]
fn any_transient_error_at_any_call_costs_no_answer() {
    let calls = [Call::Send, Call::Receive, Call::ReadErrors];
    for seed in 0..300u64 {
        let machine =
            Machine { chance: Cell::new(seed.wrapping_mul(0xbf58_476d_1ce4_e5b9)), ..Machine::default() };
        let pick = |most: usize| (machine.roll() * most as f64) as usize;
        let faults: Vec<Fault> = (0..1 + pick(4))
            .map(|_| {
                let (from, long) = (pick(400) as u64, 1 + pick(1_000) as u64);
                let fault = Fault::between(calls[pick(3)], TRANSIENT[pick(9)], from, from + long);
                Fault { probability: [1.0, 0.5, 0.05][pick(3)], ..fault }
            })
            .collect();
        let report = sweep(1 + pick(300) as u32, config(), &faults, seed);
        assert_eq!(
            report.ledger.answered, report.ledger.queries,
            "seed {seed}: {faults:?}, {:?}",
            report.ledger
        );
        assert!(report.call_rate < 50_000.0, "seed {seed}: {faults:?}, {} calls/s", report.call_rate);
    }
}

#[test]
fn unsent_packets_return_in_order_and_sending_pauses() {
    let machine = Rc::new(Machine::default());
    let mut driver = Driver::new(FailingSystem(machine.clone()));
    driver.lanes.push(Lane::new(FailingSocket(machine), false, 0));
    let protocol = Raw::new(b"?".to_vec()).expect("valid");
    let mut engine = Engine::new(protocol, config(), [1; 16]).expect("valid");
    for number in 0..10 {
        let payload = engine.protocol().payload(&[number]).expect("valid");
        engine.ask(([127, 1, 0, number], 9).into(), payload, ()).expect("there is room");
    }
    let now = Time::from_millis(1);
    let mut bytes = Vec::new();
    let mut polled: Vec<_> =
        std::iter::from_fn(|| engine.poll_transmit(now, &mut bytes)).enumerate().collect();
    assert_eq!(bytes, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);

    // The first three were sent. The rest came back, one address family after the other.
    polled.drain(..3);
    polled.sort_by_key(|&(order, _)| (order % 2, order));
    driver.unsent = polled;
    driver.take_back(&mut engine, now);
    assert_eq!(engine.ledger().datagrams_sent, 3);
    assert_eq!(driver.burst(&mut engine, now), 0, "sending is paused");

    bytes.clear();
    while engine.poll_transmit(now + SEND_PAUSE, &mut bytes).is_some() {}
    assert_eq!(bytes, [3, 4, 5, 6, 7, 8, 9]);
}
