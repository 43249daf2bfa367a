//! The arguments of `snmp`. They use net-snmp's letters where it has one.

use std::path::PathBuf;
use std::time::Duration;

use allears::protocol::snmp::Operation;
use clap::{ArgAction, Args, Subcommand, ValueEnum, ValueHint};

use super::style::Style;
use crate::cli::duplicates::DuplicatesArgs;
use crate::cli::exit::Usage;
use crate::cli::sweep::{SweepArgs, TARGETS, some_target};
use crate::cli::values;

#[derive(Debug, Subcommand)]
pub enum SnmpCommand {
    /// Get the values of objects
    #[command(after_help = TARGETS)]
    Get(AskArgs),
    /// Get the object after each of these
    #[command(after_help = TARGETS)]
    Next(AskArgs),
    /// Send one GETBULK: -Cn non-repeaters, -Cr repetitions
    #[command(after_help = TARGETS)]
    Bulk(BulkArgs),
    /// Walk whole subtrees [default: 1.3.6.1.2.1]
    #[command(after_help = TARGETS)]
    Walk(WalkArgs),
}

/// The arguments of all operations.
#[derive(Args, Debug)]
#[command(group(some_target()))]
pub struct AskArgs {
    /// Objects to request: 1.3.6.1.2.1.1.5.0, or sysName.0
    #[arg(value_name = "OID")]
    pub oids: Vec<String>,
    /// Read objects from a file, one per line, # for comments (repeatable)
    #[arg(long = "oids", value_name = "FILE", help_heading = "Input", value_hint = ValueHint::FilePath)]
    pub oid_files: Vec<PathBuf>,
    /// An agent to poll (repeatable); settings may follow, as in a list: '10.0.0.1 community=… version=1'
    #[arg(short, long = "target", value_name = "TARGET", help_heading = "Input")]
    pub targets: Vec<String>,
    /// The port of targets that specify none
    #[arg(long, default_value_t = allears::protocol::snmp::PORT, help_heading = "Input")]
    pub port: u16,

    #[command(flatten)]
    pub credentials: CredentialsArgs,

    /// Requests in flight to one agent, 1 to 8; the objects are divided among them
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..=8),
          help_heading = "Pace")]
    pub per_host: u8,
    /// Poll repeatedly at this interval, each agent at its own time within it, until Ctrl-C or --deadline
    #[arg(long, value_name = "DUR", value_parser = values::interval, help_heading = "Pace")]
    pub every: Option<Duration>,

    /// How to treat a reply from another address: `strict` rejects and reports it; `id` accepts a matching
    /// request ID and community
    #[arg(long, value_enum, default_value_t = Source::Strict, help_heading = "Socket")]
    pub source: Source,

    /// Output format; table is net-snmp's format; json is one object per line, as results arrive
    #[arg(short, long, value_enum, value_name = "FORMAT", default_value_t = SnmpFormat::Table, help_heading = "Output")]
    pub output: SnmpFormat,
    /// net-snmp's letters for the table: n numeric names, s names without modules, q no types, Q no types
    /// but =, v values only, t TimeTicks as numbers (repeatable)
    #[arg(short = 'O', value_name = "LETTERS", help_heading = "Output")]
    pub letters: Vec<String>,

    #[command(flatten)]
    pub duplicates: DuplicatesArgs,
    #[command(flatten)]
    pub sweep: SweepArgs,
}

impl AskArgs {
    /// Parses all the letters together.
    ///
    /// # Errors
    /// An unknown letter, as [`Usage`].
    pub fn style(&self) -> Result<Style, Usage> {
        Style::parse(&self.letters.concat()).map_err(Usage)
    }
}

/// The credentials used for each agent, unless its own settings override them.
#[derive(Args, Debug)]
#[command(next_help_heading = "Credentials")]
pub struct CredentialsArgs {
    /// Version: 1, 2c or 3 [default: 3 with -u, else 2c]
    #[arg(short = 'v', long = "snmp-version", value_name = "VERSION")]
    pub version: Option<String>,
    /// Community of v1 and v2c [default: public]
    #[arg(short, long, env = "ALLEARS_COMMUNITY", hide_env_values = true)]
    pub community: Option<String>,
    /// User of v3
    #[arg(short, long)]
    pub user: Option<String>,
    /// Security level: noAuthNoPriv, authNoPriv or authPriv [default: the highest that the given passwords
    /// allow]
    #[arg(short, long)]
    pub level: Option<String>,
    /// Authentication: MD5, SHA, SHA-224, SHA-256, SHA-384 or SHA-512 [default: SHA]
    #[arg(short, long, value_name = "HASH")]
    pub auth: Option<String>,
    /// Authentication password
    #[arg(short = 'A', long, value_name = "PASSWORD", env = "ALLEARS_AUTH_PASSWORD", hide_env_values = true)]
    pub auth_password: Option<String>,
    /// Privacy: DES, AES, AES-192, AES-256; AES-192-C and AES-256-C extend keys as Cisco does [default: AES]
    #[arg(short = 'x', long = "priv", value_name = "CIPHER")]
    pub privacy: Option<String>,
    /// Privacy password
    #[arg(short = 'X', long, value_name = "PASSWORD", env = "ALLEARS_PRIV_PASSWORD", hide_env_values = true)]
    pub priv_password: Option<String>,
    /// Context of v3
    #[arg(short = 'n', long)]
    pub context: Option<String>,
    /// Read any of these from a file, as settings in a list of targets: community=… auth-password=…
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub secrets: Option<PathBuf>,
    /// Keep the engines of v3 agents in a file, so that the next run does not have to discover them
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub engine_cache: Option<PathBuf>,
}

