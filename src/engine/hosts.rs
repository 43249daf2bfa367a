//! Queries that wait for another query to the same host, and the number in flight to each.

use std::collections::{HashMap, VecDeque};
use std::net::{IpAddr, SocketAddr};

use super::Transport;
use super::deadlines::Place;

/// A host (address and port, without an IPv6 flow label or scope) and the transport. Two numbers, since they are hashed
/// for each query.
type HostKey = (u128, u32);

/// The maximum number of queries over streams to one host that are in flight.
const STREAM_CAP: u32 = 100;

/// The queries in flight to each host, and those that wait for one of them to end. Whenever a query of a host ends or
/// is forgotten, one waiting query tries again.
pub struct Hosts {
    /// The maximum in flight to one host as datagrams.
    datagram_cap: Option<u32>,
    /// Counted only if there is a maximum.
    in_flight: HashMap<HostKey, u32>,
    waiting: HashMap<HostKey, VecDeque<Place>>,
}

impl Hosts {
    /// Creates an empty table for at most `datagram_cap` queries to one host in datagrams.
    pub fn new(datagram_cap: Option<u32>) -> Hosts {
        Hosts { datagram_cap, in_flight: HashMap::new(), waiting: HashMap::new() }
    }

    /// Returns whether another query to `host` may be sent.
    pub fn has_slot(&self, host: SocketAddr, transport: Transport) -> bool {
        let taken = || self.in_flight.get(&key(host, transport)).copied().unwrap_or(0);
        self.cap(transport).is_none_or(|cap| taken() < cap)
    }

    fn cap(&self, transport: Transport) -> Option<u32> {
        match transport {
            Transport::Datagram => self.datagram_cap,
            Transport::Stream => Some(STREAM_CAP),
        }
    }

    /// Takes a slot for a query to `host`.
    pub fn take_slot(&mut self, host: SocketAddr, transport: Transport) {
        if self.cap(transport).is_some() {
            *self.in_flight.entry(key(host, transport)).or_default() += 1;
        }
    }

    /// Releases the slot of a query to `host`.
    pub fn release_slot(&mut self, host: SocketAddr, transport: Transport) {
        if let Some(taken) = self.in_flight.get_mut(&key(host, transport)) {
            *taken -= 1;
            if *taken == 0 {
                self.in_flight.remove(&key(host, transport));
            }
        }
    }

    /// Queues a query that waits for `host`.
    pub fn wait(&mut self, host: SocketAddr, transport: Transport, place: Place) {
        self.waiting.entry(key(host, transport)).or_default().push_back(place);
    }

    /// Returns whether any query waits for any host.
    pub fn is_anyone_waiting(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// Removes and returns the first query that waits for `host` and still `is_valid`.
    pub fn next_waiting(
        &mut self,
        host: SocketAddr,
        transport: Transport,
        is_valid: impl Fn(Place) -> bool,
    ) -> Option<Place> {
        let queue = self.waiting.get_mut(&key(host, transport))?;
        let mut next = None;
        while let Some(place) = queue.pop_front() {
            if is_valid(place) {
                next = Some(place);
                break;
            }
        }
        if queue.is_empty() {
            self.waiting.remove(&key(host, transport));
        }
        next
    }

    /// Forgets all waiting queries.
    pub fn clear_waiting(&mut self) {
        self.waiting.clear();
    }
}

fn key(host: SocketAddr, transport: Transport) -> HostKey {
    let address = match host.ip() {
        IpAddr::V4(v4) => v4.to_ipv6_mapped().to_bits(),
        IpAddr::V6(v6) => v6.to_bits(),
    };
    (address, u32::from(host.port()) << 1 | u32::from(transport == Transport::Stream))
}

#[cfg(test)]
mod tests {
    use super::super::deadlines::Stamp;
    use super::super::query::QueryId;
    use super::*;

    const UDP: Transport = Transport::Datagram;

    fn host(last: u8) -> SocketAddr {
        SocketAddr::from(([127, 1, 0, last], 53))
    }

    fn place(query: u32) -> Place {
        Place { query: QueryId(query), stamp: Stamp::default() }
    }

    #[test]
    fn a_host_has_as_many_slots_as_its_cap() {
        let mut hosts = Hosts::new(Some(2));
        hosts.take_slot(host(1), UDP);
        assert!(hosts.has_slot(host(1), UDP));
        hosts.take_slot(host(1), UDP);
        assert!(!hosts.has_slot(host(1), UDP) && hosts.has_slot(host(2), UDP));
        hosts.release_slot(host(1), UDP);
        hosts.release_slot(host(1), UDP);
        assert!(hosts.has_slot(host(1), UDP) && hosts.in_flight.is_empty());
    }

    #[test]
    fn waiting_queries_return_one_by_one_and_stale_ones_are_skipped() {
        let mut hosts = Hosts::new(None);
        (1..=3).for_each(|query| hosts.wait(host(1), UDP, place(query)));
        assert_eq!(hosts.next_waiting(host(2), UDP, |_| true), None);
        assert_eq!(hosts.next_waiting(host(1), UDP, |place| place.query != QueryId(1)), Some(place(2)));
        assert_eq!(hosts.next_waiting(host(1), UDP, |_| true), Some(place(3)));
        assert_eq!(hosts.next_waiting(host(1), UDP, |_| true), None);
        assert!(!hosts.is_anyone_waiting());
    }
}
