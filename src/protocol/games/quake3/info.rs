//! A server's replies as a [`ServerInfo`]: the meaning of its rules.

use std::borrow::Cow;

use super::Player;
use super::counts::{Counts, Listed, Reported};
use super::info_string::{InfoString, number};
use super::reply::InfoReply;
use super::status::Status;
use crate::protocol::games::info::NO_LIST;
use crate::protocol::games::{Game, PlayerInfo, Rules, ServerInfo, TextField};

impl Status<'_> {
    /// Returns the status in the form common to all wire protocols.
    pub fn to_info(&self, game: &'static Game) -> ServerInfo {
        let status = self.with_bots_at_ping_zero(game.bots_have_ping_zero);
        let player_list = status.players().map(|player| player_info(&player, game)).collect();
        let mut info = ServerInfo { player_list, ..described(status.rules(), game) };
        set_counts(&mut info, status.reported().counts(status.listed()));
        info.remarks = remarks(&status);
        remark_missing(&mut info);
        info
    }
}

impl InfoReply<'_> {
    /// Returns the reply as a server's answer. With `replaces_status`, it came instead of a status, so the players are
    /// missing.
    pub(super) fn to_info(self, game: &'static Game, replaces_status: bool) -> ServerInfo {
        let mut info = described(self.rules(), game);
        set_counts(&mut info, self.reported.counts(Listed::default()));
        info.truncated &= replaces_status;
        if info.truncated {
            info.remarks.push("the player list does not fit in the server's reply".into());
        }
        info
    }

    /// Adds the counts and rules of the reply to the answer from the server's status.
    pub(super) fn add_to(self, info: &mut ServerInfo, mut reported: Reported, listed: Listed) {
        reported.update(self.reported);
        set_counts(info, reported.counts(listed));
        info.remarks.retain(|remark| remark != MISSING);
        remark_missing(info);
        for (key, value) in self.rules() {
            let is_new = std::str::from_utf8(key).is_ok_and(|key| info.rules.get(key).is_none());
            if is_new {
                info.rules.push(key, value);
            }
        }
    }
}

/// Returns the server that these rules describe, without its players.
fn described(pairs: InfoString<'_>, game: &'static Game) -> ServerInfo {
    let mut rules = Rules::default();
    pairs.for_each(|(key, value)| rules.push(key, value));
    let qcstatus = rules.get("qcstatus");
    // DarkPlaces has hostname, all others sv_hostname.
    let name = first(&rules, &["sv_hostname", "hostname"]);
    let texts = [
        (TextField::Map, rules.get("mapname")),
        (TextField::Mod, mod_name(&rules, game)),
        (
            TextField::GameType,
            first(&rules, &["g_gametype", "gametype"]).or(qcstatus.and_then(|status| part(status, 0))),
        ),
        // Call of Duty 2 has only the game's version.
        (
            TextField::Version,
            first(&rules, &["version", "shortversion"]).or(qcstatus.and_then(|status| part(status, 1))),
        ),
    ];
    let mut info = ServerInfo {
        name: name.map(|name| game.text.clean(name)),
        name_raw: name.map(Box::from),
        max_players: count(rules.get("sv_maxclients")),
        private_slots: count(rules.get("sv_privateClients")),
        // Call of Duty has pswrd. Bit 0 is for players, bit 1 for spectators (qstat, qstat.c).
        password: count(first(&rules, &["g_needpass", "pswrd", "needpass"])).map(|bits| bits & 1 != 0),
        ..ServerInfo::new(game)
    };
    for (field, sent) in texts {
        if let Some(sent) = sent {
            info.set_text(field, sent);
        }
    }
    info.rules = rules;
    info
}

/// Returns the modification: `gamename` or, if that names only the game itself, the folder that the server has loaded
/// instead of the game's own, or Xonotic's `M` in `qcstatus` (`qcsrc/server/world.qc`).
fn mod_name<'a>(rules: &'a Rules, game: &Game) -> Option<&'a [u8]> {
    let is_base = |name: &&[u8]| {
        let base = game.base_mods.iter().chain([&game.name]);
        name.is_empty() || base.into_iter().any(|base| name.eq_ignore_ascii_case(base.as_bytes()))
    };
    let named = rules.get("gamename");
    let in_qcstatus =
        || rules.get("qcstatus")?.split(|&byte| byte == b':').find_map(|part| part.strip_prefix(b"M"));
    let loaded = || {
        let folders = ["fs_game", "game"].iter().filter_map(|key| rules.get(key));
        folders.chain(in_qcstatus()).find(|name| !is_base(name))
    };
    named.filter(|name| !is_base(name)).or_else(loaded).or(named).or_else(|| rules.get("fs_game"))
}

/// Returns a part of `qcstatus`: 0 is the game type, 1 the version.
fn part(qcstatus: &[u8], at: usize) -> Option<&[u8]> {
    qcstatus.split(|&byte| byte == b':').nth(at).filter(|part| !part.is_empty())
}

