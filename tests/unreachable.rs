//! Unreachable hosts and local trouble: closed ports on loopback, a stalled loop, and a receive buffer that overflows.
#![cfg(target_os = "linux")]

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::time::Duration;

use allears::engine::{
    Attempt, Completion, Config, Engine, Outcome, Proof, Protocol, Reply, ReplySize, Step, Timeout, Token,
};
use allears::net::{self, Inbox, Net, Options, Packet, Socket, SocketOptions};

/// A protocol whose request and reply are the token; `tail` bytes make the request longer.
struct Echo {
    tail: usize,
}

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
        out.resize(out.len() + self.tail, b'.');
    }

    fn read_token(&self, datagram: &[u8]) -> Option<Token> {
        datagram.first_chunk().map(|&bytes| Token(u64::from_be_bytes(bytes)))
    }

    fn step(&mut self, (): &mut (), _: &Reply<'_>) -> Step<()> {
        Step::Done(())
    }

    fn largest_reply(&self) -> u32 {
        8 + self.tail as u32
    }

    fn reply_size(&self, (): &()) -> ReplySize {
        ReplySize::one(8 + self.tail as u32)
    }
}

/// Returns settings without rate limits, and with a timeout so long that only a loss can cause it.
fn config() -> Config {
    Config::unlimited().with_burst(1_000).with_timeout(Timeout::Fixed(Duration::from_secs(20)))
}

fn engine(config: Config) -> Engine<Echo> {
    Engine::new(Echo { tail: 0 }, config, net::random_key().unwrap()).unwrap()
}

/// A host that returns each datagram.
struct EchoHost {
    socket: Socket,
    inbox: Inbox,
}

impl EchoHost {
    fn new(ip: IpAddr) -> EchoHost {
        let options = SocketOptions::default().with_report_destination(true);
        let socket = Socket::bind((ip, 0).into(), &options).unwrap();
        EchoHost { socket, inbox: Inbox::new() }
    }

    fn port(&self) -> u16 {
        self.socket.local_addr().unwrap().port()
    }

    /// Replies to all waiting requests. Returns their number.
    fn answer(&mut self) -> usize {
        let mut answered = 0;
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
            answered += packets.len();
        }
        answered
    }
}

/// Returns a loopback address: one of `127.1.x.y`, or always `::1`.
fn address(v6: bool, n: u32) -> IpAddr {
    if v6 { "::1".parse().unwrap() } else { IpAddr::from((0x7f01_0000 + n + 1).to_be_bytes()) }
}

/// Returns a port that rejects our packets at any address, because its socket is connected to another peer.
fn closed_port(v6: bool) -> (UdpSocket, u16) {
    let socket = UdpSocket::bind(if v6 { "[::]:0" } else { "0.0.0.0:0" }).unwrap();
    socket.connect(if v6 { "[::1]:9" } else { "127.0.0.1:9" }).unwrap();
    let port = socket.local_addr().unwrap().port();
    (socket, port)
}

/// Returns the address families of this machine.
fn families() -> Vec<bool> {
    if UdpSocket::bind("[::1]:0").is_ok() {
        return vec![false, true];
    }
    assert!(std::env::var_os("CI").is_none(), "NOT TESTED: this machine has no IPv6");
    eprintln!("\nNOT TESTED: this machine has no IPv6\n");
    vec![false]
}

fn open(v6: bool, rcvbuf: Option<usize>) -> Net {
    let bind = if v6 { "[::]:0" } else { "0.0.0.0:0" };
    Net::open(&Options::default().with_bind(Some(bind.parse().unwrap())).with_rcvbuf(rcvbuf)).unwrap()
}

type Ends = HashMap<SocketAddr, Vec<Completion<(), (), ()>>>;

fn take_results(engine: &mut Engine<Echo>, ends: &mut Ends) {
    while let Some(end) = engine.poll_completion() {
        ends.entry(end.target).or_default().push(end);
    }
}

/// Runs turns until no query is open; the hosts reply after each turn.
fn finish(net: &mut Net, engine: &mut Engine<Echo>, hosts: &mut EchoHost) -> Ends {
    let mut ends = Ends::new();
    while !engine.is_idle() {
        // Do not sleep: the hosts run in this thread.
        let now = net.now();
        net.turn(engine, Some(now)).unwrap();
        hosts.answer();
        take_results(engine, &mut ends);
    }
    // Read the late datagrams: one turn gets their event, the next one reads them.
    let mut received = 0;
    while engine.ledger().datagrams_received > received {
        received = engine.ledger().datagrams_received;
        hosts.answer();
        for _ in 0..2 {
            let now = net.now();
            net.turn(engine, Some(now)).unwrap();
        }
    }
    assert!(engine.ledger().adds_up(0), "{:?}", engine.ledger());
    ends
}

