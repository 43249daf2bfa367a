//! Tables for people: columns that fit the terminal, and text without control characters.

use std::io::{self, Write};

use unicode_width::UnicodeWidthChar;

use super::Out;
use super::untrusted::harmless;

/// The style of a piece of text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    Plain,
    Bold,
    Dim,
    Rgb(u8, u8, u8),
}

/// One cell of a row: pieces of text, each in its style.
#[derive(Clone, Debug, Default)]
pub struct Cell(Vec<(Style, String)>);

/// A column.
#[derive(Clone, Copy, Debug)]
pub struct Column {
    pub title: &'static str,
    pub right: bool,
    /// The minimum width on a narrow terminal; `None` if the column never shrinks, and its text is never cut.
    pub least: Option<usize>,
}

impl Column {
    /// Creates a column that is aligned left.
    pub const fn left(title: &'static str) -> Column {
        Column { title, right: false, least: None }
    }

    /// Creates a column that is aligned right.
    pub const fn right(title: &'static str) -> Column {
        Column { title, right: true, least: None }
    }

    /// Lets the column shrink to this width.
    pub const fn shrinking_to(self, least: usize) -> Column {
        Column { least: Some(least), ..self }
    }
}

const GAP: &str = "  ";
/// The maximum width of a column: without a limit, one long name would widen the column for all rows.
const WIDEST: usize = 64;

impl Cell {
    pub fn plain(text: impl AsRef<str>) -> Cell {
        Cell::styled(Style::Plain, text)
    }

    pub fn styled(style: Style, text: impl AsRef<str>) -> Cell {
        let mut cell = Cell::default();
        cell.push(style, text);
        cell
    }

    /// Appends text, without control characters.
    pub fn push(&mut self, style: Style, text: impl AsRef<str>) {
        self.0.push((style, harmless(text.as_ref())));
    }

    pub fn width(&self) -> usize {
        self.0.iter().flat_map(|(_, text)| text.chars()).map(columns).sum()
    }

    /// Writes the cell in at most `width` columns, cut with `…` if it is longer.
    fn write(&self, width: usize, colour: bool, out: &mut impl Write) -> io::Result<()> {
        let cut = self.width() > width;
        let mut left = if cut { width.saturating_sub(1) } else { width };
        for (style, text) in &self.0 {
            let end = text.char_indices().find(|(_, c)| match left.checked_sub(columns(*c)) {
                Some(rest) => {
                    left = rest;
                    false
                }
                None => true,
            });
            let shown = &text[..end.map_or(text.len(), |(at, _)| at)];
            write_styled(*style, shown, colour, out)?;
            if shown.len() < text.len() {
                break;
            }
        }
        if cut && width > 0 { write!(out, "…") } else { Ok(()) }
    }
}

fn write_styled(style: Style, text: &str, colour: bool, out: &mut impl Write) -> io::Result<()> {
    match style {
        _ if !colour || text.is_empty() => write!(out, "{text}"),
        Style::Plain => write!(out, "{text}"),
        Style::Bold => write!(out, "\x1b[1m{text}\x1b[0m"),
        Style::Dim => write!(out, "\x1b[2m{text}\x1b[0m"),
        Style::Rgb(r, g, b) => write!(out, "\x1b[38;2;{r};{g};{b}m{text}\x1b[0m"),
    }
}

fn columns(c: char) -> usize {
    c.width().unwrap_or(0)
}

/// The columns of a table with their widths.
pub struct Layout {
    columns: Vec<Column>,
    widths: Vec<usize>,
    /// True on a terminal: text that is too long for a column that may shrink is cut.
    cuts: bool,
    colour: bool,
}

impl Layout {
    /// Fits columns with these widths to the terminal. If `out` is not a terminal, they keep their widths.
    pub fn fit(columns: impl IntoIterator<Item = (Column, usize)>, out: &Out) -> Layout {
        let (columns, widths): (Vec<_>, Vec<_>) = columns.into_iter().unzip();
        let widths = fit(&columns, &widths, out.width());
        Layout { columns, widths, cuts: out.is_terminal(), colour: out.has_colour() }
    }

    /// Writes the titles of the columns.
    pub fn write_header(&self, out: &mut impl Write) -> io::Result<()> {
        let titles: Vec<_> =
            self.columns.iter().map(|column| Cell::styled(Style::Bold, column.title)).collect();
        self.write_row(&titles, out)
    }

    /// Writes one row. A cell that is too long for its column and not cut shifts the rest of the row. If there are fewer
    /// cells than columns, the last one spans the remaining columns.
    pub fn write_row(&self, cells: &[Cell], out: &mut impl Write) -> io::Result<()> {
        let columns = self.columns.iter().zip(&self.widths);
        for (index, ((column, &width), cell)) in columns.zip(cells).enumerate() {
            if index > 0 {
                out.write_all(GAP.as_bytes())?;
            }
            let is_last = index + 1 == cells.len();
            if is_last && cells.len() < self.columns.len() {
                cell.write(if self.cuts { self.width_from(index) } else { usize::MAX }, self.colour, out)?;
                break;
            }
            let padding = width.saturating_sub(cell.width());
            if column.right {
                write!(out, "{:padding$}", "")?;
            }
            let is_cut = self.cuts && column.least.is_some();
            cell.write(if is_cut { width } else { usize::MAX }, self.colour, out)?;
            if !column.right && !is_last {
                write!(out, "{:padding$}", "")?;
            }
        }
        out.write_all(b"\n")
    }

