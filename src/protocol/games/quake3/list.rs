//! Lists of servers: the request to a master, and the datagrams of its reply.
//!
//! The format is dpmaster's `doc/techinfo.txt`; the quirks of older masters are in ioquake3's
//! `CL_ServersResponsePacket` (`cl_main.c`).

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

use super::OUT_OF_BAND;
use crate::protocol::games::Game;
use crate::protocol::reserved;

/// Appends the request for the servers of `game`, including empty and full ones: `getserversExt` for IPv4 and IPv6 if
/// `with_ipv6` is given and the game's masters know it, else `getservers`.
///
/// Nothing may follow: id's masters do not reply otherwise.
pub(super) fn write_request(game: &Game, with_ipv6: bool, out: &mut Vec<u8>) {
    out.extend_from_slice(OUT_OF_BAND);
    let text = match (game.ext_name.filter(|_| with_ipv6), game.list_name) {
        (Some(name), _) => format!("getserversExt {name} {} ipv4 ipv6 empty full", game.list_protocol),
        (None, Some(name)) => format!("getservers {name} {} empty full", game.list_protocol),
        (None, None) => format!("getservers {} empty full", game.list_protocol),
    };
    out.extend_from_slice(text.as_bytes());
}

/// One datagram of a list.
#[derive(Clone, Copy, Debug)]
pub struct ServerList<'a> {
    entries: &'a [u8],
    /// True if it replies to `getserversExt`.
    pub is_ext: bool,
    /// True if it has the list's end mark. Newer masters put it only into the last datagram, older ones into each.
    pub has_end: bool,
}

/// One entry of a list. Entries have a fixed length: an address may contain the separators.
enum ListEntry {
    Server(SocketAddr),
    End,
}

impl<'a> ServerList<'a> {
    /// Returns whether the datagram has the header of a list. Cheap; checks nothing else.
    pub fn claims(datagram: &[u8]) -> bool {
        header(datagram).is_some()
    }

    /// Parses one datagram of a list.
    ///
    /// # Errors
    /// The reason why it is not one, or is malformed.
    pub fn parse(datagram: &'a [u8]) -> Result<ServerList<'a>, &'static str> {
        let (is_ext, body) = header(datagram).ok_or("not a list of servers")?;
        // Call of Duty's master sends a line end and a zero before the first entry.
        let start = body.iter().position(|byte| matches!(byte, b'\\' | b'/')).unwrap_or(body.len());
        if body[..start].iter().any(|byte| !matches!(byte, b'\n' | b'\0' | b' ')) {
            return Err("the list does not begin with an address");
        }
        let entries = &body[start..];
        let mut rest = entries;
        let mut has_end = false;
        while !has_end && !rest.is_empty() {
            let entry;
            (entry, rest) = split_entry(rest)?;
            has_end = matches!(entry, Some(ListEntry::End));
        }
        Ok(ServerList { entries: &entries[..entries.len() - rest.len()], is_ext, has_end })
    }

    /// Returns the servers' addresses, without those that no host can have: port 0, unspecified, multicast and
    /// broadcast addresses.
    pub fn servers(&self) -> impl Iterator<Item = SocketAddr> + use<'a> {
        let is_host = |entry: &SocketAddr| entry.port() != 0 && reserved::why_no_host(entry.ip()).is_none();
        self.entries().filter(is_host)
    }

    /// Returns all entries.
    pub(super) fn entries(&self) -> impl Iterator<Item = SocketAddr> + use<'a> {
        let mut rest = self.entries;
        let entries = std::iter::from_fn(move || {
            let (entry, after) = split_entry(rest).ok()?;
            rest = after;
            entry
        });
        entries.filter_map(|entry| match entry {
            ListEntry::Server(address) => Some(address),
            ListEntry::End => None,
        })
    }
}

fn header(datagram: &[u8]) -> Option<(bool, &[u8])> {
    let text = datagram.strip_prefix(OUT_OF_BAND)?.strip_prefix(b"getservers")?;
    match text.strip_prefix(b"Ext") {
        Some(ext) => Some((true, ext.strip_prefix(b"Response")?)),
        None => Some((false, text.strip_prefix(b"Response")?)),
    }
}

/// Returns the first entry and the rest; no entry at the end, or at a single separator there.
fn split_entry(rest: &[u8]) -> Result<(Option<ListEntry>, &[u8]), &'static str> {
    match rest {
        [] | [b'\\'] => Ok((None, &[])),
        [b'\\', after @ ..] if is_end(after) => Ok((Some(ListEntry::End), &[])),
        [b'\\', a, b, c, d, high, low, after @ ..] => {
            let address = Ipv4Addr::new(*a, *b, *c, *d);
            let port = u16::from_be_bytes([*high, *low]);
            Ok((Some(ListEntry::Server(SocketAddr::new(address.into(), port))), after))
        }
        [b'/', after @ ..] => {
            let (address, after) = after.split_first_chunk::<16>().ok_or(CUT)?;
            let (port, after) = after.split_first_chunk::<2>().ok_or(CUT)?;
            // An IPv4 server in IPv6 notation is the same server.
            let address = Ipv6Addr::from(*address).to_canonical();
            Ok((Some(ListEntry::Server(SocketAddr::new(address, u16::from_be_bytes(*port)))), after))
        }
        [b'\\', ..] => Err(CUT),
        _ => Err("the list contains something other than addresses"),
    }
}