/// Returns the value of the first of these keys that exists.
fn first<'a>(rules: &'a Rules, keys: &[&str]) -> Option<&'a [u8]> {
    keys.iter().find_map(|key| rules.get(key))
}

fn count(value: Option<&[u8]>) -> Option<u32> {
    number(value?).and_then(|count| u32::try_from(count).ok())
}

fn set_counts(info: &mut ServerInfo, counts: Counts) {
    info.players = counts.players as u32;
    info.bots = counts.bots.map(|bots| bots as u32);
    info.truncated = counts.truncated;
}

/// The remark about a list that lacks players.
const MISSING: &str = "players are missing from the list";

/// Remarks that players are missing, unless the whole list is.
fn remark_missing(info: &mut ServerInfo) {
    if info.truncated && !info.remarks.iter().any(|remark| remark == NO_LIST) {
        info.remarks.push(MISSING.into());
    }
}

fn remarks(status: &Status<'_>) -> Vec<String> {
    let mut remarks = vec![];
    match status.odd_lines() {
        0 => {}
        1 => remarks.push("1 line of the player list has an unexpected format".into()),
        odd => remarks.push(format!("{odd} lines of the player list have an unexpected format")),
    }
    if status.is_without_list() {
        remarks.push(NO_LIST.into());
    }
    if status.lists_people_only() {
        remarks.push("the player list omits the bots".into());
    }
    remarks
}

