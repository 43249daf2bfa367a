//! A conversation with a master: its list of servers.
//!
//! Valve's master sends one datagram for each request, and the next one to a request that has its last entry; the list
//! ends with the entry 0.0.0.0:0. It is gone, but others like it can be named. Xash3D's master (`xash3d-master`,
//! `net/game.rs` and `net/master.rs`) sends the whole list at once, each datagram with that entry at its end, and returns
//! the key of the request. It lists servers for clients that tell a current version only.
//!
//! A list in pages is bounded: by time, and since a page must add something.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use crate::engine::Time;
use crate::protocol::games::fields::Fields;
use crate::protocol::games::list_query::{LIST_GAP, MAX_LIST_DATAGRAMS};
use crate::protocol::games::master_list::MasterList;
use crate::protocol::games::servers::ServerSet;
use crate::protocol::games::wire::Dialogue;
use crate::protocol::games::{Game, GameAnswer};
use crate::protocol::{Attempt, Proof, Quiet, Reply, ReplySize, Step, Token};

/// The start of a list.
const LIST: &[u8] = b"\xff\xff\xff\xfff\n";
/// The start of a request: all regions.
const REQUEST: &[u8] = b"1\xff";
/// The address that stands for the start of a list in a request, and marks its end in a reply.
const NOWHERE: &str = "0.0.0.0:0";
/// The start of a request with a key, up to the key.
const REQUEST_WITH_KEY: &[u8] = b"1\xff0.0.0.0:0\0\\key\\";
/// The bytes before and after the key in a list.
const KEY_START: u8 = 0x7f;
const KEY_END: u8 = 8;
/// The client version in requests to Xash3D's masters, which refuse older ones.
const XASH3D_VERSION: &str = "0.21";

/// The time from the first page within which further pages are requested. A page has up to 231 entries, so this suffices
/// for some 14,000.
const PAGES_WITHIN: Duration = Duration::from_secs(60);
/// The minimum time between two requests to one master.
const MASTER_GAP: Duration = Duration::from_secs(1);

/// The list of one master, as received so far.
#[derive(Debug)]
pub(super) struct MasterQuery {
    game: &'static Game,
    list: MasterList,
    /// The last entry received, if the list continues.
    last: Option<SocketAddr>,
    /// The time of the first datagram.
    began: Option<Time>,
    /// True if the last page added nothing to those before.
    repeats: bool,
    datagrams: u32,
    has_end: bool,
}

impl MasterQuery {
    pub(super) fn new(game: &'static Game) -> MasterQuery {
        let list = MasterList::new(game);
        MasterQuery { game, list, last: None, began: None, repeats: false, datagrams: 0, has_end: false }
    }

    /// Returns whether this game's masters are Xash3D's: only these select servers by protocol number.
    fn is_xash3d(&self) -> bool {
        self.game.list_protocol > 0
    }

    /// Requests the page after this one, whose last entry is `last`. One that adds nothing may be a copy of an earlier page;
    /// another one shows that no others follow.
    fn take_page(&mut self, at: Time, last: SocketAddr, is_new: bool) -> Step<GameAnswer> {
        let began = *self.began.get_or_insert(at);
        if !is_new {
            let ends = std::mem::replace(&mut self.repeats, true);
            return if ends { Step::Done(self.list.answer(false)) } else { Step::NotMine };
        }
        if at - began >= PAGES_WITHIN {
            return Step::Done(self.list.cut());
        }
        (self.last, self.repeats) = (Some(last), false);
        Step::AskNext
    }

    fn write_xash3d_request(&self, key: u32, out: &mut Vec<u8>) {
        out.extend_from_slice(REQUEST_WITH_KEY);
        let protocol = self.game.list_protocol;
        let filter = format!("{key:08x}\\protocol\\{protocol}\\clver\\{XASH3D_VERSION}\\nat\\0\0");
        out.extend_from_slice(filter.as_bytes());
    }

