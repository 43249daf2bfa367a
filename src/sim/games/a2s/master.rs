//! The master's list of all servers, in the format of `xash3d-master`.

use crate::sim::listed::{Listed, write_entry};

/// The number of servers in one datagram: as many as the 512 bytes of `xash3d-master` hold, besides the end mark.
const SERVERS_PER_LIST: u32 = 82;

/// The filter of a request for a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ListRequest {
    key: Option<u32>,
}

impl ListRequest {
    /// Parses the byte 31, the region, an address, and a filter. Returns `None` for everything that a master drops.
    pub(super) fn parse(datagram: &[u8]) -> Option<ListRequest> {
        let (_region, rest) = datagram.strip_prefix(b"1")?.split_first()?;
        let text = std::str::from_utf8(rest).ok()?;
        let (_address, filter) = text.split_once('\0')?;
        let mut words = filter.trim_end_matches('\0').split('\\').skip_while(|word| *word != "key");
        let key = words.nth(1).and_then(|digits| u32::from_str_radix(digits, 16).ok());
        Some(ListRequest { key })
    }

    /// Appends datagram `number` of the reply, the first being 0.
    pub(super) fn write(self, listed: &Listed, number: u32, out: &mut Vec<u8>) {
        out.extend_from_slice(b"\xff\xff\xff\xfff\n");
        if let Some(key) = self.key {
            out.push(0x7f);
            out.extend_from_slice(&key.to_le_bytes());
            out.push(8);
        }
        listed.page(number, SERVERS_PER_LIST).for_each(|server| write_entry(server, out));
        out.extend_from_slice(&[0; 6]);
    }
}

/// Returns the number of datagrams in each reply.
pub(super) fn datagrams(listed: &Listed) -> u32 {
    listed.hosts.div_ceil(SERVERS_PER_LIST)
}
