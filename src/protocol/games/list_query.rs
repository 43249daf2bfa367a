//! A conversation with a master: its list of servers, in one datagram or in several. A [`ListFormat`] has what differs
//! between wire protocols.

use std::fmt;
use std::net::SocketAddr;
use std::time::Duration;

use super::master_list::MasterList;
use super::servers::ServerSet;
use super::wire::Dialogue;
use super::{Game, GameAnswer};
use crate::protocol::{Attempt, Proof, Quiet, Reply, ReplySize, Step};

/// The time without a datagram after which a list is over. Masters send a whole list at once.
pub(super) const LIST_GAP: Duration = Duration::from_millis(300);
/// The same if every datagram so far has the end mark, as from older masters: then the mark proves nothing, and some of
/// these masters pause between datagrams.
pub(super) const MARKED_GAP: Duration = Duration::from_millis(1200);
/// The minimum time between two requests to one master. dpmaster's flood protection ignores the fifth request in quick
/// succession.
const MASTER_GAP: Duration = Duration::from_secs(1);
/// The maximum number of datagrams accepted from one master: no real list has that many.
pub(super) const MAX_LIST_DATAGRAMS: u32 = 2048;

/// The request and the reply of the masters of a wire protocol.
pub(super) trait ListFormat: fmt::Debug + Send + Sync {
    /// True if lists have an end mark, so that a list without it is requested again. If not, a list is complete when no
    /// further datagram of it arrives.
    const HAS_END: bool;

    fn write_request(&self, game: &Game, out: &mut Vec<u8>);

    /// Reads a datagram, and passes its entries to `add`; those of a malformed datagram are not passed.
    fn read(&self, game: &Game, datagram: &[u8], add: &mut dyn FnMut(SocketAddr)) -> ListPart;
}

/// The kind of a datagram from a master.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ListPart {
    /// Not part of the requested list.
    Other,
    /// Part of it, and malformed.
    Broken(&'static str),
    /// Part of it, perhaps with the end mark.
    Entries { has_end: bool },
}

/// The list of one master, as received so far.
#[derive(Debug)]
pub(super) struct ListQuery<F> {
    game: &'static Game,
    format: F,
    list: MasterList,
    datagrams: u32,
    /// True if a datagram had the end mark.
    has_end: bool,
    /// The number of datagrams with new entries, and the number of these with the end mark. A copy proves nothing.
    parts: u32,
    marked_parts: u32,
}

impl<F: ListFormat> ListQuery<F> {
    pub(super) fn new(game: &'static Game, format: F) -> ListQuery<F> {
        ListQuery {
            game,
            format,
            list: MasterList::new(game),
            datagrams: 0,
            has_end: false,
            parts: 0,
            marked_parts: 0,
        }
    }

    /// Returns whether each datagram has the end mark, so that the mark may not show the end.
    fn marks_each(&self) -> bool {
        self.parts > 0 && self.marked_parts == self.parts
    }

    /// Returns whether the list is known to be complete: not if each of several datagrams has the end mark.
    fn is_complete(&self) -> bool {
        !F::HAS_END || (self.has_end && (self.parts < 2 || !self.marks_each()))
    }
}

impl<F: ListFormat> Dialogue for ListQuery<F> {
    /// Returns proof by address: a master returns nothing of the request.
    fn proof(&self) -> Proof {
        Proof::Address
    }

    fn write_request(&mut self, _: Attempt, out: &mut Vec<u8>) {
        self.format.write_request(self.game, out);
    }

    fn step(&mut self, servers: &mut ServerSet, reply: &Reply<'_>) -> Step<GameAnswer> {
        let before = self.list.len();
        let (list, from) = (&mut self.list, reply.from);
        match self.format.read(self.game, reply.bytes, &mut |entry| list.add(servers, from, entry)) {
            ListPart::Other => return Step::NotMine,
            ListPart::Broken(reason) => return Step::Malformed(reason),
            ListPart::Entries { has_end } => {
                self.has_end |= has_end;
                let is_new = self.list.len() > before;
                self.parts += u32::from(is_new);
                self.marked_parts += u32::from(is_new && has_end);
            }
        }
        self.datagrams += 1;
        if self.datagrams == MAX_LIST_DATAGRAMS || self.list.is_full() {
            return Step::Done(self.list.cut());
        }
        Step::More { quiet: if self.marks_each() { MARKED_GAP } else { LIST_GAP } }
    }

