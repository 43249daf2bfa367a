//! Output of servers and players.

use std::io::{self, Write};

use allears::net;
use allears::protocol::games::{Game, PlayerInfo, ServerInfo, text};

use super::Rows;
use super::args::GamesFormat;
use super::columns::ServerColumn;
use super::influx;
use super::json::{ServerJson, write_unanswered};
use super::server::Server;
use crate::cli::output::record::Record;
use crate::cli::output::table::{Cell, Column, Style, write_whole};
use crate::cli::output::{Out, Sink};

/// Writes servers or, in a search, players.
pub struct Report {
    sink: Sink,
    /// True in a search for players.
    finds: bool,
    /// True for Influx line protocol.
    writes_points: bool,
    rows: Rows,
    /// Servers that are kept until the end, because they are sorted; or until they take too much memory.
    kept: Vec<KeptServer>,
    unanswered: Vec<Record>,
    memory: usize,
    /// The bytes of everything kept.
    bytes: usize,
    /// The parts of the table that were written.
    parts: u32,
}

/// A server that is written later.
struct KeptServer {
    server: Server,
    /// The whole answer, which JSON and CSV need.
    whole: Option<Box<Whole>>,
}

/// An answer with the players found in it.
struct Whole {
    record: Record,
    info: ServerInfo,
    found: Vec<PlayerInfo>,
}

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
    pub fn open(out: Out, format: GamesFormat, finds: bool, rows: Rows, memory: usize) -> io::Result<Report> {
        let writes_points = format == GamesFormat::Influx;
        let columns = PLAYERS.into_iter().filter(|_| finds && !writes_points);
        let mut csv: Vec<String> = match &rows.chosen {
            Some(chosen) => chosen.iter().map(ServerColumn::name).collect(),
            None => CSV.map(String::from).into(),
        };
        csv.extend(finds.then(|| "found".into()));
        let sink = Sink::open(out, format.of_sink(), columns, csv.iter().map(String::as_str))?;
        let (kept, unanswered) = (vec![], vec![]);
        Ok(Report { sink, finds, writes_points, rows, kept, unanswered, memory, bytes: 0, parts: 0 })
    }

    /// Returns the rules that columns show.
    pub fn rules(&self) -> &[String] {
        &self.rows.rules
    }

    /// Returns whether only the first servers are written.
    pub fn is_limited(&self) -> bool {
        self.rows.most < usize::MAX
    }

    /// Returns whether something waits to be flushed to a terminal.
    pub fn has_unflushed(&self) -> bool {
        self.sink.has_unflushed()
    }

    /// Returns whether hosts that did not answer are written even without `--all`.
    pub fn lists_every_host(&self) -> bool {
        self.sink.lists_every_host() || self.writes_points
    }

    /// Writes a matching server and, in a search, the players `found` on it; at once, or sorted at the end.
    pub fn server(
        &mut self,
        record: &Record,
        info: &ServerInfo,
        server: Server,
        found: &[&PlayerInfo],
    ) -> io::Result<()> {
        let is_ordered = self.rows.is_ordered || self.is_limited();
        match &mut self.sink {
            Sink::Table(table) if self.writes_points && !self.rows.is_ordered => {
                table.out.write_all(influx::answered(&server, net::wall_clock()).as_bytes())
            }
            Sink::Table(table) if self.finds => {
                found.iter().try_for_each(|player| table.row(&player_cells(player, &server)))
            }
            Sink::Table(_) => self.keep_server(KeptServer { server, whole: None }),
            _ if is_ordered => {
                let found = found.iter().map(|player| (*player).clone()).collect();
                let whole = Whole { record: record.clone(), info: info.clone(), found };
                self.keep_server(KeptServer { server, whole: Some(Box::new(whole)) })
            }
            _ => self.write_answer(record, info, &server, found),
        }
    }

    /// Writes one line of JSON or CSV.
    fn write_answer(
        &mut self,
        record: &Record,
        info: &ServerInfo,
        server: &Server,
        found: &[&PlayerInfo],
    ) -> io::Result<()> {
        match &mut self.sink {
            Sink::Json(out) => {
                let names: Vec<_> = found.iter().map(|player| player.name.clone()).collect();
                record.write_json(Some(ServerJson::new(info)), &names, out)
            }
            Sink::Csv(rows) => {
                let mut fields = match &self.rows.chosen {
                    Some(chosen) => chosen.iter().map(|column| column.text(server)).collect(),
                    None => csv_fields(server, info),
                };
                let names: Vec<_> = found.iter().map(|player| player.name.as_str()).collect();
                fields.extend(self.finds.then(|| names.join("; ")));
                rows.row(&record.fields(), fields, "")
            }
            Sink::Table(_) => Ok(()),
        }
    }

    /// Writes a server that did not answer.
    pub fn unanswered(&mut self, record: &Record, game: &'static Game) -> io::Result<()> {
        if let (Sink::Table(table), true) = (&mut self.sink, self.writes_points) {
            let point = influx::unanswered(game, &record.host(), net::wall_clock());
            return table.out.write_all(point.as_bytes());
        }
        if matches!(self.sink, Sink::Table(_)) && !self.finds {
            let bytes =
                size_of::<Record>() + record.reason.as_ref().map_or(0, String::len) + record.cause.len();
            self.unanswered.push(record.clone());
            return self.keep(bytes);
        }
        match (&mut self.sink, &self.rows.chosen) {
            (Sink::Json(out), _) => write_unanswered(record, game.id, out),
            (Sink::Csv(csv), Some(chosen)) => {
                let field = |column: &ServerColumn| if *column == ServerColumn::Game { game.id } else { "" };
                let fields = chosen.iter().map(field).chain(self.finds.then_some(""));
                csv.row(&record.fields(), fields, record.reason.as_deref().unwrap_or_default())
            }
            (sink, _) => sink.unanswered(record),
        }
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

    fn keep_server(&mut self, server: KeptServer) -> io::Result<()> {
        let bytes = server.bytes();
        self.kept.push(server);
        if self.is_limited() && self.kept.len() >= self.rows.most.saturating_mul(2).max(64) {
            self.drop_all_but_the_first();
        }
        self.keep(bytes)
    }

    /// Sorts the servers, and drops those beyond the maximum number.
    fn drop_all_but_the_first(&mut self) {
        self.rows.order(&mut self.kept);
        let dropped: usize =
            self.kept.drain(self.rows.most.min(self.kept.len())..).map(|kept| kept.bytes()).sum();
        self.bytes = self.bytes.saturating_sub(dropped);
    }

    /// Counts the bytes of something kept, and writes everything if that is too much.
    fn keep(&mut self, bytes: usize) -> io::Result<()> {
        self.bytes += bytes;
        if self.bytes > self.memory && !self.is_limited() { self.write_part() } else { Ok(()) }
    }

    /// Writes what was kept: the servers in their order, and then those that did not answer.
    fn write_part(&mut self) -> io::Result<()> {
        if self.bytes > 0 {
            self.parts += 1;
        }
        self.drop_all_but_the_first();
        let kept = std::mem::take(&mut self.kept);
        for KeptServer { server, whole } in &kept {
            let Some(whole) = whole else { continue };
            let found: Vec<_> = whole.found.iter().collect();
            self.write_answer(&whole.record, &whole.info, server, &found)?;
        }
        if let (Sink::Table(table), true) = (&mut self.sink, self.writes_points) {
            let points = kept.iter().map(|kept| influx::answered(&kept.server, net::wall_clock()));
            points.into_iter().try_for_each(|point| table.out.write_all(point.as_bytes()))?;
        } else if let Sink::Table(table) = &mut self.sink {
            let servers: Vec<_> = kept.iter().map(|kept| &kept.server).collect();
            write_servers(&servers, &self.rows, &mut table.out)?;
            self.unanswered.drain(..).try_for_each(|record| table.line(&record.to_string()))?;
        }
        self.bytes = 0;
        Ok(())
    }
}

