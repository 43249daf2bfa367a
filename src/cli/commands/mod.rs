//! The commands, each in its own file or folder with its arguments.

pub mod demo;
pub mod dns;
pub mod drops;
pub mod fleet;
pub mod games;
pub mod ntp;
mod payload;
pub mod probe;
pub mod snmp;
