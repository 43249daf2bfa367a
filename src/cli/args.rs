//! What can be typed: the raw arguments, as clap reads them.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use allears::engine::Timeout;
use allears::net;
use allears::sim::{Late, Latency, SnmpFault};
use clap::{ArgAction, Args, Parser, Subcommand, ValueEnum, ValueHint};

use super::commands::drops::rates::{self, Ramp, Tolerance};
use super::commands::games;
use super::commands::games::filter::{self, Condition};
use super::commands::snmp::args::SnmpCommand;
use super::units::{self, Rate, Window};

/// Asks thousands to millions of hosts over one UDP socket, and hears every answer.
#[derive(Debug, Parser)]
#[command(version, about, max_term_width = 100, after_help = EXIT_CODES)]
pub struct Cli {
    #[command(subcommand)]
    pub command: Command,
}

const EXIT_CODES: &str = "\
Exit codes:
    0  the sweep ran to its end (and `find` found)
    1  `find` found nobody, or not one host answered
    2  wrong usage or, with --strict, bad input
    3  the system failed us (socket, file)
  130  interrupted";

pub const TARGETS: &str = "\
Targets: HOST, HOST:PORT, [v6]:PORT, 10.0.0.0/24, 10.0.0.0/24:PORT, 10.0.0.5-10.0.0.9; or a list of them by -i";

const DROPS: &str = "\
Targets: HOST, HOST:PORT, [v6]:PORT, 10.0.0.0/24, 10.0.0.0/24:PORT, 10.0.0.5-10.0.0.9; or a list of them by -i

The rates are kept towards whoever is named: there is no limit for a host or a network here, and no
second try. Ask only hosts that you may put under load.";

#[derive(Debug, Subcommand)]
pub enum Command {
    /// List game servers, from a master server or from a list, and find players
    #[command(after_help = TARGETS)]
    Games(GamesArgs),
    /// Find a player: every hit is printed the moment it arrives
    #[command(after_help = TARGETS)]
    Find(FindArgs),
    /// Poll SNMP agents: names, or whole subtrees
    #[command(subcommand)]
    Snmp(Box<SnmpCommand>),
    /// Send any payload, and show what comes back
    #[command(after_help = TARGETS)]
    Probe(ProbeArgs),
    /// How many answers get lost at which rate, and where
    #[command(after_help = DROPS)]
    Drops(DropsArgs),
    /// Simulate hosts on a real socket, for demonstrations, tests and measurements
    Fleet(FleetArgs),
    /// Show it: a fleet of 2,000 game servers, and a sweep over it
    Demo,
}

#[derive(Args, Debug)]
pub struct GamesArgs {
    #[command(flatten)]
    pub servers: ServersArgs,
    /// List only servers with a player of this name (substring): as `find`
    #[arg(long, value_name = "NAME")]
    pub player: Option<String>,
    #[command(flatten)]
    pub naming: NamingArgs,
    /// The table's order
    #[arg(long, value_enum, default_value_t = Sort::Players)]
    pub sort: Sort,
}

#[derive(Args, Debug)]
pub struct FindArgs {
    /// The player: part of the name, upper and lower case alike, without colour codes
    pub name: String,
    #[command(flatten)]
    pub naming: NamingArgs,
    #[command(flatten)]
    pub servers: ServersArgs,
}

/// How a player's name is meant.
#[derive(Args, Clone, Copy, Debug)]
pub struct NamingArgs {
    /// The player's whole name, not a part of it
    #[arg(long, conflicts_with = "regex")]
    pub exact: bool,
    /// The player's name is a regular expression
    #[arg(long)]
    pub regex: bool,
    /// Stop at the first player found
    #[arg(long)]
    pub first: bool,
}

