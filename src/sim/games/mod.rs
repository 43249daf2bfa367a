//! Game servers other than those of Enemy Territory: a file for each wire protocol, which writes the same
//! [`SimulatedServer`] in its own format.

mod bedrock;
mod listed;
mod mumble;
mod quake2;
mod quakeworld;
mod server;
mod teeworlds;

pub(super) use bedrock::BedrockServers;
pub(super) use mumble::MumbleServers;
pub(super) use quake2::{QUAKE2_FAULTS, Quake2Servers};
pub(super) use quakeworld::{QUAKEWORLD_FAULTS, QuakeWorldServers};
use server::SimulatedServer;
pub(super) use teeworlds::{NO_PLAYERS, Teeworlds7Servers, TeeworldsServers};
