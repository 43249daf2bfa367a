//! Reads memory through the program's pointers, and writes outputs.

#![allow(unsafe_code)]

use std::ffi::{CStr, c_char, c_int};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6};
use std::ptr;

use libc::{sockaddr, sockaddr_in, sockaddr_in6, sockaddr_storage, socklen_t};
use socket2::SockAddr;

use super::failure::Failure;
use super::types::allears_code;
use crate::protocol::canonical;

/// Reads a text.
///
/// # Safety
/// `text` is NULL, or ends in a NUL and lives for `'a`.
pub unsafe fn text<'a>(text: *const c_char, name: &'static str) -> Result<&'a str, Failure> {
    if text.is_null() {
        return Err(Failure::Null(name));
    }
    // SAFETY: the caller upholds the rules above.
    let text = unsafe { CStr::from_ptr(text) };
    text.to_str().map_err(|_| Failure::argument(format_args!("{name} is not UTF-8")))
}

/// Reads a text that may be NULL.
///
/// # Safety
/// As [`text`].
pub unsafe fn optional_text<'a>(
    optional: *const c_char,
    name: &'static str,
) -> Result<Option<&'a str>, Failure> {
    // SAFETY: the caller upholds the rules above.
    if optional.is_null() { Ok(None) } else { unsafe { text(optional, name) }.map(Some) }
}

/// Reads at most `max` items of type `T`, for which any bytes are valid; `unit` is their name.
///
/// # Safety
/// `items` is NULL, or points to `count` items that are valid for `'a`.
pub unsafe fn items<'a, T: Copy>(
    items: *const T,
    count: usize,
    max: usize,
    name: &'static str,
    unit: &'static str,
) -> Result<&'a [T], Failure> {
    match (items.is_null(), count) {
        (_, 0) => Ok(&[]),
        (true, _) => Err(Failure::Null(name)),
        _ if count > max => {
            Err(Failure::argument(format_args!("{name} has {count} {unit}; at most {max} are allowed")))
        }
        _ => {
            // SAFETY: the caller upholds the rules above.
            Ok(unsafe { std::slice::from_raw_parts(items, count) })
        }
    }
}

/// Reads an address. An IPv4-mapped IPv6 address (`::ffff:192.0.2.1`) becomes the IPv4 address.
///
/// # Safety
/// `address` is NULL, or has `length` bytes.
pub unsafe fn address(address: *const sockaddr, length: socklen_t) -> Result<SocketAddr, Failure> {
    if address.is_null() {
        return Err(Failure::Null("address"));
    }
    let length = length as usize;
    if length < size_of::<sockaddr_in>() {
        return Err(Failure::argument(format_args!("an address has more than {length} bytes")));
    }
    // SAFETY: this field has the same offset in every family, and there are enough bytes.
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
        _ => return Err(Failure::argument("the address is neither IPv4 nor IPv6")),
    };
    Ok(address)
}

/// Reads the address of a target, which must have a port.
///
/// # Safety
/// As [`address`].
pub unsafe fn target(target: *const sockaddr, length: socklen_t) -> Result<SocketAddr, Failure> {
    // SAFETY: the caller upholds the rules above.
    let target = unsafe { address(target, length) }?;
    if target.port() == 0 {
        return Err(Failure::argument("the address has no port"));
    }
    Ok(target)
}

/// The destination of an output, which is not NULL.
pub struct Out<T> {
    to: *mut T,
    size: usize,
}

impl<T: Copy> Out<T> {
    pub fn new(to: *mut T, name: &'static str) -> Result<Out<T>, Failure> {
        Out::sized(to, size_of::<T>(), size_of::<T>(), name)
    }

    /// Creates the destination of a structure that may grow: the caller's has `size` bytes, its first version had
    /// `least`.
    pub fn sized(to: *mut T, size: usize, least: usize, name: &'static str) -> Result<Out<T>, Failure> {
        match () {
            () if to.is_null() => Err(Failure::Null(name)),
            () if size < least => Err(Failure::Size { given: size, least }),
            () => Ok(Out { to, size }),
        }
    }

    /// Writes the fields that the caller knows, and sets those unknown to this library to zero.
    ///
    /// # Safety
    /// There are `size` bytes.
    pub unsafe fn give(&self, value: T) {
        let (known, to) = (self.size.min(size_of::<T>()), self.to.cast::<u8>());
        // SAFETY: the caller upholds the rules above; `value` has at least as many bytes.
        unsafe {
            ptr::copy_nonoverlapping((&raw const value).cast::<u8>(), to, known);
            ptr::write_bytes(to.add(known), 0, self.size - known);
        }
    }
}

/// Writes a number, unless `to` is NULL.
///
/// # Safety
/// `to` is NULL, or has room for it.
pub unsafe fn give_if_wanted(to: *mut u32, number: u32) {
    if !to.is_null() {
        // SAFETY: the caller upholds the rules above.
        unsafe { to.write(number) };
    }
}

/// Writes an address.
///
/// # Safety
/// There is room for both.
pub unsafe fn give_address(address: SocketAddr, out: &Out<sockaddr_storage>, out_length: &Out<socklen_t>) {
    let address = SockAddr::from(address);
    // SAFETY: `as_ptr` points to a whole `sockaddr_storage`; otherwise, the caller upholds the rules above.
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
        return Err(Failure::argument(format_args!("out_size must be at least {}", text.len())));
    }
    // SAFETY: there is room for it.
    unsafe { ptr::copy_nonoverlapping(text.as_ptr(), out.cast(), text.len()) };
    Ok(allears_code::ALLEARS_OK)
}

/// Reads an array of 1 to 100,000 texts.
///
/// # Safety
/// `texts` is NULL, or there are `count` of them, each NULL or a text that lives for `'a`.
pub unsafe fn texts<'a>(
    texts: *const *const c_char,
    count: usize,
    name: &'static str,
) -> Result<Vec<&'a str>, Failure> {
    const MAX: usize = 100_000;
    if texts.is_null() {
        return Err(Failure::Null(name));
    }
    if !(1..=MAX).contains(&count) {
        return Err(Failure::argument(format_args!("count must be from 1 to {MAX}")));
    }
    // SAFETY: the caller upholds the rules above.
    let texts = unsafe { std::slice::from_raw_parts(texts, count) };
    // SAFETY: as before.
    texts.iter().map(|&each| unsafe { text(each, name) }).collect()
}
