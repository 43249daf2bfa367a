//! `statusResponse`: a server's reply, read in place.
//!
//! The format is ioquake3's `SVC_Status` (`sv_main.c`): an info string `\key\value…` on one line, then a line
//! for each player.

use super::OUT_OF_BAND;
use super::players::{self, Players};

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
    layout: Layout,
}

/// The parts of a parsed datagram, and some counts.
#[derive(Clone, Copy, Debug, Default)]
struct Layout {
    /// The start of the info string.
    info: usize,
    /// Its end, a line feed. Complete player lines follow.
    info_end: usize,
    /// The end of these lines.
    lines_end: usize,
    /// Start and end of the value of ET's `P`; empty if there is none.
    slots: (usize, usize),
    players: usize,
    pings_zero: usize,
    /// The number of bots, if the server reports it.
    bots: Option<usize>,
    truncated: bool,
    bots_have_ping_zero: bool,
}

impl<'a> Status<'a> {
    /// Parses a datagram. Which players are bots may depend on the game: see [`Status::with_bots_at_ping_zero`].
    ///
    /// # Errors
    /// The reason why it is not a status, or is malformed. A truncated list of players is not an error: see
    /// [`Status::truncated`].
    pub fn parse(datagram: &'a [u8]) -> Result<Status<'a>, &'static str> {
        let body = body(datagram).ok_or("not a statusResponse")?;
        let mut layout = Layout { info: datagram.len() - body.len(), ..Layout::default() };
        let counted = layout.read_info(datagram)?;
        layout.read_players(datagram)?;
        layout.bots = counted.bots.or(counted.humans.map(|humans| layout.players.saturating_sub(humans)));
        layout.truncated |= counted.clients.is_some_and(|clients| clients > layout.players);
        Ok(Status { datagram, layout })
    }

    /// Returns the same status for a game whose servers show ping 0 for bots and for no one else, if `they_do`
    /// ([`Game::bots_have_ping_zero`](crate::protocol::games::Game::bots_have_ping_zero)).
    pub fn with_bots_at_ping_zero(mut self, they_do: bool) -> Status<'a> {
        self.layout.bots_have_ping_zero = they_do;
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

    /// Returns the number of players in the reply, bots included.
    pub fn player_count(&self) -> usize {
        self.layout.players
    }

    /// Returns the number of bots among them; `None` if unknown.
    pub fn bots(&self) -> Option<usize> {
        let Layout { players, pings_zero, bots, bots_have_ping_zero, .. } = self.layout;
        let by_ping = (bots_have_ping_zero || players == 0).then_some(pings_zero);
        bots.map(|bots| bots.min(players)).or(by_ping)
    }

    /// Returns the players, bots included, in the server's order.
    pub fn players(&self) -> Players<'a> {
        let Layout { info_end, lines_end, slots, players, pings_zero, truncated, .. } = self.layout;
        let bots = match self.bots() {
            Some(0) => Bots::None,
            Some(bots) if bots == players => Bots::All,
            Some(bots) if bots == pings_zero => Bots::AtPingZero,
            _ => Bots::Unknown,
        };
        let slots = &self.datagram[slots.0..slots.1];
        // The part of the list before a cut is still in the order of the slots.
        let taken = slots.iter().filter(|&&slot| slot != b'-').count();
        let fits = taken == players || (truncated && taken > players);
        let lines = &self.datagram[(info_end + 1).min(lines_end)..lines_end];
        Players::new(lines, if fits { slots } else { &[] }, bots)
    }

    /// Returns whether players are missing from the list: its last line is incomplete, or the server counts more players
    /// (`clients`, `sv_numclients`) than it lists.
    pub fn truncated(&self) -> bool {
        self.layout.truncated
    }
}

/// The way to recognize the bots of a reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Bots {
    None,
    All,
    AtPingZero,
    Unknown,
}

/// The counts reported by the server.
#[derive(Default)]
struct Counted {
    clients: Option<usize>,
    bots: Option<usize>,
    humans: Option<usize>,
}

