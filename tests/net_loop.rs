//! `net::Net` with an engine and echo hosts on loopback, batched and single.
#![cfg(target_os = "linux")]

use std::collections::HashMap;
use std::error::Error;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use allears::engine::{
    Attempt, Config, Engine, Outcome, Proof, Protocol, Reply, ReplySize, Step, Timeout, Token,
};
use allears::net::{self, Inbox, Io, Net, Options, Packet, Socket, SocketOptions};

const BOTH: [Io; 2] = [Io::Batched, Io::Single];

/// A protocol whose request and reply are the token.
struct Echo;

impl Protocol for Echo {
    type Question = ();
    type Conversation = ();
    type Answer = ();

    fn begin(&mut self, _: SocketAddr, (): ()) {}

    fn proof(&self, (): &()) -> Proof {
        Proof::Token { bits: 64 }
    }

    fn write_request(&mut self, (): &mut (), attempt: Attempt, out: &mut Vec<u8>) {
        out.extend_from_slice(&attempt.token.0.to_be_bytes());
    }

    fn read_token(&self, datagram: &[u8]) -> Option<Token> {
        datagram.try_into().ok().map(|bytes| Token(u64::from_be_bytes(bytes)))
    }

    fn step(&mut self, (): &mut (), _: &Reply<'_>) -> Step<()> {
        Step::Done(())
    }

    fn largest_reply(&self) -> u32 {
        16
    }

    fn reply_size(&self, (): &()) -> ReplySize {
        ReplySize::one(8)
    }
}

/// Returns an engine without the rate limits that would slow down a test.
fn engine() -> Engine<Echo> {
    let config = Config::unlimited().with_timeout(Timeout::Fixed(Duration::from_secs(20)));
    Engine::new(Echo, config, net::random_key().unwrap()).unwrap()
}

fn open(io: Io, bind: &str) -> Net {
    Net::open(&Options::default().with_bind(Some(bind.parse().unwrap())).with_io(io)).unwrap()
}

/// Echo hosts at every address of 127.0.0.0/8, on one port.
struct Hosts {
    socket: Socket,
    inbox: Inbox,
}

impl Hosts {
    fn new() -> Hosts {
        let options = SocketOptions::default().with_report_destination(true);
        let socket = Socket::bind((Ipv4Addr::UNSPECIFIED, 0).into(), &options).unwrap();
        Hosts { socket, inbox: Inbox::new() }
    }

    fn host(&self, n: u32) -> SocketAddr {
        let first = u32::from(Ipv4Addr::new(127, 1, 0, 1));
        (Ipv4Addr::from(first + n), self.socket.local_addr().unwrap().port()).into()
    }

    /// Replies to all waiting requests.
    fn answer(&mut self) {
        while self.socket.recv(&mut self.inbox).unwrap() > 0 {
            let mut bytes = Vec::new();
            let mut packets = Vec::new();
            for request in self.inbox.iter() {
                let start = bytes.len();
                bytes.extend_from_slice(request.payload);
                packets.push(Packet {
                    to: request.from,
                    from: request.to,
                    range: start..bytes.len(),
                    bulk: false,
                });
            }
            assert_eq!(self.socket.send(&packets, &bytes).count, packets.len());
        }
    }
}

/// Runs until every query has ended; the hosts reply after each turn.
fn sweep(
    net: &mut Net,
    engine: &mut Engine<Echo>,
    hosts: &mut Hosts,
    targets: &[SocketAddr],
) -> HashMap<SocketAddr, Outcome<()>> {
    let mut targets = targets.iter();
    let mut ends = HashMap::new();
    loop {
        let room = engine.room();
        targets.by_ref().take(room).for_each(|&target| engine.ask(target, (), ()).unwrap());
        if engine.is_idle() {
            break;
        }
        // Do not sleep: the hosts run in this thread.
        let now = net.now();
        net.turn(engine, Some(now)).unwrap();
        hosts.answer();
        while let Some(end) = engine.poll_completion() {
            assert!(ends.insert(end.target, end.outcome).is_none(), "{} ended twice", end.target);
        }
    }
    assert!(engine.ledger().adds_up(0), "{:?}", engine.ledger());
    ends
}

