//! The result of one step: every query in exactly one class.

use std::time::Duration;

use allears::engine::{Completion, Histogram, Ledger, Outcome};
use serde::Serialize;

/// The share of the offered rate that must be achieved.
const KEPT: f64 = 0.98;

/// The way of running a step: with the engine, or with a naive loop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    Allears,
    Naive,
}

impl Way {
    pub fn name(self) -> &'static str {
        match self {
            Way::Allears => "allears",
            Way::Naive => "naive",
        }
    }
}

/// The fate of a query's reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// It arrived in time.
    Answered,
    /// It was dropped in the local receive buffer.
    LocalDrops,
    /// This machine could not send the query.
    SendFailed,
    /// It arrived after the timeout.
    Late,
    /// The network reported that the query cannot be delivered.
    Unreachable,
    /// It or its query was lost in the network or at the host.
    Silent,
    /// It arrived and cannot be parsed.
    Malformed,
}

impl Class {
    /// All classes; every query is in one.
    pub const ALL: [Class; 7] = [
        Class::Answered,
        Class::LocalDrops,
        Class::SendFailed,
        Class::Late,
        Class::Unreachable,
        Class::Silent,
        Class::Malformed,
    ];
    /// The classes without a valid reply in time.
    pub const LOST: [Class; 6] = [
        Class::LocalDrops,
        Class::SendFailed,
        Class::Late,
        Class::Unreachable,
        Class::Silent,
        Class::Malformed,
    ];

    /// Returns its name in results.
    pub fn name(self) -> &'static str {
        match self {
            Class::Answered => "answered",
            Class::LocalDrops => "local_drops",
            Class::SendFailed => "send_failed",
            Class::Late => "late",
            Class::Unreachable => "unreachable",
            Class::Silent => "silent",
            Class::Malformed => "malformed",
        }
    }
}

/// A share of all queries, with its 95 % confidence interval.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Share {
    pub count: u64,
    /// The measured share in percent, from 0 to 100, like the bounds.
    pub percent: f64,
    pub low: f64,
    pub high: f64,
}

impl Share {
    /// Returns the share of `count` in `all`, which must not be less. If `all` is 0, the interval is the full range.
    pub fn of(count: u64, all: u64) -> Share {
        let (low, high) = wilson(count, all);
        let fraction = if all == 0 { 0.0 } else { count as f64 / all as f64 };
        Share { count, percent: 100.0 * fraction, low: 100.0 * low, high: 100.0 * high }
    }
}

/// Returns the score interval of E. B. Wilson (1927), which is also valid for small counts and for zero.
fn wilson(count: u64, all: u64) -> (f64, f64) {
    /// 95 % of a normal distribution lies within this many standard deviations.
    const Z: f64 = 1.959_964;
    if all == 0 {
        return (0.0, 1.0);
    }
    let (n, p) = (all as f64, count as f64 / all as f64);
    let denominator = 1.0 + Z * Z / n;
    let centre = (p + Z * Z / (2.0 * n)) / denominator;
    let half = Z / denominator * (p * (1.0 - p) / n + Z * Z / (4.0 * n * n)).sqrt();
    // Exact at the ends: rounding must not exclude the measured share.
    let low = if count == 0 { 0.0 } else { (centre - half).clamp(0.0, p) };
    let high = if count == all { 1.0 } else { (centre + half).clamp(p, 1.0) };
    (low, high)
}

/// The outcomes of a step's queries.
#[derive(Clone, Copy, Debug, Default)]
pub struct Ends {
    answered: u64,
    silent: u64,
    unreachable: u64,
    send_failed: u64,
    malformed: u64,
}

impl Ends {
    /// Counts one outcome. A query that was never sent does not count as lost. One that was interrupted after it was
    /// sent counts as silent: its timeout has passed.
    pub fn count<C, A, T>(&mut self, completion: &Completion<C, A, T>) {
        match completion.outcome {
            Outcome::Answered(_) => self.answered += 1,
            Outcome::Silent => self.silent += 1,
            Outcome::Unreachable(_) => self.unreachable += 1,
            Outcome::SendFailed(_) => self.send_failed += 1,
            Outcome::Malformed(_) => self.malformed += 1,
            Outcome::Interrupted => self.silent += u64::from(completion.attempts > 0),
        }
    }
}

/// Facts about a step that its ledger does not have.
#[derive(Clone, Copy, Debug)]
pub struct Circumstances {
    pub way: Way,
    /// The offered queries per second.
    pub offered: f64,
    /// The queries sent per second.
    pub achieved: f64,
    /// The time during which queries were sent.
    pub asking: Duration,
    /// The share of one core that this process used during that time; `None` if the system does not report it.
    pub cpu: Option<f64>,
    /// The datagrams that the kernel dropped because the receive buffer was full.
    pub kernel_drops: Option<u64>,
    /// The receive buffer in bytes; `None` if the system does not report it.
    pub rcvbuf: Option<usize>,
    /// The maximum number of queries in flight; `None` for no maximum.
    pub window: Option<u64>,
}

/// The result of one step.
#[derive(Clone, Debug)]
pub struct Measured {
    pub around: Circumstances,
    /// The queries sent: the sum of all classes.
    pub queries: u64,
    pub rtt: Histogram,
    pub deferred: u64,
    pub duplicates: u64,
    pub unmatched: u64,
    pub max_in_flight: u64,
    ends: Ends,
    late: u64,
    /// The queries that timed out because their reply was dropped locally.
    local_drops: Option<u64>,
}