impl Layout {
    fn read_info(&mut self, datagram: &[u8]) -> Result<Counted, &'static str> {
        let count = |value| number(value).and_then(|count| usize::try_from(count).ok());
        let mut counted = Counted::default();
        let mut rules = InfoString { rest: &datagram[self.info..] };
        while let Some((key, value)) = rules.next() {
            match key {
                b"clients" | b"sv_numclients" => counted.clients = count(value),
                b"bots" => counted.bots = count(value),
                b"g_humanplayers" => counted.humans = count(value),
                b"P" if value.iter().all(|&slot| slot == b'-' || slot.is_ascii_digit()) => {
                    let end = datagram.len() - rules.rest.len();
                    self.slots = (end - value.len(), end);
                }
                _ => {}
            }
        }
        self.info_end = datagram.len() - rules.rest.len();
        match rules.rest.first() {
            Some(b'\n') => Ok(counted),
            Some(_) => Err("the info string does not begin with a backslash"),
            None => Err("the info string has no end"),
        }
    }

    fn read_players(&mut self, datagram: &[u8]) -> Result<(), &'static str> {
        let mut rest = &datagram[self.info_end + 1..];
        while let Some(end) = rest.iter().position(|&byte| byte == b'\n') {
            if let Some(line) = players::PlayerLine::parse(&rest[..end])? {
                self.players += 1;
                self.pings_zero += usize::from(line.ping == 0);
            }
            rest = &rest[end + 1..];
        }
        self.lines_end = datagram.len() - rest.len();
        // Some servers also send the terminating zero of the string.
        self.truncated = rest.iter().any(|&byte| byte != 0);
        Ok(())
    }
}

/// The keys and values of an info string.
#[derive(Clone, Debug)]
pub struct InfoString<'a> {
    rest: &'a [u8],
}

impl<'a> InfoString<'a> {
    /// Reads `\key\value…` up to a line feed.
    pub(in crate::protocol::games) fn new(text: &'a [u8]) -> InfoString<'a> {
        InfoString { rest: text }
    }

    /// Returns what has not been read.
    pub(in crate::protocol::games) fn rest(&self) -> &'a [u8] {
        self.rest
    }

    fn field(&mut self) -> Option<&'a [u8]> {
        let field = self.rest.strip_prefix(b"\\")?;
        let end = field.iter().position(|byte| matches!(byte, b'\\' | b'\n')).unwrap_or(field.len());
        let (field, rest) = field.split_at(end);
        self.rest = rest;
        Some(field)
    }
}

impl<'a> Iterator for InfoString<'a> {
    type Item = (&'a [u8], &'a [u8]);

    fn next(&mut self) -> Option<(&'a [u8], &'a [u8])> {
        let key = self.field()?;
        Some((key, self.field().unwrap_or_default()))
    }
}

/// Returns the challenge of a status; the first one if there are several. Reads the info string only as far as it must,
/// key by key: a `challenge` within a value or a player's name is ignored.
pub(super) fn challenge(datagram: &[u8]) -> Option<&[u8]> {
    InfoString { rest: body(datagram)? }.find(|(key, _)| *key == b"challenge").map(|(_, value)| value)
}

fn body(datagram: &[u8]) -> Option<&[u8]> {
    datagram.strip_prefix(OUT_OF_BAND)?.strip_prefix(b"statusResponse\n")
}

/// Parses a decimal number of at most 18 digits, with or without a sign.
pub(in crate::protocol::games) fn number(text: &[u8]) -> Option<i64> {
    let (negative, digits) = match text {
        [b'-', digits @ ..] => (true, digits),
        [b'+', digits @ ..] => (false, digits),
        digits => (false, digits),
    };
    if digits.is_empty() || digits.len() > 18 || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let value = digits.iter().fold(0, |value, digit| value * 10 + i64::from(digit - b'0'));
    Some(if negative { -value } else { value })
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
    }

    #[test]
    fn broken_replies_have_a_reason() {
        let reason = |datagram: &[u8]| Status::parse(datagram).unwrap_err();
        assert_eq!(reason(b""), "not a statusResponse");
        assert_eq!(reason(b"\xff\xff\xff\xffinfoResponse\n\\a\\b\n"), "not a statusResponse");
        assert_eq!(reason(b"\xff\xff\xff\xffstatusResponse\n\\a\\b"), "the info string has no end");
        assert_eq!(reason(&datagram("a\\b", "")), "the info string does not begin with a backslash");
        assert_eq!(reason(&datagram("", "x\n")), "a player's line has no name");
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

    #[test]
    fn numbers_are_decimal_and_bounded() {
        assert_eq!(
            [&b"0"[..], b"-9999", b"+7", b"999999999999999999"].map(number),
            [Some(0), Some(-9999), Some(7), Some(999_999_999_999_999_999)]
        );
        assert_eq!([&b""[..], b"-", b"1x", b"1.5", b"9999999999999999999"].map(number), [None; 5]);
    }
}
