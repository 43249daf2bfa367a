//! A conversation of version 2: one request for the server, its players and its teams.
//!
//! The reply returns the number of the request. It has keys and values up to an empty key, then tables of players and
//! of teams: the number of rows, the names of fields up to an empty one, and the values row by row (`gs2.c` of qstat,
//! `gamespy2.js` of node-gamedig). If a server omits the tables, a second request is for these alone.

use super::super::fields::{CUT_OFF, Fields};
use super::super::servers::ServerSet;
use super::super::wire::{Dialogue, WireProtocol};
use super::super::{Game, GameAnswer, PlayerInfo, Rules, ServerInfo};
use super::session::{Session, read_request_token, read_token};
use super::v3::{MAGIC, STATUS};
use super::{games, is_column, list_players};
use crate::protocol::{Attempt, Proof, Reply, ReplySize, Step};

/// The sections of a request: the server, its players, its teams.
const ALL: &[u8] = b"\xff\xff\xff";
const TABLES: &[u8] = b"\x00\xff\xff";

/// The maximum number of fields and of rows in a table.
const MAX_FIELDS: usize = 64;
const MAX_ROWS: usize = 256;

/// The wire protocol of games with version 2.
pub(in super::super) static VERSION_2: WireProtocol = WireProtocol {
    name: "gamespy2",
    lists_players: true,
    games: || games::VERSION_2,
    server: |question| Box::new(TableDialogue { game: question.game, info: None }),
    master: None,
    read_token,
    read_request_token,
};

/// A conversation with a server.
#[derive(Debug)]
struct TableDialogue {
    game: &'static Game,
    /// The server's description without its players, if it sent one, and the datagram with it.
    info: Option<(ServerInfo, Box<[u8]>)>,
}

/// A table of players or teams.
#[derive(Debug, Default)]
struct NamedRows<'a> {
    fields: Vec<&'a [u8]>,
    values: Vec<&'a [u8]>,
}

impl TableDialogue {
    /// Processes the reply to the first request.
    fn take_server(&mut self, reply: &[u8], body: &[u8]) -> Step<GameAnswer> {
        let mut fields = Fields::new(body);
        let mut rules = Rules::default();
        while let Ok(key) = fields.text()
            && !key.is_empty()
        {
            let Ok(value) = fields.text() else { break };
            rules.push(key, value);
        }
        let mut info = match super::describe(self.game, rules) {
            Ok(info) => info,
            Err(reason) => return Step::Malformed(reason),
        };
        let has_tables = list_tables(&mut info, fields);
        if has_tables || info.players == 0 {
            return Step::Done(GameAnswer::server(info, reply));
        }
        self.info = Some((info, reply.into()));
        Step::AskNext
    }
}

impl Dialogue for TableDialogue {
    fn proof(&self) -> Proof {
        Proof::Token { bits: super::session::Width::Wide.token_bits() }
    }

    fn write_request(&mut self, attempt: Attempt, out: &mut Vec<u8>) {
        out.extend_from_slice(MAGIC);
        out.push(STATUS);
        out.extend_from_slice(&Session::direct(attempt.token).to_bytes());
        out.extend_from_slice(if self.info.is_none() { ALL } else { TABLES });
    }

    fn step(&mut self, _: &mut ServerSet, reply: &Reply<'_>) -> Step<GameAnswer> {
        let Some(body) = reply.bytes.get(5..).filter(|_| reply.bytes[0] == STATUS) else {
            return Step::Malformed(CUT_OFF);
        };
        let Some((info, _)) = &mut self.info else { return self.take_server(reply.bytes, body) };
        let mut info = info.clone();
        if !list_tables(&mut info, Fields::new(body)) {
            info.remarks.push("the player list is missing".into());
        }
        Step::Done(GameAnswer::server(info, reply.bytes))
    }

    /// Returns the server without its players.
    fn partial_answer(&mut self) -> Option<GameAnswer> {
        let (mut info, datagram) = self.info.take()?;
        info.remarks.push("the player list is missing".into());
        Some(GameAnswer::server(info, &datagram))
    }

    fn reply_size(&self) -> ReplySize {
        ReplySize::one(2800)
    }
}

/// Reads the tables of players and teams, and lists the players. Returns false if there are no tables.
fn list_tables(info: &mut ServerInfo, mut fields: Fields<'_>) -> bool {
    let game = info.game;
    let Ok(players) = NamedRows::read(&mut fields) else {
        info.truncated = info.players > 0;
        return false;
    };
    let teams = NamedRows::read(&mut fields).unwrap_or_default();
    for (row, values) in teams.rows().enumerate() {
        for (field, value) in teams.fields.iter().zip(values) {
            info.rules.push(&[*field, row.to_string().as_bytes()].concat(), value);
        }
    }
    let names: Vec<&[u8]> = teams.rows().map(|row| teams.get(row, "team").unwrap_or_default()).collect();
    let listed = players.rows().filter_map(|row| super::player(game, |name| players.get(row, name)));
    let listed: Vec<PlayerInfo> = listed.collect();
    list_players(info, listed, &names);
    true
}

