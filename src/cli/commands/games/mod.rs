//! `games` and `find`: lists game servers, and finds players.

mod args;
mod filter;
mod json;
mod listing;
mod masters;
mod report;
mod server;
mod wanted;

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use allears::protocol::games::{Game, GameConversation, GameQuestion, Games};
use anyhow::{Context, Result};

use crate::cli::console::Console;
use crate::cli::duplicates::Duplicates;
use crate::cli::exit::{Exit, Usage};
use crate::cli::interfaces;
use crate::cli::sweep::{Sweep, Swept};
pub use args::{FindArgs, GamesArgs};
use args::{NamingArgs, ServersArgs, Sort};
use listing::{Counts, Listing};
use masters::Masters;
use report::Report;
use wanted::Wanted;

/// The result of a sweep, for a command that runs one itself.
#[derive(Debug)]
pub struct Done {
    pub swept: Swept,
    pub counts: Counts,
}

/// `allears games`.
pub fn run(args: &GamesArgs) -> Result<Exit> {
    list(args, usize::MAX).map(|done| done.swept.exit)
}

/// `allears find`.
pub fn find(args: &FindArgs) -> Result<Exit> {
    search(args).map(|done| done.swept.exit)
}

/// Runs `allears games`, with at most this many rows in the table.
pub fn list(args: &GamesArgs, most_rows: usize) -> Result<Done> {
    let NamingArgs { exact, regex, first } = args.naming;
    if args.player.is_none() && (exact || regex || first) {
        return Err(Usage("--exact, --regex and --first need --player".into()).into());
    }
    sweep(&args.servers, args.player.as_deref(), args.naming, Rows { sort: args.sort, most: most_rows })
}

/// Runs `allears find`, and returns its result.
pub fn search(args: &FindArgs) -> Result<Done> {
    let as_found = Rows { sort: Sort::Players, most: usize::MAX };
    sweep(&args.servers, Some(&args.name), args.naming, as_found)
}

/// The rows of the table of servers: their order, and their maximum number.
struct Rows {
    sort: Sort,
    most: usize,
}

fn sweep(args: &ServersArgs, player: Option<&str>, naming: NamingArgs, rows: Rows) -> Result<Done> {
    let game = Game::find(&args.game).with_context(|| format!("no game `{}`", args.game))?;
    let wanted = player.map(|name| Wanted::new(name, naming, game)).transpose()?;
    let settings = args.sweep.settings(&args.targets, Some(game.server_port))?;
    let all = settings.all;
    let mut sweep = Sweep::open(settings)?;
    let inputs = sweep.inputs()?;
    let out = sweep.results()?;
    let waker = sweep.net.waker();
    let masters = Masters::resolve(&master_names(args, game)?, game, move || drop(waker.wake()));
    let memory = sweep.memory().answers();
    let report =
        Report::open(out, args.output, wanted.is_some(), rows, memory).context("cannot write results")?;
    let mut listing = Listing {
        game,
        inputs,
        duplicates: Duplicates::new(args.duplicates),
        masters,
        conditions: args.conditions.iter().flatten().cloned().collect(),
        wanted,
        player: player.map(str::to_owned),
        first: naming.first,
        all,
        report,
        counts: Counts::default(),
    };
    let nobody = SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0));
    let typical = GameConversation::new(nobody, GameQuestion::server(game));
    let own = if listing.masters.is_empty() { vec![] } else { own_addresses(&sweep.console) };
    let games = Games::new(game).with_own_addresses(own).with_reserved_allowed(args.allow_reserved);
    let swept = sweep.conduct(games, &typical, &mut listing)?;
    Ok(Done { swept, counts: listing.counts })
}

fn own_addresses(console: &Console) -> Vec<IpAddr> {
    interfaces::addresses().unwrap_or_else(|error| {
        console.warn(format_args!("cannot list the addresses of this machine: {error}"));
        vec![]
    })
}

/// Returns the masters that the user names; the game's own if no servers are named either.
fn master_names(args: &ServersArgs, game: &Game) -> Result<Vec<String>> {
    if !args.masters.is_empty() || !args.targets.is_empty() || !args.sweep.lists.input.is_empty() {
        return Ok(args.masters.clone());
    }
    if game.masters.is_empty() {
        let reason = format!("no public master of {} is known: use --master, or name servers", game.name);
        return Err(Usage(reason).into());
    }
    Ok(game.masters.iter().map(ToString::to_string).collect())
}
