//! The games of each version. The ports are the ones that answer queries, which are seldom the ones that players
//! connect to. Ports, ids and aliases come from node-gamedig (`games.js`), qstat (`qstat.cfg`) and GameQ.

use super::super::Game;
use super::super::text::{Colors, TextRules};
use super::super::wire::WireProtocol;
use super::{
    JUST_CAUSE as JUST_CAUSE_WIRE, MINECRAFT as MINECRAFT_WIRE, VERSION_1 as V1_WIRE, VERSION_2 as V2_WIRE,
};
use super::{WITH_CHALLENGE as CHALLENGE_WIRE, WITHOUT_CHALLENGE as DIRECT_WIRE};

pub(super) static VERSION_1: &[Game] = &[
    v1("avp2", &[], "Aliens versus Predator 2", 27888),
    v1("acwa", &["armacwa"], "ARMA: Cold War Assault", 2303),
    v1("armaresistance", &["armar"], "ARMA: Resistance", 2303),
    v1("baldursgate", &[], "Baldur's Gate", 1470),
    v1("bf1942", &["battlefield1942", "bfield1942"], "Battlefield 1942", 23000),
    v1("undying", &["cbu"], "Clive Barker's Undying", 7778),
    v1("codenameeagle", &[], "Codename Eagle", 4711),
    v1("commandos3", &["c3db"], "Commandos 3: Destination Berlin", 6500),
    v1("renegade", &["cacr", "cacrenegade", "crs"], "Command & Conquer: Renegade", 25300),
    v1("contractjack", &["contactjack"], "Contract J.A.C.K.", 27888),
    v1("deadlydozenpt", &["ddpt"], "Deadly Dozen: Pacific Theater", 25300),
    v1("descent3", &[], "Descent 3", 20142),
    v1("deusex", &[], "Deus Ex", 7792),
    v1("dirttrackracing2", &["dtr2"], "Dirt Track Racing 2", 32140),
    v1("dnf2001", &[], "Duke Nukem Forever 2001", 7778),
    v1("drakan", &["dootf"], "Drakan: Order of the Flame", 27046),
    v1("formulaone2002", &["f12002"], "Formula One 2002", 3297),
    v1("f1c9902", &[], "F1 Challenge '99-'02", 34397),
    v1("ofcwc", &["flashpoint"], "Operation Flashpoint: Cold War Crisis", 2303),
    v1("ofr", &["flashpointresistance"], "Operation Flashpoint: Resistance", 2303),
    v1("giantscitizenkabuto", &["gck", "giants"], "Giants: Citizen Kabuto", 8911),
    v1("globaloperations", &[], "Global Operations", 28672),
    v1("gore", &["gus"], "Gore: Ultimate Soldier", 27778),
    v1("homeworld2", &[], "Homeworld 2", 6500),
    v1("igi2", &["i2cs"], "IGI 2: Covert Strike", 26001),
    v1("il2", &["i2s"], "IL-2 Sturmovik", 21000),
    v1("ironstorm", &[], "Iron Storm", 3505),
    v1("jamesbondnightfire", &["jb0n", "nightfire"], "James Bond 007: Nightfire", 6550),
    v1("kisspc", &["kpctnc"], "Kiss: Psycho Circus: The Nightmare Child", 7778),
    v1("mohaa", &["mas"], "Medal of Honor: Allied Assault", 12300),
    v1("mohsh", &["mohaas"], "Medal of Honor: Allied Assault Spearhead", 12300),
    v1("mohbt", &["mohaab"], "Medal of Honor: Allied Assault Breakthrough", 12300),
    v1("mohpa", &[], "Medal of Honor: Pacific Assault", 13300),
    v1("mohab", &["moha"], "Medal of Honor: Airborne", 12300),
    v1("netpanzer", &["netp"], "netPanzer", 3030),
    v1("nfshp2", &[], "Need for Speed: Hot Pursuit 2", 61220),
    v1("nerf", &["nab"], "Nerf Arena Blast", 4445),
    v1("nitrofamily", &[], "Nitro Family", 25601),
    v1("nolf", &["tonolf"], "The Operative: No One Lives Forever", 27888),
    v1("nolf2", &["nolf2asihw"], "No One Lives Forever 2: A Spy in H.A.R.M.'s Way", 27890),
    v1("postal2", &[], "Postal 2", 7778),
    v1("r6", &["rainbowsix"], "Rainbow Six", 2348),
    v1("r6roguespear", &["rs2rs"], "Rainbow Six: Rogue Spear", 2346),
    v1("r6ravenshield", &["rs3rs", "ravenshield"], "Rainbow Six 3: Raven Shield", 8777),
    v1("rallisportchallenge", &[], "RalliSport Challenge", 17500),
    v1("rallymasters", &[], "Rally Masters", 16666),
    v1("redorchestraost", &["roo4145"], "Red Orchestra: Ostfront 41-45, by GameSpy", 7767),
    v1("redline", &[], "Redline", 25252),
    v1("riseofnations", &["ron"], "Rise of Nations", 6501),
    v1("rune", &[], "Rune", 7778),
    v1("serioussam", &["ss", "sms"], "Serious Sam", 25601),
    v1("serioussamse", &["sstse", "ssse"], "Serious Sam: The Second Encounter", 25601),
    v1("shogo", &[], "Shogo", 27888),
    v1("sin", &[], "SiN", 22450),
    v1("stbc", &[], "Star Trek: Bridge Commander", 22101),
    v1("tacticalops", &["tactops"], "Tactical Ops", 7778),
    v1("takeonhelicopters", &["toh"], "Take On Helicopters", 2303),
    v1("teamfactor", &[], "Team Factor", 57778),
    v1("terminus", &[], "Terminus", 12286),
    v1("thps3", &[], "Tony Hawk's Pro Skater 3", 6500),
    v1("thps4", &[], "Tony Hawk's Pro Skater 4", 6500),
    v1("thu2", &[], "Tony Hawk's Underground 2", 5153),
    v1("turok2", &[], "Turok 2", 12880),
    v1("unreal", &[], "Unreal", 7778),
    v1("ut", &["ut99", "unrealtournament", "uns"], "Unreal Tournament", 7778),
    v1("v8supercar", &["v8sc"], "V8 Supercar Challenge", 16700),
    v1("vietcong", &[], "Vietcong", 15425),
    v1("wheeloftime", &["wot"], "Wheel of Time", 7778),
];

