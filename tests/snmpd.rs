//! A real agent, net-snmp's snmpd on loopback, queried by net-snmp's tools and by ours.
#![cfg(feature = "cli")]

mod support;

use std::fs;
use std::net::UdpSocket;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use support::{Run, count, have, run};

const SNMPD: &str = "/usr/sbin/snmpd";

/// Objects of each type and oddity that snmpd can be configured to have, with constant values.
const OBJECTS: &str = "\
override .1.3.6.1.4.1.99999.1.0 octet_str \"plain text\"
override .1.3.6.1.4.1.99999.2.0 integer -42
override .1.3.6.1.4.1.99999.3.0 counter 4294967295
override .1.3.6.1.4.1.99999.4.0 uinteger 4000000000
override .1.3.6.1.4.1.99999.5.0 timeticks 123456789
override .1.3.6.1.4.1.99999.6.0 object_id .1.3.6.1.4.1.8072.3.2.10
override .1.3.6.1.4.1.99999.9.0 octet_str \"\"
override .1.3.6.1.4.1.99999.10.0 octet_str \"quote \\\" and backslash \\\\\"
override .1.3.6.1.4.1.99999.11.0 octet_str 0x00ff1041
";

const HASHES: [&str; 6] = ["MD5", "SHA", "SHA-224", "SHA-256", "SHA-384", "SHA-512"];
const CIPHERS: [&str; 4] = ["DES", "AES", "AES-192", "AES-256"];
const PASSWORD: &str = "authpass123";
const PRIVACY: &str = "privpass123";

struct Agent {
    child: Child,
    port: u16,
    _folder: tempfile::TempDir,
}

