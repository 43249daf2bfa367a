//! Datagrams of real servers decode to the values that those servers sent.
//!
//! Two files of them are in `tests/data`; the others are test data of another project, and are read from
//! `../shared/captures` if it exists.

#[path = "support/captured.rs"]
mod captured;

use std::collections::HashSet;
use std::fs;
use std::net::SocketAddr;
use std::path::Path;

use allears::protocol::games::quake3::{ServerList, Status};
use allears::protocol::games::text::{Colors, TextRules};
use allears::protocol::games::{Game, GameAnswer, GameQuestion, Games, ServerInfo};
use allears::protocol::{Attempt, Protocol, Quiet, Reply, Step, Token};
use captured::datagrams;

fn reply(bytes: &[u8]) -> Reply<'_> {
    Reply::to_first(([127, 0, 0, 1], 27950).into(), bytes)
}

fn own(name: &str) -> Vec<(bool, Vec<u8>)> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(name);
    datagrams(&fs::read_to_string(path).expect("the capture is readable")).collect()
}

/// Returns the status in a file of the shared captures; `None` if there is no such file.
fn shared(name: &str) -> Option<Vec<u8>> {
    let text = captured::shared(&format!("captures/{name}"))?;
    Some(datagrams(&text).next().expect("a status").1)
}

fn text(bytes: Option<&[u8]>) -> String {
    TextRules::new(Colors::Indexed).clean(bytes.expect("the server sends"))
}

#[test]
fn openarena_reports_its_name_and_bots() {
    let openarena = Game::find("openarena").expect("a game");
    let replies = own("openarena-info-status.hex");
    let statuses: Vec<_> = replies.iter().filter_map(|(_, reply)| Status::parse(reply).ok()).collect();
    assert_eq!(statuses.len(), 3);
    for status in statuses {
        let status = status.with_bots_at_ping_zero(openarena.bots_have_ping_zero);
        let info = status.to_info(openarena);
        assert_eq!(info.name.as_deref(), Some("Allears Test Server"));
        assert_eq!((info.map.as_deref(), info.mod_name.as_deref()), (Some("oa_dm1"), Some("baseoa")));
        assert_eq!((info.players, info.bots, info.max_players), (4, Some(4), Some(12)));
        assert_eq!((status.player_count(), status.bots()), (4, Some(4)));
        assert!(!status.truncated());
        let names: Vec<_> = status.players().map(|player| text(Some(player.name))).collect();
        assert_eq!(names, ["Sarge", "Gargoyle", "Kyonshi", "Grunt"]);
        assert!(status.players().all(|player| player.bot == Some(true) && player.ping == Some(0)));
    }
}

#[test]
fn a_challenge_that_is_not_ours_matches_no_request() {
    let games = Games::new(Game::find("openarena").expect("a game"));
    for (_, datagram) in own("openarena-info-status.hex") {
        assert_eq!(games.read_token(&datagram), None);
    }
}

#[test]
fn a_real_status_with_our_challenge_matches() {
    let openarena = Game::find("openarena").expect("a game");
    let mut games = Games::new(openarena);
    let host = ([127, 0, 0, 1], 27960).into();
    let mut conversation = games.begin(host, GameQuestion::server(openarena));
    let status = &own("openarena-info-status.hex")[3].1;
    let at = status.windows(6).position(|bytes| bytes == b"k3Jx91").expect("the challenge");
    let ours = [&status[..at], b"00000000deadbeef", &status[at + 6..]].concat();
    assert_eq!(games.read_token(&ours), Some(Token(0xdead_beef)));
    let Step::Done(GameAnswer::Server { info, datagram }) = games.step(&mut conversation, &reply(&ours))
    else {
        panic!("a whole status")
    };
    assert_eq!((info.players, info.bots, info.player_list.len()), (4, Some(4), 4));
    assert!(*datagram == *ours, "the datagram as received");
}

