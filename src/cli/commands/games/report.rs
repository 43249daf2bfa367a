//! Output of servers and players.

use std::cmp::Reverse;
use std::io::{self, Write};
use std::time::Duration;

use allears::protocol::games::{Game, PlayerInfo, ServerInfo, text};

use super::args::Sort;
use super::json::ServerJson;
use super::server::Server;
use crate::cli::output::record::{Record, shown_millis};
use crate::cli::output::table::{self, Cell, Column, Style};
use crate::cli::output::{Format, Out};

/// The destination and the form of the output.
pub struct Report {
    form: Form,
    /// Players are searched for.
    finds: bool,
}

enum Form {
    Json(Out),
    Csv(Box<csv::Writer<Out>>),
    /// Written at the end, because it is sorted.
    Table(Out, Table),
    /// Players as they are found, one a line.
    Hits(Out, Vec<usize>),
}

#[derive(Default)]
struct Table {
    rows: Vec<Server>,
    unanswered: Vec<Record>,
}

const SERVERS: [Column; 6] = [
    Column { title: "PLAYERS", right: true, least: None },
    Column { title: "PING", right: true, least: None },
    Column { title: "NAME", right: false, least: Some(8) },
    Column { title: "MAP", right: false, least: Some(0) },
    Column { title: "MOD", right: false, least: Some(0) },
    Column { title: "ADDRESS", right: false, least: None },
];

const HITS: [Column; 6] = [
    Column { title: "PLAYER", right: false, least: Some(10) },
    Column { title: "SCORE", right: true, least: None },
    Column { title: "PING", right: true, least: None },
    Column { title: "ADDRESS", right: false, least: None },
    Column { title: "MAP", right: false, least: Some(6) },
    Column { title: "SERVER", right: false, least: Some(10) },
];
/// Hits are written one by one, so their widths are fixed.
const HIT_WIDTHS: [usize; 6] = [20, 6, 4, 21, 16, 40];

impl Report {
    /// # Errors
    /// The header cannot be written.
    pub fn new(out: Out, format: Format, finds: bool) -> io::Result<Report> {
        let form = match format {
            Format::Json => Form::Json(out),
            Format::Csv => Form::Csv(start_csv(out, finds)?),
            Format::Table if finds => start_hits(out)?,
            Format::Table => Form::Table(out, Table::default()),
        };
        Ok(Report { form, finds })
    }

    /// Returns whether something waits to be flushed to a terminal.
    pub fn has_unflushed(&self) -> bool {
        match &self.form {
            Form::Json(out) | Form::Hits(out, _) => out.has_unflushed(),
            // The writer does not show what it holds back.
            Form::Csv(writer) => writer.get_ref().is_terminal(),
            Form::Table(..) => false,
        }
    }

    /// Returns whether hosts that did not answer are written without `--all`.
    pub fn has_all(&self) -> bool {
        matches!(self.form, Form::Json(_))
    }

    /// Writes a server that answered and fits, and the players `found` there, if some are searched for.
    pub fn server(
        &mut self,
        record: &Record,
        info: &ServerInfo,
        server: Server,
        found: &[&PlayerInfo],
    ) -> io::Result<()> {
        match &mut self.form {
            Form::Json(out) => {
                let names: Vec<_> = found.iter().map(|player| player.name.clone()).collect();
                record.write_json(Some(ServerJson::new(info)), &names, out)
            }
            Form::Csv(writer) => {
                let fields = csv_fields(&server, info, found, self.finds);
                Ok(writer.write_record(record.fields().into_iter().chain(fields).chain([String::new()]))?)
            }
            Form::Table(_, table) => {
                table.rows.push(server);
                Ok(())
            }
            Form::Hits(out, widths) => {
                for player in found {
                    let cells = hit(player, &server);
                    table::write_row(&HITS, widths, &cells, out.has_colour(), out)?;
                }
                Ok(())
            }
        }
    }

    /// Writes a server that did not answer.
    pub fn unanswered(&mut self, record: Record) -> io::Result<()> {
        match &mut self.form {
            Form::Json(out) => record.write_json(None::<()>, &[], out),
            Form::Csv(writer) => {
                let empty = vec![String::new(); CSV_ANSWER.len() + usize::from(self.finds)];
                let reason = record.reason.clone().unwrap_or_default();
                Ok(writer.write_record(record.fields().into_iter().chain(empty).chain([reason]))?)
            }
            Form::Table(_, table) => {
                table.unanswered.push(record);
                Ok(())
            }
            Form::Hits(out, _) => {
                let reason = record.reason.as_deref().unwrap_or_default();
                writeln!(out, "{}: {}: {reason}", record.target, record.outcome)
            }
        }
    }

    pub fn flush(&mut self) -> io::Result<()> {
        match &mut self.form {
            Form::Json(out) | Form::Hits(out, _) => out.flush(),
            Form::Csv(writer) => writer.flush(),
            Form::Table(..) => Ok(()),
        }
    }

