//! The lists of masters: entries of six bytes after a header, without an end mark.
//!
//! The format is that of the clients, such as `masterstat` (`serverlist.go`) and qstat (`deal_with_qwmaster_packet`).

use std::net::SocketAddr;

use crate::protocol::games::Game;
use crate::protocol::games::list_query::{ListFormat, ListPart, ListQuery, read_entries};

/// The request, `C2M_MASTER_REQUEST`, which does not begin with four bytes `ff`.
const REQUEST: &[u8] = b"c\n\0";
/// The header of the reply, `M2C_MASTER_REPLY`.
const HEADER: &[u8] = b"\xff\xff\xff\xffd\n";

/// The request for a list and its reply.
#[derive(Debug)]
pub(super) struct MasterReply;

/// Begins a conversation with a master.
pub(super) fn query(game: &'static Game) -> ListQuery<MasterReply> {
    ListQuery::new(game, MasterReply)
}

impl ListFormat for MasterReply {
    const HAS_END: bool = false;

    fn write_request(&self, _: &Game, out: &mut Vec<u8>) {
        out.extend_from_slice(REQUEST);
    }

    fn read(&self, _: &Game, datagram: &[u8], add: &mut dyn FnMut(SocketAddr)) -> ListPart {
        match datagram.strip_prefix(HEADER) {
            Some(entries) => read_entries(entries, u16::from_be_bytes, add),
            None => ListPart::Other,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(datagram: &[u8]) -> (ListPart, Vec<String>) {
        let (mut found, game) = (vec![], Game::find("quakeworld").unwrap());
        (MasterReply.read(game, datagram, &mut |server| found.push(server.to_string())), found)
    }

    #[test]
    fn entries_may_contain_any_bytes() {
        let (part, found) = read(b"\xff\xff\xff\xffd\n\x0a\x00\x00\x0a\x6b\x6c\xff\xff\xff\xff\x64\x0a");
        assert_eq!(part, ListPart::Entries { has_end: false });
        assert_eq!(found, ["10.0.0.10:27500", "255.255.255.255:25610"]);
        assert_eq!(read(HEADER), (ListPart::Entries { has_end: false }, vec![]));
    }

    #[test]
    fn nothing_else_is_a_list() {
        for other in [&b"\xff\xff\xff\xffd"[..], b"d\n\x0a\0\0\x01\x6b\x6c", b"\xff\xff\xff\xffn\\a\\b\n"] {
            assert_eq!(read(other).0, ListPart::Other);
        }
        assert!(matches!(read(b"\xff\xff\xff\xffd\n\x0a\0\0\x01").0, ListPart::Broken(_)));
    }
}
