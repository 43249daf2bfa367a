//! The request to every agent: objects from the arguments and from files, and the operation.

use std::fs;
use std::path::Path;

use allears::protocol::snmp::names::{self, NameError};
use allears::protocol::snmp::{Oid, Operation, Request};
use anyhow::{Context, Result};

use super::args::{AskArgs, BulkOptions, SnmpCommand};
use crate::cli::exit::Usage;

/// The subtree that is walked by default, as in net-snmp.
const MIB_2: &str = "1.3.6.1.2.1";

impl SnmpCommand {
    /// Returns the arguments of all operations.
    pub fn ask(&self) -> &AskArgs {
        match self {
            SnmpCommand::Get(ask) | SnmpCommand::Next(ask) => ask,
            SnmpCommand::Bulk(bulk) => &bulk.ask,
            SnmpCommand::Walk(walk) => &walk.ask,
        }
    }
}

/// Builds the request.
///
/// # Errors
/// There is no object or an invalid name ([`Usage`]), or a file cannot be read.
pub fn request(command: &SnmpCommand) -> Result<Request> {
    let args = command.ask();
    let mut oids = args.oids.iter().map(|name| oid(name)).collect::<Result<Vec<_>, _>>().map_err(Usage)?;
    for path in &args.oid_files {
        read_names(path, &mut oids)?;
    }
    let operation = operation(command).map_err(Usage)?;
    if oids.is_empty() {
        if !matches!(operation, Operation::Walk { .. }) {
            return Err(Usage("no objects to request: list OIDs, or use --oids FILE".into()).into());
        }
        oids.push(oid(MIB_2).map_err(Usage)?);
    }
    Ok(Request { operation, oids, with_uptime: args.every.is_some() })
}

fn operation(command: &SnmpCommand) -> Result<Operation, String> {
    let BulkOptions { non_repeaters, repetitions } = BulkOptions::of(match command {
        SnmpCommand::Bulk(bulk) => &bulk.bulk[..],
        SnmpCommand::Walk(walk) => &walk.bulk,
        SnmpCommand::Get(_) | SnmpCommand::Next(_) => &[],
    });
    Ok(match command {
        SnmpCommand::Get(_) => Operation::Get,
        SnmpCommand::Next(_) => Operation::GetNext,
        SnmpCommand::Bulk(_) => Operation::GetBulk {
            non_repeaters: non_repeaters.unwrap_or(0),
            max_repetitions: repetitions.unwrap_or(Operation::DEFAULT_REPETITIONS),
        },
        SnmpCommand::Walk(_) if non_repeaters.is_some() => {
            return Err("a walk has no non-repeaters: use only -CrN".into());
        }
        SnmpCommand::Walk(walk) => Operation::Walk { max_repetitions: repetitions, max_rows: walk.max_rows },
    })
}

fn read_names(path: &Path, oids: &mut Vec<Oid>) -> Result<()> {
    let file = path.display();
    let text = fs::read_to_string(path).with_context(|| format!("cannot read {file}"))?;
    for (number, line) in (1..).zip(text.lines()) {
        let name = line.split('#').next().unwrap_or_default().trim();
        if !name.is_empty() {
            oids.push(oid(name).map_err(|why| Usage(format!("{file}:{number}: {why}")))?);
        }
    }
    Ok(())
}

fn oid(name: &str) -> Result<Oid, String> {
    names::lookup(name).map_err(|error| match error {
        NameError::Number(error) => format!("`{}`: {error}", name.escape_debug()),
        error => error.to_string(),
    })
}
