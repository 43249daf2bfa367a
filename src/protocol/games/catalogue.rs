//! The games, as data.
//!
//! Ports, protocol numbers and masters come from the games' own sources and from qstat's `qstat.cfg`. A game whose
//! masters are not known for certain has none here; the user names one.

use std::fmt;
use std::time::Duration;

use super::quake3;
use super::text::Colors;
use super::wire::WireProtocol;

/// A game: the ports and masters of its servers, and the way to query them.
#[non_exhaustive]
pub struct Game {
    /// The id that a user types: `et`, `q3`…
    pub id: &'static str,
    /// The full name.
    pub name: &'static str,
    /// The protocol of its servers and masters.
    pub wire: &'static WireProtocol,
    /// The port of servers that are given without one.
    pub server_port: u16,
    /// The port of masters that are given without one.
    pub master_port: u16,
    /// The public masters, `HOST:PORT`; may be empty.
    pub masters: &'static [&'static str],
    /// The protocol number by which masters select servers: the current version's.
    pub list_protocol: u32,
    /// The name before the protocol number in `getservers`, for games that need one.
    pub list_name: Option<&'static str>,
    /// The name in `getserversExt`; `None` if the game's masters do not know that request.
    pub ext_name: Option<&'static str>,
    /// The minimum time between two packets to one server.
    pub host_gap: Duration,
    /// The colour codes in its texts.
    pub colors: Colors,
    /// True if its servers report ping 0 for bots and for no one else (except a player on the same machine).
    pub bots_have_ping_zero: bool,
    /// The names of its teams, by number.
    pub teams: &'static [&'static str],
}

/// ioquake3 and its kin allow ten packets at once and then one a second (`SVC_RateLimit`), ET: Legacy with `sv_protect
/// 2` three in two seconds. Three tries comply with both.
const ID_GAP: Duration = Duration::from_millis(200);
/// DarkPlaces ignores a request within a second of the last one (`net_getstatusfloodblockingtimeout`).
const DARKPLACES_GAP: Duration = Duration::from_millis(1100);

/// The teams of id's games, `team_t` in `bg_public.h`.
const ID_TEAMS: &[&str] = &["free", "red", "blue", "spectator"];
/// The same numbers with the names of ET and RTCW.
const WOLF_TEAMS: &[&str] = &["free", "axis", "allies", "spectator"];
/// The teams of DarkPlaces, `NetConn_BuildStatusResponse` in `netconn.c`.
const DARKPLACES_TEAMS: &[&str] = &["none", "red", "blue", "yellow", "pink"];
/// The teams of qfusion, `gs_public.h`.
const WARSOW_TEAMS: &[&str] = &["spectator", "players", "alpha", "beta"];

/// The values that most games share; not a game itself.
const BASE: Game = Game {
    id: "",
    name: "",
    wire: &quake3::WIRE_PROTOCOL,
    server_port: 27960,
    master_port: 27950,
    masters: &[],
    list_protocol: 68,
    list_name: None,
    ext_name: None,
    host_gap: ID_GAP,
    colors: Colors::Indexed,
    bots_have_ping_zero: false,
    teams: ID_TEAMS,
};

/// The values that the games on DarkPlaces share.
const DARKPLACES: Game = Game {
    server_port: 26000,
    masters: &["dpmaster.deathmask.net:27950", "dpmaster.tchr.no:27950"],
    list_protocol: 3,
    host_gap: DARKPLACES_GAP,
    colors: Colors::Rgb,
    teams: DARKPLACES_TEAMS,
    ..BASE
};

/// All known games.
pub static GAMES: &[Game] = &[
    Game {
        id: "et",
        name: "Wolfenstein: Enemy Territory",
        masters: &["master.etlegacy.com:27950", "etmaster.idsoftware.com:27950"],
        list_protocol: 84,
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
        list_protocol: 60,
        ext_name: Some("wolfmp"),
        bots_have_ping_zero: true,
        teams: WOLF_TEAMS,
        ..BASE
    },
    Game {
        id: "openarena",
        name: "OpenArena",
        masters: &["dpmaster.deathmask.net:27950", "master.ioquake3.org:27950"],
        list_protocol: 71,
        ext_name: Some("Quake3Arena"),
        // Letters are not colours in this game, so parsing `^xRGB` as one has no effect on it.
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
        list_protocol: 22,
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
        list_protocol: 26,
        bots_have_ping_zero: true,
        ..BASE
    },
    Game {
        id: "cod2",
        name: "Call of Duty 2",
        server_port: 28960,
        master_port: 20710,
        list_protocol: 118,
        ..BASE
    },
    Game {
        id: "cod4",
        name: "Call of Duty 4",
        server_port: 28960,
        master_port: 20810,
        // CoD4X, src/sv_main.c.
        masters: &["cod4master.activision.com:20810"],
        list_protocol: 6,
        ..BASE
    },
    Game {
        id: "sof2",
        name: "Soldier of Fortune II",
        server_port: 20100,
        master_port: 20110,
        list_protocol: 2004,
        ..BASE
    },
];

impl Game {
    /// Returns the game with this `id`, ignoring case.
    pub fn find(id: &str) -> Option<&'static Game> {
        GAMES.iter().find(|game| game.id.eq_ignore_ascii_case(id))
    }

    /// Returns the name of team number `team`; `None` if the game has no such team.
    pub fn team_name(&self, team: u8) -> Option<&'static str> {
        self.teams.get(usize::from(team)).copied()
    }
}

/// Writes a short form: the ID identifies the game.
impl fmt::Debug for Game {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Game({})", self.id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_game_is_found_once_and_is_complete() {
        for game in GAMES {
            assert!(std::ptr::eq(Game::find(&game.id.to_uppercase()).unwrap(), game), "{}", game.id);
            assert!(!game.name.is_empty() && game.list_protocol > 0);
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
