//! Real game servers, on loopback: mvdsv, of QuakeWorld, and DarkPlaces, with the protocol of Quake III.
#![cfg(feature = "cli")]

mod support;

use std::net::UdpSocket;
use std::time::Duration;

use serde_json::Value;
use support::real_server::RealServer;
use support::{count, have, qstat, quake_data, run};

const MVDSV: &str = "/usr/games/mvdsv";
const DARKPLACES: &str = "/usr/games/darkplaces-server";

fn start_mvdsv() -> RealServer {
    let mut server = RealServer::start(MVDSV, |folder, port, command| {
        quake_data::write_map(&folder.join("id1"));
        quake_data::build_library(&folder.join("qw"));
        let port = port.to_string();
        command.args(["-ip", "127.0.0.1", "-port", &port, "-basedir", ".", "-game", "qw", "-progtype", "1"]);
        command.args(["+hostname", "Real", "+maxclients", "26", "+maxspectators", "4", "+map", "start"]);
    });
    server.wait_for(b"\xff\xff\xff\xffstatus\n", |reply| reply.starts_with(b"\xff\xff\xff\xffn\\"));
    server
}

/// A client of a server. It has to exist, but to send nothing: the server's timeout is long enough.
struct Client(UdpSocket);

impl Client {
    fn new(server: &RealServer) -> Client {
        let socket = UdpSocket::bind("127.0.0.1:0").expect("a socket");
        socket.connect(&server.address).expect("loopback");
        socket.set_read_timeout(Some(Duration::from_secs(10))).expect("a timeout");
        Client(socket)
    }

    fn ask(&self, request: &[u8]) -> Vec<u8> {
        let mut reply = vec![0; 2048];
        self.0.send(&[b"\xff\xff\xff\xff", request].concat()).expect("sent");
        let length = self.0.recv(&mut reply).expect("a reply");
        reply[4..length].to_vec()
    }

    /// Enters a QuakeWorld server (`SVC_GetChallenge` and `SVC_DirectConnect` in `sv_main.c`).
    fn enter_quakeworld(server: &RealServer, number: usize, user: &[u8]) -> Client {
        let client = Client::new(server);
        let reply = client.ask(b"getchallenge\n");
        let challenge: Vec<u8> = reply[1..].iter().copied().take_while(|&byte| byte != 0).collect();
        let connect = format!("connect 28 {} ", 1000 + number);
        let reply = client.ask(&[connect.as_bytes(), &challenge, b" \"", user, b"\"\n"].concat());
        assert!(reply.starts_with(b"j"), "{}", reply.escape_ascii());
        client
    }

    /// Enters a DarkPlaces server (`NetConn_ServerParsePacket` in `netconn.c`).
    fn enter_darkplaces(server: &RealServer) -> Client {
        let client = Client::new(server);
        let reply = client.ask(b"getchallenge");
        let challenge: Vec<u8> = reply
            .strip_prefix(b"challenge ")
            .expect("a challenge")
            .iter()
            .copied()
            .take_while(|&byte| byte != 0)
            .collect();
        let connect = b"connect\\protocol\\darkplaces 3\\protocols\\DP7\\challenge\\";
        assert_eq!(client.ask(&[connect, &challenge[..]].concat()), b"accept");
        client
    }
}

fn players(line: &Value) -> Vec<(String, String)> {
    let text = |player: &Value, key: &str| player[key].as_str().unwrap_or_default().to_owned();
    let list = line["answer"]["player_list"].as_array().expect("a list");
    list.iter().map(|player| (text(player, "name"), text(player, "team"))).collect()
}

