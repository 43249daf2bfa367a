//! Hosts at every address of 127.0.0.0/8 that return what they receive, in a separate process.
#![allow(unsafe_code)]

use std::io::{self, BufRead, BufReader, Read};
use std::net::Ipv4Addr;
use std::process::{Child, Command, Stdio};

use allears::net::{Inbox, Packet, Reactor, Socket, SocketOptions};

/// The argument that makes this program the responder.
pub const ARGUMENT: &str = "respond";

/// The responder's process. It ends when its standard input does.
pub struct Responder {
    child: Child,
    pub port: u16,
}

impl Responder {
    pub fn start() -> io::Result<Responder> {
        let mut child = Command::new(std::env::current_exe()?)
            .arg(ARGUMENT)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let mut line = String::new();
        if let Some(stdout) = child.stdout.take() {
            BufReader::new(stdout).read_line(&mut line)?;
        }
        let port = line.trim().parse().map_err(io::Error::other)?;
        Ok(Responder { child, port })
    }
}

impl Drop for Responder {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        let _ = self.child.wait();
    }
}

pub fn run() -> io::Result<()> {
    pin_to_core(1);
    std::thread::spawn(|| {
        let _ = io::stdin().read(&mut [0]);
        std::process::exit(0);
    });
    let options = SocketOptions::default().with_report_destination(true);
    let mut socket = Socket::bind((Ipv4Addr::UNSPECIFIED, 0).into(), &options)?;
    println!("{}", socket.local_addr()?.port());
    let mut reactor = Reactor::new()?;
    reactor.register(&mut socket, 0)?;
    let (mut inbox, mut packets, mut bytes) = (Inbox::new(), Vec::new(), Vec::new());
    loop {
        reactor.wait(None, |_| {})?;
        while socket.recv(&mut inbox)? > 0 {
            packets.clear();
            bytes.clear();
            for request in inbox.iter() {
                let start = bytes.len();
                bytes.extend_from_slice(request.payload);
                packets.push(Packet {
                    to: request.from,
                    from: request.to,
                    range: start..bytes.len(),
                    bulk: false,
                });
            }
            if let Some(error) = socket.send(&packets, &bytes).error {
                return Err(error);
            }
        }
    }
}

/// Pins this process to one core, if there are several and it is permitted.
pub fn pin_to_core(core: usize) {
    // SAFETY: an integer array, for which zero is a valid value, alive during the calls.
    unsafe {
        let mut set: libc::cpu_set_t = std::mem::zeroed();
        libc::CPU_SET(core, &mut set);
        libc::sched_setaffinity(0, std::mem::size_of_val(&set), &set);
    }
}
