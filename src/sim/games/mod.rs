//! Game servers other than those of Enemy Territory: a file for each wire protocol, which writes the same
//! [`SimulatedServer`] in its own format.

mod a2s;
mod bedrock;
mod listed;
mod mumble;
mod quakeworld;
mod server;

pub(super) use a2s::{A2sServers, FAULTS as A2S_FAULTS};
pub(super) use bedrock::BedrockServers;
pub(super) use mumble::MumbleServers;
pub(super) use quakeworld::QuakeWorldServers;
use server::SimulatedServer;
