//! The rate limits of real game servers, which drop excess requests silently.

use std::collections::{HashMap, VecDeque};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use crate::engine::Time;

/// The rate limit of each host.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Limit {
    /// No limit.
    #[default]
    None,
    /// ioquake3 (`SVC_RateLimit` in `sv_main.c`): a burst of 10, then 1 per second for each client
    /// address; and for all clients together a burst of 10, then 10 per second.
    Ioq3,
    /// ET: Legacy with `sv_protect 2` (`SV_CheckDRDoS` in `sv_main.c`): in any two seconds 3 for
    /// each /24 (IPv6: all but the last byte), and 48 in all.
    Protect2,
    /// DarkPlaces (`NetConn_PreventFlood` in `netconn.c`): 1 per second for each client address.
    DarkPlaces,
    /// Source (the variables `sv_max_queries_sec`, `sv_max_queries_window` and `sv_max_queries_sec_global` with their default
    /// values): 3 per second for each client address, and 60 per second in all, each on average over 30 seconds.
    Source,
}

impl Limit {
    /// All limits, with their names.
    pub const ALL: [(&str, Limit); 5] = [
        ("none", Limit::None),
        ("ioq3", Limit::Ioq3),
        ("protect2", Limit::Protect2),
        ("darkplaces", Limit::DarkPlaces),
        ("source", Limit::Source),
    ];
}

/// The state of the rate limits of all hosts of a fleet. Each host counts each of its clients separately.
#[derive(Debug)]
pub(super) enum Limits {
    None,
    /// Buckets by host and client; `None` stands for all clients together.
    Ioq3(HashMap<(u32, Option<IpAddr>), Bucket>),
    /// The replies of the last two seconds by host, each with the network of the client.
    Protect2(HashMap<u32, VecDeque<(Time, IpAddr)>>),
    /// The time of the last reply by host and client.
    DarkPlaces(HashMap<(u32, IpAddr), Time>),
    /// The replies of the last 30 seconds by host, each with the client.
    Source(HashMap<u32, VecDeque<(Time, IpAddr)>>),
}

impl Limits {
    pub(super) fn new(limit: Limit) -> Limits {
        match limit {
            Limit::None => Limits::None,
            Limit::Ioq3 => Limits::Ioq3(HashMap::new()),
            Limit::Protect2 => Limits::Protect2(HashMap::new()),
            Limit::DarkPlaces => Limits::DarkPlaces(HashMap::new()),
            Limit::Source => Limits::Source(HashMap::new()),
        }
    }

    /// Returns true if host `host` replies to this client now, and counts the reply.
    pub(super) fn allow(&mut self, now: Time, host: u32, client: IpAddr) -> bool {
        match self {
            Limits::None => true,
            Limits::Ioq3(buckets) => {
                let mut take = |whose, period| {
                    let empty = Bucket { level: 0, since: now };
                    buckets.entry((host, whose)).or_insert(empty).take(now, period)
                };
                take(Some(client), Duration::from_secs(1)) && take(None, Duration::from_millis(100))
            }
            Limits::Protect2(receipts) => {
                let quota = Quota { of_one: 3, of_all: 48, within: Duration::from_secs(2) };
                quota.allow(receipts.entry(host).or_default(), now, network_of(client))
            }
            Limits::Source(receipts) => {
                let quota = Quota { of_one: 90, of_all: 1800, within: Duration::from_secs(30) };
                quota.allow(receipts.entry(host).or_default(), now, client)
            }
            Limits::DarkPlaces(answered) => {
                let last = answered.get(&(host, client));
                let allowed = last.is_none_or(|&last| now - last >= Duration::from_secs(1));
                if allowed {
                    answered.insert((host, client), now);
                }
                allowed
            }
        }
    }
}

/// The maximum number of replies in any period of this length: to one client or network, and to all.
struct Quota {
    of_one: usize,
    of_all: usize,
    within: Duration,
}

impl Quota {
    fn allow(&self, receipts: &mut VecDeque<(Time, IpAddr)>, now: Time, client: IpAddr) -> bool {
        while receipts.front().is_some_and(|&(at, _)| now - at >= self.within) {
            receipts.pop_front();
        }
        let to_client = receipts.iter().filter(|(_, of)| *of == client).count();
        let allowed = receipts.len() < self.of_all && to_client < self.of_one;
        if allowed {
            receipts.push_back((now, client));
        }
        allowed
    }
}

/// A leaky bucket that holds ten requests.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bucket {
    level: u64,
    /// The time of the last leak.
    since: Time,
}

