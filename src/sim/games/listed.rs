//! The list of a master that sends entries of six bytes, address and port, in one datagram.

use std::net::Ipv4Addr;

use crate::sim::plan::Plan;

/// All servers of a fleet, dead ones included.
#[derive(Debug)]
pub(super) struct Listed {
    hosts: u32,
    base: Ipv4Addr,
    port: u16,
}

impl Listed {
    pub(super) fn new(plan: &Plan) -> Listed {
        Listed { hosts: plan.hosts, base: plan.base, port: plan.port }
    }

    /// Appends the entries.
    pub(super) fn write(&self, out: &mut Vec<u8>) {
        for host in 0..self.hosts {
            out.extend_from_slice(&(u32::from(self.base) + host).to_be_bytes());
            out.extend_from_slice(&self.port.to_be_bytes());
        }
    }
}