#[test]
fn two_thousand_hosts_all_answer_and_a_small_buffer_drops_none() {
    for io in BOTH {
        let options = Options::default().with_rcvbuf(Some(212_992)).with_io(io);
        let mut net = Net::open(&options).unwrap();
        assert_eq!((net.receive_buffer(), net.reply_credit()), (212_992, 159_744));
        let mut engine = engine();
        let mut hosts = Hosts::new();
        let targets: Vec<_> = (0..2_000).map(|n| hosts.host(n)).collect();
        let ends = sweep(&mut net, &mut engine, &mut hosts, &targets);

        let answered = |target| ends.get(target) == Some(&Outcome::Answered(()));
        assert!(targets.iter().all(answered), "{io:?}: {:?}", engine.ledger());
        assert_eq!(engine.ledger().retransmissions, 0);
        assert_eq!((net.local_drops(), hosts.socket.local_drops()), (Some(0), Some(0)));
    }
}

#[test]
fn a_failed_send_ends_only_its_query() {
    for io in BOTH {
        let mut net = open(io, "0.0.0.0:0");
        let mut engine = engine();
        let mut hosts = Hosts::new();
        let mut targets: Vec<_> = (0..100).map(|n| hosts.host(n)).collect();
        targets[7].set_port(0);
        targets[8].set_port(0);
        targets[40] = "[::1]:7".parse().unwrap();
        let ends = sweep(&mut net, &mut engine, &mut hosts, &targets);

        for (n, target) in targets.iter().enumerate() {
            let expected = match n {
                7 | 8 => Outcome::SendFailed(libc::EINVAL),
                40 => Outcome::SendFailed(libc::EAFNOSUPPORT),
                _ => Outcome::Answered(()),
            };
            assert_eq!(ends[target], expected, "{io:?}: {target}");
        }
        assert_eq!(engine.ledger().datagrams_sent, 97);
    }
}

#[test]
fn a_full_socket_is_drained_in_bounded_turns_and_no_wake_up_is_lost() {
    const QUEUED: u64 = 3_000;
    for io in BOTH {
        let rcvbuf = Some(QUEUED as usize * 1_024);
        let bind = Some("127.0.0.1:0".parse().unwrap());
        let mut net = Net::open(&Options::default().with_bind(bind).with_rcvbuf(rcvbuf).with_io(io)).unwrap();
        let mut engine = engine();
        let stranger = Socket::bind("127.0.0.1:0".parse().unwrap(), &SocketOptions::default()).unwrap();
        let packet = Packet { to: net.local_addrs()[0], from: None, range: 0..3, bulk: false };
        for round in 1..=2 {
            let sent = stranger.send(&vec![packet.clone(); QUEUED as usize], b"hey");
            assert_eq!(sent.count as u64, QUEUED);
            let mut received = engine.ledger().unmatched;
            let mut turns = 0;
            while received < round * QUEUED {
                // A datagram must wake the first turn of the second round; no turn may sleep until its timeout.
                let until = net.now() + Duration::from_secs(30);
                net.turn(&mut engine, Some(until)).unwrap();
                turns += 1;
                let progress = engine.ledger().unmatched > received || (turns == 1 && net.now() < until);
                assert!(progress, "{io:?}: asleep after {received}");
                received = engine.ledger().unmatched;
            }
            assert!(turns > 5, "{io:?}: only {turns} turns, so they were not bounded");
            // With nothing left, this turn sleeps, and marks the socket as empty.
            let until = net.now() + Duration::from_millis(2);
            while net.now() < until {
                net.turn(&mut engine, Some(until)).unwrap();
            }
        }
        assert_eq!(net.local_drops(), Some(0));
    }
}

