//! What datagrams really take of the receive buffer, measured now and then.
//!
//! When a socket that was empty is read again, and one reading empties it, then what was read is all
//! that the buffer held. (While a queue stands, Linux still counts part of what was read already.)

use super::socket::Inbox;
use crate::engine::{ReplySize, reply_cost};

/// One in so many readings of a socket that was empty is measured.
const EVERY: u32 = 64;

#[derive(Debug, Default)]
pub(super) struct CostMeter {
    readings: u32,
    sample: Option<Sample>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Sample {
    /// Bytes of the buffer that were taken.
    pub measured: u64,
    /// Bytes that were reckoned with, for what was read.
    pub expected: u64,
}

impl CostMeter {
    /// A socket that was empty is about to be read: `measure` says how much of its buffer is taken.
    pub fn begin(&mut self, measure: impl FnOnce() -> Option<u32>) {
        self.readings = self.readings.wrapping_add(1);
        let measured = self.readings.is_multiple_of(EVERY).then(measure).flatten();
        self.sample = measured.map(|measured| Sample { measured: measured.into(), expected: 0 });
    }

    /// Something else was in the buffer, too.
    pub fn spoil(&mut self) {
        self.sample = None;
    }

    /// A batch was read.
    pub fn read(&mut self, inbox: &Inbox) {
        self.sample = self.sample.filter(|sample| sample.expected == 0).map(|sample| {
            let size = |payload: &[u8]| ReplySize { datagrams: 1, bytes: payload.len() as u32 };
            let costs = inbox.iter().map(|datagram| u64::from(reply_cost(size(datagram.payload))));
            Sample { expected: costs.sum(), ..sample }
        });
    }

    /// The socket is empty: the sample, if one was taken and is good.
    pub fn end(&mut self) -> Option<Sample> {
        self.sample.take().filter(|sample| sample.expected > 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::socket::Arrival;

    /// A meter that has just measured `measured`.
    fn measuring(measured: u32) -> CostMeter {
        let mut meter = CostMeter::default();
        for _ in 1..EVERY {
            meter.begin(|| panic!("too early"));
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
    fn what_one_reading_empties_is_a_sample() {
        let mut meter = measuring(3_000);
        meter.read(&inbox(&[8, 1_400]));
        assert_eq!(meter.end(), Some(Sample { measured: 3_000, expected: 832 + 2_304 }));
        assert_eq!(meter.end(), None, "once");
    }

    #[test]
    fn more_readings_errors_or_nothing_at_all_are_none() {
        let mut meter = measuring(3_000);
        meter.read(&inbox(&[8]));
        meter.read(&inbox(&[8]));
        assert_eq!(meter.end(), None);
        let mut meter = measuring(3_000);
        meter.spoil();
        meter.read(&inbox(&[8]));
        assert_eq!(meter.end(), None);
        assert_eq!(measuring(0).end(), None);
    }
}
