//! The C library: the border that pointers and panics do not cross. `include/allears.h` has the documentation.
//!
//! Every function enters through [`enter`], which checks the handle, keeps other threads out, and turns panics and
//! failures into numbers. What they do is safe Rust behind it:
//!
//! | | |
//! |---|---|
//! | `settings`, `ask`, `turn`, `results` | the functions, a file for each chapter of the header |
//! | `session` | what a handle is: settings, then sockets and an engine |
//! | `tagged` | any protocol, with the caller's number in each conversation |
//! | `pointers` | what C gives us: texts, bytes, addresses, and places for outputs |
//! | `questions` | what is in its texts: addresses, users, requests |
//! | `fields` | what C is given: structures that lead into the current result |
//! | `current` | the result that was taken last, and all that its pointers lead to |
//! | `gate` | who may enter a handle |
//! | `failure` | why a call failed |

#![allow(non_camel_case_types, reason = "these are the names of the header")]
#![allow(unsafe_code, clippy::missing_safety_doc, reason = "C calls it; the header has the rules")]

mod ask;
mod current;
mod failure;
mod fields;
mod gate;
mod pointers;
mod questions;
mod results;
mod session;
mod settings;
mod turn;
mod types;

use std::cell::UnsafeCell;
use std::ffi::{c_char, c_int};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Once, OnceLock};

use crate::net::Waker;
use failure::Failure;
use gate::Gate;
use pointers::Out;
use session::Session;
pub use types::*;

/// What C programs hold.
pub struct allears {
    session: UnsafeCell<Session>,
    /// What the last call that failed says, with a NUL behind it. Its place stays the same.
    error: UnsafeCell<[u8; ERROR_SIZE]>,
    waker: OnceLock<Waker>,
    is_woken: AtomicBool,
    gate: Gate,
    has_panicked: AtomicBool,
    /// How many forks there were between the first process and this one when it was made.
    forks: u32,
}

/// Bytes of an error's text.
const ERROR_SIZE: usize = 256;

static FORKS: AtomicU32 = AtomicU32::new(0);

/// Counts forks, in the child. That is all that may be done there.
extern "C" fn count_fork() {
    FORKS.fetch_add(1, Ordering::Relaxed);
}

/// Does `job` for a handle, alone with it. Its failures become numbers, and the handle's last error.
fn enter(handle: *mut allears, job: impl FnOnce(&mut Session) -> Result<allears_code, Failure>) -> c_int {
    // SAFETY: it is NULL, or what `allears_new` made and `allears_free` has not freed (the header says so).
    let Some(handle) = (unsafe { handle.as_ref() }) else { return allears_code::ALLEARS_ERR_NULL as c_int };
    handle.enter(job) as c_int
}

/// As [`enter`], for functions that return a number.
fn count(handle: *mut allears, job: impl FnOnce(&mut Session) -> Result<i64, Failure>) -> i64 {
    let mut number = 0;
    let code = enter(handle, |session| {
        number = job(session)?;
        Ok(allears_code::ALLEARS_OK)
    });
    if code < 0 { code.into() } else { number }
}

/// As [`enter`], for functions that have nothing to return.
fn perform(handle: *mut allears, job: impl FnOnce(&mut Session) -> Result<(), Failure>) -> c_int {
    enter(handle, |session| job(session).map(|()| allears_code::ALLEARS_OK))
}

/// As [`enter`], for functions that give out one structure, or say that there is none.
///
/// # Safety
/// `out` is NULL, or has `out_size` bytes.
unsafe fn give<T: Copy>(
    handle: *mut allears,
    out: *mut T,
    out_size: usize,
    job: impl FnOnce(&mut Session) -> Result<Option<T>, Failure>,
) -> c_int {
    enter(handle, |session| {
        // All structures are as they were in their first version.
        let out = Out::sized(out, out_size, size_of::<T>(), "out")?;
        let Some(value) = job(session)? else { return Ok(allears_code::ALLEARS_NONE) };
        // SAFETY: the caller's word.
        unsafe { out.give(value) };
        Ok(allears_code::ALLEARS_OK)
    })
}

