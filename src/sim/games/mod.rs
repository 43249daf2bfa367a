//! Game servers other than those of Enemy Territory: a file for each wire protocol, which writes the same
//! [`SimulatedServer`] in its own format.

mod ase;
mod bedrock;
mod listed;
mod mumble;
mod quakeworld;
mod samp;
mod server;
mod teeworlds;

pub(super) use ase::MtaServers;
pub(super) use bedrock::BedrockServers;
pub(super) use mumble::MumbleServers;
pub(super) use quakeworld::QuakeWorldServers;
pub(super) use samp::{CROWDED, SampServers};
use server::SimulatedServer;
pub(super) use teeworlds::{NO_PLAYERS, Teeworlds7Servers, TeeworldsServers};
