//! The lines of a status that describe its players.
//!
//! | line | of |
//! |---|---|
//! | `score ping "name"` | id's games and most others (`SVC_Status`, `sv_main.c`) |
//! | `score ping "name" team` | Warsow (qfusion's `sv_oob.c`) |
//! | `score ping team "name"` | DarkPlaces in team games (`netconn.c`), Soldier of Fortune II 1.01 |
//! | `score,second:kind[:spectator] ping team "name"` | Xonotic with `g_full_getstatus_responses` (`scores.qc`) |
//! | `score ping deaths team "name"` | Soldier of Fortune II |
//! | `ping "name"` | Medal of Honor |
//!
//! They differ in shape, so they can be parsed without knowing the game. Any other line is odd: what it has in common
//! with these forms is used.

use super::info_string::number;
use super::slots::Slots;
use super::status::Bots;

/// A player of a server.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Player<'a> {
    /// The name as sent: colour codes and any bytes.
    pub name: &'a [u8],
    /// Frags, points or experience. A whole number in all games except Xonotic.
    pub score: Option<f64>,
    /// The ping in milliseconds, as the server measures it; 999 while the player is still connecting.
    pub ping: Option<i32>,
    /// The team's number, if the reply has it; [`Game::team_name`](crate::protocol::games::Game::team_name) names it.
    pub team: Option<u8>,
    /// True if it is a bot; `None` if unknown.
    pub bot: Option<bool>,
    /// True if the line says that it is a spectator.
    pub is_spectator: bool,
}

/// The listed players of a status, in the server's order.
#[derive(Clone, Debug)]
pub struct Players<'a> {
    lines: &'a [u8],
    slots: Slots<'a>,
    bots: Bots,
}

impl<'a> Players<'a> {
    pub(super) fn new(lines: &'a [u8], slots: Slots<'a>, bots: Bots) -> Players<'a> {
        Players { lines, slots, bots }
    }

    fn next_line(&mut self) -> Option<Line<'a>> {
        if self.lines.is_empty() {
            return None;
        }
        let end = self.lines.iter().position(|&byte| byte == b'\n').unwrap_or(self.lines.len());
        let line = Line::parse(&self.lines[..end]);
        self.lines = self.lines.get(end + 1..).unwrap_or_default();
        Some(line)
    }
}

impl<'a> Iterator for Players<'a> {
    type Item = Player<'a>;

    fn next(&mut self) -> Option<Player<'a>> {
        loop {
            match self.next_line()? {
                Line::Player(line) => {
                    let slot = self.slots.next();
                    let PlayerLine { name, score, ping, team, bot, is_spectator, .. } = line;
                    let by_rule = match self.bots {
                        Bots::None => Some(false),
                        Bots::All => Some(true),
                        Bots::AtPingZero => ping.map(|ping| ping == 0),
                        Bots::Unknown => None,
                    };
                    let (team, bot) = (team.or(slot.team), bot.or(slot.bot).or(by_rule));
                    return Some(Player { name, score, ping, team, bot, is_spectator });
                }
                Line::Unreadable { is_player: true } => _ = self.slots.next(),
                Line::Unreadable { is_player: false } | Line::Empty => {}
            }
        }
    }
}

/// A line after the info string.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Line<'a> {
    Empty,
    Player(PlayerLine<'a>),
    /// A line without a name. It describes a player if it begins with a number; otherwise it may be the rest of a name
    /// that contains a line end.
    Unreadable {
        is_player: bool,
    },
}

/// The line of one player.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct PlayerLine<'a> {
    pub(super) name: &'a [u8],
    pub(super) score: Option<f64>,
    pub(super) ping: Option<i32>,
    pub(super) team: Option<u8>,
    pub(super) bot: Option<bool>,
    pub(super) is_spectator: bool,
    /// True if something in it is not as the games write it.
    pub(super) is_odd: bool,
    /// True if nothing but a number follows the name's closing quote.
    pub(super) is_closed: bool,
}

