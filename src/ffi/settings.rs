//! Exports the settings.

use std::ffi::{c_char, c_int};
use std::time::Duration;

use super::failure::Failure;
use super::pointers::text;
use super::{addresses, allears, perform};
use crate::engine::Timeout;

/// Converts a rate to a limit; 0 means no limit.
fn limit(packets_per_second: f64) -> Option<f64> {
    (packets_per_second != 0.0).then_some(packets_per_second)
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn allears_set_rate(handle: *mut allears, packets_per_second: f64) -> c_int {
    perform(handle, |session| session.configure(|config| config.rate = limit(packets_per_second)))
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn allears_set_burst(handle: *mut allears, packets: u32) -> c_int {
    perform(handle, |session| session.configure(|config| config.burst = packets))
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn allears_set_window(handle: *mut allears, queries: u32) -> c_int {
    perform(handle, |session| session.configure(|config| config.window = Some(queries).filter(|&n| n > 0)))
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn allears_set_host_window(handle: *mut allears, queries: u32) -> c_int {
    let queries = Some(queries).filter(|&n| n > 0);
    perform(handle, |session| session.configure(|config| config.in_flight_per_host = queries))
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn allears_set_host_gap_ns(handle: *mut allears, nanoseconds: u64) -> c_int {
    let gap = Duration::from_nanos(nanoseconds);
    perform(handle, |session| session.configure(|config| config.host_gap = Some(gap)))
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn allears_set_host_rate(handle: *mut allears, packets_per_second: f64) -> c_int {
    let rate = limit(packets_per_second).unwrap_or(f64::INFINITY);
    perform(handle, |session| session.configure(|config| config.host_rate = Some(rate)))
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn allears_set_prefix_rate(handle: *mut allears, packets_per_second: f64) -> c_int {
    perform(handle, |session| session.configure(|config| config.prefix_rate = limit(packets_per_second)))
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn allears_set_timeout_ns(handle: *mut allears, nanoseconds: u64) -> c_int {
    let timeout = match nanoseconds {
        0 => Timeout::Auto,
        _ => Timeout::Fixed(Duration::from_nanos(nanoseconds)),
    };
    perform(handle, |session| session.configure(|config| config.timeout = timeout))
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn allears_set_tries(handle: *mut allears, attempts: u32) -> c_int {
    perform(handle, |session| session.configure(|config| config.tries = attempts))
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn allears_set_ring(handle: *mut allears, targets: usize) -> c_int {
    perform(handle, |session| session.configure(|config| config.ring = targets))
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn allears_set_receive_buffer(handle: *mut allears, bytes: usize) -> c_int {
    perform(handle, |session| match bytes {
        1..=0x4000_0000 => {
            session.settings()?.options.rcvbuf = Some(bytes);
            Ok(())
        }
        _ => Err(Failure::argument("the receive buffer must be from 1 byte to 1 GiB")),
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn allears_set_bind(handle: *mut allears, address: *const c_char) -> c_int {
    perform(handle, |session| {
        // SAFETY: the caller upholds the header's rules.
        let address = unsafe { text(address, "address") }?;
        session.settings()?.options.bind = Some(addresses::bind_address(address)?);
        Ok(())
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn allears_set_any_source(handle: *mut allears, any: c_int) -> c_int {
    perform(handle, |session| {
        session.settings()?.any_source = match any {
            0 | 1 => any == 1,
            _ => return Err(Failure::argument("any_source must be 0 or 1")),
        };
        Ok(())
    })
}
