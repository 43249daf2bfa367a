//! The arguments of `games` and `find`.

use allears::protocol::games::GAMES;
use clap::builder::PossibleValuesParser;
use clap::{ArgAction, Args, ValueEnum};

use super::filter::{self, Condition};
use crate::cli::output::Format;
use crate::cli::sweep::SweepArgs;

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
    #[arg(long, value_name = "ID", default_value = "et", value_parser = ids())]
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

fn ids() -> PossibleValuesParser {
    PossibleValuesParser::new(GAMES.iter().map(|game| game.id))
}
