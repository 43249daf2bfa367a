//! `net::Socket` on loopback, batched and single.
#![cfg(target_os = "linux")]

mod support;

use std::collections::HashSet;
use std::io::ErrorKind;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::AsRawFd;
use std::time::{Duration, Instant};

use allears::net::{BATCH, ErrorInbox, Inbox, Io, Packet, Sent, Socket, SocketOptions};
use support::{have, is_isolated, shell};

const BOTH: [Io; 2] = [Io::Batched, Io::Single];

fn bind(addr: &str, options: SocketOptions) -> Socket {
    Socket::bind(addr.parse().unwrap(), &options).expect("a free port of loopback")
}

fn pair(io: Io) -> (Socket, Socket, SocketAddr) {
    let options = SocketOptions::default().with_io(io);
    let receiver = bind("127.0.0.1:0", options);
    let to = receiver.local_addr().unwrap();
    (bind("127.0.0.1:0", options), receiver, to)
}

/// Returns `count` packets with one number each, and their bytes.
fn numbered(to: SocketAddr, count: u32) -> (Vec<Packet>, Vec<u8>) {
    let bytes = (0..count).flat_map(u32::to_be_bytes).collect();
    let packets =
        (0..count as usize).map(|n| Packet { to, from: None, range: 4 * n..4 * n + 4, bulk: false });
    (packets.collect(), bytes)
}

type Datagram = (SocketAddr, Option<IpAddr>, Vec<u8>);

/// Waits until `count` datagrams have arrived, with a timeout long enough for a busy machine.
fn receive(socket: &Socket, count: usize) -> Vec<Datagram> {
    let patience = Instant::now() + Duration::from_secs(20);
    let mut inbox = Inbox::new();
    let mut all = Vec::new();
    while all.len() < count {
        assert!(Instant::now() < patience, "{} of {count} have arrived", all.len());
        socket.recv(&mut inbox).unwrap();
        all.extend(inbox.iter().map(|datagram| (datagram.from, datagram.to, datagram.payload.to_vec())));
    }
    assert_eq!(socket.recv(&mut inbox).unwrap(), 0, "more than {count} have arrived");
    all
}

fn receive_numbers(socket: &Socket, count: usize) -> Vec<u32> {
    let all = receive(socket, count);
    all.iter().map(|(_, _, payload)| u32::from_be_bytes(payload[..].try_into().unwrap())).collect()
}

#[test]
fn datagrams_of_every_size_arrive_whole_and_in_order() {
    for io in BOTH {
        let (sender, receiver, to) = pair(io);
        let bytes: Vec<u8> = (0..65_507u32).map(|n| n as u8).collect();
        let ranges = [0..0, 0..1, 7..1_407, 0..1_232, 0..1_233, 0..65_507, 100..102];
        let packets: Vec<_> =
            ranges.iter().map(|range| Packet { to, from: None, range: range.clone(), bulk: false }).collect();
        let Sent { count, error } = sender.send(&packets, &bytes);
        assert!(count == ranges.len() && error.is_none(), "{io:?}: {count}, {error:?}");

        let received = receive(&receiver, ranges.len());
        let expected: Vec<_> = ranges.map(|range| bytes[range].to_vec()).into();
        assert!(received.iter().map(|(_, _, payload)| payload).eq(&expected), "{io:?}");
        let from = sender.local_addr().unwrap();
        assert!(received.iter().all(|&(source, to, _)| source == from && to.is_none()), "{io:?}");
    }
}

#[test]
fn bulk_packets_arrive_one_by_one() {
    let lengths = [1, 9, 9, 9, 8, 0, 0, 1_000, 1_000, 1_001, 1_001, 4, 4, 5, 5, 5];
    for io in BOTH {
        let (sender, receiver, to) = pair(io);
        let (_, second, to_second) = pair(io);
        let bytes: Vec<u8> = (0..10_000u32).map(|n| (n % 251) as u8).collect();
        let packet = |at: usize, to| {
            let start = at * 7;
            Packet {
                to,
                from: None,
                range: start..start + lengths[at % lengths.len()],
                bulk: !at.is_multiple_of(11),
            }
        };
        let first = (0..3 * BATCH).map(|at| packet(at, to));
        let packets: Vec<_> = first.chain((0..5).map(|at| packet(at, to_second))).collect();
        let Sent { count, error } = sender.send(&packets, &bytes);
        assert!(count == packets.len() && error.is_none(), "{io:?}: {count}, {error:?}");
        for (socket, address) in [(receiver, to), (second, to_second)] {
            let expected: Vec<_> = packets.iter().filter(|packet| packet.to == address).collect();
            let received = receive(&socket, expected.len());
            for ((_, _, payload), packet) in received.iter().zip(expected) {
                assert_eq!(*payload, bytes[packet.range.clone()], "{io:?}");
            }
        }
    }
}

