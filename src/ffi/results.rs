//! Results, what is in them, and the ledger.

use std::ffi::{c_char, c_int};

use libc::{sockaddr_storage, socklen_t};

use super::pointers::{self, Out, text};
use super::types::{
    allears_answer, allears_code, allears_ledger, allears_list, allears_player, allears_result,
    allears_status, allears_varbind,
};
use super::{allears, enter, fields, give};

#[unsafe(no_mangle)]
pub unsafe extern "C" fn allears_next(
    handle: *mut allears,
    out: *mut allears_result,
    out_size: usize,
) -> c_int {
    // SAFETY: the header has the rules.
    unsafe { give(handle, out, out_size, |session| Ok(session.next()?.map(fields::result))) }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn allears_next_server(
    handle: *mut allears,
    out: *mut sockaddr_storage,
    out_length: *mut socklen_t,
) -> c_int {
    enter(handle, |session| {
        let (out, out_length) = (Out::new(out, "out")?, Out::new(out_length, "out_length")?);
        let Some(server) = session.next_server()? else { return Ok(allears_code::ALLEARS_NONE) };
        // SAFETY: the header has the rules.
        unsafe { pointers::give_address(server, &out, &out_length) };
        Ok(allears_code::ALLEARS_OK)
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn allears_get_status(
    handle: *mut allears,
    out: *mut allears_status,
    out_size: usize,
) -> c_int {
    // SAFETY: the header has the rules.
    unsafe { give(handle, out, out_size, |session| fields::status(session.current()?).map(Some)) }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn allears_get_player(
    handle: *mut allears,
    index: usize,
    out: *mut allears_player,
    out_size: usize,
) -> c_int {
    // SAFETY: the header has the rules.
    unsafe { give(handle, out, out_size, |session| fields::player(session.current()?, index)) }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn allears_get_rule(
    handle: *mut allears,
    key: *const c_char,
    value: *mut *const c_char,
) -> c_int {
    enter(handle, |session| {
        // SAFETY: the header has the rules.
        let key = unsafe { text(key, "key") }?;
        let value = Out::new(value, "value")?;
        let (_, texts) = session.current()?.status()?;
        let Some(found) = texts.rule(key) else { return Ok(allears_code::ALLEARS_NONE) };
        // SAFETY: as before.
        unsafe { value.give(found.as_ptr()) };
        Ok(allears_code::ALLEARS_OK)
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn allears_get_rule_at(
    handle: *mut allears,
    index: usize,
    key: *mut *const c_char,
    value: *mut *const c_char,
) -> c_int {
    enter(handle, |session| {
        let (key, value) = (Out::new(key, "key")?, Out::new(value, "value")?);
        let (_, texts) = session.current()?.status()?;
        let Some((name, found)) = texts.rules.get(index) else { return Ok(allears_code::ALLEARS_NONE) };
        // SAFETY: the header has the rules.
        unsafe { (key.give(name.as_ptr()), value.give(found.as_ptr())) };
        Ok(allears_code::ALLEARS_OK)
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn allears_get_list(
    handle: *mut allears,
    out: *mut allears_list,
    out_size: usize,
) -> c_int {
    // SAFETY: the header has the rules.
    unsafe { give(handle, out, out_size, |session| fields::list(session.current()?).map(Some)) }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn allears_get_answer(
    handle: *mut allears,
    out: *mut allears_answer,
    out_size: usize,
) -> c_int {
    // SAFETY: the header has the rules.
    unsafe { give(handle, out, out_size, |session| fields::answer(session.current()?).map(Some)) }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn allears_next_varbind(
    handle: *mut allears,
    out: *mut allears_varbind,
    out_size: usize,
) -> c_int {
    // SAFETY: the header has the rules.
    unsafe { give(handle, out, out_size, |session| fields::varbind(session.current()?)) }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn allears_get_refused(
    handle: *mut allears,
    index: usize,
    oid: *mut *const c_char,
    error: *mut *const c_char,
) -> c_int {
    enter(handle, |session| {
        let (oid, error) = (Out::new(oid, "oid")?, Out::new(error, "error")?);
        let Some((name, status)) = fields::refused(session.current()?, index)? else {
            return Ok(allears_code::ALLEARS_NONE);
        };
        // SAFETY: the header has the rules.
        unsafe { (oid.give(name), error.give(status)) };
        Ok(allears_code::ALLEARS_OK)
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn allears_get_ledger(
    handle: *mut allears,
    out: *mut allears_ledger,
    out_size: usize,
) -> c_int {
    // SAFETY: the header has the rules.
    unsafe {
        give(handle, out, out_size, |session| {
            let (ledger, drops, buffer) = session.ledger()?;
            Ok(Some(fields::ledger(ledger, drops, buffer)))
        })
    }
}
