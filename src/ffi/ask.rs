//! Asking, and what SNMP agents are asked.

use std::ffi::{c_char, c_int, c_void};

use libc::{sockaddr, sockaddr_storage, socklen_t};

use super::failure::Failure;
use super::pointers::{self, Out, address, bytes, optional_text, text};
use super::types::allears_code;
use super::{allears, count, current, guard, perform, questions};
use crate::protocol::snmp::{Credentials, Version};

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
    // SAFETY: the header has the rules.
    perform(handle, |session| session.ask(unsafe { pointers::target(target, length) }?, tag))
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn allears_ask_text(handle: *mut allears, target: *const c_char, tag: u64) -> c_int {
    perform(handle, |session| {
        let port = session.default_port()?;
        // SAFETY: the header has the rules.
        let target = questions::address(unsafe { text(target, "address") }?, port)?;
        session.ask(target, tag)
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn allears_ask_payload(
    handle: *mut allears,
    target: *const sockaddr,
    length: socklen_t,
    payload: *const c_void,
    payload_length: usize,
    tag: u64,
) -> c_int {
    perform(handle, |session| {
        // SAFETY: the header has the rules.
        let target = unsafe { pointers::target(target, length) }?;
        // SAFETY: as before.
        let payload = unsafe { bytes(payload, payload_length, "payload") }?;
        session.ask_payload(target, payload, tag)
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn allears_ask_master(
    handle: *mut allears,
    target: *const sockaddr,
    length: socklen_t,
    tag: u64,
) -> c_int {
    // SAFETY: the header has the rules.
    perform(handle, |session| session.ask_master(unsafe { pointers::target(target, length) }?, tag))
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn allears_ask_snmp(
    handle: *mut allears,
    target: *const sockaddr,
    length: socklen_t,
    credentials: u32,
    request: u32,
    tag: u64,
) -> c_int {
    perform(handle, |session| {
        // SAFETY: the header has the rules.
        let target = unsafe { pointers::target(target, length) }?;
        session.ask_snmp(target, credentials, request, tag)
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
        // SAFETY: the header has the rules.
        let address = questions::address(unsafe { text(from, "text") }?, default_port)?;
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
        // SAFETY: the header has the rules.
        let text = current::c_text(unsafe { address(from, length) }?.to_string().as_bytes());
        // SAFETY: as before.
        unsafe { pointers::give_text(&text, out, out_size) }
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn allears_snmp_community(
    handle: *mut allears,
    version: c_int,
    community: *const c_char,
    credentials: *mut u32,
) -> c_int {
    perform(handle, |session| {
        let version = match version {
            1 => Version::V1,
            2 => Version::V2c,
            _ => return Err(Failure::argument("the version of a community is 1 or 2")),
        };
        // SAFETY: the header has the rules.
        let community = unsafe { text(community, "community") }?;
        let number = session.add_credentials(Credentials::community(version, community.as_bytes()))?;
        // SAFETY: as before.
        unsafe { pointers::give_if_wanted(credentials, number) };
        Ok(())
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn allears_snmp_user(
    handle: *mut allears,
    name: *const c_char,
    auth: *const c_char,
    auth_password: *const c_char,
    privacy: *const c_char,
    priv_password: *const c_char,
    context: *const c_char,
    credentials: *mut u32,
) -> c_int {
    perform(handle, |session| {
        // SAFETY: the header has the rules, for all of these.
        let user = unsafe {
            questions::User {
                name: text(name, "name")?,
                auth: optional_text(auth, "auth")?,
                auth_password: optional_text(auth_password, "auth_password")?,
                privacy: optional_text(privacy, "privacy")?,
                priv_password: optional_text(priv_password, "priv_password")?,
                context: optional_text(context, "context")?,
            }
        };
        session.speaks_snmp()?;
        let number = session.add_credentials(user.credentials()?)?;
        // SAFETY: as before.
        unsafe { pointers::give_if_wanted(credentials, number) };
        Ok(())
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn allears_snmp_remove_request(handle: *mut allears, request: u32) -> c_int {
    perform(handle, |session| session.remove_request(request))
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn allears_snmp_request(
    handle: *mut allears,
    operation: c_int,
    names: *const *const c_char,
    count: usize,
    repetitions: u32,
    limit: u32,
    request: *mut u32,
) -> c_int {
    perform(handle, |session| {
        // SAFETY: the header has the rules.
        let names = unsafe { pointers::names(names, count) }?;
        let asked = questions::request(operation, &names, repetitions, limit)?;
        let number = session.add_request(asked)?;
        // SAFETY: as before.
        unsafe { pointers::give_if_wanted(request, number) };
        Ok(())
    })
}
