//! `statusResponse`: a server's reply, read in place.
//!
//! The format is ioquake3's `SVC_Status` (`sv_main.c`): an info string `\key\value…` on one line, then a line for each
//! player. An odd line does not affect the others.

use super::OUT_OF_BAND;
use super::counts::{Counts, Listed, Reported};
use super::info_string::InfoString;
use super::players::{Line, Players};
use super::slots::Slots;

/// A server's status, borrowed from the datagram. Reading it allocates nothing.
///
/// ```
/// use allears::protocol::games::quake3::Status;
///
/// let datagram = b"\xff\xff\xff\xffstatusResponse\n\\sv_hostname\\^1Home\\mapname\\oasis\n12 48 \"Ann\"\n";
/// let status = Status::parse(datagram)?;
/// assert_eq!(status.rule("mapname"), Some(&b"oasis"[..]));
/// let player = status.players().next().ok_or("nobody")?;
/// assert_eq!((player.name, player.score, player.ping), (&b"Ann"[..], Some(12.0), Some(48)));
/// # Ok::<(), &'static str>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Status<'a> {
    datagram: &'a [u8],
    layout: Layout<'a>,
}

/// The parts of a parsed datagram, and some counts.
#[derive(Clone, Copy, Debug, Default)]
struct Layout<'a> {
    /// The start of the info string.
    info: usize,
    /// Its end. Player lines follow.
    info_end: usize,
    /// The end of these lines.
    lines_end: usize,
    /// The rules about the server's slots.
    slots: Slots<'a>,
    reported: Reported,
    /// The players in the list, and further lines that describe a player but cannot be read.
    players: usize,
    unreadable: usize,
    /// The lines that are odd, the unreadable ones included.
    odd: usize,
    pings_zero: usize,
    /// The players whose lines say whether they are bots, and those of them that are.
    declared: usize,
    declared_bots: usize,
    /// True if the datagram ends within the info string, or within a line.
    is_cut: bool,
    bots_have_ping_zero: bool,
}

impl<'a> Status<'a> {
    /// Returns whether a datagram has the header of a status. Cheap; checks nothing else.
    pub fn claims(datagram: &[u8]) -> bool {
        body(datagram).is_some()
    }

    /// Parses a datagram. Which players are bots may depend on the game: see [`Status::with_bots_at_ping_zero`].
    ///
    /// # Errors
    /// The reason why it is not a status, or describes no server. Odd lines and a truncated list of players are not
    /// errors: see [`Status::odd_lines`] and [`Status::truncated`].
    pub fn parse(datagram: &'a [u8]) -> Result<Status<'a>, &'static str> {
        let body = body(datagram).ok_or("not a statusResponse")?;
        let mut layout = Layout { info: datagram.len() - body.len(), ..Layout::default() };
        layout.read_info(datagram)?;
        layout.read_players(datagram);
        Ok(Status { datagram, layout })
    }

