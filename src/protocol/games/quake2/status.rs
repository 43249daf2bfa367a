//! A status: the settings in one line, then a line for each player.
//!
//! | line | of |
//! |---|---|
//! | `score ping "name"` | most games (`SV_StatusString` in `sv_main.c`) |
//! | `score ping "name" "address" team` | Alien Arena; others without the team |
//! | `\score\N\ping\N\name\NAME\ai\1` | Quetoo (`Sv_StatusString`); `ai` only for bots |

use crate::protocol::games::quake3::{InfoString, number};
use crate::protocol::games::status_text::{count, raw, read_players, read_settings, text, without_list};
use crate::protocol::games::words::Words;
use crate::protocol::games::{Game, PlayerInfo, ServerInfo, TextField};

/// The maximum number of unlisted bots that is accepted: more than any server has slots.
const MOST_HIDDEN_BOTS: u32 = 256;

/// Parses a status, without the header.
pub(super) fn parse(status: &[u8], game: &'static Game) -> Result<ServerInfo, &'static str> {
    let mut info = ServerInfo::new(game);
    let lines = read_settings(&mut info, status)?;
    assign_settings(&mut info);
    let Some(lines) = lines else { return without_list(info) };
    read_players(&mut info, lines, |info, line| {
        let player =
            if line.starts_with(b"\\") { read_pairs(line, info.game) } else { read_words(line, info) };
        player.map(|player| info.player_list.push(player)).is_some()
    });
    count_bots(&mut info);
    Ok(info)
}

/// Sets the fields of the answer from the settings. Quetoo has its own names for them.
fn assign_settings(info: &mut ServerInfo) {
    const NAME: &[&str] = &["hostname", "sv_hostname"];
    info.name_raw = raw(info, NAME).map(Box::from);
    info.name = text(info, NAME);
    info.set_text_by_rules(TextField::Map, &["mapname", "map_name", "sv_map", "map"]);
    info.set_text_by_rules(TextField::Mod, &["gamename", "game_name", "game", "gamedir"]);
    info.set_text_by_rules(TextField::GameType, &["gametype", "g_gameplay_mode", "g_gameplay"]);
    info.set_text_by_rules(TextField::Version, &["version", "game_version"]);
    info.max_players = count(info, &["maxclients", "sv_max_clients", "sv_maxclients"]);
    // Bit 0 is for players, bit 1 for spectators (`CheckNeedPass` in `g_main.c`).
    info.password = count(info, &["needpass"]).map(|bits| bits & 1 != 0);
}

fn read_words(line: &[u8], info: &mut ServerInfo) -> Option<PlayerInfo> {
    let game = info.game;
    let mut words = Words::new(line);
    let (score, ping, name) = (words.number()?, words.number()?, words.quoted()?);
    if let Some(address) = words.quoted() {
        info.push_of_player(info.player_list.len(), "address", address);
    }
    let team = words.number();
    Some(PlayerInfo {
        score: Some(score.into()),
        ping: Some(ping),
        team,
        bot: game.bots_have_ping_zero.then_some(ping == 0),
        ..PlayerInfo::named(game, name)
    })
}

fn read_pairs(line: &[u8], game: &Game) -> Option<PlayerInfo> {
    let mut player = PlayerInfo { bot: Some(false), ..PlayerInfo::default() };
    for (key, value) in InfoString::new(line) {
        let count = || i32::try_from(number(value)?).ok();
        match key {
            b"score" => player.score = count().map(f64::from),
            b"ping" => player.ping = count(),
            b"name" => (player.name, player.name_raw) = (game.text.clean(value), value.into()),
            b"ai" => player.bot = Some(value != b"0"),
            _ => {}
        }
    }
    (player.score.is_some() || player.ping.is_some()).then_some(player)
}

/// Counts the bots. A server with the setting `bots` lists them with ping 0, or not at all.
fn count_bots(info: &mut ServerInfo) {
    info.count_bots();
    let Some(bots) = count(info, &["bots"]).filter(|&bots| bots <= MOST_HIDDEN_BOTS) else { return };
    let pings_zero = info.player_list.iter().filter(|player| player.ping == Some(0)).count();
    if bots as usize > pings_zero {
        info.players += bots;
        info.truncated = true;
        info.remarks.push("the player list omits the bots".to_owned());
    }
    info.bots = Some(bots);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(id: &str, status: &[u8]) -> ServerInfo {
        parse(status, Game::find(id).unwrap()).unwrap()
    }

    #[test]
    fn every_setting_is_assigned() {
        let info = read(
            "q2",
            b"\\mapname\\q2dm1\\gamename\\baseq2\\needpass\\1\\version\\R1Q2\\hostname\\\xc8ome\\maxclients\\16\n",
        );
        let texts = [&info.name, &info.map, &info.mod_name, &info.version].map(|text| text.as_deref());
        assert_eq!(texts, ["Home", "q2dm1", "baseq2", "R1Q2"].map(Some));
        assert_eq!(
            (info.max_players, info.password, info.name_raw.as_deref()),
            (Some(16), Some(true), Some(&b"\xc8ome"[..]))
        );
        assert_eq!((info.players, info.bots, info.truncated, info.game_type), (0, Some(0), false, None));
        let quetoo =
            read("quetoo", b"\\sv_hostname\\^1Q\\sv_map\\edge\\sv_max_clients\\8\\game_name\\default\n");
        let texts = [&quetoo.name, &quetoo.map, &quetoo.mod_name].map(|text| text.as_deref());
        assert_eq!(
            (texts, quetoo.max_players, quetoo.password),
            (["Q", "edge", "default"].map(Some), Some(8), None)
        );
    }

    #[test]
    fn every_variant_of_a_line_is_read() {
        let info =
            read("q2", b"\\a\\b\n-3 59 \"\xd2ed\"\n4 10 \"Bo\" \"10.0.0.9:27901\"\n5 40\"Jake\"\nodd\n");
        let [red, bo, jake] = &info.player_list[..] else { panic!("three") };
        assert_eq!(
            (&red.name[..], red.score, red.ping, red.team, red.bot),
            ("Red", Some(-3.0), Some(59), None, None)
        );
        assert_eq!((&bo.name[..], info.rules.get("address_1")), ("Bo", Some(&b"10.0.0.9:27901"[..])));
        assert_eq!((&jake.name[..], jake.ping), ("Jake", Some(40)));
        assert_eq!((info.players, info.bots, info.truncated, info.remarks.len()), (4, None, true, 1));

        let alien =
            read("alienarena", b"\\a\\b\n7 30 \"^1Ann\" \"127.0.0.1\" 1\n2 0 \"Bot\" \"127.0.0.1\" 0\n");
        assert_eq!((&alien.player_list[0].name[..], alien.player_list[0].team), ("Ann", Some(1)));
        assert_eq!((alien.bots, alien.player_list[1].bot), (Some(1), Some(true)));

        let quetoo = read(
            "quetoo",
            b"\\a\\b\n\\score\\7\\ping\\30\\name\\Ann\n\\score\\2\\ping\\1\\name\\Bot\\ai\\1\n\\x\\y\n",
        );
        assert_eq!((quetoo.players, quetoo.bots, quetoo.player_list[0].score), (3, Some(1), Some(7.0)));
        assert_eq!((quetoo.player_list[1].bot, &quetoo.player_list[1].name[..]), (Some(true), "Bot"));
    }

    #[test]
    fn bots_are_among_the_players_whether_listed_or_not() {
        let counts = |bots: &str| {
            let status = format!("\\bots\\{bots}\n1 0 \"a\"\n2 0 \"b\"\n3 9 \"c\"\n");
            let info = read("kingpin", status.as_bytes());
            (info.players, info.bots, info.truncated)
        };
        assert_eq!(counts("2"), (3, Some(2), false));
        assert_eq!(counts("0"), (3, Some(0), false));
        assert_eq!(counts("6"), (9, Some(6), true));
        assert_eq!([counts("4000000000"), counts("-1"), counts("x")], [(3, None, false); 3]);
    }
}
