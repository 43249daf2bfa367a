//! Rate limits for each host, each address and each network prefix.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use super::Time;

/// Maximum packets sent to one address at once, whatever their ports.
const HOST_BURST: u32 = 8;

/// Tables with fewer entries than this are not purged.
const PURGE_FROM: usize = 1024;

/// The network of a host: its /24 (IPv4) or /48 (IPv6).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Prefix(u64);

impl Prefix {
    /// Returns the prefix of an address. The top bit is set for IPv6, so that no two prefixes are equal across the
    /// families: an IPv4 prefix has only 24 bits.
    pub fn of(address: IpAddr) -> Prefix {
        match address {
            IpAddr::V4(v4) => Prefix(u64::from(u32::from(v4) >> 8)),
            IpAddr::V6(v6) => Prefix((u128::from(v6) >> 80) as u64 | 1 << 63),
        }
    }

    /// Returns the prefix as a number, to index tables with.
    pub fn number(self) -> u64 {
        self.0
    }
}

/// Enforces the gap between two packets to one host (address and port), and the rates to one address and to one prefix.
pub struct Limits {
    hosts: Buckets<(IpAddr, u16)>,
    addresses: Buckets<IpAddr>,
    address_interval: u64,
    prefixes: Buckets<Prefix>,
    prefix_interval: u64,
}

impl Limits {
    /// Creates limits in packets per second; infinity is no limit.
    pub fn new(host_rate: f64, prefix_rate: f64, burst: u32) -> Limits {
        Limits {
            hosts: Buckets::new(1),
            addresses: Buckets::new(HOST_BURST.min(burst)),
            address_interval: interval_nanos(host_rate),
            prefixes: Buckets::new(burst),
            prefix_interval: interval_nanos(prefix_rate),
        }
    }

    /// Checks whether a packet may be sent to `target` now.
    ///
    /// # Errors
    /// Returns the time to try again. Each query gets a different one, so that a thousand queries that wait for one
    /// prefix do not all try at once; the next check decides. A query that was already `promised` a time and tries a
    /// little early gets the earliest possible time, and so keeps its place in the queue.
    pub fn check(
        &mut self,
        target: SocketAddr,
        host_gap: Duration,
        now: Time,
        promised: bool,
    ) -> Result<(), Time> {
        let now = now.as_nanos();
        self.hosts.check((target.ip(), target.port()), nanos(host_gap), now, promised)?;
        self.addresses.check(target.ip(), self.address_interval, now, promised)?;
        self.prefixes.check(Prefix::of(target.ip()), self.prefix_interval, now, promised)
    }

    /// Counts a packet that is sent to `target` now.
    pub fn take(&mut self, target: SocketAddr, host_gap: Duration, now: Time) {
        let now = now.as_nanos();
        self.hosts.take((target.ip(), target.port()), nanos(host_gap), now);
        self.addresses.take(target.ip(), self.address_interval, now);
        self.prefixes.take(Prefix::of(target.ip()), self.prefix_interval, now);
    }

    /// Undoes the last [`take`](Limits::take) for `target`: the packet was not sent.
    pub fn give_back(&mut self, target: SocketAddr, host_gap: Duration) {
        self.hosts.give_back((target.ip(), target.port()), nanos(host_gap));
        self.addresses.give_back(target.ip(), self.address_interval);
        self.prefixes.give_back(Prefix::of(target.ip()), self.prefix_interval);
    }
}

