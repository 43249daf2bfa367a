//! The plan of a fleet: its hosts and their faults.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use super::dice::{Purpose, roll, unit};
use super::{HostProtocol, Limit, PROTOCOLS};
use crate::setters::setters;

/// The maximum number of hosts. The same number of addresses after theirs are the second addresses of multi-homed
/// hosts.
const MAX_HOSTS: u32 = 4_000_000;
/// The maximum number of rows in a host's tables.
const MAX_ROWS: u32 = 10_000;

/// The plan of a fleet. Each fraction is from 0 to 1.
///
/// Each decision about a request is a hash of the seed, the host, and the number of requests that the host received
/// before. It does not depend on the time or on requests to other hosts.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Plan {
    /// The number of hosts, 1 to 4,000,000. Host *i* is at address `base` + *i*.
    pub hosts: u32,
    /// The protocol that the hosts speak.
    pub protocol: &'static HostProtocol,
    /// The address of the first host.
    pub base: Ipv4Addr,
    /// The port of every host.
    pub port: u16,
    /// The address of the master, if the protocol has one. Faults do not affect requests to it: each gets a reply,
    /// after the median latency.
    pub master: Option<SocketAddr>,
    /// The seed of all random decisions.
    pub seed: u64,
    /// Fraction of the hosts that never reply: exactly `hosts * dead` of them, rounded.
    pub dead: f64,
    /// Fraction of the requests that are lost.
    pub loss: f64,
    /// Fraction of the replies that are lost.
    pub reply_loss: f64,
    /// Fraction of the replies that are sent twice, back to back.
    pub duplicate: f64,
    /// The time from a request to its reply, the same for all requests to one host.
    pub latency: Latency,
    /// Replies with an additional delay.
    pub late: Late,
    /// Fraction of the hosts (exactly, rounded) that reply from another address than the one that received the
    /// request. It belongs to no host: it is `hosts` addresses further on.
    pub wrong_source: f64,
    /// Fraction of the hosts (exactly, rounded) whose replies are malformed after the correct token.
    pub garbage: f64,
    /// Forged replies per second, with wrong tokens, from hosts' addresses to the source of the last request. They
    /// start with the first request and stop two seconds after the last.
    pub forge: f64,
    /// The hosts' own rate limit.
    pub limit: Limit,
    /// The name of a player who is on exactly one host, if the protocol has players. That host is alive and replies
    /// properly.
    pub wanted: Option<String>,
    /// The number of rows in the tables of each host, 0 to 10,000, if the protocol has tables.
    pub rows: u32,
    /// The faults of hosts: one of the protocol's [`faults`](HostProtocol::faults), and the fraction of the hosts
    /// (exactly, rounded) that have it. No host has two of them.
    pub misbehave: Vec<(&'static str, f64)>,
}

/// Latencies, log-normally distributed over the hosts.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Latency {
    /// The median of the latencies.
    pub median: Duration,
    /// Standard deviation of the logarithm, 0 to 5; 0 for the same latency at all hosts.
    pub sigma: f64,
}

/// Datagrams with a delay in addition to the latency.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Late {
    /// Fraction of the datagrams.
    pub fraction: f64,
    /// The additional delay.
    pub by: Duration,
}

impl Default for Plan {
    /// The [`Plan::new`] of the first protocol.
    fn default() -> Plan {
        Plan::new(&PROTOCOLS[0])
    }
}

setters!(Plan {
    with_hosts sets hosts: u32,
    with_protocol sets protocol: &'static HostProtocol,
    with_base sets base: Ipv4Addr,
    with_port sets port: u16,
    with_master sets master: Option<SocketAddr>,
    with_seed sets seed: u64,
    with_dead sets dead: f64,
    with_loss sets loss: f64,
    with_reply_loss sets reply_loss: f64,
    with_duplicate sets duplicate: f64,
    with_latency sets latency: Latency,
    with_late sets late: Late,
    with_wrong_source sets wrong_source: f64,
    with_garbage sets garbage: f64,
    with_forge sets forge: f64,
    with_limit sets limit: Limit,
    with_wanted sets wanted: Option<String>,
    with_rows sets rows: u32,
    with_misbehave sets misbehave: Vec<(&'static str, f64)>,
});

/// The error of a [`Plan`] with a field out of its range.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PlanError {
    /// The field's name in [`Plan`].
    pub field: &'static str,
    /// The valid values.
    pub expected: &'static str,
}

impl fmt::Display for PlanError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} must be {}", self.field, self.expected)
    }
}

impl std::error::Error for PlanError {}

impl Plan {
    /// Returns a plan of 2,000 perfect hosts at the usual port of `protocol`, with a latency of 5 ms and without a
    /// master.
    pub fn new(protocol: &'static HostProtocol) -> Plan {
        Plan {
            hosts: 2000,
            protocol,
            base: Ipv4Addr::new(127, 1, 0, 1),
            port: protocol.port,
            master: None,
            seed: 1,
            dead: 0.0,
            loss: 0.0,
            reply_loss: 0.0,
            duplicate: 0.0,
            latency: Latency { median: Duration::from_millis(5), sigma: 0.0 },
            late: Late { fraction: 0.0, by: Duration::ZERO },
            wrong_source: 0.0,
            garbage: 0.0,
            forge: 0.0,
            limit: Limit::None,
            wanted: None,
            rows: 2,
            misbehave: Vec::new(),
        }
    }