#[test]
fn dpmaster_lists_600_servers_in_both_forms() {
    let wanted: HashSet<SocketAddr> =
        (0..600u32).map(|i| ([127, 1, (i / 250) as u8, (i % 250 + 1) as u8], 27960).into()).collect();
    let lines = own("dpmaster-et-getservers.hex");
    for with_ipv6 in [false, true] {
        let game = Game::find("et").expect("a game");
        let mut et = Games::new(game);
        let question = GameQuestion::master(game, with_ipv6).expect("it has masters");
        let mut master = et.begin(([127, 0, 0, 1], 27950).into(), question);
        let mut request = Vec::new();
        et.write_request(&mut master, Attempt::first(Token::NONE), &mut request);
        let asked = lines.iter().position(|(is_request, bytes)| *is_request && *bytes == request);
        let after = &lines[asked.expect("our request is the one that dpmaster answered") + 1..];
        for (_, datagram) in after.iter().take_while(|(is_request, _)| !is_request) {
            assert!(matches!(et.step(&mut master, &reply(datagram)), Step::More { .. }));
        }
        let Quiet::Done(GameAnswer::List { listed, complete, .. }) = et.quiet(&mut master, 2) else {
            panic!("the list has its end")
        };
        assert_eq!((listed, complete), (600, true));
        let servers: Vec<_> = std::iter::from_fn(|| et.take_server()).map(|(server, _)| server).collect();
        assert_eq!(servers.len(), 600);
        assert!(servers.into_iter().collect::<HashSet<_>>() == wanted, "other servers than were registered");
    }
}

#[test]
fn dpmaster_reports_an_empty_list() {
    let lines = own("dpmaster-et-getservers.hex");
    let list = ServerList::parse(&lines.last().expect("a reply").1).expect("a list");
    assert_eq!((list.servers().count(), list.has_end, list.is_ext), (0, true, false));
}

/// The file, game, name, map, players, maximum, bots, and one player: index, name, score, ping, team.
type Case = (
    &'static str,
    &'static str,
    &'static str,
    &'static str,
    (usize, u32, Option<u32>),
    (usize, &'static str, f64, i32, Option<&'static str>),
);

const CASES: &[Case] = &[
    (
        "et-status-1.hex",
        "et",
        "F|A RECRUITING XP SAVE",
        "et_beach",
        (41, 51, Some(0)),
        (0, "RagaaElGedawy", 168.0, 150, Some("axis")),
    ),
    (
        "q3-status-1.hex",
        "q3",
        "XXXADULTS*ONLYXXX",
        "q3tourney4",
        (10, 64, Some(0)),
        (4, "*ES*Darth Ni", 0.0, 28, None),
    ),
    (
        "urt-status-1.hex",
        "urt",
        "|RFA| RisenFromAshes.us",
        "ut4_wid",
        (22, 32, Some(0)),
        (1, "", 28.0, 135, None),
    ),
    (
        "warsow-status-1.hex",
        "warsow",
        "___ gibcity-|-insta ___ #1 /// bb2",
        "bipbeta2",
        (17, 17, None),
        (8, "wcDUCK", -9999.0, 26, Some("beta")),
    ),
    (
        "cod2-status-1.hex",
        "cod2",
        "IAF Custom#1 eXtreme+ v2.9+   [www.IAOFF.com]",
        "mp_coastal_guns",
        (24, 40, None),
        (9, "BETEPAH                        ", 65.0, 36, None),
    ),
    (
        "cod4-status-1.hex",
        "cod4",
        "=|h4x|=War 24/7 Server COD4",
        "mp_crash",
        (14, 50, None),
        (12, "Deltron", 30.0, 87, None),
    ),
    (
        "jka-status-1.hex",
        "jka",
        "{JoF}Public Server",
        "T1_Danger",
        (30, 32, Some(5)),
        (18, "{JoFA}PsY©h0{A}", 15.0, 66, None),
    ),
    ("sof2-status-1.hex", "sof2", "3D# Hide&Seek", "mp_col1", (10, 64, None), (4, "Z1zo", 6.0, 74, None)),
];

