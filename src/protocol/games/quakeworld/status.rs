//! A status: the settings in one line, then a line for each player, spectator and stream.
//!
//! The format is mvdsv's `SVC_Status` (`sv_main.c`): `id score minutes ping "name" "skin" top bottom`, and as requested
//! `"team" "flag" "bot"`. A spectator has the score -9999, a negative ping, and `\s\` before the name.

use std::collections::HashSet;

use crate::protocol::games::status_text::{count, raw, read_players, read_settings, text, without_list};
use crate::protocol::games::words::Words;
use crate::protocol::games::{Game, PlayerInfo, ServerInfo, TextField};

/// The mark before the name of a spectator.
const SPECTATOR: &[u8] = b"\\s\\";
/// The mark before the name of a bot of FTE (`SVC_Status`, `sv_main.c`).
const FTE_BOT: &[u8] = b"BOT:";

/// Parses a status, without the header.
pub(super) fn parse(status: &[u8], game: &'static Game) -> Result<ServerInfo, &'static str> {
    let mut info = ServerInfo::new(game);
    let lines = read_settings(&mut info, status)?;
    assign_settings(&mut info);
    let Some(lines) = lines else { return without_list(info) };
    // A repeated request may bring a player twice.
    let mut ids = HashSet::new();
    read_players(&mut info, lines, |info, line| match line.strip_prefix(b"qtv ") {
        Some(stream) => {
            info.rules.push(b"qtv", stream);
            true
        }
        None => read_player(info, line, &mut ids).is_some(),
    });
    info.count_bots();
    Ok(info)
}

fn assign_settings(info: &mut ServerInfo) {
    info.name_raw = raw(info, &["hostname"]).map(Box::from);
    info.name = text(info, &["hostname"]);
    info.set_text_by_rules(TextField::Map, &["map"]);
    info.set_text_by_rules(TextField::Mod, &["*gamedir"]);
    // KTX sets `mode`: 1on1, 4on4…
    info.set_text_by_rules(TextField::GameType, &["mode"]);
    info.set_text_by_rules(TextField::Version, &["*version"]);
    info.max_players = count(info, &["maxclients"]);
    // Bit 0 is for players, bit 1 for spectators; a server without passwords does not send this setting
    // (`SV_CheckVars`).
    info.password = Some(count(info, &["needpass"]).is_some_and(|bits| bits & 1 != 0));
}

/// Reads the line of a player. Fields after the colours depend on the server.
fn read_player(info: &mut ServerInfo, line: &[u8], ids: &mut HashSet<i32>) -> Option<()> {
    let game = info.game;
    let mut words = Words::new(line);
    let (id, score) = (words.number()?, words.number()?);
    let (minutes, ping) = (words.number()?, words.number()?);
    let (name, skin) = (words.quoted()?, words.quoted().unwrap_or_default());
    if !ids.insert(id) {
        return Some(());
    }
    let colors = [words.number(), words.number()];
    let [team, flag, kind] = [(); 3].map(|()| words.quoted().unwrap_or_default());

    let at = info.player_list.len();
    info.push_of_player(at, "skin", skin);
    if let [Some(top), Some(bottom)] = colors {
        info.push_of_player(at, "colors", format!("{top} {bottom}").as_bytes());
    }
    info.push_of_player(at, "flag", flag);
    let (is_spectator, name) = name.strip_prefix(SPECTATOR).map_or((false, name), |name| (true, name));
    info.player_list.push(PlayerInfo {
        score: (!is_spectator).then_some(score.into()),
        ping: Some(if is_spectator { ping.saturating_abs() } else { ping }),
        team_name: match team {
            _ if is_spectator => Some("spectator".into()),
            b"" => None,
            team => Some(game.text.clean(team).into()),
        },
        bot: is_bot(info, name, kind),
        seconds: Some(f64::from(minutes) * 60.0),
        ..PlayerInfo::named(game, name)
    });
    Some(())
}

fn is_bot(info: &ServerInfo, name: &[u8], kind: &[u8]) -> Option<bool> {
    let is_fte = || raw(info, &["*version"]).is_some_and(|version| version.starts_with(b"FTE"));
    match kind {
        b"b" => Some(true),
        b"h" => Some(false),
        _ => is_fte().then(|| name.starts_with(FTE_BOT)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(settings: &str, lines: &[u8]) -> ServerInfo {
        let text = [settings.as_bytes(), b"\n", lines].concat();
        parse(&text, Game::find("quakeworld").unwrap()).unwrap()
    }

    #[test]
    fn every_setting_is_assigned() {
        let info = read(
            "\\hostname\\Home\\map\\dm6\\*gamedir\\ktx\\mode\\4on4\\*version\\MVDSV 1.10\\maxclients\\8\\maxspectators\\4\\needpass\\3",
            b"",
        );
        let texts = [&info.name, &info.map, &info.mod_name, &info.game_type, &info.version]
            .map(|text| text.as_deref());
        assert_eq!(texts, ["Home", "dm6", "ktx", "4on4", "MVDSV 1.10"].map(Some));
        assert_eq!(
            (info.max_players, info.password, info.players, info.bots),
            (Some(8), Some(true), 0, Some(0))
        );
        assert_eq!(info.rules.get("maxspectators"), Some(&b"4"[..]));
        let bare = read("\\needpass\\2", b"");
        assert_eq!((bare.name, bare.max_players, bare.password), (None, None, Some(false)));
    }

    #[test]
    fn players_bots_and_spectators_are_distinguished() {
        let info = read(
            "\\map\\dm6",
            b"66 2 4 38 \"\xd6\xc9\xd0 Ann\" \"base\" 13 4 \"red\" \"SE\" \"h\"\n\
              67 -3 0 10 \"Bot\" \"\" 0 0 \"\" \"\" \"b\"\n\
              65 -9999 16 -666 \"\\s\\[ServeMe]\" \"\" 12 11 \"lqwc\" \"\" \"h\"\n",
        );
        let [ann, bot, spectator] = &info.player_list[..] else { panic!("three") };
        assert_eq!((&ann.name[..], &ann.name_raw[..]), ("VIP Ann", &b"\xd6\xc9\xd0 Ann"[..]));
        assert_eq!((ann.score, ann.ping, ann.seconds), (Some(2.0), Some(38), Some(240.0)));
        assert_eq!((ann.team_name.as_deref(), ann.bot), (Some("red"), Some(false)));
        assert_eq!((bot.score, bot.team_name.as_deref(), bot.bot), (Some(-3.0), None, Some(true)));
        assert_eq!((&spectator.name[..], spectator.score, spectator.ping), ("[ServeMe]", None, Some(666)));
        assert_eq!(spectator.team_name.as_deref(), Some("spectator"));
        assert_eq!((info.players, info.bots, info.truncated), (3, Some(1), false));
        let rule = |key| info.rules.get(key);
        assert_eq!(
            (rule("skin_0"), rule("colors_0"), rule("flag_0")),
            (Some(&b"base"[..]), Some(&b"13 4"[..]), Some(&b"SE"[..]))
        );
        assert_eq!((rule("skin_1"), rule("flag_2")), (None, None));
    }

    #[test]
    fn servers_that_know_fewer_fields_send_fewer() {
        let lines = b"1 5 2 40 \"Ann\" \"\" 0 0\n2 5 2 40 \"Bo\" \"\" 0 0 \"blue\"\n";
        let old = read("\\map\\e1m2", lines);
        assert_eq!((old.players, old.bots, old.player_list[1].team_name.as_deref()), (2, None, Some("blue")));
        let fte = read(
            "\\*version\\FTE 6000",
            b"1 5 2 40 \"Ann\" \"\" 0 0 \"\" \"\"\n2 5 2 0 \"BOT:x\" \"\" 0 0\n",
        );
        assert_eq!((fte.bots, fte.player_list[0].bot), (Some(1), Some(false)));
    }

    #[test]
    fn streams_are_rules() {
        let info = read("\\a\\b", b"qtv 1 \"Stream\" \"1@qtv.example:28000\" 5\nqtv 2 \"x\" \"\" 0\n");
        let streams: Vec<_> =
            info.rules.iter().filter(|(key, _)| *key == b"qtv").map(|(_, stream)| stream).collect();
        assert_eq!(streams, [&b"1 \"Stream\" \"1@qtv.example:28000\" 5"[..], b"2 \"x\" \"\" 0"]);
        assert_eq!(info.players, 0);
    }

    #[test]
    fn an_odd_line_does_not_affect_the_others() {
        let info = read(
            "\\a\\b",
            b"1 5 2 40 \"Ann\" \"\" 0 0\n\n2 x\n1 5 2 40 \"Ann\" \"\" 0 0\n3 5 2 40 \"Bo\"\n4 5",
        );
        let names: Vec<_> = info.player_list.iter().map(|player| &player.name[..]).collect();
        assert_eq!((names, info.players, info.truncated), (vec!["Ann", "Bo"], 3, true));
        assert_eq!(info.remarks, ["unreadable lines of the player list: 1", "the player list is cut off"]);
        let game = Game::find("quakeworld").unwrap();
        assert_eq!(parse(b"\\a\\b", game).unwrap_err(), "the end of the settings is missing");
    }
}
