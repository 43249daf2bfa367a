//! The games of each version. The ports are those that answer queries, which are seldom those of the game: `games.js` of
//! node-gamedig, qstat's `qstat.cfg`, and GameQ's protocols. So are the ids and their aliases.

use super::super::Game;
use super::super::text::{Colors, TextRules};
use super::super::wire::WireProtocol;
use super::{JUST_CAUSE as JUST_CAUSE_WIRE, MINECRAFT as MINECRAFT_WIRE};
use super::{WITH_CHALLENGE as CHALLENGE_WIRE, WITHOUT_CHALLENGE as DIRECT_WIRE};

pub(super) static WITH_CHALLENGE: &[Game] = &[
    v3("crysis", &[], "Crysis", 64087),
    v3("crysis2", &[], "Crysis 2", 64000),
    v3("crysiswars", &[], "Crysis Wars", 64100),
    v3("stalker", &[], "S.T.A.L.K.E.R.", 5447),
    v3("ut3", &["unrealtournament3", "ut3s"], "Unreal Tournament 3", 6500),
];

pub(super) static WITHOUT_CHALLENGE: &[Game] = &[
    direct("bf2", &["battlefield2"], "Battlefield 2", 29900),
    direct("bf2142", &["battlefield2142"], "Battlefield 2142", 29900),
    direct("prbf2", &["prb2"], "Project Reality: Battlefield 2", 29900),
];

pub(super) static JUST_CAUSE: &[Game] =
    &[game(&JUST_CAUSE_WIRE, "jc2mp", &["jc2m", "justcause2"], "Just Cause 2 Multiplayer", 7777)];

pub(super) static MINECRAFT: &[Game] = &[
    minecraft("minecraft", &["minecraftjava", "minecraftquery", "mc"], "Minecraft", 25565),
    minecraft("minecraftpe", &["mcpe", "pocketmine"], "Minecraft: Pocket Edition (PocketMine)", 19132),
];

const fn game(
    wire: &'static WireProtocol,
    id: &'static str,
    aliases: &'static [&'static str],
    name: &'static str,
    port: u16,
) -> Game {
    Game { id, aliases, name, ..Game::of(wire, port) }
}

const fn v3(id: &'static str, aliases: &'static [&'static str], name: &'static str, port: u16) -> Game {
    game(&CHALLENGE_WIRE, id, aliases, name, port)
}

const fn direct(id: &'static str, aliases: &'static [&'static str], name: &'static str, port: u16) -> Game {
    game(&DIRECT_WIRE, id, aliases, name, port)
}

const fn minecraft(
    id: &'static str,
    aliases: &'static [&'static str],
    name: &'static str,
    port: u16,
) -> Game {
    Game { text: TextRules::new(Colors::Minecraft), ..game(&MINECRAFT_WIRE, id, aliases, name, port) }
}