impl KeptServer {
    fn bytes(&self) -> usize {
        let whole = self.whole.as_ref().map_or(0, |whole| {
            let players = (whole.info.player_list.len() + whole.found.len()) * (size_of::<PlayerInfo>() + 64);
            let rules: usize = whole.info.rules.iter().map(|(key, value)| key.len() + value.len() + 16).sum();
            size_of::<Whole>() + players + rules + 256
        });
        size_of::<KeptServer>() + self.server.bytes() + whole
    }
}

impl Rows {
    fn order(&self, kept: &mut [KeptServer]) {
        kept.sort_by(|one, other| self.sort.order(&one.server, &other.server, self.reverse));
    }
}

/// Returns the fields of [`CSV`].
fn csv_fields(server: &Server, info: &ServerInfo) -> Vec<String> {
    use ServerColumn::{Bots, Map, Max, Mod, Name, Players};

    let columns = [Name, Map, Mod, Players, Bots, Max].iter().map(|column| column.text(server));
    columns.chain([info.truncated.to_string()]).collect()
}

fn player_cells(player: &PlayerInfo, server: &Server) -> Vec<Cell> {
    let number = |number: Option<f64>| number.map(|number| number.to_string()).unwrap_or_default();
    let mut name = coloured(&player.name_raw, server.text);
    if player.bot == Some(true) {
        name.push(Style::Dim, " (bot)");
    }
    vec![
        name,
        Cell::plain(number(player.score)),
        Cell::plain(number(player.ping.map(f64::from))),
        Cell::plain(server.address.to_string()),
        Cell::plain(&server.map),
        coloured(&server.name_raw, server.text),
    ]
}

