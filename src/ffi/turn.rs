//! Exports the loop.

use std::ffi::c_int;
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::session::{Session, Waited};
use super::types::allears_code;
use super::{allears, count, enter, perform};

#[unsafe(no_mangle)]
pub unsafe extern "C" fn allears_fd(handle: *mut allears) -> c_int {
    count(handle, |session| session.fd().map(i64::from)) as c_int
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn allears_wait_ns(handle: *mut allears) -> i64 {
    count(handle, |session| {
        let wait = session.wait()?;
        // SAFETY: `count` checked the handle, and this field may be shared.
        if unsafe { (*handle).is_woken.load(Ordering::Acquire) } {
            // A turn may have consumed the wake-up of the file descriptor, but the program has not seen it yet.
            return Ok(0);
        }
        Ok(wait.map_or(i64::MAX, |wait| i64::try_from(wait.as_nanos()).unwrap_or(i64::MAX)))
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn allears_wait_ms(handle: *mut allears) -> c_int {
    const NANOS: i64 = 1_000_000;
    // SAFETY: the caller upholds the header's rules.
    match unsafe { allears_wait_ns(handle) } {
        i64::MAX => -1,
        // Also returned after an error: the next turn returns the error.
        ..=0 => 0,
        wait => c_int::try_from(wait.saturating_add(NANOS - 1) / NANOS).unwrap_or(c_int::MAX),
    }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn allears_turn(handle: *mut allears) -> c_int {
    perform(handle, |session| {
        // SAFETY: `perform` checked the handle, and this field may be shared.
        unsafe { (*handle).is_woken.store(false, Ordering::Release) };
        session.turn()
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn allears_run(handle: *mut allears, timeout_ns: i64) -> c_int {
    let timeout = u64::try_from(timeout_ns).ok().map(Duration::from_nanos);
    enter(handle, |session| {
        // SAFETY: `enter` checked the handle, and these fields may be shared.
        let (gate, is_woken) = unsafe { (&(*handle).gate, &(*handle).is_woken) };
        gate.sleep();
        Ok(match session.run(timeout, || is_woken.swap(false, Ordering::Acquire))? {
            Waited::Ready => allears_code::ALLEARS_OK,
            Waited::Interrupted => allears_code::ALLEARS_NONE,
        })
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn allears_wake(handle: *mut allears) -> c_int {
    // SAFETY: as in `enter`; only shared fields are used.
    let Some(handle) = (unsafe { handle.as_ref() }) else { return allears_code::ALLEARS_ERR_NULL as c_int };
    let code = match handle.waker.get() {
        _ if handle.is_forked() => allears_code::ALLEARS_ERR_FORKED,
        _ if handle.has_panicked.load(Ordering::Relaxed) => allears_code::ALLEARS_ERR_PANIC,
        None => allears_code::ALLEARS_ERR_STATE,
        Some(waker) => {
            handle.is_woken.store(true, Ordering::Release);
            waker.wake().map_or(allears_code::ALLEARS_ERR_SYSTEM, |()| allears_code::ALLEARS_OK)
        }
    };
    code as c_int
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn allears_pending(handle: *mut allears) -> i64 {
    count(handle, |session| session.pending().map(|open| open as i64))
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn allears_stop(handle: *mut allears) -> c_int {
    perform(handle, Session::stop)
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn allears_abort(handle: *mut allears) -> c_int {
    perform(handle, Session::abort)
}
