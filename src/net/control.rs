//! The control messages that Linux attaches to a datagram, parsed without trusting their lengths.
//!
//! A message is a header (length including the header, level, type) and its data, both padded to the size of a `long`
//! (cmsg(3)). `recvmmsg` fills in the buffer.

use std::mem::size_of;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use libc::c_int;

const ALIGN: usize = size_of::<usize>();
const HEADER: usize = size_of::<usize>() + 2 * size_of::<c_int>();

/// The control messages of a received datagram.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DatagramInfo {
    /// Our address that the datagram was sent to (ip(7), ipv6(7)).
    pub to: Option<IpAddr>,
    /// The time of arrival, by the system's real-time clock (`SO_TIMESTAMPNS`, socket(7)).
    pub timestamp: Option<Duration>,
    /// The socket's local drops when it was queued, modulo 2³²; `None` before the first drop (`SO_RXQ_OVFL`,
    /// socket(7)).
    pub drops: Option<u32>,
}

/// An entry of the error queue (`struct sock_extended_err`, ip(7), linux/errqueue.h).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ExtendedError {
    pub errno: i32,
    /// Type and code, if the error arrived as an ICMP or ICMPv6 message.
    pub icmp: Option<(u8, u8)>,
    /// The sender of that message.
    pub by: Option<IpAddr>,
}

/// Parses the control messages of a datagram.
pub fn datagram_info(control: &[u8]) -> DatagramInfo {
    let mut info = DatagramInfo::default();
    for (level, kind, data) in messages(control) {
        match (level, kind) {
            (libc::IPPROTO_IP, libc::IP_PKTINFO) => {
                info.to = field(data, 8).map(|ip| Ipv4Addr::from(ip).into())
            }
            (libc::IPPROTO_IPV6, libc::IPV6_PKTINFO) => {
                info.to = field(data, 0).map(|ip: [u8; 16]| Ipv6Addr::from(ip).into());
            }
            (libc::SOL_SOCKET, libc::SCM_TIMESTAMPNS) => info.timestamp = timestamp(data),
            (libc::SOL_SOCKET, libc::SO_RXQ_OVFL) => info.drops = field(data, 0).map(u32::from_ne_bytes),
            _ => {}
        }
    }
    info
}

/// Parses the control messages of an entry of the error queue.
pub fn extended_error(control: &[u8]) -> Option<ExtendedError> {
    messages(control).find_map(|(level, kind, data)| match (level, kind) {
        (libc::IPPROTO_IP, libc::IP_RECVERR) | (libc::IPPROTO_IPV6, libc::IPV6_RECVERR) => {
            let errno = i32::from_ne_bytes(field(data, 0)?);
            let [origin, kind, code, _] = field(data, 4)?;
            let is_icmp = matches!(origin, libc::SO_EE_ORIGIN_ICMP | libc::SO_EE_ORIGIN_ICMP6);
            Some(ExtendedError { errno, icmp: is_icmp.then_some((kind, code)), by: offender(data) })
        }
        _ => None,
    })
}

/// Parses the address after a `sock_extended_err`: a `sockaddr_in` or `sockaddr_in6`.
fn offender(data: &[u8]) -> Option<IpAddr> {
    let address = data.get(16..)?;
    match c_int::from(u16::from_ne_bytes(field(address, 0)?)) {
        libc::AF_INET => field(address, 4).map(|ip: [u8; 4]| ip.into()),
        libc::AF_INET6 => field(address, 8).map(|ip: [u8; 16]| ip.into()),
        _ => None,
    }
}

/// Parses a `timespec` of 64-bit or 32-bit fields.
fn timestamp(data: &[u8]) -> Option<Duration> {
    let (seconds, nanos) = if data.len() >= 16 {
        (i64::from_ne_bytes(field(data, 0)?), i64::from_ne_bytes(field(data, 8)?))
    } else {
        (i32::from_ne_bytes(field(data, 0)?).into(), i32::from_ne_bytes(field(data, 4)?).into())
    };
    Some(Duration::from_secs(seconds.try_into().ok()?) + Duration::from_nanos(nanos.try_into().ok()?))
}