    /// Checks that every field is within its range.
    ///
    /// # Errors
    /// Names the first field that is out of range.
    pub fn validate(&self) -> Result<(), PlanError> {
        let check = |fits: bool, field, expected| {
            if fits { Ok(()) } else { Err(PlanError { field, expected }) }
        };
        check((1..=MAX_HOSTS).contains(&self.hosts), "hosts", "from 1 to 4000000")?;
        let last = u32::from(self.base).checked_add(2 * self.hosts);
        check(last.is_some(), "base", "low enough that all hosts have an address")?;
        for (fraction, field) in [
            (self.dead, "dead"),
            (self.loss, "loss"),
            (self.reply_loss, "reply_loss"),
            (self.duplicate, "duplicate"),
            (self.late.fraction, "late"),
            (self.wrong_source, "wrong_source"),
            (self.garbage, "garbage"),
        ] {
            check((0.0..=1.0).contains(&fraction), field, "a fraction from 0 to 1")?;
        }
        check((0.0..=5.0).contains(&self.latency.sigma), "latency", "of a sigma from 0 to 5")?;
        check((0.0..=1e6).contains(&self.forge), "forge", "from 0 to 1e6 datagrams per second")?;
        let fits_quotes =
            self.wanted.as_ref().is_none_or(|name| !name.is_empty() && !name.contains(['"', '\n', '\0']));
        check(fits_quotes, "wanted", "a name without quotes and line breaks")?;
        check(self.rows <= MAX_ROWS, "rows", "from 0 to 10000")?;
        let in_range = self.misbehave.iter().all(|(_, fraction)| (0.0..=1.0).contains(fraction));
        let sum: f64 = self.misbehave.iter().map(|(_, fraction)| fraction).sum();
        // Allow for rounding: ten times 0.1 is not exactly 1.
        let fits = in_range && sum < 1.0 + 1e-9;
        check(fits, "misbehave", "fractions from 0 to 1, and no more than 1 together")?;
        let known = self.misbehave.iter().all(|(fault, _)| self.protocol.faults.contains(fault));
        check(known, "misbehave", "a fault that hosts of this protocol can have")
    }

    /// Returns the address of host `host`.
    pub fn address(&self, host: u32) -> SocketAddr {
        self.at(host)
    }

    /// Returns the address that a multi-homed host replies from.
    pub(super) fn other_address(&self, host: u32) -> SocketAddr {
        self.at(self.hosts + host)
    }

    fn at(&self, offset: u32) -> SocketAddr {
        SocketAddr::new(IpAddr::V4(Ipv4Addr::from(u32::from(self.base).wrapping_add(offset))), self.port)
    }

    /// Returns the host at this address, if there is one.
    pub fn host_at(&self, address: SocketAddr) -> Option<u32> {
        let SocketAddr::V4(v4) = address else { return None };
        let host = u32::from(*v4.ip()).checked_sub(u32::from(self.base))?;
        (host < self.hosts && v4.port() == self.port).then_some(host)
    }

    /// Returns the time from a request to host `host` to its reply.
    pub fn latency_of(&self, host: u32) -> Duration {
        if self.latency.sigma == 0.0 {
            return self.latency.median;
        }
        // Box-Muller: two uniformly distributed numbers give one normally distributed number.
        let radius = (-2.0 * (1.0 - unit(self.roll(Purpose::Latency, host, 0))).ln()).sqrt();
        let angle = std::f64::consts::TAU * unit(self.roll(Purpose::Latency, host, 1));
        self.latency.median.mul_f64((self.latency.sigma * radius * angle.cos()).exp())
    }

    pub(super) fn roll(&self, purpose: Purpose, host: u32, nth: u64) -> u64 {
        roll(self.seed, purpose, host, nth)
    }

    /// Chooses exactly `hosts * fraction` hosts, rounded, in no particular order.
    pub(super) fn choose(&self, purpose: Purpose, fraction: f64) -> Vec<u32> {
        let count = (f64::from(self.hosts) * fraction).round() as usize;
        let mut hosts: Vec<u32> = (0..self.hosts).collect();
        if count > 0 && count < hosts.len() {
            hosts.select_nth_unstable_by_key(count, |&host| self.roll(purpose, host, 0));
        }
        hosts.truncate(count);
        hosts
    }

