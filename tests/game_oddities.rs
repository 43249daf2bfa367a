//! Odd replies of game servers and masters: one odd line costs no server, and the output shows the proof of each
//! answer.
//!
//! The replies are made up. Those in `../shared/cases/games` are read as well, if that folder exists.
#![cfg(feature = "cli")]

#[path = "support/captured.rs"]
mod captured;
mod support;

use std::net::{SocketAddr, UdpSocket};
use std::time::Duration;

use allears::engine::{Config, Engine, Outcome, Time};
use allears::protocol::games::{Game, GameAnswer, GameQuestion, Games};
use serde_json::Value;
use support::{Run, count, run};

/// The place of the challenge in a reply.
const CHALLENGE: &[u8] = b"0123456789abcdef";

/// Starts a server that answers each request with these datagrams, with the challenge in its place. Returns its address.
fn server(datagrams: Vec<Vec<u8>>) -> String {
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a free port");
    let address = socket.local_addr().expect("bound").to_string();
    std::thread::spawn(move || {
        let mut request = [0; 2048];
        while let Ok((len, from)) = socket.recv_from(&mut request) {
            let challenge = request[..len].rsplit(|&byte| byte == b' ').next().unwrap_or_default();
            for datagram in &datagrams {
                let at = datagram.windows(CHALLENGE.len()).position(|part| part == CHALLENGE);
                let reply = match at {
                    Some(at) => [&datagram[..at], challenge, &datagram[at + CHALLENGE.len()..]].concat(),
                    None => datagram.clone(),
                };
                let _ = socket.send_to(&reply, from);
            }
        }
    });
    address
}

/// Starts a server with one reply: its text after the four bytes of 0xff.
fn server_saying(text: &str) -> String {
    server(vec![[b"\xff\xff\xff\xff", text.as_bytes()].concat()])
}

#[track_caller]
fn games(game: &str, address: &str, args: &[&str]) -> (Run, Value) {
    let common = ["games", "--game", game, address, "-o", "json", "--stats", "-", "--timeout", "300ms"];
    let run = run(&[&common, args].concat());
    let line = run.lines()[0].clone();
    assert_eq!(line["target"], address);
    (run, line)
}

/// Returns the answer of a server that says this.
#[track_caller]
fn answer(game: &str, text: &str) -> Value {
    let (run, line) = games(game, &server_saying(text), &[]);
    assert_eq!(line["outcome"], "answered", "{}", run.stderr);
    assert_eq!(line.get("proof"), None, "it has the challenge");
    line["answer"].clone()
}

/// Returns one field of each player.
fn players(answer: &Value, key: &str) -> Vec<Value> {
    let list = answer["player_list"].as_array().expect("a list");
    list.iter().map(|player| player[key].clone()).collect()
}

const WITHOUT: &str = "statusResponse\n\\sv_hostname\\Full\\mapname\\m\\sv_maxclients\\8\n1 5 \"Ann\"\n";

#[test]
fn a_reply_without_the_challenge_is_an_answer_with_proof_by_address_only() {
    let address = server_saying(WITHOUT);
    let (run, line) = games("q3", &address, &[]);
    assert_eq!((&line["outcome"], &line["proof"]), (&"answered".into(), &"address".into()));
    assert_eq!((&line["answer"]["name"], &line["attempts"]), (&"Full".into(), &1.into()));
    assert_eq!((count(&run.stats(), "answered"), count(&run.stats(), "datagrams_sent")), (1, 1));

    let (run, line) = games("q3", &address, &["--proof", "token", "--tries", "2"]);
    assert_eq!(line["outcome"], "silent");
    assert_eq!(count(&run.stats(), "unmatched"), 2);
}

#[test]
fn a_reply_with_another_challenge_is_unmatched() {
    for challenge in ["", "1", "fedcba9876543210", "fedcba98765432100123456789abcde"] {
        let forged = WITHOUT.replace("\\sv_host", &format!("\\challenge\\{challenge}\\sv_host"));
        let (run, line) = games("q3", &server_saying(&forged), &["--tries", "1"]);
        assert_eq!(
            (&line["outcome"], count(&run.stats(), "unmatched")),
            (&"silent".into(), 1),
            "{challenge}"
        );
    }
}

