//! The arguments of `drops`.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum, ValueHint};

use super::rates::{self, Ramp, Tolerance};
use crate::cli::commands::payload::PayloadArgs;
use crate::cli::output::Format;
use crate::cli::sweep::{ListArgs, SocketArgs};
use crate::cli::values::Window;

#[derive(Args, Debug)]
// Only one of its protocols has a payload.
#[command(mut_group("PayloadArgs", |group| group.required(false)))]
pub struct DropsArgs {
    /// Who is asked, round and round
    #[arg(value_name = "TARGET", required_unless_present = "input")]
    pub targets: Vec<String>,
    /// The port of targets that name none [default: of echo 7, of et 27960, of snmp 161]
    #[arg(long)]
    pub port: Option<u16>,
    #[command(flatten)]
    pub load: LoadArgs,
    /// How long each rate is kept
    #[arg(long, value_name = "DUR", default_value = "5s", value_parser = rates::step)]
    pub step: Duration,
    /// What the hosts are asked; raw needs --hex, --text or --file
    #[arg(long, value_enum, default_value_t = Spoken::Echo)]
    pub protocol: Spoken,
    /// Of snmp: the community
    #[arg(long, default_value = "public", env = "ALLEARS_COMMUNITY", hide_env_values = true)]
    pub community: String,
    #[command(flatten)]
    pub payload: PayloadArgs,
    /// Of raw: where in the payload the host echoes 8 bytes from, which a token replaces. Without it
    /// only one query for each target is in flight, and a late answer passes for the next one's
    #[arg(long, value_name = "OFFSET")]
    pub token_at: Option<usize>,
    /// How long an answer may take; one that comes later is late
    #[arg(long, value_name = "DUR", default_value = "1s", value_parser = rates::timeout)]
    pub timeout: Duration,
    /// The loss that is still good
    #[arg(long, value_name = "PERCENT", default_value = "0.1%")]
    pub tolerance: Tolerance,
    /// Every step once more the naive way: the system's default receive buffer, no window, each second's
    /// queries in one burst
    #[arg(long)]
    pub compare_naive: bool,

    #[command(flatten)]
    pub lists: ListArgs,

    /// Queries in flight, or `auto`: as many as the receive buffer can take the answers of
    #[arg(long, value_name = "N|auto", default_value = "auto", help_heading = "Socket")]
    pub window: Window,
    #[command(flatten)]
    pub socket: SocketArgs,

    /// How results are written; json is one object a step, as it happens, and one for all
    #[arg(short, long, value_enum, value_name = "FORMAT", default_value_t = Format::Table, help_heading = "Output")]
    pub output: Format,
    /// Write results to a file
    #[arg(long, value_name = "FILE", help_heading = "Output", value_hint = ValueHint::FilePath)]
    pub to: Option<PathBuf>,
    /// Draw loss and round trips over the rate; FILE ends in .svg or .html
    #[cfg(feature = "plot")]
    #[arg(long, value_name = "FILE", help_heading = "Output", value_hint = ValueHint::FilePath,
          value_parser = rates::picture)]
    pub plot: Option<PathBuf>,
    /// No progress, no warnings
    #[arg(short, long, help_heading = "Output")]
    pub quiet: bool,
}

/// Which rates are tried.
#[derive(Args, Debug)]
#[group(required = true, multiple = false)]
pub struct LoadArgs {
    /// Queries per second, step by step: 1k,5k,20k
    #[arg(long, value_name = "PPS,…", value_delimiter = ',', value_parser = rates::rate)]
    pub rates: Vec<f64>,
    /// Queries per second from … to … in steps of …: 10k:100k:10k
    #[arg(long, value_name = "FROM:TO:STEP")]
    pub ramp: Option<Ramp>,
}

/// What `drops` asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Spoken {
    /// A few bytes that the host sends back as they are (RFC 862)
    Echo,
    /// The status of an Enemy Territory server
    Et,
    /// The uptime of an SNMP agent
    Snmp,
    /// Any payload
    Raw,
}
