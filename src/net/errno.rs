//! Classifies the system's errors in sending and receiving.

use std::io;

#[cfg(unix)]
mod numbers {
    pub use libc::{
        EAFNOSUPPORT as NO_SUCH_FAMILY, EINVAL as INVALID, EMSGSIZE as TOO_LARGE, ENOBUFS as NO_BUFFERS,
    };
}
#[cfg(not(unix))]
mod numbers {
    pub const INVALID: i32 = 10_022; // WSAEINVAL
    pub const TOO_LARGE: i32 = 10_040; // WSAEMSGSIZE
    pub const NO_SUCH_FAMILY: i32 = 10_047; // WSAEAFNOSUPPORT
    pub const NO_BUFFERS: i32 = 10_055; // WSAENOBUFS
}
pub(super) use numbers::NO_SUCH_FAMILY;

/// The errors that Linux maps ICMP and ICMPv6 messages to (`icmp_err_convert` in net/ipv4/icmp.c, `icmpv6_err_convert`
/// in net/ipv6/icmp.c), without those that are an [`io::ErrorKind`] of their own.
#[cfg(target_os = "linux")]
const ICMP_ERRNOS: &[i32] = &[
    libc::EACCES,
    libc::EHOSTDOWN,
    libc::EMSGSIZE,
    libc::ENONET,
    libc::ENOPROTOOPT,
    libc::EOPNOTSUPP,
    libc::EPROTO,
];
#[cfg(not(target_os = "linux"))]
const ICMP_ERRNOS: &[i32] = &[];

/// Returns whether a packet was larger than the MTU of an interface or a path.
pub(super) fn is_too_large(errno: i32) -> bool {
    errno == numbers::TOO_LARGE
}

/// Returns whether a TCP connection is being opened, so that connecting was successful so far.
pub(super) fn is_in_progress(error: &io::Error) -> bool {
    #[cfg(unix)]
    let is_pending = error.raw_os_error() == Some(libc::EINPROGRESS);
    #[cfg(not(unix))]
    let is_pending = false;
    is_pending || error.kind() == io::ErrorKind::WouldBlock
}

/// Returns whether the error of a receive call may be about a packet sent earlier rather than about the socket.
pub(super) fn is_leftover(error: &io::Error) -> bool {
    use io::ErrorKind::{
        ConnectionRefused, ConnectionReset, HostUnreachable, Interrupted, NetworkUnreachable,
    };
    matches!(
        error.kind(),
        ConnectionRefused | ConnectionReset | HostUnreachable | NetworkUnreachable | Interrupted
    ) || error.raw_os_error().is_some_and(|errno| ICMP_ERRNOS.contains(&errno))
}

/// Returns whether a system call may be missing, or forbidden by a sandbox (`ENOSYS`, `EPERM`).
pub(super) fn is_missing_or_forbidden(error: &io::Error) -> bool {
    // `EPERM` and `EACCES` are one kind.
    #[cfg(unix)]
    return matches!(error.raw_os_error(), Some(libc::ENOSYS | libc::EPERM));
    #[cfg(not(unix))]
    return error.kind() == io::ErrorKind::Unsupported;
}

/// Returns whether the system may have refused a message of several packets that it would send one by one: the
/// interface cannot compute checksums (`EIO`), its MTU is smaller than they are (`EINVAL`, `EMSGSIZE`; udp_send_skb in
/// net/ipv4/udp.c), or a local firewall refuses long packets (`EPERM`): it sees the message before it is split.
#[cfg(target_os = "linux")]
pub(super) fn is_too_many(error: &io::Error) -> bool {
    matches!(
        error.raw_os_error(),
        Some(libc::EIO | libc::EINVAL | libc::EMSGSIZE | libc::EOPNOTSUPP | libc::EPERM)
    )
}

/// Returns whether the system has no room for a packet now, but may have later.
pub(super) fn no_room(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::OutOfMemory)
        || error.raw_os_error() == Some(numbers::NO_BUFFERS)
}

/// Returns whether a packet can never be sent to its destination. All other errors are transient: routes, addresses,
/// links, local firewalls and memory may recover.
pub(super) fn is_permanent(error: &io::Error) -> bool {
    let permanent = [numbers::INVALID, numbers::TOO_LARGE, numbers::NO_SUCH_FAMILY];
    error.kind() == io::ErrorKind::Unsupported
        || error.raw_os_error().is_some_and(|errno| permanent.contains(&errno))
}

#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests {
    use super::*;

    #[test]
    fn errors_are_of_one_class_each() {
        let errors = |errnos: &[i32], is: fn(&io::Error) -> bool| {
            errnos.iter().filter(|errno| is(&io::Error::from_raw_os_error(**errno))).count()
        };
        let full = [libc::EAGAIN, libc::ENOBUFS, libc::ENOMEM];
        let permanent = [libc::EINVAL, libc::EAFNOSUPPORT, libc::EMSGSIZE];
        let transient = [
            libc::ENETUNREACH,
            libc::EHOSTUNREACH,
            libc::EADDRNOTAVAIL,
            libc::EPERM,
            libc::EACCES,
            libc::ENETDOWN,
            libc::ECONNREFUSED,
        ];
        assert_eq!([full, permanent].map(|errnos| errors(&errnos, no_room)), [3, 0]);
        assert_eq!([full, permanent].map(|errnos| errors(&errnos, is_permanent)), [0, 3]);
        assert_eq!((errors(&transient, no_room), errors(&transient, is_permanent)), (0, 0));
    }
}
