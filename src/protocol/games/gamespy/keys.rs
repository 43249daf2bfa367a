//! A status of version 1: keys and values between backslashes.
//!
//! Keys with a number at the end, such as `player_0` and `frags_0`, are fields of players; `teamname_0` is that of a team.

use std::collections::BTreeMap;

use super::super::{Game, PlayerInfo, Rules, ServerInfo};
use super::{list_players, number, player};

/// An iterator over keys and values.
#[derive(Clone, Debug)]
pub(super) struct Pairs<'a> {
    /// The text after the last backslash read; `None` at the end.
    rest: Option<&'a [u8]>,
}

/// The fields of a player, by name without the number.
type Row<'a> = Vec<(&'a [u8], &'a [u8])>;

impl<'a> Pairs<'a> {
    /// Reads what follows the first backslash.
    pub fn new(text: &'a [u8]) -> Pairs<'a> {
        Pairs { rest: Some(text) }
    }

    fn token(&mut self) -> Option<&'a [u8]> {
        let rest = self.rest?;
        let end = rest.iter().position(|&byte| byte == b'\\');
        self.rest = end.map(|end| &rest[end + 1..]);
        Some(&rest[..end.unwrap_or(rest.len())])
    }
}

impl<'a> Iterator for Pairs<'a> {
    type Item = (&'a [u8], &'a [u8]);

    fn next(&mut self) -> Option<(&'a [u8], &'a [u8])> {
        let key = self.token()?;
        let from = self.rest.unwrap_or_default();
        let value = self.token().unwrap_or_default();
        if is_name(key) {
            // A name may contain a backslash. Then the next key comes one piece later.
            let mut ahead = self.clone();
            let (second, third) = (ahead.token(), ahead.clone().token());
            if second.is_some_and(|second| !is_key(second)) && third.is_some_and(is_key) {
                self.rest = ahead.rest;
                let length = value.len() + 1 + second.unwrap_or_default().len();
                return Some((key, &from[..length]));
            }
        }
        Some((key, value))
    }
}

/// Splits a key with a number at the end.
fn field(key: &[u8]) -> Option<(&[u8], u32)> {
    let at = key.iter().rposition(|&byte| byte == b'_')?;
    let digits = &key[at + 1..];
    let is_number = digits.len() <= 4 && digits.iter().all(u8::is_ascii_digit);
    Some((&key[..at], number(digits)?)).filter(|_| is_number)
}

/// Returns whether this is the key of a player's name.
fn is_name(key: &[u8]) -> bool {
    field(key).is_some_and(|(name, _)| {
        [&b"player"[..], b"playername"].iter().any(|of| name.eq_ignore_ascii_case(of))
    })
}

fn is_key(token: &[u8]) -> bool {
    field(token).is_some() || token == b"final" || token == b"queryid"
}

/// Describes a server by the keys and values of its status, in their order.
pub(super) fn describe<'a>(
    game: &'static Game,
    pairs: impl Iterator<Item = (&'a [u8], &'a [u8])>,
) -> Result<ServerInfo, &'static str> {
    let mut rules = Rules::default();
    let mut rows: BTreeMap<u32, Row<'_>> = BTreeMap::new();
    let mut teams: BTreeMap<u32, &[u8]> = BTreeMap::new();
    for (key, value) in pairs {
        match field(key) {
            _ if matches!(key, b"" | b"final" | b"queryid") => continue,
            Some((name, team)) if name.eq_ignore_ascii_case(b"teamname") => {
                teams.insert(team, value);
            }
            Some((name, row)) if !is_of_team(name) => {
                rows.entry(row).or_default().push((name, value));
                continue;
            }
            _ => {}
        }
        rules.push(key, value);
    }
    let mut players = Vec::new();
    for (number, row) in &rows {
        match player(game, |name| get(row, name)) {
            Some(player) => players.push((get(row, "keyhash"), player)),
            // Without a name, these fields do not belong to a player.
            None => row.iter().for_each(|(name, value)| {
                rules.push(&[*name, b"_", number.to_string().as_bytes()].concat(), value);
            }),
        }
    }
    let has_players = players.iter().any(|(_, player)| !player.name_raw.is_empty());
    let mut info = super::describe_beside(has_players, game, rules)?;
    let has_number = info.rules.get("numplayers").and_then(super::count).is_some();
    let players = if has_number { without_stale(players, &mut info) } else { all(players) };
    // A team whose number does not occur has an empty name.
    let last = teams.keys().next_back().map_or(0, |&last| last.min(63) + 1);
    let teams: Vec<_> = (0..last).map(|team| teams.remove(&team).unwrap_or_default()).collect();
    list_players(&mut info, players, &teams);
    Ok(info)
}

