//! The arguments of `fleet`.

use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::time::Duration;

use allears::sim::{HostProtocol, Late, Latency, Limit, PROTOCOLS};
use clap::builder::TypedValueParser;
use clap::{Args, ValueHint};

use crate::cli::values::{duration, entry_of, fraction};

#[derive(Args, Debug)]
pub struct FleetArgs {
    /// Number of hosts
    #[arg(long, value_name = "N", default_value_t = 2000)]
    pub hosts: u32,
    /// Protocol of the hosts
    #[arg(long, value_name = "PROTOCOL", default_value = PROTOCOLS[0].id,
          value_parser = entry_of(PROTOCOLS, |protocol| (protocol.id, protocol.about)))]
    pub protocol: &'static HostProtocol,
    /// snmp: interfaces of each agent, up to 10000 [default: 2]
    #[arg(long, value_name = "N")]
    pub interfaces: Option<u32>,
    /// Address of the first host; the others follow
    #[arg(long, value_name = "ADDR", default_value = "127.1.0.1")]
    pub base: Ipv4Addr,
    /// Port of all hosts; 0 = any free one
    #[arg(long, default_value_t = 0)]
    pub port: u16,
    /// Port of the master, at 127.0.0.1; 0 = any free one
    #[arg(long, value_name = "PORT", default_value_t = 0)]
    pub master_port: u16,
    /// Seed of all random decisions
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub seed: u64,
    /// End after this time
    #[arg(long = "for", value_name = "DUR", value_parser = duration)]
    pub duration: Option<Duration>,
    /// Write all HOST:PORT to a file
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub targets: Option<PathBuf>,
    /// Put a player of this name on exactly one host
    #[arg(long, value_name = "NAME")]
    pub wanted: Option<String>,
    /// Rate limit of the hosts
    #[arg(long, default_value = "none", value_parser = limit())]
    pub limit: Limit,
    #[command(flatten)]
    pub faults: FaultArgs,
    /// End when standard input ends: for programs that start a fleet
    #[arg(long, hide = true)]
    pub until_eof: bool,
}

/// The faults of a fleet.
#[derive(Args, Debug)]
#[command(next_help_heading = "Faults")]
pub struct FaultArgs {
    /// Fraction of hosts that never reply
    #[arg(long, value_name = "F", default_value_t = 0.0, value_parser = fraction)]
    pub dead: f64,
    /// Fraction of requests that are lost
    #[arg(long, value_name = "F", default_value_t = 0.0, value_parser = fraction)]
    pub loss: f64,
    /// Fraction of replies that are lost
    #[arg(long, value_name = "F", default_value_t = 0.0, value_parser = fraction)]
    pub reply_loss: f64,
    /// Fraction of replies that arrive twice
    #[arg(long, value_name = "F", default_value_t = 0.0, value_parser = fraction)]
    pub duplicate: f64,
    /// Time from request to reply: log-normal, each host its own
    #[arg(long, value_name = "MEDIAN[,SIGMA]", default_value = "5ms", value_parser = latency)]
    pub latency: Latency,
    /// Fraction of replies that are late, and by how much
    #[arg(long, value_name = "F:DUR", default_value = "0:0", value_parser = late)]
    pub late: Late,
    /// Fraction of hosts that reply from another address
    #[arg(long, value_name = "F", default_value_t = 0.0, value_parser = fraction)]
    pub wrong_source: f64,
    /// Fraction of hosts whose replies are malformed
    #[arg(long, value_name = "F", default_value_t = 0.0, value_parser = fraction)]
    pub garbage: f64,
    /// Forged replies per second, with wrong tokens
    #[arg(long, value_name = "PPS", default_value_t = 0.0)]
    pub forge: f64,
    /// Fraction of hosts with one fault of their protocol, such as too-big=0.1 for snmp; an unknown KIND lists them all
    /// (repeatable; no host has two)
    #[arg(long, value_name = "KIND=F", value_parser = misbehaviour)]
    pub misbehave: Vec<(&'static str, f64)>,
}

/// Parses `MEDIAN[,SIGMA]`: the median of a log-normal latency, and the sigma of its logarithm.
fn latency(text: &str) -> Result<Latency, String> {
    let (median, sigma) = text.split_once(',').unwrap_or((text, "0"));
    let sigma = sigma.parse().map_err(|_| "the sigma must be a number, as in 67ms,0.6")?;
    Ok(Latency { median: duration(median)?, sigma })
}

/// Parses `FRACTION:DURATION`: the share of late replies, and their delay.
fn late(text: &str) -> Result<Late, String> {
    let (part, by) = text.split_once(':').ok_or("expected a fraction and a duration, such as 0.01:3s")?;
    Ok(Late { fraction: fraction(part)?, by: duration(by)? })
}

/// Parses `KIND=FRACTION`: a fault of hosts, and the share of hosts that have it.
fn misbehaviour(text: &str) -> Result<(&'static str, f64), String> {
    let (kind, part) = text.split_once('=').ok_or("expected a kind and a fraction: too-big=0.1")?;
    let known = PROTOCOLS.iter().flat_map(|protocol| protocol.faults).find(|name| **name == kind);
    let kinds = PROTOCOLS.iter().filter(|protocol| !protocol.faults.is_empty());
    let kinds =
        kinds.map(|protocol| format!("--protocol {} has {}", protocol.id, protocol.faults.join(", ")));
    let name =
        known.ok_or_else(|| format!("unknown kind {kind:?}: {}", kinds.collect::<Vec<_>>().join("; ")))?;
    Ok((name, fraction(part)?))
}

/// Parses the name of a rate limit.
fn limit() -> impl TypedValueParser<Value = Limit> {
    entry_of(&Limit::ALL, |(name, _)| (name, "")).map(|(_, limit)| *limit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fleet_arguments_with_two_parts() {
        let expected = Latency { median: Duration::from_millis(67), sigma: 0.6 };
        assert_eq!(latency("67ms,0.6"), Ok(expected));
        assert_eq!(latency("67ms"), Ok(Latency { sigma: 0.0, ..expected }));
        assert_eq!(late("0.1:3s"), Ok(Late { fraction: 0.1, by: Duration::from_secs(3) }));
        assert!(late("1.1:3s").is_err() && late("0.1").is_err());
        assert_eq!(misbehaviour("too-big-empty=0.5"), Ok(("too-big-empty", 0.5)));
        for wrong in ["too-big", "too-big=2", "=0.5", "toobig=0.5"] {
            assert!(misbehaviour(wrong).is_err(), "{wrong}");
        }
    }
}
