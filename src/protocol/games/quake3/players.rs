//! The lines of a status that describe its players.
//!
//! | line | of |
//! |---|---|
//! | `score ping "name"` | id's games and most others (`SVC_Status`, `sv_main.c`) |
//! | `score ping "name" team` | Warsow (qfusion's `sv_oob.c`) |
//! | `score ping team "name"` | Xonotic in team games (DarkPlaces' `netconn.c`), Soldier of Fortune II 1.01 |
//! | `score ping deaths team "name"` | Soldier of Fortune II |
//! | `ping "name"` | Medal of Honor |
//!
//! They differ in shape, so they can be parsed without knowing the game.

use super::status::{Bots, number};

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
}

/// The players of a status, in the server's order.
#[derive(Clone, Debug)]
pub struct Players<'a> {
    lines: &'a [u8],
    /// The unread part of ET's `P`: a character for each slot of the server, the team's digit, or `-` for a free slot.
    slots: &'a [u8],
    bots: Bots,
}

impl<'a> Players<'a> {
    pub(super) fn new(lines: &'a [u8], slots: &'a [u8], bots: Bots) -> Players<'a> {
        Players { lines, slots, bots }
    }

    fn next_line(&mut self) -> Option<PlayerLine<'a>> {
        loop {
            let end = self.lines.iter().position(|&byte| byte == b'\n')?;
            let line = PlayerLine::parse(&self.lines[..end]);
            self.lines = &self.lines[end + 1..];
            if let Some(line) = line.ok()? {
                return Some(line);
            }
        }
    }

    fn next_slot(&mut self) -> Option<u8> {
        let taken = self.slots.iter().position(|&slot| slot != b'-')?;
        let team = self.slots[taken].checked_sub(b'0');
        self.slots = &self.slots[taken + 1..];
        team
    }
}

impl<'a> Iterator for Players<'a> {
    type Item = Player<'a>;

    fn next(&mut self) -> Option<Player<'a>> {
        let line = self.next_line()?;
        let slot = self.next_slot();
        let bot = match self.bots {
            Bots::None => Some(false),
            Bots::All => Some(true),
            Bots::AtPingZero => Some(line.ping == 0),
            Bots::Unknown => None,
        };
        let PlayerLine { name, score, ping, team } = line;
        Some(Player { name, score, ping: Some(ping), team: team.or(slot), bot })
    }
}

/// The line of one player.
pub(super) struct PlayerLine<'a> {
    pub(super) name: &'a [u8],
    pub(super) score: Option<f64>,
    pub(super) ping: i32,
    pub(super) team: Option<u8>,
}

impl<'a> PlayerLine<'a> {
    /// Parses a line. Returns `None` for an empty one.
    pub(super) fn parse(line: &'a [u8]) -> Result<Option<PlayerLine<'a>>, &'static str> {
        if line.is_empty() {
            return Ok(None);
        }
        // Use the first quote and the last one, because a server may allow quotes in names.
        let quote = |&byte: &u8| byte == b'"';
        let start = line.iter().position(quote).ok_or("a player's line has no name")? + 1;
        let end = line.iter().rposition(quote).ok_or("a player's line has no name")?;
        let name = line.get(start..end).ok_or("a player's name has no end")?;

        let mut numbers = fields(&line[..start - 1]);
        let fields = [(); 4].map(|()| numbers.next());
        if numbers.next().is_some() {
            return Err("a player's line has too many numbers");
        }
        let (score, ping, team) = match fields {
            [Some(ping), None, ..] => (None, ping, None),
            [Some(score), Some(ping), team, None] => (Some(score), ping, team),
            [Some(score), Some(ping), _deaths, team] => (Some(score), ping, team),
            [None, ..] => return Err("a player's line has no ping"),
        };
        let after = line[end + 1..].trim_ascii();
        let team = if after.is_empty() { team } else { Some(after) };
        Ok(Some(PlayerLine {
            name,
            score: score.map(decimal).transpose()?,
            ping: decimal(ping)? as i32,
            team: team.map(decimal).transpose()?.and_then(team_number),
        }))
    }
}

fn fields(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    text.split(|&byte| byte == b' ').filter(|field| !field.is_empty())
}

/// Parses a number, usually a whole one.
fn decimal(text: &[u8]) -> Result<f64, &'static str> {
    const REASON: &str = "a player's line has something other than a number";
    if let Some(whole) = number(text) {
        return Ok(whole as f64);
    }
    // Rust also parses infinities and NaN, which are rejected here.
    let text = std::str::from_utf8(text).map_err(|_| REASON)?;
    let parsed: f64 = text.parse().map_err(|_| REASON)?;
    if parsed.is_finite() { Ok(parsed) } else { Err(REASON) }
}

fn team_number(team: f64) -> Option<u8> {
    (team >= 0.0 && team <= f64::from(u8::MAX)).then_some(team as u8)
}

#[cfg(test)]
mod tests {
    use super::*;

    type Parts<'a> = (&'a [u8], Option<f64>, i32, Option<u8>);

    fn parse(line: &[u8]) -> Result<Parts<'_>, &'static str> {
        PlayerLine::parse(line).map(|line| {
            let line = line.unwrap();
            (line.name, line.score, line.ping, line.team)
        })
    }

    #[test]
    fn every_variant_is_recognized_by_its_shape() {
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
        for (line, wanted) in cases {
            assert_eq!(parse(line), Ok(wanted), "{}", line.escape_ascii());
        }
    }

    #[test]
    fn names_hold_any_bytes_but_a_line_end() {
        let name: Vec<u8> = (0..=255).filter(|&byte| byte != b'\n').collect();
        let line = [b"1 2 \"", &name[..], b"\""].concat();
        assert_eq!(parse(&line).unwrap().0, &name[..]);
        assert_eq!(parse(b"1 2 \"a\\b 3 4 \\\"").unwrap().0, b"a\\b 3 4 \\");
    }

    #[test]
    fn broken_lines_have_a_reason() {
        for (line, reason) in [
            (&b"1 2 name"[..], "a player's line has no name"),
            (b"1 2 \"name", "a player's name has no end"),
            (b"\"name\"", "a player's line has no ping"),
            (b"1 2 3 4 5 \"name\"", "a player's line has too many numbers"),
            (b"1 x \"name\"", "a player's line has something other than a number"),
            (b"inf 2 \"name\"", "a player's line has something other than a number"),
            (b"1 2 \"name\" \xff", "a player's line has something other than a number"),
        ] {
            assert_eq!(parse(line).unwrap_err(), reason, "{}", line.escape_ascii());
        }
        assert!(PlayerLine::parse(b"").unwrap().is_none());
    }
}
