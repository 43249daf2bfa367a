//! The arguments of `drops`.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueHint};

use super::protocols::{DropsProtocol, PROTOCOLS};
use super::rates::{self, Ramp, Tolerance};
use crate::cli::commands::payload::PayloadArgs;
use crate::cli::output::Format;
use crate::cli::sweep::{ListArgs, SocketArgs, some_target};
use crate::cli::values::{Window, entry_of};

#[derive(Args, Debug)]
// Only one of the protocols has a payload.
#[command(mut_group("PayloadArgs", |group| group.required(false)), group(some_target()))]
pub struct DropsArgs {
    /// The hosts to query, round-robin
    #[arg(value_name = "TARGET")]
    pub targets: Vec<String>,
    /// The port of targets that specify none [default: the protocol's]
    #[arg(long)]
    pub port: Option<u16>,
    #[command(flatten)]
    pub load: LoadArgs,
    /// Duration of each rate
    #[arg(long, value_name = "DUR", default_value = "5s", value_parser = rates::step)]
    pub step: Duration,
    /// Protocol of the hosts; raw needs --hex, --text or --file
    #[arg(long, value_name = "PROTOCOL", default_value = PROTOCOLS[0].id,
          value_parser = entry_of(&PROTOCOLS, |protocol| (protocol.id, protocol.about)))]
    pub protocol: &'static DropsProtocol,
    /// snmp: community
    #[arg(long, default_value = "public", env = "ALLEARS_COMMUNITY", hide_env_values = true)]
    pub community: String,
    #[command(flatten)]
    pub payload: PayloadArgs,
    /// raw: replace 8 bytes of the payload from this offset on by a random token, where the host echoes them. Without
    /// it, each target has one query in flight, and a late reply is taken for the reply to the next
    #[arg(long, value_name = "OFFSET")]
    pub token_at: Option<usize>,
    /// Timeout of a reply; one that arrives later counts as late
    #[arg(long, value_name = "DUR", default_value = "1s", value_parser = rates::timeout)]
    pub timeout: Duration,
    /// Loss that is still acceptable
    #[arg(long, value_name = "PERCENT", default_value = "0.1%")]
    pub tolerance: Tolerance,
    /// Run every step once more with a naive loop: with the system's default receive buffer, no window, each second's
    /// queries in one burst
    #[arg(long)]
    pub compare_naive: bool,

    #[command(flatten)]
    pub lists: ListArgs,

    /// Queries in flight, or `auto`: as many as the receive buffer can hold replies for
    #[arg(long, value_name = "N|auto", default_value = "auto", help_heading = "Socket")]
    pub window: Window,
    #[command(flatten)]
    pub socket: SocketArgs,

    /// Output format; json is one object per step, as it ends, and a summary
    #[arg(short, long, value_enum, value_name = "FORMAT", default_value_t = Format::Table, help_heading = "Output")]
    pub output: Format,
    /// Write results to a file
    #[arg(long, value_name = "FILE", help_heading = "Output", value_hint = ValueHint::FilePath)]
    pub to: Option<PathBuf>,
    /// Plot loss and round trips against the rate into a file: .svg or .html
    #[cfg(feature = "plot")]
    #[arg(long, value_name = "FILE", help_heading = "Output", value_hint = ValueHint::FilePath,
          value_parser = rates::picture)]
    pub plot: Option<PathBuf>,
    /// No progress, no warnings
    #[arg(short, long, help_heading = "Output")]
    pub quiet: bool,
}

/// The rates to try.
#[derive(Args, Debug)]
#[group(required = true, multiple = false)]
pub struct LoadArgs {
    /// Queries per second, step by step: 1k,5k,20k
    #[arg(long, value_name = "PPS,…", value_delimiter = ',', value_parser = rates::rate)]
    pub rates: Vec<f64>,
    /// Queries per second, evenly spaced: 10k:100k:10k
    #[arg(long, value_name = "FROM:TO:STEP")]
    pub ramp: Option<Ramp>,
}