const CUT: &str = "the list ends in the middle of an address";

/// Returns whether these bytes after a separator are the end of the list: `EOT`, or Call of Duty 4's `EOF`, and zeros
/// in place of the port. As an address they would have port 0, so no server is mistaken for it.
fn is_end(after: &[u8]) -> bool {
    let zeros = after.strip_prefix(b"EOT").or_else(|| after.strip_prefix(b"EOF"));
    zeros.is_some_and(|zeros| zeros.iter().take(3).all(|&byte| byte == 0))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(body: &[u8]) -> Vec<u8> {
        [b"\xff\xff\xff\xffgetserversResponse", body].concat()
    }

    fn ext(body: &[u8]) -> Vec<u8> {
        [b"\xff\xff\xff\xffgetserversExtResponse", body].concat()
    }

    fn read(datagram: &[u8]) -> Result<(Vec<String>, bool), &'static str> {
        let list = ServerList::parse(datagram)?;
        Ok((list.servers().map(|address| address.to_string()).collect(), list.has_end))
    }

    fn request(id: &str, with_ipv6: bool) -> String {
        let mut out = Vec::new();
        write_request(Game::find(id).unwrap(), with_ipv6, &mut out);
        String::from_utf8(out.strip_prefix(OUT_OF_BAND).unwrap().to_vec()).unwrap()
    }

    #[test]
    fn requests_name_the_game_if_its_masters_need_it() {
        assert_eq!(request("et", false), "getservers 84 empty full");
        assert_eq!(request("et", true), "getserversExt et 84 ipv4 ipv6 empty full");
        assert_eq!(request("xonotic", false), "getservers Xonotic 3 empty full");
        assert_eq!(request("xonotic", true), "getserversExt Xonotic 3 ipv4 ipv6 empty full");
        assert_eq!(request("cod4", true), "getservers 6 empty full");
    }

    #[test]
    fn addresses_may_contain_the_separators() {
        let datagram = list(b"\\\x5c\x2f\x5c\x2f\x5c\x5c\\\x0a\x00\x00\x01\x6d\x38\\EOT\0\0\0");
        let wanted = vec!["92.47.92.47:23644".to_string(), "10.0.0.1:27960".to_string()];
        assert_eq!(read(&datagram), Ok((wanted, true)));
    }

    #[test]
    fn ipv6_and_ipv4_entries_can_be_mixed() {
        let mut body = b"\\\x0a\x00\x00\x01\x6d\x38/".to_vec();
        body.extend([0x20, 0x01, 0x0d, 0xb8, b'\\', b'/', 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0x6d, 0x38]);
        body.extend(b"/\0\0\0\0\0\0\0\0\0\0\xff\xff\x0a\0\0\x02\x6d\x38\\EOT\0\0\0");
        let wanted = ["10.0.0.1:27960", "[2001:db8:5c2f::1]:27960", "10.0.0.2:27960"].map(String::from);
        assert_eq!(read(&ext(&body)), Ok((wanted.to_vec(), true)));
        assert!(ServerList::parse(&ext(&body)).unwrap().is_ext);
    }

    #[test]
    fn every_known_end_mark_is_recognized() {
        let one = vec!["10.0.0.1:27960".to_string()];
        for (end, has_end) in [
            (&b"\\EOT\0\0\0"[..], true),
            (b"\\EOT", true),
            (b"\\EOF", true),
            (b"\\EOF\0\0\0", true),
            (b"\\", false),
            (b"", false),
        ] {
            let datagram = list(&[b"\\\x0a\x00\x00\x01\x6d\x38", end].concat());
            assert_eq!(read(&datagram), Ok((one.clone(), has_end)), "{end:?}");
        }
        assert_eq!(read(&list(b"\n\0\\\x0a\x00\x00\x01\x6d\x38\\EOF")), Ok((one, true)));
        // A server at 69.79.84.1 is a server.
        assert_eq!(read(&list(b"\\EOT\x01\x6d\x38")), Ok((vec!["69.79.84.1:27960".to_string()], false)));
    }

    #[test]
    fn addresses_that_are_not_hosts_are_left_out() {
        let body = b"\\\x0a\0\0\x01\0\0\\\0\0\0\0\x6d\x38\\\xff\xff\xff\xff\x6d\x38\\\xe0\0\0\x01\x6d\x38";
        assert_eq!(read(&list(body)), Ok((vec![], false)));
    }

    #[test]
    fn broken_lists_have_a_reason() {
        assert!(read(b"\xff\xff\xff\xffgetserversRespons").is_err());
        assert_eq!(read(&list(b"x\\")).unwrap_err(), "the list does not begin with an address");
        assert_eq!(read(&list(b"\\\x0a\0\0\x01\x6d")).unwrap_err(), CUT);
        assert_eq!(read(&ext(b"/\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x01\x6d")).unwrap_err(), CUT);
        assert!(read(&list(b"\\\x0a\0\0\x01\x6d\x38!!")).is_err());
    }
}
