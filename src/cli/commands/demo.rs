//! `demo`: a fleet of 2,000 game servers, and two sweeps over it.

use std::env;
use std::io::{self, BufRead, BufReader, Write};
use std::process::{Child, ChildStdout, Command as Process, Stdio};

use allears::net;
use anyhow::{Context, Result, bail};
use clap::Parser;
use serde_json::Value;

use super::games;
use crate::cli::exit::Exit;
use crate::cli::{Cli, Command};

/// The fleet. qstat, tuned, takes 5.1 s for it and finds 1,394 of 1,400 servers.
const FLEET: [&str; 12] = [
    "fleet",
    "--hosts",
    "2000",
    "--latency",
    "67ms,0.6",
    "--dead",
    "0.3",
    "--loss",
    "0.05",
    "--wanted",
    PLAYER,
    "--until-eof",
];
const PLAYER: &str = "NightOwl";
const ROWS: usize = 12;

/// `allears demo`.
pub fn run() -> Result<Exit> {
    let mut fleet = Fleet::start()?;
    let alive = fleet.opening["alive"].as_u64().unwrap_or_default();
    let master = fleet.opening["master"].as_str().context("the fleet has no master")?.to_owned();
    say("2,000 simulated game servers listen on this machine. 30 % of them are dead, 5 % of all requests")?;
    say("get lost, and a round trip takes 67 ms in the median, for some servers 400 ms.")?;

    let listing = sweep(&format!("allears games --master {master} --rate 2000 --tries 4"))?;
    say(&format!("… and {} more", listing.counts.listed.saturating_sub(ROWS as u64)))?;
    let cpu = net::cpu_time();
    if listing.swept.exit == Exit::Interrupted {
        return Ok(Exit::Interrupted);
    }
    let finding =
        sweep(&format!("allears find {} --first --master {master} --rate 2000", PLAYER.to_lowercase()))?;
    if finding.swept.exit == Exit::Interrupted {
        return Ok(Exit::Interrupted);
    }

    let closing = fleet.stop()?;
    say("")?;
    say(&format!("servers   {} of {alive} live ones answered", listing.counts.tally.answered))?;
    say(&format!("time      {:.1} s, of that {} of CPU", listing.swept.elapsed.as_secs_f64(), seconds(cpu)))?;
    say(&format!("memory    {}", mebibytes(net::max_rss())))?;
    say(&format!("lost      {} replies in the local receive buffer", number(listing.swept.local_drops)))?;
    let sent = listing.swept.ledger.datagrams_sent + finding.swept.ledger.datagrams_sent;
    let received = closing["received"].as_u64();
    let verdict = if received == Some(sent) { "the ledgers agree" } else { "the ledgers DISAGREE" };
    say(&format!("ledger    {sent} datagrams sent; the fleet received {}: {verdict}", number(received)))?;
    Ok(Exit::Success)
}

/// Prints a command line, and runs it.
fn sweep(line: &str) -> Result<games::Done> {
    say(&format!("\n$ {line}"))?;
    match Cli::try_parse_from(line.split(' '))?.command {
        Command::Games(args) => games::list(&args, ROWS),
        Command::Find(args) => games::search(&args),
        _ => bail!("`{line}` is not a sweep"),
    }
}

/// The fleet in a separate process, so that the CPU time shown is the sweep's.
struct Fleet {
    process: Child,
    lines: BufReader<ChildStdout>,
    opening: Value,
}

impl Fleet {
    fn start() -> Result<Fleet> {
        let program = env::current_exe().context("cannot find this program")?;
        let mut command = Process::new(program);
        command.args(FLEET).stdin(Stdio::piped()).stdout(Stdio::piped());
        // Ctrl-C is meant for the sweep. The fleet ends when its standard input does.
        #[cfg(unix)]
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        let mut process = command.spawn().context("cannot start the fleet")?;
        let stdout = process.stdout.take().context("the fleet has no output")?;
        let mut fleet = Fleet { process, lines: BufReader::new(stdout), opening: Value::Null };
        fleet.opening = fleet.line()?;
        Ok(fleet)
    }

    /// Reads the fleet's next line.
    fn line(&mut self) -> Result<Value> {
        let mut line = String::new();
        self.lines.read_line(&mut line).context("cannot read from the fleet")?;
        serde_json::from_str(&line).context("cannot start the fleet")
    }

    /// Stops the fleet, and returns its counters.
    fn stop(&mut self) -> Result<Value> {
        drop(self.process.stdin.take());
        let closing = self.line()?;
        self.process.wait().context("cannot wait for the fleet")?;
        Ok(closing)
    }
}

impl Drop for Fleet {
    fn drop(&mut self) {
        drop(self.process.stdin.take());
        let _ = self.process.wait();
    }
}

fn say(line: &str) -> io::Result<()> {
    writeln!(io::stdout(), "{line}")
}

fn seconds(duration: Option<std::time::Duration>) -> String {
    duration.map_or("unknown".into(), |duration| format!("{:.2} s", duration.as_secs_f64()))
}

fn mebibytes(bytes: Option<u64>) -> String {
    bytes.map_or("unknown".into(), |bytes| format!("{:.1} MiB", bytes as f64 / f64::from(1 << 20)))
}

fn number(number: Option<u64>) -> String {
    number.map_or("unknown".into(), |number| number.to_string())
}
