//! The lists of masters: entries of six bytes after a header, without an end mark.
//!
//! The format is that of the clients, such as qstat (`deal_with_qwmaster_packet`) and Quetoo (`Cl_ParseServers`).

use std::net::SocketAddr;

use crate::protocol::games::Game;
use crate::protocol::games::list_query::{ListFormat, ListPart, ListQuery, read_entries};

/// The request, which does not begin with four bytes `ff`.
const REQUEST: &[u8] = b"query\n\0";
/// The header of the reply, before a space or a line feed.
const HEADER: &[u8] = b"\xff\xff\xff\xffservers";

/// The request for a list and its reply.
#[derive(Debug)]
pub(super) struct ServersReply;

/// Begins a conversation with a master.
pub(super) fn query(game: &'static Game) -> ListQuery<ServersReply> {
    ListQuery::new(game, ServersReply)
}

impl ListFormat for ServersReply {
    const HAS_END: bool = false;

    /// Appends the request, which is another one for masters that select by protocol number (`Ms_GetServers` of
    /// Quetoo's master).
    fn write_request(&self, game: &Game, out: &mut Vec<u8>) {
        if game.list_protocol == 0 {
            out.extend_from_slice(REQUEST);
        } else {
            out.extend_from_slice(b"\xff\xff\xff\xffgetservers ");
            out.extend_from_slice(game.list_protocol.to_string().as_bytes());
        }
    }

    fn read(&self, _: &Game, datagram: &[u8], add: &mut dyn FnMut(SocketAddr)) -> ListPart {
        match datagram.strip_prefix(HEADER) {
            Some([b' ' | b'\n', entries @ ..]) => read_entries(entries, u16::from_be_bytes, add),
            _ => ListPart::Other,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(datagram: &[u8]) -> (ListPart, Vec<String>) {
        let (mut found, game) = (vec![], Game::find("q2").unwrap());
        (ServersReply.read(game, datagram, &mut |server| found.push(server.to_string())), found)
    }

    fn request(id: &str) -> Vec<u8> {
        let mut out = Vec::new();
        ServersReply.write_request(Game::find(id).unwrap(), &mut out);
        out
    }

    #[test]
    fn requests_differ_in_their_header() {
        assert_eq!(request("q2"), b"query\n\0");
        assert_eq!(request("quetoo"), b"\xff\xff\xff\xffgetservers 2029");
    }

    #[test]
    fn entries_may_contain_any_bytes() {
        for separator in [b" ", b"\n"] {
            let (part, found) = read(&[HEADER, separator, b"\x0a\x20\x0a\x20\x6d\x06\0\0\0\0\0\0"].concat());
            assert_eq!(part, ListPart::Entries { has_end: false });
            assert_eq!(found, ["10.32.10.32:27910", "0.0.0.0:0"]);
        }
    }

    #[test]
    fn nothing_else_is_a_list() {
        for other in
            [HEADER, b"servers \x0a\0\0\x01\x6d\x06", b"\xff\xff\xff\xffserversX", b"\xff\xff\xff\xffprint\n"]
        {
            assert_eq!(read(other).0, ListPart::Other);
        }
        assert!(matches!(read(&[HEADER, b" \x0a\0\0\x01"].concat()).0, ListPart::Broken(_)));
    }
}
