//! A conversation of version 1: one request, `\status\`, and a reply in one or several datagrams.
//!
//! Replies return nothing of the request. Each datagram ends with `\queryid\N.M`, where N is the server's number for
//! the reply and M that of the part, from 1; the last one also has `\final\`. So the replies to several attempts can be
//! distinguished. Some servers send no `queryid` (`gamespy1.js` of node-gamedig).

use std::collections::BTreeMap;
use std::time::Duration;

use super::super::servers::ServerSet;
use super::super::wire::{Dialogue, WireProtocol};
use super::super::{Game, GameAnswer, ServerInfo};
use super::games;
use super::keys::{self, Pairs};
use crate::protocol::{Attempt, Proof, Quiet, Reply, ReplySize, Step};

const REQUEST: &[u8] = b"\\status\\";

/// The maximum size of all datagrams together, in bytes. The largest servers, with 64 players, send 6 KB.
const MAX_BYTES: usize = 64 * 1024;
/// The maximum number of replies: more than there are attempts.
const MAX_REPLIES: usize = 16;
const MAX_PART: u32 = 127;
/// The time without a datagram after which a reply is over. Servers send all parts at once.
const BETWEEN_PARTS: Duration = Duration::from_millis(300);

/// The wire protocol of games with version 1.
pub(in super::super) static VERSION_1: WireProtocol = WireProtocol {
    name: "gamespy1",
    lists_players: true,
    games: || games::VERSION_1,
    server: |question| Box::new(PlainDialogue::new(question.game)),
    master: None,
    read_token: |_| None,
    read_request_token: |_| None,
};

/// A conversation with a server.
#[derive(Debug)]
struct PlainDialogue {
    game: &'static Game,
    replies: Vec<PlainReply>,
    bytes: usize,
    latest: Box<[u8]>,
    /// The number of players listed after the previous attempt.
    listed: Option<usize>,
}

/// A reply, as far as it has been received.
#[derive(Debug, Default)]
struct PlainReply {
    /// The server's number; `None` if it sends none. Then parts are numbered as they arrive.
    id: Option<u32>,
    parts: BTreeMap<u32, Box<[u8]>>,
    has_final: bool,
    /// The number of the last part, if it is known.
    last: Option<u32>,
}

impl PlainDialogue {
    fn new(game: &'static Game) -> PlainDialogue {
        PlainDialogue { game, replies: Vec::new(), bytes: 0, latest: Box::default(), listed: None }
    }

    /// Adds a datagram to its reply. Returns the reply.
    fn add(&mut self, datagram: &[u8]) -> Result<&PlainReply, &'static str> {
        let text = datagram.strip_prefix(b"\\").ok_or("the reply does not begin with a backslash")?;
        let mut number = None;
        let mut has_final = false;
        for (key, value) in Pairs::new(text) {
            match key {
                b"queryid" => number = part_number(value),
                b"final" => has_final = true,
                _ => {}
            }
        }
        let id = number.map(|(id, _)| id);
        let at = match self.replies.iter().position(|reply| reply.id == id) {
            Some(at) => at,
            None if self.replies.len() < MAX_REPLIES => {
                self.replies.push(PlainReply { id, ..PlainReply::default() });
                self.replies.len() - 1
            }
            None => return Err("there are too many replies"),
        };
        self.bytes += text.len();
        if self.bytes > MAX_BYTES {
            return Err("the status is too large");
        }
        self.latest = datagram.into();
        let reply = &mut self.replies[at];
        reply.add(number.map(|(_, part)| part), text, has_final);
        Ok(reply)
    }

    /// Describes the server by all parts. Also returns whether nothing is missing.
    fn describe(&self) -> Option<(ServerInfo, bool)> {
        let all = JoinedParts::of(&self.replies);
        let mut info = all.describe(self.game)?;
        let reason = match &all {
            _ if all.is_mixed() => Some("part of the reply is cut off, or has no number"),
            _ if all.has_gap() || super::names_nothing(&info) || (info.truncated && !all.has_final) => {
                Some("part of the reply is missing")
            }
            _ => None,
        };
        if let Some(reason) = reason {
            info.truncated = true;
            info.remarks.push(reason.into());
        }
        let is_whole = !info.truncated;
        Some((info, is_whole))
    }

    fn answer(&self, info: ServerInfo) -> GameAnswer {
        GameAnswer::server(info, &self.latest)
    }
}

