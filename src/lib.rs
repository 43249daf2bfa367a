//! Asks thousands to millions of hosts over one UDP socket, and hears every answer.
//!
//! The pure part, which knows neither sockets nor clocks, is the [`engine`]; a protocol teaches it a
//! language by implementing [`engine::Protocol`].

pub mod engine;
pub mod protocol;
pub mod sim;
