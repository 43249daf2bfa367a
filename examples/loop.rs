//! The loop in full, for a program that has other work to do.

use std::error::Error;
use std::io;
use std::net::{SocketAddr, UdpSocket};

use allears::engine::{Config, Engine};
use allears::net::{self, Net, Options};
use allears::protocol::raw::{Payload, Raw};

fn main() -> Result<(), Box<dyn Error>> {
    let host = echo_host()?;
    let mut numbers = 1..=100;

    let protocol = Raw::new(b"\0\0\0\0\0\0\0\0hello".to_vec())?.with_token_at(0)?;
    // The default limits protect other people's hosts. This host is ours.
    let config = Config::unlimited().with_rate(Some(2_000.0));
    let mut net = Net::open(&Options::default())?;
    let mut engine = Engine::new(protocol, config, net::random_key()?)?;

    let mut sum = 0;
    loop {
        // 1. Add targets while there is room.
        while engine.room() > 0 {
            let Some(number) = numbers.next() else { break };
            engine.ask(host, Payload::default(), number)?;
        }
        // 2. Stop when every query has ended.
        if engine.is_idle() {
            break;
        }
        // 3. Receive, send, expire, sleep. A `Waker` of `net` ends the sleep from another thread.
        net.turn(&mut engine, None)?;
        // 4. Take the completions.
        while let Some(completion) = engine.poll_completion() {
            sum += completion.tag;
        }
    }

    println!("the tags add up to {sum}");
    println!("{:?}", engine.ledger());
    assert_eq!(sum, 5_050);
    assert_eq!(engine.ledger().answered, 100);
    assert!(engine.ledger().adds_up(0));
    Ok(())
}

/// Starts a host on this machine that returns every datagram.
fn echo_host() -> io::Result<SocketAddr> {
    let socket = UdpSocket::bind("127.0.0.1:0")?;
    let address = socket.local_addr();
    std::thread::spawn(move || -> io::Result<()> {
        let mut datagram = [0; 2048];
        loop {
            let (len, from) = socket.recv_from(&mut datagram)?;
            socket.send_to(&datagram[..len], from)?;
        }
    });
    address
}
