//! The games that a command line and its lists may name, and the columns, order and conditions of servers.
#![cfg(feature = "cli")]

mod support;

use std::collections::BTreeSet;
use std::fs;

use support::{Fleet, run, run_with_input};

/// Starts a fleet of 10 servers of `protocol` at `base`.
fn fleet(protocol: &str, base: &str) -> Fleet {
    Fleet::start(&["--protocol", protocol, "--hosts", "10", "--base", base, "--latency", "1ms"])
}

#[test]
fn a_list_mixes_games_in_all_forms() {
    let (et, bedrock) = (fleet("et", "127.41.0.1"), fleet("bedrock", "127.42.0.1"));
    let (et, bedrock) = (et.hosts(), bedrock.hosts());
    let list = format!(
        "woets {}\nq3 {}  # not its game, but the same protocol\n{}\nbedrock {}\nMCBE\t{}\nbedrock://{}/\nbedrok {}\n",
        et[0], et[1], et[2], bedrock[0], bedrock[1], bedrock[2], bedrock[3]
    );
    let result = run_with_input(&["games", "-i", "-", "-o", "json"], list.as_bytes()).expect_code(0);
    let games: BTreeSet<(String, String)> = result
        .lines()
        .iter()
        .map(|line| {
            assert_eq!(line["outcome"], "answered");
            let text = |key: &str| line["answer"][key].as_str().expect("text").to_owned();
            (line["target"].as_str().expect("an address").to_owned(), text("game"))
        })
        .collect();
    let wanted = [(&et[0], "et"), (&et[1], "q3"), (&et[2], "et")].into_iter();
    let wanted = wanted.chain(bedrock[..3].iter().map(|target| (target, "bedrock")));
    assert_eq!(games, wanted.map(|(target, game)| (target.clone(), game.to_owned())).collect());
    assert!(result.stderr.contains("stdin:7: no game `bedrok` (similar: bedrock"), "{}", result.stderr);
}

#[test]
fn a_users_games_file_adds_games_and_list_games_shows_them() {
    let servers = fleet("et", "127.43.0.1");
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = folder.path().join("games.toml");
    fs::write(&file, "[[game]]\nid = 'mine'\nname = 'My mod'\nlike = 'et'\naliases = ['mm']\n")
        .expect("written");
    let file = file.to_str().expect("text");
    let target = &servers.hosts()[0];
    let result = run(&["games", "--games-file", file, "--game", "MM", target, "-o", "json"]).expect_code(0);
    assert_eq!(result.lines()[0]["answer"]["game"], "mine");

    let listed = run(&["games", "--list-games", "--games-file", file, "-o", "json"]).expect_code(0).lines();
    let mine = listed.iter().find(|game| game["id"] == "mine").expect("listed");
    assert_eq!(
        (&mine["aliases"], &mine["port"], &mine["protocol"]),
        (&"mm".into(), &27960.into(), &"quake3".into())
    );
    assert!(listed.len() > 10);
    let table = run(&["games", "--list-games"]).expect_code(0).stdout;
    assert!(table.lines().any(|line| line.starts_with("bedrock ") && line.contains("19132")), "{table}");

    let wrong = run(&["games", "--game", "openarea", target]).expect_code(2);
    assert!(wrong.stderr.contains("no game `openarea` (similar: openarena"), "{}", wrong.stderr);
    run(&["games", "--games-file", "/nonexistent", target]).expect_code(3);
}

#[test]
fn masters_are_asked_for_the_protocol_and_name_that_the_user_gives() {
    let servers = fleet("et", "127.44.0.1");
    let listed = |args: &[&str]| {
        let master = servers.master();
        let all = [&["games", "--master", &master, "--game", "q3", "-o", "json"], args].concat();
        run(&all).stdout.lines().count()
    };
    assert_eq!(listed(&["--tries", "1"]), 0, "the master has no servers of protocol 68");
    assert_eq!(listed(&["--protocol", "84"]), 10);
}

#[test]
fn a_master_of_a_game_without_masters_is_wrong_usage() {
    for game in ["bedrock", "minecraft", "mumble", "samp"] {
        let wrong = run(&["games", "--game", game, "--master", "127.0.0.1:9"]).expect_code(2);
        assert!(wrong.stderr.contains("has no masters: name servers"), "{}", wrong.stderr);
    }
}

#[test]
fn a_search_says_which_servers_do_not_list_players_and_silence_which_game_was_asked_for() {
    let servers = fleet("mumble", "127.46.0.1");
    let file = servers.targets();
    let none = run(&["find", "nightowl", "--game", "mumble", "-i", file]).expect_code(1);
    assert!(none.stderr.contains("10 of the servers do not list players"), "{}", none.stderr);
    let silent = run(&["games", "-i", file, "--tries", "1", "--timeout", "50ms"]).expect_code(1);
    assert!(
        silent.stderr.contains("queried as Wolfenstein: Enemy Territory: see --game"),
        "{}",
        silent.stderr
    );
}

