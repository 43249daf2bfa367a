//! What C gives us, and places where it wants something: the only pointers that are followed.

#![allow(unsafe_code)]

use std::ffi::{CStr, c_char, c_int, c_void};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6};
use std::ptr;

use libc::{sockaddr, sockaddr_in, sockaddr_in6, sockaddr_storage, socklen_t};
use socket2::SockAddr;

use super::failure::Failure;
use super::types::allears_code;
use crate::protocol::canonical;
use crate::protocol::raw::MAX_PAYLOAD;

/// A text of the caller's.
///
/// # Safety
/// `text` is NULL, or ends in a NUL and lives for `'a`.
pub unsafe fn text<'a>(text: *const c_char, name: &'static str) -> Result<&'a str, Failure> {
    if text.is_null() {
        return Err(Failure::Null(name));
    }
    // SAFETY: the caller's word.
    let text = unsafe { CStr::from_ptr(text) };
    text.to_str().map_err(|_| Failure::argument(format_args!("{name} is not UTF-8")))
}

/// A text that may be NULL.
///
/// # Safety
/// As [`text`].
pub unsafe fn optional_text<'a>(
    optional: *const c_char,
    name: &'static str,
) -> Result<Option<&'a str>, Failure> {
    // SAFETY: the caller's word.
    if optional.is_null() { Ok(None) } else { unsafe { text(optional, name) }.map(Some) }
}

/// Bytes of the caller's.
///
/// # Safety
/// `bytes` is NULL, or there are `length` of them, which live for `'a`.
pub unsafe fn bytes<'a>(
    bytes: *const c_void,
    length: usize,
    name: &'static str,
) -> Result<&'a [u8], Failure> {
    match (bytes.is_null(), length) {
        (_, 0) => Ok(&[]),
        (true, _) => Err(Failure::Null(name)),
        (false, 1..=MAX_PAYLOAD) => {
            // SAFETY: the caller's word.
            Ok(unsafe { std::slice::from_raw_parts(bytes.cast(), length) })
        }
        _ => Err(Failure::argument(format_args!("{length} bytes are more than a datagram holds"))),
    }
}

/// An address of the caller's. An IPv4 address in IPv6 notation is what it means.
///
/// # Safety
/// `address` is NULL, or has `length` bytes.
pub unsafe fn address(address: *const sockaddr, length: socklen_t) -> Result<SocketAddr, Failure> {
    if address.is_null() {
        return Err(Failure::Null("address"));
    }
    let length = length as usize;
    if length < size_of::<sockaddr_in>() {
        return Err(Failure::argument(format_args!("{length} bytes are no address")));
    }
    // SAFETY: every family has this field in the same place, and so many bytes are there.
    let family = c_int::from(unsafe { (&raw const (*address).sa_family).read_unaligned() });
    let address: SocketAddr = match family {
        libc::AF_INET => {
            // SAFETY: the length is right for it, and any bytes are valid.
            let v4 = unsafe { address.cast::<sockaddr_in>().read_unaligned() };
            (Ipv4Addr::from(u32::from_be(v4.sin_addr.s_addr)), u16::from_be(v4.sin_port)).into()
        }
        libc::AF_INET6 if length >= size_of::<sockaddr_in6>() => {
            // SAFETY: as before.
            let v6 = unsafe { address.cast::<sockaddr_in6>().read_unaligned() };
            let (ip, port) = (Ipv6Addr::from(v6.sin6_addr.s6_addr), u16::from_be(v6.sin6_port));
            canonical(SocketAddrV6::new(ip, port, v6.sin6_flowinfo, v6.sin6_scope_id).into())
        }
        _ => return Err(Failure::argument("this is no address of IPv4 or IPv6")),
    };
    Ok(address)
}

/// An address to ask.
///
/// # Safety
/// As [`address`].
pub unsafe fn target(target: *const sockaddr, length: socklen_t) -> Result<SocketAddr, Failure> {
    // SAFETY: the caller's word.
    let target = unsafe { address(target, length) }?;
    if target.port() == 0 {
        return Err(Failure::argument("the address has no port"));
    }
    Ok(target)
}

/// Where an output goes, which was found to be there.
pub struct Out<T> {
    to: *mut T,
    size: usize,
}

impl<T: Copy> Out<T> {
    pub fn new(to: *mut T, name: &'static str) -> Result<Out<T>, Failure> {
        Out::sized(to, size_of::<T>(), size_of::<T>(), name)
    }

    /// Of a structure that may grow: the caller's has `size` bytes, its first version had `least`.
    pub fn sized(to: *mut T, size: usize, least: usize, name: &'static str) -> Result<Out<T>, Failure> {
        match () {
            () if to.is_null() => Err(Failure::Null(name)),
            () if size < least => Err(Failure::Size { given: size, least }),
            () => Ok(Out { to, size }),
        }
    }

    /// Writes as much as the caller knows; what only the caller knows is zero.
    ///
    /// # Safety
    /// There are `size` bytes.
    pub unsafe fn give(&self, value: T) {
        let (known, to) = (self.size.min(size_of::<T>()), self.to.cast::<u8>());
        // SAFETY: the caller's word; `value` has at least as many bytes.
        unsafe {
            ptr::copy_nonoverlapping((&raw const value).cast::<u8>(), to, known);
            ptr::write_bytes(to.add(known), 0, self.size - known);
        }
    }
}

/// Writes a number where one is wanted.
///
/// # Safety
/// `to` is NULL, or has room for it.
pub unsafe fn give_if_wanted(to: *mut u32, number: u32) {
    if !to.is_null() {
        // SAFETY: the caller's word.
        unsafe { to.write(number) };
    }
}

/// Writes an address.
///
/// # Safety
/// There is room for both.
pub unsafe fn give_address(address: SocketAddr, out: &Out<sockaddr_storage>, out_length: &Out<socklen_t>) {
    let address = SockAddr::from(address);
    // SAFETY: `as_ptr` leads to a whole `sockaddr_storage`; for the rest, the caller's word.
    unsafe {
        out.give(address.as_ptr().cast::<sockaddr_storage>().read());
        out_length.give(address.len());
    }
}

/// Writes a text with its NUL.
///
/// # Safety
/// `out` is NULL, or has `out_size` bytes.
pub unsafe fn give_text(text: &CStr, out: *mut c_char, out_size: usize) -> Result<allears_code, Failure> {
    let text = text.to_bytes_with_nul();
    if out.is_null() {
        return Err(Failure::Null("out"));
    }
    if text.len() > out_size {
        return Err(Failure::argument(format_args!("the text takes {} bytes", text.len())));
    }
    // SAFETY: there is room for it.
    unsafe { ptr::copy_nonoverlapping(text.as_ptr(), out.cast(), text.len()) };
    Ok(allears_code::ALLEARS_OK)
}

/// An array of texts.
///
/// # Safety
/// `names` is NULL, or there are `count` of them, each NULL or a text that lives for `'a`.
pub unsafe fn names<'a>(names: *const *const c_char, count: usize) -> Result<Vec<&'a str>, Failure> {
    const MOST: usize = 100_000;
    if names.is_null() {
        return Err(Failure::Null("names"));
    }
    if !(1..=MOST).contains(&count) {
        return Err(Failure::argument(format_args!("from 1 to {MOST} names can be asked for")));
    }
    // SAFETY: the caller's word.
    let names = unsafe { std::slice::from_raw_parts(names, count) };
    // SAFETY: as before.
    names.iter().map(|&name| unsafe { text(name, "a name") }).collect()
}
