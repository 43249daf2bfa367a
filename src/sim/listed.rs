//! The servers that a master lists: all hosts of a fleet, dead ones included.

use std::net::{Ipv4Addr, SocketAddrV4};

use super::plan::Plan;

/// All servers of a fleet, page by page.
#[derive(Debug)]
pub(super) struct Listed {
    /// The number of servers.
    pub(super) hosts: u32,
    base: Ipv4Addr,
    port: u16,
}

impl Listed {
    pub(super) fn new(plan: &Plan) -> Listed {
        Listed { hosts: plan.hosts, base: plan.base, port: plan.port }
    }

    /// Returns the servers of page `number`, the first being 0, if each page but the last has `size` of them.
    pub(super) fn page(&self, number: u32, size: u32) -> impl Iterator<Item = SocketAddrV4> {
        let first = number * size;
        let address = |host| SocketAddrV4::new(Ipv4Addr::from_bits(self.base.to_bits() + host), self.port);
        (first..self.hosts.min(first + size)).map(address)
    }
}

/// Appends address and port, in six bytes.
pub(super) fn write_entry(server: SocketAddrV4, out: &mut Vec<u8>) {
    out.extend_from_slice(&server.ip().octets());
    out.extend_from_slice(&server.port().to_be_bytes());
}
