//! The window: limits the queries in flight to those whose replies the receive buffers can hold.

use std::collections::VecDeque;

use super::reply_sizes::ReplySizes;
use super::{ReplySize, Time};

/// The reply credit until a driver grants more: three quarters of Linux's default receive buffer.
const DEFAULT_CREDIT: u64 = 212_992 / 4 * 3;

/// Counts the receive buffer that the replies to all queries in flight may take.
///
/// Each attempt may be answered, so each is charged for. A first attempt waits until there is credit. A retry takes
/// over the charge of the previous attempt if that reply is overdue. Otherwise it needs credit of its own, or waits
/// until the reply is overdue. So no query waits for another one to end, and all make progress.
///
/// Each lane, which is a socket, has a receive buffer of its own, all of the same size. A query keeps its lane.
pub struct Window {
    limit: Option<u32>,
    /// The credit of each lane.
    credit: u64,
    /// The bytes in use in each lane.
    used: Vec<u64>,
    in_flight: u32,
    /// The measured cost of datagrams relative to [`reply_cost`], at least 1.
    factor: f64,
    sizes: ReplySizes,
    /// Charges for attempts of ended queries, and the times when they are released, in that order.
    overdue: VecDeque<(Time, u16, u32)>,
}

impl Window {
    /// Creates a window with one lane, for at most `limit` queries; without a limit, for as many as `credit` bytes of
    /// receive buffer can hold replies for, each of at most `largest` bytes.
    pub fn new(limit: Option<u32>, credit: Option<u64>, largest: u32) -> Window {
        Window {
            limit,
            credit: credit.unwrap_or(DEFAULT_CREDIT),
            used: vec![0],
            in_flight: 0,
            factor: 1.0,
            sizes: ReplySizes::new(largest),
            overdue: VecDeque::new(),
        }
    }

    pub fn set_credit(&mut self, bytes: u64) {
        self.credit = bytes;
    }

    /// Sets the number of lanes, if there are more now.
    pub fn set_lanes(&mut self, count: u16) {
        if self.used.len() < usize::from(count) {
            self.used.resize(count.into(), 0);
        }
    }

    pub fn lanes(&self) -> u16 {
        self.used.len() as u16
    }

    /// Returns the lane for a query whose reply costs `cost`: the one that `number` chooses, or the next one with credit.
    pub fn lane_for(&self, cost: u32, number: u64) -> u16 {
        let count = self.used.len() as u64;
        let mut lanes = (0..count).map(|step| (number.wrapping_add(step) % count) as u16);
        let chosen = lanes.clone().next().unwrap_or(0);
        lanes.find(|lane| self.has_credit(*lane, cost)).unwrap_or(chosen)
    }

    /// Returns whether a query whose reply is estimated at `estimated` may be sent. One query may always be in flight,
    /// however small the buffer: otherwise nothing would ever be sent.
    pub fn admits(&self, estimated: u32) -> bool {
        match self.limit {
            Some(limit) => self.in_flight < limit,
            None => {
                let cost = self.reserve(estimated);
                self.in_flight == 0 || (0..self.lanes()).any(|lane| self.has_credit(lane, cost))
            }
        }
    }

    /// Returns whether a lane has credit for another reply. An explicit limit overrides the credit.
    pub fn has_credit(&self, lane: u16, cost: u32) -> bool {
        self.limit.is_some() || self.used[usize::from(lane)] + u64::from(cost) <= self.credit
    }

    /// Charges for a query's first attempt.
    pub fn enter(&mut self, lane: u16, cost: u32) {
        self.extend(lane, cost);
        self.in_flight += 1;
    }

    /// Charges for a query's next attempt.
    pub fn extend(&mut self, lane: u16, cost: u32) {
        self.used[usize::from(lane)] += u64::from(cost);
    }

    /// Removes a query that was charged `charged` in all. Of that, `kept` stays charged until the given time, for
    /// attempts that may still be answered.
    pub fn leave(&mut self, lane: u16, charged: u32, kept: Option<(Time, u32)>) {
        let (until, kept) = kept.unwrap_or((Time::ZERO, 0));
        self.used[usize::from(lane)] -= u64::from(charged - kept.min(charged));
        self.in_flight -= 1;
        if kept > 0 {
            let last = self.overdue.back().map_or(Time::ZERO, |(last, ..)| *last);
            self.overdue.push_back((until.max(last), lane, kept.min(charged)));
        }
    }

    /// Releases the charges for replies that are overdue by `now`.
    pub fn release(&mut self, now: Time) {
        while let Some(&(_, lane, kept)) = self.overdue.front().filter(|(until, ..)| *until <= now) {
            self.used[usize::from(lane)] -= u64::from(kept);
            self.overdue.pop_front();
        }
    }

