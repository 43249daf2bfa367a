//! Texts and bytes for C.

#![deny(unsafe_code)]

use std::ffi::CString;

/// Returns bytes as a C string. NUL bytes among them are left out.
pub fn c_text(bytes: &[u8]) -> CString {
    let bytes: Vec<u8> = bytes.iter().copied().filter(|&byte| byte != 0).collect();
    // No NUL is left, so this cannot fail.
    CString::new(bytes).unwrap_or_default()
}

/// Returns a pointer to the first byte, which is valid even if there are none.
pub fn start_of(bytes: &[u8]) -> *const u8 {
    if bytes.is_empty() { c"".as_ptr().cast() } else { bytes.as_ptr() }
}
