//! `probe`: sends any payload to any host, and shows the replies.

use std::time::Duration;

use allears::engine::Time;
use allears::protocol::games::text::raw_text;
use allears::protocol::raw::{Payload, Raw, RawError};
use anyhow::Result;
use clap::Args;
use serde::Serialize;

use super::payload::PayloadArgs;
use crate::cli::escapes;
use crate::cli::exit::{Exit, Usage};
use crate::cli::output::table::Column;
use crate::cli::survey::{self, Row, SurveyArgs};

#[derive(Args, Debug)]
pub struct ProbeArgs {
    #[command(flatten)]
    payload: PayloadArgs,
    /// Accept only replies with this prefix: text with the escapes of --text
    #[arg(long, value_name = "TEXT")]
    expect_prefix: Option<String>,
    /// Replace the 8 payload bytes at this offset, which the host must echo, with a random token: then replies cannot
    /// be forged, and round trips are exact
    #[arg(long, value_name = "OFFSET")]
    token_at: Option<usize>,
    /// The size of the largest reply to expect, in bytes: with a small receive buffer, a sweep starts at full speed
    #[arg(long, value_name = "BYTES", value_parser = clap::value_parser!(u32).range(1..=65_507))]
    reply_size: Option<u32>,
    #[command(flatten)]
    survey: SurveyArgs,
}

/// `allears probe`.
pub fn run(args: &ProbeArgs) -> Result<Exit> {
    survey::run::<ProbeReply>(protocol(args)?, Payload::default(), &args.survey)
}

fn protocol(args: &ProbeArgs) -> Result<Raw> {
    let usage = |error: RawError| Usage(error.to_string());
    let payload = args.payload.read()?.ok_or(Usage("no payload: use --hex, --text or --file".into()))?;
    let mut raw = Raw::new(payload).map_err(usage)?;
    if let Some(prefix) = &args.expect_prefix {
        raw = raw.with_expected_prefix(escapes::text(prefix).map_err(Usage)?).map_err(usage)?;
    }
    if let Some(offset) = args.token_at {
        raw = raw.with_token_at(offset).map_err(usage)?;
    }
    Ok(match args.reply_size {
        Some(bytes) => raw.with_reply_size(bytes),
        None => raw,
    })
}

/// A row of the output.
#[derive(Default, Serialize)]
struct ProbeReply {
    len: usize,
    hex: String,
    text: String,
    /// The reply for the table, which shows all bytes.
    #[serde(skip)]
    escaped: String,
}

impl Row for ProbeReply {
    type Protocol = Raw;
    const COLUMNS: &'static [(Column, usize)] =
        &[(Column::right("BYTES"), 5), (Column::left("REPLY").shrinking_to(10), 64)];

    fn new(reply: Box<[u8]>, _: Option<Duration>, _: Time) -> ProbeReply {
        ProbeReply {
            len: reply.len(),
            hex: escapes::to_hex(&reply),
            text: raw_text(&reply),
            escaped: escapes::to_text(&reply),
        }
    }

    fn cells(&self) -> Vec<String> {
        vec![self.len.to_string(), self.escaped.clone()]
    }
}
