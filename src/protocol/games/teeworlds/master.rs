//! A conversation with a master (`mastersrv.cpp`): the number of its servers, then their list, in several datagrams.
//! Version 0.7 exchanges tokens first.
//!
//! The list has no end mark, but the number shows whether it is complete. If a master does not send the number, the
//! next try requests the list, and the one after that requests the number again.

use std::net::{Ipv6Addr, SocketAddr};
use std::time::Duration;

use super::seven::{self, Handshake};
use super::{ENVELOPE, MAX_PACKET, OUT_OF_BAND};
use crate::protocol::games::list_query::LIST_GAP;
use crate::protocol::games::master_list::MasterList;
use crate::protocol::games::servers::ServerSet;
use crate::protocol::games::wire::Dialogue;
use crate::protocol::games::{Game, GameAnswer};
use crate::protocol::{Attempt, Proof, Quiet, Reply, ReplySize, Step};

/// The minimum time between two requests to one master. Masters have no limit of their own.
const MASTER_GAP: Duration = Duration::from_millis(250);
/// The maximum number of servers of a master (`MAX_SERVERS`). A full master refuses others.
const FULL: u16 = 1200;
/// The maximum number of datagrams accepted from one master; a list has at most 16 (`MAX_PACKETS`).
const MAX_DATAGRAMS: u32 = 256;

/// The list of one master, as received so far.
#[derive(Debug)]
pub(super) struct ListConversation {
    with_ipv6: bool,
    /// The exchange of tokens; `None` in version 0.6.
    handshake: Option<Handshake>,
    list: MasterList,
    /// The number of servers that the master has.
    count: Option<u16>,
    datagrams: u32,
}

impl ListConversation {
    pub(super) fn new(
        game: &'static Game,
        with_ipv6: bool,
        handshake: Option<Handshake>,
    ) -> ListConversation {
        ListConversation { with_ipv6, handshake, list: MasterList::new(game), count: None, datagrams: 0 }
    }

    /// Returns whether attempt `number` requests the number of servers.
    fn asks_count(&self, number: u32) -> bool {
        self.count.is_none() && number % 2 == 1
    }

    fn has_all(&self) -> bool {
        self.count.is_some_and(|count| self.list.len() >= usize::from(count))
    }

    fn answer(&self) -> GameAnswer {
        self.list.answer(self.has_all() && self.count != Some(FULL))
    }

    fn take_count(&mut self, body: &[u8]) -> Step<GameAnswer> {
        let Ok(count) = body.try_into() else {
            return Step::Malformed("the number of servers does not have two bytes");
        };
        self.count = Some(u16::from_be_bytes(count));
        // A master without servers sends no list.
        if self.has_all() { Step::Done(self.answer()) } else { Step::AskNext }
    }

    fn take_list(&mut self, servers: &mut ServerSet, master: SocketAddr, body: &[u8]) -> Step<GameAnswer> {
        for server in body.as_chunks().0.iter().map(address) {
            if server.is_ipv4() || self.with_ipv6 {
                self.list.add(servers, master, server);
            } else {
                self.list.leave_out(server);
            }
        }
        self.datagrams += 1;
        if self.has_all() || self.datagrams == MAX_DATAGRAMS || self.list.is_full() {
            return Step::Done(self.answer());
        }
        Step::More { quiet: LIST_GAP }
    }

    /// Returns the four letters of a reply, and what follows them.
    fn message<'a>(&self, reply: &'a [u8]) -> Option<(&'a [u8], &'a [u8])> {
        match self.handshake {
            Some(_) => seven::message(reply),
            None => reply.strip_prefix(ENVELOPE)?.strip_prefix(OUT_OF_BAND)?.split_at_checked(4),
        }
    }
}

impl Dialogue for ListConversation {
    /// Returns proof by token for version 0.7, which returns ours. Version 0.6 returns nothing; only the kind of the
    /// reply is known.
    fn proof(&self) -> Proof {
        if self.handshake.is_some() { Handshake::PROOF } else { Proof::Content }
    }

    fn write_request(&mut self, attempt: Attempt, out: &mut Vec<u8>) {
        let question = if self.asks_count(attempt.number) { b"cou2" } else { b"req2" };
        if let Some(handshake) = self.handshake {
            handshake.write_packet(attempt.token, out, |out| out.extend_from_slice(question));
        } else {
            out.extend_from_slice(ENVELOPE);
            out.extend_from_slice(OUT_OF_BAND);
            out.extend_from_slice(question);
        }
    }

