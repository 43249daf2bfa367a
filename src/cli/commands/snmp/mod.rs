//! `snmp`: what agents say, once or again and again.
//!
//! `args` what can be typed · `settings`, `credentials` as whom an agent is asked · `question` what is asked ·
//! `agents` the sweep · `parts` an agent in several conversations · `again`, `schedule`, `changes` again and again ·
//! `engines` those of v3, and their cache.
//! How it is written: `report` where · `net_snmp` as net-snmp, in a `style` · `json`, `csv`, `influx` for programs ·
//! `shown`, `text` what they have in common.

mod again;
mod agents;
mod args;
mod changes;
mod credentials;
mod csv;
mod engines;
mod influx;
mod json;
mod net_snmp;
mod parts;
mod question;
mod report;
mod schedule;
mod settings;
mod shown;
mod style;
mod text;

use allears::net;
use allears::protocol::Protocol;
use allears::protocol::snmp::{PORT, Question, Snmp};
use anyhow::{Context, Result};

use again::Again;
use agents::Agents;
pub use args::SnmpCommand;
use args::{AskArgs, Source};
use credentials::CredentialsCache;
use engines::EngineCache;
use report::Report;
use settings::Settings;

use crate::cli::exit::{Exit, Usage};
use crate::cli::inputs::{Sources, refuse_to_write_over};
use crate::cli::sweep::Sweep;

/// `allears snmp`.
pub fn run(command: &SnmpCommand) -> Result<Exit> {
    let args = command.ask();
    refuse_to_lose_files(args)?;
    let request = question::request(command)?;
    let settings = Settings::of_arguments(&args.credentials)?;
    if settings.lacks_user() && has_no_settings(args) {
        return Err(Usage("passwords need a user: -u NAME".into()).into());
    }
    let mut snmp = Snmp::new(u64::from_le_bytes(seed()?));
    if args.source == Source::Id {
        snmp = snmp.accept_any_source();
    }
    let credentials = CredentialsCache::new(settings.clone(), &mut snmp)?;

    let mut sweep = Sweep::new(&args.sweep)?;
    let cache = args.credentials.engine_cache.as_deref();
    let cache = cache.map(|path| EngineCache::open(path, &mut snmp, sweep.net.now(), &sweep.console));
    let cache = cache.transpose()?;
    let inputs = sweep.open(Sources {
        arguments: args.targets.clone(),
        files: args.sweep.lists.input.clone(),
        default_port: Some(args.port),
        strict: args.sweep.lists.strict,
        settings: Some(settings.checker()),
    })?;
    let out = sweep.results(&args.sweep)?;
    let report =
        Report::new(out, args.output, args.style()?, !is_one_host(args)).context("cannot write results")?;

    let parts = parts::split(request, args.per_host.into());
    let question = Question { credentials: credentials.general(), request: parts[0].clone() };
    let typical = snmp.begin(([0; 4], PORT).into(), question);
    let mut engine = sweep.engine(snmp, &typical)?;
    let again = args.every.map(|interval| Again::new(interval, sweep.config.rate));
    let mut agents =
        Agents::new(inputs, credentials, parts, again, report, args.sweep.all || is_one_host(args));

    let mut ending = sweep.run(&mut engine, &mut agents);
    let seconds = sweep.duration().as_secs_f64();
    sweep.console.finish();
    ending.wrote(agents.finish());
    sweep.settle(&mut ending);
    let saved = cache.map_or(Ok(()), |cache| cache.save(engine.protocol(), sweep.net.now()));
    sweep.finish(&engine, &agents, &typical)?;
    agents.say_how_it_went(&ending, seconds, &sweep.console);
    match ending.failure.take().or(agents.failure()).or(saved.err()) {
        Some(failure) => Err(failure),
        None => Ok(ending.exit(agents.heard() > 0)),
    }
}

/// Whether no target can have settings of its own.
fn has_no_settings(args: &AskArgs) -> bool {
    let mut targets = args.targets.iter();
    args.sweep.lists.input.is_empty() && targets.all(|target| !target.trim().contains(char::is_whitespace))
}

/// Nothing that is read is written over: not even by the cache, which is both.
fn refuse_to_lose_files(args: &AskArgs) -> Result<()> {
    let (sweep, cache) = (&args.sweep, &args.credentials.engine_cache);
    let mut read = args.oid_files.clone();
    read.extend(args.credentials.secrets.clone());
    read.extend(sweep.lists.input.iter().cloned());
    refuse_to_write_over(&read, [cache])?;
    read.extend(cache.clone());
    refuse_to_write_over(&read, [&sweep.to, &sweep.stats])
}

fn seed() -> Result<[u8; 8]> {
    let key = net::random_key().context("the system has no random numbers")?;
    Ok(std::array::from_fn(|at| key[at]))
}

/// Whether a single host is named: then the table is net-snmp's to the letter.
fn is_one_host(args: &AskArgs) -> bool {
    let is_one = |target: &str| {
        let target = target.split_ascii_whitespace().next().unwrap_or_default();
        let is_range = || {
            target
                .split_once('-')
                .is_some_and(|(first, _)| first.trim_start_matches('[').parse::<std::net::IpAddr>().is_ok())
        };
        !target.contains('/') && !is_range()
    };
    args.sweep.lists.input.is_empty() && matches!(&args.targets[..], [target] if is_one(target))
}
