//! Asks thousands to millions of hosts over one UDP socket, and hears every answer.
//!
//! | layer | what it is | what it knows |
//! |---|---|---|
//! | [`engine`] | who is asked when, and whose answer this is | neither sockets nor clocks: time is an argument |
//! | [`protocol`] | bytes to steps of a conversation, and back | one language each |
//! | [`net`] | sockets, the clock, the loop | the system |
//! | [`sim`] | simulated hosts and networks, for tests and demonstrations | a seed |
//!
//! Imports point one way: `engine` ← `protocol` ← {`net`, `sim`}. With the feature `ffi` this is also the C library, which
//! `include/allears.h` documents.
//!
//! # The loop
//!
//! Pull targets while there is room, turn, take what has ended:
//!
//! ```
//! use allears::engine::{Config, Engine, Outcome};
//! use allears::net::{self, Net};
//! use allears::protocol::raw::{Payload, Raw};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! // Somebody to ask: a socket that gives back whatever it gets.
//! let echo = std::net::UdpSocket::bind("127.0.0.1:0")?;
//! let mut targets = vec![echo.local_addr()?].into_iter();
//! std::thread::spawn(move || -> std::io::Result<()> {
//!     let mut datagram = [0; 2048];
//!     let (len, from) = echo.recv_from(&mut datagram)?;
//!     echo.send_to(&datagram[..len], from).map(drop)
//! });
//!
//! // Eight bytes for a token, then what is to be said.
//! let protocol = Raw::new(b"\0\0\0\0\0\0\0\0hello".to_vec())?.with_token_at(0)?;
//! let mut net = Net::open(&net::Options::default())?;
//! let mut engine = Engine::new(protocol, Config::default(), net::random_key()?)?;
//!
//! loop {
//!     while engine.room() > 0 {
//!         let Some(target) = targets.next() else { break };
//!         engine.ask(target, Payload::default(), ())?;
//!     }
//!     if engine.is_idle() {
//!         break;
//!     }
//!     net.turn(&mut engine, None)?;
//!     while let Some(completion) = engine.poll_completion() {
//!         if let Outcome::Answered(reply) = completion.outcome {
//!             assert!(reply.ends_with(b"hello"));
//!         }
//!     }
//! }
//! assert_eq!(engine.ledger().answered, 1);
//! assert!(engine.ledger().adds_up(0));
//! # Ok(())
//! # }
//! ```

#![warn(clippy::unwrap_used, clippy::expect_used, missing_debug_implementations)]

pub mod engine;
#[cfg(all(unix, feature = "ffi"))]
mod ffi;
pub mod net;
pub mod protocol;
pub mod sim;
