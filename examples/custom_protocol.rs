//! A custom protocol: `PING TOKEN NUMBER` is answered by `PONG TOKEN NUMBER+1`, in plain text. Each conversation has
//! two steps: the second sends the number that the first has returned.

use std::error::Error;
use std::io;
use std::net::{SocketAddr, UdpSocket};

use allears::engine::{Attempt, Outcome, Proof, Protocol, Reply, ReplySize, Step, Token};
use allears::net::Sweep;

struct Ping;

/// The state of each query in flight.
struct Pings {
    number: u32,
    steps_left: u32,
}

impl Protocol for Ping {
    type Question = u32;
    type Conversation = Pings;
    type Answer = u32;

    fn begin(&mut self, _: SocketAddr, number: u32) -> Pings {
        Pings { number, steps_left: 2 }
    }

    /// Hosts return the whole token.
    fn proof(&self, _: &Pings) -> Proof {
        Proof::Token { bits: 64 }
    }

    fn write_request(&mut self, pings: &mut Pings, attempt: Attempt, out: &mut Vec<u8>) {
        out.extend_from_slice(format!("PING {:016x} {}", attempt.token.0, pings.number).as_bytes());
    }

    /// The datagram may be anything: a reply, garbage, or an attack.
    fn read_token(&self, reply: &[u8]) -> Option<Token> {
        let token = std::str::from_utf8(reply.get(5..21)?).ok()?;
        u64::from_str_radix(token, 16).ok().map(Token)
    }

    fn step(&mut self, pings: &mut Pings, reply: &Reply<'_>) -> Step<u32> {
        let Some(number) = parse_pong(reply.bytes) else {
            return Step::Malformed("not a pong with a number");
        };
        pings.number = number;
        pings.steps_left -= 1;
        if pings.steps_left > 0 { Step::AskNext } else { Step::Done(number) }
    }

    fn reply_size(&self, _: &Pings) -> ReplySize {
        ReplySize::one(32)
    }
}

fn parse_pong(reply: &[u8]) -> Option<u32> {
    let mut words = std::str::from_utf8(reply).ok()?.split(' ');
    let (kind, number) = (words.next()?, words.nth(1)?);
    if kind == "PONG" { number.parse().ok() } else { None }
}

fn main() -> Result<(), Box<dyn Error>> {
    let targets = [(pong_host()?, 1, "the first"), (pong_host()?, 40, "the second")];
    let mut answers = Vec::new();
    for completion in Sweep::new(Ping, targets)? {
        let completion = completion?;
        println!("{}: {:?}", completion.tag, completion.outcome);
        if let Outcome::Answered(number) = completion.outcome {
            answers.push(number);
        }
    }
    answers.sort_unstable();
    assert_eq!(answers, [3, 42]);
    Ok(())
}

/// Starts a host of this protocol on this machine.
fn pong_host() -> io::Result<SocketAddr> {
    let socket = UdpSocket::bind("127.0.0.1:0")?;
    let address = socket.local_addr();
    std::thread::spawn(move || -> io::Result<()> {
        let mut datagram = [0; 2048];
        loop {
            let (len, from) = socket.recv_from(&mut datagram)?;
            let request = String::from_utf8_lossy(&datagram[..len]).into_owned();
            let words: Vec<&str> = request.split(' ').collect();
            if let ["PING", token, number] = words[..] {
                let next = number.parse::<u32>().map_err(io::Error::other)? + 1;
                socket.send_to(format!("PONG {token} {next}").as_bytes(), from)?;
            }
        }
    });
    address
}
