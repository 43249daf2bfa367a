//! `games --every` and `find --every`: what changes on servers is written as it happens.
#![cfg(feature = "cli")]

mod support;

use std::io::{BufRead, BufReader};
use std::net::{SocketAddr, UdpSocket};
use std::process::{Child, Stdio};
use std::thread;

use serde_json::Value;
use support::allears;

/// The texts of a server's status, each with the number of the first request that gets it.
type Play = &'static [(usize, &'static str)];

/// Starts a server of Enemy Territory. From each request number on, its status has this text after the challenge; none if
/// it is empty.
fn server(play: Play) -> SocketAddr {
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a free port");
    let address = socket.local_addr().expect("bound");
    thread::spawn(move || {
        let mut buffer = [0; 2048];
        for number in 0.. {
            let Ok((length, from)) = socket.recv_from(&mut buffer) else { return };
            let challenge = buffer[..length].strip_prefix(b"\xff\xff\xff\xffgetstatus ").expect("getstatus");
            let (_, text) = play.iter().rev().find(|(first, _)| *first <= number).expect("a first text");
            if !text.is_empty() {
                let reply =
                    [b"\xff\xff\xff\xffstatusResponse\n\\challenge\\", challenge, text.as_bytes()].concat();
                socket.send_to(&reply, from).expect("sent");
            }
        }
    });
    address
}

/// A run of `allears` until it has written what a test waits for. Dropping it ends the process.
struct Watching {
    child: Child,
    lines: std::io::Lines<BufReader<std::process::ChildStdout>>,
}

impl Watching {
    fn start(args: &[&str]) -> Watching {
        let mut command = allears();
        command.args(args).args(["--every", "100ms", "--host-gap", "0", "--deadline", "60s", "-q"]);
        let mut child = command.stdout(Stdio::piped()).spawn().expect("allears starts");
        let lines = BufReader::new(child.stdout.take().expect("piped")).lines();
        Watching { child, lines }
    }

    fn line(&mut self) -> String {
        self.lines.next().expect("another line").expect("text")
    }

    fn event(&mut self) -> Value {
        serde_json::from_str(&self.line()).expect("JSON")
    }
}

impl Drop for Watching {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

const PLAY: Play = &[
    (0, "\\sv_hostname\\Home\\mapname\\oasis\n1 50 \"Ann\"\n"),
    (2, "\\sv_hostname\\Home\\mapname\\oasis\n1 50 \"Ann\"\n2 60 \"Bob\"\n"),
    (4, "\\sv_hostname\\Home\\mapname\\radar\n2 60 \"^1Bob\"\n"),
    (6, ""),
    (10, "\\sv_hostname\\Home\\mapname\\radar\n2 60 \"Bob\"\n3 70 \"Cid\"\n"),
];

#[test]
fn players_maps_and_the_server_itself_come_and_go() {
    let target = server(PLAY).to_string();
    let mut watching =
        Watching::start(&["games", &target, "-o", "json", "--tries", "1", "--timeout", "100ms"]);
    let listed = watching.event();
    assert_eq!((&listed["event"], &listed["answer"]["map"]), (&"listed".into(), &"oasis".into()));
    assert_eq!((&listed["target"], &listed["game"]), (&target.into(), &"et".into()));
    assert!(listed["at"].as_f64().is_some_and(|at| at > 1.7e9));
    let joined = watching.event();
    assert_eq!((&joined["event"], &joined["player"]["name"]), (&"joined".into(), &"Bob".into()));
    let map = watching.event();
    assert_eq!(
        (&map["event"], &map["before"], &map["map"]),
        (&"map".into(), &"oasis".into(), &"radar".into())
    );
    let left = watching.event();
    assert_eq!((&left["event"], &left["player"]["name"]), (&"left".into(), &"Ann".into()));
    let gone = watching.event();
    assert_eq!(
        (&gone["event"], &gone["outcome"], &gone["name"]),
        (&"gone".into(), &"silent".into(), &"Home".into())
    );
    let back = watching.event();
    assert_eq!((&back["event"], &back["outcome"]), (&"back".into(), &"answered".into()));
    let joined = watching.event();
    assert_eq!((&joined["event"], &joined["player"]["name"]), (&"joined".into(), &"Cid".into()));
}

#[test]
fn a_search_writes_only_when_the_player_joins_and_leaves() {
    let target = server(PLAY).to_string();
    let mut watching = Watching::start(&["find", "ann", &target, "-o", "csv"]);
    assert!(watching.line().starts_with("target,outcome,attempts,rtt_ms,at,event,game,player,map,name"));
    let row = watching.line();
    assert!(row.contains(",joined,et,Ann,oasis,Home,"), "{row}");
    let row = watching.line();
    assert!(row.contains(",left,et,Ann,radar,Home,"), "{row}");
}

#[test]
fn a_list_without_its_end_does_not_say_who_left() {
    const PLAY: Play = &[
        (0, "\\mapname\\oasis\n1 50 \"Ann\"\n2 50 \"Bob\"\n"),
        (2, "\\mapname\\oasis\\clients\\2\n2 50 \"Bob\"\n"),
        (4, "\\mapname\\radar\n2 50 \"Bob\"\n"),
    ];
    let target = server(PLAY).to_string();
    let mut watching = Watching::start(&["games", &target, "-o", "json"]);
    let events: Vec<_> =
        (0..3).map(|_| watching.event()["event"].as_str().expect("a name").to_owned()).collect();
    assert_eq!(events, ["listed", "map", "left"]);
}

#[test]
fn nobody_joins_with_the_first_whole_list() {
    const PLAY: Play = &[
        (0, "\\mapname\\oasis\\clients\\2\n1 50 \"Ann\"\n"),
        (2, "\\mapname\\oasis\\clients\\2\n1 50 \"Ann\"\n2 50 \"Bob\"\n"),
        (4, "\\mapname\\radar\n1 50 \"Ann\"\n2 50 \"Bob\"\n3 50 \"Cid\"\n"),
    ];
    let target = server(PLAY).to_string();
    let mut watching = Watching::start(&["games", &target, "-o", "json"]);
    let events: Vec<_> = (0..3).map(|_| watching.event()).collect();
    let names: Vec<_> = events.iter().map(|event| event["event"].as_str().expect("a name")).collect();
    assert_eq!(names, ["listed", "map", "joined"]);
    assert_eq!(events[2]["player"]["name"], "Cid");
}

#[test]
fn in_influx_line_protocol_each_query_is_a_point() {
    let target = server(PLAY).to_string();
    let args = ["games", &target, "-o", "influx", "--tries", "1", "--timeout", "100ms"];
    let mut watching = Watching::start(&args);
    let head = format!("game_server,game=et,server={target} ");
    let mut points = std::iter::from_fn(|| Some(watching.line()));
    for players in [1, 2] {
        let point =
            points.find(|point| point.contains(&format!(" up=1i,players={players}i,"))).expect("a point");
        assert!(point.starts_with(&head) && point.contains(",map=\"oasis\""), "{point}");
    }
    assert!(points.find(|point| point.contains(" up=0i ")).expect("a point").starts_with(&head));
}

#[test]
fn options_of_a_table_are_refused() {
    for wrong in [&["--top", "3"][..], &["--columns", "name"]] {
        let args = [&["games", "127.0.0.1:9", "--every", "1s"], wrong].concat();
        let run = support::run(&args).expect_code(2);
        assert!(run.stderr.contains("'--every <DUR>' cannot be used with"), "{}", run.stderr);
    }
}