impl PlainReply {
    fn add(&mut self, number: Option<u32>, text: &[u8], has_final: bool) {
        let is_known = number.is_none() && self.parts.values().any(|part| **part == *text);
        if !is_known {
            let number = number.unwrap_or(self.parts.len() as u32 + 1);
            self.parts.insert(number, text.into());
            if has_final && self.id.is_some() {
                self.last = Some(number);
            }
        }
        self.has_final |= has_final;
    }

    /// Returns whether the numbers show that all parts have been received.
    fn is_complete(&self) -> bool {
        self.last.is_some() && !has_gap(&self.parts, self.last)
    }
}

/// The parts of all replies.
#[derive(Debug, Default)]
struct JoinedParts<'a> {
    /// The parts with numbers: those of the fullest reply; what is missing comes from the others.
    numbered: BTreeMap<u32, &'a [u8]>,
    last: Option<u32>,
    has_final: bool,
    /// The parts without numbers; none if they are not needed.
    loose: Vec<&'a [u8]>,
}

impl<'a> JoinedParts<'a> {
    fn of(replies: &'a [PlainReply]) -> JoinedParts<'a> {
        let numbered = || replies.iter().filter(|reply| reply.id.is_some());
        let loose = replies.iter().find(|reply| reply.id.is_none());
        let best = numbered().max_by_key(|reply| reply.parts.len());
        let mut all = JoinedParts::default();
        for reply in best.into_iter().chain(numbered()) {
            all.last = all.last.or(reply.last);
            for (&number, part) in &reply.parts {
                all.numbered.entry(number).or_insert(part);
            }
        }
        all.has_final = best.or(loose).is_some_and(|reply| reply.has_final);
        // Beside a complete reply, a part without a number is one of its own that was cut off in another attempt.
        if all.last.is_none() || all.has_gap() {
            all.loose.extend(loose.iter().flat_map(|reply| reply.parts.values()).map(|part| &**part));
        }
        all
    }

    /// Returns whether only some parts have a number: the others are cut off before it, or a server of its own kind has
    /// sent them. Then nobody knows whether all parts are there.
    fn is_mixed(&self) -> bool {
        !self.numbered.is_empty() && !self.loose.is_empty()
    }

    fn has_gap(&self) -> bool {
        !self.numbered.is_empty() && has_gap(&self.numbered, self.last)
    }

    fn describe(&self, game: &'static Game) -> Option<ServerInfo> {
        let numbered = || self.numbered.values().flat_map(|part| Pairs::new(part));
        let loose = |cut: usize| {
            self.loose.iter().flat_map(move |part| {
                let mut pairs: Vec<_> = Pairs::new(part).collect();
                pairs.truncate(pairs.len() - cut);
                pairs
            })
        };
        // The last value of a part that lacks its number may be cut off: half a number is another number.
        let cut = usize::from(self.is_mixed());
        let described = keys::describe(game, numbered().chain(loose(cut)));
        // Half a name is better than no server.
        let with_cut = || keys::describe(game, numbered().chain(loose(0))).ok();
        described.ok().or_else(|| with_cut().filter(|info| !super::names_nothing(info)))
    }
}

/// Returns whether a part before the last one, or between two others, is missing.
fn has_gap<T>(parts: &BTreeMap<u32, T>, last: Option<u32>) -> bool {
    let first = u32::from(!parts.contains_key(&0));
    let last = last.or(parts.keys().next_back().copied()).unwrap_or_default();
    !(first..=last).all(|number| parts.contains_key(&number))
}

/// Reads the number of a reply and that of its part.
fn part_number(value: &[u8]) -> Option<(u32, u32)> {
    let (id, part) = std::str::from_utf8(value).ok()?.trim().split_once('.')?;
    let part = part.parse().ok().filter(|&part| part <= MAX_PART)?;
    Some((id.parse().ok()?, part))
}

impl Dialogue for PlainDialogue {
    fn proof(&self) -> Proof {
        Proof::Address
    }

    fn write_request(&mut self, _: Attempt, out: &mut Vec<u8>) {
        out.extend_from_slice(REQUEST);
    }

    fn step(&mut self, _: &mut ServerSet, reply: &Reply<'_>) -> Step<GameAnswer> {
        let (is_complete, may_be_complete) = match self.add(reply.bytes) {
            Ok(reply) => (reply.is_complete(), reply.id.is_none() && reply.has_final),
            Err(reason) => return Step::Malformed(reason),
        };
        match self.describe() {
            Some((info, is_whole)) if is_complete || (may_be_complete && is_whole) => {
                Step::Done(self.answer(info))
            }
            None if is_complete => Step::Malformed(super::NO_SERVER),
            _ => Step::More { quiet: BETWEEN_PARTS },
        }
    }

