//! Walks: everything in one or several subtrees, by requests that continue one another.
//!
//! All subtrees, the *columns*, are asked for in one GETBULK; each ends by itself. How many *repetitions* of each
//! are asked for is tuned to the agent: they double while replies stay within a packet, and halve when the agent
//! says tooBig, or when replies get lost again and again, as those in several fragments do.

use super::answer::{Answer, ErrorStatus, Incomplete};
use super::ber::Writer;
use super::get::Progress;
use super::message::{Pdu, PduHead, Version, pdu_tag};
use super::oid::{Oid, OidRef};
use super::request::BEFORE_UPTIME;
use super::value::Varbind;

/// Columns in one request at most: a request has to fit a packet, too.
const MOST_COLUMNS: usize = 40;
/// Repetitions to begin with, and variable bindings in the first reply, unless the caller says how many.
const FIRST: u32 = 10;
const FIRST_VARBINDS: u32 = 60;
/// Repetitions at most.
const MOST: u32 = 250;
/// Bytes of a reply that mostly go through unfragmented.
const PACKET: usize = 1400;
/// Memory that one walk may take for each row that it may have, bytes.
const ROW: usize = 256;

/// How far a walk has come.
#[derive(Clone, Debug)]
pub struct Walk {
    columns: Vec<Column>,
    /// Those that are asked for now.
    active: Vec<usize>,
    /// Columns that are asked for at once; fewer than there are if they are many, if the agent finds them too big,
    /// or does not say which of them it has an error for.
    at_once: usize,
    repetitions: u32,
    /// Where they stop growing: more were too big, or got lost.
    ceiling: u32,
    /// Even one repetition is too big: GETNEXT instead.
    one_by_one: bool,
    with_uptime: bool,
    most_rows: u32,
    /// The largest reply so far, in bytes for each variable binding of it.
    width: u32,
}

/// One subtree.
#[derive(Clone, Debug)]
struct Column {
    /// The name heard last; before that, its root.
    last: Vec<u8>,
    /// Nothing was heard below its root, which may therefore be an instance itself.
    is_bare: bool,
    is_done: bool,
}

impl Walk {
    /// A walk of these subtrees.
    pub fn new(roots: &[Oid], max_repetitions: Option<u32>, most_rows: u32, with_uptime: bool) -> Walk {
        let column =
            |root: &Oid| Column { last: root.as_oid().as_ber().to_vec(), is_bare: true, is_done: false };
        let at_once = roots.len().clamp(1, MOST_COLUMNS);
        let first = FIRST.min(FIRST_VARBINDS / at_once as u32);
        Walk {
            columns: roots.iter().map(column).collect(),
            active: (0..roots.len().min(at_once)).collect(),
            at_once,
            repetitions: max_repetitions.unwrap_or(first).clamp(1, MOST),
            ceiling: MOST,
            one_by_one: false,
            with_uptime,
            most_rows,
            width: 0,
        }
    }

    /// Variable bindings that the reply may have, and bytes for each of them, if that is known.
    pub fn expected(&self) -> (u32, u32) {
        let columns = self.active.len() as u32;
        let rows = if self.one_by_one { 1 } else { self.repetitions };
        (columns.saturating_mul(rows) + u32::from(self.with_uptime), self.width)
    }

    /// Writes the next request.
    pub fn write(&self, version: Option<Version>, request_id: u32, writer: &mut Writer) {
        let uptime = self.with_uptime.then_some(BEFORE_UPTIME);
        let names = self.active.iter().map(|&index| OidRef::from_ber(&self.columns[index].last));
        let head = if version == Some(Version::V1) || self.one_by_one {
            PduHead { tag: pdu_tag::GET_NEXT, request_id, first: 0, second: 0 }
        } else {
            let first = self.with_uptime.into();
            PduHead { tag: pdu_tag::GET_BULK, request_id, first, second: self.repetitions }
        };
        head.write_request(uptime.into_iter().chain(names), writer);
    }

    /// The request was not answered, after so many attempts: perhaps because the reply would be large.
    pub fn retry(&mut self, attempts: u32) {
        // A single one is as small as it gets: that one was lost by something else.
        let Some(fewer) = Some(self.repetitions / 2).filter(|fewer| *fewer > 0) else { return };
        if attempts == 1 {
            self.repetitions = fewer;
        } else {
            // Once may be chance.
            (self.ceiling, self.repetitions) = (fewer, 1);
        }
    }

    /// Takes in a reply of `len` bytes.
    pub fn hear(&mut self, roots: &[Oid], pdu: &Pdu<'_>, len: usize, answer: &mut Answer) -> Progress {
        if self.active.is_empty() {
            // A walk of nothing.
            return Progress::Done;
        }
        match ErrorStatus(pdu.error_status) {
            ErrorStatus::NO_ERROR => self.take(roots, pdu, len, answer),
            ErrorStatus::TOO_BIG if self.ask_for_less() => {}
            status => self.end_blamed(roots, status, pdu.error_index, answer),
        }
        self.active.clear();
        let open = self.columns.iter().enumerate().filter(|(_, column)| !column.is_done);
        self.active.extend(open.map(|(index, _)| index).take(self.at_once));
        if self.active.is_empty() { Progress::Done } else { Progress::AskNext }
    }