#[test]
fn statuses_of_every_game_of_the_family_decode() {
    for (file, id, name, map, (players, room, bots), (place, player, score, ping, team)) in CASES {
        let Some(datagram) = shared(file) else { continue };
        let game = Game::find(id).expect("a game");
        let status = Status::parse(&datagram).expect(file).with_bots_at_ping_zero(game.bots_have_ping_zero);
        let info = status.to_info(game);
        assert_eq!((info.name.as_deref(), info.map.as_deref()), (Some(*name), Some(*map)), "{file}");
        assert!(!status.truncated() && !info.truncated, "{file}");
        let counts = (status.players().count(), info.max_players, info.bots);
        assert_eq!(counts, (*players, Some(*room), *bots), "{file}");
        assert_eq!(status.player_count(), *players, "{file}");
        let found = status.players().nth(*place).expect(file);
        assert_eq!(text(Some(found.name)), *player, "{file}");
        assert_eq!((found.score, found.ping), (Some(*score), Some(*ping)), "{file}");
        assert_eq!(found.team.and_then(|team| game.team_name(team)), *team, "{file}");
    }
}

#[test]
fn every_player_has_a_team() {
    let teams = |file| -> Option<String> {
        let datagram = shared(file)?;
        let status = Status::parse(&datagram).expect(file);
        Some(status.players().map(|player| char::from(b'0' + player.team.expect("a team"))).collect())
    };
    if let Some(et) = teams("et-status-1.hex") {
        assert_eq!(et, "11131221332212110123222-221-31322122--21-123-----11".replace('-', ""));
    }
    if let Some(warsow) = teams("warsow-status-1.hex") {
        assert_eq!(warsow, "23232303333223222");
    }
}

/// The file and game; then the game type, mod, private slots, password, and start of the version.
type Settings = (&'static str, &'static str, [&'static str; 2], Option<u32>, Option<bool>, &'static str);

const SETTINGS: &[Settings] = &[
    ("et-status-1.hex", "et", ["2", "jaymod"], Some(0), Some(false), "ET 3.00 - TB 0.7.4"),
    ("q3-status-1.hex", "q3", ["0", "baseq3"], Some(0), Some(false), "Q3 1.32c linux-i386"),
    ("urt-status-1.hex", "urt", ["7", "q3urt43"], Some(4), Some(false), "ioQ3 1.35 urt 4.3.4"),
    ("warsow-status-1.hex", "warsow", ["ca", "Warsow"], None, Some(false), "2.01 x86_64"),
    ("cod2-status-1.hex", "cod2", ["tdm", "IAF_SDS29v7"], Some(0), Some(false), "1.3"),
    ("cod4-status-1.hex", "cod4", ["war", "Call of Duty 4"], Some(0), None, "CoD4 X 1.7a"),
    ("jka-status-1.hex", "jka", ["0", "JA+ Mod v2.4 B7"], Some(0), Some(false), "JAmp: v1.0.1.0"),
    ("sof2-status-1.hex", "sof2", ["inf", "sof2mp"], Some(0), Some(false), "SOF2MP V1.00"),
];

#[test]
fn every_game_of_the_family_yields_the_same_server_info() {
    for (file, id, texts, private_slots, password, version) in SETTINGS {
        let Some(datagram) = shared(file) else { continue };
        let game = Game::find(id).expect("a game");
        let status = Status::parse(&datagram).expect(file);
        let info: ServerInfo = status.to_info(game);
        assert_eq!([&info.game_type, &info.mod_name].map(|text| text.as_deref()), texts.map(Some), "{file}");
        assert_eq!((info.private_slots, info.password), (*private_slots, *password), "{file}");
        assert!(info.version.is_some_and(|text| text.starts_with(version)), "{file}");
        assert_eq!(
            (info.players as usize, info.player_list.len()),
            (status.player_count(), status.player_count())
        );
        assert!(info.rules.iter().eq(status.rules()), "{file}");
        let status = status.with_bots_at_ping_zero(game.bots_have_ping_zero);
        for (player, sent) in info.player_list.iter().zip(status.players()) {
            assert_eq!((&*player.name_raw, &player.name), (sent.name, &game.text.clean(sent.name)));
            assert_eq!((player.score, player.ping, player.bot), (sent.score, sent.ping, sent.bot), "{file}");
            assert_eq!((player.team, player.seconds), (sent.team.map(i32::from), None), "{file}");
        }
    }
}