impl Measured {
    pub fn new(around: Circumstances, mut ends: Ends, ledger: &Ledger) -> Measured {
        // The kernel also counts dropped duplicates and unmatched datagrams: the replies lost cannot outnumber the
        // missing ones.
        let late = ledger.late.min(ends.silent);
        let missing = ends.silent - late;
        let local_drops = around.kernel_drops.map(|drops| drops.min(missing));
        ends.silent = missing - local_drops.unwrap_or(0);
        let Ends { answered, silent, unreachable, send_failed, malformed } = ends;
        let queries =
            answered + local_drops.unwrap_or(0) + late + silent + unreachable + send_failed + malformed;
        Measured {
            around,
            queries,
            rtt: ledger.rtt.clone(),
            deferred: ledger.deferred,
            duplicates: ledger.duplicates,
            unmatched: ledger.unmatched,
            max_in_flight: ledger.max_in_flight,
            ends,
            late,
            local_drops,
        }
    }

    /// Returns the share of a class; `None` if it is unknown and its queries are among the silent ones.
    pub fn share(&self, class: Class) -> Option<Share> {
        let count = match class {
            Class::Answered => self.ends.answered,
            Class::LocalDrops => self.local_drops?,
            Class::SendFailed => self.ends.send_failed,
            Class::Late => self.late,
            Class::Unreachable => self.ends.unreachable,
            Class::Silent => self.ends.silent,
            Class::Malformed => self.ends.malformed,
        };
        Some(Share::of(count, self.queries))
    }

    /// Returns the share of queries without a valid reply in time.
    pub fn loss(&self) -> Share {
        Share::of(self.queries - self.ends.answered, self.queries)
    }

    /// Returns whether the offered rate was achieved, with a small tolerance.
    pub fn is_kept(&self) -> bool {
        self.around.achieved >= KEPT * self.around.offered
    }

    pub fn answered(&self) -> u64 {
        self.ends.answered
    }
}

#[cfg(test)]
pub mod tests {
    use super::*;
    use allears::engine::Unreachable;

    pub fn around(offered: f64, achieved: f64) -> Circumstances {
        Circumstances {
            way: Way::Allears,
            offered,
            achieved,
            asking: Duration::from_secs(1),
            cpu: Some(0.2),
            kernel_drops: Some(0),
            rcvbuf: Some(212_992),
            window: Some(192),
        }
    }

    /// Returns a step with this number of answered and of silent queries.
    pub fn measured(around: Circumstances, answered: u64, silent: u64) -> Measured {
        let ends = Ends { answered, silent, ..Ends::default() };
        Measured::new(around, ends, &Ledger::default())
    }

    #[test]
    fn intervals_are_those_of_wilson() {
        // Newcombe (1998), table I: 81 of 263 and 15 of 148.
        for (count, all, low, high) in [(81, 263, 25.53, 36.62), (15, 148, 6.24, 16.05)] {
            let share = Share::of(count, all);
            assert!((share.low - low).abs() < 0.01 && (share.high - high).abs() < 0.01, "{share:?}");
        }
        let none = Share::of(0, 20);
        assert_eq!((none.percent, none.low), (0.0, 0.0));
        assert!((none.high - 16.11).abs() < 0.01, "{none:?}");
        assert_eq!(Share::of(20, 20).high, 100.0);
        assert_eq!((Share::of(0, 0).low, Share::of(0, 0).high), (0.0, 100.0));
    }

    #[test]
    fn every_query_is_in_one_class() {
        let mut ends = Ends::default();
        let report = Unreachable { icmp: Some((3, 3)), by: None, errno: 111 };
        for (times, outcome) in [
            (90, Outcome::Answered(())),
            (20, Outcome::Silent),
            (3, Outcome::Unreachable(report)),
            (2, Outcome::SendFailed(1)),
            (1, Outcome::Malformed("x")),
            (7, Outcome::Interrupted),
        ] {
            let target = "127.0.0.1:7".parse().expect("an address");
            let attempts = u32::from(outcome != Outcome::Interrupted);
            let completion = Completion {
                target,
                tag: (),
                conversation: 0,
                outcome,
                attempts,
                rtt: None,
                proof: allears::engine::Proof::Address,
                foreign_source: None,
            };
            (0..times).for_each(|_| ends.count(&completion));
        }
        let mut ledger = Ledger::default();
        ledger.late = 4;
        for (kernel, own, silent) in [(None, None, 16), (Some(9), Some(9), 7), (Some(99), Some(16), 0)] {
            let step =
                Measured::new(Circumstances { kernel_drops: kernel, ..around(1.0, 1.0) }, ends, &ledger);
            let count = |class| step.share(class).map(|share| share.count);
            assert_eq!(Class::ALL.iter().filter_map(|&class| count(class)).sum::<u64>(), 116);
            assert_eq!(step.queries, 116);
            assert_eq!((count(Class::Answered), count(Class::Late)), (Some(90), Some(4)));
            assert_eq!((count(Class::LocalDrops), count(Class::Silent)), (own, Some(silent)));
            assert_eq!(step.loss().count, 26);
        }
    }
}
