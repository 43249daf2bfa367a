//! A status of version 3: keys and values, then columns with the players, then columns with the teams.
//!
//! A column has a name that ends with `_` (players) or `_t` (teams), the row of its first value, and values up to an
//! empty one. The status is cut into numbered parts wherever a datagram is full. A value that is cut there is repeated
//! in full at the beginning of the next part, with its row; so is a pair of key and value.

use std::collections::BTreeMap;

use super::super::fields::Fields;
use super::super::{Game, PlayerInfo, Rules, ServerInfo};

/// The maximum size of all parts together, in bytes. The largest servers, with 64 players, send 5 KB.
const MAX_BYTES: usize = 64 * 1024;
const MAX_COLUMNS: usize = 64;
const MAX_ROWS: usize = 1024;

/// The bit in the number of a part that marks the last one.
const LAST: u8 = 0x80;

/// The parts of a status, so far.
#[derive(Debug, Default)]
pub(super) struct Parts {
    parts: BTreeMap<u8, Box<[u8]>>,
    last: Option<u8>,
    bytes: usize,
}

/// The columns of one section.
#[derive(Debug, Default)]
struct Columns<'a>(Vec<PlayerColumn<'a>>);

#[derive(Debug)]
struct PlayerColumn<'a> {
    name: &'a [u8],
    values: Vec<Option<&'a [u8]>>,
}

/// A status, read in place.
#[derive(Debug, Default)]
struct Sections<'a> {
    pairs: Vec<(&'a [u8], &'a [u8])>,
    /// True if the last part ended between two pairs or within one, so that the next part continues there.
    pairs_are_open: bool,
    players: Columns<'a>,
    teams: Columns<'a>,
}

impl Parts {
    /// Adds a part: everything after `splitnum`. Replaces one with the same number.
    pub fn add(&mut self, part: &[u8]) -> Result<(), &'static str> {
        let (&number, body) = part.split_first().ok_or(super::super::fields::CUT_OFF)?;
        if self.bytes + body.len() > MAX_BYTES {
            return Err("the status is too large");
        }
        self.bytes += body.len();
        if number & LAST != 0 {
            self.last = Some(number & !LAST);
        }
        if let Some(before) = self.parts.insert(number & !LAST, body.into()) {
            self.bytes -= before.len();
        }
        Ok(())
    }

    pub fn is_empty(&self) -> bool {
        self.parts.is_empty()
    }

    /// Returns whether all parts have been received.
    pub fn is_complete(&self) -> bool {
        self.last.is_some_and(|last| (0..=last).all(|number| self.parts.contains_key(&number)))
    }

    /// Reads the parts that have been received.
    pub fn describe(&self, game: &'static Game) -> Result<ServerInfo, &'static str> {
        let mut sections = Sections::default();
        for (&number, part) in &self.parts {
            let is_followed = self.last == Some(number) || self.parts.contains_key(&(number + 1));
            sections.read(part, is_followed);
        }
        let mut rules = Rules::default();
        sections.pairs.iter().for_each(|(key, value)| rules.push(key, value));
        sections.teams.write_rules(&mut rules);
        let players = sections.players.players(game);
        let has_players = players.iter().any(|player| !player.name_raw.is_empty());
        let mut info = super::describe_beside(has_players, game, rules)?;
        let teams = sections.teams.names();
        super::list_players(&mut info, players, &teams);
        // Pings and bots may be in a last part that is missing, so a whole list of names is not enough.
        if !self.is_complete() {
            info.truncated = true;
            info.remarks.push("part of the reply is missing".into());
        }
        Ok(info)
    }
}

impl<'a> Sections<'a> {
    /// Reads a part. If the next one is missing, its last value may be cut off, and is dropped.
    fn read(&mut self, part: &'a [u8], is_followed: bool) {
        let mut fields = Fields::new(part);
        if fields.u8() == Ok(0) {
            let continues = std::mem::take(&mut self.pairs_are_open);
            self.pairs_are_open = read_pairs(&mut fields, &mut self.pairs, continues);
            if self.pairs_are_open && !is_followed {
                self.pairs.pop();
            }
        }
        while let Some(name) = next_column(&mut fields) {
            let section = if name.ends_with(b"_t") { &mut self.teams } else { &mut self.players };
            let Ok(row) = fields.u8() else { break };
            section.read(name, row.into(), &mut fields, is_followed);
        }
    }
}