#[test]
fn closed_ports_are_unreachable_at_once_and_the_others_unharmed() {
    const EACH: u32 = 1_000;
    for v6 in families() {
        for tail in [0, 1_300] {
            let mut net = open(v6, None);
            let mut hosts = EchoHost::new(if v6 { "::" } else { "0.0.0.0" }.parse().unwrap());
            let mut engine = Engine::new(Echo { tail }, config(), net::random_key().unwrap()).unwrap();
            let (_deaf, closed) = closed_port(v6);
            for n in 0..EACH {
                // IPv6 has one loopback address, so each port is queried a thousand times.
                engine.ask((address(v6, n), hosts.port()).into(), (), ()).unwrap();
                engine.ask((address(v6, n), closed).into(), (), ()).unwrap();
            }
            let ends = finish(&mut net, &mut engine, &mut hosts);

            let expected = if v6 { (1, 4) } else { (3, 3) };
            for end in ends.values().flatten() {
                match &end.outcome {
                    Outcome::Answered(()) => assert_eq!(end.target.port(), hosts.port()),
                    Outcome::Unreachable(report) => {
                        assert_eq!(end.target.port(), closed);
                        assert_eq!((report.icmp, report.by), (Some(expected), Some(end.target.ip())));
                        assert_eq!(report.errno, libc::ECONNREFUSED);
                    }
                    other => panic!("{}: {other:?}", end.target),
                }
            }
            let ledger = engine.ledger();
            assert_eq!((ledger.answered, ledger.unreachable), (EACH.into(), EACH.into()), "{ledger:?}");
            assert_eq!((ledger.datagrams_sent, ledger.deferred), (2 * u64::from(EACH), 0), "{ledger:?}");
            assert_eq!(ledger.retransmissions, 0, "no query had to wait for a deadline");
        }
    }
}

#[test]
fn an_error_wakes_a_sleeping_loop() {
    for v6 in families() {
        let mut net = open(v6, None);
        let mut engine = engine(config());
        for round in 1..=3 {
            let (_deaf, closed) = closed_port(v6);
            engine.ask((address(v6, round), closed).into(), (), ()).unwrap();
            let start = net.now();
            while !engine.is_idle() {
                net.turn(&mut engine, None).unwrap();
            }
            assert!(
                net.now() - start < Duration::from_secs(20),
                "the deadline ended the sleep, not the error"
            );
            let end = engine.poll_completion().unwrap();
            assert!(matches!(end.outcome, Outcome::Unreachable(_)), "{:?}", end.outcome);
        }
    }
}

/// A timeout longer than any delay of a busy machine; the hosts of a test reply at once.
const TIMEOUT: Duration = Duration::from_secs(1);

/// Returns a socket that keeps the kernel's timestamps enabled while it is open. Linux enables them with a delay after
/// the first socket has requested them (net_enable_timestamp), which this function waits for.
fn enable_timestamps() -> Socket {
    let options = SocketOptions::default().with_report_arrival(true);
    let socket = Socket::bind("127.0.0.1:0".parse().unwrap(), &options).unwrap();
    let packet = Packet { to: socket.local_addr().unwrap(), from: None, range: 0..0, bulk: false };
    let (wait, mut inbox) = (Duration::from_millis(10), Inbox::new());
    loop {
        assert_eq!(socket.send(std::slice::from_ref(&packet), b"").count, 1);
        std::thread::sleep(wait);
        while socket.recv(&mut inbox).unwrap() == 0 {}
        if inbox.iter().next().and_then(|datagram| datagram.age).unwrap() > wait / 2 {
            return socket;
        }
    }
}

