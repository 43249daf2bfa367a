//! A simulated fleet of hosts, and a simulated network to reach them: pure, like the engine.
//!
//! Everything that happens is decided by the [`Plan`] and its seed alone, so a run can be replayed.
//! Two users drive the same hosts: tests join a [`Fleet`] and an [`Engine`](crate::engine::Engine)
//! by a [`Network`] in virtual time, and `allears fleet` puts the fleet behind a real socket.
//!
//! [`Plan`] what is played → [`Fleet`] takes requests, lets replies out when their time has come
//! → `et`, `echo`, `snmp`, `master` what a host says → [`Network`] the links in between.

mod dice;
mod echo;
mod et;
mod fleet;
mod forger;
mod hosts;
mod limits;
mod master;
mod network;
mod plan;
mod schedule;
mod snmp;
mod tally;

pub use fleet::{Fleet, Reply};
pub use limits::Limit;
pub use network::{Link, Network, Sent, Trace};
pub use plan::{HostProtocol, Late, Latency, Plan, PlanError};
pub use snmp::SnmpFault;
pub use tally::Tally;
