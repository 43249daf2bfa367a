//! `games` and `find`: lists game servers, and finds players.

mod args;
mod candidates;
mod catalogue;
mod columns;
mod events;
mod filter;
mod influx;
mod json;
mod listed_games;
mod listing;
mod masters;
mod named_game;
mod report;
mod server;
mod wanted;
mod watch;

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

use allears::protocol::games::{Game, GameConversation, GameQuestion, Games};
use anyhow::{Context, Result};

use crate::cli::console::Console;
use crate::cli::duplicates::Duplicates;
use crate::cli::exit::{Exit, Usage};
use crate::cli::interfaces;
use crate::cli::output::Out;
use crate::cli::sweep::{Sweep, Swept};
use crate::cli::targets;
pub use args::{FindArgs, GamesArgs, TARGETS};
use args::{NamingArgs, RequiredProof, ServersArgs};
use candidates::Candidates;
use catalogue::Catalogue;
use columns::ServerColumn;
use events::EventWriter;
use filter::Condition;
use listing::{Counts, Listing};
use masters::Masters;
use report::Report;
use wanted::Wanted;
use watch::{Watch, WatchSettings};

/// The result of a sweep, for a command that runs one itself.
#[derive(Debug)]
pub struct Done {
    pub swept: Swept,
    pub counts: Counts,
}

/// `allears games`.
pub fn run(args: &GamesArgs) -> Result<Exit> {
    if args.list_games {
        return list_games(&args.servers);
    }
    list(args, usize::MAX).map(|done| done.swept.exit)
}

/// `allears find`.
pub fn find(args: &FindArgs) -> Result<Exit> {
    search(args).map(|done| done.swept.exit)
}

/// Runs `allears games`, and lists at most `most` servers.
pub fn list(args: &GamesArgs, most: usize) -> Result<Done> {
    let NamingArgs { exact, regex, bots, first } = args.naming;
    if args.player.is_none() && (exact || regex || bots || first) {
        return Err(Usage("--exact, --regex, --bots and --first need --player".into()).into());
    }
    let rows = Rows {
        chosen: args.columns.clone(),
        sort: args.sort.clone().unwrap_or(ServerColumn::Players),
        is_ordered: args.sort.is_some() || args.reverse || args.top.is_some(),
        reverse: args.reverse,
        most: args.top.map_or(most, |top| top.get().min(most)),
        ..Rows::default()
    };
    sweep(&args.servers, args.player.as_deref(), args.naming, rows)
}

/// Runs `allears find`, and returns its result.
pub fn search(args: &FindArgs) -> Result<Done> {
    sweep(&args.servers, Some(&args.name), args.naming, Rows::default())
}

fn list_games(args: &ServersArgs) -> Result<Exit> {
    let catalogue = Catalogue::load(args.games_file.as_deref())?;
    let mut out = Out::open(args.sweep.to.as_deref())?;
    listed_games::write(&catalogue, args.output.of_sink(), &mut out).context("cannot write the games")?;
    Ok(Exit::Success)
}

/// The rows of servers: their columns, their order, and their maximum number.
#[derive(Clone, Debug)]
struct Rows {
    /// The columns that the user chose.
    chosen: Option<Vec<ServerColumn>>,
    sort: ServerColumn,
    /// True if JSON and CSV are to be in this order, too.
    is_ordered: bool,
    reverse: bool,
    most: usize,
    /// The rules that are shown or sorted by.
    rules: Vec<String>,
}

impl Default for Rows {
    fn default() -> Rows {
        let (chosen, sort, rules) = (None, ServerColumn::Players, vec![]);
        Rows { chosen, sort, is_ordered: false, reverse: false, most: usize::MAX, rules }
    }
}

impl Rows {
    /// Returns the columns of a table, which has the game of each server if there are several.
    fn shown(&self, has_games: bool) -> Vec<ServerColumn> {
        self.chosen.clone().unwrap_or_else(|| {
            let mut shown = columns::USUAL.to_vec();
            if has_games {
                shown.insert(shown.len() - 1, ServerColumn::Game);
            }
            shown
        })
    }

    /// Returns the rules that are shown or sorted by.
    fn rules_needed(&self) -> Vec<String> {
        let columns = self.chosen.iter().flatten().chain([&self.sort]);
        let rules = columns.filter_map(|column| match column {
            ServerColumn::Rule(key) => Some(key.clone()),
            _ => None,
        });
        rules.collect()
    }
}

