//! Lists of masters that name what they should not: one address on thousands of ports, private networks, other services.
#![cfg(all(feature = "cli", target_os = "linux"))]

mod support;

use std::net::{SocketAddrV4, UdpSocket};

use support::{Fleet, Run, count, is_isolated, run, shell};

/// Starts a master at `address` that lists these servers, 190 in a datagram. Returns its address.
fn master(address: &str, servers: Vec<SocketAddrV4>) -> String {
    let socket = UdpSocket::bind(address).expect("an address of this machine");
    let listening = socket.local_addr().expect("bound").to_string();
    std::thread::spawn(move || {
        let mut request = [0; 2048];
        while let Ok((_, from)) = socket.recv_from(&mut request) {
            for (at, part) in servers.chunks(190).enumerate() {
                let mut list = b"\xff\xff\xff\xffgetserversResponse".to_vec();
                for server in part {
                    list.push(b'\\');
                    list.extend(server.ip().octets());
                    list.extend(server.port().to_be_bytes());
                }
                if (at + 1) * 190 >= servers.len() {
                    list.extend(b"\\EOT\0\0\0");
                }
                socket.send_to(&list, from).expect("sent");
            }
        }
    });
    listening
}

/// Queries a master and the servers that it lists. Returns the run and the number of targets.
#[track_caller]
fn games(master: &str, args: &[&str]) -> (Run, u64) {
    let common = ["games", "--master", master, "--all", "-o", "json", "--stats", "-", "--timeout", "300ms"];
    let run = run(&[&common, args].concat());
    let stats = run.stats();
    let targets = count(&stats, "targets");
    assert_eq!(run.lines().len() as u64, targets + 1, "a line for each target");
    assert_eq!(count(&stats, "queries"), targets + 1, "and a query for the master: {stats}");
    (run, targets)
}

#[track_caller]
fn assert_warns(run: &Run, warning: &str) {
    assert_eq!(run.stderr.matches(warning).count(), 1, "{warning:?} once in\n{}", run.stderr);
}

#[test]
fn a_list_cannot_flood_one_address() {
    if !is_isolated("a_list_cannot_flood_one_address") {
        return;
    }
    let victim = UdpSocket::bind("127.5.5.5:20000").expect("a loopback address");
    let ports = (20_000..30_000).map(|port| SocketAddrV4::new([127, 5, 5, 5].into(), port));
    let master = master("127.0.0.1:0", ports.collect());
    let (run, targets) = games(&master, &["--tries", "1"]);
    assert_eq!(targets, 128);
    assert_eq!(count(&run.stats(), "datagrams_sent"), 1 + 128);
    assert_warns(&run, "9872 of 10000 listed servers are not queried: 9872 beyond 128 on one address\n");
    drop(victim);
}

/// Public addresses that are local to this namespace but, except for 21.1.1.1, not on any interface. Nothing leaves the
/// namespace.
const PUBLIC: &str = "ip route add local 20.0.0.0/8 dev lo; ip addr add 21.1.1.1/32 dev lo";

fn entries(entries: &[&str]) -> Vec<SocketAddrV4> {
    entries.iter().map(|entry| entry.parse().expect("an address")).collect()
}

#[test]
fn a_public_master_may_list_public_servers_only() {
    if !is_isolated("a_public_master_may_list_public_servers_only") {
        return;
    }
    shell(PUBLIC);
    let fleet = Fleet::start(&["--hosts", "3", "--base", "20.1.0.1", "--port", "27960"]);
    let reserved = entries(&["127.0.0.1:27960", "127.9.9.9:1234", "169.254.169.254:1234", "10.0.0.1:1234"]);
    let own = entries(&["21.1.1.1:27960"]);
    let nowhere = entries(&["224.0.0.1:1234", "255.255.255.255:1234", "0.0.0.0:1234", "20.1.0.1:0"]);
    let services = entries(&["20.1.0.1:53", "20.1.0.1:1900", "127.0.0.1:161"]);
    let servers = entries(&["20.1.0.1:27960", "20.1.0.2:27960", "20.1.0.3:27960"]);
    let list = [reserved, own, nowhere, services, servers].concat();

    let public = master("20.0.0.1:27950", list.clone());
    let (run, targets) = games(&public, &[]);
    assert_eq!((targets, count(&run.stats(), "answered")), (3, 4));
    assert_warns(
        &run,
        "master 20.0.0.1:27950: 12 of 15 listed servers are not queried: 4 on addresses that no host has, \
         5 on reserved addresses, 1 on addresses of this machine, 2 on ports of other services (see --allow-reserved)\n",
    );

    let (run, targets) = games(&public, &["--allow-reserved", "--tries", "1"]);
    assert_eq!(targets, 3 + 4 + 1);
    assert_warns(
        &run,
        "7 of 15 listed servers are not queried: 4 on addresses that no host has, 3 on ports of other services\n",
    );

    for friend in ["127.0.0.1:27950", "21.1.1.1:27950"] {
        let (_, targets) = games(&master(friend, list.clone()), &["--tries", "1"]);
        assert_eq!(targets, 3 + 4 + 1, "{friend} is on this machine");
    }
    drop(fleet);
}