#[test]
fn bulk_packets_larger_than_the_mtu_are_sent_singly() {
    if !is_isolated("bulk_packets_larger_than_the_mtu_are_sent_singly") {
        return;
    }
    shell("ip link set lo mtu 128");
    let (sender, receiver, to) = pair(Io::Batched);
    let bytes = vec![7; 400];
    let packets: Vec<_> =
        (0..80).map(|at| Packet { to, from: None, range: 0..50 + at / 20 * 50, bulk: true }).collect();
    let (mut done, mut failures) = (0, 0);
    while done < packets.len() {
        let Sent { count, error } = sender.send(&packets[done..], &bytes);
        // The first packet that has to be fragmented fails.
        failures += usize::from(error.is_some());
        assert!(failures <= 1, "{error:?}");
        done += count;
    }
    let received = receive(&receiver, packets.len());
    let lengths = |length| received.iter().filter(|(_, _, payload)| payload.len() == length).count();
    assert_eq!([50, 100, 150, 200].map(lengths), [20; 4]);
}

#[test]
fn bulk_packets_are_sent_singly_if_a_firewall_refuses_long_packets() {
    if !have("/usr/sbin/nft", "nftables")
        || !is_isolated("bulk_packets_are_sent_singly_if_a_firewall_refuses_long_packets")
    {
        return;
    }
    shell(
        "nft 'add table inet t; add chain inet t out { type filter hook output priority 0; }; \
         add rule inet t out udp length > 200 drop'",
    );
    let (sender, receiver, to) = pair(Io::Batched);
    let packet = |length: usize| Packet { to, from: None, range: 0..length, bulk: true };
    let packets: Vec<_> = (0..80).map(|at| packet(if at == 79 { 300 } else { 50 })).collect();
    assert_eq!(sender.send(&packets[..1], &[7; 300]).count, 1);
    let Sent { count, error } = sender.send(&packets, &[7; 300]);
    assert!(count == 79 && error.is_some(), "{count}, {error:?}");
    assert_eq!(receive(&receiver, 80).len(), 80);
}

#[test]
fn ipv6_works_in_the_same_way() {
    for io in BOTH {
        let options = SocketOptions::default().with_io(io);
        let Ok(receiver) = Socket::bind("[::1]:0".parse().unwrap(), &options) else {
            eprintln!("NOT TESTED: this machine has no IPv6");
            return;
        };
        let sender = bind("[::1]:0", options);
        let (packets, bytes) = numbered(receiver.local_addr().unwrap(), 50);
        assert_eq!(sender.send(&packets, &bytes).count, 50);
        let received = receive(&receiver, 50);
        assert!(received.iter().all(|&(source, ..)| source == sender.local_addr().unwrap()));
    }
}

#[test]
fn one_call_receives_a_batch_and_none_from_an_empty_socket() {
    for (io, expected) in [(Io::Batched, [BATCH, BATCH, 6, 0]), (Io::Single, [1, 1, 1, 1])] {
        let (sender, receiver, to) = pair(io);
        let mut inbox = Inbox::new();
        assert_eq!(receiver.recv(&mut inbox).unwrap(), 0);
        let (packets, bytes) = numbered(to, 2 * BATCH as u32 + 6);
        assert_eq!(sender.send(&packets, &bytes).count, packets.len());
        for count in expected {
            assert_eq!(receiver.recv(&mut inbox).unwrap(), count, "{io:?}");
            assert_eq!(inbox.iter().len(), count, "{io:?}");
        }
    }
}

#[test]
fn a_send_stops_at_a_bad_destination_and_can_continue_after_it() {
    for io in BOTH {
        let (sender, receiver, to) = pair(io);
        let (mut packets, bytes) = numbered(to, 100);
        let bad = [0, 5, 6, 35, 99];
        bad.iter().for_each(|&at| packets[at].to.set_port(0));

        let mut at = 0;
        let mut failed = Vec::new();
        loop {
            let sent = sender.send(&packets[at..], &bytes);
            at += sent.count;
            let Some(error) = sent.error else { break };
            assert_eq!(error.raw_os_error(), Some(libc::EINVAL), "{io:?}");
            failed.push(at);
            at += 1;
        }
        assert_eq!((at, &failed[..]), (100, &bad[..]), "{io:?}");
        let expected: Vec<u32> = (0..100).filter(|&n| !bad.contains(&(n as usize))).collect();
        assert_eq!(receive_numbers(&receiver, expected.len()), expected, "{io:?}");
    }
}

