//! The replies of a server, without their first five bytes.

use std::borrow::Cow;

use super::super::fields::{CUT_OFF, Fields};
use super::super::{Game, PlayerInfo, ServerInfo, TextField};

/// The bits of a player's last field that show the team (`ut2003_player_packet` in `qstat.c`).
const RED: u32 = 1 << 29;
const BLUE: u32 = 1 << 30;

/// Reads the description of a server.
pub(super) fn read_details(game: &'static Game, mut fields: Fields<'_>) -> Result<ServerInfo, &'static str> {
    let mut info = ServerInfo::new(game);
    let _id = fields.u32_le()?;
    let _address = read_text(&mut fields)?;
    let port = fields.u32_le()?;
    let _query_port = fields.u32_le()?;
    let name = read_text(&mut fields)?;
    let (map, game_type) = (read_text(&mut fields)?, read_text(&mut fields)?);
    let (players, max_players) = (fields.u32_le()?, fields.u32_le()?);
    if players > 0xffff {
        return Err("the number of players is out of range");
    }
    info.set_name(&name);
    info.set_text(TextField::Map, &map);
    info.set_text(TextField::GameType, &game_type);
    (info.players, info.max_players) = (players, Some(max_players));
    if port != 0 {
        push_number(&mut info, "port", port);
    }
    read_rest(&mut info, fields);
    Ok(info)
}

/// Reads the remaining fields: a ping, flags and a skill. Killing Floor sends two numbers of waves before them; older
/// games send less.
fn read_rest(info: &mut ServerInfo, fields: Fields<'_>) {
    let read = |waves: usize| {
        let mut fields = fields;
        let numbers: Vec<u32> = (0..waves + 2).map_while(|_| fields.u32_le().ok()).collect();
        let skill = read_text(&mut fields).ok()?;
        (numbers.len() == waves + 2 && fields.rest().len() <= 2).then_some((numbers, skill))
    };
    let Some((numbers, skill)) = read(0).or_else(|| read(2)) else { return };
    let keys: &[&str] =
        if numbers.len() == 2 { &["ping", "flags"] } else { &["wave", "final_wave", "ping", "flags"] };
    for (key, number) in keys.iter().zip(numbers).filter(|(key, _)| **key != "ping") {
        push_number(info, key, number);
    }
    info.rules.push(b"skill", &skill);
}

fn push_number(info: &mut ServerInfo, key: &str, number: u32) {
    info.rules.push(key.as_bytes(), number.to_string().as_bytes());
}

/// Reads rules, and sets password and version from them.
pub(super) fn read_rules(info: &mut ServerInfo, mut fields: Fields<'_>) {
    while let (Ok(key), Ok(value)) = (read_text(&mut fields), read_text(&mut fields)) {
        match key.to_ascii_lowercase().as_slice() {
            b"gamepassword" => info.password = info.text.clean(&value).parse().ok().or(info.password),
            b"serverversion" => info.set_text(TextField::Version, &value),
            _ => {}
        }
        info.rules.push(&key, &value);
    }
}

/// Reads players. One with a known ID replaces the earlier one, because the list was sent again. An entry with the ID 0
/// is the score of a team (`unreal2.js` of node-gamedig).
pub(super) fn read_players(
    info: &mut ServerInfo,
    players: &mut Vec<(u32, PlayerInfo)>,
    mut fields: Fields<'_>,
) {
    while !fields.is_empty() {
        let Ok((id, player)) = read_player(info.game, &mut fields) else {
            info.remarks.push("the player list is cut off".into());
            return;
        };
        let known = players.iter_mut().find(|(of, _)| *of == id);
        match (id, known) {
            (0, _) => {
                let score = player.score.unwrap_or_default().to_string();
                info.rules.push(&player.name_raw, score.as_bytes());
            }
            (_, Some((_, known))) => *known = player,
            (_, None) => players.push((id, player)),
        }
    }
}