#[test]
fn an_answer_with_the_challenge_replaces_one_without() {
    let own = WITHOUT.replace("\\sv_hostname\\Full", "\\challenge\\0123456789abcdef\\sv_hostname\\Own");
    let datagrams = [WITHOUT, own.as_str()].map(|text| [b"\xff\xff\xff\xff", text.as_bytes()].concat());
    let (run, line) = games("q3", &server(datagrams.to_vec()), &[]);
    assert_eq!((&line["answer"]["name"], line.get("proof")), (&"Own".into(), None));
    assert_eq!(count(&run.stats(), "unmatched"), 1);
}

#[test]
fn a_second_request_is_sent_only_where_it_adds_something() {
    let whole = "statusResponse\n\\challenge\\0123456789abcdef\\sv_hostname\\h\n1 5 \"a\"\n";
    let (run, _) = games("q3", &server_saying(whole), &[]);
    assert_eq!(count(&run.stats(), "datagrams_sent"), 1);
    // The reply to the second request is a status again, so it is not used.
    let cut = whole.trim_end().trim_end_matches('"');
    let (run, line) = games(
        "q3",
        &server_saying(&format!("{whole}{cut}").replace(
            "statusResponse\n\\challenge\\0123456789abcdef\\sv_hostname\\h\n1 5 \"a\"\nstatusResponse",
            "statusResponse",
        )),
        &[],
    );
    assert_eq!(line["answer"]["truncated"], true, "{}", run.stderr);
    assert!(count(&run.stats(), "queries") == 2 && count(&run.stats(), "datagrams_sent") >= 2);
    assert_eq!(line["answer"]["remarks"][1], "the reply to getinfo is missing");
}

#[test]
fn fivem_gets_only_getinfo() {
    let reply = "infoResponse\n\\sv_maxclients\\30\\clients\\4\\challenge\\0123456789abcdef\\gamename\\CitizenFX\
        \\protocol\\4\\hostname\\State of RP\\gametype\\Freeroam\\mapname\\fivem-map\\iv\\1";
    for game in ["fivem", "redm", "gta5m"] {
        let answer = answer(game, reply);
        assert_eq!((&answer["name"], &answer["map"]), (&"State of RP".into(), &"fivem-map".into()));
        assert_eq!((&answer["players"], &answer["max_players"]), (&4.into(), &30.into()));
        assert_eq!((&answer["player_list"], &answer["truncated"]), (&Value::Null, &false.into()));
    }
}

#[test]
fn an_encoding_is_used_for_names_and_settings() {
    let mut reply = b"\xff\xff\xff\xffstatusResponse\n\\challenge\\0123456789abcdef\\sv_hostname\\".to_vec();
    reply.extend(b"^1\xd1\xe5\xf0\xe2\xe5\xf0\\mapname\\\xc4\xe0\\rule\\\xc4\xe0\n1 5 \"^2\xc2\xe0\xf1^7\xff\"\n2 6 \"M\xfcller\"\n");
    let address = server(vec![reply]);
    let (_, line) = games("q3", &address, &["--encoding", "windows-1251"]);
    let named = &line["answer"];
    assert_eq!((&named["name"], &named["rules"]["rule"]), (&"Сервер".into(), &"Да".into()));
    assert_eq!(players(named, "name"), ["Вася", "Mьller"]);
    assert_eq!((&named["map"], &named["name_raw"]), (&"Да".into(), &"^1Ñåðâåð".into()));
    let (_, line) = games("q3", &address, &[]);
    let detected = &line["answer"];
    assert_eq!((&detected["name"], &detected["name_raw"]), (&"Сервер".into(), &"^1Ñåðâåð".into()));
    assert_eq!((&detected["map"], &detected["rules"]["rule"]), (&"Да".into(), &"Да".into()));
    assert_eq!(players(detected, "name_raw"), ["^2Âàñ^7ÿ", "Müller"]);
    assert_eq!(players(detected, "name"), ["Вася", "Müller"]);
    let (_, line) = games("q3", &address, &["--encoding", "latin1"]);
    assert_eq!(players(&line["answer"], "name"), ["Âàñÿ", "Müller"]);

    for (name, found) in [("вася", "Вася"), ("muller", "Müller"), ("MÜLLER", "Müller")] {
        let hits = run(&["find", name, "--exact", "--game", "q3", &address, "-o", "json"]).expect_code(0);
        assert_eq!(hits.lines()[0]["found"][0], found);
    }
    let table = run(&["find", "вася", "--game", "q3", &address]).expect_code(0).stdout;
    assert!(table.contains("Вася") && table.contains("Сервер"), "{table}");
    let refused = run(&["games", "--encoding", "klingon", &address]).expect_code(2);
    assert!(refused.stderr.contains("unknown encoding"), "{}", refused.stderr);
}