#[test]
fn a_reply_leaves_from_the_address_that_was_queried() {
    let options = SocketOptions::default().with_report_destination(true);
    for (host, queried) in [("0.0.0.0:0", "127.1.0.5"), ("[::]:0", "::1")] {
        let Ok(fleet) = Socket::bind(host.parse().unwrap(), &options) else {
            eprintln!("NOT TESTED: {host} cannot be bound");
            continue;
        };
        let queried: IpAddr = queried.parse().unwrap();
        let to = SocketAddr::new(queried, fleet.local_addr().unwrap().port());
        let asker = bind(host, SocketOptions::default());
        let (packets, bytes) = numbered(to, 40);
        assert_eq!(asker.send(&packets, &bytes).count, 40);

        let requests = receive(&fleet, 40);
        assert!(requests.iter().all(|&(_, to, _)| to == Some(queried)), "{requests:?}");
        let reply =
            |&(from, to, _): &(SocketAddr, _, _)| Packet { to: from, from: to, range: 0..4, bulk: false };
        let replies: Vec<_> = requests.iter().map(reply).collect();
        assert_eq!(fleet.send(&replies, &bytes).count, 40);
        let sources: Vec<_> = receive(&asker, 40).iter().map(|&(from, ..)| from).collect();
        assert_eq!(sources, [to; 40]);
    }
}

#[test]
fn single_io_neither_reports_nor_sets_our_address() {
    let options = SocketOptions::default().with_report_destination(true).with_io(Io::Single);
    let error = Socket::bind("127.0.0.1:0".parse().unwrap(), &options).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported);

    let (sender, receiver, to) = pair(Io::Single);
    let packet = Packet { to, from: Some("127.0.0.1".parse().unwrap()), range: 0..4, bulk: false };
    let sent = sender.send(&[packet], &[0; 4]);
    assert_eq!((sent.count, sent.error.unwrap().kind()), (0, ErrorKind::Unsupported));
    assert!(receive(&receiver, 0).is_empty());
}

#[test]
fn the_receive_buffer_has_the_requested_size_and_is_larger_by_default() {
    for io in BOTH {
        for bytes in [212_992, 16_384] {
            let socket = bind("127.0.0.1:0", SocketOptions::default().with_rcvbuf(Some(bytes)).with_io(io));
            assert_eq!(socket.receive_buffer(), bytes);
        }
        let plain = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::DGRAM, None).unwrap();
        let socket = bind("127.0.0.1:0", SocketOptions::default().with_io(io));
        assert!(socket.receive_buffer() >= plain.recv_buffer_size().unwrap());
        assert!(socket.receive_buffer() <= 64 << 20);
    }
}

#[test]
fn local_drops_are_counted_exactly() {
    for io in BOTH {
        let options = SocketOptions::default().with_rcvbuf(Some(16_384)).with_io(io);
        let receiver = bind("127.0.0.1:0", options);
        let sender = bind("127.0.0.1:0", options);
        assert_eq!(receiver.local_drops(), Some(0));
        let (packets, bytes) = numbered(receiver.local_addr().unwrap(), 1_000);
        assert_eq!(sender.send(&packets, &bytes).count, 1_000);
        let drops = receiver.local_drops().expect("Linux reports it");
        let received: HashSet<u32> = receive_numbers(&receiver, 1_000 - drops as usize).into_iter().collect();
        assert!(drops > 0);
        assert_eq!(received.len() + drops as usize, 1_000);
    }
}

/// Returns a port that rejects our packets, because its socket is connected to another peer.
fn closed_port(host: &str) -> (std::net::UdpSocket, SocketAddr) {
    let socket = std::net::UdpSocket::bind(host).unwrap();
    let addr = socket.local_addr().unwrap();
    socket.connect((addr.ip(), 9)).unwrap();
    (socket, addr)
}

