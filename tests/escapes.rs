//! Text from hosts and users never reaches a terminal, a spreadsheet or a line of JSON unescaped.
#![cfg(feature = "cli")]

mod support;

use std::net::UdpSocket;
use std::process::{Command, Stdio};
use std::thread;

use support::{Run, allears, have, run};

/// Escape sequences with ESC and CSI, controls of all kinds, an override of the direction, an invisible tag, line ends.
const HOSTILE: &str = "=1+1\u{1b}[2J\u{9b}31m\0\u{7}\u{7f}\u{85}\u{2028}\u{202e}\u{200b}\u{e0041}\r\n\tend";

/// Starts a host that answers each request, and returns its address.
fn host(answer: impl Fn(&[u8]) -> Vec<u8> + Send + 'static) -> String {
    let socket = UdpSocket::bind("127.0.0.1:0").expect("loopback is there");
    let address = socket.local_addr().expect("bound").to_string();
    thread::spawn(move || {
        let mut request = [0; 2048];
        while let Ok((len, from)) = socket.recv_from(&mut request) {
            socket.send_to(&answer(&request[..len]), from).expect("sent");
        }
    });
    address
}

fn raw_host() -> String {
    host(|_| HOSTILE.into())
}

/// Starts a game server whose names, rules and players are hostile.
fn game_server() -> String {
    let text = HOSTILE.replace(['\n', '\0', '"'], "");
    host(move |request| {
        let challenge = String::from_utf8_lossy(&request["....getstatus ".len()..]);
        let status = format!(
            "statusResponse\n\\sv_hostname\\{text}\\mapname\\@SUM(1)\\gamename\\+a\\sv_maxclients\\8\
             \\challenge\\{}\\{text}\\-1\n7 10 \"{text}\"\n",
            challenge.trim_end()
        );
        [b"\xff\xff\xff\xff", status.as_bytes()].concat()
    })
}

/// Panics if a terminal would obey or hide a character of `text`.
#[track_caller]
fn assert_harmless(text: &str) {
    let is_harmful = |c: &char| {
        (c.is_control() && *c != '\n')
            || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{e0000}'..='\u{e007f}')
    };
    let harmful: Vec<char> = text.chars().filter(is_harmful).collect();
    assert!(harmful.is_empty(), "{harmful:?} in {text:?}");
}

#[test]
fn json_decodes_to_what_was_sent_and_has_no_control_character() {
    let asked = run(&["probe", "--text", "x", &raw_host(), "-o", "json"]).expect_code(0);
    assert_harmless(&asked.stdout);
    assert_eq!(asked.stdout.lines().count(), 1);
    assert_eq!(asked.lines()[0]["answer"]["text"], HOSTILE);

    let asked = run(&["games", &game_server(), "-o", "json"]).expect_code(0);
    assert_harmless(&asked.stdout);
    let rules = asked.lines()[0]["answer"]["rules"].clone();
    assert!(
        rules["sv_hostname"].as_str().is_some_and(|name| name.starts_with("=1+1\u{1b}[2J\u{9b}31m")),
        "{rules}"
    );
}

#[test]
fn csv_rows_are_single_lines_with_escapes_and_without_formulas() {
    for asked in [
        run(&["probe", "--text", "x", &raw_host(), "-o", "csv"]),
        run(&["games", &game_server(), "-o", "csv"]),
        run(&["find", "end", &game_server(), "-o", "csv"]),
    ] {
        let csv = asked.expect_code(0).stdout;
        assert_harmless(&csv);
        assert_eq!(csv.lines().count(), 2, "{csv}");
        let mut rows = csv::Reader::from_reader(csv.as_bytes());
        let row = rows.records().next().expect("a row").expect("CSV");
        assert!(row.iter().any(|cell| cell.starts_with("'=1+1")), "{csv}");
        assert!(row.iter().all(|cell| !cell.starts_with(['=', '+', '-', '@', '\t', '\r'])), "{csv}");
    }
}

#[test]
fn numbers_in_csv_are_numbers() {
    let fleet = support::Fleet::start(&["--protocol", "ntp", "--hosts", "20", "--latency", "1ms,0"]);
    let csv = run(&["ntp", "-i", fleet.targets(), "-o", "csv"]).expect_code(0).stdout;
    assert!(!csv.contains('\''), "{csv}");
    assert!(csv.contains(",-"), "some clocks are behind: {csv}");
}

#[test]
fn a_terminal_shows_no_control_characters_of_hosts() {
    if !cfg!(target_os = "linux") || !have("/usr/bin/script", "bsdutils") {
        return;
    }
    let (raw, game) = (raw_host(), game_server());
    for format in ["table", "json", "csv"] {
        for line in [format!("probe --text x {raw}"), format!("games {game}"), format!("find end {game}")] {
            let program = env!("CARGO_BIN_EXE_allears");
            let output = Command::new("/usr/bin/script")
                .args(["-qec", &format!("{program} {line} -q -o {format}"), "/dev/null"])
                .env("NO_COLOR", "1")
                .stdin(Stdio::null())
                .output()
                .expect("script runs");
            let shown = Run::from(output).expect_code(0).stdout;
            assert!(shown.contains("=1+1"), "{shown:?}");
            // The terminal itself adds a carriage return to each line end.
            let shown = shown.replace("\r\n", "\n");
            assert!(
                !shown.contains(['\u{9b}', '\u{7}', '\0', '\u{7f}', '\u{85}', '\u{202e}', '\r']),
                "{shown:?}"
            );
            // Titles may be bold.
            let without_bold = shown.replace("\u{1b}[1m", "").replace("\u{1b}[0m", "");
            assert!(!without_bold.contains('\u{1b}'), "{shown:?}");
        }
    }
}

#[test]
fn messages_escape_arguments() {
    let hostile = "\u{1b}[31mX\u{9b}[";
    let nobody = "127.0.0.1:9";
    for args in [
        &["games", "--master", hostile][..],
        &["find", "--regex", hostile, nobody],
        &["find", hostile, nobody],
        &["probe", "--text", "x", hostile],
        &["probe", "--text", "x", "-i", hostile],
        &["probe", "--text", "x", "-i", "a\nallears: all is well"],
        &["probe", "--text", "x", nobody, "--to", &format!("/nonexistent/{hostile}")],
        &["probe", hostile],
        &["probe", "--text", "x", "--rate", hostile, nobody],
        &["games", "--where", hostile, nobody],
        &["snmp", "get", hostile, "-t", nobody],
        &[hostile],
    ] {
        let refused = run(args);
        assert!(refused.code != 0 && !refused.stderr.is_empty(), "{args:?}");
        assert_harmless(&refused.stderr);
        assert!(
            !refused.stderr.lines().any(|line| line.starts_with("allears: all is well")),
            "{}",
            refused.stderr
        );
    }
}

#[test]
fn each_message_is_one_write() {
    if !cfg!(target_os = "linux") || !have("/usr/bin/strace", "strace") {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let trace = folder.path().join("trace");
    let output = Command::new("/usr/bin/strace")
        .args(["-f", "-qq", "-e", "trace=write", "-e", "signal=none", "-o"])
        .arg(&trace)
        .arg(allears().get_program())
        .args(["probe", "--text", "x", "--port", "9", "a b", "127.0.0.1", "c d"])
        .output()
        .expect("strace runs");
    let messages = Run::from(output).stderr.lines().count();
    let trace = std::fs::read_to_string(&trace).expect("a trace");
    let writes: Vec<&str> = trace.lines().filter(|line| line.contains("write(2, ")).collect();
    assert!(messages >= 3 && writes.len() == messages, "{writes:#?}");
}