#[test]
fn a_list_whose_datagrams_all_have_the_end_mark_is_received_in_full() {
    let game = Game::find("et").expect("a game");
    let master: SocketAddr = "9.9.9.9:27950".parse().expect("an address");
    let mut engine = Engine::<Games>::new(Games::new(game), Config::default(), [7; 16]).expect("valid");
    engine.ask(master, GameQuestion::master(game, false).expect("masters"), ()).expect("room");
    engine.poll_transmit(Time::ZERO, &mut Vec::new()).expect("at once");
    let mut now = Time::ZERO;
    for part in 0..5u8 {
        // Old masters pause between datagrams.
        now = now + Duration::from_millis(400);
        engine.handle_timeout(now);
        let mut list = b"\xff\xff\xff\xffgetserversResponse".to_vec();
        (0..8).for_each(|n| list.extend([b'\\', 9, 1, part, n, 0x6d, 0x38]));
        list.extend(b"\\EOT\0\0\0");
        engine.handle_datagram(now, master, &list);
    }
    while !engine.is_idle() {
        now = engine.poll_timeout().expect("something is open").max(now);
        engine.handle_timeout(now);
    }
    let completion = engine.poll_completion().expect("ended");
    let Outcome::Answered(GameAnswer::List { listed, complete, .. }) = completion.outcome else {
        panic!("{:?}", completion.outcome)
    };
    assert_eq!((listed, complete, completion.attempts), (40, false, 1), "whether it is complete is unknown");
}

/// Starts a server with the replies of a case. Returns its address; `None` if the case is not there.
fn case(name: &str) -> Option<String> {
    let text = captured::shared(&format!("cases/games/{name}.hex"))?;
    Some(server(captured::replies(&text).collect()))
}

