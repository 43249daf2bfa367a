//! A sweep as an iterator: sends a text to some targets, and prints each reply.

use std::error::Error;
use std::io;
use std::net::{SocketAddr, UdpSocket};

use allears::engine::Outcome;
use allears::net::Sweep;
use allears::protocol::raw::{Payload, Raw};

fn main() -> Result<(), Box<dyn Error>> {
    let hosts = [echo_host()?, echo_host()?, echo_host()?];
    let targets = hosts.map(|host| (host, Payload::default(), host.to_string()));

    // The first eight bytes are a token, which the hosts return.
    let protocol = Raw::new(b"\0\0\0\0\0\0\0\0hello".to_vec())?.with_token_at(0)?;
    let mut sweep = Sweep::new(protocol, targets)?;
    for completion in &mut sweep {
        let completion = completion?;
        match completion.outcome {
            Outcome::Answered(reply) => {
                println!("{} {}", completion.tag, String::from_utf8_lossy(&reply[8..]))
            }
            outcome => println!("{} {outcome:?}", completion.tag),
        }
    }

    let ledger = sweep.ledger();
    println!("{} of {} answered; local drops: {:?}", ledger.answered, ledger.queries, sweep.local_drops());
    assert_eq!(ledger.answered, 3);
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
