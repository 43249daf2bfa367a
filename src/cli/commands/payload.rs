//! The payload that `probe` and `drops` send.

use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use clap::{Args, ValueHint};

use crate::cli::escapes;
use crate::cli::exit::Usage;

#[derive(Args, Debug)]
#[group(required = true, multiple = false)]
pub struct PayloadArgs {
    /// The payload in hexadecimal; spaces and colons are skipped
    #[arg(long, value_name = "DIGITS")]
    pub hex: Option<String>,
    /// The payload as text, with the escapes \n \r \t \0 \\ \xFF
    #[arg(long)]
    pub text: Option<String>,
    /// The payload from a file; - is standard input
    #[arg(long, value_hint = ValueHint::FilePath)]
    pub file: Option<PathBuf>,
}

impl PayloadArgs {
    /// Returns the payload; `None` if none was given.
    ///
    /// # Errors
    /// Digits or escapes are invalid ([`Usage`]), or the file cannot be read.
    pub fn read(&self) -> Result<Option<Vec<u8>>> {
        Ok(match self {
            PayloadArgs { hex: Some(digits), .. } => Some(escapes::hex(digits).map_err(Usage)?),
            PayloadArgs { text: Some(text), .. } => Some(escapes::text(text).map_err(Usage)?),
            PayloadArgs { file: Some(path), .. } => {
                Some(contents(path).with_context(|| format!("cannot read {}", path.display()))?)
            }
            _ => None,
        })
    }
}

/// Returns the contents of a file, or of standard input.
fn contents(path: &Path) -> io::Result<Vec<u8>> {
    if path != Path::new("-") {
        return fs::read(path);
    }
    let mut bytes = vec![];
    // One byte more than any payload may have: without an end, it is too long.
    io::stdin().lock().take(1 << 16).read_to_end(&mut bytes)?;
    Ok(bytes)
}