/// A case: file, game, name, map; people and bots together, bots, slots; names and teams of players from the start of the
/// list.
type Case = (
    &'static str,
    &'static str,
    [&'static str; 2],
    (u64, Option<u64>, u64),
    &'static [(&'static str, Option<&'static str>)],
);

const CASES: &[Case] = &[
    (
        "c02-darkplaces-info-for-status",
        "xonotic",
        ["[EU] crowded server", "stormkeep"],
        (48, Some(0), 64),
        &[],
    ),
    (
        "c03-xonotic-full-status-scores",
        "xonotic",
        ["[EU] crowded server", "stormkeep"],
        (4, Some(1), 64),
        &[
            ("Red One", Some("red")),
            ("Blue One", Some("blue")),
            ("[BOT]Hellfire", Some("blue")),
            ("Watcher", Some("spectator")),
        ],
    ),
    (
        "c04-player-line-with-suffix",
        "q3",
        ["Spear", "q3dm1"],
        (2, Some(1), 8),
        &[("Ann", None), ("Grunt", None)],
    ),
    (
        "c06-xonotic-ca-float-and-team",
        "xonotic",
        ["Votable", "bloodrun_a3"],
        (3, Some(0), 24),
        &[("Ann", Some("red")), ("Bob", Some("blue")), ("Spec", Some("spectator"))],
    ),
    (
        "c08-xonotic-cts-names",
        "xonotic",
        ["Votable (2)", "bloodrun_a3"],
        (5, Some(0), 24),
        &[
            ("melx #NoEst", None),
            ("wınd", None),
            ("malice [No\u{a0}chat]", Some("spectator")),
            ("VIP|FFSt", None),
            ("Ｆｏｏ", Some("spectator")),
        ],
    ),
    (
        "c09-unvanquished",
        "unvanquished",
        ["gg.host.net { frag } backport", "perseus"],
        (7, Some(5), 32),
        &[
            ("owner [granger]", Some("humans")),
            ("UnnamedPlayer#1", Some("none")),
            ("[bot] One", Some("humans")),
            ("[bot] Two", Some("humans")),
            ("[bot] Three", Some("aliens")),
        ],
    ),
    ("c11-padded-names", "cod2", ["x", "mp_y"], (2, None, 64), &[("NIGHTOWL", None), ("Dayowl", None)]),
    ("c12-cod-double-caret", "cod2", ["x", "mp_y"], (1, None, 64), &[("Night|owl.", None)]),
    ("c14-last-line-without-newline", "q3", ["x", "mp_y"], (2, Some(0), 64), &[("a", None), ("last", None)]),
];

#[test]
fn each_case_is_read_correctly() {
    for (file, game, texts, counts, wanted) in CASES {
        let Some(address) = case(file) else { continue };
        let (_, line) = games(game, &address, &[]);
        let answer = &line["answer"];
        assert_eq!((&line["outcome"], line.get("proof")), (&"answered".into(), None), "{file}");
        assert_eq!([&answer["name"], &answer["map"]], texts.map(Value::from).each_ref(), "{file}");
        let (players_wanted, bots, slots) = *counts;
        assert_eq!(answer["players"], players_wanted, "{file}");
        assert_eq!(answer["bots"], bots.map_or(Value::Null, Value::from), "{file}");
        assert_eq!(answer["max_players"], slots, "{file}");
        let (names, teams) = (players(answer, "name"), players(answer, "team"));
        assert_eq!(
            names[..wanted.len()],
            wanted.iter().map(|(name, _)| Value::from(*name)).collect::<Vec<_>>(),
            "{file}"
        );
        let teams_wanted: Vec<_> =
            wanted.iter().map(|(_, team)| team.map_or(Value::Null, Value::from)).collect();
        assert_eq!(teams[..wanted.len()], teams_wanted, "{file}");
        assert_eq!(answer["truncated"], names.len() < players_wanted as usize, "{file}");
    }
}

#[test]
fn the_case_of_a_full_info_string_is_answered_without_proof_by_token() {
    let Some(address) = case("c01-info-string-full-no-challenge") else { return };
    let (_, line) = games("urt", &address, &[]);
    assert_eq!((&line["outcome"], &line["proof"]), (&"answered".into(), &"address".into()));
    assert_eq!(line["answer"]["map"], "ut4_wid");
    assert!(players(&line["answer"], "name").len() > 20);
    let (_, line) = games("urt", &address, &["--proof", "token"]);
    assert_eq!(line["outcome"], "silent");
}

#[test]
fn names_in_cases_are_found_as_people_read_them() {
    for (file, game, name, exact) in [
        ("c08-xonotic-cts-names", "xonotic", "vip|ffst", true),
        ("c08-xonotic-cts-names", "xonotic", "foo", true),
        ("c08-xonotic-cts-names", "xonotic", "wind", true),
        ("c11-padded-names", "cod2", "nightowl", true),
        ("c12-cod-double-caret", "cod2", "night|owl.", true),
        ("c18-find-name-cut-in-a-pipe", "q3", "nightowl", false),
    ] {
        let Some(address) = case(file) else { continue };
        let exact = if exact { &["--exact"][..] } else { &[] };
        let all = [&["find", name, "--game", game, &address], exact].concat();
        let found = run(&all).expect_code(0).stdout.to_lowercase();
        let shown = if name == "wind" {
            "wınd"
        } else if name == "foo" {
            "ｆｏｏ"
        } else {
            name
        };
        assert!(found.contains(shown), "{name}: {found}");
    }
}

#[test]
fn odd_lines_and_counts() {
    let head = "statusResponse\n\\challenge\\0123456789abcdef\\sv_hostname\\h\\mapname\\m\\sv_maxclients\\32";
    let odd = answer("q3", &format!("{head}\n5 40 \"Ann\"\n6 x\n7 50 \"Bob\" (afk)\n"));
    assert_eq!((players(&odd, "name"), &odd["players"]), (vec!["Ann".into(), "Bob".into()], &3.into()));
    assert_eq!(
        (&odd["truncated"], &odd["remarks"][0]),
        (&true.into(), &"2 lines of the player list have an unexpected format".into())
    );
    let people = answer("q3", &format!("{head}\\clients\\12\\bots\\10\n5 40 \"Ann\"\n6 41 \"Bob\"\n"));
    assert_eq!(
        (&people["players"], &people["bots"], &people["truncated"]),
        (&12.into(), &10.into(), &false.into())
    );

    let lines: String = (0..30).map(|n| format!("{n} 50 \"p{n}\"\n")).collect();
    let full = server_saying(&format!("{head}\\sv_privateClients\\2\n{lines}"));
    for (condition, lines) in [("full", 1), ("!full", 0), ("free=0", 1)] {
        let run = run(&["games", "--game", "q3", &full, "-o", "json", "--where", condition]);
        assert_eq!(run.lines().len(), lines, "{condition}");
    }
}