/// Reads keys and values up to an empty key. Returns true if the part ends before it. With `continues`, the first pair
/// replaces the last one of the previous part, if both have the same key.
pub(super) fn read_pairs<'a>(
    fields: &mut Fields<'a>,
    pairs: &mut Vec<(&'a [u8], &'a [u8])>,
    mut continues: bool,
) -> bool {
    while let Ok(mut key) = fields.text() {
        if key.is_empty() {
            return false;
        }
        let mut value = text_or_rest(fields);
        // Unreal Tournament 3 omits the values of some settings.
        while is_setting(key) && is_setting(value) && !fields.is_empty() {
            pairs.push((key, b""));
            (key, value) = (value, text_or_rest(fields));
        }
        if std::mem::take(&mut continues) && pairs.last().is_some_and(|(before, _)| *before == key) {
            pairs.pop();
        }
        pairs.push((key, value));
    }
    true
}

/// Returns whether a text is the key of a setting of Unreal Engine 3: `p` and a number.
fn is_setting(text: &[u8]) -> bool {
    text.strip_prefix(b"p").is_some_and(|digits| digits.len() > 3 && digits.iter().all(u8::is_ascii_digit))
}

fn text_or_rest<'a>(fields: &mut Fields<'a>) -> &'a [u8] {
    fields.text().unwrap_or_else(|_| {
        let rest = fields.rest();
        *fields = Fields::new(&[]);
        rest
    })
}

/// Reads the name of the next column; `None` if there is none, or if its name is cut off.
fn next_column<'a>(fields: &mut Fields<'a>) -> Option<&'a [u8]> {
    // Skip the marks of sections, and the zeros that end columns and sections.
    while fields.rest().first().is_some_and(|&byte| byte <= 2) {
        fields.u8().ok()?;
    }
    fields.text().ok()
}

fn is_column_name(name: &[u8]) -> bool {
    name.len() > 1 && (name.ends_with(b"_") || name.ends_with(b"_t"))
}

/// Returns whether an empty value is followed by another one of the same column.
fn continues_with_value(rest: &[u8]) -> bool {
    let end = rest.iter().position(|&byte| byte == 0);
    let text = end.map(|end| &rest[..end]).unwrap_or_default();
    text.first().is_some_and(|&byte| byte > 2) && !is_column_name(text)
}

impl<'a> Columns<'a> {
    /// Reads the values of a column from `row` on.
    fn read(&mut self, name: &'a [u8], mut row: usize, fields: &mut Fields<'a>, is_followed: bool) {
        loop {
            if fields.is_empty() {
                if !is_followed && let Some(value) = row.checked_sub(1).and_then(|row| self.cell(name, row)) {
                    *value = None;
                }
                return;
            }
            let value = text_or_rest(fields);
            if value.is_empty() && !continues_with_value(fields.rest()) {
                return;
            }
            if let Some(cell) = self.cell(name, row) {
                *cell = Some(value);
            }
            row += 1;
        }
    }

    /// Returns the cell of a column; `None` beyond the maximum.
    fn cell(&mut self, name: &'a [u8], row: usize) -> Option<&mut Option<&'a [u8]>> {
        let at = self.0.iter().position(|column| column.name == name);
        let at = match at {
            Some(at) => at,
            None if self.0.len() < MAX_COLUMNS => {
                self.0.push(PlayerColumn { name, values: Vec::new() });
                self.0.len() - 1
            }
            None => return None,
        };
        let values = &mut self.0[at].values;
        if row >= values.len() && row < MAX_ROWS {
            values.resize(row + 1, None);
        }
        values.get_mut(row)
    }

    /// Returns the value of a column whose name, without `_` or `_t`, is `name`.
    fn get(&self, name: &str, row: usize) -> Option<&'a [u8]> {
        let column = self.0.iter().find(|column| super::is_column(column.name, name))?;
        *column.values.get(row)?
    }

    fn rows(&self) -> usize {
        self.0.iter().map(|column| column.values.len()).max().unwrap_or_default()
    }

    fn players(&self, game: &Game) -> Vec<PlayerInfo> {
        (0..self.rows()).filter_map(|row| super::player(game, |name| self.get(name, row))).collect()
    }

