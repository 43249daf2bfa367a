//! The arguments shared by all sweeps.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use allears::engine::Timeout;
use allears::net;
use clap::{ArgGroup, Args, ValueHint};

use crate::cli::names::{Family, NameRules, ResolverKind};
use crate::cli::values::{self, Rate, Window};

/// The forms of a target, for the end of a command's help.
pub const TARGETS: &str = "\
Targets: HOST, HOST:PORT, [v6]:PORT, fe80::1%eth0, 10.0.0.0/24, 10.0.0.0/24:PORT, 10.0.0.5-10.0.0.9; or a list of them with -i";

/// Requires targets, as arguments or in a list: if there are none, the message names both ways.
pub fn some_target() -> ArgGroup {
    ArgGroup::new("some target").args(["targets", "input"]).required(true).multiple(true)
}

/// The arguments of every sweep.
#[derive(Args, Debug)]
pub struct SweepArgs {
    #[command(flatten)]
    pub lists: ListArgs,

    /// Packets per second in total, or `unlimited` [default: 1000, or what the command needs]
    #[arg(short, long, value_name = "PPS", help_heading = "Pace")]
    pub rate: Option<Rate>,
    /// Packets that may be sent at once
    #[arg(long, value_name = "N", default_value_t = 32, help_heading = "Pace")]
    pub burst: u32,
    /// Queries in flight, or `auto`: as many as the receive buffer can hold replies for
    #[arg(long, value_name = "N|auto", default_value = "auto", help_heading = "Pace")]
    pub window: Window,
    /// Minimum time between two packets to one host [default: 100ms, or what the protocol needs]
    #[arg(long, value_name = "DUR", value_parser = values::duration, help_heading = "Pace")]
    pub host_gap: Option<Duration>,
    /// Packets per second to one address, across all its ports, 8 at once; or `unlimited` [default: 20, or what the protocol
    /// needs]
    #[arg(long, value_name = "PPS", help_heading = "Pace")]
    pub host_rate: Option<Rate>,
    /// Packets per second to one /24 (IPv4) or /48 (IPv6), or `unlimited` [default: 500, or what the command needs]
    #[arg(long, value_name = "PPS", help_heading = "Pace")]
    pub prefix_rate: Option<Rate>,

    /// Memory for queries, answers and results: 64M, 1G [default: a quarter of what the process may use, at most 1G]
    #[arg(long, value_name = "BYTES", value_parser = values::size, help_heading = "Pace")]
    pub memory: Option<usize>,

    /// Timeout of each attempt, or `auto`: derived from the round trips measured so far
    #[arg(long, value_name = "DUR|auto", default_value = "auto", value_parser = values::timeout,
          help_heading = "Timeouts")]
    pub timeout: Timeout,
    /// Attempts per query [default: 3, or what the command needs]
    #[arg(long, value_name = "N", help_heading = "Timeouts")]
    pub tries: Option<u32>,
    /// End the whole sweep after this time
    #[arg(long, value_name = "DUR", value_parser = values::duration, help_heading = "Timeouts")]
    pub deadline: Option<Duration>,

    #[command(flatten)]
    pub socket: SocketArgs,

    /// Write results to a file
    #[arg(long, value_name = "FILE", help_heading = "Output", value_hint = ValueHint::FilePath)]
    pub to: Option<PathBuf>,
    /// Also show hosts that did not answer
    #[arg(long, help_heading = "Output")]
    pub all: bool,
    /// Write the ledger as JSON at the end; - is standard output
    #[arg(long, value_name = "FILE", help_heading = "Output", value_hint = ValueHint::FilePath)]
    pub stats: Option<PathBuf>,
    /// No progress, no warnings, no summary
    #[arg(short, long, help_heading = "Output")]
    pub quiet: bool,
}

/// The sources of targets besides the arguments.
#[derive(Args, Debug)]
pub struct ListArgs {
    /// Read targets from a file, one per line, # for comments; - is standard input (repeatable)
    #[arg(short, long, value_name = "FILE", help_heading = "Input", value_hint = ValueHint::FilePath)]
    pub input: Vec<PathBuf>,
    /// Refuse bad lines (exit code 2) before anything is sent
    #[arg(long, help_heading = "Input")]
    pub strict: bool,
    /// Only IPv4: for names, and addresses of the other family are bad lines
    #[arg(short = '4', long, help_heading = "Input", conflicts_with = "ipv6")]
    pub ipv4: bool,
    /// Only IPv6
    #[arg(short = '6', long, help_heading = "Input")]
    pub ipv6: bool,
    /// The way in which host names are resolved
    #[arg(long, value_enum, value_name = "WAY", default_value_t, help_heading = "Input")]
    pub resolver: ResolverKind,
    /// Query every address of a name, not only the first
    #[arg(long, help_heading = "Input")]
    pub all_addresses: bool,
}

impl ListArgs {
    /// Returns the rules for names.
    pub fn names(&self) -> NameRules {
        let family = match (self.ipv4, self.ipv6) {
            (true, _) => Some(Family::Ipv4),
            (_, true) => Some(Family::Ipv6),
            _ => None,
        };
        NameRules { family, all: self.all_addresses, resolver: self.resolver, rate: None }
    }
}

/// The socket to send from.
#[derive(Args, Clone, Copy, Debug)]
pub struct SocketArgs {
    /// Send from this address
    #[arg(long, value_name = "ADDR[:PORT]", value_parser = values::bind, help_heading = "Socket")]
    pub bind: Option<SocketAddr>,
    /// Receive buffer in bytes: 4M [default: as large as the system grants]
    #[arg(long, value_name = "BYTES", value_parser = values::size, help_heading = "Socket")]
    pub rcvbuf: Option<usize>,
}

impl From<SocketArgs> for net::Options {
    fn from(SocketArgs { bind, rcvbuf }: SocketArgs) -> net::Options {
        net::Options::default().with_bind(bind).with_rcvbuf(rcvbuf)
    }
}