pub(super) static VERSION_2: &[Game] = &[
    armyops("americasarmy", &["aao"], "America's Army", 1717),
    armyops("americasarmy2", &["ams"], "America's Army 2", 1717),
    v2("arma", &["aaa", "armedassault"], "ARMA: Armed Assault", 2302),
    v2("bfv", &["battlefieldvietnam", "bfvietnam"], "Battlefield Vietnam", 23000),
    v2("breed", &[], "Breed", 7649),
    v2("deerhunter2005", &["dh2005"], "Deer Hunter 2005", 34567),
    v2("fear", &[], "F.E.A.R.", 27888),
    v2("graw", &["tcgraw"], "Ghost Recon Advanced Warfighter", 15250),
    v2("graw2", &["tcgraw2"], "Ghost Recon Advanced Warfighter 2", 16250),
    v2("had2", &["hiddendangerous2"], "Hidden & Dangerous 2", 11004),
    v2("halo", &[], "Halo: Combat Evolved", 2302),
    v2("halo2", &[], "Halo 2", 2302),
    v2("nascarthunder2004", &[], "NASCAR Thunder 2004", 13333),
    v2("nwn", &["neverwinternights"], "Neverwinter Nights", 5121),
    v2("nwn2", &["neverwinternights2"], "Neverwinter Nights 2", 6500),
    v2("serioussam2", &["ss2"], "Serious Sam 2", 25600),
    v2("swat4", &[], "SWAT 4", 10482),
    v2("swbf", &["swb"], "Star Wars: Battlefront", 3658),
    v2("swbf2", &["swb2"], "Star Wars: Battlefront II", 3658),
    v2("swrc", &[], "Star Wars: Republic Commando", 11138),
    v2("tribesvengeance", &[], "Tribes: Vengeance", 7778),
    v2("tron20", &["tron2"], "Tron 2.0", 27888),
    v2("vietcong2", &[], "Vietcong 2", 19967),
];

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

const fn v1(id: &'static str, aliases: &'static [&'static str], name: &'static str, port: u16) -> Game {
    game(&V1_WIRE, id, aliases, name, port)
}

const fn v2(id: &'static str, aliases: &'static [&'static str], name: &'static str, port: u16) -> Game {
    game(&V2_WIRE, id, aliases, name, port)
}

/// America's Army is made with Unreal Engine 2, and has its colour codes.
const fn armyops(id: &'static str, aliases: &'static [&'static str], name: &'static str, port: u16) -> Game {
    Game { text: TextRules::new(Colors::Unreal), ..game(&V2_WIRE, id, aliases, name, port) }
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
