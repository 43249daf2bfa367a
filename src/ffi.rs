//! The C library. `include/allears.h` documents it.
//!
//! Every function enters through [`enter`], which checks the handle, admits one thread at a time, and turns panics and
//! failures into codes. Beyond it, everything except pointers is safe Rust:
//!
//! | | |
//! |---|---|
//! | `settings`, `ask`, `turn`, `results` | the functions that are the same for every protocol |
//! | `raw`, `games`, `snmp`, `dns` | the protocols: a file each, with its functions and structures |
//! | `exported` | the interface of a protocol to C, and how to add one |
//! | `session` | the content of a handle: settings, then sockets and an engine |
//! | `current` | the last result taken |
//! | `types`, `texts` | structures, codes and texts for C |
//! | `pointers`, `addresses` | arguments from C |
//! | `gate` | a lock for one handle |
//! | `failure` | errors |

#![allow(non_camel_case_types, reason = "the header has these names")]
#![allow(
    unsafe_code,
    clippy::missing_safety_doc,
    reason = "C calls these functions; the header has their rules"
)]

mod addresses;
mod ask;
mod current;
mod exported;
mod failure;
mod gate;
mod pointers;
mod results;
mod session;
mod settings;
mod texts;
mod turn;
mod types;

// The protocols available in C.
mod dns;
mod games;
mod raw;
mod snmp;

use std::cell::UnsafeCell;
use std::ffi::{c_char, c_int};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Once, OnceLock};

use exported::Exported;
use failure::Failure;
use gate::Gate;
use pointers::Out;
use session::{Session, Settings};
use types::{allears_code, words_of};

use crate::net::Waker;

/// A handle.
pub struct allears {
    session: UnsafeCell<Session>,
    /// The error message of the last call that failed, NUL-terminated. The program may hold a pointer to it.
    error: UnsafeCell<[u8; ERROR_SIZE]>,
    waker: OnceLock<Waker>,
    is_woken: AtomicBool,
    gate: Gate,
    has_panicked: AtomicBool,
    /// The value of [`FORKS`] in the process that created the handle.
    forks: u32,
}

/// The size of an error message, in bytes.
const ERROR_SIZE: usize = 256;

/// The number of forks between the first process and this one.
static FORKS: AtomicU32 = AtomicU32::new(0);

/// Counts a fork, in the child. It may only do what is allowed in a signal handler.
extern "C" fn count_fork() {
    FORKS.fetch_add(1, Ordering::Relaxed);
}

/// Runs `job` with exclusive access to a handle. A failure becomes a code, and the handle's last error.
fn enter(handle: *mut allears, job: impl FnOnce(&mut Session) -> Result<allears_code, Failure>) -> c_int {
    // SAFETY: it is NULL, or was created by `allears_new` and not freed (the header's rule).
    let Some(handle) = (unsafe { handle.as_ref() }) else { return allears_code::ALLEARS_ERR_NULL as c_int };
    handle.enter(job) as c_int
}

/// Like [`enter`], for functions that return a number.
fn count(handle: *mut allears, job: impl FnOnce(&mut Session) -> Result<i64, Failure>) -> i64 {
    let mut number = 0;
    let code = enter(handle, |session| {
        number = job(session)?;
        Ok(allears_code::ALLEARS_OK)
    });
    if code < 0 { code.into() } else { number }
}

/// Like [`enter`], for functions that return nothing.
fn perform(handle: *mut allears, job: impl FnOnce(&mut Session) -> Result<(), Failure>) -> c_int {
    enter(handle, |session| job(session).map(|()| allears_code::ALLEARS_OK))
}

/// Like [`enter`], for functions that write one structure, or return that there is none.
///
/// # Safety
/// `out` is NULL, or has `out_size` bytes.
unsafe fn give<T: Copy>(
    handle: *mut allears,
    out: *mut T,
    out_size: usize,
    job: impl FnOnce(&mut Session) -> Result<Option<T>, Failure>,
) -> c_int {
    // SAFETY: the caller upholds the rule above.
    unsafe { give_grown(handle, out, out_size, size_of::<T>(), job) }
}