/// Waits until an error is in the queue of `socket`.
fn wait_for_error(socket: &Socket) {
    let mut poll = mio::Poll::new().unwrap();
    let fd = socket.as_raw_fd();
    let mut source = mio::unix::SourceFd(&fd);
    poll.registry().register(&mut source, mio::Token(0), mio::Interest::READABLE).unwrap();
    let mut events = mio::Events::with_capacity(1);
    while !events.iter().any(mio::event::Event::is_error) {
        poll.poll(&mut events, Some(Duration::from_secs(20))).unwrap();
        assert!(!events.is_empty(), "no error has arrived");
    }
    poll.registry().deregister(&mut source).unwrap();
}

#[test]
fn the_error_queue_has_the_error_of_each_packet() {
    let options = SocketOptions::default().with_report_errors(true);
    for (host, icmp) in [("127.0.0.1:0", (3, 3)), ("[::1]:0", (1, 4))] {
        let Ok(sender) = Socket::bind(host.parse().unwrap(), &options) else {
            eprintln!("NOT TESTED: {host} cannot be bound");
            continue;
        };
        let mut errors = ErrorInbox::new();
        assert_eq!(sender.recv_errors(&mut errors).unwrap(), 0);
        let (_deaf, closed) = closed_port(host);
        let (packets, bytes) = numbered(closed, 3);
        for (n, packet) in (0u32..).zip(&packets) {
            assert_eq!(sender.send(std::slice::from_ref(packet), &bytes).count, 1);
            wait_for_error(&sender);
            assert_eq!(sender.recv_errors(&mut errors).unwrap(), 1);
            let error = errors.iter().next().unwrap();
            assert_eq!((error.to, error.payload), (closed, &n.to_be_bytes()[..]));
            assert_eq!((error.icmp, error.by), (Some(icmp), Some(closed.ip())));
            assert_eq!(error.errno, libc::ECONNREFUSED);
            assert!(error.unreachable().is_some());
        }
    }
}

#[test]
fn a_pending_error_fails_one_send_and_no_receive() {
    let options = SocketOptions::default().with_report_errors(true);
    let asker = bind("127.0.0.1:0", options);
    let host = bind("127.0.0.1:0", SocketOptions::default());
    let (_deaf, closed) = closed_port("127.0.0.1:0");
    let (mut packets, bytes) = numbered(host.local_addr().unwrap(), 3);
    packets[0].to = closed;
    assert_eq!(asker.send(&packets[..1], &bytes).count, 1);
    wait_for_error(&asker);
    let sent = asker.send(&packets[1..], &bytes);
    assert_eq!((sent.count, sent.error.unwrap().kind()), (0, ErrorKind::ConnectionRefused));
    assert_eq!(asker.recv_errors(&mut ErrorInbox::new()).unwrap(), 1);
    assert_eq!(asker.send(&packets[1..], &bytes).count, 2);
    assert_eq!(receive_numbers(&host, 2), [1, 2]);

    assert_eq!(asker.send(&packets[..1], &bytes).count, 1);
    wait_for_error(&asker);
    let (packets, bytes) = numbered(asker.local_addr().unwrap(), 2);
    assert_eq!(host.send(&packets, &bytes).count, 2);
    assert_eq!(receive_numbers(&asker, 2), [0, 1], "datagrams are received although an error is pending");
}

#[test]
fn a_datagram_has_its_age() {
    let options = SocketOptions::default().with_report_arrival(true);
    for host in ["127.0.0.1:0", "[::1]:0"] {
        let Ok(receiver) = Socket::bind(host.parse().unwrap(), &options) else {
            eprintln!("NOT TESTED: {host} cannot be bound");
            continue;
        };
        let sender = bind(host, SocketOptions::default());
        let (packets, bytes) = numbered(receiver.local_addr().unwrap(), 1);
        let wait = Duration::from_millis(30);
        let patience = Instant::now() + Duration::from_secs(20);
        let mut inbox = Inbox::new();
        // Linux enables timestamps with a delay (net_enable_timestamp).
        loop {
            assert!(Instant::now() < patience, "no datagram had an age");
            let start = Instant::now();
            assert_eq!(sender.send(&packets, &bytes).count, 1);
            std::thread::sleep(wait);
            while receiver.recv(&mut inbox).unwrap() == 0 {}
            let age = inbox.iter().next().and_then(|datagram| datagram.age).expect("Linux reports it");
            // The two clocks may drift apart a little.
            assert!(age < start.elapsed() + wait, "{age:?}");
            if age > wait * 9 / 10 {
                break;
            }
        }
    }
}