fn sweep(args: &ServersArgs, player: Option<&str>, naming: NamingArgs, mut rows: Rows) -> Result<Done> {
    if args.every.is_some() && naming.first {
        return Err(Usage("--every goes on until it is stopped: --first does not apply".into()).into());
    }
    let catalogue = Catalogue::load(args.games_file.as_deref())?.with_encoding(args.encoding);
    let game = chosen_game(args, &catalogue)?;
    let wanted = player.map(|name| Wanted::new(name, naming, game)).transpose()?;
    let mut settings = args.sweep.settings(&args.targets, Some(game.server_port))?;
    let lines = catalogue.clone();
    settings.sources.labels = Some(Arc::new(move |line| named_game::parse(line, &lines)));
    let (all, names) = (settings.all, settings.sources.names);
    let mut sweep = Sweep::open(settings)?;
    let inputs = sweep.inputs()?;
    let out = sweep.results()?;
    let waker = sweep.net.waker();
    let masters = Masters::resolve(&master_names(args, game)?, game, names, move || drop(waker.wake()));
    let own = if masters.is_empty() { vec![] } else { own_addresses(&sweep.console) };
    let games = Games::new(game)
        .with_own_addresses(own)
        .with_reserved_allowed(args.allow_reserved)
        .with_proof_required(args.proof == RequiredProof::Token);
    let nobody = SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0));
    let typical = GameConversation::new(nobody, GameQuestion::server(game));
    let allow_duplicates = args.duplicates.allow_duplicates;
    let family = names.family;
    let candidates = Candidates { game, catalogue, inputs, masters, family, allow_duplicates };
    let conditions: Vec<Condition> = args.conditions.iter().flatten().cloned().collect();
    rows.rules = rows.rules_needed();
    let with_rules = args.rules || !rows.rules.is_empty() || conditions.iter().any(Condition::needs_rules);
    if let Some(interval) = args.every {
        let writer = EventWriter::open(out, args.output).context("cannot write results")?;
        let settings = WatchSettings { interval, with_rules, conditions, wanted };
        let swept = sweep.conduct(games, &typical, &mut Watch::new(candidates, settings, writer))?;
        return Ok(Done { swept, counts: Counts::default() });
    }
    let memory = sweep.memory().answers();
    let report =
        Report::open(out, args.output, wanted.is_some(), rows, memory).context("cannot write results")?;
    let mut listing = Listing {
        candidates,
        is_default_game: args.game.is_none(),
        with_rules,
        duplicates: Duplicates::new(args.duplicates),
        conditions,
        wanted,
        player: player.map(str::to_owned),
        first: naming.first,
        all,
        report,
        counts: Counts::default(),
    };
    let swept = sweep.conduct(games, &typical, &mut listing)?;
    Ok(Done { swept, counts: listing.counts })
}

/// The game of targets, unless `--game` names another one.
const DEFAULT: &str = "et";

/// Returns the game of `--game`, with the settings that the user changed.
fn chosen_game(args: &ServersArgs, catalogue: &Catalogue) -> Result<&'static Game> {
    let game = catalogue.find(args.game.as_deref().unwrap_or(DEFAULT)).map_err(Usage)?;
    if args.protocol.is_none() && args.list_name.is_none() {
        return Ok(game);
    }
    let mut changed = game.clone();
    changed.list_protocol = args.protocol.unwrap_or(game.list_protocol);
    if let Some(name) = &args.list_name {
        let name: &'static str = name.clone().leak();
        (changed.list_name, changed.ext_name) = (Some(name), Some(name));
    }
    Ok(catalogue::forever(changed))
}

fn own_addresses(console: &Console) -> Vec<IpAddr> {
    interfaces::addresses().unwrap_or_else(|error| {
        console.warn(format_args!("cannot list the addresses of this machine: {error}"));
        vec![]
    })
}

/// Returns the masters that the user names; the game's own if no servers are named either.
fn master_names(args: &ServersArgs, game: &Game) -> Result<Vec<String>> {
    if !args.masters.is_empty() && !game.wire.has_masters() {
        return Err(Usage(format!("{} has no masters: name servers (see -i)", game.name)).into());
    }
    for name in &args.masters {
        targets::parse(name, Some(game.master_port))
            .map_err(|reason| Usage(format!("--master {name}: {reason}")))?;
    }
    if !args.masters.is_empty() || !args.targets.is_empty() || !args.sweep.lists.input.is_empty() {
        return Ok(args.masters.clone());
    }
    if game.masters.is_empty() {
        let way = if game.wire.has_masters() { "use --master, or name servers" } else { "name servers" };
        let reason = format!("no public master of {} is known: {way} (see -i)", game.name);
        return Err(Usage(reason).into());
    }
    Ok(game.masters.iter().map(ToString::to_string).collect())
}
