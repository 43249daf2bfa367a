//! Teeworlds servers: of version 0.6 and DDNet, which share a port and masters, and of version 0.7.

mod master;
mod seven;
mod six;

use super::server::SimulatedPlayer;
pub(crate) use seven::Teeworlds7Servers;
pub(crate) use six::{NO_PLAYERS, TeeworldsServers};

/// The start of a packet of version 0.6 that belongs to no connection.
const HEAD: &[u8; 10] = &[0xff; 10];

/// Returns whether a player takes part in the game, which the ping decides. The others are spectators.
fn is_playing(player: &SimulatedPlayer) -> bool {
    player.ping <= 190
}
