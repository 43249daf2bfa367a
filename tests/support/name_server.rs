//! Real name servers, and messages on TCP connections.
#![allow(dead_code, reason = "each test file uses a part of it")]

use std::io::Read;
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::sync::Arc;

use allears::protocol::dns::{Class, Message, Name, Question, Rcode, RecordType};

use super::real_server::{RealServer, bind_both};

/// Starts nsd with these zones, each a name and the text of its file, and waits until it answers.
pub fn nsd(zones: &[(&str, &str)]) -> RealServer {
    nsd_with(zones, "rrl-ratelimit: 0")
}

/// Starts nsd with a further line of its section `server`.
pub fn nsd_with(zones: &[(&str, &str)], setting: &str) -> RealServer {
    let mut server = RealServer::start("/usr/sbin/nsd", |folder, port, command| {
        let folder = folder.display();
        let mut config = format!(
            "server:\n ip-address: 127.0.0.1@{port}\n do-ip6: no\n server-count: 1\n username: \"\"\n \
             zonesdir: \"{folder}\"\n database: \"\"\n pidfile: \"{folder}/pid\"\n xfrdfile: \"{folder}/xfrd\"\n \
             zonelistfile: \"{folder}/list\"\n receive-buffer-size: 4194304\n {setting}\n\
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
    knot_with(zone, "", settings)
}

/// Starts knotd with a further section of its configuration.
pub fn knot_with(zone: &str, section: &str, settings: &[&str]) -> RealServer {
    let mut server = RealServer::start("/usr/sbin/knotd", |folder, port, command| {
        let folder = folder.display();
        let settings: String = settings.iter().map(|setting| format!("    {setting}\n")).collect();
        let config = format!(
            "server:\n  rundir: {folder}\n  listen: 127.0.0.1@{port}\ndatabase:\n  storage: {folder}\n\
             log:\n  - target: stderr\n    any: error\n{section}template:\n  - id: default\n    storage: {folder}\n\
             {settings}zone:\n  - domain: t.test\n    file: t.zone\n"
        );
        std::fs::write(format!("{folder}/knot.conf"), config).expect("a file");
        std::fs::write(format!("{folder}/t.zone"), zone).expect("a file");
        command.args(["-c", "knot.conf"]);
    });
    wait(&mut server, "t.test");
    server
}

/// Starts named with the zone `t.test` and further options, and waits until it answers.
pub fn named(zone: &str, options: &str) -> RealServer {
    let mut server = RealServer::start("/usr/sbin/named", |folder, port, command| {
        let folder = folder.display();
        let config = format!(
            "options {{ directory \"{folder}\"; pid-file \"pid\"; session-keyfile \"key\"; recursion no;\n\
             listen-on port {port} {{ 127.0.0.1; }}; listen-on-v6 {{ none; }}; check-names primary ignore;\n\
             dnssec-validation no; check-integrity no;\n{options} }};\n\
             controls {{ }};\nzone \"t.test\" {{ type primary; file \"t.zone\"; }};\n"
        );
        std::fs::write(format!("{folder}/named.conf"), config).expect("a file");
        std::fs::write(format!("{folder}/t.zone"), zone).expect("a file");
        command.args(["-g", "-n", "1", "-c", "named.conf"]);
    });
    wait(&mut server, "t.test");
    server
}

/// Starts unbound with further lines of its section `server` and of sections after it, and waits until it answers for
/// `zone`.
pub fn unbound(settings: &str, zone: &str) -> RealServer {
    let mut server = RealServer::start("/usr/sbin/unbound", |folder, port, command| {
        let folder = folder.display();
        let config = format!(
            "server:\n interface: 127.0.0.1@{port}\n username: \"\"\n chroot: \"\"\n directory: \"{folder}\"\n \
             pidfile: \"\"\n use-syslog: no\n do-ip6: no\n num-threads: 1\n do-not-query-localhost: no\n \
             so-rcvbuf: 4m\n module-config: \"iterator\"\n local-zone: \"test.\" nodefault\n \
             access-control: 127.0.0.0/8 allow\n{settings}remote-control:\n control-enable: no\n"
        );
        std::fs::write(format!("{folder}/unbound.conf"), config).expect("a file");
        command.args(["-d", "-c", "unbound.conf"]);
    });
    wait(&mut server, zone);
    server
}

/// Starts dnsmasq with further arguments, and waits until it answers for the name `ready.test`.
pub fn dnsmasq(arguments: &[&str]) -> RealServer {
    let mut server = RealServer::start("/usr/sbin/dnsmasq", |_, port, command| {
        command.args([
            "-k",
            "--conf-file=/dev/null",
            "--no-resolv",
            "--no-hosts",
            "--pid-file",
            "--user=root",
        ]);
        command.args(["--bind-interfaces", "--listen-address=127.0.0.1", "--address=/ready.test/192.0.2.99"]);
        command.args(["--port", &port.to_string()]).args(arguments);
    });
    wait_for(&mut server, "ready.test", RecordType::A);
    server
}

/// Starts a server over UDP that passes each query to `serve`, with the socket and the sender.
pub fn scripted(mut serve: impl FnMut(&UdpSocket, &[u8], SocketAddr) + Send + 'static) -> SocketAddr {
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a socket");
    let address = socket.local_addr().expect("bound");
    std::thread::spawn(move || {
        let mut query = [0; 4096];
        while let Ok((length, from)) = socket.recv_from(&mut query) {
            serve(&socket, &query[..length], from);
        }
    });
    address
}

/// Returns the question of a query.
pub fn question(query: &[u8]) -> &[u8] {
    let name = query[12..].iter().position(|&byte| byte == 0).expect("a name");
    &query[12..12 + name + 5]
}

/// Returns the reply to a query with one address.
pub fn reply(query: &[u8], address: [u8; 4]) -> Vec<u8> {
    let question = question(query);
    let header = [query[0], query[1], 0x81, 0x80, 0, 1, 0, 1, 0, 0, 0, 0];
    [&header, question, &[0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4], &address].concat()
}

/// Returns a reply to a query, without records, with TC.
pub fn truncated(query: &[u8]) -> Vec<u8> {
    [&[query[0], query[1], 0x83, 0x80, 0, 1, 0, 0, 0, 0, 0, 0], question(query)].concat()
}

/// Waits until a server answers for this zone.
pub fn wait(server: &mut RealServer, zone: &str) {
    wait_for(server, zone, RecordType::SOA);
}

fn wait_for(server: &mut RealServer, name: &str, of: RecordType) {
    let name: Name = name.parse().expect("a name");
    let start = Question::new(&name, of, Class::IN);
    let ping = [&[0, 1, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0], start.as_wire()].concat();
    let is_ready = |message: Message| message.rcode() == Rcode::NOERROR;
    server.wait_for(&ping, |reply| Message::new(reply).is_ok_and(is_ready));
}

/// Starts the UDP part of a server, which answers everything with TC, and returns the listener for the TCP part.
pub fn truncating_server() -> (SocketAddr, TcpListener) {
    let (socket, listener) = bind_both();
    let address = socket.local_addr().expect("bound");
    std::thread::spawn(move || {
        let mut query = [0; 512];
        while let Ok((length, from)) = socket.recv_from(&mut query) {
            let _ = socket.send_to(&truncated(&query[..length]), from);
        }
    });
    (address, listener)
}

/// Passes each TCP connection to `serve`, in a thread of its own.
pub fn serve_connections(listener: TcpListener, serve: impl Fn(TcpStream) + Send + Sync + 'static) {
    let serve = Arc::new(serve);
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let serve = serve.clone();
            std::thread::spawn(move || serve(stream));
        }
    });
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
