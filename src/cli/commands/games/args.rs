//! The arguments of `games` and `find`.

use allears::protocol::games::Game;
use clap::builder::PossibleValuesParser;
use clap::{ArgAction, Args, ValueEnum};

use super::filter::{self, Condition};
use crate::cli::duplicates::DuplicatesArgs;
use crate::cli::output::Format;
use crate::cli::sweep::SweepArgs;

#[derive(Args, Debug)]
pub struct GamesArgs {
    #[command(flatten)]
    pub servers: ServersArgs,
    /// List only servers with a player of this name (substring), like `find`
    #[arg(long, value_name = "NAME")]
    pub player: Option<String>,
    #[command(flatten)]
    pub naming: NamingArgs,
    /// Order of the table
    #[arg(long, value_enum, default_value_t = Sort::Players)]
    pub sort: Sort,
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

/// The interpretation of a player's name.
#[derive(Args, Clone, Copy, Debug)]
pub struct NamingArgs {
    /// Match the player's whole name
    #[arg(long, conflicts_with = "regex")]
    pub exact: bool,
    /// Treat the player's name as a regular expression
    #[arg(long)]
    pub regex: bool,
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
    /// The game
    #[arg(long, value_name = "ID", default_value = "et", value_parser = ids())]
    pub game: String,
    /// A master server to get the list from, instead of the game's own (repeatable)
    #[arg(long = "master", value_name = "HOST[:PORT]")]
    pub masters: Vec<String>,
    /// Also query reserved, private and own addresses that a master lists
    #[arg(long)]
    pub allow_reserved: bool,
    /// Only matching servers: map=oasis, players>3, humans>=1, full, !empty, ping<80, name~REGEX, mod=jaymod; separate
    /// several by commas, all must match (repeatable)
    #[arg(long = "where", value_name = "CONDITION", value_parser = filter::conditions, action = ArgAction::Append)]
    pub conditions: Vec<Vec<Condition>>,
    /// Output format; json is one object per line, as results arrive
    #[arg(short, long, value_enum, value_name = "FORMAT", default_value_t = Format::Table, help_heading = "Output")]
    pub output: Format,
    #[command(flatten)]
    pub duplicates: DuplicatesArgs,
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
    PossibleValuesParser::new(Game::all().map(|game| game.id))
}
