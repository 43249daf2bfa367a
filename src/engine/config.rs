//! The settings of an engine.

use std::fmt;
use std::time::Duration;

use crate::setters::setters;

/// The settings of an [`Engine`](super::Engine). The defaults are safe for hosts on the Internet.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Config {
    /// Maximum packets per second in total, including retransmissions; `None` for as fast as the window allows.
    pub rate: Option<f64>,
    /// Maximum packets sent at once, at least 1: the depth of the token bucket.
    pub burst: u32,
    /// Maximum queries in flight; `None` for as many as the reply credit allows.
    pub window: Option<u32>,
    /// Bytes of receive buffer, as the kernel counts them, that the replies to all queries in flight may take
    /// together. `None` for what the driver of the engine grants: `net::Net` knows the size of its buffers. Ignored if
    /// `window` is set.
    pub reply_credit: Option<u64>,
    /// Minimum time between two packets to one host (address and port); `None` for the protocol's default.
    pub host_gap: Option<Duration>,
    /// Maximum queries in flight to one host (address and port), at least 1; `None` for the protocol's default.
    pub in_flight_per_host: Option<u32>,
    /// Maximum packets per second to one address, across all its ports: one machine may run many servers. Infinity for
    /// no limit; `None` for the protocol's default.
    pub host_rate: Option<f64>,
    /// Maximum packets per second to one /24 (IPv4) or /48 (IPv6); `None` for no limit.
    pub prefix_rate: Option<f64>,
    /// The time that an attempt waits for its reply.
    pub timeout: Timeout,
    /// Attempts for each query, 1 to 100.
    pub tries: u32,
    /// True if an attempt does not count as a try when its reply may have been dropped in our own receive buffer. Set
    /// it to false to measure loss.
    pub forgive_local_drops: bool,
    /// True if a reply that comes after all tries have timed out is still the answer, for as long as other queries are
    /// open, and at most for [`linger`](Config::linger). Needs a token ([`Proof::Token`](super::Proof::Token)). Set it to
    /// false to measure loss.
    pub accept_late: bool,
    /// Maximum conversations that wait to be sent, at least 1. Targets are pulled this far ahead.
    pub ring: usize,
    /// The time that a query is remembered after its end, so that a late reply is recognized.
    pub linger: Duration,
}

/// The time that an attempt waits for its reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Timeout {
    /// Derived from the round trips measured so far, both of the target's prefix and of all hosts (RFC 6298). The wait
    /// grows by a quarter with each attempt.
    Auto,
    /// The same for each attempt.
    Fixed(Duration),
}

impl Default for Config {
    fn default() -> Config {
        Config {
            rate: Some(1000.0),
            burst: 32,
            window: None,
            reply_credit: None,
            host_gap: None,
            in_flight_per_host: None,
            host_rate: None,
            prefix_rate: Some(500.0),
            timeout: Timeout::Auto,
            tries: 3,
            forgive_local_drops: true,
            accept_late: true,
            ring: 4096,
            linger: Duration::from_secs(2),
        }
    }
}

impl Config {
    /// Returns the defaults without rate limits and host gaps, for your own hosts. The window still limits the queries
    /// in flight.
    pub fn unlimited() -> Config {
        Config {
            rate: None,
            host_gap: Some(Duration::ZERO),
            host_rate: Some(f64::INFINITY),
            prefix_rate: None,
            ..Config::default()
        }
    }
}

setters!(Config {
    with_rate sets rate: Option<f64>,
    with_burst sets burst: u32,
    with_window sets window: Option<u32>,
    with_reply_credit sets reply_credit: Option<u64>,
    with_host_gap sets host_gap: Option<Duration>,
    with_in_flight_per_host sets in_flight_per_host: Option<u32>,
    with_host_rate sets host_rate: Option<f64>,
    with_prefix_rate sets prefix_rate: Option<f64>,
    with_timeout sets timeout: Timeout,
    with_tries sets tries: u32,
    with_forgive_local_drops sets forgive_local_drops: bool,
    with_accept_late sets accept_late: bool,
    with_ring sets ring: usize,
    with_linger sets linger: Duration,
});

/// The field of a [`Config`] that is out of range.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ConfigError {
    /// The name of the field in [`Config`].
    pub field: &'static str,
    /// The range.
    pub expected: &'static str,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} must be {}", self.field, self.expected)
    }
}

impl std::error::Error for ConfigError {}

impl Config {
    /// Checks that every field is in range.
    ///
    /// # Errors
    /// Names the first field that is out of range.
    pub fn validate(&self) -> Result<(), ConfigError> {
        let rate_fits = |rate: Option<f64>| rate.is_none_or(|pps| (0.01..=1e9).contains(&pps));
        let check = |fits: bool, field, expected| {
            if fits { Ok(()) } else { Err(ConfigError { field, expected }) }
        };
        check(rate_fits(self.rate), "rate", "from 0.01 to 1e9 packets per second")?;
        check(self.burst >= 1, "burst", "at least 1")?;
        check(self.window != Some(0), "window", "at least 1")?;
        check(self.in_flight_per_host != Some(0), "in_flight_per_host", "at least 1")?;
        let host_rate = self.host_rate.filter(|pps| *pps != f64::INFINITY);
        check(rate_fits(host_rate), "host_rate", "from 0.01 to 1e9 packets per second")?;
        check(rate_fits(self.prefix_rate), "prefix_rate", "from 0.01 to 1e9 packets per second")?;
        check((1..=100).contains(&self.tries), "tries", "from 1 to 100")?;
        check(self.ring >= 1, "ring", "at least 1")?;
        check(self.timeout != Timeout::Fixed(Duration::ZERO), "timeout", "more than zero")
    }
}