    fn step(&mut self, servers: &mut ServerSet, reply: &Reply<'_>) -> Step<GameAnswer> {
        if let Some(handshake) = &mut self.handshake {
            if handshake.take_token(reply.bytes) {
                return Step::AskNext;
            }
            if !handshake.is_done() {
                return Step::NotMine;
            }
        }
        match self.message(reply.bytes) {
            Some((b"siz2", body)) if self.count.is_none() => self.take_count(body),
            Some((b"lis2", body)) => self.take_list(servers, reply.from, body),
            _ => Step::NotMine,
        }
    }

    /// Requests the list again while servers are missing; those received so far are kept.
    fn quiet(&mut self, tries_left: u32) -> Quiet<GameAnswer> {
        if tries_left == 0 { Quiet::Done(self.answer()) } else { Quiet::Retry }
    }

    fn partial_answer(&mut self) -> Option<GameAnswer> {
        (self.list.len() > 0).then(|| self.answer())
    }

    fn reply_size(&self) -> ReplySize {
        match self.handshake {
            Some(handshake) if !handshake.is_done() => Handshake::REPLY_SIZE,
            _ => ReplySize { datagrams: 16, bytes: MAX_PACKET as u32 },
        }
    }

    fn host_gap(&self, _: &Game) -> Duration {
        MASTER_GAP
    }
}

