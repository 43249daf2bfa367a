//! Exports results and the ledger.

use std::ffi::c_int;
use std::mem::offset_of;
use std::time::Duration;

use super::session::Session;
use super::types::{allears_ledger, allears_result};
use super::{allears, give, give_grown};
use crate::engine::Ledger;

#[unsafe(no_mangle)]
pub unsafe extern "C" fn allears_next(
    handle: *mut allears,
    out: *mut allears_result,
    out_size: usize,
) -> c_int {
    // SAFETY: the caller upholds the header's rules.
    unsafe { give(handle, out, out_size, Session::next) }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn allears_get_ledger(
    handle: *mut allears,
    out: *mut allears_ledger,
    out_size: usize,
) -> c_int {
    let least = offset_of!(allears_ledger, stream_sent);
    // SAFETY: the caller upholds the header's rules.
    unsafe {
        give_grown(handle, out, out_size, least, |session| {
            let (ledger, local_drops, receive_buffer) = session.ledger()?;
            Ok(Some(as_c(ledger, local_drops, receive_buffer)))
        })
    }
}

fn as_c(ledger: &Ledger, local_drops: Option<u64>, receive_buffer: usize) -> allears_ledger {
    let nanos =
        |rtt: Option<Duration>| rtt.map_or(0, |rtt| u64::try_from(rtt.as_nanos()).unwrap_or(u64::MAX));
    allears_ledger {
        queries: ledger.queries,
        answered: ledger.answered,
        silent: ledger.silent,
        unreachable: ledger.unreachable,
        send_failed: ledger.send_failed,
        malformed: ledger.malformed,
        interrupted: ledger.interrupted,
        datagrams_sent: ledger.datagrams_sent,
        retransmissions: ledger.retransmissions,
        deferred: ledger.deferred,
        send_errors: ledger.send_errors,
        answered_after_retry: ledger.answered_after_retry,
        answered_by_earlier: ledger.answered_by_earlier,
        answered_late: ledger.answered_late,
        asked_again: ledger.asked_again,
        datagrams_received: ledger.datagrams_received,
        replies: ledger.replies,
        broken: ledger.broken,
        late: ledger.late,
        duplicates: ledger.duplicates,
        unmatched: ledger.unmatched,
        max_in_flight: ledger.max_in_flight,
        local_drops: local_drops.unwrap_or(u64::MAX),
        receive_buffer: receive_buffer as u64,
        rtt_min_ns: nanos(ledger.rtt.min()),
        rtt_p50_ns: nanos(ledger.rtt.quantile(0.5)),
        rtt_p90_ns: nanos(ledger.rtt.quantile(0.9)),
        rtt_p99_ns: nanos(ledger.rtt.quantile(0.99)),
        rtt_max_ns: nanos(ledger.rtt.max()),
        stream_sent: ledger.stream_sent,
        stream_received: ledger.stream_received,
    }
}