    /// Returns the same status. With `true`, players with ping 0 count as bots, for games whose servers report ping 0
    /// for bots and for no one else ([`Game::bots_have_ping_zero`](crate::protocol::games::Game::bots_have_ping_zero)).
    pub fn with_bots_at_ping_zero(mut self, are_bots: bool) -> Status<'a> {
        self.layout.bots_have_ping_zero = are_bots;
        self
    }

    /// Returns the server's settings, keys and values, in its order: any bytes but `\` and line feeds.
    pub fn rules(&self) -> InfoString<'a> {
        InfoString { rest: &self.datagram[self.layout.info..self.layout.info_end] }
    }

    /// Returns the value of the first rule with this key, ignoring case.
    pub fn rule(&self, key: &str) -> Option<&'a [u8]> {
        self.rules().find(|(name, _)| name.eq_ignore_ascii_case(key.as_bytes())).map(|(_, value)| value)
    }

    /// Returns the number of players, bots included. They may not all be in the list: see [`Status::truncated`].
    pub fn player_count(&self) -> usize {
        self.counts().players
    }

    /// Returns the number of bots among them; `None` if unknown.
    pub fn bots(&self) -> Option<usize> {
        self.counts().bots
    }

    /// Returns the listed players in the server's order.
    pub fn players(&self) -> Players<'a> {
        let Layout { info_end, lines_end, players, pings_zero, .. } = self.layout;
        let counts = self.counts();
        let bots = match counts.bots {
            Some(0) => Bots::None,
            _ if counts.lists_people_only => Bots::None,
            Some(bots) if bots == players => Bots::All,
            Some(bots) if bots == pings_zero => Bots::AtPingZero,
            _ => Bots::Unknown,
        };
        let slots = self.slots(counts.truncated).unwrap_or_default();
        let lines = &self.datagram[(info_end + 1).min(lines_end)..lines_end];
        Players::new(lines, slots, bots)
    }

    /// Returns whether players are missing from the list: it ends within a line, a line cannot be read, or the server
    /// counts more players than it lists.
    pub fn truncated(&self) -> bool {
        self.counts().truncated
    }

    /// Returns the number of lines that are not as the game writes them. What could be read of them is in the list.
    pub fn odd_lines(&self) -> usize {
        self.layout.odd
    }

    /// Returns whether the datagram ends within the settings, so that there is no list.
    pub fn is_without_list(&self) -> bool {
        self.layout.info_end >= self.datagram.len()
    }

    /// Returns whether the list leaves out the bots, and only these.
    pub fn lists_people_only(&self) -> bool {
        self.counts().lists_people_only
    }

    pub(super) fn reported(&self) -> Reported {
        self.layout.reported
    }

    pub(super) fn listed(&self) -> Listed {
        let Layout { players, unreadable, pings_zero, declared, declared_bots, is_cut, .. } = self.layout;
        let bots = if declared == players {
            Some(declared_bots)
        } else if let Some(slots) = self.slots(is_cut) {
            slots.bots().or(self.layout.bots_have_ping_zero.then_some(pings_zero))
        } else {
            self.layout.bots_have_ping_zero.then_some(pings_zero)
        };
        Listed { players, unreadable, bots, is_cut }
    }

    fn counts(&self) -> Counts {
        self.layout.reported.counts(self.listed())
    }

    /// Returns the rules about slots, if they match the list. The part of a list before a cut is still in the order of
    /// the slots.
    fn slots(&self, truncated: bool) -> Option<Slots<'a>> {
        let lines = self.layout.players + self.layout.unreadable;
        let taken = self.layout.slots.taken();
        (taken == lines || (truncated && taken > lines)).then_some(self.layout.slots)
    }
}

/// The way to recognize the bots of a list whose lines do not declare them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Bots {
    None,
    All,
    AtPingZero,
    Unknown,
}

