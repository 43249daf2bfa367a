//! Real game servers, on loopback: Teeworlds 0.7, and DDNet, which speaks both versions.
#![cfg(feature = "cli")]

mod support;

use std::net::UdpSocket;
use std::time::Duration;

use serde_json::Value;
use support::real_server::RealServer;
use support::{count, have, run};

const TEEWORLDS: &str = "/usr/games/teeworlds-server";
const DDNET: &str = "/usr/games/DDNet-Server";
/// A question without a token, which only version 0.6 answers.
const PLAIN: &[u8] = b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xffgie3\x01";

/// Starts a server, and waits until it replies to `question`.
fn start(program: &str, settings: &[&str], question: &[u8]) -> RealServer {
    let mut server = RealServer::start(program, |_, port, command| {
        command.args([&format!("sv_port {port}"), "bindaddr 127.0.0.1", "sv_register 0"]).args(settings);
        command.env_remove("XDG_DATA_HOME");
    });
    server.wait_for(question, |reply| !reply.is_empty());
    server
}

/// Connects a client of version 0.7 that joins as `name`. The server forgets it some seconds later.
fn join(server: &RealServer, name: &str, password: &str) {
    let client = UdpSocket::bind("127.0.0.1:0").expect("a socket");
    client.set_read_timeout(Some(Duration::from_secs(10))).expect("a timeout");
    client.connect(&server.address).expect("an address");
    let mut reply = [0; 2048];
    client.send(&token_request()).expect("sent");
    assert_eq!(client.recv(&mut reply).expect("the server's token"), 12);
    let token = &reply[8..12];
    let mut connect = [b"\x04\0\0", token, b"\x01\x01\x02\x03\x04"].concat();
    connect.resize(520, 0);
    client.send(&connect).expect("sent");
    let info = [b"\x030.7 802f1be60a05665f\0", password.as_bytes(), b"\0\0"].concat();
    let start = [b"\x36", name.as_bytes(), b"\0clan\0\x40", &b"standard\0".repeat(6), &[0; 12]].concat();
    // The client's version, that it has the map, its name, and that it enters the game.
    let messages = [&info[..], b"\x25", &start, b"\x27"];
    let mut packet = [b"\0\0\x04", token].concat();
    for (number, message) in (1..).zip(messages) {
        packet.extend([0x40 | (message.len() >> 6) as u8, (message.len() & 0x3f) as u8, number]);
        packet.extend_from_slice(message);
    }
    client.send(&packet).expect("sent");
}

/// Queries the server as one of `game`, and returns its answer.
fn answer(server: &RealServer, game: &str) -> Value {
    let line = server.listed(game);
    assert_eq!(line.get("proof"), None, "its token came back: {line}");
    line["answer"].clone()
}

/// Returns the names of the players, once one has joined.
fn player_names(server: &RealServer, game: &str) -> Vec<String> {
    for _ in 0..1000 {
        let answer = answer(server, game);
        let list = answer["player_list"].as_array().expect("a list");
        let names: Vec<_> = list.iter().filter_map(|player| player["name"].as_str()).collect();
        if !matches!(names[..], [] | ["(connecting)"]) {
            assert_eq!(count(&answer, "players") as usize, names.len(), "{answer}");
            return names.into_iter().map(str::to_owned).collect();
        }
    }
    panic!("the server at {} has no players\n{}", server.address, server.output());
}

/// Returns the request for a server's token in version 0.7.
fn token_request() -> Vec<u8> {
    let mut request = b"\x04\0\0\xff\xff\xff\xff\x05\x01\x02\x03\x04".to_vec();
    request.resize(520, 0);
    request
}

#[test]
fn a_server_of_version_7_is_listed_and_one_of_version_6_is_not_mistaken_for_it() {
    if !have(TEEWORLDS, "teeworlds-server") {
        return;
    }
    let settings =
        ["sv_name Allears Test", "sv_map ctf1", "sv_gametype ctf", "password secret", "sv_max_clients 12"];
    let server = start(TEEWORLDS, &settings, &token_request());
    let answer = answer(&server, "teeworlds7");
    assert_eq!((&answer["name"], &answer["map"]), (&"Allears Test".into(), &"ctf1".into()), "{answer}");
    assert_eq!((count(&answer, "players"), count(&answer, "bots")), (0, 0));
    assert_eq!((count(&answer, "max_players"), &answer["password"]), (12, &true.into()));
    assert_eq!((&answer["game_type"], &answer["truncated"]), (&"CTF".into(), &false.into()));
    assert!(answer["version"].as_str().is_some_and(|version| version.starts_with("0.7")), "{answer}");

    join(&server, "Zo\u{eb}", "secret");
    assert_eq!(player_names(&server, "teeworlds7"), ["Zo\u{eb}"]);

    let older = ["games", "--game", "teeworlds", &server.address, "--tries", "1", "-o", "json"];
    assert_eq!(run(&older).expect_code(1).lines()[0]["outcome"], "silent");
}

#[test]
fn a_server_of_ddnet_is_listed_in_both_versions() {
    if !have(DDNET, "ddnet-server") {
        return;
    }
    let settings = ["sv_ipv4only 1", "sv_name Allears Test", "sv_map Tutorial", "sv_max_clients 40"];
    let server = start(DDNET, &settings, PLAIN);
    for game in ["ddnet", "teeworlds", "teeworlds7"] {
        let answer = answer(&server, game);
        assert_eq!(
            (&answer["name"], &answer["map"]),
            (&"Allears Test".into(), &"Tutorial".into()),
            "{answer}"
        );
        assert_eq!(
            (count(&answer, "players"), &answer["player_list"]),
            (0, &Value::Array(vec![])),
            "{answer}"
        );
        assert_eq!((count(&answer, "max_players"), &answer["password"]), (40, &false.into()), "{answer}");
        // Only the extended reply has room for 40 players and the size of the map.
        let is_extended = answer["rules"].get("map_size").is_some();
        assert_eq!((is_extended, answer["bots"].is_null()), (game != "teeworlds7", game != "teeworlds7"));
    }
    join(&server, "Zo\u{eb}", "");
    for game in ["ddnet", "teeworlds", "teeworlds7"] {
        assert_eq!(player_names(&server, game), ["Zo\u{eb}"], "{game}");
    }
}