    /// Completes the list if its end mark was received, or lists have none. Otherwise the list is requested again; the
    /// servers received so far are kept.
    fn quiet(&mut self, tries_left: u32) -> Quiet<GameAnswer> {
        if self.has_end || !F::HAS_END || tries_left == 0 {
            Quiet::Done(self.list.answer(self.is_complete()))
        } else {
            Quiet::Retry
        }
    }

    /// Returns 16 datagrams of 1,400 bytes. A list of more than 3,100 servers exceeds that.
    fn reply_size(&self) -> ReplySize {
        ReplySize { datagrams: 16, bytes: 1400 }
    }

    fn host_gap(&self, _: &Game) -> Duration {
        MASTER_GAP
    }
}

/// Passes entries of six bytes, address and port, to `add`. `port` decodes the bytes of a port.
pub(super) fn read_entries(
    entries: &[u8],
    port: fn([u8; 2]) -> u16,
    add: &mut dyn FnMut(SocketAddr),
) -> ListPart {
    let (entries, rest) = entries.as_chunks::<6>();
    // A master may end its text with a zero.
    if !matches!(rest, [] | [0]) {
        return ListPart::Broken("the list ends in the middle of an address");
    }
    for &[a, b, c, d, high, low] in entries {
        add(([a, b, c, d], port([high, low])).into());
    }
    ListPart::Entries { has_end: false }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug)]
    struct Plain;

    impl ListFormat for Plain {
        const HAS_END: bool = false;

        fn write_request(&self, game: &Game, out: &mut Vec<u8>) {
            out.extend_from_slice(game.id.as_bytes());
        }

        fn read(&self, _: &Game, datagram: &[u8], add: &mut dyn FnMut(SocketAddr)) -> ListPart {
            datagram
                .strip_prefix(b"list")
                .map_or(ListPart::Other, |entries| read_entries(entries, u16::from_be_bytes, add))
        }
    }

    fn step(query: &mut ListQuery<Plain>, servers: &mut ServerSet, datagram: &[u8]) -> Step<()> {
        query.step(servers, &Reply::to_first(([127, 0, 0, 1], 27000).into(), datagram)).map(drop)
    }

    #[test]
    fn a_list_without_an_end_mark_is_complete_after_a_pause() {
        let (mut servers, mut query) =
            (ServerSet::default(), ListQuery::new(Game::find("q3").unwrap(), Plain));
        for last in 1..=2 {
            let datagram = [&b"list\x0a\0\0"[..], &[last], b"\x6d\x38"].concat();
            assert_eq!(step(&mut query, &mut servers, &datagram), Step::More { quiet: LIST_GAP });
        }
        assert!(matches!(
            query.quiet(2),
            Quiet::Done(GameAnswer::List { listed: 2, complete: true, is_cut: false, .. })
        ));
        assert_eq!(servers.known(), 2);
    }

    #[test]
    fn a_broken_datagram_has_no_servers_and_others_are_not_part_of_the_list() {
        let (mut servers, mut query) =
            (ServerSet::default(), ListQuery::new(Game::find("q3").unwrap(), Plain));
        let cut = Step::Malformed("the list ends in the middle of an address");
        assert_eq!(step(&mut query, &mut servers, b"list\x0a\0\0\x01\x6d\x38\x0a\0"), cut);
        assert_eq!(step(&mut query, &mut servers, b"lost"), Step::NotMine);
        assert_eq!(servers.known(), 0);
        step(&mut query, &mut servers, b"list\x0a\0\0\x01\x6d\x38\0");
        assert_eq!(servers.known(), 1, "the zero at the end is not an address");
    }
}
