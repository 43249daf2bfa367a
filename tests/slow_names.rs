//! Names that resolve slowly hold up no address, no named server, and no Ctrl-C.
#![cfg(all(feature = "cli", target_os = "linux"))]

mod support;

use std::io::{BufRead, BufReader, Read};
use std::net::{SocketAddr, UdpSocket};
use std::process::{Child, Stdio};

use support::{Fleet, Run, allears, interrupt, is_isolated, shell};

/// Binds a name server, the only one of this namespace. The resolver sends it each request once, and waits for 30
/// seconds.
fn name_server() -> (UdpSocket, tempfile::TempDir) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let bind = |file: &str, content: &str| {
        let path = folder.path().join(file);
        std::fs::write(&path, content).expect("written");
        shell(&format!("[ ! -e /etc/{file} ] || mount --bind {} /etc/{file}", path.display()));
    };
    bind("resolv.conf", "nameserver 127.0.0.1\noptions timeout:30 attempts:1\n");
    bind("nsswitch.conf", "hosts: files dns\n");
    (UdpSocket::bind("127.0.0.1:53").expect("a namespace of our own"), folder)
}

/// Answers a request: any name has the address 127.0.0.1, and no IPv6 address.
fn answer(server: &UdpSocket, request: &[u8], from: SocketAddr) {
    let name = request[12..].iter().position(|&byte| byte == 0).expect("a name") + 1;
    let question = &request[12..12 + name + 4];
    let is_v4 = question[name..] == [0, 1, 0, 1];
    let header = [0x81, 0x80, 0, 1, 0, u8::from(is_v4), 0, 0, 0, 0];
    let record: &[u8] = &[0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 127, 0, 0, 1];
    let reply = [&request[..2], &header, question, if is_v4 { record } else { &[] }].concat();
    server.send_to(&reply, from).expect("sent");
}

/// Starts `allears`, and returns it with the first line of its output.
fn first_line(args: &[&str]) -> (Child, BufReader<std::process::ChildStdout>, String) {
    let mut child =
        allears().args(args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("allears starts");
    let mut stdout = BufReader::new(child.stdout.take().expect("piped"));
    let mut line = String::new();
    stdout.read_line(&mut line).expect("a line");
    (child, stdout, line)
}

fn end(child: Child, mut stdout: impl Read) -> Run {
    let mut rest = String::new();
    stdout.read_to_string(&mut rest).expect("UTF-8");
    let mut run = Run::from(child.wait_with_output().expect("allears ends"));
    run.stdout = rest;
    run
}

#[test]
fn addresses_are_queried_while_names_are_resolved() {
    if !is_isolated("addresses_are_queried_while_names_are_resolved") {
        return;
    }
    let (server, _folder) = name_server();
    let fleet = Fleet::start(&["--protocol", "echo", "--hosts", "2", "--latency", "1ms,0"]);
    let hosts = fleet.hosts();
    let port = hosts[0].rsplit(':').next().expect("a port");
    let names: Vec<_> = (0..20).map(|number| format!("slow{number}.test:{port}")).collect();
    let mut args = vec!["probe", "--text", "x", "-o", "json"];
    args.extend(names.iter().map(String::as_str));
    args.extend(hosts.iter().map(String::as_str));

    // The name server is silent: only the addresses are queried, and Ctrl-C does not wait for the names.
    let (child, stdout, line) = first_line(&args);
    assert!(hosts.iter().any(|host| line.contains(host)), "{line}");
    interrupt(&child);
    let interrupted = end(child, stdout).expect_code(130);
    assert!(!interrupted.stderr.contains("cannot resolve"), "{}", interrupted.stderr);

    // Now the name server answers. The sweep does not end before that.
    let (child, stdout, line) = first_line(&args);
    assert!(hosts.iter().any(|host| line.contains(host)), "{line}");
    std::thread::spawn(move || {
        let mut request = [0; 512];
        while let Ok((length, from)) = server.recv_from(&mut request) {
            answer(&server, &request[..length], from);
        }
    });
    let run = end(child, stdout);
    let lines = run.lines();
    let resolved = lines.iter().filter(|line| line["target"] == format!("127.0.0.1:{port}")).count();
    assert_eq!((resolved, lines.len()), (names.len(), names.len() + 1), "{}\n{}", run.stdout, run.stderr);
}

#[test]
fn named_servers_are_queried_while_masters_are_resolved() {
    if !is_isolated("named_servers_are_queried_while_masters_are_resolved") {
        return;
    }
    let (_server, _folder) = name_server();
    let fleet = Fleet::start(&["--hosts", "3", "--latency", "1ms,0"]);
    let (slow, master) = ("slow.test".to_owned(), fleet.master());
    let args = ["games", "--master", &slow, "--master", &master, "-o", "json", &fleet.hosts()[0]];
    let (child, mut stdout, line) = first_line(&args);
    let mut hosts = vec![line];
    for _ in 1..3 {
        let mut line = String::new();
        stdout.read_line(&mut line).expect("a line");
        hosts.push(line);
    }
    assert!(hosts.iter().all(|line| line.contains("\"outcome\"")), "{hosts:?}");
    interrupt(&child);
    end(child, stdout).expect_code(130);
}
