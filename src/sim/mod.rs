//! A simulated fleet of hosts, and a simulated network to reach them: pure, like the engine.
//!
//! The [`Plan`] and its seed alone decide everything that happens, so a run can be replayed. The same hosts have two
//! users: tests connect a [`Fleet`] and an [`Engine`](crate::engine::Engine) by a [`Network`] in virtual time, and
//! `allears fleet` puts the fleet behind a real socket.
//!
//! [`Plan`] the hosts and their faults → [`Fleet`] receives requests, sends replies when they are due →
//! `simulated_host` the trait of a protocol's hosts; [`PROTOCOLS`] lists the implementations →
//! [`Network`] the links in between.

mod dice;
#[cfg(feature = "dns")]
pub mod dns;
mod echo;
mod et;
mod fault_names;
mod fleet;
mod forger;
#[cfg(feature = "games")]
mod games;
mod hosts;
mod limits;
mod listed;
mod network;
mod ntp;
mod plan;
mod protocols;
mod schedule;
mod simulated_host;
mod snmp;
mod tally;

pub use fleet::{Fleet, FleetReply};
pub use limits::Limit;
pub use network::{Link, Network, Sent, Trace};
pub use plan::{Late, Latency, Plan, PlanError};
pub use protocols::{HostProtocol, PROTOCOLS};
pub use simulated_host::StreamReaction;
pub use tally::Tally;
