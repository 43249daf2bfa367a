//! The error queue of a socket: ICMP errors about packets that were not delivered.

use std::fmt;
use std::net::{IpAddr, SocketAddr};

use super::socket::BATCH;
use crate::engine::Unreachable;

/// Room for the payload that an error quotes: the maximum size of an ICMPv6 error (RFC 4443, 2.4). ICMP errors have at
/// most 576 bytes (RFC 1812, 4.3.2.3).
pub(super) const QUOTE: usize = 1_280;

/// An error about a packet sent earlier.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NetworkError<'a> {
    /// The destination of that packet.
    pub to: SocketAddr,
    /// The part of its payload that the error quotes: 0 to 1,280 bytes.
    pub payload: &'a [u8],
    /// Type and code of the ICMP message (for an IPv6 destination, of the ICMPv6 message); `None` if the error is from
    /// this machine.
    pub icmp: Option<(u8, u8)>,
    /// The sender of that message.
    pub by: Option<IpAddr>,
    /// The system's error number.
    pub errno: i32,
}

impl NetworkError<'_> {
    /// Returns the error if it means that the host cannot be reached: destination unreachable, or time exceeded in
    /// transit. `None` for any other error, such as a packet too large for the path.
    pub fn unreachable(&self) -> Option<Unreachable> {
        let icmp = self.icmp.filter(|&icmp| match (self.to, icmp) {
            (SocketAddr::V4(_), (3, code)) => code != 4,
            // Code 1 comes from the host itself, which waited for a fragment.
            (SocketAddr::V4(_), (kind, code)) => kind == 11 && code == 0,
            (SocketAddr::V6(_), (kind, code)) => kind == 1 || (kind == 3 && code == 0),
        })?;
        Some(Unreachable { icmp: Some(icmp), by: self.by, errno: self.errno })
    }
}

/// The buffer of [`Socket::recv_errors`](super::Socket::recv_errors): 40 KiB.
pub struct ErrorInbox {
    /// `BATCH` slots of `QUOTE` bytes.
    pub(super) slots: Vec<u8>,
    pub(super) entries: Vec<Entry>,
    #[cfg(target_os = "linux")]
    pub(super) headers: super::linux::Headers,
}

/// The error whose quoted payload is in the slot with the same index.
#[derive(Clone, Copy, Debug)]
pub(super) struct Entry {
    pub to: SocketAddr,
    pub len: usize,
    pub icmp: Option<(u8, u8)>,
    pub by: Option<IpAddr>,
    pub errno: i32,
}

impl Default for ErrorInbox {
    fn default() -> ErrorInbox {
        ErrorInbox::new()
    }
}

impl ErrorInbox {
    /// Creates an empty inbox.
    pub fn new() -> ErrorInbox {
        ErrorInbox {
            slots: vec![0; BATCH * QUOTE],
            entries: Vec::with_capacity(BATCH),
            #[cfg(target_os = "linux")]
            headers: super::linux::Headers::new(),
        }
    }

    /// Returns the errors of the last [`Socket::recv_errors`](super::Socket::recv_errors), in order of arrival.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = NetworkError<'_>> {
        self.entries.iter().zip(self.slots.chunks_exact(QUOTE)).map(|(entry, slot)| NetworkError {
            to: entry.to,
            payload: &slot[..entry.len],
            icmp: entry.icmp,
            by: entry.by,
            errno: entry.errno,
        })
    }
}

impl fmt::Debug for ErrorInbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ErrorInbox").field("errors", &self.entries.len()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_errors_about_the_host_make_it_unreachable() {
        let is_unreachable = |to: &str, icmp| {
            let to = to.parse().unwrap();
            NetworkError { to, payload: &[], icmp, by: None, errno: 1 }.unreachable().is_some()
        };
        for (kind, code, v4, v6) in [
            // IPv4: destination unreachable. IPv6: time exceeded, in transit or in reassembly.
            (3, 3, true, false),
            (3, 0, true, true),
            (3, 1, true, false),
            // IPv4: too large for the path.
            (3, 4, false, false),
            (11, 0, true, false),
            (11, 1, false, false),
            (1, 4, false, true),
            (2, 0, false, false),
            (12, 0, false, false),
        ] {
            assert_eq!(is_unreachable("127.0.0.1:1", Some((kind, code))), v4, "{kind}/{code}");
            assert_eq!(is_unreachable("[::1]:1", Some((kind, code))), v6, "{kind}/{code}");
        }
        assert!(!is_unreachable("127.0.0.1:1", None), "the error is from this machine");
    }
}
