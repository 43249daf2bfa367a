//! `snmp`: polls agents once, or repeatedly.
//!
//! Input: `args` · `settings`, `credentials` the credentials of each agent · `question` the objects. Sweep: `agents`
//! the job · `parts` one agent in several conversations · `polling`, `changes` repeated polls · `engines`
//! of v3, and their cache. Output: `writer` · `net_snmp` text in a `style` · `json`, `csv`, `influx` · `shown`, `text`
//! shared parts.

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
mod polling;
mod question;
mod settings;
mod shown;
mod style;
mod text;
mod writer;

use allears::net;
use allears::protocol::Protocol;
use allears::protocol::snmp::{PORT, Question, Snmp};
use anyhow::{Context, Result};

use agents::Agents;
pub use args::SnmpCommand;
use args::Source;
use credentials::CredentialsCache;
use engines::EngineCache;
use polling::Polling;
use settings::Settings;
use writer::AnswerWriter;

use crate::cli::exit::{Exit, Usage};
use crate::cli::inputs::Sources;
use crate::cli::sweep::Sweep;

/// `allears snmp`.
pub fn run(command: &SnmpCommand) -> Result<Exit> {
    let args = command.ask();
    let request = question::request(command)?;
    let security = Settings::of_arguments(&args.credentials)?;
    let mut settings = args.sweep.settings(&args.targets, Some(args.port))?;
    if security.lacks_user() && has_no_settings(&settings.sources) {
        return Err(Usage("passwords need a user: -u NAME".into()).into());
    }
    settings.sources.settings = Some(security.checker());
    let mut snmp = Snmp::new(u64::from_le_bytes(seed()?)).with_memory(settings.memory.answers());
    if args.source == Source::Id {
        snmp = snmp.accept_any_source();
    }
    let credentials = CredentialsCache::new(security, &mut snmp)?;
    let one_host = is_one_host(&settings.sources);
    let all = settings.all || one_host;
    let polling = args.every.map(|interval| Polling::new(interval, settings.engine.rate));

    let mut sweep = Sweep::open(settings)?;
    let cache = args.credentials.engine_cache.as_deref();
    let cache = cache.map(|path| EngineCache::open(path, &mut snmp, sweep.net.now(), &sweep.console));
    let cache = cache.transpose()?;
    let inputs = sweep.inputs()?;
    let out = sweep.results()?;
    let writer =
        AnswerWriter::new(out, args.output, args.style()?, !one_host, all).context("cannot write results")?;

    let parts = parts::split(request, args.per_host.into());
    let question = Question { credentials: credentials.general(), request: parts[0].clone() };
    let typical = snmp.begin(([0; 4], PORT).into(), question);
    let duplicates = args.duplicates;
    let mut agents = Agents::new(inputs, credentials, parts, duplicates, polling, writer, cache);
    sweep.conduct(snmp, &typical, &mut agents).map(|swept| swept.exit)
}

/// Returns whether no target can have its own settings.
fn has_no_settings(sources: &Sources) -> bool {
    let mut targets = sources.arguments.iter();
    sources.files.is_empty() && targets.all(|target| !target.trim().contains(char::is_whitespace))
}

fn seed() -> Result<[u8; 8]> {
    let key = net::random_key().context("cannot get random numbers from the system")?;
    Ok(std::array::from_fn(|at| key[at]))
}

/// Returns whether a single host is named. Then the table has exactly net-snmp's format.
fn is_one_host(sources: &Sources) -> bool {
    let is_one = |target: &str| {
        let target = target.split_ascii_whitespace().next().unwrap_or_default();
        let is_range = || {
            target
                .split_once('-')
                .is_some_and(|(first, _)| first.trim_start_matches('[').parse::<std::net::IpAddr>().is_ok())
        };
        !target.contains('/') && !is_range()
    };
    sources.files.is_empty() && matches!(&sources.arguments[..], [target] if is_one(target))
}
