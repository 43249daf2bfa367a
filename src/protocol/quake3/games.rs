//! The games of the family, as data.
//!
//! Ports, protocol numbers and masters: the games' own sources and qstat's `qstat.cfg`. A game whose
//! master is not known for certain has none here; the user names one.

use std::time::Duration;

use super::text::Colors;

/// What tells one game of the Quake 3 family from another.
#[derive(Debug)]
pub struct Game {
    /// What the user calls it: `et`, `q3`…
    pub id: &'static str,
    /// Its full name.
    pub name: &'static str,
    /// The port of a server for which none is given.
    pub server_port: u16,
    /// The port of a master for which none is given.
    pub master_port: u16,
    /// Its public masters, `HOST:PORT`; may be none.
    pub masters: &'static [&'static str],
    /// The protocol number of the servers to list: the current version's.
    pub protocol: u32,
    /// The name before the protocol number in `getservers`, for games that have one there.
    pub list_name: Option<&'static str>,
    /// The name in `getserversExt`; `None` where the game's masters do not know that request.
    pub ext_name: Option<&'static str>,
    /// The least time between two packets to one server.
    pub host_gap: Duration,
    /// What `^` means in its texts.
    pub colors: Colors,
    /// Whether its servers report ping 0 for bots, and for nobody else (but a player on the same
    /// machine).
    pub bots_have_ping_zero: bool,
    /// Its teams, by number.
    pub teams: &'static [&'static str],
}

/// ioquake3 and its kin allow ten packets at once and then one a second (`SVC_RateLimit`), ET:
/// Legacy with `sv_protect 2` three in two seconds: three tries are within both.
const ID_GAP: Duration = Duration::from_millis(200);
/// DarkPlaces ignores what comes within a second of the last (`net_getstatusfloodblockingtimeout`).
const DARKPLACES_GAP: Duration = Duration::from_millis(1100);

/// id's own teams, `team_t` in `bg_public.h`.
const ID_TEAMS: &[&str] = &["free", "red", "blue", "spectator"];
/// The same numbers, as ET and RTCW show them.
const WOLF_TEAMS: &[&str] = &["free", "axis", "allies", "spectator"];
/// DarkPlaces, `NetConn_BuildStatusResponse` in `netconn.c`.
const DARKPLACES_TEAMS: &[&str] = &["none", "red", "blue", "yellow", "pink"];
/// qfusion, `gs_public.h`.
const WARSOW_TEAMS: &[&str] = &["spectator", "players", "alpha", "beta"];

/// What most games have in common; not in [`GAMES`] itself.
const BASE: Game = Game {
    id: "",
    name: "",
    server_port: 27960,
    master_port: 27950,
    masters: &[],
    protocol: 68,
    list_name: None,
    ext_name: None,
    host_gap: ID_GAP,
    colors: Colors::Indexed,
    bots_have_ping_zero: false,
    teams: ID_TEAMS,
};

/// What the games on DarkPlaces have in common.
const DARKPLACES: Game = Game {
    server_port: 26000,
    masters: &["dpmaster.deathmask.net:27950", "dpmaster.tchr.no:27950"],
    protocol: 3,
    host_gap: DARKPLACES_GAP,
    colors: Colors::Rgb,
    teams: DARKPLACES_TEAMS,
    ..BASE
};