#[test]
fn a_real_quakeworld_server_is_listed_with_its_players_and_spectators() {
    if !have(MVDSV, "mvdsv") || !have("/usr/bin/cc", "gcc") || !qstat::installed() {
        return;
    }
    let server = start_mvdsv();
    let empty = server.listed("quakeworld");
    assert_eq!(
        (count(&empty["answer"], "players"), count(&empty["answer"], "max_players")),
        (0, 26),
        "{empty}"
    );

    let _clients = [
        &b"\\name\\\xd6\xc9\xd0 Ann\\team\\red\\skin\\base\\topcolor\\4\\bottomcolor\\13"[..],
        b"\\name\\Bo\\team\\blue",
        b"\\name\\Watcher\\spectator\\1",
    ]
    .iter()
    .enumerate()
    .map(|(number, user)| Client::enter_quakeworld(&server, number, user))
    .collect::<Vec<_>>();
    let line = server.listed("quakeworld");
    let answer = &line["answer"];
    assert_eq!(
        (&answer["name"], &answer["map"], &answer["mod"]),
        (&"Real".into(), &"start".into(), &"qw".into())
    );
    assert!(answer["version"].as_str().is_some_and(|version| version.starts_with("MVDSV")), "{line}");
    assert_eq!(
        (count(answer, "players"), &answer["truncated"], &line["proof"]),
        (3, &false.into(), &"content".into())
    );
    let wanted = [("VIP Ann", "red"), ("Bo", "blue"), ("Watcher", "spectator")];
    assert_eq!(players(&line), wanted.map(|(name, team)| (name.to_owned(), team.to_owned())));
    assert_eq!((&answer["rules"]["skin_0"], &answer["rules"]["colors_0"]), (&"base".into(), &"4 13".into()));

    let theirs = qstat::ask("qws", std::slice::from_ref(&server.address));
    qstat::compare(&line, &theirs[0], true);
    let found = run(&["find", "vip", "--game", "quakeworld", &server.address]).expect_code(0);
    assert!(found.stdout.contains("VIP Ann"), "{}", found.stdout);
}

#[test]
fn a_full_quakeworld_server_replies_with_several_datagrams_and_no_player_is_lost() {
    if !have(MVDSV, "mvdsv") || !have("/usr/bin/cc", "gcc") {
        return;
    }
    let server = start_mvdsv();
    let names: Vec<String> = (0..26).map(|number| format!("a player with a long name {number:2}")).collect();
    let user =
        |name: &str| format!("\\name\\{name}\\team\\a long name\\skin\\a_long_name_of_a_skin").into_bytes();
    let _clients: Vec<Client> = names
        .iter()
        .enumerate()
        .map(|(at, name)| Client::enter_quakeworld(&server, at, &user(name)))
        .collect();
    let mut line = server.listed("quakeworld");
    let mut listed: Vec<String> = players(&line).into_iter().map(|(name, _)| name).collect();
    listed.sort();
    assert_eq!((listed, line["answer"]["truncated"].take()), (names, false.into()), "{line}");
}

#[test]
fn a_real_darkplaces_server_is_listed_with_its_player() {
    if !have(DARKPLACES, "darkplaces-server") {
        return;
    }
    let mut server = RealServer::start(DARKPLACES, |folder, port, command| {
        quake_data::write_map(&folder.join("id1"));
        quake_data::write_progs(&folder.join("id1"));
        let port = port.to_string();
        command.args(["-basedir", ".", "-userdir", ".", "-ip", "127.0.0.1", "-port", &port]);
        // No heartbeats to any master.
        command.args([
            "+sv_public",
            "0",
            "+net_address_ipv6",
            "::1",
            "+hostname",
            "Real ^1Server",
            "+maxplayers",
            "9",
        ]);
        command.args(["+map", "start"]);
    });
    server.wait_for(b"\xff\xff\xff\xffgetstatus ready", |reply| {
        reply.starts_with(b"\xff\xff\xff\xffstatusResponse")
    });
    let _client = Client::enter_darkplaces(&server);
    let line = server.listed("nexuiz");
    let answer = &line["answer"];
    assert_eq!((&answer["name"], &answer["map"]), (&"Real Server".into(), &"start".into()), "{line}");
    assert_eq!(
        (count(answer, "players"), count(answer, "bots"), count(answer, "max_players")),
        (1, 0, 9),
        "{line}"
    );
    assert_eq!((players(&line)[0].0.as_str(), line.get("proof")), ("unconnected", None), "{line}");
}
