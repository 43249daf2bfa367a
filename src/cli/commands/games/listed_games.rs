//! `--list-games`: the known games.

use std::io;

use allears::protocol::games::Game;
use serde::Serialize;

use super::catalogue::Catalogue;
use crate::cli::output::table::{Cell, Column, write_whole};
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
        Format::Table => {
            write_whole(COLUMNS, rows.iter().map(GameRow::cells), out)?;
            io::Write::flush(out)
        }
    }
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