impl Bucket {
    fn take(&mut self, now: Time, period: Duration) -> bool {
        let leaked = ((now - self.since).as_nanos() / period.as_nanos()) as u64;
        if leaked > self.level {
            *self = Bucket { level: 0, since: now };
        } else {
            self.level -= leaked;
            self.since = self.since + period.saturating_mul(leaked as u32);
        }
        let fits = self.level < 10;
        self.level += u64::from(fits);
        fits
    }
}

fn network_of(client: IpAddr) -> IpAddr {
    match client {
        IpAddr::V4(v4) => Ipv4Addr::from_bits(v4.to_bits() & !0xff).into(),
        IpAddr::V6(v6) => Ipv6Addr::from_bits(v6.to_bits() & !0xff).into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CLIENT: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));

    /// Returns how many of `count` requests from `client` to host 0, one every `gap` from `start`, are answered.
    fn answered(limits: &mut Limits, client: IpAddr, start: Time, count: u32, gap: Duration) -> usize {
        (0..count).filter(|&i| limits.allow(start + gap * i, 0, client)).count()
    }

    #[test]
    fn ioq3_answers_ten_at_once_and_then_one_a_second() {
        let mut limits = Limits::new(Limit::Ioq3);
        // Measured on OpenArena 0.8.8: exactly 10 of 30 back-to-back getstatus requests were answered.
        assert_eq!(answered(&mut limits, CLIENT, Time::ZERO, 30, Duration::ZERO), 10);
        assert_eq!(answered(&mut limits, CLIENT, Time::from_millis(999), 1, Duration::ZERO), 0);
        assert_eq!(answered(&mut limits, CLIENT, Time::from_millis(1000), 5, Duration::ZERO), 1);
        assert_eq!(answered(&mut limits, CLIENT, Time::from_millis(2000), 50, Duration::from_millis(100)), 5);
        assert_eq!(answered(&mut limits, CLIENT, Time::from_millis(60_000), 30, Duration::ZERO), 10);
    }

    #[test]
    fn ioq3_has_a_second_bucket_for_all_clients_of_one_host() {
        let mut limits = Limits::new(Limit::Ioq3);
        let client = |i: u8| IpAddr::from([192, 0, 2, i]);
        let first = (0..30).filter(|&i| limits.allow(Time::ZERO, 0, client(i))).count();
        assert_eq!(first, 10);
        let later = (100..130).filter(|&i| limits.allow(Time::from_millis(500), 0, client(i))).count();
        assert_eq!(later, 5);
        assert!(limits.allow(Time::from_millis(500), 1, client(0)), "another host has its own buckets");
    }

    #[test]
    fn protect2_answers_three_per_network_and_48_in_all_within_two_seconds() {
        let mut limits = Limits::new(Limit::Protect2);
        assert_eq!(answered(&mut limits, CLIENT, Time::ZERO, 5, Duration::from_millis(100)), 3);
        assert!(!limits.allow(Time::from_millis(600), 0, IpAddr::from([192, 0, 2, 99])), "the same /24");
        let others =
            (0..100).filter(|&i| limits.allow(Time::from_millis(700), 0, IpAddr::from([10, 0, i, 1])));
        assert_eq!(others.count(), 45);
        assert!(!limits.allow(Time::from_millis(1999), 0, CLIENT));
        assert!(limits.allow(Time::from_millis(2000), 0, CLIENT), "the first of the three is forgotten");
        assert!(!limits.allow(Time::from_millis(2000), 0, CLIENT), "the others are not");
    }

    #[test]
    fn dark_places_answers_once_a_second_and_dropped_requests_do_not_count() {
        let mut limits = Limits::new(Limit::DarkPlaces);
        assert_eq!(answered(&mut limits, CLIENT, Time::ZERO, 31, Duration::from_millis(100)), 4);
        assert!(limits.allow(Time::from_millis(3050), 0, IpAddr::from([192, 0, 2, 2])), "another client");
    }

    #[test]
    fn source_answers_three_a_second_on_average_over_thirty() {
        let mut limits = Limits::new(Limit::Source);
        assert_eq!(answered(&mut limits, CLIENT, Time::ZERO, 200, Duration::from_millis(10)), 90);
        assert_eq!(answered(&mut limits, CLIENT, Time::from_millis(29_990), 1, Duration::ZERO), 0);
        let others = (0..3000).filter(|&i| {
            limits.allow(Time::from_millis(29_990), 0, IpAddr::from([10, 0, (i / 80) as u8, 1]))
        });
        assert_eq!(others.count(), 1800 - 90, "all clients together");
        assert!(!limits.allow(Time::from_millis(29_999), 0, CLIENT));
        assert!(limits.allow(Time::from_millis(30_000), 0, CLIENT), "the first reply is forgotten");
    }
}
