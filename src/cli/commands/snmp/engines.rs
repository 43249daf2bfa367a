//! The engines of v3 agents: warnings about them, and their cache (`--engine-cache`).
//!
//! The cache has one line per engine: address, engine ID, boots, time, and the seconds since 1970 when that time was
//! valid. A line may be outdated: the agent reports that, and its engine is discovered anew.

use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use allears::engine::Time;
use allears::net;
use allears::protocol::snmp::Snmp;
use allears::protocol::snmp::usm::{EngineRecord, Notice};
use anyhow::{Context, Result};

use crate::cli::console::Console;
use crate::cli::escapes;
use crate::cli::exit::Usage;

/// The cache file.
pub struct EngineCache(PathBuf);

impl EngineCache {
    /// Reads the cache, if it exists. Unparsable lines are reported and skipped.
    ///
    /// # Errors
    /// The file exists and cannot be read; or it is not a cache and would be overwritten: it is not a regular file, or
    /// has no engine.
    pub fn open(path: &Path, snmp: &mut Snmp, now: Time, console: &Console) -> Result<EngineCache> {
        let name = path.display();
        let file = match File::open(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(EngineCache(path.into())),
            file => file.with_context(|| format!("cannot read {name}"))?,
        };
        let metadata = file.metadata().with_context(|| format!("cannot read {name}"))?;
        let is_other = || Usage(format!("cannot write {name}: it exists and is not an engine cache"));
        if !metadata.is_file() {
            return Err(is_other().into());
        }
        let (today, mut engines) = (net::wall_clock(), 0);
        for (number, line) in (1..).zip(BufReader::new(file).split(b'\n')) {
            let line = line.with_context(|| format!("cannot read {name}"))?;
            match read(&String::from_utf8_lossy(&line), today) {
                Some(record) => {
                    engines += 1;
                    snmp.usm_mut().remember(now, record);
                    print_notices(snmp, console);
                }
                None => console.remark(format_args!("{name}:{number}: not an engine; line skipped")),
            }
        }
        if engines == 0 && metadata.len() > 0 {
            return Err(is_other().into());
        }
        Ok(EngineCache(path.into()))
    }

    /// Writes the known engines to a temporary file, which then replaces the old one. Only its owner may read it.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn save(&self, snmp: &Snmp, now: Time) -> Result<()> {
        let write = || -> io::Result<()> {
            // A symbolic link is kept; its target is replaced.
            let target = fs::canonicalize(&self.0).unwrap_or_else(|_| self.0.clone());
            let folder = target.parent().filter(|folder| !folder.as_os_str().is_empty());
            let folder = folder.unwrap_or(Path::new("."));
            // tempfile creates it with mode 0600.
            let file = tempfile::Builder::new().prefix(".engines").tempfile_in(folder)?;
            let mut out = BufWriter::new(&file);
            let today = net::wall_clock().as_secs();
            for EngineRecord { address, engine_id, boots, time } in snmp.usm().engines(now) {
                writeln!(out, "{address} {} {boots} {time} {today}", escapes::to_hex(&engine_id))?;
            }
            out.flush()?;
            drop(out);
            file.as_file().sync_all()?;
            file.persist(&target)?;
            Ok(())
        };
        write().with_context(|| format!("cannot write {}", self.0.display()))
    }
}

fn read(line: &str, today: Duration) -> Option<EngineRecord> {
    let mut fields = line.split_ascii_whitespace();
    let address = fields.next()?.parse().ok()?;
    let engine_id = escapes::hex(fields.next()?).ok()?.into_boxed_slice();
    let (boots, time) = (fields.next()?.parse().ok()?, fields.next()?.parse::<u32>().ok()?);
    let saved = fields.next()?.parse().ok()?;
    if fields.next().is_some() || !(1..=64).contains(&engine_id.len()) {
        return None;
    }
    let since = u32::try_from(today.as_secs().saturating_sub(saved)).unwrap_or(u32::MAX);
    Some(EngineRecord { address, engine_id, boots, time: time.saturating_add(since) })
}

/// Warns about unusual engines of v3 agents.
pub fn print_notices(snmp: &mut Snmp, console: &Console) {
    while let Some(notice) = snmp.usm_mut().take_notice() {
        console.remark(in_words(&notice));
    }
}

fn in_words(notice: &Notice) -> String {
    match notice {
        Notice::SameEngineId { engine_id, first, also } => {
            format!("{also} has the engine ID {} of {first}", escapes::to_hex(engine_id))
        }
        Notice::EngineChanged { address, before, now } => format!(
            "{address} had the engine ID {}, and now has {}",
            escapes::to_hex(before),
            escapes::to_hex(now)
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_engine_is_a_line_and_its_clock_advances() {
        let record =
            read("127.0.0.1:161 80001f8880 3 100 1000", Duration::from_secs(1060)).expect("an engine");
        assert_eq!((record.boots, record.time, record.engine_id.len()), (3, 160, 5));
        for wrong in [
            "",
            "127.0.0.1:161",
            "127.0.0.1 80001f8880 3 100 1000",
            "127.0.0.1:161 8 3 100 1000",
            "127.0.0.1:161 80001f8880 -3 100 1000",
            "127.0.0.1:161 80001f8880 3 100 1000 5",
        ] {
            assert!(read(wrong, Duration::ZERO).is_none(), "{wrong}");
        }
    }
}
