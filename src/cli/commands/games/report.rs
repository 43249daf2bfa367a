//! Output of servers and players.

use std::cmp::Reverse;
use std::io;

use allears::protocol::games::{Game, PlayerInfo, ServerInfo, text};

use super::Rows;
use super::args::Sort;
use super::json::ServerJson;
use super::server::Server;
use crate::cli::output::record::{Record, shown_millis};
use crate::cli::output::table::{Cell, Column, Layout, Style};
use crate::cli::output::{Format, Out, Sink};

/// Writes servers or, in a search, players.
pub struct Report {
    sink: Sink,
    /// True in a search for players.
    finds: bool,
    /// Servers that are kept until the end, because the table is sorted; or until they take too much memory.
    servers: Vec<Server>,
    unanswered: Vec<Record>,
    rows: Rows,
    memory: usize,
    /// The bytes kept.
    kept: usize,
    /// The parts of the table that were written.
    parts: u32,
}

const SERVERS: [Column; 6] = [
    Column::right("PLAYERS"),
    Column::right("PING"),
    Column::left("NAME").shrinking_to(8),
    Column::left("MAP").shrinking_to(0),
    Column::left("MOD").shrinking_to(0),
    Column::left("ADDRESS"),
];

/// The columns of players. Their widths are fixed, because players are written as they are found.
const PLAYERS: [(Column, usize); 6] = [
    (Column::left("PLAYER").shrinking_to(10), 20),
    (Column::right("SCORE"), 6),
    (Column::right("PING"), 4),
    (Column::left("ADDRESS"), 21),
    (Column::left("MAP").shrinking_to(6), 16),
    (Column::left("SERVER").shrinking_to(10), 40),
];

const CSV: [&str; 7] = ["name", "map", "mod", "players", "bots", "max_players", "truncated"];

impl Report {
    /// Starts the output of servers or, in a search, of players. The table of servers is written in parts of about
    /// `memory` bytes.
    ///
    /// # Errors
    /// The header cannot be written.
    pub fn open(out: Out, format: Format, finds: bool, rows: Rows, memory: usize) -> io::Result<Report> {
        let columns = PLAYERS.into_iter().filter(|_| finds);
        let csv = CSV.into_iter().chain(finds.then_some("found"));
        let sink = Sink::open(out, format, columns, csv)?;
        let (servers, unanswered) = (vec![], vec![]);
        Ok(Report { sink, finds, servers, unanswered, rows, memory, kept: 0, parts: 0 })
    }

    /// Returns whether something waits to be flushed to a terminal.
    pub fn has_unflushed(&self) -> bool {
        self.sink.has_unflushed()
    }

    /// Returns whether hosts that did not answer are written even without `--all`.
    pub fn lists_every_host(&self) -> bool {
        self.sink.lists_every_host()
    }

    /// Writes a matching server and, in a search, the players `found` on it.
    pub fn server(
        &mut self,
        record: &Record,
        info: &ServerInfo,
        server: Server,
        found: &[&PlayerInfo],
    ) -> io::Result<()> {
        match &mut self.sink {
            Sink::Json(out) => {
                let names: Vec<_> = found.iter().map(|player| player.name.clone()).collect();
                record.write_json(Some(ServerJson::new(info)), &names, out)
            }
            Sink::Csv(rows) => {
                let found = self.finds.then_some(found);
                rows.row(&record.fields(), csv_fields(&server, info, found), "")
            }
            Sink::Table(table) if self.finds => {
                found.iter().try_for_each(|player| table.row(&player_cells(player, &server)))
            }
            Sink::Table(_) => self.keep_server(server),
        }
    }

    /// Writes a server that did not answer.
    pub fn unanswered(&mut self, record: &Record) -> io::Result<()> {
        if matches!(self.sink, Sink::Table(_)) && !self.finds {
            let bytes =
                size_of::<Record>() + record.reason.as_ref().map_or(0, String::len) + record.cause.len();
            self.unanswered.push(record.clone());
            return self.keep(bytes);
        }
        self.sink.unanswered(record)
    }

    /// Flushes the output.
    pub fn flush(&mut self) -> io::Result<()> {
        self.sink.flush()
    }

    /// Returns the number of parts of the table of servers.
    pub fn parts(&self) -> u32 {
        self.parts
    }

    /// Writes the output that had to wait for the end.
    pub fn finish(&mut self) -> io::Result<()> {
        self.write_part()?;
        self.sink.flush()
    }

    fn keep_server(&mut self, server: Server) -> io::Result<()> {
        let bytes = server.bytes();
        self.servers.push(server);
        self.keep(bytes)
    }

