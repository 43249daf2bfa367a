//! The command line: raw arguments → validated settings → run.
//!
//! `args` what can be typed · `inputs` where targets come from · `sweep` the loop · `games`, `probe`, `snmp`
//! what is asked and listed · `drops` what gets lost · `output` how · `fleet`, `demo` somebody to ask · `exit` how it all ends.

mod args;
mod commands;
mod console;
mod escapes;
mod exit;
mod input_lines;
mod inputs;
mod output;
mod signals;
mod stats;
mod sweep;
mod targets;
mod units;

use std::process::ExitCode;

use args::{Cli, Command};
use clap::Parser;
use commands::{demo, drops, fleet, games, probe, snmp};
use console::Console;
use exit::Exit;

/// Runs the command that was typed, to its exit code.
pub fn run() -> ExitCode {
    let result = match Cli::parse().command {
        Command::Games(args) => games::run(&args),
        Command::Find(args) => games::find(&args),
        Command::Snmp(command) => snmp::run(&command),
        Command::Probe(args) => probe::run(&args),
        Command::Drops(args) => drops::run(&args),
        Command::Fleet(args) => fleet::run(&args),
        Command::Demo => demo::run(),
    };
    let exit = result.unwrap_or_else(|error| {
        let exit = exit::of_error(&error);
        if exit != Exit::Success {
            Console::new(true).error(exit::in_words(&error));
        }
        exit
    });
    exit.into()
}
