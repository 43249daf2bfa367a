//! A conversation with a master: its list of servers, in several datagrams.

use std::time::Duration;

use super::list::{ServerList, write_request};
use crate::protocol::games::master_list::MasterList;
use crate::protocol::games::servers::ServerSet;
use crate::protocol::games::wire::Dialogue;
use crate::protocol::games::{Game, GameAnswer};
use crate::protocol::{Attempt, Proof, Quiet, Reply, ReplySize, Step};

/// The time without a datagram after which a list is over whose end was marked. Masters send a whole list at once.
const LIST_GAP: Duration = Duration::from_millis(300);
/// The same if every datagram so far has the mark, as older masters send it: it tells nothing then, and some pause between
/// datagrams.
const MARKED_GAP: Duration = Duration::from_millis(1200);
/// The minimum time between two requests to one master. dpmaster's flood protection ignores the fifth request in quick
/// succession.
const MASTER_GAP: Duration = Duration::from_secs(1);
/// The maximum number of datagrams accepted from one master: no real list has that many.
const MAX_LIST_DATAGRAMS: u32 = 2048;

/// The list of one master, as received so far.
#[derive(Debug)]
pub(super) struct ListQuery {
    game: &'static Game,
    with_ipv6: bool,
    list: MasterList,
    datagrams: u32,
    /// The datagrams with the mark of the end.
    marked: u32,
}

impl ListQuery {
    pub(super) fn new(game: &'static Game, with_ipv6: bool) -> ListQuery {
        ListQuery { game, with_ipv6, list: MasterList::new(game), datagrams: 0, marked: 0 }
    }

    fn is_ext(&self) -> bool {
        self.with_ipv6 && self.game.ext_name.is_some()
    }

    /// Returns whether the mark is in each datagram, so that it does not show the end; with one datagram, it may be.
    fn marks_each(&self) -> bool {
        self.marked == self.datagrams
    }

    /// Returns whether the end of the list was marked. If each of several datagrams has the mark, nobody knows.
    fn is_complete(&self) -> bool {
        self.marked > 0 && (self.datagrams == 1 || !self.marks_each())
    }
}

impl Dialogue for ListQuery {
    /// Returns proof by address: a master returns nothing of the request.
    fn proof(&self) -> Proof {
        Proof::Address
    }

    fn write_request(&mut self, _: Attempt, out: &mut Vec<u8>) {
        write_request(self.game, self.with_ipv6, out);
    }

    fn step(&mut self, servers: &mut ServerSet, reply: &Reply<'_>) -> Step<GameAnswer> {
        if !ServerList::claims(reply.bytes) {
            return Step::NotMine;
        }
        let list = match ServerList::parse(reply.bytes) {
            Ok(list) if list.is_ext == self.is_ext() => list,
            Ok(_) => return Step::NotMine,
            Err(reason) => return Step::Malformed(reason),
        };
        list.entries().for_each(|entry| self.list.add(servers, reply.from, entry));
        self.datagrams += 1;
        self.marked += u32::from(list.has_end);
        if self.datagrams == MAX_LIST_DATAGRAMS || self.list.is_full() {
            return Step::Done(self.list.answer(false));
        }
        Step::More { quiet: if self.marks_each() { MARKED_GAP } else { LIST_GAP } }
    }

    /// Completes the list if a mark of the end was received and nothing arrived after it for a while. Without one, the list
    /// is requested again; the servers received so far are kept.
    fn quiet(&mut self, tries_left: u32) -> Quiet<GameAnswer> {
        if self.marked > 0 || tries_left == 0 {
            Quiet::Done(self.list.answer(self.is_complete()))
        } else {
            Quiet::Retry
        }
    }

    /// Returns 16 datagrams of 1,400 bytes. A list of more than 3,100 servers exceeds that.
    fn reply_size(&self) -> ReplySize {
        ReplySize { datagrams: 16, bytes: 1400 }
    }

