//! Asks thousands to millions of hosts over one UDP socket, and hears every answer.
//!
//! UDP has no flow control. A program that sends many requests at once loses replies in its own receive buffer, floods
//! the hosts, and cannot tell a lost reply from a dead host. This library never has more replies in flight than the
//! receive buffer holds, paces its packets in all and for each host and network, retries with timeouts that follow the
//! measured round trips, matches each reply to its request by a token where the protocol has one, and accounts for
//! every query and every datagram in a [`Ledger`](engine::Ledger).
//!
//! | layer | what it does | what it depends on |
//! |---|---|---|
//! | [`engine`] | decides what to send when, and matches replies to queries | nothing: it has no socket, and time is an argument |
//! | [`protocol`] | writes requests and parses replies, a module for each protocol | the engine's trait [`Protocol`](engine::Protocol) |
//! | [`net`] | sockets, the clock, the loop | the operating system |
//! | [`sim`] | simulates hosts and networks, for tests and demonstrations | a seed |
//!
//! Imports point one way: `engine` ← `protocol` ← {`net`, `sim`}. With the feature `ffi` this crate is also a C library;
//! `include/allears.h` documents it.
//!
//! # A sweep
//!
//! [`Sweep`](net::Sweep) is an iterator over completions. Each target is an address, the question for it, and a tag
//! that the completion returns to the caller:
//!
//! ```
//! use allears::engine::Outcome;
//! use allears::net::Sweep;
//! use allears::protocol::raw::{Payload, Raw};
//!
//! # fn echo_host() -> std::io::Result<std::net::SocketAddr> {
//! #     let socket = std::net::UdpSocket::bind("127.0.0.1:0")?;
//! #     let address = socket.local_addr();
//! #     std::thread::spawn(move || -> std::io::Result<()> {
//! #         let mut datagram = [0; 2048];
//! #         loop {
//! #             let (len, from) = socket.recv_from(&mut datagram)?;
//! #             socket.send_to(&datagram[..len], from)?;
//! #         }
//! #     });
//! #     address
//! # }
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let targets = [(echo_host()?, Payload::default(), "one host"), (echo_host()?, Payload::default(), "another")];
//! // The first eight bytes are a token, which the hosts return.
//! let protocol = Raw::new(b"\0\0\0\0\0\0\0\0hello".to_vec())?.with_token_at(0)?;
//! let mut sweep = Sweep::new(protocol, targets)?;
//! for completion in &mut sweep {
//!     let completion = completion?;
//!     if let Outcome::Answered(reply) = completion.outcome {
//!         println!("{}: {} bytes", completion.tag, reply.len());
//!     }
//! }
//! assert_eq!(sweep.ledger().answered, 2);
//! # Ok(())
//! # }
//! ```
//!
//! # The loop
//!
//! A program with other work to do drives the engine itself: it adds targets while there is room, runs a turn, and
//! takes the completions.
//!
//! ```
//! use allears::engine::{Config, Engine};
//! use allears::net::{self, Net};
//! # use allears::protocol::raw::{Payload, Raw};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let echo = std::net::UdpSocket::bind("127.0.0.1:0")?;
//! # let mut targets = vec![(echo.local_addr()?, Payload::default(), 1)].into_iter();
//! # std::thread::spawn(move || -> std::io::Result<()> {
//! #     let mut datagram = [0; 2048];
//! #     let (len, from) = echo.recv_from(&mut datagram)?;
//! #     echo.send_to(&datagram[..len], from).map(drop)
//! # });
//! # let protocol = Raw::new(b"\0\0\0\0\0\0\0\0hello".to_vec())?.with_token_at(0)?;
//! let mut net = Net::open(&net::Options::default())?;
//! let mut engine = Engine::new(protocol, Config::default(), net::random_key()?)?;
//! loop {
//!     while engine.room() > 0 {
//!         let Some((target, question, tag)) = targets.next() else { break };
//!         engine.ask(target, question, tag)?;
//!     }
//!     if engine.is_idle() {
//!         break;
//!     }
//!     net.turn(&mut engine, None)?;
//!     while let Some(completion) = engine.poll_completion() {
//!         println!("{}: {:?}", completion.target, completion.outcome);
//!     }
//! }
//! # assert_eq!(engine.ledger().answered, 1);
//! assert!(engine.ledger().adds_up(0));
//! # Ok(())
//! # }
//! ```
//!
//! # A protocol
//!
//! A protocol implements [`Protocol`](engine::Protocol). It has no socket and no clock, so that a test needs neither.
//! This one sends a host four bytes, which it returns; [`protocol`] describes how to add one to this crate.
//!
//! ```
//! use std::net::SocketAddr;
//! use allears::engine::{Attempt, Proof, Protocol, Reply, ReplySize, Step, Token};
//!
//! struct Ping;
//!
//! impl Protocol for Ping {
//!     type Question = ();
//!     type Conversation = ();
//!     type Answer = ();
//!
//!     fn begin(&mut self, _: SocketAddr, (): ()) {}
//!
//!     fn proof(&self, (): &()) -> Proof {
//!         Proof::Token { bits: 32 }
//!     }
//!
//!     fn write_request(&mut self, (): &mut (), attempt: Attempt, out: &mut Vec<u8>) {
//!         out.extend_from_slice(b"PING");
//!         out.extend_from_slice(&(attempt.token.0 as u32).to_be_bytes());
//!     }
//!
//!     fn read_token(&self, reply: &[u8]) -> Option<Token> {
//!         let bytes = reply.get(4..8)?.try_into().ok()?;
//!         Some(Token(u32::from_be_bytes(bytes).into()))
//!     }
//!
//!     fn step(&mut self, (): &mut (), reply: &Reply<'_>) -> Step<()> {
//!         if reply.bytes.starts_with(b"PONG") { Step::Done(()) } else { Step::Malformed("not a pong") }
//!     }
//!
//!     fn reply_size(&self, (): &()) -> ReplySize {
//!         ReplySize::one(8)
//!     }
//! }
//!
//! let mut request = Vec::new();
//! Ping.write_request(&mut (), Attempt::first(Token(7)), &mut request);
//! assert_eq!(request, b"PING\0\0\0\x07");
//! assert_eq!(Ping.read_token(b"PONG\0\0\0\x07"), Some(Token(7)));
//! let reply = Reply::to_first(([127, 0, 0, 1], 7).into(), b"PONG\0\0\0\x07");
//! assert_eq!(Ping.step(&mut (), &reply), Step::Done(()));
//! ```
//!
//! The folder `examples` has a program for each of these.

#![warn(clippy::unwrap_used, clippy::expect_used, missing_debug_implementations)]

pub mod engine;
#[cfg(all(unix, feature = "ffi"))]
mod ffi;
pub mod net;
pub mod protocol;
mod setters;
pub mod sim;
