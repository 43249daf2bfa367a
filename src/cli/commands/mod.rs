//! The commands, each a file or a folder with its arguments.

pub mod demo;
pub mod drops;
pub mod fleet;
pub mod games;
pub mod ntp;
mod payload;
pub mod probe;
pub mod snmp;
