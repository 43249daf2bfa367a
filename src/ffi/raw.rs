//! Raw payloads for C.

use std::ffi::{c_int, c_void};

use libc::{sockaddr, socklen_t};

use super::exported::Exported;
use super::failure::Failure;
use super::pointers::{self, items};
use super::{allears, open, perform};
use crate::protocol::raw::{MAX_PAYLOAD, Payload, Raw};

impl Exported for Raw {
    const WRONG_HANDLE: &'static str = "the handle was not opened by allears_open_raw";

    type State = ();
    /// The reply.
    type Content = Option<Box<[u8]>>;

    fn plain_question(&self, (): &()) -> Result<Payload, Failure> {
        Ok(Payload::default())
    }

    fn content(&self, reply: Option<Box<[u8]>>, _: Payload) -> Option<Box<[u8]>> {
        reply
    }

    fn reply(content: &Option<Box<[u8]>>) -> Option<&[u8]> {
        content.as_deref()
    }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn allears_open_raw(
    handle: *mut allears,
    payload: *const c_void,
    length: usize,
    token_offset: usize,
    token_length: usize,
) -> c_int {
    open(handle, |_| {
        // SAFETY: the caller upholds the header's rules.
        let payload = unsafe { items(payload.cast::<u8>(), length, MAX_PAYLOAD, "payload", "bytes") }?;
        let raw = Raw::new(payload.into()).map_err(Failure::argument)?;
        match token_length {
            0 => Ok(raw),
            _ => raw.with_token(token_offset, token_length).map_err(Failure::argument),
        }
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
        // SAFETY: the caller upholds the header's rules.
        let target = unsafe { pointers::target(target, length) }?;
        // SAFETY: as before.
        let payload =
            unsafe { items(payload.cast::<u8>(), payload_length, MAX_PAYLOAD, "payload", "bytes") }?;
        let raw = session.asking::<Raw>()?;
        let payload = raw.engine.protocol().payload(payload).map_err(Failure::argument)?;
        raw.ask(target, payload, tag)
    })
}
