//! Queries that wait for another query to the same host, and the number in flight to each.

use std::collections::{HashMap, VecDeque};
use std::net::{IpAddr, SocketAddr};

use super::deadlines::Place;

/// A host: an address and port, without an IPv6 flow label or scope.
type HostKey = (IpAddr, u16);

/// The queries in flight to each host, and those that wait for one of them to end. Whenever a query of a host ends or
/// is forgotten, one waiting query tries again.
pub struct Hosts {
    /// The maximum in flight to one host.
    cap: Option<u32>,
    /// Counted only if there is a maximum.
    in_flight: HashMap<HostKey, u32>,
    waiting: HashMap<HostKey, VecDeque<Place>>,
}

impl Hosts {
    pub fn new(cap: Option<u32>) -> Hosts {
        Hosts { cap, in_flight: HashMap::new(), waiting: HashMap::new() }
    }

    /// Returns whether another query to `host` may be sent.
    pub fn has_slot(&self, host: SocketAddr) -> bool {
        let taken = || self.in_flight.get(&key(host)).copied().unwrap_or(0);
        self.cap.is_none_or(|cap| taken() < cap)
    }

    /// Takes a slot for a query to `host`.
    pub fn take_slot(&mut self, host: SocketAddr) {
        if self.cap.is_some() {
            *self.in_flight.entry(key(host)).or_default() += 1;
        }
    }

    /// Releases the slot of a query to `host`.
    pub fn release_slot(&mut self, host: SocketAddr) {
        if let Some(taken) = self.in_flight.get_mut(&key(host)) {
            *taken -= 1;
            if *taken == 0 {
                self.in_flight.remove(&key(host));
            }
        }
    }

    /// Queues a query that waits for `host`.
    pub fn wait(&mut self, host: SocketAddr, place: Place) {
        self.waiting.entry(key(host)).or_default().push_back(place);
    }

    /// Returns whether any query waits for any host.
    pub fn is_anyone_waiting(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// Removes and returns the first query that waits for `host` and still `is_valid`.
    pub fn next_waiting(&mut self, host: SocketAddr, is_valid: impl Fn(Place) -> bool) -> Option<Place> {
        let queue = self.waiting.get_mut(&key(host))?;
        let mut next = None;
        while let Some(place) = queue.pop_front() {
            if is_valid(place) {
                next = Some(place);
                break;
            }
        }
        if queue.is_empty() {
            self.waiting.remove(&key(host));
        }
        next
    }

    /// Forgets all waiting queries.
    pub fn clear_waiting(&mut self) {
        self.waiting.clear();
    }
}

fn key(host: SocketAddr) -> HostKey {
    (host.ip(), host.port())
}

#[cfg(test)]
mod tests {
    use super::super::deadlines::Stamp;
    use super::super::query::QueryId;
    use super::*;

    fn host(last: u8) -> SocketAddr {
        SocketAddr::from(([127, 1, 0, last], 53))
    }

    fn place(query: u32) -> Place {
        Place { query: QueryId(query), stamp: Stamp::default() }
    }

    #[test]
    fn a_host_has_as_many_slots_as_its_cap() {
        let mut hosts = Hosts::new(Some(2));
        hosts.take_slot(host(1));
        assert!(hosts.has_slot(host(1)));
        hosts.take_slot(host(1));
        assert!(!hosts.has_slot(host(1)) && hosts.has_slot(host(2)));
        hosts.release_slot(host(1));
        hosts.release_slot(host(1));
        assert!(hosts.has_slot(host(1)) && hosts.in_flight.is_empty());
    }

    #[test]
    fn waiting_queries_return_one_by_one_and_stale_ones_are_skipped() {
        let mut hosts = Hosts::new(None);
        (1..=3).for_each(|query| hosts.wait(host(1), place(query)));
        assert_eq!(hosts.next_waiting(host(2), |_| true), None);
        assert_eq!(hosts.next_waiting(host(1), |place| place.query != QueryId(1)), Some(place(2)));
        assert_eq!(hosts.next_waiting(host(1), |_| true), Some(place(3)));
        assert_eq!(hosts.next_waiting(host(1), |_| true), None);
        assert!(!hosts.is_anyone_waiting());
    }
}
