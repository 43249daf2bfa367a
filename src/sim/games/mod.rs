//! Game servers other than those of Enemy Territory: a file for each wire protocol, which writes the same
//! [`SimulatedServer`] in its own format.

mod a2s;
mod ase;
mod bedrock;
mod doom3;
mod gamespy1;
mod gamespy2;
mod gamespy3;
mod minecraft;
mod mumble;
mod quake2;
mod quakeworld;
mod samp;
mod server;
mod split_parts;
mod teeworlds;
mod texts;
mod unreal2;

pub(super) use a2s::{A2sServers, FAULTS as A2S_FAULTS};
pub(super) use ase::MtaServers;
pub(super) use bedrock::BedrockServers;
pub(super) use doom3::{DOOM3_FAULTS, Doom3Servers};
pub(super) use gamespy1::{FAULTS as GAMESPY1_FAULTS, GameSpy1Servers};
pub(super) use gamespy2::{FAULTS as GAMESPY2_FAULTS, GameSpy2Servers};
pub(super) use gamespy3::{FAULTS as GAMESPY3_FAULTS, GameSpy3Servers};
pub(super) use minecraft::{FAULTS as MINECRAFT_FAULTS, MinecraftServers};
pub(super) use mumble::MumbleServers;
pub(super) use quake2::{QUAKE2_FAULTS, Quake2Servers};
pub(super) use quakeworld::{QUAKEWORLD_FAULTS, QuakeWorldServers};
pub(super) use samp::{NO_LIST, SampServers};
use server::SimulatedServer;
pub(super) use teeworlds::{NO_PLAYERS, Teeworlds7Servers, TeeworldsServers};
pub(super) use unreal2::{FAULTS as UNREAL2_FAULTS, Unreal2Servers};