#[test]
fn servers_are_selected_ordered_and_cut_by_any_column() {
    let servers = fleet("et", "127.45.0.1");
    let file = servers.targets();
    let names = |args: &[&str]| -> Vec<String> {
        let all = [&["games", "-i", file, "-o", "csv", "-q"], args].concat();
        let result = run(&all).expect_code(0);
        result
            .stdout
            .lines()
            .skip(1)
            .map(|line| line.split(',').nth(4).expect("a column").to_owned())
            .collect()
    };
    let by_name = names(&["--columns", "name", "--sort", "name", "--top", "10"]);
    assert!(by_name.len() == 10 && by_name.is_sorted_by_key(|name| name.to_lowercase()), "{by_name:?}");
    let reversed = names(&["--columns", "name", "--sort", "name", "--reverse", "--top", "3"]);
    assert!(reversed.iter().eq(by_name.iter().rev().take(3)), "{reversed:?}");
    let limits = names(&["--columns", "rule.timelimit", "--sort", "rule.timelimit", "--top", "10"]);
    let limits: Vec<u32> = limits.iter().map(|limit| limit.parse().expect("a number")).collect();
    assert!(limits.is_sorted() && limits[0] < limits[9], "{limits:?}");
    let median = limits[5].to_string();
    let above = names(&["--columns", "name", "--where", &format!("rule.timelimit>{median},!full")]);
    assert_eq!(above.len(), limits.iter().filter(|&&limit| limit > limits[5]).count());

    let by_type = names(&["--columns", "type", "--sort", "type"]);
    assert!(by_type.len() == 10 && by_type.is_sorted(), "CSV is sorted on request: {by_type:?}");
    let points = run(&["games", "-i", file, "-o", "influx", "--top", "2", "-q"]).expect_code(0).stdout;
    assert_eq!(points.matches("game_server,game=et,").count(), 2, "{points}");

    let json = run(&["games", "-i", file, "-o", "json", "--top", "2"]).expect_code(0).lines();
    let players: Vec<_> =
        json.iter().map(|line| line["answer"]["players"].as_u64().expect("a number")).collect();
    assert!(players.len() == 2 && players[0] >= players[1], "{players:?}");
    let table =
        run(&["games", "-i", file, "--columns", "name,version,password,free", "-q"]).expect_code(0).stdout;
    assert!(table.starts_with("NAME "), "{table}");
    assert!(
        table.lines().next().is_some_and(|header| header.contains("VERSION") && header.ends_with("FREE")),
        "{table}"
    );
    run(&["games", "-i", file, "--sort", "nosuch"]).expect_code(2);
}

#[test]
fn a_player_is_found_across_six_protocols_in_one_sweep() {
    let protocols = [
        ("et", "et"),
        ("a2s", "css"),
        ("quakeworld", "quakeworld"),
        ("teeworlds7", "teeworlds7"),
        ("gamespy3", "crysis"),
        ("minecraft", "minecraft"),
    ];
    let (mut list, mut wanted, mut fleets) = (String::new(), BTreeSet::new(), vec![]);
    for (number, (protocol, game)) in protocols.iter().enumerate() {
        let base = format!("127.{}.0.1", 60 + number);
        let servers = Fleet::start(&[
            "--protocol",
            protocol,
            "--hosts",
            "60",
            "--base",
            &base,
            "--latency",
            "5ms",
            "--dead",
            "0.1",
            "--loss",
            "0.03",
            "--wanted",
            "NightOwl",
        ]);
        servers.hosts().iter().for_each(|target| list += &format!("{game} {target}\n"));
        wanted.insert((
            servers.opening["wanted_at"].as_str().expect("an address").to_owned(),
            (*game).to_owned(),
        ));
        fleets.push(servers);
    }
    let args = ["find", "nightowl", "-i", "-", "-o", "json", "--tries", "8", "--rate", "5k", "--stats", "-"];
    let run = run_with_input(&args, list.as_bytes()).expect_code(0);
    let (lines, ledger) = (run.lines(), run.stats());
    let found = lines[..lines.len() - 1].iter().map(|line| {
        assert_eq!(line["found"], serde_json::json!(["NightOwl"]), "{line}");
        let text = |value: &serde_json::Value| value.as_str().expect("text").to_owned();
        (text(&line["target"]), text(&line["answer"]["game"]))
    });
    assert_eq!(found.collect::<BTreeSet<_>>(), wanted);
    assert_eq!(ledger["targets"], 360);
    // Every datagram is in one of the fleets' counts.
    let received: u64 = fleets.into_iter().map(|servers| support::count(&servers.stop(), "received")).sum();
    assert_eq!(ledger["datagrams_sent"], received);
}

#[test]
fn a_server_that_does_not_answer_names_the_game_that_it_was_asked_for() {
    // It is asked for two games at one address, and answers neither.
    let socket = std::net::UdpSocket::bind("127.0.0.1:0").expect("a free port");
    let address = socket.local_addr().expect("bound");
    let list = format!("et {address}\ncs2 {address}\n");
    let quick = ["--tries", "1", "--timeout", "50ms"];
    let json = run_with_input(&[&["games", "-i", "-", "-o", "json"][..], &quick].concat(), list.as_bytes());
    let lines = json.expect_code(1).lines();
    let games: BTreeSet<_> = lines.iter().map(|line| line["game"].as_str().expect("a game")).collect();
    assert_eq!(games, BTreeSet::from(["cs2", "et"]));
    assert!(lines.iter().all(|line| line["outcome"] == "silent" && line["reason"].is_string()));

    let all = ["games", "-i", "-", "-o", "csv", "--all", "--columns", "name,game"];
    let csv = run_with_input(&[&all[..], &quick].concat(), list.as_bytes()).expect_code(1).stdout;
    assert!(csv.starts_with("target,outcome,attempts,rtt_ms,name,game,reason\n"), "{csv}");
    for game in ["cs2", "et"] {
        assert!(csv.contains(&format!("{address},silent,1,,,{game},no answer to 1 attempt\n")), "{csv}");
    }
}
