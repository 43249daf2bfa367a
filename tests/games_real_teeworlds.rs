//! Real game servers, on loopback: Teeworlds 0.7, and DDNet, which speaks both versions.
#![cfg(feature = "cli")]

mod support;

use std::net::UdpSocket;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::Value;
use support::{count, have, run};

const TEEWORLDS: &str = "/usr/games/teeworlds-server";
const DDNET: &str = "/usr/games/DDNet-Server";
/// A question without a token, which only version 0.6 answers.
const PLAIN: &[u8] = b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xffgie3\x01";

struct Server {
    child: Child,
    address: String,
    _home: tempfile::TempDir,
}

impl Server {
    /// Starts a server on a port that was free a moment ago, and waits until it replies to `question`.
    fn start(program: &str, settings: &[&str], question: &[u8]) -> Server {
        let home = tempfile::tempdir().expect("a temporary folder");
        let probe = UdpSocket::bind("127.0.0.1:0").expect("a free port");
        let address = probe.local_addr().expect("bound");
        drop(probe);
        let port = format!("sv_port {}", address.port());
        let child = Command::new(program)
            .args([&port, "bindaddr 127.0.0.1", "sv_register 0"])
            .args(settings)
            .current_dir(home.path())
            .env("HOME", home.path())
            .env_remove("XDG_DATA_HOME")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("the server starts");
        let server = Server { child, address: address.to_string(), _home: home };
        server.wait_for_reply(question);
        server
    }

    fn wait_for_reply(&self, question: &[u8]) {
        let socket = UdpSocket::bind("127.0.0.1:0").expect("a socket");
        socket.set_read_timeout(Some(Duration::from_millis(100))).expect("a timeout");
        for _ in 0..600 {
            socket.send_to(question, &self.address).expect("sent");
            if socket.recv(&mut [0; 2048]).is_ok() {
                return;
            }
        }
        panic!("the server at {} has not replied within a minute", self.address);
    }

    /// Queries the server as one of `game`, and returns its answer.
    fn answer(&self, game: &str) -> Value {
        let listed = run(&["games", "--game", game, &self.address, "-o", "json"]).expect_code(0);
        let line = listed.lines().remove(0);
        assert_eq!((&line["outcome"], &line["attempts"]), (&"answered".into(), &1.into()), "{line}");
        assert_eq!(line.get("proof"), None, "its token came back: {line}");
        line["answer"].clone()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
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
    let server = Server::start(TEEWORLDS, &settings, &token_request());
    let answer = server.answer("teeworlds7");
    assert_eq!((&answer["name"], &answer["map"]), (&"Allears Test".into(), &"ctf1".into()), "{answer}");
    assert_eq!((count(&answer, "players"), count(&answer, "bots")), (0, 0));
    assert_eq!((count(&answer, "max_players"), &answer["password"]), (12, &true.into()));
    assert_eq!((&answer["game_type"], &answer["truncated"]), (&"CTF".into(), &false.into()));
    assert!(answer["version"].as_str().is_some_and(|version| version.starts_with("0.7")), "{answer}");

    let older = ["games", "--game", "teeworlds", &server.address, "--tries", "1", "-o", "json"];
    assert_eq!(run(&older).expect_code(1).lines()[0]["outcome"], "silent");
}

#[test]
fn a_server_of_ddnet_is_listed_in_both_versions() {
    if !have(DDNET, "ddnet-server") {
        return;
    }
    let settings = ["sv_ipv4only 1", "sv_name Allears Test", "sv_map Tutorial", "sv_max_clients 40"];
    let server = Server::start(DDNET, &settings, PLAIN);
    for game in ["ddnet", "teeworlds", "teeworlds7"] {
        let answer = server.answer(game);
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
}
