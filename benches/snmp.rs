//! Measures variable bindings per second of one core: GETBULKs of 25 repetitions to simulated agents in a separate
//! process, decoded and counted; and the same with the command, written as JSON lines to a file.
//!
//! `cargo bench --bench snmp`. The relevant figure is per second of CPU of the querying side; the agents have the other
//! core.

#[cfg(target_os = "linux")]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    linux::main()
}

#[cfg(not(target_os = "linux"))]
fn main() {
    eprintln!("the fleet needs Linux");
}

#[cfg(target_os = "linux")]
mod linux {
    use std::io::{BufRead, BufReader};
    use std::net::{Ipv4Addr, SocketAddr};
    use std::process::{Child, Command, Stdio};
    use std::sync::Arc;
    use std::time::Duration;

    use allears::engine::{Config, Engine, Outcome, Timeout};
    use allears::net::{self, Net, Options};
    use allears::protocol::snmp::{Credentials, Operation, Question, Request, Snmp, Value, Version};
    use serde_json::Value as Json;

    const ALLEARS: &str = env!("CARGO_BIN_EXE_allears");
    const HOSTS: u32 = 2_000;
    const POLLS: usize = 100;
    const REPETITIONS: u32 = 25;
    const WINDOW: u32 = 512;
    const ROUNDS: usize = 5;

    type Error = Box<dyn std::error::Error>;

    /// Agents in a separate process, which ends when this value is dropped.
    struct Fleet {
        child: Child,
        port: u16,
    }

    impl Fleet {
        fn start() -> Result<Fleet, Error> {
            let hosts = HOSTS.to_string();
            let mut child = Command::new(ALLEARS)
                .args(["fleet", "--protocol", "snmp", "--interfaces", "30", "--latency", "0"])
                .args(["--hosts", &hosts])
                .stdout(Stdio::piped())
                .spawn()?;
            let mut line = String::new();
            BufReader::new(child.stdout.take().ok_or("piped")?).read_line(&mut line)?;
            let opening: Json = serde_json::from_str(&line)?;
            let first: SocketAddr = opening["first"].as_str().ok_or("an address")?.parse()?;
            Ok(Fleet { child, port: first.port() })
        }
    }

    impl Drop for Fleet {
        fn drop(&mut self) {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }

    pub fn main() -> Result<(), Error> {
        let fleet = Fleet::start()?;
        println!("{HOSTS} agents, {POLLS} GETBULKs of {REPETITIONS} each, window {WINDOW}; varbinds");
        println!("{:>34}{:>34}", "decoded and counted", "written as JSON lines");
        for _ in 0..ROUNDS {
            let counted = count(fleet.port)?;
            let written = write(fleet.port)?;
            println!("{counted}{written}");
        }
        Ok(())
    }

    /// Formats variable bindings per second, and per second of CPU.
    fn figures(varbinds: u64, elapsed: f64, cpu: f64) -> String {
        let varbinds = varbinds as f64;
        format!("{:>14.0}/s {:>14.0}/CPU-s", varbinds / elapsed, varbinds / cpu)
    }

    fn count(port: u16) -> Result<String, Error> {
        let mut net = Net::open(&Options::default().with_bind(Some("0.0.0.0:0".parse()?)))?;
        let (start, cpu) = (net.now(), net::cpu_time());
        let mut snmp = Snmp::new(1);
        let public = snmp.add_credentials(Credentials::community(Version::V2c, b"public"));
        let request = Arc::new(Request {
            operation: Operation::GetBulk { non_repeaters: 0, max_repetitions: REPETITIONS },
            oids: vec!["1.3.6.1.2.1.2.2.1.10".parse()?],
            with_uptime: false,
        });
        let config = Config::unlimited()
            .with_window(Some(WINDOW))
            .with_timeout(Timeout::Fixed(Duration::from_secs(2)));
        let mut engine = Engine::new(snmp, config, net::random_key()?)?;
        let base = u32::from(Ipv4Addr::new(127, 1, 0, 1));
        let all = (0..HOSTS).map(|host| SocketAddr::from((Ipv4Addr::from(base + host), port)));
        let mut targets = std::iter::repeat_n(all, POLLS).flatten();
        let (mut varbinds, mut octets) = (0u64, 0u64);
        loop {
            while engine.room() > 0 {
                let Some(target) = targets.next() else { break };
                engine.ask(target, Question { credentials: public, request: request.clone() }, ())?;
            }
            if engine.is_idle() {
                break;
            }
            net.turn(&mut engine, None)?;
            while let Some(completion) = engine.poll_completion() {
                let Outcome::Answered(answer) = completion.outcome else { continue };
                for varbind in answer.varbinds() {
                    varbinds += 1;
                    if let Value::Counter32(count) = varbind.value {
                        octets = octets.wrapping_add(count.into());
                    }
                }
            }
        }
        std::hint::black_box(octets);
        assert_eq!(varbinds, u64::from(HOSTS * REPETITIONS) * POLLS as u64, "{:?}", engine.ledger());
        let cpu = net::cpu_time().zip(cpu).ok_or("no CPU time")?;
        Ok(figures(varbinds, (net.now() - start).as_secs_f64(), (cpu.0 - cpu.1).as_secs_f64()))
    }

    fn write(port: u16) -> Result<String, Error> {
        let folder = tempfile::tempdir()?;
        let (list, out) = (folder.path().join("list"), folder.path().join("out"));
        let base = u32::from(Ipv4Addr::new(127, 1, 0, 1));
        let hosts: String =
            (0..HOSTS).map(|host| format!("{}:{port}\n", Ipv4Addr::from(base + host))).collect();
        std::fs::write(&list, hosts.repeat(POLLS / 4))?;
        let output = Command::new(ALLEARS)
            .args([
                "snmp",
                "bulk",
                "-Cr25",
                "-o",
                "json",
                "--rate",
                "unlimited",
                "--prefix-rate",
                "unlimited",
            ])
            .args(["--window", &WINDOW.to_string(), "--stats", "-", "--to"])
            .arg(&out)
            .arg("-i")
            .arg(&list)
            .arg("1.3.6.1.2.1.2.2.1.10")
            .output()?;
        let stats: Json = serde_json::from_slice(&output.stdout)?;
        let number = |key: &str| stats[key].as_f64().ok_or("a number");
        let answered = number("answered")? as u64;
        assert_eq!(answered, u64::from(HOSTS) * POLLS as u64 / 4, "{stats}");
        let varbinds = answered * u64::from(REPETITIONS);
        Ok(figures(varbinds, number("elapsed_s")?, number("cpu_s")?))
    }
}