#[derive(Args, Debug)]
pub struct BulkArgs {
    #[command(flatten)]
    pub ask: AskArgs,
    /// nN: N non-repeaters (default 0); rN: N repetitions of the other objects (default 10)
    #[arg(short = 'C', value_name = "nNrN", action = ArgAction::Append)]
    pub bulk: Vec<BulkOptions>,
}

#[derive(Args, Debug)]
pub struct WalkArgs {
    #[command(flatten)]
    pub ask: AskArgs,
    /// rN: N repetitions in the first request; later ones adapt to the agent
    #[arg(short = 'C', value_name = "rN", action = ArgAction::Append)]
    pub bulk: Vec<BulkOptions>,
    /// Maximum number of values per agent or, with --per-host, per request
    #[arg(long, value_name = "N", default_value_t = Operation::DEFAULT_MAX_ROWS)]
    pub max_rows: u32,
}

/// The value of `-C`: `n1`, `r25`, or `n1r25`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BulkOptions {
    pub non_repeaters: Option<u32>,
    pub repetitions: Option<u32>,
}

impl BulkOptions {
    /// Merges several values; the last one of each kind is used.
    pub fn of(given: &[BulkOptions]) -> BulkOptions {
        given.iter().fold(BulkOptions::default(), |before, given| BulkOptions {
            non_repeaters: given.non_repeaters.or(before.non_repeaters),
            repetitions: given.repetitions.or(before.repetitions),
        })
    }
}

impl std::str::FromStr for BulkOptions {
    type Err = String;

    fn from_str(text: &str) -> Result<BulkOptions, String> {
        let (mut options, mut rest) = (BulkOptions::default(), text);
        while let Some(letter) = rest.chars().next() {
            let option = match letter {
                'n' => &mut options.non_repeaters,
                'r' => &mut options.repetitions,
                _ => return Err("unknown letter: use -CnN or -CrN".into()),
            };
            let behind = &rest[1..];
            let (digits, next) = behind.split_at(behind.find(char::is_alphabetic).unwrap_or(behind.len()));
            *option = Some(digits.parse().map_err(|_| "a number must follow: -Cn1, -Cr25")?);
            rest = next;
        }
        Ok(options)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum SnmpFormat {
    Table,
    Json,
    Csv,
    Influx,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Source {
    Strict,
    Id,
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Cli {
        #[command(subcommand)]
        command: SnmpCommand,
    }

    #[test]
    fn net_snmp_arguments_are_understood() {
        let line = "snmp walk -v2c -c public -Cr25 -On -t 10.0.0.1 ifDescr";
        let SnmpCommand::Walk(walk) = Cli::parse_from(line.split(' ')).command else { panic!("a walk") };
        assert_eq!(BulkOptions::of(&walk.bulk), BulkOptions { non_repeaters: None, repetitions: Some(25) });
        assert_eq!(walk.ask.credentials.version.as_deref(), Some("2c"));
        assert_eq!(walk.ask.oids, ["ifDescr"]);

        let line =
            "snmp get -v3 -l authPriv -u u1 -a SHA-256 -A secret123 -x AES -X secret123 -t h sysName.0";
        let SnmpCommand::Get(get) = Cli::parse_from(line.split(' ')).command else { panic!("a get") };
        assert_eq!(get.credentials.auth_password.as_deref(), Some("secret123"));
        assert_eq!(get.credentials.level.as_deref(), Some("authPriv"));

        for line in
            ["snmp bulk -Cn1 -Cr5 -t h 1.3", "snmp bulk -Cn1r5 -t h 1.3", "snmp bulk -Cn2r5 -Cn1 -t h 1.3"]
        {
            let SnmpCommand::Bulk(bulk) = Cli::parse_from(line.split(' ')).command else { panic!("a bulk") };
            let both = BulkOptions { non_repeaters: Some(1), repetitions: Some(5) };
            assert_eq!(BulkOptions::of(&bulk.bulk), both);
        }
        let line = "snmp get -On -OQ -t h sysName.0";
        let SnmpCommand::Get(get) = Cli::parse_from(line.split(' ')).command else { panic!("a get") };
        assert_eq!(get.style().ok(), Style::parse("nQ").ok());
        for wrong in [
            "snmp bulk -Cx1 -t h 1.3",
            "snmp bulk -Cn -t h 1.3",
            "snmp bulk -Cnr5 -t h 1.3",
            "snmp get -t h --every 1ms 1.3",
        ] {
            assert!(Cli::try_parse_from(wrong.split(' ')).is_err(), "{wrong}");
        }
    }
}