/// Returns the address in an entry: 16 bytes, in which an IPv4 address is mapped, and the port.
fn address(entry: &[u8; 18]) -> SocketAddr {
    let [ip @ .., high, low] = entry;
    SocketAddr::new(Ipv6Addr::from(*ip).to_canonical(), u16::from_be_bytes([*high, *low]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::Token;

    const HEAD: &[u8] = b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff";
    const MORE: Step<()> = Step::More { quiet: LIST_GAP };

    fn query(with_ipv6: bool) -> ListConversation {
        ListConversation::new(Game::find("teeworlds").unwrap(), with_ipv6, None)
    }

    fn request(query: &mut ListConversation, number: u32) -> Vec<u8> {
        let mut out = Vec::new();
        query.write_request(Attempt { number, ..Attempt::first(Token(7)) }, &mut out);
        out
    }

    fn step(query: &mut ListConversation, servers: &mut ServerSet, datagram: &[u8]) -> Step<()> {
        query.step(servers, &Reply::to_first(([127, 0, 0, 1], 8300).into(), datagram)).map(drop)
    }

    fn entry(server: &str) -> Vec<u8> {
        let server: SocketAddr = server.parse().unwrap();
        let ip = match server.ip() {
            std::net::IpAddr::V4(v4) => v4.to_ipv6_mapped(),
            std::net::IpAddr::V6(v6) => v6,
        };
        [&ip.octets()[..], &server.port().to_be_bytes()].concat()
    }

    fn list(servers: &[&str]) -> Vec<u8> {
        let entries: Vec<u8> = servers.iter().flat_map(|server| entry(server)).collect();
        [HEAD, b"lis2", &entries].concat()
    }

    fn count(count: u16) -> Vec<u8> {
        [HEAD, b"siz2", &count.to_be_bytes()].concat()
    }

    fn listed(answer: &GameAnswer) -> (usize, bool) {
        match answer {
            GameAnswer::List { listed, complete, .. } => (*listed, *complete),
            GameAnswer::Server { .. } => panic!("a list"),
        }
    }

    #[test]
    fn a_list_is_complete_when_it_has_as_many_servers_as_the_master() {
        let (mut master, mut servers) = (query(false), ServerSet::default());
        assert_eq!(request(&mut master, 1), [HEAD, b"cou2"].concat());
        assert_eq!(step(&mut master, &mut servers, &count(2)), Step::AskNext);
        assert_eq!(step(&mut master, &mut servers, &count(3)), Step::NotMine, "a copy");
        assert_eq!(request(&mut master, 1), [HEAD, b"req2"].concat());
        assert_eq!(step(&mut master, &mut servers, &list(&["10.0.0.1:8303"])), MORE);
        assert_eq!(servers.take().map(|(server, _)| server.to_string()).as_deref(), Some("10.0.0.1:8303"));
        assert!(matches!(master.quiet(1), Quiet::Retry));
        let Quiet::Done(answer) = master.quiet(0) else { panic!("the last try") };
        assert_eq!(listed(&answer), (1, false));
        let rest = list(&["10.0.0.1:8303", "10.0.0.2:8303"]);
        assert_eq!(step(&mut master, &mut servers, &rest), Step::Done(()));
        assert_eq!(listed(&master.answer()), (2, true));
    }

    #[test]
    fn servers_with_ipv6_count_even_if_they_are_not_wanted() {
        let both = list(&["10.0.0.1:8303", "[fd00::1]:8303"]);
        for (with_ipv6, wanted) in [(false, 1), (true, 2)] {
            let (mut master, mut servers) = (query(with_ipv6), ServerSet::default());
            step(&mut master, &mut servers, &count(2));
            assert_eq!(step(&mut master, &mut servers, &both), Step::Done(()));
            assert_eq!((listed(&master.answer()), servers.waiting()), ((wanted, true), wanted));
        }
    }

    #[test]
    fn without_the_number_the_list_is_still_requested() {
        let (mut master, mut servers) = (query(false), ServerSet::default());
        assert_eq!(request(&mut master, 2), [HEAD, b"req2"].concat());
        assert_eq!(step(&mut master, &mut servers, &list(&["10.0.0.1:8303"])), MORE);
        assert_eq!(request(&mut master, 3), [HEAD, b"cou2"].concat());
        assert_eq!(master.partial_answer().as_ref().map(listed), Some((1, false)));
        assert_eq!(step(&mut master, &mut servers, &count(1)), Step::Done(()));
    }

    #[test]
    fn an_empty_master_and_a_full_one_are_recognized() {
        let (mut master, mut servers) = (query(false), ServerSet::default());
        assert_eq!(step(&mut master, &mut servers, &count(0)), Step::Done(()));
        assert_eq!(listed(&master.answer()), (0, true));
        let mut master = query(false);
        step(&mut master, &mut servers, &count(FULL));
        for at in 0..FULL {
            step(&mut master, &mut servers, &list(&[&format!("10.0.{}.{}:8303", at >> 8, at & 0xff)]));
        }
        assert!(master.has_all());
        assert_eq!(listed(&master.answer()), (FULL.into(), false), "it may know more");
    }

    #[test]
    fn odd_replies_are_not_lists_and_endless_ones_end() {
        let (mut master, mut servers) = (query(false), ServerSet::default());
        for odd in [&b"\x21"[..], b"", b"\xff\xff\xff\xffgetserversResponse", &[HEAD, b"lis"].concat()] {
            assert_eq!(step(&mut master, &mut servers, odd), Step::NotMine);
        }
        let long = [HEAD, b"siz2\0\x01\0"].concat();
        assert!(matches!(step(&mut master, &mut servers, &long), Step::Malformed(_)));
        let cut = [&list(&["10.0.0.1:8303"])[..], b"\0\0\0"].concat();
        for _ in 1..MAX_DATAGRAMS {
            assert_eq!(step(&mut master, &mut servers, &cut), MORE);
        }
        assert_eq!(step(&mut master, &mut servers, &cut), Step::Done(()));
        assert_eq!(servers.known(), 1, "whole entries count");
    }

    #[test]
    fn version_7_exchanges_tokens_first() {
        let game = Game::find("teeworlds7").unwrap();
        let mut servers = ServerSet::default();
        let mut master = ListConversation::new(game, false, Some(Handshake::default()));
        assert_eq!(request(&mut master, 1).len(), 520);
        assert_eq!(step(&mut master, &mut servers, &count(1)), Step::NotMine);
        assert_eq!(step(&mut master, &mut servers, b"\x04\0\0\0\0\0\x07\x05abcd"), Step::AskNext);
        assert_eq!(request(&mut master, 1), b"\x21abcd\0\0\0\x07\xff\xff\xff\xffcou2");
        let reply = |text: &[u8]| [b"\x21\0\0\0\x07abcd\xff\xff\xff\xff", text].concat();
        assert_eq!(step(&mut master, &mut servers, &reply(b"siz2\0\x01")), Step::AskNext);
        let one = [b"lis2", &entry("10.0.0.1:8303")[..]].concat();
        assert_eq!(step(&mut master, &mut servers, &reply(&one)), Step::Done(()));
        assert_eq!(listed(&master.answer()), (1, true));
    }
}
