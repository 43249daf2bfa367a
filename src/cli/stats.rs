//! `--stats`: the ledger as one line of JSON.

use std::time::Duration;

use allears::engine::{Histogram, Ledger};
use serde::Serialize;

/// Facts about a sweep that the engine's ledger does not have.
#[derive(Clone, Copy, Debug)]
pub struct Circumstances {
    /// The number of targets. Masters count as queries, not as targets.
    pub targets: u64,
    /// The number of questions besides those about targets, if there may be any.
    pub probes: Option<u64>,
    pub bad_lines: u64,
    /// The targets whose names did not resolve.
    pub unresolved: u64,
    pub local_drops: Option<u64>,
    pub elapsed: Duration,
    /// The size of the receive buffer that was granted, in bytes.
    pub rcvbuf: usize,
    /// The maximum number of queries in flight.
    pub window: u64,
    pub cpu: Option<Duration>,
    pub max_rss: Option<u64>,
}

/// The ledger as JSON.
#[derive(Debug, Serialize)]
pub struct Stats {
    targets: u64,
    bad_lines: u64,
    unresolved: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    probes: Option<u64>,
    queries: u64,
    answered: u64,
    silent: u64,
    unreachable: u64,
    send_failed: u64,
    malformed: u64,
    interrupted: u64,
    datagrams_sent: u64,
    datagrams_received: u64,
    retransmissions: u64,
    /// Messages over TCP; `None` if there were none, as with every protocol but DNS.
    #[serde(skip_serializing_if = "Option::is_none")]
    stream_sent: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    stream_received: Option<u64>,
    answered_after_retry: u64,
    late: u64,
    duplicates: u64,
    unmatched: u64,
    local_drops: Option<u64>,
    rtt_ms: Rtt,
    elapsed_s: f64,
    /// Datagrams sent per second, averaged over the whole sweep.
    rate_pps: Option<f64>,
    rcvbuf_bytes: Option<usize>,
    window: u64,
    max_in_flight: u64,
    cpu_s: Option<f64>,
    max_rss_bytes: Option<u64>,
    // Not part of the contract: these complete the sum of datagrams, or are additional counts.
    replies: u64,
    broken: u64,
    answered_by_earlier: u64,
    answered_late: u64,
    asked_again: u64,
    deferred: u64,
    send_errors: u64,
}

#[derive(Debug, Serialize)]
struct Rtt {
    min: Option<f64>,
    p50: Option<f64>,
    p90: Option<f64>,
    p99: Option<f64>,
    max: Option<f64>,
}

impl Stats {
    pub fn new(ledger: &Ledger, circumstances: &Circumstances) -> Stats {
        let elapsed = circumstances.elapsed.as_secs_f64();
        let rate = ledger.datagrams_sent as f64 / elapsed;
        Stats {
            targets: circumstances.targets,
            bad_lines: circumstances.bad_lines,
            unresolved: circumstances.unresolved,
            probes: circumstances.probes,
            queries: ledger.queries,
            answered: ledger.answered,
            silent: ledger.silent,
            unreachable: ledger.unreachable,
            send_failed: ledger.send_failed,
            malformed: ledger.malformed,
            interrupted: ledger.interrupted,
            datagrams_sent: ledger.datagrams_sent,
            datagrams_received: ledger.datagrams_received,
            retransmissions: ledger.retransmissions,
            stream_sent: (ledger.stream_sent > 0).then_some(ledger.stream_sent),
            stream_received: (ledger.stream_sent > 0).then_some(ledger.stream_received),
            answered_after_retry: ledger.answered_after_retry,
            late: ledger.late,
            duplicates: ledger.duplicates,
            unmatched: ledger.unmatched,
            local_drops: circumstances.local_drops,
            rtt_ms: Rtt::new(&ledger.rtt),
            elapsed_s: rounded(elapsed),
            rate_pps: rate.is_finite().then(|| rounded(rate)),
            rcvbuf_bytes: (circumstances.rcvbuf > 0).then_some(circumstances.rcvbuf),
            window: circumstances.window,
            max_in_flight: ledger.max_in_flight,
            cpu_s: circumstances.cpu.map(seconds),
            max_rss_bytes: circumstances.max_rss,
            replies: ledger.replies,
            broken: ledger.broken,
            answered_by_earlier: ledger.answered_by_earlier,
            answered_late: ledger.answered_late,
            asked_again: ledger.asked_again,
            deferred: ledger.deferred,
            send_errors: ledger.send_errors,
        }
    }
}

impl Rtt {
    fn new(rtt: &Histogram) -> Rtt {
        let quantile = |q| rtt.quantile(q).map(millis);
        Rtt {
            min: rtt.min().map(millis),
            p50: quantile(0.5),
            p90: quantile(0.9),
            p99: quantile(0.99),
            max: rtt.max().map(millis),
        }
    }
}

/// Converts to milliseconds, rounded to the microsecond.
pub fn millis(duration: Duration) -> f64 {
    rounded(duration.as_secs_f64() * 1e3)
}

/// Converts to seconds, rounded to the millisecond.
pub fn seconds(duration: Duration) -> f64 {
    rounded(duration.as_secs_f64())
}

fn rounded(number: f64) -> f64 {
    (number * 1e3).round() / 1e3
}

#[cfg(test)]
mod tests {
    use super::*;

    const CIRCUMSTANCES: Circumstances = Circumstances {
        targets: 3,
        probes: None,
        bad_lines: 1,
        unresolved: 2,
        local_drops: None,
        elapsed: Duration::from_millis(2500),
        rcvbuf: 212_992,
        window: 64,
        cpu: Some(Duration::from_micros(123_456)),
        max_rss: None,
    };

    #[test]
    fn the_keys_and_their_order_are_as_in_the_contract() {
        let mut ledger = Ledger::default();
        (ledger.queries, ledger.answered, ledger.datagrams_sent) = (3, 3, 5);
        ledger.rtt.record(Duration::from_micros(66_812));
        let line = serde_json::to_string(&Stats::new(&ledger, &CIRCUMSTANCES)).expect("numbers");
        assert_eq!(
            line,
            concat!(
                r#"{"targets":3,"bad_lines":1,"unresolved":2,"queries":3,"answered":3,"silent":0,"unreachable":0,"#,
                r#""send_failed":0,"malformed":0,"interrupted":0,"datagrams_sent":5,"datagrams_received":0,"retransmissions":0,"#,
                r#""answered_after_retry":0,"late":0,"duplicates":0,"unmatched":0,"local_drops":null,"#,
                r#""rtt_ms":{"min":66.812,"p50":66.812,"p90":66.812,"p99":66.812,"max":66.812},"elapsed_s":2.5,"#,
                r#""rate_pps":2.0,"rcvbuf_bytes":212992,"window":64,"max_in_flight":0,"cpu_s":0.123,"#,
                r#""max_rss_bytes":null,"replies":0,"broken":0,"answered_by_earlier":0,"answered_late":0,"#,
                r#""asked_again":0,"deferred":0,"send_errors":0}"#
            )
        );
    }

    #[test]
    fn unknown_values_are_null() {
        let circumstances = Circumstances { elapsed: Duration::ZERO, ..CIRCUMSTANCES };
        let line = serde_json::to_string(&Stats::new(&Ledger::default(), &circumstances)).expect("numbers");
        assert!(line.contains(r#""p50":null"#) && line.contains(r#""rate_pps":null"#), "{line}");
    }
}
