//! A master's number of servers, and its list of them (`mastersrv.cpp`).

use crate::sim::listed::Listed;

/// The number of servers in one datagram (`MAX_SERVERS_PER_PACKET`).
const PER_DATAGRAM: u32 = 75;

/// Returns the number of datagrams of the reply to this question; 0 if a master ignores it. Real masters have room for
/// 1,200 servers.
pub(super) fn datagrams(listed: &Listed, question: &[u8]) -> u32 {
    match question {
        b"cou2" => 1,
        b"req2" => listed.hosts.div_ceil(PER_DATAGRAM),
        _ => 0,
    }
}

/// Appends datagram `number` of the reply, the first being 0, without its head.
pub(super) fn write(listed: &Listed, question: &[u8], number: u32, out: &mut Vec<u8>) {
    if question == b"cou2" {
        out.extend_from_slice(b"siz2");
        out.extend_from_slice(&u16::try_from(listed.hosts).unwrap_or(u16::MAX).to_be_bytes());
        return;
    }
    out.extend_from_slice(b"lis2");
    for server in listed.page(number, PER_DATAGRAM) {
        out.extend_from_slice(&server.ip().to_ipv6_mapped().octets());
        out.extend_from_slice(&server.port().to_be_bytes());
    }
}
