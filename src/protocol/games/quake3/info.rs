//! A status as a [`ServerInfo`]: the meaning of its rules.

use std::borrow::Cow;

use super::Player;
use super::status::{Status, number};
use crate::protocol::games::{Game, PlayerInfo, Rules, ServerInfo};

impl Status<'_> {
    /// Returns the status in the form common to all wire protocols.
    pub fn to_info(&self, game: &'static Game) -> ServerInfo {
        let status = self.with_bots_at_ping_zero(game.bots_have_ping_zero);
        let mut rules = Rules::default();
        status.rules().for_each(|(key, value)| rules.push(key, value));
        let text = |keys: [&str; 2]| first(&rules, keys).map(|value| game.text.clean(value));
        // DarkPlaces has hostname, all others sv_hostname.
        let name = first(&rules, ["sv_hostname", "hostname"]);
        ServerInfo {
            name: name.map(|name| game.text.clean(name)),
            name_raw: name.map(Box::from),
            map: rules.get("mapname").map(|map| game.text.clean(map)),
            mod_name: text(["gamename", "fs_game"]),
            game_type: text(["g_gametype", "gametype"]),
            players: status.player_count() as u32,
            bots: status.bots().map(|bots| bots as u32),
            max_players: count(rules.get("sv_maxclients")),
            private_slots: count(rules.get("sv_privateClients")),
            // Call of Duty has pswrd. Bit 0 is for players, bit 1 for spectators (qstat, qstat.c).
            password: count(first(&rules, ["g_needpass", "pswrd"])).map(|bits| bits & 1 != 0),
            // Call of Duty 2 has only the game's version.
            version: text(["version", "shortversion"]),
            player_list: status.players().map(|player| player_info(&player, game)).collect(),
            truncated: status.truncated(),
            rules,
            ..ServerInfo::new(game)
        }
    }
}

/// Returns the value of the first of these keys that exists.
fn first<'a>(rules: &'a Rules, keys: [&str; 2]) -> Option<&'a [u8]> {
    keys.iter().find_map(|key| rules.get(key))
}

fn count(value: Option<&[u8]>) -> Option<u32> {
    number(value?).and_then(|count| u32::try_from(count).ok())
}

fn player_info(player: &Player<'_>, game: &Game) -> PlayerInfo {
    PlayerInfo {
        name: game.text.clean(player.name),
        name_raw: player.name.into(),
        score: player.score,
        ping: player.ping,
        team: player.team.map(i32::from),
        team_name: player.team.and_then(|team| game.team_name(team)).map(Cow::Borrowed),
        bot: player.bot,
        seconds: None,
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
            seconds: None,
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
}
