//! The arguments of `dns`.

use std::net::SocketAddr;
use std::path::PathBuf;

use allears::protocol::dns::{Class, DnsSettings, Rcode, RecordType, Tcp};
use anyhow::Result;
use clap::{Arg, ArgAction, ArgGroup, Args, ValueEnum, ValueHint};

use super::line::LineRules;
use super::names::NameSources;
use super::row_filter::{self, RowCondition};
use super::servers;
use crate::cli::exit::Usage;
use crate::cli::names::ResolverKind;
use crate::cli::sweep::{SweepArgs, SweepSettings};
use crate::cli::values::Rate;

/// The end of the help.
pub const EXAMPLES: &str = "\
Names: example.org, müller.example, exa\\.mple.com; on a line of a list, types may follow: example.org MX TXT.
For an address, its PTR records are requested; with -x, also for each address of a network: 192.0.2.0/24.

Examples:
    allears dns example.org example.net
    allears dns -i names.txt -t A,AAAA --server 192.0.2.53 -o json
    allears dns -i names.txt --servers resolvers.txt -o simple --to answers.txt --server-stats -
    allears dns -x 192.0.2.0/24 --all";

/// The sizes of UDP replies that EDNS may announce.
const EDNS_SIZES: std::ops::RangeInclusive<u16> = 512..=4096;

/// The attempts per query unless set: users expect that no name is missing. If 3 % of the datagrams are lost, five in a
/// row are lost once in 41 million queries; three, once in 37,000.
const TRIES: u32 = 5;

/// The queries in flight to one server unless set, if nothing limits its rate. All of them may wait in its receive
/// buffer while it is busy; Linux's default of 212,992 bytes has room for 277.
const UNLIMITED_IN_FLIGHT: u32 = 150;

/// Adapts the help of options that other commands have, too: their targets are hosts, and other defaults apply.
pub fn adapt_help(arg: Arg) -> Arg {
    match arg.get_id().as_str() {
        "resolver" | "all_addresses" => arg.hide(true),
        "input" => {
            arg.help("Read names from a file, one per line, # for comments; - is standard input (repeatable)")
        }
        "ipv4" => arg.help("Only servers with IPv4 addresses"),
        "ipv6" => arg.help("Only servers with IPv6 addresses"),
        "all" => arg.help("Also show names without records"),
        "rate" => {
            arg.help("Packets per second in total, or `unlimited` [default: as many as all servers may get]")
        }
        "host_rate" => {
            arg.help("Packets per second to one server, or `unlimited` [default: 500, or that of --rate]")
        }
        "prefix_rate" => arg.help("Packets per second to one /24 (IPv4) or /48 (IPv6) [default: unlimited]"),
        "host_gap" => arg.help("Minimum time between two packets to one server [default: 0s]"),
        "tries" => arg.help(format!("Attempts per query [default: {TRIES}]")),
        _ => arg,
    }
}

fn some_name() -> ArgGroup {
    ArgGroup::new("some name").args(["names", "input"]).required(true).multiple(true)
}

/// The formats of results.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum DnsFormat {
    /// A row for each record
    Table,
    /// An object for each question, on a line
    Json,
    /// A row for each record, and one for each question without records
    Csv,
    /// NAME TYPE DATA, as massdns -o Sn
    Simple,
    /// A zone file
    Zone,
}

/// The treatment of answers from wildcards.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum WildcardUse {
    /// Mark them
    Mark,
    /// Leave them out, and count them
    Drop,
}

/// When to use TCP.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum TcpUse {
    /// If an answer over UDP is truncated
    Auto,
    /// For every question
    Only,
    /// Not at all
    Never,
}