/// For functions without a handle.
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
        // SAFETY: whoever has entered is alone with it, until it leaves.
        let session = unsafe { &mut *self.session.get() };
        let code = match catch_unwind(AssertUnwindSafe(|| job(session))) {
            Ok(Ok(code)) => code,
            Ok(Err(failure)) => {
                self.note(&failure.to_string());
                failure.code()
            }
            Err(_) => {
                self.has_panicked.store(true, Ordering::Relaxed);
                self.note("a bug of allears; the handle can only be freed");
                allears_code::ALLEARS_ERR_PANIC
            }
        };
        self.gate.leave();
        code
    }

    /// Keeps the words of an error, as far as there is room for them. Only from within.
    fn note(&self, words: &str) {
        let end = (0..ERROR_SIZE.min(words.len() + 1)).rev().find(|&at| words.is_char_boundary(at));
        let words = &words[..end.unwrap_or(0)];
        // SAFETY: whoever has entered is alone with it, but for C programs that read the text, as the header says.
        let error = unsafe { &mut *self.error.get() };
        error[..words.len()].copy_from_slice(words.as_bytes());
        error[words.len()] = 0;
    }
}

#[unsafe(no_mangle)]
pub extern "C" fn allears_abi_version() -> u32 {
    1
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
        // Without memory for it, forks go unnoticed.
        WATCH_FORKS.call_once(|| {
            // SAFETY: the function does nothing but add one.
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
    // SAFETY: it is not NULL, and by the caller's word a pointer's place.
    unsafe { out.write(made) };
    allears_code::ALLEARS_OK as c_int
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn allears_free(handle: *mut *mut allears) -> c_int {
    if handle.is_null() {
        return allears_code::ALLEARS_ERR_NULL as c_int;
    }
    // SAFETY: by the caller's word there is a pointer, which is NULL or a handle.
    let Some(freed) = (unsafe { (*handle).as_ref() }) else { return allears_code::ALLEARS_OK as c_int };
    if !freed.is_forked() && !freed.gate.enter() {
        return allears_code::ALLEARS_ERR_BUSY as c_int;
    }
    let is_left_halfway = freed.is_forked() && freed.gate.is_entered();
    // SAFETY: there is a place for a pointer.
    let freed = std::mem::replace(unsafe { &mut *handle }, ptr::null_mut());
    if is_left_halfway {
        // The thread that was within it does not exist in this child, and has left it as it was: nobody can free that.
        return allears_code::ALLEARS_OK as c_int;
    }
    // SAFETY: it was made by `Box::into_raw`, nobody else is within it, and its place is NULL.
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
    // The place is for as long as the handle; what stands there changes.
    handle.error.get().cast()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_stays_on_this_side_and_the_handle_is_of_no_more_use() {
        let mut handle = ptr::null_mut();
        // SAFETY: there is a place for the handle.
        assert_eq!(unsafe { allears_new(&raw mut handle) }, 0);
        let code = enter(handle, |_| panic!("this is a test of what happens after a bug"));
        assert_eq!(code, allears_code::ALLEARS_ERR_PANIC as c_int);
        assert_eq!(perform(handle, |_| Ok(())), code);
        assert_eq!(count(handle, |_| Ok(1)), i64::from(code));
        assert_eq!(guard(|| panic!("and another one")), code);
        // SAFETY: the handle was made, and is freed once.
        let text = unsafe { std::ffi::CStr::from_ptr(allears_last_error(handle)) };
        assert_eq!(text, words_of(code));
        // SAFETY: as before.
        assert_eq!(unsafe { allears_free(&raw mut handle) }, 0);
        assert!(handle.is_null());
    }

    #[test]
    fn every_code_has_words_of_its_own() {
        let words: std::collections::HashSet<_> = (-11..=1).map(words_of).collect();
        assert_eq!(words.len(), 13);
    }
}
