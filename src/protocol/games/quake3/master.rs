//! The lists of masters, each in several datagrams.

use std::net::SocketAddr;

use super::list::{ServerList, write_request};
use crate::protocol::games::Game;
use crate::protocol::games::list_query::{ListFormat, ListPart, ListQuery};

/// The request for a list and its reply.
#[derive(Debug)]
pub(super) struct GetServers {
    with_ipv6: bool,
}

/// Begins a conversation with a master.
pub(super) fn query(game: &'static Game, with_ipv6: bool) -> ListQuery<GetServers> {
    ListQuery::new(game, GetServers { with_ipv6 })
}

impl ListFormat for GetServers {
    const HAS_END: bool = true;

    fn write_request(&self, game: &Game, out: &mut Vec<u8>) {
        write_request(game, self.with_ipv6, out);
    }

    fn read(&self, game: &Game, datagram: &[u8], add: &mut dyn FnMut(SocketAddr)) -> ListPart {
        let is_ext = self.with_ipv6 && game.ext_name.is_some();
        if !ServerList::claims(datagram) {
            return ListPart::Other;
        }
        match ServerList::parse(datagram) {
            Ok(list) if list.is_ext == is_ext => {
                list.entries().for_each(add);
                ListPart::Entries { has_end: list.has_end }
            }
            Ok(_) => ListPart::Other,
            Err(reason) => ListPart::Broken(reason),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::games::GameAnswer;
    use crate::protocol::games::list_query::{LIST_GAP, MARKED_GAP, MAX_LIST_DATAGRAMS};
    use crate::protocol::games::servers::ServerSet;
    use crate::protocol::games::wire::Dialogue;
    use crate::protocol::{Quiet, Reply, Step};

    const ONE: &[u8] = b"\\\x0a\0\0\x01\x6d\x38";
    const TWO: &[u8] = b"\\\x0a\0\0\x02\x6d\x38";
    const THREE: &[u8] = b"\\\x0a\0\0\x03\x6d\x38";
    const END: &[u8] = b"\\EOT\0\0\0";
    const MORE: Step<()> = Step::More { quiet: LIST_GAP };
    const MARKED: Step<()> = Step::More { quiet: MARKED_GAP };

    fn list(parts: &[&[u8]]) -> Vec<u8> {
        [b"\xff\xff\xff\xffgetserversResponse", &parts.concat()[..]].concat()
    }

    fn query(id: &str, with_ipv6: bool) -> ListQuery<GetServers> {
        super::query(Game::find(id).unwrap(), with_ipv6)
    }

    /// Processes a datagram, and returns the step without its answer, for comparison.
    fn step(query: &mut ListQuery<GetServers>, servers: &mut ServerSet, datagram: &[u8]) -> Step<()> {
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
    fn an_end_mark_in_every_datagram_does_not_end_the_list() {
        let (mut servers, mut master) = (ServerSet::default(), query("et", false));
        assert_eq!(step(&mut master, &mut servers, &list(&[END])), MORE, "an empty list");
        assert_eq!(listed(master.quiet(2)), Some((0, true)));
        for _ in 0..2 {
            assert_eq!(step(&mut master, &mut servers, &list(&[ONE, END])), MARKED);
            assert_eq!(
                listed(master.quiet(2)),
                Some((1, true)),
                "a list of one datagram, which may come again"
            );
        }
        assert_eq!(step(&mut master, &mut servers, &list(&[TWO, END])), MARKED);
        assert_eq!(listed(master.quiet(2)), Some((2, false)), "it may be incomplete");
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