impl<'a> Line<'a> {
    pub(super) fn parse(line: &'a [u8]) -> Line<'a> {
        let line = line.trim_ascii_end();
        if line.is_empty() {
            return Line::Empty;
        }
        // Use the first quote and the last one, because a server may allow quotes in names.
        let quote = |&byte: &u8| byte == b'"';
        let (first, last) = (line.iter().position(quote), line.iter().rposition(quote));
        let is_player = matches!(line, [b'0'..=b'9', ..] | [b'-', b'0'..=b'9', ..]);
        let (Some(first), Some(last)) = (first, last) else { return Line::Unreadable { is_player } };
        let mut player = PlayerLine::default();
        player.read_numbers(&line[..first]);
        if first == last {
            // The closing quote is missing.
            if !is_player {
                return Line::Unreadable { is_player };
            }
            (player.name, player.is_odd) = (&line[first + 1..], true);
        } else {
            player.name = &line[first + 1..last];
            player.read_suffix(line[last + 1..].trim_ascii());
        }
        Line::Player(player)
    }

    /// Returns whether it describes a player, and the name has its closing quote.
    pub(super) fn is_closed(&self) -> bool {
        matches!(self, Line::Player(player) if player.is_closed)
    }
}

impl PlayerLine<'_> {
    /// Reads what is before the name.
    fn read_numbers(&mut self, text: &[u8]) {
        let mut numbers = text.split(|&byte| byte == b' ').filter(|field| !field.is_empty());
        let fields = [(); 4].map(|()| numbers.next());
        let (score, ping, team) = match fields {
            [ping, None, ..] => (None, ping, None),
            [score, ping, team, None] => (score, ping, team),
            [score, ping, _deaths, team] => (score, ping, team),
        };
        let has_more = numbers.next().is_some();
        self.is_odd |= ping.is_none() || has_more;
        if let Some(score) = score {
            self.read_score(score);
        }
        self.ping = self.read(ping).map(|ping| ping as i32);
        self.team = self.read(team.filter(|_| !has_more)).and_then(team_number);
    }

    /// Reads a score: a number or, with Xonotic's full form, two numbers and the kind of player.
    fn read_score(&mut self, text: &[u8]) {
        let mut parts = text.split(|&byte| byte == b':');
        let score = parts.next().and_then(|scores| scores.split(|&byte| byte == b',').next());
        self.score = self.read(score);
        for part in parts {
            match part {
                b"human" => self.bot = Some(false),
                b"bot" => self.bot = Some(true),
                b"spectator" => self.is_spectator = true,
                _ => self.is_odd = true,
            }
        }
    }

    /// Reads what is after the name: nothing, Warsow's team, or a remark that someone added.
    fn read_suffix(&mut self, text: &[u8]) {
        self.is_closed = true;
        match decimal(text) {
            _ if text.is_empty() => {}
            Some(team) => self.team = team_number(team),
            None => {
                (self.is_odd, self.is_closed) = (true, false);
                if text.eq_ignore_ascii_case(b"[bot]") {
                    self.bot = Some(true);
                }
            }
        }
    }

    /// Reads a number, if there is one. Anything else makes the line odd.
    fn read(&mut self, text: Option<&[u8]>) -> Option<f64> {
        let number = decimal(text?);
        self.is_odd |= number.is_none();
        number
    }
}

/// Parses a finite number, usually a whole one.
fn decimal(text: &[u8]) -> Option<f64> {
    if let Some(whole) = number(text) {
        return Some(whole as f64);
    }
    // Rust also parses infinities and NaN, which are rejected here.
    let parsed: f64 = std::str::from_utf8(text).ok()?.parse().ok()?;
    parsed.is_finite().then_some(parsed)
}

