//! The pure engine in virtual time: the cost of an exchange with a thousand queries in flight, and with a million. The
//! cost must not depend on the number.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use allears::engine::{
    Attempt, Config, Engine, Proof, Protocol, Reply, ReplySize, Step, Time, Timeout, Token,
};
use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};

/// Exchanges in one measured iteration.
const EXCHANGES: u32 = 1000;

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

    fn read_token(&self, reply: &[u8]) -> Option<Token> {
        reply.try_into().ok().map(|bytes| Token(u64::from_be_bytes(bytes)))
    }

    fn step(&mut self, (): &mut (), _: &Reply<'_>) -> Step<()> {
        Step::Done(())
    }

    fn largest_reply(&self) -> u32 {
        64
    }

    fn reply_size(&self, (): &()) -> ReplySize {
        ReplySize::one(8)
    }
}

/// An engine with a constant number of queries in flight, which are answered in the order of sending.
struct Bench {
    engine: Engine<Echo>,
    now: Time,
    next_host: u32,
    wire: std::collections::VecDeque<(SocketAddr, [u8; 8])>,
    out: Vec<u8>,
}

impl Bench {
    fn new(in_flight: u32) -> Bench {
        let config = Config::unlimited()
            .with_window(Some(in_flight))
            .with_timeout(Timeout::Fixed(Duration::from_secs(3600)))
            .with_linger(Duration::from_millis(10));
        let engine = Engine::new(Echo, config, [5; 16]).expect("the settings are in range");
        let mut bench =
            Bench { engine, now: Time::ZERO, next_host: 0, wire: Default::default(), out: Vec::new() };
        while bench.engine.in_flight() < in_flight as usize {
            bench.send();
        }
        bench
    }

    fn send(&mut self) {
        while self.engine.room() > 0 {
            let host = Ipv4Addr::from(0x0a00_0000 + self.next_host % 0x00ff_ffff);
            self.next_host += 1;
            self.engine.ask(SocketAddr::from((host, 7)), (), ()).expect("there is room");
        }
        self.out.clear();
        while let Some(transmit) = self.engine.poll_transmit(self.now, &mut self.out) {
            let token = self.out[self.out.len() - 8..].try_into().expect("8 bytes");
            self.wire.push_back((transmit.to, token));
        }
    }

    /// Delivers a thousand answers, in batches of 32, at a million per second.
    fn exchange(&mut self) {
        for batch in 0..EXCHANGES.div_ceil(32) {
            for _ in 0..32.min(EXCHANGES - batch * 32) {
                let (host, token) = self.wire.pop_front().expect("in flight");
                self.engine.handle_datagram(self.now, host, &token);
            }
            self.send();
            self.now = self.now + Duration::from_micros(32);
            self.engine.handle_timeout(self.now);
            while self.engine.poll_completion().is_some() {}
        }
    }
}

fn exchanges(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("engine");
    group.throughput(Throughput::Elements(EXCHANGES.into()));
    group.sample_size(30);
    for in_flight in [1_000, 1_000_000] {
        let mut bench = Bench::new(in_flight);
        group.bench_function(format!("{in_flight} in flight"), |bencher| {
            bencher.iter_batched(|| (), |()| bench.exchange(), BatchSize::PerIteration);
        });
    }
    group.finish();
}

criterion_group!(benches, exchanges);
criterion_main!(benches);
