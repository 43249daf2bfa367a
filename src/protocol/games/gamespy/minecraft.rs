//! Minecraft's query, which servers with `enable-query=true` answer: a variant of version 4 of the protocol.
//!
//! The status is one datagram, with the layout that `query_client.py` of mcstatus reads. Four more bytes in the request
//! ask for players and plugins, too. Servers vary: after the session number, Geyser sends other bytes than `splitnum`,
//! and its keys in another order. The message of the day may contain zeros, because only the low byte of each character
//! is sent.

use super::super::fields::Fields;
use super::super::info::NO_LIST;
use super::super::wire::WireProtocol;
use super::super::{Game, PlayerInfo, Rules, ServerInfo};
use super::session::{Width, read_request_token, read_token};
use super::v3::{StatusDialogue, Variant};
use super::{describe, games, list_players};

/// The wire protocol of Minecraft servers and of compatible ones.
pub(in super::super) static MINECRAFT: WireProtocol = WireProtocol {
    name: "gamespy4",
    lists_players: true,
    games: || games::MINECRAFT,
    server: |question| StatusDialogue::begin(question.game, &QUERY),
    master: None,
    read_token,
    read_request_token,
};

static QUERY: Variant =
    Variant { has_handshake: true, width: Width::Narrow, ask: &[0; 4], read_single: Some(read) };

/// The length of `splitnum`, a zero and two more bytes.
const HEADER: usize = 11;
const NAME: &[u8] = b"hostname";
/// The keys that may follow the message of the day.
const KEYS: [&[u8]; 9] = [
    b"gametype",
    b"game_id",
    b"version",
    b"plugins",
    b"map",
    b"numplayers",
    b"maxplayers",
    b"hostport",
    b"hostip",
];
/// The bytes before the names of the players.
const PLAYERS: &[u8] = b"\x01player_\0\0";

fn read(game: &'static Game, status: &[u8]) -> Result<ServerInfo, &'static str> {
    let mut fields = Fields::new(status);
    fields.bytes(HEADER)?;
    let mut rules = Rules::default();
    let end = read_settings(&mut fields, &mut rules);
    let mut info = describe(game, rules).map_err(|reason| end.err().unwrap_or(reason))?;
    if end.is_err() {
        info.truncated = info.players > 0 || info.rules.get("numplayers").is_none();
        info.remarks.push(NO_LIST.into());
        return Ok(info);
    }
    let mut players = Vec::new();
    let mut names = Fields::new(fields.rest().strip_prefix(PLAYERS).unwrap_or_default());
    while let Ok(name) = names.text()
        && !name.is_empty()
    {
        players.push(PlayerInfo::named(game, name));
    }
    list_players(&mut info, players, &[]);
    Ok(info)
}

/// Reads keys and values up to an empty key.
fn read_settings(fields: &mut Fields<'_>, rules: &mut Rules) -> Result<(), &'static str> {
    loop {
        let key = fields.text()?;
        match key {
            b"" => return Ok(()),
            NAME => rules.push(key, message_of_the_day(fields)?),
            _ => rules.push(key, fields.text()?),
        }
    }
}

/// Reads up to the zero before the next known key.
fn message_of_the_day<'a>(fields: &mut Fields<'a>) -> Result<&'a [u8], &'static str> {
    let rest = fields.rest();
    let is_end = |&at: &usize| {
        let after = rest[at..].strip_prefix(b"\0");
        let key = after.and_then(|after| after.split(|&byte| byte == 0).next());
        key.is_some_and(|key| KEYS.contains(&key))
    };
    match (0..rest.len()).find(is_end) {
        Some(end) => {
            let text = fields.bytes(end)?;
            fields.bytes(1)?;
            Ok(text)
        }
        None => fields.text(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(header: &[u8; HEADER], rest: &[u8]) -> Result<ServerInfo, &'static str> {
        read(Game::find("minecraft").unwrap(), &[header, rest].concat())
    }

    #[test]
    fn every_field_is_assigned() {
        let info = status(
            b"splitnum\0\x80\0",
            b"hostname\0\xa7aA \xa7lServer\0gametype\0SMP\0version\x001.8\0plugins\0\0map\0world\0numplayers\x003\0\
              maxplayers\x0020\0\0\x01player_\0\0Ann\0Bob\0\0",
        )
        .unwrap();
        assert_eq!((info.name.as_deref(), info.map.as_deref()), (Some("A Server"), Some("world")));
        assert_eq!((info.players, info.max_players, info.version.as_deref()), (3, Some(20), Some("1.8")));
        assert_eq!((info.player_list.len(), info.truncated), (2, true), "one is not listed");
        assert_eq!(info.rules.get("plugins"), Some(&b""[..]));
    }

    #[test]
    fn a_reply_that_ends_within_its_settings_needs_a_name_or_a_count() {
        let settings = b"hostname\0A\0gametype\0SMP\0map\0world\0numplayers\x000\0maxplayers\x0020\0";
        let counted = settings.len() - b"maxplayers\x0020\0".len();
        for length in b"hostname\0A\0".len()..=settings.len() {
            let info = status(&[0; HEADER], &settings[..length]).unwrap();
            assert_eq!((info.name.as_deref(), info.players), (Some("A"), 0));
            assert_eq!(
                (info.truncated, info.max_players.is_some()),
                (length < counted, length == settings.len())
            );
            assert_eq!(info.remarks.last().unwrap(), "the reply ends within the server's settings");
        }
    }

    #[test]
    fn the_header_and_the_order_of_the_keys_do_not_matter() {
        let info = status(
            b"GeyserMC\0\x80\0",
            b"hostname\0Geyser\0hostip\x001.1.1.1\0plugins\0\0numplayers\x001\0map\0Geyser\0game_id\0MINECRAFT\0\0\x01player_\0\0\0",
        )
        .unwrap();
        assert_eq!((info.name.as_deref(), info.players, info.player_list.len()), (Some("Geyser"), 1, 0));
    }

    #[test]
    fn the_message_of_the_day_may_contain_zeros() {
        for (sent, name) in [(&b"\0*K\xd5"[..], "*K\u{d5}"), (b"a\0\0mop", "amop"), (b"", ""), (b"\0", "")] {
            let info = status(&[0; HEADER], &[b"hostname\0", sent, b"\0gametype\0SMP\0map\0w\0\0"].concat());
            let info = info.unwrap();
            assert_eq!(
                (info.name.unwrap_or_default().as_str(), info.map.as_deref()),
                (name, Some("w")),
                "{sent:?}"
            );
        }
        let info = status(&[0; HEADER], b"hostname\0A\0\0").unwrap();
        assert_eq!(info.name.as_deref(), Some("A"));
    }

    #[test]
    fn broken_replies_have_a_reason() {
        assert!(status(&[0; HEADER], b"hostname\0A").is_err());
        assert!(status(&[0; HEADER], b"\0").is_err());
        assert!(read(Game::find("minecraft").unwrap(), b"short").is_err());
    }
}
