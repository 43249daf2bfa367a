//! The command line: raw arguments → validated settings → run.
//!
//! `files` which files are read and written · `commands` one file or folder each, its arguments beside it · `survey` one
//! question to each target · `sweep` the loop and its end · `inputs` the sources of targets, read as `input_lines` and
//! passed on in `batches` · `names` host names · `memory` how much may be used · `conditions` which results are
//! wanted · `output` their destinations · `reasons` the summary · `exit` the exit codes.

mod bad_lines;
mod batches;
mod commands;
mod conditions;
mod console;
mod duplicates;
mod escapes;
mod exit;
mod files;
mod folded;
mod input_lines;
mod inputs;
mod interfaces;
mod memory;
mod names;
mod output;
mod reasons;
mod schedule;
mod signals;
mod stats;
mod survey;
mod sweep;
mod targets;
mod values;

use std::env;
use std::ffi::OsString;
use std::io::{self, IsTerminal, Write};
use std::process::{self, ExitCode};

use anyhow::Result;
use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};
use commands::{demo, dns, drops, fleet, games, ntp, probe, snmp};
use console::Console;
use exit::Exit;
use output::untrusted::{escaped, escaped_lines};
use sweep::TARGETS;

/// Asks thousands to millions of hosts over one UDP socket, and hears every answer.
#[derive(Debug, Parser)]
#[command(version, about, max_term_width = 100, after_help = exit::CODES)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// List game servers, from a master server or from a list, and find players
    #[command(after_help = games::TARGETS)]
    Games(games::GamesArgs),
    /// Find a player; each match is printed as it arrives
    #[command(after_help = games::TARGETS)]
    Find(games::FindArgs),
    /// Poll SNMP agents: single objects or whole subtrees
    #[command(subcommand)]
    Snmp(Box<snmp::SnmpCommand>),
    /// Resolve names in bulk
    #[command(after_help = dns::EXAMPLES, mut_args(dns::adapt_help))]
    Dns(Box<dns::DnsArgs>),
    /// Query time servers: stratum, reference, and the offset of our clock
    #[command(after_help = TARGETS)]
    Ntp(survey::SurveyArgs),
    /// Send any payload and show the replies
    #[command(after_help = TARGETS)]
    Probe(probe::ProbeArgs),
    /// Measure the loss of replies at each rate, and find the bottleneck
    #[command(after_help = drops::WARNING)]
    Drops(drops::DropsArgs),
    /// Simulate hosts on a real socket, for demonstrations, tests and measurements
    Fleet(fleet::FleetArgs),
    /// Run a fleet of 2,000 game servers and a sweep over it
    Demo,
}

/// Parses the command line, runs its command, and returns the exit code.
pub fn run() -> ExitCode {
    signals::survive_size_limits();
    let exit = parse().and_then(|cli| run_command(&cli.command)).unwrap_or_else(|error| {
        let exit = exit::of_error(&error);
        if exit != Exit::Success {
            Console::new(true).error(exit::in_words(&error));
        }
        exit
    });
    exit.into()
}

/// Parses the command line. Ends the program if it asks for help or is invalid.
fn parse() -> Result<Cli> {
    let mut command = Cli::command();
    let understood = command.try_get_matches_from_mut(env::args_os());
    let matches = understood.unwrap_or_else(|error| refuse(&error));
    let cli = Cli::from_arg_matches(&matches).unwrap_or_else(|error| refuse(&error));
    files::refuse_to_lose(&command, &matches)?;
    Ok(cli)
}

/// Prints why the command line is not understood, and ends the program. The message quotes what was typed.
fn refuse(error: &clap::Error) -> ! {
    let is_harmless = |arg: OsString| {
        let text = arg.to_string_lossy();
        escaped(&text) == text
    };
    if !error.use_stderr() || (io::stderr().is_terminal() && env::args_os().all(is_harmless)) {
        error.exit()
    }
    // A closed standard error cannot be reported anywhere.
    let _ = io::stderr().write_all(escaped_lines(&error.render().to_string()).as_bytes());
    process::exit(error.exit_code())
}

