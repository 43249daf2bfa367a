//! A real Mumble server, on loopback.
#![cfg(feature = "cli")]

mod support;

use std::fs;
use std::os::unix::fs::PermissionsExt;

use support::real_server::RealServer;
use support::{count, have, qstat, run};

const SERVER: &str = "/usr/sbin/murmurd";

#[test]
fn a_real_mumble_server_is_listed() {
    if !have(SERVER, "mumble-server") || !qstat::installed() {
        return;
    }
    let mut server = RealServer::start(SERVER, |folder, port, command| {
        // As root, the server becomes another user, who has to write its database here.
        fs::set_permissions(folder, fs::Permissions::from_mode(0o777)).expect("our folder");
        let settings = format!(
            "database={}/database\nhost=127.0.0.1\nport={port}\nusers=42\nbandwidth=72000\nlogfile=\npidfile=\nice=\n\
             bonjour=false\n",
            folder.display()
        );
        fs::write(folder.join("settings.ini"), settings).expect("written");
        command.args(["-fg", "-ini", "settings.ini"]);
    });
    server.wait_for(b"\0\0\0\0ready...", |reply| reply.len() == 24);

    let line = server.listed("mumble");
    let answer = &line["answer"];
    assert_eq!((count(answer, "players"), count(answer, "max_players")), (0, 42), "{line}");
    assert_eq!(
        (&answer["rules"]["bandwidth"], &answer["player_list"]),
        (&"72000".into(), &serde_json::Value::Null)
    );
    assert!(answer["version"].as_str().is_some_and(|version| version.starts_with("1.")), "{line}");
    assert_eq!(
        (&answer["name"], line.get("proof")),
        (&serde_json::Value::Null, None),
        "its number came back: {line}"
    );
    qstat::compare(&line, &qstat::ask("mumble", std::slice::from_ref(&server.address))[0], true);

    let table = run(&["games", "--game", "mumble", &server.address]).expect_code(0);
    assert!(table.stdout.contains("0/42"), "{}", table.stdout);
}