    /// The roots under which nothing was found: they may be instances themselves.
    pub fn bare<'a>(&'a self, roots: &'a [Oid]) -> impl Iterator<Item = &'a Oid> + 'a {
        self.columns.iter().zip(roots).filter(|(column, _)| column.is_bare).map(|(_, root)| root)
    }

    fn take(&mut self, roots: &[Oid], pdu: &Pdu<'_>, len: usize, answer: &mut Answer) {
        let mut varbinds = pdu.varbinds();
        let (mut first, mut heard) = (self.with_uptime, 0);
        while let Some((varbind, bytes)) = varbinds.next_with_bytes() {
            // Its place tells, not its name: an agent that does not show sysUpTime has something else there.
            if std::mem::take(&mut first) {
                answer.note_uptime(&varbind);
                continue;
            }
            let index = self.active[heard % self.active.len()];
            heard += 1;
            self.take_one(index, roots, &varbind, bytes, answer);
        }
        if let Some(reason) = varbinds.broken().or(pdu.cut) {
            answer.lacks(Incomplete::Broken(reason));
            self.end_all();
        } else if heard == 0 {
            // What does not fit is left out of a reply (RFC 3416, section 4.2.3): perhaps that was everything.
            if !self.ask_for_less() {
                answer.lacks(Incomplete::Broken("it has no variable bindings"));
                self.end_all();
            }
        } else {
            self.tune(heard, len);
        }
    }

    fn take_one(
        &mut self,
        index: usize,
        roots: &[Oid],
        varbind: &Varbind<'_>,
        bytes: &[u8],
        answer: &mut Answer,
    ) {
        let column = &mut self.columns[index];
        if column.is_done {
            return;
        }
        if !varbind.oid.is_within(roots[index].as_oid()) {
            column.is_done = true;
            return;
        }
        if !varbind.is_exception() && varbind.oid <= OidRef::from_ber(&column.last) {
            answer.lacks(Incomplete::NotIncreasing(OidRef::from_ber(&column.last).to_oid()));
            column.is_done = true;
            return;
        }
        if varbind.oid.as_ber().last().is_some_and(|&byte| byte >= 0x80) {
            answer.lacks(Incomplete::Broken("a name is cut"));
            column.is_done = true;
            return;
        }
        let has_room = answer.count < self.most_rows
            && answer.varbinds.len() + bytes.len() <= ROW.saturating_mul(self.most_rows as usize);
        if !has_room {
            answer.lacks(Incomplete::RowLimit);
            self.end_all();
            return;
        }
        answer.push(bytes);
        column.is_bare = false;
        column.is_done = varbind.is_exception();
        column.last.clear();
        column.last.extend_from_slice(varbind.oid.as_ber());
    }

    fn end_all(&mut self) {
        for column in &mut self.columns {
            (column.is_done, column.is_bare) = (true, false);
        }
    }

    /// Chooses the next repetitions by a reply that had `heard` variable bindings in `len` bytes.
    fn tune(&mut self, heard: usize, len: usize) {
        let columns = self.active.len();
        self.width = self.width.max(len.div_ceil(heard) as u32);
        let row = len * columns / heard;
        // A large reply did come, if late.
        self.ceiling = self.ceiling.max((heard / columns) as u32);
        let was_full = heard >= columns * self.repetitions as usize;
        let fits = (PACKET / row.max(1)) as u32;
        if was_full && fits > self.repetitions {
            self.repetitions = fits.min(2 * self.repetitions).min(self.ceiling).max(1);
        }
    }

    /// Half of the repetitions; then one name after the other; then half of the columns. Less than one name cannot be
    /// asked for: false.
    fn ask_for_less(&mut self) -> bool {
        let columns = self.active.len();
        if self.repetitions > 1 {
            self.repetitions /= 2;
            self.ceiling = self.repetitions;
        } else if !self.one_by_one {
            self.one_by_one = true;
        } else if columns > 1 {
            self.at_once = columns.div_ceil(2);
        } else {
            return false;
        }
        true
    }

    /// The agent blames a name, counted from 1; or none, and thereby all.
    fn end_blamed(&mut self, roots: &[Oid], status: ErrorStatus, index: i64, answer: &mut Answer) {
        let place = usize::try_from(index).ok().and_then(|index| index.checked_sub(1));
        let column = match place {
            Some(0) if self.with_uptime => {
                self.with_uptime = false;
                return;
            }
            Some(place) => self.active.get(place - usize::from(self.with_uptime)).copied(),
            None => None,
        };
        match column {
            // So v1 says that the MIB ends.
            Some(column) if status == ErrorStatus::NO_SUCH_NAME => self.columns[column].is_done = true,
            Some(column) => {
                (self.columns[column].is_done, self.columns[column].is_bare) = (true, false);
                answer.refuse(roots[column].as_oid(), status);
                answer.lacks(Incomplete::Error(status));
            }
            // Of v1, and it does not say which of them ends: one alone can be no other.
            None if status == ErrorStatus::NO_SUCH_NAME && self.with_uptime => self.with_uptime = false,
            None if status == ErrorStatus::NO_SUCH_NAME && self.active.len() > 1 => self.at_once = 1,
            None if status == ErrorStatus::NO_SUCH_NAME => {
                self.active.iter().for_each(|&index| self.columns[index].is_done = true);
            }
            None => self.end_refused(roots, status, answer),
        }
    }

    /// Whatever is asked for now, the agent refuses.
    fn end_refused(&mut self, roots: &[Oid], status: ErrorStatus, answer: &mut Answer) {
        for &index in &self.active {
            (self.columns[index].is_done, self.columns[index].is_bare) = (true, false);
            answer.refuse(roots[index].as_oid(), status);
        }
        answer.lacks(Incomplete::Error(status));
    }
}
