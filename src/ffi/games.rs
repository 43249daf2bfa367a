//! Game servers and their masters for C.

use std::ffi::{CStr, CString, c_char, c_int};

use libc::{sockaddr, sockaddr_storage, socklen_t};

use super::exported::Exported;
use super::failure::Failure;
use super::pointers::{self, Out, text};
use super::session::Session;
use super::texts::c_text;
use super::types::allears_code;
use super::{allears, enter, give, open, perform};
use crate::protocol::games::{
    Game, GameAnswer, GameConversation, GameQuestion, Games, PlayerInfo, ServerInfo,
};

#[repr(C)]
#[derive(Clone, Copy)]
pub struct allears_status {
    pub name: *const c_char,
    pub map: *const c_char,
    pub game: *const c_char,
    pub game_type: *const c_char,
    pub players: u32,
    pub bots: i32,
    pub max_players: i32,
    pub is_truncated: i32,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct allears_player {
    pub name: *const c_char,
    pub team_name: *const c_char,
    pub score: f64,
    pub has_score: i32,
    pub ping: i32,
    pub team: i32,
    pub is_bot: i32,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct allears_list {
    pub listed: u32,
    pub is_complete: i32,
    pub rejected: u32,
}

/// The answer of a server or of a master, if there is one.
pub enum GameContent {
    None,
    Server {
        info: Box<ServerInfo>,
        datagram: Box<[u8]>,
        /// The same as C structures, once a getter has requested it.
        fields: Option<Box<ServerFields>>,
    },
    List(allears_list),
}

/// A server as C texts, and structures that point to them.
pub struct ServerFields {
    status: allears_status,
    players: Vec<allears_player>,
    rules: Vec<(CString, CString)>,
    _texts: Vec<CString>,
}

impl Exported for Games {
    const WRONG_HANDLE: &'static str = "the handle was not opened by allears_open_quake3";

    type State = ();
    type Content = GameContent;

    fn plain_question(&self, (): &()) -> Result<GameQuestion, Failure> {
        Ok(GameQuestion::server(self.default_game()))
    }

    fn content(&self, answer: Option<GameAnswer>, _: GameConversation) -> GameContent {
        match answer {
            Some(GameAnswer::Server { info, datagram }) => {
                GameContent::Server { info, datagram, fields: None }
            }
            Some(GameAnswer::List { listed, complete, rejected, .. }) => GameContent::List(allears_list {
                listed: listed as u32,
                is_complete: complete.into(),
                rejected: rejected.total() as u32,
            }),
            None => GameContent::None,
        }
    }

    fn reply(content: &GameContent) -> Option<&[u8]> {
        match content {
            GameContent::Server { datagram, .. } => Some(datagram),
            _ => None,
        }
    }

    fn targets_found(&self) -> usize {
        self.servers_waiting()
    }
}

impl ServerFields {
    fn of(info: &ServerInfo) -> ServerFields {
        let mut texts = Vec::new();
        let mut keep = |text: Option<&str>| {
            let text = c_text(text.unwrap_or_default().as_bytes());
            let start = text.as_ptr();
            texts.push(text);
            start
        };
        let count = |count: Option<u32>| count.and_then(|count| i32::try_from(count).ok()).unwrap_or(-1);
        let status = allears_status {
            name: keep(info.name.as_deref()),
            map: keep(info.map.as_deref()),
            game: keep(info.mod_name.as_deref()),
            game_type: keep(info.game_type.as_deref()),
            players: info.players,
            bots: count(info.bots),
            max_players: count(info.max_players),
            is_truncated: info.truncated.into(),
        };
        let player = |player: &PlayerInfo| allears_player {
            name: keep(Some(&player.name)),
            team_name: keep(player.team_name.as_deref()),
            score: player.score.unwrap_or(f64::NAN),
            has_score: player.score.is_some().into(),
            ping: player.ping.unwrap_or(-1),
            team: player.team.unwrap_or(-1),
            is_bot: player.bot.map_or(-1, i32::from),
        };
        let players = info.player_list.iter().map(player).collect();
        let clean = |bytes: &[u8]| c_text(info.text.clean(bytes).as_bytes());
        let rules = info.rules.iter().map(|(key, value)| (clean(key), clean(value))).collect();
        ServerFields { status, players, rules, _texts: texts }
    }

    /// Returns the value of a rule, ignoring case.
    fn rule(&self, key: &str) -> Option<&CStr> {
        let rule = self.rules.iter().find(|(name, _)| name.as_bytes().eq_ignore_ascii_case(key.as_bytes()));
        rule.map(|(_, value)| value.as_c_str())
    }
}

/// Returns the server of the current result.
fn server(session: &mut Session) -> Result<&ServerFields, Failure> {
    match session.content::<Games>()? {
        GameContent::Server { info, fields, .. } => {
            Ok(fields.get_or_insert_with(|| Box::new(ServerFields::of(info))))
        }
        _ => Err(Failure::Protocol("the result is not the answer of a game server")),
    }
}

/// Returns the list of the current result.
fn list(session: &mut Session) -> Result<allears_list, Failure> {
    match session.content::<Games>()? {
        GameContent::List(list) => Ok(*list),
        _ => Err(Failure::Protocol("the result is not the answer of a master")),
    }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn allears_open_quake3(handle: *mut allears, game: *const c_char) -> c_int {
    open(handle, |_| {
        // SAFETY: the caller upholds the header's rules.
        let game = unsafe { text(game, "game") }?;
        let failure = || Failure::argument(format_args!("no game `{}`", game.escape_debug()));
        // A result does not say by what it is proven, so it has the token if its protocol has one.
        Game::find(game).map(|game| Games::new(game).with_proof_required(true)).ok_or_else(failure)
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn allears_ask_master(
    handle: *mut allears,
    target: *const sockaddr,
    length: socklen_t,
    tag: u64,
) -> c_int {
    perform(handle, |session| {
        // SAFETY: the caller upholds the header's rules.
        let target = unsafe { pointers::target(target, length) }?;
        let games = session.asking::<Games>()?;
        let question = GameQuestion::master(games.engine.protocol().default_game(), true);
        let question = question.ok_or(Failure::Protocol("the game has no masters"))?;
        games.ask(target, question, tag)
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn allears_next_server(
    handle: *mut allears,
    out: *mut sockaddr_storage,
    out_length: *mut socklen_t,
) -> c_int {
    enter(handle, |session| {
        let (out, out_length) = (Out::new(out, "out")?, Out::new(out_length, "out_length")?);
        let games = session.engine::<Games>()?.engine.protocol_mut();
        let Some((server, _)) = games.take_server() else { return Ok(allears_code::ALLEARS_NONE) };
        // SAFETY: the caller upholds the header's rules.
        unsafe { pointers::give_address(server, &out, &out_length) };
        Ok(allears_code::ALLEARS_OK)
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn allears_get_status(
    handle: *mut allears,
    out: *mut allears_status,
    out_size: usize,
) -> c_int {
    // SAFETY: the caller upholds the header's rules.
    unsafe { give(handle, out, out_size, |session| Ok(Some(server(session)?.status))) }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn allears_get_player(
    handle: *mut allears,
    index: usize,
    out: *mut allears_player,
    out_size: usize,
) -> c_int {
    // SAFETY: the caller upholds the header's rules.
    unsafe { give(handle, out, out_size, |session| Ok(server(session)?.players.get(index).copied())) }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn allears_get_rule(
    handle: *mut allears,
    key: *const c_char,
    value: *mut *const c_char,
) -> c_int {
    enter(handle, |session| {
        // SAFETY: the caller upholds the header's rules.
        let key = unsafe { text(key, "key") }?;
        let value = Out::new(value, "value")?;
        let Some(found) = server(session)?.rule(key) else { return Ok(allears_code::ALLEARS_NONE) };
        // SAFETY: as before.
        unsafe { value.give(found.as_ptr()) };
        Ok(allears_code::ALLEARS_OK)
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn allears_get_rule_at(
    handle: *mut allears,
    index: usize,
    key: *mut *const c_char,
    value: *mut *const c_char,
) -> c_int {
    enter(handle, |session| {
        let (key, value) = (Out::new(key, "key")?, Out::new(value, "value")?);
        let Some((name, found)) = server(session)?.rules.get(index) else {
            return Ok(allears_code::ALLEARS_NONE);
        };
        // SAFETY: the caller upholds the header's rules.
        unsafe { (key.give(name.as_ptr()), value.give(found.as_ptr())) };
        Ok(allears_code::ALLEARS_OK)
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn allears_get_list(
    handle: *mut allears,
    out: *mut allears_list,
    out_size: usize,
) -> c_int {
    // SAFETY: the caller upholds the header's rules.
    unsafe { give(handle, out, out_size, |session| list(session).map(Some)) }
}
