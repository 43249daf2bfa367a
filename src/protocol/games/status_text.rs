//! A status as text, as servers of QuakeWorld and Quake II send it: the settings in one line, then a line for each
//! player.

use super::ServerInfo;
use super::info::NO_LIST;
use super::quake3::{InfoString, number};

const NO_END: &str = "the end of the settings is missing";

/// Reads the settings into the rules of `info`. Returns the lines after them; `None` if the text ends within the settings. Then
/// the last one, of which a part may be missing, is left out.
pub(super) fn read_settings<'a>(
    info: &mut ServerInfo,
    text: &'a [u8],
) -> Result<Option<&'a [u8]>, &'static str> {
    let mut settings = InfoString::new(text);
    let pairs: Vec<_> = settings.by_ref().collect();
    let lines = match settings.rest() {
        [b'\n', lines @ ..] => Some(lines),
        [] if !pairs.is_empty() => None,
        _ => return Err(NO_END),
    };
    let whole = pairs.len() - usize::from(lines.is_none());
    // Soldier of Fortune ends its settings with a backslash.
    for (key, value) in pairs[..whole].iter().filter(|(key, _)| !key.is_empty()) {
        info.rules.push(key, value);
    }
    Ok(lines)
}

/// Remarks that a reply ends within the settings, if these name the server or its map.
pub(super) fn without_list(mut info: ServerInfo) -> Result<ServerInfo, &'static str> {
    if info.name.is_none() && info.map.is_none() {
        return Err(NO_END);
    }
    info.truncated = true;
    info.remarks.push(NO_LIST.to_owned());
    Ok(info)
}

/// Passes each line to `read`, which appends its player and returns whether it can be read. Then counts the players.
pub(super) fn read_players(
    info: &mut ServerInfo,
    text: &[u8],
    mut read: impl FnMut(&mut ServerInfo, &[u8]) -> bool,
) {
    let mut lines = text.split(|&byte| byte == b'\n');
    // After the last line feed, there is the start of a line whose rest is missing, or the zero at the end of the text.
    let is_cut = lines.next_back().is_some_and(|rest| !matches!(rest, [] | [0]));
    let mut unreadable = 0;
    for line in lines.filter(|line| !line.trim_ascii().is_empty()) {
        unreadable += u32::from(!read(info, line));
    }
    info.players = info.player_list.len() as u32 + unreadable;
    info.truncated = is_cut || unreadable > 0;
    if unreadable > 0 {
        info.remarks.push(format!("unreadable lines of the player list: {unreadable}"));
    }
    if is_cut {
        info.remarks.push("the player list is cut off".to_owned());
    }
}

/// Returns the clean text of the first of these rules that is present and not empty.
pub(super) fn text(info: &ServerInfo, keys: &[&str]) -> Option<String> {
    raw(info, keys).map(|value| info.game.text.clean(value))
}

/// Returns the first of these rules that is present and not empty.
pub(super) fn raw<'a>(info: &'a ServerInfo, keys: &[&str]) -> Option<&'a [u8]> {
    keys.iter().filter_map(|key| info.rules.get(key)).find(|value| !value.is_empty())
}

/// Returns the first of these rules that is present and not empty, if it is a number.
pub(super) fn count(info: &ServerInfo, keys: &[&str]) -> Option<u32> {
    u32::try_from(number(raw(info, keys)?)?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::games::{Game, PlayerInfo};

    fn info() -> ServerInfo {
        ServerInfo::new(Game::find("q3").unwrap())
    }

    #[test]
    fn settings_end_with_their_line() {
        let mut info = info();
        assert_eq!(read_settings(&mut info, b"\\a\\1\\b\\\\c\\x\\\nlines"), Ok(Some(&b"lines"[..])));
        assert_eq!(
            (count(&info, &["none", "a"]), count(&info, &["c"]), raw(&info, &["b"])),
            (Some(1), None, None)
        );
        assert_eq!((text(&info, &["b", "c"]).as_deref(), info.rules.len()), (Some("x"), 3));
        for broken in [&b"a\\1\n"[..], b""] {
            assert_eq!(read_settings(&mut ServerInfo::new(info.game), broken), Err(NO_END));
        }
    }

    #[test]
    fn the_last_of_the_settings_is_not_used_if_they_have_no_end() {
        let mut info = info();
        assert_eq!(read_settings(&mut info, b"\\mapname\\m\\maxclients\\1"), Ok(None));
        assert_eq!((info.rules.get("mapname"), info.rules.len()), (Some(&b"m"[..]), 1));
        assert_eq!(without_list(info.clone()).unwrap_err(), NO_END);
        info.map = Some("m".into());
        let info = without_list(info).unwrap();
        assert_eq!((info.truncated, info.remarks.len()), (true, 1));
    }

    #[test]
    fn lines_that_cannot_be_read_are_counted_as_players() {
        let read = |text: &[u8]| {
            let mut info = info();
            read_players(&mut info, text, |info, line| {
                info.player_list.push(PlayerInfo::default());
                line != b"odd" || info.player_list.pop().is_none()
            });
            (info.player_list.len(), info.players, info.truncated, info.remarks.len())
        };
        assert_eq!(read(b"a\n\nb\n"), (2, 2, false, 0));
        assert_eq!(read(b"a\nodd\nb\n\0"), (2, 3, true, 1));
        assert_eq!(read(b"a\nb"), (1, 1, true, 1));
        assert_eq!(read(b""), (0, 0, false, 0));
    }
}
