//! What a fleet plays.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use super::dice::{Purpose, roll, unit};
use super::{Limit, SnmpFault};

/// Hosts that a plan can have at most. As many addresses behind them are the second addresses of
/// the multi-homed.
const MOST_HOSTS: u32 = 4_000_000;
/// Interfaces that an SNMP agent can have at most.
const MOST_INTERFACES: u32 = 10_000;

/// What a fleet plays. Each fraction is from 0 to 1.
///
/// A decision about a request is a hash of the seed, the host, and how many requests that host had
/// before: never of the time or of what other hosts are asked.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// How many hosts, 1 to 4,000,000. Host *i* is at address `base` + *i*.
    pub hosts: u32,
    /// What the hosts speak.
    pub protocol: HostProtocol,
    /// The address of the first host.
    pub base: Ipv4Addr,
    /// The port of every host.
    pub port: u16,
    /// Where the master listens; only where the protocol has masters. What is asked of it is
    /// exempt from every fault: it is always answered, after the median latency.
    pub master: Option<SocketAddr>,
    /// Decides everything that is left to chance.
    pub seed: u64,
    /// Fraction of the hosts that never answer: exactly `hosts * dead` of them, rounded.
    pub dead: f64,
    /// Fraction of the requests that get lost.
    pub loss: f64,
    /// Fraction of the replies that get lost.
    pub reply_loss: f64,
    /// Fraction of the replies that come twice, one right behind the other.
    pub duplicate: f64,
    /// From a request to its reply; the same for all requests to one host.
    pub latency: Latency,
    /// Replies that come later still.
    pub late: Late,
    /// Fraction of the hosts (exactly, rounded) that answer from another address than the one that
    /// was asked. It belongs to no host: `hosts` addresses further on.
    pub wrong_source: f64,
    /// Fraction of the hosts (exactly, rounded) whose replies are broken behind the right token.
    pub garbage: f64,
    /// Forged replies per second: from hosts' addresses, with wrong tokens, to whoever asked last.
    /// They start with the first request and stop two seconds after the last.
    pub forge: f64,
    /// The hosts' own rate limit.
    pub limit: Limit,
    /// A player who is on exactly one living host, if there is one that gives proper answers.
    pub wanted: Option<String>,
    /// Rows in the tables of an SNMP agent, 0 to 10,000.
    pub interfaces: u32,
    /// What SNMP agents get wrong, and which fraction of the hosts (exactly, rounded). No host has two of them.
    pub snmp_faults: Vec<(SnmpFault, f64)>,
}

/// What the hosts of a fleet speak.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HostProtocol {
    /// Enemy Territory servers: `getstatus`, `getinfo`, and a master.
    Et,
    /// The reply is the request.
    Echo,
    /// SNMP agents of v1, v2c and, with the feature `usm`, v3: with the system group and the tables of their
    /// interfaces.
    Snmp,
}

/// Round trips, log-normally distributed over the hosts.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Latency {
    /// Half of the hosts are faster.
    pub median: Duration,
    /// Standard deviation of the logarithm, 0 to 5; 0 = all hosts the same.
    pub sigma: f64,
}

/// Replies that come later than the host's latency says.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Late {
    /// Fraction of the replies.
    pub fraction: f64,
    /// How much later.
    pub by: Duration,
}

impl Default for Plan {
    /// 2,000 perfect Enemy Territory servers, at most 5 ms away, without a master.
    fn default() -> Plan {
        Plan {
            hosts: 2000,
            protocol: HostProtocol::Et,
            base: Ipv4Addr::new(127, 1, 0, 1),
            port: 27960,
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
            interfaces: 2,
            snmp_faults: Vec::new(),
        }
    }
}

/// What is wrong with a [`Plan`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PlanError {
    /// The field, as it is called in [`Plan`].
    pub field: &'static str,
    /// What it has to be.
    pub expected: &'static str,
}

impl fmt::Display for PlanError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} must be {}", self.field, self.expected)
    }
}

impl std::error::Error for PlanError {}

impl Plan {
    /// Checks that every field is within its range.
    ///
    /// # Errors
    /// Names the first field that is not.
    pub fn validate(&self) -> Result<(), PlanError> {
        let check = |fits: bool, field, expected| {
            if fits { Ok(()) } else { Err(PlanError { field, expected }) }
        };
        check((1..=MOST_HOSTS).contains(&self.hosts), "hosts", "from 1 to 4000000")?;
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
        let sayable =
            self.wanted.as_ref().is_none_or(|name| !name.is_empty() && !name.contains(['"', '\n', '\0']));
        check(sayable, "wanted", "a name without quotes and line breaks")?;
        check(self.interfaces <= MOST_INTERFACES, "interfaces", "from 0 to 10000")?;
        let mut fractions = self.snmp_faults.iter().map(|(_, fraction)| fraction);
        let in_range = fractions.all(|fraction| (0.0..=1.0).contains(fraction));
        // Ten tenths are a little more than one.
        let together: f64 = self.snmp_faults.iter().map(|(_, fraction)| fraction).sum();
        let fits = in_range && together < 1.0 + 1e-9;
        check(fits, "snmp_faults", "fractions from 0 to 1, and no more than 1 together")?;
        let has_agents = self.snmp_faults.is_empty() || self.protocol == HostProtocol::Snmp;
        check(has_agents, "snmp_faults", "of hosts that speak SNMP")
    }

