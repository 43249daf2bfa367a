//! Addresses that no public host has.
//!
//! The blocks are those of IANA's [IPv4] and [IPv6 Special-Purpose Address Registries][IPv6] that are not globally
//! reachable, and multicast. Of all other IPv6 addresses, [only 2000::/3][unicast] has been allocated.
//!
//! [IPv4]: https://www.iana.org/assignments/iana-ipv4-special-registry
//! [IPv6]: https://www.iana.org/assignments/iana-ipv6-special-registry
//! [unicast]: https://www.iana.org/assignments/ipv6-unicast-address-assignments

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The first address of a block, its prefix length, and its purpose.
type Block<A> = (A, u32, &'static str);

#[rustfmt::skip]
const IPV4: &[Block<Ipv4Addr>] = &[
    (Ipv4Addr::new(0, 0, 0, 0), 8, "this network"),
    (Ipv4Addr::new(10, 0, 0, 0), 8, "private"),
    (Ipv4Addr::new(100, 64, 0, 0), 10, "carrier-grade NAT"),
    (Ipv4Addr::new(127, 0, 0, 0), 8, "loopback"),
    (Ipv4Addr::new(169, 254, 0, 0), 16, "link-local"),
    (Ipv4Addr::new(172, 16, 0, 0), 12, "private"),
    (Ipv4Addr::new(192, 0, 0, 0), 24, "IETF protocols"),
    (Ipv4Addr::new(192, 0, 2, 0), 24, "documentation"),
    (Ipv4Addr::new(192, 88, 99, 0), 24, "6to4 relays"),
    (Ipv4Addr::new(192, 168, 0, 0), 16, "private"),
    (Ipv4Addr::new(198, 18, 0, 0), 15, "benchmarks"),
    (Ipv4Addr::new(198, 51, 100, 0), 24, "documentation"),
    (Ipv4Addr::new(203, 0, 113, 0), 24, "documentation"),
    (Ipv4Addr::new(224, 0, 0, 0), 4, "multicast"),
    (Ipv4Addr::new(255, 255, 255, 255), 32, "broadcast"),
    (Ipv4Addr::new(240, 0, 0, 0), 4, "reserved"),
];

#[rustfmt::skip]
const IPV6: &[Block<Ipv6Addr>] = &[
    (Ipv6Addr::UNSPECIFIED, 128, "unspecified"),
    (Ipv6Addr::LOCALHOST, 128, "loopback"),
    (Ipv6Addr::new(0x64, 0xff9b, 1, 0, 0, 0, 0, 0), 48, "local translation"),
    (Ipv6Addr::new(0x100, 0, 0, 0, 0, 0, 0, 0), 64, "discard only"),
    (Ipv6Addr::new(0x2001, 0, 0, 0, 0, 0, 0, 0), 23, "IETF protocols"),
    (Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0), 32, "documentation"),
    (Ipv6Addr::new(0x3fff, 0, 0, 0, 0, 0, 0, 0), 20, "documentation"),
    (Ipv6Addr::new(0x5f00, 0, 0, 0, 0, 0, 0, 0), 16, "segment routing"),
    (Ipv6Addr::new(0xfc00, 0, 0, 0, 0, 0, 0, 0), 7, "private"),
    (Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 0), 10, "link-local"),
    (Ipv6Addr::new(0xff00, 0, 0, 0, 0, 0, 0, 0), 8, "multicast"),
];

/// Returns what a reserved address is for: `private`, `loopback`, `multicast`…; `None` if a public host may have it.
///
/// An IPv6 address that stands for an IPv4 address (mapped, NAT64, 6to4) is reserved if the IPv4 address is.
///
/// ```
/// use allears::protocol::reserved;
///
/// assert_eq!(reserved::purpose([192, 168, 1, 1].into()), Some("private"));
/// assert_eq!(reserved::purpose([9, 9, 9, 9].into()), None);
/// ```
pub fn purpose(ip: IpAddr) -> Option<&'static str> {
    let v6 = match ip {
        IpAddr::V4(v4) => return purpose_v4(v4),
        IpAddr::V6(v6) => v6,
    };
    if let Some(v4) = embedded(v6) {
        return purpose_v4(v4);
    }
    let is_in =
        |(first, length, _): &&Block<Ipv6Addr>| (v6.to_bits() ^ first.to_bits()).leading_zeros() >= *length;
    let block = IPV6.iter().find(is_in).map(|(_, _, purpose)| *purpose);
    block.or((v6.to_bits() >> 125 != 1).then_some("not allocated"))
}

/// Returns why no single host can have an address: it is unspecified, multicast or broadcast.
pub fn why_no_host(ip: IpAddr) -> Option<&'static str> {
    match ip.to_canonical() {
        ip if ip.is_unspecified() => Some("the unspecified address"),
        ip if ip.is_multicast() => Some("a multicast address"),
        IpAddr::V4(v4) if v4.is_broadcast() => Some("the broadcast address"),
        _ => None,
    }
}