    /// Returns the width of all columns from this one on, with the gaps between them.
    fn width_from(&self, index: usize) -> usize {
        let widths = &self.widths[index..];
        widths.iter().sum::<usize>() + GAP.len() * widths.len().saturating_sub(1)
    }
}

/// Writes a whole table. Each column is as wide as its widest cell; `rows` is read twice, once for that.
pub fn write_whole(
    columns: impl IntoIterator<Item = Column>,
    mut rows: impl Iterator<Item = Vec<Cell>> + Clone,
    out: &mut Out,
) -> io::Result<()> {
    let mut columns: Vec<_> = columns.into_iter().map(|column| (column, column.title.len())).collect();
    for row in rows.clone() {
        for ((_, width), cell) in columns.iter_mut().zip(row) {
            *width = cell.width().max(*width);
        }
    }
    let layout = Layout::fit(columns, out);
    layout.write_header(out)?;
    rows.try_for_each(|row| layout.write_row(&row, out))
}

/// Returns the widths that fit `natural` into `available`. Of the columns that may shrink, the widest one shrinks
/// first. The last column gets the remaining width.
fn fit(columns: &[Column], natural: &[usize], available: Option<usize>) -> Vec<usize> {
    let mut widths: Vec<usize> = natural.iter().map(|&width| width.min(WIDEST)).collect();
    let Some(available) = available else { return widths };
    let gaps = GAP.len() * columns.len().saturating_sub(1);
    loop {
        let taken = widths.iter().sum::<usize>() + gaps;
        let spare = |index: usize| match columns[index].least {
            Some(least) => widths[index].saturating_sub(least),
            None => 0,
        };
        let widest = (0..widths.len()).filter(|&index| spare(index) > 0).max_by_key(|&index| widths[index]);
        match widest {
            Some(index) if taken > available => widths[index] -= 1,
            _ => {
                if let Some(last) = widths.last_mut() {
                    *last += available.saturating_sub(taken);
                }
                return widths;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const COLUMNS: [Column; 2] = [Column::left("NAME").shrinking_to(4), Column::right("N")];

    fn row(name: Cell, width: usize, colour: bool) -> String {
        let layout = Layout { columns: COLUMNS.into(), widths: vec![width, 3], cuts: true, colour };
        let mut out = vec![];
        layout.write_row(&[name, Cell::plain("7")], &mut out).expect("memory");
        String::from_utf8(out).expect("text")
    }

    #[test]
    fn a_cell_that_is_too_long_is_cut_to_the_column_width() {
        assert_eq!(row(Cell::plain("abc"), 5, false), "abc      7\n");
        assert_eq!(row(Cell::plain("abcdefgh"), 5, false), "abcd…    7\n");
        // Wide characters take two columns each.
        assert_eq!(row(Cell::plain("日本語"), 6, false), "日本語    7\n");
        assert_eq!(row(Cell::plain("日本語"), 4, false), "日…     7\n".replace("…     ", "…    "));
    }

    #[test]
    fn text_is_cut_only_on_a_terminal_and_in_columns_that_may_shrink() {
        let cells = [Cell::plain("abcdefgh"), Cell::plain("123456789"), Cell::plain("x")];
        let columns = vec![COLUMNS[0], COLUMNS[1], COLUMNS[0]];
        let mut layout = Layout { columns, widths: vec![5, 3, 1], cuts: true, colour: false };
        let mut row = || {
            let mut out = vec![];
            layout.write_row(&cells, &mut out).expect("memory");
            layout.cuts = false;
            String::from_utf8(out).expect("text")
        };
        assert_eq!(row(), "abcd…  123456789  x\n");
        assert_eq!(row(), "abcdefgh  123456789  x\n");
    }

    #[test]
    fn the_last_cell_of_a_short_row_spans_the_remaining_columns() {
        let columns = vec![COLUMNS[0], COLUMNS[1], COLUMNS[0]];
        let layout = Layout { columns, widths: vec![4, 3, 5], cuts: true, colour: false };
        let mut out = vec![];
        layout.write_row(&[Cell::plain("a"), Cell::plain("0123456789abc")], &mut out).expect("memory");
        assert_eq!(String::from_utf8(out).expect("text"), "a     012345678…\n");
    }

    #[test]
    fn a_cut_can_be_in_any_piece() {
        let mut name = Cell::styled(Style::Bold, "ab");
        name.push(Style::Rgb(255, 0, 0), "cdef");
        assert_eq!(row(name.clone(), 4, false), "abc…    7\n");
        assert_eq!(row(name, 4, true), "\x1b[1mab\x1b[0m\x1b[38;2;255;0;0mc\x1b[0m…    7\n");
    }

    #[test]
    fn control_characters_never_reach_the_terminal() {
        let text = row(Cell::plain("a\x1b[2J\u{9b}31m\r\n\u{202e}b"), 20, true);
        assert_eq!(text.trim_end_matches('\n').chars().filter(|c| c.is_control()).count(), 0, "{text:?}");
        assert!(text.starts_with("a[2J31mb "), "{text:?}");
    }

    #[test]
    fn only_columns_that_may_shrink_do() {
        assert_eq!(fit(&COLUMNS, &[30, 3], Some(20)), [15, 3]);
        assert_eq!(fit(&COLUMNS, &[30, 3], Some(2)), [4, 3]);
        assert_eq!(fit(&COLUMNS, &[30, 3], None), [30, 3]);
        assert_eq!(fit(&COLUMNS, &[10, 3], Some(80)), [10, 68]);
    }
}