/// Every game that is known.
pub static GAMES: &[Game] = &[
    Game {
        id: "et",
        name: "Wolfenstein: Enemy Territory",
        masters: &["master.etlegacy.com:27950", "etmaster.idsoftware.com:27950"],
        protocol: 84,
        ext_name: Some("et"),
        bots_have_ping_zero: true,
        teams: WOLF_TEAMS,
        ..BASE
    },
    Game {
        id: "q3",
        name: "Quake III Arena",
        masters: &[
            "master.ioquake3.org:27950",
            "dpmaster.deathmask.net:27950",
            "master.quake3arena.com:27950",
        ],
        ext_name: Some("Quake3Arena"),
        bots_have_ping_zero: true,
        ..BASE
    },
    Game {
        id: "rtcw",
        name: "Return to Castle Wolfenstein",
        masters: &["dpmaster.deathmask.net:27950", "wolfmaster.s4ndmod.com:27950"],
        protocol: 60,
        ext_name: Some("wolfmp"),
        bots_have_ping_zero: true,
        teams: WOLF_TEAMS,
        ..BASE
    },
    Game {
        id: "openarena",
        name: "OpenArena",
        masters: &["dpmaster.deathmask.net:27950", "master.ioquake3.org:27950"],
        protocol: 71,
        ext_name: Some("Quake3Arena"),
        // A letter means no colour of its own here, so nothing is lost by reading ^xRGB as one.
        colors: Colors::Rgb,
        bots_have_ping_zero: true,
        ..BASE
    },
    Game {
        id: "xonotic",
        name: "Xonotic",
        list_name: Some("Xonotic"),
        ext_name: Some("Xonotic"),
        ..DARKPLACES
    },
    Game {
        id: "nexuiz",
        name: "Nexuiz",
        masters: &["dpmaster.deathmask.net:27950"],
        list_name: Some("Nexuiz"),
        ext_name: Some("Nexuiz"),
        ..DARKPLACES
    },
    Game {
        id: "urt",
        name: "Urban Terror",
        master_port: 27900,
        masters: &["master.urbanterror.info:27900"],
        bots_have_ping_zero: true,
        ..BASE
    },
    Game {
        id: "warsow",
        name: "Warsow",
        server_port: 44400,
        protocol: 22,
        list_name: Some("Warsow"),
        teams: WARSOW_TEAMS,
        ..BASE
    },
    Game {
        id: "jka",
        name: "Star Wars Jedi Knight: Jedi Academy",
        server_port: 29070,
        master_port: 29060,
        // OpenJK, codemp/qcommon/qcommon.h.
        masters: &["master.jkhub.org:29060", "masterjk3.ravensoft.com:29060"],
        protocol: 26,
        bots_have_ping_zero: true,
        ..BASE
    },
    Game {
        id: "cod2",
        name: "Call of Duty 2",
        server_port: 28960,
        master_port: 20710,
        protocol: 118,
        ..BASE
    },
    Game {
        id: "cod4",
        name: "Call of Duty 4",
        server_port: 28960,
        master_port: 20810,
        // CoD4X, src/sv_main.c.
        masters: &["cod4master.activision.com:20810"],
        protocol: 6,
        ..BASE
    },
    Game {
        id: "sof2",
        name: "Soldier of Fortune II",
        server_port: 20100,
        master_port: 20110,
        protocol: 2004,
        ..BASE
    },
];

impl Game {
    /// The game with this `id`, whatever the case of its letters.
    pub fn find(id: &str) -> Option<&'static Game> {
        GAMES.iter().find(|game| game.id.eq_ignore_ascii_case(id))
    }

    /// What the game calls its team number `team`; `None` when it has no such team.
    pub fn team_name(&self, team: u8) -> Option<&'static str> {
        self.teams.get(usize::from(team)).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_game_is_found_once_and_is_whole() {
        for game in GAMES {
            assert!(std::ptr::eq(Game::find(&game.id.to_uppercase()).unwrap(), game), "{}", game.id);
            assert!(!game.name.is_empty() && game.protocol > 0);
            for master in game.masters {
                let (host, port) = master.rsplit_once(':').unwrap();
                assert!(host.contains('.') && port.parse() == Ok(game.master_port), "{master}");
            }
        }
        assert!(Game::find("").is_none() && Game::find("quake").is_none());
    }

    #[test]
    fn teams_have_names() {
        let et = Game::find("et").unwrap();
        assert_eq!((et.team_name(1), et.team_name(2), et.team_name(4)), (Some("axis"), Some("allies"), None));
    }
}
