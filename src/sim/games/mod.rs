//! Game servers other than those of Enemy Territory: a file for each wire protocol, which writes the same
//! [`SimulatedServer`] in its own format.

mod bedrock;
mod server;
mod teeworlds;

pub(super) use bedrock::BedrockServers;
use server::SimulatedServer;
pub(super) use teeworlds::{NO_PLAYERS, Teeworlds7Servers, TeeworldsServers};