    /// Counts the bytes of something kept, and writes everything if that is too much.
    fn keep(&mut self, bytes: usize) -> io::Result<()> {
        self.kept += bytes;
        if self.kept > self.memory { self.write_part() } else { Ok(()) }
    }

    /// Writes what was kept: a sorted table of servers, and then those that did not answer.
    fn write_part(&mut self) -> io::Result<()> {
        let Sink::Table(table) = &mut self.sink else { return Ok(()) };
        if self.kept > 0 {
            self.parts += 1;
        }
        order(&mut self.servers, self.rows.sort);
        self.servers.truncate(self.rows.most);
        self.rows.most -= self.servers.len();
        write_servers(&self.servers, &mut table.out)?;
        self.servers.clear();
        self.unanswered.drain(..).try_for_each(|record| table.line(&record.to_string()))?;
        self.kept = 0;
        Ok(())
    }
}

fn csv_fields(server: &Server, info: &ServerInfo, found: Option<&[&PlayerInfo]>) -> Vec<String> {
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
    if let Some(found) = found {
        let names: Vec<_> = found.iter().map(|player| player.name.as_str()).collect();
        fields.push(names.join("; "));
    }
    fields
}

fn player_cells(player: &PlayerInfo, server: &Server) -> Vec<Cell> {
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

fn order(servers: &mut [Server], sort: Sort) {
    let by_name = |server: &Server| server.name.to_lowercase();
    match sort {
        // If the number of players is equal, the server with the shorter ping comes first.
        Sort::Players => servers.sort_by_key(|server| (Reverse(server.players), server.ping)),
        Sort::Ping => servers.sort_by_key(|server| server.ping),
        Sort::Name => servers.sort_by_cached_key(by_name),
        Sort::Map => servers.sort_by_cached_key(|server| (server.map.to_lowercase(), by_name(server))),
    }
}

/// Writes a table whose columns fit their widest cell.
fn write_servers(servers: &[Server], out: &mut Out) -> io::Result<()> {
    if servers.is_empty() {
        return Ok(());
    }
    let mut columns = SERVERS.map(|column| (column, column.title.len()));
    for server in servers {
        for ((_, width), cell) in columns.iter_mut().zip(server_cells(server)) {
            *width = cell.width().max(*width);
        }
    }
    let layout = Layout::fit(columns, out);
    layout.write_header(out)?;
    servers.iter().try_for_each(|server| layout.write_row(&server_cells(server), out))
}

fn server_cells(server: &Server) -> Vec<Cell> {
    let most = server.max_players.map_or("?".into(), |most| most.to_string());
    let style = if server.humans() == 0 { Style::Dim } else { Style::Plain };
    let mut players = Cell::styled(style, format!("{}/{most}", server.players));
    if let Some(bots) = server.bots.filter(|&bots| bots > 0) {
        players.push(Style::Dim, if bots == 1 { " (1 bot)".into() } else { format!(" ({bots} bots)") });
    }
    vec![
        players,
        Cell::plain(shown_millis(server.ping)),
        coloured(&server.name_raw, server.game),
        Cell::plain(&server.map),
        Cell::plain(&server.mod_name),
        Cell::plain(server.address.to_string()),
    ]
}

/// Returns a name in its own colours.
fn coloured(name: &[u8], game: &Game) -> Cell {
    let mut cell = Cell::default();
    for text::Span { text, color } in game.text.spans(name) {
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

#[cfg(test)]
mod tests {
    use std::fs;

    use super::super::server::sample;
    use super::*;

    #[test]
    fn a_table_that_takes_too_much_memory_is_written_in_sorted_parts() {
        let file = tempfile::NamedTempFile::new().expect("a temporary file");
        let out = Out::open(Some(file.path())).expect("opens");
        let servers =
            [4, 1, 3, 2, 5].map(|n: u32| sample(&format!("name{n}"), "map", "mod", (n, None, 8), 1.0));
        let (rows, memory) = (Rows { sort: Sort::Name, most: 4 }, servers[0].bytes());
        let mut report = Report::open(out, Format::Table, false, rows, memory).expect("opens");
        for server in servers {
            report.keep_server(server).expect("written");
        }
        report.finish().expect("written");
        let text = fs::read_to_string(file.path()).expect("text");
        let names = text.split_whitespace().filter(|word| word.starts_with("name"));
        assert_eq!(names.collect::<Vec<_>>(), ["name1", "name4", "name2", "name3"]);
        assert_eq!(report.parts(), 3);
    }
}