    fn quiet(&mut self, tries_left: u32) -> Quiet<GameAnswer> {
        let Some((info, is_whole)) = self.describe() else { return Quiet::Retry };
        // Without numbers, another attempt shows whether parts were lost: if it adds no player, none were.
        let is_numbered = self.replies.iter().any(|reply| reply.id.is_some());
        let listed = info.player_list.len();
        let is_same = self.listed.replace(listed) == Some(listed) && !super::names_nothing(&info);
        let is_final = !is_numbered && is_same;
        if tries_left == 0 || is_final || is_whole { Quiet::Done(self.answer(info)) } else { Quiet::Retry }
    }

    fn partial_answer(&mut self) -> Option<GameAnswer> {
        self.describe().map(|(info, _)| self.answer(info))
    }

    fn reply_size(&self) -> ReplySize {
        ReplySize { datagrams: 3, bytes: 1400 }
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::talk::Talk;
    use super::*;

    const FIRST: &[u8] = b"\\hostname\\A\\mapname\\b\\numplayers\\2\\queryid\\20.1";
    const SECOND: &[u8] = b"\\player_0\\Ann\\frags_0\\3\\queryid\\20.2";
    const THIRD: &[u8] = b"\\player_1\\Bob\\final\\\\queryid\\20.3";
    const MORE: Step<()> = Step::More { quiet: BETWEEN_PARTS };

    fn names(info: &ServerInfo) -> Vec<&str> {
        info.player_list.iter().map(|player| player.name.as_str()).collect()
    }

    #[test]
    fn parts_are_joined_in_any_order() {
        for order in [[FIRST, SECOND, THIRD], [THIRD, FIRST, SECOND], [SECOND, THIRD, FIRST]] {
            let mut talk = Talk::with("ut");
            assert_eq!((talk.proof(), talk.request(1)), (Proof::Address, REQUEST.to_vec()));
            assert_eq!((talk.step(order[0]), talk.step(order[1])), (MORE, MORE));
            assert_eq!(talk.step(order[1]), MORE, "a copy");
            let info = talk.answer(order[2]);
            assert_eq!((names(&info), info.truncated, info.players), (vec!["Ann", "Bob"], false, 2));
        }
    }

    #[test]
    fn final_may_follow_the_number_and_parts_may_begin_with_0() {
        let whole = Talk::with("ut").answer(b"\\hostname\\A\\numplayers\\0\\queryid\\7.1\\final\\");
        assert_eq!((whole.players, whole.truncated), (0, false));
        let mut talk = Talk::with("ut");
        assert_eq!(talk.step(b"\\hostname\\A\\numplayers\\1\\queryid\\7.0"), MORE);
        assert_eq!(names(&talk.answer(b"\\player_0\\Ann\\queryid\\7.1\\final\\")), ["Ann"]);
    }

    #[test]
    fn without_numbers_the_player_list_shows_whether_all_parts_arrived() {
        let mut talk = Talk::with("ut");
        assert_eq!(talk.step(b"\\hostname\\A\\numplayers\\1"), MORE);
        assert_eq!(names(&talk.answer(b"\\player_0\\Ann\\final\\")), ["Ann"]);
        let mut talk = Talk::with("ut");
        assert_eq!(talk.step(b"\\player_0\\Ann\\final\\"), MORE, "the parts may be swapped");
        assert!(talk.quiet(1).is_none());
        let partial = talk.partial().unwrap();
        assert_eq!((names(&partial), partial.name.as_deref(), partial.truncated), (vec!["Ann"], None, true));
        let info = talk.answer(b"\\hostname\\A\\numplayers\\1");
        assert_eq!((names(&info), info.truncated, info.remarks.len()), (vec!["Ann"], false, 0));
        let mut talk = Talk::with("ut");
        assert_eq!(talk.step(b"\\hostname\\A\\numplayers\\9\\player_0\\Ann\\final\\"), MORE);
        assert!(talk.quiet(2).is_none(), "a part may be lost");
        assert!(talk.quiet(1).unwrap().truncated, "it was the same again");
    }

    #[test]
    fn missing_parts_are_requested_again_and_then_given_up() {
        let mut talk = Talk::with("ut");
        talk.step(FIRST);
        talk.step(THIRD);
        assert!(talk.quiet(1).is_none());
        let partial = talk.quiet(0).unwrap();
        assert_eq!((names(&partial), partial.truncated), (vec!["Bob"], true));
        assert_eq!(partial.remarks, ["1 of 2 players are listed", "part of the reply is missing"]);
        // A part of another reply fills the gap.
        assert_eq!(talk.step(b"\\player_0\\Cy\\queryid\\21.2"), MORE);
        let filled = talk.quiet(1).unwrap();
        assert_eq!((names(&filled), filled.truncated), (vec!["Cy", "Bob"], false));
    }

    #[test]
    fn parts_with_and_without_numbers_describe_one_server() {
        let mixed = "part of the reply is cut off, or has no number";
        for order in [[0, 1], [1, 0]] {
            let parts = [
                &b"\\hostname\\A\\mapname\\b\\numplayers\\1\\player_0\\Ann\\frags_0\\31"[..],
                b"\\final\\\\queryid\\4.2",
            ];
            let mut talk = Talk::with("ut");
            assert_eq!(order.map(|part| talk.step(parts[part])), [MORE; 2]);
            assert!(talk.quiet(2).is_none());
            let info = talk.quiet(0).unwrap();
            assert_eq!((info.name.as_deref(), info.map.as_deref(), info.players), (Some("A"), Some("b"), 1));
            assert_eq!((names(&info), info.player_list[0].score), (vec!["Ann"], None), "it may be 310");
            assert!(info.truncated && info.remarks == [mixed], "{:?}", info.remarks);
        }
    }

    #[test]
    fn no_cut_of_a_part_loses_the_server() {
        for cut in 0..FIRST.len() {
            let mut talk = Talk::with("ut");
            talk.step(&FIRST[..cut]);
            assert_eq!([talk.step(SECOND), talk.step(THIRD)], [MORE; 2], "{cut}");
            assert!(talk.quiet(1).is_none());
            let info = talk.quiet(0).unwrap();
            assert_eq!((names(&info), info.players, info.truncated), (vec!["Ann", "Bob"], 2, true), "{cut}");
            assert!(!info.remarks.is_empty());
            let name = b"\\hostname\\A".len();
            assert_eq!(info.name.as_deref(), (cut > name).then_some("A"), "{cut}");
            // The next attempt has all of it.
            for part in [FIRST, SECOND] {
                talk.step(part);
            }
            let whole = talk.quiet(0).unwrap();
            assert_eq!((whole.name.as_deref(), whole.truncated, whole.remarks.len()), (Some("A"), false, 0));
        }
    }

    #[test]
    fn half_a_number_is_no_number_and_half_a_name_is_a_name() {
        let read = |cut: &[u8]| {
            let mut talk = Talk::with("mohaa");
            assert_eq!([talk.step(cut), talk.step(b"\\final\\\\queryid\\4.2")], [MORE; 2]);
            talk.quiet(0).map(|info| (info.name.unwrap_or_default(), info.players, info.max_players))
        };
        assert_eq!(read(b"\\maxplayers\\45\\numplayers\\2"), Some((String::new(), 0, Some(45))));
        assert_eq!(read(b"\\gamename\\mohaa\\maxplayers\\4"), None, "it may be 45");
        assert_eq!(read(b"\\gamename\\mohaa\\hostname\\Ho"), Some(("Ho".into(), 0, None)));
    }

    #[test]
    fn a_reply_without_an_end_is_complete_if_nobody_is_missing() {
        let mut talk = Talk::with("ut");
        assert_eq!(talk.step(b"\\hostname\\A\\numplayers\\1\\player_0\\Ann\\queryid\\3.1"), MORE);
        let info = talk.quiet(2).unwrap();
        assert_eq!((names(&info), info.remarks.len()), (vec!["Ann"], 0));
    }

    #[test]
    fn datagrams_that_are_not_a_status_are_refused() {
        let mut talk = Talk::with("ut");
        assert!(matches!(talk.step(b"hostname\\A"), Step::Malformed(_)));
        assert!(matches!(talk.step(b""), Step::Malformed(_)));
        assert_eq!(talk.step(REQUEST), MORE, "our own request");
        assert!(talk.quiet(0).is_none() && talk.partial().is_none());
        assert_eq!(talk.step(b"\\queryid\\1.1\\final\\"), Step::Malformed(super::super::NO_SERVER));
        for id in 0..100 {
            talk.step(format!("\\hostname\\A\\queryid\\{id}.2").as_bytes());
        }
        assert_eq!(
            talk.step(b"\\hostname\\A\\queryid\\100.1"),
            Step::Malformed("there are too many replies")
        );
    }
}