/// Like [`give`], for structures that have grown: the first version had `least` bytes.
///
/// # Safety
/// `out` is NULL, or has `out_size` bytes.
unsafe fn give_grown<T: Copy>(
    handle: *mut allears,
    out: *mut T,
    out_size: usize,
    least: usize,
    job: impl FnOnce(&mut Session) -> Result<Option<T>, Failure>,
) -> c_int {
    enter(handle, |session| {
        let out = Out::sized(out, out_size, least, "out")?;
        let Some(value) = job(session)? else { return Ok(allears_code::ALLEARS_NONE) };
        // SAFETY: the caller upholds the rule above.
        unsafe { out.give(value) };
        Ok(allears_code::ALLEARS_OK)
    })
}

/// Like [`perform`], for functions that open a handle: `make` creates the protocol.
fn open<P: Exported>(handle: *mut allears, make: impl FnOnce(&Settings) -> Result<P, Failure>) -> c_int {
    perform(handle, |session| {
        let waker = session.open(make)?;
        // SAFETY: `perform` checked the handle, and this field may be shared.
        let _ = unsafe { (*handle).waker.set(waker) };
        Ok(())
    })
}

/// Turns panics and failures into codes, for functions without a handle.
fn guard(job: impl FnOnce() -> Result<allears_code, Failure>) -> c_int {
    let code = match catch_unwind(AssertUnwindSafe(job)) {
        Ok(Ok(code)) => code,
        Ok(Err(failure)) => failure.code(),
        Err(_) => allears_code::ALLEARS_ERR_PANIC,
    };
    code as c_int
}

impl allears {
    fn is_forked(&self) -> bool {
        self.forks != FORKS.load(Ordering::Relaxed)
    }

    fn enter(&self, job: impl FnOnce(&mut Session) -> Result<allears_code, Failure>) -> allears_code {
        if self.is_forked() {
            return allears_code::ALLEARS_ERR_FORKED;
        }
        if !self.gate.enter() {
            return allears_code::ALLEARS_ERR_BUSY;
        }
        if self.has_panicked.load(Ordering::Relaxed) {
            self.gate.leave();
            return allears_code::ALLEARS_ERR_PANIC;
        }
        // SAFETY: the gate admits one thread at a time.
        let session = unsafe { &mut *self.session.get() };
        let code = match catch_unwind(AssertUnwindSafe(|| job(session))) {
            Ok(Ok(code)) => code,
            Ok(Err(failure)) => {
                self.note(&failure.to_string());
                failure.code()
            }
            Err(_) => {
                self.has_panicked.store(true, Ordering::Relaxed);
                self.note("a bug in allears; the handle can only be freed");
                allears_code::ALLEARS_ERR_PANIC
            }
        };
        self.gate.leave();
        code
    }

    /// Stores an error message, truncated to the buffer. The caller must have entered the gate.
    fn note(&self, words: &str) {
        let end = (0..ERROR_SIZE.min(words.len() + 1)).rev().find(|&at| words.is_char_boundary(at));
        let words = &words[..end.unwrap_or(0)];
        // SAFETY: the gate admits one thread at a time; the program must not read it at the same time (the header's
        // rule).
        let error = unsafe { &mut *self.error.get() };
        error[..words.len()].copy_from_slice(words.as_bytes());
        error[words.len()] = 0;
    }
}

#[unsafe(no_mangle)]
pub extern "C" fn allears_abi_version() -> u32 {
    2
}

#[unsafe(no_mangle)]
pub extern "C" fn allears_version() -> *const c_char {
    const VERSION: &str = concat!(env!("CARGO_PKG_VERSION"), "\0");
    VERSION.as_ptr().cast()
}