#[derive(Args, Debug)]
#[command(group(some_name()))]
pub struct DnsArgs {
    /// The names to resolve
    #[arg(value_name = "NAME")]
    pub names: Vec<String>,
    /// Record types to request, unless a line names its own: A,AAAA (repeatable)
    #[arg(
        short = 't',
        long = "type",
        value_name = "TYPE",
        value_delimiter = ',',
        default_value = "A",
        help_heading = "Input"
    )]
    pub types: Vec<RecordType>,
    /// Names are addresses or networks: request the PTR records of each address
    #[arg(short = 'x', long, help_heading = "Input")]
    pub reverse: bool,
    /// The class of the records: IN, CH
    #[arg(long, value_name = "CLASS", default_value = "IN", help_heading = "Input")]
    pub class: Class,

    /// Query this server (repeatable) [default: those of /etc/resolv.conf]
    #[arg(long, value_name = "ADDR[:PORT]", value_parser = servers::parse, help_heading = "Servers")]
    pub server: Vec<Vec<SocketAddr>>,
    /// Query the servers in a file, one per line (repeatable)
    #[arg(long, value_name = "FILE", help_heading = "Servers", value_hint = ValueHint::FilePath)]
    pub servers: Vec<PathBuf>,
    /// Response codes after which another server is queried
    #[arg(
        long,
        value_name = "RCODE",
        value_delimiter = ',',
        default_value = "SERVFAIL,REFUSED,NOTIMP,FORMERR",
        help_heading = "Servers"
    )]
    pub retry_on: Vec<Rcode>,
    /// Keep each question at one server: never repeat it at another one
    #[arg(long, help_heading = "Servers")]
    pub sticky: bool,
    /// Queries in flight to one server [default: 1000; 150 if --rate is unlimited]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..), help_heading = "Servers")]
    pub host_window: Option<u32>,

    /// Maximum size of UDP replies to announce, 512 to 4096 bytes, or `off` for queries without EDNS
    #[arg(long, value_name = "BYTES|off", default_value = "1232", value_parser = edns, help_heading = "Queries")]
    pub edns: EdnsSize,
    /// Request DNSSEC records
    #[arg(long = "do", help_heading = "Queries")]
    pub dnssec: bool,
    /// Accept data that failed DNSSEC validation
    #[arg(long = "cd", help_heading = "Queries")]
    pub checking_disabled: bool,
    /// Request only what the server itself knows, without recursion
    #[arg(long, help_heading = "Queries")]
    pub no_recurse: bool,
    /// Request the ID of the server
    #[arg(long, help_heading = "Queries")]
    pub nsid: bool,
    /// Write names in random upper and lower case, which replies must repeat
    #[arg(long = "0x20", help_heading = "Queries")]
    pub mixed_case: bool,
    /// When to use TCP
    #[arg(long, value_enum, value_name = "WHEN", default_value_t = TcpUse::Auto, help_heading = "Queries")]
    pub tcp: TcpUse,
    /// Source ports among which the queries are spread, 1 to 64, each with its own receive buffer: a forger has to
    /// guess the port
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=64),
          help_heading = "Queries")]
    pub ports: u16,
    /// Exchange no cookies with servers
    #[arg(long, help_heading = "Queries")]
    pub no_cookies: bool,

    /// Output format
    #[arg(short, long, value_enum, value_name = "FORMAT", default_value_t = DnsFormat::Table,
          help_heading = "Output")]
    pub output: DnsFormat,
    /// Show only answers with these response codes
    #[arg(long = "rcode", value_name = "RCODE", value_delimiter = ',', help_heading = "Output")]
    pub rcodes: Vec<Rcode>,
    /// Show only records that match: type=MX, name~REGEX, rcode!=NXDOMAIN, ttl<60, data=192.0.2.1, data~REGEX,
    /// server=192.0.2.53; separate several by commas, all must match (repeatable)
    #[arg(long = "where", value_name = "CONDITION", value_parser = row_filter::conditions, action = ArgAction::Append,
          help_heading = "Output")]
    pub conditions: Vec<Vec<RowCondition>>,
    /// Show only names that have records of the type asked for
    #[arg(long, help_heading = "Output")]
    pub only_answers: bool,
    /// Tell answers from wildcards apart, by querying random names below the same parent
    #[arg(long, value_enum, value_name = "WHAT", help_heading = "Output")]
    pub wildcards: Option<WildcardUse>,
    /// Write the counts and round trips of each server as JSON at the end; - is standard output
    #[arg(long, value_name = "FILE", help_heading = "Output", value_hint = ValueHint::FilePath)]
    pub server_stats: Option<PathBuf>,
    #[command(flatten)]
    pub sweep: SweepArgs,
}

