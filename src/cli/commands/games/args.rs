//! The arguments of `games` and `find`.

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

use allears::protocol::games::text::Encoding;
use clap::{ArgAction, Args, ValueEnum, ValueHint};

use super::columns::ServerColumn;
use super::filter::{self, Condition};
use crate::cli::duplicates::DuplicatesArgs;
use crate::cli::output::Format;
use crate::cli::sweep::SweepArgs;
use crate::cli::values;

/// The forms of targets, for the end of the help.
pub const TARGETS: &str = "\
Targets: HOST, HOST:PORT, [v6]:PORT, 10.0.0.0/24, 10.0.0.5-10.0.0.9; or a list of them with -i.
A target may name its game: 'cs2 HOST', 'q3s HOST:PORT' as qstat writes it, steam://connect/HOST:PORT, mumble://HOST.
The port is the one that answers queries.

Examples:
  allears games --game cs2 -i servers.txt --where 'players>0,!full' --top 20
  allears games -i mixed.txt --columns game,players,name,rule.tickrate
  allears find nightowl --game openarena --every 30s";

#[derive(Args, Debug)]
pub struct GamesArgs {
    /// List the known games, and send nothing
    #[arg(long)]
    pub list_games: bool,
    #[command(flatten)]
    pub servers: ServersArgs,
    /// List only servers with a player of this name (substring), like `find`
    #[arg(long, value_name = "NAME")]
    pub player: Option<String>,
    #[command(flatten)]
    pub naming: NamingArgs,
    /// Order of the servers: a column; counts from high to low, everything else from low to high
    /// [default: players in a table; the order of arrival in JSON and CSV]
    #[arg(long, value_name = "COLUMN", help_heading = "Output", conflicts_with_all = ["player", "every"])]
    pub sort: Option<ServerColumn>,
    /// Reverse the order
    #[arg(long, help_heading = "Output", conflicts_with_all = ["player", "every"])]
    pub reverse: bool,
    /// Only the first N servers
    #[arg(long, value_name = "N", help_heading = "Output", conflicts_with_all = ["player", "every"])]
    pub top: Option<NonZeroUsize>,
    /// Columns of the table, or of CSV: players, humans, bots, free, max, ping, name, map, mod, game, type, version,
    /// password, address, rule.KEY
    /// [default: players,ping,name,map,mod,address]
    #[arg(long, value_name = "COLUMN,…", value_delimiter = ',', help_heading = "Output",
          conflicts_with_all = ["player", "every"])]
    pub columns: Option<Vec<ServerColumn>>,
}

#[derive(Args, Debug)]
pub struct FindArgs {
    /// The player: part of the name, ignoring case and colour codes
    pub name: String,
    #[command(flatten)]
    pub naming: NamingArgs,
    #[command(flatten)]
    pub servers: ServersArgs,
}

/// The options of a search for a player's name.
#[derive(Args, Clone, Copy, Debug)]
pub struct NamingArgs {
    /// Match the player's whole name
    #[arg(long, conflicts_with = "regex")]
    pub exact: bool,
    /// Treat the player's name as a regular expression
    #[arg(long)]
    pub regex: bool,
    /// Find bots, too
    #[arg(long)]
    pub bots: bool,
    /// Stop at the first player found
    #[arg(long)]
    pub first: bool,
}

/// The servers to query, and those to list.
#[derive(Args, Debug)]
pub struct ServersArgs {
    /// Servers to query; without any (and without -i), those that the game's masters list
    #[arg(value_name = "TARGET")]
    pub targets: Vec<String>,
    /// The game of targets that do not name theirs, and of masters: see --list-games [default: et, Enemy Territory]
    #[arg(long, value_name = "ID")]
    pub game: Option<String>,
    /// A TOML file with games of your own: [[game]] with id, like or protocol, port, masters…
    #[arg(long, value_name = "FILE", env = "ALLEARS_GAMES", value_hint = ValueHint::FilePath)]
    pub games_file: Option<PathBuf>,
    /// The protocol number by which masters select servers, instead of the game's own
    #[arg(long, value_name = "N")]
    pub protocol: Option<u32>,
    /// The name by which masters select servers, instead of the game's own
    #[arg(long, value_name = "NAME")]
    pub list_name: Option<String>,
    /// A master server to get the list from, instead of the game's built-in ones (repeatable)
    #[arg(long = "master", value_name = "HOST[:PORT]")]
    pub masters: Vec<String>,
    /// Also query reserved, private and own addresses that a master lists
    #[arg(long)]
    pub allow_reserved: bool,
    /// The proof that an answer needs. token: it returns the number in its request, if the protocol has one; address:
    /// otherwise, its source address and port suffice, and json has "proof":"address"
    #[arg(long, value_enum, value_name = "PROOF", default_value_t = RequiredProof::Address)]
    pub proof: RequiredProof,
    /// The encoding of names and other texts: utf-8, latin1, windows-1251, gbk…; by default UTF-8, or else as detected
    #[arg(long, value_name = "NAME", value_parser = encoding, help_heading = "Output")]
    pub encoding: Option<Encoding>,
    /// Query repeatedly at this interval, each server at its own time within it, until Ctrl-C or --deadline; and write
    /// what changes: players who join and leave, maps, servers
    #[arg(long, value_name = "DUR", value_parser = values::interval, help_heading = "Pace")]
    pub every: Option<Duration>,
    /// Request the servers' rules, too, where that takes a further packet
    #[arg(long)]
    pub rules: bool,
    /// Only matching servers: map=oasis, players>3, humans>=1, free>0, full, !empty, !password, ping<80, name~REGEX,
    /// mod=jaymod, type=ctf, version~2.83, rule.g_gametype=3; separate several by commas, all must match (repeatable)
    #[arg(long = "where", value_name = "CONDITION", value_parser = filter::conditions, action = ArgAction::Append)]
    pub conditions: Vec<Vec<Condition>>,
    /// Output format; json is one object per line, as results arrive; influx is Influx line protocol
    #[arg(short, long, value_enum, value_name = "FORMAT", default_value_t = GamesFormat::Table, help_heading = "Output")]
    pub output: GamesFormat,
    #[command(flatten)]
    pub duplicates: DuplicatesArgs,
    #[command(flatten)]
    pub sweep: SweepArgs,
}

/// The least proof that ties an answer to its request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum RequiredProof {
    Token,
    Address,
}

fn encoding(name: &str) -> Result<Encoding, String> {
    Encoding::find(name)
        .ok_or_else(|| "unknown encoding: for example utf-8, latin1, windows-1251, gbk, shift_jis".into())
}

/// The output formats.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum GamesFormat {
    Table,
    Json,
    Csv,
    Influx,
}

impl GamesFormat {
    /// Returns the format of the sink. Points are lines of a table without columns.
    pub fn of_sink(self) -> Format {
        match self {
            GamesFormat::Table | GamesFormat::Influx => Format::Table,
            GamesFormat::Json => Format::Json,
            GamesFormat::Csv => Format::Csv,
        }
    }
}
