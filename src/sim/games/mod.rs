//! Game servers other than those of Enemy Territory: a file for each wire protocol, which writes the same
//! [`SimulatedServer`] in its own format.

mod bedrock;
mod gamespy1;
mod gamespy2;
mod gamespy3;
mod minecraft;
mod server;
mod split_parts;
mod unreal2;

pub(super) use bedrock::BedrockServers;
pub(super) use gamespy1::{FAULTS as GAMESPY1_FAULTS, GameSpy1Servers};
pub(super) use gamespy2::{FAULTS as GAMESPY2_FAULTS, GameSpy2Servers};
pub(super) use gamespy3::{FAULTS as GAMESPY3_FAULTS, GameSpy3Servers};
pub(super) use minecraft::{FAULTS as MINECRAFT_FAULTS, MinecraftServers};
use server::SimulatedServer;
pub(super) use unreal2::{FAULTS as UNREAL2_FAULTS, Unreal2Servers};
