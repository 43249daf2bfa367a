//! The list of all servers of a fleet, as dpmaster 2.2 sends it (`HandleGetServers` in `messages.c`).

use super::et::HEAD;
use super::plan::Plan;

/// What fits into dpmaster's 1,400 bytes.
const SERVERS_A_LIST: u32 = 196;

/// Which list a client asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Request {
    extended: bool,
    /// The game, its protocol and IPv4 fit this fleet; otherwise the list is empty.
    ours: bool,
}

impl Request {
    /// Reads `getservers <protocol> …` and `getserversExt <game> <protocol> …`; `None` for
    /// everything that a master drops. `empty` and `full` make no difference: all servers are
    /// listed, dead ones as well.
    pub(super) fn parse(datagram: &[u8]) -> Option<Request> {
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
        Some(Request { extended, ours: game && protocol && (v4 || !(v6 && extended)) })
    }

    /// In how many datagrams the answer comes.
    pub(super) fn lists(self, plan: &Plan) -> u32 {
        // Always one that is not full: it has the room for the end mark.
        if self.ours { plan.hosts / SERVERS_A_LIST + 1 } else { 1 }
    }

    /// Appends datagram `list` of the answer, the first being 0.
    pub(super) fn write_list(self, plan: &Plan, list: u32, out: &mut Vec<u8>) {
        out.extend_from_slice(&HEAD);
        out.extend_from_slice(if self.extended { b"getserversExtResponse" } else { b"getserversResponse" });
        let listed = if self.ours { plan.hosts } else { 0 };
        let first = list * SERVERS_A_LIST;
        for host in first..listed.min(first + SERVERS_A_LIST) {
            out.push(b'\\');
            out.extend_from_slice(&(u32::from(plan.base) + host).to_be_bytes());
            out.extend_from_slice(&plan.port.to_be_bytes());
        }
        if list + 1 == self.lists(plan) {
            out.extend_from_slice(b"\\EOT\0\0\0");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lists(hosts: u32, request: &[u8]) -> Vec<Vec<u8>> {
        let plan = Plan { hosts, ..Plan::default() };
        let request = Request::parse(request).expect("a request");
        let write = |list| {
            let mut out = Vec::new();
            request.write_list(&plan, list, &mut out);
            out
        };
        (0..request.lists(&plan)).map(write).collect()
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
    fn other_games_are_empty_and_nonsense_is_dropped() {
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
            assert_eq!(Request::parse(nonsense), None);
        }
    }
}