/// Returns whether a field is one of a team, such as `teamscore`. A player's field `team` is not.
fn is_of_team(name: &[u8]) -> bool {
    name.len() > 4 && name[..4].eq_ignore_ascii_case(b"team")
}

/// Returns a field by its name, in any case.
fn get<'a>(row: &Row<'a>, name: &str) -> Option<&'a [u8]> {
    row.iter().find(|(of, _)| of.eq_ignore_ascii_case(name.as_bytes())).map(|(_, value)| *value)
}

fn all(players: Vec<(Option<&[u8]>, PlayerInfo)>) -> Vec<PlayerInfo> {
    players.into_iter().map(|(_, player)| player).collect()
}

/// Removes the players who have left: Battlefield 1942 still sends them, some of them twice (`gamespy1.js` of
/// node-gamedig, `gps.c` of qstat). These are the players with another one's key hash, and those beyond the number of
/// players.
fn without_stale(mut players: Vec<(Option<&[u8]>, PlayerInfo)>, info: &mut ServerInfo) -> Vec<PlayerInfo> {
    let (listed, number) = (players.len(), info.players as usize);
    if listed > number {
        let mut seen = std::collections::HashSet::new();
        players.retain(|(key, _)| key.is_none_or(|key| key.is_empty() || seen.insert(key)));
        players.truncate(number);
        let left = listed - players.len();
        info.remarks.push(format!("players omitted because they have left: {left}"));
    }
    all(players)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn described(parts: &[&[u8]]) -> ServerInfo {
        describe(Game::find("bf1942").unwrap(), parts.iter().flat_map(|part| Pairs::new(part))).unwrap()
    }

    fn names(info: &ServerInfo) -> Vec<&str> {
        info.player_list.iter().map(|player| player.name.as_str()).collect()
    }

    #[test]
    fn players_and_teams_are_distinguished_from_rules() {
        let info = described(&[
            b"hostname\\A\\numplayers\\2\\team_ratio\\1\\map_1\\x\\playername_10\\Bob\\team_10\\2\\score_10\\7",
            b"playername_2\\Ann\\TEAM_2\\1\\ping_2\\ 30\\deaths_2\\1\\teamname_0\\axis\\teamname_1\\allied\\teamscore_1\\5",
        ]);
        assert_eq!(names(&info), ["Ann", "Bob"], "in the order of their numbers");
        let teams: Vec<_> =
            info.player_list.iter().filter_map(|player| player.team_name.as_deref()).collect();
        assert_eq!(teams, ["axis", "allied"]);
        assert_eq!((info.player_list[0].ping, info.player_list[1].score), (Some(30), Some(7.0)));
        assert_eq!(
            (info.rules.get("map_1"), info.rules.get("team_ratio")),
            (Some(&b"x"[..]), Some(&b"1"[..]))
        );
        assert_eq!((info.rules.get("teamscore_1"), info.rules.get("deaths_2")), (Some(&b"5"[..]), None));
    }

    #[test]
    fn a_name_may_contain_a_backslash() {
        let info = described(&[b"hostname\\A\\numplayers\\3\\player_0\\a\\b\\frags_0\\1\\player_1\\c\\\\frags_1\\2\\player_2\\\\frags_2\\3"]);
        assert_eq!(names(&info), ["a\\b", "c\\", ""]);
        let scores: Vec<_> = info.player_list.iter().map(|player| player.score).collect();
        assert_eq!(scores, [Some(1.0), Some(2.0), Some(3.0)]);
        let odd = described(&[b"hostname\\A\\numplayers\\1\\player_0\\Ann\\password\\0\\mapname\\x"]);
        assert_eq!((names(&odd), odd.password, odd.map.as_deref()), (vec!["Ann"], Some(false), Some("x")));
    }

    #[test]
    fn players_who_have_left_are_not_listed() {
        let info = described(&[b"hostname\\A\\numplayers\\2\\player_0\\Ann\\keyhash_0\\k\\player_1\\Ann\\keyhash_1\\k\\player_2\\Bob\\player_3\\Cy"]);
        assert_eq!((names(&info), info.players, info.truncated), (vec!["Ann", "Bob"], 2, false));
        assert_eq!(info.remarks, ["players omitted because they have left: 2"]);
        assert_eq!(
            described(&[b"hostname\\A\\player_0\\Ann"]).players,
            1,
            "there is no number to compare with"
        );
    }

    #[test]
    fn odd_texts_are_read_to_their_end() {
        for text in [
            &b""[..],
            b"\\",
            b"a",
            b"a\\",
            b"\\\\\\",
            b"player_0\\",
            b"player_0\\\\",
            b"_1\\x",
            b"x_99999\\1",
        ] {
            assert!(Pairs::new(text).count() <= 3, "{text:?}");
            assert!(describe(Game::find("bf1942").unwrap(), Pairs::new(text)).is_err());
        }
    }
}
