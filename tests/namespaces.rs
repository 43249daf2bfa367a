//! Sweeps through network namespaces: queries that meet routers, filters and a full local queue each end in the right
//! class. Needs root, iproute2 and nftables.
#![cfg(all(feature = "cli", target_os = "linux"))]

mod support;

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use serde_json::Value;
use support::{Run, count, have, interrupt, not_tested};

/// A script for three namespaces, the querying side, a router and the hosts: 10.99.1.2 – 10.99.1.1 | 10.99.9.1 –
/// 10.99.9.2, with 10.99.2.0/24 at the hosts; and fd99:1::2 – fd99:1::1.
const NETWORKS: &str = "
    ip netns add $ASKER; ip netns add $ROUTER; ip netns add $HOUSE
    ip link add near netns $ASKER type veth peer name asker netns $ROUTER
    ip link add far netns $HOUSE type veth peer name house netns $ROUTER
    for at in $ASKER $ROUTER $HOUSE; do ip -n $at link set lo up; done
    ip -n $ASKER addr add 10.99.1.2/24 dev near; ip -n $ASKER addr add fd99:1::2/64 dev near nodad
    ip -n $ROUTER addr add 10.99.1.1/24 dev asker; ip -n $ROUTER addr add fd99:1::1/64 dev asker nodad
    ip -n $ROUTER addr add 10.99.9.1/24 dev house
    ip -n $HOUSE addr add 10.99.9.2/24 dev far
    ip -n $ASKER link set near up; ip -n $ROUTER link set asker up
    ip -n $ROUTER link set house up; ip -n $HOUSE link set far up
    for to in 10.99.2.0/24 10.99.6.0/24 10.99.7.0/24; do ip -n $ASKER route add $to via 10.99.1.1; done
    ip -n $ASKER route add fd99:7::/64 via fd99:1::1
    ip -n $ROUTER route add 10.99.2.0/24 via 10.99.9.2
    ip -n $HOUSE route add local 10.99.2.0/24 dev lo; ip -n $HOUSE route add 10.99.1.0/24 via 10.99.9.1
    for at in $ROUTER $HOUSE; do ip netns exec $at sh -e -c '
        echo 1 > /proc/sys/net/ipv4/ip_forward
        echo 1 > /proc/sys/net/ipv6/conf/all/forwarding'
    done
";

