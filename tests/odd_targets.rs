//! Targets with zones or in odd notation, addresses that no host has, and a system that lacks something.
#![cfg(all(feature = "cli", target_os = "linux"))]

mod support;

use std::io::Write;
use std::net::UdpSocket;
use std::process::Command;

use support::{Run, allears, count, have, is_isolated, run, shell};

/// Starts a host that returns each datagram. Returns its port.
fn echo_host(address: &str) -> u16 {
    let socket = UdpSocket::bind((address, 0)).expect("an address of this machine");
    let port = socket.local_addr().expect("bound").port();
    std::thread::spawn(move || {
        let mut datagram = [0; 2048];
        while let Ok((length, from)) = socket.recv_from(&mut datagram) {
            socket.send_to(&datagram[..length], from).expect("sent");
        }
    });
    port
}

const PROBE: [&str; 10] =
    ["probe", "--text", "12345678", "--token-at", "0", "--all", "-o", "json", "--stats", "-"];

/// Returns the targets that answered, sorted.
fn answered(run: &Run) -> Vec<String> {
    let mut lines = run.lines();
    lines.retain(|line| line["outcome"] == "answered");
    let mut targets: Vec<_> =
        lines.iter().map(|line| line["target"].as_str().unwrap_or_default().to_owned()).collect();
    targets.sort();
    targets
}

#[test]
fn a_zone_is_an_interfaces_name_or_number() {
    if !is_isolated("a_zone_is_an_interfaces_name_or_number") {
        return;
    }
    shell("ip addr add fe80::77/64 dev lo nodad");
    let port = echo_host("::").to_string();
    for target in ["fe80::77%lo".to_owned(), format!("[fe80::77%lo]:{port}"), "fe80::77%1".to_owned()] {
        let run = run(&[&PROBE[..], &["--port", &port, &target]].concat()).expect_code(0);
        assert_eq!(answered(&run), [format!("[fe80::77%1]:{port}")], "{target}");
    }
    let run = run(&[&PROBE[..], &["--port", &port, "::1%lo", "fe80::77%eth77"]].concat()).expect_code(0);
    assert_eq!(answered(&run), [format!("[::1]:{port}")]);
    assert!(run.stderr.contains("argument 2: no interface of this name has an address"), "{}", run.stderr);
}

#[test]
fn an_ipv4_address_in_ipv6_notation_is_queried_over_ipv4() {
    let port = echo_host("127.0.0.1").to_string();
    let run = run(&[&PROBE[..], &["--port", &port, "::ffff:127.0.0.1"]].concat()).expect_code(0);
    assert_eq!(answered(&run), [format!("127.0.0.1:{port}")]);
}

#[test]
fn an_address_that_no_host_has_is_a_bad_line() {
    let mut list = tempfile::NamedTempFile::new().expect("a temporary file");
    let port = echo_host("127.0.0.1").to_string();
    let lines = "0.0.0.0\n::\n224.0.0.1\n[ff02::1]:7\n255.255.255.255\n::ffff:0.0.0.0\n127.0.0.1\n";
    list.write_all(lines.as_bytes()).expect("written");
    let path = list.path().to_str().expect("UTF-8");
    let args = [&PROBE[..], &["--port", &port, "-i", path]].concat();
    let tolerant = run(&args).expect_code(0);
    let stats = tolerant.stats();
    assert_eq!((count(&stats, "bad_lines"), count(&stats, "targets")), (6, 1));
    for warning in [
        ":1: not a host, but the unspecified address: \"0.0.0.0\"",
        ":3: not a host, but a multicast address: \"224.0.0.1\"",
        ":5: not a host, but the broadcast address: \"255.255.255.255\"",
    ] {
        assert!(tolerant.stderr.contains(&format!("{path}{warning}")), "{warning}\n{}", tolerant.stderr);
    }
    let strict = run(&[&args[..], &["--strict"]].concat()).expect_code(2);
    assert!(strict.stderr.contains("bad lines: 6"), "{}", strict.stderr);
}

#[test]
fn a_refused_address_family_leaves_the_other_one() {
    if !have("/usr/bin/strace", "strace") {
        return;
    }
    let (v4, v6) = (echo_host("127.0.0.1"), echo_host("::1"));
    let targets = [format!("127.0.0.1:{v4}"), format!("[::1]:{v6}")];
    for error in ["EACCES", "EPERM", "ENOSYS", "EAFNOSUPPORT"] {
        // The IPv4 socket is the first one, the IPv6 socket the second.
        for (refused, remaining) in [(1, &targets[1]), (2, &targets[0])] {
            let inject = format!("inject=socket:error={error}:when={refused}");
            let mut command = Command::new("/usr/bin/strace");
            command.args(["-f", "-qq", "-o", "/dev/null", "-e", "trace=socket", "-e", &inject]);
            command.arg(env!("CARGO_BIN_EXE_allears")).args(PROBE).args(&targets);
            let run = Run::from(command.output().expect("strace starts")).expect_code(0);
            assert_eq!(answered(&run), std::slice::from_ref(remaining), "{inject}");
            assert_eq!(run.lines().len(), 3, "a line for each target, and the ledger");
        }
    }
}

#[test]
fn closed_standard_descriptors_never_become_sockets() {
    let host = UdpSocket::bind("127.0.0.1:0").expect("loopback");
    let port = host.local_addr().expect("bound").port();
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (results, stats) = (folder.path().join("results"), folder.path().join("stats"));
    let responder = std::thread::spawn(move || {
        let mut datagram = [0; 65_536];
        for _ in 0..2 {
            let (length, from) = host.recv_from(&mut datagram).expect("a request");
            assert_eq!(length, 8, "results went to a host: {:?}", &datagram[..length]);
            host.send_to(&datagram[..length], from).expect("sent");
        }
        host.set_nonblocking(true).expect("a socket");
        assert!(host.recv_from(&mut datagram).is_err(), "nothing but requests was sent");
    });
    for to_file in [true, false] {
        let mut command = Command::new("sh");
        command.args(["-c", r#"exec "$0" "$@" <&- >&- 2>&-"#, env!("CARGO_BIN_EXE_allears")]);
        command.args(&PROBE[..PROBE.len() - 1]).arg(&stats).arg(format!("127.0.0.1:{port}"));
        if to_file {
            command.arg("--to").arg(&results);
        }
        assert!(command.status().expect("sh starts").success());
        let ledger = std::fs::read_to_string(&stats).expect("the ledger");
        assert!(ledger.contains("\"answered\":1"), "{ledger}");
    }
    assert!(std::fs::read_to_string(&results).expect("results").contains("\"answered\""));
    responder.join().expect("only requests arrived");
}

#[test]
fn a_name_in_an_empty_root_fails_with_its_reason() {
    if !is_isolated("a_name_in_an_empty_root_fails_with_its_reason") {
        return;
    }
    shell("mount -t tmpfs none /etc");
    let port = echo_host("127.0.0.1").to_string();
    let mut command = allears();
    command.args(PROBE).args(["--port", &port, "host.example", "127.0.0.1"]);
    let run = Run::from(command.output().expect("allears starts")).expect_code(0);
    assert_eq!(answered(&run), [format!("127.0.0.1:{port}")], "addresses need no name server");
    let warning = "argument 1: cannot resolve the name: Temporary failure in name resolution \
                   (there is no /etc/resolv.conf): \"host.example\"";
    assert!(run.stderr.contains(warning), "{}", run.stderr);
}