fn team_number(team: f64) -> Option<u8> {
    (team >= 0.0 && team <= f64::from(u8::MAX)).then_some(team as u8)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &[u8]) -> PlayerLine<'_> {
        match Line::parse(line) {
            Line::Player(line) => line,
            other => panic!("{other:?}: {}", line.escape_ascii()),
        }
    }

    #[test]
    fn every_variant_is_recognized_by_its_shape() {
        type Parts<'a> = (&'a [u8], Option<f64>, i32, Option<u8>);
        let cases: [(&[u8], Parts<'_>); 8] = [
            (b"12118375 50 \"^4d^5a\"", (b"^4d^5a", Some(12_118_375.0), 50, None)),
            (b"-9999 26 \"wcDUCK\" 3", (b"wcDUCK", Some(-9999.0), 26, Some(3))),
            (b"7 33 2 \"Xon\"", (b"Xon", Some(7.0), 33, Some(2))),
            (b"7 33 4 1 \"Sof\"", (b"Sof", Some(7.0), 33, Some(1))),
            (b"46 \"Mohaa\"", (b"Mohaa", None, 46, None)),
            (b"12.75 90 \"Float\"", (b"Float", Some(12.75), 90, None)),
            (b"28 135 \"\"", (b"", Some(28.0), 135, None)),
            (b"1 2 \"-1\" -1", (b"-1", Some(1.0), 2, None)),
        ];
        for (line, (name, score, ping, team)) in cases {
            let wanted =
                PlayerLine { name, score, ping: Some(ping), team, is_closed: true, ..PlayerLine::default() };
            assert_eq!(parse(line), wanted, "{}", line.escape_ascii());
        }
    }

    #[test]
    fn the_full_score_tells_the_kind_of_player() {
        let kind = |line| {
            let PlayerLine { score, bot, is_spectator, is_odd, .. } = parse(line);
            (score, bot, is_spectator, is_odd)
        };
        assert_eq!(kind(b"12,3:human 44 1 \"a\""), (Some(12.0), Some(false), false, false));
        assert_eq!(kind(b"-1.5,0:bot 0 \"a\""), (Some(-1.5), Some(true), false, false));
        assert_eq!(kind(b"0,0:human:spectator 31 0 \"a\""), (Some(0.0), Some(false), true, false));
        assert_eq!(kind(b"7:alien 31 \"a\""), (Some(7.0), None, false, true));
        assert_eq!(kind(b",: 31 \"a\""), (None, None, false, true));
    }

    #[test]
    fn names_hold_any_bytes_but_a_line_end() {
        let name: Vec<u8> = (0..=255).filter(|&byte| byte != b'\n').collect();
        let line = [b"1 2 \"", &name[..], b"\""].concat();
        assert_eq!(parse(&line).name, &name[..]);
        assert_eq!(parse(b"1 2 \"a\\b 3 4 \\\"").name, b"a\\b 3 4 \\");
    }

    #[test]
    fn the_readable_parts_of_an_odd_line_are_kept() {
        type Parts<'a> = (&'a [u8], Option<f64>, Option<i32>);
        let cases: [(&[u8], Parts<'_>); 8] = [
            (b"1 2 \"name", (b"name", Some(1.0), Some(2))),
            (b"\"name\"", (b"name", None, None)),
            (b"1 2 3 4 5 \"name\"", (b"name", Some(1.0), Some(2))),
            (b"1 x \"name\"", (b"name", Some(1.0), None)),
            (b"inf 2 \"name\"", (b"name", None, Some(2))),
            (b"1 2 \"name\" \xff", (b"name", Some(1.0), Some(2))),
            (b"3 0 \"Grunt\" [bot]", (b"Grunt", Some(3.0), Some(0))),
            (b"1 nan x \"name\"", (b"name", Some(1.0), None)),
        ];
        for (line, (name, score, ping)) in cases {
            let found = parse(line);
            assert_eq!((found.name, found.score, found.ping), (name, score, ping), "{}", line.escape_ascii());
            assert!(found.is_odd && found.team.is_none(), "{}", line.escape_ascii());
        }
        assert_eq!((parse(b"3 0 \"G\" [BOT]").bot, parse(b"3 0 \"G\" [x]").bot), (Some(true), None));
        assert_eq!(Line::parse(b"1 2 name"), Line::Unreadable { is_player: true });
        assert_eq!(Line::parse(b"of a name\""), Line::Unreadable { is_player: false });
        assert_eq!([Line::parse(b""), Line::parse(b" \r")], [Line::Empty; 2]);
    }
}