    fn host_gap(&self) -> Duration {
        MASTER_GAP
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: &[u8] = b"\\\x0a\0\0\x01\x6d\x38";
    const TWO: &[u8] = b"\\\x0a\0\0\x02\x6d\x38";
    const THREE: &[u8] = b"\\\x0a\0\0\x03\x6d\x38";
    const END: &[u8] = b"\\EOT\0\0\0";
    const MORE: Step<()> = Step::More { quiet: LIST_GAP };
    const MARKED: Step<()> = Step::More { quiet: MARKED_GAP };

    fn list(parts: &[&[u8]]) -> Vec<u8> {
        [b"\xff\xff\xff\xffgetserversResponse", &parts.concat()[..]].concat()
    }

    fn query(id: &str, with_ipv6: bool) -> ListQuery {
        ListQuery::new(Game::find(id).unwrap(), with_ipv6)
    }

    /// Processes a datagram, and returns the step without its answer, for comparison.
    fn step(query: &mut ListQuery, servers: &mut ServerSet, datagram: &[u8]) -> Step<()> {
        query.step(servers, &Reply::to_first(([127, 0, 0, 1], 27950).into(), datagram)).map(drop)
    }

    fn taken(servers: &mut ServerSet) -> Option<String> {
        servers.take().map(|(server, game)| format!("{} {server}", game.id))
    }

    fn listed(quiet: Quiet<GameAnswer>) -> Option<(usize, bool)> {
        match quiet {
            Quiet::Done(GameAnswer::List { listed, complete, .. }) => Some((listed, complete)),
            _ => None,
        }
    }

    #[test]
    fn servers_of_a_list_can_be_queried_before_its_end() {
        let (mut servers, mut master) = (ServerSet::default(), query("et", false));
        assert_eq!(step(&mut master, &mut servers, &list(&[ONE])), MORE);
        assert_eq!(taken(&mut servers).as_deref(), Some("et 10.0.0.1:27960"));
        assert_eq!(step(&mut master, &mut servers, &list(&[ONE, TWO, END])), MORE);
        assert_eq!(taken(&mut servers).as_deref(), Some("et 10.0.0.2:27960"));
        assert_eq!(taken(&mut servers), None);
        assert_eq!(listed(master.quiet(2)), Some((2, true)));
    }

    #[test]
    fn a_list_without_its_end_is_requested_again_and_merged() {
        let (mut servers, mut master) = (ServerSet::default(), query("et", false));
        step(&mut master, &mut servers, &list(&[ONE]));
        assert_eq!(listed(master.quiet(1)), None);
        step(&mut master, &mut servers, &list(&[TWO]));
        assert_eq!(listed(master.quiet(0)), Some((2, false)));
        assert_eq!(servers.known(), 2);
    }

    #[test]
    fn an_end_in_every_datagram_does_not_end_the_list() {
        let (mut servers, mut master) = (ServerSet::default(), query("et", false));
        assert_eq!(step(&mut master, &mut servers, &list(&[ONE, END])), MARKED);
        assert_eq!(listed(master.quiet(2)), Some((1, true)), "a list of one datagram");
        assert_eq!(step(&mut master, &mut servers, &list(&[TWO, END])), MARKED);
        assert_eq!(listed(master.quiet(2)), Some((2, false)), "nobody knows");
        assert_eq!(step(&mut master, &mut servers, &list(&[THREE])), MORE);
        assert_eq!(listed(master.quiet(2)), Some((3, true)), "the order was changed on the way");
    }

    #[test]
    fn several_masters_and_the_users_targets_are_merged() {
        let mut servers = ServerSet::default();
        assert!(servers.insert("[::ffff:10.0.0.1]:27960".parse().unwrap()));
        assert!(!servers.insert("10.0.0.1:27960".parse().unwrap()));
        for id in ["et", "q3"] {
            let mut master = query(id, false);
            step(&mut master, &mut servers, &list(&[ONE, TWO, END]));
            assert_eq!(listed(master.quiet(0)), Some((2, true)));
        }
        assert_eq!(taken(&mut servers).as_deref(), Some("et 10.0.0.2:27960"));
        assert_eq!(taken(&mut servers), None);
    }

    #[test]
    fn only_the_requested_list_is_accepted_from_the_master() {
        let (mut servers, mut ext) = (ServerSet::default(), query("et", true));
        assert_eq!(step(&mut ext, &mut servers, &list(&[ONE])), Step::NotMine);
        let status = b"\xff\xff\xff\xffstatusResponse\n\\a\\b\n";
        assert_eq!(step(&mut ext, &mut servers, status), Step::NotMine);
        assert_eq!(
            step(&mut ext, &mut servers, b"\xff\xff\xff\xffgetserversExtResponse/12"),
            Step::Malformed("the list ends in the middle of an address")
        );
        assert_eq!(servers.known(), 0);
        assert_eq!(step(&mut query("cod4", true), &mut servers, &list(&[ONE])), MORE);
    }

    #[test]
    fn a_master_that_sends_endlessly_is_cut_off() {
        let (mut servers, mut master) = (ServerSet::default(), query("et", false));
        for _ in 1..MAX_LIST_DATAGRAMS {
            assert_eq!(step(&mut master, &mut servers, &list(&[ONE])), MORE);
        }
        assert_eq!(step(&mut master, &mut servers, &list(&[ONE])), Step::Done(()));
    }
}