fn player_info(player: &Player<'_>, game: &Game) -> PlayerInfo {
    let is_mark = |score: &f64| game.spectator_score.is_some_and(|mark| *score == f64::from(mark));
    let is_spectator = player.is_spectator || player.score.as_ref().is_some_and(is_mark);
    let team_name = player.team.and_then(|team| game.team_name(team));
    PlayerInfo {
        score: player.score.filter(|score| !is_mark(score)),
        ping: player.ping,
        team: player.team.map(i32::from),
        team_name: if is_spectator { Some("spectator") } else { team_name }.map(Cow::Borrowed),
        bot: player.bot,
        ..PlayerInfo::named(game, player.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn info(id: &str, rules: &str, lines: &str) -> ServerInfo {
        let datagram = format!("statusResponse\n{rules}\n{lines}");
        let datagram = [b"\xff\xff\xff\xff", datagram.as_bytes()].concat();
        Status::parse(&datagram).unwrap().to_info(Game::find(id).unwrap())
    }

    #[test]
    fn every_rule_is_assigned_to_its_field() {
        let rules = "\\sv_hostname\\^1Home\\mapname\\oasis\\gamename\\etpro\\g_gametype\\2\\sv_maxclients\\24\
            \\sv_privateClients\\4\\g_needpass\\1\\version\\ET 2.60b\\P\\-12\\fs_game\\x\\shortversion\\y";
        let info = info("et", rules, "12 48 \"^2Ann\"\n-3 0 \"Bot\"\n");
        assert_eq!((info.name.as_deref(), info.name_raw.as_deref()), (Some("Home"), Some(&b"^1Home"[..])));
        let texts = [&info.map, &info.mod_name, &info.game_type, &info.version].map(|text| text.as_deref());
        assert_eq!(texts, ["oasis", "etpro", "2", "ET 2.60b"].map(Some));
        assert_eq!((info.players, info.bots, info.max_players), (2, Some(1), Some(24)));
        assert_eq!((info.private_slots, info.password, info.truncated), (Some(4), Some(true), false));
        assert_eq!((info.rules.len(), info.rules.get("MapName")), (11, Some(&b"oasis"[..])));
        let ann = PlayerInfo {
            name: "Ann".into(),
            name_raw: b"^2Ann"[..].into(),
            score: Some(12.0),
            ping: Some(48),
            team: Some(1),
            team_name: Some("axis".into()),
            bot: Some(false),
            ..PlayerInfo::default()
        };
        assert_eq!((&info.player_list[0], info.player_list[1].bot), (&ann, Some(true)));
    }

    #[test]
    fn missing_values_are_unknown() {
        let info = info("warsow", "", "1 5 \"Ann\" 9\n");
        assert!(
            [&info.name, &info.map, &info.mod_name, &info.game_type, &info.version]
                .iter()
                .all(|text| text.is_none())
        );
        assert_eq!(
            (info.name_raw, info.max_players, info.private_slots, info.password),
            (None, None, None, None)
        );
        assert_eq!((info.player_list[0].team, &info.player_list[0].team_name), (Some(9), &None));
        assert!(info.rules.is_empty() && info.remarks.is_empty());
    }

    #[test]
    fn games_with_other_rules_for_the_same_fields() {
        let cod2 =
            info("cod2", "\\fs_game\\IAF\\shortversion\\1.3\\pswrd\\0\\gametype\\tdm\\hostname\\H", "");
        let texts = [&cod2.mod_name, &cod2.version, &cod2.game_type, &cod2.name].map(|text| text.as_deref());
        assert_eq!((texts, cod2.password), (["IAF", "1.3", "tdm", "H"].map(Some), Some(false)));
        let password = |value: &str| info("et", &format!("\\g_needpass\\{value}"), "").password;
        assert_eq!(
            ["0", "1", "2", "3", "", "yes", "-1"].map(password),
            [Some(false), Some(true), Some(false), Some(true), None, None, None]
        );
    }

    #[test]
    fn the_folder_counts_as_mod_if_only_the_game_is_named() {
        let mod_of = |id, rules| info(id, rules, "").mod_name;
        for (id, rules, wanted) in [
            ("q3", "\\gamename\\baseq3\\fs_game\\osp", "osp"),
            ("q3", "\\gamename\\baseq3\\fs_game\\baseq3", "baseq3"),
            ("q3", "\\gamename\\cpma\\fs_game\\x", "cpma"),
            ("cod4", "\\gamename\\Call of Duty 4\\fs_game\\mods/promod", "mods/promod"),
            ("cod4", "\\gamename\\Call of Duty 4", "Call of Duty 4"),
            ("xonotic", "\\gamename\\Xonotic\\modname\\data\\qcstatus\\cts:git:P1:S2:F5:MXDF::x", "XDF"),
            ("xonotic", "\\gamename\\Xonotic\\qcstatus\\dm:0.8.6:P0:S8:F5:MXonotic::x", "Xonotic"),
        ] {
            assert_eq!(mod_of(id, rules).as_deref(), Some(wanted), "{rules}");
        }
        let xonotic = info("xonotic", "\\qcstatus\\cts:git:P1:S2:F5:MXDF::x", "");
        assert_eq!((xonotic.game_type.as_deref(), xonotic.version.as_deref()), (Some("cts"), Some("git")));
    }

    #[test]
    fn spectators_are_people_in_a_team_of_their_own() {
        let xonotic = info(
            "xonotic",
            "\\clients\\3\\bots\\0",
            "5 30 1 \"a\"\n-666 31 0 \"b\"\n0,0:human:spectator 9 0 \"c\"\n",
        );
        let teams: Vec<_> = xonotic.player_list.iter().map(|player| player.team_name.as_deref()).collect();
        assert_eq!(teams, [Some("red"), Some("spectator"), Some("spectator")]);
        let scores: Vec<_> = xonotic.player_list.iter().map(|player| player.score).collect();
        assert_eq!(scores, [Some(5.0), None, Some(0.0)]);
        assert_eq!((xonotic.players, xonotic.bots, xonotic.truncated), (3, Some(0), false));
        assert_eq!(info("q3", "", "-666 30 \"a\"\n").player_list[0].score, Some(-666.0));
    }

    #[test]
    fn odd_lines_cost_nothing_but_themselves() {
        let odd = info(
            "q3",
            "\\sv_hostname\\Spear\\mapname\\m",
            "12 44 \"Ann\"\n3 0 \"Grunt\" [bot]\n7 x\nof it\"\n",
        );
        assert_eq!((odd.name.as_deref(), odd.players, odd.player_list.len()), (Some("Spear"), 3, 2));
        assert_eq!((odd.player_list[1].bot, odd.truncated), (Some(true), true));
        assert_eq!(odd.remarks, ["3 lines of the player list have an unexpected format", MISSING]);
        let last = info("q3", "\\sv_hostname\\Spear", "1 5 \"a\"\n2 6 \"last\"");
        assert_eq!((last.players, last.truncated, last.remarks.len()), (2, false, 0));
        let cut = info("q3", "\\sv_hostname\\Spear", "1 5 \"a\"\n2 6 \"las");
        assert_eq!((cut.players, cut.truncated, &cut.remarks[..]), (1, true, &[MISSING.into()][..]));
    }

    #[test]
    fn slots_show_teams_and_bots() {
        let rules = "\\sv_hostname\\h^*\\B\\-b-\\P\\2-1\\bots\\1";
        let other = info("unvanquished", rules, "0 39 \"a\"\n0 40 \"b\"\n");
        assert_eq!((other.bots, other.player_list[1].bot), (Some(1), None), "they do not match");
        let rules = "\\sv_hostname\\h^*\\B\\b--\\P\\2-1\\bots\\1";
        let server = info("unvanquished", rules, "0 39 \"a\"\n0 0 \"b\"\n");
        let players: Vec<_> = server.player_list.iter().map(|p| (p.team_name.as_deref(), p.bot)).collect();
        assert_eq!(players, [(Some("humans"), Some(true)), (Some("aliens"), Some(false))]);
        assert_eq!((server.name.as_deref(), server.bots), (Some("h"), Some(1)));
    }
}
