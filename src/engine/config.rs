//! How fast, how many at once, how patient.

use std::fmt;
use std::time::Duration;

/// How an [`Engine`](super::Engine) asks. [`Config::default`] is safe towards strangers' hosts.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// Packets per second in all, retransmissions included; `None` = as fast as the window allows.
    pub rate: Option<f64>,
    /// Packets that may leave at once, 1 or more: the depth of the token bucket.
    pub burst: u32,
    /// Queries in flight at most; `None` = as many as `reply_credit` allows.
    pub window: Option<u32>,
    /// Bytes of receive buffer, as the kernel counts them, that the replies to all queries in
    /// flight may take together. `net` knows what was granted. Ignored where `window` is given.
    pub reply_credit: u64,
    /// The least time between two packets to one host (address and port).
    pub host_gap: Duration,
    /// Packets per second to one /24 (IPv4) or /48 (IPv6) in all; `None` = no such limit.
    pub prefix_rate: Option<f64>,
    /// How long an attempt waits for its answer.
    pub timeout: Timeout,
    /// Attempts for each query, 1 to 100.
    pub tries: u32,
    /// Whether an attempt whose answer our own receive buffer may have dropped does not count as a try.
    /// Measurements, in which a loss is a loss, say no.
    pub forgive_own_drops: bool,
    /// Conversations that may wait to be sent, 1 or more: how far ahead targets are pulled.
    pub ring: usize,
    /// How long a query is remembered after its end, so that a late answer is known as one.
    pub linger: Duration,
}

/// How long an attempt waits for its answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Timeout {
    /// By the round trips measured so far, for the target's prefix and in all (RFC 6298). The wait
    /// between two attempts grows by a quarter each time.
    Auto,
    /// This long for each attempt.
    Fixed(Duration),
}

impl Default for Config {
    fn default() -> Config {
        Config {
            rate: Some(1000.0),
            burst: 32,
            window: None,
            // Three quarters of Linux' default receive buffer.
            reply_credit: 212_992 / 4 * 3,
            host_gap: Duration::from_millis(100),
            prefix_rate: Some(500.0),
            timeout: Timeout::Auto,
            tries: 3,
            forgive_own_drops: true,
            ring: 4096,
            linger: Duration::from_secs(2),
        }
    }
}

/// Which field of a [`Config`] is out of its range.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConfigError {
    /// The field, as it is called in [`Config`].
    pub field: &'static str,
    /// What it has to be.
    pub expected: &'static str,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} must be {}", self.field, self.expected)
    }
}

impl std::error::Error for ConfigError {}

impl Config {
    /// Checks that every field is within its range.
    ///
    /// # Errors
    /// Names the first field that is not.
    pub fn validate(&self) -> Result<(), ConfigError> {
        let rate_fits = |rate: Option<f64>| rate.is_none_or(|pps| (0.01..=1e9).contains(&pps));
        let check = |fits: bool, field, expected| {
            if fits { Ok(()) } else { Err(ConfigError { field, expected }) }
        };
        check(rate_fits(self.rate), "rate", "from 0.01 to 1e9 packets per second")?;
        check(self.burst >= 1, "burst", "at least 1")?;
        check(self.window != Some(0), "window", "at least 1")?;
        check(rate_fits(self.prefix_rate), "prefix_rate", "from 0.01 to 1e9 packets per second")?;
        check((1..=100).contains(&self.tries), "tries", "from 1 to 100")?;
        check(self.ring >= 1, "ring", "at least 1")?;
        check(self.timeout != Timeout::Fixed(Duration::ZERO), "timeout", "more than zero")
    }
}
