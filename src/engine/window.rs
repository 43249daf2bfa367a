//! The window: keeps in flight only what the receive buffer can hold the replies of.

use std::collections::VecDeque;

use super::{ReplySize, Time};

/// The reply credit until a driver grants more: three quarters of Linux' default receive buffer.
const DEFAULT_CREDIT: u64 = 212_992 / 4 * 3;

/// Counts the receive buffer that the replies to all queries in flight may take.
///
/// Each attempt may be answered, so each is charged for. A first attempt waits until there is credit. A retry takes
/// over the charge of the attempt before if that one's reply is overdue; otherwise it needs credit of its own, or waits
/// until then. So no query waits for another one to end, and all make progress.
pub struct Window {
    limit: Option<u32>,
    credit: u64,
    used: u64,
    in_flight: u32,
    /// What replies were measured to cost, relative to the estimate: at least 1.
    factor: f64,
    /// What is still charged for attempts of ended queries, and until when; in that order.
    overdue: VecDeque<(Time, u32)>,
}

impl Window {
    /// At most `limit` queries; without a limit, as many as `credit` bytes of receive buffer hold the replies of.
    pub fn new(limit: Option<u32>, credit: Option<u64>) -> Window {
        let credit = credit.unwrap_or(DEFAULT_CREDIT);
        Window { limit, credit, used: 0, in_flight: 0, factor: 1.0, overdue: VecDeque::new() }
    }

    /// Sets the credit.
    pub fn set_credit(&mut self, bytes: u64) {
        self.credit = bytes;
    }

    /// Whether a query with this reply cost may be sent. One query may always be in flight, however small the buffer:
    /// otherwise nothing would ever be sent.
    pub fn admits(&self, cost: u32) -> bool {
        match self.limit {
            Some(limit) => self.in_flight < limit,
            None => self.in_flight == 0 || self.has_credit(cost),
        }
    }

    /// Whether there is credit for another reply. An explicit limit overrides the credit.
    pub fn has_credit(&self, cost: u32) -> bool {
        self.limit.is_some() || self.used + u64::from(cost) <= self.credit
    }

    /// A query's first attempt is sent.
    pub fn enter(&mut self, cost: u32) {
        self.used += u64::from(cost);
        self.in_flight += 1;
    }

    /// A query's next attempt is sent, and charged for.
    pub fn extend(&mut self, cost: u32) {
        self.used += u64::from(cost);
    }

    /// A query ends that was charged `charged` in all. Of that, `kept` stays charged until the given time, for attempts
    /// that may still be answered.
    pub fn leave(&mut self, charged: u32, kept: Option<(Time, u32)>) {
        let (until, kept) = kept.unwrap_or((Time::ZERO, 0));
        self.used -= u64::from(charged - kept.min(charged));
        self.in_flight -= 1;
        if kept > 0 {
            let last = self.overdue.back().map_or(Time::ZERO, |(last, _)| *last);
            self.overdue.push_back((until.max(last), kept.min(charged)));
        }
    }

    /// Releases what was kept for replies that are overdue by `now`.
    pub fn release(&mut self, now: Time) {
        while let Some(&(_, kept)) = self.overdue.front().filter(|(until, _)| *until <= now) {
            self.used -= u64::from(kept);
            self.overdue.pop_front();
        }
    }

    /// When something is released next.
    pub fn next_release(&self) -> Option<Time> {
        self.overdue.front().map(|(until, _)| *until)
    }

    /// The cost of a reply, corrected by what was learnt.
    pub fn cost(&self, size: ReplySize) -> u32 {
        (f64::from(reply_cost(size)) * self.factor) as u32
    }

    /// Learns that datagrams for which `expected` bytes were reserved take `measured`. Only ever increases costs;
    /// ignores a factor above 16, which cannot be a measurement.
    pub fn learn(&mut self, measured: u64, expected: u64) {
        let factor = measured as f64 / expected.max(1) as f64;
        if factor <= 16.0 {
            self.factor = self.factor.max(factor);
        }
    }

    /// Queries in flight.
    pub fn in_flight(&self) -> u32 {
        self.in_flight
    }
}

/// Returns the bytes of receive buffer that a reply of this size takes, as Linux counts them: not the payload, but the
/// memory that its packet buffers occupy (`skb->truesize`). Measured on loopback; drivers of real network cards may
/// charge more.
pub fn reply_cost(size: ReplySize) -> u32 {
    /// Headers, headroom and `skb_shared_info`, which share an allocation with the payload.
    const OVERHEAD: u32 = 520;
    /// `struct sk_buff` itself.
    const HEAD: u32 = 256;
    /// The largest payload, and the size, of the allocation that the kernel keeps for small ones.
    const SMALL: (u32, u32) = (120, 576);

    let bytes = size.bytes.min(u32::from(u16::MAX));
    let data = if bytes <= SMALL.0 { SMALL.1 } else { (bytes + OVERHEAD).next_power_of_two() };
    (data + HEAD).saturating_mul(size.datagrams.max(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reply_costs_what_the_kernel_was_seen_to_charge() {
        for (bytes, charged) in [(1, 832), (120, 832), (500, 1280), (1400, 2304), (2000, 4352)] {
            assert_eq!(reply_cost(ReplySize { datagrams: 1, bytes }), charged, "{bytes} bytes");
        }
        assert_eq!(reply_cost(ReplySize { datagrams: 3, bytes: 1400 }), 3 * 2304);
        assert!(reply_cost(ReplySize { datagrams: u32::MAX, bytes: u32::MAX }) > 0, "saturates");
    }

    #[test]
    fn it_closes_when_the_credit_is_used_up_and_opens_when_a_query_ends() {
        let mut window = Window::new(None, Some(2000));
        window.enter(832);
        window.enter(832);
        assert!(!window.admits(832));
        assert!(window.admits(300));
        window.leave(832, None);
        assert!(window.admits(832));
    }

    #[test]
    fn what_may_still_be_answered_stays_charged_for_a_while() {
        let mut window = Window::new(None, Some(2000));
        window.enter(832);
        window.extend(832);
        assert!(!window.has_credit(832));
        window.leave(2 * 832, Some((Time::from_millis(50), 832)));
        assert!(window.has_credit(832) && !window.has_credit(2 * 832));
        assert_eq!(window.next_release(), Some(Time::from_millis(50)));
        window.release(Time::from_millis(49));
        assert_eq!(window.used, 832);
        window.release(Time::from_millis(50));
        assert_eq!((window.used, window.in_flight(), window.next_release()), (0, 0, None));
    }

    #[test]
    fn what_was_learnt_only_makes_it_more_careful() {
        let mut window = Window::new(None, Some(2000));
        let size = ReplySize { datagrams: 1, bytes: 100 };
        window.learn(400, 832);
        assert_eq!(window.cost(size), 832);
        window.learn(832 * 3, 832);
        window.learn(832 * 2, 832);
        window.learn(u64::MAX, 1);
        assert_eq!(window.cost(size), 832 * 3);
    }

    #[test]
    fn one_query_always_fits_and_a_given_limit_is_kept() {
        assert!(Window::new(None, Some(10)).admits(832));
        let mut window = Window::new(Some(1), Some(1_000_000));
        window.enter(832);
        assert!(!window.admits(832));
    }
}
