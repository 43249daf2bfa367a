//! Walks: a series of requests that gets everything in one or more subtrees.
//!
//! One GETBULK asks for all subtrees, the *columns*; each column ends on its own. The number of *repetitions* adapts to
//! the agent: it doubles while replies fit in a packet. It is halved when the agent returns tooBig or a reply is lost,
//! as fragmented replies often are.

use super::answer::{Answer, ErrorStatus, Incomplete};
use super::ber::Writer;
use super::get::Progress;
use super::message::{Pdu, PduHead, Version, pdu_tag};
use super::oid::{Oid, OidRef};
use super::request::UPTIME_OBJECT;
use super::value::Varbind;

/// The maximum number of columns in a request, which has to fit in a packet, too.
const MAX_COLUMNS: usize = 40;
/// The defaults for the first request: the repetitions, and the maximum number of variable bindings in the reply.
const FIRST_REPETITIONS: u32 = 10;
const FIRST_VARBINDS: u32 = 60;
/// The maximum number of repetitions.
const MAX_REPETITIONS: u32 = 250;
/// The size up to which replies are rarely fragmented, in bytes.
const UNFRAGMENTED_BYTES: usize = 1400;
/// The memory limit of a walk, in bytes for each row of its limit.
const ROW_BYTES: usize = 256;

/// The progress of a walk.
#[derive(Clone, Debug)]
pub struct Walk {
    columns: Vec<Column>,
    /// The columns in the next request.
    active: Vec<usize>,
    /// The maximum number of columns in the next request. It shrinks if the agent returns tooBig, or an error without a
    /// valid index.
    per_request: usize,
    repetitions: u32,
    /// The limit for growing repetitions: replies to larger requests were too big or got lost.
    ceiling: u32,
    /// True if even one repetition is too big, so that GETNEXT replaces GETBULK.
    uses_get_next: bool,
    with_uptime: bool,
    max_rows: u32,
    /// The largest average size of the variable bindings in a reply so far, in bytes.
    varbind_bytes: u32,
}

/// A subtree.
#[derive(Clone, Debug)]
struct Column {
    /// The last name received; at first, the root.
    last: Vec<u8>,
    /// True if nothing was received below the root, which may then be an instance itself.
    is_empty: bool,
    is_done: bool,
}

impl Walk {
    /// Starts a walk of the subtrees at `roots`.
    pub fn new(roots: &[Oid], max_repetitions: Option<u32>, max_rows: u32, with_uptime: bool) -> Walk {
        let column =
            |root: &Oid| Column { last: root.as_oid().as_ber().to_vec(), is_empty: true, is_done: false };
        let per_request = roots.len().clamp(1, MAX_COLUMNS);
        let first = FIRST_REPETITIONS.min(FIRST_VARBINDS / per_request as u32);
        Walk {
            columns: roots.iter().map(column).collect(),
            active: (0..roots.len().min(per_request)).collect(),
            per_request,
            repetitions: max_repetitions.unwrap_or(first).clamp(1, MAX_REPETITIONS),
            ceiling: MAX_REPETITIONS,
            uses_get_next: false,
            with_uptime,
            max_rows,
            varbind_bytes: 0,
        }
    }

    /// Returns the number of variable bindings expected in the reply, and the bytes of each (0 if unknown).
    pub fn expected_varbinds(&self) -> (u32, u32) {
        let columns = self.active.len() as u32;
        let rows = if self.uses_get_next { 1 } else { self.repetitions };
        (columns.saturating_mul(rows) + u32::from(self.with_uptime), self.varbind_bytes)
    }

    /// Writes the next request.
    pub fn write(&self, version: Option<Version>, request_id: u32, writer: &mut Writer) {
        let uptime = self.with_uptime.then_some(UPTIME_OBJECT);
        let names = self.active.iter().map(|&index| OidRef::from_ber(&self.columns[index].last));
        let head = if version == Some(Version::V1) || self.uses_get_next {
            PduHead { tag: pdu_tag::GET_NEXT, request_id, first: 0, second: 0 }
        } else {
            let first = self.with_uptime.into();
            PduHead { tag: pdu_tag::GET_BULK, request_id, first, second: self.repetitions }
        };
        head.write_request(uptime.into_iter().chain(names), writer);
    }

    /// Makes the next request smaller, after `attempts` requests timed out: large replies are lost more often.
    pub fn retry(&mut self, attempts: u32) {
        // A single repetition cannot shrink: its reply was lost for another reason.
        let Some(fewer) = Some(self.repetitions / 2).filter(|fewer| *fewer > 0) else { return };
        if attempts == 1 {
            self.repetitions = fewer;
        } else {
            // The first loss may be chance; the second one lowers the ceiling.
            (self.ceiling, self.repetitions) = (fewer, 1);
        }
    }

    /// Processes a reply of `len` bytes.
    pub fn handle_response(
        &mut self,
        roots: &[Oid],
        pdu: &Pdu<'_>,
        len: usize,
        answer: &mut Answer,
    ) -> Progress {
        if self.active.is_empty() {
            // The request has no roots.
            return Progress::Done;
        }
        match ErrorStatus(pdu.error_status) {
            ErrorStatus::NO_ERROR => self.take_varbinds(roots, pdu, len, answer),
            ErrorStatus::TOO_BIG if self.shrink() => {}
            status => self.handle_error(roots, status, pdu.error_index, answer),
        }
        self.active.clear();
        let open = self.columns.iter().enumerate().filter(|(_, column)| !column.is_done);
        self.active.extend(open.map(|(index, _)| index).take(self.per_request));
        if self.active.is_empty() { Progress::Done } else { Progress::AskNext }
    }