    /// Chooses the hosts that misbehave, each with its fault.
    pub(super) fn misbehaving(&self) -> Vec<(u32, &'static str)> {
        if self.misbehave.is_empty() {
            return Vec::new();
        }
        let mut hosts: Vec<u32> = (0..self.hosts).collect();
        hosts.sort_unstable_by_key(|&host| self.roll(Purpose::Misbehaviour, host, 0));
        // The end of each part is rounded, not its size: otherwise there could be too few hosts.
        let (mut chosen, mut sum) = (Vec::new(), 0.0);
        for &(fault, fraction) in &self.misbehave {
            sum += fraction;
            let end = (f64::from(self.hosts) * sum).round() as usize;
            chosen.extend(hosts.iter().take(end).skip(chosen.len()).map(|&host| (host, fault)));
        }
        chosen
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exactly_the_fraction_of_hosts_is_chosen_and_the_seed_decides_which() {
        for (hosts, fraction, expected) in [(2000, 0.3, 600), (7, 0.5, 4), (10, 0.0, 0), (10, 1.0, 10)] {
            let plan = Plan { hosts, ..Plan::default() };
            let mut chosen = plan.choose(Purpose::Dead, fraction);
            chosen.sort_unstable();
            chosen.dedup();
            assert_eq!(chosen.len(), expected);
        }
        let sorted = |seed| {
            let mut chosen = Plan { seed, ..Plan::default() }.choose(Purpose::Dead, 0.3);
            chosen.sort_unstable();
            chosen
        };
        assert_eq!(sorted(1), sorted(1));
        assert_ne!(sorted(1), sorted(2));
    }

    #[test]
    fn no_host_has_two_faults() {
        let halves = [("one", 0.5), ("two", 0.2), ("three", 0.3)];
        for (hosts, misbehave, expected) in [
            (2000, &halves[..1], &[1000][..]),
            (2000, &halves[..], &[1000, 400, 600]),
            (3, &halves[..], &[2, 0, 1]),
            (7, &[], &[]),
        ] {
            let plan = Plan { hosts, misbehave: misbehave.to_vec(), ..Plan::default() };
            let chosen = plan.misbehaving();
            let count = |fault| chosen.iter().filter(|(_, other)| *other == fault).count();
            let counts: Vec<usize> = misbehave.iter().map(|(fault, _)| count(*fault)).collect();
            assert_eq!(counts, expected);
            let mut hosts: Vec<u32> = chosen.iter().map(|(host, _)| *host).collect();
            hosts.sort_unstable();
            hosts.dedup();
            assert_eq!(hosts.len(), chosen.len());
        }
    }

    #[test]
    fn latencies_are_log_normal_and_constant() {
        let median = Duration::from_millis(67);
        let plan = Plan { latency: Latency { median, sigma: 0.6 }, ..Plan::default() };
        let mut all: Vec<_> = (0..2000).map(|host| plan.latency_of(host)).collect();
        assert_eq!(all[3], plan.latency_of(3));
        all.sort_unstable();
        let at = |q: usize| all[q * 2000 / 100].as_secs_f64() / 0.067;
        assert!((0.95..1.05).contains(&at(50)), "{}", at(50));
        // One standard deviation up and down: e^0.6 and e^-0.6.
        assert!((1.7..1.95).contains(&at(84)), "{}", at(84));
        assert!((0.51..0.59).contains(&at(16)), "{}", at(16));
    }

    #[test]
    fn addresses_map_back_to_their_hosts() {
        let plan = Plan { hosts: 1000, ..Plan::default() };
        for host in [0, 1, 254, 255, 999] {
            assert_eq!(plan.host_at(plan.address(host)), Some(host));
            assert_eq!(plan.host_at(plan.other_address(host)), None);
        }
        assert_eq!(plan.address(255).to_string(), "127.1.1.0:27960");
        assert_eq!(plan.host_at("127.1.0.1:1".parse().expect("an address")), None);
        assert_eq!(plan.host_at("127.0.0.1:27960".parse().expect("an address")), None);
    }

    #[test]
    fn a_field_out_of_range_is_named() {
        let field = |plan: Plan| plan.validate().map_err(|error| error.field);
        assert_eq!(field(Plan::default()), Ok(()));
        assert_eq!(field(Plan { hosts: 0, ..Plan::default() }), Err("hosts"));
        assert_eq!(field(Plan { loss: f64::NAN, ..Plan::default() }), Err("loss"));
        assert_eq!(field(Plan { dead: 1.1, ..Plan::default() }), Err("dead"));
        assert_eq!(field(Plan { base: Ipv4Addr::BROADCAST, ..Plan::default() }), Err("base"));
        assert_eq!(field(Plan { wanted: Some("a\"b".into()), ..Plan::default() }), Err("wanted"));
        assert_eq!(field(Plan { rows: 10_001, ..Plan::default() }), Err("rows"));
        let faulty = PROTOCOLS.iter().find(|protocol| !protocol.faults.is_empty()).expect("one");
        let fault = faulty.faults[0];
        let tenths = vec![(fault, 0.1); 10];
        assert_eq!(field(Plan { misbehave: tenths.clone(), ..Plan::new(faulty) }), Ok(()));
        assert_eq!(field(Plan { misbehave: tenths, ..Plan::default() }), Err("misbehave"));
        for wrong in [vec![(fault, 0.6); 2], vec![(fault, f64::NAN)], vec![("nosuch", 0.1)]] {
            assert_eq!(field(Plan { misbehave: wrong, ..Plan::new(faulty) }), Err("misbehave"));
        }
    }
}