impl<'a> Layout<'a> {
    fn read_info(&mut self, datagram: &'a [u8]) -> Result<(), &'static str> {
        let mut rules = InfoString { rest: &datagram[self.info..] };
        let mut describes = false;
        for (key, value) in rules.by_ref() {
            self.reported.read(key, value);
            self.slots.read(key, value);
            describes |= matches!(key, b"sv_hostname" | b"hostname" | b"mapname");
        }
        self.info_end = datagram.len() - rules.rest.len();
        match rules.rest.first() {
            Some(b'\n') => Ok(()),
            Some(_) => Err("the info string does not begin with a backslash"),
            None if !describes => Err("the end of the info string is missing"),
            None => {
                self.is_cut = self.reported.clients != Some(0);
                Ok(())
            }
        }
    }

    fn read_players(&mut self, datagram: &[u8]) {
        let mut rest = datagram.get(self.info_end + 1..).unwrap_or_default();
        while let Some(end) = rest.iter().position(|&byte| byte == b'\n') {
            self.count(&Line::parse(&rest[..end]));
            rest = &rest[end + 1..];
        }
        self.lines_end = datagram.len() - rest.len();
        // Some servers also send the terminating zero of the string.
        let zeros = rest.iter().rev().take_while(|&&byte| byte == 0).count();
        let last = &rest[..rest.len() - zeros];
        match Line::parse(last) {
            Line::Empty => {}
            // Its closing quote shows that it is whole.
            line @ Line::Player(_) if line.is_closed() => {
                self.count(&line);
                self.lines_end += last.len();
            }
            _ => self.is_cut = true,
        }
    }

    fn count(&mut self, line: &Line<'_>) {
        match line {
            Line::Empty => {}
            Line::Unreadable { is_player } => {
                self.unreadable += usize::from(*is_player);
                self.odd += 1;
            }
            Line::Player(player) => {
                self.players += 1;
                self.odd += usize::from(player.is_odd);
                self.pings_zero += usize::from(player.ping == Some(0));
                self.declared += usize::from(player.bot.is_some());
                self.declared_bots += usize::from(player.bot == Some(true));
            }
        }
    }
}

/// Returns the challenge of a status; the first one if there are several. Reads the info string only as far as it must,
/// key by key: a `challenge` within a value or a player's name is ignored.
pub(super) fn challenge(datagram: &[u8]) -> Option<&[u8]> {
    InfoString { rest: body(datagram)? }.challenge()
}

fn body(datagram: &[u8]) -> Option<&[u8]> {
    datagram.strip_prefix(OUT_OF_BAND)?.strip_prefix(b"statusResponse\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn datagram(info: &str, lines: &str) -> Vec<u8> {
        [b"\xff\xff\xff\xffstatusResponse\n", info.as_bytes(), b"\n", lines.as_bytes()].concat()
    }

    #[test]
    fn rules_are_found_in_any_case_and_the_first_one_is_used() {
        let datagram = datagram("\\SV_HostName\\a\\sv_hostname\\b\\empty\\\\sv_maxclients\\20\\odd", "");
        let status = Status::parse(&datagram).unwrap();
        assert_eq!(status.rule("sv_hostname"), Some(&b"a"[..]));
        assert_eq!(status.rule("EMPTY"), Some(&b""[..]));
        assert_eq!(status.rule("odd"), Some(&b""[..]));
        assert_eq!((status.rule("sv_maxclients"), status.rule("mapname")), (Some(&b"20"[..]), None));
        assert_eq!(status.rules().count(), 5);
        assert_eq!((status.player_count(), status.bots(), status.truncated()), (0, Some(0), false));
    }

    #[test]
    fn info_strings_can_contain_any_bytes() {
        let bytes: Vec<u8> = (0..=255).filter(|byte| !b"\\\n".contains(byte)).collect();
        let mut datagram = b"\xff\xff\xff\xffstatusResponse\n\\sv_hostname\\".to_vec();
        datagram.extend_from_slice(&bytes);
        datagram.push(b'\n');
        assert_eq!(Status::parse(&datagram).unwrap().rule("sv_hostname"), Some(&bytes[..]));
    }

    #[test]
    fn p_gives_the_teams_only_if_it_matches_the_list() {
        let three = "0 5 \"a\"\n0 5 \"b\"\n0 5 \"c\"\n";
        let teams = |info: &str, lines: &str| -> Vec<Option<u8>> {
            let datagram = datagram(info, lines);
            let status = Status::parse(&datagram).unwrap();
            status.players().map(|player| player.team).collect()
        };
        assert_eq!(teams("\\P\\1-2-3---\\x\\y", three), [Some(1), Some(2), Some(3)]);
        assert_eq!(teams("\\P\\1-2", three), [None; 3]);
        assert_eq!(teams("\\P\\1-2333", three), [None; 3]);
        assert_eq!(teams("\\P\\1-x3", three), [None; 3]);
        assert_eq!(teams("\\P\\1-233", &format!("{three}0 5 \"d")), [Some(1), Some(2), Some(3)]);
    }

    #[test]
    fn bots_are_recognized_if_possible() {
        let bots = |info: &str, at_ping_zero| {
            let datagram = datagram(info, "1 0 \"a\"\n2 0 \"b\"\n3 40 \"c\"\n");
            let status = Status::parse(&datagram).unwrap().with_bots_at_ping_zero(at_ping_zero);
            (status.bots(), status.players().map(|player| player.bot).collect::<Vec<_>>())
        };
        let (yes, no) = (Some(true), Some(false));
        assert_eq!(bots("", false), (None, vec![None; 3]));
        assert_eq!(bots("", true), (Some(2), vec![yes, yes, no]));
        assert_eq!(bots("\\bots\\2", false), (Some(2), vec![yes, yes, no]));
        assert_eq!(bots("\\bots\\1", false), (Some(1), vec![None; 3]));
        assert_eq!(bots("\\bots\\0", true), (Some(0), vec![no; 3]));
        assert_eq!(bots("\\bots\\9", true), (Some(3), vec![yes; 3]));
        assert_eq!(bots("\\g_humanplayers\\1", false), (Some(2), vec![yes, yes, no]));
        assert_eq!(bots("\\g_humanplayers\\3", true), (Some(0), vec![no; 3]));
        assert_eq!(bots("\\bots\\-4", false), (None, vec![None; 3]));
    }

    #[test]
    fn a_truncated_list_is_recognized() {
        let truncated = |info: &str, lines: &str| Status::parse(&datagram(info, lines)).unwrap().truncated();
        assert!(!truncated("\\clients\\1", "0 5 \"a\"\n"));
        assert!(truncated("\\clients\\2", "0 5 \"a\"\n"));
        assert!(truncated("\\sv_numclients\\2", "0 5 \"a\"\n"));
        assert!(!truncated("\\clients\\0", "0 5 \"a\"\n"));
        assert!(truncated("", "0 5 \"a\"\n0 "));
        assert!(!truncated("", "0 5 \"a\"\n\0"));
        assert!(!truncated("", "0 5 \"a\"\n0 6 \"b\""));
        assert!(!truncated("", "0 5 \"a\" 2\0"));
        assert!(truncated("", "0 5 \"a\"\n0 6 \"b"));
        assert!(truncated("", "0 5 \"a\"\nx\n1 y\n"));
    }

    #[test]
    fn broken_replies_have_a_reason() {
        let reason = |datagram: &[u8]| Status::parse(datagram).unwrap_err();
        assert_eq!(reason(b""), "not a statusResponse");
        assert_eq!(reason(b"\xff\xff\xff\xffinfoResponse\n\\a\\b\n"), "not a statusResponse");
        assert_eq!(
            reason(b"\xff\xff\xff\xffstatusResponse\n\\a\\b"),
            "the end of the info string is missing"
        );
        assert_eq!(reason(&datagram("a\\b", "")), "the info string does not begin with a backslash");
    }

    #[test]
    fn a_reply_that_ends_within_its_settings_still_describes_the_server() {
        let cut = b"\xff\xff\xff\xffstatusResponse\n\\sv_hostname\\h\\mapn";
        let status = Status::parse(cut).unwrap();
        assert_eq!((status.rule("sv_hostname"), status.player_count()), (Some(&b"h"[..]), 0));
        assert!(status.truncated() && status.is_without_list());
        let empty = b"\xff\xff\xff\xffstatusResponse\n\\hostname\\h\\clients\\0";
        assert!(!Status::parse(empty).unwrap().truncated());
        assert!(!Status::parse(&datagram("\\hostname\\h", "")).unwrap().is_without_list());
    }

    #[test]
    fn only_a_key_is_a_challenge() {
        let found = |info: &str, lines: &str| challenge(&datagram(info, lines)).map(<[u8]>::to_vec);
        assert_eq!(found("\\a\\b\\challenge\\xyz\\c\\d", ""), Some(b"xyz".to_vec()));
        assert_eq!(found("\\challenge\\1\\challenge\\2", ""), Some(b"1".to_vec()));
        assert_eq!(found("\\a\\challenge\\b\\c", ""), None);
        assert_eq!(found("\\a\\b", "0 0 \"\\challenge\\xyz\"\n"), None);
        assert_eq!(challenge(b"\xff\xff\xff\xffinfoResponse\n\\challenge\\xyz"), None);
    }
}
