//! Samples how much of the receive buffer datagrams really take.
//!
//! If a socket was empty before and one read empties it again, that read returned everything in the buffer. Otherwise
//! there is no sample: while datagrams are queued, Linux still counts part of what was already read.

use super::socket::Inbox;
use crate::engine::{ReplySize, reply_cost};

/// The number of reads of an empty socket per measurement.
const EVERY: u32 = 64;

#[derive(Debug, Default)]
pub(super) struct CostMeter {
    readings: u32,
    sample: Option<Sample>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Sample {
    /// The bytes in use in the buffer.
    pub measured: u64,
    /// The bytes that the engine reserved for the same datagrams.
    pub expected: u64,
}

impl CostMeter {
    /// Starts a read of a socket that was empty. `measure` returns the bytes in use in its buffer.
    pub fn begin(&mut self, measure: impl FnOnce() -> Option<u32>) {
        self.readings = self.readings.wrapping_add(1);
        let measured = self.readings.is_multiple_of(EVERY).then(measure).flatten();
        self.sample = measured.map(|measured| Sample { measured: measured.into(), expected: 0 });
    }

    /// Discards the sample, because something other than datagrams was in the buffer.
    pub fn discard(&mut self) {
        self.sample = None;
    }

    /// Adds a batch that was read. A second batch discards the sample.
    pub fn read(&mut self, inbox: &Inbox) {
        self.sample = self.sample.filter(|sample| sample.expected == 0).map(|sample| {
            let size = |payload: &[u8]| ReplySize { datagrams: 1, bytes: payload.len() as u32 };
            let costs = inbox.iter().map(|datagram| u64::from(reply_cost(size(datagram.payload))));
            Sample { expected: costs.sum(), ..sample }
        });
    }

    /// Ends the reads when the socket is empty. Returns the sample, if there is a valid one.
    pub fn finish(&mut self) -> Option<Sample> {
        self.sample.take().filter(|sample| sample.expected > 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::socket::Arrival;

    /// Returns a meter that has just measured `measured`.
    fn measuring(measured: u32) -> CostMeter {
        let mut meter = CostMeter::default();
        for _ in 1..EVERY {
            meter.begin(|| panic!("only every 64th read is measured"));
        }
        meter.begin(|| Some(measured));
        meter
    }

    fn inbox(lens: &[usize]) -> Inbox {
        let mut inbox = Inbox::new();
        let from = ([127, 0, 0, 1], 1).into();
        inbox.arrivals.extend(lens.iter().map(|&len| Arrival {
            from,
            to: None,
            len,
            age: None,
            drops: None,
        }));
        inbox
    }

    #[test]
    fn a_single_read_that_empties_the_socket_gives_a_sample() {
        let mut meter = measuring(3_000);
        meter.read(&inbox(&[8, 1_400]));
        assert_eq!(meter.finish(), Some(Sample { measured: 3_000, expected: 832 + 2_304 }));
        assert_eq!(meter.finish(), None, "a sample is returned once");
    }

    #[test]
    fn several_reads_errors_or_an_empty_read_give_no_sample() {
        let mut meter = measuring(3_000);
        meter.read(&inbox(&[8]));
        meter.read(&inbox(&[8]));
        assert_eq!(meter.finish(), None);
        let mut meter = measuring(3_000);
        meter.discard();
        meter.read(&inbox(&[8]));
        assert_eq!(meter.finish(), None);
        assert_eq!(measuring(0).finish(), None);
    }
}
