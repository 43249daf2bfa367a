//! `--list-games`: the known games.

use std::io;

use allears::protocol::games::Game;
use serde::Serialize;

use super::catalogue::Catalogue;
use crate::cli::output::table::{Cell, Column, Layout};
use crate::cli::output::{Format, Out};

/// A game in JSON and CSV.
#[derive(Serialize)]
struct GameRow {
    id: &'static str,
    name: &'static str,
    aliases: String,
    protocol: &'static str,
    port: u16,
    masters: String,
    players: bool,
}

const COLUMNS: [Column; 6] = [
    Column::left("ID"),
    Column::left("NAME"),
    Column::right("PORT"),
    Column::left("PROTOCOL"),
    Column::left("ALIASES"),
    Column::left("MASTERS").shrinking_to(7),
];

/// Writes all games, in the order of their ids.
///
/// # Errors
/// The output cannot be written.
pub fn write(catalogue: &Catalogue, format: Format, out: &mut Out) -> io::Result<()> {
    let mut rows: Vec<GameRow> = catalogue.all().map(GameRow::new).collect();
    rows.sort_by_key(|row| row.id);
    match format {
        Format::Json => rows.iter().try_for_each(|row| out.write_line(row)),
        Format::Csv => {
            let mut writer = csv::Writer::from_writer(out);
            rows.iter().try_for_each(|row| writer.serialize(row))?;
            writer.flush()
        }
        Format::Table => write_table(&rows, out),
    }
}

fn write_table(rows: &[GameRow], out: &mut Out) -> io::Result<()> {
    let mut columns = COLUMNS.map(|column| (column, column.title.len()));
    let rows: Vec<Vec<Cell>> = rows.iter().map(GameRow::cells).collect();
    for row in &rows {
        for ((_, width), cell) in columns.iter_mut().zip(row) {
            *width = cell.width().max(*width);
        }
    }
    let layout = Layout::fit(columns, out);
    layout.write_header(out)?;
    rows.iter().try_for_each(|row| layout.write_row(row, out))?;
    io::Write::flush(out)
}

impl GameRow {
    fn new(game: &'static Game) -> GameRow {
        GameRow {
            id: game.id,
            name: game.name,
            aliases: game.aliases.join(" "),
            protocol: game.wire.name,
            port: game.server_port,
            masters: game.masters.join(" "),
            players: game.lists_players(),
        }
    }

    fn cells(&self) -> Vec<Cell> {
        let port = self.port.to_string();
        [self.id, self.name, &port, self.protocol, &self.aliases, &self.masters].map(Cell::plain).into()
    }
}