/// Three namespaces for this test, deleted when it ends.
struct Networks {
    names: [(&'static str, String); 3],
}

impl Networks {
    /// Creates the namespaces. If that is impossible, prints a warning and returns `None`, or panics if `CI` is set.
    fn new() -> Option<Networks> {
        static MADE: AtomicU32 = AtomicU32::new(0);
        let tools =
            [("/usr/sbin/ip", "iproute2"), ("/usr/sbin/tc", "iproute2"), ("/usr/sbin/nft", "nftables")];
        if !tools.iter().all(|(program, package)| have(program, package)) {
            return None;
        }
        let unique = format!("allears-{}-{}", std::process::id(), MADE.fetch_add(1, Ordering::Relaxed));
        let names = ["ASKER", "ROUTER", "HOUSE"].map(|role| (role, format!("{unique}-{role}")));
        let networks = Networks { names };
        if !networks.shell("ip netns add $ASKER && ip netns del $ASKER").status.success() {
            not_tested("network namespaces need root");
            return None;
        }
        networks.set_up(NETWORKS);
        Some(networks)
    }

    fn shell(&self, script: &str) -> std::process::Output {
        let names = self.names.iter().map(|(role, name)| (role, name));
        Command::new("sh").args(["-e", "-c", script]).envs(names).output().expect("sh starts")
    }

    #[track_caller]
    fn set_up(&self, script: &str) {
        let output = self.shell(script);
        assert!(output.status.success(), "{script}\n{}", String::from_utf8_lossy(&output.stderr));
    }

    /// Returns a command that runs `allears` in one of the namespaces.
    fn allears(&self, role: &str) -> Command {
        let name = self.names.iter().find(|(at, _)| *at == role).map(|(_, name)| name).expect("a role");
        let mut command = Command::new("/usr/sbin/ip");
        command.args(["netns", "exec", name, env!("CARGO_BIN_EXE_allears")]).stdin(Stdio::null());
        command
    }

    /// Probes targets at full speed. Returns the line of each target, and the ledger.
    #[track_caller]
    fn probe(&self, args: &[&str], targets: &[String]) -> (BTreeMap<String, Value>, Value) {
        let mut command = self.allears("ASKER");
        command.args(["probe", "--token-at", "0", "--rate", "unlimited", "--prefix-rate", "unlimited"]);
        command.args(["--host-gap", "1ms", "-o", "json", "--stats", "-"]).args(args).args(targets);
        let run = Run::from(command.output().expect("allears starts"));
        let mut lines = run.lines();
        let stats = lines.pop().unwrap_or_else(|| panic!("no output\n{}", run.stderr));
        assert_eq!(lines.len(), targets.len(), "one line for each target\n{}", run.stderr);
        let of = |line: Value| (line["target"].as_str().expect("a target").to_owned(), line);
        (lines.into_iter().map(of).collect(), stats)
    }
}

impl Drop for Networks {
    fn drop(&mut self) {
        self.shell("for at in $ASKER $ROUTER $HOUSE; do ip netns del $at || true; done");
    }
}

/// Echo hosts from 10.99.2.1 on, at port 7000.
struct House {
    child: Child,
    stdout: BufReader<ChildStdout>,
}

impl House {
    fn new(networks: &Networks, hosts: u32) -> House {
        let mut command = networks.allears("HOUSE");
        command.args([
            "fleet",
            "--protocol",
            "echo",
            "--base",
            "10.99.2.1",
            "--port",
            "7000",
            "--for",
            "120s",
        ]);
        command.args(["--hosts", &hosts.to_string()]).stdout(Stdio::piped());
        let mut child = command.spawn().expect("the fleet starts");
        let mut stdout = BufReader::new(child.stdout.take().expect("piped"));
        let mut line = String::new();
        stdout.read_line(&mut line).expect("the fleet's opening line");
        assert!(line.contains("listening"), "{line:?}");
        House { child, stdout }
    }

    fn targets(hosts: u32) -> Vec<String> {
        (1..=hosts).map(|n| format!("10.99.2.{n}:7000")).collect()
    }

    /// Stops the fleet, and returns its closing line.
    fn stop(mut self) -> Value {
        interrupt(&self.child);
        let mut line = String::new();
        self.stdout.read_to_string(&mut line).expect("the fleet's closing line");
        serde_json::from_str(line.trim()).unwrap_or_else(|error| panic!("{error}: {line:?}"))
    }
}

impl Drop for House {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Returns the outcome and the reason.
fn end(line: &Value) -> (&str, &str) {
    (line["outcome"].as_str().unwrap_or_default(), line["reason"].as_str().unwrap_or_default())
}

#[test]
fn each_kind_of_failure_has_its_own_outcome() {
    const FATES: &str = "
        ip -n $ASKER route add prohibit 10.99.3.0/24
        ip -n $ASKER route add unreachable 10.99.4.0/24
        # A router that is not there, and is given up after 0.3 s.
        ip -n $ASKER route add 10.99.5.0/24 via 10.99.1.77
        ip netns exec $ASKER sh -c 'echo 100 > /proc/sys/net/ipv4/neigh/near/retrans_time_ms'
        # A loop. Its routers say nothing of a shorter way: that would count as one of the few errors in a
        # row that Linux tells one host.
        for at in $ROUTER $HOUSE; do ip netns exec $at sh -e -c '
            for of in /proc/sys/net/ipv4/conf/*/send_redirects; do echo 0 > $of; done'
        done
        ip -n $ROUTER route add 10.99.6.0/24 via 10.99.9.2
        ip -n $HOUSE route add 10.99.6.0/24 via 10.99.9.1
        ip netns exec $ASKER nft 'add table ip t
            add chain ip t out { type filter hook output priority 0; }
            add rule ip t out ip daddr 10.99.2.203 drop'
        ip netns exec $ROUTER nft 'add table ip t
            add chain ip t way { type filter hook forward priority 0; }
            add rule ip t way ip daddr 10.99.2.201 reject with icmp type admin-prohibited
            add rule ip t way ip daddr 10.99.2.202 drop'
    ";
    // Target, outcome, and words that the reason must contain.
    const ENDS: [(&str, &str, &[&str]); 11] = [
        ("10.99.2.1:7001", "unreachable", &["type 3 code 3", "from 10.99.2.1"]),
        ("10.99.2.201:7000", "unreachable", &["type 3 code 13", "from 10.99.1.1"]),
        ("10.99.7.1:7000", "unreachable", &["type 3 code 0", "from 10.99.1.1"]),
        ("10.99.6.1:7000", "unreachable", &["type 11 code 0"]),
        // This machine reports it, because ARP for the router gets no reply.
        ("10.99.5.1:7000", "unreachable", &["type 3 code 1", "from 10.99.1.2"]),
        ("[fd99:7::1]:7000", "unreachable", &["type 1 code 0", "from fd99:1::1"]),
        ("10.99.2.202:7000", "silent", &["no answer"]),
        ("10.98.0.1:7000", "send_failed", &["Network is unreachable"]),
        ("10.99.3.1:7000", "send_failed", &["Permission denied"]),
        ("10.99.4.1:7000", "send_failed", &["No route to host"]),
        ("10.99.2.203:7000", "send_failed", &["Operation not permitted"]),
    ];
    let Some(networks) = Networks::new() else { return };
    networks.set_up(FATES);
    let house = House::new(&networks, 200);
    // Mix these with hosts that respond, so that each error hits another host's packet.
    let mut targets = House::targets(200);
    for (at, (target, ..)) in ENDS.iter().enumerate() {
        targets.insert(at * 17, (*target).to_owned());
    }
    let (lines, stats) = networks.probe(&["--text", "12345678", "--timeout", "3s", "--tries", "1"], &targets);

    for (target, outcome, words) in ENDS {
        let (ended, reason) = end(&lines[target]);
        assert!(ended == outcome && words.iter().all(|word| reason.contains(word)), "{}", lines[target]);
    }
    assert_eq!(count(&stats, "answered"), 200, "{stats}");
    assert_eq!((count(&stats, "deferred"), count(&stats, "retransmissions")), (0, 0), "{stats}");
    assert_eq!(
        count(&stats, "datagrams_sent"),
        200 + 7,
        "packets that were not sent are not counted: {stats}"
    );
    assert_eq!(count(&house.stop(), "received"), 200);
}

#[test]
fn a_full_local_queue_defers_packets_and_loses_nothing() {
    let Some(networks) = Networks::new() else { return };
    let house = House::new(&networks, 250);
    // Resolve the neighbours first; then shrink the queue to some 80 packets.
    networks.probe(&["--text", "12345678"], &House::targets(1));
    networks.set_up("tc -n $ASKER qdisc add dev near root tbf rate 2mbit burst 2000 limit 4000");
    let (_, stats) = networks.probe(&["--text", "12345678", "--burst", "1000"], &House::targets(250));
    assert_eq!(count(&stats, "answered"), 250, "{stats}");
    assert!(count(&stats, "deferred") > 0, "{stats}");
    assert_eq!(count(&stats, "retransmissions"), 0, "no packet was lost silently: {stats}");
    assert_eq!(count(&house.stop(), "received"), 1 + count(&stats, "datagrams_sent"));
}

#[test]
fn requests_larger_than_the_path_mtu_are_fragmented() {
    let Some(networks) = Networks::new() else { return };
    let _house = House::new(&networks, 50);
    let payload = "00".repeat(1_000);
    let args = ["--hex", &payload, "--timeout", "1s", "--tries", "3"];
    // A narrow link behind the router (ICMP type 3 code 4), then at our own interface (EMSGSIZE).
    for narrow in [
        "ip -n $ROUTER link set house mtu 700; ip -n $HOUSE link set far mtu 700",
        "ip -n $ASKER link set near mtu 800; ip -n $ROUTER link set asker mtu 800; ip -n $ASKER route flush cache",
    ] {
        networks.set_up(narrow);
        let (_, stats) = networks.probe(&args, &House::targets(50));
        assert_eq!(count(&stats, "answered"), 50, "{narrow}: {stats}");
    }
}
