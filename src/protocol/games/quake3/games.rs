//! The games of the Quake 3 family.

use std::time::Duration;

use super::{GetInfo, WIRE_PROTOCOL};
use crate::protocol::games::Game;
use crate::protocol::games::text::{Charset, Colors, TextRules};

/// ioquake3 and its derivatives allow ten packets at once and then one per second (`SVC_RateLimit`); ET: Legacy with
/// `sv_protect 2` allows three in two seconds. Three tries comply with both.
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

/// The teams of Tremulous and Unvanquished, `team_t` in `bg_public.h`.
const TREMULOUS_TEAMS: &[&str] = &["none", "aliens", "humans"];

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
const COD: Game = Game {
    server_port: 28960,
    master_port: 20810,
    text: TextRules::new(Colors::CallOfDuty),
    base_mods: &["main"],
    ..BASE
};

/// The values that the mods of its later games share: their lists of players omit the bots, which only `getinfo` counts
/// (`party.cpp` of IW6x).
const IW: Game = Game {
    server_port: 27016,
    masters: &["server.alterware.dev:20810"],
    list_protocol: 1,
    getinfo: GetInfo::Also,
    ..COD
};

/// The games of the Quake 3 family.
pub(super) static GAMES: &[Game] = &[
    Game {
        id: "et",
        aliases: &["etlegacy", "wet", "woet", "wolfet", "wolfensteinet", "enemyterritory"],
        name: "Wolfenstein: Enemy Territory",
        masters: &["master.etlegacy.com:27950", "etmaster.idsoftware.com:27950"],
        list_protocol: 84,
        ext_name: Some("et"),
        bots_have_ping_zero: true,
        teams: WOLF_TEAMS,
        base_mods: &["etmain", "et"],
        ..BASE
    },
    Game {
        id: "q3",
        aliases: &["quake3", "q3a", "quake3arena", "ioquake3"],
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
        aliases: &["wolfensteinrtcw", "returntocastlewolfenstein", "iortcw"],
        name: "Return to Castle Wolfenstein",
        masters: &["dpmaster.deathmask.net:27950", "wolfmaster.s4ndmod.com:27950"],
        list_protocol: 60,
        ext_name: Some("wolfmp"),
        bots_have_ping_zero: true,
        teams: WOLF_TEAMS,
        base_mods: &["main", "wolfmp"],
        ..BASE
    },
    Game {
        id: "openarena",
        aliases: &["oa"],
        name: "OpenArena",
        masters: &["dpmaster.deathmask.net:27950", "master.ioquake3.org:27950"],
        list_protocol: 71,
        ext_name: Some("Quake3Arena"),
        // Letters are not colours in this game, so parsing `^xRGB` as one does no harm.
        text: TextRules::new(Colors::Rgb),
        bots_have_ping_zero: true,
        base_mods: &["baseoa", "Quake3Arena"],
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
        aliases: &["urbanterror", "iourt", "iourbanterror"],
        name: "Urban Terror",
        master_port: 27900,
        masters: &["master.urbanterror.info:27900", "master2.urbanterror.info:27900"],
        bots_have_ping_zero: true,
        base_mods: &["q3ut4"],
        ..BASE
    },
    Game {
        id: "warsow",
        name: "Warsow",
        server_port: 44400,
        list_protocol: 22,
        masters: &["dpmaster.deathmask.net:27950"],
        list_name: Some("Warsow"),
        teams: WARSOW_TEAMS,
        base_mods: &["basewsw"],
        ..BASE
    },
    Game {
        id: "warfork",
        name: "Warfork",
        server_port: 44400,
        list_name: Some("Warfork"),
        teams: WARSOW_TEAMS,
        base_mods: &["basewf"],
        ..BASE
    },
    Game {
        id: "jka",
        aliases: &["jk3", "jediacademy", "swjkja", "openjk"],
        name: "Star Wars Jedi Knight: Jedi Academy",
        server_port: 29070,
        master_port: 29060,
        // OpenJK, codemp/qcommon/qcommon.h.
        masters: &["master.jkhub.org:29060", "masterjk3.ravensoft.com:29060"],
        list_protocol: 26,
        bots_have_ping_zero: true,
        base_mods: &["base", "basejka"],
        ..BASE
    },
    Game {
        id: "jk2",
        aliases: &["jedioutcast", "swjkjo", "jk2mv"],
        name: "Star Wars Jedi Knight II: Jedi Outcast",
        server_port: 28070,
        master_port: 28060,
        // JK2MV, src/server/sv_init.cpp; 16 is version 1.04, 15 is 1.02.
        masters: &["master.jk2mv.org:28060", "master.jkhub.org:28060"],
        list_protocol: 16,
        bots_have_ping_zero: true,
        base_mods: &["base", "basejk"],
        ..BASE
    },
    Game {
        id: "cod",
        aliases: &["cod1", "callofduty"],
        name: "Call of Duty",
        master_port: 20510,
        masters: &["codmaster.activision.com:20510"],
        // Version 1.5; 1.1 has protocol 1.
        list_protocol: 6,
        ..COD
    },
    Game {
        id: "coduo",
        aliases: &["unitedoffensive", "callofdutyuo"],
        name: "Call of Duty: United Offensive",
        master_port: 20610,
        masters: &["coduomaster.activision.com:20610"],
        list_protocol: 22,
        base_mods: &["main", "uo"],
        ..COD
    },
    Game {
        id: "cod2",
        aliases: &["callofduty2"],
        name: "Call of Duty 2",
        master_port: 20710,
        masters: &["cod2master.activision.com:20710"],
        list_protocol: 118,
        ..COD
    },
    Game {
        id: "cod4",
        aliases: &["cod4x", "cod4mw", "callofduty4", "modernwarfare"],
        name: "Call of Duty 4",
        // CoD4X, src/sv_main.c.
        masters: &["cod4master.activision.com:20810"],
        list_protocol: 6,
        ..COD
    },
    Game {
        id: "codwaw",
        aliases: &["waw", "cod5", "worldatwar"],
        name: "Call of Duty: World at War",
        list_protocol: 101,
        ..COD
    },
    Game {
        id: "iw6x",
        aliases: &["iw6", "codghosts"],
        name: "Call of Duty: Ghosts (IW6x)",
        list_name: Some("IW6"),
        ..IW
    },
    Game {
        id: "s1x",
        aliases: &["s1", "codaw"],
        name: "Call of Duty: Advanced Warfare (S1x)",
        list_name: Some("S1"),
        ..IW
    },
    Game {
        id: "h1mod",
        aliases: &["h1", "codmwr"],
        name: "Call of Duty: Modern Warfare Remastered (H1-Mod)",
        masters: &[],
        list_name: Some("H1"),
        ..IW
    },
    Game {
        id: "iw7mod",
        aliases: &["iw7", "codiw"],
        name: "Call of Duty: Infinite Warfare (IW7-Mod)",
        masters: &[],
        list_name: Some("IW7"),
        ..IW
    },
    Game {
        id: "sof2",
        aliases: &["soldieroffortune2"],
        name: "Soldier of Fortune II",
        server_port: 20100,
        master_port: 20110,
        list_protocol: 2004,
        base_mods: &["base", "sof2mp"],
        ..BASE
    },
    Game {
        id: "unvanquished",
        aliases: &["unv"],
        name: "Unvanquished",
        masters: &["master.unvanquished.net:27950"],
        list_protocol: 86,
        text: TextRules::new(Colors::Daemon),
        bots_have_ping_zero: true,
        teams: TREMULOUS_TEAMS,
        base_mods: &["unv"],
        ..BASE
    },
    Game {
        id: "tremulous",
        aliases: &["trem"],
        name: "Tremulous",
        server_port: 30720,
        master_port: 30710,
        masters: &["master.tremulous.net:30710"],
        list_protocol: 69,
        teams: TREMULOUS_TEAMS,
        base_mods: &["base"],
        ..BASE
    },
    Game {
        id: "tremulousgpp",
        aliases: &["gpp"],
        name: "Tremulous: Gameplay Preview",
        server_port: 30720,
        master_port: 30700,
        masters: &["master.tremulous.net:30700"],
        list_protocol: 70,
        teams: TREMULOUS_TEAMS,
        base_mods: &["base", "gpp"],
        ..BASE
    },
    Game {
        id: "wop",
        aliases: &["worldofpadman", "padman"],
        name: "World of Padman",
        master_port: 27955,
        masters: &["master.worldofpadman.com:27955", "master.worldofpadman.net:27955"],
        list_protocol: 71,
        list_name: Some("WorldofPadman"),
        bots_have_ping_zero: true,
        base_mods: &["wop", "WorldofPadman"],
        ..BASE
    },
    Game {
        id: "q3rally",
        name: "Q3 Rally",
        list_protocol: 71,
        list_name: Some("Q3Rally"),
        bots_have_ping_zero: true,
        base_mods: &["baseq3r", "Q3Rally"],
        ..BASE
    },
    Game {
        id: "smokinguns",
        aliases: &["sg"],
        name: "Smokin' Guns",
        masters: &["master.smokin-guns.org:27950"],
        bots_have_ping_zero: true,
        base_mods: &["smokinguns"],
        ..BASE
    },
    Game {
        id: "turtlearena",
        name: "Turtle Arena",
        masters: &["dpmaster.deathmask.net:27950", "master.ioquake3.org:27950"],
        list_protocol: 11,
        list_name: Some("TurtleArena"),
        bots_have_ping_zero: true,
        base_mods: &["base-turtle", "TurtleArena"],
        ..BASE
    },
    Game {
        id: "eliteforce",
        aliases: &["ef", "stvef", "voyager"],
        name: "Star Trek Voyager: Elite Force",
        // Its masters list servers as hexadecimal text, which is not supported.
        list_protocol: 24,
        bots_have_ping_zero: true,
        base_mods: &["baseEF"],
        ..BASE
    },
    Game {
        id: "rexuiz",
        name: "Rexuiz",
        masters: &[],
        list_name: Some("Rexuiz"),
        ext_name: Some("Rexuiz"),
        ..DARKPLACES
    },
    Game {
        id: "fivem",
        aliases: &["gta5m", "redm", "gta5f"],
        name: "FiveM",
        server_port: 30120,
        getinfo: GetInfo::Instead,
        ..BASE
    },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn games_are_found_as_users_of_other_programs_type_them() {
        for (typed, id) in [
            ("quake3", "q3"),
            ("etlegacy", "et"),
            ("urbanterror", "urt"),
            ("callofduty4", "cod4"),
            ("RedM", "fivem"),
            ("gpp", "tremulousgpp"),
            ("worldofpadman", "wop"),
            ("iw6", "iw6x"),
        ] {
            assert_eq!(Game::find(typed).map(|game| game.id), Some(id));
        }
    }
}