/// Returns the time between two packets in nanoseconds, rounded up; 0 if the rate is infinite.
fn interval_nanos(rate: f64) -> u64 {
    let nanos = 1e9 / rate;
    let whole = nanos as u64;
    // `f64::ceil` makes valgrind report uninitialised memory in programs that use the C library.
    whole + u64::from(nanos > whole as f64)
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

/// Token buckets, one for each key that was used recently. Times and intervals are in nanoseconds; an interval of 0 means
/// no limit, and leaves no entry.
struct Buckets<K> {
    burst: u64,
    buckets: HashMap<K, Bucket>,
    purge_at: usize,
}

struct Bucket {
    /// The time at which the bucket is full again (see `Pacer`).
    full_at: u64,
    /// The latest time that was promised to a query.
    promised: u64,
}

impl<K: Eq + std::hash::Hash> Buckets<K> {
    fn new(burst: u32) -> Buckets<K> {
        Buckets { burst: u64::from(burst), buckets: HashMap::new(), purge_at: PURGE_FROM }
    }

    fn check(&mut self, key: K, interval: u64, now: u64, promised: bool) -> Result<(), Time> {
        let Some(bucket) = self.buckets.get_mut(&key).filter(|_| interval > 0) else { return Ok(()) };
        let next = bucket.full_at.saturating_sub((self.burst - 1).saturating_mul(interval));
        if next <= now {
            return Ok(());
        }
        let at = if promised { next } else { next.max(bucket.promised.saturating_add(interval)) };
        bucket.promised = bucket.promised.max(at);
        Err(Time::from_nanos(at))
    }

    fn take(&mut self, key: K, interval: u64, now: u64) {
        if interval == 0 {
            return;
        }
        self.purge(now);
        let bucket = self.buckets.entry(key).or_insert(Bucket { full_at: 0, promised: 0 });
        bucket.full_at = bucket.full_at.max(now).saturating_add(interval);
    }

    fn give_back(&mut self, key: K, interval: u64) {
        if let Some(bucket) = self.buckets.get_mut(&key) {
            bucket.full_at = bucket.full_at.saturating_sub(interval);
        }
    }

    /// Forgets full buckets, which are no different from missing ones, each time the table has doubled.
    fn purge(&mut self, now: u64) {
        if self.buckets.len() >= self.purge_at {
            self.buckets.retain(|_, bucket| bucket.full_at.max(bucket.promised) > now);
            self.purge_at = PURGE_FROM.max(self.buckets.len() * 2);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GAP: Duration = Duration::from_millis(100);

    fn host(last: u8) -> SocketAddr {
        SocketAddr::from(([127, 1, 0, last], 27960))
    }

    #[test]
    fn one_host_waits_for_its_gap_and_another_does_not() {
        let mut limits = Limits::new(f64::INFINITY, f64::INFINITY, 32);
        limits.take(host(1), GAP, Time::ZERO);
        assert_eq!(limits.check(host(1), GAP, Time::from_millis(99), false), Err(Time::from_millis(100)));
        assert_eq!(limits.check(host(2), GAP, Time::from_millis(99), false), Ok(()));
        assert_eq!(limits.check(host(1), GAP, Time::from_millis(100), false), Ok(()));
    }

    #[test]
    fn the_ports_of_one_address_share_its_rate() {
        let mut limits = Limits::new(20.0, f64::INFINITY, 32);
        let port = |port| SocketAddr::from(([127, 1, 0, 1], port));
        for number in 0..8 {
            assert_eq!(limits.check(port(number), GAP, Time::ZERO, false), Ok(()));
            limits.take(port(number), GAP, Time::ZERO);
        }
        assert_eq!(limits.check(port(8), GAP, Time::ZERO, false), Err(Time::from_millis(50)));
        assert_eq!(limits.check(port(9), GAP, Time::ZERO, false), Err(Time::from_millis(100)));
        assert_eq!(limits.check(host(2), GAP, Time::ZERO, false), Ok(()));
    }

    #[test]
    fn queries_that_wait_for_one_prefix_return_one_by_one() {
        let mut limits = Limits::new(f64::INFINITY, 10.0, 1);
        limits.take(host(1), Duration::ZERO, Time::ZERO);
        for waiting in 1..=3 {
            let back = limits.check(host(1 + waiting), Duration::ZERO, Time::ZERO, false);
            assert_eq!(back, Err(Time::from_millis(u64::from(waiting) * 100)));
        }
        let early = limits.check(host(2), Duration::ZERO, Time::from_millis(99), true);
        assert_eq!(early, Err(Time::from_millis(100)), "a query that tries a little early keeps its place");
    }

    #[test]
    fn prefixes_of_both_families_are_kept_apart() {
        let v4: IpAddr = "0.0.1.7".parse().unwrap();
        let v6: IpAddr = "0:0:1::7".parse().unwrap();
        assert_ne!(Prefix::of(v4), Prefix::of(v6));
        assert_eq!(Prefix::of(v6), Prefix::of("0:0:1:ffff::".parse().unwrap()));
        assert_ne!(Prefix::of(v6), Prefix::of("0:0:2::7".parse().unwrap()));
    }

    #[test]
    fn tables_forget_hosts_whose_gap_has_passed() {
        let mut limits = Limits::new(1e6, 1e6, 1);
        for n in 0..100_000u32 {
            let target = SocketAddr::from((std::net::Ipv4Addr::from(n << 8), 1));
            limits.take(target, GAP, Time::from_millis(u64::from(n)));
        }
        assert!(limits.hosts.buckets.len() <= PURGE_FROM, "{}", limits.hosts.buckets.len());
        assert!(limits.prefixes.buckets.len() <= PURGE_FROM);
    }
}