/// Which servers are asked, and which are listed.
#[derive(Args, Debug)]
pub struct ServersArgs {
    /// Servers; without any (and without -i) the game's masters are asked for them
    #[arg(value_name = "TARGET")]
    pub targets: Vec<String>,
    /// The game
    #[arg(long, value_name = "ID", default_value = "et", value_parser = games::ids())]
    pub game: String,
    /// A master server to ask for the list, instead of the game's own (repeatable)
    #[arg(long = "master", value_name = "HOST[:PORT]")]
    pub masters: Vec<String>,
    /// Only servers that fit: map=oasis, players>3, humans>=1, full, !empty, ping<80, name~REGEX,
    /// mod=jaymod; several by commas, all have to hold (repeatable)
    #[arg(long = "where", value_name = "CONDITION", value_parser = filter::conditions, action = ArgAction::Append)]
    pub conditions: Vec<Vec<Condition>>,
    /// How results are written; json is one object a line, as it happens
    #[arg(short, long, value_enum, value_name = "FORMAT", default_value_t = Format::Table, help_heading = "Output")]
    pub output: Format,
    #[command(flatten)]
    pub sweep: SweepArgs,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Sort {
    Players,
    Ping,
    Name,
    Map,
}

#[derive(Args, Debug)]
pub struct ProbeArgs {
    /// Who is asked
    #[arg(value_name = "TARGET", required_unless_present = "input")]
    pub targets: Vec<String>,
    /// The port of targets that name none
    #[arg(long)]
    pub port: Option<u16>,
    #[command(flatten)]
    pub payload: PayloadArgs,
    /// Only a reply that starts so is an answer: text with the escapes of --text
    #[arg(long, value_name = "TEXT")]
    pub expect_prefix: Option<String>,
    /// Where in the payload the host echoes 8 bytes from: they are replaced by a token, which makes
    /// answers unforgeable and round trips exact
    #[arg(long, value_name = "OFFSET")]
    pub token_at: Option<usize>,
    /// How results are written; json is one object a line, as it happens
    #[arg(short, long, value_enum, value_name = "FORMAT", default_value_t = Format::Table, help_heading = "Output")]
    pub output: Format,
    #[command(flatten)]
    pub sweep: SweepArgs,
}

#[derive(Args, Debug)]
#[group(required = true, multiple = false)]
pub struct PayloadArgs {
    /// The payload in hexadecimal; spaces and colons are skipped
    #[arg(long, value_name = "DIGITS")]
    pub hex: Option<String>,
    /// The payload as text, with the escapes \n \r \t \0 \\ \xFF
    #[arg(long)]
    pub text: Option<String>,
    /// The payload from a file
    #[arg(long, value_hint = ValueHint::FilePath)]
    pub file: Option<PathBuf>,
}

/// What all sweeps have in common.
#[derive(Args, Debug)]
pub struct SweepArgs {
    #[command(flatten)]
    pub lists: ListArgs,

    /// Packets per second in all, or `unlimited`
    #[arg(short, long, value_name = "PPS", default_value = "1000", help_heading = "Pace")]
    pub rate: Rate,
    /// Packets that may leave at once
    #[arg(long, value_name = "N", default_value_t = 32, help_heading = "Pace")]
    pub burst: u32,
    /// Queries in flight, or `auto`: as many as the receive buffer can take the answers of
    #[arg(long, value_name = "N|auto", default_value = "auto", help_heading = "Pace")]
    pub window: Window,
    /// The least time between two packets to one host [default: 100ms, or what the game needs; for
    /// snmp 0, as an answer is waited for]
    #[arg(long, value_name = "DUR", value_parser = units::duration, help_heading = "Pace")]
    pub host_gap: Option<Duration>,
    /// Packets per second to one /24 (IPv4) or /48 (IPv6), or `unlimited`
    #[arg(long, value_name = "PPS", default_value = "500", help_heading = "Pace")]
    pub prefix_rate: Rate,

    /// How long each attempt waits, or `auto`: by the round trips seen so far
    #[arg(long, value_name = "DUR|auto", default_value = "auto", value_parser = units::timeout,
          help_heading = "Patience")]
    pub timeout: Timeout,
    /// Attempts for each query
    #[arg(long, value_name = "N", default_value_t = 3, help_heading = "Patience")]
    pub tries: u32,
    /// End the whole sweep after this time
    #[arg(long, value_name = "DUR", value_parser = units::duration, help_heading = "Patience")]
    pub deadline: Option<Duration>,

    #[command(flatten)]
    pub socket: SocketArgs,

    /// Write results to a file
    #[arg(long, value_name = "FILE", help_heading = "Output", value_hint = ValueHint::FilePath)]
    pub to: Option<PathBuf>,
    /// Also the hosts that did not answer
    #[arg(long, help_heading = "Output")]
    pub all: bool,
    /// Write the ledger as JSON at the end; - is standard output
    #[arg(long, value_name = "FILE", help_heading = "Output", value_hint = ValueHint::FilePath)]
    pub stats: Option<PathBuf>,
    /// No progress, no warnings, no summary
    #[arg(short, long, help_heading = "Output")]
    pub quiet: bool,
}

/// Where targets come from besides the arguments.
#[derive(Args, Debug)]
pub struct ListArgs {
    /// Targets from a file, one a line, # for comments; - is standard input (repeatable)
    #[arg(short, long, value_name = "FILE", help_heading = "Input", value_hint = ValueHint::FilePath)]
    pub input: Vec<PathBuf>,
    /// Refuse bad lines (exit code 2) before anything is sent
    #[arg(long, help_heading = "Input")]
    pub strict: bool,
}

/// The socket that is asked from.
#[derive(Args, Clone, Copy, Debug)]
pub struct SocketArgs {
    /// Send from this address
    #[arg(long, value_name = "ADDR[:PORT]", value_parser = units::bind, help_heading = "Socket")]
    pub bind: Option<SocketAddr>,
    /// Bytes of receive buffer: 4M [default: as many as the system grants]
    #[arg(long, value_name = "BYTES", value_parser = units::size, help_heading = "Socket")]
    pub rcvbuf: Option<usize>,
}

