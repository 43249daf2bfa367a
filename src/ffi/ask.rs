//! Exports the functions that add targets, and those for addresses.

use std::ffi::{c_char, c_int};

use libc::{sockaddr, sockaddr_storage, socklen_t};

use super::pointers::{self, Out, text};
use super::texts::c_text;
use super::types::allears_code;
use super::{addresses, allears, count, guard, perform};

#[unsafe(no_mangle)]
pub unsafe extern "C" fn allears_room(handle: *mut allears) -> i64 {
    count(handle, |session| session.room().map(|room| room as i64))
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn allears_ask(
    handle: *mut allears,
    target: *const sockaddr,
    length: socklen_t,
    tag: u64,
) -> c_int {
    // SAFETY: the caller upholds the header's rules.
    perform(handle, |session| session.ask(unsafe { pointers::target(target, length) }?, tag))
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn allears_ask_text(handle: *mut allears, target: *const c_char, tag: u64) -> c_int {
    perform(handle, |session| {
        let port = session.default_port()?;
        // SAFETY: the caller upholds the header's rules.
        let target = addresses::address(unsafe { text(target, "address") }?, port)?;
        session.ask(target, tag)
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn allears_parse_address(
    from: *const c_char,
    default_port: u16,
    out: *mut sockaddr_storage,
    out_length: *mut socklen_t,
) -> c_int {
    guard(|| {
        let (out, out_length) = (Out::new(out, "out")?, Out::new(out_length, "out_length")?);
        // SAFETY: the caller upholds the header's rules.
        let address = addresses::address(unsafe { text(from, "text") }?, default_port)?;
        // SAFETY: as before.
        unsafe { pointers::give_address(address, &out, &out_length) };
        Ok(allears_code::ALLEARS_OK)
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn allears_format_address(
    from: *const sockaddr,
    length: socklen_t,
    out: *mut c_char,
    out_size: usize,
) -> c_int {
    guard(|| {
        // SAFETY: the caller upholds the header's rules.
        let text = c_text(unsafe { pointers::address(from, length) }?.to_string().as_bytes());
        // SAFETY: as before.
        unsafe { pointers::give_text(&text, out, out_size) }
    })
}