fn field<const N: usize>(data: &[u8], at: usize) -> Option<[u8; N]> {
    data.get(at..)?.first_chunk().copied()
}

/// Returns the level, type and data of each message.
fn messages(mut control: &[u8]) -> impl Iterator<Item = (c_int, c_int, &[u8])> {
    std::iter::from_fn(move || {
        let len = usize::from_ne_bytes(field(control, 0)?);
        let level = c_int::from_ne_bytes(field(control, ALIGN)?);
        let kind = c_int::from_ne_bytes(field(control, ALIGN + size_of::<c_int>())?);
        let data = control.get(HEADER..len)?;
        control = control.get(len.next_multiple_of(ALIGN)..).unwrap_or_default();
        Some((level, kind, data))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(level: c_int, kind: c_int, data: &[u8]) -> Vec<u8> {
        let mut out = (HEADER + data.len()).to_ne_bytes().to_vec();
        out.extend(level.to_ne_bytes());
        out.extend(kind.to_ne_bytes());
        out.extend(data);
        out.resize(out.len().next_multiple_of(ALIGN), 0);
        out
    }

    fn all() -> Vec<u8> {
        let stamp = [7i64.to_ne_bytes(), 5i64.to_ne_bytes()].concat();
        let parts = [
            message(libc::SOL_SOCKET, libc::SCM_TIMESTAMPNS, &stamp),
            message(libc::SOL_SOCKET, libc::SO_RXQ_OVFL, &300u32.to_ne_bytes()),
            message(libc::IPPROTO_IP, libc::IP_PKTINFO, &[0, 0, 0, 0, 9, 9, 9, 9, 127, 1, 2, 3]),
        ];
        parts.concat()
    }

    #[test]
    fn messages_are_parsed_in_any_order() {
        let info = datagram_info(&all());
        let to = Some("127.1.2.3".parse().unwrap());
        assert_eq!(info, DatagramInfo { to, timestamp: Some(Duration::new(7, 5)), drops: Some(300) });
    }

    #[test]
    fn a_32_bit_timestamp_is_parsed_and_one_before_1970_is_ignored() {
        let stamp = [7i32.to_ne_bytes(), 5i32.to_ne_bytes()].concat();
        assert_eq!(timestamp(&stamp), Some(Duration::new(7, 5)));
        assert_eq!(timestamp(&[0xff; 16]), None);
        assert_eq!(timestamp(&[0; 3]), None);
    }

    #[test]
    fn an_error_has_type_code_and_sender() {
        let mut data = [0u8; 32];
        data[..4].copy_from_slice(&111i32.to_ne_bytes());
        data[4..7].copy_from_slice(&[libc::SO_EE_ORIGIN_ICMP, 3, 13]);
        data[16..18].copy_from_slice(&(libc::AF_INET as u16).to_ne_bytes());
        data[20..24].copy_from_slice(&[10, 0, 0, 1]);
        let by = Some("10.0.0.1".parse().unwrap());
        let read = |data: &[u8]| extended_error(&message(libc::IPPROTO_IP, libc::IP_RECVERR, data));
        assert_eq!(read(&data), Some(ExtendedError { errno: 111, icmp: Some((3, 13)), by }));
        data[4] = libc::SO_EE_ORIGIN_LOCAL;
        assert_eq!(read(&data).unwrap().icmp, None);
        assert_eq!(read(&data[..16]).unwrap().by, None);
        assert_eq!(read(&data[..7]), None);
        assert_eq!(extended_error(&all()), None);
    }

    #[test]
    fn truncated_messages_and_wrong_lengths_do_not_panic() {
        let whole = all();
        for len in 0..whole.len() {
            datagram_info(&whole[..len]);
            extended_error(&whole[..len]);
        }
        for len in [0usize, 1, HEADER - 1, HEADER, 1 << 20, usize::MAX] {
            let mut broken = whole.clone();
            broken[..ALIGN].copy_from_slice(&len.to_ne_bytes());
            datagram_info(&broken);
        }
    }
}