    /// Returns the time of the next release.
    pub fn next_release(&self) -> Option<Time> {
        self.overdue.front().map(|(until, ..)| *until)
    }

    /// Returns the cost to reserve for a reply that its protocol estimates at `estimated`: more if datagrams take more
    /// than expected, if replies are larger, or while their size is unknown.
    pub fn reserve(&self, estimated: u32) -> u32 {
        (f64::from(self.sizes.reserve(estimated)) * self.factor) as u32
    }

    /// Learns the size of a reply: a datagram of `bytes` bytes where `estimated` was expected.
    pub fn learn_size(&mut self, bytes: usize, estimated: u32) {
        self.sizes.learn(bytes, estimated);
    }

    /// Learns that an attempt timed out.
    pub fn learn_silence(&mut self) {
        self.sizes.learn_silence();
    }

    /// Learns that datagrams for which `expected` bytes were reserved take `measured`. Only ever increases costs.
    /// Ignores a factor above 16 as a measurement error.
    pub fn learn(&mut self, measured: u64, expected: u64) {
        let factor = measured as f64 / expected.max(1) as f64;
        if factor <= 16.0 {
            self.factor = self.factor.max(factor);
        }
    }

    /// Returns the number of queries in flight.
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
    /// The maximum payload of a small allocation, and the size of that allocation.
    const SMALL: (u32, u32) = (120, 576);

    let bytes = size.bytes.min(u32::from(u16::MAX));
    let data = if bytes <= SMALL.0 { SMALL.1 } else { (bytes + OVERHEAD).next_power_of_two() };
    (data + HEAD).saturating_mul(size.datagrams.max(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reply_costs_what_the_kernel_was_measured_to_charge() {
        for (bytes, charged) in [(1, 832), (120, 832), (500, 1280), (1400, 2304), (2000, 4352)] {
            assert_eq!(reply_cost(ReplySize { datagrams: 1, bytes }), charged, "{bytes} bytes");
        }
        assert_eq!(reply_cost(ReplySize { datagrams: 3, bytes: 1400 }), 3 * 2304);
        assert!(reply_cost(ReplySize { datagrams: u32::MAX, bytes: u32::MAX }) > 0, "saturates");
    }

    #[test]
    fn it_closes_when_the_credit_is_used_up_and_opens_when_a_query_ends() {
        let mut window = Window::new(None, Some(2000), 1);
        // Two replies show that none is larger than estimated.
        (0..2).for_each(|_| window.learn_size(1, 832));
        window.enter(0, 832);
        window.enter(0, 832);
        assert!(!window.admits(832));
        assert!(window.admits(300));
        window.leave(0, 832, None);
        assert!(window.admits(832));
    }

    #[test]
    fn attempts_that_may_be_answered_stay_charged_for_a_while() {
        let mut window = Window::new(None, Some(2000), 1);
        window.enter(0, 832);
        window.extend(0, 832);
        assert!(!window.has_credit(0, 832));
        window.leave(0, 2 * 832, Some((Time::from_millis(50), 832)));
        assert!(window.has_credit(0, 832) && !window.has_credit(0, 2 * 832));
        assert_eq!(window.next_release(), Some(Time::from_millis(50)));
        window.release(Time::from_millis(49));
        assert_eq!(window.used, [832]);
        window.release(Time::from_millis(50));
        assert_eq!((window.used[0], window.in_flight(), window.next_release()), (0, 0, None));
    }

    #[test]
    fn each_lane_has_its_own_credit() {
        let mut window = Window::new(None, Some(1000), 1);
        (0..2).for_each(|_| window.learn_size(1, 832));
        window.set_lanes(3);
        assert_eq!([0, 1, 2, 7].map(|number| window.lane_for(832, number)), [0, 1, 2, 1]);
        window.enter(1, 832);
        assert_eq!(window.lane_for(832, 1), 2);
        window.enter(2, 832);
        assert!(window.admits(832) && window.lane_for(832, 1) == 0);
        window.enter(0, 832);
        assert!(!window.admits(832));
        window.leave(2, 832, None);
        assert!(window.admits(832) && window.lane_for(832, 0) == 2);
    }

    #[test]
    fn measurements_only_shrink_it() {
        let mut window = Window::new(None, Some(2000), 1);
        window.learn(400, 832);
        assert_eq!(window.reserve(832), 832);
        window.learn(832 * 3, 832);
        window.learn(832 * 2, 832);
        window.learn(u64::MAX, 1);
        assert_eq!(window.reserve(832), 832 * 3);
    }

    #[test]
    fn one_query_always_fits_and_an_explicit_limit_is_kept() {
        assert!(Window::new(None, Some(10), 1).admits(832));
        let mut window = Window::new(Some(1), Some(1_000_000), 1);
        window.enter(0, 832);
        assert!(!window.admits(832));
    }
}
