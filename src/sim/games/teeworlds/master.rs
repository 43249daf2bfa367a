//! A master's number of servers, and its list of them (`mastersrv.cpp`).

use std::net::Ipv4Addr;

use crate::sim::plan::Plan;

/// The number of servers in one datagram (`MAX_SERVERS_PER_PACKET`).
const PER_DATAGRAM: u32 = 75;

/// The servers of a fleet, dead ones included. Real masters have room for 1,200.
#[derive(Debug)]
pub(super) struct ListedHosts {
    hosts: u32,
    base: Ipv4Addr,
    port: u16,
}

impl ListedHosts {
    pub(super) fn new(plan: &Plan) -> ListedHosts {
        ListedHosts { hosts: plan.hosts, base: plan.base, port: plan.port }
    }

    /// Returns the number of datagrams of the reply to this question.
    pub(super) fn datagrams(&self, question: &[u8]) -> u32 {
        match question {
            b"cou2" => 1,
            b"req2" => self.hosts.div_ceil(PER_DATAGRAM),
            _ => 0,
        }
    }

    /// Appends datagram `number` of the reply, the first being 0, without its head.
    pub(super) fn write(&self, question: &[u8], number: u32, out: &mut Vec<u8>) {
        if question == b"cou2" {
            out.extend_from_slice(b"siz2");
            out.extend_from_slice(&u16::try_from(self.hosts).unwrap_or(u16::MAX).to_be_bytes());
            return;
        }
        out.extend_from_slice(b"lis2");
        let first = number * PER_DATAGRAM;
        for host in first..self.hosts.min(first + PER_DATAGRAM) {
            let address = Ipv4Addr::from_bits(self.base.to_bits() + host);
            out.extend_from_slice(&address.to_ipv6_mapped().octets());
            out.extend_from_slice(&self.port.to_be_bytes());
        }
    }
}
