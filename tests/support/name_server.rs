//! Real name servers, and messages on TCP connections.
#![allow(dead_code, reason = "each test file uses a part of it")]

use std::io::Read;
use std::net::TcpStream;

use allears::protocol::dns::{Class, Message, Name, Question, Rcode, RecordType};

use super::real_server::RealServer;

/// Starts nsd with these zones, each a name and the text of its file, and waits until it answers.
pub fn nsd(zones: &[(&str, &str)]) -> RealServer {
    let mut server = RealServer::start("/usr/sbin/nsd", |folder, port, command| {
        let folder = folder.display();
        let mut config = format!(
            "server:\n ip-address: 127.0.0.1@{port}\n do-ip6: no\n server-count: 1\n username: \"\"\n \
             zonesdir: \"{folder}\"\n database: \"\"\n pidfile: \"{folder}/pid\"\n xfrdfile: \"{folder}/xfrd\"\n \
             zonelistfile: \"{folder}/list\"\n rrl-ratelimit: 0\n receive-buffer-size: 4194304\n\
             remote-control:\n control-enable: no\n"
        );
        for (name, text) in zones {
            config.push_str(&format!("zone:\n name: {name}\n zonefile: {name}.zone\n"));
            std::fs::write(format!("{folder}/{name}.zone"), text).expect("a file");
        }
        std::fs::write(format!("{folder}/nsd.conf"), config).expect("a file");
        command.args(["-d", "-c", "nsd.conf"]);
    });
    wait(&mut server, zones[0].0);
    server
}

/// Starts knotd with the zone `t.test` and further settings of it, one a line, and waits until it answers.
pub fn knot(zone: &str, settings: &[&str]) -> RealServer {
    let mut server = RealServer::start("/usr/sbin/knotd", |folder, port, command| {
        let folder = folder.display();
        let settings: String = settings.iter().map(|setting| format!("    {setting}\n")).collect();
        let config = format!(
            "server:\n  rundir: {folder}\n  listen: 127.0.0.1@{port}\ndatabase:\n  storage: {folder}\n\
             log:\n  - target: stderr\n    any: error\ntemplate:\n  - id: default\n    storage: {folder}\n\
             {settings}zone:\n  - domain: t.test\n    file: t.zone\n"
        );
        std::fs::write(format!("{folder}/knot.conf"), config).expect("a file");
        std::fs::write(format!("{folder}/t.zone"), zone).expect("a file");
        command.args(["-c", "knot.conf"]);
    });
    wait(&mut server, "t.test");
    server
}

/// Waits until a server answers for this zone.
pub fn wait(server: &mut RealServer, zone: &str) {
    let zone: Name = zone.parse().expect("a name");
    let start = Question::new(&zone, RecordType::SOA, Class::IN);
    let ping = [&[0, 1, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0], start.as_wire()].concat();
    let is_ready = |message: Message| message.rcode() == Rcode::NOERROR;
    server.wait_for(&ping, |reply| Message::new(reply).is_ok_and(is_ready));
}

/// Returns a message as it is sent over a connection.
pub fn frame(message: &[u8]) -> Vec<u8> {
    [&u16::try_from(message.len()).expect("short").to_be_bytes()[..], message].concat()
}

/// Reads a message; `None` at the end of the connection.
pub fn read_frame(stream: &mut TcpStream) -> Option<Vec<u8>> {
    let mut length = [0; 2];
    stream.read_exact(&mut length).ok()?;
    let mut message = vec![0; usize::from(u16::from_be_bytes(length))];
    stream.read_exact(&mut message).ok().map(|()| message)
}
