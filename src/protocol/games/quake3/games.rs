//! The games of the Quake 3 family.

use std::time::Duration;

use super::{GetInfo, WIRE_PROTOCOL};
use crate::protocol::games::Game;
use crate::protocol::games::text::{Charset, Colors, TextRules};

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

/// The values that most games share.
const BASE: Game = Game {
    master_port: 27950,
    list_protocol: 68,
    host_gap: ID_GAP,
    text: TextRules::new(Colors::Indexed),
    teams: ID_TEAMS,
    ..Game::of(&WIRE_PROTOCOL, 27960)
};

/// The values that the games on DarkPlaces share.
const DARKPLACES: Game = Game {
    server_port: 26000,
    masters: &["dpmaster.deathmask.net:27950", "dpmaster.tchr.no:27950"],
    list_protocol: 3,
    host_gap: DARKPLACES_GAP,
    text: TextRules::new(Colors::Rgb).with_charset(Charset::DarkPlaces),
    spectator_score: Some(-666),
    teams: DARKPLACES_TEAMS,
    base_mods: &["data"],
    ..BASE
};

/// The values that the games of the Call of Duty series share.
const COD: Game =
    Game { server_port: 28960, master_port: 20810, text: TextRules::new(Colors::CallOfDuty), ..BASE };

/// The games of the Quake 3 family.
pub(super) static GAMES: &[Game] = &[
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
        base_mods: &["baseq3", "Quake3Arena"],
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
        text: TextRules::new(Colors::Rgb),
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
    Game {
        id: "unvanquished",
        name: "Unvanquished",
        masters: &["master.unvanquished.net:27950"],
        list_protocol: 86,
        text: TextRules::new(Colors::Daemon),
        bots_have_ping_zero: true,
        teams: &["none", "aliens", "humans"],
        base_mods: &["unv"],
        ..BASE
    },
    Game { id: "iw6x", name: "IW6x", getinfo: GetInfo::Also, ..COD },
    Game {
        id: "fivem",
        aliases: &["gta5m", "redm"],
        name: "FiveM",
        server_port: 30120,
        getinfo: GetInfo::Instead,
        ..BASE
    },
];
