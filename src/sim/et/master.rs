//! The master's list of all servers, in the format of dpmaster 2.2 (`HandleGetServers` in `messages.c`).

use super::HEAD;
use crate::sim::listed::{Listed, write_entry};

/// The servers in one datagram: as many as dpmaster's 1,400 bytes hold.
const SERVERS_PER_LIST: u32 = 196;

/// A request for a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ListRequest {
    extended: bool,
    /// True if the game, its protocol and IPv4 match this fleet; otherwise the list is empty.
    matches: bool,
}

impl ListRequest {
    /// Parses `getservers <protocol> …` and `getserversExt <game> <protocol> …`. Returns `None` for everything that a
    /// master drops. Ignores `empty` and `full`: all servers are listed.
    pub(super) fn parse(datagram: &[u8]) -> Option<ListRequest> {
        let text = std::str::from_utf8(datagram.strip_prefix(&HEAD)?).ok()?;
        let mut words = text.trim_end_matches(['\0', '\n']).split(' ').filter(|word| !word.is_empty());
        let extended = match words.next()? {
            "getservers" => false,
            "getserversExt" => true,
            _ => return None,
        };
        let game = !extended || words.next()?.eq_ignore_ascii_case("et");
        let protocol = words.next()? == "84";
        let (mut v4, mut v6) = (false, false);
        for word in words {
            v4 |= word == "ipv4";
            v6 |= word == "ipv6";
        }
        Some(ListRequest { extended, matches: game && protocol && (v4 || !(v6 && extended)) })
    }

    /// Returns the number of datagrams in the reply.
    pub(super) fn datagrams(self, listed: &Listed) -> u32 {
        // The last datagram is never full, so that the end mark fits.
        if self.matches { listed.hosts / SERVERS_PER_LIST + 1 } else { 1 }
    }

    /// Appends datagram `number` of the reply, the first being 0.
    pub(super) fn write(self, listed: &Listed, number: u32, out: &mut Vec<u8>) {
        out.extend_from_slice(&HEAD);
        let command: &[u8] = if self.extended { b"getserversExtResponse" } else { b"getserversResponse" };
        out.extend_from_slice(command);
        for server in listed.page(number, SERVERS_PER_LIST).filter(|_| self.matches) {
            out.push(b'\\');
            write_entry(server, out);
        }
        if number + 1 == self.datagrams(listed) {
            out.extend_from_slice(b"\\EOT\0\0\0");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::plan::Plan;

    fn lists(hosts: u32, request: &[u8]) -> Vec<Vec<u8>> {
        let listed = Listed::new(&Plan { hosts, ..Plan::default() });
        let request = ListRequest::parse(request).expect("a request");
        let write = |number| {
            let mut out = Vec::new();
            request.write(&listed, number, &mut out);
            out
        };
        (0..request.datagrams(&listed)).map(write).collect()
    }

    #[test]
    fn every_server_is_listed_once_and_the_end_is_in_the_last_datagram_only() {
        for (request, head) in [
            (
                b"\xff\xff\xff\xffgetservers 84 empty full".as_slice(),
                b"\xff\xff\xff\xffgetserversResponse".as_slice(),
            ),
            (
                b"\xff\xff\xff\xffgetserversExt et 84 ipv4 ipv6 empty full",
                b"\xff\xff\xff\xffgetserversExtResponse",
            ),
        ] {
            for hosts in [1, 195, 196, 197, 392, 2000] {
                let mut all = Vec::new();
                let lists = lists(hosts, request);
                for (i, list) in lists.iter().enumerate() {
                    assert!(list.len() <= 1400);
                    let mut body = list.strip_prefix(head).expect("the head");
                    if i + 1 == lists.len() {
                        body = body.strip_suffix(b"\\EOT\0\0\0").expect("the end mark");
                    }
                    assert!(body.len() % 7 == 0 && body.chunks(7).all(|entry| entry[0] == b'\\'));
                    all.extend(body.chunks(7).map(|entry| entry[1..].to_vec()));
                }
                let expected = (0..hosts).map(|i| {
                    let mut entry = (0x7f01_0001 + i).to_be_bytes().to_vec();
                    entry.extend_from_slice(&27960u16.to_be_bytes());
                    entry
                });
                assert!(all.into_iter().eq(expected), "{hosts}");
            }
        }
    }

    #[test]
    fn other_games_get_an_empty_list_and_invalid_requests_are_dropped() {
        let empty = vec![b"\xff\xff\xff\xffgetserversResponse\\EOT\0\0\0".to_vec()];
        assert_eq!(lists(5, b"\xff\xff\xff\xffgetservers 68 empty full"), empty);
        let empty = vec![b"\xff\xff\xff\xffgetserversExtResponse\\EOT\0\0\0".to_vec()];
        assert_eq!(lists(5, b"\xff\xff\xff\xffgetserversExt et 84 ipv6 empty full"), empty);
        assert_eq!(lists(5, b"\xff\xff\xff\xffgetserversExt wolfmp 84 empty full"), empty);
        for nonsense in [
            b"getservers 84".as_slice(),
            b"\xff\xff\xff\xffgetstatus",
            b"\xff\xff\xff\xffgetservers",
            b"\xff",
        ] {
            assert_eq!(ListRequest::parse(nonsense), None);
        }
    }
}