    fn write_valve_request(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(REQUEST);
        let last = self.last.map_or(NOWHERE.to_owned(), |last| last.to_string());
        out.extend_from_slice(last.as_bytes());
        out.push(0);
        if self.game.steam_app > 0 {
            out.extend_from_slice(format!("\\appid\\{}", self.game.steam_app).as_bytes());
        }
        out.push(0);
    }
}

impl Dialogue for MasterQuery {
    /// Returns proof by token for Xash3D's masters, which return the key. Other masters return nothing of the request.
    fn proof(&self) -> Proof {
        if self.is_xash3d() { Proof::Token { bits: 32 } } else { Proof::Address }
    }

    fn write_request(&mut self, attempt: Attempt, out: &mut Vec<u8>) {
        if self.is_xash3d() {
            self.write_xash3d_request(attempt.token.0 as u32, out);
        } else {
            self.write_valve_request(out);
        }
    }

    fn step(&mut self, servers: &mut ServerSet, reply: &Reply<'_>) -> Step<GameAnswer> {
        let Some((key, entries)) = split_list(reply.bytes) else { return Step::NotMine };
        if key.is_some() != self.is_xash3d() {
            return Step::NotMine;
        }
        let Ok(entries) = read_entries(entries, reply.from.ip().to_canonical().is_ipv6()) else {
            return Step::Malformed("the list ends in the middle of an address");
        };
        let is_end = |entry: &&SocketAddr| entry.port() == 0;
        let (before, real) = (self.list.len(), entries.iter().take_while(|entry| !is_end(entry)));
        real.clone().for_each(|entry| self.list.add(servers, reply.from, *entry));
        self.has_end |= entries.last().as_ref().is_some_and(is_end);
        self.datagrams += 1;
        if self.datagrams == MAX_LIST_DATAGRAMS || self.list.is_full() {
            return Step::Done(self.list.cut());
        }
        match real.last() {
            Some(last) if !self.has_end && !self.is_xash3d() => {
                self.take_page(reply.at, *last, self.list.len() > before)
            }
            _ => Step::More { quiet: LIST_GAP },
        }
    }

    /// Completes the list if its end was received before the pause.
    fn quiet(&mut self, tries_left: u32) -> Quiet<GameAnswer> {
        if self.has_end || tries_left == 0 {
            Quiet::Done(self.list.answer(self.has_end))
        } else {
            Quiet::Retry
        }
    }

    /// Returns the servers received from a master that stopped in the middle of its list.
    fn partial_answer(&mut self) -> Option<GameAnswer> {
        (self.datagrams > 0).then(|| self.list.answer(self.has_end))
    }

    /// Returns 16 datagrams of 1,400 bytes. A list of more than 3,700 servers exceeds that.
    fn reply_size(&self) -> ReplySize {
        ReplySize { datagrams: 16, bytes: 1400 }
    }

    fn host_gap(&self, _: &Game) -> Duration {
        MASTER_GAP
    }
}

/// Returns the key in a list.
pub(super) fn read_token(reply: &[u8]) -> Option<Token> {
    split_list(reply)?.0
}

/// Returns the key in one of our requests.
pub(super) fn read_request_token(request: &[u8]) -> Option<Token> {
    let digits = request.strip_prefix(REQUEST_WITH_KEY)?.get(..8)?;
    let key = u32::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?;
    Some(Token(key.into()))
}

/// Returns the key of a list, if it has one, and its entries.
fn split_list(reply: &[u8]) -> Option<(Option<Token>, &[u8])> {
    let list = reply.strip_prefix(LIST)?;
    let [KEY_START, key @ .., KEY_END] = list.get(..6)? else { return Some((None, list)) };
    let key = u32::from_le_bytes(key.try_into().ok()?);
    Some((Some(Token(key.into())), &list[6..]))
}

