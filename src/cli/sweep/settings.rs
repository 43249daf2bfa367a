//! The validated settings of a sweep.

use std::path::PathBuf;
use std::time::Duration;

use allears::engine::Config;
use allears::net;
use anyhow::Result;

use super::SweepArgs;
use crate::cli::exit::Usage;
use crate::cli::inputs::Sources;
use crate::cli::memory::{self, Memory};
use crate::cli::names::NameRules;

/// The validated [`SweepArgs`], and the targets.
pub struct SweepSettings {
    pub engine: Config,
    pub memory: Memory,
    pub sockets: net::Options,
    pub sources: Sources,
    /// The file for results; `None` for standard output.
    pub results: Option<PathBuf>,
    /// The file for the ledger; `None` for no ledger.
    pub stats: Option<PathBuf>,
    /// The maximum duration of the whole sweep.
    pub deadline: Option<Duration>,
    /// True to show hosts that did not answer, too.
    pub all: bool,
    pub quiet: bool,
}

impl SweepArgs {
    /// Validates the arguments, with the command's targets and the port of those that specify none.
    ///
    /// # Errors
    /// A setting is out of range ([`Usage`]).
    pub fn settings(&self, targets: &[String], default_port: Option<u16>) -> Result<SweepSettings> {
        if self.memory.is_some_and(|bytes| (bytes as u64) < memory::LEAST) {
            return Err(Usage("--memory must be at least 1M".into()).into());
        }
        let memory = Memory::new(self.memory);
        let default = Config::default();
        let ring = memory.ring(default.ring);
        let rate = self.rate.map_or(default.rate, |rate| rate.0);
        let prefix_rate = self.prefix_rate.map_or(default.prefix_rate, |rate| rate.0);
        let tries = self.tries.unwrap_or(default.tries);
        let engine = default
            .with_ring(ring)
            .with_rate(rate)
            .with_burst(self.burst)
            .with_window(self.window.0)
            .with_host_gap(self.host_gap)
            .with_host_rate(self.host_rate.map(|rate| rate.0.unwrap_or(f64::INFINITY)))
            .with_prefix_rate(prefix_rate)
            .with_timeout(self.timeout)
            .with_tries(tries);
        engine.validate().map_err(|error| {
            Usage(format!("--{} must be {}", error.field.replace('_', "-"), error.expected))
        })?;
        Ok(SweepSettings {
            engine,
            memory,
            sockets: net::Options::from(self.socket)
                .with_rcvbuf(self.socket.rcvbuf.or(Some(memory.receive_buffer()))),
            sources: Sources {
                arguments: targets.to_vec(),
                files: self.lists.input.clone(),
                default_port,
                names: NameRules { rate, ..self.lists.names() },
                strict: self.lists.strict,
                ..Sources::default()
            },
            results: self.to.clone(),
            stats: self.stats.clone(),
            deadline: self.deadline,
            all: self.all,
            quiet: self.quiet,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        sweep: SweepArgs,
    }

    #[test]
    fn defaults_equal_those_of_the_engine() {
        let settings = Line::parse_from(["sweep"]).sweep.settings(&[], None).expect("valid");
        let (engine, default) = (settings.engine, Config::default());
        assert_eq!((engine.rate, engine.prefix_rate), (default.rate, default.prefix_rate));
        assert_eq!((engine.burst, engine.tries), (default.burst, default.tries));
        assert_eq!((engine.timeout, engine.host_gap), (default.timeout, default.host_gap));
    }

    #[test]
    fn an_error_names_the_option_that_is_out_of_range() {
        let line = Line::parse_from(["sweep", "--tries", "0"]);
        let error = line.sweep.settings(&[], None).err().expect("refused");
        assert!(error.is::<Usage>() && error.to_string().starts_with("--tries must be "), "{error}");
    }
}
