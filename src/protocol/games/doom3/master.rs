//! The lists of masters: entries of six bytes, with the port's low byte first, without an end mark.
//!
//! The request comes from `GetNETServers` in Doom 3's `AsyncClient.cpp`; for Quake 4, from qstat (`doom3.c`).

use std::net::SocketAddr;

use super::info::QUAKE_4;
use crate::protocol::games::Game;
use crate::protocol::games::list_query::{ListFormat, ListPart, ListQuery, read_entries};

const REQUEST: &[u8] = b"\xff\xffgetServers\0";
const HEADER: &[u8] = b"\xff\xffservers\0";

/// The request for a list and its reply.
#[derive(Debug)]
pub(super) struct NetServers;

/// Begins a conversation with a master.
pub(super) fn query(game: &'static Game) -> ListQuery<NetServers> {
    ListQuery::new(game, NetServers)
}

impl ListFormat for NetServers {
    const HAS_END: bool = false;

    /// Appends the request for the servers of any mod, without a filter.
    fn write_request(&self, game: &Game, out: &mut Vec<u8>) {
        out.extend_from_slice(REQUEST);
        out.extend_from_slice(&game.list_protocol.to_le_bytes());
        // The mod; for Quake 4 also the names of a player and a clan; then the filter. All are empty.
        let names = if game.list_protocol >> 16 == QUAKE_4 { 3 } else { 1 };
        out.extend(std::iter::repeat_n(0, names + 1));
    }

    fn read(&self, _: &Game, datagram: &[u8], add: &mut dyn FnMut(SocketAddr)) -> ListPart {
        match datagram.strip_prefix(HEADER) {
            Some(entries) => read_entries(entries, u16::from_le_bytes, add),
            None => ListPart::Other,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_has_the_version_and_empty_filters() {
        let request = |id: &str| {
            let mut out = Vec::new();
            NetServers.write_request(Game::find(id).unwrap(), &mut out);
            out
        };
        assert_eq!(request("doom3"), b"\xff\xffgetServers\0\x29\0\x01\0\0\0");
        assert_eq!(request("quake4"), b"\xff\xffgetServers\0\x55\0\x02\0\0\0\0\0");
    }

    #[test]
    fn ports_have_their_low_byte_first() {
        let (mut found, game) = (vec![], Game::find("doom3").unwrap());
        let mut read =
            |datagram: &[u8]| NetServers.read(game, datagram, &mut |server| found.push(server.to_string()));
        assert_eq!(read(b"\xff\xffservers\0\x0a\0\0\x01\x12\x6c"), ListPart::Entries { has_end: false });
        assert_eq!(read(b"\xff\xffservers"), ListPart::Other);
        assert_eq!(found, ["10.0.0.1:27666"]);
    }
}