fn read_player(game: &Game, fields: &mut Fields<'_>) -> Result<(u32, PlayerInfo), &'static str> {
    let id = fields.u32_le()?;
    let name = read_text(fields)?;
    let (ping, score, flags) = (fields.u32_le()?, fields.i32_le()?, fields.u32_le()?);
    let team: Option<u8> = match (flags & RED != 0, flags & BLUE != 0) {
        (true, false) => Some(0),
        (false, true) => Some(1),
        _ => None,
    };
    let player = PlayerInfo {
        score: Some(score.into()),
        ping: i32::try_from(ping).ok(),
        team: team.map(i32::from),
        team_name: team.and_then(|team| game.team_name(team)).map(Cow::Borrowed),
        bot: Some(ping == 0),
        ..PlayerInfo::named(game, &name)
    };
    Ok((id, player))
}

/// Reads a text: a length that includes the zero at the end, and characters. Those of two bytes are converted to UTF-8.
///
/// The length is Unreal's compact index: bit 7 of its first byte stands for two bytes a character, bit 6 for a further byte,
/// whose bits 0 to 6 follow the six bits of the first one. (GameQ and node-gamedig take the first byte for all of it, and
/// lose their place in long texts.)
fn read_text(fields: &mut Fields<'_>) -> Result<Vec<u8>, &'static str> {
    let mut ahead = *fields;
    let first = ahead.u8()?;
    let mut length = usize::from(first & 0x3f);
    if first & 0x40 != 0 {
        length |= usize::from(ahead.u8()? & 0x7f) << 6;
    }
    let is_wide = first & 0x80 != 0;
    let bytes = ahead.bytes(if is_wide { length * 2 } else { length });
    let zero: &[u8] = if is_wide { b"\0\0" } else { b"\0" };
    match bytes {
        Ok(bytes) if length == 0 || bytes.ends_with(zero) => {
            *fields = ahead;
            Ok(decoded(&bytes[..bytes.len() - zero.len().min(bytes.len())], is_wide))
        }
        // A length of another kind: the text ends at its zero.
        _ if !is_wide => {
            fields.u8()?;
            fields.text().map(|text| decoded(text, false))
        }
        _ => Err(CUT_OFF),
    }
}

/// Converts UCS-2 to UTF-8; characters of one byte stay as sent. The components of a colour become characters with these
/// numbers.
fn decoded(bytes: &[u8], is_wide: bool) -> Vec<u8> {
    if !is_wide {
        return bytes.to_vec();
    }
    let units = bytes.chunks_exact(2).map(|pair| u16::from_le_bytes([pair[0], pair[1]]));
    let text: String = char::decode_utf16(units).map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER)).collect();
    text.into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns a text, and the number of bytes after it.
    fn text(bytes: &[u8]) -> Result<(Vec<u8>, usize), &'static str> {
        let mut fields = Fields::new(bytes);
        let text = read_text(&mut fields)?;
        Ok((text, fields.rest().len()))
    }

    #[test]
    fn texts_have_lengths_of_one_or_two_bytes_and_characters_of_one_or_two() {
        assert_eq!(text(b"\x04abc\0x"), Ok((b"abc".to_vec(), 1)));
        assert_eq!(text(b"\x00x"), Ok((vec![], 1)));
        assert_eq!(text(b"\x01\0"), Ok((vec![], 0)));
        assert_eq!(text(b"\x83\xe9\0\x3a\x20\0\0"), Ok(("\u{e9}\u{203a}".into(), 0)));
        assert_eq!(text(b"\x03\xe9\x1b\0"), Ok((b"\xe9\x1b".to_vec(), 0)));
        let long = [&b"\x41\x03"[..], &[b'a'; 192], b"\0rest"].concat();
        assert_eq!(text(&long), Ok((vec![b'a'; 192], 4)));
        let wide = [&b"\xc1\x01"[..], &b"a\0".repeat(64), b"\0\0rest"].concat();
        assert_eq!(text(&wide), Ok((vec![b'a'; 64], 4)));
    }

    #[test]
    fn a_length_that_does_not_fit_is_ignored() {
        let plain = [&b"\x46"[..], &[b'a'; 69], b"\0rest"].concat();
        assert_eq!(text(&plain), Ok((vec![b'a'; 69], 4)));
        for cut in [&b""[..], b"\x04abc", b"\x41", b"\x83a\0b\0", b"\x82a"] {
            assert_eq!(text(cut), Err(CUT_OFF), "{cut:?}");
        }
    }
}
