//! Teeworlds servers: of version 0.6 and DDNet, which share a port and masters, and of version 0.7.

mod master;
mod seven;
mod six;

pub(crate) use seven::Teeworlds7Servers;
pub(crate) use six::{NO_PLAYERS, TeeworldsServers};

/// The start of a packet of version 0.6 that belongs to no connection.
const HEAD: &[u8; 10] = &[0xff; 10];

/// Appends an integer of variable length (`CVariableInt` in `compression.cpp`).
fn write_integer(number: i32, out: &mut Vec<u8>) {
    let (sign, mut rest) = if number < 0 { (0x40, !number as u32) } else { (0, number as u32) };
    let mut byte = sign | (rest & 0x3f) as u8;
    rest >>= 6;
    while rest > 0 {
        out.push(byte | 0x80);
        byte = (rest & 0x7f) as u8;
        rest >>= 7;
    }
    out.push(byte);
}