fn run_command(command: &Command) -> Result<Exit> {
    match command {
        Command::Games(args) => games::run(args),
        Command::Find(args) => games::find(args),
        Command::Snmp(command) => snmp::run(command),
        Command::Dns(args) => dns::run(args),
        Command::Ntp(args) => ntp::run(args),
        Command::Probe(args) => probe::run(args),
        Command::Drops(args) => drops::run(args),
        Command::Fleet(args) => fleet::run(args),
        Command::Demo => demo::run(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_definition_is_valid() {
        Cli::command().debug_assert();
    }

    #[test]
    fn a_probe_needs_one_payload_and_a_target() {
        for wrong in [
            &["allears", "probe", "h:1"][..],
            &["allears", "probe", "--text", "x"],
            &["allears", "probe", "--text", "x", "--hex", "00", "h:1"],
            &["allears", "snmp", "h"],
            &["allears", "dns"],
            &["allears", "dns", "-t", "NOPE", "a.test"],
            &["allears", "dns", "--edns", "100", "a.test"],
            &["allears", "dns", "--server", "dns.example", "a.test"],
            &["allears", "snmp", "get", "1.3.6.1"],
            &["allears", "fleet", "--protocol", "ftp"],
            &["allears", "fleet", "--protocol", "snmp", "--misbehave", "too-big"],
        ] {
            assert!(Cli::try_parse_from(wrong).is_err(), "{wrong:?}");
        }
    }

    /// Returns the commands of a page of the documentation: the lines of its code blocks that begin with `allears` or
    /// `$ allears`.
    fn commands(page: &str) -> Vec<String> {
        let blocks = page.split("```").skip(1).step_by(2).map(|block| block.replace("\\\n", " "));
        let lines = blocks.flat_map(|block| block.lines().map(str::to_owned).collect::<Vec<_>>());
        let commands = lines.map(|line| line.strip_prefix("$ ").map(str::to_owned).unwrap_or(line));
        let is_command = |rest: &str| rest.starts_with(|c: char| c.is_ascii_lowercase());
        commands.filter(|line| line.strip_prefix("allears ").is_some_and(is_command)).collect()
    }

    /// Splits a command as a shell does, up to a comment, a pipe or a redirection.
    fn words(command: &str) -> Vec<String> {
        let (mut words, mut word, mut quoted) = (vec![], None::<String>, None);
        for c in command.chars().chain([' ']) {
            match (quoted, c) {
                (Some(quote), c) if c == quote => quoted = None,
                (Some(_), c) => word.get_or_insert_default().push(c),
                (None, '\'' | '"') => {
                    word.get_or_insert_default();
                    quoted = Some(c);
                }
                (None, '#' | '|' | '>' | '<' | '&') if word.is_none() => break,
                (None, c) if c.is_whitespace() => words.extend(word.take()),
                (None, c) => word.get_or_insert_default().push(c),
            }
        }
        words
    }

    #[test]
    fn every_command_of_the_documentation_is_understood() {
        let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
        let docs =
            std::fs::read_dir(root.join("docs")).expect("docs").map(|page| page.expect("a page").path());
        let mut checked = 0;
        for page in docs
            .chain([root.join("README.md")])
            .filter(|page| page.extension().is_some_and(|end| end == "md"))
        {
            for command in commands(&std::fs::read_to_string(&page).expect("text")) {
                // `…` stands for more of the same.
                if command.contains('…') || command.contains("[OPTION") {
                    continue;
                }
                if let Err(error) = Cli::try_parse_from(words(&command)) {
                    assert!(!error.use_stderr(), "{}: {command}\n{error}", page.display());
                }
                checked += 1;
            }
        }
        assert!(checked > 50, "{checked}");
    }
}