/// Writes the table of servers.
fn write_servers(servers: &[&Server], rows: &Rows, out: &mut Out) -> io::Result<()> {
    let Some(first) = servers.first() else { return Ok(()) };
    let shown = rows.shown(servers.iter().any(|server| server.game.id != first.game.id));
    let cells = |server: &&Server| shown.iter().map(|column| column.cell(server)).collect();
    write_whole(shown.iter().map(ServerColumn::column), servers.iter().map(cells), out)
}

/// Returns a name in its own colours.
pub fn coloured(name: &[u8], rules: text::TextRules) -> Cell {
    let mut cell = Cell::default();
    for text::Span { text, color } in rules.spans(name.trim_ascii_end()) {
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
        let rows = Rows { sort: ServerColumn::Name, most: usize::MAX, ..Rows::default() };
        let memory = size_of::<KeptServer>() + servers[0].bytes();
        let mut report = Report::open(out, GamesFormat::Table, false, rows, memory).expect("opens");
        for server in servers {
            report.keep_server(KeptServer { server, whole: None }).expect("written");
        }
        report.finish().expect("written");
        let text = fs::read_to_string(file.path()).expect("text");
        let names = text.split_whitespace().filter(|word| word.starts_with("name"));
        assert_eq!(names.collect::<Vec<_>>(), ["name1", "name4", "name2", "name3", "name5"]);
        assert_eq!(report.parts(), 3);
    }

    #[test]
    fn of_many_servers_only_the_first_are_kept_and_written() {
        for (reverse, wanted) in
            [(false, ["name999", "name998", "name997"]), (true, ["name0", "name1", "name2"])]
        {
            let file = tempfile::NamedTempFile::new().expect("a temporary file");
            let out = Out::open(Some(file.path())).expect("opens");
            let rows = Rows { most: 3, reverse, ..Rows::default() };
            let mut report = Report::open(out, GamesFormat::Table, false, rows, 1000).expect("opens");
            for n in 0..1000u32 {
                let server = sample(&format!("name{n}"), "map", "mod", (n, None, 2000), 1.0);
                report.keep_server(KeptServer { server, whole: None }).expect("written");
                assert!(report.kept.len() <= 64);
            }
            report.finish().expect("written");
            let text = fs::read_to_string(file.path()).expect("text");
            let names: Vec<_> = text.split_whitespace().filter(|word| word.starts_with("name")).collect();
            assert_eq!((names, report.parts()), (wanted.to_vec(), 1));
        }
    }
}
