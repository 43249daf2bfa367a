//! Compares the whole loop, `Engine` and `Net`, with a bare recvmmsg/sendmmsg loop that counts nothing: the same
//! exchanges with the same responder, alternately in one run. Only the ratio is meaningful.
//!
//! `cargo bench --bench loop`. The responder is a second process of this program, pinned to another core if there is
//! one. All packets stay on loopback.

#[cfg(target_os = "linux")]
#[path = "loop/bare.rs"]
mod bare;
#[cfg(target_os = "linux")]
#[path = "loop/cost.rs"]
mod cost;
#[cfg(target_os = "linux")]
#[path = "loop/responder.rs"]
mod responder;

#[cfg(target_os = "linux")]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    if std::env::args().nth(1).as_deref() == Some(responder::ARGUMENT) {
        return Ok(responder::run()?);
    }
    linux::main()
}

#[cfg(not(target_os = "linux"))]
fn main() {
    eprintln!("this system has no recvmmsg to compare with");
}

#[cfg(target_os = "linux")]
mod linux {
    use std::net::{Ipv4Addr, SocketAddr};
    use std::time::Duration;

    use allears::engine::{Attempt, Config, Engine, Proof, Protocol, Reply, ReplySize, Step, Timeout, Token};
    use allears::net::{self, Net, Options};

    use super::cost::{Cost, Error, median};
    use super::{bare, responder};

    const ROUNDS: usize = 7;
    const EXCHANGES: u64 = 300_000;
    const HOSTS: u32 = 2_000;
    pub const WINDOW: u32 = 1_024;

    pub fn main() -> Result<(), Error> {
        let rounds = std::env::var("ROUNDS").ok().and_then(|n| n.parse().ok()).unwrap_or(ROUNDS);
        responder::pin_to_core(0);
        let responder = responder::Responder::start()?;
        let hosts: Vec<SocketAddr> = (0..HOSTS)
            .map(|n| (Ipv4Addr::from(u32::from(Ipv4Addr::new(127, 1, 0, 1)) + n), responder.port).into())
            .collect();

        println!("{EXCHANGES} exchanges with {HOSTS} hosts, window {WINDOW}, {rounds} rounds");
        println!("{:>22}{:>22}{:>22}", "bare, batch 32", "bare, batch 64", "engine and net");
        let mut costs: Vec<[Cost; 3]> = Vec::new();
        for _ in 0..rounds {
            let round = [
                Cost::of(|| Ok(bare::exchange::<32>(&hosts, EXCHANGES, WINDOW)?))?,
                Cost::of(|| Ok(bare::exchange::<64>(&hosts, EXCHANGES, WINDOW)?))?,
                Cost::of(|| engine_and_net(&hosts))?,
            ];
            for cost in round {
                let exchanges = EXCHANGES as f64;
                print!("{:>10.0}/s {:>6.2} µs", cost.per_second(exchanges), cost.cpu_micros(exchanges));
            }
            println!();
            costs.push(round);
        }
        for (at, batch) in [(0, 32), (1, 64)] {
            let speed = median(costs.iter().map(|round| round[at].time / round[2].time));
            let cpu = median(costs.iter().map(|round| round[2].cpu / round[at].cpu));
            println!(
                "to bare, batch {batch}: {speed:.3} of the exchanges/s, {cpu:.3} of the CPU per exchange"
            );
        }
        Ok(())
    }

    fn engine_and_net(hosts: &[SocketAddr]) -> Result<(), Error> {
        let mut net = Net::open(&Options::default().with_bind(Some("0.0.0.0:0".parse()?)))?;
        let config = Config::unlimited()
            .with_window(Some(WINDOW))
            .with_timeout(Timeout::Fixed(Duration::from_secs(1)));
        let mut engine = Engine::new(Echo, config, net::random_key()?)?;
        let mut targets = hosts.iter().cycle().take(EXCHANGES as usize);
        loop {
            let room = engine.room();
            for &target in targets.by_ref().take(room) {
                engine.ask(target, (), ())?;
            }
            if engine.is_idle() {
                break;
            }
            net.turn(&mut engine, None)?;
            while let Some(completion) = engine.poll_completion() {
                std::hint::black_box(completion);
            }
        }
        assert_eq!(engine.ledger().answered, EXCHANGES, "{:?}", engine.ledger());
        assert_eq!(net.local_drops(), Some(0));
        Ok(())
    }

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
            64
        }

        fn reply_size(&self, (): &()) -> ReplySize {
            ReplySize::one(8)
        }
    }
}