fn purpose_v4(v4: Ipv4Addr) -> Option<&'static str> {
    let is_in =
        |(first, length, _): &&Block<Ipv4Addr>| (v4.to_bits() ^ first.to_bits()).leading_zeros() >= *length;
    IPV4.iter().find(is_in).map(|(_, _, purpose)| *purpose)
}

/// Returns the IPv4 address that packets to this address go to.
fn embedded(v6: Ipv6Addr) -> Option<Ipv4Addr> {
    match v6.segments() {
        [0, 0, 0, 0, 0, 0xffff, ..] | [0x64, 0xff9b, 0, 0, 0, 0, ..] => {
            Some(Ipv4Addr::from_bits(v6.to_bits() as u32))
        }
        [0x2002, high, low, ..] => Some(Ipv4Addr::from_bits(u32::from(high) << 16 | u32::from(low))),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(ip: &str) -> Option<&'static str> {
        purpose(ip.parse().unwrap())
    }

    #[test]
    fn both_ends_of_each_block_are_reserved_and_their_neighbours_are_public() {
        for (first, last, expected) in [
            ("0.0.0.0", "0.255.255.255", "this network"),
            ("10.0.0.0", "10.255.255.255", "private"),
            ("100.64.0.0", "100.127.255.255", "carrier-grade NAT"),
            ("127.0.0.0", "127.255.255.255", "loopback"),
            ("169.254.0.0", "169.254.255.255", "link-local"),
            ("172.16.0.0", "172.31.255.255", "private"),
            ("192.0.0.0", "192.0.0.255", "IETF protocols"),
            ("192.0.2.0", "192.0.2.255", "documentation"),
            ("192.88.99.0", "192.88.99.255", "6to4 relays"),
            ("192.168.0.0", "192.168.255.255", "private"),
            ("198.18.0.0", "198.19.255.255", "benchmarks"),
            ("198.51.100.0", "198.51.100.255", "documentation"),
            ("203.0.113.0", "203.0.113.255", "documentation"),
            ("224.0.0.0", "239.255.255.255", "multicast"),
            ("240.0.0.0", "255.255.255.254", "reserved"),
            ("255.255.255.255", "255.255.255.255", "broadcast"),
            ("::", "::", "unspecified"),
            ("::1", "::1", "loopback"),
            ("64:ff9b:1::", "64:ff9b:1:ffff:ffff:ffff:ffff:ffff", "local translation"),
            ("100::", "100::ffff:ffff:ffff:ffff", "discard only"),
            ("2001::", "2001:1ff:ffff:ffff:ffff:ffff:ffff:ffff", "IETF protocols"),
            ("2001:db8::", "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff", "documentation"),
            ("3fff::", "3fff:fff:ffff:ffff:ffff:ffff:ffff:ffff", "documentation"),
            ("5f00::", "5f00:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "segment routing"),
            ("fc00::", "fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "private"),
            ("fe80::", "febf:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "link-local"),
            ("ff00::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "multicast"),
            ("4000::", "5eff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "not allocated"),
            ("fec0::", "feff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "not allocated"),
        ] {
            assert_eq!((of(first), of(last)), (Some(expected), Some(expected)), "{first} {last}");
        }
        for public in [
            "1.0.0.0",
            "9.255.255.255",
            "11.0.0.0",
            "100.63.255.255",
            "100.128.0.0",
            "126.255.255.255",
            "128.0.0.0",
            "172.15.255.255",
            "172.32.0.0",
            "192.0.1.255",
            "192.0.3.0",
            "192.167.255.255",
            "192.169.0.0",
            "198.17.255.255",
            "198.20.0.0",
            "203.0.114.0",
            "223.255.255.255",
            "2000::",
            "2001:200::1",
            "2001:db9::",
            "2a01:4f8::1",
            "3ffe:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
            "3fff:1000::",
        ] {
            assert_eq!(of(public), None, "{public}");
        }
    }

    #[test]
    fn an_ipv4_address_in_ipv6_notation_has_its_own_purpose() {
        for form in ["::ffff:127.0.0.1", "64:ff9b::127.0.0.1", "2002:7f00:1::"] {
            assert_eq!(of(form), Some("loopback"), "{form}");
        }
        for form in ["::ffff:9.9.9.9", "64:ff9b::9.9.9.9", "2002:909:909::1"] {
            assert_eq!(of(form), None, "{form}");
        }
    }

    #[test]
    fn no_host_has_these_addresses() {
        let why = |ip: &str| why_no_host(ip.parse().unwrap());
        for (ip, reason) in [
            ("0.0.0.0", "the unspecified address"),
            ("::", "the unspecified address"),
            ("::ffff:0.0.0.0", "the unspecified address"),
            ("224.0.0.1", "a multicast address"),
            ("ff02::1", "a multicast address"),
            ("::ffff:239.1.2.3", "a multicast address"),
            ("255.255.255.255", "the broadcast address"),
        ] {
            assert_eq!(why(ip), Some(reason), "{ip}");
        }
        for host in ["0.0.0.1", "10.0.0.255", "240.0.0.1", "255.255.255.254", "::1", "fe80::1"] {
            assert_eq!(why(host), None, "{host}");
        }
    }
}