    /// Returns the names of teams.
    fn names(&self) -> Vec<&'a [u8]> {
        (0..self.rows()).map(|row| self.get("team", row).unwrap_or_default()).collect()
    }

    /// Appends the cells as rules: `score_t0` is the score in the first row.
    fn write_rules(&self, rules: &mut Rules) {
        for PlayerColumn { name, values } in &self.0 {
            for (row, value) in values.iter().enumerate() {
                if let Some(value) = value {
                    rules.push(&[name, row.to_string().as_bytes()].concat(), value);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn described(parts: &[&[u8]]) -> ServerInfo {
        let mut all = Parts::default();
        parts.iter().for_each(|part| all.add(part).unwrap());
        all.describe(Game::find("bf2").unwrap()).unwrap()
    }

    fn names(info: &ServerInfo) -> Vec<&str> {
        info.player_list.iter().map(|player| player.name.as_str()).collect()
    }

    const FIRST: &[u8] = b"\x00\x00hostname\0A\0numplayers\x003\0\0\x01player_\0\0Ann\0Bo\0";
    const SECOND: &[u8] =
        b"\x81\x01player_\0\x01Bob\0Cleo\0\0score_\0\x001\x002\x00\0\0\0\x02team_t\0\0Red\0Blue\0\0";

    #[test]
    fn a_value_that_is_cut_is_repeated_in_the_next_part_in_any_order() {
        for parts in [[FIRST, SECOND], [SECOND, FIRST]] {
            let info = described(&parts);
            assert_eq!((names(&info), info.truncated), (vec!["Ann", "Bob", "Cleo"], false));
            assert_eq!(info.player_list[1].score, Some(2.0));
            assert_eq!((info.player_list[2].score, info.rules.get("team_t1")), (None, Some(&b"Blue"[..])));
        }
    }

    #[test]
    fn what_may_be_cut_is_dropped_if_the_next_part_is_missing() {
        let info = described(&[FIRST]);
        assert_eq!((names(&info), info.truncated), (vec!["Ann"], true));
        assert_eq!(info.remarks, ["1 of 3 players are listed", "part of the reply is missing"]);
        let info = described(&[SECOND]);
        assert_eq!((names(&info), info.name.as_deref(), info.truncated), (vec!["Bob", "Cleo"], None, true));
        let mut all = Parts::default();
        all.add(b"\x81\x02team_t\0\0Red\0Blue\0\0").unwrap();
        assert!(!all.is_complete() && all.describe(Game::find("bf2").unwrap()).is_err());
    }

    #[test]
    fn pairs_continue_in_the_next_part() {
        let info = described(&[
            b"\0\0hostname\0A\0mapname\0Stri",
            b"\x81\0mapname\0Strike\0numplayers\x000\0\0\x01\0",
        ]);
        assert_eq!((info.map.as_deref(), info.rules.len(), info.truncated), (Some("Strike"), 3, false));
        let info = described(&[b"\0\0hostname\0A\0mapn", b"\x81\0mapname\0Strike\0numplayers\x000\0\0"]);
        assert_eq!((info.map.as_deref(), info.rules.len()), (Some("Strike"), 3));
        let info = described(&[b"\0\0hostname\0A\0gametype\0x\0mapname\0Stri"]);
        assert_eq!((info.map, info.rules.len()), (None, 2));
    }

    #[test]
    fn empty_values_are_kept_if_the_column_goes_on() {
        let info = described(&[b"\x80\0hostname\0A\0numplayers\x002\0\0\x01player_\0\0Ann\0Bob\0\0team_\0\0\x002\0\0ping_\0\0\x30\0"]);
        assert_eq!((info.player_list[0].team, info.player_list[1].team), (None, Some(2)));
        assert_eq!((info.player_list[0].ping, info.player_list[1].ping), (Some(0), None));
    }

    #[test]
    fn settings_without_values_do_not_shift_the_others() {
        let info = described(&[b"\x80\0hostname\0A\0p1073741827\0p268435717\x000\0numplayers\x001\0\0"]);
        assert_eq!(
            (info.rules.get("p1073741827"), info.rules.get("p268435717")),
            (Some(&b""[..]), Some(&b"0"[..]))
        );
        assert_eq!(info.players, 1);
    }

    #[test]
    fn parts_and_tables_are_bounded() {
        let mut all = Parts::default();
        for number in 0..64 {
            let _ = all.add(&[&[number][..], &[b'x'; 1400]].concat());
        }
        assert!(all.bytes <= MAX_BYTES && all.parts.len() < 64);
        let mut wide = b"\x80\0hostname\0A\0numplayers\x001\0\0".to_vec();
        for column in 0..2000 {
            wide.extend_from_slice(format!("c{column}_\0\u{1}x\0\0").as_bytes());
        }
        let mut sections = Sections::default();
        sections.read(&wide[1..], true);
        assert_eq!(sections.players.0.len(), MAX_COLUMNS);
    }
}
