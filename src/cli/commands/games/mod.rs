//! `games` and `find`: lists game servers, and finds players.

mod args;
mod filter;
mod json;
mod listing;
mod masters;
mod report;
mod server;
mod wanted;

use std::time::Duration;

use allears::engine::Ledger;
use allears::protocol::games::{Game, GameConversation, GameQuestion, Games};
use anyhow::{Context, Result};

use crate::cli::exit::{Exit, Usage};
use crate::cli::sweep::{Ending, Sweep};
pub use args::{FindArgs, GamesArgs};
use args::{NamingArgs, ServersArgs, Sort};
use listing::{Counts, Listing};
use masters::Masters;
use report::Report;
use wanted::Wanted;

/// The result of a sweep, for a command that runs one itself.
#[derive(Debug)]
pub struct Done {
    pub exit: Exit,
    pub counts: Counts,
    pub ledger: Ledger,
    pub local_drops: Option<u64>,
    pub elapsed: Duration,
}

/// `allears games`.
pub fn run(args: &GamesArgs) -> Result<Exit> {
    list(args, usize::MAX).map(|done| done.exit)
}

/// `allears find`.
pub fn find(args: &FindArgs) -> Result<Exit> {
    search(args).map(|done| done.exit)
}

/// `allears games`, with at most so many rows in the table.
pub fn list(args: &GamesArgs, most_rows: usize) -> Result<Done> {
    let NamingArgs { exact, regex, first } = args.naming;
    if args.player.is_none() && (exact || regex || first) {
        return Err(Usage("--exact, --regex and --first need --player".into()).into());
    }
    sweep(&args.servers, args.player.as_deref(), args.naming, Rows { sort: args.sort, most: most_rows })
}

/// `allears find`, with its result.
pub fn search(args: &FindArgs) -> Result<Done> {
    let as_found = Rows { sort: Sort::Players, most: usize::MAX };
    sweep(&args.servers, Some(&args.name), args.naming, as_found)
}

/// The order of the table's rows, and their maximum number.
struct Rows {
    sort: Sort,
    most: usize,
}

fn sweep(args: &ServersArgs, player: Option<&str>, naming: NamingArgs, rows: Rows) -> Result<Done> {
    let game = Game::find(&args.game).with_context(|| format!("no game `{}`", args.game))?;
    let wanted = player.map(|name| Wanted::new(name, naming, game)).transpose()?;
    let mut sweep = Sweep::new(&args.sweep)?;
    let inputs = sweep.inputs(&args.sweep, &args.targets, Some(game.server_port))?;
    let out = sweep.results(&args.sweep)?;
    let masters = Masters::resolve(&master_names(args, game)?, game, &sweep.console);
    let report = Report::new(out, args.output, wanted.is_some()).context("cannot write results")?;
    let mut listing = Listing {
        game,
        inputs,
        masters,
        conditions: args.conditions.iter().flatten().cloned().collect(),
        wanted,
        first: naming.first,
        all: args.sweep.all,
        report,
        counts: Counts::default(),
    };

    let typical = GameConversation::new(GameQuestion::Server(game));
    let mut engine = sweep.engine(Games::new(game), &typical)?;
    let mut ending = sweep.run(&mut engine, &mut listing);
    let elapsed = sweep.duration();
    sweep.console.finish();
    ending.wrote(listing.report.finish(rows.sort, rows.most));
    sweep.settle(&mut ending);
    sweep.finish(&engine, &listing, &typical)?;
    let failure = ending.failure.take().or(listing.inputs.failure.take());
    if !ending.closed {
        listing.print_summary(&sweep, elapsed, player);
    }
    match failure {
        Some(failure) => Err(failure),
        None => Ok(Done {
            exit: listing.exit(&ending),
            counts: listing.counts,
            ledger: engine.ledger().clone(),
            local_drops: sweep.net.local_drops(),
            elapsed,
        }),
    }
}

/// Returns the masters that the user names; the game's own if no server is named either.
fn master_names(args: &ServersArgs, game: &Game) -> Result<Vec<String>> {
    if !args.masters.is_empty() || !args.targets.is_empty() || !args.sweep.lists.input.is_empty() {
        return Ok(args.masters.clone());
    }
    if game.masters.is_empty() {
        let reason = format!("no public master of {} is known: name one by --master, or servers", game.name);
        return Err(Usage(reason).into());
    }
    Ok(game.masters.iter().map(ToString::to_string).collect())
}

impl Listing {
    fn exit(&self, ending: &Ending) -> Exit {
        let found = self.wanted.is_none() || self.counts.found > 0;
        ending.exit(self.counts.answered > 0 && found)
    }

    fn print_summary(&self, sweep: &Sweep, elapsed: Duration, player: Option<&str>) {
        let Counts { targets, answered, listed, found } = self.counts;
        let seconds = elapsed.as_secs_f64();
        if targets == 0 {
            let reason = match self.masters.answered() {
                0 if !self.masters.is_empty() => {
                    "no master answered, and no server was named: nothing was queried"
                }
                _ => "no targets: nothing was queried",
            };
            return sweep.console.error(reason);
        }
        let console = &sweep.console;
        match player {
            Some(name) => console.say(format_args!(
                "{answered} of {targets} servers answered in {seconds:.1} s; {found} {} named \"{}\"",
                if found == 1 { "player" } else { "players" },
                crate::cli::output::table::harmless(name),
            )),
            None if self.conditions.is_empty() => {
                console.say(format_args!("{answered} of {targets} servers answered in {seconds:.1} s"));
            }
            None => console.say(format_args!(
                "{answered} of {targets} servers answered in {seconds:.1} s; {listed} of them fit"
            )),
        }
    }
}