impl Agent {
    /// Starts an agent on a port that was free a moment ago, and waits until it responds. Returns `None` if snmpd is not
    /// installed.
    fn start() -> Option<Agent> {
        if !(have(SNMPD, "snmpd") && have("/usr/bin/snmpbulkwalk", "snmp")) {
            return None;
        }
        let folder = tempfile::tempdir().expect("a temporary folder");
        let probe = UdpSocket::bind("127.0.0.1:0").expect("a free port");
        let port = probe.local_addr().expect("bound").port();
        drop(probe);

        let mut config = format!(
            "agentAddress udp:0.0.0.0:{port}\nrocommunity public default\nrocommunity other#one default\n\
             sysName agent-under-test\nsysDescr Test agent\n{OBJECTS}"
        );
        config += "createUser plain\nrouser plain noauth\n";
        for hash in HASHES {
            config += &format!("createUser {hash} {hash} {PASSWORD}\nrouser {hash} auth\n");
            for cipher in CIPHERS {
                let user = format!("{hash}-{cipher}");
                config +=
                    &format!("createUser {user} {hash} {PASSWORD} {cipher} {PRIVACY}\nrouser {user} priv\n");
            }
        }
        let file = folder.path().join("agent.conf");
        fs::write(&file, config).expect("written");
        let child = Command::new(SNMPD)
            .args(["-f", "-C", "-I", "-smux", "-Lf"])
            .arg(folder.path().join("log"))
            .arg("-c")
            .arg(&file)
            .env("SNMP_PERSISTENT_DIR", folder.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("snmpd starts");
        let agent = Agent { child, port, _folder: folder };
        agent.wait();
        Some(agent)
    }

    fn wait(&self) {
        let socket = UdpSocket::bind("127.0.0.1:0").expect("a socket");
        socket.set_read_timeout(Some(Duration::from_millis(200))).expect("a timeout");
        let get =
            b"\x30\x29\x02\x01\x01\x04\x06public\xa0\x1c\x02\x04\x23\x09\xd0\x3b\x02\x01\x00\x02\x01\x00\
                    \x30\x0e\x30\x0c\x06\x08\x2b\x06\x01\x02\x01\x01\x05\x00\x05\x00";
        for _ in 0..150 {
            let sent = socket.send_to(get, (std::net::Ipv4Addr::LOCALHOST, self.port));
            if sent.is_ok() && socket.recv(&mut [0; 2048]).is_ok() {
                return;
            }
            // An error returns at once, so wait as long as a timeout would have taken.
            let _ = socket.recv(&mut [0; 2048]);
        }
        panic!("snmpd does not answer after half a minute");
    }

    fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// Runs a tool of net-snmp without MIB files, and returns its output.
    fn net_snmp(&self, tool: &str, options: &[&str], oids: &[&str]) -> String {
        let output = Command::new(format!("/usr/bin/{tool}"))
            .args(["-m", "", "-t", "2", "-r", "3"])
            .args(options)
            .arg(self.address())
            .args(oids)
            .output()
            .expect("net-snmp runs");
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// Runs `allears snmp`.
    fn ours(&self, command: &str, options: &[&str], oids: &[&str]) -> Run {
        let address = self.address();
        let args = [&["snmp", command, "-t", &address][..], options, oids].concat();
        run(&args)
    }

    /// Asserts that both print the same. Returns the number of lines.
    #[track_caller]
    fn compare(&self, command: &str, tool: &str, options: &[&str], oids: &[&str]) -> usize {
        let theirs = self.net_snmp(tool, options, oids);
        let ours = self.ours(command, options, oids).expect_code(0);
        assert_eq!(steady(&ours.stdout), steady(&theirs), "{tool} {options:?} {oids:?}\n{}", ours.stderr);
        theirs.lines().count()
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Removes the lines that change between two walks: clocks (snmpEngineTime is one) and SNMP's own counters.
fn steady(text: &str) -> Vec<&str> {
    let is_clock = |value: &str| {
        value.matches(':').count() == 3 && value.chars().all(|c| c.is_ascii_digit() || ":.".contains(c))
    };
    let moves = |line: &str| {
        let value = line.rsplit(' ').next().unwrap_or_default();
        let counters_and_engine_time = [".1.3.6.1.2.1.11.", ".1.3.6.1.6.3.10.2.1.3."];
        let is_moving = counters_and_engine_time.iter().any(|prefix| line.starts_with(prefix));
        line.contains("Timeticks") || is_moving || is_clock(value)
    };
    text.lines().filter(|line| !moves(line)).collect()
}

#[test]
fn get_next_bulk_and_walk_print_the_same_as_net_snmp() {
    let Some(agent) = Agent::start() else { return };
    let names = ["1.3.6.1.2.1.1.5.0", "1.3.6.1.2.1.1.1.0", "1.3.6.1.2.1.1.2.0"];
    for version in ["-v1", "-v2c"] {
        for style in ["-On", "-OnQ", "-Onq", "-Onv", "-OnvQ"] {
            let options = [version, "-c", "public", style];
            agent.compare("get", "snmpget", &options, &names);
            agent.compare("next", "snmpgetnext", &options, &["1.3.6.1.2.1.1.4", "1.3.6.1.2.1.1"]);
            agent.compare("walk", "snmpwalk", &options, &["1.3.6.1.2.1.1"]);
        }
    }
    let options = ["-v2c", "-c", "public", "-On"];
    let oids = ["1.3.6.1.2.1.1.4", "1.3.6.1.2.1.1.9.1.2", "1.3.6.1.2.1.1.9.1.3"];
    agent.compare("bulk", "snmpbulkget", &[&options[..], &["-Cn1", "-Cr4"]].concat(), &oids);
    agent.compare("get", "snmpget", &options, &["1.3.6.1.2.1.1.9999.0", "1.3.6.1.9.9.0"]);
    // Every type; a subtree, an instance, a name without objects, and one after all objects.
    for root in ["1.3.6.1.4.1.99999", "1.3.6.1.2.1.4.20", "1.3.6.1.2.1.1.5.0", "1.3.6.1.2.1.999", "1.3.6.1.9"]
    {
        agent.compare("walk", "snmpbulkwalk", &options, &[root]);
    }
    let lines = agent.compare("walk", "snmpbulkwalk", &options, &["1.3.6.1.4.1.99999"]);
    assert_eq!(lines, OBJECTS.lines().count());
    let lines = agent.compare("walk", "snmpbulkwalk", &options, &["1.3.6.1.6"]);
    assert!(lines > 50, "the walk includes the end of the MIB: {lines} lines");
}

#[test]
fn v3_supports_every_hash_and_cipher_of_the_agent() {
    let Some(agent) = Agent::start() else { return };
    let walk = ["1.3.6.1.4.1.99999"];
    agent.compare("walk", "snmpbulkwalk", &["-v3", "-l", "noAuthNoPriv", "-u", "plain", "-On"], &walk);
    let mut ciphers = 0;
    for hash in HASHES {
        let auth = ["-v3", "-On", "-a", hash, "-A", PASSWORD];
        let lines = agent.compare(
            "walk",
            "snmpbulkwalk",
            &[&auth[..], &["-l", "authNoPriv", "-u", hash]].concat(),
            &walk,
        );
        assert_eq!(lines, OBJECTS.lines().count(), "{hash}");
        for cipher in CIPHERS {
            let user = format!("{hash}-{cipher}");
            let private = [&auth[..], &["-l", "authPriv", "-u", &user, "-x", cipher, "-X", PRIVACY]].concat();
            // A net-snmp built without the cipher prints nothing.
            if agent.net_snmp("snmpget", &private, &["1.3.6.1.2.1.1.5.0"]).is_empty() {
                eprintln!("net-snmp here has no {cipher} with {hash}");
                continue;
            }
            agent.compare("walk", "snmpbulkwalk", &private, &walk);
            ciphers += 1;
        }
    }
    assert!(ciphers >= 2 * HASHES.len(), "at least DES and AES work: {ciphers}");
}

#[test]
fn a_request_rejected_by_a_v3_agent_ends_at_once_with_the_reason() {
    let Some(agent) = Agent::start() else { return };
    let wrong = "wrongpass123";
    for (options, reason) in [
        (&["-u", "nobody", "-l", "noAuthNoPriv"][..], "user"),
        (&["-u", "SHA", "-a", "SHA", "-A", wrong], "password"),
        (&["-u", "SHA-AES", "-a", "SHA", "-A", PASSWORD, "-x", "AES", "-X", wrong], ""),
        (&["-u", "SHA", "-l", "noAuthNoPriv"], ""),
    ] {
        let options = [&["-v3", "-o", "json", "--stats", "-"], options].concat();
        let asked = agent.ours("get", &options, &["1.3.6.1.2.1.1.5.0"]);
        let lines = asked.lines();
        let answer = &lines[0]["answer"];
        let why = answer["why_incomplete"].as_str().or(lines[0]["reason"].as_str()).expect("a reason");
        assert!(why.contains(reason), "{options:?}: {why}");
        assert!(
            !asked.stdout.contains(wrong) && !asked.stderr.contains(wrong),
            "the output contains a password"
        );
        if reason.is_empty() {
            continue;
        }
        assert_eq!(asked.code, 1, "{}", asked.stdout);
        assert_eq!(count(&asked.stats(), "retransmissions"), 0, "a rejected request is not retried");
    }
}

#[test]
fn five_thousand_addresses_of_one_agent_give_five_thousand_answers() {
    let Some(agent) = Agent::start() else { return };
    let hosts = format!("127.3.0.1-127.3.19.136:{}", agent.port);
    let asked = run(&[
        "snmp",
        "get",
        "-t",
        &hosts,
        "-o",
        "json",
        "--rate",
        "4000",
        "--tries",
        "5",
        "--stats",
        "-",
        "1.3.6.1.2.1.1.5.0",
    ])
    .expect_code(0);
    let stats = asked.stats();
    assert_eq!(count(&stats, "targets"), 5000);
    assert_eq!(count(&stats, "answered"), 5000, "{stats}");
    assert_eq!(count(&stats, "local_drops"), 0, "{stats}");
    let names = asked
        .lines()
        .iter()
        .filter(|line| line["answer"]["varbinds"][0]["value"] == "agent-under-test")
        .count();
    assert_eq!(names, 5000);
}

#[test]
fn settings_in_the_list_apply_to_their_target() {
    let Some(agent) = Agent::start() else { return };
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (list, secrets) = (folder.path().join("list"), folder.path().join("secrets"));
    let port = agent.port;
    let text = format!(
        "127.0.0.1:{port}\n127.0.0.2:{port} community=other#one version=1 # a remark\n\
         127.0.0.3:{port} user=SHA-AES auth=SHA priv=AES\n127.0.0.4:{port} community=hush\n\
         127.0.0.5:{port} colour=hush\n"
    );
    fs::write(&list, text).expect("written");
    fs::write(&secrets, format!("# of the test\nauth-password={PASSWORD} priv-password={PRIVACY}\n"))
        .expect("written");
    let (list, secrets) = (list.to_str().expect("UTF-8"), secrets.to_str().expect("UTF-8"));
    let asked = run(&[
        "snmp",
        "get",
        "-i",
        list,
        "--secrets",
        secrets,
        "-o",
        "json",
        "--tries",
        "2",
        "1.3.6.1.2.1.1.5.0",
    ])
    .expect_code(0);
    let lines = asked.lines();
    let outcome = |host: &str| {
        let target = format!("{host}:{port}");
        lines
            .iter()
            .find(|line| line["target"] == target.as_str())
            .map(|line| line["outcome"].as_str().expect("text"))
    };
    assert_eq!(outcome("127.0.0.1"), Some("answered"), "{}", asked.stdout);
    assert_eq!(outcome("127.0.0.2"), Some("answered"), "{}", asked.stdout);
    assert_eq!(outcome("127.0.0.3"), Some("answered"), "{}", asked.stdout);
    assert_eq!(outcome("127.0.0.4"), Some("silent"), "{}", asked.stdout);
    assert_eq!(outcome("127.0.0.5"), None, "a bad line has no result");
    assert!(asked.stderr.contains("list:5: unknown setting"), "{}", asked.stderr);
    assert!(!format!("{}{}", asked.stdout, asked.stderr).contains("hush"), "the output contains a secret");
}
