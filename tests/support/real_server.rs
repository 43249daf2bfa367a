//! Real game servers, on loopback and on ports that were free a moment ago.
#![allow(dead_code, reason = "each test file uses a part of it")]

use std::fs::{self, File};
use std::net::{TcpListener, UdpSocket};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::Value;

use super::run;

/// A server in its own process. Dropping it stops the process.
pub struct RealServer {
    child: Child,
    pub address: String,
    folder: tempfile::TempDir,
}

impl RealServer {
    /// Starts `program`. `prepare` gets a new folder, the working directory of the program and its home, and the port.
    pub fn start(program: &str, prepare: impl FnOnce(&Path, u16, &mut Command)) -> RealServer {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let address = bind_both().0.local_addr().expect("bound");
        let mut command = Command::new(program);
        command.current_dir(folder.path()).env("HOME", folder.path());
        prepare(folder.path(), address.port(), &mut command);
        // Both outputs, in the order of writing.
        let output = File::create(folder.path().join("output")).expect("a file");
        let errors = output.try_clone().expect("the same file");
        let child =
            command.stdin(Stdio::null()).stdout(output).stderr(errors).spawn().expect("the server starts");
        RealServer { child, address: address.to_string(), folder }
    }

    /// Sends `request` until a reply satisfies `is_ready`.
    pub fn wait_for(&mut self, request: &[u8], is_ready: impl Fn(&[u8]) -> bool) {
        let socket = UdpSocket::bind("127.0.0.1:0").expect("a socket");
        // The timeout sets the pace, also after a reply that came at once: some servers answer one request a second.
        socket.set_read_timeout(Some(Duration::from_millis(1100))).expect("a timeout");
        let mut reply = [0; 65536];
        for _ in 0..50 {
            socket.send_to(request, &self.address).expect("sent");
            let length = socket.recv(&mut reply).unwrap_or(0);
            if is_ready(&reply[..length]) {
                return;
            }
            if let Some(status) = self.child.try_wait().expect("a child") {
                panic!("the server has ended: {status}\n{}", self.output());
            }
            if length > 0 {
                let _ = socket.recv(&mut reply);
            }
        }
        panic!("the server at {} is not ready\n{}", self.address, self.output());
    }

    /// Returns what the server has written.
    pub fn output(&self) -> String {
        let bytes = fs::read(self.folder.path().join("output")).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// Lists the server as one of `game`, and returns the line.
    #[track_caller]
    pub fn listed(&self, game: &str) -> Value {
        let listed = run(&["games", "--game", game, &self.address, "-o", "json"]).expect_code(0);
        let line = listed.lines().remove(0);
        assert_eq!(line["outcome"], "answered", "{line}\n{}", self.output());
        line
    }
}

/// Binds a port of loopback for both UDP and TCP.
pub fn bind_both() -> (UdpSocket, TcpListener) {
    let bind = |_| {
        let listener = TcpListener::bind("127.0.0.1:0").ok()?;
        Some((UdpSocket::bind(listener.local_addr().ok()?).ok()?, listener))
    };
    (0..100).find_map(bind).expect("a port that is free for both")
}

impl Drop for RealServer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
