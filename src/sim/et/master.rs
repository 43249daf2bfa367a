//! The master's list of all servers, in the format of dpmaster 2.2 (`HandleGetServers` in `messages.c`).

use std::net::Ipv4Addr;

use super::HEAD;
use crate::sim::plan::Plan;

/// The servers in one datagram: as many as dpmaster's 1,400 bytes hold.
const SERVERS_PER_LIST: u32 = 196;

/// A request for a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ListRequest {
    extended: bool,
    /// True if the game, its protocol and IPv4 match this fleet; otherwise the list is empty.
    matches: bool,
}

/// The list of servers, dead ones included.
#[derive(Debug)]
pub(super) struct ServerList {
    hosts: u32,
    base: Ipv4Addr,
    port: u16,
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
}

impl ServerList {
    pub(super) fn new(plan: &Plan) -> ServerList {
        ServerList { hosts: plan.hosts, base: plan.base, port: plan.port }
    }

    /// Returns the number of datagrams in the reply.
    pub(super) fn datagrams(&self, request: ListRequest) -> u32 {
        // The last datagram is never full, so that the end mark fits.
        if request.matches { self.hosts / SERVERS_PER_LIST + 1 } else { 1 }
    }

    /// Appends datagram `number` of the reply, the first being 0.
    pub(super) fn write(&self, request: ListRequest, number: u32, out: &mut Vec<u8>) {
        out.extend_from_slice(&HEAD);
        let command: &[u8] = if request.extended { b"getserversExtResponse" } else { b"getserversResponse" };
        out.extend_from_slice(command);
        let listed = if request.matches { self.hosts } else { 0 };
        let first = number * SERVERS_PER_LIST;
        for host in first..listed.min(first + SERVERS_PER_LIST) {
            out.push(b'\\');
            out.extend_from_slice(&(u32::from(self.base) + host).to_be_bytes());
            out.extend_from_slice(&self.port.to_be_bytes());
        }
        if number + 1 == self.datagrams(request) {
            out.extend_from_slice(b"\\EOT\0\0\0");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lists(hosts: u32, request: &[u8]) -> Vec<Vec<u8>> {
        let list = ServerList::new(&Plan { hosts, ..Plan::default() });
        let request = ListRequest::parse(request).expect("a request");
        let write = |number| {
            let mut out = Vec::new();
            list.write(request, number, &mut out);
            out
        };
        (0..list.datagrams(request)).map(write).collect()
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
