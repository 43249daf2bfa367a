//! `ntp`: queries time servers for the time, and computes the offset of our clock.

use std::time::Duration;

use allears::engine::Time;
use allears::net;
use allears::protocol::ntp::{Ntp, ServerTime};
use anyhow::Result;
use serde::Serialize;

use crate::cli::exit::Exit;
use crate::cli::output::table::Column;
use crate::cli::survey::{self, Row, SurveyArgs};

/// `allears ntp`.
pub fn run(args: &SurveyArgs) -> Result<Exit> {
    survey::run::<Server>(Ntp, (), args)
}

/// A row of the output. Times are in milliseconds; an offset above 0 means that the server is ahead of us.
#[derive(Default, Serialize)]
struct Server {
    stratum: u8,
    leap: u8,
    reference: String,
    offset_ms: Option<f64>,
    delay_ms: Option<f64>,
    root_delay_ms: f64,
    root_dispersion_ms: f64,
    kiss: Option<String>,
}

impl Row for Server {
    type Protocol = Ntp;
    const COLUMNS: &'static [(Column, usize)] = &[
        (Column::right("ST"), 2),
        (Column::right("OFFSET"), 10),
        (Column::right("DELAY"), 8),
        (Column::right("DISP"), 8),
        (Column::left("REFERENCE").shrinking_to(13), 15),
    ];

    fn new(time: ServerTime, _: Option<Duration>, now: Time) -> Server {
        let arrived = net::wall_clock().saturating_sub(now - time.arrived);
        Server {
            stratum: time.stratum,
            leap: time.leap,
            reference: time.reference_text(),
            offset_ms: time.offset(arrived).map(millis),
            delay_ms: time.delay().map(millis),
            root_delay_ms: millis(time.root_delay.as_secs_f64()),
            root_dispersion_ms: millis(time.root_dispersion.as_secs_f64()),
            kiss: time.kiss(),
        }
    }

    fn cells(&self) -> Vec<String> {
        let shown = |ms: Option<f64>| ms.map_or("-".into(), |ms| format!("{ms:.3}"));
        let reference = match &self.kiss {
            Some(kiss) => format!("kiss: {kiss}"),
            None if self.leap == 3 || self.stratum > 15 => "unsynchronized".into(),
            None => self.reference.clone(),
        };
        let dispersion = shown(Some(self.root_dispersion_ms));
        vec![self.stratum.to_string(), shown(self.offset_ms), shown(self.delay_ms), dispersion, reference]
    }
}

/// Rounds seconds to milliseconds with three decimal places.
fn millis(seconds: f64) -> f64 {
    (seconds * 1e6).round() / 1e3
}