/// Reads the addresses of a list. A master with an IPv6 address lists only such addresses.
fn read_entries(entries: &[u8], with_ipv6: bool) -> Result<Vec<SocketAddr>, &'static str> {
    let mut fields = Fields::new(entries);
    let mut servers = Vec::with_capacity(entries.len() / 6);
    while !fields.is_empty() {
        let address = if with_ipv6 {
            let halves = [fields.u64_be()?, fields.u64_be()?].map(u128::from);
            Ipv6Addr::from_bits(halves[0] << 64 | halves[1]).into()
        } else {
            Ipv4Addr::from_bits(fields.u32_be()?).into()
        };
        servers.push(SocketAddr::new(address, fields.u16_be()?));
    }
    Ok(servers)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: &[u8] = b"\x0a\0\0\x01\x69\x87";
    const TWO: &[u8] = b"\x0a\0\0\x02\x69\x87";
    const END: &[u8] = &[0; 6];
    const MORE: Step<()> = Step::More { quiet: LIST_GAP };

    fn query(id: &str) -> MasterQuery {
        MasterQuery::new(Game::find(id).unwrap())
    }

    fn request(query: &mut MasterQuery, token: u64) -> Vec<u8> {
        let mut out = Vec::new();
        query.write_request(Attempt::first(Token(token)), &mut out);
        out
    }

    /// Processes a datagram, and returns the step without its answer, for comparison.
    fn step(query: &mut MasterQuery, servers: &mut ServerSet, from: &str, parts: &[&[u8]]) -> Step<()> {
        let datagram = [LIST, &parts.concat()].concat();
        query.step(servers, &Reply::to_first(from.parse().unwrap(), &datagram)).map(drop)
    }

    fn taken(servers: &mut ServerSet) -> Vec<String> {
        std::iter::from_fn(|| servers.take()).map(|(server, _)| server.to_string()).collect()
    }

    fn listed(quiet: Quiet<GameAnswer>) -> Option<(usize, bool)> {
        match quiet {
            Quiet::Done(GameAnswer::List { listed, complete, .. }) => Some((listed, complete)),
            _ => None,
        }
    }

    #[test]
    fn a_list_with_pages_is_continued_at_its_last_entry() {
        let (mut servers, mut master) = (ServerSet::default(), query("css"));
        assert_eq!(master.proof(), Proof::Address);
        assert_eq!(request(&mut master, 0), b"1\xff0.0.0.0:0\0\\appid\\240\0");
        assert_eq!(step(&mut master, &mut servers, "127.0.0.1:1", &[ONE, TWO]), Step::AskNext);
        assert_eq!(request(&mut master, 0), b"1\xff10.0.0.2:27015\0\\appid\\240\0");
        assert_eq!(step(&mut master, &mut servers, "127.0.0.1:1", &[ONE, END]), MORE);
        assert_eq!(taken(&mut servers), ["10.0.0.1:27015", "10.0.0.2:27015"]);
        assert_eq!(listed(master.quiet(2)), Some((2, true)));
    }

    #[test]
    fn a_master_that_falls_silent_loses_nothing() {
        let (mut servers, mut master) = (ServerSet::default(), query("css"));
        assert!(master.partial_answer().is_none());
        step(&mut master, &mut servers, "127.0.0.1:1", &[ONE]);
        assert_eq!(listed(master.quiet(1)), None);
        assert!(matches!(master.partial_answer(), Some(GameAnswer::List { listed: 1, complete: false, .. })));
    }

    #[test]
    fn xash3ds_master_returns_the_key() {
        let (mut servers, mut master) = (ServerSet::default(), query("xash3d"));
        assert_eq!(master.proof(), Proof::Token { bits: 32 });
        let request = request(&mut master, 0xffff_ffff_00be_ef01);
        assert_eq!(request, b"1\xff0.0.0.0:0\0\\key\\00beef01\\protocol\\49\\clver\\0.21\\nat\\0\0");
        assert_eq!(read_request_token(&request), Some(Token(0xbe_ef01)));
        assert_eq!(read_request_token(&request[..22]), None);
        let key = &b"\x7f\x01\xef\xbe\0\x08"[..];
        assert_eq!(read_token(&[LIST, key, ONE].concat()), Some(Token(0xbe_ef01)));
        assert_eq!(read_token(&[LIST, ONE].concat()), None);
        assert_eq!(step(&mut master, &mut servers, "127.0.0.1:1", &[ONE, END]), Step::NotMine, "no key");
        for part in [ONE, TWO] {
            assert_eq!(step(&mut master, &mut servers, "127.0.0.1:1", &[key, part, END]), MORE);
        }
        assert_eq!(taken(&mut servers).len(), 2);
        assert_eq!(listed(master.quiet(2)), Some((2, true)));
    }

    #[test]
    fn a_master_with_an_ipv6_address_lists_such_addresses() {
        let (mut servers, mut master) = (ServerSet::default(), query("xash3d"));
        let entry = b"\xfd\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x09\x69\x87";
        let key = b"\x7f\x01\0\0\0\x08";
        assert_eq!(step(&mut master, &mut servers, "[::1]:1", &[key, entry, &[0; 18]]), MORE);
        assert_eq!(taken(&mut servers), ["[fd00::9]:27015"]);
    }

    #[test]
    fn strange_lists_are_refused_and_endless_ones_end() {
        let (mut servers, mut master) = (ServerSet::default(), query("css"));
        let broken = Step::Malformed("the list ends in the middle of an address");
        assert_eq!(step(&mut master, &mut servers, "127.0.0.1:1", &[ONE, b"\x0a\0"]), broken);
        let other = Reply::to_first(([127, 0, 0, 1], 1).into(), b"\xff\xff\xff\xffI");
        assert!(matches!(master.step(&mut servers, &other), Step::NotMine));
        let mut master = query("xash3d");
        for _ in 1..MAX_LIST_DATAGRAMS {
            assert_eq!(step(&mut master, &mut servers, "127.0.0.1:1", &[b"\x7f\x01\0\0\0\x08", ONE]), MORE);
        }
        let last = step(&mut master, &mut servers, "127.0.0.1:1", &[b"\x7f\x01\0\0\0\x08", ONE]);
        assert_eq!(last, Step::Done(()));
        assert_eq!(step(&mut query("xash3d"), &mut servers, "127.0.0.1:1", &[b"\x7f\x01\0\0\0\x08"]), MORE);
    }

    #[test]
    fn a_page_that_adds_nothing_may_be_a_copy_and_another_one_ends_the_list() {
        let (mut servers, mut master) = (ServerSet::default(), query("css"));
        let mut page = |entries: &[&[u8]]| step(&mut master, &mut servers, "127.0.0.1:1", entries);
        assert_eq!([page(&[ONE]), page(&[ONE]), page(&[TWO])], [Step::AskNext, Step::NotMine, Step::AskNext]);
        assert_eq!([page(&[TWO]), page(&[ONE, TWO])], [Step::NotMine, Step::Done(())]);
        assert_eq!(servers.known(), 2);
        assert!(matches!(master.list.answer(false), GameAnswer::List { listed: 2, is_cut: false, .. }));
    }

    #[test]
    fn pages_are_requested_for_a_minute() {
        let (mut servers, mut master) = (ServerSet::default(), query("css"));
        for second in 0..=60 {
            let page = [LIST, &[10, 0, 1, second, 0x69, 0x87]].concat();
            let reply = Reply {
                at: Time::from_millis(5000 + 1000 * u64::from(second)),
                ..Reply::to_first(([127, 0, 0, 1], 1).into(), &page)
            };
            let step = master.step(&mut servers, &reply);
            if second < 60 {
                assert!(matches!(step, Step::AskNext), "{second}");
            } else {
                let cut = matches!(
                    step,
                    Step::Done(GameAnswer::List { listed: 61, complete: false, is_cut: true, .. })
                );
                assert!(cut, "{step:?}");
            }
        }
    }
}