impl From<SocketArgs> for net::Options {
    fn from(SocketArgs { bind, rcvbuf }: SocketArgs) -> net::Options {
        net::Options { bind, rcvbuf, ..net::Options::default() }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    Table,
    Json,
    Csv,
}

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

#[derive(Args, Debug)]
pub struct FleetArgs {
    /// How many hosts
    #[arg(long, value_name = "N", default_value_t = 2000)]
    pub hosts: u32,
    /// What they speak
    #[arg(long, default_value = "et", value_parser = ["et", "echo", "snmp"])]
    pub protocol: String,
    /// Of snmp: how many interfaces each agent has, up to 10000
    #[arg(long, value_name = "N", default_value_t = 2)]
    pub interfaces: u32,
    /// The address of the first host; the others follow it
    #[arg(long, value_name = "ADDR", default_value = "127.1.0.1")]
    pub base: Ipv4Addr,
    /// The port of all hosts; 0 = any free one
    #[arg(long, default_value_t = 0)]
    pub port: u16,
    /// The port of the master, at 127.0.0.1; 0 = any free one
    #[arg(long, value_name = "PORT", default_value_t = 0)]
    pub master_port: u16,
    /// Decides everything that is left to chance
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub seed: u64,
    /// End after this time
    #[arg(long = "for", value_name = "DUR", value_parser = units::duration)]
    pub duration: Option<Duration>,
    /// Write all HOST:PORT to a file
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub targets: Option<PathBuf>,
    /// A player on exactly one host
    #[arg(long, value_name = "NAME")]
    pub wanted: Option<String>,
    /// The hosts' own rate limit
    #[arg(long, default_value = "none", value_parser = ["none", "ioq3", "protect2", "darkplaces"])]
    pub limit: String,
    #[command(flatten)]
    pub faults: FaultArgs,
    /// End when standard input ends: for programs that start a fleet
    #[arg(long, hide = true)]
    pub until_eof: bool,
}

/// What goes wrong in a fleet.
#[derive(Args, Debug)]
#[command(next_help_heading = "Faults")]
pub struct FaultArgs {
    /// Fraction of the hosts that never answer
    #[arg(long, value_name = "F", default_value_t = 0.0, value_parser = units::fraction)]
    pub dead: f64,
    /// Fraction of the requests that get lost
    #[arg(long, value_name = "F", default_value_t = 0.0, value_parser = units::fraction)]
    pub loss: f64,
    /// Fraction of the replies that get lost
    #[arg(long, value_name = "F", default_value_t = 0.0, value_parser = units::fraction)]
    pub reply_loss: f64,
    /// Fraction of the replies that come twice
    #[arg(long, value_name = "F", default_value_t = 0.0, value_parser = units::fraction)]
    pub duplicate: f64,
    /// From request to reply: log-normal, each host its own
    #[arg(long, value_name = "MEDIAN[,SIGMA]", default_value = "5ms", value_parser = units::latency)]
    pub latency: Latency,
    /// Replies that come later by so much
    #[arg(long, value_name = "F:DUR", default_value = "0:0", value_parser = units::late)]
    pub late: Late,
    /// Fraction of the hosts that answer from another address
    #[arg(long, value_name = "F", default_value_t = 0.0, value_parser = units::fraction)]
    pub wrong_source: f64,
    /// Fraction of the hosts whose replies are malformed
    #[arg(long, value_name = "F", default_value_t = 0.0, value_parser = units::fraction)]
    pub garbage: f64,
    /// Forged replies a second, with wrong tokens
    #[arg(long, value_name = "PPS", default_value_t = 0.0)]
    pub forge: f64,
    /// Of snmp: fraction of the hosts that get something wrong: too-big, too-big-empty, non-increasing,
    /// odd-ber, stale-id, restart, reboot, same-engine or slow-bulk (repeatable; no host gets two)
    #[arg(long, value_name = "KIND=F", value_parser = units::misbehaviour)]
    pub misbehave: Vec<(SnmpFault, f64)>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_definition_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn defaults_are_the_engines() {
        let Cli { command: Command::Probe(probe) } =
            Cli::parse_from(["allears", "probe", "--text", "x", "h:1"])
        else {
            panic!("a probe")
        };
        let default = allears::engine::Config::default();
        assert_eq!(probe.sweep.rate.0, default.rate);
        assert_eq!(probe.sweep.prefix_rate.0, default.prefix_rate);
        assert_eq!((probe.sweep.burst, probe.sweep.tries), (default.burst, default.tries));
        assert_eq!(probe.sweep.timeout, default.timeout);
    }

    #[test]
    fn a_probe_needs_one_payload_and_a_target() {
        for wrong in [
            &["allears", "probe", "h:1"][..],
            &["allears", "probe", "--text", "x"],
            &["allears", "probe", "--text", "x", "--hex", "00", "h:1"],
            &["allears", "games", "--game", "nosuch"],
            &["allears", "snmp", "h"],
            &["allears", "snmp", "get", "1.3.6.1"],
            &["allears", "fleet", "--protocol", "dns"],
            &["allears", "fleet", "--protocol", "snmp", "--misbehave", "too-big"],
        ] {
            assert!(Cli::try_parse_from(wrong).is_err(), "{wrong:?}");
        }
    }
}