/// The size of replies that EDNS announces; `None` without EDNS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EdnsSize(Option<u16>);

fn edns(text: &str) -> Result<EdnsSize, String> {
    let wrong = || "a number of bytes from 512 to 4096, or `off`".to_owned();
    if text == "off" {
        return Ok(EdnsSize(None));
    }
    let size = text.parse().map_err(|_| wrong())?;
    if EDNS_SIZES.contains(&size) { Ok(EdnsSize(Some(size))) } else { Err(wrong()) }
}

impl DnsArgs {
    /// Returns the settings of the sweep. Unless set, there is no limit but that for each server; and if a rate is set,
    /// that alone.
    pub fn sweep_settings(&self) -> Result<SweepSettings> {
        let lists = &self.sweep.lists;
        if lists.all_addresses || lists.resolver != ResolverKind::default() {
            let without =
                "leave out --resolver and --all-addresses, which are for commands with hosts as targets";
            return Err(Usage(without.into()).into());
        }
        let mut settings = self.sweep.settings(&[], None)?;
        settings.sockets.ports = self.ports;
        let SweepArgs { rate, host_rate, prefix_rate, tries, .. } = &self.sweep;
        let is_unlimited = matches!((host_rate, rate), (None, Some(Rate(None))));
        let engine = settings
            .engine
            .with_rate(rate.and_then(|rate| rate.0))
            .with_prefix_rate(prefix_rate.and_then(|rate| rate.0))
            .with_tries(tries.unwrap_or(TRIES))
            .with_in_flight_per_host(self.host_window.or(is_unlimited.then_some(UNLIMITED_IN_FLIGHT)));
        settings.engine = match (host_rate, rate) {
            (None, Some(_)) => engine.with_host_rate(Some(f64::INFINITY)),
            _ => engine,
        };
        Ok(settings)
    }

    /// Returns how to ask.
    pub fn protocol_settings(&self) -> Result<DnsSettings> {
        let EdnsSize(edns) = self.edns;
        if edns.is_none() && (self.dnssec || self.nsid) {
            return Err(Usage("--do and --nsid need EDNS: leave out --edns off".into()).into());
        }
        let tcp = match self.tcp {
            TcpUse::Auto => Tcp::Auto,
            TcpUse::Only => Tcp::Only,
            TcpUse::Never => Tcp::Never,
        };
        Ok(DnsSettings::default()
            .with_recursion(!self.no_recurse)
            .with_checking_disabled(self.checking_disabled)
            .with_edns(edns)
            .with_dnssec(self.dnssec)
            .with_nsid(self.nsid)
            .with_cookies(!self.no_cookies)
            .with_mixed_case(self.mixed_case)
            .with_tcp(tcp)
            .with_sticky(self.sticky)
            .with_retry_on(self.retry_on.clone()))
    }

    /// Returns the type of most questions.
    pub fn first_type(&self) -> RecordType {
        if self.reverse { RecordType::PTR } else { self.types.first().copied().unwrap_or(RecordType::A) }
    }

    /// Returns the sources of names, and the rules for their lines.
    pub fn sources(&self) -> NameSources {
        NameSources {
            arguments: self.names.clone(),
            files: self.sweep.lists.input.clone(),
            strict: self.sweep.lists.strict,
            rules: LineRules::new(&self.types, self.class, self.reverse),
        }
    }
}