    /// Writes what had to wait for the end: at most `most` rows of a table.
    pub fn finish(&mut self, sort: Sort, most: usize) -> io::Result<()> {
        match &mut self.form {
            Form::Table(out, table) => {
                table.sort(sort);
                table.write(most, out)?;
                out.flush()
            }
            _ => self.flush(),
        }
    }
}

const CSV_ANSWER: [&str; 7] = ["name", "map", "mod", "players", "bots", "max_players", "truncated"];

fn start_csv(out: Out, finds: bool) -> io::Result<Box<csv::Writer<Out>>> {
    let mut writer = csv::Writer::from_writer(out);
    let found = finds.then_some("found");
    writer.write_record(Record::COLUMNS.into_iter().chain(CSV_ANSWER).chain(found).chain(["reason"]))?;
    writer.flush()?;
    Ok(Box::new(writer))
}

fn csv_fields(server: &Server, info: &ServerInfo, found: &[&PlayerInfo], finds: bool) -> Vec<String> {
    let number = |number: Option<u32>| number.map(|number| number.to_string()).unwrap_or_default();
    let mut fields = vec![
        server.name.to_string(),
        server.map.to_string(),
        server.mod_name.to_string(),
        server.players.to_string(),
        number(server.bots),
        number(server.max_players),
        info.truncated.to_string(),
    ];
    if finds {
        let names: Vec<_> = found.iter().map(|player| player.name.as_str()).collect();
        fields.push(names.join("; "));
    }
    fields
}

fn start_hits(mut out: Out) -> io::Result<Form> {
    let widths = table::fit(&HITS, &HIT_WIDTHS, out.width());
    if out.is_terminal() {
        table::write_row(&HITS, &widths, &table::header(&HITS), out.has_colour(), &mut out)?;
        out.flush()?;
    }
    Ok(Form::Hits(out, widths))
}

fn hit(player: &PlayerInfo, server: &Server) -> Vec<Cell> {
    let number = |number: Option<f64>| number.map(|number| number.to_string()).unwrap_or_default();
    vec![
        coloured(&player.name_raw, server.game),
        Cell::plain(number(player.score)),
        Cell::plain(number(player.ping.map(f64::from))),
        Cell::plain(server.address.to_string()),
        Cell::plain(&server.map),
        coloured(&server.name_raw, server.game),
    ]
}

impl Table {
    fn sort(&mut self, sort: Sort) {
        let by_name = |server: &Server| server.name.to_lowercase();
        match sort {
            // With the same number of players, the nearer server comes first.
            Sort::Players => self.rows.sort_by_key(|server| (Reverse(server.players), server.ping)),
            Sort::Ping => self.rows.sort_by_key(|server| server.ping),
            Sort::Name => self.rows.sort_by_cached_key(by_name),
            Sort::Map => self.rows.sort_by_cached_key(|server| (server.map.to_lowercase(), by_name(server))),
        }
    }

    fn write(&self, most: usize, out: &mut Out) -> io::Result<()> {
        let shown = &self.rows[..self.rows.len().min(most)];
        let header = table::header(&SERVERS);
        let mut natural: Vec<_> = header.iter().map(Cell::width).collect();
        for server in shown {
            for (width, cell) in natural.iter_mut().zip(row(server)) {
                *width = cell.width().max(*width);
            }
        }
        let widths = table::fit(&SERVERS, &natural, out.width());
        let colour = out.has_colour();
        if !shown.is_empty() {
            table::write_row(&SERVERS, &widths, &header, colour, out)?;
        }
        for server in shown {
            table::write_row(&SERVERS, &widths, &row(server), colour, out)?;
        }
        for record in &self.unanswered {
            let reason = record.reason.as_deref().unwrap_or_default();
            writeln!(out, "{}: {}: {reason}", record.target, record.outcome)?;
        }
        Ok(())
    }
}

fn row(server: &Server) -> Vec<Cell> {
    let most = server.max_players.map_or("?".into(), |most| most.to_string());
    let style = if server.humans() == 0 { Style::Dim } else { Style::Plain };
    let mut players = Cell::styled(style, format!("{}/{most}", server.players));
    if let Some(bots) = server.bots.filter(|&bots| bots > 0) {
        players.push(Style::Dim, if bots == 1 { " (1 bot)".into() } else { format!(" ({bots} bots)") });
    }
    vec![
        players,
        Cell::plain(ping(server.ping)),
        coloured(&server.name_raw, server.game),
        Cell::plain(&server.map),
        Cell::plain(&server.mod_name),
        Cell::plain(server.address.to_string()),
    ]
}

fn ping(ping: Duration) -> String {
    shown_millis(ping)
}

/// A name in its own colours.
fn coloured(name: &[u8], game: &Game) -> Cell {
    let mut cell = Cell::default();
    for text::Span { text, color } in text::spans(name, game.colors) {
        let style = match color {
            None => Style::Plain,
            // Black is invisible on most terminals.
            Some(text::Rgb(0, 0, 0)) => Style::Dim,
            Some(text::Rgb(red, green, blue)) => Style::Rgb(red, green, blue),
        };
        cell.push(style, text);
    }
    cell
}