#[test]
fn after_a_stall_all_replies_are_read_before_anything_expires_or_is_sent() {
    const HOSTS: u32 = 2_000;
    let _timestamps = enable_timestamps();
    for tries in [1, 3] {
        let mut net = open(false, None);
        let mut hosts = EchoHost::new("0.0.0.0".parse().unwrap());
        let mut engine = engine(config().with_timeout(Timeout::Fixed(TIMEOUT)).with_tries(tries));
        for n in 0..HOSTS {
            engine.ask((address(false, n), hosts.port()).into(), (), ()).unwrap();
        }
        let start = net.now();
        while engine.ledger().datagrams_sent < HOSTS.into() {
            let now = net.now();
            net.turn(&mut engine, Some(now)).unwrap();
        }
        assert_eq!(hosts.answer(), HOSTS as usize);
        let answered = net.now();
        // Stall the loop until after every deadline.
        std::thread::sleep(TIMEOUT * 3 / 2);
        // This query must not be sent before the backlog has been read.
        engine.ask((address(false, HOSTS), hosts.port()).into(), (), ()).unwrap();
        let mut turns = 0;
        let mut ends = Ends::new();
        while engine.ledger().answered < HOSTS.into() {
            let now = net.now();
            net.turn(&mut engine, Some(now)).unwrap();
            turns += 1;
            take_results(&mut engine, &mut ends);
            let ledger = engine.ledger();
            assert_eq!(ledger.silent, 0, "a query ended as silent with its reply in the buffer: {ledger:?}");
            let has_sent = ledger.datagrams_sent > HOSTS.into();
            assert!(
                !has_sent || ledger.answered >= HOSTS.into(),
                "sent before all replies were read: {ledger:?}"
            );
        }
        assert!(turns > 5, "only {turns} turns, so they were not bounded");
        let longest = ends.values().flatten().filter_map(|end| end.rtt).max().unwrap();
        assert!(longest < answered - start + TIMEOUT, "{longest:?}: the round trip includes the stall");
        ends.extend(finish(&mut net, &mut engine, &mut hosts));
        assert_eq!(ends.len(), HOSTS as usize + 1);
        assert_eq!((engine.ledger().retransmissions, net.local_drops()), (0, Some(0)));
    }
}

#[test]
fn a_reply_that_arrived_after_its_deadline_is_late_whenever_it_is_read() {
    let _timestamps = enable_timestamps();
    let mut net = open(false, None);
    let mut hosts = EchoHost::new("0.0.0.0".parse().unwrap());
    let timeout = Duration::from_millis(10);
    let mut engine = engine(config().with_timeout(Timeout::Fixed(timeout)).with_tries(1));
    engine.ask((address(false, 0), hosts.port()).into(), (), ()).unwrap();
    while engine.ledger().datagrams_sent == 0 {
        let now = net.now();
        net.turn(&mut engine, Some(now)).unwrap();
    }
    // Stall the loop, so that it finds the reply and the deadline at the same time.
    std::thread::sleep(2 * timeout);
    assert_eq!(hosts.answer(), 1);
    while engine.ledger().datagrams_received == 0 {
        net.turn(&mut engine, None).unwrap();
    }
    assert_eq!(engine.poll_completion().unwrap().outcome, Outcome::Silent);
    assert_eq!((engine.ledger().late, engine.ledger().answered), (1, 0));
}

#[test]
fn local_drops_match_the_kernels_count_and_cost_no_try() {
    const HOSTS: u32 = 1_000;
    for v6 in families() {
        let mut net = open(v6, Some(65_536));
        let mut hosts = EchoHost::new(if v6 { "::" } else { "0.0.0.0" }.parse().unwrap());
        let timeout = Timeout::Fixed(Duration::from_millis(200));
        let mut engine = engine(config().with_window(Some(100_000)).with_timeout(timeout).with_tries(6));
        for n in 0..HOSTS {
            engine.ask((address(v6, n), hosts.port()).into(), (), ()).unwrap();
        }
        let ends = finish(&mut net, &mut engine, &mut hosts);

        let ledger = engine.ledger();
        assert!(ends.values().flatten().all(|end| end.outcome == Outcome::Answered(())), "{ledger:?}");
        let drops = net.local_drops().unwrap();
        assert!(drops > 0, "a buffer for 78 replies must not hold 128");
        assert_eq!(drops, drops_in_proc(net.local_addrs()[0]));
        // Only replies were lost, and they are the only reason for retransmissions.
        assert_eq!(ledger.datagrams_sent - ledger.datagrams_received, drops, "{ledger:?}");
        assert!(ledger.asked_again > 0 && ledger.asked_again == ledger.retransmissions, "{ledger:?}");
    }
}

/// Returns the last column of /proc/net/udp or udp6 (proc_net_udp(5)) for the socket at this port.
fn drops_in_proc(addr: SocketAddr) -> u64 {
    let table = if addr.is_ipv6() { "/proc/net/udp6" } else { "/proc/net/udp" };
    let text = std::fs::read_to_string(table).unwrap();
    let port = format!(":{:04X}", addr.port());
    let line = text.lines().find(|line| line.split_whitespace().nth(1).is_some_and(|at| at.ends_with(&port)));
    line.and_then(|line| line.split_whitespace().last()).unwrap().parse().unwrap()
}