#[test]
fn an_idle_turn_sleeps_until_its_timeout_or_a_wake_up() {
    let mut net = open(Io::Batched, "127.0.0.1:0");
    let mut engine = engine();
    for pause in [Duration::from_micros(300), Duration::from_millis(30), Duration::ZERO] {
        let until = net.now() + pause;
        net.turn(&mut engine, Some(until)).unwrap();
        assert!(net.now() >= until, "{pause:?}");
    }
    // First an earlier `until` than the timer's current setting, then a later one.
    for pause in [Duration::from_millis(5), Duration::from_millis(10), Duration::from_millis(1)] {
        net.waker().wake().unwrap();
        let until = net.now() + Duration::from_secs(3_600);
        net.turn(&mut engine, Some(until)).unwrap();
        assert!(net.now() < until);
        let until = net.now() + pause;
        net.turn(&mut engine, Some(until)).unwrap();
        assert!(net.now() >= until, "{pause:?}");
    }
    let waker = net.waker();
    let other = std::thread::spawn(move || waker.wake());
    net.turn(&mut engine, None).unwrap();
    other.join().unwrap().unwrap();
}

#[test]
fn the_engines_own_deadlines_end_the_sleep() {
    for io in BOTH {
        let mut net = open(io, "127.0.0.1:0");
        let timeout = Timeout::Fixed(Duration::from_millis(15));
        let config =
            Config::default().with_tries(2).with_timeout(timeout).with_host_gap(Some(Duration::ZERO));
        let mut engine = Engine::new(Echo, config, [7; 16]).unwrap();
        // This socket is bound, but never read.
        let dead = Socket::bind("127.0.0.1:0".parse().unwrap(), &SocketOptions::default()).unwrap();
        engine.ask(dead.local_addr().unwrap(), (), ()).unwrap();
        while !engine.is_idle() {
            net.turn(&mut engine, None).unwrap();
        }
        assert_eq!(engine.poll_completion().unwrap().outcome, Outcome::Silent);
        assert_eq!(engine.ledger().datagrams_sent, 2);
    }
}

#[test]
fn both_families_are_open_by_default() {
    let mut net = Net::open(&Options::default()).unwrap();
    let v6 = net.local_addrs().iter().find(|addr| addr.is_ipv6()).copied();
    assert!(net.local_addrs().iter().any(SocketAddr::is_ipv4));
    let Some(v6) = v6 else {
        eprintln!("NOT TESTED: this machine has no IPv6");
        return;
    };
    // The families are interleaved; each socket gets its own replies.
    let mut engine = engine();
    let mut hosts = Hosts::new();
    let echo = Socket::bind("[::1]:0".parse().unwrap(), &SocketOptions::default()).unwrap();
    let v6_host = echo.local_addr().unwrap();
    engine.ask(hosts.host(0), (), ()).unwrap();
    engine.ask(v6_host, (), ()).unwrap();
    engine.ask(hosts.host(1), (), ()).unwrap();
    let mut v6_hosts = Hosts { socket: echo, inbox: Inbox::new() };
    while !engine.is_idle() {
        let now = net.now();
        net.turn(&mut engine, Some(now)).unwrap();
        hosts.answer();
        v6_hosts.answer();
    }
    assert_eq!(engine.ledger().answered, 3, "from {v6}");
}

#[test]
fn the_error_names_a_port_in_use() {
    let taken = open(Io::Batched, "127.0.0.1:0").local_addrs()[0];
    let first = open(Io::Batched, &taken.to_string());
    let error = Net::open(&Options::default().with_bind(Some(taken))).unwrap_err();
    assert_eq!(error.to_string(), format!("cannot bind {taken}"));
    let reason = error.source().expect("the system's reason").downcast_ref::<std::io::Error>();
    assert_eq!(reason.map(std::io::Error::kind), Some(std::io::ErrorKind::AddrInUse));
    drop(first);
}

#[test]
fn cpu_time_and_memory_are_reported() {
    assert!(net::max_rss().expect("Linux reports it") > 100_000);
    assert!(net::cpu_time().is_some());
    assert_ne!(net::random_key().unwrap(), net::random_key().unwrap());
}
