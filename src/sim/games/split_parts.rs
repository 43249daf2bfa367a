//! The parts of a status of GameSpy's third version: a value that does not fit is cut, and repeated in the next part.

use super::texts::write_texts;

/// Writes a status.
#[derive(Debug)]
pub(super) struct PartWriter {
    /// The bytes before the number of each part.
    head: Vec<u8>,
    size: usize,
    parts: Vec<Vec<u8>>,
    section: u8,
}

impl PartWriter {
    pub(super) fn new(head: Vec<u8>, size: usize) -> PartWriter {
        let mut writer = PartWriter { head, size, parts: Vec::new(), section: 0 };
        writer.begin();
        writer
    }

    fn begin(&mut self) {
        let mut part = self.head.clone();
        part.extend_from_slice(&[self.parts.len() as u8, self.section]);
        self.parts.push(part);
    }

    /// Returns the part being written.
    fn part(&mut self) -> &mut Vec<u8> {
        let last = self.parts.len() - 1;
        &mut self.parts[last]
    }

    fn room(&mut self) -> usize {
        // The ends of a column and of a section always fit.
        (self.size - 8).saturating_sub(self.part().len())
    }

    pub(super) fn pair(&mut self, key: &str, value: &str) {
        let pair = format!("{key}\0{value}\0");
        let room = self.room();
        if pair.len() > room {
            self.part().extend_from_slice(&pair.as_bytes()[..room]);
            self.begin();
        }
        self.part().extend_from_slice(pair.as_bytes());
    }

    pub(super) fn end_pairs(&mut self) {
        self.part().push(0);
    }

    /// Begins the section with this number.
    pub(super) fn section(&mut self, number: u8) {
        if number > 1 {
            self.part().push(0);
        }
        self.section = number;
        self.part().push(number);
    }

    pub(super) fn column(&mut self, name: &str, values: impl Iterator<Item = String>) {
        if name.len() + 4 > self.room() {
            self.begin();
        }
        self.begin_column(name, 0);
        for (row, value) in values.enumerate() {
            let room = self.room();
            if value.len() + 1 > room {
                // If no byte of a value fits, an empty one is written.
                let cut = &value.as_bytes()[..room.saturating_sub(1)];
                self.part().extend_from_slice(cut);
                self.part().push(0);
                self.begin();
                self.begin_column(name, row as u8);
            }
            write_texts(&[&value], self.part());
        }
        self.part().push(0);
    }

    /// Writes the name of a column, and the number of the first row that follows.
    fn begin_column(&mut self, name: &str, row: u8) {
        write_texts(&[name], self.part());
        self.part().push(row);
    }

    /// Returns the parts; the number of the last one is marked.
    pub(super) fn finish(mut self) -> Vec<Vec<u8>> {
        let at = self.head.len();
        let last = self.part();
        last.push(0);
        last[at] |= 0x80;
        self.parts
    }
}