#[unsafe(no_mangle)]
pub extern "C" fn allears_strerror(code: c_int) -> *const c_char {
    words_of(code).as_ptr()
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn allears_new(out: *mut *mut allears) -> c_int {
    static WATCH_FORKS: Once = Once::new();
    if out.is_null() {
        return allears_code::ALLEARS_ERR_NULL as c_int;
    }
    let made = catch_unwind(|| {
        // If this fails for lack of memory, forks are not detected.
        WATCH_FORKS.call_once(|| {
            // SAFETY: the function only increments an atomic.
            let _ = unsafe { libc::pthread_atfork(None, None, Some(count_fork)) };
        });
        Box::into_raw(Box::new(allears {
            session: UnsafeCell::default(),
            error: UnsafeCell::new([0; ERROR_SIZE]),
            waker: OnceLock::new(),
            is_woken: AtomicBool::new(false),
            gate: Gate::default(),
            has_panicked: AtomicBool::new(false),
            forks: FORKS.load(Ordering::Relaxed),
        }))
    });
    let Ok(made) = made else { return allears_code::ALLEARS_ERR_PANIC as c_int };
    // SAFETY: it is not NULL, and the caller gives a place for a pointer.
    unsafe { out.write(made) };
    allears_code::ALLEARS_OK as c_int
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn allears_free(handle: *mut *mut allears) -> c_int {
    if handle.is_null() {
        return allears_code::ALLEARS_ERR_NULL as c_int;
    }
    // SAFETY: the caller gives a place with a pointer, which is NULL or a handle.
    let Some(freed) = (unsafe { (*handle).as_ref() }) else { return allears_code::ALLEARS_OK as c_int };
    if !freed.is_forked() && !freed.gate.enter() {
        return allears_code::ALLEARS_ERR_BUSY as c_int;
    }
    let is_left_halfway = freed.is_forked() && freed.gate.is_entered();
    // SAFETY: as before.
    let freed = std::mem::replace(unsafe { &mut *handle }, ptr::null_mut());
    if is_left_halfway {
        // The thread that entered does not exist in this child, and may have left the handle inconsistent, so freeing
        // it is not safe.
        return allears_code::ALLEARS_OK as c_int;
    }
    // SAFETY: it was created by `Box::into_raw`, and no other thread has entered it or can enter.
    let dropped = unsafe { catch_unwind(AssertUnwindSafe(|| drop(Box::from_raw(freed)))) };
    dropped.map_or(allears_code::ALLEARS_ERR_PANIC, |()| allears_code::ALLEARS_OK) as c_int
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn allears_last_error(handle: *mut allears) -> *const c_char {
    // SAFETY: as in `enter`.
    let Some(handle) = (unsafe { handle.as_ref() }) else {
        return allears_strerror(allears_code::ALLEARS_ERR_NULL as c_int);
    };
    if handle.is_forked() {
        return allears_strerror(allears_code::ALLEARS_ERR_FORKED as c_int);
    }
    // The buffer lives as long as the handle; its content changes.
    handle.error.get().cast()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_does_not_unwind_into_c_and_the_handle_is_unusable_afterwards() {
        let mut handle = ptr::null_mut();
        // SAFETY: there is a place for the handle.
        assert_eq!(unsafe { allears_new(&raw mut handle) }, 0);
        let code = enter(handle, |_| panic!("this is a test of what happens after a bug"));
        assert_eq!(code, allears_code::ALLEARS_ERR_PANIC as c_int);
        assert_eq!(perform(handle, |_| Ok(())), code);
        assert_eq!(count(handle, |_| Ok(1)), i64::from(code));
        assert_eq!(guard(|| panic!("and another one")), code);
        // SAFETY: the handle was created, and is freed once.
        let text = unsafe { std::ffi::CStr::from_ptr(allears_last_error(handle)) };
        assert_eq!(text, words_of(code));
        // SAFETY: as before.
        assert_eq!(unsafe { allears_free(&raw mut handle) }, 0);
        assert!(handle.is_null());
    }

    #[test]
    fn every_code_has_its_own_text() {
        let words: std::collections::HashSet<_> = (-11..=1).map(words_of).collect();
        assert_eq!(words.len(), 13);
    }
}
