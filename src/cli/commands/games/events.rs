//! The events of `--every`, in each format.

use std::io;
use std::time::Duration;

use allears::protocol::games::{PlayerInfo, ServerInfo};
use serde::Serialize;

use super::args::GamesFormat;
use super::json::{PlayerJson, ServerJson};
use crate::cli::output::record::Record;
use crate::cli::output::table::{Cell, Column, Style};
use crate::cli::output::untrusted::write_json_line;
use crate::cli::output::{Out, Sink};

/// A change of a server.
#[derive(Clone, Copy, Debug)]
pub enum Event<'a> {
    /// It answered for the first time.
    Listed,
    /// It answers again.
    Back,
    /// It plays another map.
    Map {
        before: Option<&'a str>,
    },
    Joined(&'a PlayerInfo),
    Left {
        name: &'a str,
    },
}

/// Writes events.
pub struct EventWriter {
    sink: Sink,
    writes_points: bool,
    written: u64,
}

/// An event as JSON: the keys of a result, and those of the event.
#[derive(Default, Serialize)]
struct EventJson<'a> {
    event: &'static str,
    game: &'a str,
    name: Option<&'a str>,
    map: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    before: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    player: Option<PlayerJson<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    answer: Option<ServerJson<'a>>,
}

#[derive(Serialize)]
struct EventLine<'a> {
    #[serde(flatten)]
    record: &'a Record,
    #[serde(flatten)]
    event: EventJson<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a str>,
}

const COLUMNS: [(Column, usize); 6] = [
    (Column::left("TIME"), 9),
    (Column::left("EVENT"), 6),
    (Column::left("PLAYER").shrinking_to(10), 20),
    (Column::left("ADDRESS"), 21),
    (Column::left("MAP").shrinking_to(6), 16),
    (Column::left("SERVER").shrinking_to(10), 40),
];

const CSV: [&str; 6] = ["at", "event", "game", "player", "map", "name"];

impl Event<'_> {
    fn name(&self) -> &'static str {
        match self {
            Event::Listed => "listed",
            Event::Back => "back",
            Event::Map { .. } => "map",
            Event::Joined(_) => "joined",
            Event::Left { .. } => "left",
        }
    }

    fn player(&self) -> &str {
        match self {
            Event::Joined(player) => &player.name,
            Event::Left { name } => name,
            _ => "",
        }
    }
}

impl EventWriter {
    /// Starts the output of events.
    ///
    /// # Errors
    /// The header cannot be written.
    pub fn open(out: Out, format: GamesFormat) -> io::Result<EventWriter> {
        let writes_points = format == GamesFormat::Influx;
        let columns = COLUMNS.into_iter().filter(|_| !writes_points);
        Ok(EventWriter { sink: Sink::open(out, format.of_sink(), columns, CSV)?, writes_points, written: 0 })
    }

    /// Returns whether a point is written for each query, instead of an event for each change.
    pub fn writes_points(&self) -> bool {
        self.writes_points
    }

    /// Writes the line of a point.
    pub fn write_point(&mut self, line: &str) -> io::Result<()> {
        let Sink::Table(table) = &mut self.sink else { return Ok(()) };
        io::Write::write_all(&mut table.out, line.as_bytes())
    }

    /// Returns the number of events written.
    pub fn written(&self) -> u64 {
        self.written
    }

    /// Writes an event of a server that has just answered.
    pub fn write(&mut self, record: &Record, event: &Event<'_>, info: &ServerInfo) -> io::Result<()> {
        let (name, map) = (info.name.as_deref(), info.map.as_deref());
        let (mut before, mut player, mut answer) = (None, None, None);
        match event {
            Event::Listed => answer = Some(ServerJson::new(info)),
            Event::Map { before: map } => before = *map,
            Event::Joined(joined) => player = Some(PlayerJson::new(joined)),
            Event::Left { name } => player = Some(PlayerJson::named(name)),
            Event::Back => {}
        }
        let json = EventJson { event: event.name(), game: info.game.id, name, map, before, player, answer };
        self.write_in_format(record, json, event.player())
    }

    /// Writes that a server does not answer any more. `name` is its last known name.
    pub fn write_gone(&mut self, record: &Record, game: &str, name: Option<&str>) -> io::Result<()> {
        self.write_in_format(record, EventJson { event: "gone", game, name, ..EventJson::default() }, "")
    }

    fn write_in_format(&mut self, record: &Record, event: EventJson<'_>, player: &str) -> io::Result<()> {
        self.written += 1;
        let (name, map) = (event.name.unwrap_or_default(), event.map.unwrap_or_default());
        match &mut self.sink {
            Sink::Json(out) => {
                write_json_line(out, &EventLine { record, event, reason: record.reason.as_deref() })
            }
            Sink::Csv(rows) => {
                let at = record.at.map(|at| at.to_string()).unwrap_or_default();
                let reason = record.reason.as_deref().unwrap_or_default();
                rows.row(&record.fields(), [&at, event.event, event.game, player, map, name], reason)
            }
            Sink::Table(table) => {
                let time = record.at.map(time_of_day).unwrap_or_default();
                let style = if matches!(event.event, "left" | "gone") { Style::Dim } else { Style::Plain };
                let address = record.host();
                let cells = [&time, event.event, player, &address, map, name];
                table.row(&cells.map(|text| Cell::styled(style, text)))
            }
        }
    }

    pub fn flush(&mut self) -> io::Result<()> {
        self.sink.flush()
    }

    pub fn has_unflushed(&self) -> bool {
        self.sink.has_unflushed()
    }

    pub fn start_file(&mut self) -> io::Result<()> {
        self.sink.start_file()
    }
}

/// Formats a time in seconds since 1970 as the time of day in UTC: `17:03:59Z`.
fn time_of_day(at: f64) -> String {
    let seconds = Duration::from_secs_f64(at.max(0.0)).as_secs() % 86_400;
    format!("{:02}:{:02}:{:02}Z", seconds / 3600, seconds / 60 % 60, seconds % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_of_day_is_in_utc() {
        assert_eq!(time_of_day(1_795_744_361.9), "01:52:41Z");
        assert_eq!(time_of_day(0.0), "00:00:00Z");
    }
}
