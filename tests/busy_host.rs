//! A host that is queried thousands of times delays no other host, and its waiting queries are bounded.

#[path = "support/script.rs"]
mod script;

use std::net::SocketAddr;
use std::time::Duration;

use allears::engine::{Config, Engine, Time};
use script::{Script, Talk, config, ms, request};

const GAP: Duration = Duration::from_millis(100);

fn engine(config: Config) -> Engine<Script> {
    let config = config.with_host_gap(Some(GAP)).with_reply_credit(Some(64 << 20));
    Engine::new(Script::default(), config, [1; 16]).expect("settings in range")
}

fn busy() -> SocketAddr {
    SocketAddr::from(([127, 1, 0, 1], 1000))
}

fn other(number: u16) -> SocketAddr {
    SocketAddr::from(([127, 2, 0, 1], number))
}

/// Asks while there is room, at most `most` times. Returns the number of questions accepted.
fn ask(engine: &mut Engine<Script>, target: SocketAddr, most: usize) -> usize {
    (0..most).take_while(|_| engine.ask(target, Talk::default(), ()).is_ok()).count()
}

/// Sends everything that may be sent now. Returns the destinations.
fn send(engine: &mut Engine<Script>, now: Time) -> Vec<SocketAddr> {
    std::iter::from_fn(|| request(engine, now).map(|(transmit, _)| transmit.to)).collect()
}

#[test]
fn a_host_that_is_queried_thousands_of_times_delays_no_other() {
    let mut engine = engine(config());
    let mut asked = 0;
    while asked < 4400 {
        asked += ask(&mut engine, busy(), 4400 - asked);
        let sent = send(&mut engine, ms(0));
        assert!(sent.iter().all(|to| *to == busy()) && sent.len() <= 1, "one every 100 ms");
        assert!(engine.room() > 0, "those that wait for their host do not occupy the ring");
    }
    let others: Vec<_> = (1..=500).map(other).collect();
    for &other in &others {
        assert_eq!(ask(&mut engine, other, 1), 1);
    }
    assert!(send(&mut engine, ms(0)) == others, "at once, and in order");
    assert_eq!(engine.in_flight(), 501);

    engine.handle_timeout(ms(100));
    let sent = send(&mut engine, ms(100));
    assert_eq!(sent.iter().filter(|to| **to == busy()).count(), 1, "its turn comes every 100 ms");
}

#[test]
fn queries_that_wait_for_their_host_are_bounded() {
    const RING: usize = 64;
    let mut engine = engine(config().with_ring(RING));
    let mut asked = 0;
    while engine.room() > 0 {
        asked += ask(&mut engine, busy(), RING);
        send(&mut engine, ms(0));
    }
    assert!((16 * RING..=17 * RING).contains(&asked), "{asked}");
    assert_eq!((ask(&mut engine, other(1), 1), engine.open()), (0, asked));

    for turn in 1.. {
        let now = ms(100 * turn);
        engine.handle_timeout(now);
        send(&mut engine, now);
        if engine.room() > 0 {
            break;
        }
    }
    assert_eq!(ask(&mut engine, other(1), 1), 1, "there is room again");
}
