//! Time servers (RFC 5905), each with its own stratum and clock.

use std::ops::Range;

use super::simulated_host::{HostContext, Reaction, SimulatedHost};

/// The seconds from 1900, the origin of NTP's clock, to 2024, the origin of a fleet's clock.
const START: u64 = 3_913_056_000;

/// All servers of a fleet. They do not read a clock: their time is that of the fleet, plus up to a second.
#[derive(Debug)]
pub(super) struct TimeServers;

impl SimulatedHost for TimeServers {
    fn answer(&mut self, context: &HostContext, request: &[u8], reply: &mut Vec<u8>) -> Reaction {
        let (Some(transmit), Some(&first)) = (request.get(40..48), request.first()) else {
            return Reaction::Ignored;
        };
        if first & 7 != 3 {
            return Reaction::Ignored;
        }
        let offset = context.seed >> 32;
        let nanos = u128::from(context.now.as_nanos());
        let time = (START << 32) + ((nanos << 32) / 1_000_000_000) as u64 + offset;
        // Leap indicator 0, the version of the request, mode 4; root delay and dispersion of 1/64 s.
        let stratum = 2 + (context.seed % 14) as u8;
        reply.extend([first & 0x38 | 4, stratum, 6, 0xec, 0, 0, 4, 0, 0, 0, 4, 0, 127, 127, 1, 1]);
        reply.extend([0; 8]);
        reply.extend(transmit);
        reply.extend(time.to_be_bytes());
        reply.extend(time.to_be_bytes());
        Reaction::Replied
    }

    /// The origin timestamp.
    fn token(&self) -> Range<usize> {
        24..32
    }
}
