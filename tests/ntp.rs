//! `allears ntp` against a real server, chronyd, on loopback.
#![cfg(feature = "cli")]

mod support;

use std::net::UdpSocket;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::Value;
use support::{have, run};

const SERVER: &str = "/usr/sbin/chronyd";

/// A server that does not set the system clock, at stratum 3.
struct Chronyd {
    child: Child,
    address: String,
    _folder: tempfile::TempDir,
}

impl Chronyd {
    /// Starts a server on a port that was free a moment ago, and waits until it replies.
    fn start() -> Chronyd {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let probe = UdpSocket::bind("127.0.0.1:0").expect("a free port");
        let address = probe.local_addr().expect("bound");
        drop(probe);
        let settings = [
            format!("port {}", address.port()),
            format!("pidfile {}", folder.path().join("pid").display()),
            "bindaddress 127.0.0.1\nallow 127.0.0.0/8\nlocal stratum 3\ncmdport 0\nbindcmdaddress /\n".into(),
        ];
        let file = folder.path().join("chrony.conf");
        std::fs::write(&file, settings.join("\n")).expect("the settings are written");
        let child = Command::new(SERVER)
            .args(["-x", "-d", "-u", "root", "-f"])
            .arg(file)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("the server starts");
        let server = Chronyd { child, address: address.to_string(), _folder: folder };
        server.wait();
        server
    }

    fn wait(&self) {
        let socket = UdpSocket::bind("127.0.0.1:0").expect("a socket");
        socket.set_read_timeout(Some(Duration::from_millis(100))).expect("a timeout");
        let mut request = [0; 48];
        request[0] = 0x23;
        for _ in 0..100 {
            // Until the server is ready, an ICMP error makes one of the calls fail.
            let sent = socket.send_to(&request, &self.address);
            if sent.is_ok() && socket.recv(&mut [0; 100]).is_ok() {
                return;
            }
        }
        panic!("chronyd does not reply at {}", self.address);
    }
}

impl Drop for Chronyd {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn a_real_server_is_parsed_and_its_clock_is_ours() {
    if !have(SERVER, "chrony") {
        return;
    }
    let server = Chronyd::start();
    let sweep = run(&["ntp", &server.address, "-o", "json", "--stats", "-"]);
    let lines: Vec<Value> =
        sweep.stdout.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let (result, ledger) = (&lines[0], &lines[1]);
    let answer = &result["answer"];
    assert_eq!(
        (&result["outcome"], &answer["stratum"], &answer["leap"]),
        (&"answered".into(), &3.into(), &0.into())
    );
    assert_eq!((&answer["reference"], &answer["kiss"]), (&"127.127.1.1".into(), &Value::Null));
    // The server and we read the same clock.
    let offset = answer["offset_ms"].as_f64().expect("a number");
    let rtt = result["rtt_ms"].as_f64().expect("a number");
    assert!(offset.abs() <= rtt + 1.0, "an offset of {offset} ms with a round trip of {rtt} ms");
    assert!(answer["delay_ms"].as_f64().expect("a number") <= rtt);
    assert_eq!((&ledger["answered"], &ledger["unmatched"]), (&1.into(), &0.into()));

    let table = run(&["ntp", &server.address]);
    assert!(
        table.stdout.contains(&server.address) && table.stdout.contains("127.127.1.1"),
        "{}",
        table.stdout
    );
    let csv = run(&["ntp", &server.address, "-o", "csv"]);
    assert!(
        csv.stdout.starts_with(
            "target,outcome,attempts,rtt_ms,stratum,leap,reference,offset_ms,delay_ms,root_delay_ms,\
             root_dispersion_ms,kiss,reason\n"
        ),
        "{}",
        csv.stdout
    );
}
