//! `net::Sweep` on loopback: every target has a completion, and no more targets are pulled than there is room for.
#![cfg(target_os = "linux")]

use std::cell::Cell;
use std::collections::HashSet;
use std::error::Error;
use std::io::ErrorKind;
use std::net::{SocketAddr, UdpSocket};
use std::time::Duration;

use allears::engine::{Config, ConfigError, Outcome, Timeout};
use allears::net::{OpenError, Options, Sweep};
use allears::protocol::raw::{Payload, Raw};

fn protocol() -> Raw {
    Raw::new(vec![0; 12]).unwrap().with_token_at(0).unwrap()
}

fn fast() -> Config {
    Config::unlimited()
}

/// Starts a host that returns every datagram.
fn echo_host() -> SocketAddr {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = socket.local_addr().unwrap();
    std::thread::spawn(move || {
        let mut datagram = [0; 2048];
        while let Ok((len, from)) = socket.recv_from(&mut datagram) {
            socket.send_to(&datagram[..len], from).unwrap();
        }
    });
    address
}

#[test]
fn every_target_has_its_completion() {
    let host = echo_host();
    let targets = (0..1_000).map(|number| (host, Payload::default(), number));
    let mut sweep = Sweep::with_settings(protocol(), targets, fast(), &Options::default()).unwrap();
    let tags: HashSet<i32> = sweep.by_ref().map(|completion| completion.unwrap().tag).collect();
    assert_eq!(tags.len(), 1_000);
    assert!(sweep.next().is_none(), "it has ended");
    assert_eq!((sweep.ledger().queries, sweep.local_drops()), (1_000, Some(0)));
    assert!(sweep.ledger().adds_up(0));
}

#[test]
fn silent_hosts_have_completions_too() {
    // Bound, but never read.
    let silent = UdpSocket::bind("127.0.0.1:0").unwrap();
    let timeout = Timeout::Fixed(Duration::from_millis(10));
    let config = fast().with_tries(1).with_timeout(timeout);
    let targets = [(silent.local_addr().unwrap(), Payload::default(), ())];
    let sweep = Sweep::with_settings(protocol(), targets, config, &Options::default()).unwrap();
    let outcomes: Vec<_> = sweep.map(|completion| completion.unwrap().outcome).collect();
    assert_eq!(outcomes, [Outcome::Silent]);
}

#[test]
fn targets_are_pulled_only_as_far_as_the_ring_holds() {
    let host = echo_host();
    let pulled = Cell::new(0u64);
    let targets = std::iter::repeat_with(|| {
        pulled.set(pulled.get() + 1);
        (host, Payload::default(), ())
    });
    let config = fast().with_ring(8).with_window(Some(4));
    let mut sweep = Sweep::with_settings(protocol(), targets, config, &Options::default()).unwrap();
    assert_eq!(pulled.get(), 0);
    for completed in 1..=500 {
        sweep.next().expect("targets without end").unwrap();
        // The limit is the ring, the window, and a window of completions created in the same turn.
        assert!(pulled.get() <= completed + 8 + 4 + 4, "{} pulled, {completed} completed", pulled.get());
    }
}

#[test]
fn invalid_settings_are_refused_with_their_reason() {
    let none = || std::iter::empty::<(SocketAddr, Payload, ())>();
    let config = fast().with_tries(0);
    let error = Sweep::with_settings(protocol(), none(), config, &Options::default()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    let reason = error.get_ref().expect("a reason").downcast_ref::<ConfigError>().expect("a setting");
    assert_eq!(reason.field, "tries");

    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let taken = socket.local_addr().unwrap();
    let options = Options::default().with_bind(Some(taken));
    let error = Sweep::with_settings(protocol(), none(), fast(), &options).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::AddrInUse);
    let reason = error.get_ref().expect("a reason").downcast_ref::<OpenError>().expect("a socket");
    assert_eq!(reason.to_string(), format!("cannot bind {taken}"));
    assert!(reason.source().is_some());
}

#[test]
fn debug_output_is_short() {
    let host = echo_host();
    let targets = (0..100).map(|number| (host, Payload::default(), number));
    let mut sweep = Sweep::with_settings(protocol(), targets, fast(), &Options::default()).unwrap();
    while sweep.next().is_some() {}
    for text in [format!("{sweep:?}"), format!("{:?}", sweep.ledger()), format!("{:?}", protocol())] {
        assert!(text.len() < 1_000, "{text}");
    }
}

#[test]
fn queries_leave_from_several_ports_and_a_reply_to_another_one_is_unmatched() {
    let host = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = host.local_addr().unwrap();
    let ports = std::thread::spawn(move || {
        let (mut datagram, mut ports) = ([0; 2048], Vec::<SocketAddr>::new());
        while ports.len() < 5 {
            let (len, from) = host.recv_from(&mut datagram).unwrap();
            if !ports.contains(&from) {
                ports.push(from);
            }
            // The right reply to every port that is known comes first to all the wrong ones.
            for to in ports.iter().filter(|port| **port != from).chain([&from]) {
                host.send_to(&datagram[..len], to).unwrap();
            }
        }
        while let Ok((len, from)) = host.recv_from(&mut datagram) {
            host.send_to(&datagram[..len], from).unwrap();
        }
    });
    let targets = (0..500).map(|number| (address, Payload::default(), number));
    let options = Options::default().with_ports(5);
    let mut sweep = Sweep::with_settings(protocol(), targets, fast(), &options).unwrap();
    let mut outcomes = sweep.by_ref().map(|completion| completion.unwrap().outcome);
    assert!(outcomes.all(|outcome| matches!(outcome, Outcome::Answered(_))));
    let ledger = sweep.ledger();
    assert_eq!((ledger.answered, ledger.duplicates, ledger.late), (500, 0, 0));
    assert!(ledger.unmatched > 0 && ledger.adds_up(0), "{ledger:?}");
    drop(ports);
}