    /// Returns the roots under which nothing was found: they may be instances themselves.
    pub fn empty_roots<'a>(&'a self, roots: &'a [Oid]) -> impl Iterator<Item = &'a Oid> + 'a {
        self.columns.iter().zip(roots).filter(|(column, _)| column.is_empty).map(|(_, root)| root)
    }

    fn take_varbinds(&mut self, roots: &[Oid], pdu: &Pdu<'_>, len: usize, answer: &mut Answer) {
        let mut varbinds = pdu.varbinds();
        let (mut first, mut received) = (self.with_uptime, 0);
        while let Some((varbind, bytes)) = varbinds.next_with_bytes() {
            // Skip by position, not by name: an agent that hides sysUpTime returns another object here.
            if std::mem::take(&mut first) {
                answer.record_uptime(&varbind);
                continue;
            }
            let index = self.active[received % self.active.len()];
            received += 1;
            self.take_varbind(index, roots, &varbind, bytes, answer);
        }
        if let Some(reason) = varbinds.broken().or(pdu.cut) {
            answer.mark_incomplete(Incomplete::Broken(reason));
            self.end_all_columns();
        } else if received == 0 {
            // A reply omits values that do not fit (RFC 3416, section 4.2.3). Perhaps none fitted.
            if !self.shrink() {
                answer.mark_incomplete(Incomplete::Broken("it has no variable bindings"));
                self.end_all_columns();
            }
        } else {
            self.tune(received, len);
        }
    }

    fn take_varbind(
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
            answer.mark_incomplete(Incomplete::NotIncreasing(OidRef::from_ber(&column.last).to_oid()));
            column.is_done = true;
            return;
        }
        if varbind.oid.as_ber().last().is_some_and(|&byte| byte >= 0x80) {
            answer.mark_incomplete(Incomplete::Broken("a name is truncated"));
            column.is_done = true;
            return;
        }
        let has_room = answer.count < self.max_rows
            && answer.varbinds.len() + bytes.len() <= ROW_BYTES.saturating_mul(self.max_rows as usize);
        if !has_room {
            answer.mark_incomplete(Incomplete::RowLimit);
            self.end_all_columns();
            return;
        }
        if !answer.held.may_grow(bytes.len()) {
            answer.mark_incomplete(Incomplete::MemoryLimit);
            self.end_all_columns();
            return;
        }
        answer.push(bytes);
        column.is_empty = false;
        column.is_done = varbind.is_exception();
        column.last.clear();
        column.last.extend_from_slice(varbind.oid.as_ber());
    }

    fn end_all_columns(&mut self) {
        for column in &mut self.columns {
            (column.is_done, column.is_empty) = (true, false);
        }
    }

    /// Adapts the repetitions to a reply with `received` variable bindings in `len` bytes.
    fn tune(&mut self, received: usize, len: usize) {
        let columns = self.active.len();
        self.varbind_bytes = self.varbind_bytes.max(len.div_ceil(received) as u32);
        let row = len * columns / received;
        // A large reply arrived despite the ceiling.
        self.ceiling = self.ceiling.max((received / columns) as u32);
        let was_full = received >= columns * self.repetitions as usize;
        let fits = (UNFRAGMENTED_BYTES / row.max(1)) as u32;
        if was_full && fits > self.repetitions {
            self.repetitions = fits.min(2 * self.repetitions).min(self.ceiling).max(1);
        }
    }

    /// Makes the next request smaller: halves the repetitions, then switches to GETNEXT, then halves the columns.
    /// Returns false if the request has only one name left.
    fn shrink(&mut self) -> bool {
        let columns = self.active.len();
        if self.repetitions > 1 {
            self.repetitions /= 2;
            self.ceiling = self.repetitions;
        } else if !self.uses_get_next {
            self.uses_get_next = true;
        } else if columns > 1 {
            self.per_request = columns.div_ceil(2);
        } else {
            return false;
        }
        true
    }

    /// Ends the column at the error-index, counted from 1; or all active columns if the index is invalid.
    fn handle_error(&mut self, roots: &[Oid], status: ErrorStatus, index: i64, answer: &mut Answer) {
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
            // In v1 this marks the end of the MIB.
            Some(column) if status == ErrorStatus::NO_SUCH_NAME => self.columns[column].is_done = true,
            Some(column) => {
                (self.columns[column].is_done, self.columns[column].is_empty) = (true, false);
                answer.refuse(roots[column].as_oid(), status);
                answer.mark_incomplete(Incomplete::Error(status));
            }
            // A v1 agent does not report which column ends: walk one at a time to find out.
            None if status == ErrorStatus::NO_SUCH_NAME && self.with_uptime => self.with_uptime = false,
            None if status == ErrorStatus::NO_SUCH_NAME && self.active.len() > 1 => self.per_request = 1,
            None if status == ErrorStatus::NO_SUCH_NAME => {
                self.active.iter().for_each(|&index| self.columns[index].is_done = true);
            }
            None => self.refuse_active(roots, status, answer),
        }
    }

    /// Ends all active columns as refused.
    fn refuse_active(&mut self, roots: &[Oid], status: ErrorStatus, answer: &mut Answer) {
        for &index in &self.active {
            (self.columns[index].is_done, self.columns[index].is_empty) = (true, false);
            answer.refuse(roots[index].as_oid(), status);
        }
        answer.mark_incomplete(Incomplete::Error(status));
    }
}