impl<'a> NamedRows<'a> {
    /// Reads a table: a zero, the number of rows, names of fields, values.
    ///
    /// America's Army sometimes leaves out the number (`gamespy2.js` of node-gamedig).
    fn read(fields: &mut Fields<'a>) -> Result<NamedRows<'a>, &'static str> {
        let mut table = NamedRows::default();
        if fields.rest().first() == Some(&0) {
            fields.u8()?;
        }
        let has_count = ![&b"player_"[..], b"team_"].iter().any(|first| fields.rest().starts_with(first));
        let most = if has_count { fields.u8()?.into() } else { MAX_ROWS };
        while table.fields.len() < MAX_FIELDS {
            let name = fields.text()?;
            if name.is_empty() {
                break;
            }
            if !name.contains(&b'_') {
                return Err("a table has an invalid field name");
            }
            table.fields.push(name);
        }
        for _ in 0..most {
            // Without a number, an empty first field ends the table. So does the end of the datagram.
            let is_over = !has_count && fields.rest().first() == Some(&0);
            if table.fields.is_empty() || is_over || !table.read_row(fields) {
                break;
            }
        }
        Ok(table)
    }

    /// Reads a row. Drops it and returns false if it is cut off.
    fn read_row(&mut self, fields: &mut Fields<'a>) -> bool {
        let whole = self.values.len();
        for _ in 0..self.fields.len() {
            let Ok(value) = fields.text() else {
                self.values.truncate(whole);
                return false;
            };
            self.values.push(value);
        }
        true
    }

    fn rows(&self) -> impl Iterator<Item = &[&'a [u8]]> {
        self.values.chunks(self.fields.len().max(1))
    }

    /// Returns a value of a row by the name of its field, without `_` or `_t`.
    fn get(&self, row: &[&'a [u8]], name: &str) -> Option<&'a [u8]> {
        let at = self.fields.iter().position(|field| is_column(field, name))?;
        row.get(at).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::talk::Talk;
    use super::*;

    const SERVER: &[u8] = b"\0\xc0\0\x12\x34hostname\0A\0mapname\0b\0numplayers\x002\0\0";
    const PLAYERS: &[u8] = b"\0\x02player_\0team_\0score_\0\0Ann\0\x005\0\x002\0-1\0";
    const TEAMS: &[u8] = b"\0\x02team_t\0score_t\0\0axis\x000\0allied\x007\0";

    fn names(info: &ServerInfo) -> Vec<&str> {
        info.player_list.iter().map(|player| player.name.as_str()).collect()
    }

    #[test]
    fn one_reply_has_the_server_its_players_and_its_teams() {
        let mut talk = Talk::with("halo");
        assert_eq!(talk.request(1), b"\xfe\xfd\0\xc0\0\x12\x34\xff\xff\xff");
        let info = talk.answer(&[SERVER, PLAYERS, TEAMS].concat());
        assert_eq!((names(&info), info.truncated), (vec!["Ann", ""], false));
        assert_eq!((info.player_list[0].team, info.player_list[0].score), (None, Some(5.0)));
        assert_eq!(info.player_list[1].team_name.as_deref(), Some("allied"));
        assert_eq!(info.rules.get("score_t1"), Some(&b"7"[..]));
    }

    #[test]
    fn omitted_tables_are_requested() {
        let mut talk = Talk::with("halo");
        talk.request(1);
        assert_eq!(talk.step(&[SERVER, b"\0"].concat()), Step::AskNext);
        assert_eq!(talk.request(1), b"\xfe\xfd\0\xc0\0\x12\x34\0\xff\xff");
        let info = talk.answer(&[&SERVER[..5], PLAYERS, TEAMS].concat());
        assert_eq!((names(&info), info.name.as_deref(), info.truncated), (vec!["Ann", ""], Some("A"), false));
        let partial = talk.partial().unwrap();
        assert_eq!((partial.players, partial.truncated, partial.remarks.len()), (2, true, 1));
        let mut empty = Talk::with("halo");
        assert_eq!(empty.answer(b"\0\xc0\0\x12\x34hostname\0A\0numplayers\x000\0\0\0").players, 0);
    }

    #[test]
    fn a_table_without_its_number_ends_with_an_empty_name() {
        let table = b"\0player_\0score_\0\0Ann\x001\0Bob\x002\0\0\x01team_t\0\0axis\0";
        let info = Talk::with("americasarmy").answer(&[SERVER, table].concat());
        assert_eq!((names(&info), info.rules.get("team_t0")), (vec!["Ann", "Bob"], Some(&b"axis"[..])));
    }

    #[test]
    fn a_table_that_is_cut_off_keeps_its_whole_rows() {
        let whole = [SERVER, PLAYERS].concat();
        let info = Talk::with("halo").answer(&whole[..whole.len() - 1]);
        assert_eq!((names(&info), info.truncated), (vec!["Ann"], true));
        for (odd, listed) in
            [(&b"\0\x05\0"[..], 0), (b"\0\xff\x01player_\0\0a\0", 0), (b"\0\x01player_\0\0a\0\0", 1)]
        {
            let info = Talk::with("halo").answer(&[SERVER, odd].concat());
            assert_eq!(info.player_list.len(), listed, "{odd:?}");
        }
    }
}