    /// The address of host `host`.
    pub fn address(&self, host: u32) -> SocketAddr {
        self.at(host)
    }

    /// From where a multi-homed host answers.
    pub(super) fn other_address(&self, host: u32) -> SocketAddr {
        self.at(self.hosts + host)
    }

    fn at(&self, offset: u32) -> SocketAddr {
        SocketAddr::new(IpAddr::V4(Ipv4Addr::from(u32::from(self.base).wrapping_add(offset))), self.port)
    }

    /// The host at this address, if there is one.
    pub fn host_at(&self, address: SocketAddr) -> Option<u32> {
        let SocketAddr::V4(v4) = address else { return None };
        let host = u32::from(*v4.ip()).checked_sub(u32::from(self.base))?;
        (host < self.hosts && v4.port() == self.port).then_some(host)
    }

    /// How long after a request the reply of host `host` leaves.
    pub fn latency_of(&self, host: u32) -> Duration {
        if self.latency.sigma == 0.0 {
            return self.latency.median;
        }
        // Box-Muller: two even numbers give one of the normal distribution.
        let radius = (-2.0 * (1.0 - unit(self.roll(Purpose::Latency, host, 0))).ln()).sqrt();
        let angle = std::f64::consts::TAU * unit(self.roll(Purpose::Latency, host, 1));
        self.latency.median.mul_f64((self.latency.sigma * radius * angle.cos()).exp())
    }

    pub(super) fn roll(&self, purpose: Purpose, host: u32, nth: u64) -> u64 {
        roll(self.seed, purpose, host, nth)
    }

    /// Exactly `hosts * fraction` hosts, rounded, in no order.
    pub(super) fn choose(&self, purpose: Purpose, fraction: f64) -> Vec<u32> {
        let count = (f64::from(self.hosts) * fraction).round() as usize;
        let mut hosts: Vec<u32> = (0..self.hosts).collect();
        if count > 0 && count < hosts.len() {
            hosts.select_nth_unstable_by_key(count, |&host| self.roll(purpose, host, 0));
        }
        hosts.truncate(count);
        hosts
    }

    /// The SNMP agents that get something wrong, and what.
    pub(super) fn misbehaving(&self) -> Vec<(u32, SnmpFault)> {
        if self.snmp_faults.is_empty() {
            return Vec::new();
        }
        let mut hosts: Vec<u32> = (0..self.hosts).collect();
        hosts.sort_unstable_by_key(|&host| self.roll(Purpose::Misbehaviour, host, 0));
        // Where each one's part ends is rounded, not its size: otherwise there could be too few hosts.
        let (mut chosen, mut together) = (Vec::new(), 0.0);
        for &(fault, fraction) in &self.snmp_faults {
            together += fraction;
            let end = (f64::from(self.hosts) * together).round() as usize;
            chosen.extend(hosts.iter().take(end).skip(chosen.len()).map(|&host| (host, fault)));
        }
        chosen
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exactly_the_fraction_is_chosen_and_the_seed_says_whom() {
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
    fn no_host_misbehaves_in_two_ways() {
        let halves = [(SnmpFault::TooBig, 0.5), (SnmpFault::StaleId, 0.2), (SnmpFault::OddBer, 0.3)];
        for (hosts, snmp_faults, expected) in [
            (2000, &halves[..1], &[1000][..]),
            (2000, &halves[..], &[1000, 400, 600]),
            (3, &halves[..], &[2, 0, 1]),
            (7, &[], &[]),
        ] {
            let plan = Plan { hosts, snmp_faults: snmp_faults.to_vec(), ..Plan::default() };
            let chosen = plan.misbehaving();
            let count = |fault| chosen.iter().filter(|(_, other)| *other == fault).count();
            let counts: Vec<usize> = snmp_faults.iter().map(|(fault, _)| count(*fault)).collect();
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
    fn addresses_lead_back_to_their_hosts() {
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
        assert_eq!(field(Plan { interfaces: 10_001, ..Plan::default() }), Err("interfaces"));
        let snmp = Plan { protocol: HostProtocol::Snmp, ..Plan::default() };
        let tenths = vec![(SnmpFault::OddBer, 0.1); 10];
        assert_eq!(field(Plan { snmp_faults: tenths.clone(), ..snmp.clone() }), Ok(()));
        assert_eq!(field(Plan { snmp_faults: tenths, ..Plan::default() }), Err("snmp_faults"));
        for wrong in [vec![(SnmpFault::Restart, 0.6); 2], vec![(SnmpFault::Restart, f64::NAN)]] {
            assert_eq!(field(Plan { snmp_faults: wrong, ..snmp.clone() }), Err("snmp_faults"));
        }
    }
}
