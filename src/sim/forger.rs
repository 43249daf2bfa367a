//! A forger: sees that requests are sent, and forges replies without knowing their tokens.

use std::net::SocketAddr;
use std::time::Duration;

use crate::engine::Time;

/// The time from the last request until forgeries end: no query accepts them later.
const FORGES_AFTER_LAST: Duration = Duration::from_secs(2);

/// Decides when to forge the next reply, and to which address.
#[derive(Debug)]
pub(super) struct Forger {
    /// The time between two forgeries; `None` if there are none.
    period: Option<Duration>,
    next: Time,
    until: Time,
    victim: Option<SocketAddr>,
    request: Vec<u8>,
    forged: u64,
}

impl Forger {
    /// Forges `pps` replies per second, 0 for none.
    pub(super) fn new(pps: f64) -> Forger {
        let period = (pps > 0.0).then(|| Duration::try_from_secs_f64(1.0 / pps).unwrap_or(Duration::MAX));
        let (next, until) = (Time::ZERO, Time::ZERO);
        Forger { period, next, until, victim: None, request: Vec::new(), forged: 0 }
    }

    /// Remembers the last request and its source.
    pub(super) fn record_request(&mut self, now: Time, from: SocketAddr, request: &[u8]) {
        let Some(period) = self.period else { return };
        if self.due().is_none() {
            self.next = now + period;
        }
        self.until = now + FORGES_AFTER_LAST;
        self.victim = Some(from);
        self.request.clear();
        self.request.extend_from_slice(request);
    }

    /// Returns when the next forgery is due.
    pub(super) fn due(&self) -> Option<Time> {
        (self.victim.is_some() && self.next <= self.until).then_some(self.next)
    }

    /// Removes the forgery that is due: returns its destination, the request that it answers, and its number.
    pub(super) fn forge(&mut self) -> Option<(SocketAddr, &[u8], u64)> {
        self.due()?;
        self.next = self.next + self.period?;
        self.forged += 1;
        Some((self.victim?, &self.request, self.forged))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forgeries_come_at_their_rate_and_end_after_the_last_request() {
        let mut forger = Forger::new(10.0);
        let victim = "127.0.0.1:9".parse().expect("an address");
        assert_eq!(forger.due(), None);
        forger.record_request(Time::from_millis(500), victim, b"?");
        forger.record_request(Time::from_millis(510), victim, b"!");
        assert_eq!(forger.due(), Some(Time::from_millis(600)));
        let mut forged = 0;
        while let Some(due) = forger.due() {
            assert!(due <= Time::from_millis(2510));
            assert_eq!(
                forger.forge().map(|(to, what, _)| (to, what.to_vec())),
                Some((victim, b"!".to_vec()))
            );
            forged += 1;
        }
        assert_eq!(forged, 20);
        forger.record_request(Time::from_millis(9000), victim, b"?");
        assert_eq!(forger.due(), Some(Time::from_millis(9100)));
    }

    #[test]
    fn without_a_rate_nothing_is_forged() {
        let mut forger = Forger::new(0.0);
        forger.record_request(Time::ZERO, "127.0.0.1:9".parse().expect("an address"), b"?");
        assert!(forger.due().is_none() && forger.forge().is_none());
    }
}
